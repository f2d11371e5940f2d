//! Over real sockets: requests that two readers could read in two ways, and the limits of a request.

use super::testing::*;
use crate::policy::Access;

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
fn b03_j23_two_authorization_lines_are_refused() {
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
fn b05_s11_an_upgrade_is_answered_plainly_and_what_follows_is_judged() {
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
    assert_eq!(request.one("upgrade"), Some("websocket"));
    assert_eq!(request.one("connection"), Some("Upgrade"));
}

#[test]
fn s12_an_upgrade_to_plain_http2_is_answered_in_http1_and_not_passed_on() {
    let app = App::plain();
    let gate = Running::before(&app);
    let upgrade = "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n";
    let answer = gate.send(get("/app", &format!("{}{upgrade}", bearer())));
    assert_eq!(answer.status, 200);
    let request = app.only();
    for gone in ["upgrade", "http2-settings", "connection"] {
        assert_eq!(request.one(gone), None, "{}", request.head);
    }
    gate.send(get("/app", upgrade)).is(401, "missing_token");
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
fn b08_b09_b10_s01_s02_s03_s06_s07_s09_s10_framing_and_host_tricks_are_refused() {
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
    preface.write("PRI * HTTP/2.0\r\n\r\nXY\r\n\r\n");
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
fn d10_ranges_and_codings_pass_as_they_are_and_cookies_are_part_of_the_head() {
    let app = App::plain();
    let gate = Running::before(&app);
    let odd = "Range: bytes=0-,0-,0-,0-\r\nAccept-Encoding: gzip;q=9, *;q=-1, \r\n";
    assert_eq!(
        gate.send(get("/", &format!("{}{odd}", bearer()))).status,
        200
    );
    let request = app.only();
    assert_eq!(request.one("range"), Some("bytes=0-,0-,0-,0-"));
    assert_eq!(request.one("accept-encoding"), Some("gzip;q=9, *;q=-1,"));
    let cookies = format!("Cookie: a={}\r\n", "x".repeat(1024 * 1024));
    let answer = gate.send(get("/", &format!("{}{cookies}", bearer())));
    assert_eq!(answer.status, 431);
    assert_eq!(app.requests().len(), 1);
}
