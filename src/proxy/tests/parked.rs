//! Connections that were parked between two requests. The clock stands still and jumps to the next timer: no test waits.

use std::cell::Cell;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf};
use tokio::runtime::LocalOptions;
use tokio::sync::{Notify, Semaphore, watch};
use tokio::time::{Instant, Sleep, sleep};

use super::certificates::{Authority, ask, ask_and_keep, files, settings};
use super::testing::{App, Running, bearer, entry, gate, get};
use crate::proxy::client::connection::serve;
use crate::proxy::client::parked::FIRST_BYTES;
use crate::proxy::client::socket::Abrupt;
use crate::proxy::client::timed_io::{
    ConnectionState, HEAD_TIMEOUT, IDLE_TIMEOUT, LAST_REQUEST_WAIT, PARK_AFTER,
};
use crate::proxy::client::transport::{Accepted, Transport};
use crate::proxy::listen::{ConnectionLimit, Entry, Phase, ProxySenders, tls};
use crate::proxy::local::Worker;

/// Refused, and kept.
const NO_TOKEN: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const SECOND: Duration = Duration::from_secs(1);

/// The gate's end of a connection. `room` is how much the last read could have taken, which tells who waits: hyper's buffer is larger.
struct Spied {
    stream: DuplexStream,
    room: Rc<Cell<usize>>,
    /// How long closing takes, as over TLS to a client that takes nothing.
    closing_takes: Rc<Cell<Duration>>,
    closing: Option<Pin<Box<Sleep>>>,
}

impl Abrupt for Spied {
    fn reset_when_dropped(&self) {}
}

impl AsyncRead for Spied {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.room.set(buffer.remaining());
        Pin::new(&mut this.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Spied {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(cx, data)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let closed = this.closing_takes.get();
        let closing = this.closing.get_or_insert_with(|| Box::pin(sleep(closed)));
        ready!(closing.as_mut().poll(cx));
        Pin::new(&mut this.stream).poll_shutdown(cx)
    }
}

struct Client {
    stream: DuplexStream,
    room: Rc<Cell<usize>>,
    closing_takes: Rc<Cell<Duration>>,
    phase: watch::Sender<Phase>,
    began: Instant,
}

impl Client {
    async fn write(&mut self, bytes: &str) {
        self.stream.write_all(bytes.as_bytes()).await.unwrap();
    }

    /// One answer, read byte by byte.
    async fn answer(&mut self) -> String {
        let mut answer = Vec::new();
        loop {
            match self.stream.read_u8().await {
                Ok(byte) => answer.push(byte),
                Err(error) => panic!(
                    "{error} after {:?}: {}",
                    self.began.elapsed(),
                    String::from_utf8_lossy(&answer)
                ),
            }
            let Some(head) = answer.windows(4).position(|w| w == b"\r\n\r\n") else {
                continue;
            };
            let text = String::from_utf8_lossy(&answer).into_owned();
            let length = text.split_once("ontent-length: ").unwrap().1;
            let length: usize = length.split("\r\n").next().unwrap().parse().unwrap();
            if answer.len() == head + 4 + length {
                return text;
            }
        }
    }

    async fn is_refused(&mut self) {
        let answer = self.answer().await;
        assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
        assert!(!answer.contains("connection: close"), "{answer}");
    }

    /// How long after `since` the gate closes.
    async fn closed(&mut self, since: Instant) -> Duration {
        let mut rest = Vec::new();
        self.stream.read_to_end(&mut rest).await.unwrap();
        assert_eq!(rest, b"");
        since.elapsed()
    }

    fn is_parked(&self) -> bool {
        self.room.get() == FIRST_BYTES
    }

    async fn waits_until_parked(&self) {
        sleep(PARK_AFTER + Duration::from_millis(10)).await;
        assert!(self.is_parked());
    }
}

/// A client of a gate without an application. `buffer`: bytes that are on the way at a time.
fn connected<F: Future<Output = ()>>(
    transport: Transport,
    buffer: usize,
    test: impl FnOnce(Client) -> F,
) {
    let nobody = "127.0.0.1:9".parse().unwrap();
    connected_before(nobody, transport, buffer, test);
}

fn connected_before<F: Future<Output = ()>>(
    app: SocketAddr,
    transport: Transport,
    buffer: usize,
    test: impl FnOnce(Client) -> F,
) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build_local(LocalOptions::default())
        .unwrap();
    runtime.block_on(async {
        let (client, server) = tokio::io::duplex(buffer);
        let worker = Worker::new(
            Arc::new(ArcSwap::from_pointee(gate(app, None))),
            Arc::new(Semaphore::new(1)),
        );
        let (phase, told) = watch::channel(Phase::Running);
        let room = Rc::new(Cell::new(0));
        let closing_takes = Rc::new(Cell::new(Duration::ZERO));
        let spied = Spied {
            stream: server,
            room: Rc::clone(&room),
            closing_takes: Rc::clone(&closing_takes),
            closing: None,
        };
        let address = Some("127.0.0.1".parse().unwrap());
        let accepted = Accepted::new(address, transport, ConnectionState::new(None));
        let serving = tokio::task::spawn_local(serve(spied, accepted, Rc::new(worker), told));
        test(Client {
            stream: client,
            room,
            closing_takes,
            phase,
            began: Instant::now(),
        })
        .await;
        serving.abort();
    });
}

fn about(found: Duration, wanted: Duration) {
    let most = wanted + Duration::from_millis(100);
    assert!(
        (wanted..most).contains(&found),
        "{found:?} is not {wanted:?}"
    );
}

const BOTH: [Transport; 2] = [Transport::Plain, Transport::Tls { h2: false }];

#[test]
fn an_idle_connection_is_parked_and_serves_the_next_request_again_and_again() {
    for transport in BOTH {
        connected(transport, 1 << 16, async |mut client| {
            for wait in [2, 1, 60, 70, 3] {
                client.write(NO_TOKEN).await;
                client.is_refused().await;
                assert!(!client.is_parked());
                client.waits_until_parked().await;
                sleep(SECOND * wait).await;
            }
        });
    }
}

#[test]
fn a_connection_that_is_in_use_is_never_parked() {
    connected(Transport::Plain, 1 << 16, async |mut client| {
        for _ in 0..20 {
            client.write(NO_TOKEN).await;
            client.is_refused().await;
            sleep(PARK_AFTER - Duration::from_millis(20)).await;
            assert!(!client.is_parked());
        }
    });
}

#[test]
fn the_next_request_may_come_byte_by_byte_and_be_longer_than_what_is_read_first() {
    connected(Transport::Plain, 1 << 16, async |mut client| {
        client.write(NO_TOKEN).await;
        client.is_refused().await;
        client.waits_until_parked().await;
        for byte in NO_TOKEN.chars() {
            client.write(&byte.to_string()).await;
            tokio::task::yield_now().await;
        }
        client.is_refused().await;
        client.waits_until_parked().await;
        let long = "a".repeat(2 * FIRST_BYTES);
        client
            .write(&format!(
                "GET / HTTP/1.1\r\nHost: a\r\nX-Long: {long}\r\n\r\n"
            ))
            .await;
        client.is_refused().await;
        client.waits_until_parked().await;
    });
}

#[test]
fn pipelined_requests_and_a_piece_of_the_next_are_all_there_after_a_wait() {
    connected(Transport::Plain, 1 << 16, async |mut client| {
        let (piece, rest) = NO_TOKEN.split_at(9);
        for _ in 0..3 {
            client.write(&[NO_TOKEN, NO_TOKEN, piece].concat()).await;
            client.is_refused().await;
            client.is_refused().await;
            sleep(4 * PARK_AFTER).await;
            client.write(rest).await;
            client.is_refused().await;
            client.waits_until_parked().await;
            client.write(&[NO_TOKEN, NO_TOKEN, NO_TOKEN].concat()).await;
            for _ in 0..3 {
                client.is_refused().await;
            }
            client.waits_until_parked().await;
        }
    });
}

#[test]
fn d01_a_parked_connection_ends_75_s_after_its_last_answer() {
    for transport in BOTH {
        connected(transport, 1 << 16, async |mut client| {
            for _ in 0..2 {
                client.write(NO_TOKEN).await;
                client.is_refused().await;
                let answered = Instant::now();
                client.waits_until_parked().await;
                sleep(IDLE_TIMEOUT - 2 * SECOND).await;
                assert!(answered.elapsed() < IDLE_TIMEOUT);
            }
            client.write(NO_TOKEN).await;
            client.is_refused().await;
            let answered = Instant::now();
            about(client.closed(answered).await, IDLE_TIMEOUT);
        });
    }
}

#[test]
fn d01_a_head_that_begins_on_a_parked_connection_has_10_s() {
    connected(Transport::Plain, 1 << 16, async |mut client| {
        client.write(NO_TOKEN).await;
        client.is_refused().await;
        client.waits_until_parked().await;
        sleep(SECOND * 30).await;
        let begun = Instant::now();
        for _ in 0..9 {
            client.write("G").await;
            sleep(SECOND).await;
        }
        about(client.closed(begun).await, HEAD_TIMEOUT);
    });
}

#[test]
fn d01_a_first_request_that_never_comes_has_10_s_whoever_waits_for_it() {
    for transport in BOTH {
        connected(transport, 1 << 16, async |mut client| {
            let began = client.began;
            about(client.closed(began).await, HEAD_TIMEOUT);
            assert!(client.is_parked());
        });
    }
}

#[test]
fn a_drain_closes_a_parked_connection_and_lets_one_more_request_through() {
    for asks in [false, true] {
        connected(Transport::Plain, 1 << 16, async |mut client| {
            client.write(NO_TOKEN).await;
            client.is_refused().await;
            client.waits_until_parked().await;
            client.phase.send_replace(Phase::Draining);
            let told = Instant::now();
            if asks {
                sleep(LAST_REQUEST_WAIT / 2).await;
                client.write(NO_TOKEN).await;
                let answer = client.answer().await;
                assert!(answer.contains("connection: close"), "{answer}");
                client.stream.shutdown().await.unwrap();
                client.closed(told).await;
            } else {
                about(client.closed(told).await, LAST_REQUEST_WAIT);
            }
        });
    }
}

/// An application, over a real socket, whose body comes when it is told, and then after `wait`. The clock stands still otherwise: it would run
/// ahead of the socket.
async fn slow_application(listener: std::net::TcpListener, told: Rc<Notify>, wait: Duration) {
    listener.set_nonblocking(true).unwrap();
    let listener = tokio::net::TcpListener::from_std(listener).unwrap();
    let (mut stream, _) = listener.accept().await.unwrap();
    let mut request = [0; 4096];
    while stream.read(&mut request).await.is_ok_and(|read| read > 0) {
        let head = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n";
        stream.write_all(head).await.unwrap();
        told.notified().await;
        tokio::time::advance(wait).await;
        stream.write_all(b"hello").await.unwrap();
    }
}

/// Until it is false, the clock does not jump.
fn stopped_clock() -> Rc<Cell<bool>> {
    let stopped = Rc::new(Cell::new(true));
    let stays = Rc::clone(&stopped);
    tokio::task::spawn_local(async move {
        while stays.get() {
            tokio::task::yield_now().await;
        }
    });
    stopped
}

#[test]
fn d01_a_connection_ends_75_s_after_its_last_answer_however_long_that_took() {
    for wait in [1, 12, 80] {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let app = listener.local_addr().unwrap();
        connected_before(app, Transport::Plain, 1 << 16, async |mut client| {
            let (stopped, told) = (stopped_clock(), Rc::new(Notify::new()));
            let app = slow_application(listener, Rc::clone(&told), SECOND * wait);
            tokio::task::spawn_local(app);
            for _ in 0..2 {
                client.write(&get("/", &bearer())).await;
                told.notify_one();
                let answer = client.answer().await;
                assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
            }
            let answered = Instant::now();
            stopped.set(false);
            about(client.closed(answered).await, IDLE_TIMEOUT);
        });
    }
}

#[test]
fn a_connection_whose_answer_had_begun_before_the_drain_closes_soon_after_it() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let app = listener.local_addr().unwrap();
    connected_before(app, Transport::Plain, 1 << 16, async |mut client| {
        let (stopped, told) = (stopped_clock(), Rc::new(Notify::new()));
        let app = slow_application(listener, Rc::clone(&told), SECOND * 12);
        tokio::task::spawn_local(app);
        client.write(&get("/", &bearer())).await;
        assert_eq!(client.stream.read_u8().await.unwrap(), b'H');
        client.phase.send_replace(Phase::Draining);
        told.notify_one();
        let answer = client.answer().await;
        assert!(!answer.contains("onnection: close"), "{answer}");
        let answered = Instant::now();
        stopped.set(false);
        about(client.closed(answered).await, LAST_REQUEST_WAIT);
    });
}

#[test]
fn s01_a_connection_that_closes_slowly_serves_no_other_request() {
    for transport in BOTH {
        connected(transport, 1 << 16, async |mut client| {
            client.closing_takes.set(4 * PARK_AFTER);
            client
                .write("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
                .await;
            assert!(client.answer().await.contains("connection: close"));
            sleep(2 * PARK_AFTER).await;
            let _ = client.stream.write_all(NO_TOKEN.as_bytes()).await;
            let asked = Instant::now();
            client.closed(asked).await;
        });
    }
}

#[test]
fn d01_a_piece_of_a_head_that_came_with_the_request_before_has_10_s() {
    connected(Transport::Plain, 1 << 16, async |mut client| {
        client.write(&format!("{NO_TOKEN}GET / HT")).await;
        client.is_refused().await;
        let answered = Instant::now();
        let found = client.closed(answered).await;
        about(found, PARK_AFTER + HEAD_TIMEOUT);
    });
}

#[test]
fn an_abort_ends_a_parked_connection_at_once() {
    connected(Transport::Plain, 1 << 16, async |mut client| {
        client.write(NO_TOKEN).await;
        client.is_refused().await;
        client.waits_until_parked().await;
        client.phase.send_replace(Phase::Aborting);
        let told = Instant::now();
        about(client.closed(told).await, Duration::ZERO);
    });
}

#[test]
fn a_connection_whose_client_has_not_taken_the_answer_is_not_parked() {
    connected(Transport::Plain, 64, async |mut client| {
        for _ in 0..3 {
            client.write(NO_TOKEN).await;
            sleep(20 * SECOND).await;
            assert!(!client.is_parked());
            client.is_refused().await;
        }
    });
}

#[test]
fn a_client_that_leaves_while_parked_is_let_go() {
    connected(Transport::Plain, 1 << 16, async |mut client| {
        client.write(NO_TOKEN).await;
        client.is_refused().await;
        client.waits_until_parked().await;
        client.stream.shutdown().await.unwrap();
        let left = Instant::now();
        about(client.closed(left).await, Duration::ZERO);
    });
}

/// Over real sockets, where time passes.
#[test]
fn a_parked_connection_behind_a_proxy_header_keeps_its_client_and_reaches_the_application() {
    let app = App::plain();
    let entry = Entry {
        proxy_protocol: ProxySenders {
            networks: vec!["127.0.0.0/8".parse().unwrap()],
            unix: false,
        },
        ..entry(ConnectionLimit::new(10))
    };
    let gate = Running::entered(gate(app.address, None), entry);
    let mut client = gate.connect();
    client.write("PROXY TCP4 203.0.113.9 203.0.113.1 1 2\r\n");
    for count in 1..=2 {
        client.write(get("/", &bearer()));
        assert_eq!(client.answer().status, 200);
        let requests = app.wait_for(count);
        let seen = requests.last().unwrap().one("x-forwarded-for");
        assert_eq!(seen, Some("203.0.113.9"));
        std::thread::sleep(2 * PARK_AFTER);
    }
    client.write("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n");
    client.write(format!("{}\r\nabc", bearer()));
    assert_eq!(client.answer().status, 200);
    assert_eq!(app.wait_for(3).last().unwrap().body, b"abc");
}

#[test]
fn a_parked_tls_connection_goes_on() {
    let app = App::plain();
    let authority = Authority::new("one");
    let files = files(&authority.pair("gate.example"), None);
    let tls = tls::ServerTls::new(&settings(None), &files).unwrap();
    let entry = Entry {
        tls: Some(Arc::new(tls::CurrentTls::new(&tls))),
        ..entry(ConnectionLimit::new(10))
    };
    let gate = Running::entered(gate(app.address, None), entry);
    let mut client = authority.client().connect(gate.address);
    for _ in 0..2 {
        let answer = ask_and_keep(&mut client);
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        std::thread::sleep(2 * PARK_AFTER);
    }
    let last = ask(&mut client);
    assert!(last.starts_with("HTTP/1.1 200"), "{last}");
    assert_eq!(app.requests().len(), 3);
}
