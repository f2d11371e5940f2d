//! What an HTTP/2 connection knows of its streams: how many are open, which of them the client leaves unread, and whether it gives up more
//! than it wants (threats D2, D4, D7). hyper and h2 keep the protocol's own limits; here is what takes time to see.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;

use hyper::rt::Executor;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::proxy::client::admission::Seat;
use crate::proxy::client::frames::{Allowance, FrameMeter};
use crate::proxy::client::timed_io::{
    ConnectionState, HEAD_TIMEOUT, IDLE_TIMEOUT, LAST_REQUEST_WAIT, WRITE_STALL_TIMEOUT, Watch,
};
use crate::proxy::timer::Timer;

/// The state of one HTTP/2 connection.
pub(in crate::proxy) struct Streams {
    open: Cell<usize>,
    /// When the last open stream ended; before the first, when the connection was accepted.
    quiet_since: Cell<Instant>,
    /// The connection's place under the cap: kept while a stream is open.
    seat: Option<Rc<Seat>>,
    /// There has been a request.
    served: Cell<bool>,
    draining_since: Cell<Option<Instant>>,
    /// When the socket last took nothing: until then no stream can be blamed for its client's slow line.
    socket_waited: Cell<Option<Instant>>,
    frames: RefCell<FrameMeter>,
    given_up: RefCell<Allowance>,
    flooded: Cell<bool>,
    /// The stream whose future is being polled.
    polled: RefCell<Option<Rc<Stream>>>,
    changed: Notify,
}

impl Streams {
    /// `first`: these bytes, from the preface on, do not come through the socket again.
    pub(in crate::proxy) fn new(before: &ConnectionState, first: &[u8]) -> Rc<Self> {
        let streams = Rc::new(Self {
            open: Cell::new(0),
            quiet_since: Cell::new(before.accepted()),
            seat: before.seat().cloned(),
            served: Cell::new(false),
            draining_since: Cell::new(None),
            socket_waited: Cell::new(None),
            frames: RefCell::new(FrameMeter::new()),
            given_up: RefCell::new(Allowance::of_given_up_requests()),
            flooded: Cell::new(false),
            polled: RefCell::new(None),
            changed: Notify::new(),
        });
        // Its error is seen as `flooded`.
        let _ = streams.bytes_came(first);
        streams
    }

    /// When a connection without an open stream has waited long enough. None while there is one.
    pub(in crate::proxy) fn deadline(&self) -> Option<Instant> {
        if self.open.get() > 0 {
            return None;
        }
        let quiet = self.quiet_since.get();
        Some(match (self.draining_since.get(), self.served.get()) {
            (Some(since), _) => quiet.max(since) + LAST_REQUEST_WAIT,
            (None, false) => quiet + HEAD_TIMEOUT,
            (None, true) => quiet + IDLE_TIMEOUT,
        })
    }

    /// GOAWAY has been said: what is open is finished.
    pub(in crate::proxy) fn drain(&self) {
        if self.draining_since.get().is_none() {
            self.draining_since.set(Some(Instant::now()));
        }
    }

    pub(in crate::proxy) fn draining(&self) -> bool {
        self.draining_since.get().is_some()
    }

    /// The client sends frames, or gives requests up, beyond all use.
    pub(in crate::proxy) fn flooded(&self) -> bool {
        self.flooded.get()
    }

    /// Waits until [`Self::deadline`] or [`Self::flooded`] may have changed.
    pub(in crate::proxy) async fn changed(&self) {
        self.changed.notified().await;
    }

    /// The stream whose future is being polled: for the service, which hyper does not tell.
    pub(in crate::proxy) fn polled(self: &Rc<Self>) -> Rc<Stream> {
        let polled = self.polled.borrow().clone();
        polled.unwrap_or_else(|| Rc::new(Stream::new(self)))
    }

    fn flood(&self) {
        self.flooded.set(true);
        self.changed.notify_one();
    }
}

impl Watch for Streams {
    /// An error, because h2 would first work through whatever has come.
    fn bytes_came(&self, bytes: &[u8]) -> io::Result<()> {
        if self.frames.borrow_mut().read(bytes, Instant::now()) {
            return Ok(());
        }
        self.flood();
        Err(io::ErrorKind::ConnectionAborted.into())
    }

    /// What ends a quiet connection is not the socket: it is told before (GOAWAY).
    fn read_deadline(&self) -> Option<Instant> {
        None
    }

    fn read_timed_out(&self) {}

    fn write_waits(&self) {
        self.socket_waited.set(Some(Instant::now()));
    }

    /// A GOAWAY that tells of an error must not be overtaken by the reset that closing with unread bytes causes.
    fn lingers(&self) -> bool {
        !self.draining()
    }
}

/// One request and its answer.
pub(in crate::proxy) struct Stream {
    of: Rc<Streams>,
    /// Since when a piece of the answer has waited for the client to take it.
    given: Cell<Option<Instant>>,
    answered: Cell<bool>,
    /// The connection keeps its place for it.
    keeps_seat: Cell<bool>,
}

impl Stream {
    /// The last piece of an answer is buffered whatever the client's window is, so it is small: the size of a frame.
    pub(in crate::proxy) const LARGEST_PIECE: usize = 16 * 1024;

    fn new(of: &Rc<Streams>) -> Self {
        Self {
            of: Rc::clone(of),
            given: Cell::new(None),
            answered: Cell::new(false),
            keeps_seat: Cell::new(false),
        }
    }

    pub(in crate::proxy) fn request_started(&self) {
        self.of.served.set(true);
        self.of.frames.borrow_mut().useful();
    }

    /// There is an answer: whoever ends the stream now has not given up a request.
    pub(in crate::proxy) fn answered(&self) {
        self.answered.set(true);
    }

    /// The gate answers by itself. Who leaves that unread keeps no place with it: it takes no token to be refused.
    pub(in crate::proxy) fn gate_answers(&self) {
        self.leave_seat();
    }

    fn take_seat(&self) {
        if let Some(seat) = &self.of.seat
            && !self.keeps_seat.replace(true)
        {
            seat.request_began();
        }
    }

    fn leave_seat(&self) {
        if let Some(seat) = &self.of.seat
            && self.keeps_seat.replace(false)
        {
            seat.request_ended();
        }
    }

    pub(in crate::proxy) fn piece_wanted(&self) {
        self.given.set(None);
    }

    pub(in crate::proxy) fn piece_given(&self) {
        self.given.set(Some(Instant::now()));
        self.of.frames.borrow_mut().useful();
    }

    /// When a client that takes nothing of the answer has had enough time. The socket's own timer runs while it is the socket that waits.
    fn deadline(&self) -> Option<Instant> {
        let since = self.given.get()?;
        let since = self.of.socket_waited.get().map_or(since, |s| s.max(since));
        Some(since + WRITE_STALL_TIMEOUT)
    }
}

/// Counts a stream as open.
struct Open(Rc<Stream>);

impl Open {
    fn new(stream: &Rc<Stream>) -> Self {
        let of = &stream.of;
        of.open.set(of.open.get().saturating_add(1));
        stream.take_seat();
        Self(Rc::clone(stream))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        let of = &self.0.of;
        if self.0.answered.get() {
            of.given_up.borrow_mut().earn(1);
        } else if !of.given_up.borrow_mut().spend(Instant::now()) {
            of.flood();
        }
        let left = of.open.get().saturating_sub(1);
        of.open.set(left);
        self.0.leave_seat();
        if left == 0 {
            of.quiet_since.set(Instant::now());
            of.changed.notify_one();
        }
    }
}

/// Runs the streams of one connection, and ends them with it.
#[derive(Clone)]
pub(in crate::proxy) struct StreamTasks {
    streams: Rc<Streams>,
    tasks: Rc<RefCell<JoinSet<()>>>,
}

impl StreamTasks {
    pub(in crate::proxy) fn new(streams: &Rc<Streams>) -> Self {
        Self {
            streams: Rc::clone(streams),
            tasks: Rc::default(),
        }
    }

    /// Ends what is left; the requests under way to the application end with it.
    pub(in crate::proxy) async fn end(&self) {
        let mut tasks = self.tasks.take();
        tasks.shutdown().await;
    }
}

impl<F: Future + 'static> Executor<F> for StreamTasks {
    fn execute(&self, future: F) {
        let stream = Rc::new(Stream::new(&self.streams));
        let mut tasks = self.tasks.borrow_mut();
        while tasks.try_join_next().is_some() {}
        // Boxed, because pinned in place it would be in the task twice: as what the task was given, and pinned.
        tasks.spawn_local(attend(Box::pin(future), Open::new(&stream), stream));
    }
}

/// Runs one stream until it ends, or its client leaves its answer unread: dropped, it is reset.
async fn attend(future: Pin<Box<impl Future>>, open: Open, stream: Rc<Stream>) {
    // Dropped after the future, which may still answer.
    let _open = open;
    let mut future = future;
    let mut timer = Timer::default();
    poll_fn(|cx| {
        let outer = stream.of.polled.replace(Some(Rc::clone(&stream)));
        let polled = future.as_mut().poll(cx);
        stream.of.polled.replace(outer);
        match stream.deadline() {
            _ if polled.is_ready() => Poll::Ready(()),
            Some(deadline) => timer.poll(cx, deadline),
            None => Poll::Pending,
        }
    })
    .await;
}
