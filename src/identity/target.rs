//! Header names that a claim must never be written to.

use http::HeaderName;

use super::fold::fold;

/// Why `name` must not be mapped onto; none when it may.
pub(super) fn forbidden(name: &HeaderName) -> Option<&'static str> {
    let folded = fold(name.as_str());
    let is = |own: &&str| match own.strip_suffix('*') {
        Some(prefix) => folded.starts_with(prefix.as_bytes()),
        None => folded == own.as_bytes(),
    };
    FORBIDDEN_TARGETS
        .iter()
        .find(|(names, _)| names.iter().any(is))
        .map(|(_, why)| *why)
}

/// Folded names that a claim must not be written to; `*` at the end: every name that begins so. Closed on the side of refusing: nothing that a
/// server, a cache or the gate itself reads as its own.
const FORBIDDEN_TARGETS: [(&[&str], &str); 5] = [
    (
        &[
            "host",
            "connection",
            "keep_alive",
            "proxy_connection",
            "te",
            "trailer",
            "transfer_encoding",
            "upgrade",
            "http2_settings",
            "expect",
            "content_*",
            "max_forwards",
            "via",
        ],
        "it is part of the message's framing or its way",
    ),
    (
        &[
            "authorization",
            "proxy_authorization",
            "cookie",
            "cookie2",
            "set_cookie*",
            "www_authenticate",
            "proxy_authenticate",
            "authentication_info",
            "proxy_authentication_info",
        ],
        "it carries credentials",
    ),
    (
        &[
            "forwarded",
            "x_forwarded_for",
            "x_forwarded_proto",
            "x_forwarded_host",
        ],
        "the gate sets it from the connection",
    ),
    (
        &[
            "proxy",
            "x_http_method*",
            "x_method_override",
            "x_original_url",
            "x_original_uri",
            "x_rewrite_url",
        ],
        "applications take it for another request than the one that was judged",
    ),
    (
        &[
            "accept",
            "accept_*",
            "access_control_*",
            "age",
            "allow",
            "alt_svc",
            "cache_control",
            "clear_site_data",
            "date",
            "early_data",
            "etag",
            "expires",
            "from",
            "if_*",
            "last_modified",
            "link",
            "location",
            "origin",
            "pragma",
            "prefer",
            "priority",
            "range",
            "referer",
            "retry_after",
            "sec_*",
            "server",
            "strict_transport_security",
            "user_agent",
            "vary",
            "warning",
        ],
        "HTTP itself gives it a meaning",
    ),
];

#[cfg(test)]
mod tests {
    use http::HeaderName;

    use super::super::mapping::DEFAULT_NAMES;

    #[test]
    fn names_that_http_uses_cannot_be_mapped_onto() {
        let forbidden = |name: &str| {
            super::forbidden(&HeaderName::from_bytes(name.as_bytes()).unwrap()).is_some()
        };
        for name in [
            "Host",
            "Cookie",
            "Set-Cookie",
            "Authorization",
            "Content-Length",
            "Content-Anything",
            "content_length",
            "Connection",
            "TE",
            "Transfer-Encoding",
            "Upgrade",
            "Expect",
            "Range",
            "Date",
            "Accept",
            "Accept-Language",
            "If-Match",
            "X-Forwarded-For",
            "Proxy",
            "Proxy-Authorization",
            "X-HTTP-Method-Override",
            "Sec-Fetch-Site",
        ] {
            assert!(forbidden(name), "{name}");
        }
        for name in [
            "X-Auth-Subject",
            "Remote-User",
            "X-Forwarded-User",
            "X-SSL-Client-S-DN",
            "Contentment",
            "Hosting",
            "User",
        ] {
            assert!(!forbidden(name), "{name}");
        }
        for name in DEFAULT_NAMES {
            assert!(!forbidden(name), "{name}");
        }
    }
}
