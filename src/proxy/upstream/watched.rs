//! The wire to the application, telling whether anything has come: what decides about a second try, and about asking whether it still lives.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::connect::Wire;
use crate::proxy::small_writes::{SMALL, in_one_piece};

/// Whether a byte has come since it was last cleared. Atomic only because a tunnel's wire must be `Send`; one thread uses it.
#[derive(Clone, Default)]
pub(in crate::proxy) struct Received(Arc<AtomicBool>);

impl Received {
    pub(in crate::proxy) fn clear(&self) {
        self.0.store(false, Ordering::Relaxed);
    }

    pub(in crate::proxy) fn get(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Whether a byte has come; and cleared.
    pub(in crate::proxy) fn take(&self) -> bool {
        self.0.swap(false, Ordering::Relaxed)
    }
}

pub(in crate::proxy) struct Watched {
    wire: Wire,
    received: Received,
}

impl Watched {
    pub(in crate::proxy) fn new(wire: Wire) -> (Self, Received) {
        let received = Received::default();
        let watched = Self {
            wire,
            received: received.clone(),
        };
        (watched, received)
    }
}

impl AsyncRead for Watched {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        let result = Pin::new(&mut this.wire).poll_read(cx, buffer);
        if buffer.filled().len() > before {
            this.received.0.store(true, Ordering::Relaxed);
        }
        result
    }
}

impl AsyncWrite for Watched {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().wire).poll_write(cx, data)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let wire = Pin::new(&mut self.get_mut().wire);
        match in_one_piece(data, &mut [0; SMALL]) {
            Some(piece) => wire.poll_write(cx, piece),
            None => wire.poll_write_vectored(cx, data),
        }
    }

    fn is_write_vectored(&self) -> bool {
        self.wire.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().wire).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().wire).poll_shutdown(cx)
    }
}
