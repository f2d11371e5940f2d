//! Being told to stop, with work under way.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use serde_json::json;

use super::{connect, head, until_its_end, upstream_at};
use crate::harness::{Gate, Issuer, eventually, listens};

/// An application that reads a request to its end and answers when it is let go.
struct Held {
    port: u16,
    arrived: std::sync::mpsc::Receiver<TcpStream>,
}

impl Held {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (send, arrived) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if send.send(stream).is_err() {
                    return;
                }
            }
        });
        Self { port, arrived }
    }

    /// The next connection, when the head of its request has come.
    fn next(&self) -> TcpStream {
        let mut stream = self.arrived.recv_timeout(crate::harness::PATIENCE).unwrap();
        read_until(&mut stream, b"\r\n\r\n");
        stream
    }
}

fn read_until(stream: &mut TcpStream, end: &[u8]) {
    let mut got = Vec::new();
    while !got.ends_with(end) {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        got.push(byte[0]);
    }
}

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok\n";

#[test]
fn sigterm_lets_requests_uploads_and_downloads_end_and_takes_no_new_ones() {
    let (issuer, application) = (Issuer::start(), Held::start());
    let token = issuer.token(json!({}));
    let mut gate = Gate::start(&upstream_at(&issuer, application.port, ""));
    let mut waiting = connect(gate.port);
    waiting
        .write_all(head("GET /waiting", &token, "").as_bytes())
        .unwrap();
    let mut of_waiting = application.next();
    let mut upload = connect(gate.port);
    let upload_head = head("POST /upload", &token, "Content-Length: 10\r\n");
    upload.write_all(upload_head.as_bytes()).unwrap();
    upload.write_all(b"01234").unwrap();
    let mut of_upload = application.next();
    let mut download = connect(gate.port);
    download
        .write_all(head("GET /download", &token, "").as_bytes())
        .unwrap();
    let mut of_download = application.next();
    of_download
        .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n01234")
        .unwrap();
    read_until(&mut download, b"01234");

    gate.signal("TERM");
    eventually("nobody to listen", || (!listens(gate.port)).then_some(()));
    assert_eq!(gate.admin("/readyz").0, 503);
    // Everything goes on as if nothing had happened, and ends.
    std::thread::sleep(Duration::from_millis(300));
    of_waiting.write_all(ANSWER).unwrap();
    upload.write_all(b"56789").unwrap();
    read_until(&mut of_upload, b"0123456789");
    of_upload.write_all(ANSWER).unwrap();
    of_download.write_all(b"56789").unwrap();
    for (stream, last) in [
        (&mut waiting, "ok\n"),
        (&mut upload, "ok\n"),
        (&mut download, "56789"),
    ] {
        let (got, end) = until_its_end(stream);
        let text = String::from_utf8_lossy(&got);
        assert!(end.is_ok() && text.ends_with(last), "{text} {end:?}");
    }
    assert_eq!(gate.exit_code(), Some(0));
}

#[test]
fn what_is_not_done_when_the_drain_is_over_is_cut_and_never_looks_whole() {
    let (issuer, application) = (Issuer::start(), Held::start());
    let token = issuer.token(json!({}));
    let more = "shutdown: {drain_timeout: 1s}\n";
    let mut gate = Gate::start(&upstream_at(&issuer, application.port, more));
    let mut client = connect(gate.port);
    client
        .write_all(head("GET /", &token, "").as_bytes())
        .unwrap();
    let mut at_work = application.next();
    at_work
        .write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n01234\r\n")
        .unwrap();
    read_until(&mut client, b"01234\r\n");
    gate.signal("TERM");
    let (rest, _) = until_its_end(&mut client);
    assert!(rest.is_empty(), "no end of the body: {rest:?}");
    assert_eq!(gate.exit_code(), Some(0));
}

#[test]
fn a_second_sigterm_ends_now_with_1() {
    let (issuer, application) = (Issuer::start(), Held::start());
    let token = issuer.token(json!({}));
    let mut gate = Gate::start(&upstream_at(&issuer, application.port, ""));
    let mut client = connect(gate.port);
    client
        .write_all(head("GET /", &token, "").as_bytes())
        .unwrap();
    let _held = application.next();
    gate.signal("TERM");
    eventually("nobody to listen", || (!listens(gate.port)).then_some(()));
    gate.signal("TERM");
    assert_eq!(gate.exit_code(), Some(1));
    assert!(until_its_end(&mut client).0.is_empty());
}
