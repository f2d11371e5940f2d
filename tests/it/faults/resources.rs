//! What the machine runs out of: file descriptors, and somebody who reads the log.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;

use serde_json::json;

use super::{connect, head, upstream_at};
use crate::harness::{Application, Gate, Issuer, Launch, eventually, request};

/// One request on a connection that stays.
fn ask(stream: &mut TcpStream, token: &str) -> u16 {
    stream
        .write_all(head("GET /", token, "").as_bytes())
        .unwrap();
    let mut got = Vec::new();
    while !got.ends_with(b"ok\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        got.push(byte[0]);
    }
    String::from_utf8_lossy(&got[9..12]).parse().unwrap()
}

#[test]
fn d08_with_few_descriptors_clients_wait_and_open_connections_go_on() {
    let (issuer, application) = (Issuer::start(), Application::start());
    let token = issuer.token(json!({}));
    let launch = Launch {
        through: &["prlimit", "--nofile=256"],
        ..Launch::default()
    };
    let gate = launch.start(&upstream_at(&issuer, application.port, ""));
    let mut open: Vec<TcpStream> = (0..200).map(|_| connect(gate.port)).collect();
    // (256 - 64) / 2: each may need a connection to the application.
    for stream in &mut open[..96] {
        assert_eq!(ask(stream, &token), 200);
    }
    assert_eq!(gate.metric("claimgate_connections", ""), 96.0);
    assert!(gate.descriptors() <= 256);
    let waiting = &mut open[150];
    waiting
        .write_all(head("GET /", &token, "").as_bytes())
        .unwrap();
    waiting
        .set_read_timeout(Some(Duration::from_millis(300)))
        .unwrap();
    assert!(waiting.read(&mut [0; 1]).is_err(), "it is over the limit");
    for stream in &mut open[..96] {
        assert_eq!(ask(stream, &token), 200, "open connections go on");
    }
    drop(open);
    for _ in 0..100 {
        assert_eq!(request(gate.port, "GET /", Some(&token), "").status, 200);
    }
}

#[test]
fn d08_when_descriptors_run_out_accepting_pauses_and_recovers() {
    let (issuer, application) = (Issuer::start(), Application::start());
    let token = issuer.token(json!({}));
    let gate = Gate::start(&upstream_at(&issuer, application.port, ""));
    let limit = |number: usize| {
        let done = Command::new("prlimit")
            .args([
                &format!("--pid={}", gate.pid()),
                &format!("--nofile={number}:"),
            ])
            .status();
        assert!(done.unwrap().success());
    };
    let mut open = connect(gate.port);
    assert_eq!(ask(&mut open, &token), 200);
    // What is open stays open; nothing can be opened any more.
    limit(3);
    let waiting: Vec<TcpStream> = (0..20).map(|_| connect(gate.port)).collect();
    let told = || gate.log().matches("cannot accept a connection").count();
    eventually("a word about it", || (told() > 0).then_some(()));
    let before = told();
    for _ in 0..20 {
        assert_eq!(ask(&mut open, &token), 200);
        std::thread::sleep(Duration::from_millis(50));
    }
    // Ten tries a second and worker, and not a spin.
    let tries = told() - before;
    assert!(tries < 200, "{tries} tries in a second or so");
    limit(1024);
    drop(waiting);
    eventually("new connections", || {
        (request(gate.port, "GET /", Some(&token), "").status == 200).then_some(())
    });
}

#[test]
fn a_log_that_nobody_reads_costs_lines_and_no_request() {
    let (issuer, application) = (Issuer::start(), Application::start());
    let token = issuer.token(json!({}));
    let launch = Launch {
        piped: true,
        ..Launch::default()
    };
    let mut gate = launch.start(&upstream_at(&issuer, application.port, ""));
    let mut output = gate.output();
    let mut client = connect(gate.port);
    let dropped = || gate.metric("claimgate_log_lines_dropped_total", "");
    // The pipe, then the writer's own queue.
    while dropped() == 0.0 {
        for _ in 0..500 {
            assert_eq!(ask(&mut client, &token), 200);
        }
    }
    for _ in 0..100 {
        assert_eq!(ask(&mut client, &token), 200);
    }
    assert!(dropped() >= 100.0);
    // Somebody reads again: lines come again, and none is lost any more.
    let reader = std::thread::spawn(move || {
        let mut all = Vec::new();
        let _ended = output.read_to_end(&mut all);
        String::from_utf8(all).unwrap()
    });
    let settled = eventually("room", || {
        let before = dropped();
        for _ in 0..5 {
            assert_eq!(ask(&mut client, &token), 200);
        }
        // A line is handed over when its answer is out.
        std::thread::sleep(Duration::from_millis(50));
        (dropped() == before).then_some(before)
    });
    client
        .write_all(head("GET /the-last", &token, "").as_bytes())
        .unwrap();
    let mut byte = [0];
    client.read_exact(&mut byte).unwrap();
    assert_eq!(dropped(), settled);
    gate.signal("TERM");
    drop(client);
    assert_eq!(gate.exit_code(), Some(0));
    let log = reader.join().unwrap();
    assert!(
        log.lines()
            .all(|line| line.starts_with('{') && line.ends_with('}')),
        "no torn line"
    );
    assert!(log.contains("/the-last"));
}
