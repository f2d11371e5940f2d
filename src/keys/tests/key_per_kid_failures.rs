//! Keys at addresses of their own, from issuers that misbehave.

use std::time::Duration;

use super::key_per_kid::{has, kid, started};
use super::{Bench, bench_with};
use crate::clock::Clock;
use crate::keys::testing::{
    Answer, Issuer, config, document, jwk, kids, pem_origin, public_key_pem, short_limits,
};
use crate::keys::{FetchResult, KeyLookup, SourceId};

const FIRST: SourceId = SourceId(0);

fn status(line: &str) -> Answer {
    Answer::Raw(format!("HTTP/1.1 {line}\r\nContent-Length: 0\r\n\r\n"))
}

#[tokio::test]
async fn k06_what_is_not_one_key_in_pem_is_no_key() {
    let issuer = Issuer::start().await;
    let source = config("one", pem_origin(&issuer.url("/keys/{kid}")));
    let Bench { keys, told, clock } = bench_with(vec![source], short_limits());
    keys.start();
    let two = format!("{}{}", public_key_pem(), public_key_pem());
    let secret = "-----BEGIN EC PRIVATE KEY-----\nc2VjcmV0\n-----END EC PRIVATE KEY-----\n";
    let answers = [
        (Answer::Json(String::new()), FetchResult::NotAKeySet),
        (
            Answer::Json("<html>secret</html>".to_owned()),
            FetchResult::NotAKeySet,
        ),
        (
            Answer::Json(document(&[&jwk("a")])),
            FetchResult::NotAKeySet,
        ),
        (Answer::Json(two), FetchResult::NoUsableKey),
        (Answer::Json(secret.to_owned()), FetchResult::NoUsableKey),
        (
            Answer::Json("-----BEGIN PUBLIC KEY-----".to_owned()),
            FetchResult::NoUsableKey,
        ),
        (Answer::Raw(String::new()), FetchResult::BadDocument),
        (
            Answer::Raw("nonsense\r\n\r\n".to_owned()),
            FetchResult::BadDocument,
        ),
        (Answer::Endless, FetchResult::TooLarge),
        (Answer::Trickle(public_key_pem()), FetchResult::Timeout),
        (Answer::Stall, FetchResult::Timeout),
        (status("503 Service Unavailable"), FetchResult::BadStatus),
        (status("429 Too Many Requests"), FetchResult::BadStatus),
        (status("401 Unauthorized"), FetchResult::BadStatus),
        (status("400 Bad Request"), FetchResult::BadStatus),
        (
            status("302 Found\r\nLocation: http://169.254.169.254/"),
            FetchResult::Redirect,
        ),
    ];
    for (number, (answer, label)) in answers.into_iter().enumerate() {
        issuer.answer(&format!("/keys/{}", kid(number)), answer);
        clock.advance(60);
        assert!(keys.refetch(FIRST, Some(&kid(number))).await);
        assert_eq!(told.last(), Some((label, 0)), "answer {number}");
        let error = keys.status()[0].last_error.clone().unwrap();
        assert!(
            !error.contains("secret") && !error.contains("c2VjcmV0"),
            "{error}"
        );
        // No key, and the last fetch failed: keys cannot be had.
        assert!(
            keys.key_set(FIRST, clock.now().monotonic).is_none(),
            "answer {number}"
        );
    }
}

#[tokio::test]
async fn k12_an_issuer_that_is_down_is_a_503_with_a_time_and_is_asked_again_after_it() {
    let issuer = Issuer::start().await;
    issuer.answer(
        &format!("/keys/{}", kid(1)),
        status("500 Internal Server Error"),
    );
    let Bench { keys, clock, .. } = started(&issuer);
    assert!(keys.refetch(FIRST, Some(&kid(1))).await);
    assert!(keys.key_set(FIRST, clock.now().monotonic).is_none());
    let retry_after = keys.retry_after(FIRST);
    assert!((1..=30).contains(&retry_after), "{retry_after}");
    assert!(!keys.refetch(FIRST, Some(&kid(1))).await);
    has(&issuer, 1);
    clock.advance(retry_after);
    assert!(keys.key_set(FIRST, clock.now().monotonic).is_some());
    assert!(keys.refetch(FIRST, Some(&kid(1))).await);
    assert_eq!(kids(&keys, 0), [kid(1)]);
    assert_eq!(keys.status()[0].last_error, None);
}

#[tokio::test]
async fn k06_a_failed_fetch_takes_no_key_away() {
    let issuer = Issuer::start().await;
    has(&issuer, 1);
    let Bench { keys, clock, .. } = started(&issuer);
    keys.refetch(FIRST, Some(&kid(1))).await;
    issuer.answer(
        &format!("/keys/{}", kid(2)),
        status("500 Internal Server Error"),
    );
    assert!(keys.refetch(FIRST, Some(&kid(2))).await);
    let set = keys.key_set(FIRST, clock.now().monotonic).unwrap();
    assert_eq!(set.keys().len(), 1);
    assert_eq!(kids(&keys, 0), [kid(1)]);
}

#[tokio::test]
async fn k05_a_kid_that_nobody_has_is_the_tokens_fault_and_no_outage() {
    let issuer = Issuer::start().await;
    issuer.answer(&format!("/keys/{}", kid(2)), status("403 Forbidden"));
    let Bench { keys, told, clock } = started(&issuer);
    for number in [1, 2] {
        assert!(keys.refetch(FIRST, Some(&kid(number))).await);
        assert_eq!(told.last(), Some((FetchResult::NoSuchKey, 0)));
        assert_eq!(keys.status()[0].last_error, None);
        assert!(keys.key_set(FIRST, clock.now().monotonic).is_some());
        assert!(
            !keys.refetch(FIRST, Some(&kid(number))).await,
            "not again so soon"
        );
    }
    assert_eq!(issuer.requests(), 2);
}

#[tokio::test]
async fn k06_a_403_on_the_way_takes_no_held_key_away_and_a_410_does() {
    for (answer, left) in [("403 Forbidden", 1), ("410 Gone", 0)] {
        let issuer = Issuer::start().await;
        has(&issuer, 1);
        let Bench { keys, .. } = started(&issuer);
        keys.refetch(FIRST, Some(&kid(1))).await;
        issuer.answer(&format!("/keys/{}", kid(1)), status(answer));
        let error = keys.fetch_kid_once(FIRST, &kid(1)).await.unwrap_err();
        assert!(error.contains("status 4"), "{error}");
        assert_eq!(kids(&keys, 0).len(), left, "{answer}");
    }
}

#[tokio::test]
async fn k10_a_question_that_is_given_up_leaves_nothing_behind() {
    let issuer = Issuer::start().await;
    issuer.answer(&format!("/keys/{}", kid(1)), Answer::Stall);
    let source = config("one", pem_origin(&issuer.url("/keys/{kid}")));
    let Bench { keys, clock, told } = bench_with(vec![source], short_limits());
    keys.start();
    let name = kid(1);
    let asked = keys.refetch(FIRST, Some(&name));
    let given_up = tokio::time::timeout(Duration::from_millis(50), asked).await;
    assert!(given_up.is_err());
    told.until(|told| told.len() == 1).await;
    assert_eq!(told.last(), Some((FetchResult::Timeout, 0)));
    clock.advance(10);
    has(&issuer, 1);
    assert!(keys.refetch(FIRST, Some(&name)).await);
    assert_eq!(kids(&keys, 0), [name.as_str()]);
    // A command that is interrupted in the middle.
    issuer.answer(&format!("/keys/{}", kid(2)), Answer::Stall);
    let other = kid(2);
    let fetch = keys.fetch_kid_once(FIRST, &other);
    assert!(
        tokio::time::timeout(Duration::from_millis(50), fetch)
            .await
            .is_err()
    );
    clock.advance(10);
    has(&issuer, 2);
    assert!(keys.refetch(FIRST, Some(&other)).await);
    assert_eq!(kids(&keys, 0).len(), 2);
}
