//! An HTTP/2 connection: hyper under limits (threats D4 to D7), with our own timers around it.

use std::cell::Cell;
use std::convert::Infallible;
use std::error::Error as _;
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use hyper::server::conn::http2::Builder;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::proxy::account;
use crate::proxy::client::link::Link;
use crate::proxy::client::listen::Phase;
use crate::proxy::client::preface::Rewound;
use crate::proxy::client::streams::{StreamTasks, Streams};
use crate::proxy::client::timed_io::{ConnectionState, IDLE_TIMEOUT, TimedIo};
use crate::proxy::head::forwarded::Peer;
use crate::proxy::local::Worker;
use crate::proxy::service::{self, Client};

/// Requests at a time of one connection. With the windows: Envoy's numbers for servers at the edge.
const MAX_CONCURRENT_STREAMS: u32 = 100;
/// Bytes of a request body that wait for the application: of one stream, and of all together.
const STREAM_WINDOW: u32 = 64 * 1024;
const CONNECTION_WINDOW: u32 = 1024 * 1024;
/// Bytes of an answer that wait for the client, of one stream.
const SEND_BUFFER: usize = 64 * 1024;
/// What RFC 9113 §6.5.2 counts beside names and values, and room to answer a head that is a little too large with a body and a line in the log. What
/// is larger still h2 answers itself, with a bare 431; four times as much ends the connection.
const HEADER_LIST_BESIDE_HEAD: usize = 16 * 1024;
/// Streams that the client reset before we saw them; h2's own number. More of them at a time end the connection (CVE-2023-44487).
const MAX_PENDING_RESETS: usize = 20;
/// Streams that were reset because the client broke a rule, in the life of a connection. A client that means well breaks none.
const MAX_FAULTY_STREAMS: usize = 256;
/// A client that has vanished with streams open is noticed after a minute and a half: as long as TCP's own probes wait before the first, and more than
/// a slow line needs for what is buffered before the answer.
const PING_INTERVAL: Duration = Duration::from_secs(60);
const PING_TIMEOUT: Duration = Duration::from_secs(30);

/// Serves until the connection ends, or is told to. `first` are the bytes that were read of it already, from the preface on, or none.
pub(in crate::proxy) async fn serve<S: AsyncRead + AsyncWrite + Unpin>(
    io: TimedIo<S>,
    before: &ConnectionState,
    first: Bytes,
    peer: Peer,
    worker: Rc<Worker>,
    mut phase: watch::Receiver<Phase>,
) {
    let address = peer.address;
    let streams = Streams::new(before, &first);
    let tasks = StreamTasks::new(&streams);
    let max_head = worker.current().gate.token.max_head();
    let max_header_list = u32::try_from(max_head.saturating_add(HEADER_LIST_BESIDE_HEAD));
    let service = {
        let (worker, streams) = (Rc::clone(&worker), Rc::clone(&streams));
        service_fn(move |request| {
            let (worker, streams, peer) = (Rc::clone(&worker), Rc::clone(&streams), peer.clone());
            async move {
                let client = Client {
                    worker,
                    peer,
                    connection: Link::Http2(streams.polled()),
                    tunnel: Cell::default(),
                };
                Ok::<_, Infallible>(service::answer(&client, request).await)
            }
        })
    };
    let io = Rewound::new(first, io.watched_by(Rc::clone(&streams)));
    let connection = Builder::new(tasks.clone())
        .timer(TokioTimer::new())
        .max_concurrent_streams(MAX_CONCURRENT_STREAMS)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_send_buf_size(SEND_BUFFER)
        .max_header_list_size(max_header_list.unwrap_or(u32::MAX))
        .max_pending_accept_reset_streams(MAX_PENDING_RESETS)
        .max_local_error_reset_streams(MAX_FAULTY_STREAMS)
        .keep_alive_interval(PING_INTERVAL)
        .keep_alive_timeout(PING_TIMEOUT)
        .serve_connection(TokioIo::new(io), service);
    {
        let mut connection = pin!(connection);
        if before.draining() {
            streams.drain();
            connection.as_mut().graceful_shutdown();
        }
        let ended = loop {
            let now = Instant::now();
            let wake = match streams.deadline() {
                Some(deadline) if deadline <= now => {
                    if streams.draining() {
                        break Ok(());
                    }
                    // GOAWAY first: a request that is under way to us by then is answered, as the last.
                    streams.drain();
                    connection.as_mut().graceful_shutdown();
                    continue;
                }
                Some(deadline) => deadline,
                None => now + IDLE_TIMEOUT,
            };
            tokio::select! {
                biased;
                changed = phase.changed() => {
                    match changed.map_or(Phase::Aborting, |()| *phase.borrow_and_update()) {
                        Phase::Running => {}
                        Phase::Draining => {
                            streams.drain();
                            connection.as_mut().graceful_shutdown();
                        }
                        Phase::Aborting => break Ok(()),
                    }
                }
                () = streams.changed() => {
                    if streams.flooded() {
                        break Err(FLOOD.to_owned());
                    }
                }
                ended = connection.as_mut() => {
                    break ended.map_err(|error| match streams.flooded() {
                        true => FLOOD.to_owned(),
                        false => fault_of(&error),
                    });
                }
                () = tokio::time::sleep_until(wake) => {}
            }
        };
        if let Err(fault) = ended
            && !fault.is_empty()
        {
            account::unreadable_request(&worker.current(), address, None, &fault);
        }
    }
    tasks.end().await;
}

/// For the log.
const FLOOD: &str = "HTTP/2: the client sends frames, or gives requests up, beyond all use";

/// What the client did against the protocol; empty when the connection merely broke.
fn fault_of(error: &hyper::Error) -> String {
    match error.source().and_then(|e| e.downcast_ref::<h2::Error>()) {
        Some(error) if error.is_library() => format!("HTTP/2: {error}"),
        _ => String::new(),
    }
}
