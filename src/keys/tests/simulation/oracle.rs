//! What must hold, judged from the outside: from the issuer's life, the fetches that it saw, and the answers that clients got. Nothing of
//! the code under test is in here; what was fetched is kept as a list, and each question looks through all of it.

use std::sync::Arc;
use std::time::Duration;

use super::documents::Name;
use super::life::{LONGEST_FETCH, LONGEST_PAUSE, Life, Token};
use crate::keys::plan::Timing;

/// What a client's request comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Accepted,
    /// 401: unknown key, or a bad signature.
    Refused,
    /// 503: there are no keys.
    Unavailable,
}

/// A broken promise.
#[derive(Clone, Debug)]
pub struct Breach {
    /// The name of the promise.
    pub promise: &'static str,
    pub what: String,
}

type Held = Result<(), Breach>;

pub struct Oracle {
    life: Arc<Life>,
    /// How late the other side may do what is due: its timers, its wake-ups.
    late: Duration,
    in_flight: Option<Duration>,
    last: Option<Fetch>,
    /// Failures in a row.
    failures: u32,
    /// When a client last asked for a key that was not there.
    asked: Option<Duration>,
    /// When a fetch last began for such a question alone.
    caused: Option<Duration>,
    /// When a fetch last began right after such a question.
    after_a_question: Option<Duration>,
    landings: Vec<Landing>,
    pub fetches: usize,
}

struct Fetch {
    began: Duration,
    succeeded: bool,
}

/// A document that came whole.
struct Landing {
    began: Duration,
    ended: Duration,
    keys: Vec<Name>,
}

impl Oracle {
    pub fn new(life: Arc<Life>, late: Duration) -> Self {
        Self {
            life,
            late,
            in_flight: None,
            last: None,
            failures: 0,
            asked: None,
            caused: None,
            after_a_question: None,
            landings: Vec::new(),
            fetches: 0,
        }
    }

    /// A client asks for a key that is not there.
    pub fn asks(&mut self, at: Duration) {
        self.asked = Some(at);
    }

    pub fn fetch_begins(&mut self, at: Duration) -> Held {
        if let Some(other) = self.in_flight {
            return breach(
                "k05_one_in_flight",
                format!("one began at {other:?}, another one at {at:?}"),
            );
        }
        self.in_flight = Some(at);
        self.fetches += 1;
        let asked = self
            .asked
            .filter(|asked| at.saturating_sub(*asked) <= self.late);
        if self.last.is_some() && asked.is_some() {
            self.after_a_question = Some(at);
        }
        if self.due_by_time(at) {
            return Ok(());
        }
        let Some(asked) = asked else {
            return breach(
                "k05_floor",
                format!("a fetch at {at:?} that nobody asked for and that was not due"),
            );
        };
        let floor = self.life.timing.refetch_interval;
        if let Some(before) = self.caused.replace(asked)
            && asked + self.late < before + floor
        {
            return breach(
                "k05_floor",
                format!("fetches for unknown keys at {before:?} and {asked:?}"),
            );
        }
        Ok(())
    }

    /// Whether a fetch may begin although nobody asks.
    fn due_by_time(&self, at: Duration) -> bool {
        let Some(last) = &self.last else {
            return true;
        };
        let since = at.saturating_sub(last.began);
        let soonest = match last.succeeded {
            true => self.refresh_interval().mul_f64(0.9),
            // 1 s, 2 s, 4 s, ... 30 s, spread over the upper half of each.
            false => Duration::from_secs(1 << (self.failures - 1).min(5))
                .min(LONGEST_PAUSE)
                .div_f64(2.0)
                .max(Duration::from_secs(1))
                .min(self.life.timing.refresh_interval),
        };
        since + self.late >= soonest
    }

    /// The fetch in flight is over; `served` is the document, if the issuer gave one.
    pub fn fetch_ends(&mut self, at: Duration, served: Option<&[Name]>) -> Held {
        let Some(began) = self.in_flight.take() else {
            return breach(
                "k05_one_in_flight",
                format!("none was in flight, and one ended at {at:?}"),
            );
        };
        if at > began + LONGEST_FETCH + self.late {
            return breach("k04_deadline", format!("a fetch from {began:?} to {at:?}"));
        }
        self.failures = match served {
            Some(_) => 0,
            None => self.failures + 1,
        };
        self.last = Some(Fetch {
            began,
            succeeded: served.is_some(),
        });
        if let Some(keys) = served {
            self.landings.push(Landing {
                began,
                ended: at,
                keys: keys.to_vec(),
            });
        }
        Ok(())
    }

    /// A question was turned away, because a fetch for an unknown key was too recent.
    pub fn suppressed(&self, at: Duration) -> Held {
        let floor = self.life.timing.refetch_interval;
        match self.after_a_question {
            Some(fetch) if at <= fetch + floor + self.late => Ok(()),
            last => breach(
                "k05_asks_when_it_may",
                format!("turned away at {at:?}, the last fetch for a question was at {last:?}"),
            ),
        }
    }

    /// What the keys that are held say about a token, without any waiting: a key that is known is known at once (K4).
    pub fn judged(&self, token: Token, at: Duration, verdict: Verdict) -> Held {
        let told = || format!("{token:?} was {verdict:?} at {at:?}");
        match self.should_be_good(token, at) {
            None if verdict != Verdict::Unavailable => breach("k06_max_stale", told()),
            Some(_) if verdict == Verdict::Unavailable => {
                breach("k06_last_good_set_is_kept", told())
            }
            Some(Some(true)) if verdict != Verdict::Accepted => {
                breach("k06_last_good_key_is_kept", told())
            }
            Some(Some(false)) if verdict != Verdict::Refused => {
                breach("k07_only_what_was_published_is_good", told())
            }
            _ => Ok(()),
        }
    }

    /// A client that came at `arrived` has its answer at `at`, maybe after a wait.
    pub fn answered(
        &self,
        token: Token,
        arrived: Duration,
        at: Duration,
        verdict: Verdict,
    ) -> Held {
        let told = || format!("{token:?} of {arrived:?} was {verdict:?} at {at:?}");
        if at > arrived + LONGEST_FETCH + self.late {
            return breach("k04_waits_are_bounded", told());
        }
        if at == arrived || verdict != Verdict::Refused {
            self.judged(token, at, verdict)?;
        } else if self.should_be_good(token, at) == Some(Some(true)) {
            // The keys may have grown too old while it waited: then it stays refused.
            return breach("k05_who_waited_looks_again", told());
        }
        match (token, verdict) {
            (_, Verdict::Unavailable) => self.soon_back(at, told),
            (Token::Of(name), Verdict::Accepted) => self.dead_in_time(name, at, told),
            (Token::Of(name), Verdict::Refused) => self.known_in_time(name, arrived, at, told),
            _ => Ok(()),
        }
    }

    /// K12: an issuer that is there has been asked soon.
    fn soon_back(&self, at: Duration, told: impl Fn() -> String) -> Held {
        match self.life.serves_since(at) {
            Some(since) if at > since + LONGEST_PAUSE + LONGEST_FETCH + self.late => breach(
                "k12_back_soon",
                format!("{}, the issuer serves since {since:?}", told()),
            ),
            _ => Ok(()),
        }
    }

    /// K7: what the issuer has dropped is dead after an interval, a fetch and the retention.
    fn dead_in_time(&self, name: Name, at: Duration, told: impl Fn() -> String) -> Held {
        let (Some(gone), Some(serves)) =
            (self.life.absent_since(name, at), self.life.serves_since(at))
        else {
            return Ok(());
        };
        let dead = gone.max(serves)
            + self.noticed_within()
            + LONGEST_FETCH
            + self.life.timing.retention
            + self.late;
        match at > dead {
            true => breach(
                "k07_removed_key_is_dead",
                format!(
                    "{}, dropped at {gone:?}, the issuer serves since {serves:?}",
                    told()
                ),
            ),
            false => Ok(()),
        }
    }

    /// A key that is published is good for whoever comes an interval later (no false 401 with overlap), or asks when the floor allows a
    /// fetch (K8 too: another key under the same kid is another key).
    fn known_in_time(
        &self,
        name: Name,
        arrived: Duration,
        at: Duration,
        told: impl Fn() -> String,
    ) -> Held {
        let (Some(published), Some(serves)) = (
            self.life.published_since(name, at),
            self.life.serves_since(at),
        ) else {
            return Ok(());
        };
        let from = published.max(serves);
        let asked = self.life.timing.refetch_interval.max(LONGEST_FETCH);
        for (promise, within) in [
            ("no_false_401_with_overlap", self.noticed_within()),
            ("k08_known_within_the_floor", asked),
        ] {
            if arrived > from + within + self.late {
                return breach(
                    promise,
                    format!(
                        "{}, published at {published:?}, the issuer serves since {serves:?}",
                        told()
                    ),
                );
            }
        }
        Ok(())
    }

    /// Between the begins of two fetches by time, as configured: a set must not go stale between two that succeed.
    fn refresh_interval(&self) -> Duration {
        let Timing {
            refresh_interval,
            max_stale,
            ..
        } = self.life.timing;
        refresh_interval.min(max_stale / 2)
    }

    /// An issuer that serves has been asked within it, whatever was before.
    fn noticed_within(&self) -> Duration {
        let pause = LONGEST_PAUSE.min(self.life.timing.refresh_interval);
        self.refresh_interval().max(pause)
    }

    /// Whether the key of this token is to be believed, by what was served: none when nothing is, some none when that cannot be told.
    fn should_be_good(&self, token: Token, at: Duration) -> Option<Option<bool>> {
        let last = self.landings.last()?;
        if at > last.began + self.life.timing.max_stale {
            return None;
        }
        Some(match token {
            Token::Of(name) => Some(self.good(name, at)),
            Token::MadeUp(_) => Some(false),
            // At most four keys are tried.
            Token::WithoutKid(_) => None,
        })
    }

    fn good(&self, name: Name, at: Duration) -> bool {
        let Some(seen) = self
            .landings
            .iter()
            .rposition(|landing| landing.keys.contains(&name))
        else {
            return false;
        };
        let Some(missed) = self.landings.get(seen + 1) else {
            return true;
        };
        let was_trusted = missed.ended <= self.landings[seen].began + self.life.timing.max_stale;
        was_trusted && at < missed.ended + self.life.timing.retention
    }

    /// `Retry-After` of an answer without keys: not before the next fetch, and not long after it.
    pub fn comes_back(&self, verdict: Verdict, retry_after: u64) -> Held {
        let longest = LONGEST_PAUSE.as_secs() + 1;
        match verdict {
            Verdict::Unavailable if !(1..=longest).contains(&retry_after) => {
                breach("k12_retry_after", format!("{retry_after} s"))
            }
            _ => Ok(()),
        }
    }

    /// Ready from the first keys on, whatever becomes of the issuer.
    pub fn readiness(&self, ready: bool) -> Held {
        match ready == self.landings.is_empty() {
            true => breach("k12_ready_with_the_first_keys", format!("ready: {ready}")),
            false => Ok(()),
        }
    }

    /// How many keys are held: current ones, and those that are only retained.
    pub fn holds(&self, current: usize, retained: usize) -> Held {
        match current <= 100 && retained <= 1000 {
            true => Ok(()),
            false => breach(
                "k03_bounded",
                format!("{current} keys, {retained} retained"),
            ),
        }
    }
}

pub fn breach(promise: &'static str, what: String) -> Held {
    Err(Breach { promise, what })
}
