//! A gate on a real socket between a raw client and an application that records every byte, for the tests of the wire.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use http::header::AUTHORIZATION;
use tokio::sync::watch;

use crate::clock::{Clock, Moment};
use crate::identity::{ManagedNames, Mapping, Underscores, mapping};
use crate::jose::jwk::{KeyPolicy, read_set};
use crate::keys::Keys;
use crate::keys::source::Origin;
use crate::keys::testing::config;
use crate::policy::{Access, RouteConfig, RouteTable, StrictPaths};
use crate::proxy::listen::{self, ConnectionLimit, Phase};
use crate::proxy::{
    Gate, HostHeader, TokenSettings, TokenSource, TunnelSettings, UpstreamSettings,
};
use crate::telemetry::Metrics;
use crate::verify::testing;

/// Nothing in a test takes this long unless it hangs.
pub(in crate::proxy) const BOUND: Duration = Duration::from_secs(20);

struct TestClock;

impl Clock for TestClock {
    fn now(&self) -> Moment {
        testing::at(testing::NOW)
    }
}

/// Begins at the tests' time and goes on as time does.
pub(in crate::proxy) struct TickingClock(Instant);

impl TickingClock {
    pub(in crate::proxy) fn new() -> Self {
        Self(Instant::now())
    }
}

impl Clock for TickingClock {
    fn now(&self) -> Moment {
        let passed = i64::try_from(self.0.elapsed().as_secs()).unwrap();
        testing::at(testing::NOW + passed)
    }
}

/// One request as the application received it.
#[derive(Clone, Debug)]
pub(in crate::proxy) struct Recorded {
    /// The head as it came, without the empty line.
    pub(in crate::proxy) head: String,
    /// Decoded.
    pub(in crate::proxy) body: Vec<u8>,
    /// What came after the head, undecoded.
    pub(in crate::proxy) raw_body: Vec<u8>,
    /// Whether the body was complete.
    pub(in crate::proxy) complete: bool,
    /// Which connection of the application it came on, and the how manieth request on it, from 0.
    pub(in crate::proxy) connection: usize,
    pub(in crate::proxy) place: usize,
}

impl Recorded {
    pub(in crate::proxy) fn line(&self) -> &str {
        self.head.lines().next().unwrap_or_default()
    }

    /// Every value of a header by exact name, any case.
    pub(in crate::proxy) fn all(&self, name: &str) -> Vec<&str> {
        let of_line = |line: &'_ str| {
            line.find(':')
                .filter(|at| line[..*at].eq_ignore_ascii_case(name))
                .is_some()
        };
        self.head
            .lines()
            .skip(1)
            .filter(|l| of_line(l))
            .map(|l| l[name.len() + 1..].trim())
            .collect()
    }

    pub(in crate::proxy) fn one(&self, name: &str) -> Option<&str> {
        let all = self.all(name);
        assert!(all.len() <= 1, "{name} more than once:\n{}", self.head);
        all.first().copied()
    }
}

/// What the application does with a request. False: it closes the connection.
type Script = dyn Fn(&mut TcpStream, &Recorded) -> bool + Send + Sync;

pub(in crate::proxy) struct App {
    pub(in crate::proxy) address: SocketAddr,
    requests: Arc<Mutex<Vec<Recorded>>>,
    connections: Arc<AtomicUsize>,
}

impl App {
    pub(in crate::proxy) fn start(
        script: impl Fn(&mut TcpStream, &Recorded) -> bool + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::<Mutex<Vec<Recorded>>>::default();
        let connections = Arc::<AtomicUsize>::default();
        let (told, counted) = (Arc::clone(&requests), Arc::clone(&connections));
        let script: Arc<Script> = Arc::new(script);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(stream) = stream else { return };
                let number = counted.fetch_add(1, Ordering::SeqCst);
                let (told, script) = (Arc::clone(&told), Arc::clone(&script));
                std::thread::spawn(move || serve(stream, number, &told, &*script));
            }
        });
        Self {
            address,
            requests,
            connections,
        }
    }

    /// Answers everything with 200 and keeps the connection.
    pub(in crate::proxy) fn plain() -> Self {
        Self::start(|stream, _| stream.write_all(OK).is_ok())
    }

    pub(in crate::proxy) fn requests(&self) -> Vec<Recorded> {
        self.requests.lock().unwrap().clone()
    }

    /// The only request that came.
    pub(in crate::proxy) fn only(&self) -> Recorded {
        let all = self.requests();
        assert_eq!(all.len(), 1, "{all:#?}");
        all.into_iter().next().unwrap()
    }

    pub(in crate::proxy) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// Waits until so many requests are recorded.
    pub(in crate::proxy) fn wait_for(&self, count: usize) -> Vec<Recorded> {
        wait_until("the application's requests", || {
            self.requests().len() >= count
        });
        self.requests()
    }
}

pub(in crate::proxy) const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";

/// Polls a condition that another thread makes true.
pub(in crate::proxy) fn wait_until(what: &str, condition: impl Fn() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < BOUND, "in vain: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn serve(mut stream: TcpStream, connection: usize, told: &Mutex<Vec<Recorded>>, script: &Script) {
    stream.set_read_timeout(Some(BOUND)).unwrap();
    stream.set_nodelay(true).unwrap();
    let mut buffer = Vec::new();
    for place in 0.. {
        let Some(end) = fill_until(&mut stream, &mut buffer, |b| find(b, b"\r\n\r\n")) else {
            return;
        };
        let head = String::from_utf8_lossy(&buffer[..end]).into_owned();
        buffer.drain(..end + 4);
        let mut recorded = Recorded {
            head,
            body: Vec::new(),
            raw_body: Vec::new(),
            complete: true,
            connection,
            place,
        };
        let chunked = recorded.one("transfer-encoding").is_some();
        let length = recorded
            .one("content-length")
            .map_or(0, |l| l.parse::<usize>().unwrap());
        let taken = if chunked {
            fill_until(&mut stream, &mut buffer, chunked_end)
        } else {
            fill_until(&mut stream, &mut buffer, |b| {
                (b.len() >= length).then_some(length)
            })
        };
        recorded.complete = taken.is_some();
        recorded.raw_body = buffer.drain(..taken.unwrap_or(buffer.len())).collect();
        recorded.body = if chunked && recorded.complete {
            unchunk(&recorded.raw_body)
        } else {
            recorded.raw_body.clone()
        };
        told.lock().unwrap().push(recorded.clone());
        if !recorded.complete || !script(&mut stream, &recorded) {
            return;
        }
    }
}

/// Reads until `done` says where the wanted part ends; none when the peer ends before.
fn fill_until(
    stream: &mut TcpStream,
    buffer: &mut Vec<u8>,
    done: impl Fn(&[u8]) -> Option<usize>,
) -> Option<usize> {
    let mut piece = vec![0; 64 * 1024];
    loop {
        if let Some(end) = done(buffer) {
            return Some(end);
        }
        match stream.read(&mut piece) {
            Err(error)
                if matches!(
                    error.kind(),
                    std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut
                ) =>
            {
                panic!(
                    "nothing came in {BOUND:?}; before it {:?}",
                    String::from_utf8_lossy(buffer)
                )
            }
            Ok(0) | Err(_) => return None,
            Ok(n) => buffer.extend_from_slice(&piece[..n]),
        }
    }
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|w| w == needle)
}

fn chunked_end(body: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        let line = find(&body[at..], b"\r\n")?;
        let size =
            usize::from_str_radix(std::str::from_utf8(&body[at..at + line]).unwrap(), 16).unwrap();
        at += line + 2;
        if size == 0 {
            return find(&body[at..], b"\r\n\r\n")
                .map(|e| at + e + 4)
                .or_else(|| body[at..].starts_with(b"\r\n").then_some(at + 2));
        }
        at += size + 2;
        if at > body.len() {
            return None;
        }
    }
}

pub(in crate::proxy) fn unchunk(body: &[u8]) -> Vec<u8> {
    let (mut at, mut out) = (0, Vec::new());
    loop {
        let line = find(&body[at..], b"\r\n").unwrap();
        let size =
            usize::from_str_radix(std::str::from_utf8(&body[at..at + line]).unwrap(), 16).unwrap();
        at += line + 2;
        if size == 0 {
            return out;
        }
        out.extend_from_slice(&body[at..at + size]);
        at += size + 2;
    }
}

/// A running gate with one worker.
pub(in crate::proxy) struct Running {
    pub(in crate::proxy) address: SocketAddr,
    pub(in crate::proxy) gate: Arc<ArcSwap<Gate>>,
    pub(in crate::proxy) metrics: Arc<Metrics>,
    phase: watch::Sender<Phase>,
    worker: Option<JoinHandle<()>>,
}

impl Running {
    pub(in crate::proxy) fn before(app: &App) -> Self {
        Self::start(gate(app.address, None))
    }

    pub(in crate::proxy) fn start(gate: Gate) -> Self {
        Self::limited(gate, ConnectionLimit::new(1000))
    }

    pub(in crate::proxy) fn limited(gate: Gate, limit: ConnectionLimit) -> Self {
        let listener = listen::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = listener.local_addr().unwrap();
        let metrics = Arc::clone(&gate.metrics);
        let gate = Arc::new(ArcSwap::from_pointee(gate));
        let (phase, told) = watch::channel(Phase::Running);
        let worker =
            listen::spawn_worker("test".to_owned(), Arc::clone(&gate), listener, limit, told)
                .unwrap();
        Self {
            address,
            gate,
            metrics,
            phase,
            worker: Some(worker),
        }
    }

    pub(in crate::proxy) fn tell(&self, phase: Phase) {
        self.phase.send(phase).unwrap();
    }

    /// Waits for the worker to end by itself.
    pub(in crate::proxy) fn join(mut self) {
        let worker = self.worker.take().unwrap();
        wait_until("the worker's end", || worker.is_finished());
        worker.join().unwrap();
    }

    pub(in crate::proxy) fn connect(&self) -> Client {
        Client::to(self.address)
    }

    /// Sends exactly these bytes on a new connection and reads one answer.
    pub(in crate::proxy) fn send(&self, bytes: impl AsRef<[u8]>) -> Answer {
        let mut client = self.connect();
        client.write(bytes);
        client.answer()
    }

    /// Whether the text format has this line.
    pub(in crate::proxy) fn counts(&self, line: &str) -> bool {
        String::from_utf8(self.metrics.render())
            .unwrap()
            .lines()
            .any(|l| l == line)
    }

    pub(in crate::proxy) fn wait_count(&self, line: &str) {
        let start = Instant::now();
        while !self.counts(line) {
            let text = String::from_utf8(self.metrics.render()).unwrap();
            assert!(start.elapsed() < BOUND, "no {line} in\n{text}");
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.phase.send(Phase::Aborting);
        if let Some(worker) = self.worker.take() {
            let ended = worker.join();
            if !std::thread::panicking() {
                ended.unwrap();
            }
        }
    }
}

/// What a test changes before the gate starts.
pub(in crate::proxy) fn gate(app: SocketAddr, routes: Option<Vec<RouteConfig>>) -> Gate {
    let clock: Arc<dyn Clock> = Arc::new(TestClock);
    let routes = match routes {
        None => RouteTable::everything_needs_a_token(),
        Some(routes) => RouteTable::new(routes, StrictPaths::default()).unwrap(),
    };
    let verifier = testing::verifier();
    let names: Vec<Arc<str>> = routes
        .routes()
        .iter()
        .map(|r| Arc::clone(r.name()))
        .collect();
    let issuers: Vec<Arc<str>> = verifier
        .issuers()
        .iter()
        .map(|i| Arc::clone(&i.name))
        .collect();
    let metrics = Metrics::new(&names, &issuers);
    let document = format!("{{\"keys\":[{}]}}", testing::rsa().jwk(r#""kid":"k1""#));
    let origin = Origin::Fixed {
        keys: read_set(document.as_bytes(), &KeyPolicy::default()).unwrap(),
        any_kid: false,
    };
    let source = config("main", origin);
    Gate {
        verifier,
        keys: Arc::new(Keys::new(
            vec![source],
            Arc::clone(&clock),
            Arc::clone(&metrics) as _,
        )),
        routes,
        managed: ManagedNames::new(&["X-User".to_owned()], &[], Underscores::Drop),
        mapping: Mapping::default_set(mapping::DEFAULT_MAX_BYTES),
        token: TokenSettings {
            sources: vec![TokenSource::Header {
                name: AUTHORIZATION,
                scheme: Some("Bearer".to_owned()),
            }],
            forward: false,
            max_bytes: TokenSettings::DEFAULT_MAX_BYTES,
        },
        upstream: UpstreamSettings {
            authority: app.to_string().parse().unwrap(),
            host: HostHeader::Preserve,
            connect_timeout: UpstreamSettings::DEFAULT_CONNECT_TIMEOUT,
            response_timeout: UpstreamSettings::DEFAULT_RESPONSE_TIMEOUT,
            pool_idle_timeout: Duration::from_secs(600),
        },
        tunnels: TunnelSettings::default(),
        trusted_proxies: Vec::new(),
        cache_max_bytes: 1024 * 1024,
        metrics,
        access_log: None,
        clock,
    }
}

pub(in crate::proxy) fn route(path: &str, access: Access) -> RouteConfig {
    RouteConfig {
        name: None,
        path: path.to_owned(),
        methods: Vec::new(),
        access,
        require: Vec::new(),
    }
}

pub(in crate::proxy) const PUBLIC: Access = Access::Public {
    pass_credentials: false,
};

/// A raw client connection.
pub(in crate::proxy) struct Client {
    pub(in crate::proxy) stream: TcpStream,
    buffer: Vec<u8>,
}

/// One answer as it came.
#[derive(Debug)]
pub(in crate::proxy) struct Answer {
    pub(in crate::proxy) status: u16,
    pub(in crate::proxy) head: String,
    pub(in crate::proxy) body: Vec<u8>,
    /// Whether the body ended as its framing said.
    pub(in crate::proxy) complete: bool,
}

impl Answer {
    pub(in crate::proxy) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    pub(in crate::proxy) fn reason(&self) -> String {
        let problem: serde_json::Value = serde_json::from_slice(&self.body).unwrap_or_default();
        problem["reason"].as_str().unwrap_or_default().to_owned()
    }

    pub(in crate::proxy) fn is(&self, status: u16, reason: &str) {
        assert_eq!(
            (self.status, self.reason().as_str()),
            (status, reason),
            "{self:?}"
        );
        assert_eq!(
            self.header("content-type"),
            Some("application/problem+json")
        );
    }
}

impl Client {
    pub(in crate::proxy) fn to(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(BOUND)).unwrap();
        stream.set_nodelay(true).unwrap();
        Self {
            stream,
            buffer: Vec::new(),
        }
    }

    pub(in crate::proxy) fn write(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).unwrap();
    }

    pub(in crate::proxy) fn answer(&mut self) -> Answer {
        self.answer_to("GET")
    }

    pub(in crate::proxy) fn answer_to(&mut self, method: &str) -> Answer {
        let Some(end) = fill_until(&mut self.stream, &mut self.buffer, |b| find(b, b"\r\n\r\n"))
        else {
            panic!("no answer, but {:?}", String::from_utf8_lossy(&self.buffer));
        };
        let head = String::from_utf8(self.buffer[..end].to_vec()).unwrap();
        self.buffer.drain(..end + 4);
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let mut answer = Answer {
            status,
            head,
            body: Vec::new(),
            complete: true,
        };
        if method == "HEAD" || status == 304 || status == 204 || status < 200 {
            return answer;
        }
        let chunked = answer.header("transfer-encoding").is_some();
        let length = answer
            .header("content-length")
            .map(|l| l.parse::<usize>().unwrap());
        let end = match (chunked, length) {
            (true, _) => fill_until(&mut self.stream, &mut self.buffer, chunked_end),
            (false, Some(length)) => fill_until(&mut self.stream, &mut self.buffer, |b| {
                (b.len() >= length).then_some(length)
            }),
            (false, None) => {
                fill_until(&mut self.stream, &mut self.buffer, |_| None);
                Some(self.buffer.len())
            }
        };
        answer.complete = end.is_some();
        let raw: Vec<u8> = self
            .buffer
            .drain(..end.unwrap_or(self.buffer.len()))
            .collect();
        answer.body = if chunked && answer.complete {
            unchunk(&raw)
        } else {
            raw
        };
        answer
    }

    /// Everything until the gate closes.
    pub(in crate::proxy) fn rest(&mut self) -> Vec<u8> {
        fill_until(&mut self.stream, &mut self.buffer, |_| None);
        std::mem::take(&mut self.buffer)
    }
}

/// `GET path` with these header lines, each ended by CRLF.
pub(in crate::proxy) fn get(path: &str, lines: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: a\r\n{lines}\r\n")
}

pub(in crate::proxy) fn bearer() -> String {
    format!("Authorization: Bearer {}\r\n", testing::good(""))
}
