//! JSON Web Key sets (RFC 7517), read key by key: one that cannot be used is skipped with a reason.

use super::key::VerificationKey;

/// Most keys that are taken from one document.
pub const MAX_KEYS: usize = 100;

/// What is wanted from a document's keys.
#[derive(Clone, Debug)]
pub struct KeyPolicy {
    /// Accepted values of `use`; an absent `use` is always accepted. Usually `sig`.
    pub accepted_use: Vec<String>,
    /// Accept keys whose private half is public knowledge (WSO2's `wso2carbon`). For tests only.
    pub allow_public_default_key: bool,
}

impl Default for KeyPolicy {
    fn default() -> Self {
        Self {
            accepted_use: vec!["sig".to_owned()],
            allow_public_default_key: false,
        }
    }
}

/// What a document held.
#[derive(Debug, Default)]
pub struct ReadKeys {
    pub keys: Vec<VerificationKey>,
    pub skipped: Vec<SkippedKey>,
}

/// A key that is not used, and why. `kid` is as written, at most `header::MAX_KID_BYTES`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SkippedKey {
    pub kid: Option<Box<str>>,
    pub reason: SkipReason,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SkipReason {
    UnknownKeyType,
    UnknownCurve,
    UnknownAlgorithm,
    /// `use` is not wanted here, usually `enc`.
    NotForSignatures,
    /// `key_ops` without `verify`.
    NotForVerification,
    /// RSA below 2048 bits (RFC 7518 §3.3), above 8192, or an exponent that is no good.
    WeakKey,
    /// `kty: oct` in a document of public keys would be a secret that everyone knows.
    SymmetricKey,
    /// The document publishes the private half.
    PrivateKey,
    /// The private half of this very key is public knowledge.
    PublicDefaultKey,
    /// A member is missing, of a wrong type, or not a point or number that it should be.
    Malformed,
    /// More than [`MAX_KEYS`].
    TooMany,
}

impl SkipReason {
    /// snake_case, for `/issuers` and logs.
    pub fn name(self) -> &'static str {
        todo!()
    }
    /// One sentence for the operator.
    pub fn explanation(self) -> &'static str {
        todo!()
    }
}

/// The document as a whole is not a key set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotAKeySet(pub String);

/// Reads a JWK set document. A document without a single member in `keys` is an error; one whose keys are all skipped is not
/// (the caller decides), so that the reasons can be shown.
pub fn read_set(_document: &[u8], _policy: &KeyPolicy) -> Result<ReadKeys, NotAKeySet> {
    todo!()
}
