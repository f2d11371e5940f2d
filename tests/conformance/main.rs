//! Public test vectors that nobody here wrote, run against the library. They stay outside the tree:
//! `CLAIMGATE_VECTORS` names their folder. Totals are printed (`cargo test --test conformance -- --nocapture`).

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test says what must be"
)]
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "totals, and what was skipped"
)]

mod judge;
mod key_sets;
mod rfc;
mod vectors;
mod wycheproof;
