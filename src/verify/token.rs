//! The proof that a token was verified. Only `verify` can make one: grep for `VerifiedToken::prove`.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::decryption::OpenedBy;
use super::{Binding, BoundClaim, Lifetime, Place, Tolerance};
use crate::jose::algorithm::Algorithm;
use crate::jose::json::Object;
use crate::keys::SourceId;
use crate::provider::{ClaimNames, Findings};

/// A token whose signature and claims held at the time of the check. Its Debug shows no claim value.
pub struct VerifiedToken {
    parts: Parts,
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
        Self { parts }
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

    /// The key that it was verified with: its source and its fingerprint.
    pub fn signed_by(&self) -> (SourceId, &[u8; 32]) {
        (self.parts.source, &self.parts.key_fingerprint)
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
