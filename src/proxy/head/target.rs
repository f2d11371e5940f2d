//! What hyper does not check of a request's head: its target, Host, framing and expectation. Pure.

use http::header::{EXPECT, HOST, TRANSFER_ENCODING};
use http::request::Parts;
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderMap, HeaderValue, Method, Version};

use crate::verify::Rejection;

/// Longest path and query, in bytes. RFC 9110 §4.1 asks for at least 8000.
pub(in crate::proxy) const MAX_TARGET: usize = 8 * 1024;

/// A target that was checked, in origin form (RFC 9112 §3.2.1) or `*`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::proxy) struct Target {
    pub(in crate::proxy) path_and_query: PathAndQuery,
    /// As the client sent it; none for HTTP/1.0 without any.
    pub(in crate::proxy) host: Option<HeaderValue>,
}

impl Target {
    pub(in crate::proxy) fn path(&self) -> &str {
        self.path_and_query.path()
    }

    pub(in crate::proxy) fn query(&self) -> Option<&str> {
        self.path_and_query.query()
    }
}

/// Checks the head, of HTTP/2 after [`super::fields::tidy`]. Every failure is a 400, or 405, 414, 417 where HTTP has a better word.
pub(in crate::proxy) fn check(head: &Parts) -> Result<Target, Rejection> {
    if head.method == Method::CONNECT || head.method == Method::TRACE {
        return Err(refuse(
            405,
            format!("the method `{}` is not offered", head.method),
        ));
    }
    // One look for both: most requests have neither.
    let mut names = head.headers.keys();
    if names.any(|name| matches!(*name, TRANSFER_ENCODING | EXPECT)) {
        check_framing(&head.headers, head.version)?;
        check_expectation(&head.headers)?;
    }
    let path_and_query = head
        .uri
        .path_and_query()
        // Without any the library says `/` (a request of HTTP/2 without `:path` and `:authority`).
        .filter(|_| !head.uri.path().is_empty())
        .cloned()
        .ok_or_else(|| refuse(400, "the request target is not a path"))?;
    if path_and_query.as_str().len() > MAX_TARGET {
        return Err(refuse(
            414,
            format!("the request target is longer than {MAX_TARGET} bytes"),
        ));
    }
    if path_and_query.path() == "*" {
        if head.method != Method::OPTIONS {
            return Err(refuse(400, "the target `*` is for OPTIONS only"));
        }
    } else if !path_and_query.as_str().starts_with('/') {
        return Err(refuse(400, "the request target is not a path"));
    }
    let absolute = absolute_authority(head)?;
    let host = check_host(&head.headers, absolute, head.version)?;
    Ok(Target {
        path_and_query,
        host,
    })
}

fn refuse(status: u16, why: impl Into<String>) -> Rejection {
    Rejection::BadRequest {
        status,
        why: why.into(),
    }
}

/// The authority of an absolute-form target (RFC 9112 §3.2.2).
fn absolute_authority(head: &Parts) -> Result<Option<&Authority>, Rejection> {
    match (head.uri.scheme(), head.uri.authority()) {
        (None, None) => Ok(None),
        (Some(scheme), Some(authority)) if *scheme == Scheme::HTTP || *scheme == Scheme::HTTPS => {
            Ok(Some(authority))
        }
        _ => Err(refuse(400, "the request target is not a path")),
    }
}

/// RFC 9112 §3.2: exactly one valid Host, and the same one as in an absolute target, or in `:authority`.
fn check_host(
    headers: &HeaderMap,
    absolute: Option<&Authority>,
    version: Version,
) -> Result<Option<HeaderValue>, Rejection> {
    let mut lines = headers.get_all(HOST).iter();
    let host = match (lines.next(), lines.next()) {
        (Some(host), None) => host,
        (Some(_), Some(_)) => return Err(refuse(400, "more than one Host header")),
        (None, _) if version == Version::HTTP_10 => return absolute.map(host_of).transpose(),
        // RFC 9113 §8.3.1: `:authority` is what HTTP/1.1 says in Host.
        (None, _) if version == Version::HTTP_2 && absolute.is_some() => {
            return absolute.map(host_of).transpose();
        }
        (None, _) => return Err(refuse(400, "the Host header is missing")),
    };
    let text = host
        .to_str()
        .map_err(|_| refuse(400, "the Host header is not ASCII"))?;
    check_authority(text)?;
    if absolute.is_some_and(|a| !a.as_str().eq_ignore_ascii_case(text)) {
        return Err(refuse(
            400,
            "the Host header differs from the authority in the request target",
        ));
    }
    Ok(Some(host.clone()))
}

fn host_of(authority: &Authority) -> Result<HeaderValue, Rejection> {
    check_authority(authority.as_str())?;
    HeaderValue::from_str(authority.as_str())
        .map_err(|_| refuse(400, "the target's authority is not valid"))
}

/// `uri-host [ ":" port ]` (RFC 3986 §3.2.2 and §3.2.3): no user information, no path, no white space, not empty.
fn check_authority(text: &str) -> Result<(), Rejection> {
    let valid = match text.strip_prefix('[') {
        Some(rest) => rest.split_once(']').is_some_and(|(address, port)| {
            address.parse::<std::net::Ipv6Addr>().is_ok()
                && (port.is_empty() || port.strip_prefix(':').is_some_and(is_port))
        }),
        None => match text.split_once(':') {
            Some((name, port)) => is_name(name) && is_port(port),
            None => is_name(text),
        },
    };
    if valid {
        Ok(())
    } else {
        Err(refuse(400, "the Host header is not a host and port"))
    }
}

/// The characters of `reg-name` (RFC 3986 §3.2.2) that names in use have; percent-encoding and sub-delimiters only confuse.
fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 255
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~'))
}

fn is_port(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_digit()) && (text.is_empty() || text.parse::<u16>().is_ok())
}

/// Exactly one line `chunked`, and only in HTTP/1.1 (threats S2, S9). Of Content-Length beside it hyper leaves no trace; it is not used either,
/// and hyper closes the connection afterwards (RFC 9112 §6.1).
fn check_framing(headers: &HeaderMap, version: Version) -> Result<(), Rejection> {
    let mut lines = headers.get_all(TRANSFER_ENCODING).iter();
    match (lines.next(), lines.next()) {
        (None, _) => Ok(()),
        (Some(line), None)
            if version == Version::HTTP_11 && line.as_bytes().eq_ignore_ascii_case(b"chunked") =>
        {
            Ok(())
        }
        _ => Err(refuse(
            400,
            "Transfer-Encoding is something other than one `chunked`",
        )),
    }
}

/// RFC 9110 §10.1.1: the only expectation is `100-continue`.
fn check_expectation(headers: &HeaderMap) -> Result<(), Rejection> {
    let mut lines = headers.get_all(EXPECT).iter();
    match (lines.next(), lines.next()) {
        (None, _) => Ok(()),
        (Some(line), None) if line.as_bytes().eq_ignore_ascii_case(b"100-continue") => Ok(()),
        _ => Err(refuse(417, "the only expectation is `100-continue`")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(method: &str, target: &str, headers: &[(&str, &str)]) -> Parts {
        let mut builder = http::Request::builder().method(method).uri(target);
        for (name, value) in headers {
            builder = builder.header(*name, *value);
        }
        builder.body(()).unwrap().into_parts().0
    }

    fn status(head: &Parts) -> u16 {
        match check(head) {
            Ok(_) => 200,
            Err(Rejection::BadRequest { status, .. }) => status,
            Err(other) => panic!("{other:?}"),
        }
    }

    #[test]
    fn s10_host_is_exactly_one_valid_host_and_port() {
        for good in [
            "a",
            "a.b-c_d",
            "a:80",
            "a:",
            "127.0.0.1:1",
            "[::1]",
            "[::1]:65535",
        ] {
            assert_eq!(status(&head("GET", "/", &[("host", good)])), 200, "{good}");
        }
        for bad in [
            "", "a@b", "a/b", "a b", "a:b", "a:65536", "a:1:2", "[::1", "[x]", "::1", "a,b",
            "a%20b", "a\\b", "a?b", "a#b", ":80",
        ] {
            assert_eq!(status(&head("GET", "/", &[("host", bad)])), 400, "{bad}");
        }
        assert_eq!(status(&head("GET", "/", &[])), 400, "missing");
        let twice = head("GET", "/", &[("host", "a"), ("host", "a")]);
        assert_eq!(status(&twice), 400, "twice");
    }

    #[test]
    fn s10_b10_an_absolute_target_names_the_same_host() {
        assert_eq!(status(&head("GET", "http://b/app", &[("host", "a")])), 400);
        let same = head("GET", "http://A/app?x=1", &[("host", "a")]);
        let target = check(&same).unwrap();
        assert_eq!(target.path_and_query.as_str(), "/app?x=1");
        assert_eq!(
            status(&head("GET", "http://u@a/", &[("host", "u@a")])),
            400,
            "user information"
        );
        assert_eq!(status(&head("GET", "ftp://a/", &[("host", "a")])), 400);
        assert_eq!(status(&head("GET", "a:80", &[("host", "a")])), 400);
    }

    #[test]
    fn h04_the_authority_of_http_2_is_the_host_and_another_host_beside_it_is_refused() {
        let of = |target: &str, headers: &[(&str, &str)]| {
            let mut new = head("GET", target, headers);
            new.version = Version::HTTP_2;
            check(&new).map(|t| t.host.unwrap().to_str().unwrap().to_owned())
        };
        assert_eq!(of("http://a:80/", &[]).unwrap(), "a:80");
        assert_eq!(of("http://a/", &[("host", "A")]).unwrap(), "A");
        assert_eq!(of("/", &[("host", "a")]).unwrap(), "a");
        for (target, headers) in [
            ("http://a/", &[("host", "b")][..]),
            ("http://a/", &[("host", "a"), ("host", "a")]),
            ("http://u@a/", &[]),
            ("/", &[]),
            ("ftp://a/", &[]),
        ] {
            assert!(of(target, headers).is_err(), "{target} {headers:?}");
        }
    }

    #[test]
    fn h04_a_target_without_a_path_is_refused() {
        let mut none = head("GET", "/", &[("host", "a")]);
        none.uri = http::Uri::from_parts(http::uri::Parts::default()).unwrap();
        assert_eq!(status(&none), 400);
        let mut query = http::uri::Parts::default();
        query.path_and_query = Some(PathAndQuery::from_static("?x"));
        none.uri = http::Uri::from_parts(query).unwrap();
        assert_eq!(status(&none), 400);
    }

    #[test]
    fn an_http_1_0_request_may_lack_a_host() {
        let mut old = head("GET", "/", &[]);
        old.version = Version::HTTP_10;
        assert_eq!(check(&old).unwrap().host, None);
        let mut absolute = head("GET", "http://a/", &[]);
        absolute.version = Version::HTTP_10;
        assert_eq!(check(&absolute).unwrap().host.unwrap(), "a");
    }

    #[test]
    fn s02_transfer_encoding_is_one_chunked_or_the_request_is_refused() {
        let ok = head(
            "POST",
            "/",
            &[("host", "a"), ("transfer-encoding", "Chunked")],
        );
        assert_eq!(status(&ok), 200);
        for bad in [
            "gzip, chunked",
            "chunked, chunked",
            "identity",
            "xchunked",
            ",chunked",
            "chunked,",
            "",
        ] {
            let bad_head = head("POST", "/", &[("host", "a"), ("transfer-encoding", bad)]);
            assert_eq!(status(&bad_head), 400, "{bad}");
        }
        let two = head(
            "POST",
            "/",
            &[
                ("host", "a"),
                ("transfer-encoding", "identity"),
                ("transfer-encoding", "chunked"),
            ],
        );
        assert_eq!(status(&two), 400);
        let mut old = head(
            "POST",
            "/",
            &[("host", "a"), ("transfer-encoding", "chunked")],
        );
        old.version = Version::HTTP_10;
        assert_eq!(status(&old), 400, "s09");
    }

    #[test]
    fn s05_only_100_continue_can_be_expected() {
        assert_eq!(
            status(&head(
                "POST",
                "/",
                &[("host", "a"), ("expect", "100-Continue")]
            )),
            200
        );
        for bad in ["y 100-continue", "200-ok", ""] {
            assert_eq!(
                status(&head("POST", "/", &[("host", "a"), ("expect", bad)])),
                417,
                "{bad}"
            );
        }
    }

    #[test]
    fn p07_s11_trace_and_connect_are_not_offered() {
        assert_eq!(status(&head("TRACE", "/", &[("host", "a")])), 405);
        assert_eq!(status(&head("CONNECT", "a:443", &[("host", "a:443")])), 405);
    }

    #[test]
    fn d03_a_target_over_8_kib_is_a_414() {
        let exact = format!("/{}", "a".repeat(MAX_TARGET - 1));
        assert_eq!(status(&head("GET", &exact, &[("host", "a")])), 200);
        let over = format!("{exact}a");
        assert_eq!(status(&head("GET", &over, &[("host", "a")])), 414);
    }

    #[test]
    fn s15_the_asterisk_is_for_options() {
        assert_eq!(status(&head("OPTIONS", "*", &[("host", "a")])), 200);
        assert_eq!(status(&head("GET", "*", &[("host", "a")])), 400);
    }
}
