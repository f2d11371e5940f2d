//! The bearer token that the gate shows to an issuer, and to nobody else.

use super::{Bench, bench};
use crate::keys::fetch::FetchSettings;
use crate::keys::kid::KidUrl;
use crate::keys::source::Origin;
use crate::keys::testing::{
    Answer, Issuer, TestFile, config, discovery, document, jwk, kids, settings,
};
use crate::keys::token_file::TokenFile;
use crate::keys::url::KeyUrl;
use crate::keys::{FetchResult, SourceId};

const TOKEN: &str = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJnYXRlIn0.c2VjcmV0";

fn shown(file: &TestFile, origins: &[String]) -> FetchSettings {
    let origins = origins.iter().map(|o| KeyUrl::parse(o, false).unwrap());
    FetchSettings {
        token_file: Some(TokenFile {
            path: file.0.clone(),
            origins: origins.collect(),
        }),
        ..settings()
    }
}

fn jwks(issuer: &Issuer, fetch: FetchSettings) -> Origin {
    Origin::JwksUrl {
        url: KeyUrl::parse(&issuer.url("/jwks"), false).unwrap(),
        fetch,
    }
}

/// Discovery at `issuer` for the issuer `https://kubernetes.default.svc`.
fn discovered(issuer: &Issuer, fetch: FetchSettings) -> Origin {
    Origin::Discovery {
        url: KeyUrl::parse(&issuer.url("/.well-known/openid-configuration"), false).unwrap(),
        issuer: "https://kubernetes.default.svc".to_owned(),
        fetch,
    }
}

fn leads_to(issuer: &Issuer, jwks_uri: &str) {
    let text = discovery("https://kubernetes.default.svc", jwks_uri);
    issuer.json("/.well-known/openid-configuration", &text);
}

/// What each request so far said in `Authorization`.
fn authorizations(issuer: &Issuer) -> Vec<Option<String>> {
    let line = |head: &String| {
        let mut lines = head.lines().filter_map(|line| line.split_once(": "));
        let found = lines.find(|(name, _)| name.eq_ignore_ascii_case("authorization"));
        found.map(|(_, value)| value.to_owned())
    };
    issuer.heads().iter().map(line).collect()
}

fn bearer(token: &str) -> Option<String> {
    Some(format!("Bearer {token}"))
}

#[tokio::test]
async fn the_token_is_sent_to_the_configured_address_and_read_anew_for_each_fetch() {
    let issuer = Issuer::start().await;
    issuer.json("/jwks", &document(&[&jwk("a")]));
    let file = TestFile::new("token-rotates");
    file.write(TOKEN);
    let Bench { keys, .. } = bench(vec![config("one", jwks(&issuer, shown(&file, &[])))]);
    assert_eq!(keys.fetch_once().await, [Ok(())]);
    file.write("another-token\n");
    assert_eq!(keys.fetch_once().await, [Ok(())]);
    assert_eq!(
        authorizations(&issuer),
        [bearer(TOKEN), bearer("another-token")]
    );
}

#[tokio::test]
async fn without_a_token_file_nothing_is_shown() {
    let issuer = Issuer::start().await;
    issuer.json("/jwks", &document(&[&jwk("a")]));
    let Bench { keys, .. } = bench(vec![config("one", jwks(&issuer, settings()))]);
    assert_eq!(keys.fetch_once().await, [Ok(())]);
    assert_eq!(authorizations(&issuer), [None]);
}

#[tokio::test]
async fn a_key_set_at_the_origin_of_its_discovery_document_gets_the_token_too() {
    let issuer = Issuer::start().await;
    leads_to(&issuer, &issuer.url("/openid/v1/jwks"));
    issuer.json("/openid/v1/jwks", &document(&[&jwk("a")]));
    let file = TestFile::new("token-same-origin");
    file.write(TOKEN);
    let Bench { keys, .. } = bench(vec![config("one", discovered(&issuer, shown(&file, &[])))]);
    assert_eq!(keys.fetch_once().await, [Ok(())]);
    assert_eq!(authorizations(&issuer), [bearer(TOKEN), bearer(TOKEN)]);
}

#[tokio::test]
async fn k01_a_discovery_document_cannot_lead_the_token_to_another_origin() {
    let (issuer, other) = (Issuer::start().await, Issuer::start().await);
    leads_to(&issuer, &other.url("/openid/v1/jwks"));
    let file = TestFile::new("token-led-away");
    file.write(TOKEN);
    let Bench { keys, told, .. } =
        bench(vec![config("one", discovered(&issuer, shown(&file, &[])))]);
    // The keys themselves may be there, for everybody.
    other.json("/openid/v1/jwks", &document(&[&jwk("a")]));
    assert_eq!(keys.fetch_once().await, [Ok(())]);
    assert_eq!(kids(&keys, 0), ["a"]);
    for status in ["401 Unauthorized", "403 Forbidden"] {
        let refusal = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n");
        other.answer("/openid/v1/jwks", Answer::Raw(refusal));
        let error = keys.fetch_once().await.remove(0).unwrap_err();
        assert_eq!(told.last(), Some((FetchResult::BadStatus, 1)));
        assert!(
            error.contains("`jwks_url`") && error.contains("`token_origins`"),
            "{error}"
        );
    }
    assert_eq!(authorizations(&other), [None, None, None]);
    assert!(
        authorizations(&issuer)
            .iter()
            .all(|shown| *shown == bearer(TOKEN))
    );
}

#[tokio::test]
async fn an_origin_that_the_operator_names_gets_the_token() {
    let (issuer, other) = (Issuer::start().await, Issuer::start().await);
    leads_to(&issuer, &other.url("/openid/v1/jwks"));
    other.json("/openid/v1/jwks", &document(&[&jwk("a")]));
    let file = TestFile::new("token-named");
    file.write(TOKEN);
    let fetch = shown(&file, &[other.url("")]);
    let Bench { keys, .. } = bench(vec![config("one", discovered(&issuer, fetch))]);
    assert_eq!(keys.fetch_once().await, [Ok(())]);
    assert_eq!(authorizations(&other), [bearer(TOKEN)]);
}

#[tokio::test]
async fn k02_a_redirect_takes_the_token_nowhere() {
    let (issuer, other) = (Issuer::start().await, Issuer::start().await);
    let to = format!(
        "HTTP/1.1 307 Temporary Redirect\r\nLocation: {}\r\nContent-Length: 0\r\n\r\n",
        other.url("/jwks")
    );
    issuer.answer("/jwks", Answer::Raw(to));
    let file = TestFile::new("token-redirected");
    file.write(TOKEN);
    let Bench { keys, told, .. } = bench(vec![config("one", jwks(&issuer, shown(&file, &[])))]);
    assert!(keys.fetch_once().await[0].is_err());
    assert_eq!(told.last(), Some((FetchResult::Redirect, 0)));
    assert_eq!(other.connections(), 0);
}

#[tokio::test]
async fn a_token_that_cannot_be_read_is_a_failed_fetch_and_asks_nobody() {
    let issuer = Issuer::start().await;
    issuer.json("/jwks", &document(&[&jwk("a")]));
    let file = TestFile::new("token-missing");
    let Bench { keys, told, .. } = bench(vec![config("one", jwks(&issuer, shown(&file, &[])))]);
    assert!(keys.fetch_once().await[0].is_err());
    assert_eq!(told.last(), Some((FetchResult::Unreadable, 0)));
    file.write("two tokens");
    assert!(keys.fetch_once().await[0].is_err());
    assert_eq!(issuer.connections(), 0);
    file.write(TOKEN);
    assert_eq!(keys.fetch_once().await, [Ok(())]);
}

#[tokio::test]
async fn a_token_is_shown_to_no_reader_of_logs_and_pages() {
    let issuer = Issuer::start().await;
    let refusal = "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n".to_owned();
    issuer.answer("/jwks", Answer::Raw(refusal));
    let file = TestFile::new("token-private");
    file.write(TOKEN);
    let fetch = shown(&file, &[]);
    let debug = format!("{:?}", fetch.token_file);
    let Bench { keys, .. } = bench(vec![config("one", jwks(&issuer, fetch))]);
    let error = keys.fetch_once().await.remove(0).unwrap_err();
    let status = format!("{:?}", keys.status());
    for text in [debug, error, status] {
        assert!(
            !text.contains(TOKEN) && !text.contains("c2VjcmV0"),
            "{text}"
        );
    }
    assert_eq!(authorizations(&issuer), [bearer(TOKEN)]);
}

#[tokio::test]
async fn another_token_file_is_another_way_to_read() {
    let issuer = Issuer::start().await;
    issuer.json("/jwks", &document(&[&jwk("a")]));
    let (one, two) = (TestFile::new("token-one"), TestFile::new("token-two"));
    one.write(TOKEN);
    let old = bench(vec![config("one", jwks(&issuer, shown(&one, &[])))]);
    old.keys.fetch_once().await;
    let new = bench(vec![
        config("one", jwks(&issuer, shown(&two, &[]))),
        config("one", jwks(&issuer, shown(&one, &[]))),
    ]);
    new.keys.inherit(&old.keys);
    assert_eq!(kids(&new.keys, 0).len(), 0);
    assert_eq!(kids(&new.keys, 1), ["a"]);
}

#[tokio::test]
async fn a_key_that_is_forbidden_to_who_shows_a_token_is_an_error_and_not_absent() {
    const KID: &str = "a0b1c2d3-0000-4def-8123-456789abcdef";
    let issuer = Issuer::start().await;
    let refusal = "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n".to_owned();
    issuer.answer(&format!("/{KID}"), Answer::Raw(refusal));
    let file = TestFile::new("token-forbidden");
    file.write(TOKEN);
    let origin = Origin::KeyPerKid {
        url: KidUrl::parse(&issuer.url("/{kid}"), false).unwrap(),
        fetch: shown(&file, &[]),
    };
    let Bench { keys, told, .. } = bench(vec![config("one", origin)]);
    assert!(keys.fetch_kid_once(SourceId(0), KID).await.is_err());
    assert_eq!(told.last(), Some((FetchResult::BadStatus, 0)));
    assert!(keys.status()[0].last_error.is_some());
    assert_eq!(authorizations(&issuer), [bearer(TOKEN)]);
}
