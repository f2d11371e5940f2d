//! HTTP on both sides: accept, judge, forward.
//!
//! * [`client`] is the side of the clients: workers, connections and their timeouts,
//! * `service` is the walk of one request, with [`head`] for what its head says and `local` for the worker's cache,
//! * `outgoing` writes the head for the application; only it makes what [`upstream`] sends,
//! * `tunnel` is what an upgraded connection becomes,
//! * `request_body` and `response_body` are what streams through,
//! * `respond` builds every answer of the gate's own (`grpc` says it as gRPC does), `account` tells telemetry once.

mod account;
mod client;
mod grpc;
mod head;
mod local;
mod outgoing;
mod request_body;
mod respond;
mod response_body;
mod service;
mod small_writes;
#[cfg(test)]
mod tests;
mod timer;
mod tunnel;
mod upstream;

pub use client::listen;
pub use head::{bound, cross_site, preflight, source};
pub use tunnel::TunnelSettings;
pub use upstream::tls::{REREAD_INTERVAL, Reread, UpstreamTls};
pub use upstream::tls_files::{TlsFiles, TlsMaterial, TlsMistake, TlsPems};

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::clock::Clock;
use crate::identity::{ManagedNames, Mapping};
use crate::keys::Keys;
use crate::policy::RouteTable;
use crate::telemetry::{AccessLog, Metrics};
use crate::verify::Verifier;

/// Everything that judging and forwarding needs. Immutable and shared by the workers; a new configuration is a new gate.
pub struct Gate {
    pub verifier: Verifier,
    pub keys: Arc<Keys>,
    pub routes: RouteTable,
    pub managed: ManagedNames,
    pub mapping: Mapping,
    pub token: TokenSettings,
    pub upstream: UpstreamSettings,
    pub tunnels: TunnelSettings,
    pub trusted_proxies: Vec<ipnet::IpNet>,
    /// Bytes of each worker's token cache.
    pub cache_max_bytes: usize,
    pub metrics: Arc<Metrics>,
    pub access_log: Option<Arc<AccessLog>>,
    pub clock: Arc<dyn Clock>,
}

/// `upstream:` of the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpstreamSettings {
    /// `host:port`; for a socket, `localhost`.
    pub authority: http::uri::Authority,
    pub transport: Transport,
    pub protocol: Protocol,
    /// The application gets the client's Host, or its own authority.
    pub host: HostHeader,
    pub chunked: ChunkedBodies,
    pub connect_timeout: Duration,
    /// From the end of the request body to the response head.
    pub response_timeout: Duration,
    /// How long an idle connection is kept: below any usual keep-alive.
    pub pool_idle_timeout: Duration,
    /// Request trailers that reach the application. Never managed names; a check of the configuration sees to it.
    pub forward_trailers: Arc<[http::HeaderName]>,
}

/// What is under HTTP, by the scheme of `upstream.url`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Transport {
    /// `http` and `h2c`.
    Tcp,
    /// `https`.
    Tls(Arc<UpstreamTls>),
    /// `unix`.
    Unix(PathBuf),
}

/// `upstream.http`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Protocol {
    /// What the application chooses in the TLS handshake; without TLS, HTTP/1.1.
    #[default]
    Auto,
    Http1,
    /// Without TLS: with prior knowledge (RFC 9113 §3.3).
    Http2,
}

/// `upstream.chunked`: request bodies whose length the client does not say. RFC 9112 §6.1 wants every HTTP/1.1 server to read them, but some
/// (uWSGI's `http11-socket`) keep the connection and take what comes after the head for the next request, whose headers nobody checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum ChunkedBodies {
    #[default]
    Forward,
    /// 411.
    Refuse,
}

/// `upstream.host`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum HostHeader {
    #[default]
    Preserve,
    Upstream,
}

impl UpstreamSettings {
    /// The application, as a person writes it.
    pub fn address(&self) -> String {
        match &self.transport {
            Transport::Tcp => self.authority.to_string(),
            Transport::Tls(_) => format!("https://{}", self.authority),
            Transport::Unix(path) => format!("unix:{}", path.display()),
        }
    }

    /// RFC 9110 §4.2.
    pub const HTTP_PORT: u16 = 80;
    pub const HTTPS_PORT: u16 = 443;
    /// The application is beside the gate: who does not connect within it is down. At most 1 min.
    pub const DEFAULT_CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
    /// Below the 60 s after which common load balancers give up, so that the answer is the gate's. At most 1 h.
    pub const DEFAULT_RESPONSE_TIMEOUT: Duration = Duration::from_secs(30);
    /// Below the 2 s of gunicorn, the shortest keep-alive in common use. 0 keeps none; at most 1 h.
    pub const DEFAULT_POOL_IDLE_TIMEOUT: Duration = Duration::from_millis(1500);
}

/// `token:` of the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenSettings {
    /// Never empty.
    pub sources: Vec<TokenSource>,
    /// The verified token goes on to the application, where it came from.
    pub forward: bool,
    pub max_bytes: usize,
}

impl TokenSettings {
    /// Of the whole token: what fits the heads that servers usually accept. 256 bytes to [`Self::MAX_MAX_BYTES`].
    pub const DEFAULT_MAX_BYTES: usize = 16 * 1024;
    /// A worker's buffer for a head is this large at most, for each connection.
    pub const MAX_MAX_BYTES: usize = 64 * 1024;
    /// Room in a head for everything but the token.
    const HEAD_BESIDE_TOKEN: usize = 16 * 1024;

    /// The largest head of a request, in bytes.
    #[must_use]
    pub fn max_head(&self) -> usize {
        self.max_bytes.min(Self::MAX_MAX_BYTES) + Self::HEAD_BESIDE_TOKEN
    }
}

/// One entry of `token.sources`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenSource {
    /// `scheme` none: the whole value is the token.
    Header {
        name: http::HeaderName,
        scheme: Option<String>,
    },
    /// `allow_cross_site`: `cross_site: allow`.
    Cookie {
        name: String,
        allow_cross_site: bool,
    },
    Query {
        name: String,
    },
    /// An element of Sec-WebSocket-Protocol: the prefix, a dot, and the token in base64url. Only on WebSocket handshakes.
    Subprotocol {
        prefix: String,
    },
}
