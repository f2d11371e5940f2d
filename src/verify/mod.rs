//! The decision about a token: bytes in; a [`VerifiedToken`], a [`Rejection`], or a question for keys out. Pure: time and keys are arguments.
//!
//! * [`judge`] is what a request calls: the cache, then the pipeline,
//! * [`pipeline`] is the order of checks, cheap ones first; [`check`] names them, `steps` are the checks, `claims` those of registered
//!   claims, `issuers` finds the issuer of an `iss`, [`decryption`] opens encrypted tokens before all that,
//! * [`binding`] compares a verified token with the request that it came in,
//! * [`token`] is the proof type, [`cache`] remembers verified tokens (in an `lru`, by their `fingerprint`; a `doorkeeper` says which new ones when it is full), with what others attach to them ([`attachment`]),
//! * [`rejection`] is the closed list of refusals, [`reason`] their labels; `wording`, `diagnosis` and `text` are what they say.

pub mod attachment;
pub mod binding;
pub mod cache;
pub mod check;
mod claims;
pub mod decryption;
mod diagnosis;
mod doorkeeper;
mod fingerprint;
mod issuers;
mod lru;
pub mod pipeline;
pub mod reason;
pub mod rejection;
mod steps;
mod text;
pub mod token;
mod wording;

#[cfg(any(test, fuzzing))]
#[expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "code of tests"
)]
#[cfg_attr(
    not(test),
    expect(dead_code, reason = "the unit tests use more of it than a fuzzer does")
)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use crate::clock::UnixTime;
use crate::jose::algorithm::AlgorithmSet;
use crate::jose::json::Json;
use crate::keys::SourceId;
use crate::provider::Profile;

pub use attachment::Attachment;
pub use binding::{Binding, BoundClaim, Counterparts, NoCounterpart, Place, Presented};
pub use cache::{TokenCache, judge};
pub use check::{Check, CheckLog, NoLog};
pub use decryption::Decryption;
pub use pipeline::{Outcome, Seen, Verifier};
pub use reason::{Decision, Reason};
pub use rejection::Rejection;
pub(crate) use text::span;
pub use token::VerifiedToken;

/// One entry of `issuers:`, ready to judge by.
#[derive(Clone, Debug)]
pub struct IssuerConfig {
    /// The configured name: the label in metrics and logs, and the value of `X-Auth-Issuer`.
    pub name: Arc<str>,
    pub profile: Profile,
    /// For each form of the profile, the source of its keys.
    pub sources: Vec<SourceId>,
    pub algorithms: AlgorithmSet,
    /// Accepted `typ` values in lower case without `application/`; an absent `typ` counts as `jwt`.
    pub token_types: Vec<String>,
    /// None: `any_audience: true`.
    pub audiences: Option<Vec<String>>,
    /// Seconds, 0 to 300.
    pub leeway: i64,
    /// Seconds since `iat`; then `iat` is required.
    pub max_age: Option<i64>,
    /// Claim (a top-level name, literally) and the values of which it must have one.
    pub required_claims: Vec<(String, Vec<Json>)>,
    /// The e-mail address goes out even when the provider does not vouch for it.
    pub unverified_email: bool,
    /// None: its tokens are never encrypted.
    pub decryption: Option<Decryption>,
    /// What a token must match in its request; shared with every token that is verified.
    pub bindings: Arc<[Binding]>,
}

impl IssuerConfig {
    /// Clocks that are kept by NTP differ by less.
    pub const DEFAULT_LEEWAY: Duration = Duration::from_secs(30);
    /// Five minutes, the most that other verifiers forgive by default: beyond it an expired token lives on.
    pub const MAX_LEEWAY: Duration = Duration::from_secs(300);
}

/// When a token is good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetime {
    pub expires: UnixTime,
    pub not_before: Option<UnixTime>,
    pub issued: Option<UnixTime>,
}

/// What an issuer's configuration forgives, and demands, about time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tolerance {
    /// Seconds between the clocks of the issuer and of this machine.
    pub leeway: i64,
    /// Seconds since `iat`.
    pub max_age: Option<i64>,
}
