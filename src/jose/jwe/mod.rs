//! JWE (RFC 7516): an encrypted token is opened with the gate's own private key. What comes out is bytes of nobody: anybody can encrypt
//! to a public key, so that only the signature inside says who speaks.
//!
//! * `compact` splits the five parts, `header` reads the protected header, [`algorithm`] names what the gate opens,
//! * [`sealed`] is a token that was read and not opened, and opens it: `unwrap` finds the content key (`agreement` for ECDH-ES),
//!   `content` checks the tag and decrypts,
//! * [`key`] is one private key, [`jwk`] and [`pem`] read them (`pkcs8` is their form in DER).
//!
//! Never: `RSA1_5` (its padding is an oracle), `PBES2-*` (the token says how long the gate computes), `zip` (the token says how much the
//! gate allocates), key wrapping with 192 bits (the cryptographic library has none).

mod agreement;
pub mod algorithm;
mod compact;
mod content;
mod header;
pub mod jwk;
pub mod key;
#[cfg(any(test, fuzzing))]
#[expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "code of tests"
)]
pub(crate) mod minting;
pub mod pem;
mod pkcs8;
pub mod sealed;
#[cfg(test)]
mod tests;
mod unwrap;

pub use algorithm::{Encryption, KeyManagement};
pub use header::{BadHeader, Header};
pub use key::DecryptionKey;
pub use sealed::{NotOpened, NotSealed, Sealed};
