//! What is known of a connection once its HTTP begins.

use std::net::IpAddr;
use std::rc::Rc;

use super::timed_io::ConnectionState;
use crate::proxy::head::forwarded::Peer;

/// What carries the HTTP of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::proxy) enum Transport {
    /// Without TLS.
    Plain,
    Tls {
        /// The application protocol `h2` was negotiated (RFC 7301); otherwise `http/1.1`, or none.
        h2: bool,
    },
}

impl Transport {
    pub(in crate::proxy) fn is_tls(self) -> bool {
        matches!(self, Self::Tls { .. })
    }
}

/// A connection that has come as far as HTTP.
pub(in crate::proxy) struct Accepted {
    pub(in crate::proxy) peer: Peer,
    #[expect(dead_code, reason = "for the choice of HTTP/2")]
    pub(in crate::proxy) transport: Transport,
    /// Its time for the first head has run since it was accepted.
    pub(in crate::proxy) state: Rc<ConnectionState>,
}

impl Accepted {
    pub(super) fn new(
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
