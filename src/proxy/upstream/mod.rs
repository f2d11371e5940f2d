//! One request to the application and its answer. What may be tried twice is decided here, and nowhere else.
//!
//! * [`connect`] makes a wire (TCP, TLS, a Unix socket), [`tls`] and [`tls_files`] say whom it trusts,
//! * [`channels`] are a worker's connections: [`pool`] holds those of HTTP/1.1, [`multiplexed`] is one of HTTP/2,
//! * [`http1`] and [`http2`] are one request over either, [`upload`] and [`answer`] the bodies; `hop_by_hop`
//!   says what of an answer goes no further.

pub(in crate::proxy) mod answer;
pub(in crate::proxy) mod channels;
pub(in crate::proxy) mod connect;
mod hop_by_hop;
mod http1;
mod http2;
mod multiplexed;
pub(in crate::proxy) mod pool;
pub(in crate::proxy) mod tls;
pub(in crate::proxy) mod tls_files;
mod upload;
mod watched;

use std::future::poll_fn;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Poll, ready};
use std::time::Duration;

use http::header::{CONTENT_LENGTH, CONTENT_TYPE, TRANSFER_ENCODING};
use http::{
    Extensions, HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri,
    Version,
};
use tokio::time::Instant;

use self::answer::AnswerBody;
use self::channels::Channel;
use self::hop_by_hop::strip_hop_by_hop;
use self::pool::Switched;
use crate::proxy::UpstreamSettings;
use crate::proxy::head::websocket::Handshake;
use crate::proxy::local::Local;
use crate::proxy::outgoing::Outgoing;
use crate::proxy::request_body::{BodyFault, BodyProgress, RequestBody};
use crate::proxy::response_body::Download;
use crate::proxy::timer::Timer;
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

/// In the extensions of a request whose client takes trailers: `te: trailers` is made anew for HTTP/2, where gRPC wants it.
#[derive(Clone, Copy)]
pub(in crate::proxy) struct TakesTrailers;

/// What the application answered.
pub(in crate::proxy) enum Answer {
    Ordinary(Response<Box<Download>>),
    /// The upgrade that was asked for: a head for the client, and the application's end of the tunnel.
    Switched(Response<()>, Switched),
}

/// Counts one request to the application, whatever becomes of it.
pub(in crate::proxy) struct Ticket {
    local: Rc<Local>,
    started: Instant,
    pub(in crate::proxy) outcome: UpstreamOutcome,
}

impl Ticket {
    fn new(local: &Rc<Local>) -> Self {
        Self {
            local: Rc::clone(local),
            started: Instant::now(),
            // Until something else is known: whoever drops this has lost its client.
            outcome: UpstreamOutcome::ClientGone,
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let metrics = &self.local.gate.metrics;
        metrics.upstream_finished(self.outcome, self.started.elapsed());
    }
}

/// Sends `outgoing` (which only a permit can make) and waits for the head of the answer. Dropping the future drops the request: its connection
/// closes (of HTTP/2: its stream is reset), and the application sees a message that is not complete.
pub(in crate::proxy) async fn forward(
    local: &Rc<Local>,
    outgoing: Outgoing,
) -> Result<Answer, Failure> {
    let ticket = Ticket::new(local);
    let Outgoing {
        head,
        body,
        handshake,
    } = outgoing;
    let method = head.method.clone();
    let request = Request::from_parts(head, body);
    if let Some(handshake) = handshake {
        return Box::pin(ask_for_upgrade(local, request, handshake, ticket)).await;
    }
    let answered = send(local, request, ticket.started).await;
    settle(local, answered, &method, ticket)
}

/// What the client gets of an answer, and how the request is counted.
fn settle(
    local: &Rc<Local>,
    answered: Result<Answered, Failure>,
    method: &Method,
    mut ticket: Ticket,
) -> Result<Answer, Failure> {
    let answered =
        answered.and_then(|(response, channel)| readable(response, method).map(|r| (r, channel)));
    match answered {
        Ok((response, channel)) => {
            let (head, body) = response.into_parts();
            let streams = is_stream(&head.headers);
            let body = Download::new(body, Rc::clone(local), channel, ticket, streams);
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

/// An answer, and the connection that the next request can use.
type Answered = (Response<AnswerBody>, Option<Channel>);

/// A request for a WebSocket: on a connection of its own, which speaks HTTP/1.1 whatever the others speak.
async fn ask_for_upgrade(
    local: &Rc<Local>,
    request: Request<RequestBody>,
    handshake: Handshake,
    mut ticket: Ticket,
) -> Result<Answer, Failure> {
    let method = request.method().clone();
    let settings = &local.gate.upstream;
    let answered = match local.channels.exclusive(settings, true).await {
        Ok(connection) => {
            connection.begin_upgrade();
            exchange(Channel::Exclusive(connection), request, settings)
                .await
                .map_err(Broken::failure)
        }
        Err(why) => Err(Failure::Unreachable(why)),
    };
    match answered {
        Ok((response, channel)) if switches(&response) => {
            let switched = switch(response, channel, &handshake).await;
            // The tunnel's time is not the time that an answer takes.
            ticket.outcome = match &switched {
                Ok(_) => UpstreamOutcome::Answered,
                Err(_) => UpstreamOutcome::Reset,
            };
            switched.map(|(head, application)| Answer::Switched(head, application))
        }
        answered => settle(local, answered, &method, ticket),
    }
}

/// At most two tries. A second one only when the application is known not to have looked at the request (RFC 9113 §8.7), or when a *reused*
/// connection turned out dead and the request was never written, or is safe, has no body, and not one byte of an answer has come
/// (RFC 9112 §9.3.1).
///
/// The way of nearly every request is a kept HTTP/1.1 connection. What is not on it is boxed: this future is part of each request's, which is moved,
/// and kept by each connection of a client.
async fn send(
    local: &Rc<Local>,
    request: Request<RequestBody>,
    now: Instant,
) -> Result<Answered, Failure> {
    let channel = match local.channels.take(now) {
        Some(channel) => channel,
        None => return Box::pin(send_anew(local, request)).await,
    };
    let spare = Spare::of(&request);
    let settings = &local.gate.upstream;
    let answered = match channel {
        Channel::Exclusive(connection) => {
            http1::exchange(connection, request, now, settings.response_timeout).await
        }
        Channel::Shared(lease) => Box::pin(http2::exchange(lease, request, settings)).await,
    };
    match answered {
        Ok(answer) => Ok(answer),
        Err(broken) => Box::pin(send_again(local, broken, spare)).await,
    }
}

/// There was no connection to use again.
async fn send_anew(local: &Rc<Local>, request: Request<RequestBody>) -> Result<Answered, Failure> {
    let settings = &local.gate.upstream;
    match exchange(open(local).await?, request, settings).await {
        Err(Broken::Refused(unsent, _)) => exchange(open(local).await?, *unsent, settings)
            .await
            .map_err(Broken::failure),
        answered => answered.map_err(Broken::failure),
    }
}

/// After a try on a connection that was used before.
async fn send_again(
    local: &Rc<Local>,
    broken: Broken,
    spare: Option<Box<Spare>>,
) -> Result<Answered, Failure> {
    let again = match broken {
        Broken::NotSent(unsent, _) | Broken::Refused(unsent, _) => *unsent,
        Broken::Silent(failure) => match spare {
            Some(spare) => spare.into_request(),
            None => return Err(failure),
        },
        Broken::Failed(failure) => return Err(failure),
    };
    exchange(open(local).await?, again, &local.gate.upstream)
        .await
        .map_err(Broken::failure)
}

async fn open(local: &Local) -> Result<Channel, Failure> {
    let settings = &local.gate.upstream;
    let opened = local.channels.open(settings).await;
    opened.map_err(Failure::Unreachable)
}

async fn exchange(
    channel: Channel,
    request: Request<RequestBody>,
    settings: &UpstreamSettings,
) -> Result<Answered, Broken> {
    match channel {
        Channel::Exclusive(connection) => {
            let (now, limit) = (Instant::now(), settings.response_timeout);
            http1::exchange(connection, request, now, limit).await
        }
        Channel::Shared(lease) => http2::exchange(lease, request, settings).await,
    }
}

/// What is kept of a request that may be sent a second time. A list, since copying a map of headers costs three times as much, and nearly none of these
/// is ever used.
struct Spare {
    method: Method,
    uri: Uri,
    extensions: Extensions,
    lines: Vec<(HeaderName, HeaderValue)>,
}

impl Spare {
    fn of(request: &Request<RequestBody>) -> Option<Box<Self>> {
        let safe = matches!(
            *request.method(),
            Method::GET | Method::HEAD | Method::OPTIONS
        );
        let lines = request.headers().iter();
        (safe && request.body().is_empty()).then(|| {
            Box::new(Self {
                method: request.method().clone(),
                uri: request.uri().clone(),
                extensions: request.extensions().clone(),
                lines: lines.map(|(n, v)| (n.clone(), v.clone())).collect(),
            })
        })
    }

    fn into_request(self) -> Request<RequestBody> {
        let mut request = Request::new(RequestBody::empty());
        *request.method_mut() = self.method;
        *request.uri_mut() = self.uri;
        *request.extensions_mut() = self.extensions;
        for (name, value) in self.lines {
            request.headers_mut().append(name, value);
        }
        request
    }
}

/// How a try ended without an answer.
enum Broken {
    /// Not a byte of the request was written, and here it is again. The text: why.
    NotSent(Box<Request<RequestBody>>, String),
    /// The application says that it has not looked at the request (RFC 9113 §8.7), of whose body nothing was sent.
    Refused(Box<Request<RequestBody>>, String),
    /// The connection ended, and not a byte had come.
    Silent(Failure),
    Failed(Failure),
}

impl Broken {
    fn failure(self) -> Failure {
        match self {
            Self::NotSent(_, why) | Self::Refused(_, why) => Failure::Reset(why),
            Self::Silent(failure) | Self::Failed(failure) => failure,
        }
    }
}

/// The head of an answer, unless `response_timeout` ends the waiting. `timer` is the connection's, or one that nobody has used.
async fn in_time<F: Future>(
    answer: F,
    timer: &mut Timer,
    progress: Option<&BodyProgress>,
    sent: Instant,
    response_timeout: Duration,
) -> Option<F::Output> {
    let mut answer = pin!(answer);
    let mut until = sent + response_timeout;
    poll_fn(|cx| {
        if let Poll::Ready(answered) = answer.as_mut().poll(cx) {
            return Poll::Ready(Some(answered));
        }
        loop {
            ready!(timer.poll(cx, until));
            match patience(progress, sent, response_timeout) {
                Some(later) => until = later,
                None => return Poll::Ready(None),
            }
        }
    })
    .await
}

/// Until when to go on waiting: `response_timeout` runs from the end of the request body, or from when the application last took a piece of it.
/// While the client is the slow one, its own timer runs; a gRPC call has the deadline that its client keeps.
fn patience(
    progress: Option<&BodyProgress>,
    sent: Instant,
    response_timeout: Duration,
) -> Option<Instant> {
    let now = Instant::now();
    let since = match progress {
        Some(p) if p.patient || p.waiting_for_client.get() => now,
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
    response: Response<AnswerBody>,
    channel: Option<Channel>,
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
    let Some(Channel::Exclusive(connection)) = channel else {
        return Err(gone());
    };
    let switched = connection.switched().await.ok_or_else(gone)?;
    Ok((response, switched))
}

/// An answer with one reading only (threat S14), with hop-by-hop headers removed and ready to be framed anew.
fn readable<B>(mut response: Response<B>, method: &Method) -> Result<Response<B>, Failure> {
    if switches(&response) {
        return Err(Failure::Reset(
            "the application switched protocols without being asked".to_owned(),
        ));
    }
    let tells_length = *method == Method::HEAD && response.status() != StatusCode::NO_CONTENT;
    let headers = response.headers_mut();
    let is_coded = headers.keys().any(|name| *name == TRANSFER_ENCODING);
    if is_coded && !is_only_chunked(headers) {
        return Err(Failure::Reset(
            "the application's answer is framed in two ways".to_owned(),
        ));
    }
    strip_hop_by_hop(headers);
    // Where there is a body hyper knows its length. In an answer to HEAD the header tells of one that there would be; a 204 has none (RFC 9110 §8.6).
    let length = headers.remove(CONTENT_LENGTH).filter(is_number);
    if tells_length && let Some(length) = length {
        headers.insert(CONTENT_LENGTH, length);
    }
    *response.version_mut() = Version::HTTP_11;
    Ok(response)
}

/// One coding, `chunked`, and no length beside it.
fn is_only_chunked(headers: &HeaderMap) -> bool {
    let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
    matches!(
        (codings.next(), codings.next()),
        (Some(coding), None) if coding.as_bytes().eq_ignore_ascii_case(b"chunked")
    ) && !headers.contains_key(CONTENT_LENGTH)
}

fn is_number(value: &HeaderValue) -> bool {
    !value.is_empty() && value.as_bytes().iter().all(u8::is_ascii_digit)
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
