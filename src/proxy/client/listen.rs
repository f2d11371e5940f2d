//! Workers: each a thread with its own runtime, all accepting from one socket that was bound once.

use std::cell::Cell;
use std::io;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::rc::Rc;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::LocalOptions;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, watch};

use super::connection::{self, Protocol};
use crate::proxy::Gate;
use crate::proxy::head::forwarded::Peer;
use crate::proxy::local::Worker;

/// Client connections, all workers together, when the process may open enough files.
pub const MAX_CONNECTIONS: usize = 10_000;
/// File descriptors that are left for everything that is not a client's connection: key fetches, the admin listener, logs.
const RESERVED_DESCRIPTORS: usize = 64;
/// Connections that wait in the kernel; Linux cuts it to `net.core.somaxconn`.
const BACKLOG: i32 = 4096;
/// After a failed accept (no file descriptor, no memory): long enough not to spin, short enough not to be noticed.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Both sides of a silent event stream: a machine that vanished without a word is noticed after about three minutes (with Linux's nine probes).
pub(in crate::proxy) const KEEPALIVE: socket2::TcpKeepalive = socket2::TcpKeepalive::new()
    .with_time(Duration::from_secs(60))
    .with_interval(Duration::from_secs(15));

/// What the workers are told by whoever runs them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    Running,
    /// Accept no more, finish what is in flight.
    Draining,
    /// End now.
    Aborting,
}

/// The bound on open client connections, shared by the workers. At the bound nothing is accepted: the kernel lets clients wait.
#[derive(Clone, Debug)]
pub struct ConnectionLimit(Arc<Semaphore>);

impl ConnectionLimit {
    pub fn new(connections: usize) -> Self {
        let connections = connections.clamp(1, Semaphore::MAX_PERMITS);
        Self(Arc::new(Semaphore::new(connections)))
    }

    /// [`MAX_CONNECTIONS`], or fewer where the process may not open enough files: each client can need a connection to the application too.
    pub fn of_process() -> Self {
        let descriptors = std::fs::read_to_string("/proc/self/limits")
            .ok()
            .and_then(|limits| open_files(&limits));
        Self::new(descriptors.map_or(MAX_CONNECTIONS, |limit| {
            (limit.saturating_sub(RESERVED_DESCRIPTORS) / 2).min(MAX_CONNECTIONS)
        }))
    }
}

/// The soft limit of `Max open files` in proc_pid_limits(5).
fn open_files(limits: &str) -> Option<usize> {
    let line = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// The listening socket: bound once, so that a second gate on the same port does not start.
///
/// # Errors
/// The address is in use, or not ours.
pub fn bind(address: SocketAddr) -> io::Result<StdListener> {
    let socket = socket2::Socket::new(
        socket2::Domain::for_address(address),
        socket2::Type::STREAM,
        Some(socket2::Protocol::TCP),
    )?;
    // A gate that starts again does not wait for the last one's connections to be forgotten.
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        // `[::]` is every address, IPv4 too.
        socket.set_only_v6(false)?;
    }
    // Accepted sockets inherit it.
    socket.set_tcp_keepalive(&KEEPALIVE)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

/// Starts one worker on `listener` (a `try_clone` of the bound socket). It ends when it was told to drain and its last connection has ended, or when it
/// was told to abort; the sender of `phase` gone means abort. A new value in `gate` is used from the next request on.
///
/// # Errors
/// The thread or its runtime cannot be made.
pub fn spawn_worker(
    name: String,
    gate: Arc<ArcSwap<Gate>>,
    listener: StdListener,
    limit: ConnectionLimit,
    phase: watch::Receiver<Phase>,
) -> io::Result<JoinHandle<()>> {
    let runtime_is_up = std::sync::mpsc::sync_channel(1);
    let (report, reported) = runtime_is_up;
    let thread = std::thread::Builder::new().name(name).spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build_local(LocalOptions::default());
        match runtime {
            Ok(runtime) => {
                let _ = report.send(Ok(()));
                runtime.block_on(run(gate, listener, limit, phase));
            }
            Err(error) => {
                let _ = report.send(Err(error));
            }
        }
    })?;
    match reported.recv() {
        Ok(Ok(())) => Ok(thread),
        Ok(Err(error)) => Err(error),
        Err(_) => Err(io::Error::other("the worker ended before it began")),
    }
}

async fn run(
    gate: Arc<ArcSwap<Gate>>,
    listener: StdListener,
    limit: ConnectionLimit,
    mut phase: watch::Receiver<Phase>,
) {
    let worker = Rc::new(Worker::new(gate));
    let open = Rc::new(Open::default());
    let listener = match TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => {
            tracing::error!(%error, "a worker cannot use the listening socket");
            return;
        }
    };
    let told = loop {
        tokio::select! {
            biased;
            told = not_running(&mut phase) => break told,
            (stream, peer, permit) = accept(&listener, &limit) => {
                serve(stream, peer, &worker, &open, &phase, permit);
            }
        }
    };
    if told == Phase::Draining {
        // Who has been let in by the kernel already is served; its connection is told to drain at once, which lets one request through.
        phase.mark_changed();
        for (stream, peer, permit) in waiting(listener, &limit) {
            serve(stream, peer, &worker, &open, &phase, permit);
        }
        phase.mark_unchanged();
    }
    let aborted = async {
        while not_running(&mut phase).await != Phase::Aborting {
            if phase.changed().await.is_err() {
                return;
            }
        }
    };
    tokio::select! {
        () = open.none_left() => {}
        () = aborted => {}
    }
}

/// Waits for the first phase that is not `Running`.
async fn not_running(phase: &mut watch::Receiver<Phase>) -> Phase {
    match phase.wait_for(|p| *p != Phase::Running).await {
        Ok(now) => *now,
        Err(_) => Phase::Aborting,
    }
}

async fn accept(
    listener: &TcpListener,
    limit: &ConnectionLimit,
) -> (TcpStream, SocketAddr, OwnedSemaphorePermit) {
    loop {
        let Ok(permit) = Arc::clone(&limit.0).acquire_owned().await else {
            // The semaphore is never closed.
            return std::future::pending().await;
        };
        match listener.accept().await {
            Ok((stream, peer)) => return (stream, peer, permit),
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection; trying again in {ACCEPT_PAUSE:?}");
                drop(permit);
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// The connections that wait at a listener which closes.
fn waiting(
    listener: TcpListener,
    limit: &ConnectionLimit,
) -> impl Iterator<Item = (TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let listener = listener.into_std().ok();
    std::iter::from_fn(move || {
        let permit = Arc::clone(&limit.0).try_acquire_owned().ok()?;
        let (stream, peer) = listener.as_ref()?.accept().ok()?;
        stream.set_nonblocking(true).ok()?;
        Some((TcpStream::from_std(stream).ok()?, peer, permit))
    })
}

/// accept(2): the client was gone before it was accepted.
fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
    )
}

fn serve(
    stream: TcpStream,
    peer: SocketAddr,
    worker: &Rc<Worker>,
    open: &Rc<Open>,
    phase: &watch::Receiver<Phase>,
    permit: OwnedSemaphorePermit,
) {
    let counted = open.enter(worker);
    let (worker, phase) = (Rc::clone(worker), phase.clone());
    tokio::task::spawn_local(async move {
        // Answers are written whole; waiting for acknowledgements only delays them.
        let _ = stream.set_nodelay(true);
        let peer = Peer::new(peer.ip());
        connection::serve(stream, Protocol::Unknown, peer, worker, phase).await;
        drop(counted);
        drop(permit);
    });
}

/// The connections of one worker.
#[derive(Default)]
struct Open {
    count: Cell<usize>,
    none_left: Notify,
}

impl Open {
    fn enter(self: &Rc<Self>, worker: &Worker) -> Counted {
        let gate = Arc::clone(&worker.current().gate);
        gate.metrics.connection_opened();
        self.count.set(self.count.get().saturating_add(1));
        Counted {
            open: Rc::clone(self),
            gate,
        }
    }

    async fn none_left(&self) {
        while self.count.get() > 0 {
            self.none_left.notified().await;
        }
    }
}

struct Counted {
    open: Rc<Open>,
    gate: Arc<Gate>,
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.gate.metrics.connection_closed();
        let left = self.open.count.get().saturating_sub(1);
        self.open.count.set(left);
        if left == 0 {
            self.open.none_left.notify_one();
        }
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

    #[test]
    fn d02_a_client_whose_machine_vanished_is_noticed_though_nothing_is_said() {
        let listener = bind("127.0.0.1:0".parse().unwrap()).unwrap();
        listener.set_nonblocking(false).unwrap();
        let _client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (accepted, _) = listener.accept().unwrap();
        assert!(socket2::SockRef::from(&accepted).keepalive().unwrap());
    }

    #[test]
    fn a_second_gate_on_the_same_port_does_not_start() {
        let first = bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let error = bind(first.local_addr().unwrap()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
    }
}
