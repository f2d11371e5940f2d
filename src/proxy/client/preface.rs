//! Which HTTP a plain connection speaks: HTTP/2 with prior knowledge begins with 24 bytes that are no HTTP/1.1 request (RFC 9113 §3.4).
//!
//! hyper-util's automatic server is not used for it: it waits for ever for the first byte.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{parked, proxy_header};

/// RFC 9113 §3.4.
pub(in crate::proxy) const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// What the client speaks, with the bytes that told.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::proxy) enum Spoken {
    Http1(Bytes),
    Http2(Bytes),
}

impl Spoken {
    /// Known without a byte.
    pub(in crate::proxy) fn http1() -> Self {
        Self::Http1(Bytes::new())
    }

    /// Known without a byte: the preface is still to come, and checked by the library.
    pub(in crate::proxy) fn http2() -> Self {
        Self::Http2(Bytes::new())
    }
}

/// Reads until the bytes begin with the preface, or cannot. An end in the middle is left to HTTP/1.1 to judge.
///
/// # Errors
/// The socket's, its timeouts among them.
pub(in crate::proxy) async fn read(io: &mut (impl AsyncRead + Unpin)) -> io::Result<Spoken> {
    let mut first = Bytes::new();
    loop {
        let came = parked::first_bytes(io).await?;
        let ended = came.is_empty();
        first = match first.is_empty() {
            true => came,
            false => [first, came].concat().into(),
        };
        if first.starts_with(PREFACE) {
            return Ok(Spoken::Http2(first));
        }
        if ended || !PREFACE.starts_with(&first) {
            return Ok(Spoken::Http1(first));
        }
    }
}

/// What began like this and was no HTTP: for the log, with what to change. None where nothing is known of it.
pub(in crate::proxy) fn foreign(first: &[u8]) -> Option<&'static str> {
    /// ContentType handshake, and the major version of every TLS (RFC 8446 §5.1).
    const TLS_HANDSHAKE: &[u8] = &[22, 3];
    if first.starts_with(TLS_HANDSHAKE) {
        return Some(
            "a TLS handshake where plain HTTP was expected: the client must use `http`, or `listen.tls` is missing",
        );
    }
    proxy_header::begins(first).then_some(
        "a PROXY header from an address that is not in `listen.proxy_protocol`: add the load balancer's network, or let it send none",
    )
}

/// A stream of which the first bytes were read already: they are read again, then the rest.
pub(in crate::proxy) struct Rewound<S> {
    first: Bytes,
    stream: S,
}

impl<S> Rewound<S> {
    pub(in crate::proxy) fn new(first: Bytes, stream: S) -> Self {
        Self { first, stream }
    }

    /// The stream, and what of the first bytes was not read.
    pub(in crate::proxy) fn into_parts(self) -> (S, Bytes) {
        (self.stream, self.first)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Rewound<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.first.is_empty() {
            return Pin::new(&mut this.stream).poll_read(cx, buffer);
        }
        let now = this.first.len().min(buffer.remaining());
        if let Some(bytes) = this.first.get(..now) {
            buffer.put_slice(bytes);
        }
        this.first.advance(now);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Rewound<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(cx, data)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write_vectored(cx, data)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    /// What is made of these pieces, each sent alone, and then the end.
    fn spoken(pieces: &[&[u8]]) -> (Spoken, Vec<u8>) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        runtime.block_on(async {
            let (mut client, mut server) = tokio::io::duplex(1);
            let sending = async {
                for piece in pieces {
                    client.write_all(piece).await.unwrap();
                }
                drop(client);
            };
            let reading = async {
                let spoken = read(&mut server).await.unwrap();
                let first = match &spoken {
                    Spoken::Http1(first) | Spoken::Http2(first) => first.clone(),
                };
                let mut all = Vec::new();
                let mut rest = Rewound::new(first, server);
                rest.read_to_end(&mut all).await.unwrap();
                (spoken, all)
            };
            tokio::join!(sending, reading).1
        })
    }

    #[test]
    fn b11_the_preface_is_found_however_its_bytes_come_and_nothing_is_lost() {
        for size in 1..=PREFACE.len() {
            let mut pieces: Vec<&[u8]> = PREFACE.chunks(size).collect();
            pieces.push(b"more");
            let (found, all) = spoken(&pieces);
            assert_eq!(found, Spoken::Http2(Bytes::from_static(PREFACE)));
            assert_eq!(all, [PREFACE.as_slice(), b"more"].concat());
        }
    }

    #[test]
    fn what_is_not_the_whole_preface_is_left_to_http_1() {
        for other in [
            &b"GET / HTTP/1.1\r\n\r\n"[..],
            b"P",
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r",
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\rX",
            b"PRI * HTTP/1.1\r\n\r\n",
            b"POST / HTTP/1.1\r\n\r\n",
            b"\x16\x03\x01",
            b"",
        ] {
            let (found, all) = spoken(&[other]);
            assert!(matches!(found, Spoken::Http1(_)), "{other:?}");
            assert_eq!(all, other);
        }
    }

    #[test]
    fn what_came_to_the_wrong_port_is_named() {
        for (first, named) in [
            (&b"\x16\x03\x01\x02\x00"[..], Some("`listen.tls`")),
            (b"PROXY TCP4 1.2.3.4", Some("`listen.proxy_protocol`")),
            (b"\r\n\r\n\0\r\nQUIT\n\x21", Some("`listen.proxy_protocol`")),
            (b"PROXY", None),
            (b"GET / HTTP/1.1", None),
            (b"", None),
        ] {
            match (foreign(first), named) {
                (Some(said), Some(key)) => assert!(said.contains(key), "{said}"),
                (said, named) => assert_eq!(said, named),
            }
        }
    }
}
