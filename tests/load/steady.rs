//! Clients that ask one request after the other until they are told to stop, and take no failure.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::Scope;
use std::time::Duration;

use crate::client::{Client, Outcome};

#[derive(Default)]
pub struct Load {
    pub answers: AtomicUsize,
    /// Connections that nobody took: the one thing that is tried again.
    pub refused: AtomicUsize,
    pub failed: AtomicUsize,
    stop: AtomicBool,
}

impl Load {
    /// `clients` threads; every other one leaves its connection after each answer.
    pub fn begin<'s>(
        &'s self,
        scope: &'s Scope<'s, '_>,
        clients: usize,
        port: u16,
        token: &'s str,
    ) -> Ending<'s> {
        for number in 0..clients {
            scope.spawn(move || self.ask(port, token, number % 2 == 0));
        }
        Ending(self)
    }

    fn ask(&self, port: u16, token: &str, keeps: bool) {
        let mut client = Client::new(port, token);
        let mut number = 0;
        while !self.stop.load(Ordering::SeqCst) {
            number += 1;
            let (method, body) = if number % 2 == 0 {
                ("GET", "")
            } else {
                ("POST", "a body")
            };
            match client.ask(method, "/", body) {
                Outcome::Answer { status: 200, body } if body == b"ok\n" => {
                    self.answers.fetch_add(1, Ordering::SeqCst);
                }
                Outcome::Refused => {
                    self.refused.fetch_add(1, Ordering::SeqCst);
                    std::thread::sleep(Duration::from_millis(5));
                }
                other => {
                    self.failed.fetch_add(1, Ordering::SeqCst);
                    println!("    failed: {other}");
                }
            }
            if !keeps {
                client = Client::new(port, token);
            }
        }
    }
}

/// Ends the load, also when the test fails: its threads are waited for.
pub struct Ending<'l>(&'l Load);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.stop.store(true, Ordering::SeqCst);
    }
}
