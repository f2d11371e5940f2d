//! Nothing is held back: each event arrives alone, whatever HTTP the client speaks.

use std::io::{Read, Write};
use std::sync::Mutex;
use std::sync::mpsc::{Sender, channel};

use super::raw_http2::{self, Http2};
use super::testing::{App, BOUND, Running, bearer, get};

const EVENTS: [&str; 3] = ["data: one\n\n", "data: two\n\n", "data: three\n\n"];

/// Sends the next event only when the client has seen the last one.
fn event_source() -> (App, Sender<()>) {
    let (saw, seen) = channel::<()>();
    let seen = Mutex::new(seen);
    let app = App::start(move |stream, _| {
        let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
        stream.write_all(head.as_bytes()).unwrap();
        for event in EVENTS {
            write!(stream, "{:x}\r\n{event}\r\n", event.len()).unwrap();
            seen.lock().unwrap().recv_timeout(BOUND).unwrap();
        }
        stream.write_all(b"0\r\n\r\n").is_ok()
    });
    (app, saw)
}

#[test]
fn each_event_arrives_alone_over_http_1() {
    let (app, saw) = event_source();
    let gate = Running::before(&app);
    let mut client = gate.connect();
    client.write(get("/events", &bearer()));
    let mut come = String::new();
    for event in EVENTS {
        while !come.contains(event) {
            let mut piece = [0; 1024];
            let count = client.stream.read(&mut piece).unwrap();
            assert!(count > 0, "{come}");
            come.push_str(std::str::from_utf8(&piece[..count]).unwrap());
        }
        saw.send(()).unwrap();
    }
}

#[test]
fn each_event_arrives_alone_over_http_2() {
    let (app, saw) = event_source();
    let gate = Running::before(&app);
    let mut client = Http2::to(&gate);
    client.headers(
        1,
        &raw_http2::get("/events", &[("authorization", &raw_http2::bearer())]),
        true,
    );
    let mut come = String::new();
    for event in EVENTS {
        come.push_str(event);
        client.until(|c| c.seen(1).body.len() >= come.len());
        assert_eq!(client.seen(1).body, come.as_bytes());
        saw.send(()).unwrap();
    }
    let answer = client.answer(1);
    assert!(answer.complete);
    assert_eq!(
        answer.pieces.iter().filter(|size| **size > 0).count(),
        EVENTS.len()
    );
}

#[test]
fn a_large_answer_comes_in_pieces_and_whole_to_a_client_with_a_small_window() {
    const SIZE: usize = 3 * 1024 * 1024;
    let app = App::start(|stream, _| {
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {SIZE}\r\n\r\n");
        stream.write_all(head.as_bytes()).unwrap();
        let body: Vec<u8> = (0..SIZE).map(|n| (n % 251) as u8).collect();
        stream.write_all(&body).is_ok()
    });
    let gate = Running::before(&app);
    let mut client = Http2::with_settings(gate.address, &[(0x4, 1000)]);
    client.headers(
        1,
        &raw_http2::get("/", &[("authorization", &raw_http2::bearer())]),
        true,
    );
    let mut given = 1000;
    while !client.seen(1).complete {
        client.until(|c| c.seen(1).body.len() >= given || c.seen(1).complete);
        let more = 40_000_u32;
        client.frame(raw_http2::WINDOW_UPDATE, 0, 1, &more.to_be_bytes());
        given += 40_000;
    }
    let body = client.seen(1).body;
    assert_eq!(body.len(), SIZE);
    assert!(
        body.iter()
            .enumerate()
            .all(|(n, byte)| *byte == (n % 251) as u8)
    );
}
