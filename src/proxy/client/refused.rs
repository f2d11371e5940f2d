//! Connections that do not come as far as a request: counted by why, and told without letting a stranger fill the log.

use std::cell::Cell;
use std::io;
use std::net::IpAddr;
use std::time::Duration;

use rustls::{CertificateError, Error as TlsError, InvalidMessage};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::Instant;

use super::socket::Socket;
use crate::proxy::Gate;
use crate::telemetry::Dropped;

/// At most one line in so long for each reason, of each worker; the next one says how many went untold. By reason, so that noise from a stranger does
/// not hide that a client's certificate has ended.
const TELL_INTERVAL: Duration = Duration::from_secs(10);

/// Why a connection ends before its HTTP begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refused {
    pub(super) why: Dropped,
    pub(super) detail: String,
}

impl Refused {
    pub(super) fn new(why: Dropped, detail: impl Into<String>) -> Self {
        Self {
            why,
            detail: detail.into(),
        }
    }
}

/// Names the end of a handshake. The texts are rustls' own: nothing that the client sent stands in them but names of alerts and formats.
pub(super) fn handshake_error(error: &io::Error) -> Refused {
    let tls = error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<TlsError>());
    let Some(tls) = tls else {
        return Refused::new(
            Dropped::ClosedInHandshake,
            "the client closed the connection",
        );
    };
    let why = match tls {
        TlsError::NoCertificatesPresented => Dropped::NoClientCertificate,
        TlsError::InvalidCertificate(_) => Dropped::BadClientCertificate,
        TlsError::AlertReceived(_) => Dropped::RefusedByClient,
        _ => Dropped::TlsProtocol,
    };
    let detail = match tls {
        TlsError::InvalidCertificate(error) => certificate_fault(error).to_owned(),
        TlsError::NoCertificatesPresented => {
            "the client presented no certificate; `client_certificate: optional` serves it without one"
                .to_owned()
        }
        TlsError::InvalidMessage(InvalidMessage::InvalidContentType) => {
            "the client does not speak TLS".to_owned()
        }
        other => other.to_string(),
    };
    Refused::new(why, detail)
}

/// In words of ours: rustls' name what is in the certificate.
fn certificate_fault(error: &CertificateError) -> &'static str {
    match error {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "the client's certificate has ended"
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "the client's certificate is not valid yet"
        }
        CertificateError::UnknownIssuer => {
            "the client's certificate is of no authority in `client_ca_file`"
        }
        CertificateError::BadSignature => "the client does not have the key of its certificate",
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            "the client's certificate is not one for clients"
        }
        _ => "the client's certificate cannot be verified",
    }
}

/// What a browser shows somebody who left the `s` away.
const PLAIN_HTTP: &str = concat!(
    "HTTP/1.1 400 Bad Request\r\n",
    "content-type: application/problem+json\r\n",
    "content-length: 85\r\n",
    "connection: close\r\n\r\n",
    r#"{"title":"Bad Request","status":400,"reason":"bad_request","detail":"use https here"}"#
);

/// Answers without TLS. One read takes what has come of the request: closing over unread bytes would overtake the answer.
pub(super) async fn answer_plain_http(socket: &mut Socket) {
    let mut request = [0; 4096];
    let _ = socket.read(&mut request).await;
    let _ = socket.write_all(PLAIN_HTTP.as_bytes()).await;
    let _ = socket.shutdown().await;
}

/// One worker's account of them.
#[derive(Default)]
pub(super) struct Ledger([Line; Dropped::ALL.len()]);

/// When a reason was told last, and what has come since.
#[derive(Default)]
struct Line {
    told: Cell<Option<Instant>>,
    untold: Cell<u64>,
}

impl Ledger {
    pub(super) fn count(&self, gate: &Gate, peer: Option<IpAddr>, refused: &Refused) {
        let Refused { why, detail } = refused;
        gate.metrics.listener().dropped(*why, 1);
        let peer = peer.map(tracing::field::display);
        let reason = why.name();
        // Load balancers look by connecting and closing: no news.
        let line = self.0.get(*why as usize);
        let Some(line) = line.filter(|line| *why != Dropped::ClosedInHandshake && line.is_time())
        else {
            tracing::debug!(
                peer,
                reason,
                detail,
                "a connection ended before its first request"
            );
            return;
        };
        tracing::info!(
            peer,
            reason,
            detail,
            untold = line.untold.take(),
            "a connection ended before its first request"
        );
    }
}

impl Line {
    fn is_time(&self) -> bool {
        let now = Instant::now();
        let told = self.told.get();
        let is_time = told.is_none_or(|told| now.duration_since(told) >= TELL_INTERVAL);
        if is_time {
            self.told.set(Some(now));
        } else {
            self.untold.set(self.untold.get().saturating_add(1));
        }
        is_time
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_plain_answer_is_as_long_as_it_says() {
        let (head, body) = PLAIN_HTTP.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(&format!("content-length: {}\r\n", body.len())));
        let problem: serde_json::Value = serde_json::from_str(body).unwrap();
        assert_eq!(problem["reason"], "bad_request");
    }

    #[test]
    fn each_end_of_a_handshake_has_its_name() {
        use rustls::AlertDescription::UnknownCA;
        for (error, why) in [
            (
                TlsError::NoCertificatesPresented,
                Dropped::NoClientCertificate,
            ),
            (
                CertificateError::Expired.into(),
                Dropped::BadClientCertificate,
            ),
            (TlsError::AlertReceived(UnknownCA), Dropped::RefusedByClient),
            (
                InvalidMessage::InvalidContentType.into(),
                Dropped::TlsProtocol,
            ),
            (TlsError::NoApplicationProtocol, Dropped::TlsProtocol),
        ] {
            let error = io::Error::new(io::ErrorKind::InvalidData, error);
            assert_eq!(handshake_error(&error).why, why);
        }
        let gone = handshake_error(&io::ErrorKind::ConnectionReset.into());
        assert_eq!(gone.why, Dropped::ClosedInHandshake);
    }

    #[test]
    fn a_stranger_does_not_fill_the_log() {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .unwrap()
            .block_on(async {
                let ledger = Ledger::default();
                let [noise, other, ..] = &ledger.0;
                assert!(noise.is_time());
                assert!((0..1000).all(|_| !noise.is_time()));
                assert!(other.is_time(), "and does not hide another reason");
                tokio::time::advance(TELL_INTERVAL).await;
                assert!(noise.is_time());
                assert_eq!(noise.untold.take(), 1000);
            });
    }
}
