//! Discovery: whose document it is, and where it may lead.

use super::{Bench, bench};
use crate::keys::FetchResult;
use crate::keys::source::Origin;
use crate::keys::testing::{Issuer, config, discovery, document, jwk, kids, settings};
use crate::keys::url::KeyUrl;

const PATH: &str = "/.well-known/openid-configuration";

fn origin(server: &Issuer, issuer: &str, same_origin: bool) -> Origin {
    let mut fetch = settings();
    fetch.same_origin = same_origin;
    Origin::Discovery {
        url: KeyUrl::parse(&server.url(PATH), false).unwrap(),
        issuer: issuer.to_owned(),
        fetch,
    }
}

#[tokio::test]
async fn discovery_leads_to_the_key_set_and_is_asked_again_at_each_refresh() {
    let server = Issuer::start().await;
    let Bench { keys, .. } = bench(vec![config(
        "one",
        origin(&server, "https://id.example", false),
    )]);
    server.json("/one", &document(&[&jwk("a")]));
    server.json("/two", &document(&[&jwk("b")]));
    server.json(
        PATH,
        &discovery("https://id.example", &server.url("/one?appid=7")),
    );
    assert_eq!(keys.fetch_once().await, [Ok(())]);
    assert_eq!(kids(&keys, 0), ["a"]);
    assert!(server.heads()[1].starts_with("GET /one?appid=7 "));
    server.json(PATH, &discovery("https://id.example", &server.url("/two")));
    assert_eq!(keys.fetch_once().await, [Ok(())]);
    assert_eq!(kids(&keys, 0), ["b"]);
}

#[tokio::test]
async fn k01_a_document_of_another_issuer_is_refused_and_both_names_are_told() {
    let server = Issuer::start().await;
    server.json("/jwks", &document(&[&jwk("a")]));
    let Bench { keys, told, .. } = bench(vec![config(
        "one",
        origin(&server, "https://id.example", false),
    )]);
    for other in [
        "https://id.example/",
        "https://ID.example",
        "https://id.example.evil.example",
        "http://id.example",
        "https://evil.example",
        " https://id.example",
        "",
    ] {
        server.json(PATH, &discovery(other, &server.url("/jwks")));
        let error = keys.fetch_once().await.remove(0).unwrap_err();
        assert_eq!(
            told.last(),
            Some((FetchResult::IssuerMismatch, 0)),
            "{other}"
        );
        assert!(
            error.contains(&format!("`{other}`")) && error.contains("`https://id.example`"),
            "{error}"
        );
    }
    let asked = server.heads();
    assert!(
        asked
            .iter()
            .all(|head| head.starts_with(&format!("GET {PATH} "))),
        "{asked:?}"
    );
}

#[tokio::test]
async fn k01_a_document_cannot_lead_anywhere_but_to_https_or_its_own_loopback() {
    let server = Issuer::start().await;
    let Bench { keys, told, .. } = bench(vec![config("one", origin(&server, "i", false))]);
    for place in [
        "file:///etc/passwd",
        "FILE:///etc/passwd",
        "data:application/json,{}",
        "ftp://id.example/jwks",
        "unix:/run/jwks",
        "/jwks",
        "jwks",
        "",
        "//id.example/jwks",
        "http://169.254.169.254/latest/meta-data",
        "http://id.example/jwks",
        "https://user:secret@id.example/jwks",
        "https://id.example/jwks#x",
        "https://id.example:0/jwks",
        "https:///jwks",
    ] {
        server.json(PATH, &discovery("i", place));
        let error = keys.fetch_once().await.remove(0).unwrap_err();
        assert_eq!(
            told.last(),
            Some((FetchResult::BadDocument, 0)),
            "{place}: {error}"
        );
        assert!(
            !error.contains("secret") && error.contains("jwks_uri"),
            "{error}"
        );
    }
    assert!(server.heads().iter().all(|head| head.contains(PATH)));
}

#[tokio::test]
async fn k01_what_is_not_a_discovery_document_is_refused() {
    let server = Issuer::start().await;
    let uri = server.url("/jwks");
    server.json("/jwks", &document(&[&jwk("a")]));
    let Bench { keys, told, .. } = bench(vec![config("one", origin(&server, "i", false))]);
    for body in [
        String::new(),
        "<html>".to_owned(),
        "null".to_owned(),
        format!(r#"["i","{uri}"]"#),
        "{}".to_owned(),
        r#"{"issuer":"i"}"#.to_owned(),
        format!(r#"{{"jwks_uri":"{uri}"}}"#),
        format!(r#"{{"issuer":["i"],"jwks_uri":"{uri}"}}"#),
        r#"{"issuer":"i","jwks_uri":null}"#.to_owned(),
        format!(r#"{{"issuer":"other","issuer":"i","jwks_uri":"{uri}"}}"#),
        format!(r#"{{"issuer":"i","jwks_uri":"{uri}","jwks_uri":"{uri}"}}"#),
        format!(r#"{{"issuer":"i","jwks_uri":"{uri}"}} x"#),
    ] {
        server.json(PATH, &body);
        assert!(keys.fetch_once().await[0].is_err(), "{body}");
        assert_eq!(told.last(), Some((FetchResult::BadDocument, 0)), "{body}");
    }
    server.json(PATH, &discovery("i", &uri));
    assert_eq!(keys.fetch_once().await, [Ok(())]);
}

#[tokio::test]
async fn k01_same_origin_keeps_the_keys_where_the_document_is() {
    let (server, other) = (Issuer::start().await, Issuer::start().await);
    for issuer in [&server, &other] {
        issuer.json("/jwks", &document(&[&jwk("a")]));
    }
    let narrow = config("one", origin(&server, "i", true));
    let wide = config("two", origin(&server, "i", false));
    let Bench { keys, .. } = bench(vec![narrow, wide]);
    server.json(PATH, &discovery("i", &other.url("/jwks")));
    let results = keys.fetch_once().await;
    assert!(results[0].as_ref().unwrap_err().contains("same_origin"));
    assert_eq!(results[1], Ok(()));
    assert_eq!(other.connections(), 1);
    server.json(PATH, &discovery("i", &server.url("/jwks")));
    assert_eq!(keys.fetch_once().await, [Ok(()), Ok(())]);
}
