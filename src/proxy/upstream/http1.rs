//! One request over HTTP/1.1 (RFC 9112).

use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use tokio::time::Instant;

use super::pool::Connection;
use super::{Broken, Failure, in_time, tls};
use crate::proxy::request_body::RequestBody;

/// Sends `request` on a connection of its own and waits for the head of the answer.
pub(super) async fn exchange(
    mut connection: Connection,
    request: Request<RequestBody>,
    response_timeout: Duration,
) -> Result<(Response<Incoming>, Connection), Broken> {
    connection.received.clear();
    let sent = Instant::now();
    let progress = request.body().progress();
    let answer = connection.sender.try_send_request(request);
    let Some(answered) = in_time(answer, progress.as_deref(), sent, response_timeout).await else {
        return Err(Broken::Failed(Failure::Timeout));
    };
    let mut error = match answered {
        Ok(response) => return Ok((response, connection)),
        Err(error) => error,
    };
    if let Some(fault) = progress.and_then(|p| p.fault.get()) {
        return Err(Broken::Failed(Failure::Client(fault)));
    }
    if let Some(unsent) = error.take_message() {
        let why = "the application closed the connection at once".to_owned();
        return Err(Broken::NotSent(Box::new(unsent), why));
    }
    let failure = Failure::Reset(why(&error.into_error()));
    if connection.received.get() {
        Err(Broken::Failed(failure))
    } else {
        Err(Broken::Silent(failure))
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
