//! Clients that leave, in each phase of a request.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use serde_json::json;

use super::{connect, head, upstream_at};
use crate::harness::{Gate, Issuer, PATIENCE, eventually};

/// A request at the application is to be gone so soon after its client; a loaded machine of two cores takes a part of it.
const SOON: Duration = Duration::from_secs(3);

#[derive(Clone, Copy, Debug, PartialEq)]
enum Phase {
    InTheHead,
    InTheBody,
    BeforeTheAnswer,
    InTheAnswer,
}

/// An application that answers nothing, or begins to, and says when each of its connections ended.
struct Slow {
    port: u16,
    ended: Receiver<Instant>,
    begun: Receiver<()>,
}

impl Slow {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let ((end, ended), (begin, begun)) = (channel(), channel());
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let (end, begin) = (end.clone(), begin.clone());
                std::thread::spawn(move || {
                    let mut first = [0; 1024];
                    let n = stream.read(&mut first).unwrap_or(0);
                    if first[..n].starts_with(b"GET /in-the-answer") {
                        let _gone = stream
                            .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nbegun");
                    }
                    let _test_is_over = begin.send(());
                    while stream.read(&mut first).unwrap_or(0) > 0 {}
                    let _test_is_over = end.send(Instant::now());
                });
            }
        });
        Self { port, ended, begun }
    }
}

/// A request that is under way in this phase.
fn begin(port: u16, phase: Phase, token: &str, application: &Slow) -> TcpStream {
    let mut client = connect(port);
    let bytes = match phase {
        Phase::InTheHead => "GET / HTTP/1.1\r\nHost: gate".to_owned(),
        Phase::InTheBody => head("POST /", token, "Content-Length: 1000\r\n") + "a part",
        Phase::BeforeTheAnswer => head("GET /", token, ""),
        Phase::InTheAnswer => head("GET /in-the-answer", token, ""),
    };
    client.write_all(bytes.as_bytes()).unwrap();
    if phase != Phase::InTheHead {
        application.begun.recv_timeout(PATIENCE).unwrap();
    }
    if phase == Phase::InTheAnswer {
        let mut got = Vec::new();
        while !got.ends_with(b"begun") {
            let mut byte = [0];
            client.read_exact(&mut byte).unwrap();
            got.push(byte[0]);
        }
    }
    client
}

#[test]
fn a_client_that_leaves_in_any_phase_takes_its_request_along_and_leaves_nothing_open() {
    const TIMES: usize = 60;
    let (issuer, application) = (Issuer::start(), Slow::start());
    let token = issuer.token(json!({}));
    let gate = Gate::start(&upstream_at(&issuer, application.port, ""));
    let before = gate.descriptors();
    for phase in [
        Phase::InTheHead,
        Phase::InTheBody,
        Phase::BeforeTheAnswer,
        Phase::InTheAnswer,
    ] {
        let mut longest = Duration::ZERO;
        for number in 0..TIMES {
            let client = begin(gate.port, phase, &token, &application);
            if number % 2 == 1 {
                // Reset instead of closed.
                let socket = socket2::SockRef::from(&client);
                socket.set_linger(Some(Duration::ZERO)).unwrap();
            }
            let left = Instant::now();
            drop(client);
            if phase != Phase::InTheHead {
                let ended = application.ended.recv_timeout(PATIENCE).unwrap();
                longest = longest.max(ended.saturating_duration_since(left));
            }
        }
        println!("{phase:?}: gone at the application after {longest:?} at most");
        assert!(longest < SOON, "{phase:?}: {longest:?}");
    }
    eventually("no descriptor is left", || {
        (gate.descriptors() <= before + 2).then_some(())
    });
    let gone = gate.metric("claimgate_upstream_requests_total", "client_gone");
    assert_eq!(gone, (3 * TIMES) as f64);
    assert_eq!(gate.metric("claimgate_requests_in_flight", ""), 0.0);
}
