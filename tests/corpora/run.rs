//! Sends a corpus and judges what came of it.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use crate::differences::difference_of;
use crate::payloads::{Corpus, Payload};
use crate::reading;
use crate::recorder::Reader;
use crate::scene::Scene;
use crate::variant::{FORGED, Head, VARIANTS, Variant};
use crate::wire::{Exchange, PATIENCE, QUIET, Sending, exchange, next_address};

/// At once. They wait more than they work.
const CLIENTS: usize = 24;
/// An honest request to every gate after so many exchanges of one client, and after everything.
const HONEST_EVERY: usize = 100;

struct Sent<'p> {
    payload: &'p Payload,
    variant: Variant,
    bytes: Vec<u8>,
    from: Ipv4Addr,
    exchange: Exchange,
    /// It was repeated with more patience: what was answered in so short a time does not count.
    repeated: bool,
}

#[derive(Default)]
struct Tally {
    failed: Vec<String>,
    failed_payloads: BTreeSet<String>,
    different: BTreeSet<String>,
    as_the_table_says: BTreeSet<String>,
    beyond_one: usize,
    forged: usize,
    cut_off: usize,
}

pub fn run(corpus: Corpus, folder: &Path) {
    let started = Instant::now();
    let payloads = corpus.load(folder);
    let scene = Scene::start();
    let (sent, mut tally) = send_all(&scene, &payloads);
    scene.settle();
    let mut known = BTreeSet::new();
    for sent in &sent {
        known.insert((sent.variant.reader == Reader::Strict, sent.from.to_string()));
        tally.judge(&scene, sent);
    }
    for reader in [Reader::Strict, Reader::Lenient] {
        for (from, requests) in scene.application(reader).all() {
            let honest = from == Ipv4Addr::LOCALHOST.to_string();
            if !honest && !known.contains(&(reader == Reader::Strict, from.clone())) {
                tally.beyond_one += requests.len();
                let heads = requests.iter().map(|r| String::from_utf8_lossy(&r.head));
                let heads: Vec<_> = heads.collect();
                tally.fail("?", format!("written by nobody, from {from}: {heads:#?}"));
            }
        }
    }
    tally.finish(corpus, &payloads, started);
}

fn send_all<'p>(scene: &Scene, payloads: &'p [Payload]) -> (Vec<Sent<'p>>, Tally) {
    let token = scene.token();
    let (next, sent) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let tally = Mutex::new(Tally::default());
    std::thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| {
                let mut since_honest = 0;
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let Some(payload) = payloads.get(number / VARIANTS.len()) else {
                        return;
                    };
                    let variant = VARIANTS[number % VARIANTS.len()];
                    let tries = send(scene, payload, variant, &token);
                    let expected = tries.iter().all(allowed);
                    sent.lock().unwrap().extend(tries);
                    since_honest += 1;
                    if since_honest >= HONEST_EVERY || !expected {
                        since_honest = 0;
                        if let Err(why) = scene.serves_honest_clients() {
                            tally.lock().unwrap().fail(&payload.id, why);
                        }
                    }
                }
            });
        }
    });
    let mut tally = tally.into_inner().unwrap();
    if let Err(why) = scene.serves_honest_clients() {
        tally.fail("after everything", why);
    }
    (sent.into_inner().unwrap(), tally)
}

/// Once, and once more with patience when what came of it is not expected: the first time may have been too short.
fn send<'p>(scene: &Scene, payload: &'p Payload, variant: Variant, token: &str) -> Vec<Sent<'p>> {
    let bytes = variant.bytes(payload, token);
    let wanted = reading::read(&bytes).requests;
    let mut tries = Vec::new();
    for quiet in [QUIET, PATIENCE] {
        let from = next_address();
        let sending = Sending {
            bytes: &bytes,
            sliced: variant.sliced,
            wanted,
            quiet,
        };
        let exchange = exchange(scene.port(variant), from, &sending);
        let sent = Sent {
            payload,
            variant,
            bytes: bytes.clone(),
            from,
            exchange,
            repeated: false,
        };
        let expected = allowed(&sent);
        tries.push(Sent {
            repeated: !expected && quiet == QUIET,
            ..sent
        });
        if expected {
            break;
        }
    }
    tries
}

fn allowed(sent: &Sent<'_>) -> bool {
    let (payload, exchange) = (sent.payload, &sent.exchange);
    payload.expected.allows(exchange)
        || difference_of(&payload.id).is_some_and(|d| d.outcome.is_of(exchange))
}

impl Tally {
    /// The first failure of a payload is told: in its other variants it mostly fails alike.
    fn fail(&mut self, id: &str, why: String) {
        if self.failed_payloads.insert(id.to_owned()) {
            self.failed.push(format!("{id}: {why}"));
        }
    }

    fn judge(&mut self, scene: &Scene, sent: &Sent<'_>) {
        let (id, exchange) = (&sent.payload.id, &sent.exchange);
        let requests = scene
            .application(sent.variant.reader)
            .of(&sent.from.to_string());
        let reading = reading::read(&sent.bytes);
        let mut wrong = Vec::new();
        if difference_of(id).is_some_and(|d| d.outcome.is_of(exchange)) {
            self.as_the_table_says.insert(id.clone());
        }
        if !sent.payload.expected.allows(exchange) && !sent.repeated {
            if allowed(sent) {
                self.different.insert(id.clone());
            } else {
                wrong.push("not what is expected, and no documented difference".to_owned());
            }
        }
        if requests.len() > reading.requests {
            self.beyond_one += requests.len() - reading.requests;
            wrong.push(format!("{} requests at the application", requests.len()));
        }
        let answered = exchange.statuses.iter().filter(|s| **s == 200).count();
        let complete = requests.iter().filter(|r| r.complete).count();
        if complete > answered && !sent.repeated {
            wrong.push(format!(
                "{complete} whole requests at the application, {answered} answers of it"
            ));
        }
        for request in &requests {
            let head = String::from_utf8_lossy(&request.head);
            wrong.extend(request.faults.iter().cloned());
            if head.contains(FORGED) {
                self.forged += 1;
                wrong.push(format!("a forged identity: {head}"));
            }
            let subjects = head
                .to_ascii_lowercase()
                .matches("x-auth-subject: alice\r\n")
                .count();
            if subjects != usize::from(sent.variant.head == Head::WithToken) {
                wrong.push(format!("{subjects} identities: {head}"));
            }
            // A body can be refused in its midst, a head cannot.
            if !request.complete {
                self.cut_off += 1;
                if !reading.bodies {
                    wrong.push(format!("bytes of a refused head: {head}"));
                }
            }
        }
        if !wrong.is_empty() {
            let why = format!(
                "{:?}: {wrong:?}\n  sent {:?}\n  expected {:?}\n  answers {:?}, {}",
                sent.variant,
                String::from_utf8_lossy(&sent.payload.bytes),
                sent.payload.expected,
                exchange.statuses,
                if exchange.closed { "closed" } else { "open" },
            );
            self.fail(id, why);
        }
    }

    fn finish(self, corpus: Corpus, payloads: &[Payload], started: Instant) {
        let exact = payloads.len() - self.different.union(&self.failed_payloads).count();
        let different = self.different.difference(&self.failed_payloads).count();
        let _nobody_listens = writeln!(
            std::io::stdout(),
            "{}: {} payloads, {exact} exact, {different} documented difference, {} failed, {} requests beyond one, {} forged identities \
             ({} bodies cut off at the application, {:.0} s)",
            corpus.name(),
            payloads.len(),
            self.failed_payloads.len(),
            self.beyond_one,
            self.forged,
            self.cut_off,
            started.elapsed().as_secs_f64()
        );
        let stale: Vec<&str> = crate::differences::DIFFERENCES
            .iter()
            .flat_map(|difference| difference.payloads)
            .copied()
            .filter(|id| {
                payloads.iter().any(|p| p.id == *id) && !self.as_the_table_says.contains(*id)
            })
            .collect();
        assert!(self.failed.is_empty(), "{}", self.failed.join("\n\n"));
        assert!(
            stale.is_empty(),
            "not as the table of differences says: {stale:?}"
        );
    }
}
