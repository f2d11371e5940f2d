//! What of an answer is the connection's and not the client's.

use http::header::{
    AUTHORIZATION, CACHE_CONTROL, CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE,
    CONTENT_TYPE, HOST, MAX_FORWARDS, SET_COOKIE, TE, TRAILER, TRANSFER_ENCODING, UPGRADE,
};
use http::{HeaderMap, HeaderName};

use crate::identity::remove_where;

/// RFC 9110 §7.6.1, with what `Connection` names. `Trailer` stays: the response's trailers pass.
pub(super) fn strip_hop_by_hop(headers: &mut HeaderMap) {
    if !headers.keys().any(is_hop_by_hop) {
        return;
    }
    for name in nominated(headers) {
        headers.remove(name);
    }
    remove_where(headers, is_hop_by_hop);
}

fn is_hop_by_hop(name: &HeaderName) -> bool {
    matches!(*name, CONNECTION | TRANSFER_ENCODING | TE | UPGRADE)
        || *name == KEEP_ALIVE
        || *name == PROXY_CONNECTION
}
static KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
static PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");

/// The header names in all `Connection` lines, but `keep-alive`, which is in nearly every answer and goes in any case.
fn nominated(headers: &HeaderMap) -> Vec<HeaderName> {
    headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.as_bytes().split(|byte| *byte == b','))
        .map(<[u8]>::trim_ascii)
        .filter(|name| !name.eq_ignore_ascii_case(b"keep-alive"))
        .filter_map(|name| HeaderName::from_bytes(name).ok())
        .collect()
}

/// An answer's trailers without what must not come behind a body (RFC 9110 §6.5.1): framing, routing, credentials, how to read the content. What hyper
/// leaves out for a client of HTTP/1.1 is left out for one of HTTP/2 too, whose library would break the answer off at some of them.
pub(super) fn without_framing(mut trailers: HeaderMap) -> HeaderMap {
    strip_hop_by_hop(&mut trailers);
    remove_where(&mut trailers, |name| {
        matches!(
            *name,
            AUTHORIZATION
                | CACHE_CONTROL
                | CONTENT_ENCODING
                | CONTENT_LENGTH
                | CONTENT_RANGE
                | CONTENT_TYPE
                | HOST
                | MAX_FORWARDS
                | SET_COOKIE
                | TRAILER
        )
    });
    trailers
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::*;

    const HOP_BY_HOP: [&str; 6] = [
        "connection",
        "transfer-encoding",
        "te",
        "upgrade",
        "keep-alive",
        "proxy-connection",
    ];
    const NOT_BEHIND_A_BODY: [&str; 10] = [
        "authorization",
        "cache-control",
        "content-encoding",
        "content-length",
        "content-range",
        "content-type",
        "host",
        "max-forwards",
        "set-cookie",
        "trailer",
    ];

    fn name() -> impl Strategy<Value = String> {
        prop_oneof![
            select(&HOP_BY_HOP[..]).prop_map(str::to_owned),
            select(&NOT_BEHIND_A_BODY[..]).prop_map(str::to_owned),
            select(
                &[
                    "close",
                    "x-a",
                    "x-b",
                    "keep_alive",
                    "etag",
                    "http2-settings"
                ][..]
            )
            .prop_map(str::to_owned),
            "[a-c-]{1,3}",
        ]
    }

    fn options() -> impl Strategy<Value = String> {
        let option = prop_oneof![
            4 => name(),
            1 => Just("Keep-Alive".to_owned()),
            1 => Just("X-A".to_owned()),
            1 => "[ -~]{0,3}",
            1 => Just("\u{e9}".to_owned()),
        ];
        proptest::collection::vec(option, 0..4).prop_map(|options| options.join(" , "))
    }

    /// Name and value of each line that is left, by the definition: one question after the other about one line after the other.
    fn plainly_left(lines: &[(String, String)], and: &[&str]) -> Vec<(String, String)> {
        let named: Vec<String> = lines
            .iter()
            .filter(|(name, value)| name == "connection" && value.is_ascii())
            .flat_map(|(_, value)| value.split(','))
            .map(|option| option.trim().to_ascii_lowercase())
            .collect();
        let left = lines.iter().filter(|(name, _)| {
            !HOP_BY_HOP.contains(&name.as_str())
                && !named.contains(name)
                && !and.contains(&name.as_str())
        });
        sorted(left.cloned())
    }

    fn sorted(lines: impl Iterator<Item = (String, String)>) -> Vec<(String, String)> {
        let mut lines: Vec<_> = lines.collect();
        lines.sort();
        lines
    }

    fn map(lines: &[(String, String)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in lines {
            map.append(
                HeaderName::try_from(name).unwrap(),
                HeaderValue::from_bytes(value.as_bytes()).unwrap(),
            );
        }
        map
    }

    fn lines_of(map: &HeaderMap) -> Vec<(String, String)> {
        sorted(map.iter().map(|(name, value)| {
            let value = String::from_utf8(value.as_bytes().to_vec()).unwrap();
            (name.to_string(), value)
        }))
    }

    proptest! {
        #[test]
        fn h05_what_is_left_of_an_answer_is_what_the_definition_leaves(
            lines in proptest::collection::vec((name(), "[a-z]?"), 0..12),
            connection in proptest::collection::vec(options(), 0..3),
        ) {
            let mut lines = lines;
            lines.extend(connection.into_iter().map(|line| ("connection".to_owned(), line)));
            let mut head = map(&lines);
            strip_hop_by_hop(&mut head);
            prop_assert_eq!(lines_of(&head), plainly_left(&lines, &[]));
            let trailers = without_framing(map(&lines));
            prop_assert_eq!(lines_of(&trailers), plainly_left(&lines, &NOT_BEHIND_A_BODY));
        }
    }
}
