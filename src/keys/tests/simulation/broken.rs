//! Gates with one fault each. The oracle that does not see through every one of them proves nothing.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::gate::{Gate, Parts, candidates};
use super::life::{LONGEST_FETCH, Life, Token};
use crate::jose::jwk::{KeyPolicy, MAX_KEYS, read_set};
use crate::jose::key::VerificationKey;
use crate::keys::plan::{Answer, Ended, Jitter, Step};
use crate::keys::set::{Candidates, HeldKey, KeySet};

const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Each unknown key causes a fetch.
    NoFloor,
    /// Each kid has a floor of its own.
    FloorOfEachKid,
    /// The start-up fetch counts for the floor.
    StartUpCounts,
    /// An unknown key begins a fetch although one is in flight.
    TwoInFlight,
    /// Unknown keys never cause a fetch.
    DeafToQuestions,
    /// A key of another type under a kid that is held is no question.
    DeafToAnotherType,
    /// A question puts the background fetch off.
    QuestionsPutRefreshOff,
    /// Whoever waited for a fetch is refused without another look.
    WaitersAreForgotten,
    /// A failed fetch takes the keys away.
    FailureEmpties,
    /// A failed fetch keeps the keys, and makes them young.
    FailureCountsAsSuccess,
    /// Whatever came is a success, keys or not.
    AnyBodyIsASuccess,
    /// `max_stale` is not looked at.
    NeverStale,
    /// The keys die long before `max_stale`.
    StaleTooEarly,
    /// What was too old to trust is retained.
    StaleIsRetained,
    /// What has left stays.
    RemovedStays,
    /// `retention` is not looked at.
    NoRetention,
    /// The retention begins anew with each document.
    RetentionBeginsAnew,
    /// Another key under a kid that is held is not taken.
    FirstOfAKidStays,
    /// The refresh comes at half the rate.
    RefreshesTooLate,
    /// After failures it pauses for minutes.
    PausesForMinutes,
    /// After a failure it asks again at once.
    DoesNotPause,
    /// A fetch that hangs is waited for.
    WaitsForEver,
    /// All keys of a document are taken.
    TakesEveryKey,
    /// A document with one bad key is refused.
    OneBadKeySpoilsAll,
}

impl Fault {
    pub const ALL: [Self; 24] = [
        Self::NoFloor,
        Self::FloorOfEachKid,
        Self::StartUpCounts,
        Self::TwoInFlight,
        Self::DeafToQuestions,
        Self::DeafToAnotherType,
        Self::QuestionsPutRefreshOff,
        Self::WaitersAreForgotten,
        Self::FailureEmpties,
        Self::FailureCountsAsSuccess,
        Self::AnyBodyIsASuccess,
        Self::NeverStale,
        Self::StaleTooEarly,
        Self::StaleIsRetained,
        Self::RemovedStays,
        Self::NoRetention,
        Self::RetentionBeginsAnew,
        Self::FirstOfAKidStays,
        Self::RefreshesTooLate,
        Self::PausesForMinutes,
        Self::DoesNotPause,
        Self::WaitsForEver,
        Self::TakesEveryKey,
        Self::OneBadKeySpoilsAll,
    ];
}

/// A gate with this fault.
pub struct Broken {
    fault: Fault,
    parts: Parts,
    /// When each token last caused a fetch.
    floors: HashMap<String, Duration>,
    last_question: Option<Duration>,
    /// A question was granted a fetch.
    granted: bool,
    /// A fetch is to begin beside the plan.
    beside: bool,
    /// In a row.
    failures: u32,
    last_failure: Duration,
}

impl Broken {
    pub fn new(fault: Fault, life: &Life) -> Self {
        let (mut planned, mut held) = (life.timing, life.timing);
        match fault {
            Fault::NoFloor | Fault::FloorOfEachKid => planned.refetch_interval = Duration::ZERO,
            Fault::RefreshesTooLate => planned.refresh_interval *= 2,
            Fault::NeverStale => held.max_stale = YEAR,
            Fault::StaleTooEarly => held.max_stale /= 4,
            Fault::RemovedStays => held.retention = YEAR,
            Fault::NoRetention => held.retention = Duration::ZERO,
            _ => {}
        }
        let mut parts = Parts::new(planned);
        parts.timing = held;
        Self {
            fault,
            parts,
            floors: HashMap::new(),
            last_question: None,
            granted: false,
            beside: false,
            failures: 0,
            last_failure: Duration::ZERO,
        }
    }
}

impl Gate for Broken {
    fn parts(&mut self) -> &mut Parts {
        &mut self.parts
    }

    fn asks(&mut self, token: Token, now: Duration) -> bool {
        let found = candidates(&self.parts.set, token, now);
        self.fault != Fault::DeafToAnotherType || !matches!(found, Candidates::WrongAlgorithm)
    }

    fn patience(&self) -> Duration {
        match self.fault {
            Fault::WaitsForEver => YEAR,
            _ => LONGEST_FETCH,
        }
    }

    fn poll(&mut self, now: Duration) -> Step {
        let refresh = self.parts.timing.refresh_interval;
        let pause_until = match self.fault {
            Fault::QuestionsPutRefreshOff if !self.granted && self.failures == 0 => {
                self.last_question.map(|at| at + refresh)
            }
            Fault::PausesForMinutes if self.failures > 3 => {
                Some(self.last_failure + Duration::from_secs(120))
            }
            _ => None,
        };
        if let Some(until) = pause_until.filter(|until| *until > now) {
            return Step::WaitUntil(until);
        }
        let at_once = self.fault == Fault::DoesNotPause && self.failures > 0;
        if std::mem::take(&mut self.beside) || at_once {
            return Step::Fetch(self.parts.plan.begin(now).1);
        }
        let step = self.parts.plan.poll(now);
        self.granted &= !matches!(step, Step::Fetch(_));
        step
    }

    fn unknown_key(&mut self, now: Duration, token: Token) -> Answer {
        // By the configuration: the plan may have been told another one.
        let floor = self.parts.timing.refetch_interval;
        self.last_question = Some(now);
        let recent = |at: &Duration| now - *at < floor;
        match self.fault {
            Fault::DeafToQuestions => return Answer::Suppressed,
            Fault::StartUpCounts if now < floor => return Answer::Suppressed,
            Fault::FloorOfEachKid => {
                let kid = format!("{token:?}");
                if self.floors.get(&kid).is_some_and(recent) {
                    return Answer::Suppressed;
                }
                self.floors.insert(kid, now);
            }
            Fault::TwoInFlight => self.beside = true,
            _ => {}
        }
        let answer = self.parts.plan.unknown_key(now);
        self.granted |= answer != Answer::Suppressed;
        answer
    }

    fn read(&mut self, body: &[u8]) -> Option<Vec<VerificationKey>> {
        let policy = KeyPolicy::default();
        match self.fault {
            Fault::TakesEveryKey => Some(every_key(body)),
            Fault::AnyBodyIsASuccess => {
                Some(read_set(body, &policy).map_or(Vec::new(), |read| read.keys))
            }
            Fault::OneBadKeySpoilsAll => {
                let read = read_set(body, &policy).ok()?;
                read.skipped.is_empty().then_some(read.keys)
            }
            _ => Some(read_set(body, &policy).ok()?.keys),
        }
    }

    fn is_enough(&self, keys: &[VerificationKey]) -> bool {
        !keys.is_empty() || self.fault == Fault::AnyBodyIsASuccess
    }

    fn succeeded(&mut self, now: Duration, keys: Vec<VerificationKey>, jitter: Jitter) {
        self.failures = 0;
        let parts = &mut self.parts;
        let another = |key: &VerificationKey| {
            let held = parts.set.keys().iter().map(|held| &held.key);
            held.filter(|held| held.kid == key.kid)
                .any(|held| held.fingerprint != key.fingerprint)
        };
        if self.fault == Fault::FirstOfAKidStays && keys.iter().any(another) {
            parts.plan.ended(now, Ended::Succeeded, jitter);
            parts.as_of = parts.plan.good_as_of();
            return;
        }
        let trusted = parts.plan.trusted(now) || self.fault == Fault::StaleIsRetained;
        parts.take(now, keys, jitter, trusted);
        if self.fault == Fault::RetentionBeginsAnew {
            let until = now + parts.timing.retention;
            let anew = parts.set.keys().iter().map(|held| HeldKey {
                key: Arc::clone(&held.key),
                good_until: held.good_until.map(|_| until),
            });
            let set = KeySet::assembled(parts.set.generation, anew.collect(), false);
            parts.set = Arc::new(set);
        }
    }

    fn failed(&mut self, now: Duration, jitter: Jitter) {
        self.failures += 1;
        self.last_failure = now;
        let parts = &mut self.parts;
        match self.fault {
            Fault::FailureCountsAsSuccess => {
                parts.plan.ended(now, Ended::Succeeded, jitter);
                parts.as_of = parts.plan.good_as_of();
            }
            Fault::FailureEmpties => {
                parts.plan.ended(now, Ended::Failed, jitter);
                parts.set = Arc::new(KeySet::assembled(0, Vec::new(), false));
            }
            _ => parts.plan.ended(now, Ended::Failed, jitter),
        }
    }

    fn look_again(&mut self, asked: Duration) -> bool {
        self.fault != Fault::WaitersAreForgotten && self.parts.just_changed(asked)
    }
}

/// A hundred at a time, to the end.
fn every_key(body: &[u8]) -> Vec<VerificationKey> {
    let Ok(document) = serde_json::from_slice::<Value>(body) else {
        return Vec::new();
    };
    let entries = document["keys"].as_array().cloned().unwrap_or_default();
    let documents = entries
        .chunks(MAX_KEYS)
        .map(|some| json!({ "keys": some }).to_string());
    documents
        .filter_map(|some| read_set(some.as_bytes(), &KeyPolicy::default()).ok())
        .flat_map(|read| read.keys)
        .collect()
}
