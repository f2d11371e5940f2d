//! The listening socket, of TCP or of a Unix path: bound once, shared by the workers.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use super::socket::Socket;
use super::unix_path::{self, BoundPath};

/// Connections that wait in the kernel; Linux cuts it to `net.core.somaxconn`.
const BACKLOG: i32 = 4096;
/// After a failed accept (no file descriptor, no memory): long enough not to spin, short enough not to be noticed.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Both sides of a silent event stream: a machine that vanished without a word is noticed after about three minutes (with Linux's nine probes).
pub(in crate::proxy) const KEEPALIVE: socket2::TcpKeepalive = socket2::TcpKeepalive::new()
    .with_time(Duration::from_secs(60))
    .with_interval(Duration::from_secs(15));

/// `listen.address` of the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListenAddress {
    Tcp(SocketAddr),
    /// `unix:/run/claimgate.sock`
    Unix(PathBuf),
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(formatter),
            Self::Unix(path) => write!(formatter, "unix:{}", path.display()),
        }
    }
}

/// A bound socket.
#[derive(Debug)]
pub enum Listener {
    Tcp(std::net::TcpListener),
    Unix(std::os::unix::net::UnixListener),
}

impl Listener {
    /// For another worker.
    ///
    /// # Errors
    /// No file descriptor is left.
    pub fn try_clone(&self) -> io::Result<Self> {
        Ok(match self {
            Self::Tcp(listener) => Self::Tcp(listener.try_clone()?),
            Self::Unix(listener) => Self::Unix(listener.try_clone()?),
        })
    }
}

/// Binds and listens, so that a second gate on the same address does not start. The path of a Unix socket is removed when what comes with the
/// listener is dropped.
///
/// # Errors
/// The address is in use, or not ours.
pub fn bind(address: &ListenAddress) -> io::Result<(Listener, Option<BoundPath>)> {
    match address {
        ListenAddress::Tcp(address) => Ok((Listener::Tcp(bind_tcp(*address)?), None)),
        ListenAddress::Unix(path) => {
            let (listener, bound) = unix_path::bind(path, BACKLOG)?;
            Ok((Listener::Unix(listener), Some(bound)))
        }
    }
}

fn bind_tcp(address: SocketAddr) -> io::Result<std::net::TcpListener> {
    let socket = socket2::Socket::new(
        socket2::Domain::for_address(address),
        socket2::Type::STREAM,
        Some(socket2::Protocol::TCP),
    )?;
    // A gate that starts again does not wait for the last one's connections to be forgotten.
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        // `[::]` is every address, IPv4 too.
        socket.set_only_v6(false)?;
    }
    // Accepted sockets inherit it.
    socket.set_tcp_keepalive(&KEEPALIVE)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

/// A client's socket and address; none behind a Unix socket.
pub(super) type Client = (Socket, Option<IpAddr>);

/// The listening socket of one worker.
pub(super) enum Accepting {
    Tcp(tokio::net::TcpListener),
    Unix(tokio::net::UnixListener),
}

impl Accepting {
    pub(super) fn new(listener: Listener) -> io::Result<Self> {
        Ok(match listener {
            Listener::Tcp(listener) => Self::Tcp(tokio::net::TcpListener::from_std(listener)?),
            Listener::Unix(listener) => Self::Unix(tokio::net::UnixListener::from_std(listener)?),
        })
    }

    /// The next client. Given up while it waits, it takes nobody.
    pub(super) async fn accept(&self) -> Client {
        loop {
            let accepted = match self {
                Self::Tcp(listener) => listener
                    .accept()
                    .await
                    .map(|(stream, peer)| tcp(stream, peer)),
                Self::Unix(listener) => listener
                    .accept()
                    .await
                    .map(|(stream, _)| (Socket::Unix(stream), None)),
            };
            match accepted {
                Ok(client) => return client,
                Err(error) if is_of_one_connection(&error) => {}
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection; trying again in {ACCEPT_PAUSE:?}");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    /// The clients that wait at a listener which closes.
    pub(super) fn waiting(self) -> impl Iterator<Item = Client> {
        let listener = match self {
            Self::Tcp(listener) => listener.into_std().map(Listener::Tcp),
            Self::Unix(listener) => listener.into_std().map(Listener::Unix),
        };
        let listener = listener.ok();
        std::iter::from_fn(move || match listener.as_ref()? {
            Listener::Tcp(listener) => {
                let (stream, peer) = listener.accept().ok()?;
                stream.set_nonblocking(true).ok()?;
                Some(tcp(tokio::net::TcpStream::from_std(stream).ok()?, peer))
            }
            Listener::Unix(listener) => {
                let (stream, _) = listener.accept().ok()?;
                stream.set_nonblocking(true).ok()?;
                let stream = tokio::net::UnixStream::from_std(stream).ok()?;
                Some((Socket::Unix(stream), None))
            }
        })
    }
}

fn tcp(stream: tokio::net::TcpStream, peer: SocketAddr) -> Client {
    // Answers are written whole; waiting for acknowledgements only delays them.
    let _ = stream.set_nodelay(true);
    (Socket::Tcp(stream), Some(peer.ip()))
}

/// accept(2): the client was gone before it was accepted.
fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loopback() -> std::net::TcpListener {
        bind_tcp("127.0.0.1:0".parse().unwrap()).unwrap()
    }

    #[test]
    fn d02_a_client_whose_machine_vanished_is_noticed_though_nothing_is_said() {
        let listener = loopback();
        listener.set_nonblocking(false).unwrap();
        let _client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (accepted, _) = listener.accept().unwrap();
        assert!(socket2::SockRef::from(&accepted).keepalive().unwrap());
    }

    #[test]
    fn a_second_gate_on_the_same_port_does_not_start() {
        let first = loopback();
        let error = bind_tcp(first.local_addr().unwrap()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
    }
}
