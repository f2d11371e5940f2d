//! An application behind a Unix socket.

use std::io::{Read, Write};
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use super::testing::*;
use crate::proxy::*;

/// The path of a socket, which is gone with the value.
struct Socket(PathBuf);

impl Socket {
    fn new() -> Self {
        let name = format!("claimgate-{:016x}.sock", fastrand::u64(..));
        Self(std::env::temp_dir().join(name))
    }

    /// Answers everything, and records the heads.
    fn serve(&self) -> Arc<Mutex<Vec<String>>> {
        let listener = UnixListener::bind(&self.0).unwrap();
        let heads = Arc::<Mutex<Vec<String>>>::default();
        let told = Arc::clone(&heads);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (mut stream, told) = (stream.unwrap(), Arc::clone(&told));
                std::thread::spawn(move || {
                    let mut head = Vec::new();
                    let mut byte = [0];
                    while stream.read_exact(&mut byte).is_ok() {
                        head.push(byte[0]);
                        if head.ends_with(b"\r\n\r\n") {
                            let text = std::mem::take(&mut head);
                            told.lock().unwrap().push(String::from_utf8(text).unwrap());
                            stream.write_all(OK).unwrap();
                        }
                    }
                });
            }
        });
        heads
    }

    fn gate(&self) -> Gate {
        let mut gate = gate("127.0.0.1:1".parse().unwrap(), None);
        gate.upstream.authority = "localhost".parse().unwrap();
        gate.upstream.transport = Transport::Unix(self.0.clone());
        gate
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[test]
fn an_application_behind_a_socket_gets_the_clients_host_or_localhost() {
    let socket = Socket::new();
    let heads = socket.serve();
    assert_eq!(
        Running::start(socket.gate())
            .send(get("/", &bearer()))
            .status,
        200
    );
    let mut own = socket.gate();
    own.upstream.host = HostHeader::Upstream;
    assert_eq!(Running::start(own).send(get("/", &bearer())).status, 200);
    let heads = heads.lock().unwrap();
    assert!(heads[0].contains("\r\nHost: a\r\n"), "{}", heads[0]);
    assert!(heads[1].contains("\r\nHost: localhost\r\n"), "{}", heads[1]);
}

#[test]
fn connections_to_a_socket_are_kept_and_a_dead_one_is_tried_again() {
    let socket = Socket::new();
    let heads = socket.serve();
    let gate = Running::start(socket.gate());
    let mut client = gate.connect();
    for _ in 0..3 {
        client.write(get("/", &bearer()));
        assert_eq!(client.answer().status, 200);
    }
    assert_eq!(heads.lock().unwrap().len(), 3);
}

#[test]
fn a_socket_that_is_not_there_is_a_502_and_the_log_names_its_path() {
    let socket = Socket::new();
    let gate = socket.gate();
    let settings = gate.upstream.clone();
    Running::start(gate)
        .send(get("/", &bearer()))
        .is(502, "upstream_unreachable");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let connecting = crate::proxy::upstream::connect::connect(&settings, false);
    let Err(why) = runtime.block_on(connecting) else {
        panic!("it connected")
    };
    assert!(why.contains(&*socket.0.to_string_lossy()), "{why}");
}
