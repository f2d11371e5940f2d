//! Whoever behaves: requests on a schedule, each latency counted from the time at which the request was due.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::common::{Connection, request, sleep_until};

pub struct Good {
    pub port: u16,
    pub token: String,
    pub per_second: u32,
}

impl Good {
    /// All of them on one keep-alive connection. Sorted.
    pub fn on_kept_connections(&self, over: &AtomicBool) -> Vec<Duration> {
        let mut connection = Connection::open(self.port);
        self.ask(self.per_second, over, |request| {
            connection.send(request);
            ok(&mut connection);
        })
    }

    /// A tenth of the rate, each request on a connection of its own. Sorted.
    pub fn on_new_connections(&self, over: &AtomicBool) -> Vec<Duration> {
        self.ask((self.per_second / 10).max(1), over, |request| {
            let mut connection = Connection::open(self.port);
            connection.send(request);
            ok(&mut connection);
        })
    }

    fn ask(
        &self,
        per_second: u32,
        over: &AtomicBool,
        mut exchange: impl FnMut(&[u8]),
    ) -> Vec<Duration> {
        let pause = Duration::from_secs(1) / per_second;
        let request = request(&self.token);
        let mut latencies = Vec::new();
        let mut due = Instant::now();
        while !over.load(Ordering::SeqCst) {
            sleep_until(due);
            exchange(&request);
            latencies.push(due.elapsed());
            due += pause;
        }
        latencies.sort_unstable();
        latencies
    }
}

fn ok(connection: &mut Connection) {
    assert!(
        connection.answer() == (200, &b"ok\n"[..]),
        "a good request was not answered as one"
    );
}
