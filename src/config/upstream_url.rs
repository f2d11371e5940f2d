//! `upstream.url`: the ways to name an application.

use std::path::{Path, PathBuf};

use http::uri::Authority;
use rustls_pki_types::ServerName;

use super::listener::MAX_SOCKET_PATH;
use super::problem::{Mistake, shown};
use crate::proxy::UpstreamSettings;

const EXAMPLE: &str = "write `http://host:port`, as in `http://127.0.0.1:3000`; or `https://host:port`, `h2c://host:port`, `unix:/run/app.sock`";

/// An application's address. The port is written out.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum UpstreamUrl {
    Http(Authority),
    Https(Authority),
    H2c(Authority),
    Unix(PathBuf),
}

pub(super) fn parse(url: &str) -> Result<UpstreamUrl, Mistake> {
    if let Some(path) = url.strip_prefix("unix:") {
        return socket(path).map(UpstreamUrl::Unix);
    }
    let Some((scheme, rest)) = url.split_once("://") else {
        return Err(cannot(url).hint(EXAMPLE));
    };
    match scheme {
        "http" => authority(url, rest, UpstreamSettings::HTTP_PORT).map(UpstreamUrl::Http),
        "https" => authority(url, rest, UpstreamSettings::HTTPS_PORT).map(UpstreamUrl::Https),
        "h2c" => authority(url, rest, UpstreamSettings::HTTP_PORT).map(UpstreamUrl::H2c),
        "h2" => Err(cannot(url).hint(
            "write `https://host:port` (HTTP/2 is agreed upon in the TLS handshake), or `h2c://host:port` without TLS",
        )),
        _ => Err(cannot(url).hint(EXAMPLE)),
    }
}

/// A name that a certificate can have.
pub(super) fn server_name(text: &str) -> Result<ServerName<'static>, Mistake> {
    let bare = text.trim_start_matches('[').trim_end_matches(']');
    ServerName::try_from(bare.to_owned()).map_err(|_| {
        Mistake::new(format!(
            "`{}` is not a name that a certificate can have",
            shown(text)
        ))
        .hint("a host name like `app.internal`, or an IP address, without a port")
    })
}

fn cannot(url: &str) -> Mistake {
    Mistake::new(format!("`{}` cannot be an upstream", shown(url)))
}

fn socket(path: &str) -> Result<PathBuf, Mistake> {
    // `unix:///run/app.sock` is the same with an empty host.
    let path = match path.strip_prefix("//") {
        Some(path) => path,
        None => path,
    };
    let mistake = || cannot(&format!("unix:{path}"));
    if !Path::new(path).is_absolute() || path.ends_with('/') {
        return Err(mistake().hint("write the whole path of a socket, as in `unix:/run/app.sock`"));
    }
    // As nginx writes it; a socket's name could hold a colon, and nobody's does.
    if path.contains(':') {
        return Err(mistake().hint(
            "only the path of the socket, without a `:`: the gate forwards the request's own path",
        ));
    }
    if path.len() > MAX_SOCKET_PATH || path.contains('\0') {
        return Err(mistake().hint("the path of a socket has at most 107 bytes"));
    }
    Ok(path.into())
}

fn authority(url: &str, rest: &str, default_port: u16) -> Result<Authority, Mistake> {
    let mistake = || cannot(url);
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    if rest.contains('@') {
        // The part before the sign may be a password.
        return Err(Mistake::new("an upstream URL cannot hold a user or password").hint(EXAMPLE));
    }
    if rest.contains(['/', '?', '#']) {
        return Err(
            mistake().hint("take the path and query away: the gate forwards the request's own")
        );
    }
    let authority: Authority = rest.parse().map_err(|_| mistake().hint(EXAMPLE))?;
    let bare_host = authority
        .host()
        .trim_start_matches('[')
        .trim_end_matches(']');
    if bare_host.is_empty() {
        return Err(mistake().hint(EXAMPLE));
    }
    let port = match rest.strip_prefix(authority.host()) {
        Some("") => default_port,
        Some(port) => port
            .strip_prefix(':')
            .and_then(|port| port.parse().ok())
            .filter(|port| *port > 0)
            .ok_or_else(|| {
                mistake().hint(format!("the port is a number from 1 to 65535; {EXAMPLE}"))
            })?,
        None => return Err(mistake().hint(EXAMPLE)),
    };
    format!("{}:{port}", authority.host())
        .parse()
        .map_err(|_| mistake().hint(EXAMPLE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_upstream_is_an_authority_or_a_socket() {
        let at = |text: &str| text.parse::<Authority>().unwrap();
        for (url, expected) in [
            (
                "http://127.0.0.1:3000",
                UpstreamUrl::Http(at("127.0.0.1:3000")),
            ),
            ("http://app:3000/", UpstreamUrl::Http(at("app:3000"))),
            ("http://app", UpstreamUrl::Http(at("app:80"))),
            ("http://[::1]:3000", UpstreamUrl::Http(at("[::1]:3000"))),
            ("https://app", UpstreamUrl::Https(at("app:443"))),
            ("https://app:8443", UpstreamUrl::Https(at("app:8443"))),
            ("h2c://app:3000", UpstreamUrl::H2c(at("app:3000"))),
            (
                "unix:/run/app.sock",
                UpstreamUrl::Unix("/run/app.sock".into()),
            ),
            (
                "unix:///run/app.sock",
                UpstreamUrl::Unix("/run/app.sock".into()),
            ),
        ] {
            assert_eq!(parse(url).unwrap(), expected, "{url}");
        }
    }

    #[test]
    fn everything_else_is_refused_with_a_hint() {
        let long = format!("unix:/{}", "x".repeat(MAX_SOCKET_PATH));
        for (url, word) in [
            ("http://user:hunter2@app:3000", "user or password"),
            ("https://user:hunter2@app:3000", "user or password"),
            ("http://app:3000/base", "cannot be"),
            ("https://app:3000/base", "cannot be"),
            ("http://app?x=1", "cannot be"),
            ("http://app:0", "cannot be"),
            ("http://app:99999", "cannot be"),
            ("http://app:", "cannot be"),
            ("http://", "cannot be"),
            ("http://:3000", "cannot be"),
            ("app:3000", "cannot be"),
            ("http://a b:1", "cannot be"),
            ("ftp://app", "cannot be"),
            ("h2://app", "cannot be"),
            ("unix:run/app.sock", "cannot be"),
            ("unix:", "cannot be"),
            ("unix:/run/", "cannot be"),
            ("unix:/run/app.sock:/path", "cannot be"),
            (&long, "cannot be"),
        ] {
            let mistake = parse(url).unwrap_err();
            assert!(mistake.message.contains(word), "{url}: {mistake:?}");
            assert!(mistake.hint.is_some(), "{url}");
            assert!(!mistake.message.contains("hunter2"));
        }
    }

    #[test]
    fn a_server_name_is_a_name_or_an_address_without_a_port() {
        for good in ["app.internal", "127.0.0.1", "::1", "[::1]"] {
            assert!(server_name(good).is_ok(), "{good}");
        }
        for bad in ["app:443", "", "a b", "https://app"] {
            assert!(server_name(bad).is_err(), "{bad}");
        }
    }
}
