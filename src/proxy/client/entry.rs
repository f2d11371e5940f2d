//! What a connection passes before its HTTP begins, all within the time for its first head: the PROXY header where its peer must send one, then
//! the TLS handshake.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;
use tokio::io::AsyncReadExt;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::admission::ConnectionLimit;
use super::proxy_header::{self, Parsed};
use super::refused::{Refused, answer_plain_http, handshake_error};
use super::socket::Socket;
use super::tls::CurrentTls;
use super::transport::Transport;
use crate::telemetry::Dropped;

/// What is asked of every connection.
#[derive(Clone)]
pub struct Entry {
    pub limit: ConnectionLimit,
    pub proxy_protocol: ProxySenders,
    pub tls: Option<Arc<CurrentTls>>,
}

/// `listen.proxy_protocol` of the configuration: whose connections begin with a PROXY header. From all others it is never read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProxySenders {
    pub networks: Vec<IpNet>,
    /// Whoever connects to the Unix socket.
    pub unix: bool,
}

impl ProxySenders {
    fn must_send(&self, peer: Option<IpAddr>) -> bool {
        match peer.map(|peer| peer.to_canonical()) {
            Some(peer) => self.networks.iter().any(|network| network.contains(&peer)),
            None => self.unix,
        }
    }
}

/// A connection at the beginning of its HTTP.
pub(super) enum Opened {
    Plain(Socket),
    Tls(Box<TlsStream<Socket>>),
}

/// What a connection has come to while it passes: what a timeout is called by.
pub(super) struct Progress {
    pub(super) address: Option<IpAddr>,
    pub(super) on_timeout: Dropped,
}

impl Entry {
    /// Nothing is asked of this peer.
    pub(super) fn is_free_for(&self, peer: Option<IpAddr>) -> bool {
        self.tls.is_none() && !self.proxy_protocol.must_send(peer)
    }

    /// Passes everything; `progress` says how far it came, also when it is given up.
    pub(super) async fn pass(
        &self,
        mut socket: Socket,
        progress: &mut Progress,
    ) -> Result<(Opened, Transport), Refused> {
        if self.proxy_protocol.must_send(progress.address) {
            progress.on_timeout = Dropped::ProxyHeaderTimeout;
            // A load balancer that speaks for itself keeps its own address.
            let source = proxy_header(&mut socket).await?;
            progress.address = source.or(progress.address);
        }
        let Some(tls) = &self.tls else {
            return Ok((Opened::Plain(socket), Transport::Plain));
        };
        progress.on_timeout = Dropped::TlsTimeout;
        if socket.peek().await.is_ok_and(is_letter) {
            answer_plain_http(&mut socket).await;
            return Err(Refused::new(Dropped::PlainHttp, "a request without TLS"));
        }
        let handshake = TlsAcceptor::from(tls.config()).accept(socket);
        let stream = handshake.await.map_err(|error| handshake_error(&error))?;
        let h2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
        Ok((Opened::Tls(Box::new(stream)), Transport::Tls { h2 }))
    }
}

/// A method begins with one, a record of TLS never does.
fn is_letter(first: Option<u8>) -> bool {
    first.is_some_and(|first| first.is_ascii_alphabetic())
}

/// Reads the header, and nothing behind it.
async fn proxy_header(socket: &mut Socket) -> Result<Option<IpAddr>, Refused> {
    let mut bytes = Vec::new();
    loop {
        let missing = match proxy_header::parse(&bytes) {
            Parsed::Incomplete { at_least } => at_least,
            Parsed::Bad => {
                return Err(Refused::new(
                    Dropped::NoProxyHeader,
                    "no PROXY header, or one that is not well-formed: the load balancer must send one, or its network leaves `listen.proxy_protocol`",
                ));
            }
            Parsed::Header { source, .. } => return Ok(source),
        };
        // Bounded by the parser: it calls nothing incomplete that may become longer than `MAX_BYTES`.
        let limit = u64::try_from(missing).unwrap_or(u64::MAX);
        let read = (&mut *socket).take(limit).read_buf(&mut bytes).await;
        match read {
            Ok(0) if bytes.is_empty() => return Err(closed()),
            Ok(0) => {
                return Err(Refused::new(
                    Dropped::NoProxyHeader,
                    "the connection ended in its PROXY header",
                ));
            }
            Ok(_) => {}
            Err(_) => return Err(closed()),
        }
    }
}

fn closed() -> Refused {
    handshake_error(&io::ErrorKind::UnexpectedEof.into())
}
