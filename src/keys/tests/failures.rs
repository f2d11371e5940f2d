//! Documents that must not take the keys away, and issuers that are not there.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::{Bench, bench, bench_with};
use crate::clock::{Clock, SystemClock};
use crate::keys::testing::{
    Answer, Issuer, PATIENCE, Recorder, config, document, jwk, jwks_origin, kids, short_limits,
};
use crate::keys::{FetchResult, KeyLookup, KeyObserver, Keys, SourceId};

const FIRST: SourceId = SourceId(0);

/// Labels and answers that hold no usable key.
fn poisons() -> Vec<(FetchResult, Answer)> {
    use FetchResult::{BadDocument, BadStatus, NoUsableKey, NotAKeySet, Redirect, TooLarge};
    let json = |body: &str| Answer::Json(body.to_owned());
    let raw = |head: &str, body: &str| {
        Answer::Raw(format!(
            "HTTP/1.1 {head}\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        ))
    };
    let good = document(&[&jwk("poison")]);
    let half = good[..good.len() / 2].to_owned();
    let private = good.replace(r#""kty""#, r#""d":"AAAA","kty""#);
    vec![
        (BadStatus, raw("500 Error", &good)),
        (BadStatus, raw("404 Not Found", "")),
        (BadStatus, raw("203 Changed", &good)),
        (Redirect, raw("302 Found\r\nLocation: /elsewhere", &good)),
        (BadDocument, raw("200 OK\r\nContent-Encoding: gzip", &good)),
        (
            BadDocument,
            Answer::Raw(format!(
                "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n{good}"
            )),
        ),
        (BadDocument, Answer::Raw(String::new())),
        (TooLarge, json(&format!("{good}{}", " ".repeat(512 * 1024)))),
        (
            NotAKeySet,
            json("<!doctype html><title>Maintenance</title>"),
        ),
        (NotAKeySet, json("")),
        (NotAKeySet, json(&half)),
        (NotAKeySet, json("{}")),
        (NotAKeySet, json("[]")),
        (NotAKeySet, json("null")),
        (NotAKeySet, json(r#"{"keys":null}"#)),
        (NotAKeySet, json(r#"{"keys":{}}"#)),
        (NotAKeySet, json(r#"{"keys":[]}"#)),
        (NotAKeySet, json(r#"{"error":"server_error"}"#)),
        (NotAKeySet, json(&format!("{good}{good}"))),
        (NoUsableKey, json(r#"{"keys":[{}]}"#)),
        (
            NoUsableKey,
            json(r#"{"keys":[{"kty":"oct","k":"c2VjcmV0","kid":"poison"}]}"#),
        ),
        (
            NoUsableKey,
            json(r#"{"keys":[{"kty":"RSA","n":"AQAB","e":"AQAB","kid":"poison"}]}"#),
        ),
        (NoUsableKey, json(&good.replace("sig", "enc"))),
        (NoUsableKey, json(&private)),
    ]
}

#[tokio::test]
async fn k06_each_poisoned_body_keeps_the_last_good_set() {
    let issuer = Issuer::start().await;
    let Bench { keys, clock, told } = bench(vec![config("one", jwks_origin(&issuer.url("/jwks")))]);
    issuer.json("/jwks", &document(&[&jwk("a"), &jwk("b")]));
    assert_eq!(keys.fetch_once().await, [Ok(())]);
    let generation = keys.key_set(FIRST, Duration::ZERO).unwrap().generation;
    for (number, (label, answer)) in poisons().into_iter().enumerate() {
        clock.advance(10);
        issuer.answer("/jwks", answer);
        let result = keys.fetch_once().await.remove(0);
        let error = result.expect_err(&format!("answer {number} was taken"));
        assert_eq!(told.last(), Some((label, 2)), "answer {number}: {error}");
        assert!(
            !error.contains("Maintenance") && !error.contains("server_error"),
            "{error}"
        );
        let set = keys.key_set(FIRST, clock.now().monotonic).unwrap();
        assert_eq!(set.generation, generation, "answer {number}");
        assert_eq!(kids(&keys, 0), ["a", "b"]);
        assert_eq!(keys.status()[0].last_error, Some(error));
    }
    issuer.json("/jwks", &document(&[&jwk("c")]));
    assert_eq!(keys.fetch_once().await, [Ok(())]);
    assert_eq!(kids(&keys, 0), ["c"]);
    assert_eq!(keys.status()[0].last_error, None);
}

#[tokio::test]
async fn k06_no_poisoned_body_makes_keys_where_there_were_none() {
    let issuer = Issuer::start().await;
    let Bench { keys, told, .. } = bench(vec![config("one", jwks_origin(&issuer.url("/jwks")))]);
    for (number, (label, answer)) in poisons().into_iter().enumerate() {
        issuer.answer("/jwks", answer);
        assert!(keys.fetch_once().await[0].is_err(), "answer {number}");
        assert_eq!(told.last(), Some((label, 0)), "answer {number}");
        assert!(keys.key_set(FIRST, Duration::ZERO).is_none() && !keys.ready());
    }
}

#[tokio::test]
async fn k06_one_bad_key_is_skipped_alone_and_shown() {
    let issuer = Issuer::start().await;
    let Bench { keys, .. } = bench(vec![config("one", jwks_origin(&issuer.url("/jwks")))]);
    let secret = r#"{"kty":"oct","k":"c2VjcmV0","kid":"bad"}"#;
    issuer.json(
        "/jwks",
        &document(&[secret, &jwk("a"), r#"{"kty":"XYZ"}"#, "7"]),
    );
    assert_eq!(keys.fetch_once().await, [Ok(())]);
    assert_eq!(kids(&keys, 0), ["a"]);
    let skipped = &keys.status()[0].skipped;
    assert_eq!(skipped.len(), 3);
    assert_eq!(skipped[0].kid.as_deref(), Some("bad"));
}

#[tokio::test]
async fn k06_the_last_good_set_is_trusted_for_max_stale_and_then_there_is_none() {
    let issuer = Issuer::start().await;
    let mut one = config("one", jwks_origin(&issuer.url("/jwks")));
    one.timing.max_stale = Duration::from_secs(1000);
    let Bench { keys, clock, told } = bench(vec![one]);
    issuer.json("/jwks", &document(&[&jwk("a")]));
    keys.fetch_once().await;
    issuer.answer("/jwks", Answer::Raw(String::new()));
    clock.advance(1000);
    keys.fetch_once().await;
    assert!(keys.key_set(FIRST, clock.now().monotonic).is_some());
    assert_eq!(keys.status()[0].age, Some(Duration::from_secs(1000)));
    clock.advance(1);
    keys.fetch_once().await;
    assert!(keys.key_set(FIRST, clock.now().monotonic).is_none());
    assert_eq!(told.last(), Some((FetchResult::BadDocument, 0)));
    assert!(kids(&keys, 0).is_empty());
    // They were had once: readiness is not tied to the issuer being up now.
    assert!(keys.ready());
    issuer.json("/jwks", &document(&[&jwk("b")]));
    keys.fetch_once().await;
    assert_eq!(kids(&keys, 0), ["b"]);
}

#[tokio::test]
async fn k06_what_was_too_old_to_trust_is_not_retained() {
    let issuer = Issuer::start().await;
    let mut one = config("one", jwks_origin(&issuer.url("/jwks")));
    one.timing.max_stale = Duration::from_secs(1000);
    one.timing.retention = Duration::from_secs(500);
    let Bench { keys, clock, .. } = bench(vec![one]);
    issuer.json("/jwks", &document(&[&jwk("a")]));
    keys.fetch_once().await;
    clock.advance(1001);
    issuer.json("/jwks", &document(&[&jwk("b")]));
    keys.fetch_once().await;
    assert_eq!(kids(&keys, 0), ["b"]);
}

#[tokio::test]
async fn k10_a_fetch_that_is_abandoned_does_not_block_the_next_one() {
    let issuer = Issuer::start().await;
    let Bench { keys, .. } = bench(vec![config("one", jwks_origin(&issuer.url("/jwks")))]);
    issuer.answer("/jwks", Answer::Stall);
    let abandoned = tokio::time::timeout(Duration::from_millis(100), keys.fetch_once()).await;
    assert!(abandoned.is_err());
    while keys.status()[0].next_refresh.is_none() {
        tokio::task::yield_now().await;
    }
    issuer.json("/jwks", &document(&[&jwk("a")]));
    assert_eq!(keys.fetch_once().await, [Ok(())]);
    assert_eq!(kids(&keys, 0), ["a"]);
}

/// Panics when it is told for the first time.
#[derive(Default)]
struct Faulty(AtomicUsize);

impl KeyObserver for Faulty {
    fn fetched(&self, _: &str, _: SourceId, _: FetchResult, _: usize) {
        assert!(
            self.0.fetch_add(1, Ordering::SeqCst) > 0,
            "a fault that the test made"
        );
    }
    fn suppressed(&self, _: &str) {}
}

#[tokio::test]
async fn k10_a_panic_in_the_middle_of_a_fetch_does_not_end_the_source() {
    let issuer = Issuer::start().await;
    issuer.answer("/jwks", Answer::Raw(String::new()));
    let source = config("one", jwks_origin(&issuer.url("/jwks")));
    let told = Arc::new(Faulty::default());
    let keys = Arc::new(Keys::new(vec![source], Arc::new(SystemClock), told.clone()));
    keys.start();
    while told.0.load(Ordering::SeqCst) == 0 {
        tokio::task::yield_now().await;
    }
    issuer.json("/jwks", &document(&[&jwk("a")]));
    let ready = async {
        while !keys.ready() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, ready)
        .await
        .expect("the source is dead");
}

#[tokio::test]
async fn k04_known_keys_are_there_at_once_while_a_fetch_hangs() {
    let issuer = Issuer::start().await;
    let source = config("one", jwks_origin(&issuer.url("/jwks")));
    let Bench { keys, told, .. } = bench_with(vec![source], short_limits());
    issuer.json("/jwks", &document(&[&jwk("a")]));
    keys.fetch_once().await;
    issuer.answer("/jwks", Answer::Stall);
    let hanging = tokio::spawn({
        let keys = Arc::clone(&keys);
        async move { keys.fetch_once().await }
    });
    while issuer.requests() < 2 {
        tokio::task::yield_now().await;
    }
    assert!(keys.key_set(FIRST, Duration::ZERO).is_some());
    assert_eq!(keys.status()[0].next_refresh, None);
    assert!(hanging.await.unwrap()[0].is_err());
    assert_eq!(told.last(), Some((FetchResult::Timeout, 1)));
}

#[tokio::test]
async fn k12_an_issuer_that_is_down_at_the_start_is_used_soon_after_it_comes_up() {
    let address = {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        listener.local_addr().unwrap()
    };
    let source = config("one", jwks_origin(&format!("http://{address}/jwks")));
    let told = Arc::new(Recorder::default());
    let keys = Arc::new(Keys::new(vec![source], Arc::new(SystemClock), told.clone()));
    keys.start();
    told.until(|told| !told.is_empty()).await;
    assert_eq!(told.last(), Some((FetchResult::ConnectFailed, 0)));
    assert!(!keys.ready() && keys.key_set(FIRST, SystemClock.now().monotonic).is_none());
    assert!((1..=31).contains(&keys.retry_after(FIRST)));
    let issuer = Issuer::on(tokio::net::TcpListener::bind(address).await.unwrap(), None);
    issuer.json("/jwks", &document(&[&jwk("a")]));
    told.until(|told| told.iter().any(|(_, result, _)| *result == FetchResult::Ok))
        .await;
    assert!(keys.ready() && keys.key_set(FIRST, SystemClock.now().monotonic).is_some());
}

#[tokio::test]
async fn an_issuer_that_is_not_required_does_not_hold_readiness_back() {
    let issuer = Issuer::start().await;
    let mut optional = config("two", jwks_origin(&issuer.url("/missing")));
    optional.required_for_ready = false;
    let Bench { keys, .. } = bench(vec![
        config("one", jwks_origin(&issuer.url("/jwks"))),
        optional,
    ]);
    assert!(!keys.ready());
    issuer.json("/jwks", &document(&[&jwk("a")]));
    let results = keys.fetch_once().await;
    assert!(results[0].is_ok() && results[1].is_err());
    assert!(keys.ready());
}
