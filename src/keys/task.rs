//! One source at work: its plan, its task, and the set that it holds. What concerns its snapshot is in [`remember`].

mod remember;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use tokio::sync::{Notify, watch};

use super::fetch::{FetchError, FetchLimits, printable};
use super::merge::{merge, retained_at_most};
use super::plan::{Answer, Ended, Jitter, Plan, Step, fresh_enough};
use super::read;
use super::snapshot::{Fetched, Keeper};
use super::source::{FileFormat, Origin, SourceConfig};
use super::status::{KeyStatus, KeysFrom, SourceStatus};
use super::{FetchResult, KeyObserver, KeySet, SourceId};
use crate::clock::Clock;
use crate::jose::jwk::{ReadKeys, SkippedKey};

/// Longest wait of a request for a fetch.
pub(super) const LONGEST_WAIT: Duration = Duration::from_secs(5);
/// A request whose look-up was before a change this recent may have missed it: it is told to look again.
pub(super) const JUST_CHANGED: Duration = Duration::from_secs(1);

/// One source. Nothing in it is shared with another one, so that two issuers' keys cannot meet (K9).
pub(super) struct Source {
    id: SourceId,
    /// With the keys of a fixed one taken out.
    config: SourceConfig,
    /// What requests read: swapped whole, never locked.
    held: ArcSwapOption<Held>,
    had_keys: AtomicBool,
    state: Mutex<State>,
    /// Something wants the task to look at the plan.
    wake: Notify,
    /// The number of the last fetch that ended.
    ended: watch::Sender<u64>,
    clock: Arc<dyn Clock>,
    observer: Arc<dyn KeyObserver>,
    limits: FetchLimits,
    keeper: Option<Arc<Keeper>>,
}

struct Held {
    set: Arc<KeySet>,
    /// When the fetch that found it so began; none: never stale.
    as_of: Option<Duration>,
    /// Set when another process has fetched it: when that was.
    snapshot: Option<Fetched>,
}

struct State {
    plan: Plan,
    skipped: Vec<SkippedKey>,
    last_error: Option<String>,
    /// When the set last changed.
    changed: Option<Duration>,
}

impl Source {
    pub fn new(
        id: SourceId,
        mut config: SourceConfig,
        clock: Arc<dyn Clock>,
        observer: Arc<dyn KeyObserver>,
        limits: FetchLimits,
    ) -> Self {
        let mut state = State {
            plan: Plan::new(config.timing, clock.now().monotonic),
            skipped: Vec::new(),
            last_error: None,
            changed: None,
        };
        let mut held = None;
        if let Origin::Fixed { keys, any_kid } = &mut config.origin {
            let read = std::mem::take(keys);
            match usable(&read) {
                Ok(()) => {
                    let set = Arc::new(KeySet::fixed(read.keys, *any_kid));
                    held = Some(Arc::new(Held {
                        set,
                        as_of: None,
                        snapshot: None,
                    }));
                }
                Err(error) => state.last_error = Some(error.text),
            }
            state.skipped = read.skipped;
        }
        Self {
            id,
            keeper: Keeper::of(&config),
            config,
            had_keys: AtomicBool::new(held.is_some()),
            held: ArcSwapOption::new(held),
            state: Mutex::new(state),
            wake: Notify::new(),
            ended: watch::Sender::new(0),
            clock,
            observer,
            limits,
        }
    }

    pub fn can_change(&self) -> bool {
        !matches!(self.config.origin, Origin::Fixed { .. })
    }

    pub fn is_remote(&self) -> bool {
        self.config.origin.is_remote()
    }

    /// The set, unless it is too old to trust.
    pub fn key_set(&self, monotonic: Duration) -> Option<Arc<KeySet>> {
        let held = self.held.load();
        let held = held.as_ref()?;
        let max_stale = self.config.timing.max_stale;
        match held.as_of {
            Some(as_of) if !fresh_enough(as_of, monotonic, max_stale) => None,
            _ => Some(Arc::clone(&held.set)),
        }
    }

    /// Does what the plan says, for ever.
    pub async fn run(self: Arc<Self>) {
        // What was taken over from another configuration may not be written where this one wants it.
        self.keep();
        loop {
            let now = self.now();
            let step = self.state().plan.poll(now);
            match step {
                Step::Fetch(number) => {
                    // What went wrong is in the state, and the observer knows.
                    let _ = self.fetch(number).await;
                    self.keep();
                }
                Step::WaitUntil(then) => {
                    let pause = tokio::time::sleep(then.saturating_sub(now));
                    tokio::select! {
                        () = pause => {}
                        () = self.wake.notified() => {}
                    }
                }
                Step::InFlight => self.wake.notified().await,
            }
        }
    }

    /// See [`super::Keys::refetch`].
    pub async fn refetch(&self) -> bool {
        if !self.can_change() {
            return false;
        }
        let asked = self.now();
        let mut ended = self.ended.subscribe();
        let answer = self.state().plan.unknown_key(asked);
        match answer {
            Answer::WaitFor(number) => {
                self.wake.notify_one();
                let over = ended.wait_for(|last| *last >= number);
                // Too late is the same answer as no change: the caller refuses, and the set is there for the next request.
                let _ = tokio::time::timeout(LONGEST_WAIT, over).await;
            }
            Answer::Suppressed => self.observer.suppressed(&self.config.issuer),
        }
        let changed = self.state().changed;
        changed.is_some_and(|at| asked.saturating_sub(at) < JUST_CHANGED)
    }

    /// One fetch now, or the one in flight.
    pub async fn fetch_once(&self) -> Result<(), String> {
        if self.can_change() {
            let mut ended = self.ended.subscribe();
            let (begun, number) = self.state().plan.begin(self.now());
            if begun {
                return self.fetch(number).await.map_err(|error| error.text);
            }
            let _ = ended.wait_for(|last| *last >= number).await;
        }
        match &self.state().last_error {
            None => Ok(()),
            Some(error) => Err(error.clone()),
        }
    }

    pub fn ready(&self) -> bool {
        !self.config.required_for_ready || self.had_keys.load(Ordering::Acquire)
    }

    pub fn retry_after(&self) -> u64 {
        let next = self.state().plan.next_in(self.now()).unwrap_or_default();
        // Rounded up, so that whoever comes back then comes after it.
        next.as_secs().saturating_add(1)
    }

    pub fn status(&self) -> SourceStatus {
        let now = self.now();
        let set = self.key_set(now);
        let held = set.iter().flat_map(|set| set.keys());
        let keys = held.filter(|held| held.is_good(now)).map(|held| KeyStatus {
            kid: held.key.kid.clone(),
            algorithms: held.key.algorithms.iter().map(|a| a.name()).collect(),
            retained: held.good_until.map(|until| until.saturating_sub(now)),
        });
        let keys = keys.collect();
        let state = self.state();
        let held = self.held.load();
        let good_as_of = state.plan.good_as_of();
        SourceStatus {
            issuer: Arc::clone(&self.config.issuer),
            kind: self.config.origin.kind(),
            origin: self.config.origin.place(),
            required_for_ready: self.config.required_for_ready,
            keys,
            skipped: state.skipped.clone(),
            keys_from: set.is_some().then(|| match held.as_deref() {
                Some(Held { as_of: None, .. }) => KeysFrom::Configuration,
                Some(held) if held.snapshot.is_some() => KeysFrom::Snapshot,
                _ => KeysFrom::Fetched,
            }),
            age: good_as_of.map(|at| now.saturating_sub(at)),
            max_stale: self.can_change().then_some(self.config.timing.max_stale),
            trusted_for: good_as_of.map(|at| {
                let end = at.saturating_add(self.config.timing.max_stale);
                end.saturating_sub(now)
            }),
            last_error: state.last_error.clone(),
            failures: state.plan.failures(),
            next_refresh: match self.can_change() {
                true => state.plan.next_in(now),
                false => None,
            },
            snapshot: self.snapshot_status(),
        }
    }

    /// Whether `other` reads the same place in the same way.
    pub fn reads_as(&self, other: &Self) -> bool {
        let (one, two) = (&self.config, &other.config);
        one.policy == two.policy && one.origin.reads_as(&two.origin)
    }

    /// Takes over what `other` holds, with its age.
    pub fn inherit(&self, other: &Self) {
        let Some(held) = other.held.load_full() else {
            return;
        };
        let Some(as_of) = held.as_of else { return };
        let set = match retained_at_most(&held.set, self.now(), self.config.timing.retention) {
            Some(shortened) => Arc::new(shortened),
            None => Arc::clone(&held.set),
        };
        let mut state = self.state();
        state.plan.inherit(as_of);
        state.skipped.clone_from(&other.state().skipped);
        self.held.store(Some(Arc::new(Held {
            set,
            as_of: held.as_of,
            snapshot: held.snapshot.clone(),
        })));
        if let (Some(keeper), Some(previous)) = (&self.keeper, &other.keeper) {
            keeper.inherit(previous);
        }
        self.had_keys.store(true, Ordering::Release);
    }

    /// Does the fetch that the plan has begun.
    async fn fetch(&self, number: u64) -> Result<(), FetchError> {
        let flight = Flight {
            source: self,
            number,
            over: false,
        };
        let read = read::read(&self.config.origin, &self.config.policy, self.limits).await;
        flight.land(read)
    }

    /// Brings what was read into the state. Keys are replaced by at least one key, or not at all (K6).
    fn ended(&self, number: u64, read: Result<ReadKeys, FetchError>) -> Result<(), FetchError> {
        let now = self.now();
        let jitter = Jitter(fastrand::u16(..));
        let mut state = self.state();
        self.age_snapshot(&mut state);
        let outcome = read.and_then(|read| {
            state.skipped.clone_from(&read.skipped);
            usable(&read).map(|()| read.keys)
        });
        let trusted = state.plan.trusted(now);
        let (result, outcome) = match outcome {
            Ok(keys) => {
                state.plan.ended(now, Ended::Succeeded, jitter);
                state.last_error = None;
                let previous = self.held.load_full();
                let previous =
                    previous.map_or_else(|| self.nothing(), |held| Arc::clone(&held.set));
                // What was too old to trust does not come to life again by leaving.
                let retention = match trusted {
                    true => self.config.timing.retention,
                    false => Duration::ZERO,
                };
                let merged = merge(&previous, keys, now, retention);
                if merged.is_some() || !trusted {
                    state.changed = Some(now);
                }
                let set = merged.map_or(previous, Arc::new);
                let as_of = state.plan.good_as_of();
                self.held.store(Some(Arc::new(Held {
                    set,
                    as_of,
                    snapshot: None,
                })));
                self.had_keys.store(true, Ordering::Release);
                (FetchResult::Ok, Ok(()))
            }
            Err(error) => {
                state.plan.ended(now, Ended::Failed, jitter);
                state.last_error = Some(error.text.clone());
                (error.result, Err(error))
            }
        };
        drop(state);
        let keys = self.key_set(now).map_or(0, |set| set.good_keys(now));
        self.observer
            .fetched(&self.config.issuer, self.id, result, keys);
        self.ended.send_replace(number);
        self.wake.notify_one();
        outcome
    }

    /// What a source holds before its first keys.
    fn nothing(&self) -> Arc<KeySet> {
        let any_kid = matches!(
            self.config.origin,
            Origin::File {
                format: FileFormat::Pem,
                ..
            }
        );
        Arc::new(KeySet::assembled(0, Vec::new(), any_kid))
    }

    fn now(&self) -> Duration {
        self.clock.now().monotonic
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A fetch in flight. Dropped before it has landed (aborted, or a panic), it counts as failed: the plan never waits for what will not end.
struct Flight<'s> {
    source: &'s Source,
    number: u64,
    over: bool,
}

impl Flight<'_> {
    fn land(mut self, read: Result<ReadKeys, FetchError>) -> Result<(), FetchError> {
        let outcome = self.source.ended(self.number, read);
        self.over = true;
        outcome
    }
}

impl Drop for Flight<'_> {
    fn drop(&mut self) {
        if self.over {
            return;
        }
        let now = self.source.now();
        let mut state = self.source.state();
        state.plan.ended(now, Ended::Failed, Jitter(0));
        drop(state);
        self.source.ended.send_replace(self.number);
        self.source.wake.notify_one();
    }
}

/// At least one key that can be used; otherwise the reasons of the first few that cannot.
fn usable(read: &ReadKeys) -> Result<(), FetchError> {
    const SHOWN: usize = 3;
    if !read.keys.is_empty() {
        return Ok(());
    }
    let mut text = "there is no key that can be used".to_owned();
    for (position, skipped) in read.skipped.iter().take(SHOWN).enumerate() {
        text.push_str(if position == 0 { ": " } else { "; " });
        if let Some(kid) = &skipped.kid {
            text.push_str(&format!("`{}` ", printable(kid)));
        }
        text.push_str(skipped.reason.name());
    }
    if read.skipped.len() > SHOWN {
        text.push_str("; and more");
    }
    Err(FetchError::new(FetchResult::NoUsableKey, text))
}
