//! Workers: each a thread with its own runtime, all accepting from one socket that was bound once.

use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::thread::JoinHandle;

use arc_swap::ArcSwap;
use tokio::runtime::LocalOptions;
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::time::timeout_at;

use super::admission::Admission;
use super::connection;
use super::entry::{Opened, Progress};
use super::listener::{Accepting, Client};
use super::open::Open;
use super::refused::{Ledger, Refused};
use super::timed_io::{ConnectionState, HEAD_TIMEOUT};
use super::transport::{Accepted, Transport};
use crate::proxy::Gate;
use crate::proxy::local::Worker;
use crate::telemetry::Dropped;

pub use super::admission::ConnectionLimit;
pub use super::entry::{Entry, ProxySenders};
pub use super::listener::{ListenAddress, Listener, bind};
pub use super::tls;
pub use super::unix_path::BoundPath;

pub(in crate::proxy) use super::listener::KEEPALIVE;

/// What the workers are told by whoever runs them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    Running,
    /// Accept no more, finish what is in flight.
    Draining,
    /// End now.
    Aborting,
}

/// Starts one worker on `listener` (a `try_clone` of the bound socket). It ends when it was told to drain and its last connection has ended, or when it
/// was told to abort; the sender of `phase` gone means abort. A new value in `gate` is used from the next request on.
///
/// # Errors
/// The thread or its runtime cannot be made.
pub fn spawn_worker(
    name: String,
    gate: Arc<ArcSwap<Gate>>,
    listener: Listener,
    entry: Entry,
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
                runtime.block_on(run(gate, listener, entry, phase));
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

/// What every connection of one worker needs.
struct Reception {
    worker: Rc<Worker>,
    entry: Entry,
    admission: Rc<Admission>,
    open: Rc<Open>,
    ledger: Ledger,
}

async fn run(
    gate: Arc<ArcSwap<Gate>>,
    listener: Listener,
    entry: Entry,
    mut phase: watch::Receiver<Phase>,
) {
    let reception = Rc::new(Reception {
        worker: Rc::new(Worker::new(gate, entry.limit.to_application())),
        admission: Rc::new(entry.limit.admission()),
        entry,
        open: Rc::default(),
        ledger: Ledger::default(),
    });
    let listener = match Accepting::new(listener) {
        Ok(listener) => listener,
        Err(error) => {
            tracing::error!(%error, "a worker cannot use the listening socket");
            return;
        }
    };
    tokio::task::spawn_local(give_way(Rc::clone(&reception)));
    let mut held = None;
    let told = loop {
        tokio::select! {
            biased;
            told = not_running(&mut phase) => break told,
            // Accepted before there is room: nobody gives way to a client that is not there.
            client = accept(&listener, &mut held) => held = Some(client),
        }
        tokio::select! {
            biased;
            told = not_running(&mut phase) => break told,
            place = reception.admission.place() => {
                if let Some(client) = held.take() {
                    serve(&reception, client, place, &phase);
                }
            }
        }
    };
    if told == Phase::Draining {
        // Who has been let in by the kernel already is served; its connection is told to drain at once, which lets one request through.
        phase.mark_changed();
        for client in held.into_iter().chain(listener.waiting()) {
            let Some(place) = reception.admission.free_place() else {
                break;
            };
            serve(&reception, client, place, &phase);
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
        () = reception.open.none_left() => {}
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

/// The client that waits for room already, or the next one.
async fn accept(listener: &Accepting, held: &mut Option<Client>) -> Client {
    match held.take() {
        Some(client) => client,
        None => listener.accept().await,
    }
}

/// Ends connections for others as long as the worker runs.
async fn give_way(reception: Rc<Reception>) {
    loop {
        let ended = reception.admission.give_way().await;
        let gate = &reception.worker.current().gate;
        gate.metrics.listener().dropped(Dropped::GaveWay, ended);
    }
}

fn serve(
    reception: &Rc<Reception>,
    (socket, address): Client,
    place: OwnedSemaphorePermit,
    phase: &watch::Receiver<Phase>,
) {
    let counted = reception.open.enter(&reception.worker);
    let seat = reception.admission.seat(place, Some(counted));
    let state = ConnectionState::new(Some(Rc::clone(&seat)));
    let (worker, phase) = (Rc::clone(&reception.worker), phase.clone());
    let task = if reception.entry.is_free_for(address) {
        tokio::task::spawn_local(async move {
            let accepted = Accepted::new(address, Transport::Plain, state);
            connection::serve(socket, accepted, worker, phase).await;
        })
    } else {
        let reception = Rc::clone(reception);
        tokio::task::spawn_local(async move {
            let mut progress = Progress {
                address,
                on_timeout: Dropped::TlsTimeout,
            };
            // Boxed, so that what a handshake needs is given back after it.
            let passing = Box::pin(reception.entry.pass(socket, &mut progress));
            let deadline = state.accepted() + HEAD_TIMEOUT;
            let passed = timeout_at(deadline, passing).await;
            let address = progress.address;
            let passed = passed
                .unwrap_or_else(|_| Err(Refused::new(progress.on_timeout, "it took too long")));
            match passed {
                Ok((opened, transport)) => {
                    let accepted = Accepted::new(address, transport, state);
                    match opened {
                        Opened::Plain(socket) => {
                            Box::pin(connection::serve(socket, accepted, worker, phase)).await;
                        }
                        Opened::Tls(stream) => {
                            Box::pin(connection::serve(stream, accepted, worker, phase)).await;
                        }
                    }
                }
                Err(refused) => {
                    let gate = &worker.current().gate;
                    reception.ledger.count(gate, address, &refused);
                }
            }
        })
    };
    seat.served_by(task.abort_handle());
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpStream;
    use std::time::Duration;

    use tokio::time::Instant;

    use super::*;
    use crate::proxy::tests::certificates::{Authority, files, settings};
    use crate::proxy::tests::testing::{App, entry, gate, loopback};

    /// A worker whose clock stands still and jumps to its next timer, and a client that has sent `bytes` and waits. After how long it is dropped.
    fn dropped_after(entry: Entry, bytes: &[u8], reason: &str) -> Duration {
        let app = App::plain();
        let gate = gate(app.address, None);
        let metrics = Arc::clone(&gate.metrics);
        let (listener, address) = loopback();
        let (_phase, told) = watch::channel(Phase::Running);
        let shows = |line: String| {
            let text = String::from_utf8(metrics.render()).unwrap();
            text.lines().any(|l| l == line)
        };
        let mut client = TcpStream::connect(address).unwrap();
        client.write_all(bytes).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build_local(LocalOptions::default())
            .unwrap();
        let took = runtime.block_on(async {
            let gate = Arc::new(ArcSwap::from_pointee(gate));
            tokio::task::spawn_local(run(gate, listener, entry, told));
            while !shows("claimgate_connections 1".to_owned()) {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            let start = Instant::now();
            let dropped = format!("claimgate_connections_dropped_total{{reason=\"{reason}\"}} 1");
            while !shows(dropped.clone()) {
                assert!(start.elapsed() < 10 * HEAD_TIMEOUT, "in vain: {dropped}");
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            start.elapsed()
        });
        drop(runtime);
        let _nothing_or_reset = client.read(&mut [0; 1]);
        took
    }

    fn about_the_head_timeout(took: Duration) {
        let wanted =
            HEAD_TIMEOUT - Duration::from_millis(50)..HEAD_TIMEOUT + Duration::from_millis(500);
        assert!(wanted.contains(&took), "{took:?}");
    }

    #[test]
    fn d08_a_tls_handshake_that_stalls_ends_ten_seconds_after_accept() {
        let authority = Authority::new("one");
        let files = files(&authority.pair("gate.example"), None);
        let tls = tls::ServerTls::new(&settings(None), &files).unwrap();
        let entry = Entry {
            tls: Some(Arc::new(tls::CurrentTls::new(&tls))),
            ..entry(ConnectionLimit::new(10))
        };
        // Nothing; the beginning of a record.
        for bytes in [&b""[..], &[0x16, 3, 1, 2, 0, 1, 0]] {
            about_the_head_timeout(dropped_after(entry.clone(), bytes, "tls_timeout"));
        }
    }

    #[test]
    fn d01_a_proxy_header_that_stalls_ends_ten_seconds_after_accept() {
        let entry = Entry {
            proxy_protocol: ProxySenders {
                networks: vec!["127.0.0.0/8".parse().unwrap()],
                unix: false,
            },
            ..entry(ConnectionLimit::new(10))
        };
        for bytes in [
            &b""[..],
            b"PROXY TCP4 203.0.113.9 ",
            b"\r\n\r\n\0\r\nQUIT\n\x21\x11",
        ] {
            about_the_head_timeout(dropped_after(entry.clone(), bytes, "proxy_header_timeout"));
        }
    }
}
