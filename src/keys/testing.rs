//! For tests: keys, clocks that stand, observers that remember, and issuers that misbehave.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use super::Keys;
use super::fetch::{FetchLimits, FetchSettings, system_roots};
use super::kid::KidUrl;
use super::plan::Timing;
use super::source::{Origin, SourceConfig};
use super::url::KeyUrl;
use super::{FetchResult, KeyObserver, SnapshotEvent, SourceId};
use crate::clock::{Boot, Clock, Moment, UnixTime};
use crate::jose::algorithm::{Algorithm, AlgorithmSet};
use crate::jose::base64url;
use crate::jose::jwk::KeyPolicy;
use crate::jose::key::VerificationKey;

/// Longest wait of a test for what must happen.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// A key whose fingerprint is `number`, for RS256: enough for whatever does not verify.
pub fn key(kid: Option<&str>, number: u8) -> VerificationKey {
    let mut key = VerificationKey::from_secret(&[number; 32], AlgorithmSet::symmetric()).unwrap();
    key.kid = kid.map(Into::into);
    key.fingerprint = [number; 32];
    key.algorithms = AlgorithmSet::of(&[Algorithm::Rs256]);
    key
}

/// A new ES256 key as a JWK.
pub fn jwk(kid: &str) -> String {
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    let point = pair.public_key().as_ref();
    let (x, y) = point[1..].split_at(32);
    format!(
        r#"{{"kty":"EC","crv":"P-256","use":"sig","alg":"ES256","kid":"{kid}","x":"{}","y":"{}"}}"#,
        base64url::encode(x),
        base64url::encode(y)
    )
}

/// A new P-256 public key in PEM.
pub fn public_key_pem() -> String {
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    let der: PublicKeyX509Der<'_> = pair.public_key().as_der().unwrap();
    let body = STANDARD.encode(der.as_ref());
    format!("-----BEGIN PUBLIC KEY-----\n{body}\n-----END PUBLIC KEY-----\n")
}

/// A key set document of these JWKs.
pub fn document(keys: &[&str]) -> String {
    format!(r#"{{"keys":[{}]}}"#, keys.join(","))
}

pub fn discovery(issuer: &str, jwks_uri: &str) -> String {
    format!(r#"{{"issuer":"{issuer}","jwks_uri":"{jwks_uri}","extra":[1,2]}}"#)
}

pub fn timing() -> Timing {
    Timing {
        refresh_interval: Timing::DEFAULT_REFRESH_INTERVAL,
        refetch_interval: Timing::DEFAULT_REFETCH_INTERVAL,
        max_stale: Timing::DEFAULT_MAX_STALE,
        retention: Duration::ZERO,
    }
}

/// Short enough for tests of what never ends.
pub fn short_limits() -> FetchLimits {
    FetchLimits {
        connect: Duration::from_millis(250),
        total: Duration::from_millis(500),
        ..FetchLimits::default()
    }
}

pub fn settings() -> FetchSettings {
    FetchSettings {
        tls: system_roots(),
        proxy: None,
        allow_http: false,
        same_origin: false,
        token_file: None,
    }
}

pub fn config(issuer: &str, origin: Origin) -> SourceConfig {
    SourceConfig {
        issuer: issuer.into(),
        origin,
        timing: timing(),
        policy: KeyPolicy::default(),
        required_for_ready: true,
        snapshot_dir: None,
    }
}

pub fn jwks_origin(url: &str) -> Origin {
    Origin::JwksUrl {
        url: KeyUrl::parse(url, false).unwrap(),
        fetch: settings(),
    }
}

pub fn certificates_origin(url: &str) -> Origin {
    Origin::CertificatesUrl {
        url: KeyUrl::parse(url, false).unwrap(),
        fetch: settings(),
    }
}

pub fn pem_origin(url: &str) -> Origin {
    Origin::KeyPerKid {
        url: KidUrl::parse(url, false).unwrap(),
        fetch: settings(),
    }
}

pub fn kids(keys: &Keys, source: usize) -> Vec<String> {
    let status = &keys.status()[source];
    let kids = status.keys.iter().map(|key| key.kid.as_deref());
    kids.map(|kid| kid.unwrap_or_default().to_owned()).collect()
}

/// A file of its own for each test, gone at its end.
pub struct TestFile(pub PathBuf);

impl TestFile {
    pub fn new(name: &str) -> Self {
        Self(std::env::temp_dir().join(format!("claimgate-keys-{}-{name}", std::process::id())))
    }
    pub fn write(&self, text: &str) {
        std::fs::write(&self.0, text).unwrap();
    }
}

impl Drop for TestFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// A clock that moves when it is told to.
#[derive(Default)]
pub struct StandingClock(AtomicU64);

impl StandingClock {
    pub fn advance(&self, seconds: u64) {
        self.0.fetch_add(seconds, Ordering::SeqCst);
    }
}

impl Clock for StandingClock {
    fn now(&self) -> Moment {
        let seconds = self.0.load(Ordering::SeqCst);
        Moment {
            wall: UnixTime(1_700_000_000),
            monotonic: Duration::from_secs(seconds),
        }
    }
}

/// The clocks of a machine, each of which a test moves by itself.
pub struct MachineClock {
    wall: AtomicI64,
    monotonic: AtomicU64,
    uptime: AtomicU64,
}

impl MachineClock {
    pub const START: i64 = 1_700_000_000;

    /// `uptime` seconds after the machine was started: all clocks go on from there.
    pub fn after(uptime: u64) -> Arc<Self> {
        Arc::new(Self {
            wall: AtomicI64::new(Self::START + uptime as i64),
            // Another start in each process.
            monotonic: AtomicU64::new(3_000_000 + fastrand::u64(..1000)),
            uptime: AtomicU64::new(uptime),
        })
    }

    /// Time passes.
    pub fn advance(&self, seconds: u64) {
        self.wall.fetch_add(seconds as i64, Ordering::SeqCst);
        self.monotonic.fetch_add(seconds, Ordering::SeqCst);
        self.uptime.fetch_add(seconds, Ordering::SeqCst);
    }

    /// Somebody sets the clock.
    pub fn set_wall(&self, to: i64) {
        self.wall.store(to, Ordering::SeqCst);
    }

    /// Another machine, or another start of this one.
    pub fn lose_uptime(&self) {
        self.uptime.store(0, Ordering::SeqCst);
    }
}

impl Clock for MachineClock {
    fn now(&self) -> Moment {
        Moment {
            wall: UnixTime(self.wall.load(Ordering::SeqCst)),
            monotonic: Duration::from_secs(self.monotonic.load(Ordering::SeqCst)),
        }
    }
    fn boot(&self) -> Option<Boot> {
        let uptime = self.uptime.load(Ordering::SeqCst);
        (uptime > 0).then(|| Boot {
            id: "this".into(),
            uptime: Duration::from_secs(uptime),
        })
    }
}

/// Remembers what it was told.
#[derive(Default)]
pub struct Recorder {
    fetched: Mutex<Vec<(String, FetchResult, usize)>>,
    snapshots: Mutex<Vec<SnapshotEvent>>,
    pub suppressed: AtomicUsize,
    changed: Notify,
}

impl Recorder {
    pub fn fetched(&self) -> Vec<(String, FetchResult, usize)> {
        self.fetched.lock().unwrap().clone()
    }
    pub fn last(&self) -> Option<(FetchResult, usize)> {
        self.fetched()
            .last()
            .map(|(_, result, keys)| (*result, *keys))
    }
    pub fn snapshots(&self) -> Vec<SnapshotEvent> {
        self.snapshots.lock().unwrap().clone()
    }
    /// Waits until what was told satisfies `enough`.
    pub async fn until(&self, enough: impl Fn(&[(String, FetchResult, usize)]) -> bool) {
        self.until_so(|| enough(&self.fetched())).await;
    }
    /// Waits until what was told of snapshots satisfies `enough`.
    pub async fn until_snapshots(&self, enough: impl Fn(&[SnapshotEvent]) -> bool) {
        self.until_so(|| enough(&self.snapshots())).await;
    }
    async fn until_so(&self, enough: impl Fn() -> bool) {
        let waiting = async {
            loop {
                let changed = self.changed.notified();
                if enough() {
                    return;
                }
                changed.await;
            }
        };
        if tokio::time::timeout(PATIENCE, waiting).await.is_err() {
            panic!("in vain: {:?} {:?}", self.fetched(), self.snapshots());
        }
    }
}

impl KeyObserver for Recorder {
    fn fetched(&self, issuer: &str, _: SourceId, result: FetchResult, keys: usize) {
        let told = (issuer.to_owned(), result, keys);
        self.fetched.lock().unwrap().push(told);
        self.changed.notify_waiters();
        self.changed.notify_one();
    }
    fn suppressed(&self, _: &str) {
        self.suppressed.fetch_add(1, Ordering::SeqCst);
    }
    fn snapshot(&self, _: &str, _: SourceId, event: SnapshotEvent) {
        self.snapshots.lock().unwrap().push(event);
        self.changed.notify_waiters();
        self.changed.notify_one();
    }
}

/// What an issuer does with a request.
#[derive(Clone)]
pub enum Answer {
    /// Status 200 with this body and its length.
    Json(String),
    /// These bytes, then the end of the connection.
    Raw(String),
    /// Takes the request and says nothing.
    Stall,
    /// Announces the body and sends a byte of it every 20 ms.
    Trickle(String),
    /// Chunks without end.
    Endless,
    /// [`Answer::Json`], 5 ms later.
    Slow(String),
    /// [`Answer::Json`], but not before it is told to.
    After(Arc<Notify>, String),
}

/// A directory of a test's own, gone at its end.
pub struct TestDirectory(pub PathBuf);

impl TestDirectory {
    pub fn new(name: &str) -> Self {
        let own = format!("claimgate-{name}-{}", std::process::id());
        let path = std::env::temp_dir().join(own);
        // Left over from a run that was ended.
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir(&path).unwrap();
        Self(path)
    }

    /// The names in it, sorted.
    pub fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(&self.0).unwrap();
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort_unstable();
        names
    }
}

impl Drop for TestDirectory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// An issuer on a socket of loopback. It ends when it is dropped.
pub struct Issuer {
    pub address: SocketAddr,
    shared: Arc<Shared>,
    _task: JoinSet<()>,
}

#[derive(Default)]
struct Shared {
    answers: Mutex<HashMap<String, Answer>>,
    heads: Mutex<Vec<String>>,
    connections: AtomicUsize,
    /// Slow answers that are being thought about, and the most of them at a time.
    thinking: AtomicUsize,
    most_thinking: AtomicUsize,
}

impl Issuer {
    /// Answers every path with 404 until it is told otherwise.
    pub async fn start() -> Self {
        Self::on(TcpListener::bind("127.0.0.1:0").await.unwrap(), None)
    }

    pub fn on(listener: TcpListener, tls: Option<TlsAcceptor>) -> Self {
        let shared = Arc::new(Shared::default());
        let address = listener.local_addr().unwrap();
        let mut task = JoinSet::new();
        let serving = Arc::clone(&shared);
        task.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((socket, _)) = listener.accept().await {
                serving.connections.fetch_add(1, Ordering::SeqCst);
                let (shared, tls) = (Arc::clone(&serving), tls.clone());
                connections.spawn(async move {
                    // The client may go away at any time.
                    let _ = match tls {
                        None => serve(socket, &shared).await,
                        Some(tls) => match tls.accept(socket).await {
                            Ok(socket) => serve(socket, &shared).await,
                            Err(error) => Err(error),
                        },
                    };
                });
            }
        });
        Self {
            address,
            shared,
            _task: task,
        }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
    pub fn answer(&self, path: &str, answer: Answer) {
        self.shared
            .answers
            .lock()
            .unwrap()
            .insert(path.to_owned(), answer);
    }
    pub fn json(&self, path: &str, body: &str) {
        self.answer(path, Answer::Json(body.to_owned()));
    }
    /// The heads of all requests so far.
    pub fn heads(&self) -> Vec<String> {
        self.shared.heads.lock().unwrap().clone()
    }
    pub fn requests(&self) -> usize {
        self.heads().len()
    }
    /// The most slow answers at a time.
    pub fn most_at_once(&self) -> usize {
        self.shared.most_thinking.load(Ordering::SeqCst)
    }
    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }
}

async fn serve(mut socket: impl AsyncRead + AsyncWrite + Unpin, shared: &Shared) -> io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(socket.read_u8().await?);
    }
    let head = String::from_utf8(head).unwrap();
    let target = head.split(' ').nth(1).unwrap_or_default();
    // Of an absolute URL the path, as a proxy's target has it.
    let path = target.split_once("://").map_or(target, |(_, rest)| {
        rest.find('/').map_or("/", |slash| &rest[slash..])
    });
    let path = path.split('?').next().unwrap_or_default().to_owned();
    shared.heads.lock().unwrap().push(head);
    let answer = shared.answers.lock().unwrap().get(&path).cloned();
    let ok = |body: &str| {
        format!(
            "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
    };
    match answer {
        None => {
            let gone = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";
            socket.write_all(gone).await?;
        }
        Some(Answer::Json(body)) => socket.write_all(ok(&body).as_bytes()).await?,
        Some(Answer::Raw(bytes)) => socket.write_all(bytes.as_bytes()).await?,
        Some(Answer::Stall) => std::future::pending().await,
        Some(Answer::Trickle(body)) => {
            for byte in ok(&body).bytes() {
                socket.write_all(&[byte]).await?;
                socket.flush().await?;
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
        Some(Answer::Endless) => {
            let head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
            socket.write_all(head).await?;
            loop {
                let chunk = format!("1000\r\n{}\r\n", " ".repeat(0x1000));
                socket.write_all(chunk.as_bytes()).await?;
            }
        }
        Some(Answer::Slow(body)) => {
            let thinking = shared.thinking.fetch_add(1, Ordering::SeqCst) + 1;
            shared.most_thinking.fetch_max(thinking, Ordering::SeqCst);
            tokio::time::sleep(Duration::from_millis(5)).await;
            shared.thinking.fetch_sub(1, Ordering::SeqCst);
            socket.write_all(ok(&body).as_bytes()).await?;
        }
        Some(Answer::After(told, body)) => {
            told.notified().await;
            socket.write_all(ok(&body).as_bytes()).await?;
        }
    }
    socket.shutdown().await
}
