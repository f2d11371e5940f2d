//! Attacks that HTTP/2 makes cheap (threats D4 to D7), frame by frame. After each the gate serves the next client.

use std::io::{Read, Write};
use std::time::Instant;

use super::raw_http2::*;
use super::testing::{App, BOUND, PUBLIC, Running, gate, get as get_1, route, wait_until};

const REFUSED_STREAM: u32 = 0x7;

/// An application that reads requests and never answers.
fn silent_app() -> App {
    App::start(|stream, _| {
        let _ = stream.read(&mut [0]);
        false
    })
}

fn serves_on(gate: &Running) {
    gate.wait_count("claimgate_requests_in_flight 0");
    let mut client = Http2::to(gate);
    client.get(1, "/", &[]).is(401, "missing_token");
    gate.send(get_1("/", "")).is(401, "missing_token");
}

#[test]
fn d07_windows_streams_and_heads_have_their_limits() {
    let app = silent_app();
    let gate = Running::before(&app);
    let mut client = Http2::to(&gate);
    client.until(|c| !c.settings.is_empty());
    let setting = |id: u16| {
        client
            .settings
            .iter()
            .find(|(i, _)| *i == id)
            .map(|(_, v)| *v)
    };
    assert_eq!(setting(0x3), Some(100), "SETTINGS_MAX_CONCURRENT_STREAMS");
    assert_eq!(
        setting(0x4),
        Some(64 * 1024),
        "SETTINGS_INITIAL_WINDOW_SIZE"
    );
    assert_eq!(
        setting(0x6),
        Some(48 * 1024),
        "SETTINGS_MAX_HEADER_LIST_SIZE"
    );
    assert_eq!(setting(0x8), None, "SETTINGS_ENABLE_CONNECT_PROTOCOL");

    let token = bearer();
    for stream in (1..200).step_by(2) {
        client.headers(stream, &get("/", &[("authorization", &token)]), true);
    }
    app.wait_for(100);
    client.headers(201, &get("/", &[("authorization", &token)]), true);
    assert_eq!(client.answer(201).reset, Some(REFUSED_STREAM));
    assert_eq!(app.requests().len(), 100);
    drop(client);
    serves_on(&gate);
}

#[test]
fn d07_a_client_that_sends_more_than_the_window_is_stopped() {
    const FLOW_CONTROL_ERROR: u32 = 0x3;
    // Its body is not read, so the window stays shut.
    let app = App::start(|stream, _| stream.write_all(b"").is_ok());
    let gate = Running::before(&app);
    let mut client = Http2::to(&gate);
    client.headers(
        1,
        &request("POST", "/", &[("authorization", "Bearer a.b.c")]),
        false,
    );
    for _ in 0..200 {
        if client
            .stream
            .write_all(&frame(DATA, 0, 1, &[0; 16 * 1024]))
            .is_err()
        {
            break;
        }
    }
    client.rest();
    assert_eq!(
        client.goaways.last().map(|(_, code)| *code),
        Some(FLOW_CONTROL_ERROR)
    );
    serves_on(&gate);
}

#[test]
fn d04_a_rapid_reset_ends_the_connection_and_the_work_behind_it() {
    let app = silent_app();
    let gate = Running::before(&app);
    let mut client = Http2::to(&gate);
    let token = bearer();
    let mut flood = Vec::new();
    for stream in (1..4001).step_by(2) {
        let head = block(&get("/", &[("authorization", &token)]));
        flood.extend(frame(HEADERS, END_HEADERS | END_STREAM, stream, &head));
        flood.extend(frame(RST_STREAM, 0, stream, &CANCEL.to_be_bytes()));
    }
    let _ = client.stream.write_all(&flood);
    client.rest();
    assert_eq!(
        client.goaways.last().map(|(_, code)| *code),
        Some(ENHANCE_YOUR_CALM)
    );
    let reached = app.connections();
    assert!(reached <= 100, "{reached}");
    serves_on(&gate);
}

#[test]
fn d04_resets_that_come_slowly_enough_for_the_library_end_the_connection_too() {
    let app = silent_app();
    let gate = Running::before(&app);
    let mut client = Http2::to(&gate);
    let token = bearer();
    let mut sent = 0;
    for stream in (1..).step_by(2) {
        let head = block(&get("/", &[("authorization", &token)]));
        if client
            .stream
            .write_all(&frame(HEADERS, END_HEADERS | END_STREAM, stream, &head))
            .is_err()
        {
            break;
        }
        let reached = app.requests().len();
        let start = Instant::now();
        while app.requests().len() == reached && !ended(&mut client) {
            assert!(start.elapsed() < BOUND, "neither the request nor the end");
            std::thread::yield_now();
        }
        if client
            .stream
            .write_all(&frame(RST_STREAM, 0, stream, &CANCEL.to_be_bytes()))
            .is_err()
        {
            break;
        }
        sent += 1;
        assert!(sent < 5000, "nobody stops it");
    }
    assert!(sent >= 200, "a client may change its mind: {sent}");
    serves_on(&gate);
}

/// Reads and forgets what is there.
fn ended(client: &mut Http2) -> bool {
    client.stream.set_nonblocking(true).unwrap();
    let read = client.stream.read(&mut [0; 64 * 1024]);
    client.stream.set_nonblocking(false).unwrap();
    match read {
        Ok(n) => n == 0,
        Err(error) => error.kind() != std::io::ErrorKind::WouldBlock,
    }
}

#[test]
fn d05_floods_of_control_frames_end_the_connection() {
    let app = App::plain();
    let gate = Running::before(&app);
    for (kind, payload) in [(PING, &[0; 8][..]), (SETTINGS, &[]), (0xfe, &[0; 100])] {
        let mut client = Http2::to(&gate);
        for _ in 0..100 {
            // Not all at once: what is answered in between makes it no better.
            let flood = frame(kind, 0, 0, payload).repeat(100);
            if client.stream.write_all(&flood).is_err() {
                break;
            }
        }
        client.rest();
        assert!(client.pings_answered < 5000);
        serves_on(&gate);
    }
}

#[test]
fn d05_endless_and_exploding_heads_end_the_connection() {
    let app = App::plain();
    let gate = Running::before(&app);

    let mut endless = Http2::to(&gate);
    let head = block(&get("/", &[]));
    endless.frame(HEADERS, END_STREAM, 1, &head);
    for _ in 0..10_000 {
        if endless
            .stream
            .write_all(&frame(CONTINUATION, 0, 1, &block(&[("x-y", "z")])))
            .is_err()
        {
            break;
        }
    }
    endless.rest();
    assert_eq!(
        endless.goaways.last().map(|(_, code)| *code),
        Some(ENHANCE_YOUR_CALM)
    );

    // One field goes into the table, and then a byte each repeats it.
    let mut bomb = Http2::to(&gate);
    let mut exploding = block(&get("/", &[]));
    let field = &super::hpack::literal(b"x-y", &[b'a'; 3500])[1..];
    exploding.push(0x40);
    exploding.extend_from_slice(field);
    exploding.extend([0x80 | 62; 10_000]);
    bomb.frame(HEADERS, END_HEADERS | END_STREAM, 1, &exploding);
    bomb.rest();
    assert_eq!(
        bomb.goaways.last().map(|(_, code)| *code),
        Some(ENHANCE_YOUR_CALM)
    );
    serves_on(&gate);
    assert!(app.requests().is_empty());
}

#[test]
fn d03_d05_a_head_over_a_limit_is_a_431_and_its_connection_goes_on() {
    let app = App::plain();
    let gate = Running::before(&app);
    let mut client = Http2::to(&gate);
    let token = bearer();
    let large = "a".repeat(15 * 1024);
    let authorized = ("authorization", token.as_str());
    assert_eq!(
        client.get(1, "/", &[authorized, ("x-y", &large)]).status(),
        200
    );
    let large = "a".repeat(15 * 1024);
    client
        .get(
            3,
            "/",
            &[
                authorized,
                ("x-y", &large),
                ("x-z", &large),
                ("x-a", &large[..3000]),
            ],
        )
        .is(431, "bad_request");
    let many = vec![("x-y", "z"); 101];
    client.get(5, "/", &many).is(431, "bad_request");
    // Larger still, the library answers.
    let larger = [
        ("x-a", large.as_str()),
        ("x-b", &large),
        ("x-c", &large),
        ("x-d", &large),
    ];
    client.headers(7, &get("/", &larger), true);
    assert_eq!(client.answer(7).status(), 431);
    assert_eq!(client.get(9, "/", &[authorized]).status(), 200);
}

#[test]
fn d06_empty_data_frames_end_the_connection() {
    let app = App::plain();
    let gate = Running::start(gate(app.address, Some(vec![route("/*", PUBLIC)])));
    let mut client = Http2::to(&gate);
    client.headers(1, &request("POST", "/", &[]), false);
    let _ = client
        .stream
        .write_all(&frame(DATA, 0, 1, &[]).repeat(1000));
    client.rest();
    assert_eq!(
        client.goaways.last().map(|(_, code)| *code),
        Some(ENHANCE_YOUR_CALM)
    );
    gate.wait_count("claimgate_requests_in_flight 0");
    assert_eq!(Http2::to(&gate).get(1, "/", &[]).status(), 200);
}

#[test]
fn a_stream_that_the_client_resets_cancels_the_request_to_the_application() {
    let app = silent_app();
    let gate = Running::before(&app);
    let mut client = Http2::to(&gate);
    let token = bearer();
    client.headers(1, &get("/", &[("authorization", &token)]), true);
    app.wait_for(1);
    client.frame(RST_STREAM, 0, 1, &CANCEL.to_be_bytes());
    gate.wait_count(r#"claimgate_upstream_requests_total{outcome="client_gone"} 1"#);
    gate.wait_count("claimgate_requests_in_flight 0");
    client.get(3, "/", &[]).is(401, "missing_token");
}
