//! Clients over a Unix socket.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::Arc;

use super::certificates::{ask, ask_and_keep};
use super::testing::*;
use crate::proxy::listen::{
    ConnectionLimit, Entry, ListenAddress, Phase, ProxySenders, bind, spawn_worker,
};

/// A worker on a path of its own, and what ends it.
struct OnPath {
    path: PathBuf,
    _bound: crate::proxy::listen::BoundPath,
    phase: tokio::sync::watch::Sender<Phase>,
    worker: Option<std::thread::JoinHandle<()>>,
}

impl OnPath {
    fn start(app: &App, name: &str, unix: bool) -> Self {
        let name = format!("claimgate-{}-{name}.sock", std::process::id());
        let path = std::env::temp_dir().join(name);
        let (listener, bound) = bind(&ListenAddress::Unix(path.clone())).unwrap();
        let mut gate = gate(app.address, None);
        gate.trusted_proxies = vec!["0.0.0.0/0".parse().unwrap(), "::/0".parse().unwrap()];
        let entry = Entry {
            proxy_protocol: ProxySenders {
                networks: vec!["0.0.0.0/0".parse().unwrap()],
                unix,
            },
            ..entry(ConnectionLimit::new(10))
        };
        let (phase, told) = tokio::sync::watch::channel(Phase::Running);
        let gate = Arc::new(arc_swap::ArcSwap::from_pointee(gate));
        let worker = spawn_worker("unix".to_owned(), gate, listener, entry, told).unwrap();
        Self {
            path,
            _bound: bound.unwrap(),
            phase,
            worker: Some(worker),
        }
    }

    fn connect(&self) -> UnixStream {
        let stream = UnixStream::connect(&self.path).unwrap();
        stream.set_read_timeout(Some(BOUND)).unwrap();
        stream
    }
}

impl Drop for OnPath {
    fn drop(&mut self) {
        let _ = self.phase.send(Phase::Aborting);
        let _ = self.worker.take().unwrap().join();
    }
}

#[test]
fn h12_a_client_on_a_path_is_unknown_and_no_proxy_is_trusted() {
    let app = App::plain();
    let gate = OnPath::start(&app, "plain", false);
    let mut client = gate.connect();
    ask_and_keep(&mut client);
    let request = get(
        "/",
        &format!(
            "{}X-Forwarded-For: 203.0.113.9\r\nConnection: close\r\n",
            bearer()
        ),
    );
    client.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    for request in app.wait_for(2) {
        assert_eq!(request.one("x-forwarded-for"), Some("unknown"));
        assert_eq!(request.one("x-forwarded-proto"), Some("http"));
    }
}

#[test]
fn a_proxy_on_a_path_says_whose_connection_it_is() {
    let app = App::plain();
    let gate = OnPath::start(&app, "proxy", true);
    let mut client = gate.connect();
    client
        .write_all(b"PROXY TCP6 2001:db8::7 :: 1 2\r\n")
        .unwrap();
    assert!(ask(&mut client).starts_with("HTTP/1.1 200"));
    assert_eq!(app.only().one("x-forwarded-for"), Some("2001:db8::7"));
    assert_eq!(ask(&mut gate.connect()), "", "without a header");
}

#[test]
fn a_drain_serves_who_waits_on_the_path() {
    let app = App::plain();
    let gate = OnPath::start(&app, "drain", false);
    let mut client = gate.connect();
    client.write_all(get("/", &bearer()).as_bytes()).unwrap();
    gate.phase.send(Phase::Draining).unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}
