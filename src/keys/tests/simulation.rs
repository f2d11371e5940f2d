//! Hours in the life of one source, without I/O: the plan and the merge against an issuer that rotates its keys and is away
//! at times, under a stream of unknown keys. Each case comes from a seed, so that a failure comes again.

use std::time::Duration;

use proptest::prelude::*;

use crate::keys::merge::merge;
use crate::keys::plan::{Answer, Ended, Jitter, Plan, Step, Timing};
use crate::keys::set::KeySet;
use crate::keys::testing::key;

const SECOND: Duration = Duration::from_secs(1);
/// What the fetch limits allow one fetch.
const LONGEST_FETCH: Duration = Duration::from_secs(5);
/// Longest pause after a failure.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
const KEYS: usize = 4;

struct World {
    now: Duration,
    random: fastrand::Rng,
    /// Whether each key is in the document now, and since when that is so.
    published: [(bool, Duration); KEYS],
    /// Whether the issuer answers, and since when that is so.
    up: (bool, Duration),
    /// When it was last away, or published nothing.
    last_away: Option<Duration>,
    plan: Plan,
    set: KeySet,
    timing: Timing,
    /// When it ends, and what it brings: none when the issuer was away.
    fetch: Option<(Duration, Option<Vec<u8>>)>,
    grants: Vec<Duration>,
    fetches: usize,
}

impl World {
    fn new(timing: Timing, seed: u64) -> Self {
        Self {
            now: Duration::ZERO,
            random: fastrand::Rng::with_seed(seed),
            published: [
                (true, Duration::ZERO),
                (false, Duration::ZERO),
                (false, Duration::ZERO),
                (false, Duration::ZERO),
            ],
            up: (true, Duration::ZERO),
            last_away: None,
            plan: Plan::new(timing, Duration::ZERO),
            set: KeySet::fixed(Vec::new(), false),
            timing,
            fetch: None,
            grants: Vec::new(),
            fetches: 0,
        }
    }

    /// One tick of at most a second: the issuer, the tokens, then the task.
    fn step(&mut self) {
        self.now += Duration::from_millis(self.random.u64(1..1000));
        if self.random.u16(..400) == 0 {
            let which = self.random.usize(..KEYS);
            self.published[which] = (!self.published[which].0, self.now);
        }
        // An empty document serves nobody.
        if !self.up.0 || !self.published.iter().any(|(present, _)| *present) {
            self.last_away = Some(self.now);
        }
        if self.random.u16(..500) == 0 {
            self.up = (!self.up.0, self.now);
        }
        if let Some((end, _)) = self.fetch
            && end <= self.now
        {
            let (_, document) = self.fetch.take().unwrap();
            self.end(document);
        }
        if self.random.u8(..4) == 0 {
            self.ask();
        }
        if let Step::Fetch(_) = self.plan.poll(self.now) {
            assert!(self.fetch.is_none(), "two fetches in flight");
            let present = (0..KEYS).filter(|which| self.published[*which].0);
            let document: Vec<u8> = present.map(|which| which as u8).collect();
            // An empty document is none.
            let answer = (self.up.0 && !document.is_empty()).then_some(document);
            let takes = Duration::from_millis(self.random.u64(..5000));
            self.fetch = Some((self.now + takes, answer));
            self.fetches += 1;
        }
    }

    fn end(&mut self, document: Option<Vec<u8>>) {
        let jitter = Jitter(self.random.u16(..));
        let trusted = self.plan.trusted(self.now);
        let Some(document) = document else {
            return self.plan.ended(self.now, Ended::Failed, jitter);
        };
        self.plan.ended(self.now, Ended::Succeeded, jitter);
        let retention = if trusted {
            self.timing.retention
        } else {
            Duration::ZERO
        };
        let read = document.iter().map(|which| key(None, *which)).collect();
        if let Some(set) = merge(&self.set, read, self.now, retention) {
            self.set = set;
        }
    }

    fn ask(&mut self) {
        let in_flight = self.fetch.is_some();
        let due = self.plan.next_in(self.now) == Some(Duration::ZERO);
        if let Answer::WaitFor(_) = self.plan.unknown_key(self.now)
            && !in_flight
            && !due
        {
            self.grants.push(self.now);
        }
    }

    fn check(&self) {
        let Timing {
            refresh_interval,
            refetch_interval,
            retention,
            ..
        } = self.timing;
        let trusted = self.plan.trusted(self.now);
        if let [.., before, last] = self.grants[..] {
            assert!(
                last - before >= refetch_interval,
                "two fetches for unknown keys in one interval"
            );
        }
        // K12: whatever was before, it is there soon after the issuer is (a tick is up to a second).
        let (up, since) = self.up;
        let any = self.published.iter().any(|(present, _)| *present);
        let whole = self
            .published
            .iter()
            .map(|(_, since)| *since)
            .max()
            .unwrap_or_default();
        if up && any && self.now > since.max(whole) + LONGEST_PAUSE + 2 * LONGEST_FETCH + 3 * SECOND
        {
            assert!(trusted, "up since {since:?}, no keys at {:?}", self.now);
        }
        if !trusted {
            return;
        }
        for (which, (present, since)) in self.published.iter().enumerate() {
            let held = self
                .set
                .holds(&key(None, which as u8).fingerprint, self.now);
            let undisturbed = any && self.last_away.is_none_or(|away| away < *since);
            // K7: gone means gone.
            if !present
                && undisturbed
                && self.now > *since + refresh_interval + LONGEST_FETCH + retention + 3 * SECOND
            {
                assert!(
                    !held,
                    "key {which} left at {since:?} and is good at {:?}",
                    self.now
                );
            }
            if *present
                && undisturbed
                && self.now > *since + refresh_interval + LONGEST_FETCH + 3 * SECOND
            {
                assert!(
                    held,
                    "key {which} came at {since:?} and is unknown at {:?}",
                    self.now
                );
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20))]
    #[test]
    fn k05_k07_k12_hours_with_an_issuer_that_rotates_and_is_away(
        seed: u64,
        refresh in 10u64..400,
        refetch in 1u64..120,
        retention in prop_oneof![Just(0u64), 1u64..300],
    ) {
        let timing = Timing {
            refresh_interval: Duration::from_secs(refresh),
            refetch_interval: Duration::from_secs(refetch),
            max_stale: Duration::from_secs(1000),
            retention: Duration::from_secs(retention),
        };
        let mut world = World::new(timing, seed);
        for _ in 0..8_000 {
            world.step();
            world.check();
        }
        // It did fetch, and not out of all proportion: background, pauses after failures, and the floor.
        let hours = world.now.as_secs();
        let at_most = hours / refetch + hours / (refresh * 9 / 10) + hours / 5;
        prop_assert!(world.fetches as u64 > hours / refresh / 2);
        prop_assert!((world.fetches as u64) < at_most + 20);
    }
}
