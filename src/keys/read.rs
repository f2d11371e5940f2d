//! One reading of a source: file, address of a document, or discovery and then the key set that it names.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use http::StatusCode;

use super::FetchResult;
use super::connect::plain;
use super::fetch::{self, FetchError, FetchLimits, FetchSettings, printable};
use super::source::{FileFormat, Origin};
use super::url::KeyUrl;
use crate::jose::json::{self, Json};
use crate::jose::jwk::{self, KeyPolicy, NotAKeySet, ReadKeys};
use crate::jose::{pem, pem_map};

const UNAUTHORIZED: StatusCode = StatusCode::UNAUTHORIZED;
const FORBIDDEN: StatusCode = StatusCode::FORBIDDEN;

/// Reads the keys of `origin` once. Whether there is one among them that can be used is for the caller to see.
pub(super) async fn read(
    origin: &Origin,
    policy: &KeyPolicy,
    limits: FetchLimits,
) -> Result<ReadKeys, FetchError> {
    match origin {
        Origin::JwksUrl { url, fetch } => {
            let document = get(url, url, fetch, limits).await?;
            key_set(&document, url, |it| jwk::read_set(it, policy))
        }
        Origin::CertificatesUrl { url, fetch } => {
            let document = get(url, url, fetch, limits).await?;
            key_set(&document, url, |it| pem_map::read_map(it, policy))
        }
        Origin::Discovery { url, issuer, fetch } => {
            // Each time: the key set may move, and the issuer's name is checked again.
            let document = get(url, url, fetch, limits).await?;
            let place = jwks_uri(&document, url, issuer, fetch)?;
            let document = get(&place, url, fetch, limits).await?;
            key_set(&document, &place, |it| jwk::read_set(it, policy))
        }
        Origin::File { path, format } => {
            let document = read_file(path.clone(), limits).await?;
            let place = format!("`{}`", path.display());
            let read = match format {
                FileFormat::Jwks => jwk::read_set(&document, policy).map_err(|error| error.0),
                FileFormat::Pem => pem::read(&document, policy).map_err(|error| error.0),
            };
            read.map_err(|why| not_a_key_set(&place, &printable(&why)))
        }
        Origin::Fixed { .. } => Err(FetchError::new(
            FetchResult::Unreadable,
            "inline keys are read at the start only",
        )),
        Origin::KeyPerKid { .. } => Err(FetchError::new(
            FetchResult::Unreadable,
            "keys are fetched one by one, when a token names them",
        )),
    }
}

/// Fetches `url`, to which the `configured` address has led.
pub(super) async fn get(
    url: &KeyUrl,
    configured: &KeyUrl,
    settings: &FetchSettings,
    limits: FetchLimits,
) -> Result<Bytes, FetchError> {
    let authorization = settings.authorization(url, configured, limits).await?;
    let withheld = authorization.is_none() && settings.token_file.is_some();
    let answer = fetch::get(url, settings, authorization, limits).await;
    answer.map_err(|mut error| {
        if withheld && matches!(error.status, Some(UNAUTHORIZED | FORBIDDEN)) {
            error.text.push_str(
                "\nhint: the token of `token_file` was not sent there: give that address as `jwks_url`, or name its origin in `token_origins`",
            );
        }
        error
    })
}

fn key_set(
    document: &[u8],
    url: &KeyUrl,
    read: impl Fn(&[u8]) -> Result<ReadKeys, NotAKeySet>,
) -> Result<ReadKeys, FetchError> {
    read(document).map_err(|error| {
        // Nothing in it is the document's own text.
        let why = format!("{}{}", error.0, hint_of(document));
        not_a_key_set(&format!("`{url}`"), &why)
    })
}

/// A page instead of a document: what a portal, a proxy or an outage puts in its place.
pub(super) fn hint_of(document: &[u8]) -> &'static str {
    match document.trim_ascii_start().first() {
        Some(b'<') => "\nhint: it is HTML: a log-in or error page of something on the way?",
        _ => "",
    }
}

fn not_a_key_set(place: &str, why: &str) -> FetchError {
    let text = format!("{place} is not a key set: {why}");
    FetchError::new(FetchResult::NotAKeySet, text)
}

/// Where the discovery document says that the keys are (OpenID Connect Discovery 1.0 §3 and §4.3).
pub(super) fn jwks_uri(
    document: &[u8],
    url: &KeyUrl,
    issuer: &str,
    settings: &FetchSettings,
) -> Result<KeyUrl, FetchError> {
    let bad = |what: String| {
        let text = format!("`{url}` is not a discovery document: {what}");
        FetchError::new(FetchResult::BadDocument, text)
    };
    let members = json::parse_object(document)
        .map_err(|error| bad(format!("{error}{}", hint_of(document))))?;
    let found = members
        .get("issuer")
        .and_then(Json::as_str)
        .ok_or_else(|| bad("no `issuer` in it".to_owned()))?;
    // Byte for byte: whoever answers here must not vouch for another issuer's tokens (K1).
    if found != issuer {
        let text = format!(
            "`{url}` is of issuer `{}`, not of `{}`\nhint: `issuer` must be written exactly as the document has it",
            printable(found),
            printable(issuer)
        );
        return Err(FetchError::new(FetchResult::IssuerMismatch, text));
    }
    let place = members
        .get("jwks_uri")
        .and_then(Json::as_str)
        .ok_or_else(|| bad("no `jwks_uri` in it".to_owned()))?;
    let refused = |why: &str| bad(format!("its `jwks_uri` is refused: {why}"));
    let place = KeyUrl::parse(place, settings.allow_http).map_err(|error| refused(&error.0))?;
    // An https document must not lead to whatever listens on this machine's loopback.
    if !place.is_https() && url.is_https() && !settings.allow_http {
        return Err(refused(&format!(
            "`{place}` is plain http, and the document is not"
        )));
    }
    if settings.same_origin && !place.same_origin(url) {
        return Err(refused(&format!(
            "`{place}` is of another origin\nhint: `same_origin: false` allows it"
        )));
    }
    Ok(place)
}

pub(super) async fn read_file(path: PathBuf, limits: FetchLimits) -> Result<Vec<u8>, FetchError> {
    let place = path.display().to_string();
    let unreadable =
        |why: String| FetchError::new(FetchResult::Unreadable, format!("`{place}` {why}"));
    let reading = tokio::task::spawn_blocking(move || read_up_to(&path, limits.body_bytes));
    let document = tokio::time::timeout(limits.total, reading)
        .await
        .map_err(|_| {
            FetchError::new(
                FetchResult::Timeout,
                format!("`{place}` cannot be read in time"),
            )
        })?
        .map_err(|_| unreadable("was not read: the gate is stopping".to_owned()))?
        .map_err(|error| unreadable(format!("cannot be read: {}", plain(&error))))?;
    if document.len() > limits.body_bytes {
        let text = format!("`{place}` has more than {} bytes", limits.body_bytes);
        return Err(FetchError::new(FetchResult::TooLarge, text));
    }
    Ok(document)
}

/// At most one byte more than `limit`, which tells that there are more.
fn read_up_to(path: &Path, limit: usize) -> io::Result<Vec<u8>> {
    // To open a pipe would wait for its other end.
    if !std::fs::metadata(path)?.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    let mut document = Vec::new();
    let limit = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    File::open(path)?.take(limit).read_to_end(&mut document)?;
    Ok(document)
}
