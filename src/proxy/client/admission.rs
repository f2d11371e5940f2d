//! Who may be connected (threat D8). At the cap the connection that has been without a request longest gives way to a new one: silent, in the middle
//! of a head or of a handshake, kept between two requests. One with a request keeps its place; where all have one, accepting waits.
//!
//! The cap is of the process, the lines are each worker's own, so that no request takes a lock. Each worker tells all others how old its oldest is;
//! who needs room asks the worker with the oldest, and waits for the place that comes free.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::task::AbortHandle;
use tokio::time::{Instant, timeout};

use super::open::Counted;
use super::order::{Member, Order};

/// Client connections, all workers together, when the process may open enough files.
const MAX_CONNECTIONS: usize = 10_000;
/// Connections to the application that carry one request at a time, when the process may open enough files: no more than there are local
/// ports to one address (28,000 on Linux), and one for each client that HTTP/1.1 has.
const MAX_TO_APPLICATION: usize = MAX_CONNECTIONS;
/// However few descriptors there are: each worker may keep one idle.
const MIN_TO_APPLICATION: usize = 16;
/// File descriptors that are left for everything that is not a client's connection: key fetches, the admin listener, logs, and the connection that
/// each worker holds while it waits for room.
const RESERVED_DESCRIPTORS: usize = 64;
/// Between two looks for somebody who gives way, while every connection has a request: nobody tells when one ends.
const LOOK_AGAIN: Duration = Duration::from_millis(50);
/// In [`Line::oldest`]: nobody.
const NOBODY: u64 = u64::MAX;

/// The cap on open client connections, shared by the workers.
#[derive(Clone, Debug)]
pub struct ConnectionLimit(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    places: Arc<Semaphore>,
    /// Connections to the application that carry one request at a time. The streams of HTTP/2 clients could want a hundred times more than
    /// there are clients, and every file descriptor.
    to_application: Arc<Semaphore>,
    epoch: Instant,
    /// Locked when a worker begins and when a connection needs room, never by a request.
    lines: Mutex<Vec<Arc<Line>>>,
}

/// What the other workers see of one worker's line.
#[derive(Debug)]
struct Line {
    /// Since when its oldest has been without a request, in milliseconds of the epoch.
    oldest: AtomicU64,
    /// How many places others want of it.
    wanted: AtomicUsize,
    asked: Notify,
}

impl ConnectionLimit {
    #[cfg(test)]
    pub(in crate::proxy) fn new(connections: usize) -> Self {
        Self::with(connections, MAX_TO_APPLICATION)
    }

    /// `to_application`: connections to the application.
    pub(in crate::proxy) fn with(connections: usize, to_application: usize) -> Self {
        let connections = connections.clamp(1, Semaphore::MAX_PERMITS);
        Self(Arc::new(Shared {
            places: Arc::new(Semaphore::new(connections)),
            to_application: Arc::new(Semaphore::new(to_application)),
            epoch: Instant::now(),
            lines: Mutex::default(),
        }))
    }

    /// `wanted`, or [`MAX_CONNECTIONS`]; fewer where the process may not open enough files: each client can need a connection to the application too.
    pub fn of_process(wanted: Option<usize>) -> Self {
        let wanted_or_default = wanted.unwrap_or(MAX_CONNECTIONS);
        let files = std::fs::read_to_string("/proc/self/limits")
            .ok()
            .and_then(|limits| open_files(&limits))
            .map(|files| files.saturating_sub(RESERVED_DESCRIPTORS));
        let possible = files.map(|files| files / 2);
        let connections = possible.map_or(wanted_or_default, |most| most.min(wanted_or_default));
        if wanted.is_some_and(|wanted| wanted > connections) {
            tracing::warn!(
                max_connections = wanted,
                possible = connections,
                "the limit of open files allows fewer connections than `listen.max_connections`; hint: raise it (`ulimit -n`, `LimitNOFILE`)"
            );
        }
        let left = files.map_or(MAX_TO_APPLICATION, |files| {
            files.saturating_sub(connections)
        });
        Self::with(
            connections,
            left.clamp(MIN_TO_APPLICATION, MAX_TO_APPLICATION),
        )
    }

    /// The places of connections to the application.
    pub(in crate::proxy) fn to_application(&self) -> Arc<Semaphore> {
        Arc::clone(&self.0.to_application)
    }

    /// One worker's part.
    pub(super) fn admission(&self) -> Admission {
        let line = Arc::new(Line {
            oldest: AtomicU64::new(NOBODY),
            wanted: AtomicUsize::new(0),
            asked: Notify::new(),
        });
        self.lock().push(Arc::clone(&line));
        Admission {
            limit: self.clone(),
            line,
            order: RefCell::default(),
        }
    }

    /// Whose connection has been without a request longest.
    fn with_the_oldest(&self) -> Option<Arc<Line>> {
        let lines = self.lock();
        let ages = lines.iter().map(|line| (line.oldest(), line));
        let (oldest, line) = ages.min_by_key(|(oldest, _)| *oldest)?;
        (oldest != NOBODY).then(|| Arc::clone(line))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Arc<Line>>> {
        self.0.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Line {
    fn oldest(&self) -> u64 {
        self.oldest.load(Ordering::Relaxed)
    }
}

/// The soft limit of `Max open files` in proc_pid_limits(5).
fn open_files(limits: &str) -> Option<usize> {
    let line = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// Lets connections in, and makes them leave.
pub(super) struct Admission {
    limit: ConnectionLimit,
    line: Arc<Line>,
    order: RefCell<Order<Connected>>,
}

struct Connected {
    since: u64,
    task: Option<AbortHandle>,
}

impl Admission {
    /// A place under the cap, once there is one.
    pub(super) async fn place(&self) -> OwnedSemaphorePermit {
        let places = &self.limit.0.places;
        let mut asked: Option<Arc<Line>> = None;
        loop {
            if let Ok(place) = Arc::clone(places).try_acquire_owned() {
                return place;
            }
            // Who was asked and has not answered yet is not asked twice for one place.
            let answered = |line: &Arc<Line>| line.wanted.load(Ordering::Acquire) == 0;
            if asked.as_ref().is_none_or(answered) {
                asked = self.limit.with_the_oldest();
                if let Some(line) = &asked {
                    line.wanted.fetch_add(1, Ordering::AcqRel);
                    line.asked.notify_one();
                }
            }
            if let Ok(Ok(place)) = timeout(LOOK_AGAIN, Arc::clone(places).acquire_owned()).await {
                return place;
            }
        }
    }

    /// As [`Admission::place`], without waiting.
    pub(super) fn free_place(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.limit.0.places).try_acquire_owned().ok()
    }

    /// Waits until room is wanted of this worker, and ends its oldest connections without a request. Returns how many.
    pub(super) async fn give_way(&self) -> usize {
        self.line.asked.notified().await;
        let wanted = self.line.wanted.swap(0, Ordering::AcqRel);
        (0..wanted).take_while(|_| self.end_oldest()).count()
    }

    fn end_oldest(&self) -> bool {
        let mut order = self.order.borrow_mut();
        let Some((member, connected)) = order.oldest() else {
            return false;
        };
        if let Some(task) = &connected.task {
            task.abort();
        }
        order.leave(member);
        drop(order);
        self.tell_oldest();
        true
    }

    /// Takes a seat for a connection that has just been accepted, on a place under the cap.
    pub(super) fn seat(
        self: &Rc<Self>,
        place: OwnedSemaphorePermit,
        counted: Option<Counted>,
    ) -> Rc<Seat> {
        let member = self.order.borrow_mut().add(Connected {
            since: 0,
            task: None,
        });
        let seat = Seat {
            admission: Rc::clone(self),
            member,
            requests: Cell::new(0),
            _place: place,
            _counted: counted,
        };
        seat.waits();
        Rc::new(seat)
    }

    fn enter(&self, member: Member) {
        let now = self.limit.0.epoch.elapsed().as_millis();
        let mut order = self.order.borrow_mut();
        if let Some(connected) = order.value_mut(member) {
            connected.since = u64::try_from(now).unwrap_or(NOBODY - 1);
        }
        order.enter(member);
        drop(order);
        self.tell_oldest();
    }

    fn leave(&self, member: Member) {
        self.order.borrow_mut().leave(member);
        self.tell_oldest();
    }

    fn tell_oldest(&self) {
        let order = self.order.borrow();
        let oldest = order.oldest().map_or(NOBODY, |(_, it)| it.since);
        // Only this worker writes it; a write that changes nothing would still take the line of memory from who reads it.
        if self.line.oldest() != oldest {
            self.line.oldest.store(oldest, Ordering::Relaxed);
        }
    }
}

impl Drop for Admission {
    fn drop(&mut self) {
        self.limit
            .lock()
            .retain(|line| !Arc::ptr_eq(line, &self.line));
    }
}

/// One open connection: its place under the cap, and whether it may be asked to leave. Whatever goes on with the socket keeps it.
pub(in crate::proxy) struct Seat {
    admission: Rc<Admission>,
    member: Member,
    /// Being handled now: several on an HTTP/2 connection.
    requests: Cell<usize>,
    _place: OwnedSemaphorePermit,
    /// Holds the worker while it drains; none in tests.
    _counted: Option<Counted>,
}

impl Seat {
    /// The task that is ended when the connection has to give way.
    pub(super) fn served_by(&self, task: AbortHandle) {
        let mut order = self.admission.order.borrow_mut();
        if let Some(connected) = order.value_mut(self.member) {
            connected.task = Some(task);
        }
    }

    /// A request's head is complete: until its [`Seat::request_ended`] the connection stays.
    pub(in crate::proxy) fn request_began(&self) {
        if self.requests.replace(self.requests.get() + 1) == 0 {
            self.admission.leave(self.member);
        }
    }

    /// The request's answer is in the hands of the kernel. After the last one the connection waits for another, behind all who wait already.
    pub(in crate::proxy) fn request_ended(&self) {
        let before = self.requests.get();
        self.requests.set(before.saturating_sub(1));
        if before == 1 {
            self.waits();
        }
    }

    fn waits(&self) {
        self.admission.enter(self.member);
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.admission.order.borrow_mut().remove(self.member);
        self.admission.tell_oldest();
    }
}

impl std::fmt::Debug for Seat {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Seat")
            .field("requests", &self.requests)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn d08_the_limit_of_open_files_is_read_from_proc() {
        let limits = "Limit                     Soft Limit           Hard Limit           Units     \n\
                      Max processes             30000                30000                processes \n\
                      Max open files            1024                 524288               files     \n";
        assert_eq!(open_files(limits), Some(1024));
        assert_eq!(
            open_files("Max open files            unlimited            unlimited            files"),
            None
        );
        assert_eq!(open_files(""), None);
    }

    fn run(test: impl Future<Output = ()>) {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build_local(tokio::runtime::LocalOptions::default())
            .unwrap()
            .block_on(test);
    }

    /// A connection whose task does nothing but keep its seat.
    fn connect(
        admission: &Rc<Admission>,
        place: OwnedSemaphorePermit,
    ) -> (Rc<Seat>, tokio::task::JoinHandle<()>) {
        let seat = admission.seat(place, None);
        let task = tokio::task::spawn_local(std::future::pending());
        seat.served_by(task.abort_handle());
        (seat, task)
    }

    async fn ended(task: &mut tokio::task::JoinHandle<()>) -> bool {
        timeout(Duration::from_millis(1), task).await.is_ok()
    }

    #[test]
    fn d08_the_oldest_without_a_request_gives_way_and_no_other() {
        run(async {
            let limit = ConnectionLimit::new(3);
            let admission = Rc::new(limit.admission());
            let mut all = Vec::new();
            for _ in 0..3 {
                let place = admission.place().await;
                all.push(connect(&admission, place));
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            // The first is in a request, the second was and waits behind the third now.
            all[0].0.request_began();
            all[1].0.request_began();
            all[1].0.request_ended();
            let wants = tokio::task::spawn_local({
                let admission = Rc::clone(&admission);
                async move { admission.place().await }
            });
            assert_eq!(admission.give_way().await, 1);
            assert!(ended(&mut all[2].1).await);
            assert!(!ended(&mut all[0].1).await && !ended(&mut all[1].1).await);
            drop(all.pop());
            drop(wants.await.unwrap());
        });
    }

    #[test]
    fn d08_who_needs_room_asks_the_worker_with_the_oldest() {
        run(async {
            let limit = ConnectionLimit::new(2);
            let (one, other) = (Rc::new(limit.admission()), Rc::new(limit.admission()));
            let place = one.place().await;
            let mut older = connect(&one, place);
            tokio::time::sleep(Duration::from_millis(5)).await;
            let place = other.place().await;
            let mut newer = connect(&other, place);
            let wants = tokio::task::spawn_local({
                let other = Rc::clone(&other);
                async move { other.place().await }
            });
            assert_eq!(one.give_way().await, 1);
            assert!(ended(&mut older.1).await);
            assert!(!ended(&mut newer.1).await);
            drop(older);
            drop(wants.await.unwrap());
        });
    }

    #[test]
    fn d08_where_every_connection_has_a_request_accepting_waits_for_the_first_that_ends() {
        run(async {
            let limit = ConnectionLimit::new(1);
            let admission = Rc::new(limit.admission());
            let place = admission.place().await;
            let (seat, mut task) = connect(&admission, place);
            // Two streams of one connection.
            seat.request_began();
            seat.request_began();
            seat.request_ended();
            let second = timeout(Duration::from_secs(60), admission.place()).await;
            assert!(second.is_err());
            seat.request_ended();
            let give_way = async {
                assert_eq!(admission.give_way().await, 1);
                assert!(ended(&mut task).await);
                drop(seat);
            };
            let (_place, ()) = tokio::join!(admission.place(), give_way);
        });
    }

    #[test]
    fn a_worker_that_has_ended_is_not_asked() {
        let limit = ConnectionLimit::new(1);
        let gone = Rc::new(limit.admission());
        let _seat = gone.seat(gone.free_place().unwrap(), None);
        assert!(limit.with_the_oldest().is_some());
        drop(_seat);
        drop(gone);
        assert!(limit.with_the_oldest().is_none());
        assert!(limit.lock().is_empty());
    }
}
