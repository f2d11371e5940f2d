//! The laws that hold for every input, one function for each fuzz target of `tests/fuzz`: bytes in, a panic when a law is broken.
//!
//! Only compiled for tests and under `cfg(fuzzing)`. `cargo test` runs every committed input through the same functions, so that no target
//! rots between two runs of a fuzzer. What an input reached comes back as labels: the tests hold the committed inputs to reaching the deep
//! ends of the code, which tells that nothing hides it from a fuzzer.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "code of tests: a panic is how a broken law is told"
)]

mod claims_to_headers;
mod configuration;
mod input;
mod jwe;
mod jwk_set;
mod path;
mod second_reader;
#[cfg(test)]
mod tests;
mod token;
mod world;

pub use claims_to_headers::claims_to_headers;
pub use configuration::configuration;
pub use jwe::jwe;
pub use jwk_set::jwk_set;
pub use path::path;
pub use token::token;

/// What an input reached: reasons of refusals, `verified`, kinds of keys and the like.
pub type Reached = Vec<&'static str>;
