//! Documents that map each kid to a certificate or public key in PEM.

use serde_json::json;

use super::{Bench, bench};
use crate::keys::testing::{
    Answer, Issuer, certificates_origin, config, document, jwk, jwks_origin, kids, public_key_pem,
};
use crate::keys::{FetchResult, SourceId};

const FIRST: SourceId = SourceId(0);

fn certificate() -> String {
    let pair = rcgen::generate_simple_self_signed(vec!["issuer.example".to_owned()]).unwrap();
    pair.cert.pem()
}

#[tokio::test]
async fn k07_certificates_come_and_go_with_their_document() {
    let issuer = Issuer::start().await;
    let source = config("one", certificates_origin(&issuer.url("/certs")));
    let Bench { keys, told, .. } = bench(vec![source]);
    let (a, b, c) = (certificate(), certificate(), public_key_pem());
    issuer.json("/certs", &json!({"a": a, "b": b}).to_string());
    assert_eq!(keys.fetch_once().await, [Ok(())]);
    assert_eq!(kids(&keys, 0), ["a", "b"]);
    assert!(keys.ready());
    issuer.json("/certs", &json!({"b": b, "c": c}).to_string());
    assert_eq!(keys.fetch_once().await, [Ok(())]);
    assert_eq!(kids(&keys, 0), ["b", "c"]);
    assert_eq!(told.last(), Some((FetchResult::Ok, 2)));
    let status = &keys.status()[0];
    assert_eq!(status.kind, "certificates_url");
    assert_eq!(status.origin, issuer.url("/certs"));
}

#[tokio::test]
async fn k05_an_unknown_kid_makes_the_document_be_fetched_again() {
    let issuer = Issuer::start().await;
    issuer.json("/certs", &json!({"a": certificate()}).to_string());
    let source = config("one", certificates_origin(&issuer.url("/certs")));
    let Bench { keys, told, .. } = bench(vec![source]);
    keys.start();
    told.until(|told| told.len() == 1).await;
    issuer.json("/certs", &json!({"b": certificate()}).to_string());
    for _ in 0..100 {
        keys.refetch(FIRST, Some("b")).await;
    }
    assert_eq!(kids(&keys, 0), ["b"]);
    assert_eq!(issuer.requests(), 2);
}

#[tokio::test]
async fn k06_a_document_that_is_no_such_map_keeps_the_last_good_one() {
    let issuer = Issuer::start().await;
    let source = config("one", certificates_origin(&issuer.url("/certs")));
    let Bench { keys, told, .. } = bench(vec![source]);
    issuer.json("/certs", &json!({"a": certificate()}).to_string());
    assert_eq!(keys.fetch_once().await, [Ok(())]);
    let secret = "-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n";
    for (answer, label, part) in [
        (
            Answer::Json(document(&[&jwk("a")])),
            FetchResult::NotAKeySet,
            "`jwks_url`",
        ),
        (
            Answer::Json("{}".to_owned()),
            FetchResult::NotAKeySet,
            "PEM",
        ),
        (
            Answer::Json("<html>Maintenance</html>".to_owned()),
            FetchResult::NotAKeySet,
            "HTML",
        ),
        (
            Answer::Json(json!({"a": secret}).to_string()),
            FetchResult::NoUsableKey,
            "private_key",
        ),
        (
            Answer::Json(json!({"a": certificate().replace("MII", "AAA")}).to_string()),
            FetchResult::NoUsableKey,
            "malformed",
        ),
        (Answer::Endless, FetchResult::TooLarge, "bytes"),
    ] {
        issuer.answer("/certs", answer);
        let error = keys.fetch_once().await.remove(0).unwrap_err();
        assert_eq!(told.last(), Some((label, 1)), "{error}");
        assert!(error.contains(part), "{error}");
        assert!(
            !error.contains("c2VjcmV0") && !error.contains("Maintenance"),
            "{error}"
        );
        assert_eq!(kids(&keys, 0), ["a"]);
    }
}

#[tokio::test]
async fn k06_one_bad_certificate_is_skipped_alone_and_shown() {
    let issuer = Issuer::start().await;
    let source = config("one", certificates_origin(&issuer.url("/certs")));
    let Bench { keys, .. } = bench(vec![source]);
    let map = json!({"good": certificate(), "bad": "-----BEGIN CERTIFICATE-----", "worse": 1});
    issuer.json("/certs", &map.to_string());
    assert_eq!(keys.fetch_once().await, [Ok(())]);
    assert_eq!(kids(&keys, 0), ["good"]);
    let status = keys.status().remove(0);
    let skipped = status.skipped.iter().map(|key| key.kid.as_deref().unwrap());
    assert_eq!(skipped.collect::<Vec<_>>(), ["bad", "worse"]);
}

#[tokio::test]
async fn a_key_set_and_a_map_at_one_address_are_two_sources() {
    let issuer = Issuer::start().await;
    let url = issuer.url("/certs");
    issuer.json("/certs", &json!({"a": certificate()}).to_string());
    let old = bench(vec![config("one", certificates_origin(&url))]);
    old.keys.fetch_once().await;
    let sources = vec![
        config("one", jwks_origin(&url)),
        config("one", certificates_origin(&url)),
    ];
    let new = bench(sources);
    new.keys.inherit(&old.keys);
    assert_eq!(kids(&new.keys, 0).len(), 0);
    assert_eq!(kids(&new.keys, 1), ["a"]);
}
