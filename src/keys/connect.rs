//! A connection to an issuer, directly or through a forward proxy, ready for one request.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Request, header};
use http_body_util::Empty;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use rustls_pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_rustls::TlsConnector;

use super::FetchResult;
use super::fetch::{FetchError, FetchLimits, FetchSettings, printable};
use super::url::{KeyUrl, bare_host};
use crate::net::dial::DialError;

/// A connection that takes one request. Dropping it closes the connection.
pub(super) struct Channel {
    pub sender: SendRequest<Empty<Bytes>>,
    /// The other end is a proxy that forwards: it needs the whole URL.
    pub absolute_form: bool,
    _driver: Driver,
}

/// Anything that bytes go through: a socket, TLS, a tunnel.
trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// Connects to the issuer of `url` as `settings` say. The caller bounds the whole; addresses share that time.
pub(super) async fn connect(
    url: &KeyUrl,
    settings: &FetchSettings,
    limits: FetchLimits,
) -> Result<Channel, FetchError> {
    let deadline = Instant::now() + limits.connect;
    let Some(proxy) = &settings.proxy else {
        #[cfg(test)]
        if let Some(wire) = super::wire_testing::dial(url.host()) {
            return converse(url, settings, wire).await;
        }
        let socket = dial(url.host(), url.port(), deadline).await?;
        return converse(url, settings, socket).await;
    };
    let (host, port) = proxy_address(proxy)?;
    let socket = dial(host, port, deadline).await?;
    if !url.is_https() {
        return open(url, socket, true).await;
    }
    converse(url, settings, tunnel(url, socket).await?).await
}

/// HTTP with the issuer itself at the other end of `socket`.
async fn converse(
    url: &KeyUrl,
    settings: &FetchSettings,
    socket: impl Stream + 'static,
) -> Result<Channel, FetchError> {
    match url.is_https() {
        true => open(url, shake_hands(url, settings, socket).await?, false).await,
        false => open(url, socket, false).await,
    }
}

fn proxy_address(proxy: &http::Uri) -> Result<(&str, u16), FetchError> {
    let refuse = |why: &str| {
        let text = format!("`proxy` {why}\nhint: write it as `http://host:port`");
        Err(FetchError::new(FetchResult::ConnectFailed, text))
    };
    let Some(authority) = proxy.authority() else {
        return refuse("has no host");
    };
    if authority.as_str().contains('@') {
        return refuse("holds user information, which is not supported");
    }
    match proxy.scheme_str() {
        Some("http") | None => Ok((
            bare_host(authority.host()),
            authority.port_u16().unwrap_or(80),
        )),
        Some(_) => refuse("is not an http address"),
    }
}

async fn dial(host: &str, port: u16, deadline: Instant) -> Result<TcpStream, FetchError> {
    let place = format!("{host}:{port}");
    let failed = |what: String| FetchError::new(FetchResult::ConnectFailed, what);
    let silent = |what: String| FetchError::new(FetchResult::Timeout, what);
    crate::net::dial::dial(host, port, deadline)
        .await
        .map_err(|error| match error {
            DialError::SlowLookup => silent(format!(
                "`{host}` cannot be resolved: no answer from the name service"
            )),
            DialError::Lookup(error) => {
                failed(format!("`{host}` cannot be resolved: {}", plain(&error)))
            }
            DialError::NoAddress => failed(format!("`{host}` has no address")),
            DialError::Refused(address, error) => failed(format!(
                "no connection to `{place}` ({}): {}",
                address.ip(),
                plain(&error)
            )),
            DialError::Silent(address) => silent(format!(
                "no connection to `{place}` ({}): no answer",
                address.ip()
            )),
        })
}

async fn shake_hands(
    url: &KeyUrl,
    settings: &FetchSettings,
    socket: impl Stream + 'static,
) -> Result<impl Stream + 'static, FetchError> {
    let failed = |what: String| FetchError::new(FetchResult::TlsFailed, what);
    let name = ServerName::try_from(url.host().to_owned()).map_err(|_| {
        failed(format!(
            "`{}` is not a name that a certificate can have",
            url.host()
        ))
    })?;
    TlsConnector::from(Arc::clone(&settings.tls.client))
        .connect(name, socket)
        .await
        .map_err(|error| failed(format!("no TLS with `{url}`: {}", explain_tls(&error))))
}

/// What the operator can do about a failed handshake.
fn explain_tls(error: &io::Error) -> String {
    use rustls::{CertificateError, Error};
    let inner = error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<Error>());
    let hint = match inner {
        Some(Error::InvalidCertificate(
            CertificateError::UnknownIssuer | CertificateError::BadSignature,
        )) => "\nhint: name the issuer's certificate authority in `ca_file`",
        Some(Error::InvalidCertificate(
            CertificateError::Expired | CertificateError::ExpiredContext { .. },
        )) => "\nhint: the issuer's certificate must be renewed, or this machine's clock is wrong",
        Some(Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        )) => "\nhint: the certificate is for another host; the address must be one of its names",
        Some(Error::InvalidCertificate(_)) => {
            "\nhint: `ca_file` wants the certificate of the authority, and the issuer must send one of a server that it signed"
        }
        Some(Error::InvalidMessage(_)) => "\nhint: does this port speak TLS?",
        _ => "",
    };
    let what = inner.map_or_else(|| plain(error), |inner| printable(&inner.to_string()));
    format!("{what}{hint}")
}

/// RFC 9110 §9.3.6: a tunnel to the issuer through the proxy at the other end of `socket`.
async fn tunnel(url: &KeyUrl, socket: TcpStream) -> Result<impl Stream + 'static, FetchError> {
    let failed = |what: &str| {
        let text = format!("the proxy makes no tunnel to `{}`: {what}", url.host());
        FetchError::new(FetchResult::ConnectFailed, text)
    };
    let host = url.uri().host().unwrap_or_default();
    let target = format!("{host}:{}", url.port());
    let request = Request::builder()
        .method(Method::CONNECT)
        .uri(&target)
        .header(header::HOST, &target)
        .body(Empty::new())
        .map_err(|_| failed("not a host and port"))?;
    let mut channel = open(url, socket, false).await?;
    let response = channel
        .sender
        .send_request(request)
        .await
        .map_err(|_| failed("it does not answer in HTTP/1.1"))?;
    let status = response.status();
    if !status.is_success() {
        return Err(failed(&format!(
            "it answers with status {}",
            status.as_u16()
        )));
    }
    let upgraded = hyper::upgrade::on(response)
        .await
        .map_err(|_| failed("it closed the connection"))?;
    Ok(TokioIo::new(upgraded))
}

/// HTTP/1.1 on `stream`.
async fn open(
    url: &KeyUrl,
    stream: impl Stream + 'static,
    absolute_form: bool,
) -> Result<Channel, FetchError> {
    /// For the head of an answer, and for what is read ahead of the body.
    const BUFFER_BYTES: usize = 64 * 1024;
    let (sender, connection) = http1::Builder::new()
        .max_buf_size(BUFFER_BYTES)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(|_| {
            let text = format!("no connection to `{url}`: it was closed at once");
            FetchError::new(FetchResult::ConnectFailed, text)
        })?;
    let connection = connection.with_upgrades();
    Ok(Channel {
        sender,
        absolute_form,
        // Its errors reach the request as well: they are reported there.
        _driver: Driver(tokio::spawn(async move { connection.await.unwrap_or(()) })),
    })
}

/// The task that moves a connection's bytes; it ends with the fetch.
struct Driver(JoinHandle<()>);

impl Drop for Driver {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// An I/O error without its number.
pub(super) fn plain(error: &io::Error) -> String {
    let text = printable(&error.to_string());
    match text.rfind(" (os error ") {
        Some(at) => text.get(..at).unwrap_or(&text).to_lowercase(),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_is_a_host_and_a_port_over_http() {
        let address =
            |text: &str| proxy_address(&text.parse().unwrap()).map(|(h, p)| (h.to_owned(), p));
        assert_eq!(
            address("http://egress:3128"),
            Ok(("egress".to_owned(), 3128))
        );
        assert_eq!(address("http://[::1]:3128"), Ok(("::1".to_owned(), 3128)));
        assert_eq!(address("http://egress"), Ok(("egress".to_owned(), 80)));
        for bad in [
            "https://egress:3128",
            "http://user:secret@egress:3128",
            "socks5://egress:1080",
            "/egress",
        ] {
            let error = address(bad).unwrap_err();
            assert!(!error.text.contains("secret"), "{}", error.text);
        }
    }

    #[test]
    fn an_io_error_is_told_without_its_number() {
        let refused = io::Error::from_raw_os_error(111);
        assert_eq!(plain(&refused), "connection refused");
    }
}
