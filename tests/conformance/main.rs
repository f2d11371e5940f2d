//! Public test vectors that nobody here wrote, run against the library. They stay outside the tree:
//! `CLAIMGATE_VECTORS` names their folder. Totals are printed (`cargo test --test conformance -- --nocapture`).

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test says what must be"
)]
#![expect(clippy::print_stdout, reason = "totals, and what was skipped")]

mod encryption;
mod judge;
mod key_sets;
#[path = "../public_vectors.rs"]
mod public_vectors;
mod rfc;
mod vectors;
mod wycheproof;
