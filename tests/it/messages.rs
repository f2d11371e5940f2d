//! Raw bytes: framing, hosts and limits of the wire.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use serde_json::json;

use crate::harness::{Application, Gate, Issuer, configuration, eventually, request, send};

fn house() -> (String, Application, Gate) {
    let (issuer, application) = (Issuer::start(), Application::start());
    let gate = Gate::start(&configuration(&issuer, &application, ""));
    (issuer.token(json!({})), application, gate)
}

#[test]
fn b06_b07_an_unread_body_is_never_taken_for_a_second_request() {
    let (token, application, gate) = house();
    let answers = send(gate.port, b"POST /app HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 44\r\n\r\nGET /admin HTTP/1.1\r\nHost: a\r\nX-Pad: 123456\r\n\r\n", 2);
    assert_eq!(
        answers
            .iter()
            .map(|answer| answer.status)
            .collect::<Vec<_>>(),
        [401],
        "no 100, one answer, then closed"
    );
    assert!(application.requests().is_empty());
    let smuggled = format!(
        "GET /app HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}\r\nContent-Length: 37\r\n\r\nGET /evil HTTP/1.1\r\nHost: a\r\nX: y\r\n\r\n"
    );
    send(gate.port, smuggled.as_bytes(), 1);
    assert!(
        application
            .requests()
            .iter()
            .all(|request| !request.line().contains("evil"))
    );
    assert!(application.requests().len() <= 1);
}

#[test]
fn s02_s03_s10_requests_that_are_not_acceptable() {
    let (token, application, gate) = house();
    let bearer = format!("Authorization: Bearer {token}\r\n");
    for bytes in [
        format!(
            "POST / HTTP/1.1\r\nHost: a\r\n{bearer}Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n"
        ),
        format!(
            "POST / HTTP/1.1\r\nHost: a\r\n{bearer}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"
        ),
        format!(
            "POST / HTTP/1.1\r\nHost: a\r\n{bearer}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"
        ),
        format!(
            "POST / HTTP/1.1\r\nHost: a\r\n{bearer}Content-Length: 5\r\nContent-Length: 6\r\n\r\n"
        ),
        format!("POST / HTTP/1.1\r\nHost: a\r\n{bearer}Content-Length: +5\r\n\r\nhello"),
        format!(
            "POST / HTTP/1.0\r\nHost: a\r\n{bearer}Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n"
        ),
        format!("GET / HTTP/1.1\r\n{bearer}\r\n"),
        format!("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n{bearer}\r\n"),
        format!("GET / HTTP/1.1\r\nHost: a@b\r\n{bearer}\r\n"),
        format!("GET http://b/app HTTP/1.1\r\nHost: a\r\n{bearer}\r\n"),
        format!("GET / HTTP/1.1\r\nHost: a\r\nX : y\r\n{bearer}\r\n"),
        format!("GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n folded\r\n{bearer}\r\n"),
    ] {
        let answers = send(gate.port, bytes.as_bytes(), 1);
        assert_eq!(
            answers.first().map(|answer| answer.status),
            Some(400),
            "{}",
            bytes.replace(&token, "TOKEN")
        );
    }
    assert!(
        application.requests().is_empty(),
        "{:?}",
        application.requests()
    );
    assert_eq!(
        request(gate.port, "GET /", Some(&token), "Expect: something\r\n").status,
        417
    );
    assert_eq!(
        request(
            gate.port,
            &format!("GET /{}", "a".repeat(9000)),
            Some(&token),
            ""
        )
        .status,
        414
    );
    let many: String = (0..120)
        .map(|number| format!("X-{number}: 1\r\n"))
        .collect();
    assert_eq!(request(gate.port, "GET /", Some(&token), &many).status, 431);
    assert_eq!(
        request(gate.port, "GET /", Some(&token), "").status,
        200,
        "the gate lives"
    );
    assert!(gate.metric("claimgate_requests_total", "reason=\"bad_request\"") >= 10.0);
}

#[test]
fn bodies_stream_both_ways_with_their_framing() {
    let (token, application, gate) = house();
    let body = "x".repeat(300_000);
    let sized = format!(
        "POST /sized HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    assert_eq!(send(gate.port, sized.as_bytes(), 1)[0].status, 200);
    let chunked = format!(
        "POST /chunked HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6;ext=1\r\n world\r\n0\r\n\r\n"
    );
    assert_eq!(send(gate.port, chunked.as_bytes(), 1)[0].status, 200);
    let seen = application.requests();
    assert_eq!(
        (seen[0].body.len(), seen[0].header("content-length")),
        (300_000, vec!["300000"])
    );
    assert_eq!(
        (seen[1].body.as_slice(), seen[1].header("transfer-encoding")),
        (b"hello world".as_slice(), vec!["chunked"])
    );
}

#[test]
fn an_application_that_refuses_resets_or_stalls_is_not_a_refusal() {
    let issuer = Issuer::start();
    let token = issuer.token(json!({}));
    let configure = |port: u16| {
        format!(
            "upstream: {{url: 'http://127.0.0.1:{port}', response_timeout: 300ms}}\nissuers:\n  - {{provider: oidc, issuer: '{}', audiences: [api]}}\n",
            issuer.url
        )
    };
    let gate = Gate::start(&configure(crate::harness::free_port()));
    let answer = request(gate.port, "GET /", Some(&token), "");
    assert_eq!(
        (answer.status, answer.reason()),
        (502, "upstream_unreachable".to_owned())
    );

    let resets = TcpListener::bind("127.0.0.1:0").unwrap();
    let gate = Gate::start(&configure(resets.local_addr().unwrap().port()));
    std::thread::spawn(move || {
        for stream in resets.incoming() {
            let _head = stream.unwrap().read(&mut [0; 4096]);
        }
    });
    let answer = request(gate.port, "GET /", Some(&token), "");
    assert_eq!(
        (answer.status, answer.reason()),
        (502, "upstream_reset".to_owned())
    );

    let stalls = TcpListener::bind("127.0.0.1:0").unwrap();
    let gate = Gate::start(&configure(stalls.local_addr().unwrap().port()));
    let answer = request(gate.port, "GET /", Some(&token), "");
    assert_eq!(
        (answer.status, answer.reason()),
        (504, "upstream_timeout".to_owned())
    );
    assert_eq!(
        gate.metric("claimgate_upstream_requests_total", "outcome=\"timeout\""),
        1.0
    );
    assert_eq!(
        gate.metric("claimgate_requests_total", "decision=\"deny\""),
        0.0
    );
}

#[test]
fn a_client_that_stops_in_the_middle_of_its_body_completes_nothing() {
    let (token, application, gate) = house();
    let mut stream = TcpStream::connect(("127.0.0.1", gate.port)).unwrap();
    write!(stream, "POST / HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}\r\nContent-Length: 100\r\n\r\nonly this").unwrap();
    eventually("the request to be in flight", || {
        (gate.metric("claimgate_requests_in_flight", "") == 1.0).then_some(())
    });
    drop(stream);
    eventually("the request to be over", || {
        (gate.metric("claimgate_requests_in_flight", "") == 0.0).then_some(())
    });
    assert!(application.requests().is_empty());
}

#[test]
fn h15_nothing_from_the_wire_makes_a_metric_series_or_a_log_line_of_its_own() {
    let (_token, _application, gate) = house();
    let before = gate.admin("/metrics").1.lines().count();
    for number in 0..50 {
        request(
            gate.port,
            &format!("GET /path-{number}"),
            Some(&format!("e30.{number}.x")),
            "X: \u{1b}[31mred\r\n",
        );
    }
    let log = eventually("fifty access lines", || {
        Some(gate.log()).filter(|log| log.matches("auth.decision").count() >= 50)
    });
    assert!(
        log.lines()
            .all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok()),
        "one JSON object a line"
    );
    assert!(!log.contains('\u{1b}'));
    assert!(gate.admin("/metrics").1.lines().count() <= before + 60);
}
