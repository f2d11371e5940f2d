//! What is counted of connections before they have a request, and of the certificate that they are served with.

use prometheus::{IntCounter, IntGaugeVec};

use super::families::Families;
use crate::clock::UnixTime;

/// Why a connection was closed without, or between, requests: the closed label set of `claimgate_connections_dropped_total{reason}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dropped {
    /// It was without a request longest when a new one came at the cap.
    GaveWay,
    /// No PROXY header, or a broken one, where one must be.
    NoProxyHeader,
    ProxyHeaderTimeout,
    TlsTimeout,
    /// Plain HTTP on a port of TLS.
    PlainHttp,
    NoClientCertificate,
    BadClientCertificate,
    /// The client said with an alert that it does not want what it was offered: a certificate of an authority that it does not know, for example.
    RefusedByClient,
    ClosedInHandshake,
    /// No version or suite in common, or no TLS at all.
    TlsProtocol,
}

impl Dropped {
    pub const ALL: [Self; 10] = [
        Self::GaveWay,
        Self::NoProxyHeader,
        Self::ProxyHeaderTimeout,
        Self::TlsTimeout,
        Self::PlainHttp,
        Self::NoClientCertificate,
        Self::BadClientCertificate,
        Self::RefusedByClient,
        Self::ClosedInHandshake,
        Self::TlsProtocol,
    ];

    /// snake_case, as in metrics and logs.
    pub fn name(self) -> &'static str {
        match self {
            Self::GaveWay => "gave_way",
            Self::NoProxyHeader => "no_proxy_header",
            Self::ProxyHeaderTimeout => "proxy_header_timeout",
            Self::TlsTimeout => "tls_timeout",
            Self::PlainHttp => "plain_http",
            Self::NoClientCertificate => "no_client_certificate",
            Self::BadClientCertificate => "bad_client_certificate",
            Self::RefusedByClient => "refused_by_client",
            Self::ClosedInHandshake => "closed_in_handshake",
            Self::TlsProtocol => "tls_protocol",
        }
    }
}

/// Children resolved once; a clone counts into the same series.
#[derive(Clone)]
pub struct ListenerMetrics {
    dropped: [IntCounter; Dropped::ALL.len()],
    certificate_end: IntGaugeVec,
    certificate_reload: IntGaugeVec,
}

impl ListenerMetrics {
    pub(super) fn new(families: &Families) -> Self {
        let dropped = families.counters(
            "claimgate_connections_dropped_total",
            "Connections that the gate closed before they had a request, or between two, by why.",
            &["reason"],
        );
        Self {
            dropped: Dropped::ALL.map(|reason| dropped.with_label_values(&[reason.name()])),
            certificate_end: families.gauges(
                "claimgate_tls_certificate_expiry_timestamp_seconds",
                "When the certificate that clients are served with ends, in seconds since 1970; only with `listen.tls`.",
                &[],
            ),
            certificate_reload: families.gauges(
                "claimgate_tls_last_reload_successful",
                "Whether the files of `listen.tls` could be used when they were read last: 1 or 0; only with `listen.tls`.",
                &[],
            ),
        }
    }

    pub fn dropped(&self, reason: Dropped, connections: usize) {
        if let Some(counter) = self.dropped.get(reason as usize) {
            counter.inc_by(u64::try_from(connections).unwrap_or(u64::MAX));
        }
    }

    /// The certificate in use.
    pub fn certificate(&self, not_after: UnixTime) {
        self.certificate_end
            .with_label_values::<&str>(&[])
            .set(not_after.0);
    }

    /// Its files were read.
    pub fn certificate_read(&self, usable: bool) {
        self.certificate_reload
            .with_label_values::<&str>(&[])
            .set(i64::from(usable));
    }
}
