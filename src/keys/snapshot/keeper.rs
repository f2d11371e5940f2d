//! The snapshot of one source: where it is, what is in it, and when it is written anew.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::age::MAX_AHEAD;
use super::{Fetched, Identity, Ignored, Saved, encode, file};
use crate::clock::UnixTime;
use crate::keys::source::SourceConfig;

/// How much of `max_stale` a snapshot may be behind the last fetch while the keys stay the same: a disk is not to be worn by a time stamp, and
/// what is lost is the last of the time that an outage is lived through. At the default an hour of a day.
const BEHIND: u32 = 24;
/// Longest wait for a snapshot at the start: a volume that hangs must not hold the gate.
const LONGEST_READ: Duration = Duration::from_secs(2);

pub(in crate::keys) struct Keeper {
    path: PathBuf,
    identity: Identity,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    written: Option<Written>,
    /// A disk that hangs holds one thread, not one for each fetch.
    writing: bool,
    last_error: Option<String>,
}

/// What is on the disk.
#[derive(Clone, Copy)]
struct Written {
    /// Of the key set, which grows with each change.
    generation: u64,
    fetched: UnixTime,
}

impl Keeper {
    /// None for a source that needs no snapshot, or is to have none.
    pub fn of(config: &SourceConfig) -> Option<Arc<Self>> {
        let directory = config.snapshot_dir.as_deref()?;
        let identity = Identity::of(config)?;
        Some(Arc::new(Self {
            path: directory.join(identity.file_name()),
            identity,
            state: Mutex::default(),
        }))
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Why the last attempt to write has failed.
    pub fn last_error(&self) -> Option<String> {
        self.state().last_error.clone()
    }

    /// When the keys on the disk were fetched.
    pub fn written(&self) -> Option<UnixTime> {
        self.state().written.map(|written| written.fetched)
    }

    /// The file, if there is one. Must run on a tokio runtime with timers.
    pub async fn read(self: &Arc<Self>) -> Result<Option<Vec<u8>>, Ignored> {
        let this = Arc::clone(self);
        let reading = tokio::task::spawn_blocking(move || file::read(&this.path));
        match tokio::time::timeout(LONGEST_READ, reading).await {
            Ok(Ok(read)) => read,
            Ok(Err(_)) => Err(Ignored::Unreadable("the gate is stopping".to_owned())),
            Err(_) => Err(Ignored::Unreadable(format!(
                "it cannot be read within {} s",
                LONGEST_READ.as_secs()
            ))),
        }
    }

    /// The file holds the set of this generation, fetched then.
    pub fn holds(&self, generation: u64, fetched: UnixTime) {
        self.state().written = Some(Written {
            generation,
            fetched,
        });
    }

    /// What `previous` has written to the same file need not be written again.
    pub fn inherit(&self, previous: &Self) {
        if self.path == previous.path {
            let written = previous.state().written;
            self.state().written = written;
        }
    }

    /// Writes `saved` in the background, if that is due; `told` learns whether it could be written. Must run on a tokio runtime.
    ///
    /// On a thread for blocking work, and nobody waits for it: neither the next fetch nor a request depends on the disk.
    pub fn keep(
        self: &Arc<Self>,
        saved: &Saved<'_>,
        fetched: Fetched,
        max_stale: Duration,
        told: impl FnOnce(bool) + Send + 'static,
    ) {
        let now = Written {
            generation: saved.set.generation,
            fetched: fetched.at,
        };
        {
            let mut state = self.state();
            if state.writing || !is_due(state.written, now, max_stale) {
                return;
            }
            state.writing = true;
        }
        let Some(bytes) = encode(&self.identity, &fetched, saved) else {
            self.state().writing = false;
            return;
        };
        let this = Arc::clone(self);
        tokio::task::spawn_blocking(move || {
            let result = file::write(&this.path, &bytes);
            let succeeded = result.is_ok();
            let mut state = this.state();
            state.writing = false;
            if succeeded {
                state.written = Some(now);
            }
            state.last_error = result.err();
            drop(state);
            told(succeeded);
        });
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Other keys, or the same ones fetched so much later that it matters; or the clock was set back since, and what is there is of the future.
fn is_due(written: Option<Written>, now: Written, max_stale: Duration) -> bool {
    written.is_none_or(|written| {
        let later = now.fetched.0.saturating_sub(written.fetched.0);
        let behind = i64::try_from((max_stale / BEHIND).as_secs()).unwrap_or(i64::MAX);
        written.generation != now.generation || later >= behind || later < -MAX_AHEAD
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_keys_are_written_again_after_a_24th_of_max_stale() {
        let day = Duration::from_secs(24 * 3600);
        let written = |generation, at| Written {
            generation,
            fetched: UnixTime(at),
        };
        let due = |now| is_due(Some(written(3, 10_000)), now, day);
        assert!(is_due(None, written(1, 10_000), day));
        assert!(!due(written(3, 10_000)));
        assert!(!due(written(3, 10_300)));
        assert!(!due(written(3, 13_599)));
        assert!(due(written(3, 13_600)));
        assert!(due(written(4, 10_000)));
        // The clocks of a machine are never quite one.
        assert!(!due(written(3, 9_999)));
        assert!(due(written(3, 5_000)));
    }
}
