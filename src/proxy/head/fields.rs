//! The fields of an HTTP/2 head, as HTTP/1.1 would have them: what h2 leaves unchecked is checked, cookies are one line. Pure.

use http::header::COOKIE;
use http::request::Parts;
use http::{HeaderMap, HeaderValue};

use crate::verify::Rejection;

/// Lines of a head. For HTTP/1.1 it is hyper's own limit.
const MAX_LINES: usize = 100;
/// What a line of HTTP/1.1 has beside name and value: colon, space, CR LF.
const BESIDE: usize = 4;

/// Brings the head into the form that everything after it expects, within the limits of HTTP/1.1: `max_head` bytes, 100 headers.
///
/// # Errors
/// 431 over a limit; 400 for a value that RFC 9113 §8.2.1 does not allow.
pub(in crate::proxy) fn tidy(head: &mut Parts, max_head: usize) -> Result<(), Rejection> {
    if size(head) > max_head {
        return Err(refuse(
            431,
            format!("the head of the request is larger than {max_head} bytes"),
        ));
    }
    if head.headers.values().any(has_white_edge) {
        return Err(refuse(
            400,
            "a header value begins or ends with white space",
        ));
    }
    join_cookies(&mut head.headers)?;
    if head.headers.len() > MAX_LINES {
        return Err(refuse(
            431,
            format!("the request has more than {MAX_LINES} headers"),
        ));
    }
    Ok(())
}

/// As HTTP/1.1 would write it.
fn size(head: &Parts) -> usize {
    let line = |name: usize, value: usize| name.saturating_add(value).saturating_add(BESIDE);
    let target = head.uri.path_and_query().map_or(0, |p| p.as_str().len());
    let authority = head.uri.authority().map_or(0, |a| a.as_str().len());
    head.headers
        .iter()
        .map(|(name, value)| line(name.as_str().len(), value.len()))
        .fold(
            line(head.method.as_str().len(), target).saturating_add(authority),
            usize::saturating_add,
        )
}

/// RFC 9113 §8.2.1. Who forwards it in HTTP/1.1 would take it away, so that two readers saw two values.
fn has_white_edge(value: &HeaderValue) -> bool {
    let white = |byte: Option<&u8>| matches!(byte, Some(b' ' | b'\t'));
    white(value.as_bytes().first()) || white(value.as_bytes().last())
}

/// RFC 9113 §8.2.3: cookies may come in several lines, and are one line for HTTP/1.1 and for whoever looks for one of them.
fn join_cookies(headers: &mut HeaderMap) -> Result<(), Rejection> {
    let mut lines = headers.get_all(COOKIE).iter().map(HeaderValue::as_bytes);
    let (Some(first), Some(second)) = (lines.next(), lines.next()) else {
        return Ok(());
    };
    let mut joined = first.to_vec();
    for line in std::iter::once(second).chain(lines) {
        joined.extend_from_slice(b"; ");
        joined.extend_from_slice(line);
    }
    let joined =
        HeaderValue::try_from(joined).map_err(|_| refuse(400, "the cookies are not valid"))?;
    headers.insert(COOKIE, joined);
    Ok(())
}

fn refuse(status: u16, why: impl Into<String>) -> Rejection {
    Rejection::BadRequest {
        status,
        why: why.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tidied(lines: &[(&str, &str)], max_head: usize) -> Result<Vec<(String, String)>, u16> {
        let mut builder = http::Request::builder().uri("http://a/path");
        for (name, value) in lines {
            builder = builder.header(*name, *value);
        }
        let (mut head, ()) = builder.body(()).unwrap().into_parts();
        tidy(&mut head, max_head).map_err(|r| r.status())?;
        let line = |(name, value): (&http::HeaderName, &HeaderValue)| {
            (name.to_string(), value.to_str().unwrap().to_owned())
        };
        Ok(head.headers.iter().map(line).collect())
    }

    #[test]
    fn h04_cookies_of_several_lines_are_one() {
        let crumbs = [
            ("cookie", "a=1"),
            ("x-y", "z"),
            ("cookie", "b=2; c=3"),
            ("cookie", ""),
        ];
        let wanted = [("cookie", "a=1; b=2; c=3; "), ("x-y", "z")];
        let wanted = wanted.map(|(n, v)| (n.to_owned(), v.to_owned()));
        assert_eq!(tidied(&crumbs, 1000).unwrap(), wanted);
    }

    #[test]
    fn h04_a_value_with_white_space_at_its_edge_is_refused() {
        for bad in [" a", "a ", "\ta", "a\t", " "] {
            assert_eq!(tidied(&[("x-y", bad)], 1000), Err(400), "{bad:?}");
        }
        assert!(tidied(&[("x-y", "a b"), ("x-z", "")], 1000).is_ok());
    }

    #[test]
    fn d03_d05_a_head_has_the_limits_of_http_1() {
        // `GET /path` and its end, the authority, and one line.
        let size = 3 + 5 + 4 + 1 + (3 + 10 + 4);
        let line = [("x-y", "0123456789")];
        assert!(tidied(&line, size).is_ok());
        assert_eq!(tidied(&line, size - 1), Err(431));

        let mut lines = vec![("x-y", "z"); MAX_LINES];
        assert!(tidied(&lines, 10_000).is_ok());
        lines.push(("x-y", "z"));
        assert_eq!(tidied(&lines, 10_000), Err(431));
        let crumbs = vec![("cookie", "a=1"); 500];
        assert!(tidied(&crumbs, 10_000).is_ok(), "cookies are one line");
    }
}
