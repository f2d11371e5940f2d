//! HTTP/2 from clients, frame by frame: what is served, what is refused, and that an HTTP/1.1 application sees one request with one reading.

use super::raw_http2::*;
use super::testing::{App, PUBLIC, Running, gate, route};
use crate::proxy::TokenSource;
use crate::verify::testing as tokens;

#[test]
fn b11_http_2_with_prior_knowledge_is_judged_and_forwarded_like_any_other() {
    let app = App::plain();
    let gate = Running::before(&app);
    let mut client = Http2::to(&gate);
    let token = bearer();
    let sent = [
        ("authorization", token.as_str()),
        ("x-user", "admin"),
        ("x_user", "admin"),
        ("te", "trailers"),
    ];
    let answer = client.get(1, "/app?x=1", &sent);
    assert_eq!(
        (answer.status(), answer.body.as_slice()),
        (200, &b"hello"[..])
    );
    assert_eq!(answer.header("content-length"), Some("5"));
    let request = app.only();
    assert_eq!(request.line(), "GET /app?x=1 HTTP/1.1");
    assert_eq!(request.one("host"), Some("a"));
    assert_eq!(request.one("x-auth-subject"), Some("alice"));
    assert_eq!(request.one("x-forwarded-host"), Some("a"));
    for gone in [
        "x-user",
        "x_user",
        "te",
        "authorization",
        "transfer-encoding",
        "content-length",
        "connection",
    ] {
        assert_eq!(request.one(gone), None, "{gone}");
    }
    gate.wait_count(
        r#"claimgate_requests_total{decision="allow",issuer="main",reason="none",route="default"} 1"#,
    );
}

#[test]
fn h14_each_stream_is_judged_alone() {
    let app = App::plain();
    let gate = Running::before(&app);
    let mut client = Http2::to(&gate);
    let alice = bearer();
    let bob = format!("Bearer {}", tokens::good(r#""sub":"bob""#));
    // All heads before any answer is read.
    client.headers(1, &get("/1", &[("authorization", &alice)]), true);
    client.headers(3, &get("/3", &[]), true);
    client.headers(5, &get("/5", &[("authorization", &bob)]), true);
    client.headers(7, &get("/7", &[("authorization", "Bearer a.b.c")]), true);
    client.headers(9, &get("/9", &[("authorization", &alice)]), true);
    assert_eq!(client.answer(1).status(), 200);
    client.answer(3).is(401, "missing_token");
    assert_eq!(client.answer(5).status(), 200);
    client.answer(7).is(401, "malformed_token");
    assert_eq!(client.answer(9).status(), 200);
    let mut subjects: Vec<_> = app
        .requests()
        .iter()
        .map(|r| {
            (
                r.line().to_owned(),
                r.one("x-auth-subject").unwrap().to_owned(),
            )
        })
        .collect();
    subjects.sort();
    let wanted = [("/1", "alice"), ("/5", "bob"), ("/9", "alice")];
    assert_eq!(
        subjects,
        wanted.map(|(p, s)| (format!("GET {p} HTTP/1.1"), s.to_owned()))
    );
}

#[test]
fn a_refusal_ends_its_stream_and_no_other() {
    let app = App::plain();
    let gate = Running::before(&app);
    let mut client = Http2::to(&gate);
    client.headers(1, &request("POST", "/", &[]), false);
    let refused = client.answer(1);
    refused.is(401, "missing_token");
    assert!(
        refused
            .header("www-authenticate")
            .unwrap()
            .starts_with("Bearer")
    );
    client
        .get(3, "/", &[("expect", "200-ok")])
        .is(417, "bad_request");
    client.headers(5, &request("TRACE", "/", &[]), true);
    client.answer(5).is(405, "bad_request");
    assert_eq!(
        client.get(7, "/", &[("authorization", &bearer())]).status(),
        200
    );
    assert!(client.goaways.is_empty());
    assert_eq!(app.requests().len(), 1);
}

#[test]
fn j23_two_authorization_lines_are_ambiguous_in_http_2_too() {
    let app = App::plain();
    let gate = Running::before(&app);
    let mut client = Http2::to(&gate);
    let token = bearer();
    let two = [
        ("authorization", token.as_str()),
        ("authorization", "Basic eDp5"),
    ];
    client.get(1, "/", &two).is(400, "ambiguous_token");
    assert!(app.requests().is_empty());
}

#[test]
fn h04_cookies_of_several_lines_are_one_for_the_token_and_for_the_application() {
    let app = App::plain();
    let mut settings = gate(app.address, None);
    settings.token.sources = vec![TokenSource::Cookie {
        name: "id_token".to_owned(),
        allow_cross_site: false,
    }];
    let gate = Running::start(settings);
    let mut client = Http2::to(&gate);
    let token = format!("id_token={}", tokens::good(""));
    let crumbs = [
        ("cookie", "a=1"),
        ("cookie", token.as_str()),
        ("cookie", "b=2; c=3"),
    ];
    assert_eq!(client.get(1, "/", &crumbs).status(), 200);
    let request = app.only();
    assert_eq!(request.all("cookie"), ["a=1; b=2; c=3"]);
    let two = [("cookie", token.as_str()), ("cookie", token.as_str())];
    client.get(3, "/", &two).is(400, "ambiguous_token");
}

/// What becomes of a head that no client should send.
#[derive(Debug, PartialEq, Eq)]
enum Fate {
    /// The gate's own answer.
    Refused(u16),
    /// The stream was reset, by h2.
    Reset(u32),
    /// The connection was ended, by h2: its header compression may be out of step.
    Gone(u32),
}

fn fate(gate: &Running, head: &[(&str, &str)]) -> Fate {
    let mut client = Http2::to(gate);
    client.headers(1, head, true);
    let answer = client.answer(1);
    match (answer.status(), answer.reset, client.goaways.first()) {
        (_, _, Some((_, code))) => Fate::Gone(*code),
        (0, Some(code), None) => Fate::Reset(code),
        (status, _, None) => Fate::Refused(status),
    }
}

/// `GET / ` to host `a`, but with these pseudo-headers instead; an empty value leaves one out.
fn with<'f>(changes: &[(&'f str, &'f str)]) -> Vec<(&'f str, &'f str)> {
    let mut head = get("/", &[]);
    for (name, value) in changes {
        match head.iter().position(|(n, _)| n == name) {
            Some(at) if value.is_empty() => drop(head.remove(at)),
            Some(at) => head[at].1 = value,
            None => head.push((name, value)),
        }
    }
    head
}

/// Nothing needs a token, so that only the head's form refuses it; nothing reaches the application.
fn each_ends_in(fate_of_all: Fate, heads: &[(&str, Vec<(&str, &str)>)]) {
    let app = App::plain();
    let gate = Running::start(gate(app.address, Some(vec![route("/*", PUBLIC)])));
    for (what, head) in heads {
        assert_eq!(fate(&gate, head), fate_of_all, "{what}");
    }
    assert!(app.requests().is_empty(), "{:#?}", app.requests());
    assert_eq!(Http2::to(&gate).get(1, "/", &[]).status(), 200);
}

#[test]
fn h04_s13_what_h2_lets_through_and_has_two_readings_is_refused_by_the_gate() {
    each_ends_in(
        Fate::Refused(400),
        &[
            ("two hosts", get("/", &[("host", "b")])),
            ("host twice", get("/", &[("host", "a"), ("host", "a")])),
            ("user information", with(&[(":authority", "u@a")])),
            ("no host at all", with(&[(":authority", "")])),
            ("a scheme of others", with(&[(":scheme", "ftp")])),
            (
                "no path",
                with(&[(":authority", ""), (":path", ""), ("host", "a")]),
            ),
            ("a query for a path", get("?x", &[])),
            ("an asterisk", get("*", &[])),
            ("space before a value", get("/", &[("x-y", " a")])),
            ("tab after a value", get("/", &[("x-y", "a\t")])),
        ],
    );
    each_ends_in(
        Fate::Refused(405),
        &[(
            "CONNECT",
            with(&[(":method", "CONNECT"), (":scheme", ""), (":path", "")]),
        )],
    );
    let long = format!("/{}", "a".repeat(8 * 1024));
    each_ends_in(Fate::Refused(414), &[("a long path", get(&long, &[]))]);
}

#[test]
fn h04_s13_malformed_requests_are_reset_by_the_library() {
    each_ends_in(
        Fate::Reset(PROTOCOL_ERROR),
        &[
            ("an empty authority", get_with_authority("")),
            (
                "CR LF in the authority",
                with(&[(":authority", "a\r\nX-User: admin")]),
            ),
            ("no scheme", with(&[(":scheme", "")])),
            ("a scheme that is none", with(&[(":scheme", "ht tp")])),
            ("no method", with(&[(":method", "")])),
            ("no path", with(&[(":path", "")])),
            ("an empty path", get("", &[])),
            ("a path without a slash", get("evil", &[])),
            ("an absolute path", get("http://b/", &[])),
            ("CR LF in the path", get("/ HTTP/1.1\r\nX-User: admin", &[])),
            ("a space in the path", get("/a b", &[])),
            ("NUL in the path", get("/a\0b", &[])),
            ("a pseudo-header twice", get("/", &[(":path", "/admin")])),
            ("another twice", get("/", &[(":authority", "a")])),
            (
                "a pseudo-header after others",
                with(&[(":path", ""), ("x-y", "a"), (":path", "/")]),
            ),
            ("a status in a request", get("/", &[(":status", "200")])),
            ("connection", get("/", &[("connection", "x-user")])),
            ("keep-alive", get("/", &[("keep-alive", "1")])),
            (
                "proxy-connection",
                get("/", &[("proxy-connection", "close")]),
            ),
            ("upgrade", get("/", &[("upgrade", "h2c")])),
            (
                "transfer-encoding",
                get("/", &[("transfer-encoding", "chunked")]),
            ),
            ("te", get("/", &[("te", "gzip")])),
            ("te of two kinds", get("/", &[("te", "trailers, deflate")])),
            (
                "a length without a body",
                get("/", &[("content-length", "5")]),
            ),
            (
                "two lengths",
                get("/", &[("content-length", "0"), ("content-length", "5")]),
            ),
            (
                "no number for a length",
                get("/", &[("content-length", "+0")]),
            ),
            ("CONNECT with a path", with(&[(":method", "CONNECT")])),
            (
                "CONNECT with a protocol",
                with(&[(":method", "CONNECT"), (":protocol", "websocket")]),
            ),
        ],
    );
}

fn get_with_authority(authority: &str) -> Vec<(&str, &str)> {
    let mut head = get("/", &[]);
    head.retain(|(name, _)| *name != ":authority");
    head.push((":authority", authority));
    head
}

#[test]
fn h04_s13_names_and_values_that_are_none_end_the_connection() {
    each_ends_in(
        Fate::Gone(PROTOCOL_ERROR),
        &[
            ("an upper-case name", get("/", &[("X-Y", "a")])),
            ("an empty name", get("/", &[("", "a")])),
            (
                "a name with a colon",
                get("/", &[("x-y: a\r\nx-user", "admin")]),
            ),
            ("a name with a space", get("/", &[("x-y ", "a")])),
            ("an unknown pseudo-header", get("/", &[(":evil", "a")])),
            ("LF in a value", get("/", &[("x-y", "a\nX-User: admin")])),
            ("CR in a value", get("/", &[("x-y", "a\rb")])),
            ("NUL in a value", get("/", &[("x-y", "a\0b")])),
            ("an empty method", request("", "/", &[])),
            (
                "CR LF in the method",
                request("GET / HTTP/1.1\r\nX: y\r\n\r\nGET", "/", &[]),
            ),
        ],
    );
}

#[test]
fn s13_a_body_is_framed_anew_for_the_application_and_its_trailers_stay_behind() {
    let app = App::plain();
    let gate = Running::before(&app);
    let mut client = Http2::to(&gate);
    let token = bearer();
    let more = [("authorization", token.as_str()), ("content-length", "5")];
    client.headers(1, &request("POST", "/", &more), false);
    client.data(1, b"", false);
    client.data(1, b"hello", true);
    assert_eq!(client.answer(1).status(), 200);
    client.headers(3, &request("POST", "/", &more[..1]), false);
    client.data(3, b"0\r\n\r\nGET /evil HTTP/1.1\r\nHost: a\r\n\r\n", false);
    client.headers(
        3,
        &[("x-user", "admin"), ("authorization", "Basic eDp5")],
        true,
    );
    assert_eq!(client.answer(3).status(), 200);
    client.headers(5, &request("POST", "/", &more[..1]), true);
    assert_eq!(client.answer(5).status(), 200);

    let [length, chunked, empty] = app.wait_for(3).try_into().unwrap();
    assert_eq!(
        (length.one("content-length"), length.raw_body.as_slice()),
        (Some("5"), &b"hello"[..])
    );
    assert_eq!(chunked.one("transfer-encoding"), Some("chunked"));
    assert_eq!(chunked.one("content-length"), None);
    assert_eq!(
        chunked.body,
        b"0\r\n\r\nGET /evil HTTP/1.1\r\nHost: a\r\n\r\n"
    );
    assert!(
        chunked.raw_body.ends_with(b"\r\n0\r\n\r\n"),
        "h06: no trailers"
    );
    assert_eq!(empty.one("content-length"), Some("0"));
}

#[test]
fn s13_a_body_of_another_length_than_announced_never_completes() {
    let app = App::plain();
    let gate = Running::before(&app);
    for body in [&b"hell"[..], b"hello GET /evil HTTP/1.1"] {
        let mut client = Http2::to(&gate);
        let token = bearer();
        let more = [("authorization", token.as_str()), ("content-length", "5")];
        client.headers(1, &request("POST", "/", &more), false);
        client.data(1, body, true);
        assert_eq!(client.answer(1).reset, Some(PROTOCOL_ERROR), "{body:?}");
    }
    gate.wait_count("claimgate_requests_in_flight 0");
    assert!(
        app.requests().iter().all(|r| !r.complete),
        "{:#?}",
        app.requests()
    );
}
