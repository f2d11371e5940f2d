//! What is known of a connection once its HTTP begins.

use std::net::IpAddr;
use std::rc::Rc;

use super::timed_io::ConnectionState;
use crate::proxy::head::forwarded::Peer;

/// What carries the HTTP of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::proxy) enum Transport {
    /// HTTP/2 if it begins with the preface (prior knowledge, RFC 9113 §3.3), otherwise HTTP/1.1.
    Plain,
    /// HTTP/2 over TLS is what ALPN has agreed on (RFC 9113 §3.2): otherwise, with `http/1.1` or nothing, HTTP/1.1, and nothing is guessed.
    Tls { h2: bool },
}

impl Transport {
    pub(in crate::proxy) fn is_tls(self) -> bool {
        matches!(self, Self::Tls { .. })
    }
}

/// A connection that has come as far as HTTP.
pub(in crate::proxy) struct Accepted {
    pub(in crate::proxy) peer: Peer,
    pub(in crate::proxy) transport: Transport,
    /// Its time for the first head has run since it was accepted.
    pub(in crate::proxy) state: Rc<ConnectionState>,
}

impl Accepted {
    pub(in crate::proxy) fn new(
        address: Option<IpAddr>,
        transport: Transport,
        state: Rc<ConnectionState>,
    ) -> Self {
        Self {
            peer: Peer::new(address, transport.is_tls()),
            transport,
            state,
        }
    }
}
