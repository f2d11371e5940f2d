//! The two kinds of source behind one face: a document with all keys, or an address for each key.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use super::fetch::FetchLimits;
use super::kid_source::{KidSettings, KidSource};
use super::source::{Origin, SourceConfig};
use super::status::{SnapshotNote, SourceStatus};
use super::task::Source;
use super::{KeyObserver, KeySet, SourceId};
use crate::clock::Clock;

/// The panic may come again at once.
const PAUSE_AFTER_PANIC: Duration = Duration::from_secs(1);

#[derive(Clone)]
pub(super) enum EitherSource {
    Document(Arc<Source>),
    KeyPerKid(Arc<KidSource>),
}

impl EitherSource {
    pub fn new(
        id: SourceId,
        config: SourceConfig,
        clock: Arc<dyn Clock>,
        observer: Arc<dyn KeyObserver>,
        limits: FetchLimits,
    ) -> Self {
        match config.origin {
            Origin::KeyPerKid { url, fetch } => {
                let settings = KidSettings {
                    issuer: config.issuer,
                    url,
                    fetch,
                    timing: config.timing,
                    policy: config.policy,
                };
                let source = KidSource::new(id, settings, clock, observer, limits);
                Self::KeyPerKid(Arc::new(source))
            }
            origin => {
                let config = SourceConfig { origin, ..config };
                Self::Document(Arc::new(Source::new(id, config, clock, observer, limits)))
            }
        }
    }

    pub fn can_change(&self) -> bool {
        match self {
            Self::Document(source) => source.can_change(),
            Self::KeyPerKid(_) => true,
        }
    }

    pub fn is_remote(&self) -> bool {
        match self {
            Self::Document(source) => source.is_remote(),
            Self::KeyPerKid(_) => true,
        }
    }

    /// A source with an address for each key has none.
    pub async fn load_snapshot(self) -> Option<SnapshotNote> {
        match self {
            Self::Document(source) => source.load_snapshot().await,
            Self::KeyPerKid(_) => None,
        }
    }

    pub fn key_set(&self, monotonic: Duration) -> Option<Arc<KeySet>> {
        match self {
            Self::Document(source) => source.key_set(monotonic),
            Self::KeyPerKid(source) => source.key_set(monotonic),
        }
    }

    /// The task of this source. Should it ever panic, it begins anew: keys must not age because of one bad moment (K10).
    pub async fn supervise(self) {
        loop {
            // Of a set, because that aborts what is in it when this task is aborted.
            let mut task = JoinSet::new();
            task.spawn(self.clone().run());
            task.join_next().await;
            tokio::time::sleep(PAUSE_AFTER_PANIC).await;
        }
    }

    async fn run(self) {
        match self {
            Self::Document(source) => source.run().await,
            Self::KeyPerKid(source) => source.run().await,
        }
    }

    pub async fn refetch(&self, kid: Option<&str>) -> bool {
        match self {
            Self::Document(source) => source.refetch().await,
            Self::KeyPerKid(source) => source.refetch(kid).await,
        }
    }

    pub fn proved(&self, fingerprint: &[u8; 32]) {
        match self {
            Self::Document(_) => {}
            Self::KeyPerKid(source) => source.proved(fingerprint),
        }
    }

    /// Nothing can be fetched without a kid.
    pub async fn fetch_once(&self) -> Result<(), String> {
        match self {
            Self::Document(source) => source.fetch_once().await,
            Self::KeyPerKid(_) => Ok(()),
        }
    }

    pub async fn fetch_kid_once(&self, kid: &str) -> Result<bool, String> {
        match self {
            Self::Document(_) => Ok(false),
            Self::KeyPerKid(source) => source.fetch_once(kid).await.map(|()| true),
        }
    }

    /// There will be no fetch: that a key is not held says nothing of the token that names it.
    pub fn stay_offline(&self) {
        match self {
            // Without a set there is nothing that a key could be missing in.
            Self::Document(_) => {}
            Self::KeyPerKid(source) => source.stay_offline(),
        }
    }

    /// Who has no key before a token names one waits for none.
    pub fn ready(&self) -> bool {
        match self {
            Self::Document(source) => source.ready(),
            Self::KeyPerKid(_) => true,
        }
    }

    pub fn retry_after(&self) -> u64 {
        match self {
            Self::Document(source) => source.retry_after(),
            Self::KeyPerKid(source) => source.retry_after(),
        }
    }

    pub fn status(&self) -> SourceStatus {
        match self {
            Self::Document(source) => source.status(),
            Self::KeyPerKid(source) => source.status(),
        }
    }

    /// Takes over what `previous` holds, if it reads the same place in the same way. Whether it did.
    pub fn inherit(&self, previous: &Self) -> bool {
        match (self, previous) {
            (Self::Document(source), Self::Document(old)) if source.reads_as(old) => {
                source.inherit(old);
                true
            }
            (Self::KeyPerKid(source), Self::KeyPerKid(old)) if source.reads_as(old) => {
                source.inherit(old);
                true
            }
            _ => false,
        }
    }
}
