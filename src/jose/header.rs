//! The JOSE header of a signed token (RFC 7515 §4).

use super::algorithm::Algorithm;
use super::json::Object;

/// Longest `kid` that is looked up, in bytes.
pub const MAX_KID_BYTES: usize = 256;

/// A parsed header. Embedded keys (`jwk jku x5u x5c`) are never read.
#[derive(Clone, Debug)]
pub struct Header {
    /// `alg` as written; `algorithm` when it is one that the gate verifies.
    pub alg: Box<str>,
    pub algorithm: Option<Algorithm>,
    pub kid: Option<Box<str>>,
    /// `x5t` as written, compared as a string with the key set's value.
    pub x5t: Option<Box<str>>,
    pub x5t_s256: Option<Box<str>>,
    pub typ: Option<Box<str>>,
    /// Every member, for providers' own rules.
    pub members: Object,
}

impl Header {
    /// Decodes and reads one header segment. Wrong types, duplicate members, an over-long or non-string `kid`: an error.
    /// The error's text names the member, never its value.
    pub fn read(_segment: &str) -> Result<Self, BadHeader> {
        todo!()
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BadHeader {
    /// Not base64url, not a JSON object, a member of a wrong type; the text says what.
    Malformed(Box<str>),
    /// `crit` or `b64` is there, whatever its value (RFC 7515 §4.1.11, RFC 7797 §7).
    Critical(&'static str),
}
