//! When to fetch keys and how long to believe them: a state machine without I/O, clock or randomness of its own.
//!
//! One [`Plan`] belongs to one source. Its events are [`Plan::poll`] (time has passed), [`Plan::unknown_key`] (a token names a
//! key that the set does not have) and [`Plan::ended`] (a fetch is over). Times are readings of the monotonic clock.
//!
//! What it promises, whatever happens and in whatever order:
//! * at most one fetch is in flight;
//! * at most one fetch per `refetch_interval` is begun for unknown keys (K5); the start-up fetch is not one of them;
//! * after a success the next fetch begins within `refresh_interval` of the begin of the last one (K7);
//! * after a failure the next one begins within 30 s of the begin of the last one, and within `refresh_interval` (K12);
//! * nothing is trusted longer than `max_stale` after the begin of the last successful fetch (K6).

use std::time::Duration;

/// The times of one source, from configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// Between two background refreshes. Default 5 minutes.
    pub refresh_interval: Duration,
    /// Floor between fetches that unknown keys cause. 1 s to 10 min, default 30 s. The start-up fetch does not count.
    pub refetch_interval: Duration,
    /// How long the last good set is trusted without a successful fetch. Default 24 h.
    pub max_stale: Duration,
    /// How long a key that left the document stays good. Default 0, Entra 24 h.
    pub retention: Duration,
}

impl Timing {
    /// A key that the issuer takes back is gone within it. 10 s to 24 h.
    pub const DEFAULT_REFRESH_INTERVAL: Duration = Duration::from_secs(300);
    /// A new key is known within it, and tokens with made-up keys cost the issuer two fetches a minute. 1 s to 10 min.
    pub const DEFAULT_REFETCH_INTERVAL: Duration = Duration::from_secs(30);
    /// An issuer's outage of a day is lived through. At least `refresh_interval`, at most a week.
    pub const DEFAULT_MAX_STALE: Duration = Duration::from_secs(24 * 3600);
}

/// First pause after a failure; it doubles with each further one.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// Longest pause after a failure: an issuer that comes back is noticed within it.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// Shortest pause before any fetch that time alone causes: a wrong configuration must not spin.
const SHORTEST_PAUSE: Duration = Duration::from_millis(50);
/// How much earlier than `refresh_interval` a refresh may come, so that the gates of a fleet spread: a tenth.
const REFRESH_SPREAD: u32 = 10;

/// A random number of the caller's, for the spread of fetches.
#[derive(Clone, Copy, Debug)]
pub struct Jitter(pub u16);

/// What is to be done now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Begin the fetch of this number, then report it to [`Plan::ended`].
    Fetch(u64),
    /// Nothing before this time, unless an unknown key is asked for.
    WaitUntil(Duration),
    /// Nothing before the fetch in flight has ended.
    InFlight,
}

/// What becomes of a question for an unknown key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The fetch of this number will answer it. It may have begun already: what the issuer published before is in it.
    WaitFor(u64),
    /// The floor between such fetches forbids one now.
    Suppressed,
}

/// How a fetch ended, as far as the plan cares. A document without usable keys is a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    Succeeded,
    Failed,
}

/// The state of one source's fetching.
#[derive(Clone, Debug)]
pub struct Plan {
    timing: Timing,
    /// Fetches begun so far; the number of the last one.
    begun: u64,
    /// When the fetch in flight began.
    in_flight: Option<Duration>,
    /// When time alone causes the next fetch.
    next: Duration,
    /// An unknown key asked for a fetch that has not begun.
    wanted: bool,
    /// When a fetch was last granted to an unknown key.
    granted: Option<Duration>,
    /// When the last successful fetch began.
    good_as_of: Option<Duration>,
    /// Failures since the last success.
    failures: u32,
}

impl Plan {
    /// A source that was never fetched: its start-up fetch is due at `now`.
    pub fn new(timing: Timing, now: Duration) -> Self {
        Self {
            timing,
            begun: 0,
            in_flight: None,
            next: now,
            wanted: false,
            granted: None,
            good_as_of: None,
            failures: 0,
        }
    }

    /// What is to be done at `now`.
    pub fn poll(&mut self, now: Duration) -> Step {
        if self.in_flight.is_some() {
            return Step::InFlight;
        }
        if !self.wanted && now < self.next {
            return Step::WaitUntil(self.next);
        }
        Step::Fetch(self.begin(now).1)
    }

    /// Begins a fetch at `now` without asking whether it is due; false, and the number of the one in flight, when there is one.
    pub fn begin(&mut self, now: Duration) -> (bool, u64) {
        if self.in_flight.is_some() {
            return (false, self.begun);
        }
        self.wanted = false;
        self.in_flight = Some(now);
        self.begun = self.begun.saturating_add(1);
        (true, self.begun)
    }

    /// A token names a key that is not known.
    pub fn unknown_key(&mut self, now: Duration) -> Answer {
        if self.in_flight.is_some() {
            return Answer::WaitFor(self.begun);
        }
        let coming = Answer::WaitFor(self.begun.saturating_add(1));
        if self.wanted || self.next <= now {
            return coming;
        }
        let floor = self.timing.refetch_interval;
        if self
            .granted
            .is_some_and(|at| now.saturating_sub(at) < floor)
        {
            return Answer::Suppressed;
        }
        self.granted = Some(now);
        self.wanted = true;
        coming
    }

    /// The fetch in flight is over.
    pub fn ended(&mut self, now: Duration, ended: Ended, jitter: Jitter) {
        let Some(began) = self.in_flight.take() else {
            return;
        };
        let pause = match ended {
            Ended::Succeeded => {
                self.failures = 0;
                self.good_as_of = Some(began);
                refresh_pause(&self.timing, jitter)
            }
            Ended::Failed => {
                self.failures = self.failures.saturating_add(1);
                self.failure_pause(jitter)
            }
        };
        // From the begin, not the end: a fetch that took its 5 s to fail must not delay the next one by them.
        self.next = began
            .saturating_add(pause)
            .max(now.saturating_add(SHORTEST_PAUSE));
    }

    /// Takes over the age of a set that another plan fetched (a reloaded configuration).
    pub fn inherit(&mut self, good_as_of: Duration) {
        self.good_as_of = Some(good_as_of);
    }

    /// When the last successful fetch began.
    pub fn good_as_of(&self) -> Option<Duration> {
        self.good_as_of
    }

    /// Fetches that have failed since the last success.
    pub fn failures(&self) -> u32 {
        self.failures
    }

    /// Whether what was fetched last may still be used at `now`.
    pub fn trusted(&self, now: Duration) -> bool {
        self.good_as_of
            .is_some_and(|at| fresh_enough(at, now, self.timing.max_stale))
    }

    /// How long until time alone causes the next fetch; none while one is in flight.
    pub fn next_in(&self, now: Duration) -> Option<Duration> {
        match self.in_flight {
            Some(_) => None,
            None => Some(self.next.saturating_sub(now)),
        }
    }

    /// 1 s, 2 s, 4 s ... 30 s, spread over the upper half of each, at most `refresh_interval`.
    fn failure_pause(&self, Jitter(jitter): Jitter) -> Duration {
        let doublings = self.failures.saturating_sub(1).min(16);
        let longest = FIRST_PAUSE
            .saturating_mul(1 << doublings)
            .min(LONGEST_PAUSE);
        let pause = longest.saturating_sub(part(longest / 2, jitter));
        pause.max(FIRST_PAUSE).min(self.timing.refresh_interval)
    }
}

/// `refresh_interval`, up to a tenth less.
pub fn refresh_pause(timing: &Timing, Jitter(jitter): Jitter) -> Duration {
    // A set must not go stale between two refreshes that work.
    let longest = timing.refresh_interval.min(timing.max_stale / 2);
    let spread = longest / REFRESH_SPREAD;
    longest.saturating_sub(part(spread, jitter))
}

/// Whether a set that is good as of `as_of` is not older than `max_stale` at `now`.
pub fn fresh_enough(as_of: Duration, now: Duration, max_stale: Duration) -> bool {
    now.saturating_sub(as_of) <= max_stale
}

/// `whole` times `jitter` of 65,536.
fn part(whole: Duration, jitter: u16) -> Duration {
    whole.saturating_mul(u32::from(jitter)) / (u32::from(u16::MAX) + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NO_JITTER: Jitter = Jitter(0);

    fn seconds(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    fn timing() -> Timing {
        Timing {
            refresh_interval: Timing::DEFAULT_REFRESH_INTERVAL,
            refetch_interval: Timing::DEFAULT_REFETCH_INTERVAL,
            max_stale: Timing::DEFAULT_MAX_STALE,
            retention: Duration::ZERO,
        }
    }

    /// A plan whose start-up fetch began at 100 s and ended at once.
    fn started() -> Plan {
        let mut plan = Plan::new(timing(), seconds(100));
        assert_eq!(plan.poll(seconds(100)), Step::Fetch(1));
        plan.ended(seconds(100), Ended::Succeeded, NO_JITTER);
        plan
    }

    #[test]
    fn the_first_fetch_is_due_at_once_and_the_next_after_the_refresh_interval() {
        let mut plan = started();
        assert_eq!(plan.poll(seconds(101)), Step::WaitUntil(seconds(400)));
        assert_eq!(plan.poll(seconds(400)), Step::Fetch(2));
        assert_eq!(plan.poll(seconds(400)), Step::InFlight);
    }

    #[test]
    fn k05_unknown_keys_cause_one_fetch_per_interval_and_the_start_up_fetch_does_not_count() {
        let mut plan = started();
        for _ in 0..1000 {
            assert_eq!(plan.unknown_key(seconds(101)), Answer::WaitFor(2));
        }
        assert_eq!(plan.poll(seconds(101)), Step::Fetch(2));
        for _ in 0..1000 {
            assert_eq!(plan.unknown_key(seconds(102)), Answer::WaitFor(2));
        }
        plan.ended(seconds(102), Ended::Succeeded, NO_JITTER);
        for at in 102..131 {
            assert_eq!(plan.unknown_key(seconds(at)), Answer::Suppressed);
            assert_eq!(plan.poll(seconds(at)), Step::WaitUntil(seconds(401)));
        }
        assert_eq!(plan.unknown_key(seconds(131)), Answer::WaitFor(3));
    }

    #[test]
    fn k05_a_failed_fetch_counts_for_the_floor_too() {
        let mut plan = started();
        plan.unknown_key(seconds(101));
        plan.poll(seconds(101));
        plan.ended(seconds(101), Ended::Failed, NO_JITTER);
        assert_eq!(
            plan.unknown_key(Duration::from_millis(101_500)),
            Answer::Suppressed
        );
    }

    #[test]
    fn k06_the_last_good_set_is_trusted_until_max_stale_and_not_longer() {
        let mut plan = started();
        let mut now = seconds(100);
        let mut failed = 0;
        while plan.trusted(now) {
            match plan.poll(now) {
                Step::Fetch(_) => {
                    plan.ended(now, Ended::Failed, NO_JITTER);
                    failed += 1;
                }
                Step::WaitUntil(then) => now = then,
                Step::InFlight => panic!("nothing is in flight"),
            }
        }
        assert!(failed > 1000, "{failed}");
        assert!(plan.trusted(seconds(100) + Timing::DEFAULT_MAX_STALE));
        assert!(!plan.trusted(seconds(101) + Timing::DEFAULT_MAX_STALE));
        plan.poll(now);
        plan.ended(now, Ended::Succeeded, NO_JITTER);
        assert!(plan.trusted(now));
    }

    #[test]
    fn k12_failures_are_retried_after_1_to_30_seconds() {
        let mut plan = Plan::new(timing(), Duration::ZERO);
        let mut now = Duration::ZERO;
        let mut pauses = Vec::new();
        for _ in 0..8 {
            assert!(matches!(plan.poll(now), Step::Fetch(_)));
            plan.ended(now, Ended::Failed, NO_JITTER);
            let Step::WaitUntil(then) = plan.poll(now) else {
                panic!("no pause")
            };
            pauses.push((then - now).as_secs());
            now = then;
        }
        assert_eq!(pauses, [1, 2, 4, 8, 16, 30, 30, 30]);
    }

    #[test]
    fn k12_a_fetch_that_hung_does_not_push_the_next_one_beyond_30_seconds() {
        let mut plan = Plan::new(timing(), Duration::ZERO);
        let mut now = Duration::ZERO;
        let mut last_begin = Duration::ZERO;
        for _ in 0..20 {
            match plan.poll(now) {
                Step::Fetch(_) => {
                    assert!(now - last_begin <= seconds(30));
                    last_begin = now;
                    now += seconds(5);
                    plan.ended(now, Ended::Failed, NO_JITTER);
                }
                Step::WaitUntil(then) => now = then,
                Step::InFlight => panic!("nothing is in flight"),
            }
        }
    }

    #[test]
    fn a_zero_interval_does_not_spin() {
        let zero = Timing {
            refresh_interval: Duration::ZERO,
            refetch_interval: Duration::ZERO,
            max_stale: Duration::ZERO,
            retention: Duration::ZERO,
        };
        for ended in [Ended::Succeeded, Ended::Failed] {
            let mut plan = Plan::new(zero, Duration::ZERO);
            plan.poll(Duration::ZERO);
            plan.ended(Duration::ZERO, ended, Jitter(u16::MAX));
            assert_eq!(plan.poll(Duration::ZERO), Step::WaitUntil(SHORTEST_PAUSE));
        }
    }

    proptest! {
        /// A seeded life of one source: time passes, tokens with unknown keys come, fetches end in any way after any time.
        #[test]
        fn k05_k06_k07_the_promises_hold_whatever_happens(
            refresh in prop_oneof![1u64..30, 30u64..2000],
            refetch in 1u64..600,
            stale in 1u64..5000,
            events in prop::collection::vec((0u8..4, 0u64..40_000, any::<u16>()), 1..400),
        ) {
            let timing = Timing {
                refresh_interval: seconds(refresh),
                refetch_interval: seconds(refetch),
                max_stale: seconds(stale),
                retention: Duration::ZERO,
            };
            let mut now = seconds(7);
            let mut plan = Plan::new(timing, now);
            let mut in_flight: Option<(u64, Duration)> = None;
            let mut fetches = 0u64;
            let mut grants: Vec<Duration> = Vec::new();
            let mut last_success: Option<Duration> = None;
            let mut awaited: Option<u64> = None;
            for (event, milliseconds, jitter) in events {
                now += Duration::from_millis(milliseconds);
                match event {
                    0 | 1 => {
                        // A time-out ends any fetch after 5 s; the shell polls when the plan said.
                        if let Some((_, began)) = in_flight
                            && (event == 0 || now - began >= seconds(5))
                        {
                            let end = if jitter % 3 == 0 { Ended::Failed } else { Ended::Succeeded };
                            plan.ended(now, end, Jitter(jitter));
                            in_flight = None;
                            awaited = None;
                            if end == Ended::Succeeded {
                                last_success = Some(began);
                            }
                            let next = plan.next_in(now).unwrap();
                            let bound = if end == Ended::Failed { seconds(refresh.min(30)) } else { seconds(refresh) };
                            prop_assert!(now + next <= (began + bound).max(now + SHORTEST_PAUSE));
                        }
                    }
                    2 => {
                        let due = plan.next_in(now) == Some(Duration::ZERO);
                        let before = plan.granted;
                        match plan.unknown_key(now) {
                            Answer::WaitFor(number) => {
                                // Whoever waits, waits for the fetch in flight or for the very next one.
                                prop_assert_eq!(number, if in_flight.is_some() { fetches } else { fetches + 1 });
                                if plan.granted != before {
                                    prop_assert!(grants.last().is_none_or(|last| now - *last >= seconds(refetch)));
                                    grants.push(now);
                                }
                                awaited = Some(number);
                            }
                            Answer::Suppressed => {
                                prop_assert!(!due && in_flight.is_none() && awaited.is_none());
                                prop_assert!(now - *grants.last().unwrap() < seconds(refetch));
                            }
                        }
                    }
                    _ => match plan.poll(now) {
                        Step::Fetch(number) => {
                            prop_assert!(in_flight.is_none(), "two fetches in flight");
                            fetches += 1;
                            prop_assert_eq!(number, fetches);
                            in_flight = Some((number, now));
                        }
                        Step::WaitUntil(then) => {
                            prop_assert!(in_flight.is_none() && then > now && awaited.is_none());
                            prop_assert!(then - now <= seconds(refresh));
                        }
                        Step::InFlight => prop_assert!(in_flight.is_some()),
                    },
                }
                let age = last_success.map(|at| now - at);
                prop_assert_eq!(plan.trusted(now), age.is_some_and(|age| age <= seconds(stale)));
            }
        }
    }
}
