//! TLS to the application: whom it trusts, as whom it presents itself, and what a failed handshake means. The files are read again while the gate
//! runs, so that mounted certificates can rotate; new connections use the new ones. The certificate of the application is always verified.

use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use rustls::{CertificateError, ClientConfig};
use rustls_pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::tls_files::{TlsFiles, TlsMaterial, TlsPems};

/// Between two looks at the files: Kubernetes itself takes a minute to bring a changed secret into a pod.
pub const REREAD_INTERVAL: Duration = Duration::from_secs(10);
const HTTP_1: &[u8] = b"http/1.1";
const HTTP_2: &[u8] = b"h2";

/// What a new connection may become (ALPN, RFC 7301).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::proxy) enum Offer {
    Either,
    OnlyHttp1,
    OnlyHttp2,
}

/// TLS to the application, for every worker. Sessions are resumed across them.
pub struct UpstreamTls {
    /// The name that the application's certificate must have, and that it is asked for (SNI).
    server_name: ServerName<'static>,
    files: TlsFiles,
    /// What new connections use: swapped whole, never locked.
    held: ArcSwap<Offers>,
    state: Mutex<State>,
}

/// The same settings under each ALPN offer; they share their sessions.
struct Offers {
    either: Arc<ClientConfig>,
    only_http1: Arc<ClientConfig>,
    only_http2: Arc<ClientConfig>,
}

struct State {
    /// Of the files in use: no secret is kept twice.
    content: [u8; 32],
    last_error: Option<String>,
}

/// What another look at the files brought.
#[derive(Debug, PartialEq, Eq)]
pub enum Reread {
    Same,
    Changed,
    /// They cannot be used, for a reason that was not told yet; the ones before stay.
    Failed(String),
}

impl UpstreamTls {
    pub fn new(server_name: ServerName<'static>, files: TlsFiles, material: TlsMaterial) -> Self {
        Self {
            server_name,
            files,
            state: Mutex::new(State {
                content: material.content,
                last_error: None,
            }),
            held: ArcSwap::from_pointee(Offers::of(material.base)),
        }
    }

    /// Whether there is a file to look at again.
    pub fn can_change(&self) -> bool {
        self.files != TlsFiles::default()
    }

    /// Whether the files could be used when they were looked at last.
    pub fn is_current(&self) -> bool {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.last_error.is_none()
    }

    /// Looks at the files once more. They are replaced as a whole or not at all.
    pub async fn reread(&self) -> Reread {
        let files = self.files.clone();
        let read = tokio::task::spawn_blocking(move || TlsPems::load(&files)).await;
        match read {
            Ok(read) => self.take(read),
            Err(_) => Reread::Same,
        }
    }

    fn take(&self, read: Result<TlsPems, String>) -> Reread {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let usable = read.and_then(|pems| {
            if pems.digest() == state.content {
                return Ok(None);
            }
            TlsMaterial::read(&pems).map(Some).map_err(|mistakes| {
                let texts: Vec<_> = mistakes.iter().map(ToString::to_string).collect();
                texts.join("; ")
            })
        });
        match usable {
            Ok(None) => {
                state.last_error = None;
                Reread::Same
            }
            Ok(Some(material)) => {
                state.content = material.content;
                state.last_error = None;
                self.held.store(Arc::new(Offers::of(material.base)));
                Reread::Changed
            }
            Err(why) if state.last_error.as_ref() == Some(&why) => Reread::Same,
            Err(why) => {
                state.last_error = Some(why.clone());
                Reread::Failed(why)
            }
        }
    }

    /// A handshake on `socket`.
    ///
    /// # Errors
    /// What is wrong, and what to change.
    pub(in crate::proxy) async fn shake_hands(
        &self,
        socket: TcpStream,
        offer: Offer,
    ) -> Result<TlsStream<TcpStream>, String> {
        let config = {
            let held = self.held.load();
            Arc::clone(match offer {
                Offer::Either => &held.either,
                Offer::OnlyHttp1 => &held.only_http1,
                Offer::OnlyHttp2 => &held.only_http2,
            })
        };
        let stream = TlsConnector::from(config)
            .connect(self.server_name.clone(), socket)
            .await
            .map_err(|error| explain(&error))?;
        if offer == Offer::OnlyHttp2 && !speaks_http2(&stream) {
            return Err("the application did not agree to HTTP/2 (ALPN); `upstream.http: auto` lets it choose HTTP/1.1".to_owned());
        }
        Ok(stream)
    }
}

fn explain(error: &io::Error) -> String {
    match (tls_error(error), advice(error)) {
        (Some(inner), Some(advice)) => format!("no TLS with the application: {inner}; {advice}"),
        (Some(inner), None) => format!("no TLS with the application: {inner}"),
        (None, _) => format!("no TLS with the application: {error}"),
    }
}

fn tls_error(error: &io::Error) -> Option<&rustls::Error> {
    error.get_ref()?.downcast_ref()
}

/// What to change.
pub(super) fn advice(error: &io::Error) -> Option<&'static str> {
    Some(match tls_error(error)? {
        rustls::Error::InvalidCertificate(wrong) => match wrong {
            CertificateError::UnknownIssuer | CertificateError::BadSignature => {
                "name its certificate authority in `upstream.tls.ca_file`"
            }
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                "renew the application's certificate, or set this machine's clock"
            }
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                "this machine's clock may be wrong"
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                "give the name that is in its certificate as `upstream.tls.server_name`"
            }
            _ => {
                "the application must send a certificate of a server, signed by an authority of `upstream.tls.ca_file`"
            }
        },
        rustls::Error::InvalidMessage(_) => "does this port speak TLS?",
        rustls::Error::AlertReceived(rustls::AlertDescription::NoApplicationProtocol) => {
            "it speaks none of the HTTP versions that `upstream.http` allows"
        }
        rustls::Error::AlertReceived(_) => {
            "the application refused; it may want a client certificate (`upstream.tls.client_certificate_file`) or another `upstream.tls.server_name`"
        }
        _ => return None,
    })
}

impl Offers {
    fn of(base: ClientConfig) -> Self {
        let offering = |protocols: &[&[u8]]| {
            let mut config = base.clone();
            config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
            Arc::new(config)
        };
        Self {
            either: offering(&[HTTP_2, HTTP_1]),
            only_http1: offering(&[HTTP_1]),
            only_http2: offering(&[HTTP_2]),
        }
    }
}

/// What configurations are compared by: where the material is, and not what it is at the moment.
impl PartialEq for UpstreamTls {
    fn eq(&self, other: &Self) -> bool {
        self.server_name == other.server_name && self.files == other.files
    }
}

impl Eq for UpstreamTls {}

impl fmt::Debug for UpstreamTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UpstreamTls")
            .field("server_name", &self.server_name)
            .field("files", &self.files)
            .finish_non_exhaustive()
    }
}

/// Whether the application chose HTTP/2.
pub(in crate::proxy) fn speaks_http2(stream: &TlsStream<TcpStream>) -> bool {
    stream.get_ref().1.alpn_protocol() == Some(HTTP_2)
}
