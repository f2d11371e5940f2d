//! GET of one document under limits: no redirects, no proxies from the environment, 512 KiB, 2 s to connect, 5 s in all.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;

use super::FetchResult;
use super::connect::{self, Channel};
use super::token_file::TokenFile;
use super::url::KeyUrl;

pub use super::tls::{Trust, only_roots, system_roots};

/// How to reach one issuer.
#[derive(Clone)]
pub struct FetchSettings {
    /// Roots for this issuer only (`ca_file`), or the shared ones (see [`system_roots`]).
    pub tls: Trust,
    /// `http://host:port` of a forward proxy; CONNECT for https.
    pub proxy: Option<http::Uri>,
    pub allow_http: bool,
    /// The discovered `jwks_uri` must have the origin of the discovery document.
    pub same_origin: bool,
    /// What shows the issuer who asks.
    pub token_file: Option<TokenFile>,
}

impl FetchSettings {
    /// Whether `other` reaches an issuer in the same way, and under the same trust.
    pub fn reads_as(&self, other: &Self) -> bool {
        self.tls.roots == other.tls.roots
            && self.proxy == other.proxy
            && self.allow_http == other.allow_http
            && self.same_origin == other.same_origin
            && self.token_file == other.token_file
    }
}

/// What one fetch may cost. Not configurable; tests shorten it.
#[derive(Clone, Copy, Debug)]
pub struct FetchLimits {
    /// To resolve, connect and shake hands (TLS, CONNECT).
    pub connect: Duration,
    /// For everything, to the last byte of the body.
    pub total: Duration,
    /// Of the body. The largest real document seen (PayPal, 15 keys with certificates) has 40 KB.
    pub body_bytes: usize,
}

impl Default for FetchLimits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(2),
            total: Duration::from_secs(5),
            body_bytes: 512 * 1024,
        }
    }
}

/// Why there is no document: a label, and a text for the operator that never holds what the body said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchError {
    pub result: FetchResult,
    pub text: String,
    /// Of the answer, when it is for its status that there is no document.
    pub status: Option<StatusCode>,
}

impl FetchError {
    pub(super) fn new(result: FetchResult, text: impl Into<String>) -> Self {
        Self {
            result,
            text: text.into(),
            status: None,
        }
    }
}

impl fmt::Display for FetchError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

impl std::error::Error for FetchError {}

/// Fetches `url` once, on a connection of its own, with this `Authorization` if there is one.
///
/// Only a complete answer with status 200 and no content coding is a document. Must run on a tokio runtime with timers.
pub async fn get(
    url: &KeyUrl,
    settings: &FetchSettings,
    authorization: Option<HeaderValue>,
    limits: FetchLimits,
) -> Result<Bytes, FetchError> {
    let attempt = async {
        let channel = tokio::time::timeout(limits.connect, connect::connect(url, settings, limits))
            .await
            .unwrap_or_else(|_| Err(timed_out(url, "no connection", limits.connect)))?;
        exchange(url, channel, authorization, limits).await
    };
    tokio::time::timeout(limits.total, attempt)
        .await
        .unwrap_or_else(|_| Err(timed_out(url, "no complete answer", limits.total)))
}

async fn exchange(
    url: &KeyUrl,
    mut channel: Channel,
    authorization: Option<HeaderValue>,
    limits: FetchLimits,
) -> Result<Bytes, FetchError> {
    let mut request = request(url, channel.absolute_form)?;
    if let Some(value) = authorization {
        request.headers_mut().insert(header::AUTHORIZATION, value);
    }
    let response = channel
        .sender
        .send_request(request)
        .await
        .map_err(|error| broken_answer(url, &error))?;
    check_head(url, response.status(), response.headers())?;
    read_body(url, response, limits.body_bytes).await
}

fn request(url: &KeyUrl, absolute_form: bool) -> Result<Request<Empty<Bytes>>, FetchError> {
    let uri = url.uri();
    let target = match uri.path_and_query() {
        // RFC 9112 §3.2.2: a forward proxy gets the whole URL.
        _ if absolute_form => uri.clone(),
        Some(path) => http::Uri::from(path.clone()),
        None => http::Uri::from_static("/"),
    };
    Request::get(target)
        .header(
            header::HOST,
            uri.authority().map_or("", |authority| authority.as_str()),
        )
        .header(header::ACCEPT, "application/json, */*;q=0.5")
        // A body that cannot be inflated cannot be a bomb (K3).
        .header(header::ACCEPT_ENCODING, "identity")
        .header(
            header::USER_AGENT,
            concat!("claimgate/", env!("CARGO_PKG_VERSION")),
        )
        .header(header::CONNECTION, "close")
        .body(Empty::new())
        .map_err(|_| {
            FetchError::new(
                FetchResult::ConnectFailed,
                format!("`{url}` makes no HTTP request"),
            )
        })
}

/// The status and header fields of an answer whose body is a document.
fn check_head(url: &KeyUrl, status: StatusCode, headers: &HeaderMap) -> Result<(), FetchError> {
    if status.is_redirection() {
        let place = headers
            .get(header::LOCATION)
            .and_then(|place| place.to_str().ok());
        let to = place.map_or(String::new(), |place| format!(" to `{}`", printable(place)));
        return Err(FetchError::new(
            FetchResult::Redirect,
            format!(
                "`{url}` redirects ({}){to}, which is never followed\nhint: configure the address where the document is",
                status.as_u16()
            ),
        ));
    }
    if status != StatusCode::OK {
        let text = format!("`{url}` answers with status {}, not 200", status.as_u16());
        return Err(FetchError {
            status: Some(status),
            ..FetchError::new(FetchResult::BadStatus, text)
        });
    }
    let mut codings = headers.get_all(header::CONTENT_ENCODING).iter();
    if codings.any(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"identity")) {
        return Err(FetchError::new(
            FetchResult::BadDocument,
            format!(
                "`{url}` answers with a content coding, which was not asked for\nhint: turn compression off for this address"
            ),
        ));
    }
    Ok(())
}

async fn read_body(
    url: &KeyUrl,
    response: Response<Incoming>,
    limit: usize,
) -> Result<Bytes, FetchError> {
    let mut body = response.into_body();
    let too_large = || {
        FetchError::new(
            FetchResult::TooLarge,
            format!("`{url}` answers with more than {limit} bytes"),
        )
    };
    // The announced length first: nothing of such a body is read.
    let announced = hyper::body::Body::size_hint(&body).lower();
    if usize::try_from(announced).map_or(true, |announced| announced > limit) {
        return Err(too_large());
    }
    let mut document = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| broken_answer(url, &error))?;
        let Some(data) = frame.data_ref() else {
            continue;
        };
        if document.len().saturating_add(data.len()) > limit {
            return Err(too_large());
        }
        document.extend_from_slice(data);
    }
    Ok(document.into())
}

fn timed_out(url: &KeyUrl, what: &str, limit: Duration) -> FetchError {
    let limit = limit.as_secs_f32();
    FetchError::new(
        FetchResult::Timeout,
        format!("{what} from `{url}` within {limit} s"),
    )
}

fn broken_answer(url: &KeyUrl, error: &hyper::Error) -> FetchError {
    let what = if error.is_parse() || error.is_parse_too_large() {
        "does not answer in HTTP/1.1"
    } else {
        "closed the connection before the answer was complete"
    };
    FetchError::new(FetchResult::BadDocument, format!("`{url}` {what}"))
}

/// Text from the other side, safe and short enough for one log line.
pub(super) fn printable(text: &str) -> String {
    const MAX_CHARACTERS: usize = 200;
    text.chars()
        .take(MAX_CHARACTERS)
        .map(|c| if c == '`' || misleads(c) { '?' } else { c })
        .collect()
}

/// Controls, and what turns the direction of a line around.
fn misleads(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}
