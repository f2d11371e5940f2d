//! gRPC's own words for the gate's answers: a client of it reads no HTTP status but `grpc-status`, in a response of trailers only
//! (gRPC over HTTP2, "Responses": <https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md>).

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, Version};

const STATUS: HeaderName = HeaderName::from_static("grpc-status");
const MESSAGE: HeaderName = HeaderName::from_static("grpc-message");
/// gRFC A6: when a client with a retry policy tries again, in milliseconds.
const PUSHBACK: HeaderName = HeaderName::from_static("grpc-retry-pushback-ms");

/// Whether the request is a gRPC call: a `POST` over HTTP/2, with a content type that says so. gRPC-Web (`application/grpc-web`) is ordinary HTTP,
/// and so is a `GET`, whose refusal with status 200 a cache would give to others.
pub(super) fn is_call(head: &Parts) -> bool {
    head.version == Version::HTTP_2 && head.method == Method::POST && is_grpc(&head.headers)
}

/// `application/grpc`, alone or with `+proto` and the like.
fn is_grpc(headers: &HeaderMap) -> bool {
    const KIND: &[u8] = b"application/grpc";
    let Some(value) = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes) else {
        return false;
    };
    value
        .split_at_checked(KIND.len())
        .is_some_and(|(kind, rest)| {
            kind.eq_ignore_ascii_case(KIND)
                && matches!(rest.first(), None | Some(b'+' | b';' | b' '))
        })
}

/// The same answer as gRPC says it. What clients read of HTTP (the challenge, when to come again) stays.
pub(super) fn trailers_only(
    response: Response<Bytes>,
    reason: Option<&'static str>,
    detail: &str,
) -> Response<Bytes> {
    let (mut head, _) = response.into_parts();
    let status = status_for(head.status);
    head.status = StatusCode::OK;
    let headers = &mut head.headers;
    headers.remove(CACHE_CONTROL);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    headers.insert(STATUS, HeaderValue::from(status));
    let message = reason.map_or_else(|| detail.to_owned(), |reason| format!("{reason}: {detail}"));
    if let Ok(message) = HeaderValue::try_from(percent_encoded(&message)) {
        headers.insert(MESSAGE, message);
    }
    let seconds = headers
        .get(RETRY_AFTER)
        .and_then(|after| after.to_str().ok()?.parse::<u64>().ok());
    if let Some(seconds) = seconds {
        headers.insert(PUSHBACK, HeaderValue::from(seconds.saturating_mul(1000)));
    }
    Response::from_parts(head, Bytes::new())
}

/// What a client would make of the HTTP status by itself (gRPC's http-grpc-status-mapping.md), so that both ways to the same code agree; and for a head
/// that is too large what gRPC's own servers say (RESOURCE_EXHAUSTED).
fn status_for(status: StatusCode) -> u16 {
    const UNKNOWN: u16 = 2;
    const PERMISSION_DENIED: u16 = 7;
    const RESOURCE_EXHAUSTED: u16 = 8;
    const INTERNAL: u16 = 13;
    const UNAVAILABLE: u16 = 14;
    const UNAUTHENTICATED: u16 = 16;
    match status.as_u16() {
        401 => UNAUTHENTICATED,
        403 => PERMISSION_DENIED,
        414 | 431 => RESOURCE_EXHAUSTED,
        400 | 500 => INTERNAL,
        429 | 502 | 503 | 504 => UNAVAILABLE,
        _ => UNKNOWN,
    }
}

/// "Status-Message": space to tilde as they are, but for `%`.
fn percent_encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'%' | ..b' ' | 0x7f.. => encoded.push_str(&format!("%{byte:02X}")),
            _ => encoded.push(char::from(byte)),
        }
    }
    encoded
}

/// `grpc-status` in an answer's trailers, or in its head when it has nothing else.
pub(super) fn status_of(headers: &HeaderMap) -> Option<u32> {
    headers.get(STATUS)?.to_str().ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(version: Version, kind: &str) -> bool {
        call_by(Method::POST, version, kind)
    }

    fn call_by(method: Method, version: Version, kind: &str) -> bool {
        let request = http::Request::builder()
            .method(method)
            .version(version)
            .header("content-type", kind);
        is_call(&request.body(()).unwrap().into_parts().0)
    }

    #[test]
    fn a_call_is_http_2_with_grpcs_content_type() {
        for kind in [
            "application/grpc",
            "application/grpc+proto",
            "Application/gRPC;x=y",
        ] {
            assert!(call(Version::HTTP_2, kind), "{kind}");
            assert!(!call(Version::HTTP_11, kind), "{kind}");
        }
        for kind in [
            "application/grpc-web",
            "application/grpc-web+proto",
            "application/grpcx",
            "application/json",
            "",
        ] {
            assert!(!call(Version::HTTP_2, kind), "{kind}");
        }
    }

    #[test]
    fn what_a_cache_may_keep_is_no_call() {
        for method in [Method::GET, Method::HEAD, Method::OPTIONS] {
            assert!(!call_by(method, Version::HTTP_2, "application/grpc"));
        }
    }

    #[test]
    fn statuses_are_those_that_grpc_maps_http_to() {
        let of = |status: u16| status_for(StatusCode::from_u16(status).unwrap());
        assert_eq!([401, 403, 400, 500].map(of), [16, 7, 13, 13]);
        assert_eq!([502, 503, 504].map(of), [14; 3]);
        assert_eq!([414, 431].map(of), [8; 2]);
        assert_eq!([405, 408, 417].map(of), [2; 3]);
    }

    #[test]
    fn a_message_is_printable_ascii() {
        assert_eq!(percent_encoded("a b~ 100%\r\né"), "a b~ 100%25%0D%0A%C3%A9");
    }

    #[test]
    fn when_to_come_again_is_said_in_both_languages() {
        let unavailable = Response::builder().status(503).header("retry-after", "7");
        let answer = trailers_only(
            unavailable.body(Bytes::from("x")).unwrap(),
            Some("keys_unavailable"),
            "later",
        );
        assert_eq!(answer.status(), 200);
        assert_eq!(status_of(answer.headers()), Some(14));
        assert_eq!(answer.headers()["grpc-message"], "keys_unavailable: later");
        assert_eq!(answer.headers()["grpc-retry-pushback-ms"], "7000");
        assert!(answer.body().is_empty());
    }
}
