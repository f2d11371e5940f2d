//! The only builder of the gate's own answers: `application/problem+json` (RFC 9457), or a gRPC status, with the RFC 6750 challenge.

use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, Response, StatusCode};

use super::grpc;
use super::upstream::Failure;
use crate::verify::{Reason, Rejection};

/// What a 405 says is offered: everything but TRACE and CONNECT.
const ALLOWED_METHODS: HeaderValue =
    HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");

/// In which words the client is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Words {
    Http,
    /// The request is a gRPC call.
    Grpc,
}

/// The answer to a refused request. After a request that was not acceptable the connection closes: what follows on it cannot be trusted.
pub(super) fn refusal(rejection: &Rejection, words: Words) -> Response<Bytes> {
    let status = StatusCode::from_u16(rejection.status()).unwrap_or(StatusCode::BAD_REQUEST);
    let (reason, detail) = (Some(rejection.reason()), rejection.client_detail());
    let mut response = problem(status, reason, &detail);
    let headers = response.headers_mut();
    if let Some(challenge) = rejection.challenge()
        && let Ok(value) = HeaderValue::try_from(challenge)
    {
        headers.insert(WWW_AUTHENTICATE, value);
    }
    if let Rejection::KeysUnavailable { retry_after } = rejection {
        headers.insert(RETRY_AFTER, HeaderValue::from(*retry_after));
    }
    if status == StatusCode::METHOD_NOT_ALLOWED {
        headers.insert(ALLOW, ALLOWED_METHODS);
    }
    if matches!(rejection, Rejection::BadRequest { .. }) {
        close(&mut response);
    }
    said(response, words, reason, &detail)
}

/// 502 or 504: the application's doing.
pub(super) fn upstream_failure(failure: &Failure, words: Words) -> Response<Bytes> {
    let (status, reason, detail) = match failure {
        Failure::Client(fault) => return refusal(&fault.rejection(), words),
        Failure::Unreachable(_) => (
            StatusCode::BAD_GATEWAY,
            Reason::UpstreamUnreachable,
            "the application cannot be reached",
        ),
        Failure::Reset(_) => (
            StatusCode::BAD_GATEWAY,
            Reason::UpstreamReset,
            "the application closed the connection without a usable answer",
        ),
        Failure::Timeout => (
            StatusCode::GATEWAY_TIMEOUT,
            Reason::UpstreamTimeout,
            "the application did not answer in time",
        ),
    };
    let response = problem(status, Some(reason), detail);
    said(response, words, Some(reason), detail)
}

/// 500: a bug of ours, in one request.
pub(super) fn internal_error(words: Words) -> Response<Bytes> {
    let detail = "the gate failed at this request; its log says where";
    let mut response = problem(StatusCode::INTERNAL_SERVER_ERROR, None, detail);
    close(&mut response);
    said(response, words, None, detail)
}

fn said(
    response: Response<Bytes>,
    words: Words,
    reason: Option<Reason>,
    detail: &str,
) -> Response<Bytes> {
    match words {
        Words::Http => response,
        Words::Grpc => grpc::trailers_only(response, reason.map(Reason::name), detail),
    }
}

/// Tells the client, and hyper, that the connection ends after this answer.
pub(super) fn close<B>(response: &mut Response<B>) {
    response
        .headers_mut()
        .insert(CONNECTION, HeaderValue::from_static("close"));
}

/// RFC 9457 §3. Member by member: who refuses many requests refuses each at little cost.
fn problem_details(status: StatusCode, reason: Option<Reason>, detail: &str) -> Vec<u8> {
    let mut json = Vec::with_capacity(192);
    json.extend_from_slice(br#"{"detail":"#);
    // Writing to a Vec cannot fail.
    let _ = serde_json::to_writer(&mut json, detail);
    json.extend_from_slice(br#","reason":"#);
    let _ = serde_json::to_writer(&mut json, &reason.map(Reason::name));
    json.extend_from_slice(br#","status":"#);
    let _ = serde_json::to_writer(&mut json, &status.as_u16());
    json.extend_from_slice(br#","title":"#);
    let _ = serde_json::to_writer(&mut json, &status.canonical_reason());
    json.push(b'}');
    json
}

fn problem(status: StatusCode, reason: Option<Reason>, detail: &str) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(problem_details(status, reason, detail)));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("application/problem+json"),
    );
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn problem_details_are_json_whatever_the_detail_is() {
        let (status, reason) = (StatusCode::UNAUTHORIZED, Some(Reason::MissingToken));
        for detail in ["no token", "a \"quote\", a \\ and a\nline", "José"] {
            let written = problem_details(status, reason, detail);
            let wanted = serde_json::json!({
                "title": "Unauthorized", "status": 401, "reason": "missing_token", "detail": detail,
            });
            assert_eq!(String::from_utf8(written).unwrap(), wanted.to_string());
        }
        let unnamed = StatusCode::from_u16(599).unwrap();
        let written = problem_details(unnamed, None, "");
        assert_eq!(
            written,
            br#"{"detail":"","reason":null,"status":599,"title":null}"#
        );
    }
}
