//! Which kids that tokens name may cause a fetch of their own (K5). Pure.
//!
//! Anybody can make up kids, and each is another address. In any time of one `refetch_interval` at most [`AT_ONCE`] + 1 fetches are
//! granted, however many tokens come:
//!
//! * the first [`AT_ONCE`] to whoever asks;
//! * one more only to a kid that was asked for [`OFTEN`] times in vain. When an issuer changes its key, every token names the new one: it
//!   stands out of a flood of kids that are each made up once, and is fetched while the flood lasts.
//!
//! A kid that was fetched in vain takes no other grant for a while. Whoever repeats made-up kids as often as the application has users
//! can still delay a new key; keys that are held already are not touched by any of this.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::time::Duration;

use super::kid::Kid;

/// Granted to whoever asks first, in one `refetch_interval`.
pub const AT_ONCE: usize = 3;
/// Questions in vain that earn a kid the last grant of an interval.
const OFTEN: u8 = 8;
/// Kids that are counted at a time, each in one place by its hash: a kid is counted well while it is asked for more often than this part of
/// the flood.
const PLACES: usize = 1024;
/// Kids in vain that are remembered. There are never more than grants in the time that they are remembered.
const MAX_IN_VAIN: usize = 16;

/// What becomes of a question for a kid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grant {
    Fetch,
    /// It was fetched a moment ago, in vain.
    InVain,
    /// Too many others were.
    Spent,
}

pub struct KidBudget {
    interval: Duration,
    /// When the grants at once of the last interval were given, at most [`AT_ONCE`].
    at_once: Vec<Duration>,
    /// When the last grant to a kid that is asked for often was given.
    often: Option<Duration>,
    /// Until when each is not asked for again.
    in_vain: Vec<(Kid, Duration)>,
    counts: Counts,
}

impl KidBudget {
    /// `interval`: `refetch_interval`.
    pub fn new(interval: Duration) -> Self {
        Self {
            interval,
            at_once: Vec::new(),
            often: None,
            in_vain: Vec::new(),
            counts: Counts::default(),
        }
    }

    /// A token names `kid`, which is not held.
    pub fn ask(&mut self, kid: Kid, now: Duration) -> Grant {
        self.in_vain.retain(|(_, until)| now < *until);
        if self.in_vain.iter().any(|(other, _)| *other == kid) {
            return Grant::InVain;
        }
        let interval = self.interval;
        let recent = |at: &Duration| now.saturating_sub(*at) < interval;
        self.at_once.retain(recent);
        if self.at_once.len() < AT_ONCE {
            self.at_once.push(now);
            return Grant::Fetch;
        }
        if self.counts.add(kid) >= OFTEN && !self.often.as_ref().is_some_and(recent) {
            self.often = Some(now);
            return Grant::Fetch;
        }
        Grant::Spent
    }

    /// Nobody has this kid.
    pub fn absent(&mut self, kid: Kid, now: Duration) {
        self.remember(kid, now.saturating_add(self.interval));
    }

    /// The fetch failed: the kid may be good, and is worth another try soon.
    pub fn failed(&mut self, kid: Kid, now: Duration) {
        self.remember(kid, now.saturating_add(self.pause()));
    }

    /// After a failure, before the next try: an issuer that comes back is asked within it, and the tries of one interval last until its end.
    pub fn pause(&self) -> Duration {
        self.interval / 4
    }

    fn remember(&mut self, kid: Kid, until: Duration) {
        self.in_vain.retain(|(other, _)| *other != kid);
        if self.in_vain.len() >= MAX_IN_VAIN {
            self.in_vain.remove(0);
        }
        self.in_vain.push((kid, until));
    }
}

/// How often kids were asked for. In each place stands the one that is asked for most there (the majority vote of Boyer and Moore), so that
/// kids that come once cannot push out one that comes again and again.
#[derive(Default)]
struct Counts {
    /// Empty before the first question in vain.
    places: Box<[Option<(Kid, u8)>]>,
    /// Random: nobody can choose a kid for its place.
    hasher: RandomState,
}

impl Counts {
    /// How often `kid` was asked for, this time included; 0 where another one is asked for more.
    fn add(&mut self, kid: Kid) -> u8 {
        /// So that one which is no longer asked for is soon forgotten.
        const MOST: u8 = 2 * OFTEN;
        if self.places.is_empty() {
            self.places = vec![None; PLACES].into();
        }
        let hash = self.hasher.hash_one(kid);
        let index = usize::try_from(hash).unwrap_or_default() % PLACES;
        let Some(place) = self.places.get_mut(index) else {
            return 0;
        };
        match place {
            Some((held, count)) if *held == kid => {
                *count = count.saturating_add(1).min(MOST);
                *count
            }
            Some((_, count)) if *count > 1 => {
                *count -= 1;
                0
            }
            Some(_) | None => {
                *place = Some((kid, 1));
                1
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const INTERVAL: Duration = Duration::from_secs(30);

    fn kid(number: u64) -> Kid {
        Kid::parse(&format!("00000000-0000-4000-8000-{number:012x}")).unwrap()
    }

    fn seconds(number: u64) -> Duration {
        Duration::from_secs(number)
    }

    #[test]
    fn k05_made_up_kids_get_three_fetches_per_interval() {
        let mut budget = KidBudget::new(INTERVAL);
        let mut granted = Vec::new();
        for number in 0..60_000 {
            let now = Duration::from_millis(number);
            if budget.ask(kid(number), now) == Grant::Fetch {
                granted.push(now.as_secs());
            }
        }
        assert_eq!(granted, [0, 0, 0, 30, 30, 30]);
    }

    #[test]
    fn k05_a_new_key_that_every_user_names_is_fetched_during_a_flood() {
        let mut budget = KidBudget::new(INTERVAL);
        let genuine = kid(u64::from(u32::MAX));
        let mut asked = 0;
        for number in 0..30_000 {
            let now = Duration::from_millis(number);
            budget.ask(kid(number), now);
            // Five users a second beside a thousand made-up kids a second.
            if number > 5_000 && number % 200 == 0 {
                asked += 1;
                if budget.ask(genuine, now) == Grant::Fetch {
                    assert!((8..40).contains(&asked), "{asked}");
                    return;
                }
            }
        }
        panic!("asked {asked} times");
    }

    #[test]
    fn k05_whoever_repeats_made_up_kids_gets_one_fetch_more_and_none_beyond() {
        let mut budget = KidBudget::new(INTERVAL);
        let mut granted = 0;
        for number in 0..29_000 {
            let now = Duration::from_millis(number);
            if budget.ask(kid(number / 100), now) == Grant::Fetch {
                granted += 1;
                budget.absent(kid(number / 100), now);
            }
        }
        assert_eq!(granted, AT_ONCE + 1);
    }

    #[test]
    fn k05_a_kid_that_nobody_has_takes_one_grant_per_interval() {
        let mut budget = KidBudget::new(INTERVAL);
        assert_eq!(budget.ask(kid(1), seconds(0)), Grant::Fetch);
        budget.absent(kid(1), seconds(1));
        for at in 1..31 {
            assert_eq!(budget.ask(kid(1), seconds(at)), Grant::InVain);
        }
        assert_eq!(budget.ask(kid(1), seconds(31)), Grant::Fetch);
    }

    #[test]
    fn k04_a_kid_whose_fetch_failed_is_tried_again_within_the_interval() {
        let mut budget = KidBudget::new(INTERVAL);
        let mut tries = Vec::new();
        for at in 0..60 {
            if budget.ask(kid(1), seconds(at)) == Grant::Fetch {
                tries.push(at);
                budget.failed(kid(1), seconds(at));
            }
        }
        assert_eq!(tries, [0, 8, 16, 30, 38, 46, 55]);
    }

    proptest! {
        #[test]
        fn k05_the_bound_holds_in_any_interval_whatever_is_asked(
            interval in 1u64..60,
            asked in prop::collection::vec((0u64..6, 0u64..4_000, 0u8..3), 1..600),
        ) {
            let interval = seconds(interval);
            let mut budget = KidBudget::new(interval);
            let mut now = Duration::ZERO;
            let mut granted: Vec<Duration> = Vec::new();
            for (number, milliseconds, ended) in asked {
                now += Duration::from_millis(milliseconds);
                if budget.ask(kid(number), now) != Grant::Fetch {
                    continue;
                }
                granted.push(now);
                match ended {
                    0 => budget.absent(kid(number), now),
                    1 => budget.failed(kid(number), now),
                    _ => {}
                }
                let within = granted.iter().filter(|at| now - **at < interval).count();
                prop_assert!(within <= AT_ONCE + 1, "{within}");
                prop_assert!(budget.in_vain.len() <= MAX_IN_VAIN);
            }
        }
    }
}
