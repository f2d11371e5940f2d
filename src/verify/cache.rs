//! Verified tokens, remembered by one worker. Only what was verified; time is checked again on every hit; an entry dies with its key.
//!
//! What is saved is the signature and the parsing, and whatever [`TokenCache::attaching`] has made of the token. Bindings, routes and rules are asked anew for every request (threat C3): they are not in here.

use std::sync::Arc;

use super::attachment::Attach;
use super::check::NoLog;
use super::decryption::OpenedBy;
use super::doorkeeper::Doorkeeper;
use super::fingerprint::Fingerprints;
use super::lru::{Key, Lru};
use super::{Attachment, Outcome, Presented, Seen, VerifiedToken, Verifier};
use crate::clock::Moment;
use crate::jose::json::{Json, Object};
use crate::keys::KeyLookup;

/// The most that one worker remembers, in bytes, all entries together: more than 10,000 tokens of 1 KB, so that as many users that come back by turns
/// cost no signature each. A bound and no reservation: memory is taken by the tokens that were seen.
const MOST: usize = 32 * MIB;
/// The least: some thousand tokens.
const LEAST: usize = 8 * MIB;
/// What all workers of a process have together, as long as each has [`LEAST`]: who has many cores has not asked for gigabytes of tokens.
const TOGETHER: usize = 64 * MIB;
const MIB: usize = 1024 * 1024;

/// The bound of each of so many workers.
pub fn room(workers: usize) -> usize {
    (TOGETHER / workers.max(1)).clamp(LEAST, MOST)
}

/// Judges one token: what was verified before comes from `cache`, everything else goes through the pipeline and is remembered if it passed.
/// The second value tells whether the answer came from the cache.
pub fn judge<'r>(
    verifier: &Verifier,
    cache: &mut TokenCache,
    presented: impl Into<Presented<'r>>,
    now: Moment,
    keys: &dyn KeyLookup,
) -> (Outcome, bool) {
    let Presented { token, request } = presented.into();
    // An oversized token is not worth its fingerprint.
    let fits = token.len() <= verifier.max_token_bytes();
    let key = fits.then(|| cache.fingerprints.of(token)).flatten();
    if let Some(key) = &key
        && let Some(remembered) = cache.look_up(key, verifier, now, keys)
    {
        let outcome = match verifier.lifetime_holds(&remembered, now) {
            Ok(()) => Outcome::Verified(remembered),
            Err(rejection) => Outcome::Rejected {
                rejection,
                seen: Seen::of(&remembered),
            },
        };
        return (outcome.bound(request, &mut NoLog), true);
    }
    let mut outcome = verifier.verify_unbound(token, now, keys, &mut NoLog);
    if let (Some(key), Outcome::Verified(verified)) = (key, &mut outcome)
        && cache.admits(&key)
    {
        cache.attach_to(verified);
        cache.store(key, verifier, Arc::clone(verified));
    }
    (outcome.bound(request, &mut NoLog), false)
}

/// Belongs to one worker: no lock on the way of a request.
pub struct TokenCache {
    fingerprints: Fingerprints,
    doorkeeper: Doorkeeper,
    entries: Lru<Arc<VerifiedToken>>,
    attach: Option<Attach>,
    /// The verifier that everything in here was verified by.
    generation: u64,
    counts: CacheCounts,
}

/// Counts since the last [`TokenCache::take_counts`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CacheCounts {
    pub hits: u64,
    pub misses: u64,
    pub evictions: u64,
}

impl TokenCache {
    /// `max_bytes`: of all entries together, estimated. 0 remembers nothing.
    pub fn new(max_bytes: usize) -> Self {
        Self {
            fingerprints: Fingerprints::new(),
            doorkeeper: Doorkeeper::new(max_bytes),
            entries: Lru::new(max_bytes - Doorkeeper::bytes(max_bytes)),
            attach: None,
            generation: 0,
            counts: CacheCounts::default(),
        }
    }

    /// A cache that asks `attach` once for each token that it is about to remember: what it makes of the token stays with it, and counts with it.
    #[must_use]
    pub fn attaching(
        self,
        attach: impl Fn(&VerifiedToken) -> Option<Attachment> + 'static,
    ) -> Self {
        Self {
            attach: Some(Box::new(attach)),
            ..self
        }
    }

    /// The key of a token in this cache.
    #[cfg(test)]
    pub(super) fn key_of(&self, token: &[u8]) -> Key {
        self.fingerprints.of(token).unwrap_or_default()
    }

    /// How many tokens are remembered.
    pub fn entries(&self) -> usize {
        self.entries.len()
    }

    /// What all entries cost.
    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        self.entries.bytes()
    }

    #[cfg(test)]
    pub(super) fn max_bytes(&self) -> usize {
        self.entries.max_bytes()
    }

    /// The counts, which then start again at 0.
    pub fn take_counts(&mut self) -> CacheCounts {
        std::mem::take(&mut self.counts)
    }

    /// The token of this fingerprint, if it was verified by a verifier of this generation and its key is still held by its source. Its lifetime is
    /// not looked at.
    pub(super) fn look_up(
        &mut self,
        key: &Key,
        verifier: &Verifier,
        now: Moment,
        keys: &dyn KeyLookup,
    ) -> Option<Arc<VerifiedToken>> {
        let found = if self.serves(verifier) {
            self.entries.get(key).cloned()
        } else {
            None
        };
        let (hit, dead) = match found {
            Some(verified) if key_is_held(&verified, verifier, now, keys) => {
                (Some(verified), false)
            }
            Some(_) => (None, true),
            None => (None, false),
        };
        if dead {
            self.entries.remove(key);
            self.counts.evictions += 1;
        }
        match &hit {
            Some(_) => self.counts.hits += 1,
            None => self.counts.misses += 1,
        }
        hit
    }

    /// Whether a token that was verified is to be remembered: if there is room, or if it came before.
    fn admits(&mut self, key: &Key) -> bool {
        !self.entries.is_nearly_full() || self.doorkeeper.knows(key)
    }

    /// Remembers `verified` as what `verifier` made of the token of this fingerprint.
    pub(super) fn store(&mut self, key: Key, verifier: &Verifier, verified: Arc<VerifiedToken>) {
        if !self.serves(verifier) {
            return;
        }
        let bytes = cost(&verified);
        let evicted = self.entries.insert(key, verified, bytes);
        self.counts.evictions += u64::try_from(evicted).unwrap_or(u64::MAX);
    }

    fn attach_to(&self, verified: &mut Arc<VerifiedToken>) {
        // Fresh from the pipeline, it is nobody else's yet.
        if let (Some(attach), Some(verified)) = (&self.attach, Arc::get_mut(verified)) {
            let attachment = attach(verified);
            verified.attach(attachment);
        }
    }

    /// A newer verifier takes the cache over empty: nothing that another configuration let in is ever seen again. A request that
    /// began before a reload and ends after it works without the cache.
    fn serves(&mut self, verifier: &Verifier) -> bool {
        if verifier.generation() > self.generation {
            self.generation = verifier.generation();
            self.counts.evictions += u64::try_from(self.entries.clear()).unwrap_or(u64::MAX);
        }
        verifier.generation() == self.generation
    }
}

/// Whether the pipeline would find the same key: the set must be the one that it was chosen from (after a change of the set the
/// token goes through the pipeline once more: a key may have got another kid or another owner), and the key must not have gone
/// past its retention meanwhile. No set at all: the pipeline says what that means. A token that came encrypted depends on the private keys too.
fn key_is_held(
    verified: &VerifiedToken,
    verifier: &Verifier,
    now: Moment,
    keys: &dyn KeyLookup,
) -> bool {
    let parts = verified.parts();
    let Some(set) = keys.key_set(parts.source, now.monotonic) else {
        return false;
    };
    let opens = |by: &OpenedBy| by.holds(verifier.issuers(), keys);
    parts.opened_by.as_ref().is_none_or(opens)
        && set.generation == parts.key_set_generation
        && parts
            .key_good_until
            .is_none_or(|until| now.monotonic < until)
        && set.holds(&parts.key_fingerprint, now.monotonic)
}

/// Bytes that remembering a token costs, never less than it takes: the bound must hold for tokens that are made to be small on the wire and large in
/// memory (`[0,0,0,...]`). Nothing in a remembered token has room that it does not use.
pub(super) fn cost(verified: &VerifiedToken) -> usize {
    let opened_by = verified.parts().opened_by.as_ref();
    Lru::<Arc<VerifiedToken>>::OVERHEAD
        + block(COUNTS_OF_ARC + size_of::<VerifiedToken>())
        + block(verified.kid().map_or(0, str::len))
        + block(opened_by.map_or(0, OpenedBy::bytes))
        + verified.attachment().map_or(0, Attachment::bytes)
        + heap_of_object(verified.claims())
}

/// What a block of so many bytes takes of an allocator; there is none for nothing. Of the GNU C library it takes 8 bytes more, in steps of 16, at least
/// 32; of jemalloc the next of four sizes between two powers of two. This is the larger of the two; others waste less.
pub fn block(bytes: usize) -> usize {
    const STEP: usize = 16;
    if bytes == 0 {
        return 0;
    }
    let gnu = (bytes + 8).next_multiple_of(STEP).max(2 * STEP);
    let jemalloc = bytes.next_multiple_of((bytes.next_power_of_two() / 8).max(STEP));
    gnu.max(jemalloc)
}

/// Strong and weak.
const COUNTS_OF_ARC: usize = 2 * size_of::<usize>();

fn heap_of_object(object: &Object) -> usize {
    let own = object.blocks().map(block);
    let values = object.iter().map(|(_, value)| heap_of(value));
    own.into_iter().chain(values).sum()
}

fn heap_of(value: &Json) -> usize {
    match value {
        Json::Null | Json::Bool(_) => 0,
        Json::Number(number) => block(number.as_written().len()),
        Json::String(text) => block(text.len()),
        Json::Array(elements) => {
            block(size_of_val(&**elements)) + elements.iter().map(heap_of).sum::<usize>()
        }
        Json::Object(object) => heap_of_object(object),
    }
}
