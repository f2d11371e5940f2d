//! Questions for keys that are not known: one fetch answers them all, and a floor keeps the next one off.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::JoinSet;

use super::{Bench, bench, bench_with};
use crate::clock::SystemClock;
use crate::keys::testing::{
    Answer, Issuer, Recorder, config, document, jwk, jwks_origin, kids, short_limits,
};
use crate::keys::{FetchResult, Keys, SourceId};

const FIRST: SourceId = SourceId(0);

/// One source that has fetched `a`.
async fn started(issuer: &Issuer) -> Bench {
    issuer.json("/jwks", &document(&[&jwk("a")]));
    let bench = bench(vec![config("one", jwks_origin(&issuer.url("/jwks")))]);
    bench.keys.start();
    bench.told.until(|told| told.len() == 1).await;
    bench
}

#[tokio::test]
async fn k05_thousand_unknown_kids_cause_one_fetch() {
    let issuer = Issuer::start().await;
    let Bench { keys, clock, told } = started(&issuer).await;
    for round in 1..=2 {
        let mut questions = JoinSet::new();
        for _ in 0..1000 {
            let keys = Arc::clone(&keys);
            questions.spawn(async move { keys.refetch(FIRST, None).await });
        }
        questions.join_all().await;
        assert_eq!(issuer.requests(), 2, "round {round}");
    }
    assert!(told.suppressed.load(Ordering::SeqCst) >= 1000);
    clock.advance(29);
    assert!(!keys.refetch(FIRST, None).await);
    assert_eq!(issuer.requests(), 2);
    clock.advance(1);
    keys.refetch(FIRST, None).await;
    assert_eq!(issuer.requests(), 3);
}

#[tokio::test]
async fn k05_every_question_during_a_fetch_waits_for_that_one() {
    let issuer = Issuer::start().await;
    let Bench { keys, told, .. } = started(&issuer).await;
    let go = Arc::new(Notify::new());
    let both = document(&[&jwk("a"), &jwk("b")]);
    issuer.answer("/jwks", Answer::After(Arc::clone(&go), both));
    let mut questions = JoinSet::new();
    for _ in 0..100 {
        let keys = Arc::clone(&keys);
        questions.spawn(async move {
            let changed = keys.refetch(FIRST, None).await;
            (changed, kids(&keys, 0).contains(&"b".to_owned()))
        });
    }
    while issuer.requests() < 2 {
        tokio::task::yield_now().await;
    }
    go.notify_one();
    let answers = questions.join_all().await;
    assert!(answers.iter().all(|answer| *answer == (true, true)));
    assert_eq!(issuer.requests(), 2);
    assert_eq!(told.suppressed.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn k05_a_new_key_is_there_when_the_question_is_answered_and_the_start_up_fetch_does_not_count()
 {
    let issuer = Issuer::start().await;
    let Bench { keys, .. } = started(&issuer).await;
    issuer.json("/jwks", &document(&[&jwk("b")]));
    assert!(keys.refetch(FIRST, None).await);
    assert_eq!(kids(&keys, 0), ["b"]);
}

#[tokio::test]
async fn k05_a_fetch_that_changes_nothing_says_so() {
    let issuer = Issuer::start().await;
    let Bench { keys, clock, .. } = started(&issuer).await;
    clock.advance(60);
    assert!(!keys.refetch(FIRST, None).await);
    assert_eq!(issuer.requests(), 2);
}

#[tokio::test]
async fn k05_a_question_right_after_a_change_is_told_to_look_again() {
    let issuer = Issuer::start().await;
    let Bench { keys, clock, told } = started(&issuer).await;
    issuer.json("/jwks", &document(&[&jwk("b")]));
    assert!(keys.refetch(FIRST, None).await);
    assert!(
        keys.refetch(FIRST, None).await,
        "its look-up may have been before the change"
    );
    clock.advance(1);
    assert!(!keys.refetch(FIRST, None).await);
    assert_eq!(told.suppressed.load(Ordering::SeqCst), 2);
}

#[test]
fn k05_workers_ask_from_runtimes_of_their_own() {
    let control = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let (issuer, bench) = control.block_on(async {
        let issuer = Issuer::start().await;
        let bench = started(&issuer).await;
        issuer.json("/jwks", &document(&[&jwk("b")]));
        (issuer, bench)
    });
    let workers: Vec<_> = (0..4)
        .map(|_| {
            let keys = Arc::clone(&bench.keys);
            std::thread::spawn(move || {
                let worker = tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()
                    .unwrap();
                worker
                    .block_on(async { (keys.refetch(FIRST, None).await, kids(&keys, 0) == ["b"]) })
            })
        })
        .collect();
    control.block_on(async {
        while !workers.iter().all(std::thread::JoinHandle::is_finished) {
            tokio::task::yield_now().await;
        }
    });
    for worker in workers {
        assert_eq!(worker.join().unwrap(), (true, true));
    }
    assert_eq!(issuer.requests(), 2);
}

#[tokio::test]
async fn k05_a_failing_issuer_is_not_asked_more_often_for_unknown_keys() {
    let issuer = Issuer::start().await;
    let Bench { keys, told, .. } = started(&issuer).await;
    issuer.answer("/jwks", Answer::Raw(String::new()));
    for _ in 0..100 {
        assert!(!keys.refetch(FIRST, None).await || told.fetched().len() <= 2);
    }
    assert_eq!(issuer.requests(), 2);
    assert_eq!(kids(&keys, 0), ["a"]);
}

#[tokio::test]
async fn k04_a_question_ends_when_the_fetch_hangs() {
    let issuer = Issuer::start().await;
    issuer.json("/jwks", &document(&[&jwk("a")]));
    let source = config("one", jwks_origin(&issuer.url("/jwks")));
    let Bench { keys, clock, told } = bench_with(vec![source], short_limits());
    keys.start();
    told.until(|told| told.len() == 1).await;
    clock.advance(5);
    issuer.answer("/jwks", Answer::Stall);
    let began = std::time::Instant::now();
    assert!(!keys.refetch(FIRST, None).await);
    assert!(began.elapsed() < Duration::from_secs(4));
    assert_eq!(told.last(), Some((FetchResult::Timeout, 1)));
}

#[tokio::test]
async fn k05_whoever_asks_there_are_never_two_fetches_at_once() {
    let issuer = Issuer::start().await;
    issuer.answer("/jwks", Answer::Slow(document(&[&jwk("a")])));
    let mut source = config("one", jwks_origin(&issuer.url("/jwks")));
    source.timing.refresh_interval = Duration::from_millis(1);
    source.timing.refetch_interval = Duration::ZERO;
    let told = Arc::new(Recorder::default());
    let keys = Arc::new(Keys::new(vec![source], Arc::new(SystemClock), told.clone()));
    keys.start();
    let mut askers = JoinSet::new();
    for number in 0..20 {
        let keys = Arc::clone(&keys);
        askers.spawn(async move {
            for _ in 0..10 {
                match number % 2 {
                    0 => drop(keys.fetch_once().await),
                    _ => drop(keys.refetch(FIRST, None).await),
                }
            }
        });
    }
    askers.join_all().await;
    told.until(|told| told.len() > 10).await;
    assert_eq!(issuer.most_at_once(), 1);
    assert!(
        told.fetched()
            .iter()
            .all(|(_, result, _)| *result == FetchResult::Ok)
    );
}

#[tokio::test]
async fn k09_two_issuers_with_the_same_kid_share_neither_keys_nor_fetches() {
    for _ in 0..50 {
        let (one, two) = (Issuer::start().await, Issuer::start().await);
        one.json("/jwks", &document(&[&jwk("same")]));
        two.json("/jwks", &document(&[&jwk("same")]));
        let sources = vec![
            config("one", jwks_origin(&one.url("/jwks"))),
            config("two", jwks_origin(&two.url("/jwks"))),
        ];
        let Bench { keys, told, clock } = bench(sources);
        keys.start();
        told.until(|told| told.len() == 2).await;
        clock.advance(5);
        let fingerprint = |source| {
            let set =
                crate::keys::KeyLookup::key_set(&*keys, SourceId(source), Duration::ZERO).unwrap();
            assert_eq!(set.keys().len(), 1);
            set.keys()[0].key.fingerprint
        };
        let before = [fingerprint(0), fingerprint(1)];
        assert_ne!(before[0], before[1]);
        // The other one's floor is its own, and so is what it fetches.
        one.json("/jwks", &document(&[&jwk("same")]));
        tokio::join!(
            keys.refetch(SourceId(0), None),
            keys.refetch(SourceId(1), None)
        );
        assert_ne!(fingerprint(0), before[0]);
        assert_eq!(fingerprint(1), before[1]);
        assert_eq!((one.requests(), two.requests()), (2, 2));
    }
}

#[tokio::test]
async fn a_source_that_nobody_knows_or_that_never_changes_is_not_asked() {
    let issuer = Issuer::start().await;
    let Bench { keys, told, .. } = started(&issuer).await;
    assert!(!keys.refetch(SourceId(7), None).await);
    keys.stop();
    assert!(!keys.refetch(FIRST, None).await);
    assert_eq!(issuer.requests(), 1);
    assert_eq!(told.suppressed.load(Ordering::SeqCst), 0);
}
