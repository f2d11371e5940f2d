//! The good client and the flood: threads that mostly sleep, bytes made beforehand.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::common::{Connection, request, sleep_until};
use crate::harness::{Issuer, Key, claims, encode};

/// Keep-alive connections of the good client.
const GOOD_CONNECTIONS: u32 = 2;
/// Keep-alive connections of the flood.
const FLOOD_CONNECTIONS: usize = 8;
/// Requests that are on the way at a time on each connection of a burst.
const PIPELINED: usize = 20;

/// Whoever has a good token.
pub struct Good {
    pub port: u16,
    pub token: String,
    pub per_second: u32,
}

impl Good {
    /// Asks on a schedule until it is over. What each answer took, from the time at which its request was due, sorted.
    pub fn until(&self, over: &AtomicBool) -> Vec<Duration> {
        let mut latencies = std::thread::scope(|scope| {
            let clients: Vec<_> = (0..GOOD_CONNECTIONS)
                .map(|number| scope.spawn(move || self.client(number, over)))
                .collect();
            let latencies = clients
                .into_iter()
                .flat_map(|client| client.join().unwrap());
            latencies.collect::<Vec<_>>()
        });
        latencies.sort_unstable();
        latencies
    }

    fn client(&self, number: u32, over: &AtomicBool) -> Vec<Duration> {
        let pause = Duration::from_secs(1) * GOOD_CONNECTIONS / self.per_second;
        let mut connection = Connection::open(self.port);
        let request = request(&self.token);
        let mut latencies = Vec::new();
        let mut due = Instant::now() + pause * number / GOOD_CONNECTIONS;
        while !over.load(Ordering::SeqCst) {
            sleep_until(due);
            connection.send(&request);
            assert!(
                connection.answer() == (200, &b"ok\n"[..]),
                "a good token was refused"
            );
            latencies.push(due.elapsed());
            due += pause;
        }
        latencies
    }
}

/// Whoever has tokens with made-up kids: each connection's requests, as bytes.
pub struct Flood {
    port: u16,
    shares: Vec<Vec<Vec<u8>>>,
}

impl Flood {
    pub fn of(issuer: &Issuer, port: u16, kids: usize) -> Self {
        // Nobody gets as far as the signature.
        let stranger = Key::new("stranger").token(&claims(&issuer.url, json!({})));
        let (_, rest) = stranger.split_once('.').unwrap();
        let one = |kid: usize| {
            let header = json!({"alg": "ES256", "kid": format!("made-up-{kid}")}).to_string();
            request(&format!("{}.{rest}", encode(header.as_bytes())))
        };
        let share = |first| (first..kids).step_by(FLOOD_CONNECTIONS).map(one).collect();
        Self {
            port,
            shares: (0..FLOOD_CONNECTIONS).map(share).collect(),
        }
    }

    /// All of them evenly over this time. Returns how many were answered.
    pub fn over(&self, time: Duration) -> usize {
        self.send(|connection, requests| {
            let pause = time / u32::try_from(requests.len()).unwrap();
            let mut due = Instant::now();
            for request in requests {
                sleep_until(due);
                connection.send(request);
                refused(connection);
                due += pause;
            }
        })
    }

    /// All of them as fast as they are answered.
    pub fn at_once(&self) -> usize {
        self.send(|connection, requests| {
            for some in requests.chunks(PIPELINED) {
                connection.send(&some.concat());
                some.iter().for_each(|_| refused(connection));
            }
        })
    }

    fn send(&self, how: impl Fn(&mut Connection, &[Vec<u8>]) + Sync) -> usize {
        std::thread::scope(|scope| {
            for requests in &self.shares {
                scope.spawn(|| how(&mut Connection::open(self.port), requests));
            }
        });
        self.shares.iter().map(Vec::len).sum()
    }
}

fn refused(connection: &mut Connection) {
    let (status, body) = connection.answer();
    let reason = br#""reason":"unknown_key""#;
    let told = body.windows(reason.len()).any(|part| part == reason);
    assert!(
        status == 401 && told,
        "a made-up key was not refused as one"
    );
}
