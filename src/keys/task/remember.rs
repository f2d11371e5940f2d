//! A source and its snapshot: used when there is nothing better, never trusted longer than a fetched set would be, and written behind the
//! fetches.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::{Held, Source, State};
use crate::keys::SnapshotEvent;
use crate::keys::snapshot::{Fetched, Keeper, Reading, Restored, Saved, decode};
use crate::keys::status::{SnapshotNote, SnapshotOutcome, SnapshotStatus};

impl Source {
    /// See [`crate::keys::Keys::load_snapshots`].
    pub async fn load_snapshot(&self) -> Option<SnapshotNote> {
        let keeper = self.keeper.as_ref()?;
        if self.held.load().is_some() {
            return None;
        }
        let outcome = match keeper.read().await {
            Ok(None) => SnapshotOutcome::Absent,
            Ok(Some(bytes)) => {
                let reading = Reading {
                    identity: keeper.identity(),
                    timing: self.config.timing,
                    policy: &self.config.policy,
                    now: self.clock.now(),
                    boot: self.clock.boot(),
                };
                match decode(&bytes, &reading) {
                    Ok(restored) => self.restore(keeper, restored),
                    Err(why) => SnapshotOutcome::Ignored(why.to_string()),
                }
            }
            Err(why) => SnapshotOutcome::Ignored(why.to_string()),
        };
        Some(SnapshotNote {
            issuer: Arc::clone(&self.config.issuer),
            file: keeper.path().display().to_string(),
            outcome,
        })
    }

    /// From here on the monotonic clock counts its age, as that of any set.
    fn restore(&self, keeper: &Keeper, restored: Restored) -> SnapshotOutcome {
        let keys = restored.set.keys().len();
        let mut state = self.state();
        state.plan.inherit(restored.as_of);
        state.skipped = restored.skipped;
        keeper.holds(restored.set.generation, restored.fetched.at);
        let used = SnapshotEvent::Used {
            keys,
            fetched: restored.fetched.at,
        };
        self.held.store(Some(Arc::new(Held {
            set: Arc::new(restored.set),
            as_of: Some(restored.as_of),
            snapshot: Some(restored.fetched),
        })));
        self.had_keys.store(true, Ordering::Release);
        drop(state);
        self.observer.snapshot(&self.config.issuer, self.id, used);
        SnapshotOutcome::Used {
            keys,
            age: restored.age,
        }
    }

    /// Writes down what is held, if that is due and a fetch of this process has found it so.
    pub(super) fn keep(self: &Arc<Self>) {
        let (Some(keeper), Some(held)) = (&self.keeper, self.held.load_full()) else {
            return;
        };
        let (Some(as_of), None) = (held.as_of, &held.snapshot) else {
            return;
        };
        let now = self.clock.now();
        let age = now.monotonic.saturating_sub(as_of);
        let saved = Saved {
            set: &held.set,
            as_of,
        };
        let source = Arc::clone(self);
        keeper.keep(
            &saved,
            Fetched::ago(age, now.wall, self.clock.boot()),
            self.config.timing.max_stale,
            move |succeeded| {
                let event = match succeeded {
                    true => SnapshotEvent::Written,
                    false => SnapshotEvent::NotWritten,
                };
                let issuer = &source.config.issuer;
                source.observer.snapshot(issuer, source.id, event);
            },
        );
    }

    /// A set of a snapshot is as old as the clocks say now: the wall clock may have been wrong when it was loaded, and put right since. Never
    /// younger than before, so that a clock that is set back gains nothing.
    pub(super) fn age_snapshot(&self, state: &mut State) {
        let held = self.held.load();
        let Some(Held {
            set,
            as_of: Some(as_of),
            snapshot: Some(fetched),
        }) = held.as_deref()
        else {
            return;
        };
        let now = self.clock.now();
        // Ahead of the clock: that was set back, and what is known stands.
        let Ok(age) = fetched.age(now.wall, self.clock.boot().as_ref()) else {
            return;
        };
        let older = now.monotonic.saturating_sub(age);
        if older < *as_of {
            state.plan.inherit(older);
            self.held.store(Some(Arc::new(Held {
                set: Arc::clone(set),
                as_of: Some(older),
                snapshot: Some(fetched.clone()),
            })));
        }
    }

    pub(super) fn snapshot_status(&self) -> Option<SnapshotStatus> {
        let keeper = self.keeper.as_ref()?;
        let now = self.clock.now().wall;
        let age = keeper.written().map(|at| {
            let seconds = now.0.saturating_sub(at.0);
            Duration::from_secs(u64::try_from(seconds).unwrap_or(0))
        });
        Some(SnapshotStatus {
            file: keeper.path().display().to_string(),
            age,
            last_error: keeper.last_error(),
        })
    }
}
