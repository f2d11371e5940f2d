//! Verified tokens, remembered by one worker. Only what was verified; time is checked again on every hit; an entry dies with its key.

use std::sync::Arc;

use super::{Rejection, VerifiedToken, Verifier};
use crate::clock::Moment;
use crate::keys::KeyLookup;

/// Default bound in bytes, all entries together.
pub const DEFAULT_MAX_BYTES: usize = 8 * 1024 * 1024;

pub struct TokenCache {/* private */}

/// Counts since the last [`TokenCache::take_counts`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CacheCounts {
    pub hits: u64,
    pub misses: u64,
    pub evictions: u64,
}

impl TokenCache {
    pub fn new(_max_bytes: usize) -> Self {
        todo!()
    }
    /// The token's verified form if it was verified by a verifier of this generation, its key is still held by its source, and its lifetime holds at `now`.
    /// A token that is known but no longer in its lifetime is the rejection that the pipeline would give.
    pub fn get(
        &mut self,
        _token: &[u8],
        _verifier: &Verifier,
        _now: Moment,
        _keys: &dyn KeyLookup,
    ) -> Option<Result<Arc<VerifiedToken>, Rejection>> {
        todo!()
    }
    pub fn insert(&mut self, _token: &[u8], _verifier: &Verifier, _verified: Arc<VerifiedToken>) {
        todo!()
    }
    pub fn entries(&self) -> usize {
        todo!()
    }
    pub fn take_counts(&mut self) -> CacheCounts {
        todo!()
    }
}
