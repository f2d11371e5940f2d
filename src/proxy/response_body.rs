//! Bodies on their way to the client: the gate's own answers, or the application's, streamed. An answer that breaks off is never completed.

use std::fmt;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::time::Instant;

use super::account::Account;
use super::grpc;
use super::local::Local;
use super::timer::Timer;
use super::upstream::Ticket;
use crate::proxy::client::link::Link;
use crate::proxy::upstream::answer::AnswerBody;
use crate::proxy::upstream::channels::Channel;
use crate::telemetry::metrics::UpstreamOutcome;
use crate::verify::Reason;

/// How long the application may be silent in the middle of an answer.
pub(super) const DOWNLOAD_STALL_TIMEOUT: Duration = Duration::from_secs(300);

/// Why the application's answer broke off. hyper then cuts the client's connection, so that the client sees it too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DownloadFault {
    Reset,
    Stalled,
}

impl fmt::Display for DownloadFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Reset => "the application broke its answer off",
            Self::Stalled => "the application fell silent in the middle of its answer",
        })
    }
}

impl std::error::Error for DownloadFault {}

/// What hyper sends. Telemetry is told when it is dropped: at the end, or when the client is gone.
pub(super) struct Reply {
    content: Content,
    /// The rest of a piece that was larger than the connection takes at once.
    rest: Bytes,
    /// None: a tunnel's, which tells by itself.
    account: Option<Box<Account>>,
    connection: Link,
}

enum Content {
    Own(Option<Bytes>),
    Application(Box<Download>),
}

impl Reply {
    pub(super) fn own(body: Bytes, account: Box<Account>, connection: &Link) -> Self {
        Self {
            content: Content::Own(Some(body).filter(|b| !b.is_empty())),
            rest: Bytes::new(),
            account: Some(account),
            connection: connection.clone(),
        }
    }

    pub(super) fn application(
        body: Box<Download>,
        account: Box<Account>,
        connection: &Link,
    ) -> Self {
        Self {
            content: Content::Application(body),
            rest: Bytes::new(),
            account: Some(account),
            connection: connection.clone(),
        }
    }

    /// Nothing: the bytes behind a 101 are no body.
    pub(super) fn switching(connection: &Link) -> Self {
        Self {
            content: Content::Own(None),
            rest: Bytes::new(),
            account: None,
            connection: connection.clone(),
        }
    }
}

impl Content {
    fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, DownloadFault>>> {
        match self {
            Self::Own(body) => Poll::Ready(body.take().map(|b| Ok(Frame::data(b)))),
            Self::Application(download) => download.poll_frame(cx),
        }
    }
}

impl Drop for Reply {
    fn drop(&mut self) {
        self.connection.response_ended();
    }
}

impl Body for Reply {
    type Data = Bytes;
    type Error = DownloadFault;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, DownloadFault>>> {
        let this = self.get_mut();
        this.connection.piece_wanted();
        if this.rest.is_empty() {
            match ready!(this.content.poll_frame(cx)) {
                None => return Poll::Ready(None),
                Some(Err(fault)) => {
                    let reason = match fault {
                        DownloadFault::Reset => Reason::UpstreamReset,
                        DownloadFault::Stalled => Reason::UpstreamTimeout,
                    };
                    if let Some(account) = &mut this.account {
                        this.connection.answer_broke_off(account.protocol);
                        account.application_failed(reason, &fault.to_string());
                    }
                    return Poll::Ready(Some(Err(fault)));
                }
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => this.rest = data,
                    Err(other) => {
                        let status = other.trailers_ref().and_then(grpc::status_of);
                        if let (Some(_), Some(account)) = (status, &mut this.account) {
                            account.grpc_status = status;
                        }
                        return Poll::Ready(Some(Ok(other)));
                    }
                },
            }
        }
        let size = this.connection.largest_piece().min(this.rest.len());
        let piece = this.rest.split_to(size);
        this.connection.piece_given();
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        if !self.rest.is_empty() {
            return false;
        }
        match &self.content {
            Content::Own(body) => body.is_none(),
            Content::Application(download) => download.ended,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.content {
            Content::Own(body) => SizeHint::with_exact(body.as_ref().map_or(0, |b| b.len() as u64)),
            Content::Application(download) => download.inner.size_hint(),
        }
    }
}

/// The application's answer, boxed from the start as [`Account`] is. Its connection goes back to the pool at the end, and closes when this is dropped before.
pub(super) struct Download {
    inner: AnswerBody,
    local: Rc<Local>,
    /// None: the answer of HTTP/2 has its part of a connection itself.
    channel: Option<Channel>,
    ticket: Ticket,
    ended: bool,
    /// It broke off, and hyper is told at the next poll.
    broken: Option<DownloadFault>,
    /// When this began to wait for the application. While the client is the slow one, nobody waits.
    waiting_since: Option<Instant>,
    /// None: an event stream.
    stall_timeout: Option<Duration>,
    stall: Timer,
}

impl Download {
    pub(super) fn new(
        inner: AnswerBody,
        local: Rc<Local>,
        channel: Option<Channel>,
        ticket: Ticket,
        streams: bool,
    ) -> Box<Self> {
        let mut download = Box::new(Self {
            inner,
            local,
            channel,
            ticket,
            ended: false,
            broken: None,
            waiting_since: None,
            stall_timeout: (!streams).then_some(DOWNLOAD_STALL_TIMEOUT),
            stall: Timer::default(),
        });
        if download.inner.is_end_stream() {
            download.end();
        }
        download
    }

    fn end(&mut self) {
        self.ended = true;
        self.ticket.outcome = UpstreamOutcome::Answered;
        if let Some(channel) = self.channel.take() {
            self.local.channels.put(channel);
        }
    }

    fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, DownloadFault>>> {
        if self.ended {
            return Poll::Ready(None);
        }
        if let Some(fault) = self.broken {
            return Poll::Ready(Some(Err(fault)));
        }
        match self.inner.poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => {
                self.waiting_since = None;
                if self.inner.is_end_stream() {
                    self.end();
                }
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(None) => {
                self.end();
                Poll::Ready(None)
            }
            Poll::Ready(Some(Err(_))) => {
                self.ticket.outcome = UpstreamOutcome::Reset;
                self.break_off(DownloadFault::Reset, cx)
            }
            Poll::Pending => {
                ready!(self.poll_stall(cx));
                self.ticket.outcome = UpstreamOutcome::Timeout;
                self.break_off(DownloadFault::Stalled, cx)
            }
        }
    }

    /// hyper drops what it has not written yet when a body fails, the head too. A client whose kept connection closes without a byte takes it for an idle
    /// one, and a browser sends even a `POST` again: so hyper gets one turn to write what there is.
    fn break_off<T>(&mut self, fault: DownloadFault, cx: &mut Context<'_>) -> Poll<T> {
        self.broken = Some(fault);
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn poll_stall(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(limit) = self.stall_timeout else {
            return Poll::Pending;
        };
        let since = *self.waiting_since.get_or_insert_with(Instant::now);
        self.stall.poll(cx, since + limit)
    }
}
