//! What everyone else holds: all sources behind one handle, each with a task.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::task::{AbortHandle, JoinSet};

use super::decryption::{DecryptionConfig, DecryptionSource, DecryptionStatus};
use super::either::EitherSource;
use super::fetch::FetchLimits;
use super::source::SourceConfig;
use super::status::{SnapshotNote, SourceStatus};
use super::{DecryptionId, DecryptionKeySet, KeyLookup, KeyObserver, KeySet, SourceId};
use crate::clock::Clock;

/// All key sources of the gate. Shared by all workers; the tasks run where `start` was called (the control runtime).
pub struct Keys {
    sources: Vec<EitherSource>,
    decryption: Vec<Arc<DecryptionSource>>,
    /// Tasks run, so that a question for an unknown key can be answered.
    running: AtomicBool,
    tasks: Mutex<Option<Vec<AbortHandle>>>,
}

impl Keys {
    /// Sets up every source without fetching: fixed ones have their keys at once.
    pub fn new(
        sources: Vec<SourceConfig>,
        clock: Arc<dyn Clock>,
        observer: Arc<dyn KeyObserver>,
    ) -> Self {
        Self::with_limits(sources, clock, observer, FetchLimits::default())
    }

    /// [`Keys::new`] with other limits for each fetch.
    pub fn with_limits(
        sources: Vec<SourceConfig>,
        clock: Arc<dyn Clock>,
        observer: Arc<dyn KeyObserver>,
        limits: FetchLimits,
    ) -> Self {
        let source = |(position, config)| {
            let id = SourceId(position);
            let (clock, observer) = (Arc::clone(&clock), Arc::clone(&observer));
            EitherSource::new(id, config, clock, observer, limits)
        };
        Self {
            sources: sources.into_iter().enumerate().map(source).collect(),
            decryption: Vec::new(),
            running: AtomicBool::new(false),
            tasks: Mutex::new(None),
        }
    }

    /// The private keys of issuers whose tokens are encrypted, in the order of their numbers.
    pub fn with_decryption(mut self, configs: Vec<DecryptionConfig>) -> Self {
        let source = |config| Arc::new(DecryptionSource::new(config));
        self.decryption = configs.into_iter().map(source).collect();
        self
    }

    /// Takes over what `previous` holds, for each source that is read from the same place in the same way: a reloaded
    /// configuration goes on with the keys that it had, while their age and the first fetch are as ever. Before `start`.
    ///
    /// A source whose `ca_file` names other roots starts anew: what the old ones vouched for, the new ones may not.
    pub fn inherit(&self, previous: &Self) {
        for source in &self.sources {
            let _ = previous.sources.iter().any(|old| source.inherit(old));
        }
    }

    /// Gives each source that has no keys those of its snapshot, if there is one that may be used. After `inherit`: what is in memory is at
    /// least as good. Before `start`: the first fetch comes as ever, and replaces them. One note for each snapshot that was looked for.
    pub async fn load_snapshots(&self) -> Vec<SnapshotNote> {
        let mut loads = JoinSet::new();
        for source in &self.sources {
            let source = source.clone();
            loads.spawn(async move { source.load_snapshot().await });
        }
        let mut notes = Vec::new();
        while let Some(loaded) = loads.join_next().await {
            notes.extend(loaded.ok().flatten());
        }
        notes
    }

    /// Spawns the tasks on the current tokio runtime. They end when the last handle to `self` is dropped or on `stop`.
    /// A second call does nothing.
    pub fn start(self: &Arc<Self>) {
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        if tasks.is_some() {
            return;
        }
        let changing = self.sources.iter().filter(|source| source.can_change());
        let fetching =
            changing.map(|source| tokio::spawn(source.clone().supervise()).abort_handle());
        let changing = self.decryption.iter().filter(|source| source.can_change());
        let watching =
            changing.map(|source| tokio::spawn(Arc::clone(source).watch()).abort_handle());
        *tasks = Some(fetching.chain(watching).collect());
        self.running.store(true, Ordering::Release);
    }

    /// Ends the tasks. What is held stays, and ages.
    pub fn stop(&self) {
        self.running.store(false, Ordering::Release);
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        // An empty list, not none: it does not start again.
        for task in tasks.replace(Vec::new()).unwrap_or_default() {
            task.abort();
        }
    }

    /// Fetches each source once, in parallel, without tasks: `explain`, `check --online`. One result per source. Nothing is written.
    pub async fn fetch_once(&self) -> Vec<Result<(), String>> {
        self.fetch_those(|_| true).await
    }

    /// [`Keys::fetch_once`] of what needs no network; the result of what does is good, and no keys of it can be had.
    pub async fn read_files_once(&self) -> Vec<Result<(), String>> {
        self.sources.iter().for_each(EitherSource::stay_offline);
        self.fetch_those(|source| !source.is_remote()).await
    }

    async fn fetch_those(&self, wanted: impl Fn(&EitherSource) -> bool) -> Vec<Result<(), String>> {
        let mut fetches = JoinSet::new();
        let mut results = Vec::with_capacity(self.sources.len());
        for (position, source) in self.sources.iter().enumerate() {
            if !wanted(source) {
                results.push(Ok(()));
                continue;
            }
            results.push(Err("not fetched".to_owned()));
            let source = source.clone();
            fetches.spawn(async move { (position, source.fetch_once().await) });
        }
        while let Some(fetched) = fetches.join_next().await {
            if let Ok((position, result)) = fetched
                && let Some(slot) = results.get_mut(position)
            {
                *slot = result;
            }
        }
        results
    }

    /// Fetches the key that a token names from a source that has an address for each, without tasks: `explain`. False: of other sources
    /// there is nothing more to fetch.
    pub async fn fetch_kid_once(&self, source: SourceId, kid: &str) -> Result<bool, String> {
        match self.sources.get(source.0) {
            Some(source) => source.fetch_kid_once(kid).await,
            None => Ok(false),
        }
    }

    /// Asks for a fetch because the key `kid` is unknown, and waits until it has ended, or until the floor between fetches forbids it
    /// (returns at once), or the bound (5 s) has passed. A fetch in flight serves every question that comes meanwhile: what the
    /// issuer published before it began is in it. True when the set may have changed.
    pub async fn refetch(&self, source: SourceId, kid: Option<&str>) -> bool {
        match self.sources.get(source.0) {
            Some(source) if self.running.load(Ordering::Acquire) => source.refetch(kid).await,
            _ => false,
        }
    }

    /// The key with this fingerprint has verified a token: it is worth keeping. Costs a document source nothing.
    pub fn proved(&self, source: SourceId, fingerprint: &[u8; 32]) {
        if let Some(source) = self.sources.get(source.0) {
            source.proved(fingerprint);
        }
    }

    /// Every required source has had keys once.
    pub fn ready(&self) -> bool {
        self.sources.iter().all(|source| source.ready())
    }

    /// Seconds after which asking again makes sense, for `Retry-After` while keys are missing; at least 1.
    pub fn retry_after(&self, source: SourceId) -> u64 {
        self.sources
            .get(source.0)
            .map_or(1, |source| source.retry_after())
    }

    /// One for each source, in the order of their numbers.
    pub fn status(&self) -> Vec<SourceStatus> {
        self.sources.iter().map(|source| source.status()).collect()
    }

    /// One for each issuer that decrypts.
    pub fn decryption_status(&self) -> Vec<DecryptionStatus> {
        self.decryption
            .iter()
            .map(|source| source.status())
            .collect()
    }
}

impl KeyLookup for Keys {
    fn key_set(&self, source: SourceId, monotonic: Duration) -> Option<Arc<KeySet>> {
        self.sources.get(source.0)?.key_set(monotonic)
    }

    fn decryption_keys(&self, source: DecryptionId) -> Option<Arc<DecryptionKeySet>> {
        Some(self.decryption.get(source.0)?.keys())
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        self.stop();
    }
}
