//! `upstream:`, the application.

use std::sync::Arc;

use http::HeaderName;
use http::uri::Authority;

use super::IdentitySettings;
use super::problem::{Mistake, Problems, shown};
use super::record::{Data, Item, Record};
use crate::identity::{ManagedNames, Mapping, Underscores, looks_like};
use crate::proxy::{HostHeader, TokenSettings, TokenSource, UpstreamSettings};

const DEFAULT_PORT: u16 = 80;

pub(super) fn settings(root: &Record) -> Option<UpstreamSettings> {
    let item = root.item("upstream")?;
    match &item.data {
        Data::Text(url) => Some(UpstreamSettings {
            authority: authority(url).ok()?,
            host: HostHeader::default(),
            connect_timeout: UpstreamSettings::DEFAULT_CONNECT_TIMEOUT,
            response_timeout: UpstreamSettings::DEFAULT_RESPONSE_TIMEOUT,
            pool_idle_timeout: UpstreamSettings::DEFAULT_POOL_IDLE_TIMEOUT,
            forward_trailers: Arc::default(),
        }),
        Data::Record(record) => Some(UpstreamSettings {
            authority: authority(record.text("url")?).ok()?,
            host: match record.text("host")? {
                "upstream" => HostHeader::Upstream,
                _ => HostHeader::Preserve,
            },
            connect_timeout: record.duration("connect_timeout")?,
            response_timeout: record.duration("response_timeout")?,
            pool_idle_timeout: record.duration("pool_idle_timeout")?,
            forward_trailers: trailers(record).filter_map(header_name).collect(),
        }),
        _ => None,
    }
}

fn trailers(upstream: &Record) -> impl Iterator<Item = &Item> {
    upstream.items("forward_trailers").iter()
}

fn header_name(item: &Item) -> Option<HeaderName> {
    HeaderName::from_bytes(item.text()?.as_bytes()).ok()
}

/// A trailer comes after the request was judged, and some servers make headers of trailers: none may say who asks, or how the request is read
/// (threat H6).
pub(super) fn check_trailers(
    root: &Record,
    token: Option<&TokenSettings>,
    identity: Option<&IdentitySettings>,
    problems: &mut Problems,
) {
    let Some(upstream) = root.record("upstream") else {
        return;
    };
    let mapped: Vec<String> = identity
        .iter()
        .flat_map(|identity| identity.headers.iter().flatten())
        .map(|rule| rule.header.to_string())
        .collect();
    let strip = identity.map_or(&[][..], |identity| &identity.strip);
    let managed = ManagedNames::new(&mapped, strip, Underscores::Drop);
    for item in trailers(upstream) {
        let Some(name) = header_name(item) else {
            continue;
        };
        let mut sources = token.iter().flat_map(|token| &token.sources);
        let holds_tokens = sources.any(|source| match source {
            TokenSource::Header { name: own, .. } => looks_like(&name, own),
            TokenSource::Cookie { .. } | TokenSource::Query { .. } => false,
        });
        let why = match Mapping::forbidden_target(&name) {
            Some(why) => Some(why),
            None if managed.covers(name.as_str()) => Some("only the gate may set it"),
            None if holds_tokens => Some("it carries credentials"),
            None if name.as_str().contains('_') => Some("servers take `_` for `-`"),
            None => None,
        };
        if let Some(why) = why {
            problems.error(
                &item.place,
                Mistake::new(format!("`{}` cannot be a trailer: {why}", item.shown))
                    .hint("take it out of the list; the application gets headers before the body"),
            );
        }
    }
}

/// `host:port` of `http://host[:port]`, the port written out.
pub(super) fn authority(url: &str) -> Result<Authority, Mistake> {
    let mistake = || Mistake::new(format!("`{}` cannot be an upstream", shown(url)));
    let example = "write `http://host:port`, as in `http://127.0.0.1:3000`";
    if url.starts_with("unix:") {
        return Err(unsupported("unix:"));
    }
    let Some((scheme, rest)) = url.split_once("://") else {
        return Err(mistake().hint(example));
    };
    match scheme {
        "http" => {}
        "https" | "h2c" | "h2" => return Err(unsupported(&format!("{scheme}://"))),
        _ => return Err(mistake().hint(example)),
    }
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    if rest.contains('@') {
        // The part before the sign may be a password.
        return Err(Mistake::new("an upstream URL cannot hold a user or password").hint(example));
    }
    if rest.contains(['/', '?', '#']) {
        return Err(
            mistake().hint("take the path and query away: the gate forwards the request's own")
        );
    }
    let authority: Authority = rest.parse().map_err(|_| mistake().hint(example))?;
    let bare_host = authority
        .host()
        .trim_start_matches('[')
        .trim_end_matches(']');
    if bare_host.is_empty() {
        return Err(mistake().hint(example));
    }
    let port = match rest.strip_prefix(authority.host()) {
        Some("") => DEFAULT_PORT,
        Some(port) => port
            .strip_prefix(':')
            .and_then(|port| port.parse().ok())
            .filter(|port| *port > 0)
            .ok_or_else(|| {
                mistake().hint(format!("the port is a number from 1 to 65535; {example}"))
            })?,
        None => return Err(mistake().hint(example)),
    };
    format!("{}:{port}", authority.host())
        .parse()
        .map_err(|_| mistake().hint(example))
}

fn unsupported(what: &str) -> Mistake {
    Mistake::new(format!(
        "`{what}` upstreams are not supported by this version"
    ))
    .hint("the application must speak plain HTTP/1.1 on `http://host:port`, best on the pod's loopback")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_upstream_is_a_plain_http_authority() {
        for (url, expected) in [
            ("http://127.0.0.1:3000", "127.0.0.1:3000"),
            ("http://app:3000/", "app:3000"),
            ("http://app", "app:80"),
            ("http://[::1]:3000", "[::1]:3000"),
        ] {
            assert_eq!(authority(url).unwrap().as_str(), expected, "{url}");
        }
    }

    #[test]
    fn everything_else_is_refused_with_a_hint() {
        for (url, word) in [
            ("https://app:443", "not supported"),
            ("h2c://app:3000", "not supported"),
            ("unix:/run/app.sock", "not supported"),
            ("http://user:hunter2@app:3000", "user or password"),
            ("http://app:3000/base", "cannot be"),
            ("http://app?x=1", "cannot be"),
            ("http://app:0", "cannot be"),
            ("http://app:99999", "cannot be"),
            ("http://app:", "cannot be"),
            ("http://", "cannot be"),
            ("http://:3000", "cannot be"),
            ("app:3000", "cannot be"),
            ("http://a b:1", "cannot be"),
            ("ftp://app", "cannot be"),
        ] {
            let mistake = authority(url).unwrap_err();
            assert!(mistake.message.contains(word), "{url}: {mistake:?}");
            assert!(mistake.hint.is_some(), "{url}");
            assert!(!mistake.message.contains("hunter2"));
        }
    }
}
