//! Where the token of a request is: none, one, or too many. Pure; also used by `explain`.

use http::HeaderMap;

use super::TokenSettings;
use crate::verify::Rejection;

/// A token's bytes and which configured source they came from.
pub struct FoundToken {
    pub token: String,
    pub source: usize,
}

/// Finds the one token. Two Authorization lines, or tokens in two sources: `AmbiguousToken`.
pub fn find(
    _settings: &TokenSettings,
    _headers: &HeaderMap,
    _query: Option<&str>,
) -> Result<Option<FoundToken>, Rejection> {
    todo!()
}
