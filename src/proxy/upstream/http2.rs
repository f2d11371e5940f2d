//! One request over HTTP/2 (RFC 9113). What the application is known not to have looked at can be sent again, and only that.

use h2::Reason;
use http::header::{CONNECTION, CONTENT_LENGTH, HOST, TE, TRANSFER_ENCODING};
use http::request::Parts;
use http::uri::{Authority, Scheme};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri, Version};
use tokio::time::Instant;

use super::answer::{AnswerBody, Http2Answer};
use super::multiplexed::Lease;
use super::upload::Upload;
use super::{Answered, Broken, Failure, TakesTrailers, in_time};
use crate::proxy::request_body::RequestBody;
use crate::proxy::timer::Timer;
use crate::proxy::{Transport, UpstreamSettings};

/// Sends `request` and waits for the head of its answer. Dropping the future, or the answer, resets the stream; the connection stays.
pub(super) async fn exchange(
    lease: Lease,
    request: Request<RequestBody>,
    settings: &UpstreamSettings,
) -> Result<Answered, Broken> {
    let scheme = match settings.transport {
        Transport::Tls(_) => Scheme::HTTPS,
        Transport::Tcp | Transport::Unix(_) => Scheme::HTTP,
    };
    let (head, body) = request.into_parts();
    let Some(written) = write(&head, &scheme) else {
        let why = "the request's host cannot be written for HTTP/2".to_owned();
        return Err(Broken::Failed(Failure::Reset(why)));
    };
    let is_empty = body.is_empty();
    let (answer, stream) = match lease.sender().send_request(written, is_empty) {
        Ok(opened) => opened,
        // The connection's end was known, or the head cannot be sent: nothing was.
        Err(error) if error.is_io() || error.is_go_away() => {
            let request = Request::from_parts(head, body);
            return Err(Broken::NotSent(Box::new(request), describe(&lease, &error)));
        }
        Err(error) => return Err(Broken::Failed(Failure::Reset(describe(&lease, &error)))),
    };
    let sent = Instant::now();
    let progress = body.progress();
    let upload = (!is_empty).then(|| Upload::start(body, stream));
    let (limit, mut timer) = (settings.response_timeout, Timer::default());
    let answered = in_time(answer, &mut timer, progress.as_deref(), sent, limit).await;
    let Some(answered) = answered else {
        return Err(Broken::Failed(Failure::Timeout));
    };
    let error = match answered {
        // The answer keeps its part of the connection by itself.
        Ok(response) => return Ok((accept(response, &head.method, lease, upload)?, None)),
        Err(error) => error,
    };
    if let Some(fault) = progress.and_then(|p| p.fault.get()) {
        return Err(Broken::Failed(Failure::Client(fault)));
    }
    let untouched = match upload {
        None => Some(RequestBody::empty()),
        Some(upload) => upload.take_back(),
    };
    let why = describe(&lease, &error);
    Err(match untouched {
        Some(body) if was_not_processed(&error) => {
            Broken::Refused(Box::new(Request::from_parts(head, body)), why)
        }
        _ if error.is_io() => Broken::Silent(Failure::Reset(why)),
        _ => Broken::Failed(Failure::Reset(why)),
    })
}

/// RFC 9113 §8.7: a stream that was refused, or is above the last one of a GOAWAY, was not processed in any way.
fn was_not_processed(error: &h2::Error) -> bool {
    let refused = error.is_reset() && error.reason() == Some(Reason::REFUSED_STREAM);
    error.is_remote() && (refused || error.is_go_away())
}

/// The head with its pseudo-headers (RFC 9113 §8.3.1); `Host` becomes `:authority`.
fn write(head: &Parts, scheme: &Scheme) -> Option<Request<()>> {
    let mut headers = head.headers.clone();
    let host = headers.remove(HOST)?;
    // RFC 9113 §8.2.2: of a connection.
    headers.remove(TRANSFER_ENCODING);
    headers.remove(CONNECTION);
    if head.extensions.get::<TakesTrailers>().is_some() {
        headers.insert(TE, HeaderValue::from_static("trailers"));
    }
    let mut uri = http::uri::Parts::default();
    uri.scheme = Some(scheme.clone());
    uri.authority = Some(Authority::try_from(host.as_bytes()).ok()?);
    uri.path_and_query = head.uri.path_and_query().cloned();
    let mut request = Request::new(());
    *request.method_mut() = head.method.clone();
    *request.uri_mut() = Uri::from_parts(uri).ok()?;
    *request.version_mut() = Version::HTTP_2;
    *request.headers_mut() = headers;
    Some(request)
}

fn accept(
    response: Response<h2::RecvStream>,
    method: &Method,
    lease: Lease,
    upload: Option<Upload>,
) -> Result<Response<AnswerBody>, Broken> {
    lease.delivered();
    let (head, stream) = response.into_parts();
    let Ok(length) = length(&head.headers) else {
        return Err(Broken::Failed(Failure::Reset(
            "the application's answer has two lengths".to_owned(),
        )));
    };
    let has_body = *method != Method::HEAD
        && head.status != StatusCode::NO_CONTENT
        && head.status != StatusCode::NOT_MODIFIED;
    let length = length.filter(|_| has_body);
    let body = Http2Answer::new(stream, length, lease, upload, !has_body);
    Ok(Response::from_parts(head, AnswerBody::Http2(body)))
}

/// The one length that every line tells (threat S14). h2 looks at the first line only, and holds the body to it.
fn length(headers: &HeaderMap) -> Result<Option<u64>, ()> {
    let mut lines = headers.get_all(CONTENT_LENGTH).iter();
    let Some(first) = lines.next() else {
        return Ok(None);
    };
    let is_number = !first.is_empty() && first.as_bytes().iter().all(u8::is_ascii_digit);
    if !is_number || lines.any(|line| line != first) {
        return Err(());
    }
    let length = first.to_str().ok().and_then(|text| text.parse().ok());
    length.map(Some).ok_or(())
}

/// For the log. What the application says in its own words is left out.
fn describe(lease: &Lease, error: &h2::Error) -> String {
    if lease.is_silent() {
        return "the application's connection is dead: a ping was not answered".to_owned();
    }
    match error.reason() {
        Some(reason) if error.is_library() => format!(
            "the application does not keep to HTTP/2 ({reason}); does it speak HTTP/2 here?"
        ),
        Some(reason) if error.is_go_away() => {
            format!("the application ended the connection (GOAWAY): {reason}")
        }
        Some(reason) if reason == Reason::REFUSED_STREAM => {
            "the application refused the request (REFUSED_STREAM)".to_owned()
        }
        Some(reason) => format!("the application reset the stream: {reason}"),
        None => format!("the application closed the connection: {error}"),
    }
}
