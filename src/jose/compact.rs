//! The compact serialization (RFC 7515 §7.1), split on the raw bytes before anything is allocated.

/// The three parts of a signed token, still encoded. Nothing in it is trusted.
#[derive(Clone, Copy)]
pub struct CompactJws<'t> {
    pub header: &'t str,
    pub payload: &'t str,
    pub signature: &'t str,
    /// `header.payload` as it was sent: what the signature is over.
    pub signing_input: &'t str,
}

/// Why bytes are not a compact JWS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotCompactJws {
    /// Five parts: a JWE (RFC 7516 §7.1).
    Encrypted,
    /// Two parts, or an empty third one: no signature (RFC 7519 §6, `none`).
    Unsigned,
    /// Anything else; the text says what, for the log.
    Malformed(&'static str),
}

/// Splits `token`: only `A-Z a-z 0-9 - _` in exactly three parts separated by dots.
pub fn split(_token: &[u8]) -> Result<CompactJws<'_>, NotCompactJws> {
    todo!()
}
