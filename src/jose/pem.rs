//! Keys in PEM (RFC 7468): `PUBLIC KEY` (SPKI), `RSA PUBLIC KEY` (PKCS#1) and `CERTIFICATE`, several in one file.

use super::jwk::{KeyPolicy, ReadKeys};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotPem(pub String);

/// Reads every key of a PEM text. Private keys are an error that says so.
pub fn read(_text: &[u8], _policy: &KeyPolicy) -> Result<ReadKeys, NotPem> {
    todo!()
}
