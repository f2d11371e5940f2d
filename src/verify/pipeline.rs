//! The walk of one token through the checks. Cheap ones first: everything that needs no key comes before the signature, and can only refuse.

use std::sync::Arc;

use super::{IssuerConfig, Rejection, VerifiedToken};
use crate::clock::Moment;
use crate::keys::{KeyLookup, SourceId};

/// Judges tokens by one configuration. Immutable; a new configuration is a new verifier.
pub struct Verifier {/* private: issuers, max token bytes, generation */}

/// The steps, in their order, for `explain`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Check {
    Size,
    Structure,
    Header,
    Claims,
    Issuer,
    Algorithm,
    TokenType,
    Lifetime,
    Audience,
    RequiredClaims,
    Provider,
    Key,
    Signature,
}

impl Check {
    pub const ALL: [Self; 13] = [
        Self::Size,
        Self::Structure,
        Self::Header,
        Self::Claims,
        Self::Issuer,
        Self::Algorithm,
        Self::TokenType,
        Self::Lifetime,
        Self::Audience,
        Self::RequiredClaims,
        Self::Provider,
        Self::Key,
        Self::Signature,
    ];
    /// snake_case, as `explain --json` prints it.
    pub fn name(self) -> &'static str {
        todo!()
    }
}

/// Told of each check that passed, with a detail for the operator. The failing one is the rejection itself: the check after the last passed one.
/// `detail` is only called by logs that want it.
pub trait CheckLog {
    fn passed(&mut self, check: Check, detail: &dyn Fn() -> String);
}
/// For requests: no cost.
pub struct NoLog;
impl CheckLog for NoLog {
    fn passed(&mut self, _: Check, _: &dyn Fn() -> String) {}
}

/// What is known of a token that was not verified: for the log line of the refusal. Bounded, from the token, not trusted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    pub issuer: Option<Arc<str>>,
    pub kid: Option<Box<str>>,
    pub alg: Option<&'static str>,
}

pub enum Outcome {
    Verified(Arc<VerifiedToken>),
    Rejected {
        rejection: Rejection,
        seen: Seen,
    },
    /// The key is unknown, or its signature fails (the issuer may have put a new key under an old kid): after one refetch of `source`, ask again.
    /// `otherwise` stands if that changes nothing.
    NeedsKeys {
        source: SourceId,
        otherwise: Rejection,
        seen: Seen,
    },
}

impl Verifier {
    pub fn new(_issuers: Vec<IssuerConfig>, _max_token_bytes: usize) -> Self {
        todo!()
    }
    pub fn issuers(&self) -> &[IssuerConfig] {
        todo!()
    }
    /// Judges `token` at `now`. `retry_after` of `KeysUnavailable` is filled by the caller (it asks [`crate::keys::Keys::retry_after`]).
    pub fn verify(
        &self,
        _token: &[u8],
        _now: Moment,
        _keys: &dyn KeyLookup,
        _log: &mut dyn CheckLog,
    ) -> Outcome {
        todo!()
    }
    /// The checks that depend on time, alone: what a cached decision runs on every hit.
    pub fn lifetime_holds(&self, _token: &VerifiedToken, _now: Moment) -> Result<(), Rejection> {
        todo!()
    }
    /// Different for every verifier that was ever made in this process.
    pub fn generation(&self) -> u64 {
        todo!()
    }
}
