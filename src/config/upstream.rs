//! `upstream:`, the application.

use http::uri::Authority;

use super::problem::{Mistake, shown};
use super::record::{Data, Record};
use crate::proxy::{ChunkedBodies, HostHeader, UpstreamSettings};

const DEFAULT_PORT: u16 = 80;

pub(super) fn settings(root: &Record) -> Option<UpstreamSettings> {
    let item = root.item("upstream")?;
    match &item.data {
        Data::Text(url) => Some(UpstreamSettings {
            authority: authority(url).ok()?,
            host: HostHeader::default(),
            chunked: ChunkedBodies::default(),
            connect_timeout: UpstreamSettings::DEFAULT_CONNECT_TIMEOUT,
            response_timeout: UpstreamSettings::DEFAULT_RESPONSE_TIMEOUT,
            pool_idle_timeout: UpstreamSettings::DEFAULT_POOL_IDLE_TIMEOUT,
        }),
        Data::Record(record) => Some(UpstreamSettings {
            authority: authority(record.text("url")?).ok()?,
            host: match record.text("host")? {
                "upstream" => HostHeader::Upstream,
                _ => HostHeader::Preserve,
            },
            chunked: match record.text("chunked")? {
                "refuse" => ChunkedBodies::Refuse,
                _ => ChunkedBodies::Forward,
            },
            connect_timeout: record.duration("connect_timeout")?,
            response_timeout: record.duration("response_timeout")?,
            pool_idle_timeout: record.duration("pool_idle_timeout")?,
        }),
        _ => None,
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
