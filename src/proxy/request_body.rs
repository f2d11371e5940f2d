//! The client's request body on its way to the application: streamed, without trailers but those that the configuration names (threat H6), never
//! shortened in silence (S8).

use std::cell::Cell;
use std::fmt;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::Instant;

use super::timer::Timer;
use crate::proxy::client::link::Link;
use crate::verify::Rejection;

/// How long a client may send nothing in the middle of a body (threat D2).
pub(super) const BODY_STALL_TIMEOUT: Duration = Duration::from_secs(30);

/// What went wrong with a body, all of it the client's doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BodyFault {
    /// Not what its framing said: a bad chunk.
    Malformed,
    /// Nothing came for [`BODY_STALL_TIMEOUT`].
    Stalled,
    /// The connection ended in the middle.
    Gone,
}

impl fmt::Display for BodyFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => "the request body is not framed as its head says",
            Self::Stalled => "the client stopped sending the request body",
            Self::Gone => "the client went away in the middle of the request body",
        })
    }
}

impl std::error::Error for BodyFault {}

/// What the forwarding side sees of a body that hyper has taken away to send.
#[derive(Debug)]
pub(super) struct BodyProgress {
    /// When the application last took a piece, or the body ended.
    pub(super) last: Cell<Instant>,
    /// The application would take more, the client has not sent it.
    pub(super) waiting_for_client: Cell<bool>,
    pub(super) fault: Cell<Option<BodyFault>>,
    /// A gRPC call: both sides may be silent for as long as the client's own deadline allows.
    pub(super) patient: bool,
}

/// The body, as hyper's client sends it. An error makes hyper drop the connection to the application in the middle of the message.
pub(super) struct RequestBody {
    /// None: there is no body. Boxed, since most requests have none and all of them are moved.
    stream: Option<Box<Stream>>,
}

struct Stream {
    inner: Incoming,
    connection: Link,
    request: u64,
    progress: Rc<BodyProgress>,
    stall: Timer,
    ended: bool,
    /// Names of trailers that go on.
    trailers: Arc<[HeaderName]>,
}

impl RequestBody {
    /// Starts the request numbered next on `connection`. `patient`: its client may be silent.
    pub(super) fn start(inner: Incoming, connection: &Link, patient: bool) -> Self {
        let request = connection.request_started(!inner.is_end_stream());
        if inner.is_end_stream() {
            return Self::empty();
        }
        let progress = BodyProgress {
            last: Cell::new(Instant::now()),
            waiting_for_client: Cell::new(false),
            fault: Cell::new(None),
            patient,
        };
        Self {
            stream: Some(Box::new(Stream {
                inner,
                connection: connection.clone(),
                request,
                progress: Rc::new(progress),
                stall: Timer::default(),
                ended: false,
                trailers: Arc::default(),
            })),
        }
    }

    pub(super) fn empty() -> Self {
        Self { stream: None }
    }

    /// These trailers go on, when they come.
    pub(super) fn pass_trailers(&mut self, names: &Arc<[HeaderName]>) {
        if let Some(stream) = &mut self.stream {
            stream.trailers = Arc::clone(names);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.stream.is_none()
    }

    pub(super) fn progress(&self) -> Option<Rc<BodyProgress>> {
        self.stream.as_ref().map(|s| Rc::clone(&s.progress))
    }
}

impl Stream {
    fn end(&mut self, complete: bool) {
        if !self.ended {
            self.ended = true;
            self.progress.last.set(Instant::now());
            self.progress.waiting_for_client.set(false);
            self.connection.request_body_ended(self.request, complete);
        }
    }

    fn fail(&mut self, fault: BodyFault) -> BodyFault {
        self.progress.fault.set(Some(fault));
        self.end(false);
        fault
    }

    fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyFault>>> {
        if self.ended {
            return Poll::Ready(None);
        }
        match Pin::new(&mut self.inner).poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) if frame.is_data() => {
                self.progress.last.set(Instant::now());
                self.progress.waiting_for_client.set(false);
                if self.inner.is_end_stream() {
                    self.end(true);
                }
                Poll::Ready(Some(Ok(frame)))
            }
            // Trailers are the end of a body.
            Poll::Ready(Some(Ok(frame))) => {
                self.end(true);
                let trailers = frame.into_trailers().unwrap_or_default();
                let passed = passed(trailers, &self.trailers);
                Poll::Ready((!passed.is_empty()).then(|| Ok(Frame::trailers(passed))))
            }
            Poll::Ready(None) => {
                self.end(true);
                Poll::Ready(None)
            }
            Poll::Ready(Some(Err(error))) => {
                let fault = fault_of(&error);
                Poll::Ready(Some(Err(self.fail(fault))))
            }
            Poll::Pending => {
                if !self.progress.waiting_for_client.replace(true) {
                    self.progress.last.set(Instant::now());
                }
                if self.progress.patient {
                    return Poll::Pending;
                }
                let deadline = self.progress.last.get() + BODY_STALL_TIMEOUT;
                ready!(self.stall.poll(cx, deadline));
                Poll::Ready(Some(Err(self.fail(BodyFault::Stalled))))
            }
        }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.end(false);
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = BodyFault;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyFault>>> {
        match &mut self.get_mut().stream {
            Some(stream) => stream.poll_frame(cx),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.stream
            .as_ref()
            .is_none_or(|s| s.progress.fault.get().is_none() && s.inner.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        match &self.stream {
            Some(stream) => stream.inner.size_hint(),
            None => SizeHint::with_exact(0),
        }
    }
}

/// What of the trailers goes on: every line of a name that is in the list.
fn passed(mut trailers: HeaderMap, names: &[HeaderName]) -> HeaderMap {
    let mut passed = HeaderMap::new();
    for name in names {
        if let http::header::Entry::Occupied(lines) = trailers.entry(name) {
            let (name, values) = lines.remove_entry_mult();
            for value in values {
                passed.append(name.clone(), value);
            }
        }
    }
    passed
}

/// hyper says what failed only through the error inside: bad chunks are an `io::Error`, `InvalidInput` or `InvalidData`; what is wrong with an
/// HTTP/2 stream (another length than was announced) is found by h2.
fn fault_of(error: &hyper::Error) -> BodyFault {
    let Some(cause) = std::error::Error::source(error) else {
        return BodyFault::Gone;
    };
    let bad_chunk = cause.downcast_ref::<io::Error>().is_some_and(|e| {
        matches!(
            e.kind(),
            io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData
        )
    });
    let bad_stream = cause
        .downcast_ref::<h2::Error>()
        .is_some_and(h2::Error::is_library);
    match bad_chunk || bad_stream {
        true => BodyFault::Malformed,
        false => BodyFault::Gone,
    }
}

impl BodyFault {
    /// The answer, when one can still be given.
    pub(super) fn rejection(self) -> Rejection {
        Rejection::BadRequest {
            status: match self {
                Self::Malformed | Self::Gone => 400,
                Self::Stalled => 408,
            },
            why: self.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::future::Future;

    use http_body_util::BodyExt;
    use hyper::server::conn::http1;
    use hyper::service::service_fn;
    use hyper_util::rt::TokioIo;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;
    use crate::proxy::client::timed_io::ConnectionState;

    /// What reading the body of `request` gives, when the client sends `request` and then does `after`. Time jumps.
    fn read<F: Future<Output = ()>>(
        request: &'static str,
        after: impl FnOnce(tokio::io::DuplexStream) -> F,
    ) -> (Result<Bytes, BodyFault>, Duration) {
        read_with(false, request, after)
    }

    fn read_with<F: Future<Output = ()>>(
        patient: bool,
        request: &'static str,
        after: impl FnOnce(tokio::io::DuplexStream) -> F,
    ) -> (Result<Bytes, BodyFault>, Duration) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(async {
            let (mut client, server) = tokio::io::duplex(1024);
            let connection = Link::Http1(ConnectionState::new(None));
            let result = Cell::new(None);
            let start = Instant::now();
            let service = service_fn(|incoming: http::Request<Incoming>| {
                let body = RequestBody::start(incoming.into_body(), &connection, patient);
                async {
                    let read = body.collect().await.map(|all| all.to_bytes());
                    result.set(Some((read, start.elapsed())));
                    let closing = http::Response::builder().header("connection", "close");
                    Ok::<_, Infallible>(closing.body(String::new()).unwrap())
                }
            });
            client.write_all(request.as_bytes()).await.unwrap();
            let served = http1::Builder::new().serve_connection(TokioIo::new(server), service);
            tokio::select! {
                _ = served => {}
                () = after(client) => {}
            }
            result.into_inner().unwrap()
        })
    }

    async fn waits(mut client: tokio::io::DuplexStream) {
        let _ = client.read_to_end(&mut Vec::new()).await;
    }

    const HALF: &str = "POST / HTTP/1.1\r\nContent-Length: 10\r\n\r\nhalf!";

    #[test]
    fn d02_a_body_that_stops_is_a_408_after_30_s() {
        let (read, took) = read(HALF, waits);
        assert_eq!(read, Err(BodyFault::Stalled));
        assert!(
            took >= BODY_STALL_TIMEOUT && took < BODY_STALL_TIMEOUT * 2,
            "{took:?}"
        );
        assert_eq!(BodyFault::Stalled.rejection().status(), 408);
    }

    #[test]
    fn d02_a_slow_body_is_taken_as_long_as_it_moves() {
        let (read, took) = read(HALF, |mut client| async move {
            for _ in 0..5 {
                tokio::time::sleep(BODY_STALL_TIMEOUT - Duration::from_secs(1)).await;
                client.write_all(b"x").await.unwrap();
            }
            waits(client).await;
        });
        assert_eq!(read.unwrap(), "half!xxxxx");
        assert!(took > BODY_STALL_TIMEOUT * 4);
    }

    #[test]
    fn a_grpc_call_may_be_silent_for_as_long_as_it_likes() {
        let hour = Duration::from_secs(3600);
        let (read, took) = read_with(true, HALF, |mut client| async move {
            tokio::time::sleep(hour).await;
            client.write_all(b"other").await.unwrap();
            waits(client).await;
        });
        assert_eq!(read.unwrap(), "half!other");
        assert!(took >= hour);
    }

    #[test]
    fn h06_of_trailers_only_those_of_the_list_go_on() {
        let mut trailers = HeaderMap::new();
        for (name, value) in [
            ("x-a", "1"),
            ("x-a", "2"),
            ("x-user", "admin"),
            ("x-b", "3"),
        ] {
            trailers.append(name, value.parse().unwrap());
        }
        let names = ["x-a", "x-b", "x-c"].map(HeaderName::from_static);
        let passed = super::passed(trailers, &names);
        let lines: Vec<_> = passed
            .iter()
            .map(|(n, v)| (n.as_str(), v.as_bytes()))
            .collect();
        let wanted: [(&str, &[u8]); 3] = [("x-a", b"1"), ("x-a", b"2"), ("x-b", b"3")];
        assert_eq!(lines, wanted);
    }

    #[test]
    fn a_body_that_ends_early_or_is_framed_badly_is_an_error() {
        let leaves = |client: tokio::io::DuplexStream| async move {
            drop(client);
            std::future::pending::<()>().await;
        };
        assert_eq!(read(HALF, leaves).0, Err(BodyFault::Gone));
        let chunked = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhalf!\r\n";
        assert_eq!(read(chunked, leaves).0, Err(BodyFault::Gone));
        let bad = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhalf!\r\nx\r\n";
        assert_eq!(read(bad, waits).0, Err(BodyFault::Malformed));
        let whole =
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhalf!\r\n0\r\nX: y\r\n\r\n";
        assert_eq!(read(whole, waits).0.unwrap(), "half!");
    }
}
