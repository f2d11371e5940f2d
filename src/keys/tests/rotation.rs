//! Keys that come and go, tasks that begin and end.

use std::sync::Arc;
use std::time::Duration;

use super::{Bench, bench};
use crate::clock::{Clock, SystemClock};
use crate::jose::jwk::{self, KeyPolicy};
use crate::keys::source::Origin;
use crate::keys::testing::{
    Answer, Issuer, PATIENCE, Recorder, config, document, jwk, jwks_origin, kids,
};
use crate::keys::{KeyLookup, Keys, SourceId};

const FIRST: SourceId = SourceId(0);

#[tokio::test]
async fn k07_a_removed_key_is_dead_at_the_next_refresh() {
    let issuer = Issuer::start().await;
    let (a, b) = (jwk("a"), jwk("b"));
    issuer.json("/jwks", &document(&[&a, &b]));
    let mut source = config("one", jwks_origin(&issuer.url("/jwks")));
    source.timing.refresh_interval = Duration::from_millis(200);
    let told = Arc::new(Recorder::default());
    let keys = Arc::new(Keys::new(vec![source], Arc::new(SystemClock), told.clone()));
    keys.start();
    told.until(|told| told.len() == 1).await;
    let set = keys.key_set(FIRST, SystemClock.now().monotonic).unwrap();
    let removed = set.keys()[0].key.fingerprint;
    issuer.json("/jwks", &document(&[&b]));
    let asked = issuer.requests();
    told.until(|told| told.len() > asked).await;
    let now = SystemClock.now().monotonic;
    assert!(!keys.key_set(FIRST, now).unwrap().holds(&removed, now));
    assert_eq!(kids(&keys, 0), ["b"]);
}

#[tokio::test]
async fn k07_a_removed_key_is_good_for_its_retention_and_the_status_says_so() {
    let issuer = Issuer::start().await;
    let (a, b) = (jwk("a"), jwk("b"));
    let mut source = config("one", jwks_origin(&issuer.url("/jwks")));
    source.timing.retention = Duration::from_secs(100);
    let Bench { keys, clock, .. } = bench(vec![source]);
    issuer.json("/jwks", &document(&[&a, &b]));
    keys.fetch_once().await;
    issuer.json("/jwks", &document(&[&b]));
    keys.fetch_once().await;
    clock.advance(99);
    keys.fetch_once().await;
    assert_eq!(kids(&keys, 0), ["b", "a"]);
    assert_eq!(
        keys.status()[0].keys[1].retained,
        Some(Duration::from_secs(1))
    );
    clock.advance(1);
    // Dead by the clock alone, before anyone fetches.
    assert_eq!(kids(&keys, 0), ["b"]);
}

#[tokio::test]
async fn k08_a_new_key_under_the_old_kid_takes_its_place() {
    let issuer = Issuer::start().await;
    let Bench { keys, .. } = bench(vec![config("one", jwks_origin(&issuer.url("/jwks")))]);
    let fingerprint = || {
        let set = keys.key_set(FIRST, Duration::ZERO).unwrap();
        assert_eq!(set.keys().len(), 1);
        (set.generation, set.keys()[0].key.fingerprint)
    };
    issuer.json("/jwks", &document(&[&jwk("a")]));
    keys.fetch_once().await;
    let (generation, before) = fingerprint();
    issuer.json("/jwks", &document(&[&jwk("a")]));
    keys.fetch_once().await;
    let (next, after) = fingerprint();
    assert_eq!(next, generation + 1);
    assert_ne!(before, after);
}

#[tokio::test]
async fn the_same_document_keeps_the_set_and_its_generation() {
    let issuer = Issuer::start().await;
    let Bench { keys, .. } = bench(vec![config("one", jwks_origin(&issuer.url("/jwks")))]);
    issuer.json("/jwks", &document(&[&jwk("a")]));
    keys.fetch_once().await;
    let before = keys.key_set(FIRST, Duration::ZERO).unwrap();
    keys.fetch_once().await;
    assert!(Arc::ptr_eq(
        &before,
        &keys.key_set(FIRST, Duration::ZERO).unwrap()
    ));
}

#[tokio::test]
async fn a_second_start_does_nothing_and_the_tasks_end_with_the_last_handle() {
    let issuer = Issuer::start().await;
    issuer.json("/jwks", &document(&[&jwk("a")]));
    let Bench { keys, told, clock } = bench(vec![config("one", jwks_origin(&issuer.url("/jwks")))]);
    keys.start();
    keys.start();
    told.until(|told| told.len() == 1).await;
    clock.advance(5);
    keys.refetch(FIRST, None).await;
    assert_eq!(issuer.requests(), 2);
    drop(keys);
    let gone = async {
        while Arc::strong_count(&told) > 1 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, gone)
        .await
        .expect("a task lives on");
}

#[tokio::test]
async fn a_task_that_is_stopped_in_the_middle_of_a_fetch_ends_too() {
    let issuer = Issuer::start().await;
    issuer.answer("/jwks", Answer::Stall);
    let Bench { keys, told, .. } = bench(vec![config("one", jwks_origin(&issuer.url("/jwks")))]);
    keys.start();
    while issuer.requests() == 0 {
        tokio::task::yield_now().await;
    }
    drop(keys);
    let gone = async {
        while Arc::strong_count(&told) > 1 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(3), gone)
        .await
        .expect("a task lives on");
}

#[tokio::test]
async fn keys_in_the_configuration_are_there_at_once_and_never_stale() {
    let fixed = |document: &str, any_kid| Origin::Fixed {
        keys: jwk::read_set(document.as_bytes(), &KeyPolicy::default()).unwrap(),
        any_kid,
    };
    let good = config("one", fixed(&document(&[&jwk("a")]), false));
    let Bench { keys, told, .. } = bench(vec![good]);
    keys.start();
    assert!(keys.ready());
    assert!(keys.key_set(FIRST, Duration::from_secs(1 << 40)).is_some());
    assert!(!keys.refetch(FIRST, None).await);
    assert_eq!(keys.fetch_once().await, [Ok(())]);
    assert_eq!(keys.status()[0].origin, "inline");
    assert_eq!(keys.status()[0].next_refresh, None);
    assert!(told.fetched().is_empty());
    let useless = fixed(r#"{"keys":[{"kty":"oct","k":"c2VjcmV0"}]}"#, false);
    let Bench { keys, .. } = bench(vec![config("one", useless)]);
    assert!(!keys.ready() && keys.key_set(FIRST, Duration::ZERO).is_none());
    assert!(keys.fetch_once().await[0].is_err());
    assert_eq!(keys.status()[0].skipped.len(), 1);
}

#[tokio::test]
async fn a_reloaded_configuration_goes_on_with_the_keys_of_unchanged_sources_only() {
    let issuer = Issuer::start().await;
    issuer.json("/jwks", &document(&[&jwk("a")]));
    let source = || config("one", jwks_origin(&issuer.url("/jwks")));
    let old = bench(vec![source()]);
    old.keys.fetch_once().await;
    let mut stricter = source();
    stricter.policy.accepted_use = vec!["jwt-svid".to_owned()];
    let moved = config("one", jwks_origin(&issuer.url("/other")));
    let new = bench(vec![moved, source(), stricter]);
    new.keys.inherit(&old.keys);
    let held = |source| new.keys.key_set(SourceId(source), Duration::ZERO).is_some();
    assert_eq!([held(0), held(1), held(2)], [false, true, false]);
    assert!(!new.keys.ready());
    // Its age goes on too.
    let late = crate::keys::plan::Timing::DEFAULT_MAX_STALE + Duration::from_secs(1);
    assert!(new.keys.key_set(SourceId(1), late).is_none());
    assert_eq!(new.keys.status()[1].next_refresh, Some(Duration::ZERO));
}

#[tokio::test]
async fn k07_a_shorter_retention_ends_what_a_longer_one_kept_when_the_configuration_is_reloaded() {
    let issuer = Issuer::start().await;
    let (a, b) = (jwk("a"), jwk("b"));
    issuer.json("/jwks", &document(&[&a, &b]));
    let retaining = |retention| {
        let mut source = config("one", jwks_origin(&issuer.url("/jwks")));
        source.timing.retention = Duration::from_secs(retention);
        source
    };
    let old = bench(vec![retaining(86_400)]);
    old.keys.fetch_once().await;
    issuer.json("/jwks", &document(&[&b]));
    old.keys.fetch_once().await;
    assert_eq!(kids(&old.keys, 0), ["b", "a"]);
    for (retention, at, expected) in [
        (0, 0, &["b"][..]),
        (60, 0, &["b", "a"]),
        (60, 60, &["b"]),
        (172_800, 86_399, &["b", "a"]),
        (172_800, 86_400, &["b"]),
    ] {
        let new = bench(vec![retaining(retention)]);
        new.keys.inherit(&old.keys);
        let set = new.keys.key_set(FIRST, Duration::ZERO).unwrap();
        let good = set.keys().iter();
        let good = good.filter(|held| held.is_good(Duration::from_secs(at)));
        let good: Vec<_> = good.filter_map(|held| held.key.kid.as_deref()).collect();
        assert_eq!(good, expected, "retention {retention}, at {at}");
    }
}
