//! The wire over real sockets: raw clients, the gate with one worker, an application that records every byte.

use super::listen::{ConnectionLimit, Phase};
use super::testing::*;
use super::*;
use crate::policy::{Access, Condition, Rule};
use crate::verify::testing as tokens;

#[test]
fn a_good_token_gets_the_applications_answer_and_the_application_its_claims() {
    let app = App::plain();
    let gate = Running::before(&app);
    let answer = gate.send(get("/app?x=%20y", &bearer()));
    assert_eq!(
        (answer.status, answer.body.as_slice()),
        (200, &b"hello"[..])
    );
    let request = app.only();
    assert_eq!(request.line(), "GET /app?x=%20y HTTP/1.1");
    assert_eq!(request.one("x-auth-subject"), Some("alice"));
    assert_eq!(request.one("x-auth-issuer"), Some("main"));
    assert_eq!(request.one("host"), Some("a"));
    assert_eq!(
        request.one("authorization"),
        None,
        "the token is not forwarded"
    );
    assert_eq!(request.one("x-forwarded-for"), Some("127.0.0.1"));
    assert_eq!(request.one("x-forwarded-proto"), Some("http"));
    assert_eq!(request.one("x-forwarded-host"), Some("a"));
    assert!(
        request.head.contains("X-Auth-Subject: alice"),
        "as documented: {}",
        request.head
    );
    gate.wait_count(r#"claimgate_requests_total{decision="allow",issuer="main",reason="none",route="default"} 1"#);
    gate.wait_count(r#"claimgate_upstream_requests_total{outcome="answered"} 1"#);
    gate.wait_count("claimgate_requests_in_flight 0");
}

#[test]
fn refusals_are_problems_with_a_challenge_and_nothing_reaches_the_application() {
    let app = App::plain();
    let gate = Running::before(&app);
    let missing = gate.send(get("/", ""));
    missing.is(401, "missing_token");
    assert_eq!(
        missing.header("www-authenticate"),
        Some("Bearer realm=\"claimgate\"")
    );
    assert_eq!(missing.header("cache-control"), Some("no-store"));
    let expired = tokens::good(&format!("\"exp\":{}", tokens::NOW - 3600));
    let answer = gate.send(get("/", &format!("Authorization: Bearer {expired}\r\n")));
    answer.is(401, "token_expired");
    assert!(
        answer
            .header("www-authenticate")
            .unwrap()
            .contains("error=\"invalid_token\"")
    );
    gate.send(get("/", "Authorization: Bearer x\r\n"))
        .is(401, "malformed_token");
    let mut client = gate.connect();
    client.write("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n".to_owned() + &get("/", ""));
    let head = client.answer_to("HEAD");
    assert_eq!((head.status, head.body.len()), (401, 0));
    assert!(head.header("content-length").is_some_and(|l| l != "0"));
    client.answer().is(401, "missing_token");
    assert_eq!(app.connections(), 0);
    gate.wait_count(r#"claimgate_requests_total{decision="deny",issuer="none",reason="missing_token",route="default"} 3"#);
    gate.wait_count(r#"claimgate_requests_total{decision="deny",issuer="main",reason="token_expired",route="default"} 1"#);
}

#[test]
fn h01_h02_b01_identity_comes_from_the_token_alone() {
    let app = App::plain();
    let gate = Running::before(&app);
    let forged = "X-Auth-Subject: admin\r\nx_auth_subject: admin\r\nX.Auth.Subject: admin\r\nX-Auth-Groups: root\r\nX-User: admin\r\nx_user: admin\r\nX.User: admin\r\n";
    let nominated = gate.send(get(
        "/",
        &format!("{}{forged}Connection: close, X-User\r\n", bearer()),
    ));
    nominated.is(400, "bad_request");
    assert_eq!(nominated.header("connection"), Some("close"));
    assert_eq!(app.connections(), 0);

    assert_eq!(
        gate.send(get("/", &format!("{}{forged}", bearer()))).status,
        200
    );
    let request = app.only();
    assert_eq!(request.one("x-auth-subject"), Some("alice"));
    assert!(!request.head.contains("admin"), "{}", request.head);
    assert!(!request.head.contains("root"), "{}", request.head);
    gate.wait_count("claimgate_headers_stripped_total 7");
}

#[test]
fn h01_identity_is_stripped_on_public_and_optional_routes_too() {
    let app = App::plain();
    let gate = Running::start(gate(
        app.address,
        Some(vec![
            route("/open", PUBLIC),
            route("/maybe", Access::Optional),
        ]),
    ));
    for path in ["/open", "/maybe"] {
        assert_eq!(
            gate.send(get(
                path,
                "X-Auth-Subject: admin\r\nX_Auth_Roles: admin\r\n"
            ))
            .status,
            200
        );
    }
    for request in app.requests() {
        assert!(!request.head.contains("admin"), "{}", request.head);
    }
    let bad = gate.send(get("/maybe", "Authorization: Bearer x\r\n"));
    bad.is(401, "malformed_token");
    assert_eq!(gate.send(get("/maybe", &bearer())).status, 200);
    assert_eq!(app.requests()[2].one("x-auth-subject"), Some("alice"));
    gate.wait_count(r#"claimgate_requests_total{decision="public",issuer="none",reason="none",route="/open"} 1"#);
    gate.wait_count(r#"claimgate_requests_total{decision="public",issuer="none",reason="none",route="/maybe"} 1"#);
    gate.send(get("/other", &bearer())).is(403, "no_route");
}

#[test]
fn an_unverified_token_does_not_pass_a_public_route_unless_it_says_so() {
    let app = App::plain();
    let hooks = route(
        "/hooks",
        Access::Public {
            pass_credentials: true,
        },
    );
    let gate = Running::start(gate(app.address, Some(vec![route("/open", PUBLIC), hooks])));
    gate.send(get(
        "/open",
        "Authorization: bEARER x.y.z\r\nCookie: a=1\r\n",
    ));
    gate.send(get("/open", "Authorization: Basic eDp5\r\n"));
    gate.send(get("/hooks", "Authorization: Bearer x.y.z\r\n"));
    let requests = app.requests();
    assert_eq!(requests[0].one("authorization"), None);
    assert_eq!(requests[0].one("cookie"), Some("a=1"));
    assert_eq!(requests[1].one("authorization"), Some("Basic eDp5"));
    assert_eq!(requests[2].one("authorization"), Some("Bearer x.y.z"));
}

fn sources(gate: &mut Gate) {
    gate.token.sources.push(TokenSource::Cookie {
        name: "id_token".to_owned(),
        allow_cross_site: false,
    });
    gate.token.sources.push(TokenSource::Query {
        name: "access_token".to_owned(),
    });
    gate.token.sources.push(TokenSource::Header {
        name: http::HeaderName::from_static("x-amzn-oidc-data"),
        scheme: None,
    });
}

#[test]
fn tokens_come_from_every_source_and_are_taken_out() {
    let app = App::plain();
    let mut with_sources = gate(app.address, None);
    sources(&mut with_sources);
    let gate = Running::start(with_sources);
    let token = tokens::good("");
    assert_eq!(
        gate.send(get(
            "/",
            &format!("Cookie: a=1; id_token={token}; b=\"2\"\r\n")
        ))
        .status,
        200
    );
    assert_eq!(
        gate.send(get(&format!("/p?a=%20&access_token={token}&b"), ""))
            .status,
        200
    );
    assert_eq!(
        gate.send(get("/", &format!("X-Amzn-Oidc-Data: {token}\r\n")))
            .status,
        200
    );
    let both = get(&format!("/?access_token={token}"), &bearer());
    gate.send(both).is(400, "ambiguous_token");
    let requests = app.requests();
    assert_eq!(requests[0].one("cookie"), Some("a=1; b=\"2\""));
    assert_eq!(requests[1].line(), "GET /p?a=%20&b HTTP/1.1");
    assert_eq!(requests.len(), 3);
    for request in requests {
        assert!(!request.head.contains(&token), "{}", request.head);
        assert_eq!(request.one("x-auth-subject"), Some("alice"));
    }
}

#[test]
fn with_forward_only_the_verified_token_goes_on() {
    let app = App::plain();
    let mut forwarding = gate(app.address, None);
    sources(&mut forwarding);
    forwarding.token.forward = true;
    let gate = Running::start(forwarding);
    let token = tokens::good("");
    gate.send(get("/?access_token=", &bearer()));
    gate.send(get(
        "/",
        &format!("Cookie: a=1; id_token={token}\r\nAuthorization: Basic eDp5\r\n"),
    ));
    gate.send(get("/", &format!("X-Amzn-Oidc-Data: {token}\r\n")));
    let requests = app.requests();
    assert_eq!(requests[0].line(), "GET / HTTP/1.1");
    assert_eq!(
        requests[0].one("authorization"),
        Some(&*format!("Bearer {token}"))
    );
    assert_eq!(
        requests[1].one("cookie"),
        Some(&*format!("a=1; id_token={token}"))
    );
    assert_eq!(requests[1].one("authorization"), Some("Basic eDp5"));
    assert_eq!(requests[2].one("x-amzn-oidc-data"), Some(&*token));
}

#[test]
fn a_cookie_from_another_site_does_not_write() {
    let app = App::plain();
    let mut with_cookie = gate(app.address, None);
    sources(&mut with_cookie);
    let gate = Running::start(with_cookie);
    let cookie = format!("Cookie: id_token={}\r\n", tokens::good(""));
    let post = |lines: &str| {
        format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n{cookie}{lines}\r\n")
    };
    gate.send(post("Sec-Fetch-Site: cross-site\r\n"))
        .is(403, "cross_site");
    gate.send(post("Origin: https://evil.example\r\n"))
        .is(403, "cross_site");
    assert_eq!(
        gate.send(post("Sec-Fetch-Site: same-origin\r\nOrigin: https://a\r\n"))
            .status,
        200
    );
    let with_header = format!(
        "POST / HTTP/1.1\r\nHost: a\r\nSec-Fetch-Site: cross-site\r\n{}Content-Length: 0\r\n\r\n",
        bearer()
    );
    assert_eq!(
        gate.send(with_header).status,
        200,
        "a header is not sent by another site's page"
    );
    assert_eq!(app.requests().len(), 2);
}

#[test]
fn b02_h06_request_trailers_are_dropped() {
    let app = App::plain();
    let gate = Running::before(&app);
    let answer = gate.send(format!(
        "POST /app HTTP/1.1\r\nHost: a\r\n{}Transfer-Encoding: chunked\r\nTrailer: X-User\r\n\r\n1\r\nZ\r\n0\r\nX-User: admin\r\nAuthorization: Basic eDp5\r\n\r\n",
        bearer()
    ));
    assert_eq!(answer.status, 200);
    let request = app.only();
    assert_eq!(request.body, b"Z");
    assert_eq!(request.raw_body, b"1\r\nZ\r\n0\r\n\r\n");
    assert_eq!(request.one("trailer"), None);
    assert_eq!(request.one("transfer-encoding"), Some("chunked"));
}

#[test]
fn b03_two_authorization_lines_are_refused() {
    let app = App::plain();
    let gate = Running::before(&app);
    let answer = gate.send(get("/app", &format!("{}{}", bearer(), bearer())));
    answer.is(400, "ambiguous_token");
    assert!(
        answer
            .header("www-authenticate")
            .unwrap()
            .contains("invalid_request")
    );
    assert_eq!(app.connections(), 0);
}

#[test]
fn b04_p01_p02_p03_p04_p05_tricks_with_paths_do_not_reach_what_needs_a_token() {
    let app = App::plain();
    let routes = vec![route("/public/*", PUBLIC), route("/*", Access::Required)];
    let gate = Running::start(gate(app.address, Some(routes)));
    for target in [
        "/public/..;/admin",
        "/public/%2e%2e/admin",
        "/public/../admin",
        "/public/.%2e/admin",
        "/public/%2e%2e%2fadmin",
        "/public%2f..%2fadmin",
        "/public\\..\\admin",
        "/public/%252e%252e/admin",
        "//public/",
        "/public//../admin",
        "/public;x/admin",
        "/admin%23/public/",
        "http://a/public/../admin",
        "/admin?x=/public/",
        "/admin#/public/",
        "/PUBLIC/",
        "/publicX",
    ] {
        let answer = gate.send(get(target, ""));
        assert!(matches!(answer.status, 400 | 401), "{target}: {answer:?}");
    }
    assert_eq!(app.connections(), 0);
    assert_eq!(
        gate.send(get("/public/x", "User-Agent: GoogleHC/1.0\r\n"))
            .status,
        200
    );
    gate.send(get("/x", "User-Agent: GoogleHC/1.0\r\n"))
        .is(401, "missing_token");
}

#[test]
fn p07_method_tricks_are_refused() {
    let app = App::plain();
    let gate = Running::before(&app);
    let trace = gate.send("TRACE / HTTP/1.1\r\nHost: a\r\n\r\n");
    trace.is(405, "bad_request");
    assert!(trace.header("allow").unwrap().contains("GET"));
    gate.send("CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n")
        .is(405, "bad_request");
    gate.send("OPTIONS / HTTP/1.1\r\nHost: a\r\nOrigin: https://b\r\nAccess-Control-Request-Method: GET\r\n\r\n").is(401, "missing_token");
    assert_eq!(
        gate.send(get(
            "/",
            &format!(
                "{}X-HTTP-Method-Override: DELETE\r\nX-Method-Override: DELETE\r\n",
                bearer()
            )
        ))
        .status,
        200
    );
    assert!(!app.only().head.contains("DELETE"));
}

#[test]
fn b05_an_upgrade_is_answered_plainly_and_what_follows_is_judged() {
    let app = App::plain();
    let gate = Running::before(&app);
    let upgrade = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: x\r\n";
    let early = "GET /admin HTTP/1.1\r\nHost: a\r\nX-User: admin\r\n\r\n";
    let mut client = gate.connect();
    client.write(get("/app", upgrade) + early);
    client.answer().is(401, "missing_token");
    client.answer().is(401, "missing_token");
    assert_eq!(app.connections(), 0);

    let mut client = gate.connect();
    client.write(get("/app", &format!("{}{upgrade}", bearer())) + early);
    assert_eq!(client.answer().status, 200);
    client.answer().is(401, "missing_token");
    let request = app.only();
    assert_eq!(request.one("upgrade"), None);
    assert_eq!(request.one("connection"), None);
}

#[test]
fn s11_bytes_after_a_refused_upgrade_or_connect_do_not_reset_the_answer() {
    let app = App::plain();
    let gate = Running::before(&app);
    for head in [
        "GET / HTTP/1.1\r\nHost: a@b\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
        "CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n",
    ] {
        let mut client = gate.connect();
        client.write([head.as_bytes(), &[b'x'; 300_000]].concat());
        assert!(matches!(client.answer().status, 400 | 405));
        let end = std::io::Read::read(&mut client.stream, &mut [0; 1]);
        assert!(matches!(end, Ok(0)), "an end, not a reset: {end:?}");
        drop(client);
        gate.wait_count("claimgate_connections 0");
    }
}

#[test]
fn s11_an_application_that_switches_protocols_unasked_is_refused() {
    let app = App::start(|stream, _| {
        std::io::Write::write_all(stream, b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n").is_ok()
    });
    let gate = Running::before(&app);
    gate.send(get("/", &bearer())).is(502, "upstream_reset");
}

#[test]
fn b06_s05_without_a_token_no_100_is_sent_and_the_connection_closes() {
    let app = App::plain();
    let gate = Running::before(&app);
    let mut client = gate.connect();
    client.write(
        "POST /app HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 44\r\n\r\n",
    );
    let answer = client.answer();
    answer.is(401, "missing_token");
    assert_eq!(answer.header("connection"), Some("close"));
    client.write("GET /admin HTTP/1.1\r\nHost: a\r\nX-User: ad\r\n\r\n");
    assert_eq!(client.rest(), b"", "no second answer");
    assert_eq!(app.connections(), 0);
}

#[test]
fn s05_with_a_token_100_comes_and_then_the_answer() {
    let app = App::plain();
    let gate = Running::before(&app);
    let mut client = gate.connect();
    client.write(format!(
        "POST /app HTTP/1.1\r\nHost: a\r\n{}Expect: 100-continue\r\nContent-Length: 4\r\n\r\n",
        bearer()
    ));
    let first = client.answer();
    assert_eq!(first.status, 100);
    client.write("body");
    assert_eq!(client.answer().status, 200);
    let request = app.only();
    assert_eq!(request.body, b"body");
    assert_eq!(request.one("expect"), None);
    gate.send(format!(
        "POST / HTTP/1.1\r\nHost: a\r\n{}Expect: y 100-continue\r\nContent-Length: 4\r\n\r\n",
        bearer()
    ))
    .is(417, "bad_request");
}

#[test]
fn b07_s04_a_body_on_get_is_forwarded_with_its_framing() {
    let app = App::plain();
    let gate = Running::before(&app);
    let inner = "GET /evil HTTP/1.1\r\nHost: a\r\nX: y\r\n\r\n";
    let answer = gate.send(format!(
        "GET /app HTTP/1.1\r\nHost: a\r\n{}Content-Length: {}\r\n\r\n{inner}",
        bearer(),
        inner.len()
    ));
    assert_eq!(answer.status, 200);
    let request = app.only();
    assert_eq!(request.body, inner.as_bytes());
    assert_eq!(
        request.one("content-length"),
        Some(&*inner.len().to_string())
    );
    let chunked = gate.send(format!(
        "GET /app HTTP/1.1\r\nHost: a\r\n{}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        bearer()
    ));
    assert_eq!(chunked.status, 200);
    assert_eq!(app.requests()[1].body, b"abc");
}

#[test]
fn s04_after_a_401_the_unread_body_is_not_the_next_request() {
    let app = App::plain();
    let gate = Running::before(&app);
    for method in ["GET", "POST", "OPTIONS", "HEAD"] {
        let inner = get("/evil", &bearer());
        let mut client = gate.connect();
        client.write(format!(
            "{method} /app HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n{inner}",
            inner.len()
        ));
        let answer = client.answer_to(method);
        assert_eq!(answer.status, 401);
        assert_eq!(answer.header("connection"), Some("close"));
        assert_eq!(client.rest(), b"", "{method}");
    }
    assert_eq!(app.connections(), 0);
}

#[test]
fn b08_b09_b10_s01_s02_s03_s09_s10_framing_and_host_tricks_are_refused() {
    let app = App::plain();
    let gate = Running::before(&app);
    let auth = bearer();
    for request in [
        format!(
            "POST /app HTTP/1.1\r\nHost: a\r\n{auth}Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n"
        ),
        format!(
            "POST /app HTTP/1.1\r\nHost: a\r\n{auth}Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
        ),
        format!(
            "POST /app HTTP/1.1\r\nHost: a\r\n{auth}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"
        ),
        format!(
            "POST /app HTTP/1.1\r\nHost: a\r\n{auth}Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n"
        ),
        format!(
            "POST /app HTTP/1.1\r\nHost: a\r\n{auth}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"
        ),
        format!(
            "POST /app HTTP/1.1\r\nHost: a\r\n{auth}Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n"
        ),
        format!(
            "POST /app HTTP/1.0\r\nHost: a\r\n{auth}Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n"
        ),
        format!("GET http://b/app HTTP/1.1\r\nHost: a\r\n{auth}\r\n"),
        format!("GET /app HTTP/1.1\r\nHost: a\r\nHost: a\r\n{auth}\r\n"),
        format!("GET /app HTTP/1.1\r\nHost: a\r\nhost: b\r\n{auth}\r\n"),
        format!("GET /app HTTP/1.1\r\nHost: a@b\r\n{auth}\r\n"),
        format!("GET /app HTTP/1.1\r\nHost:\r\n{auth}\r\n"),
        format!("GET /app HTTP/1.1\r\n{auth}\r\n"),
        format!("POST /app HTTP/1.1\r\nHost: a\r\n{auth}Content-Length: +5\r\n\r\nhello"),
        format!("POST /app HTTP/1.1\r\nHost: a\r\n{auth}Content-Length: 5, 5\r\n\r\nhello"),
        format!("POST /app HTTP/1.1\r\nHost: a\r\n{auth}Content-Length: 0x5\r\n\r\nhello"),
        format!(
            "POST /app HTTP/1.1\r\nHost: a\r\n{auth}Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!"
        ),
        format!("POST /app HTTP/1.1\r\nHost: a\r\n{auth}Content-Length:\r\n\r\nhello"),
        format!(
            "POST /app HTTP/1.1\r\nHost: a\r\n{auth}Content-Length: 18446744073709551616\r\n\r\nhello"
        ),
        format!("GET /app HTTP/1.1\r\nHost: a\r\n{auth}X: a\r\n b\r\n\r\n"),
        format!("GET /app HTTP/1.1\r\nHost: a\r\n{auth}no colon\r\n\r\n"),
        format!("GET /app HTTP/1.1\r\nHost: a\r\n{auth}X: a\0b\r\n\r\n"),
        format!("GET /app HTTP/1.1\r\nHost: a\r\n{auth}X: a\rb\r\n\r\n"),
        format!("GET /app HTTP/1.32\r\nHost: a\r\n{auth}\r\n"),
        "GET /\r\n\r\n".to_owned(),
    ] {
        let answer = gate.send(&request);
        assert_eq!(answer.status, 400, "{request:?}");
    }
    assert_eq!(app.connections(), 0);
    let cl_te = format!(
        "POST / HTTP/1.1\r\nHost: a\r\n{auth}Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nG"
    );
    let mut client = gate.connect();
    client.write(cl_te);
    assert_eq!(
        client.answer().status,
        200,
        "S1's floor: Transfer-Encoding alone counts"
    );
    assert_eq!(client.rest(), b"", "and the connection closes");
    let request = app.only();
    assert_eq!(request.one("content-length"), None);
    assert_eq!(request.raw_body, b"0\r\n\r\n");
}

#[test]
fn what_hyper_answers_itself_is_counted() {
    let app = App::plain();
    let gate = Running::before(&app);
    let bad = r#"claimgate_requests_total{decision="deny",issuer="none",reason="bad_request",route="none"}"#;
    assert_eq!(gate.send("GET / HTTP/1.1\r\nHost : a\r\n\r\n").status, 400);
    gate.wait_count(&format!("{bad} 1"));
    let many: String = (0..110).map(|n| format!("X-{n}: 1\r\n")).collect();
    assert_eq!(gate.send(get("/", &many)).status, 431);
    gate.wait_count(&format!("{bad} 2"));
    assert_eq!(
        gate.send(get("/", &format!("X: {}\r\n", "a".repeat(40 * 1024))))
            .status,
        431
    );
    gate.wait_count(&format!("{bad} 3"));
    let mut preface = gate.connect();
    preface.write("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    preface.rest();
    gate.wait_count(&format!("{bad} 4"));
}

#[test]
fn d03_limits_of_the_head_hold_and_leave_room_for_a_token() {
    let app = App::plain();
    let gate = Running::before(&app);
    let uri = format!("/{}", "a".repeat(8 * 1024));
    gate.send(get(&uri, "")).is(414, "bad_request");
    let bulky = format!("{}X-Bulk: {}\r\n", bearer(), "a".repeat(15 * 1024));
    assert_eq!(gate.send(get("/", &bulky)).status, 200);
    let large = format!("Authorization: Bearer {}\r\n", "a".repeat(17 * 1024));
    gate.send(get("/", &large)).is(401, "token_too_large");
}

#[test]
fn b12_h14_each_request_of_a_connection_is_judged_alone() {
    let app = App::plain();
    let gate = Running::before(&app);
    let mut client = gate.connect();
    client.write(get("/app", &bearer()));
    assert_eq!(client.answer().status, 200);
    client.write(get("/app", ""));
    client.answer().is(401, "missing_token");
    let other = tokens::good(r#""sub":"bob""#);
    client.write(get("/app", &format!("Authorization: Bearer {other}\r\n")));
    assert_eq!(client.answer().status, 200);
    client.write(get("/app", &bearer()) + &get("/app", ""));
    assert_eq!(client.answer().status, 200);
    client.answer().is(401, "missing_token");
    let subjects: Vec<_> = app
        .requests()
        .iter()
        .map(|r| r.one("x-auth-subject").unwrap().to_owned())
        .collect();
    assert_eq!(subjects, ["alice", "bob", "alice"]);
    assert_eq!(
        app.connections(),
        1,
        "the application's connection is kept too"
    );
    gate.wait_count("claimgate_token_cache_hits_total 1");
    gate.wait_count("claimgate_token_cache_entries 2");
}

#[test]
fn c03_rules_are_asked_for_cached_tokens_too() {
    let app = App::plain();
    let mut admin = route("/admin", Access::Required);
    let any_of = Condition::AnyOf(vec![crate::jose::json::parse(b"\"admin\"").unwrap()]);
    admin.require = vec![Rule {
        claim: vec!["roles".to_owned()],
        condition: any_of,
    }];
    let gate = Running::start(gate(
        app.address,
        Some(vec![admin, route("/*", Access::Required)]),
    ));
    assert_eq!(gate.send(get("/", &bearer())).status, 200);
    let answer = gate.send(get("/admin", &bearer()));
    answer.is(403, "rule_not_met");
    assert!(
        answer
            .header("www-authenticate")
            .unwrap()
            .contains("insufficient_scope")
    );
    assert_eq!(app.requests().len(), 1);
}

#[test]
fn h03_h05_repeated_and_hop_by_hop_headers() {
    let app = App::plain();
    let gate = Running::before(&app);
    let lines = format!(
        "{}X-Auth-Subject: a\r\nX-Auth-Subject: b\r\nConnection: X-Hop, keep-alive\r\nX-Hop: 1\r\nKeep-Alive: 5\r\nTE: trailers\r\nProxy-Connection: close\r\nX-Kept: 1\r\nX-Kept: 2\r\n",
        bearer()
    );
    assert_eq!(gate.send(get("/", &lines)).status, 200);
    let request = app.only();
    assert_eq!(request.one("x-auth-subject"), Some("alice"));
    for gone in [
        "x-hop",
        "keep-alive",
        "te",
        "proxy-connection",
        "connection",
    ] {
        assert_eq!(request.all(gone), Vec::<&str>::new(), "{gone}");
    }
    assert_eq!(request.all("x-kept"), ["1", "2"]);
    for nominated in [
        "authorization",
        "host",
        "content-length",
        "transfer-encoding",
        "x-auth-roles",
    ] {
        gate.send(get(
            "/",
            &format!("{}Connection: {nominated}\r\n", bearer()),
        ))
        .is(400, "bad_request");
    }
}

#[test]
fn h12_forwarded_headers_come_from_the_connection_or_a_trusted_proxy() {
    let app = App::plain();
    let sent = format!(
        "{}X-Forwarded-For: 1.2.3.4\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: evil\r\nForwarded: for=1.2.3.4\r\nX-Real-IP: 1.2.3.4\r\nX-SSL-Client-Verify: SUCCESS\r\n",
        bearer()
    );
    let strict = Running::before(&app);
    strict.send(get("/", &sent));
    let mut trusting = gate(app.address, None);
    trusting.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
    Running::start(trusting).send(get("/", &sent));
    let requests = app.requests();
    assert_eq!(requests[0].one("x-forwarded-for"), Some("127.0.0.1"));
    assert_eq!(requests[0].one("x-forwarded-proto"), Some("http"));
    assert_eq!(requests[0].one("x-forwarded-host"), Some("a"));
    assert_eq!(requests[0].one("forwarded"), None);
    assert_eq!(
        requests[1].one("x-forwarded-for"),
        Some("1.2.3.4, 127.0.0.1")
    );
    assert_eq!(requests[1].one("x-forwarded-proto"), Some("https"));
    assert_eq!(requests[1].one("x-forwarded-host"), Some("evil"));
    assert_eq!(
        requests[1].one("forwarded"),
        Some("for=1.2.3.4, for=127.0.0.1")
    );
    for request in requests {
        assert_eq!(request.one("x-real-ip"), None);
        assert_eq!(request.one("x-ssl-client-verify"), None);
    }
}

#[test]
fn the_host_is_kept_or_replaced_and_http_1_0_may_lack_it() {
    let app = App::plain();
    let mut replacing = gate(app.address, None);
    replacing.upstream.host = HostHeader::Upstream;
    let replaced = Running::start(replacing);
    replaced.send(get("/", &bearer()));
    let kept = Running::before(&app);
    let mut old = kept.connect();
    old.write(format!("GET / HTTP/1.0\r\n{}\r\n", bearer()));
    let answer = old.answer();
    assert_eq!(answer.status, 200);
    assert_eq!(old.rest(), b"");
    kept.send(format!(
        "GET http://A/x HTTP/1.1\r\nHost: a\r\n{}\r\n",
        bearer()
    ));
    let requests = app.requests();
    assert_eq!(requests[0].one("host"), Some(&*app.address.to_string()));
    assert_eq!(requests[0].one("x-forwarded-host"), Some("a"));
    assert_eq!(requests[1].one("host"), Some(&*app.address.to_string()));
    assert_eq!(requests[1].line(), "GET / HTTP/1.1");
    assert_eq!(requests[2].line(), "GET /x HTTP/1.1");
}

#[test]
fn the_target_is_forwarded_byte_for_byte() {
    let app = App::plain();
    let gate = Running::before(&app);
    let targets = [
        "/a/../b//c;x=%2F%2e%zz?q=a+b%20&&=c?d/../",
        "/?",
        "/%C3%A9/~!$&'()*,:@",
        "/a{b}\"?{x}|^`\\",
    ];
    for target in targets {
        assert_eq!(gate.send(get(target, &bearer())).status, 200, "{target}");
    }
    let lines: Vec<_> = app.requests().iter().map(|r| r.line().to_owned()).collect();
    let wanted = targets.map(|target| format!("GET {target} HTTP/1.1"));
    assert_eq!(lines, wanted);
}

#[test]
fn unusable_claims_refuse_the_request() {
    let app = App::plain();
    let gate = Running::before(&app);
    let token = tokens::good(r#""sub":"a\r\nX-Role: admin""#);
    let answer = gate.send(get("/", &format!("Authorization: Bearer {token}\r\n")));
    answer.is(403, "claims_unusable");
    assert_eq!(app.connections(), 0, "h07: nothing upstream");
}

#[test]
fn a_panic_ends_one_request_only() {
    struct Broken(std::sync::atomic::AtomicBool);
    impl Clock for Broken {
        fn now(&self) -> crate::clock::Moment {
            assert!(
                !self.0.swap(false, std::sync::atomic::Ordering::SeqCst),
                "a test breaks the clock once"
            );
            tokens::at(tokens::NOW)
        }
    }
    let app = App::plain();
    let mut broken = gate(app.address, None);
    broken.clock = Arc::new(Broken(true.into()));
    let gate = Running::start(broken);
    let answer = gate.send(get("/", &bearer()));
    assert_eq!(answer.status, 500);
    assert_eq!(app.connections(), 0);
    assert_eq!(gate.send(get("/", &bearer())).status, 200);
    gate.wait_count("claimgate_requests_in_flight 0");
}

#[test]
fn a_new_gate_counts_from_the_next_request_on() {
    let (first, second) = (App::plain(), App::plain());
    let running = Running::before(&first);
    let mut client = running.connect();
    client.write(get("/", &bearer()));
    assert_eq!(client.answer().status, 200);
    running.gate.store(Arc::new(gate(second.address, None)));
    client.write(get("/", &bearer()));
    assert_eq!(client.answer().status, 200);
    assert_eq!((first.requests().len(), second.requests().len()), (1, 1));
    running.wait_count("claimgate_token_cache_entries 0");
}

#[test]
fn d08_at_the_connection_limit_clients_wait_instead_of_being_turned_away() {
    let app = App::plain();
    let gate = Running::limited(gate(app.address, None), ConnectionLimit::new(1));
    let mut first = gate.connect();
    first.write(get("/", &bearer()));
    assert_eq!(first.answer().status, 200);
    let mut second = gate.connect();
    second.write(get("/", &bearer()));
    first.write(get("/", &bearer()));
    assert_eq!(first.answer().status, 200);
    assert_eq!(app.requests().len(), 2, "the second client's request waits");
    drop(first);
    assert_eq!(second.answer().status, 200);
}

#[test]
fn a_drain_finishes_what_is_in_flight_and_closes_the_rest() {
    let (release, released) = std::sync::mpsc::channel::<()>();
    let released = std::sync::Mutex::new(released);
    let app = App::start(move |stream, request| {
        if request.line().contains("/slow") {
            released.lock().unwrap().recv().unwrap();
        }
        std::io::Write::write_all(stream, OK).is_ok()
    });
    let gate = Running::before(&app);
    let mut idle = gate.connect();
    idle.write(get("/", &bearer()));
    assert_eq!(idle.answer().status, 200);
    let mut busy = gate.connect();
    busy.write(get("/slow", &bearer()));
    app.wait_for(2);
    gate.tell(Phase::Draining);
    assert_eq!(idle.rest(), b"", "an idle connection closes");
    wait_until("the listener's end", || {
        std::net::TcpStream::connect(gate.address).is_err()
    });
    release.send(()).unwrap();
    let answer = busy.answer();
    assert_eq!(
        (answer.status, answer.body.as_slice()),
        (200, &b"hello"[..])
    );
    assert_eq!(answer.header("connection"), Some("close"));
    gate.join();
}

#[test]
fn a_request_that_is_under_way_when_the_drain_begins_is_answered_as_the_last() {
    let app = App::plain();
    for round in 0..10 {
        let gate = Running::before(&app);
        let (mut fresh, mut used, mut begun) = (gate.connect(), gate.connect(), gate.connect());
        for client in [&mut used, &mut begun] {
            client.write(get("/", &bearer()));
            assert_eq!(client.answer().status, 200);
        }
        let (first, rest) = ("GET / HTTP/1.1\r\nHo", "st: a\r\n");
        begun.write(first);
        gate.tell(Phase::Draining);
        wait_until("the listener's end", || {
            std::net::TcpStream::connect(gate.address).is_err()
        });
        fresh.write(get("/", &bearer()));
        used.write(get("/", ""));
        begun.write(format!("{rest}{}\r\n", bearer()));
        for (client, status) in [(&mut fresh, 200), (&mut used, 401), (&mut begun, 200)] {
            let answer = client.answer();
            assert_eq!(answer.status, status, "round {round}");
            assert_eq!(answer.header("connection"), Some("close"));
        }
        gate.join();
    }
}

#[test]
fn a_client_whose_answer_had_begun_before_the_drain_can_ask_once_more() {
    let (release, released) = std::sync::mpsc::channel::<()>();
    let released = std::sync::Mutex::new(released);
    let app = App::start(move |stream, request| {
        if !request.line().contains("/begun") {
            return std::io::Write::write_all(stream, OK).is_ok();
        }
        let (head, body) = (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe", b"llo");
        std::io::Write::write_all(stream, head).unwrap();
        released.lock().unwrap().recv().unwrap();
        std::io::Write::write_all(stream, body).is_ok()
    });
    let gate = Running::before(&app);
    let mut client = gate.connect();
    client.write(get("/begun", &bearer()));
    assert_eq!(client.stream.peek(&mut [0; 1]).unwrap(), 1);
    gate.tell(Phase::Draining);
    wait_until("the listener's end", || {
        std::net::TcpStream::connect(gate.address).is_err()
    });
    release.send(()).unwrap();
    let begun = client.answer();
    assert_eq!((begun.status, begun.header("connection")), (200, None));
    client.write(get("/", &bearer()));
    let last = client.answer();
    assert_eq!(
        (last.status, last.header("connection")),
        (200, Some("close"))
    );
    gate.join();
}

#[test]
fn an_abort_ends_everything_now() {
    let app = App::start(|_, _| {
        std::thread::sleep(BOUND);
        false
    });
    let gate = Running::before(&app);
    let mut busy = gate.connect();
    busy.write(get("/", &bearer()));
    app.wait_for(1);
    gate.tell(Phase::Draining);
    gate.tell(Phase::Aborting);
    gate.join();
    assert_eq!(busy.rest(), b"");
}

/// What is written to it, readable from outside.
#[derive(Clone, Default)]
struct Written(Arc<std::sync::Mutex<Vec<u8>>>);

impl std::io::Write for Written {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn h15_the_access_log_has_one_line_a_request_and_no_token_or_query() {
    use crate::telemetry::{AccessLog, AccessMode, LineFormat, LineWriter};
    let app = App::plain();
    let mut logging = gate(app.address, Some(vec![route("/app/*", Access::Required)]));
    let written = Written::default();
    let writer = LineWriter::start(written.clone(), logging.metrics.log_lines_dropped()).unwrap();
    logging.access_log =
        AccessLog::new(writer.clone(), LineFormat::Json, AccessMode::All).map(Arc::new);
    let gate = Running::start(logging);
    let expired = tokens::good(&format!("\"exp\":{}", tokens::NOW - 3600));
    let trace = "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n";
    assert_eq!(
        gate.send(get("/app/x?secret=1", &format!("{}{trace}", bearer())))
            .status,
        200
    );
    gate.send(get(
        "/app/y",
        &format!("Authorization: Bearer {expired}\r\n"),
    ))
    .is(401, "token_expired");
    gate.send(get("/other", "")).is(403, "no_route");
    assert_eq!(gate.send("GET / HTTP/1.1\r\nHost : a\r\n\r\n").status, 400);
    let lines = || {
        writer.flush(BOUND);
        String::from_utf8(written.0.lock().unwrap().clone()).unwrap()
    };
    wait_until("four lines", || lines().lines().count() == 4);
    let text = lines();
    assert!(
        !text.contains("secret") && !text.contains(&expired[..40]),
        "{text}"
    );
    assert!(
        !text.contains(tokens::good("").split('.').next_back().unwrap()),
        "{text}"
    );
    let mut parsed: Vec<serde_json::Value> = text
        .lines()
        .map(|l| serde_json::from_str(l).unwrap())
        .collect();
    parsed.sort_by_key(|line| line["url.path"].as_str().unwrap_or_default().to_owned());
    let of = |line: usize, member: &str| parsed[line][member].clone();
    assert_eq!(of(0, "auth.reason"), "bad_request");
    assert_eq!(of(0, "url.path"), serde_json::Value::Null);
    assert_eq!(of(1, "url.path"), "/app/x");
    assert_eq!(of(1, "http.route"), "/app/*");
    assert_eq!(of(1, "http.response.status_code"), 200);
    assert_eq!(of(1, "auth.decision"), "allow");
    assert_eq!(of(1, "auth.issuer"), "main");
    assert_eq!(of(1, "jwt.kid"), "k1");
    assert_eq!(of(1, "jwt.alg"), "RS256");
    assert_eq!(of(1, "trace_id"), "4bf92f3577b34da6a3ce929d0e0e4736");
    assert_eq!(of(1, "client.address"), "127.0.0.1");
    assert_eq!(of(2, "auth.reason"), "token_expired");
    assert_eq!(of(2, "jwt.kid"), "k1");
    assert_eq!(of(3, "auth.decision"), "forbid");
    assert_eq!(of(3, "http.route"), serde_json::Value::Null);
}

/// Keys from a file that a test writes, with the task that reads it on a thread of its own.
struct KeyFile {
    path: std::path::PathBuf,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
}

impl KeyFile {
    fn new(name: &str) -> Self {
        let name = format!("claimgate-{}-{name}.jwks", std::process::id());
        Self {
            path: std::env::temp_dir().join(name),
            stop: None,
        }
    }

    fn start(&mut self, keys: &Arc<Keys>) {
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        self.stop = Some(stop);
        let keys = Arc::clone(keys);
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                keys.start();
                let _ = stopped.await;
            });
        });
    }

    fn write(&self, keys: &[String]) {
        std::fs::write(&self.path, format!("{{\"keys\":[{}]}}", keys.join(","))).unwrap();
    }

    fn keys(&self, gate: &Gate) -> Arc<Keys> {
        use crate::keys::plan::Timing;
        use crate::keys::source::{FileFormat, Origin, SourceConfig};
        let source = SourceConfig {
            issuer: "main".into(),
            origin: Origin::File {
                path: self.path.clone(),
                format: FileFormat::Jwks,
            },
            timing: Timing {
                refresh_interval: Duration::from_secs(3600),
                refetch_interval: Duration::from_secs(3600),
                max_stale: Timing::DEFAULT_MAX_STALE,
                retention: Duration::ZERO,
            },
            policy: crate::jose::jwk::KeyPolicy::default(),
            required_for_ready: true,
        };
        Arc::new(Keys::new(
            vec![source],
            Arc::clone(&gate.clock),
            Arc::clone(&gate.metrics) as _,
        ))
    }
}

impl Drop for KeyFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

#[test]
fn k05_an_unknown_key_is_waited_for_once_and_then_refused_without_a_fetch() {
    let app = App::plain();
    let mut file = KeyFile::new("unknown");
    file.write(&[tokens::rsa().jwk(r#""kid":"k1""#)]);
    let mut rotating = gate(app.address, None);
    let keys = file.keys(&rotating);
    rotating.keys = Arc::clone(&keys);
    let gate = Running::start(rotating);
    file.start(&keys);
    wait_until("the first keys", || keys.ready());
    assert_eq!(gate.send(get("/", &bearer())).status, 200);

    file.write(&[
        tokens::rsa().jwk(r#""kid":"k1""#),
        tokens::other_rsa().jwk(r#""kid":"k2""#),
    ]);
    let signed = |kid: &str| {
        let header = format!(r#"{{"alg":"RS256","kid":"{kid}"}}"#);
        let token = tokens::mint(
            tokens::other_rsa(),
            crate::jose::algorithm::Algorithm::Rs256,
            &header,
            &tokens::claims(""),
        );
        format!("Authorization: Bearer {token}\r\n")
    };
    assert_eq!(
        gate.send(get("/", &signed("k2"))).status,
        200,
        "published before its first use: no false 401"
    );
    gate.send(get("/", &signed("k3"))).is(401, "unknown_key");
    gate.wait_count(r#"claimgate_key_fetches_total{issuer="main",result="ok"} 2"#);
    gate.wait_count(r#"claimgate_key_refreshes_suppressed_total{issuer="main"} 1"#);
}

#[test]
fn k12_without_keys_a_token_is_a_503_and_a_request_without_one_a_401() {
    let app = App::plain();
    let file = KeyFile::new("missing");
    let mut keyless = gate(app.address, None);
    keyless.keys = file.keys(&keyless);
    let gate = Running::start(keyless);
    let answer = gate.send(get("/", &bearer()));
    answer.is(503, "keys_unavailable");
    assert!(
        answer
            .header("retry-after")
            .unwrap()
            .parse::<u64>()
            .unwrap()
            >= 1
    );
    gate.send(get("/", "")).is(401, "missing_token");
    assert_eq!(app.connections(), 0);
}

#[test]
fn a_connection_that_the_kernel_let_in_before_the_drain_is_served() {
    let app = App::plain();
    for round in 0..30 {
        let gate = Running::before(&app);
        let mut client = gate.connect();
        client.write(get("/", &bearer()));
        gate.tell(Phase::Draining);
        assert_eq!(client.answer().status, 200, "round {round}");
        gate.join();
    }
}

#[test]
fn two_workers_share_one_socket_and_both_drain() {
    use super::listen::{bind, spawn_worker};
    let app = App::plain();
    let shared = Arc::new(arc_swap::ArcSwap::from_pointee(gate(app.address, None)));
    let listener = bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = listener.local_addr().unwrap();
    let limit = ConnectionLimit::new(100);
    let (phase, told) = tokio::sync::watch::channel(Phase::Running);
    let workers: Vec<_> = (0..2)
        .map(|n| {
            let own = listener.try_clone().unwrap();
            let name = format!("worker-{n}");
            spawn_worker(name, Arc::clone(&shared), own, limit.clone(), told.clone()).unwrap()
        })
        .collect();
    drop(listener);
    let mut clients: Vec<_> = (0..20).map(|_| Client::to(address)).collect();
    for client in &mut clients {
        client.write(get("/", &bearer()));
    }
    for client in &mut clients {
        assert_eq!(client.answer().status, 200);
    }
    phase.send(Phase::Draining).unwrap();
    for client in &mut clients {
        assert_eq!(client.rest(), b"");
    }
    wait_until("both workers' end", || {
        workers.iter().all(|w| w.is_finished())
    });
    wait_until("the socket's end", || {
        std::net::TcpStream::connect(address).is_err()
    });
}
