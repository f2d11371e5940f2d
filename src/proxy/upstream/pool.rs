//! One worker's HTTP/1.1 connections to the application. hyper's own pooled client retries in silence; here reuse and its risk are in sight.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::{Rc, Weak};
use std::time::Duration;

use bytes::Bytes;
use hyper::client::conn::http1::{Builder, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::sync::OwnedSemaphorePermit;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::proxy::request_body::RequestBody;
use crate::proxy::timer::Timer;
use crate::proxy::upstream::connect::Wire;
use crate::proxy::upstream::watched::{Received, Watched};

/// Most idle connections that one worker keeps; more than a busy application of a sidecar has workers.
const MAX_IDLE: usize = 512;
/// The largest response head; larger ones are the application's fault (502).
pub(super) const MAX_RESPONSE_HEAD: usize = 64 * 1024;

/// A connection on which one request can be sent.
pub(in crate::proxy) struct Connection {
    pub(in crate::proxy) sender: SendRequest<RequestBody>,
    /// Whether a byte has come since it was last cleared.
    pub(in crate::proxy) received: Received,
    /// For what one request after the other waits: set once, and again only when it fires.
    pub(in crate::proxy) timer: Timer,
    /// It carries an upgrade, and never another request.
    upgrading: Rc<Cell<bool>>,
    driver: Driver,
    place: OwnedSemaphorePermit,
}

impl Connection {
    /// The next request on this connection asks for an upgrade.
    pub(in crate::proxy) fn begin_upgrade(&self) {
        self.upgrading.set(true);
    }

    /// After a 101: what was a connection. None when it has failed meanwhile.
    pub(in crate::proxy) async fn switched(mut self) -> Option<Switched> {
        let (io, first) = (&mut self.driver.0).await.ok().flatten()?;
        Some(Switched {
            io,
            first,
            place: self.place,
        })
    }
}

/// A connection to the application that speaks HTTP no more.
pub(in crate::proxy) struct Switched {
    pub(in crate::proxy) io: Watched,
    /// What came right behind the 101.
    pub(in crate::proxy) first: Bytes,
    /// Held as long as the connection.
    pub(in crate::proxy) place: OwnedSemaphorePermit,
}

/// The task that moves the connection's bytes. It ends with whoever holds the connection: left alone it would go on pushing the rest of a body
/// at an application that has answered and reads no more.
struct Driver(JoinHandle<Option<(Watched, Bytes)>>);

impl Drop for Driver {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Idle connections, the oldest first.
pub(in crate::proxy) struct Pool(Rc<Inner>);

struct Inner {
    idle: RefCell<VecDeque<(Instant, Connection)>>,
    idle_timeout: Duration,
    /// The task that closes idle connections runs.
    sweeping: Cell<bool>,
}

impl Pool {
    pub(in crate::proxy) fn new(idle_timeout: Duration) -> Self {
        Self(Rc::new(Inner {
            idle: RefCell::default(),
            idle_timeout,
            sweeping: Cell::new(false),
        }))
    }

    /// The connection that was used last, if it is still good: the application closes the old ones first.
    pub(in crate::proxy) fn take(&self, now: Instant) -> Option<Connection> {
        let mut idle = self.0.idle.borrow_mut();
        while let Some((since, connection)) = idle.pop_back() {
            if now.saturating_duration_since(since) >= self.0.idle_timeout {
                idle.clear();
                return None;
            }
            if connection.sender.is_ready() {
                return Some(connection);
            }
        }
        None
    }

    /// Closes the connection that was idle longest. False: there is none.
    pub(in crate::proxy) fn give_way(&self) -> bool {
        self.0.idle.borrow_mut().pop_front().is_some()
    }

    /// Keeps a connection whose response has ended. One that is still sending a request body, is closed, or carried an upgrade is not kept.
    pub(in crate::proxy) fn put(&self, connection: Connection) {
        if !connection.sender.is_ready()
            || connection.upgrading.get()
            || self.0.idle_timeout.is_zero()
        {
            return;
        }
        let mut idle = self.0.idle.borrow_mut();
        if idle.len() >= MAX_IDLE {
            idle.pop_front();
        }
        idle.push_back((Instant::now(), connection));
        if !self.0.sweeping.replace(true) {
            tokio::task::spawn_local(sweep(Rc::downgrade(&self.0), self.0.idle_timeout));
        }
    }
}

/// HTTP/1.1 on a wire on which nothing has been said.
///
/// # Errors
/// Why not, for the log.
pub(in crate::proxy) async fn open(
    wire: Wire,
    place: OwnedSemaphorePermit,
) -> Result<Connection, String> {
    let (io, received) = Watched::new(wire);
    let (sender, mut driver) = Builder::new()
        // Legacy applications look for `X-Auth-Subject` as it is written in their documentation.
        .title_case_headers(true)
        .max_header_size(MAX_RESPONSE_HEAD)
        .max_buf_size(MAX_RESPONSE_HEAD)
        .handshake(TokioIo::new(io))
        .await
        .map_err(|error| error.to_string())?;
    let upgrading = Rc::new(Cell::new(false));
    let keeps = Rc::clone(&upgrading);
    let driver = tokio::task::spawn_local(async move {
        // Its failure is seen by whoever waits for the response.
        let ended = (&mut driver).await;
        // hyper hands the socket over by itself only to other threads, which there are none of here.
        (ended.is_ok() && keeps.get()).then(|| {
            let parts = driver.into_parts();
            (parts.io.into_inner(), parts.read_buf)
        })
    });
    Ok(Connection {
        sender,
        received,
        timer: Timer::default(),
        upgrading,
        driver: Driver(driver),
        place,
    })
}

/// Closes connections as they become too old, and ends when there is none.
async fn sweep(pool: Weak<Inner>, idle_timeout: Duration) {
    loop {
        let Some(pool) = pool.upgrade() else { return };
        let oldest = {
            let mut idle = pool.idle.borrow_mut();
            while idle
                .front()
                .is_some_and(|(since, _)| since.elapsed() >= idle_timeout)
            {
                idle.pop_front();
            }
            idle.front().map(|(since, _)| *since)
        };
        let Some(oldest) = oldest else {
            pool.sweeping.set(false);
            return;
        };
        drop(pool);
        tokio::time::sleep_until(oldest + idle_timeout).await;
    }
}
