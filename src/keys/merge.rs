//! A fetched document meets the set that is held: key by key, so that one that left stays good for its retention. Pure.

use std::sync::Arc;
use std::time::Duration;

use super::set::{HeldKey, KeySet};
use crate::jose::key::VerificationKey;

/// Most keys that have left and are still held. Microsoft asks for a cache of 10 to 1000 keys; its documents hold 14 at most.
pub const MAX_RETAINED: usize = 1000;

/// The set after `document` was fetched at `now`; none when it holds what `previous` does, whatever the order.
///
/// A key is the same when its kid and its fingerprint are. One that is gone is good until `now + retention`, and dead at once
/// when that is zero; one that comes back is current again. A new key under an old kid is another key, and the old one is gone.
pub fn merge(
    previous: &KeySet,
    document: Vec<VerificationKey>,
    now: Duration,
    retention: Duration,
) -> Option<KeySet> {
    let mut keys: Vec<HeldKey> = Vec::with_capacity(document.len());
    let mut news = false;
    for key in document {
        if keys.iter().any(|held| equal(&held.key, &key)) {
            continue;
        }
        let known = previous.keys.iter().find(|held| equal(&held.key, &key));
        news |= known.is_none_or(|held| held.good_until.is_some());
        keys.push(HeldKey {
            // The one that is held keeps its place in memory: a refresh that changes nothing costs nothing.
            key: known.map_or_else(|| Arc::new(key), |held| Arc::clone(&held.key)),
            good_until: None,
        });
    }
    let mut retained: Vec<HeldKey> = Vec::new();
    for held in &previous.keys {
        if keys.iter().any(|new| same(&new.key, &held.key)) {
            // Under another x5t it may be listed once more: that listing is gone.
            news |= !keys.iter().any(|new| equal(&new.key, &held.key));
            continue;
        }
        let good_until = held.good_until.unwrap_or(now.saturating_add(retention));
        news |= held.good_until.is_none() || good_until <= now;
        if good_until > now {
            retained.push(HeldKey {
                key: Arc::clone(&held.key),
                good_until: Some(good_until),
            });
        }
    }
    // The latest to leave first: they are tried first, and are the last that the bound drops.
    retained.sort_by_key(|held| std::cmp::Reverse(held.good_until));
    retained.truncate(MAX_RETAINED);
    keys.extend(retained);
    news.then(|| {
        KeySet::assembled(
            previous.generation.saturating_add(1),
            keys,
            previous.any_kid,
        )
    })
}

/// `set` under a retention that may be shorter than the one that it was fetched under; none when that changes nothing. An operator who
/// lowers it to be rid of a key is rid of it.
pub fn retained_at_most(set: &KeySet, now: Duration, retention: Duration) -> Option<KeySet> {
    let latest = now.saturating_add(retention);
    let shortened = |held: &HeldKey| HeldKey {
        key: Arc::clone(&held.key),
        good_until: held.good_until.map(|until| until.min(latest)),
    };
    let too_long = |held: &HeldKey| held.good_until.is_some_and(|until| until > latest);
    set.keys.iter().any(too_long).then(|| {
        let keys = set.keys.iter().map(shortened);
        let good = keys.filter(|held| held.is_good(now)).collect();
        KeySet::assembled(set.generation.saturating_add(1), good, set.any_kid)
    })
}

/// The same key under the same name.
fn same(one: &VerificationKey, two: &VerificationKey) -> bool {
    one.fingerprint == two.fingerprint && one.kid == two.kid
}

/// [`same`], and all that is said about it.
fn equal(one: &VerificationKey, two: &VerificationKey) -> bool {
    same(one, two) && one.x5t == two.x5t && one.x5t_s256 == two.x5t_s256 && one.issuer == two.issuer
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::testing::key;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    const HOUR: Duration = Duration::from_secs(3600);

    fn keys(names: &[(&str, u8)]) -> Vec<VerificationKey> {
        names
            .iter()
            .map(|(kid, number)| key(Some(kid), *number))
            .collect()
    }

    fn start(names: &[(&str, u8)]) -> KeySet {
        KeySet::fixed(keys(names), false)
    }

    fn content(set: &KeySet) -> Vec<(String, u8, Option<u64>)> {
        set.keys
            .iter()
            .map(|held| {
                let kid = held.key.kid.as_deref().unwrap_or_default().to_owned();
                (
                    kid,
                    held.key.fingerprint[0],
                    held.good_until.map(|until| until.as_secs()),
                )
            })
            .collect()
    }

    #[test]
    fn the_same_document_is_no_news_in_any_order_and_with_duplicates() {
        let set = start(&[("a", 1), ("b", 2)]);
        assert!(merge(&set, keys(&[("a", 1), ("b", 2)]), HOUR, HOUR).is_none());
        assert!(merge(&set, keys(&[("b", 2), ("a", 1), ("b", 2)]), HOUR, HOUR).is_none());
    }

    #[test]
    fn k07_a_key_that_left_is_dead_at_once_without_retention() {
        let set = start(&[("a", 1), ("b", 2)]);
        let set = merge(&set, keys(&[("b", 2)]), HOUR, Duration::ZERO).unwrap();
        assert_eq!(content(&set), [("b".to_owned(), 2, None)]);
        assert_eq!(set.generation, 2);
    }

    #[test]
    fn k07_a_key_that_left_stays_for_its_retention_however_often_the_document_comes_again() {
        let set = start(&[("a", 1), ("b", 2)]);
        let set = merge(&set, keys(&[("b", 2)]), HOUR, 2 * HOUR).unwrap();
        let retained = [
            ("b".to_owned(), 2, None),
            ("a".to_owned(), 1, Some(3 * 3600)),
        ];
        assert_eq!(content(&set), retained);
        // Still absent: its time does not start anew.
        assert!(merge(&set, keys(&[("b", 2)]), 2 * HOUR, 2 * HOUR).is_none());
        // Past its time: pruned, and that is news.
        let set = merge(&set, keys(&[("b", 2)]), 3 * HOUR, 2 * HOUR).unwrap();
        assert_eq!(content(&set), [("b".to_owned(), 2, None)]);
        assert_eq!(set.generation, 3);
    }

    #[test]
    fn a_key_that_comes_back_is_current_again() {
        let set = start(&[("a", 1), ("b", 2)]);
        let set = merge(&set, keys(&[("b", 2)]), HOUR, 2 * HOUR).unwrap();
        let set = merge(&set, keys(&[("b", 2), ("a", 1)]), 2 * HOUR, 2 * HOUR).unwrap();
        assert_eq!(
            content(&set),
            [("b".to_owned(), 2, None), ("a".to_owned(), 1, None)]
        );
    }

    #[test]
    fn k08_a_new_key_under_an_old_kid_replaces_it_and_comes_first() {
        let set = start(&[("a", 1)]);
        let cut = merge(&set, keys(&[("a", 2)]), HOUR, Duration::ZERO).unwrap();
        assert_eq!(content(&cut), [("a".to_owned(), 2, None)]);
        let kept = merge(&set, keys(&[("a", 2)]), HOUR, HOUR).unwrap();
        assert_eq!(
            content(&kept),
            [("a".to_owned(), 2, None), ("a".to_owned(), 1, Some(7200))]
        );
    }

    #[test]
    fn one_key_under_two_kids_is_two_entries_of_which_one_may_leave() {
        let set = start(&[("new", 1), ("old", 1)]);
        let set = merge(&set, keys(&[("new", 1)]), HOUR, Duration::ZERO).unwrap();
        assert_eq!(content(&set), [("new".to_owned(), 1, None)]);
    }

    #[test]
    fn another_x5t_of_the_same_key_is_news_and_replaces_the_old_one() {
        let set = start(&[("a", 1)]);
        let mut renamed = key(Some("a"), 1);
        renamed.x5t = Some("thumb".into());
        let set = merge(&set, vec![renamed], HOUR, HOUR).unwrap();
        assert_eq!(content(&set), [("a".to_owned(), 1, None)]);
        assert_eq!(set.keys[0].key.x5t.as_deref(), Some("thumb"));
    }

    #[test]
    fn k03_what_is_retained_is_bounded_and_the_oldest_goes_first() {
        let mut set = start(&[("x", 0)]);
        for round in 1u64..=30 {
            let document = (0..100)
                .map(|n| key(Some(&format!("{round}-{n}")), 1))
                .collect();
            set = merge(&set, document, Duration::from_secs(round), HOUR).unwrap();
        }
        assert_eq!(set.keys.len(), 100 + MAX_RETAINED);
        let oldest = set.keys.last().unwrap();
        assert!(oldest.key.kid.as_deref().unwrap().starts_with("20-"));
    }

    proptest! {
        /// Against a model: a key is good from the fetch that shows it until the first fetch that does not, plus retention.
        #[test]
        fn k07_a_removed_key_is_dead_after_the_next_fetch_and_its_retention(
            retention in 0u64..50,
            documents in prop::collection::vec((1u64..30, prop::collection::btree_map(0u8..4, 0u8..3, 1..4)), 1..30),
        ) {
            let retention = Duration::from_secs(retention);
            let mut set = KeySet::fixed(Vec::new(), false);
            let mut now = Duration::ZERO;
            let mut model: BTreeMap<(u8, u8), Option<Duration>> = BTreeMap::new();
            for (pause, document) in documents {
                now += Duration::from_secs(pause);
                for (name, until) in &mut model {
                    if document.get(&name.0) != Some(&name.1) && until.is_none() {
                        *until = Some(now + retention);
                    }
                }
                model.extend(document.iter().map(|(kid, number)| ((*kid, *number), None)));
                let read = document.iter().map(|(kid, number)| key(Some(&kid.to_string()), *number)).collect();
                if let Some(next) = merge(&set, read, now, retention) {
                    prop_assert_eq!(next.generation, set.generation + 1);
                    set = next;
                }
                for later in [0, 1, 10, 49, 50] {
                    let at = now + Duration::from_secs(later);
                    let mut good: Vec<_> = set.keys.iter().filter(|held| held.is_good(at))
                        .map(|held| (held.key.kid.clone().unwrap().parse::<u8>().unwrap(), held.key.fingerprint[0])).collect();
                    good.sort_unstable();
                    let expected: Vec<_> = model.iter().filter(|(_, until)| until.is_none_or(|until| at < until)).map(|(name, _)| *name).collect();
                    prop_assert_eq!(good, expected);
                }
            }
        }
    }
}
