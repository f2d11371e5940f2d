//! The I/O shell round [`super::plan`]: one task per source, and the handle that everyone else holds.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::fetch::FetchSettings;
use super::plan::Timing;
use super::url::KeyUrl;
use super::{KeyLookup, KeyObserver, KeySet, SourceId};
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
}

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
    /// OpenID Connect Discovery 1.0 §4: the document's `issuer` must be exactly `issuer`.
    Discovery {
        url: KeyUrl,
        issuer: String,
        fetch: FetchSettings,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileFormat {
    Jwks,
    Pem,
}

/// All key sources of the gate. Shared by all workers; the tasks run where `start` was called (the control runtime).
pub struct Keys {/* private */}

/// For `/issuers` and `explain`.
#[derive(Clone, Debug)]
pub struct SourceStatus {
    pub issuer: Arc<str>,
    /// The address or path, or `inline`; never a secret.
    pub origin: String,
    pub required_for_ready: bool,
    /// kid and algorithm names of usable keys; third: seconds left when the key is only retained.
    pub keys: Vec<(Option<String>, Vec<&'static str>, Option<u64>)>,
    pub skipped: Vec<SkippedKey>,
    /// Since the last successful fetch.
    pub age: Option<Duration>,
    pub last_error: Option<String>,
    pub next_refresh: Option<Duration>,
}

impl Keys {
    /// Sets up every source without fetching: fixed ones have their keys at once.
    pub fn new(
        _sources: Vec<SourceConfig>,
        _clock: Arc<dyn Clock>,
        _observer: Arc<dyn KeyObserver>,
    ) -> Self {
        todo!()
    }
    /// Spawns the tasks on the current tokio runtime. They end when the last handle to `self` is dropped or on `stop`.
    pub fn start(self: &Arc<Self>) {
        todo!()
    }
    /// Fetches each source once, in parallel, without tasks: `explain`, `check --online`. One result per source.
    pub async fn fetch_once(&self) -> Vec<Result<(), String>> {
        todo!()
    }
    /// Asks for a fetch because a key is unknown, and waits until one that began after the question has ended, or until the floor between
    /// fetches forbids it (returns at once), or the bound (5 s) has passed. True when the set may have changed.
    pub async fn refetch(&self, _source: SourceId) -> bool {
        todo!()
    }
    /// Every required source has had keys once.
    pub fn ready(&self) -> bool {
        todo!()
    }
    /// Seconds after which asking again makes sense, for `Retry-After` while keys are missing; at least 1.
    pub fn retry_after(&self, _source: SourceId) -> u64 {
        todo!()
    }
    pub fn status(&self) -> Vec<SourceStatus> {
        todo!()
    }
}

impl KeyLookup for Keys {
    fn key_set(&self, _source: SourceId, _monotonic: Duration) -> Option<Arc<KeySet>> {
        todo!()
    }
}
