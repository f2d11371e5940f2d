//! The proof that a token was verified. Only `verify` can make one: grep for `VerifiedToken::prove`.

use std::any::Any;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::decryption::OpenedBy;
use super::{Attachment, Binding, BoundClaim, Lifetime, Place, Tolerance};
use crate::clock::UnixTime;
use crate::jose::algorithm::Algorithm;
use crate::jose::json::Object;
use crate::keys::SourceId;
use crate::provider::{ClaimNames, Findings};

/// A token whose signature and claims held at the time of the check. Its Debug shows no claim value.
pub struct VerifiedToken {
    parts: Parts,
    /// Of whoever asks with the type that it has.
    attachment: Option<Attachment>,
}

/// What the pipeline knows at its end.
pub(super) struct Parts {
    pub issuer: Arc<str>,
    /// Index of the issuer in the verifier's configuration.
    pub issuer_index: usize,
    pub claim_names: Arc<ClaimNames>,
    pub claims: Object,
    pub findings: Findings,
    pub lifetime: Lifetime,
    /// What the issuer's configuration forgives: checked again on every hit of the cache.
    pub tolerance: Tolerance,
    /// What the issuer's configuration has it match in the request: asked of every request.
    pub bindings: Arc<[Binding]>,
    pub algorithm: Algorithm,
    pub kid: Option<Box<str>>,
    /// Which key signed it, from where: what a cached decision depends on.
    pub source: SourceId,
    /// The set that the key was chosen from, by its generation.
    pub key_set_generation: u64,
    pub key_fingerprint: [u8; 32],
    /// Its end under the name that the token has for it, on the monotonic clock: the same key may live longer under another name.
    pub key_good_until: Option<Duration>,
    /// With which private keys it was opened; none: it came as it was signed.
    pub opened_by: Option<OpenedBy>,
}

impl VerifiedToken {
    /// The one constructor.
    pub(super) fn prove(parts: Parts) -> Self {
        Self {
            parts,
            attachment: None,
        }
    }

    /// The issuer's configured name.
    pub fn issuer(&self) -> &Arc<str> {
        &self.parts.issuer
    }

    /// Index of the issuer in [`super::Verifier::issuers`] of the verifier that proved the token: for metrics.
    pub fn issuer_index(&self) -> usize {
        self.parts.issuer_index
    }

    /// All claims, as signed.
    pub fn claims(&self) -> &Object {
        &self.parts.claims
    }

    /// Where this provider keeps what the default headers need.
    pub fn claim_names(&self) -> &ClaimNames {
        &self.parts.claim_names
    }

    /// Includes the issuer's `unverified_email: true`.
    pub fn findings(&self) -> Findings {
        self.parts.findings
    }

    /// What it was signed with.
    pub fn algorithm(&self) -> Algorithm {
        self.parts.algorithm
    }

    /// The key that the header names.
    pub fn kid(&self) -> Option<&str> {
        self.parts.kid.as_deref()
    }

    /// Where the access token is that was issued with it and that it vouches for (`at_hash`).
    pub fn access_token_place(&self) -> Option<&Place> {
        let mut bindings = self.parts.bindings.iter();
        let of_access_token = |binding: &&Binding| binding.claim == BoundClaim::AccessTokenHash;
        Some(&bindings.find(of_access_token)?.place)
    }

    /// How long the token would still be accepted, by its times alone: zero when a request with it would be refused as expired or too old.
    pub fn time_left(&self, now: UnixTime) -> Duration {
        let Tolerance { leeway, max_age } = self.parts.tolerance;
        let UnixTime(expires) = self.parts.lifetime.expires;
        let expired_at = expires.saturating_add(leeway);
        let too_old_at = max_age.zip(self.parts.lifetime.issued);
        let too_old_at = too_old_at.map_or(i64::MAX, |(max_age, UnixTime(issued))| {
            // `max_age` is the last second in which it is not too old.
            let last = issued.saturating_add(max_age).saturating_add(leeway);
            last.saturating_add(1)
        });
        let left = expired_at.min(too_old_at).saturating_sub(now.0);
        Duration::from_secs(u64::try_from(left).unwrap_or(0))
    }

    /// The key that it was verified with: its source and its fingerprint.
    pub fn signed_by(&self) -> (SourceId, &[u8; 32]) {
        (self.parts.source, &self.parts.key_fingerprint)
    }

    /// What was attached to it, if it is a `T`.
    pub fn attached<T: Any>(&self) -> Option<&T> {
        self.attachment.as_ref()?.content()
    }

    /// Only before the token is shared, which is before it is remembered: what it costs to remember it does not change any more.
    pub(super) fn attach(&mut self, attachment: Option<Attachment>) {
        self.attachment = attachment;
    }

    pub(super) fn attachment(&self) -> Option<&Attachment> {
        self.attachment.as_ref()
    }

    pub(super) fn parts(&self) -> &Parts {
        &self.parts
    }
}

impl fmt::Debug for VerifiedToken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("VerifiedToken")
            .field("issuer", &self.parts.issuer)
            .field("algorithm", &self.parts.algorithm)
            .field("kid", &self.parts.kid)
            .field("expires", &self.parts.lifetime.expires)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::claims::check_lifetime;
    use super::super::testing::proven_for;
    use super::super::{Lifetime, Tolerance};
    use super::*;

    proptest! {
        /// What outlives a request asks how long it may; the answer is that of the check which a new request would meet.
        #[test]
        fn a_token_has_time_left_exactly_as_long_as_it_is_accepted(
            expires in -5..50_i64, issued in proptest::option::of(-50..0_i64), leeway in 0..10_i64,
            max_age in proptest::option::of(0..60_i64), now in 0..70_i64,
        ) {
            prop_assume!(max_age.is_none() || issued.is_some());
            let lifetime = Lifetime { expires: UnixTime(expires), not_before: None, issued: issued.map(UnixTime) };
            let tolerance = Tolerance { leeway, max_age };
            let token = proven_for(lifetime, tolerance);
            let accepted = |now| check_lifetime(lifetime, tolerance, UnixTime(now)).is_ok();
            let left = token.time_left(UnixTime(now));
            prop_assert_eq!(!left.is_zero(), accepted(now));
            if accepted(now) {
                let end = now + i64::try_from(left.as_secs()).unwrap();
                prop_assert!(accepted(end - 1) && !accepted(end));
            }
        }
    }

    #[test]
    fn no_time_is_too_far_away() {
        let lifetime = Lifetime {
            expires: UnixTime(i64::MAX),
            not_before: None,
            issued: Some(UnixTime(i64::MAX)),
        };
        let tolerance = Tolerance {
            leeway: i64::MAX,
            max_age: Some(i64::MAX),
        };
        let token = proven_for(lifetime, tolerance);
        assert!(!token.time_left(UnixTime(i64::MIN)).is_zero());
        let over = Lifetime {
            expires: UnixTime(i64::MIN),
            ..lifetime
        };
        assert!(
            proven_for(
                over,
                Tolerance {
                    leeway: 0,
                    max_age: None
                }
            )
            .time_left(UnixTime(i64::MAX))
            .is_zero()
        );
    }
}
