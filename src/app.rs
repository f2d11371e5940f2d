//! The composition root: the only file that sees everything.
