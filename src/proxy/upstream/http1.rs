//! One request over HTTP/1.1 (RFC 9112).

use std::time::Duration;

use http::Request;
use hyper::client::conn::TrySendError;
use tokio::time::Instant;

use super::answer::AnswerBody;
use super::channels::Channel;
use super::pool::Connection;
use super::{Answered, Broken, Failure, in_time, tls};
use crate::proxy::request_body::{BodyProgress, RequestBody};

/// Sends `request` on a connection of its own, now, and waits for the head of the answer.
pub(super) fn exchange(
    mut connection: Connection,
    request: Request<RequestBody>,
    now: Instant,
    response_timeout: Duration,
) -> impl Future<Output = Result<Answered, Broken>> {
    connection.received.clear();
    let progress = request.body().progress();
    // Not in the future: the request is with hyper before the waiting begins, and needs no room in it.
    let answer = connection.sender.try_send_request(request);
    async move {
        let timer = &mut connection.timer;
        match in_time(answer, timer, progress.as_deref(), now, response_timeout).await {
            None => Err(Broken::Failed(Failure::Timeout)),
            Some(Ok(response)) => {
                let channel = Channel::Exclusive(connection);
                Ok((response.map(AnswerBody::Http1), Some(channel)))
            }
            Some(Err(error)) => Err(broken(error, progress.as_deref(), &connection)),
        }
    }
}

/// What is known of a request that got no answer.
fn broken(
    mut error: TrySendError<Request<RequestBody>>,
    progress: Option<&BodyProgress>,
    connection: &Connection,
) -> Broken {
    if let Some(fault) = progress.and_then(|p| p.fault.get()) {
        return Broken::Failed(Failure::Client(fault));
    }
    if let Some(unsent) = error.take_message() {
        let why = "the application closed the connection at once".to_owned();
        return Broken::NotSent(Box::new(unsent), why);
    }
    let failure = Failure::Reset(why(&error.into_error()));
    if connection.received.get() {
        Broken::Failed(failure)
    } else {
        Broken::Silent(failure)
    }
}

/// An error with its causes, on one line. In TLS 1.3 an application that misses the gate's certificate says so behind the handshake only.
fn why(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut advice = None;
    let mut cause = error.source();
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        let io = inner.downcast_ref::<std::io::Error>();
        advice = advice.or_else(|| io.and_then(tls::advice));
        cause = inner.source();
    }
    if let Some(advice) = advice {
        text.push_str("; ");
        text.push_str(advice);
    }
    text
}
