//! One life, lived: time goes from event to event, and nothing waits for anything.

use std::ops::Add;
use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;

use super::documents;
use super::gate::{Gate, sizes};
use super::life::{Condition, Life, Token, Way};
use super::oracle::{Breach, Oracle, Verdict};
use crate::keys::plan::{Answer, Jitter, Step};

/// Longest wait of a request for a fetch.
const LONGEST_WAIT: Duration = Duration::from_secs(5);
/// How late the task gets its turn, at most.
const LATEST_TURN: Duration = Duration::from_millis(20);
/// The bound on that which the promises are held to.
pub const LATE: Duration = Duration::from_millis(50);

pub struct World<G> {
    life: Arc<Life>,
    gate: G,
    oracle: Oracle,
    random: Rng,
    /// When the task looks at the plan next; none while it is in a fetch.
    turn: Option<Duration>,
    fetch: Option<(u64, Way)>,
    waiting: Vec<Waiting>,
    tally: Tally,
    /// Prints what happens.
    told: bool,
}

/// A request that waits for the fetch of this number.
struct Waiting {
    token: Token,
    arrived: Duration,
    number: u64,
}

/// What was lived through.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    pub fetches: usize,
    pub failed: usize,
    pub accepted: usize,
    pub refused: usize,
    pub unavailable: usize,
    pub waited: usize,
    pub suppressed: usize,
}

impl Add for Tally {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            fetches: self.fetches + other.fetches,
            failed: self.failed + other.failed,
            accepted: self.accepted + other.accepted,
            refused: self.refused + other.refused,
            unavailable: self.unavailable + other.unavailable,
            waited: self.waited + other.waited,
            suppressed: self.suppressed + other.suppressed,
        }
    }
}

#[derive(Clone, Copy)]
enum Event {
    FetchEnds,
    Arrives(Token),
    WaitEnds(usize),
    Turn,
}

impl<G: Gate> World<G> {
    pub fn new(life: Arc<Life>, gate: G, seed: u64, told: bool) -> Self {
        Self {
            gate,
            oracle: Oracle::new(Arc::clone(&life), LATE),
            life,
            random: Rng::with_seed(!seed),
            turn: Some(Duration::ZERO),
            fetch: None,
            waiting: Vec::new(),
            tally: Tally::default(),
            told,
        }
    }

    /// To the end, or to the first broken promise.
    pub fn live(mut self) -> Result<Tally, Breach> {
        let life = Arc::clone(&self.life);
        let mut arrivals = life.arrivals.iter().copied().peekable();
        loop {
            let (at, event) = self.next(arrivals.peek());
            if at > self.life.end {
                self.tally.fetches = self.oracle.fetches;
                return Ok(self.tally);
            }
            match event {
                Event::FetchEnds => self.fetch_ends(at)?,
                Event::Arrives(token) => {
                    arrivals.next();
                    self.arrives(token, at)?;
                }
                Event::WaitEnds(which) => {
                    let waiting = self.waiting.swap_remove(which);
                    self.settle(waiting, at)?;
                }
                Event::Turn => self.turn(at)?,
            }
        }
    }

    /// The earliest; of several at the same time the first of this list.
    fn next(&self, arrival: Option<&(Duration, Token)>) -> (Duration, Event) {
        let fetch = self
            .fetch
            .iter()
            .map(|(_, way)| (way.ended, Event::FetchEnds));
        let arrival = arrival.map(|(at, token)| (*at, Event::Arrives(*token)));
        let waits = self.waiting.iter().enumerate();
        let waits =
            waits.map(|(which, waiting)| (waiting.arrived + LONGEST_WAIT, Event::WaitEnds(which)));
        let turn = self.turn.map(|at| (at, Event::Turn));
        let events = fetch.chain(arrival).chain(waits).chain(turn);
        events
            .min_by_key(|(at, _)| *at)
            .unwrap_or((Duration::MAX, Event::Turn))
    }

    fn turn(&mut self, now: Duration) -> Result<(), Breach> {
        self.turn = match self.gate.poll(now) {
            Step::Fetch(number) => {
                self.oracle.fetch_begins(now)?;
                let patience = self.gate.patience();
                let way = self.life.way(now, patience, &mut self.random);
                self.tell(now, || {
                    format!("fetch {number} begins: {:?}", way.condition)
                });
                self.fetch = Some((number, way));
                None
            }
            Step::WaitUntil(then) => Some(self.soon(then.max(now))),
            Step::InFlight => None,
        };
        Ok(())
    }

    fn fetch_ends(&mut self, now: Duration) -> Result<(), Breach> {
        let Some((number, way)) = self.fetch.take() else {
            return Ok(());
        };
        let published = self.life.published(way.answered);
        let body = match way.condition {
            // More bytes than are read.
            Condition::Giant => None,
            condition => documents::body(condition, published),
        };
        let jitter = Jitter(self.random.u16(..));
        self.gate.fetched(now, body.as_deref(), jitter);
        let served = way.condition.serves().then_some(published);
        self.tell(now, || {
            format!("fetch {number} ends: {:?}, {served:?}", way.condition)
        });
        self.tally.failed += usize::from(served.is_none());
        self.oracle.fetch_ends(now, served)?;
        let (current, retained) = sizes(&self.gate.parts().set);
        self.oracle.holds(current, retained)?;
        self.turn = Some(self.soon(now));
        let (over, waiting) = std::mem::take(&mut self.waiting)
            .into_iter()
            .partition(|waiting: &Waiting| waiting.number <= number);
        self.waiting = waiting;
        over.into_iter()
            .try_for_each(|waiting| self.settle(waiting, now))
    }

    fn arrives(&mut self, token: Token, now: Duration) -> Result<(), Breach> {
        let verdict = self.gate.judge(token, now);
        if verdict != Verdict::Refused {
            return self.answer(token, now, now, verdict);
        }
        self.oracle.judged(token, now, verdict)?;
        if !self.gate.asks(token, now) {
            return self.answer(token, now, now, verdict);
        }
        self.oracle.asks(now);
        match self.gate.unknown_key(now, token) {
            Answer::WaitFor(number) => {
                self.tell(now, || format!("{token:?} waits for fetch {number}"));
                self.tally.waited += 1;
                self.waiting.push(Waiting {
                    token,
                    arrived: now,
                    number,
                });
                let woken = self.soon(now);
                self.turn = Some(self.turn.map_or(woken, |turn| turn.min(woken)));
                Ok(())
            }
            Answer::Suppressed => {
                self.tally.suppressed += 1;
                self.oracle.suppressed(now)?;
                let waiting = Waiting {
                    token,
                    arrived: now,
                    number: 0,
                };
                self.settle(waiting, now)
            }
        }
    }

    /// Whoever waited long enough looks once more, if that may help.
    fn settle(&mut self, waiting: Waiting, now: Duration) -> Result<(), Breach> {
        let Waiting { token, arrived, .. } = waiting;
        let verdict = match self.gate.look_again(arrived) {
            true => self.gate.judge(token, now),
            false => Verdict::Refused,
        };
        self.answer(token, arrived, now, verdict)
    }

    fn answer(
        &mut self,
        token: Token,
        arrived: Duration,
        now: Duration,
        verdict: Verdict,
    ) -> Result<(), Breach> {
        self.tell(now, || format!("{token:?} of {arrived:?}: {verdict:?}"));
        match verdict {
            Verdict::Accepted => self.tally.accepted += 1,
            Verdict::Refused => self.tally.refused += 1,
            Verdict::Unavailable => self.tally.unavailable += 1,
        }
        self.oracle.answered(token, arrived, now, verdict)
    }

    /// The task's turn comes a little after it is woken.
    fn soon(&mut self, at: Duration) -> Duration {
        let latest = LATEST_TURN.as_micros() as u64;
        at + Duration::from_micros(self.random.u64(..latest))
    }

    fn tell(&self, now: Duration, what: impl Fn() -> String) {
        if self.told {
            eprintln!("{:>14.6} {}", now.as_secs_f64(), what());
        }
    }
}
