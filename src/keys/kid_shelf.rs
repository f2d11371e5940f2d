//! The keys that were fetched one by one, and how long each is believed. Pure.
//!
//! The same times as for a key set, for each key by itself: it is fetched again `refresh_interval` after the begin of its last fetch, is
//! dead `retention` after a fetch that says it is gone, and is not trusted longer than `max_stale` after the begin of the last fetch that
//! found it. There are at most [`MAX_KEYS`]; the one that has not verified a token for the longest time makes room, so that kids of other
//! customers of the same issuer push nothing out that is in use.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::kid::Kid;
use super::plan::{Jitter, Timing, refresh_pause};
use super::set::{HeldKey, KeySet};
use crate::jose::key::VerificationKey;

/// Most keys at a time. An issuer has one or two: the current one and the one before.
pub const MAX_KEYS: usize = 8;
/// After a refresh that failed, before the next.
const FAILURE_PAUSE: Duration = Duration::from_secs(30);

pub struct KidShelf {
    timing: Timing,
    keys: Vec<ShelvedKey>,
    generation: u64,
}

#[derive(Clone)]
struct ShelvedKey {
    kid: Kid,
    key: Arc<VerificationKey>,
    /// When the fetch that found it last began.
    found: Duration,
    /// When it is to be fetched again.
    next: Duration,
    /// A fetch found it gone: it is good until then.
    leaves: Option<Duration>,
    proved: Arc<Proved>,
}

/// When a key last verified a token: told by whoever verifies, without a lock.
#[derive(Debug, Default)]
pub struct Proved(AtomicU64);

impl Proved {
    pub fn at(&self, now: Duration) {
        // Never 0, which is never.
        let seconds = now.as_secs().saturating_add(1);
        if self.0.load(Ordering::Relaxed) != seconds {
            self.0.store(seconds, Ordering::Relaxed);
        }
    }

    fn last(&self) -> Option<Duration> {
        let seconds = self.0.load(Ordering::Relaxed).checked_sub(1)?;
        Some(Duration::from_secs(seconds))
    }
}

impl KidShelf {
    pub fn new(timing: Timing) -> Self {
        Self {
            timing,
            keys: Vec::new(),
            generation: 1,
        }
    }

    /// The fetch that began at `began` found `key`.
    pub fn put(&mut self, kid: Kid, key: VerificationKey, began: Duration, jitter: Jitter) {
        let next = began.saturating_add(refresh_pause(&self.timing, jitter));
        let known = self.keys.iter_mut().find(|held| held.kid == kid);
        match known {
            Some(held) if held.key.fingerprint == key.fingerprint => {
                held.found = began;
                held.next = next;
                if held.leaves.take().is_some() {
                    self.generation += 1;
                }
                return;
            }
            // Another key under an old kid: the old one is gone.
            Some(_) => self.keys.retain(|held| held.kid != kid),
            None => self.make_room(),
        }
        self.generation += 1;
        self.keys.push(ShelvedKey {
            kid,
            key: Arc::new(key),
            found: began,
            next,
            leaves: None,
            proved: Arc::default(),
        });
    }

    /// A fetch found that the issuer has this key no longer.
    pub fn gone(&mut self, kid: Kid, now: Duration) {
        let Timing {
            retention,
            refresh_interval,
            ..
        } = self.timing;
        if let Some(held) = self.keys.iter_mut().find(|held| held.kid == kid) {
            held.leaves.get_or_insert(now.saturating_add(retention));
            held.next = now.saturating_add(refresh_interval);
            self.generation += 1;
        }
        self.drop_dead(now);
    }

    /// A fetch of this key failed: it stays.
    pub fn failed(&mut self, kid: Kid, now: Duration) {
        let pause = FAILURE_PAUSE.min(self.timing.refresh_interval);
        if let Some(held) = self.keys.iter_mut().find(|held| held.kid == kid) {
            held.next = now.saturating_add(pause);
        }
    }

    /// The keys to be fetched again at `now`. One that has verified nothing since it is here, or nothing for `max_stale`, is put away
    /// instead: nobody misses it.
    pub fn due(&mut self, now: Duration) -> Vec<Kid> {
        self.drop_dead(now);
        let max_stale = self.timing.max_stale;
        let in_use = |held: &ShelvedKey| {
            let last = held.proved.last();
            last.is_some_and(|at| now.saturating_sub(at) <= max_stale)
        };
        let before = self.keys.len();
        self.keys.retain(|held| now < held.next || in_use(held));
        if self.keys.len() != before {
            self.generation += 1;
        }
        let due = self.keys.iter().filter(|held| held.next <= now);
        due.map(|held| held.kid).collect()
    }

    /// When [`KidShelf::due`] has something to say next, of the keys that count.
    pub fn next(&self, counts: impl Fn(Kid) -> bool) -> Option<Duration> {
        let keys = self.keys.iter().filter(|held| counts(held.kid));
        keys.map(|held| held.next).min()
    }

    /// Whether the key is here and good.
    pub fn holds(&self, kid: Kid, now: Duration) -> bool {
        self.keys
            .iter()
            .any(|held| held.kid == kid && now < self.good_until(held))
    }

    /// Whether the key is here, good or not.
    pub fn has(&self, kid: Kid) -> bool {
        self.keys.iter().any(|held| held.kid == kid)
    }

    /// What requests look keys up in, and where each key's use is told, in the same order.
    pub fn view(&self) -> (KeySet, Vec<Arc<Proved>>) {
        let held = self.keys.iter().map(|held| HeldKey {
            key: Arc::clone(&held.key),
            good_until: Some(self.good_until(held)),
        });
        let marks = self.keys.iter().map(|held| Arc::clone(&held.proved));
        (
            KeySet::assembled(self.generation, held.collect(), false),
            marks.collect(),
        )
    }

    /// How much longer `key` is good, when the issuer no longer has it.
    pub fn retained(&self, key: &Arc<VerificationKey>, now: Duration) -> Option<Duration> {
        let mut keys = self.keys.iter();
        let held = keys.find(|held| Arc::ptr_eq(&held.key, key))?;
        held.leaves.map(|until| until.saturating_sub(now))
    }

    /// Takes over what another shelf holds, under the times of this one. What is in use is fetched at once, as every source is at its start.
    pub fn inherit(&mut self, other: &Self, now: Duration) {
        let retention = self.timing.retention;
        self.keys.clone_from(&other.keys);
        for held in &mut self.keys {
            held.next = now;
            held.leaves = held
                .leaves
                .map(|until| until.min(now.saturating_add(retention)));
        }
        self.generation = other.generation + 1;
        self.drop_dead(now);
    }

    fn good_until(&self, held: &ShelvedKey) -> Duration {
        let stale = held.found.saturating_add(self.timing.max_stale);
        held.leaves.map_or(stale, |leaves| leaves.min(stale))
    }

    fn drop_dead(&mut self, now: Duration) {
        let before = self.keys.len();
        let mut keys = std::mem::take(&mut self.keys);
        keys.retain(|held| now < self.good_until(held));
        self.keys = keys;
        if self.keys.len() != before {
            self.generation += 1;
        }
    }

    fn make_room(&mut self) {
        if self.keys.len() < MAX_KEYS {
            return;
        }
        let positions = self.keys.iter().enumerate();
        let least = positions.min_by_key(|(_, held)| (held.proved.last(), held.found));
        if let Some((position, _)) = least {
            self.keys.remove(position);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::testing::{key, timing};
    use proptest::prelude::*;

    const NO_JITTER: Jitter = Jitter(0);
    const HOUR: Duration = Duration::from_secs(3600);

    fn kid(number: u8) -> Kid {
        Kid::parse(&format!("00000000-0000-4000-8000-0000000000{number:02x}")).unwrap()
    }

    fn seconds(number: u64) -> Duration {
        Duration::from_secs(number)
    }

    fn shelf() -> KidShelf {
        KidShelf::new(timing())
    }

    impl KidShelf {
        fn put_at(&mut self, number: u8, at: Duration) {
            let name = kid(number).to_string();
            self.put(kid(number), key(Some(&name), number), at, NO_JITTER);
        }

        /// The key with this number verifies a token.
        fn prove(&self, number: u8, at: Duration) {
            let (set, marks) = self.view();
            let held = set
                .keys()
                .iter()
                .position(|held| held.key.fingerprint[0] == number);
            marks[held.unwrap()].at(at);
        }

        fn good(&self, at: Duration) -> Vec<u8> {
            let (set, _) = self.view();
            let good = set.keys().iter().filter(|held| held.is_good(at));
            good.map(|held| held.key.fingerprint[0]).collect()
        }
    }

    #[test]
    fn k07_a_key_that_is_used_is_fetched_again_and_dead_when_it_is_gone() {
        let mut shelf = shelf();
        shelf.put_at(1, seconds(10));
        shelf.prove(1, seconds(11));
        assert!(shelf.due(seconds(309)).is_empty());
        assert_eq!(shelf.next(|_| true), Some(seconds(310)));
        assert_eq!(shelf.next(|other| other != kid(1)), None);
        assert_eq!(shelf.due(seconds(310)), [kid(1)]);
        let (before, _) = shelf.view();
        shelf.gone(kid(1), seconds(311));
        assert!(shelf.good(seconds(311)).is_empty());
        assert!(shelf.view().0.generation > before.generation);
    }

    #[test]
    fn k07_retention_keeps_a_key_that_is_gone_and_no_longer() {
        let mut shelf = KidShelf::new(Timing {
            retention: HOUR,
            ..timing()
        });
        shelf.put_at(1, seconds(0));
        shelf.prove(1, seconds(1));
        shelf.gone(kid(1), seconds(300));
        shelf.gone(kid(1), seconds(600));
        assert_eq!(shelf.good(seconds(3899)), [1]);
        assert!(shelf.good(seconds(3900)).is_empty());
        let (set, _) = shelf.view();
        let left = shelf.retained(&set.keys()[0].key, seconds(3000));
        assert_eq!(left, Some(seconds(900)));
        shelf.put_at(1, seconds(900));
        assert_eq!(shelf.retained(&set.keys()[0].key, seconds(901)), None);
        assert_eq!(shelf.good(seconds(3900)), [1]);
    }

    #[test]
    fn k06_a_key_whose_refresh_fails_is_trusted_until_max_stale() {
        let mut shelf = shelf();
        shelf.put_at(1, seconds(0));
        shelf.prove(1, seconds(80_000));
        let mut tries = 0;
        let mut now = seconds(300);
        while now <= Timing::DEFAULT_MAX_STALE {
            assert_eq!(shelf.good(now - seconds(1)), [1]);
            for due in shelf.due(now) {
                tries += 1;
                shelf.failed(due, now);
            }
            now += seconds(30);
        }
        assert!(tries > 2000, "{tries}");
        assert!(shelf.good(Timing::DEFAULT_MAX_STALE).is_empty());
        assert!(shelf.due(Timing::DEFAULT_MAX_STALE).is_empty());
        assert!(!shelf.has(kid(1)));
    }

    #[test]
    fn a_key_that_verified_nothing_is_put_away_instead_of_fetched_again() {
        let mut shelf = shelf();
        shelf.put_at(1, seconds(0));
        shelf.put_at(2, seconds(0));
        shelf.prove(2, seconds(1));
        assert_eq!(shelf.good(seconds(299)), [1, 2]);
        assert_eq!(shelf.due(seconds(300)), [kid(2)]);
        assert_eq!(shelf.good(seconds(300)), [2]);
        // One that nobody uses any more is not fetched for ever.
        let mut now = seconds(300);
        let mut last = now;
        while now < 3 * Timing::DEFAULT_MAX_STALE {
            if !shelf.due(now).is_empty() {
                last = now;
                shelf.put_at(2, now);
            }
            now += seconds(300);
        }
        assert!(last <= Timing::DEFAULT_MAX_STALE + seconds(600), "{last:?}");
    }

    #[test]
    fn k05_keys_that_verify_tokens_are_not_pushed_out_by_those_that_do_not() {
        let mut shelf = shelf();
        shelf.put_at(1, seconds(0));
        shelf.put_at(2, seconds(1));
        shelf.prove(1, seconds(2));
        shelf.prove(2, seconds(3));
        for other in 3..60 {
            shelf.put_at(other, seconds(u64::from(other)));
            assert!(shelf.view().0.keys().len() <= MAX_KEYS);
        }
        let good = shelf.good(seconds(60));
        assert!(good.contains(&1) && good.contains(&2), "{good:?}");
        assert!(
            good.contains(&59),
            "the last one that was asked for is here: {good:?}"
        );
    }

    #[test]
    fn of_keys_that_all_verify_the_one_that_did_so_least_lately_makes_room() {
        let mut shelf = shelf();
        for number in 1..=8 {
            shelf.put_at(number, seconds(0));
            shelf.prove(number, seconds(100 - u64::from(number)));
        }
        shelf.put_at(9, seconds(200));
        assert_eq!(shelf.good(seconds(200)), [1, 2, 3, 4, 5, 6, 7, 9]);
    }

    #[test]
    fn k08_another_key_under_the_same_kid_takes_its_place() {
        let mut shelf = shelf();
        shelf.put_at(1, seconds(0));
        let before = shelf.view().0.generation;
        shelf.put_at(1, seconds(5));
        assert_eq!(shelf.view().0.generation, before, "the same key");
        let name = kid(1).to_string();
        shelf.put(kid(1), key(Some(&name), 7), seconds(10), NO_JITTER);
        assert_eq!(shelf.good(seconds(10)), [7]);
        assert!(shelf.view().0.generation > before);
    }

    #[test]
    fn k07_a_shorter_retention_holds_for_what_is_taken_over() {
        let mut old = KidShelf::new(Timing {
            retention: HOUR,
            ..timing()
        });
        old.put_at(1, seconds(0));
        old.put_at(2, seconds(0));
        old.gone(kid(1), seconds(10));
        let mut new = shelf();
        new.inherit(&old, seconds(20));
        assert_eq!(new.good(seconds(20)), [2]);
        assert_eq!(new.next(|_| true), Some(seconds(20)));
    }

    proptest! {
        #[test]
        fn k05_k06_k07_the_promises_hold_whatever_happens(
            retention in 0u64..400,
            stale in 300u64..2000,
            events in prop::collection::vec((0u8..5, 1u8..12, 0u64..200), 1..300),
        ) {
            let timing = Timing { retention: seconds(retention), max_stale: seconds(stale), ..timing() };
            let mut shelf = KidShelf::new(timing);
            let mut now = Duration::ZERO;
            let mut found = std::collections::HashMap::new();
            let mut gone = std::collections::HashMap::new();
            for (event, number, pause) in events {
                now += seconds(pause);
                match event {
                    0 => {
                        shelf.put_at(number, now);
                        found.insert(number, now);
                        gone.remove(&number);
                    }
                    1 => {
                        shelf.gone(kid(number), now);
                        gone.entry(number).or_insert(now);
                    }
                    2 => shelf.failed(kid(number), now),
                    3 if shelf.holds(kid(number), now) => shelf.prove(number, now),
                    _ => drop(shelf.due(now)),
                }
                prop_assert!(shelf.keys.len() <= MAX_KEYS);
                for number in shelf.good(now) {
                    prop_assert!(now < found[&number] + timing.max_stale);
                    if let Some(at) = gone.get(&number) {
                        prop_assert!(now < *at + timing.retention);
                    }
                    prop_assert!(shelf.holds(kid(number), now));
                }
            }
        }
    }
}
