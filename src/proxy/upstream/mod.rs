//! One request to the application and its answer. What may be tried twice is decided here, and nowhere else.

pub(in crate::proxy) mod connect;
pub(in crate::proxy) mod pool;

use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use http::header::{CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, TE, TRANSFER_ENCODING, UPGRADE};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Version};
use hyper::body::Incoming;
use tokio::time::Instant;

use self::pool::{Connection, Switched};
use crate::proxy::head::websocket::Handshake;
use crate::proxy::local::Local;
use crate::proxy::outgoing::Outgoing;
use crate::proxy::request_body::{BodyFault, BodyProgress, RequestBody};
use crate::proxy::response_body::Download;
use crate::telemetry::metrics::UpstreamOutcome;

/// Why there is no answer of the application's. The texts are for the log.
#[derive(Debug)]
pub(in crate::proxy) enum Failure {
    Unreachable(String),
    Reset(String),
    Timeout,
    /// The client's own doing, in the middle of its body.
    Client(BodyFault),
}

/// What the application answered.
pub(in crate::proxy) enum Answer {
    Ordinary(Response<Download>),
    /// The upgrade that was asked for: a head for the client, and the application's end of the tunnel.
    Switched(Response<()>, Switched),
}

/// Counts one request to the application, whatever becomes of it.
pub(in crate::proxy) struct Ticket {
    local: Rc<Local>,
    started: Instant,
    pub(in crate::proxy) outcome: UpstreamOutcome,
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let metrics = &self.local.gate.metrics;
        metrics.upstream_finished(self.outcome, self.started.elapsed());
    }
}

/// Sends `outgoing` (which only a permit can make) and waits for the head of the answer. Dropping the future drops the request: its connection
/// closes, and the application sees a message that is not complete.
pub(in crate::proxy) async fn forward(
    local: &Rc<Local>,
    mut outgoing: Outgoing,
) -> Result<Answer, Failure> {
    let mut ticket = Ticket {
        local: Rc::clone(local),
        started: Instant::now(),
        // Until something else is known: whoever drops this future has lost its client.
        outcome: UpstreamOutcome::ClientGone,
    };
    let method = outgoing.head.method.clone();
    let handshake = outgoing.handshake.take();
    let answered = match (send(local, outgoing, handshake.is_some()).await, &handshake) {
        (Ok((response, connection)), Some(handshake)) if switches(&response) => {
            return match switch(response, connection, handshake).await {
                Ok((head, application)) => {
                    // The tunnel's time is not the time that an answer takes.
                    ticket.outcome = UpstreamOutcome::Answered;
                    Ok(Answer::Switched(head, application))
                }
                Err(failure) => {
                    ticket.outcome = UpstreamOutcome::Reset;
                    Err(failure)
                }
            };
        }
        (Ok((response, connection)), _) => readable(response, &method).map(|r| (r, connection)),
        (Err(failure), _) => Err(failure),
    };
    match answered {
        Ok((response, connection)) => {
            let (head, body) = response.into_parts();
            let streams = is_stream(&head.headers);
            let body = Download::new(body, Rc::clone(local), connection, ticket, streams);
            Ok(Answer::Ordinary(Response::from_parts(head, body)))
        }
        Err(failure) => {
            ticket.outcome = match failure {
                Failure::Unreachable(_) => UpstreamOutcome::Unreachable,
                Failure::Reset(_) => UpstreamOutcome::Reset,
                Failure::Timeout => UpstreamOutcome::Timeout,
                Failure::Client(_) => UpstreamOutcome::ClientGone,
            };
            Err(failure)
        }
    }
}

/// At most two tries. A second one only after a *reused* connection turned out dead, and only when the request was never written, or when it is
/// safe, has no body, and not one byte of an answer has come (RFC 9112 §9.3.1).
async fn send(
    local: &Rc<Local>,
    outgoing: Outgoing,
    upgrades: bool,
) -> Result<(Response<Incoming>, Connection), Failure> {
    let settings = &local.gate.upstream;
    let Outgoing { head, body, .. } = outgoing;
    let mut request = Request::from_parts(head, body);
    if !upgrades && let Some(connection) = local.pool.take() {
        let spare = spare_of(&request);
        match exchange(connection, request, settings.response_timeout).await {
            Ok(answer) => return Ok(answer),
            Err(Broken::NotSent(unsent)) => request = *unsent,
            Err(Broken::Silent(failure)) => match spare {
                Some(head) => request = Request::from_parts(*head, RequestBody::empty()),
                None => return Err(failure),
            },
            Err(Broken::Failed(failure)) => return Err(failure),
        }
    }
    let connection = pool::open(&settings.authority, settings.connect_timeout)
        .await
        .map_err(Failure::Unreachable)?;
    if upgrades {
        connection.begin_upgrade();
    }
    match exchange(connection, request, settings.response_timeout).await {
        Ok(answer) => Ok(answer),
        Err(Broken::NotSent(_)) => Err(Failure::Reset(
            "the application closed a new connection at once".to_owned(),
        )),
        Err(Broken::Silent(failure) | Broken::Failed(failure)) => Err(failure),
    }
}

fn spare_of(request: &Request<RequestBody>) -> Option<Box<Parts>> {
    let safe = matches!(
        *request.method(),
        Method::GET | Method::HEAD | Method::OPTIONS
    );
    if !safe || !request.body().is_empty() {
        return None;
    }
    let (mut head, ()) = Request::new(()).into_parts();
    head.method = request.method().clone();
    head.uri = request.uri().clone();
    head.headers = request.headers().clone();
    Some(Box::new(head))
}

/// How a try ended without an answer.
enum Broken {
    /// hyper gave the request back: not a byte of it was written.
    NotSent(Box<Request<RequestBody>>),
    /// The connection ended, and not a byte had come.
    Silent(Failure),
    Failed(Failure),
}

async fn exchange(
    mut connection: Connection,
    request: Request<RequestBody>,
    response_timeout: Duration,
) -> Result<(Response<Incoming>, Connection), Broken> {
    connection.received.set(false);
    let sent = Instant::now();
    let progress = request.body().progress();
    let mut answer = pin!(connection.sender.try_send_request(request));
    let mut timer = pin!(tokio::time::sleep_until(sent + response_timeout));
    let answered = loop {
        tokio::select! {
            biased;
            answered = answer.as_mut() => break answered,
            () = timer.as_mut() => match patience(progress.as_deref(), sent, response_timeout) {
                Some(until) => timer.as_mut().reset(until),
                None => return Err(Broken::Failed(Failure::Timeout)),
            },
        }
    };
    let mut error = match answered {
        Ok(response) => return Ok((response, connection)),
        Err(error) => error,
    };
    if let Some(fault) = progress.and_then(|p| p.fault.get()) {
        return Err(Broken::Failed(Failure::Client(fault)));
    }
    if let Some(unsent) = error.take_message() {
        return Err(Broken::NotSent(Box::new(unsent)));
    }
    let failure = Failure::Reset(chain(&error.into_error()));
    if connection.received.get() {
        Err(Broken::Failed(failure))
    } else {
        Err(Broken::Silent(failure))
    }
}

/// Until when to go on waiting: `response_timeout` runs from the end of the request body, or from when the application last took a piece of it.
/// While the client is the slow one, its own timer runs.
fn patience(
    progress: Option<&BodyProgress>,
    sent: Instant,
    response_timeout: Duration,
) -> Option<Instant> {
    let now = Instant::now();
    let since = match progress {
        Some(p) if p.waiting_for_client.get() => now,
        Some(p) => p.last.get().max(sent),
        None => sent,
    };
    Some(since + response_timeout).filter(|until| *until > now)
}

fn switches<B>(response: &Response<B>) -> bool {
    response.status() == StatusCode::SWITCHING_PROTOCOLS
}

/// The head of the answer that opens the tunnel, with a `Connection` and `Upgrade` of our own, and the application's end of it.
async fn switch(
    response: Response<Incoming>,
    connection: Connection,
    handshake: &Handshake,
) -> Result<(Response<()>, Switched), Failure> {
    let mut response = response.map(drop);
    handshake
        .granted(response.status(), response.headers())
        .map_err(|why| Failure::Reset(why.to_owned()))?;
    strip_hop_by_hop(response.headers_mut());
    response.headers_mut().remove(CONTENT_LENGTH);
    Handshake::write(response.headers_mut());
    *response.version_mut() = Version::HTTP_11;
    let gone = || Failure::Reset("the application closed the connection behind its 101".to_owned());
    let switched = connection.switched().await.ok_or_else(gone)?;
    Ok((response, switched))
}

/// An answer with one reading only (threat S14), with hop-by-hop headers removed and ready to be framed anew.
fn readable(
    mut response: Response<Incoming>,
    method: &Method,
) -> Result<Response<Incoming>, Failure> {
    if switches(&response) {
        return Err(Failure::Reset(
            "the application switched protocols without being asked".to_owned(),
        ));
    }
    let tells_length = *method == Method::HEAD && response.status() != StatusCode::NO_CONTENT;
    let headers = response.headers_mut();
    let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
    match (codings.next(), codings.next()) {
        (None, _) => {}
        (Some(coding), None)
            if coding.as_bytes().eq_ignore_ascii_case(b"chunked")
                && !headers.contains_key(CONTENT_LENGTH) => {}
        _ => {
            return Err(Failure::Reset(
                "the application's answer is framed in two ways".to_owned(),
            ));
        }
    }
    strip_hop_by_hop(headers);
    // Where there is a body hyper knows its length. In an answer to HEAD the header tells of one that there would be; a 204 has none (RFC 9110 §8.6).
    let length = headers
        .get(CONTENT_LENGTH)
        .filter(|l| is_number(l))
        .cloned();
    headers.remove(CONTENT_LENGTH);
    if tells_length && let Some(length) = length {
        headers.insert(CONTENT_LENGTH, length);
    }
    *response.version_mut() = Version::HTTP_11;
    Ok(response)
}

fn is_number(value: &HeaderValue) -> bool {
    !value.is_empty() && value.as_bytes().iter().all(u8::is_ascii_digit)
}

/// RFC 9110 §7.6.1. `Trailer` stays: the response's trailers pass.
fn strip_hop_by_hop(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(','))
        .filter_map(|name| HeaderName::try_from(name.trim()).ok())
        .collect();
    for name in named {
        headers.remove(name);
    }
    for name in [CONNECTION, TRANSFER_ENCODING, TE, UPGRADE] {
        headers.remove(name);
    }
    headers.remove("keep-alive");
    headers.remove("proxy-connection");
}

/// Event streams and gRPC may be silent for as long as they like.
fn is_stream(headers: &HeaderMap) -> bool {
    let kind = headers
        .get(CONTENT_TYPE)
        .map(|kind| kind.as_bytes().trim_ascii_start());
    kind.is_some_and(|kind| {
        let begins = |name: &[u8]| {
            kind.get(..name.len())
                .is_some_and(|start| start.eq_ignore_ascii_case(name))
        };
        begins(b"text/event-stream") || begins(b"application/grpc")
    })
}

/// An error with its causes, on one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    text
}
