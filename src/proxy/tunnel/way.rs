//! One way of a tunnel: what is read on one side is written on the other. A way that waits for bytes holds no buffer.

use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

/// Bytes that are taken from a socket at a time, on the stack: a TLS record. It is also the most that a way holds for a peer that is slow.
const PIECE: usize = 16 * 1024;

/// Which side failed. Why does not matter: it is gone.
#[derive(Clone, Copy, Debug)]
pub(super) enum Broken {
    Reading,
    Writing,
}

pub(super) struct Way {
    /// Read, and not yet written: more is not read before it is gone.
    rest: Bytes,
    stage: Stage,
    /// Something was written since the last flush.
    unflushed: bool,
    /// Since when the receiver has taken nothing, though there is something for it.
    pub(super) stalled_since: Option<Instant>,
    /// When a byte last went this way, or its end.
    pub(super) moved: Instant,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Open,
    /// The sender has ended; what is left is written, and then the end is passed on.
    Ending,
    Ended,
}

impl Way {
    /// `first`: what was read of the sender before there was a tunnel.
    pub(super) fn new(first: Bytes) -> Self {
        Self {
            rest: first,
            stage: Stage::Open,
            unflushed: false,
            stalled_since: None,
            moved: Instant::now(),
        }
    }

    /// The sender has sent its end, whether or not it has been passed on yet.
    pub(super) fn sender_ended(&self) -> bool {
        self.stage != Stage::Open
    }

    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        self.rest.len()
    }

    /// Moves what can be moved now. Ready when the sender's end has been passed on; the other way may go on (RFC 6455 §7.1.1: one side closes
    /// first).
    pub(super) fn poll<R, W>(
        &mut self,
        cx: &mut Context<'_>,
        from: &mut R,
        to: &mut W,
    ) -> Poll<Result<(), Broken>>
    where
        R: AsyncRead + Unpin,
        W: AsyncWrite + Unpin,
    {
        let mut piece = [const { MaybeUninit::uninit() }; PIECE];
        loop {
            ready!(self.poll_write_rest(cx, to))?;
            match self.stage {
                Stage::Open => {}
                Stage::Ending => {
                    // A receiver that is gone has no need of the end any more.
                    let _ = ready!(Pin::new(&mut *to).poll_shutdown(cx));
                    self.stage = Stage::Ended;
                }
                Stage::Ended => return Poll::Ready(Ok(())),
            }
            let mut buffer = ReadBuf::uninit(&mut piece);
            match Pin::new(&mut *from).poll_read(cx, &mut buffer) {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(_)) => return Poll::Ready(Err(Broken::Reading)),
                Poll::Pending => {
                    ready!(self.poll_flush(cx, to))?;
                    return Poll::Pending;
                }
            }
            self.moved = Instant::now();
            if buffer.filled().is_empty() {
                self.stage = Stage::Ending;
            } else {
                self.poll_write_piece(cx, to, buffer.filled())?;
            }
        }
    }

    /// Straight from the stack; only what the receiver does not take at once is kept.
    fn poll_write_piece<W: AsyncWrite + Unpin>(
        &mut self,
        cx: &mut Context<'_>,
        to: &mut W,
        piece: &[u8],
    ) -> Result<(), Broken> {
        let written = match Pin::new(to).poll_write(cx, piece) {
            Poll::Ready(written) => self.after_write(written)?,
            Poll::Pending => 0,
        };
        self.rest = Bytes::copy_from_slice(piece.get(written..).unwrap_or_default());
        Ok(())
    }

    fn poll_write_rest<W: AsyncWrite + Unpin>(
        &mut self,
        cx: &mut Context<'_>,
        to: &mut W,
    ) -> Poll<Result<(), Broken>> {
        while self.rest.has_remaining() {
            match Pin::new(&mut *to).poll_write(cx, &self.rest) {
                Poll::Ready(written) => {
                    let written = self.after_write(written)?.min(self.rest.len());
                    self.rest.advance(written);
                }
                Poll::Pending => {
                    self.stalled_since.get_or_insert_with(Instant::now);
                    return Poll::Pending;
                }
            }
        }
        // An empty `Bytes` may still hold the buffer that it came from.
        self.rest = Bytes::new();
        Poll::Ready(Ok(()))
    }

    fn after_write(&mut self, written: io::Result<usize>) -> Result<usize, Broken> {
        self.unflushed = true;
        self.stalled_since = None;
        self.moved = Instant::now();
        written.ok().filter(|n| *n > 0).ok_or(Broken::Writing)
    }

    /// TLS keeps bytes until it is flushed.
    fn poll_flush<W: AsyncWrite + Unpin>(
        &mut self,
        cx: &mut Context<'_>,
        to: &mut W,
    ) -> Poll<Result<(), Broken>> {
        if self.unflushed {
            match Pin::new(to).poll_flush(cx) {
                Poll::Ready(flushed) => {
                    self.unflushed = false;
                    self.stalled_since = None;
                    flushed.map_err(|_| Broken::Writing)?;
                }
                Poll::Pending => {
                    self.stalled_since.get_or_insert_with(Instant::now);
                    return Poll::Pending;
                }
            }
        }
        Poll::Ready(Ok(()))
    }
}
