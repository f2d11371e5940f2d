//! The life of an HTTP/2 connection: drains, aborts, panics, and the log.

use std::sync::{Arc, Mutex};

use super::raw_http2::*;
use super::testing::{App, OK, Running, gate, wait_until};
use crate::clock::Clock;
use crate::proxy::listen::Phase;
use crate::verify::testing as tokens;

#[test]
fn a_drain_says_goaway_and_finishes_the_streams_that_are_open() {
    let (release, released) = std::sync::mpsc::channel::<()>();
    let released = Mutex::new(released);
    let app = App::start(move |stream, _| {
        released.lock().unwrap().recv().unwrap();
        std::io::Write::write_all(stream, OK).is_ok()
    });
    let gate = Running::before(&app);
    let mut idle = Http2::to(&gate);
    idle.get(1, "/", &[]).is(401, "missing_token");
    let mut busy = Http2::to(&gate);
    busy.headers(1, &get("/", &[("authorization", &bearer())]), true);
    app.wait_for(1);
    gate.tell(Phase::Draining);
    idle.rest();
    assert_eq!(idle.goaways.last(), Some(&(1, NO_ERROR)));
    busy.until(|c| !c.goaways.is_empty());
    release.send(()).unwrap();
    let answer = busy.answer(1);
    assert_eq!(
        (answer.status(), answer.body.as_slice()),
        (200, &b"hello"[..])
    );
    assert_eq!(answer.header("connection"), None);
    busy.rest();
    assert_eq!(busy.goaways.last(), Some(&(1, NO_ERROR)));
    gate.join();
}

#[test]
fn a_client_that_does_not_answer_the_goodbye_does_not_hold_the_drain() {
    let app = App::plain();
    let gate = Running::before(&app);
    let mut rude = Http2::to(&gate);
    rude.polite = false;
    rude.get(1, "/", &[]).is(401, "missing_token");
    gate.tell(Phase::Draining);
    rude.rest();
    gate.join();
}

#[test]
fn an_abort_ends_every_stream_now() {
    let app = App::start(|stream, _| {
        let _ = std::io::Read::read(stream, &mut [0]);
        false
    });
    let gate = Running::before(&app);
    let mut client = Http2::to(&gate);
    client.headers(1, &get("/", &[("authorization", &bearer())]), true);
    app.wait_for(1);
    gate.tell(Phase::Aborting);
    client.rest();
    assert!(!client.seen(1).complete);
    gate.wait_count("claimgate_requests_in_flight 0");
    gate.join();
}

#[test]
fn a_panic_ends_one_stream_only() {
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
    let mut client = Http2::to(&gate);
    let token = bearer();
    assert_eq!(
        client.get(1, "/", &[("authorization", &token)]).status(),
        500
    );
    assert_eq!(
        client.get(3, "/", &[("authorization", &token)]).status(),
        200
    );
    gate.wait_count("claimgate_requests_in_flight 0");
}

#[test]
fn a_client_that_leaves_ends_the_requests_of_all_its_streams() {
    let app = App::start(|stream, _| {
        let _ = std::io::Read::read(stream, &mut [0]);
        false
    });
    let gate = Running::before(&app);
    let mut client = Http2::to(&gate);
    let token = bearer();
    for stream in [1, 3, 5] {
        client.headers(stream, &get("/", &[("authorization", &token)]), true);
    }
    app.wait_for(3);
    drop(client);
    gate.wait_count(r#"claimgate_upstream_requests_total{outcome="client_gone"} 3"#);
    gate.wait_count("claimgate_connections 0");
}

#[test]
fn an_application_that_breaks_its_answer_off_resets_the_stream_and_only_it() {
    let app = App::start(|stream, request| {
        let short = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello";
        match request.line().contains("/short") {
            true => {
                let _ = std::io::Write::write_all(stream, short);
                false
            }
            false => std::io::Write::write_all(stream, OK).is_ok(),
        }
    });
    let gate = Running::before(&app);
    let mut client = Http2::to(&gate);
    let token = bearer();
    let broken = client.get(1, "/short", &[("authorization", &token)]);
    assert!(!broken.complete && broken.reset.is_some(), "{broken:?}");
    assert_eq!(
        client.get(3, "/", &[("authorization", &token)]).status(),
        200
    );
}

#[test]
fn clients_of_both_protocols_share_the_port() {
    let app = App::plain();
    let gate = Running::before(&app);
    let mut new = Http2::to(&gate);
    let mut old = gate.connect();
    for stream in [1, 3, 5] {
        assert_eq!(
            new.get(stream, "/", &[("authorization", &bearer())])
                .status(),
            200
        );
        old.write(super::testing::get("/", &super::testing::bearer()));
        assert_eq!(old.answer().status, 200);
    }
    // The preface in two pieces, with a pause of the client's.
    let mut slow = Http2::silent(gate.address);
    slow.write(&PREFACE[..10]);
    wait_until("the first bytes' way", || {
        gate.counts("claimgate_connections 3")
    });
    slow.write(&PREFACE[10..]);
    slow.frame(SETTINGS, 0, 0, &[]);
    slow.get(1, "/", &[]).is(401, "missing_token");
}
