//! gRPC through the gate: refusals in its own words, trailers, both directions at once.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;

use http::HeaderName;

use super::raw_http2::*;
use super::testing::{App, BOUND, Running, Written, gate, route, wait_until};
use crate::policy::Access;

fn call<'f>(path: &'f str, more: &[(&'f str, &'f str)]) -> Vec<(&'f str, &'f str)> {
    let mut head = request(
        "POST",
        path,
        &[
            ("content-type", "application/grpc+proto"),
            ("te", "trailers"),
        ],
    );
    head.extend_from_slice(more);
    head
}

/// A refusal, read as a gRPC client does: a head that is the whole answer.
fn is_status(answer: &Answer, status: &str, message: &str) {
    assert!(answer.complete && answer.body.is_empty(), "{answer:?}");
    assert_eq!(
        (answer.status(), &answer.trailers),
        (200, &None),
        "{answer:?}"
    );
    assert_eq!(answer.header("content-type"), Some("application/grpc"));
    assert_eq!(answer.header("grpc-status"), Some(status), "{answer:?}");
    let found = answer.header("grpc-message").unwrap();
    assert!(found.starts_with(message), "{found}");
}

#[test]
fn a_refused_call_gets_a_grpc_status_and_the_challenge() {
    let app = App::plain();
    let gate = Running::start(gate(
        app.address,
        Some(vec![route("/a/*", Access::Required)]),
    ));
    let mut client = Http2::to(&gate);
    client.headers(1, &call("/a/b", &[]), false);
    let missing = client.answer(1);
    is_status(&missing, "16", "missing_token: ");
    assert!(
        missing
            .header("www-authenticate")
            .unwrap()
            .starts_with("Bearer")
    );
    assert_eq!(missing.header("content-length"), None);

    let token = bearer();
    let authorized = ("authorization", token.as_str());
    client.headers(3, &call("/elsewhere", &[authorized]), true);
    is_status(&client.answer(3), "7", "no_route: ");
    client.headers(5, &call("/a/b", &[authorized, authorized]), true);
    is_status(&client.answer(5), "13", "ambiguous_token: ");
    client.headers(7, &call("/a/b", &[authorized, ("expect", "x")]), true);
    is_status(&client.answer(7), "2", "bad_request: ");
    assert!(app.requests().is_empty());
    let counted = r#"claimgate_requests_total{decision="deny",issuer="none",reason="missing_token",route="/a/*"} 1"#;
    gate.wait_count(counted);

    // Of gRPC-Web, and in HTTP/1.1, the answer is HTTP's.
    let web = request(
        "POST",
        "/a/b",
        &[("content-type", "application/grpc-web+proto")],
    );
    client.headers(9, &web, true);
    client.answer(9).is(401, "missing_token");
    let old = "POST /a/b HTTP/1.1\r\nHost: a\r\nContent-Type: application/grpc\r\nContent-Length: 0\r\n\r\n";
    gate.send(old).is(401, "missing_token");
}

#[test]
fn a_call_to_an_application_that_is_away_is_unavailable() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let nobody = listener.local_addr().unwrap();
    drop(listener);
    let gate = Running::start(gate(nobody, None));
    let mut client = Http2::to(&gate);
    client.headers(1, &call("/a/b", &[("authorization", &bearer())]), true);
    is_status(&client.answer(1), "14", "upstream_unreachable: ");
}

#[test]
fn an_answers_trailers_reach_an_http_2_client() {
    let app = App::start(|stream, _| {
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Type: application/grpc\r\nTransfer-Encoding: chunked\r\nTrailer: grpc-status, x-sum\r\n\r\n1\r\na\r\n0\r\ngrpc-status: 5\r\nX-Sum: 9\r\n\r\n").is_ok()
    });
    let gate = Running::before(&app);
    let mut client = Http2::to(&gate);
    client.headers(
        1,
        &call(
            "/a/b",
            &[("authorization", &bearer()), ("grpc-timeout", "5S")],
        ),
        true,
    );
    let answer = client.answer(1);
    assert_eq!((answer.status(), answer.body.as_slice()), (200, &b"a"[..]));
    assert_eq!(
        (answer.trailer("grpc-status"), answer.trailer("x-sum")),
        (Some("5"), Some("9"))
    );
    assert!(answer.complete);
    assert_eq!(
        app.only().one("grpc-timeout"),
        Some("5S"),
        "the deadline goes on"
    );
}

#[test]
fn h06_request_trailers_of_the_list_reach_the_application_and_no_others() {
    let app = App::plain();
    let mut settings = gate(app.address, None);
    settings.upstream.forward_trailers = Arc::new([HeaderName::from_static("x-checksum")]);
    let gate = Running::start(settings);
    let mut client = Http2::to(&gate);
    client.headers(1, &call("/a/b", &[("authorization", &bearer())]), false);
    client.data(1, b"hello", false);
    let trailers = [
        ("x-user", "admin"),
        ("x-checksum", "9"),
        ("authorization", "Basic eDp5"),
    ];
    client.headers(1, &trailers, true);
    assert_eq!(client.answer(1).status(), 200);
    let request = app.only();
    assert_eq!(request.one("trailer"), Some("x-checksum"));
    assert_eq!(request.body, b"hello");
    let raw = String::from_utf8(request.raw_body).unwrap().to_lowercase();
    assert!(raw.ends_with("\r\n0\r\nx-checksum: 9\r\n\r\n"), "{raw}");
}

#[test]
fn an_answer_may_begin_before_the_request_ends() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    // Answers each piece with itself, as it comes.
    let echo = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.set_read_timeout(Some(BOUND)).unwrap();
        let mut seen = Vec::new();
        let mut read_until = |stream: &mut std::net::TcpStream, end: &[u8]| {
            while !seen.windows(end.len()).any(|window| window == end) {
                let mut piece = [0; 1024];
                let count = stream.read(&mut piece).unwrap();
                assert!(count > 0, "{seen:?}");
                seen.extend_from_slice(&piece[..count]);
            }
        };
        read_until(&mut stream, b"\r\n\r\n");
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Type: application/grpc\r\nTransfer-Encoding: chunked\r\n\r\n").unwrap();
        for word in ["one", "two", "three"] {
            read_until(&mut stream, word.as_bytes());
            write!(stream, "{:x}\r\n{word}\r\n", word.len()).unwrap();
        }
        read_until(&mut stream, b"0\r\n\r\n");
        stream.write_all(b"0\r\n\r\n").unwrap();
    });
    let gate = Running::start(gate(address, None));
    let mut client = Http2::to(&gate);
    client.headers(1, &call("/a/b", &[("authorization", &bearer())]), false);
    let mut all = String::new();
    for word in ["one", "two", "three"] {
        client.data(1, word.as_bytes(), false);
        all.push_str(word);
        client.until(|c| c.seen(1).body.len() >= all.len());
        assert_eq!(client.seen(1).body, all.as_bytes());
    }
    client.data(1, b"", true);
    assert!(client.answer(1).complete);
    echo.join().unwrap();
}

#[test]
fn the_access_log_has_the_status_that_was_sent_and_grpcs() {
    use crate::telemetry::{AccessLog, AccessMode, LineFormat, LineWriter};
    let app = App::start(|stream, _| {
        let answer = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: grpc-status\r\n\r\n0\r\ngrpc-status: 5\r\n\r\n";
        stream.write_all(answer.as_bytes()).is_ok()
    });
    let mut logging = gate(app.address, None);
    let written = Written::default();
    let writer = LineWriter::start(written.clone(), logging.metrics.log_lines_dropped()).unwrap();
    logging.access_log =
        AccessLog::new(writer.clone(), LineFormat::Json, AccessMode::All).map(Arc::new);
    let gate = Running::start(logging);
    let mut client = Http2::to(&gate);
    client.headers(1, &call("/a/b", &[]), true);
    is_status(&client.answer(1), "16", "missing_token: ");
    client.headers(3, &call("/a/c", &[("authorization", &bearer())]), true);
    assert_eq!(client.answer(3).trailer("grpc-status"), Some("5"));
    let lines = || {
        writer.flush(BOUND);
        let text = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
        let lines = text.lines().map(|l| serde_json::from_str(l).unwrap());
        lines.collect::<Vec<serde_json::Value>>()
    };
    wait_until("two lines", || lines().len() == 2);
    let lines = lines();
    for (line, decision, code) in [(&lines[0], "deny", 16), (&lines[1], "allow", 5)] {
        assert_eq!(line["http.response.status_code"], 200);
        assert_eq!(line["rpc.grpc.status_code"], code);
        assert_eq!(line["auth.decision"], decision);
        assert_eq!(line["network.protocol.version"], "2");
    }
    assert_eq!(lines[0]["auth.reason"], "missing_token");
}
