//! An HTTP/1.1 connection: hyper under limits, while there are requests; parked in between.

use std::cell::Cell;
use std::convert::Infallible;
use std::future::poll_fn;
use std::net::IpAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;

use bytes::Bytes;
use hyper::server::conn::http1::{Builder, Parts};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::sync::watch;

use crate::proxy::account;
use crate::proxy::client::link::Link;
use crate::proxy::client::listen::Phase;
use crate::proxy::client::parked;
use crate::proxy::client::preface::{self, Rewound};
use crate::proxy::client::socket::Abrupt;
use crate::proxy::client::timed_io::{ConnectionState, TimedIo, Watch};
use crate::proxy::head::forwarded::Peer;
use crate::proxy::local::Worker;
use crate::proxy::service::{self, Client};
use crate::proxy::timer::Timer;

/// For the log.
pub(in crate::proxy) const HEAD_TOO_SLOW: &str = "the head of the request did not come in time";

/// Serves until the connection ends, or is told to. `first` are the bytes that were read of it already.
pub(in crate::proxy) async fn serve<S: AsyncRead + AsyncWrite + Abrupt + Unpin>(
    mut io: TimedIo<S>,
    state: Rc<ConnectionState>,
    mut first: Bytes,
    peer: Peer,
    worker: Rc<Worker>,
    mut phase: watch::Receiver<Phase>,
) {
    let foreign = preface::foreign(&first);
    loop {
        if first.is_empty() {
            match parked::next_request(&mut io, &state, &mut phase).await {
                Some(bytes) => first = bytes,
                None => return,
            }
        }
        let client = Rc::new(Client {
            worker: Rc::clone(&worker),
            peer: peer.clone(),
            connection: Link::Http1(Rc::clone(&state)),
            tunnel: Cell::default(),
        });
        // Boxed, so that a parked connection has nothing of it.
        match Box::pin(requests(io, &state, first, client, foreign, &mut phase)).await {
            Some(parked) => (io, first) = parked,
            None => return,
        }
    }
}

/// Serves requests until the connection ends, or has waited for the next one long enough to be parked; then with what was read and not used.
async fn requests<S: AsyncRead + AsyncWrite + Abrupt + Unpin>(
    io: TimedIo<S>,
    state: &Rc<ConnectionState>,
    first: Bytes,
    client: Rc<Client>,
    foreign: Option<&str>,
    phase: &mut watch::Receiver<Phase>,
) -> Option<(TimedIo<S>, Bytes)> {
    let max_head = client.worker.current().gate.token.max_head();
    let served = Rc::clone(&client);
    let service = service_fn(move |request| {
        let client = Rc::clone(&served);
        async move { Ok::<_, Infallible>(service::answer(&client, request).await) }
    });
    let mut connection = Builder::new()
        // The timers are in `TimedIo`. At most 100 headers is hyper's own limit (431).
        .header_read_timeout(None)
        .max_header_size(max_head)
        .max_buf_size(max_head)
        .serve_connection(TokioIo::new(Rewound::new(first, io)), service);
    let mut parking = Timer::default();
    let ended = loop {
        let polled = poll_fn(
            |cx| match (Pin::new(&mut connection).poll(cx), state.parks_at()) {
                (Poll::Ready(ended), _) => Poll::Ready(Some(ended)),
                // hyper waits, and has written what it had.
                (Poll::Pending, Some(at)) => parking.poll(cx, at).map(|()| None),
                (Poll::Pending, None) => Poll::Pending,
            },
        );
        tokio::select! {
            biased;
            changed = phase.changed() => {
                let phase = changed.map_or(Phase::Aborting, |()| *phase.borrow_and_update());
                match phase {
                    Phase::Running => {}
                    // Not hyper's graceful shutdown: it closes at once where no request is being handled, whatever is under way.
                    Phase::Draining => state.drain(),
                    Phase::Aborting => return None,
                }
            }
            ended = polled => break ended,
        }
    };
    let error = match ended {
        None => {
            state.parked();
            let (io, unread) = taken_apart(connection.into_parts());
            if !unread.is_empty() {
                // They came while a request was being handled, and now they are the beginning of a head, which has its time.
                let _ = state.bytes_came(&unread);
            }
            return Some((io, unread));
        }
        // After a request that offered an upgrade hyper leaves the socket to others.
        Some(Ok(())) => {
            let (mut io, unread) = taken_apart(connection.into_parts());
            match client.tunnel.take() {
                // The timers of `TimedIo` are those of HTTP.
                Some(tunnel) => {
                    state.becomes_tunnel();
                    tokio::select! {
                        () = tunnel.run(io.into_stream(), unread) => {}
                        () = aborted(phase) => {}
                    }
                }
                None => {
                    let _ = io.shutdown().await;
                }
            }
            return None;
        }
        Some(Err(error)) => error,
    };
    tell(&client.worker, client.peer.address, state, &error, foreign);
    if state.answer_was_cut() {
        let (io, _) = taken_apart(connection.into_parts());
        io.into_stream().reset_when_dropped();
    }
    None
}

/// The socket, and everything that was read of it and not used, in its order.
fn taken_apart<S, F>(parts: Parts<TokioIo<Rewound<TimedIo<S>>>, F>) -> (TimedIo<S>, Bytes) {
    let (io, rest) = parts.io.into_inner().into_parts();
    if rest.is_empty() {
        return (io, parts.read_buf);
    }
    (io, [parts.read_buf, rest].concat().into())
}

/// A tunnel may take all the time of a drain.
async fn aborted(phase: &mut watch::Receiver<Phase>) {
    // An error: whoever runs the workers is gone.
    let _ = phase.wait_for(|phase| *phase == Phase::Aborting).await;
}

/// Counts what hyper answered, or dropped, before the service saw a request.
fn tell(
    worker: &Worker,
    peer: Option<IpAddr>,
    state: &ConnectionState,
    error: &hyper::Error,
    foreign: Option<&str>,
) {
    if error.is_parse() {
        let status = if error.is_parse_too_large() { 431 } else { 400 };
        let why = foreign.map_or_else(|| error.to_string(), str::to_owned);
        account::unreadable_request(&worker.current(), peer, Some(status), &why);
    } else if state.head_timed_out() {
        account::unreadable_request(&worker.current(), peer, None, HEAD_TOO_SLOW);
    }
}
