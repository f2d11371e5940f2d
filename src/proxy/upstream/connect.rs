//! A new connection to the application: names are looked up every time, so that a changed address is found.

use std::io;
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::{Instant, timeout_at};
use tokio_rustls::client::TlsStream;

use super::tls::{self, Offer};
use crate::net::dial::dial;
use crate::proxy::client::listen::KEEPALIVE;
use crate::proxy::{Protocol, Transport, UpstreamSettings};

/// Before a full queue is asked again: an application takes many connections in so long.
const QUEUE_FULL_PAUSE: Duration = Duration::from_millis(5);

/// What the bytes go through.
pub(in crate::proxy) enum Wire {
    Tcp(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
    Unix(UnixStream),
}

/// A connection on which nothing has been said.
pub(in crate::proxy) struct Connected {
    pub(in crate::proxy) wire: Wire,
    /// Agreed upon with the application, or configured.
    pub(in crate::proxy) http2: bool,
}

/// Connects, and speaks TLS where it is configured, all within `connect_timeout`. `upgrade`: for a request that HTTP/2 has no words for (WebSocket),
/// so that HTTP/1.1 is spoken whatever `upstream.http` says.
///
/// # Errors
/// Why not, for the log.
pub(in crate::proxy) async fn connect(
    settings: &UpstreamSettings,
    upgrade: bool,
) -> Result<Connected, String> {
    let limit = settings.connect_timeout;
    let deadline = Instant::now() + limit;
    let configured = settings.protocol == Protocol::Http2 && !upgrade;
    match &settings.transport {
        Transport::Tcp => Ok(Connected {
            wire: Wire::Tcp(dial_application(settings, deadline).await?),
            http2: configured,
        }),
        Transport::Unix(path) => {
            let cannot = |why: &dyn std::fmt::Display| {
                format!(
                    "cannot connect to the socket `{}`: {why}; the application must listen there, and the gate's user must be allowed to write to it",
                    path.display()
                )
            };
            let stream = timeout_at(deadline, queue_at(path))
                .await
                .map_err(|_| cannot(&"no answer in time"))?
                .map_err(|error| cannot(&error))?;
            Ok(Connected {
                wire: Wire::Unix(stream),
                http2: configured,
            })
        }
        Transport::Tls(tls) => {
            let offer = match settings.protocol {
                _ if upgrade => Offer::OnlyHttp1,
                Protocol::Auto => Offer::Either,
                Protocol::Http1 => Offer::OnlyHttp1,
                Protocol::Http2 => Offer::OnlyHttp2,
            };
            let socket = dial_application(settings, deadline).await?;
            let stream = timeout_at(deadline, tls.shake_hands(socket, offer))
                .await
                .map_err(|_| {
                    format!("the application did not finish the TLS handshake in {limit:?}")
                })??;
            Ok(Connected {
                http2: tls::speaks_http2(&stream),
                wire: Wire::Tls(Box::new(stream)),
            })
        }
    }
}

/// TCP waits while the application's queue is full; a Unix socket that does not block says so at once, and is asked again.
async fn queue_at(path: &Path) -> io::Result<UnixStream> {
    loop {
        match UnixStream::connect(path).await {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                tokio::time::sleep(QUEUE_FULL_PAUSE).await;
            }
            connected => return connected,
        }
    }
}

async fn dial_application(
    settings: &UpstreamSettings,
    deadline: Instant,
) -> Result<TcpStream, String> {
    let host = settings
        .authority
        .host()
        .trim_start_matches('[')
        .trim_end_matches(']');
    let default = match settings.transport {
        Transport::Tls(_) => UpstreamSettings::HTTPS_PORT,
        Transport::Tcp | Transport::Unix(_) => UpstreamSettings::HTTP_PORT,
    };
    let port = settings.authority.port_u16().unwrap_or(default);
    let stream = dial(host, port, deadline)
        .await
        .map_err(|error| format!("`{host}`: {error}"))?;
    // Heads and small bodies must not wait for acknowledgements.
    let _ = stream.set_nodelay(true);
    let _ = socket2::SockRef::from(&stream).set_tcp_keepalive(&KEEPALIVE);
    Ok(stream)
}

impl AsyncRead for Wire {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_read(cx, buffer),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buffer),
            Self::Unix(stream) => Pin::new(stream).poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_write(cx, data),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, data),
            Self::Unix(stream) => Pin::new(stream).poll_write(cx, data),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_write_vectored(cx, data),
            Self::Tls(stream) => Pin::new(stream).poll_write_vectored(cx, data),
            Self::Unix(stream) => Pin::new(stream).poll_write_vectored(cx, data),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Tcp(stream) => stream.is_write_vectored(),
            Self::Tls(stream) => stream.is_write_vectored(),
            Self::Unix(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
            Self::Unix(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Unix(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
