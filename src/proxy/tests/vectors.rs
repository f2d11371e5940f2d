//! Hostile requests that others have collected (`CLAIMGATE_VECTORS`, folder `http`): none becomes two requests, or one with two framings.

use std::io::{Read, Write};

use super::testing::*;
use crate::proxy::*;

/// The vectors are not part of the project: without them these tests say so and pass.
fn vectors(file: &str) -> Option<serde_json::Value> {
    let path = crate::public_vectors::folder()?.join("http").join(file);
    Some(serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap())
}

fn bytes_of(text: &str) -> Vec<u8> {
    text.chars()
        .map(|c| u8::try_from(u32::from(c)).unwrap())
        .collect()
}

/// The status of the first answer; none when the gate closed, or waits for more, without one.
fn status_of(gate: &Running, payload: &[u8]) -> Option<u16> {
    let mut client = gate.connect();
    client
        .stream
        .set_read_timeout(Some(Duration::from_millis(150)))
        .unwrap();
    let _ = client.stream.write_all(payload);
    let mut answer = Vec::new();
    let mut piece = [0; 4096];
    while !answer.windows(4).any(|w| w == b"\r\n\r\n") {
        match client.stream.read(&mut piece) {
            Ok(n) if n > 0 => answer.extend_from_slice(&piece[..n]),
            _ => break,
        }
    }
    let text = String::from_utf8_lossy(&answer).into_owned();
    text.split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok())
}

/// A gate that forwards whatever it accepts.
fn open_gate(app: &App) -> Running {
    Running::start(gate(app.address, Some(vec![route("/*", PUBLIC)])))
}

fn check_framing(request: &Recorded, what: &str) {
    let framings = request.all("transfer-encoding").len() + request.all("content-length").len();
    assert!(framings <= 1, "{what}: {}", request.head);
    for line in request.head.lines().skip(1) {
        let name = line.split(':').next().unwrap();
        let folded: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
        if folded.eq_ignore_ascii_case("transferencoding") {
            assert!(
                name.eq_ignore_ascii_case("transfer-encoding"),
                "{what}: a look-alike passed: {line}"
            );
            assert!(line.ends_with(": chunked"), "{what}: {line}");
        }
    }
}

#[test]
fn s02_no_mutation_of_transfer_encoding_gives_two_framings() {
    let Some(vectors) = vectors("te-mutations.json") else {
        return;
    };
    let app = App::plain();
    let gate = open_gate(&app);
    let mutations = vectors["mutations"].as_object().unwrap();
    assert!(mutations.len() > 1000);
    let (mut refused, mut seen) = (0, 0);
    for (name, line) in mutations {
        let line = bytes_of(line.as_str().unwrap());
        let payload = [
            b"POST / HTTP/1.1\r\n",
            &*line,
            b"\r\nHost: localhost\r\nContent-Length: 6\r\n\r\n0\r\n\r\nG",
        ]
        .concat();
        let status = status_of(&gate, &payload);
        let requests = app.requests();
        match status {
            Some(200) => {
                assert_eq!(requests.len(), seen + 1, "{name}");
                check_framing(&requests[seen], name);
                seen += 1;
            }
            Some(400) => {
                assert_eq!(requests.len(), seen, "{name}");
                refused += 1;
            }
            other => panic!(
                "{name}: {other:?} for {:?}",
                String::from_utf8_lossy(&payload)
            ),
        }
    }
    eprintln!("{refused} refused, {seen} forwarded with one framing");
}

/// hyper reads these chunk sizes as the size alone. The application gets chunks of our own, so nothing of it reaches anybody.
const SMOOTHED: [&str; 4] = [
    "SMUG-CHUNK-BARE-SEMICOLON",
    "SMUG-CHUNK-EXT-INVALID-TOKEN",
    "SMUG-CHUNK-SIZE-TRAILING-OWS",
    "SMUG-CHUNK-EXT-CTRL",
];

#[test]
fn s01_s08_s10_s15_http11probe_requests_that_must_be_refused_are() {
    let Some(vectors) = vectors("http11probe.json") else {
        return;
    };
    let mut wrong = Vec::new();
    for test in vectors["tests"].as_array().unwrap() {
        let text = |member: &str| test[member].as_str().unwrap_or_default().to_owned();
        let (id, expected) = (text("id"), text("expected"));
        let app = App::plain();
        let gate = open_gate(&app);
        let status = status_of(&gate, &bytes_of(&text("raw_latin1")));
        let complete: Vec<_> = app.requests().into_iter().filter(|r| r.complete).collect();
        for request in &complete {
            check_framing(request, &id);
        }
        assert!(status.is_none_or(|s| s < 500), "{id}: {status:?}");
        let must =
            text("level") == "Must" && expected.starts_with("400") && !expected.contains("2xx");
        // Content-Length beside Transfer-Encoding: hyper takes the latter, and closes after the answer (RFC 9112 §6.1).
        let closes = expected.contains("or connection close") && complete.len() == 1;
        let refused = status.is_none_or(|s| s >= 400) && complete.is_empty();
        if must && !refused && !closes && !SMOOTHED.contains(&id.as_str()) {
            wrong.push(format!(
                "{id} {status:?} {expected} | {}",
                text("raw_latin1")
            ));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// What llhttp refuses and this gate need not: RTSP methods, a bare LF after a header (RFC 9112 §2.2 allows it), an empty chunk extension, and what
/// comes after a request that is answered and closed.
const LENIENT: [&str; 5] = [
    "Data after `Connection: close`",
    "Pause on CONNECT/Upgrade",
    "Invalid method for HTTP/x.x request",
    "Missing expected CR after header value",
    "Invalid character in chunk extensions",
];

#[test]
fn s06_s07_s08_what_llhttp_refuses_is_refused() {
    let Some(vectors) = vectors("llhttp.json") else {
        return;
    };
    let app = App::plain();
    let gate = open_gate(&app);
    let mut wrong = Vec::new();
    for test in vectors["tests"].as_array().unwrap() {
        let kind = test["meta"]["type"].as_str().unwrap_or_default();
        if !kind.starts_with("request") || kind.contains("lenient") {
            continue;
        }
        let raw = test["raw_latin1"].as_str().unwrap();
        let before = app.requests().len();
        let status = status_of(&gate, &bytes_of(raw));
        for request in app.requests().iter().skip(before).filter(|r| r.complete) {
            check_framing(request, raw);
        }
        assert!(status.is_none_or(|s| s < 500), "{raw:?}: {status:?}");
        if let Some(error) = test["llhttp_error"].as_str()
            && !LENIENT.contains(&error)
            && status.is_some_and(|s| s < 400)
        {
            wrong.push(format!("{status:?} {error} {raw:?}"));
        }
    }
    assert_eq!(gate.send(get("/", "")).status, 200, "alive");
    assert!(wrong.is_empty(), "{wrong:#?}");
}
