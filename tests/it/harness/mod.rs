//! Peers of the gate, by name: an issuer with switchable faults, an application that records, a client that writes raw bytes.

mod application;
mod chaos;
mod client;
mod gate;
mod issuer;
mod key;
mod key_server;
mod recipient;

pub use application::Application;
pub use chaos::{Chaos, Trouble};
pub use client::{Answer, request, send};
pub use gate::{Gate, Launch, claimgate, configuration, resident_kib, scratch};
pub use issuer::{Fault, Issuer};
pub use key::{Key, claims, encode};
pub use key_server::KeyServer;
pub use recipient::Recipient;

use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

/// Long enough for a loaded machine of two cores; a test never waits for it when things go well.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Asks until the answer is there.
pub fn eventually<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < end, "{what}: not within {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A port of loopback that was free a moment ago.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

pub fn listens(port: u16) -> bool {
    TcpStream::connect(("127.0.0.1", port)).is_ok()
}
