//! One HTTP/2 connection to the application (RFC 9113), which many requests share. It says by itself when it is of no more use: the application
//! has announced its end, has not answered a ping, or nobody has needed it for a while.

use std::cell::Cell;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use bytes::Bytes;
use h2::client::{Builder, SendRequest};
use h2::{Ping, PingPong, Pong};
use tokio::sync::Notify;
use tokio::task::AbortHandle;
use tokio::time::Instant;

use super::connect::Wire;
use super::pool::MAX_RESPONSE_HEAD;
use super::watched::{Received, Watched};
use crate::proxy::timer::Timer;

/// Most requests at once on one connection, if the application allows as many: the least that RFC 9113 §6.5.2 recommends to allow.
pub(super) const MAX_STREAMS: usize = 100;
/// What one answer may send ahead of its client: the memory of one stream. 128 MB/s at a millisecond to the application.
const STREAM_WINDOW: u32 = 128 * 1024;
/// Room for every stream's window, so that answers which nobody takes never hold up another one.
const CONNECTION_WINDOW: u32 = STREAM_WINDOW * MAX_STREAMS as u32;
/// Streams that their clients have left and of which something may still come: for a second (h2's own) it is dropped in silence. Each frame of one that
/// is forgotten counts as a fault of the application's, and 1,024 of those end the connection, with everybody's requests on it. h2 itself remembers 50,
/// half of the streams that may be open; this is 40 times all of them, some hundred bytes each.
const MAX_REMEMBERED_RESETS: usize = 4096;
/// Of a request body, what waits in one stream for the application to take it.
const MAX_SEND_BUFFER: usize = 128 * 1024;
/// After so long no new request is sent on a connection: a changed address, or one more instance, is found.
pub(super) const MAX_AGE: Duration = Duration::from_secs(300);
/// How long a connection is kept without requests. Its end is announced or noticed before a request is lost, so it may be longer than that of
/// HTTP/1.1; shorter than the 60 s and 75 s of common servers, so that the gate is the one that closes.
pub(super) const IDLE_TIMEOUT: Duration = Duration::from_secs(30);
/// A connection that says nothing for so long, while requests wait on it, is asked whether it lives.
const PING_AFTER: Duration = Duration::from_secs(10);
/// Between two pings without an answer's byte in between. gRPC servers close connections that ping more often than every 5 minutes
/// (`too_many_pings`, gRFC A8).
const PING_SPACING: Duration = Duration::from_secs(310);
/// A machine that does not answer a ping for so long may be gone: it gets no new request. Those that it has wait on, at least for `response_timeout`,
/// because an application of one thread answers no ping while it works on one of them.
const PONG_TIMEOUT: Duration = Duration::from_secs(5);

/// Requests share it through [`Lease`]s. Dropping the last reference closes it.
pub(super) struct Multiplexed {
    sender: SendRequest<Bytes>,
    state: Rc<State>,
    born: Instant,
    idle_timeout: Duration,
    driver: AbortHandle,
}

/// What requests, and the task that moves the bytes, tell each other.
struct State {
    active: Cell<usize>,
    /// A request was sent on it.
    used: Cell<bool>,
    /// When `active` last became 0, or last ceased to be.
    since: Cell<Instant>,
    /// A piece of an answer has come since the last ping.
    delivered: Cell<bool>,
    /// When the task wakes up by itself, and how to wake it before.
    armed: Cell<Instant>,
    waker: Cell<Option<Waker>>,
    /// The application's SETTINGS have come, or the task has ended.
    greeted: Notify,
    /// The task has ended.
    ended: Cell<bool>,
    /// A ping is not answered.
    silent: Cell<bool>,
}

impl Multiplexed {
    /// HTTP/2 on a wire on which nothing has been said. Waits for the application's SETTINGS: requests sent before would be as many as we like,
    /// and refused if it allows fewer. `response_timeout`: how long they wait for an application that answers no ping.
    pub(super) async fn open(
        wire: Wire,
        idle_timeout: Duration,
        response_timeout: Duration,
    ) -> Result<Rc<Self>, String> {
        let (io, received) = Watched::new(wire);
        let (sender, mut connection) = Builder::new()
            .enable_push(false)
            .initial_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_send_buffer_size(MAX_SEND_BUFFER)
            .max_concurrent_reset_streams(MAX_REMEMBERED_RESETS)
            .max_header_list_size(MAX_RESPONSE_HEAD as u32)
            // None until the application says how many it allows.
            .initial_max_send_streams(0)
            .handshake(io)
            .await
            .map_err(|error| format!("the application closed a new connection: {error}"))?;
        let now = Instant::now();
        let state = Rc::new(State {
            active: Cell::new(0),
            used: Cell::new(false),
            since: Cell::new(now),
            delivered: Cell::new(true),
            armed: Cell::new(now),
            waker: Cell::new(None),
            greeted: Notify::new(),
            ended: Cell::new(false),
            silent: Cell::new(false),
        });
        let mut pulse = Pulse {
            received,
            pings: connection.ping_pong(),
            asked: None,
            heard: now,
            last_ping: None,
            timer: Timer::default(),
            idle_timeout,
            give_up: response_timeout.max(PONG_TIMEOUT),
        };
        let (told, greeted) = (Rc::clone(&state), sender.clone());
        let driver = tokio::task::spawn_local(async move {
            let mut connection = pin!(connection);
            poll_fn(|cx| match connection.as_mut().poll(cx) {
                // What failed is seen by whoever waits for an answer.
                Poll::Ready(_) => Poll::Ready(()),
                Poll::Pending => {
                    if greeted.current_max_send_streams() > 0 {
                        told.greeted.notify_one();
                    }
                    pulse.poll(cx, &told)
                }
            })
            .await;
            told.ended.set(true);
            told.greeted.notify_one();
        });
        let opened = Rc::new(Self {
            sender,
            state,
            born: now,
            idle_timeout,
            driver: driver.abort_handle(),
        });
        opened.state.greeted.notified().await;
        if opened.state.ended.get() {
            return Err(
                "the application ended a new connection without a word of HTTP/2".to_owned(),
            );
        }
        Ok(opened)
    }

    /// Whether a new request may be sent on it, as far as it is known.
    pub(super) fn is_usable(&self) -> bool {
        let state = &self.state;
        !state.ended.get()
            && !state.silent.get()
            && self.born.elapsed() < MAX_AGE
            && (state.active.get() > 0 || Instant::now() < state.idle_until(self.idle_timeout))
            // After a GOAWAY, and after the end, this is an error.
            && matches!(
                self.sender.clone().poll_ready(&mut Context::from_waker(Waker::noop())),
                Poll::Ready(Ok(()))
            )
    }

    /// Whether the application takes one more request at once.
    pub(super) fn has_room(&self) -> bool {
        let limit = self.sender.current_max_send_streams().min(MAX_STREAMS);
        self.active() < limit.max(1)
    }

    pub(super) fn active(&self) -> usize {
        self.state.active.get()
    }
}

impl State {
    /// Whoever opened it may need a moment to come for it.
    fn idle_until(&self, idle_timeout: Duration) -> Instant {
        let timeout = match self.used.get() {
            true => idle_timeout,
            false => IDLE_TIMEOUT,
        };
        self.since.get() + timeout
    }
}

impl Drop for Multiplexed {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

/// One request's part of a connection.
pub(in crate::proxy) struct Lease(Rc<Multiplexed>);

impl Lease {
    pub(super) fn of(connection: &Rc<Multiplexed>) -> Self {
        let state = &connection.state;
        state.used.set(true);
        if state.active.replace(state.active.get() + 1) == 0 {
            state.since.set(Instant::now());
        }
        Self(Rc::clone(connection))
    }

    pub(super) fn sender(&self) -> SendRequest<Bytes> {
        self.0.sender.clone()
    }

    /// A piece of an answer has come.
    pub(super) fn delivered(&self) {
        self.0.state.delivered.set(true);
    }

    /// The connection was given up because nobody answers at its other end.
    pub(super) fn is_silent(&self) -> bool {
        self.0.state.silent.get()
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let state = &self.0.state;
        let left = state.active.get().saturating_sub(1);
        state.active.set(left);
        if left > 0 {
            return;
        }
        let now = Instant::now();
        state.since.set(now);
        if now + self.0.idle_timeout < state.armed.get()
            && let Some(waker) = state.waker.take()
        {
            waker.wake();
        }
    }
}

/// A ping under way.
type Asked = Pin<Box<dyn Future<Output = (PingPong, Result<Pong, h2::Error>)>>>;

/// Ends the connection when it is idle for too long, or dead.
struct Pulse {
    received: Received,
    /// None while a ping is under way.
    pings: Option<PingPong>,
    asked: Option<(Instant, Asked)>,
    /// When something came last.
    heard: Instant,
    last_ping: Option<Instant>,
    timer: Timer,
    idle_timeout: Duration,
    /// From an unanswered ping to the end.
    give_up: Duration,
}

impl Pulse {
    /// Ready: the connection is of no more use.
    fn poll(&mut self, cx: &mut Context<'_>, state: &State) -> Poll<()> {
        if self.received.take() {
            self.heard = Instant::now();
        }
        state.waker.set(Some(cx.waker().clone()));
        loop {
            if let Some((_, asked)) = &mut self.asked
                && let Poll::Ready((pings, pong)) = asked.as_mut().poll(cx)
            {
                self.asked = None;
                self.pings = Some(pings);
                state.silent.set(false);
                if pong.is_err() {
                    return Poll::Ready(());
                }
            }
            let deadline = self.deadline(state);
            state.armed.set(deadline);
            ready!(self.timer.poll(cx, deadline));
            if self.asked.is_some() {
                if state.silent.replace(true) {
                    return Poll::Ready(());
                }
                continue;
            }
            let Some(mut pings) = self.pings.take().filter(|_| state.active.get() > 0) else {
                return Poll::Ready(());
            };
            let now = Instant::now();
            self.last_ping = Some(now);
            state.delivered.set(false);
            let asked = async move {
                let pong = pings.ping(Ping::opaque()).await;
                (pings, pong)
            };
            self.asked = Some((now, Box::pin(asked)));
        }
    }

    /// When something must be done if nothing happens until then.
    fn deadline(&self, state: &State) -> Instant {
        if let Some((asked, _)) = &self.asked {
            return match state.silent.get() {
                false => *asked + PONG_TIMEOUT,
                true => *asked + self.give_up,
            };
        }
        let since = state.since.get();
        if state.active.get() == 0 {
            return state.idle_until(self.idle_timeout);
        }
        let quiet = self.heard.max(since) + PING_AFTER;
        match self.last_ping {
            Some(last) if !state.delivered.get() => quiet.max(last + PING_SPACING),
            _ => quiet,
        }
    }
}

#[cfg(test)]
mod tests {
    use http::Request;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::UnixStream;
    use tokio::task::LocalSet;

    use super::*;

    const RESPONSE_TIMEOUT: Duration = Duration::from_secs(30);

    /// A connection, and the application's end of it.
    async fn pair() -> (Rc<Multiplexed>, UnixStream) {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        // Empty SETTINGS.
        theirs
            .write_all(&[0, 0, 0, 4, 0, 0, 0, 0, 0])
            .await
            .unwrap();
        let opened = Multiplexed::open(Wire::Unix(ours), IDLE_TIMEOUT, RESPONSE_TIMEOUT).await;
        let Ok(connection) = opened else {
            panic!("it did not open")
        };
        (connection, theirs)
    }

    fn get() -> Request<()> {
        let request = Request::get("http://app/");
        request.body(()).unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn a_machine_that_does_not_answer_a_ping_is_given_up() {
        LocalSet::new()
            .run_until(async {
                let (connection, _silent) = pair().await;
                let lease = Lease::of(&connection);
                let start = Instant::now();
                let (answer, _) = lease.sender().send_request(get(), true).unwrap();
                assert!(answer.await.unwrap_err().is_io());
                assert!(lease.is_silent() && !connection.is_usable());
                let took = start.elapsed();
                assert!(took >= PING_AFTER + RESPONSE_TIMEOUT, "{took:?}");
                assert!(took < PING_AFTER + RESPONSE_TIMEOUT * 2, "{took:?}");
            })
            .await;
    }

    #[tokio::test(start_paused = true)]
    async fn an_application_that_is_busy_for_a_while_keeps_its_requests_and_gets_no_new_one() {
        LocalSet::new()
            .run_until(async {
                let (connection, mut busy) = pair().await;
                let lease = Lease::of(&connection);
                let (answer, _) = lease.sender().send_request(get(), true).unwrap();
                let working = async {
                    tokio::time::sleep(PING_AFTER + PONG_TIMEOUT + Duration::from_secs(5)).await;
                    assert!(!connection.is_usable());
                    let settings = [0, 0, 0, 4, 0, 0, 0, 0, 0];
                    let answer_200 = [0, 0, 1, 1, 5, 0, 0, 0, 1, 0x88];
                    busy.write_all(&[&settings[..], &answer_200].concat())
                        .await
                        .unwrap();
                };
                let (answered, ()) = tokio::join!(answer, working);
                assert_eq!(answered.unwrap().status(), 200);
            })
            .await;
    }

    /// Answers settings and pings, and nothing else; the pings are counted.
    async fn answers_pings(mut stream: UnixStream, pings: Rc<Cell<usize>>) {
        stream.read_exact(&mut [0; 24]).await.unwrap();
        stream
            .write_all(&[0, 0, 0, 4, 0, 0, 0, 0, 0])
            .await
            .unwrap();
        let mut head = [0; 9];
        while stream.read_exact(&mut head).await.is_ok() {
            let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
            let mut payload = vec![0; length as usize];
            stream.read_exact(&mut payload).await.unwrap();
            match (head[3], head[4]) {
                (4, 0) => head = [0, 0, 0, 4, 1, 0, 0, 0, 0],
                (6, 0) => {
                    pings.set(pings.get() + 1);
                    head[4] = 1;
                }
                _ => continue,
            }
            let payload = if head[3] == 6 { &payload[..] } else { &[] };
            stream.write_all(&[&head, payload].concat()).await.unwrap();
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_application_is_pinged_no_more_often_than_grpc_servers_bear() {
        LocalSet::new()
            .run_until(async {
                let (connection, theirs) = pair().await;
                let pings = Rc::new(Cell::new(0));
                tokio::task::spawn_local(answers_pings(theirs, Rc::clone(&pings)));
                let lease = Lease::of(&connection);
                let (_answer, _) = lease.sender().send_request(get(), true).unwrap();
                let minutes = |count: u64| tokio::time::sleep(Duration::from_secs(count * 60));
                minutes(1).await;
                assert_eq!(pings.get(), 1);
                minutes(59).await;
                // An hour has 12 times 5 minutes.
                assert!((8..=12).contains(&pings.get()), "{} pings", pings.get());
                assert!(!lease.is_silent());
            })
            .await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_closes_when_nobody_needs_it() {
        LocalSet::new()
            .run_until(async {
                let (connection, mut theirs) = pair().await;
                let lease = Lease::of(&connection);
                let (answer, _) = lease.sender().send_request(get(), true).unwrap();
                drop((answer, lease));
                let start = Instant::now();
                theirs.read_to_end(&mut Vec::new()).await.unwrap();
                let took = start.elapsed();
                assert!(took >= IDLE_TIMEOUT && took < IDLE_TIMEOUT * 2, "{took:?}");
                assert!(!connection.is_usable());
            })
            .await;
    }

    #[tokio::test(start_paused = true)]
    async fn an_old_connection_finishes_what_it_has_and_takes_nothing_new() {
        LocalSet::new()
            .run_until(async {
                let (connection, theirs) = pair().await;
                let pings = Rc::new(Cell::new(0));
                tokio::task::spawn_local(answers_pings(theirs, pings));
                let lease = Lease::of(&connection);
                let (answer, _) = lease.sender().send_request(get(), true).unwrap();
                assert!(connection.is_usable());
                tokio::time::sleep(MAX_AGE).await;
                assert!(!connection.is_usable());
                let waits = tokio::time::timeout(Duration::from_secs(60), answer).await;
                assert!(waits.is_err(), "its request goes on");
            })
            .await;
    }
}
