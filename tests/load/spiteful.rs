//! Requests with numbers, half of them `POST`, to an application that closes its connections at random: before it reads, after the head, after the
//! whole request, in its answer, and after it without saying so.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::client::{Client, Outcome};
use crate::harness::{Gate, Issuer};
use crate::ledger::Ledger;

const CLIENTS: usize = 12;

/// What becomes of a request at the application.
#[derive(Clone, Copy, Debug)]
enum Fate {
    Answered,
    /// Answered; then closed at once, or in a moment, when the next request may be on its way.
    AnsweredAndClosed,
    ClosedAfterHead,
    ClosedAfterRequest,
    ClosedInAnswer,
}

fn fate(random: &mut fastrand::Rng) -> Fate {
    match random.u8(0..100) {
        0..76 => Fate::Answered,
        76..88 => Fate::AnsweredAndClosed,
        88..92 => Fate::ClosedAfterHead,
        92..96 => Fate::ClosedAfterRequest,
        _ => Fate::ClosedInAnswer,
    }
}

/// What is not believed but looked at: the body of the answer to a request.
fn body_of(id: usize) -> String {
    format!("{id}:{}:{id}", "x".repeat(id % 200))
}

fn start(ledger: &Arc<Ledger>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (ledger, seed) = (Arc::clone(ledger), AtomicU64::new(1));
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let ledger = Arc::clone(&ledger);
            let random = fastrand::Rng::with_seed(seed.fetch_add(1, Ordering::Relaxed));
            std::thread::spawn(move || serve(stream, &ledger, random));
        }
    });
    port
}

fn serve(stream: TcpStream, ledger: &Ledger, mut random: fastrand::Rng) -> Option<()> {
    if random.bool() {
        // Its close is a reset.
        let socket = socket2::SockRef::from(&stream);
        socket.set_linger(Some(Duration::ZERO)).ok()?;
    }
    stream.set_nodelay(true).ok()?;
    if random.u8(0..100) < 3 {
        ledger.closed_unread_fresh.fetch_add(1, Ordering::SeqCst);
        return None;
    }
    let mut stream = BufReader::new(stream);
    let mut fresh = true;
    loop {
        let (id, length) = head(&mut stream)?;
        ledger.read(id);
        let fate = fate(&mut random);
        if !matches!(fate, Fate::ClosedAfterHead) {
            stream.read_exact(&mut vec![0; length]).ok()?;
        }
        let answer = body_of(id);
        match fate {
            Fate::ClosedAfterHead | Fate::ClosedAfterRequest => {
                ledger.cut_before_answer(id, fresh);
                return None;
            }
            Fate::ClosedInAnswer => {
                ledger.cut_in_answer(id);
                let part = &answer[..answer.len() / 2];
                let length = answer.len();
                let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{part}");
                return stream.get_mut().write_all(head.as_bytes()).ok();
            }
            Fate::Answered | Fate::AnsweredAndClosed => {
                ledger.answered(id);
                let length = answer.len();
                let whole = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{answer}");
                stream.get_mut().write_all(whole.as_bytes()).ok()?;
            }
        }
        if matches!(fate, Fate::AnsweredAndClosed) {
            // An orderly end: what was written arrives.
            let socket = socket2::SockRef::from(stream.get_ref());
            socket.set_linger(None).ok()?;
            std::thread::sleep(Duration::from_micros(random.u64(0..3000)));
            ledger.closed_unread_kept.fetch_add(1, Ordering::SeqCst);
            return None;
        }
        fresh = false;
    }
}

/// The number in the target, and the length of the body.
fn head(stream: &mut BufReader<TcpStream>) -> Option<(usize, usize)> {
    let (mut id, mut length) = (None, 0);
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let line = line.trim_end().to_ascii_lowercase();
        if line.is_empty() {
            return Some((id?, length));
        }
        match line.split_once(": ") {
            None => id = line.split(' ').nth(1)?.strip_prefix('/')?.parse().ok(),
            Some(("content-length", value)) => length = value.parse().ok()?,
            Some(_) => {}
        }
    }
}

/// Figures of one method.
#[derive(Default)]
struct Tally {
    right: AtomicUsize,
    /// 502, after the application had cut this very request off on a new connection.
    failed_on_fresh: AtomicUsize,
    /// 502, after it had cut it off on a kept one.
    failed_on_kept: AtomicUsize,
    /// 502 for a request that the application never read: its connection was closed unread.
    failed_unread: AtomicUsize,
    /// The connection ended in the answer, as the application's did.
    cut: AtomicUsize,
}

impl Tally {
    fn line(&self, method: &str) -> String {
        let of = |counter: &AtomicUsize| counter.load(Ordering::SeqCst);
        format!(
            "{method}: {} right answers, {} 502 (cut on a new connection), {} 502 (cut on a kept one), {} 502 (connection closed unread), {} cut in the answer",
            of(&self.right),
            of(&self.failed_on_fresh),
            of(&self.failed_on_kept),
            of(&self.failed_unread),
            of(&self.cut)
        )
    }
}

fn count(counter: &AtomicUsize) {
    counter.fetch_add(1, Ordering::SeqCst);
}

pub fn run(requests: usize) {
    let started = Instant::now();
    let issuer = Issuer::start();
    let token = issuer.token(json!({"exp": 4_000_000_000_u64}));
    let ledger = Arc::new(Ledger::new(requests));
    let port = start(&ledger);
    let gate = Gate::start(&format!(
        "upstream: http://127.0.0.1:{port}\nissuers: [{{name: test, provider: oidc, issuer: {}, audiences: [api]}}]\nlog: {{access: off}}\n",
        issuer.url
    ));
    let (next, get, post) = (AtomicUsize::new(0), Tally::default(), Tally::default());
    std::thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| {
                let mut client = Client::new(gate.port, &token);
                loop {
                    let id = next.fetch_add(1, Ordering::SeqCst);
                    if id >= requests {
                        return;
                    }
                    let is_get = id % 2 == 0;
                    let (method, tally) = if is_get {
                        ("GET", &get)
                    } else {
                        ("POST", &post)
                    };
                    let body = if is_get { String::new() } else { body_of(id) };
                    let outcome = client.ask(method, &format!("/{id}"), &body);
                    judge(id, is_get, &outcome, &ledger, tally);
                }
            });
        }
    });
    let mut again = 0;
    for id in 0..requests {
        let times = ledger.entry(id).times_read();
        let most = if id % 2 == 0 { 2 } else { 1 };
        assert!(times <= most, "request {id} was read {times} times");
        again += usize::from(times == 2);
    }
    println!(
        "{requests} requests in {:.0} s, half of them POST",
        started.elapsed().as_secs_f64()
    );
    println!("    {}\n    {}", get.line("GET"), post.line("POST"));
    println!(
        "    POST read twice by the application: 0; GET read twice (tried again): {again}; lost: 0; wrong answers: 0; \
         connections closed unread: {} new, {} kept",
        ledger.closed_unread_fresh.load(Ordering::SeqCst),
        ledger.closed_unread_kept.load(Ordering::SeqCst)
    );
    // A GET fails only where a new connection was cut (RFC 9110 §9.2.2 allows one more try on a kept one, and the gate makes it).
    assert_eq!(
        get.failed_on_kept.load(Ordering::SeqCst),
        0,
        "a GET that was not tried again"
    );
    let unread = get.failed_unread.load(Ordering::SeqCst);
    let fresh = ledger.closed_unread_fresh.load(Ordering::SeqCst);
    assert!(
        unread <= fresh,
        "{unread} GET failed, {fresh} new connections were closed unread"
    );
}

fn judge(id: usize, is_get: bool, outcome: &Outcome, ledger: &Ledger, tally: &Tally) {
    let entry = ledger.entry(id);
    match outcome {
        Outcome::Answer { status: 200, body } => {
            assert_eq!(
                body,
                body_of(id).as_bytes(),
                "the answer to another request"
            );
            assert!(entry.was_answered());
            count(&tally.right);
        }
        Outcome::Answer { status: 502, body } => {
            let text = String::from_utf8_lossy(body);
            // A reset in the moment of connecting is a connection that could not be made.
            let reasons = ["upstream_reset", "upstream_unreachable"];
            assert!(reasons.iter().any(|reason| text.contains(reason)), "{text}");
            // The last try decides; a GET that was cut on a kept connection has had another one.
            let counter = match (entry.cut_fresh(), entry.cut_kept()) {
                (true, _) => &tally.failed_on_fresh,
                (false, true) if is_get => {
                    // The second try was not read, or there was none: which it was is told apart by the sum.
                    &tally.failed_unread
                }
                (false, true) => &tally.failed_on_kept,
                (false, false) => &tally.failed_unread,
            };
            count(counter);
        }
        Outcome::Cut { .. } => {
            assert!(
                entry.cut_in_answer(),
                "request {id} is lost: {outcome:?}, {entry:?}"
            );
            count(&tally.cut);
        }
        other => panic!("request {id}: {other:?}"),
    }
}
