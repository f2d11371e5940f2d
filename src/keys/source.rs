//! The I/O shell round [`super::plan`]: one task per source, and the handle that everyone else holds.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::task::{AbortHandle, JoinSet};

use super::decryption::{DecryptionConfig, DecryptionSource, DecryptionStatus};
use super::either::EitherSource;
use super::fetch::{FetchLimits, FetchSettings};
use super::kid::KidUrl;
use super::plan::Timing;
use super::url::KeyUrl;
use super::{DecryptionId, DecryptionKeySet, KeyLookup, KeyObserver, KeySet, SourceId};
use crate::clock::Clock;
use crate::jose::jwk::{KeyPolicy, ReadKeys, SkippedKey};

/// One source of keys, from configuration.
pub struct SourceConfig {
    /// The issuer's configured name: the label.
    pub issuer: Arc<str>,
    pub origin: Origin,
    pub timing: Timing,
    pub policy: KeyPolicy,
    /// `/readyz` waits for this source's first keys.
    pub required_for_ready: bool,
    /// Where a snapshot of what is fetched is kept; none: nowhere.
    pub snapshot_dir: Option<Arc<Path>>,
}

/// Where a source's keys are.
pub enum Origin {
    /// Inline document, or a secret: never changes. The flag: keys fit any kid.
    Fixed {
        keys: ReadKeys,
        any_kid: bool,
    },
    /// Read again every `refresh_interval`, so that a mounted file can rotate.
    File {
        path: PathBuf,
        format: FileFormat,
    },
    JwksUrl {
        url: KeyUrl,
        fetch: FetchSettings,
    },
    /// A map of each kid to a certificate or public key in PEM.
    CertificatesUrl {
        url: KeyUrl,
        fetch: FetchSettings,
    },
    /// A public key in PEM at an address of its own for each kid, fetched when a token names it.
    KeyPerKid {
        url: KidUrl,
        fetch: FetchSettings,
    },
    /// OpenID Connect Discovery 1.0 §4: the document's `issuer` must be exactly `issuer`.
    Discovery {
        url: KeyUrl,
        issuer: String,
        fetch: FetchSettings,
    },
}

impl Origin {
    /// Needs the network.
    pub fn is_remote(&self) -> bool {
        self.address().is_some()
    }

    /// Whether `other` is the same place, read in the same way and under the same trust.
    pub fn reads_as(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::File { path: p, format: f }, Self::File { path, format }) => {
                p == path && f == format
            }
            (Self::JwksUrl { url: u, fetch: f }, Self::JwksUrl { url, fetch })
            | (Self::CertificatesUrl { url: u, fetch: f }, Self::CertificatesUrl { url, fetch }) => {
                u == url && f.reads_as(fetch)
            }
            (Self::KeyPerKid { url: u, fetch: f }, Self::KeyPerKid { url, fetch }) => {
                u == url && f.reads_as(fetch)
            }
            (
                Self::Discovery {
                    url: u,
                    issuer: i,
                    fetch: f,
                },
                Self::Discovery { url, issuer, fetch },
            ) => u == url && i == issuer && f.reads_as(fetch),
            _ => false,
        }
    }

    /// Where a fetch begins, and how; none when nothing is fetched.
    pub fn address(&self) -> Option<(&KeyUrl, &FetchSettings)> {
        match self {
            Self::Fixed { .. } | Self::File { .. } => None,
            Self::JwksUrl { url, fetch }
            | Self::CertificatesUrl { url, fetch }
            | Self::Discovery { url, fetch, .. } => Some((url, fetch)),
            Self::KeyPerKid { url, fetch } => Some((url.sample(), fetch)),
        }
    }

    /// The kind of [`Origin::KeyPerKid`].
    pub const KEY_PER_KID: &'static str = "pem_url";

    /// As the configuration calls it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Fixed { .. } => "inline",
            Self::File { format, .. } => match format {
                FileFormat::Jwks => "jwks_file",
                FileFormat::Pem => "pem_file",
            },
            Self::JwksUrl { .. } => "jwks_url",
            Self::CertificatesUrl { .. } => "certificates_url",
            Self::KeyPerKid { .. } => Self::KEY_PER_KID,
            Self::Discovery { .. } => "discovery_url",
        }
    }

    /// The address or path, or `inline`; never a secret.
    pub fn place(&self) -> String {
        match self {
            Self::Fixed { .. } => "inline".to_owned(),
            Self::File { path, .. } => path.display().to_string(),
            Self::KeyPerKid { url, .. } => url.to_string(),
            Self::JwksUrl { url, .. }
            | Self::CertificatesUrl { url, .. }
            | Self::Discovery { url, .. } => url.to_string(),
        }
    }
}

/// What a key file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileFormat {
    Jwks,
    Pem,
}

/// All key sources of the gate. Shared by all workers; the tasks run where `start` was called (the control runtime).
pub struct Keys {
    sources: Vec<EitherSource>,
    decryption: Vec<Arc<DecryptionSource>>,
    /// Tasks run, so that a question for an unknown key can be answered.
    running: AtomicBool,
    tasks: Mutex<Option<Vec<AbortHandle>>>,
}

/// For `/issuers`, `explain` and the log.
#[derive(Clone, Debug, Default)]
pub struct SourceStatus {
    pub issuer: Arc<str>,
    /// See [`Origin::kind`].
    pub kind: &'static str,
    /// See [`Origin::place`].
    pub origin: String,
    pub required_for_ready: bool,
    pub keys: Vec<KeyStatus>,
    pub skipped: Vec<SkippedKey>,
    /// Where the keys that are used now are from; none: there are none.
    pub keys_from: Option<KeysFrom>,
    /// Since the last successful fetch.
    pub age: Option<Duration>,
    /// How long keys are trusted after a fetch; none: they do not age.
    pub max_stale: Option<Duration>,
    /// How long until the keys are too old to trust, zero from then on; none: there were none, or they do not age.
    pub trusted_for: Option<Duration>,
    pub last_error: Option<String>,
    /// Fetches that have failed since the last one that succeeded.
    pub failures: u32,
    /// How long until the next background fetch; none while one is in flight, and for what never changes.
    pub next_refresh: Option<Duration>,
    pub snapshot: Option<SnapshotStatus>,
}

/// Where keys are from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeysFrom {
    /// The configuration itself, or a secret.
    Configuration,
    /// The source, at the age that the status says.
    Fetched,
    /// What an earlier process has fetched: this one could not yet.
    Snapshot,
}

impl KeysFrom {
    /// snake_case, for `/issuers`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Configuration => "configuration",
            Self::Fetched => "fetched",
            Self::Snapshot => "snapshot",
        }
    }
}

/// The file that a source's keys are remembered in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotStatus {
    pub file: String,
    /// Since the fetch of the keys in it, by the wall clock; none: this process has neither used nor written it.
    pub age: Option<Duration>,
    /// Why it could not be written; none when the last attempt succeeded.
    pub last_error: Option<String>,
}

/// What became of a snapshot at the start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotNote {
    pub issuer: Arc<str>,
    pub file: String,
    pub outcome: SnapshotOutcome,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SnapshotOutcome {
    Used {
        keys: usize,
        age: Duration,
    },
    Absent,
    /// Why, for the operator.
    Ignored(String),
}

/// A key that can be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyStatus {
    pub kid: Option<Box<str>>,
    /// By their registered names.
    pub algorithms: Vec<&'static str>,
    /// Set when the key has left the issuer's document: how much longer it is good.
    pub retained: Option<Duration>,
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
