//! One set of keys: immutable, swapped whole. Pure.

use std::sync::Arc;
use std::time::Duration;

use crate::jose::algorithm::Algorithm;
use crate::jose::key::VerificationKey;

/// Most keys that are tried for one token.
pub const MAX_CANDIDATES: usize = 4;

/// What a token's header says about its key.
#[derive(Clone, Copy, Debug, Default)]
pub struct KeyHint<'h> {
    pub kid: Option<&'h str>,
    pub x5t: Option<&'h str>,
    pub x5t_s256: Option<&'h str>,
}

/// The keys of one source at one time.
pub struct KeySet {
    /// Grows by one whenever the content changes; equal generations of one source hold equal keys.
    pub generation: u64,
    pub(super) keys: Vec<HeldKey>,
    /// A PEM file or a secret says nothing about kids: its keys fit any.
    pub(super) any_kid: bool,
}

pub struct HeldKey {
    pub key: Arc<VerificationKey>,
    /// Set when the key has left the issuer's document: good until then (retention), on the monotonic clock.
    pub good_until: Option<Duration>,
}

/// What a look-up found.
pub enum Candidates {
    /// At least one, at most [`MAX_CANDIDATES`].
    Keys(Vec<Arc<VerificationKey>>),
    /// The kid (or x5t) is known, but its key is not for this algorithm. A fetch would not help.
    WrongAlgorithm,
    /// No such key: a fetch may help.
    Unknown,
}

impl KeySet {
    /// Keys that have not left, or are within retention at `monotonic`: by kid; without a kid by x5t as a string; with neither,
    /// every key that fits the algorithm.
    pub fn candidates(
        &self,
        _hint: KeyHint<'_>,
        _algorithm: Algorithm,
        _monotonic: Duration,
    ) -> Candidates {
        todo!()
    }
    /// Whether the key with this fingerprint is still good at `monotonic`: what a cached decision asks.
    pub fn holds(&self, _fingerprint: &[u8; 32], _monotonic: Duration) -> bool {
        todo!()
    }
    pub fn keys(&self) -> &[HeldKey] {
        &self.keys
    }
    /// A set that never changes: files, inline documents, tests.
    pub fn fixed(keys: Vec<VerificationKey>, any_kid: bool) -> Self {
        Self {
            generation: 1,
            keys: keys
                .into_iter()
                .map(|key| HeldKey {
                    key: Arc::new(key),
                    good_until: None,
                })
                .collect(),
            any_kid,
        }
    }
}
