//! What a source of single keys knows at one time: what is held, what is asked for, what went wrong. Nothing here waits.

use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use tokio::sync::watch;

use super::KeySet;
use super::fetch::FetchError;
use super::kid::Kid;
use super::kid_budget::{Grant, KidBudget};
use super::kid_shelf::{KidShelf, Proved};
use super::plan::{Jitter, Timing};
use super::task::JUST_CHANGED;
use crate::jose::key::VerificationKey;

/// What requests read.
pub(super) struct Held {
    pub set: Arc<KeySet>,
    /// Where the use of each key of the set is told, in its order.
    pub marks: Vec<Arc<Proved>>,
    /// A fetch failed: until then, having no key means that keys cannot be had.
    pub failing: Option<Duration>,
}

pub(super) struct State {
    budget: KidBudget,
    pub shelf: KidShelf,
    /// Granted, and not begun yet.
    wanted: Vec<Flight>,
    /// What is asked for now; the receiver sees the end.
    in_flight: Vec<(Kid, watch::Receiver<()>)>,
    pub failing: Option<Duration>,
    pub last_error: Option<String>,
    /// When the last fetch that found a key began.
    pub last_success: Option<Duration>,
    /// When a key was last found.
    changed: Option<Duration>,
}

/// What becomes of a token's question for a key.
pub(super) enum Asked {
    /// It is here; whether it came so lately that the look-up may have been before.
    Held {
        just_now: bool,
    },
    Flight(watch::Receiver<()>),
    Refused,
}

impl State {
    pub fn new(timing: Timing) -> Self {
        Self {
            budget: KidBudget::new(timing.refetch_interval),
            shelf: KidShelf::new(timing),
            wanted: Vec::new(),
            in_flight: Vec::new(),
            failing: None,
            last_error: None,
            last_success: None,
            changed: None,
        }
    }

    /// A token names `kid`, and no key that is here verifies it.
    pub fn ask(&mut self, kid: Kid, now: Duration) -> Asked {
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
    pub fn due(&mut self, now: Duration) -> (Vec<Flight>, Option<Duration>) {
        let mut flights = std::mem::take(&mut self.wanted);
        for kid in self.shelf.due(now) {
            if !self.is_in_flight(kid) {
                flights.push(self.begin(kid));
            }
        }
        (flights, self.next())
    }

    fn is_in_flight(&self, kid: Kid) -> bool {
        self.in_flight.iter().any(|(other, _)| *other == kid)
    }

    pub fn begin(&mut self, kid: Kid) -> Flight {
        let over = watch::Sender::new(());
        self.in_flight.push((kid, over.subscribe()));
        Flight { kid, over }
    }

    pub fn found(&mut self, kid: Kid, key: VerificationKey, began: Duration, now: Duration) {
        self.shelf.put(kid, key, began, Jitter(fastrand::u16(..)));
        self.failing = None;
        self.last_error = None;
        self.last_success = Some(began);
        self.changed = Some(now);
    }

    /// Whether the issuer has no such key. S3 answers 403 where others answer 404 to those who may not list a bucket: of a kid that a token
    /// made up that says the same (unless a `token` was shown, which may be what is forbidden), but a key that is held does not go because
    /// somebody on the way forbids to ask for it.
    pub fn says_absent(&self, kid: Kid, error: &FetchError, token: bool) -> bool {
        error.status.is_some_and(|status| match status {
            StatusCode::NOT_FOUND | StatusCode::GONE => true,
            StatusCode::FORBIDDEN => !token && !self.shelf.has(kid),
            _ => false,
        })
    }

    /// No error: anybody can name a kid that nobody has.
    pub fn absent(&mut self, kid: Kid, now: Duration) {
        self.failing = None;
        self.budget.absent(kid, now);
        self.shelf.gone(kid, now);
    }

    pub fn failed(&mut self, kid: Kid, error: &FetchError, now: Duration) {
        self.failing = Some(now.saturating_add(self.budget.pause()));
        self.last_error = Some(error.text.clone());
        self.given_up(kid, now);
    }

    /// A fetch was given up.
    pub fn given_up(&mut self, kid: Kid, now: Duration) {
        self.budget.failed(kid, now);
        self.shelf.failed(kid, now);
    }

    /// A fetch is over, however it ended.
    pub fn over(&mut self, kid: Kid) {
        self.in_flight.retain(|(other, _)| *other != kid);
    }

    /// When a key is to be fetched again.
    pub fn next(&self) -> Option<Duration> {
        self.shelf.next(|kid| !self.is_in_flight(kid))
    }

    pub fn held(&self) -> Held {
        let (set, marks) = self.shelf.view();
        Held {
            set: Arc::new(set),
            marks,
            failing: self.failing,
        }
    }
}

/// A fetch that was granted. Whoever waits for it sees its end when it is dropped.
pub(super) struct Flight {
    pub kid: Kid,
    over: watch::Sender<()>,
}
