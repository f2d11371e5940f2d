//! A source without a document: one key at each address, fetched when a token names its kid. [`super::kid_budget`] says which kid is worth
//! a fetch, [`super::kid_shelf`] what is held and how long; here they are at work.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use http::StatusCode;
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;

use super::fetch::{FetchError, FetchLimits, FetchSettings};
use super::kid::{Kid, KidUrl};
use super::kid_budget::{Grant, KidBudget};
use super::kid_shelf::{KidShelf, Proved};
use super::plan::{Jitter, Timing};
use super::source::Origin;
use super::status::{KeyStatus, KeysFrom, SourceStatus};
use super::task::{JUST_CHANGED, LONGEST_WAIT};
use super::{FetchResult, KeyObserver, KeySet, SourceId, read};
use crate::clock::Clock;
use crate::jose::jwk::KeyPolicy;
use crate::jose::key::VerificationKey;
use crate::jose::pem;

/// One key in PEM is smaller by far.
const MAX_PEM_BYTES: usize = 16 * 1024;
/// The task looks at the shelf at least so often.
const LONGEST_SLEEP: Duration = Duration::from_secs(3600);

/// Nothing in it is shared with another source (K9).
pub(super) struct KidSource {
    id: SourceId,
    settings: KidSettings,
    /// What requests read: swapped whole, never locked.
    held: ArcSwap<Held>,
    state: Mutex<State>,
    /// Something wants the task to look at the state.
    wake: Notify,
    clock: Arc<dyn Clock>,
    observer: Arc<dyn KeyObserver>,
    limits: FetchLimits,
}

/// What the configuration says of the source.
pub(super) struct KidSettings {
    pub issuer: Arc<str>,
    pub url: KidUrl,
    pub fetch: FetchSettings,
    pub timing: Timing,
    pub policy: KeyPolicy,
}

struct Held {
    set: Arc<KeySet>,
    /// Where the use of each key of the set is told, in its order.
    marks: Vec<Arc<Proved>>,
    /// A fetch failed: until then, having no key means that keys cannot be had.
    failing: Option<Duration>,
}

struct State {
    budget: KidBudget,
    shelf: KidShelf,
    /// Granted, and not begun yet.
    wanted: Vec<Flight>,
    /// What is asked for now; the receiver sees the end.
    in_flight: Vec<(Kid, watch::Receiver<()>)>,
    failing: Option<Duration>,
    last_error: Option<String>,
    /// When the last fetch that found a key began.
    last_success: Option<Duration>,
    /// When a key was last found.
    changed: Option<Duration>,
}

impl KidSource {
    pub fn new(
        id: SourceId,
        settings: KidSettings,
        clock: Arc<dyn Clock>,
        observer: Arc<dyn KeyObserver>,
        limits: FetchLimits,
    ) -> Self {
        let state = State {
            budget: KidBudget::new(settings.timing.refetch_interval),
            shelf: KidShelf::new(settings.timing),
            wanted: Vec::new(),
            in_flight: Vec::new(),
            failing: None,
            last_error: None,
            last_success: None,
            changed: None,
        };
        Self {
            id,
            settings,
            held: ArcSwap::from_pointee(state.held()),
            state: Mutex::new(state),
            wake: Notify::new(),
            clock,
            observer,
            limits: FetchLimits {
                body_bytes: limits.body_bytes.min(MAX_PEM_BYTES),
                ..limits
            },
        }
    }

    /// The keys that are here, if only none: which others there are, nobody can know. None while there is no key and the last fetch failed.
    pub fn key_set(&self, monotonic: Duration) -> Option<Arc<KeySet>> {
        let held = self.held.load();
        let failing = held.failing.is_some_and(|until| monotonic < until);
        (!failing || held.set.good_keys(monotonic) > 0).then(|| Arc::clone(&held.set))
    }

    /// See [`super::Keys::proved`].
    pub fn proved(&self, fingerprint: &[u8; 32]) {
        let held = self.held.load();
        let keys = held.set.keys().iter().zip(&held.marks);
        for (_, mark) in keys.filter(|(held, _)| held.key.fingerprint == *fingerprint) {
            mark.at(self.now());
        }
    }

    /// Fetches what is asked for and what is due, for ever.
    pub async fn run(self: Arc<Self>) {
        let mut flights = JoinSet::new();
        loop {
            let now = self.now();
            let (begin, next) = self.state().due(now);
            self.publish();
            for flight in begin {
                let source = Arc::clone(&self);
                flights.spawn(async move { source.fetch(flight).await.is_ok() });
            }
            let pause = next.map_or(LONGEST_SLEEP, |next| next.saturating_sub(now));
            tokio::select! {
                () = tokio::time::sleep(pause.min(LONGEST_SLEEP)) => {}
                () = self.wake.notified() => {}
                Some(_) = flights.join_next() => {}
            }
        }
    }

    /// See [`super::Keys::refetch`].
    pub async fn refetch(&self, kid: Option<&str>) -> bool {
        let Some(kid) = kid.and_then(Kid::parse) else {
            return false;
        };
        let now = self.now();
        let asked = self.state().ask(kid, now);
        match asked {
            Asked::Held { just_now } => just_now,
            Asked::Refused => {
                self.observer.suppressed(&self.settings.issuer);
                false
            }
            Asked::Flight(mut over) => {
                self.wake.notify_one();
                // The sender says nothing: it is dropped when the fetch is over. Too late is the same answer as no change.
                let _ = tokio::time::timeout(LONGEST_WAIT, over.changed()).await;
                true
            }
        }
    }

    /// Fetches one key now, whatever was asked before: for commands.
    pub async fn fetch_once(&self, kid: &str) -> Result<(), String> {
        let Some(kid) = Kid::parse(kid) else {
            return Err("the token's `kid` is not a UUID in lower case".to_owned());
        };
        let flight = self.state().begin(kid);
        self.fetch(flight).await.map_err(|error| error.text)
    }

    pub fn retry_after(&self) -> u64 {
        let failing = self.state().failing;
        let left = failing.map(|until| until.saturating_sub(self.now()));
        left.unwrap_or_default().as_secs().saturating_add(1)
    }

    pub fn status(&self) -> SourceStatus {
        let now = self.now();
        let set = Arc::clone(&self.held.load().set);
        let state = self.state();
        let next = state.shelf.next(|kid| !state.is_in_flight(kid));
        let good = set.keys().iter().filter(|held| held.is_good(now));
        let keys = good.map(|held| KeyStatus {
            kid: held.key.kid.clone(),
            algorithms: held.key.algorithms.iter().map(|a| a.name()).collect(),
            retained: state.shelf.retained(&held.key, now),
        });
        SourceStatus {
            issuer: Arc::clone(&self.settings.issuer),
            kind: Origin::KEY_PER_KID,
            origin: self.settings.url.to_string(),
            required_for_ready: false,
            keys: keys.collect(),
            keys_from: Some(KeysFrom::Fetched),
            age: state.last_success.map(|at| now.saturating_sub(at)),
            last_error: state.last_error.clone(),
            next_refresh: next.map(|next| next.saturating_sub(now)),
            ..SourceStatus::default()
        }
    }

    /// Takes over what `other`, which reads the same place in the same way, holds.
    pub fn inherit(&self, other: &Self) {
        let old = other.state();
        let mut state = self.state();
        state.shelf.inherit(&old.shelf, self.now());
        state.last_success = old.last_success;
        drop((old, state));
        self.publish();
    }

    /// Whether `other` reads the same place in the same way.
    pub fn reads_as(&self, other: &Self) -> bool {
        let (one, two) = (&self.settings, &other.settings);
        one.url == two.url && one.policy == two.policy && one.fetch.reads_as(&two.fetch)
    }

    async fn fetch(&self, flight: Flight) -> Result<(), FetchError> {
        let kid = flight.kid;
        let landing = Landing {
            source: self,
            flight,
            began: self.now(),
            over: false,
        };
        let read = self.read(kid).await;
        landing.land(read)
    }

    async fn read(&self, kid: Kid) -> Result<VerificationKey, FetchError> {
        let KidSettings {
            url, fetch, policy, ..
        } = &self.settings;
        let place = url
            .of(kid)
            .map_err(|bad| FetchError::new(FetchResult::BadDocument, bad.0))?;
        let document = read::get(&place, url.sample(), fetch, self.limits).await?;
        let text = std::str::from_utf8(&document).unwrap_or_default();
        if !text.contains("-----BEGIN ") {
            let text = format!("`{place}` is not a key in PEM{}", read::hint_of(&document));
            return Err(FetchError::new(FetchResult::NotAKeySet, text));
        }
        let mut key = pem::read_one(text, policy).map_err(|reason| {
            let text = format!("the key of `{place}` is skipped: {}", reason.explanation());
            FetchError::new(FetchResult::NoUsableKey, text)
        })?;
        key.kid = Some(kid.to_string().into());
        // The address is named by the kid, and by nothing else.
        (key.x5t, key.x5t_s256) = (None, None);
        Ok(key)
    }

    /// Brings what was read into the state.
    fn ended(
        &self,
        kid: Kid,
        began: Duration,
        read: Result<VerificationKey, FetchError>,
    ) -> Result<(), FetchError> {
        let now = self.now();
        let mut state = self.state();
        let (result, outcome) = match read {
            Ok(key) => {
                state.found(kid, key, began, now);
                (FetchResult::Ok, Ok(()))
            }
            Err(error) if state.says_absent(kid, &error) => {
                state.absent(kid, now);
                (FetchResult::NoSuchKey, Err(error))
            }
            Err(error) => {
                state.failed(kid, &error, now);
                (error.result, Err(error))
            }
        };
        drop(state);
        self.publish();
        let keys = self.held.load().set.good_keys(now);
        self.observer
            .fetched(&self.settings.issuer, self.id, result, keys);
        outcome
    }

    /// Shows requests what the state holds.
    fn publish(&self) {
        let state = self.state();
        self.held.store(Arc::new(state.held()));
    }

    fn now(&self) -> Duration {
        self.clock.now().monotonic
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What becomes of a token's question for a key.
enum Asked {
    /// It is here; whether it came so lately that the look-up may have been before.
    Held {
        just_now: bool,
    },
    Flight(watch::Receiver<()>),
    Refused,
}

impl State {
    fn ask(&mut self, kid: Kid, now: Duration) -> Asked {
        if let Some((_, over)) = self.in_flight.iter().find(|(other, _)| *other == kid) {
            return Asked::Flight(over.clone());
        }
        if self.shelf.holds(kid, now) {
            // A signature that it does not verify costs nothing: a kid made at random is never given to another key.
            let changed = self.changed;
            let just_now = changed.is_some_and(|at| now.saturating_sub(at) < JUST_CHANGED);
            return Asked::Held { just_now };
        }
        match self.budget.ask(kid, now) {
            Grant::Fetch => {
                let flight = self.begin(kid);
                let over = flight.over.subscribe();
                self.wanted.push(flight);
                Asked::Flight(over)
            }
            Grant::InVain | Grant::Spent => Asked::Refused,
        }
    }

    /// What is to be fetched now, and when there will be more.
    fn due(&mut self, now: Duration) -> (Vec<Flight>, Option<Duration>) {
        let mut flights = std::mem::take(&mut self.wanted);
        for kid in self.shelf.due(now) {
            if !self.is_in_flight(kid) {
                flights.push(self.begin(kid));
            }
        }
        let next = self.shelf.next(|kid| !self.is_in_flight(kid));
        (flights, next)
    }

    fn is_in_flight(&self, kid: Kid) -> bool {
        self.in_flight.iter().any(|(other, _)| *other == kid)
    }

    fn begin(&mut self, kid: Kid) -> Flight {
        let over = watch::Sender::new(());
        self.in_flight.push((kid, over.subscribe()));
        Flight { kid, over }
    }

    fn found(&mut self, kid: Kid, key: VerificationKey, began: Duration, now: Duration) {
        self.shelf.put(kid, key, began, Jitter(fastrand::u16(..)));
        self.failing = None;
        self.last_error = None;
        self.last_success = Some(began);
        self.changed = Some(now);
    }

    /// Whether the issuer has no such key. Some answer 403 where others answer 404 (S3 does to those who may not list a bucket): for a
    /// kid that a token made up that is the same, but a key that is held does not go because somebody on the way forbids to ask.
    fn says_absent(&self, kid: Kid, error: &FetchError) -> bool {
        error.status.is_some_and(|status| match status {
            StatusCode::NOT_FOUND | StatusCode::GONE => true,
            StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS => false,
            other => other.is_client_error() && !self.shelf.has(kid),
        })
    }

    /// No error: anybody can name a kid that nobody has.
    fn absent(&mut self, kid: Kid, now: Duration) {
        self.failing = None;
        self.budget.absent(kid, now);
        self.shelf.gone(kid, now);
    }

    fn failed(&mut self, kid: Kid, error: &FetchError, now: Duration) {
        self.failing = Some(now.saturating_add(self.budget.pause()));
        self.last_error = Some(error.text.clone());
        self.budget.failed(kid, now);
        self.shelf.failed(kid, now);
    }

    fn held(&self) -> Held {
        let (set, marks) = self.shelf.view();
        Held {
            set: Arc::new(set),
            marks,
            failing: self.failing,
        }
    }
}

/// A fetch that was granted. Whoever waits for it sees its end when it is dropped.
struct Flight {
    kid: Kid,
    over: watch::Sender<()>,
}

/// A fetch at work. Dropped before it has landed (aborted, or a panic), it counts as failed.
struct Landing<'s> {
    source: &'s KidSource,
    flight: Flight,
    began: Duration,
    over: bool,
}

impl Landing<'_> {
    fn land(mut self, read: Result<VerificationKey, FetchError>) -> Result<(), FetchError> {
        let outcome = self.source.ended(self.flight.kid, self.began, read);
        self.over = true;
        outcome
    }
}

impl Drop for Landing<'_> {
    fn drop(&mut self) {
        let kid = self.flight.kid;
        let now = self.source.now();
        let mut state = self.source.state();
        state.in_flight.retain(|(other, _)| *other != kid);
        if !self.over {
            state.budget.failed(kid, now);
            state.shelf.failed(kid, now);
        }
    }
}
