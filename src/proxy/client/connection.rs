//! One client connection: which HTTP it speaks, and then serving it until it ends, is told to, or breaks its limits.

use std::rc::Rc;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;

use crate::proxy::account;
use crate::proxy::client::listen::Phase;
use crate::proxy::client::preface::{self, Spoken};
use crate::proxy::client::socket::Abrupt;
use crate::proxy::client::timed_io::TimedIo;
use crate::proxy::client::transport::{Accepted, Transport};
use crate::proxy::client::{http1, http2};
use crate::proxy::local::Worker;

/// Serves until the connection ends, or is told to.
pub(in crate::proxy) async fn serve<S: AsyncRead + AsyncWrite + Abrupt + Unpin>(
    stream: S,
    accepted: Accepted,
    worker: Rc<Worker>,
    mut phase: watch::Receiver<Phase>,
) {
    let Accepted {
        peer,
        transport,
        state,
    } = accepted;
    let mut io = TimedIo::new(stream, Rc::clone(&state));
    let spoken = match transport {
        Transport::Tls { h2: false } => Spoken::http1(),
        Transport::Tls { h2: true } => Spoken::http2(),
        Transport::Plain => {
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
        // Boxed, because the room of the larger one would be every connection's.
        Spoken::Http2(first) => {
            Box::pin(http2::serve(io, &state, first, peer, worker, phase)).await;
        }
    }
}
