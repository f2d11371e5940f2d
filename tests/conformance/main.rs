//! Public test vectors that nobody here wrote, run against the library. They stay outside the tree:
//! `CLAIMGATE_VECTORS` names their folder. Totals are printed (`cargo test --test conformance -- --nocapture`).

mod judge;
mod key_sets;
mod rfc;
mod vectors;
mod wycheproof;
