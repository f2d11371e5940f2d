//! A source without a document: one key at each address, fetched when a token names its kid. [`super::kid_budget`] says which kid is worth
//! a fetch, [`super::kid_shelf`] what is held and how long, `kid_state` puts them together; here they are at work.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::sync::Notify;
use tokio::task::JoinSet;

use super::fetch::{FetchError, FetchLimits, FetchSettings};
use super::kid::{Kid, KidUrl};
use super::kid_state::{Asked, Flight, Held, State};
use super::plan::Timing;
use super::source::Origin;
use super::status::{KeyStatus, KeysFrom, SourceStatus};
use super::task::LONGEST_WAIT;
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

impl KidSource {
    pub fn new(
        id: SourceId,
        settings: KidSettings,
        clock: Arc<dyn Clock>,
        observer: Arc<dyn KeyObserver>,
        limits: FetchLimits,
    ) -> Self {
        let state = State::new(settings.timing);
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

    /// From now on having no key means that keys cannot be had.
    pub fn stay_offline(&self) {
        self.state().failing = Some(Duration::MAX);
        self.publish();
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
        let good = || set.keys().iter().filter(|held| held.is_good(now));
        // Of several keys the last one that is left.
        let trusted_until = good().filter_map(|held| held.good_until).max();
        let keys = good().map(|held| KeyStatus {
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
            keys_from: trusted_until.map(|_| KeysFrom::Fetched),
            max_stale: Some(self.settings.timing.max_stale),
            trusted_for: trusted_until.map(|until| until.saturating_sub(now)),
            age: state.last_success.map(|at| now.saturating_sub(at)),
            last_error: state.last_error.clone(),
            next_refresh: state.next().map(|next| next.saturating_sub(now)),
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
        let shows_token = self.settings.fetch.token_file.is_some();
        let mut state = self.state();
        let (result, outcome) = match read {
            Ok(key) => {
                state.found(kid, key, began, now);
                (FetchResult::Ok, Ok(()))
            }
            Err(error) if state.says_absent(kid, &error, shows_token) => {
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
        state.over(kid);
        if !self.over {
            state.given_up(kid, now);
        }
    }
}
