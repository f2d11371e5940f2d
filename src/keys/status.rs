//! What is told of a source: for `/issuers`, `explain` and the log.

use std::sync::Arc;
use std::time::Duration;

use crate::jose::jwk::SkippedKey;

/// A source as it is now.
#[derive(Clone, Debug, Default)]
pub struct SourceStatus {
    pub issuer: Arc<str>,
    /// See [`super::source::Origin::kind`].
    pub kind: &'static str,
    /// See [`super::source::Origin::place`].
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
