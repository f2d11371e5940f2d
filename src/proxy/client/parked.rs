//! A connection between two requests, without what HTTP needs of memory: hyper keeps its buffers and the room for a request as long as it serves a
//! connection, and most connections of a sidecar wait most of the time.

use std::future::poll_fn;
use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Poll, ready};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::sync::watch;

use super::listen::Phase;
use super::timed_io::{ConnectionState, TimedIo};

/// A request as browsers send it is taken at once. It stays on the stack.
pub(in crate::proxy) const FIRST_BYTES: usize = 4096;

/// Waits for the beginning of the next request. None: the connection has ended, by its client, its timers, or the phase.
pub(super) async fn next_request<S: AsyncRead + AsyncWrite + Unpin>(
    io: &mut TimedIo<S>,
    state: &ConnectionState,
    phase: &mut watch::Receiver<Phase>,
) -> Option<Bytes> {
    let read = loop {
        tokio::select! {
            biased;
            changed = phase.changed() => {
                match changed.map_or(Phase::Aborting, |()| *phase.borrow_and_update()) {
                    Phase::Running => {}
                    Phase::Draining => state.drain(),
                    Phase::Aborting => return None,
                }
            }
            read = first_bytes(io) => break read,
        }
    };
    match read {
        Ok(first) if !first.is_empty() => Some(first),
        // As hyper ends a connection that is between two requests, whatever the reason.
        Ok(_) | Err(_) => {
            let _ = io.shutdown().await;
            None
        }
    }
}

/// What has come, in its own size. Empty at the end.
///
/// # Errors
/// The socket's, its timeouts among them.
pub(super) async fn first_bytes(io: &mut (impl AsyncRead + Unpin)) -> io::Result<Bytes> {
    poll_fn(|cx| {
        let mut bytes = [const { MaybeUninit::uninit() }; FIRST_BYTES];
        let mut buffer = ReadBuf::uninit(&mut bytes);
        ready!(Pin::new(&mut *io).poll_read(cx, &mut buffer))?;
        Poll::Ready(Ok(Bytes::copy_from_slice(buffer.filled())))
    })
    .await
}
