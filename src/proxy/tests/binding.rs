//! Over real sockets: a token and the request that it came in.

use http::HeaderName;

use super::testing::*;
use crate::identity::Underscores;
use crate::jose::algorithm::Algorithm;
use crate::jose::jwk::ReadKeys;
use crate::keys::source::Origin;
use crate::keys::testing::config;
use crate::policy::{Access, RouteConfig};
use crate::proxy::*;
use crate::verify::testing as tokens;
use crate::verify::{Binding, BoundClaim, Place};

/// OpenID Connect Core, appendix A.4: an access token; its hashes by Python's `hashlib`.
const ACCESS_TOKEN: &str = "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y";
const SHA256: &str = "77QmUPtjPfzWtF2AnpK9RQ";
const SHA384: &str = "jtAeDp945y1dDqU3nkIVGNZP1HjH_MFs";
const SHA512: &str = "q7nS86GgvvFaZkzALLWqJYaJIKw2wCDAVfCAsm5CrBM";

fn header(name: &'static str, scheme: Option<&str>) -> Place {
    Place::Header {
        name: HeaderName::from_static(name),
        scheme: scheme.map(str::to_owned),
    }
}

/// Before the application: two issuers with keys for every algorithm, the second of them without bindings.
fn bound(
    app: &App,
    routes: Option<Vec<RouteConfig>>,
    bindings: Vec<(BoundClaim, Place)>,
    change: impl FnOnce(&mut Gate),
) -> Running {
    let mut gate = gate(app.address, routes);
    let mut issuers = vec![
        tokens::oidc_issuer(),
        tokens::named_issuer("free", "https://free.example", 0),
    ];
    issuers[0].bindings = bindings
        .into_iter()
        .map(|(claim, place)| Binding { claim, place })
        .collect();
    for issuer in &mut issuers {
        issuer.algorithms = Algorithm::ALL.into_iter().collect();
    }
    gate.verifier = tokens::verifier_of(issuers);
    let origin = Origin::Fixed {
        keys: ReadKeys {
            keys: tokens::keys_for_every_algorithm(),
            skipped: Vec::new(),
        },
        any_kid: false,
    };
    let source = config("main", origin);
    gate.keys = Arc::new(Keys::new(
        vec![source],
        Arc::clone(&gate.clock),
        Arc::clone(&gate.metrics) as _,
    ));
    change(&mut gate);
    Running::start(gate)
}

fn signed(algorithm: Algorithm, more: &str) -> String {
    let header = format!(r#"{{"alg":"{}"}}"#, algorithm.name());
    let signer = tokens::signer_of(algorithm);
    tokens::mint(signer, algorithm, &header, &tokens::claims(more))
}

fn id_token() -> String {
    signed(Algorithm::Es256, &format!(r#""at_hash":"{SHA256}""#))
}

/// A token as Bearer, and more lines.
fn with(token: &str, lines: &str) -> String {
    format!("Authorization: Bearer {token}\r\n{lines}")
}

#[test]
fn an_access_token_is_bound_under_every_algorithm_cached_or_not() {
    let app = App::plain();
    let at_hash = (BoundClaim::AccessTokenHash, header("x-access-token", None));
    let gate = bound(&app, None, vec![at_hash], |_| {});
    let good = format!("X-Access-Token: {ACCESS_TOKEN}\r\n");
    let other = good.replace("jHk", "jHl");
    for algorithm in Algorithm::ALL {
        let hash = match algorithm.name() {
            "RS256" | "PS256" | "ES256" | "HS256" => SHA256,
            "RS384" | "PS384" | "ES384" | "HS384" => SHA384,
            _ => SHA512,
        };
        let token = signed(algorithm, &format!(r#""at_hash":"{hash}""#));
        for _ in 0..2 {
            let name = algorithm.name();
            gate.send(get("/", &with(&token, &other)))
                .is(401, "binding_mismatch");
            gate.send(get("/", &with(&token, "")))
                .is(401, "binding_mismatch");
            let answer = gate.send(get("/", &with(&token, &good)));
            assert_eq!(answer.status, 200, "{name}");
        }
    }
    assert_eq!(app.requests().len(), 2 * Algorithm::ALL.len());
    gate.wait_count(r#"claimgate_requests_total{decision="deny",issuer="main",reason="binding_mismatch",route="default"} 56"#);
    gate.wait_count("claimgate_token_cache_misses_total 14");
}

#[test]
fn the_refusal_says_little_to_the_client() {
    let app = App::plain();
    let place = Place::Cookie {
        name: "oidc_nonce".to_owned(),
    };
    let gate = bound(&app, None, vec![(BoundClaim::Nonce, place)], |_| {});
    let token = signed(Algorithm::Es256, r#""nonce":"n-1""#);
    for lines in [
        "",
        "Cookie: oidc_nonce=n-2\r\n",
        "Cookie: oidc_nonce=\r\n",
        "Cookie: oidc_nonce=\"n-1\"\r\n",
        "Cookie: oidc_nonce=n-1; oidc_nonce=n-1\r\n",
        "Cookie: oidc_nonce=n-1\r\nCookie: a=1; oidc.nonce=n-1\r\n",
        "Oidc_Nonce: n-1\r\n",
    ] {
        let answer = gate.send(get("/?oidc_nonce=n-1", &with(&token, lines)));
        answer.is(401, "binding_mismatch");
        let told = answer.head + &String::from_utf8(answer.body).unwrap();
        assert!(told.contains("error=\"invalid_token\""), "{told}");
        assert!(!told.contains("n-1") && !told.contains("nonce"), "{told}");
    }
    let good = with(&token, "Cookie: a=1; oidc_nonce=n-1\r\n");
    assert_eq!(gate.send(get("/", &good)).status, 200);
    assert_eq!(
        app.only().one("cookie"),
        Some("a=1; oidc_nonce=n-1"),
        "a nonce is data"
    );
}

#[test]
fn a_code_is_compared_as_it_was_before_it_was_encoded() {
    let app = App::plain();
    let place = Place::Query {
        name: "code".to_owned(),
    };
    let gate = bound(&app, None, vec![(BoundClaim::CodeHash, place)], |_| {});
    // Of `a+b/c=&d e`, by Python's `hashlib`.
    let token = signed(Algorithm::Es256, r#""c_hash":"tLV8sKoevW7ENSwWkO2b-A""#);
    let good = "/callback?state=x&code=a%2Bb%2fc%3D%26d+e";
    assert_eq!(gate.send(get(good, &with(&token, ""))).status, 200);
    assert_eq!(
        app.only().line(),
        format!("GET {good} HTTP/1.1"),
        "the application redeems it"
    );
    for bad in [
        "/callback",
        "/callback?code=a+b/c%3D%26d+e",
        "/callback?code=a%2Bb%2fc%3D%26d+e&code=a%2Bb%2fc%3D%26d+e",
        "/callback?code=a%2Bb%2fc%3D%26d+e&code%5B%5D=x",
        "/callback?code=a%2Bb%2fc%3D%26d+e;Code=x",
        "/callback?code=a%2Bb%2fc%3D%26d+e%",
        "/callback?xcode=a%2Bb%2fc%3D%26d+e",
    ] {
        gate.send(get(bad, &with(&token, "")))
            .is(401, "binding_mismatch");
    }
}

#[test]
fn an_access_token_that_nothing_vouches_for_never_reaches_the_application() {
    let routes = vec![
        route("/public", PUBLIC),
        route("/optional", Access::Optional),
        route("/*", Access::Required),
    ];
    let cookie = Place::Cookie {
        name: "at".to_owned(),
    };
    let query = Place::Query {
        name: "at".to_owned(),
    };
    for forward in [false, true] {
        for (place, lines, target) in [
            (
                header("x-access-token", None),
                "X-Access-Token: FORGED\r\nX_Access_Token: FORGED\r\nx.access.token: FORGED\r\n",
                "",
            ),
            (
                header("authorization", Some("DPoP")),
                "Authorization: DPoP FORGED\r\n",
                "",
            ),
            (
                cookie.clone(),
                "Cookie: a=1; at=FORGED; AT=FORGED\r\nCookie: at[]=FORGED\r\n",
                "",
            ),
            (query.clone(), "", "?at=FORGED&At[]=FORGED;%61t=FORGED"),
        ] {
            let app = App::plain();
            let bindings = vec![(BoundClaim::AccessTokenHash, place)];
            let gate = bound(&app, Some(routes.clone()), bindings, |gate| {
                gate.token.forward = forward;
                gate.token.sources = vec![TokenSource::Cookie {
                    name: "id_token".to_owned(),
                    allow_cross_site: false,
                }];
                gate.managed = ManagedNames::new(&[], &[], Underscores::Keep)
                    .without_look_alikes(["x-access-token"]);
            });
            for path in ["/public", "/optional"] {
                let answer = gate.send(get(&format!("{path}{target}"), lines));
                assert_eq!(answer.status, 200, "{path}{target}");
            }
            // Of another issuer, whose tokens are bound to nothing.
            let free = signed(Algorithm::Es256, r#""iss":"https://free.example""#);
            let lines = format!("{lines}Cookie: id_token={free}\r\n");
            let answer = gate.send(get(&format!("/{target}"), &lines));
            assert_eq!(answer.status, 200, "/{target}");
            let requests = app.requests();
            assert_eq!(requests.len(), 3);
            for request in requests {
                assert!(!request.head.contains("FORGED"), "{}", request.head);
            }
        }
    }
}

#[test]
fn with_forward_the_access_token_that_the_token_vouches_for_goes_on_alone() {
    let app = App::plain();
    for (forward, place, line, target, kept) in [
        (
            false,
            header("x-access-token", None),
            "X-Access-Token: ",
            "/",
            "X-Access-Token: ",
        ),
        (
            true,
            header("x-access-token", None),
            "X-Access-Token: ",
            "/",
            "x-access-token: ",
        ),
        // Hygiene removes what other proxies set; what is vouched for comes back.
        (
            true,
            header("x-forwarded-access-token", None),
            "X-Forwarded-Access-Token: ",
            "/",
            "x-forwarded-access-token: ",
        ),
        (
            true,
            header("authorization", Some("Bearer")),
            "authorization: bearer ",
            "/",
            "authorization: Bearer ",
        ),
        (
            true,
            Place::Cookie {
                name: "at".to_owned(),
            },
            "Cookie: b=2; at=",
            "/",
            "b=2; at=",
        ),
        (
            true,
            Place::Query {
                name: "at".to_owned(),
            },
            "",
            "/?b=2&at=",
            "/?b=2&at=",
        ),
    ] {
        let bindings = vec![(BoundClaim::AccessTokenHash, place.clone())];
        let gate = bound(&app, None, bindings, |gate| {
            gate.token.forward = forward;
            gate.token.sources = vec![TokenSource::Header {
                name: HeaderName::from_static("x-id-token"),
                scheme: None,
            }];
        });
        let mut lines = format!("X-Id-Token: {}\r\n", id_token());
        let mut target = target.to_owned();
        match place {
            Place::Query { .. } => target.push_str(ACCESS_TOKEN),
            _ => lines.push_str(&format!("{line}{ACCESS_TOKEN}\r\n")),
        }
        let answer = gate.send(get(&target, &lines));
        assert_eq!(answer.status, 200, "{place:?}: {}", answer.head);
        let head = app.requests().pop().unwrap().head;
        let count = head.matches(ACCESS_TOKEN).count();
        assert_eq!(count, usize::from(forward), "{head}");
        if forward {
            let (head, kept) = (head.to_ascii_lowercase(), kept.to_ascii_lowercase());
            let expected = format!("{kept}{}", ACCESS_TOKEN.to_ascii_lowercase());
            assert!(head.contains(&expected), "{head}");
            assert!(head.contains("x-id-token: "), "{head}");
        }
    }
}

#[test]
fn h05_a_counterpart_counts_as_the_client_sent_it_before_hygiene() {
    let app = App::plain();
    let place = header("x-amzn-oidc-accesstoken", None);
    let bindings = vec![(BoundClaim::AccessTokenHash, place)];
    let gate = bound(&app, None, bindings, |_| {});
    let line = format!("X-Amzn-Oidc-Accesstoken: {ACCESS_TOKEN}\r\n");
    let answer = gate.send(get("/", &with(&id_token(), &line)));
    assert_eq!(answer.status, 200, "a managed name is read, and not passed");
    assert!(!app.only().head.contains(ACCESS_TOKEN));
    let nominated = format!("{line}Connection: X-Amzn-Oidc-Accesstoken\r\n");
    gate.send(get("/", &with(&id_token(), &nominated)))
        .is(400, "bad_request");
}
