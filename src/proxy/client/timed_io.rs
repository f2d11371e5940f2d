//! The client's socket under our own timers, because hyper's header timer also ends idle keep-alive connections and its first byte has none
//! (threats D1, D2). One timer a connection.

use std::cell::Cell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

use crate::proxy::client::admission::Seat;
use crate::proxy::small_writes::{SMALL, in_one_piece};
use crate::proxy::timer::Timer;

/// From accept, or from the first byte of a later request, to the end of its head. Slow heads hold a connection, never a request.
pub(in crate::proxy) const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// Between two requests: longer than the 60 s of common load balancers, so that it is they who close.
pub(in crate::proxy) const IDLE_TIMEOUT: Duration = Duration::from_secs(75);
/// How long a connection between two requests keeps what HTTP needs of memory (see `parked`). A client that sends its requests one behind the other
/// never waits as long, so that none of them pays for building it anew.
pub(in crate::proxy) const PARK_AFTER: Duration = Duration::from_millis(500);
/// How long a client may leave a response unread.
pub(in crate::proxy) const WRITE_STALL_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a connection between two requests stays open when the drain begins: a request that is under way to us by then is answered, as the last.
/// Longer than a round trip, much shorter than any `shutdown.drain_timeout`.
pub(in crate::proxy) const LAST_REQUEST_WAIT: Duration = Duration::from_millis(500);
/// How long the rest of a refused request is read and thrown away after our answer: closing at once would make the kernel send a reset,
/// which can overtake the answer (RFC 9112 §9.6).
const LINGER_TIMEOUT: Duration = Duration::from_secs(2);
const LINGER_BYTES: usize = 1024 * 1024;

/// Who watches a socket: told what moves on it, and asked which timer runs.
pub(in crate::proxy) trait Watch {
    /// These bytes were read. An error ends the connection.
    fn bytes_came(&self, bytes: &[u8]) -> io::Result<()>;
    /// When a read that has nothing to give must fail. None: it waits.
    fn read_deadline(&self) -> Option<Instant>;
    /// A read failed for that reason.
    fn read_timed_out(&self);
    /// The HTTP library writes: until [`Watch::all_written`] it may have more.
    fn writes(&self) {}
    /// The peer takes no bytes now.
    fn write_waits(&self);
    /// The HTTP library has nothing left to write.
    fn all_written(&self) {}
    /// The connection closes although the client may still be sending.
    fn lingers(&self) -> bool;
}

/// What the service tells the socket about an HTTP/1.1 connection: which timer runs.
#[derive(Debug)]
pub(in crate::proxy) struct ConnectionState {
    accepted: Instant,
    /// When the next head must be complete, or its first byte be there. None while a request is being handled.
    read_deadline: Cell<Option<Instant>>,
    /// Bytes of a head have come, the head is not complete.
    mid_head: Cell<bool>,
    head_timed_out: Cell<bool>,
    response_open: Cell<bool>,
    body_open: Cell<bool>,
    /// When the memory of HTTP is given back. None: there is a request or a part of one, or it was given back.
    parks_at: Cell<Option<Instant>>,
    /// Something was written and not flushed since.
    unflushed: Cell<bool>,
    /// The connection closes although the client may still be sending.
    lingers: Cell<bool>,
    /// An answer broke off whose end only the connection's end tells.
    cut: Cell<bool>,
    /// The next answer is the last.
    draining: Cell<bool>,
    /// Which request of the connection is being handled: a body can outlive its answer.
    request: Cell<u64>,
    /// Not all of an answer of the application's is in the hands of the kernel.
    unwritten: Cell<bool>,
    /// The seat counts a request.
    seat_is_kept: Cell<bool>,
    /// The connection's place under the cap; none in tests of this file.
    seat: Option<Rc<Seat>>,
}

impl ConnectionState {
    /// From now on the client has [`HEAD_TIMEOUT`] for its first head, and for whatever must come before it.
    pub(in crate::proxy) fn new(seat: Option<Rc<Seat>>) -> Rc<Self> {
        let accepted = Instant::now();
        Rc::new(Self {
            accepted,
            read_deadline: Cell::new(Some(accepted + HEAD_TIMEOUT)),
            unwritten: Cell::new(false),
            seat_is_kept: Cell::new(false),
            seat,
            mid_head: Cell::new(false),
            head_timed_out: Cell::new(false),
            response_open: Cell::new(false),
            body_open: Cell::new(false),
            parks_at: Cell::new(None),
            unflushed: Cell::new(false),
            lingers: Cell::new(false),
            cut: Cell::new(false),
            draining: Cell::new(false),
            request: Cell::new(0),
        })
    }

    pub(in crate::proxy) fn accepted(&self) -> Instant {
        self.accepted
    }

    /// A head is complete. Returns the request's number on this connection.
    pub(in crate::proxy) fn request_started(&self, has_body: bool) -> u64 {
        if let Some(seat) = &self.seat
            && !self.seat_is_kept.replace(true)
        {
            seat.request_began();
        }
        self.request.set(self.request.get().wrapping_add(1));
        self.read_deadline.set(None);
        self.mid_head.set(false);
        self.parks_at.set(None);
        self.response_open.set(true);
        self.body_open.set(has_body);
        self.request.get()
    }

    /// The application answers: until the kernel has all of it the connection keeps its place.
    pub(in crate::proxy) fn application_answers(&self) {
        self.unwritten.set(true);
    }

    /// The gate answers by itself. Who leaves that unread keeps no place with it: it takes no token to be refused.
    pub(in crate::proxy) fn gate_answers(&self) {
        if !self.unwritten.get() {
            self.leave_seat();
        }
    }

    pub(in crate::proxy) fn response_ended(&self) {
        self.response_open.set(false);
        self.wait_for_next();
    }

    /// `complete`: every byte was read; otherwise the connection cannot be used again.
    pub(in crate::proxy) fn request_body_ended(&self, request: u64, complete: bool) {
        if request != self.request.get() {
            return;
        }
        self.body_open.set(false);
        if !complete {
            self.lingers.set(true);
        }
        self.wait_for_next();
    }

    /// The client was cut off in the middle of a head.
    pub(in crate::proxy) fn head_timed_out(&self) -> bool {
        self.head_timed_out.get()
    }

    fn wait_for_next(&self) {
        if !self.response_open.get() && !self.body_open.get() {
            let now = Instant::now();
            // Only a parked connection is sure to be asked for its deadline: hyper may have tried to read before there was one.
            let (idle, unparked) = match self.draining() {
                true => (LAST_REQUEST_WAIT, Duration::ZERO),
                false => (IDLE_TIMEOUT, PARK_AFTER),
            };
            self.read_deadline.set(Some(now + idle));
            self.parks_at.set(Some(now + unparked));
            self.may_give_way();
        }
    }

    /// Neither a request nor the rest of its answer is on the connection: under pressure it may be closed.
    fn may_give_way(&self) {
        if !self.response_open.get() && !self.body_open.get() && !self.unwritten.get() {
            self.leave_seat();
        }
    }

    fn leave_seat(&self) {
        if let Some(seat) = &self.seat
            && self.seat_is_kept.replace(false)
        {
            seat.request_ended();
        }
    }

    /// The connection's place under the cap.
    pub(in crate::proxy) fn seat(&self) -> Option<&Rc<Seat>> {
        self.seat.as_ref()
    }

    /// From here on the connection is a tunnel, which keeps its place as a request does.
    pub(in crate::proxy) fn becomes_tunnel(&self) {
        if let Some(seat) = &self.seat
            && !self.seat_is_kept.replace(true)
        {
            seat.request_began();
        }
    }

    /// When a connection between two requests, of which nothing is left to write, is parked. None: not as it is.
    pub(in crate::proxy) fn parks_at(&self) -> Option<Instant> {
        let at = self.parks_at.get()?;
        // One that is about to close does that.
        let stays = !self.lingers.get() && !self.cut.get();
        (stays && !self.unflushed.get()).then_some(at)
    }

    /// Until the end of the next request it is not done again.
    pub(in crate::proxy) fn parked(&self) {
        self.parks_at.set(None);
    }

    /// The drain begins. A connection between two requests has [`LAST_REQUEST_WAIT`] for one more, and so has one whose answer has begun: its
    /// client could not be told that it was the last.
    pub(in crate::proxy) fn drain(&self) {
        self.draining.set(true);
        if let Some(deadline) = self.read_deadline.get()
            && !self.mid_head.get()
        {
            let now = Instant::now();
            self.read_deadline
                .set(Some(deadline.min(now + LAST_REQUEST_WAIT)));
            if self.parks_at.get().is_some() {
                self.parks_at.set(Some(now));
            }
        }
    }

    /// Every answer that begins now closes its connection.
    pub(in crate::proxy) fn draining(&self) -> bool {
        self.draining.get()
    }

    /// The gate closes this connection after the answer, whatever the client has still to say.
    /// The answer breaks off, and its client has no other sign of it than how the connection ends.
    pub(in crate::proxy) fn cut_answer(&self) {
        self.cut.set(true);
    }

    pub(in crate::proxy) fn answer_was_cut(&self) -> bool {
        self.cut.get()
    }

    pub(in crate::proxy) fn close_after_answer(&self) {
        self.lingers.set(true);
    }
}

impl Watch for ConnectionState {
    fn bytes_came(&self, _: &[u8]) -> io::Result<()> {
        if let Some(deadline) = self.read_deadline.get()
            && !self.mid_head.replace(true)
        {
            self.parks_at.set(None);
            let complete = Instant::now() + HEAD_TIMEOUT;
            self.read_deadline.set(Some(if self.draining() {
                complete
            } else {
                deadline.min(complete)
            }));
        }
        Ok(())
    }

    fn read_deadline(&self) -> Option<Instant> {
        self.read_deadline.get()
    }

    fn read_timed_out(&self) {
        self.head_timed_out.set(self.mid_head.get());
    }

    fn write_waits(&self) {}

    fn writes(&self) {
        self.unflushed.set(true);
    }

    fn all_written(&self) {
        self.unflushed.set(false);
        if !self.response_open.get() && self.unwritten.replace(false) {
            self.may_give_way();
        }
    }

    fn lingers(&self) -> bool {
        self.lingers.get() || self.mid_head.get()
    }
}

/// The socket, watched by what its protocol knows.
pub(in crate::proxy) struct TimedIo<S, W = ConnectionState> {
    stream: S,
    state: Rc<W>,
    timer: Timer,
    write_deadline: Option<Instant>,
    linger: Option<Linger>,
}

struct Linger {
    until: Instant,
    bytes: usize,
}

impl<S, W: Watch> TimedIo<S, W> {
    pub(in crate::proxy) fn new(stream: S, state: Rc<W>) -> Self {
        Self {
            stream,
            state,
            timer: Timer::default(),
            write_deadline: None,
            linger: None,
        }
    }

    /// The same socket under another watch: what the client speaks is known now.
    pub(in crate::proxy) fn watched_by<V: Watch>(self, state: Rc<V>) -> TimedIo<S, V> {
        TimedIo::new(self.stream, state)
    }

    /// The socket without timers, for what is no HTTP.
    pub(in crate::proxy) fn into_stream(self) -> S {
        self.stream
    }

    /// Watches for a peer that takes nothing.
    fn after_write<T>(
        &mut self,
        cx: &mut Context<'_>,
        result: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if result.is_ready() {
            self.write_deadline = None;
            return result;
        }
        self.state.write_waits();
        let deadline = *self
            .write_deadline
            .get_or_insert_with(|| Instant::now() + WRITE_STALL_TIMEOUT);
        ready!(self.timer.poll(cx, deadline));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncRead + Unpin, W: Watch> AsyncRead for TimedIo<S, W> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        match Pin::new(&mut this.stream).poll_read(cx, buffer) {
            Poll::Ready(result) => {
                if let Some(came) = buffer.filled().get(before..).filter(|b| !b.is_empty()) {
                    this.state.bytes_came(came)?;
                }
                Poll::Ready(result)
            }
            Poll::Pending => {
                let Some(deadline) = this.state.read_deadline() else {
                    return Poll::Pending;
                };
                ready!(this.timer.poll(cx, deadline));
                this.state.read_timed_out();
                Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
            }
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin, W: Watch> AsyncWrite for TimedIo<S, W> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        this.state.writes();
        let result = Pin::new(&mut this.stream).poll_write(cx, data);
        this.after_write(cx, result)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        this.state.writes();
        let stream = Pin::new(&mut this.stream);
        let result = match in_one_piece(data, &mut [0; SMALL]) {
            Some(piece) => stream.poll_write(cx, piece),
            None => stream.poll_write_vectored(cx, data),
        };
        this.after_write(cx, result)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        // TLS keeps what it could not write yet, and writes it here.
        let result = Pin::new(&mut this.stream).poll_flush(cx);
        let result = ready!(this.after_write(cx, result));
        if result.is_ok() {
            this.state.all_written();
        }
        Poll::Ready(result)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        // A connection that closes is not parked, however long that takes.
        this.state.writes();
        if this.linger.is_none() {
            let result = Pin::new(&mut this.stream).poll_shutdown(cx);
            ready!(this.after_write(cx, result))?;
            if !this.state.lingers() {
                return Poll::Ready(Ok(()));
            }
        }
        let mut linger = this.linger.take().unwrap_or_else(|| Linger {
            until: Instant::now() + LINGER_TIMEOUT,
            bytes: LINGER_BYTES,
        });
        let mut scratch = [0_u8; 4096];
        while linger.bytes > 0 {
            let mut buffer = ReadBuf::new(&mut scratch);
            match Pin::new(&mut this.stream).poll_read(cx, &mut buffer) {
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {
                    linger.bytes = linger.bytes.saturating_sub(buffer.filled().len());
                }
                Poll::Ready(_) => linger.bytes = 0,
                Poll::Pending => {
                    if this.timer.poll(cx, linger.until).is_pending() {
                        this.linger = Some(linger);
                        return Poll::Pending;
                    }
                    linger.bytes = 0;
                }
            }
        }
        // Asked again, it is over.
        this.linger = Some(linger);
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    fn run(test: impl Future<Output = ()>) {
        // The clock stands still and jumps to the next timer: no test waits.
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .unwrap()
            .block_on(test);
    }

    async fn fails_after(io: &mut TimedIo<tokio::io::DuplexStream>) -> Duration {
        let start = Instant::now();
        let mut byte = [0; 64];
        loop {
            match io.read(&mut byte).await {
                Ok(_) => {}
                Err(error) => {
                    assert_eq!(error.kind(), io::ErrorKind::TimedOut);
                    return start.elapsed();
                }
            }
        }
    }

    fn about(found: Duration, wanted: Duration) {
        assert!(
            found >= wanted && found < wanted + Duration::from_millis(50),
            "{found:?} is not {wanted:?}"
        );
    }

    #[test]
    fn d01_a_silent_connection_ends_after_the_head_timeout() {
        run(async {
            let (_client, server) = tokio::io::duplex(64);
            let state = ConnectionState::new(None);
            let mut io = TimedIo::new(server, state.clone());
            about(fails_after(&mut io).await, HEAD_TIMEOUT);
            assert!(!state.head_timed_out());
        });
    }

    #[test]
    fn d01_a_slow_head_ends_ten_seconds_after_accept_however_often_bytes_come() {
        run(async {
            let (mut client, server) = tokio::io::duplex(64);
            let state = ConnectionState::new(None);
            let mut io = TimedIo::new(server, state.clone());
            let drip = async {
                loop {
                    tokio::time::sleep(Duration::from_secs(1)).await;
                    if client.write_all(b"G").await.is_err() {
                        std::future::pending::<()>().await;
                    }
                }
            };
            tokio::select! {
                took = fails_after(&mut io) => about(took, HEAD_TIMEOUT),
                () = drip => {}
            }
            assert!(state.head_timed_out());
        });
    }

    #[test]
    fn d01_an_idle_connection_is_kept_for_75_s_and_the_next_head_has_10_s_again() {
        run(async {
            let (mut client, server) = tokio::io::duplex(64);
            let state = ConnectionState::new(None);
            let mut io = TimedIo::new(server, state.clone());
            state.request_started(false);
            state.response_ended();
            about(fails_after(&mut io).await, IDLE_TIMEOUT);

            state.request_started(false);
            state.response_ended();
            client.write_all(b"G").await.unwrap();
            about(fails_after(&mut io).await, HEAD_TIMEOUT);
        });
    }

    #[test]
    fn a_request_in_flight_has_no_read_timer() {
        run(async {
            let (_client, server) = tokio::io::duplex(64);
            let state = ConnectionState::new(None);
            let mut io = TimedIo::new(server, state.clone());
            state.request_started(true);
            state.response_ended();
            let mut byte = [0; 1];
            let waited = tokio::time::timeout(Duration::from_secs(3600), io.read(&mut byte)).await;
            assert!(waited.is_err(), "the body is still open: no timer of ours");
        });
    }

    #[test]
    fn d02_a_client_that_reads_nothing_is_cut_after_the_write_stall() {
        run(async {
            let (_client, server) = tokio::io::duplex(8);
            let state = ConnectionState::new(None);
            state.request_started(false);
            let mut io = TimedIo::new(server, state);
            let start = Instant::now();
            let error = io.write_all(&[0; 64]).await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::TimedOut);
            about(start.elapsed(), WRITE_STALL_TIMEOUT);
        });
    }

    /// As TLS: takes every byte, and cannot get rid of them.
    struct Clogged;

    impl AsyncRead for Clogged {
        fn poll_read(
            self: Pin<&mut Self>,
            _cx: &mut Context<'_>,
            _buffer: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            Poll::Pending
        }
    }

    impl AsyncWrite for Clogged {
        fn poll_write(
            self: Pin<&mut Self>,
            _cx: &mut Context<'_>,
            data: &[u8],
        ) -> Poll<io::Result<usize>> {
            Poll::Ready(Ok(data.len()))
        }
        fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Pending
        }
        fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Pending
        }
    }

    #[test]
    fn d02_what_tls_has_taken_but_the_client_does_not_is_cut_after_the_write_stall() {
        run(async {
            for closes in [false, true] {
                let state = ConnectionState::new(None);
                state.request_started(false);
                let mut io = TimedIo::new(Clogged, state);
                io.write_all(&[0; 64]).await.unwrap();
                let start = Instant::now();
                let ended = match closes {
                    false => io.flush().await,
                    true => io.shutdown().await,
                };
                assert_eq!(ended.unwrap_err().kind(), io::ErrorKind::TimedOut);
                about(start.elapsed(), WRITE_STALL_TIMEOUT);
            }
        });
    }

    #[test]
    fn after_a_refused_body_the_rest_is_read_but_not_for_ever() {
        run(async {
            let (_client, server) = tokio::io::duplex(64);
            let state = ConnectionState::new(None);
            let request = state.request_started(true);
            state.request_body_ended(request, false);
            let mut io = TimedIo::new(server, state);
            let start = Instant::now();
            io.shutdown().await.unwrap();
            about(start.elapsed(), LINGER_TIMEOUT);
        });
    }
}
