//! One key that can verify signatures, parsed once.

use super::algorithm::{Algorithm, AlgorithmSet};

/// A public key or shared secret with what is known about it. Its Debug shows no key material.
pub struct VerificationKey {
    pub kid: Option<Box<str>>,
    /// `x5t` as the key set writes it.
    pub x5t: Option<Box<str>>,
    pub x5t_s256: Option<Box<str>>,
    /// The `issuer` member of Entra's v2.0 key documents, as written.
    pub issuer: Option<Box<str>>,
    /// What the key can verify: by its type, narrowed by its own `alg`.
    pub algorithms: AlgorithmSet,
    /// SHA-256 of the key material and `algorithms`: the same key has the same fingerprint, whatever its kid.
    pub fingerprint: [u8; 32],
    // private: aws-lc-rs parsed keys, one per algorithm that it may be used with
}

impl VerificationKey {
    /// True when `signature` over `message` is by this key under `algorithm`, which must be in `algorithms`.
    pub fn verifies(&self, _algorithm: Algorithm, _message: &[u8], _signature: &[u8]) -> bool {
        todo!()
    }
    /// A shared secret for HS256/384/512: those algorithms of `wanted` whose hash is not longer than the secret (RFC 7518 §3.2).
    pub fn from_secret(_secret: &[u8], _wanted: AlgorithmSet) -> Result<Self, SecretTooShort> {
        todo!()
    }
}

/// The secret is shorter than the hash of an algorithm that it is meant for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SecretTooShort {
    pub algorithm: Algorithm,
    pub needed_bytes: usize,
    pub found_bytes: usize,
}

impl std::fmt::Debug for VerificationKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("VerificationKey")
            .field("kid", &self.kid)
            .finish_non_exhaustive()
    }
}
