//! Clients on keep-alive connections: each request on its schedule, each answer compared with what the oracle said.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, RwLock};
use std::time::{Duration, Instant};

use crate::common::{Connection, sleep_until};
use crate::tokens::{Case, Epoch};

/// Connections of users.
const CLIENTS: u32 = 16;
/// Connections that ask for what takes the application 50 ms, and how often each does.
const SLOW_CLIENTS: u32 = 4;
const SLOW_EVERY: Duration = Duration::from_millis(100);
/// One request in so many has a bad token; one in so many a body of 1 KiB.
const BAD_ONE_IN: usize = 10;
const POST_ONE_IN: usize = 8;

/// What came of the requests.
#[derive(Default)]
pub struct Tally {
    pub over: AtomicBool,
    pub requests: AtomicUsize,
    pub refused: AtomicUsize,
    /// Not what the oracle said, or not the right identity.
    pub wrong: AtomicUsize,
    /// 5xx of any kind.
    pub failed: AtomicUsize,
    /// Since they were last taken: of the users' requests, from when each was due.
    latencies: Mutex<Vec<Duration>>,
}

impl Tally {
    /// Sorted.
    pub fn take_latencies(&self) -> Vec<Duration> {
        let mut latencies = std::mem::take(&mut *self.latencies.lock().unwrap());
        latencies.sort_unstable();
        latencies
    }

    fn count(&self, case: &Case, status: u16, body: &[u8]) {
        self.requests.fetch_add(1, Ordering::Relaxed);
        let right = match &case.subject {
            Some(subject) => status == 200 && body == subject.as_bytes(),
            None => status == 401,
        };
        if status == 401 {
            self.refused.fetch_add(1, Ordering::Relaxed);
        }
        if status >= 500 {
            self.failed.fetch_add(1, Ordering::Relaxed);
        }
        if !right {
            self.wrong.fetch_add(1, Ordering::Relaxed);
        }
    }
}

pub struct Load {
    port: u16,
    tokens: RwLock<Arc<Epoch>>,
}

impl Load {
    pub fn new(port: u16, tokens: Arc<Epoch>) -> Self {
        Self {
            port,
            tokens: RwLock::new(tokens),
        }
    }

    pub fn use_tokens(&self, tokens: Arc<Epoch>) {
        *self.tokens.write().unwrap() = tokens;
    }

    /// Requests a second when every client asks as soon as it was answered.
    pub fn capacity(&self, time: Duration) -> f64 {
        let (tally, began) = (Tally::default(), Instant::now());
        std::thread::scope(|scope| {
            for number in 0..CLIENTS {
                let tally = &tally;
                scope.spawn(move || self.client(number, Duration::ZERO, tally));
            }
            std::thread::sleep(time);
            tally.over.store(true, Ordering::SeqCst);
        });
        tally.requests.load(Ordering::SeqCst) as f64 / began.elapsed().as_secs_f64()
    }

    /// Until the tally is over.
    pub fn run(&self, per_second: f64, tally: &Tally) {
        let pause = Duration::from_secs_f64(f64::from(CLIENTS) / per_second);
        std::thread::scope(|scope| {
            for number in 0..CLIENTS {
                scope.spawn(move || self.client(number, pause, tally));
            }
            for number in 0..SLOW_CLIENTS {
                scope.spawn(move || self.slow_client(number, tally));
            }
        });
    }

    fn client(&self, number: u32, pause: Duration, tally: &Tally) {
        let mut connection = Connection::open(self.port);
        let mut random = fastrand::Rng::with_seed(number.into());
        let mut latencies = Vec::new();
        let mut due = Instant::now() + pause * number / CLIENTS;
        while !tally.over.load(Ordering::Relaxed) {
            let tokens = Arc::clone(&self.tokens.read().unwrap());
            let from = match random.usize(..BAD_ONE_IN) {
                0 => &tokens.bad,
                _ => &tokens.good,
            };
            let case = &from[random.usize(..from.len())];
            let posted = (random.usize(..POST_ONE_IN) == 0).then(|| as_post(&case.request));
            sleep_until(due);
            let asked = if pause.is_zero() { Instant::now() } else { due };
            connection.send(posted.as_ref().unwrap_or(&case.request));
            let (status, body) = connection.answer();
            latencies.push(asked.elapsed());
            tally.count(case, status, body);
            // A refused request with a body closes its connection.
            if posted.is_some() && status != 200 {
                connection = Connection::open(self.port);
            }
            if latencies.len() >= 1000 {
                tally.latencies.lock().unwrap().append(&mut latencies);
            }
            due += pause;
        }
    }

    fn slow_client(&self, number: u32, tally: &Tally) {
        let mut connection = Connection::open(self.port);
        let mut random = fastrand::Rng::with_seed(u64::from(number) << 32);
        let mut due = Instant::now() + SLOW_EVERY * number / SLOW_CLIENTS;
        while !tally.over.load(Ordering::Relaxed) {
            let tokens = Arc::clone(&self.tokens.read().unwrap());
            let case = &tokens.good[random.usize(..tokens.good.len())];
            let request = [b"GET /slow", &case.request[5..]].concat();
            sleep_until(due);
            connection.send(&request);
            let (status, body) = connection.answer();
            tally.count(case, status, body);
            due += SLOW_EVERY;
        }
    }
}

/// The same request with a body.
fn as_post(request: &[u8]) -> Vec<u8> {
    const BODY: [u8; 1024] = [b'x'; 1024];
    let head = &request[b"GET".len()..request.len() - 2];
    [b"POST", head, b"Content-Length: 1024\r\n\r\n", &BODY].concat()
}
