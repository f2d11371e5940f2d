//! The cap on connections, over real sockets (threat D8): who holds a place without a request gives it up, who has one keeps it.

use std::io::{Read, Write};
use std::sync::Arc;

use super::raw_http2;
use super::testing::*;
use crate::proxy::listen::{ConnectionLimit, Listener, Phase, spawn_worker};

fn is_closed(client: &Client) -> bool {
    client.stream.set_nonblocking(true).unwrap();
    let closed = match (&client.stream).read(&mut [0; 1]) {
        Ok(0) => true,
        Ok(_) => panic!("an answer"),
        Err(error) => error.kind() != std::io::ErrorKind::WouldBlock,
    };
    client.stream.set_nonblocking(false).unwrap();
    closed
}

#[test]
fn d08_good_clients_are_served_while_silent_and_slow_ones_hold_every_place() {
    const CAP: usize = 40;
    let app = App::plain();
    let gate = Running::limited(gate(app.address, None), ConnectionLimit::new(CAP));
    let mut bad: Vec<Client> = (0..CAP)
        .map(|number| {
            let mut client = gate.connect();
            if number % 2 == 0 {
                client.write("GET / HTTP/1.1\r\nHo");
            }
            client
        })
        .collect();
    gate.wait_count(&format!("claimgate_connections {CAP}"));
    // They come faster than they go, and each good client comes in between.
    for _ in 0..CAP {
        bad.push(gate.connect());
        assert_eq!(gate.send(get("/", &bearer())).status, 200);
    }
    wait_until("the first ones' end", || {
        bad[..CAP / 2].iter().all(is_closed)
    });
    let text = String::from_utf8(gate.metrics.render()).unwrap();
    let gave_way = text
        .lines()
        .find_map(|line| {
            line.strip_prefix("claimgate_connections_dropped_total{reason=\"gave_way\"} ")
        })
        .unwrap()
        .parse::<usize>()
        .unwrap();
    assert!((CAP / 2..=2 * CAP + 1).contains(&gave_way), "{gave_way}");
}

#[test]
fn d08_the_oldest_without_a_request_gives_way_and_requests_stay() {
    let (release, released) = std::sync::mpsc::channel::<()>();
    let released = std::sync::Mutex::new(released);
    let app = App::start(move |stream, request| {
        if request.line().contains("/slow") {
            released.lock().unwrap().recv().unwrap();
        }
        stream.write_all(OK).is_ok()
    });
    let gate = Running::limited(gate(app.address, None), ConnectionLimit::new(3));
    let mut busy = gate.connect();
    busy.write(get("/slow", &bearer()));
    app.wait_for(1);
    let mut idle = gate.connect();
    idle.write(get("/", &bearer()));
    assert_eq!(idle.answer().status, 200);
    let silent = gate.connect();
    gate.wait_count("claimgate_connections 3");
    // The idle one has been without a request for longer than the silent one has been there.
    assert_eq!(gate.send(get("/", &bearer())).status, 200);
    wait_until("the idle one's end", || is_closed(&idle));
    assert!(!is_closed(&silent) && !is_closed(&busy));
    release.send(()).unwrap();
    assert_eq!(busy.answer().status, 200);
}

#[test]
fn d08_where_every_place_has_a_request_the_next_client_waits_and_is_served() {
    let (release, released) = std::sync::mpsc::channel::<()>();
    let released = std::sync::Mutex::new(released);
    let app = App::start(move |stream, request| {
        if request.line().contains("/slow") {
            released.lock().unwrap().recv().unwrap();
        }
        stream.write_all(OK).is_ok()
    });
    let gate = Running::limited(gate(app.address, None), ConnectionLimit::new(2));
    let mut busy = [gate.connect(), gate.connect()];
    for client in &mut busy {
        client.write(get("/slow", &bearer()));
    }
    app.wait_for(2);
    let mut waits = gate.connect();
    waits.write(get("/", &bearer()));
    assert!(!is_closed(&waits));
    for (client, _) in busy.iter_mut().zip(0..2) {
        release.send(()).unwrap();
        drop(client.stream.peek(&mut [0; 1]));
    }
    assert_eq!(waits.answer().status, 200);
    for client in &mut busy {
        // Answered before it gave way, whichever it was.
        assert_eq!(client.answer().status, 200);
    }
}

#[test]
fn d08_a_worker_with_all_the_places_gives_some_to_the_others() {
    const CAP: usize = 16;
    let app = App::plain();
    let shared = Arc::new(arc_swap::ArcSwap::from_pointee(gate(app.address, None)));
    let entry = entry(ConnectionLimit::new(CAP));
    let (phase, told) = tokio::sync::watch::channel(Phase::Running);
    // Two sockets, so that the test says which worker accepts.
    let (listeners, addresses): (Vec<_>, Vec<_>) = (0..2).map(|_| loopback()).unzip();
    let workers: Vec<_> = listeners
        .into_iter()
        .map(|own| {
            let gate = Arc::clone(&shared);
            spawn_worker("worker".to_owned(), gate, own, entry.clone(), told.clone()).unwrap()
        })
        .collect();
    let metrics = Arc::clone(&shared.load().metrics);
    let silent: Vec<_> = (0..CAP).map(|_| Client::to(addresses[0])).collect();
    wait_until("all places taken", || {
        String::from_utf8(metrics.render())
            .unwrap()
            .contains(&format!("claimgate_connections {CAP}\n"))
    });
    for _ in 0..CAP * 2 {
        let mut good = Client::to(addresses[1]);
        good.write(get("/", &bearer()));
        assert_eq!(good.answer().status, 200);
    }
    assert!(silent.iter().any(is_closed));
    phase.send(Phase::Aborting).unwrap();
    for worker in workers {
        worker.join().unwrap();
    }
}

#[test]
fn d08_an_http_2_connection_keeps_its_place_while_a_stream_is_open_and_not_longer() {
    let (release, released) = std::sync::mpsc::channel::<()>();
    let released = std::sync::Mutex::new(released);
    let app = App::start(move |stream, request| {
        if request.line().contains("/slow") {
            released.lock().unwrap().recv().unwrap();
        }
        stream.write_all(OK).is_ok()
    });
    let gate = Running::limited(gate(app.address, None), ConnectionLimit::new(1));
    let mut streams = raw_http2::Http2::to(&gate);
    let token = raw_http2::bearer();
    for (stream, path) in [(1, "/slow"), (3, "/")] {
        let fields = raw_http2::get(path, &[("authorization", &token)]);
        streams.headers(stream, &fields, true);
    }
    app.wait_for(2);
    assert_eq!(streams.answer(3).status(), 200);
    let mut waits = gate.connect();
    waits.write(get("/", &bearer()));
    assert!(!is_closed(&waits));
    release.send(()).unwrap();
    assert_eq!(streams.answer(1).status(), 200);
    assert_eq!(waits.answer().status, 200);
}

#[test]
fn d08_a_tunnel_keeps_its_place() {
    let app = App::start(|stream, request| {
        let Some(key) = request.one("sec-websocket-key") else {
            return stream.write_all(OK).is_ok();
        };
        assert_eq!(key, "dGhlIHNhbXBsZSBub25jZQ==");
        let switching = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
        stream.write_all(switching).unwrap();
        let mut byte = [0];
        while stream.read(&mut byte).is_ok_and(|read| read == 1) {
            stream.write_all(&byte).unwrap();
        }
        false
    });
    let gate = Running::limited(gate(app.address, None), ConnectionLimit::new(2));
    let mut tunnel = gate.connect();
    let handshake = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    tunnel.write(get("/", &format!("{}{handshake}", bearer())));
    assert_eq!(tunnel.answer().status, 101);
    tunnel.write(b"a");
    let mut byte = [0];
    tunnel.stream.read_exact(&mut byte).unwrap();
    for _ in 0..5 {
        let _silent = gate.connect();
        assert_eq!(gate.send(get("/", &bearer())).status, 200);
    }
    tunnel.write(b"b");
    tunnel.stream.read_exact(&mut byte).unwrap();
    assert_eq!(&byte, b"b");
}

#[test]
fn d08_a_refusal_that_its_client_does_not_take_keeps_no_place() {
    let app = App::plain();
    let gate = Running::limited(gate(app.address, None), ConnectionLimit::new(2));
    let _windowless: Vec<_> = (0..2)
        .map(|_| {
            // SETTINGS_INITIAL_WINDOW_SIZE 0.
            let mut client = raw_http2::Http2::with_settings(gate.address, &[(0x4, 0)]);
            client.headers(1, &raw_http2::get("/", &[]), true);
            client.until(|c| c.seen(1).head.is_some());
            client
        })
        .collect();
    assert_eq!(gate.send(get("/", &bearer())).status, 200);
}

#[test]
fn d08_refusals_that_their_client_leaves_in_the_socket_keep_no_place() {
    let app = App::plain();
    let shared = Arc::new(arc_swap::ArcSwap::from_pointee(gate(app.address, None)));
    let metrics = Arc::clone(&shared.load().metrics);
    let (listener, address) = loopback();
    if let Listener::Tcp(listener) = &listener {
        // What is accepted inherits the smallest buffer that there is.
        let socket = socket2::SockRef::from(listener);
        socket.set_send_buffer_size(1).unwrap();
    }
    let (phase, told) = tokio::sync::watch::channel(Phase::Running);
    let entry = entry(ConnectionLimit::new(1));
    let worker = spawn_worker("worker".to_owned(), shared, listener, entry, told).unwrap();
    let mut deaf = Client::to(address);
    let socket = socket2::SockRef::from(&deaf.stream);
    socket.set_recv_buffer_size(1).unwrap();
    deaf.write(get("/", "").repeat(500));
    let refused = || {
        let text = String::from_utf8(metrics.render()).unwrap();
        let lines = text.lines().filter(|l| l.contains("\"missing_token\""));
        lines
            .map(|l| l.rsplit(' ').next().unwrap().parse::<usize>().unwrap())
            .sum::<usize>()
    };
    // The gate can write nothing more, so it reads nothing more.
    wait_until("the end of its refusals", || {
        let before = refused();
        std::thread::sleep(std::time::Duration::from_millis(200));
        before > 0 && refused() == before
    });
    assert!(refused() < 500);
    let mut good = Client::to(address);
    good.write(get("/", &bearer()));
    assert_eq!(good.answer().status, 200);
    phase.send(Phase::Aborting).unwrap();
    worker.join().unwrap();
}

#[test]
fn d08_the_streams_of_one_client_do_not_take_every_file_descriptor() {
    const CAP: usize = 8;
    let (release, released) = std::sync::mpsc::channel::<()>();
    let released = std::sync::Mutex::new(released);
    let app = App::start(move |stream, _| {
        let _released = released.lock().unwrap().recv();
        stream.write_all(OK).is_ok()
    });
    let gate = Running::limited(gate(app.address, None), ConnectionLimit::with(CAP, CAP));
    let mut client = raw_http2::Http2::to(&gate);
    let token = raw_http2::bearer();
    let streams = 3 * u32::try_from(CAP).unwrap();
    for stream in 0..streams {
        let fields = raw_http2::get("/", &[("authorization", &token)]);
        client.headers(2 * stream + 1, &fields, true);
    }
    app.wait_for(CAP);
    // Some wait until they are told that there is no room.
    let told = 2 * streams - 1;
    assert_eq!(client.answer(told).reason(), "upstream_unreachable");
    assert_eq!(app.connections(), CAP);
    drop(release);
    assert_eq!(client.answer(1).status(), 200);
    client.get(told + 2, "/", &[("authorization", &token)]);
    assert_eq!(client.seen(told + 2).status(), 200);
}
