//! From a verified token to header lines.

use http::{HeaderName, HeaderValue};

use super::encoding::Encoding;
use super::format::Format;
use crate::verify::{Rejection, VerifiedToken};

/// Default bound of all identity headers together, names and values: Tomcat's whole head is 8 KiB.
pub const DEFAULT_MAX_BYTES: usize = 8 * 1024;

/// The names of the default set; always managed.
pub const DEFAULT_NAMES: [&str; 10] = [
    "X-Auth-Subject",
    "X-Auth-Issuer",
    "X-Auth-Username",
    "X-Auth-Email",
    "X-Auth-Name",
    "X-Auth-Groups",
    "X-Auth-Roles",
    "X-Auth-Scope",
    "X-Auth-Tenant",
    "X-Auth-Groups-Overage",
];

/// One entry of `identity.headers`.
#[derive(Clone, Debug, PartialEq)]
pub struct HeaderRule {
    pub header: HeaderName,
    /// As the operator spelt it: what goes on the wire to HTTP/1 applications and into `explain`.
    pub spelling: String,
    pub source: ClaimSource,
    pub format: Format,
    pub encoding: Encoding,
    pub missing: Missing,
    pub max_bytes: Option<usize>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClaimSource {
    /// One name is one top-level claim, literally; several are a path.
    Claim(Vec<String>),
    /// The whole claims set.
    AllClaims,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Missing {
    #[default]
    Omit,
    Reject,
}

pub struct Mapping {/* private */}

/// Header lines of one token: at most one per name. Debug shows names only.
#[derive(Clone, PartialEq, Eq)]
pub struct HeaderLines(pub(super) Vec<(HeaderName, HeaderValue)>);

impl HeaderLines {
    pub fn iter(&self) -> impl Iterator<Item = (&HeaderName, &HeaderValue)> {
        self.0.iter().map(|(n, v)| (n, v))
    }
}

impl Mapping {
    /// The default set of the contract, the same for every provider.
    pub fn default_set(_max_bytes: usize) -> Self {
        todo!()
    }
    pub fn of(_rules: Vec<HeaderRule>, _max_bytes: usize) -> Self {
        todo!()
    }
    /// The names that this mapping may set, as spelt.
    pub fn names(&self) -> Vec<String> {
        todo!()
    }
    /// Why a header must not be mapped onto (Host, Cookie, Authorization, Content-*, hop-by-hop ...): a start error.
    pub fn forbidden_target(_name: &HeaderName) -> Option<&'static str> {
        todo!()
    }
    /// The lines for the application. A control character, an empty csv element, anything over its budget: `ClaimsUnusable`.
    pub fn lines(&self, _token: &VerifiedToken) -> Result<HeaderLines, Rejection> {
        todo!()
    }
}
