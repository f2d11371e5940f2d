//! The same lives with nothing left out: [`Keys`] with its task, its locks and its waits, and each fetch as bytes on a wire, with TLS in
//! some lives. Only the wire is memory and the clock is virtual.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use fastrand::Rng;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::task::LocalSet;
use tokio::time::{Instant, sleep_until};
use tokio_rustls::TlsAcceptor;

use super::documents::{self, Name};
use super::gate::{look_up, sizes};
use super::life::{Condition, LONGEST_FETCH, Life, Token, Way};
use super::oracle::{Breach, Oracle, Verdict, breach};
use super::world::{LATE, Tally};
use crate::clock::{Clock, Moment, UnixTime};
use crate::keys::source::Origin;
use crate::keys::testing::{config, settings};
use crate::keys::tests::tls::TestAuthority;
use crate::keys::url::KeyUrl;
use crate::keys::{FetchResult, KeyLookup, KeyObserver, Keys, SourceId, wire_testing};

const FIRST: SourceId = SourceId(0);
const HOST: &str = "id.example";

/// Lives the life of this seed to its end, or to the first broken promise.
pub fn live(seed: u64, told: bool) -> Result<Tally, Breach> {
    // The spread of the fetches comes from here.
    fastrand::seed(seed);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    LocalSet::new().block_on(&runtime, lived(Arc::new(Life::of(seed)), seed, told))
}

async fn lived(life: Arc<Life>, seed: u64, told: bool) -> Result<Tally, Breach> {
    let tls = seed.is_multiple_of(8).then(|| TestAuthority::new("issuer"));
    let stage = Arc::new(Stage {
        start: Instant::now(),
        oracle: Mutex::new(Oracle::new(Arc::clone(&life), LATE)),
        random: Mutex::new(Rng::with_seed(!seed)),
        way: Mutex::new(None),
        tally: Mutex::new(Tally::default()),
        broken: Mutex::new(None),
        life: Arc::clone(&life),
        told,
    });
    let scheme = if tls.is_some() { "https" } else { "http" };
    let mut fetch = tls.as_ref().map_or_else(settings, TestAuthority::trusted);
    fetch.allow_http = true;
    let url = KeyUrl::parse(&format!("{scheme}://{HOST}/jwks"), true).unwrap();
    let mut source = config("one", Origin::JwksUrl { url, fetch });
    source.timing = life.timing;
    let clock = Arc::new(Virtual(stage.start));
    let keys = Arc::new(Keys::new(vec![source], clock, stage.clone()));
    tokio::task::spawn_local(serve(Arc::clone(&stage), tls));
    keys.start();
    for (at, token) in life.arrivals.iter().copied() {
        sleep_until(stage.start + at).await;
        tokio::task::spawn_local(request(Arc::clone(&stage), Arc::clone(&keys), token));
        if let Some(breach) = stage.broken.lock().unwrap().take() {
            return Err(breach);
        }
    }
    // Whoever still waits has its answer by then.
    sleep_until(Instant::now() + LONGEST_FETCH + LATE).await;
    keys.stop();
    let mut tally = *stage.tally.lock().unwrap();
    tally.fetches = stage.oracle.lock().unwrap().fetches;
    match stage.broken.lock().unwrap().take() {
        Some(breach) => Err(breach),
        None => Ok(tally),
    }
}

/// What issuer, clients and oracle share. One thread: nobody ever waits for these locks.
struct Stage {
    life: Arc<Life>,
    start: Instant,
    oracle: Mutex<Oracle>,
    random: Mutex<Rng>,
    /// The way of the fetch in flight.
    way: Mutex<Option<(Duration, Way)>>,
    tally: Mutex<Tally>,
    /// The first promise that was broken.
    broken: Mutex<Option<Breach>>,
    told: bool,
}

impl Stage {
    fn now(&self) -> Duration {
        self.start.elapsed()
    }

    fn check(&self, held: Result<(), Breach>) {
        if let Err(breach) = held {
            self.broken.lock().unwrap().get_or_insert(breach);
        }
    }

    fn tell(&self, what: impl Fn() -> String) {
        if self.told {
            eprintln!("{:>14.6} {}", self.now().as_secs_f64(), what());
        }
    }

    fn count(&self, add: impl FnOnce(&mut Tally)) {
        add(&mut self.tally.lock().unwrap());
    }
}

struct Virtual(Instant);

impl Clock for Virtual {
    fn now(&self) -> Moment {
        Moment {
            wall: UnixTime(1_700_000_000),
            monotonic: self.0.elapsed(),
        }
    }
}

impl KeyObserver for Stage {
    fn fetched(&self, _: &str, _: SourceId, result: FetchResult, keys: usize) {
        let now = self.now();
        let Some((_, way)) = self.way.lock().unwrap().take() else {
            let nothing = format!("{result:?} at {now:?}, of no fetch");
            return self.check(breach("k05_one_in_flight", nothing));
        };
        self.tell(|| format!("fetch ends: {:?}, {result:?}, {keys} keys", way.condition));
        if !expected(way.condition).contains(&result) {
            let what = format!("{:?} was told as {result:?} at {now:?}", way.condition);
            self.check(breach("k06_failures_have_their_name", what));
        }
        self.count(|tally| tally.failed += usize::from(result != FetchResult::Ok));
        let published = self.life.published(way.answered);
        let served = way.condition.serves().then_some(published);
        let held = self.oracle.lock().unwrap().fetch_ends(now, served);
        self.check(held);
    }

    fn suppressed(&self, _: &str) {
        self.count(|tally| tally.suppressed += 1);
        let held = self.oracle.lock().unwrap().suppressed(self.now());
        self.check(held);
    }
}

/// What an answer may be told as.
fn expected(condition: Condition) -> &'static [FetchResult] {
    use FetchResult::{
        BadDocument, BadStatus, NoUsableKey, NotAKeySet, Ok, Redirect, Timeout, TlsFailed, TooLarge,
    };
    match condition {
        Condition::Fine | Condition::Slow | Condition::Odd | Condition::Crowded => &[Ok],
        Condition::Hangs => &[Timeout],
        // In the handshake or after it.
        Condition::Refuses | Condition::WrongTls => &[BadDocument, TlsFailed],
        Condition::Status500 => &[BadStatus],
        Condition::Redirects => &[Redirect],
        Condition::Html | Condition::EmptySet | Condition::NoSet | Condition::Truncated => {
            &[NotAKeySet]
        }
        Condition::OnlyUseless => &[NoUsableKey],
        Condition::Giant => &[TooLarge],
    }
}

/// A client's request, as the proxy treats it.
async fn request(stage: Arc<Stage>, keys: Arc<Keys>, token: Token) {
    let arrived = stage.now();
    let judge = || {
        let now = stage.now();
        let set = keys.key_set(FIRST, now);
        let verdict = set.as_ref().map(|set| look_up(set, token, now));
        let verdict = verdict.unwrap_or(Verdict::Unavailable);
        let mut held = stage.oracle.lock().unwrap().judged(token, now, verdict);
        if let Some(set) = set {
            let (current, retained) = sizes(&set);
            held = held.and(stage.oracle.lock().unwrap().holds(current, retained));
        }
        stage.check(held);
        verdict
    };
    let mut verdict = judge();
    if verdict == Verdict::Refused {
        stage.tell(|| format!("{token:?} asks"));
        stage.oracle.lock().unwrap().asks(arrived);
        if keys.refetch(FIRST, None).await {
            verdict = judge();
        }
    }
    let now = stage.now();
    stage.tell(|| format!("{token:?} of {arrived:?}: {verdict:?}"));
    stage.count(|tally| {
        tally.waited += usize::from(now > arrived);
        match verdict {
            Verdict::Accepted => tally.accepted += 1,
            Verdict::Refused => tally.refused += 1,
            Verdict::Unavailable => tally.unavailable += 1,
        }
    });
    let oracle = stage.oracle.lock().unwrap();
    stage.check(oracle.answered(token, arrived, now, verdict));
    stage.check(oracle.comes_back(verdict, keys.retry_after(FIRST)));
    stage.check(oracle.readiness(keys.ready()));
}

/// The issuer: one connection after another, each in its own way.
async fn serve(stage: Arc<Stage>, tls: Option<TestAuthority>) {
    let good = tls.as_ref().map(|tls| tls.acceptor(HOST, false));
    let wrong = tls
        .as_ref()
        .map(|_| TestAuthority::new("stranger").acceptor(HOST, false));
    let mut arrivals = wire_testing::listen(HOST);
    while let Some(wire) = arrivals.recv().await {
        let began = stage.now();
        let held = stage.oracle.lock().unwrap().fetch_begins(began);
        stage.check(held);
        let way = {
            let mut random = stage.random.lock().unwrap();
            stage.life.way(began, LONGEST_FETCH, &mut random)
        };
        let (condition, answered, ended) = (way.condition, way.answered, way.ended);
        stage.tell(|| format!("fetch begins: {condition:?}"));
        let published = stage.life.published(answered).to_vec();
        *stage.way.lock().unwrap() = Some((began, way));
        let times = (stage.start + answered, stage.start + ended);
        let acceptor = match condition {
            Condition::WrongTls => wrong.clone(),
            _ => good.clone(),
        };
        // The client may go away at any time.
        tokio::task::spawn_local(async move {
            let _gone = match acceptor {
                None => answer(wire, condition, &published, times).await,
                Some(tls) => secured(tls, wire, condition, &published, times).await,
            };
        });
    }
}

async fn secured(
    tls: TlsAcceptor,
    wire: impl AsyncRead + AsyncWrite + Unpin,
    condition: Condition,
    published: &[Name],
    times: (Instant, Instant),
) -> std::io::Result<()> {
    answer(tls.accept(wire).await?, condition, published, times).await
}

/// Reads a request and does with it what an issuer in this condition does: the first half of the answer comes at one time, the rest at the
/// other.
async fn answer(
    mut wire: impl AsyncRead + AsyncWrite + Unpin,
    condition: Condition,
    published: &[Name],
    (answered, ended): (Instant, Instant),
) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(wire.read_u8().await?);
    }
    let text = match condition {
        Condition::Hangs => {
            // Until the other side gives up.
            wire.read_u8().await?;
            return Ok(());
        }
        Condition::Refuses => Vec::new(),
        // A handshake that was told to end.
        Condition::WrongTls => b"\x15\x03\x03\x00\x02\x02\x28".to_vec(),
        Condition::Status500 => b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n".to_vec(),
        Condition::Redirects => {
            b"HTTP/1.1 302 Found\r\nLocation: https://id.example/jwks\r\nContent-Length: 0\r\n\r\n"
                .to_vec()
        }
        _ => {
            let body = documents::body(condition, published).unwrap_or_default();
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
            [head.into_bytes(), body].concat()
        }
    };
    let (first, rest) = text.split_at(text.len() / 2);
    sleep_until(answered).await;
    wire.write_all(first).await?;
    wire.flush().await?;
    sleep_until(ended).await;
    wire.write_all(rest).await?;
    wire.shutdown().await
}
