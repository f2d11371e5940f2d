//! An address that keys may be fetched from (threat K1): https, or http to loopback, or http when the operator said so.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

/// A checked absolute URL. Cannot hold user information, a fragment, or another scheme.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyUrl(http::Uri);

/// Why a text is not an acceptable address, for the operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadKeyUrl(pub String);

/// Longest address in bytes. Real ones have fewer than 200; http::Uri itself stops at 64 KiB.
const MAX_URL_BYTES: usize = 2048;

impl KeyUrl {
    /// `allow_http`: plain http to any host; otherwise only to loopback (127.0.0.0/8, `[::1]`, `localhost`).
    pub fn parse(text: &str, allow_http: bool) -> Result<Self, BadKeyUrl> {
        if text.is_empty() {
            return refuse(
                "the address is empty\nhint: write it in full, as `https://id.example.com/jwks`",
            );
        }
        if text.len() > MAX_URL_BYTES {
            return refuse(format!("the address is longer than {MAX_URL_BYTES} bytes"));
        }
        // http::Uri drops a fragment in silence and takes some non-ASCII bytes: both are refused before it looks.
        if let Some(sign) = text.chars().find(|c| !c.is_ascii_graphic() || *c == '\\') {
            return refuse(format!(
                "the address holds `{}`, which no URL may\nhint: percent-encode it",
                sign.escape_default()
            ));
        }
        if text.contains('#') {
            return refuse(
                "the address has a fragment (`#`), which is never sent\nhint: leave it out",
            );
        }
        check_scheme(text)?;
        let uri: http::Uri = text
            .parse()
            .or_else(|_| refuse("the address is not a valid URL"))?;
        let Some(authority) = uri.authority() else {
            return refuse("the address has no host");
        };
        if authority.as_str().contains('@') {
            return refuse(
                "the address holds user information (`user@`), which would end in logs\nhint: leave it out",
            );
        }
        check_host(authority)?;
        let url = Self(uri);
        if !url.is_https() && !allow_http && !url.is_loopback() {
            return refuse(format!(
                "`{url}` is plain http: whoever is on the way could answer with keys of their own\n\
                 hint: use `https://`, or set `allow_http: true` if the way is safe by other means"
            ));
        }
        Ok(url)
    }

    pub fn uri(&self) -> &http::Uri {
        &self.0
    }

    pub(super) fn is_https(&self) -> bool {
        self.0.scheme_str() == Some("https")
    }

    /// The host as a name or address; an IPv6 literal without its brackets.
    pub(super) fn host(&self) -> &str {
        bare_host(self.0.host().unwrap_or_default())
    }

    pub(super) fn port(&self) -> u16 {
        self.0
            .port_u16()
            .unwrap_or(if self.is_https() { 443 } else { 80 })
    }

    /// Loopback by its spelling: nothing is resolved, so that a name server cannot make a host loopback.
    pub(super) fn is_loopback(&self) -> bool {
        let host = self.host();
        host.eq_ignore_ascii_case("localhost")
            || host
                .parse::<Ipv4Addr>()
                .is_ok_and(|address| address.is_loopback())
            || host
                .parse::<Ipv6Addr>()
                .is_ok_and(|address| address.is_loopback())
    }

    /// Only an origin: no path and no query.
    pub fn is_origin(&self) -> bool {
        self.0.path_and_query().is_none_or(|path| path == "/")
    }

    /// The same scheme, host and port (RFC 6454 §4).
    pub(super) fn same_origin(&self, other: &Self) -> bool {
        self.is_https() == other.is_https()
            && self.port() == other.port()
            && self.host().eq_ignore_ascii_case(other.host())
    }
}

impl fmt::Display for KeyUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

impl fmt::Display for BadKeyUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for BadKeyUrl {}

/// An IPv6 literal without its brackets; any other host as it is.
pub(super) fn bare_host(host: &str) -> &str {
    host.strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .unwrap_or(host)
}

fn refuse<T>(why: impl Into<String>) -> Result<T, BadKeyUrl> {
    Err(BadKeyUrl(why.into()))
}

/// `https://` or `http://`, in any case (RFC 3986 §3.1).
fn check_scheme(text: &str) -> Result<(), BadKeyUrl> {
    let scheme = text
        .split_once(':')
        .map(|(scheme, _)| scheme.to_ascii_lowercase());
    match scheme {
        Some(scheme) if scheme == "https" || scheme == "http" => {
            match text
                .get(scheme.len()..)
                .is_some_and(|rest| rest.starts_with("://"))
            {
                true => Ok(()),
                false => refuse(format!("`{scheme}:` without `//` and a host")),
            }
        }
        Some(scheme) if scheme.bytes().all(|b| b.is_ascii_alphanumeric()) && !scheme.is_empty() => {
            refuse(format!(
                "keys are not read from `{scheme}:` addresses\nhint: use `https://`"
            ))
        }
        _ => {
            refuse("not an absolute URL\nhint: write it in full, as `https://id.example.com/jwks`")
        }
    }
}

/// A name of letters, digits, `-`, `_` and `.`, or an IP literal; then a port of 1 to 65535 if there is a colon.
fn check_host(authority: &http::uri::Authority) -> Result<(), BadKeyUrl> {
    let host = authority.host();
    let acceptable = match host.strip_prefix('[') {
        Some(_) => bare_host(host).parse::<Ipv6Addr>().is_ok(),
        None => {
            host.bytes().any(|b| b.is_ascii_alphanumeric())
                && host
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
        }
    };
    if !acceptable {
        return refuse(
            "the address has no valid host\nhint: write it in full, as `https://id.example.com/jwks`",
        );
    }
    let rest = authority.as_str().get(host.len()..).unwrap_or_default();
    match rest.strip_prefix(':').map(str::parse::<u16>) {
        None if rest.is_empty() => Ok(()),
        Some(Ok(1..)) => Ok(()),
        _ => refuse("the address's port is not a number from 1 to 65535"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_as_issuers_have_them_are_taken_as_written() {
        for text in [
            "https://id.example.com/jwks",
            "https://id.example.com",
            "https://id.example.com:8443/t/a%20b/jwks?appid=1f2e&x=%2F",
            "https://[2001:db8::1]:9443/oauth2/jwks",
            "HTTPS://ID.EXAMPLE.COM/jwks",
            "http://127.0.0.1:8080/jwks",
            "http://127.9.9.9/jwks",
            "http://[::1]:8080/jwks",
            "http://localhost:8080/jwks",
            "http://LocalHost/jwks",
        ] {
            let url = KeyUrl::parse(text, false).unwrap_or_else(|error| panic!("{text}: {error}"));
            let path = text
                .find("://")
                .and_then(|at| text[at + 3..].find('/').map(|slash| at + 3 + slash));
            if let Some(path) = path {
                assert_eq!(url.uri().path_and_query().unwrap().as_str(), &text[path..]);
            }
        }
        assert!(KeyUrl::parse("http://id.internal/jwks", true).is_ok());
    }

    #[test]
    fn k01_an_address_that_is_not_https_to_a_host_is_refused() {
        for (text, part) in [
            ("", "empty"),
            ("id.example.com/jwks", "absolute"),
            ("id.example.com:443", "absolute"),
            ("/jwks", "absolute"),
            ("*", "absolute"),
            ("//id.example.com/jwks", "absolute"),
            ("file:///etc/passwd", "`file:`"),
            ("FILE:///etc/passwd", "`file:`"),
            ("data:application/json,{}", "`data:`"),
            ("ftp://id.example.com/jwks", "`ftp:`"),
            ("unix:/run/idp.sock", "`unix:`"),
            ("gopher://id.example.com/", "`gopher:`"),
            ("https:id.example.com/jwks", "without `//`"),
            ("https:", "without `//`"),
            ("javascript:alert(1)", "`javascript:`"),
            (":", "absolute"),
            ("https:///jwks", ""),
            ("https://", ""),
            ("https://:443/jwks", "host"),
            ("https://./jwks", "host"),
            ("https://id.example.com:/jwks", "port"),
            ("https://id.example.com:0/jwks", "port"),
            ("https://id.example.com:65536/jwks", ""),
            ("https://id.example.com:99999999/jwks", ""),
            ("https://[::1/jwks", ""),
            ("https://[::g]/jwks", ""),
            ("https://[fe80::1%25eth0]/jwks", ""),
            ("https://user@id.example.com/jwks", "user information"),
            (
                "https://user:secret@id.example.com/jwks",
                "user information",
            ),
            (
                "https://id.example.com@evil.example/jwks",
                "user information",
            ),
            ("https://id.example.com/jwks#fragment", "fragment"),
            ("https://id.example.com#@evil.example/", "fragment"),
            ("https://id.example.com/a b", "` `"),
            ("https://id.example.com/a\r\nHost: evil", "`\\r`"),
            ("https://id.example.com\\@evil.example/", "`\\\\`"),
            ("https://id.exämple.com/jwks", "`\\u{e4}`"),
            ("https://a$b/jwks", "host"),
            ("https://a%2fb/jwks", ""),
            ("http://169.254.169.254/latest/meta-data", "plain http"),
            ("http://id.example.com/jwks", "plain http"),
            ("http://127.0.0.1.example.com/jwks", "plain http"),
            ("http://localhost.example.com/jwks", "plain http"),
            // Other spellings of 127.0.0.1 that a resolver may take: not loopback by their text.
            ("http://2130706433/jwks", "plain http"),
            ("http://0x7f.1/jwks", "plain http"),
            ("http://127.1/jwks", "plain http"),
            ("http://0.0.0.0/jwks", "plain http"),
            ("http://[::ffff:127.0.0.1]/jwks", "plain http"),
            ("http://[::]/jwks", "plain http"),
        ] {
            match KeyUrl::parse(text, false) {
                Ok(url) => panic!("{text} was taken as {url}"),
                Err(BadKeyUrl(why)) => {
                    assert!(why.contains(part), "{text}: {why}");
                    assert!(!why.contains("secret"), "{why}");
                }
            }
        }
        assert!(KeyUrl::parse(&format!("https://a/{}", "x".repeat(MAX_URL_BYTES)), false).is_err());
        assert!(KeyUrl::parse("file:///etc/passwd", true).is_err());
    }

    #[test]
    fn an_origin_is_scheme_host_and_port() {
        let url = |text| KeyUrl::parse(text, true).unwrap();
        let base = url("https://id.example.com/a");
        assert!(base.same_origin(&url("https://ID.example.com:443/b?c")));
        assert!(!base.same_origin(&url("https://id.example.com:444/a")));
        assert!(!base.same_origin(&url("http://id.example.com:443/a")));
        assert!(!base.same_origin(&url("https://example.com/a")));
        assert_eq!(url("https://[::1]:9443/x").host(), "::1");
    }
}
