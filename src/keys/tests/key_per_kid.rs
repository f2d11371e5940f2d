//! Keys that are each at an address of their own.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::JoinSet;

use super::{Bench, bench, bench_with};
use crate::clock::{Clock, SystemClock};
use crate::keys::kid_budget::AT_ONCE;
use crate::keys::plan::Timing;
use crate::keys::status::KeysFrom;
use crate::keys::testing::{
    Answer, Issuer, Recorder, config, kids, pem_origin, public_key_pem, short_limits,
};
use crate::keys::{FetchResult, KeyLookup, Keys, SourceId};

const FIRST: SourceId = SourceId(0);
/// Fetches for made-up kids in one `refetch_interval`, as the documentation says.
const BOUND: usize = AT_ONCE + 1;

pub fn kid(number: usize) -> String {
    format!("a0b1c2d3-0000-4def-8123-{number:012x}")
}

/// The issuer has the key `number`.
pub fn has(issuer: &Issuer, number: usize) {
    let pem = public_key_pem();
    issuer.json(&format!("/keys/{}", kid(number)), &pem);
}

pub fn started(issuer: &Issuer) -> Bench {
    let bench = bench(vec![config("one", pem_origin(&issuer.url("/keys/{kid}")))]);
    bench.keys.start();
    bench
}

/// The key `number` has verified a token.
fn proved(keys: &Keys, clock: &dyn Clock, number: usize) {
    let set = keys.key_set(FIRST, clock.now().monotonic).unwrap();
    let name = kid(number);
    let mut held = set.keys().iter();
    let held = held.find(|held| held.key.kid.as_deref() == Some(&name));
    keys.proved(FIRST, &held.unwrap().key.fingerprint);
}

#[tokio::test]
async fn a_key_is_fetched_when_a_token_names_it_and_not_before() {
    let issuer = Issuer::start().await;
    has(&issuer, 1);
    let Bench { keys, told, .. } = started(&issuer);
    assert!(
        keys.ready(),
        "nobody waits for a key that no token has named"
    );
    assert_eq!(keys.fetch_once().await, [Ok(())]);
    assert_eq!(issuer.connections(), 0);
    assert!(
        keys.key_set(FIRST, Duration::ZERO)
            .is_some_and(|set| set.keys().is_empty())
    );
    assert!(keys.refetch(FIRST, Some(&kid(1))).await);
    assert_eq!(kids(&keys, 0), [kid(1)]);
    assert_eq!(told.last(), Some((FetchResult::Ok, 1)));
    assert!(issuer.heads()[0].starts_with(&format!("GET /keys/{} HTTP/1.1\r\n", kid(1))));
    let status = keys.status().remove(0);
    assert_eq!(status.kind, "pem_url");
    assert_eq!(status.origin, issuer.url("/keys/{kid}"));
    assert_eq!(status.keys[0].algorithms, ["ES256"]);
    assert!(!status.required_for_ready);
    assert_eq!(status.keys_from, Some(KeysFrom::Fetched));
    assert_eq!(status.trusted_for, Some(Timing::DEFAULT_MAX_STALE));
}

#[tokio::test]
async fn j05_what_is_no_lower_case_uuid_asks_nobody() {
    let issuer = Issuer::start().await;
    let Bench { keys, .. } = started(&issuer);
    let upper = kid(10).to_uppercase();
    for name in [
        None,
        Some(""),
        Some("k1"),
        Some("../../etc/passwd"),
        Some("a0b1c2d3-0000-4def-8123-456789abcdef/../x"),
        Some("a0b1c2d3-0000-4def-8123-456789abcdef\r\nX: y"),
        Some("http://169.254.169.254/latest/meta-data"),
        Some(upper.as_str()),
    ] {
        assert!(!keys.refetch(FIRST, name).await, "{name:?}");
    }
    assert_eq!(issuer.connections(), 0);
}

#[tokio::test]
async fn k05_a_hundred_thousand_made_up_kids_cause_at_most_four_fetches() {
    let issuer = Issuer::start().await;
    let Bench { keys, clock, told } = started(&issuer);
    for round in 1..=2 {
        let mut questions = JoinSet::new();
        for part in 0..100 {
            let keys = Arc::clone(&keys);
            questions.spawn(async move {
                for number in 0..500 {
                    keys.refetch(FIRST, Some(&kid(round * 100_000 + part * 500 + number)))
                        .await;
                }
            });
        }
        questions.join_all().await;
        let requests = issuer.requests();
        assert!(
            (AT_ONCE * round..=BOUND * round).contains(&requests),
            "{requests}"
        );
        clock.advance(30);
    }
    assert!(told.suppressed.load(Ordering::SeqCst) > 99_000);
    let set = keys.key_set(FIRST, Duration::ZERO).unwrap();
    assert!(set.keys().is_empty());
}

#[tokio::test]
async fn k05_a_genuine_new_key_gets_in_during_a_flood() {
    let issuer = Issuer::start().await;
    let Bench { keys, .. } = started(&issuer);
    for number in 1000..2000 {
        keys.refetch(FIRST, Some(&kid(number))).await;
    }
    has(&issuer, 1);
    let mut asked = 0;
    while kids(&keys, 0).is_empty() {
        for number in 0..100 {
            keys.refetch(FIRST, Some(&kid(10_000 + 100 * asked + number)))
                .await;
        }
        keys.refetch(FIRST, Some(&kid(1))).await;
        asked += 1;
        assert!(asked < 100, "not in after {asked} questions");
    }
    assert_eq!(kids(&keys, 0), [kid(1)]);
    assert!(issuer.requests() <= BOUND);
}

#[tokio::test]
async fn k05_every_question_for_one_kid_waits_for_one_fetch() {
    let issuer = Issuer::start().await;
    let Bench { keys, told, .. } = started(&issuer);
    let go = Arc::new(Notify::new());
    let answer = Answer::After(Arc::clone(&go), public_key_pem());
    issuer.answer(&format!("/keys/{}", kid(1)), answer);
    let mut questions = JoinSet::new();
    for _ in 0..1000 {
        let keys = Arc::clone(&keys);
        questions.spawn(async move {
            let changed = keys.refetch(FIRST, Some(&kid(1))).await;
            changed && kids(&keys, 0) == [kid(1)]
        });
    }
    while issuer.requests() < 1 {
        tokio::task::yield_now().await;
    }
    go.notify_one();
    assert!(questions.join_all().await.iter().all(|served| *served));
    assert_eq!(issuer.requests(), 1);
    assert_eq!(told.suppressed.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn k04_an_address_that_hangs_holds_up_no_other_key() {
    let issuer = Issuer::start().await;
    has(&issuer, 2);
    issuer.answer(&format!("/keys/{}", kid(1)), Answer::Stall);
    let Bench { keys, .. } = started(&issuer);
    let hanging = {
        let keys = Arc::clone(&keys);
        tokio::spawn(async move { keys.refetch(FIRST, Some(&kid(1))).await })
    };
    while issuer.requests() < 1 {
        tokio::task::yield_now().await;
    }
    assert!(keys.refetch(FIRST, Some(&kid(2))).await);
    assert_eq!(kids(&keys, 0), [kid(2)]);
    assert!(!hanging.is_finished());
    hanging.abort();
}

#[tokio::test]
async fn k07_a_key_in_use_is_fetched_again_and_dead_when_it_is_gone() {
    let issuer = Issuer::start().await;
    has(&issuer, 1);
    has(&issuer, 2);
    let Bench { keys, clock, told } = started(&issuer);
    assert!(keys.refetch(FIRST, Some(&kid(1))).await);
    proved(&keys, &*clock, 1);
    let fetched = told.fetched().len();
    issuer.answer(
        &format!("/keys/{}", kid(1)),
        Answer::Raw("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n".to_owned()),
    );
    clock.advance(Timing::DEFAULT_REFRESH_INTERVAL.as_secs());
    // Another token's question is what the standing clock's task wakes up for.
    keys.refetch(FIRST, Some(&kid(2))).await;
    told.until(|told| told.len() == fetched + 2).await;
    assert_eq!(kids(&keys, 0), [kid(2)]);
    assert_eq!(keys.status()[0].last_error, None);
}

#[tokio::test]
async fn k07_a_key_that_verifies_nothing_is_put_away_without_a_fetch() {
    let issuer = Issuer::start().await;
    has(&issuer, 1);
    has(&issuer, 2);
    let Bench { keys, clock, .. } = started(&issuer);
    keys.refetch(FIRST, Some(&kid(1))).await;
    clock.advance(Timing::DEFAULT_REFRESH_INTERVAL.as_secs());
    keys.refetch(FIRST, Some(&kid(2))).await;
    assert_eq!(kids(&keys, 0), [kid(2)]);
    assert_eq!(issuer.requests(), 2);
}

#[tokio::test]
async fn k06_a_key_whose_issuer_is_down_is_trusted_for_max_stale() {
    let issuer = Issuer::start().await;
    has(&issuer, 1);
    let Bench { keys, clock, .. } = started(&issuer);
    keys.refetch(FIRST, Some(&kid(1))).await;
    proved(&keys, &*clock, 1);
    drop(issuer);
    let good = |at| {
        let set = keys.key_set(FIRST, at).unwrap();
        set.keys().iter().any(|held| held.is_good(at))
    };
    assert!(good(Timing::DEFAULT_MAX_STALE - Duration::from_secs(1)));
    assert!(!good(Timing::DEFAULT_MAX_STALE));
}

#[tokio::test]
async fn k07_keys_are_fetched_again_by_the_clock() {
    let issuer = Issuer::start().await;
    has(&issuer, 1);
    let mut source = config("one", pem_origin(&issuer.url("/keys/{kid}")));
    source.timing.refresh_interval = Duration::from_millis(20);
    let told = Arc::new(Recorder::default());
    let keys = Arc::new(Keys::new(vec![source], Arc::new(SystemClock), told.clone()));
    keys.start();
    assert!(keys.refetch(FIRST, Some(&kid(1))).await);
    proved(&keys, &SystemClock, 1);
    told.until(|told| told.len() > 5).await;
    assert!(
        told.fetched()
            .iter()
            .all(|(_, result, _)| *result == FetchResult::Ok)
    );
    let generation = keys
        .key_set(FIRST, SystemClock.now().monotonic)
        .unwrap()
        .generation;
    assert_eq!(generation, 2, "the same key again is no news");
    keys.stop();
    assert!(!keys.refetch(FIRST, Some(&kid(2))).await);
}

#[tokio::test]
async fn a_reloaded_configuration_goes_on_with_the_keys_of_the_same_address_only() {
    let issuer = Issuer::start().await;
    has(&issuer, 1);
    let old = started(&issuer);
    old.keys.refetch(FIRST, Some(&kid(1))).await;
    let source = |path| config("one", pem_origin(&issuer.url(path)));
    let new = bench(vec![source("/other/{kid}"), source("/keys/{kid}")]);
    new.keys.inherit(&old.keys);
    assert_eq!(kids(&new.keys, 0).len(), 0);
    assert_eq!(kids(&new.keys, 1), [kid(1)]);
}

#[test]
fn k05_workers_ask_from_runtimes_of_their_own() {
    let runtime = || {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap()
    };
    let control = runtime();
    let (issuer, bench) = control.block_on(async {
        let issuer = Issuer::start().await;
        has(&issuer, 1);
        let bench = started(&issuer);
        (issuer, bench)
    });
    let workers: Vec<_> = (0..4)
        .map(|_| {
            let keys = Arc::clone(&bench.keys);
            let ask = async move {
                let changed = keys.refetch(FIRST, Some(&kid(1))).await;
                changed && kids(&keys, 0) == [kid(1)]
            };
            std::thread::spawn(move || runtime().block_on(ask))
        })
        .collect();
    control.block_on(async {
        while !workers.iter().all(std::thread::JoinHandle::is_finished) {
            tokio::task::yield_now().await;
        }
    });
    assert!(workers.into_iter().all(|worker| worker.join().unwrap()));
    assert_eq!(issuer.requests(), 1);
}

#[tokio::test]
async fn k09_two_issuers_with_the_same_kid_share_neither_keys_nor_grants() {
    let (one, two) = (Issuer::start().await, Issuer::start().await);
    has(&one, 1);
    has(&two, 1);
    let bench = bench_with(
        vec![
            config("one", pem_origin(&one.url("/keys/{kid}"))),
            config("two", pem_origin(&two.url("/keys/{kid}"))),
        ],
        short_limits(),
    );
    bench.keys.start();
    for number in 100..200 {
        bench.keys.refetch(SourceId(0), Some(&kid(number))).await;
    }
    bench.keys.refetch(SourceId(1), Some(&kid(1))).await;
    assert_eq!(kids(&bench.keys, 0).len(), 0);
    assert_eq!(kids(&bench.keys, 1), [kid(1)]);
    assert_eq!(two.requests(), 1);
}
