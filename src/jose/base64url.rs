//! base64url as a token must have it (RFC 7515 §2): URL-safe alphabet, no padding, no white space, no
//! trailing bits; one text for one byte string.

/// Text that is not strict base64url.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotBase64Url;

pub fn decode(_text: &str) -> Result<Vec<u8>, NotBase64Url> {
    todo!()
}
pub fn encode(_bytes: &[u8]) -> String {
    todo!()
}
/// What real key documents hold (padded, plain alphabet): only for a JWK's numbers, never for a token.
pub fn decode_lenient(_text: &str) -> Result<Vec<u8>, NotBase64Url> {
    todo!()
}
