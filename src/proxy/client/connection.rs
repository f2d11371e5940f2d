//! One client connection: which HTTP it speaks, and then serving it until it ends, is told to, or breaks its limits.

use std::rc::Rc;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;

use crate::proxy::account;
use crate::proxy::client::listen::Phase;
use crate::proxy::client::preface::{self, Spoken};
use crate::proxy::client::timed_io::{ConnectionState, TimedIo};
use crate::proxy::client::{http1, http2};
use crate::proxy::head::forwarded::Peer;
use crate::proxy::local::Worker;

/// What is known of a connection's protocol before its first byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::proxy) enum Protocol {
    /// A plain connection: HTTP/2 if it begins with the preface (prior knowledge, RFC 9113 §3.3), otherwise HTTP/1.1.
    Unknown,
    /// TLS where ALPN said `http/1.1` or nothing: HTTP/2 over TLS is what ALPN has agreed on (RFC 9113 §3.2), so nothing is guessed.
    #[expect(dead_code, reason = "for the listener's TLS")]
    Http1,
    /// TLS where ALPN said `h2`.
    #[expect(dead_code, reason = "for the listener's TLS")]
    Http2,
}

/// Serves until the connection ends, or is told to.
pub(in crate::proxy) async fn serve<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    protocol: Protocol,
    peer: Peer,
    worker: Rc<Worker>,
    mut phase: watch::Receiver<Phase>,
) {
    let state = ConnectionState::new();
    let mut io = TimedIo::new(stream, Rc::clone(&state));
    let spoken = match protocol {
        Protocol::Http1 => Spoken::http1(),
        Protocol::Http2 => Spoken::http2(),
        Protocol::Unknown => {
            let mut reading = std::pin::pin!(preface::read(&mut io));
            loop {
                tokio::select! {
                    biased;
                    changed = phase.changed() => {
                        match changed.map_or(Phase::Aborting, |()| *phase.borrow_and_update()) {
                            Phase::Running => {}
                            Phase::Draining => state.drain(),
                            Phase::Aborting => return,
                        }
                    }
                    read = &mut reading => match read {
                        Ok(spoken) => break spoken,
                        Err(_) => {
                            if state.head_timed_out() {
                                account::unreadable_request(&worker.current(), peer.address, None, http1::HEAD_TOO_SLOW);
                            }
                            return;
                        }
                    },
                }
            }
        }
    };
    match spoken {
        Spoken::Http1(first) => http1::serve(io, state, first, peer, worker, phase).await,
        Spoken::Http2(first) => http2::serve(io, &state, first, peer, worker, phase).await,
    }
}
