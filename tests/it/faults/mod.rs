//! Faults of the peers, of the network and of the machine, each with its exact outcome. docs/faults.md has the list.

mod application;
mod clients;
mod issuer;
mod resources;
mod signals;

use std::io::{Read, Write};
use std::net::TcpStream;

use crate::harness::{Issuer, PATIENCE};

/// A configuration whose application is at this port.
fn upstream_at(issuer: &Issuer, port: u16, more: &str) -> String {
    format!(
        "upstream: http://127.0.0.1:{port}\nissuers: [{{name: test, provider: oidc, issuer: {}, audiences: [api], keys: {{refetch_interval: 1s}}}}]\n{more}",
        issuer.url
    )
}

/// A connection that this test talks on by itself.
fn connect(port: u16) -> TcpStream {
    let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

fn head(line: &str, token: &str, more: &str) -> String {
    format!("{line} HTTP/1.1\r\nHost: gate.test\r\nAuthorization: Bearer {token}\r\n{more}\r\n")
}

/// What a connection says until it ends, and how it ended.
fn until_its_end(stream: &mut TcpStream) -> (Vec<u8>, std::io::Result<usize>) {
    let mut all = Vec::new();
    let end = stream.read_to_end(&mut all);
    (all, end)
}

/// One request on a connection of its own, and everything that comes back until the gate closes.
fn exchange(port: u16, bytes: &str) -> Vec<u8> {
    let mut stream = connect(port);
    let _refused = stream.write_all(bytes.as_bytes());
    until_its_end(&mut stream).0
}
