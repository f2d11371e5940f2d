//! The body of the application's answer, over either version of HTTP.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use h2::RecvStream;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

use super::hop_by_hop::without_framing;
use super::multiplexed::Lease;
use super::upload::Upload;

/// Broken off; why is of no use to anybody who gets it.
#[derive(Debug)]
pub(in crate::proxy) struct BrokenOff;

pub(in crate::proxy) enum AnswerBody {
    Http1(Incoming),
    Http2(Http2Answer),
}

impl AnswerBody {
    pub(in crate::proxy) fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
        let frame = ready!(match self {
            Self::Http1(body) => Pin::new(body)
                .poll_frame(cx)
                .map(|frame| frame.map(|frame| frame.map_err(|_| BrokenOff))),
            Self::Http2(body) => body.poll_frame(cx),
        });
        Poll::Ready(frame.map(|frame| {
            frame.map(|frame| match frame.into_trailers() {
                Ok(trailers) => Frame::trailers(without_framing(trailers)),
                Err(data) => data,
            })
        }))
    }

    pub(in crate::proxy) fn is_end_stream(&self) -> bool {
        match self {
            Self::Http1(body) => body.is_end_stream(),
            Self::Http2(body) => body.is_end_stream(),
        }
    }

    pub(in crate::proxy) fn size_hint(&self) -> SizeHint {
        match self {
            Self::Http1(body) => body.size_hint(),
            Self::Http2(body) => body.size_hint(),
        }
    }
}

/// Dropping it before its end resets the stream, and ends the request's body with it.
pub(in crate::proxy) struct Http2Answer {
    stream: RecvStream,
    /// What is to come, when the head told. h2 holds the answer to it.
    left: Option<u64>,
    lease: Lease,
    _upload: Option<Upload>,
    /// Only trailers may follow.
    data_ended: bool,
    /// What else comes on the stream is nobody's: the answer is one that has no body.
    bodiless: bool,
}

impl Http2Answer {
    pub(super) fn new(
        stream: RecvStream,
        length: Option<u64>,
        lease: Lease,
        upload: Option<Upload>,
        bodiless: bool,
    ) -> Self {
        Self {
            stream,
            left: length,
            lease,
            _upload: upload,
            data_ended: false,
            bodiless,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.bodiless || self.stream.is_end_stream()
    }

    fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
        if self.bodiless {
            return Poll::Ready(None);
        }
        if !self.data_ended {
            match ready!(self.stream.poll_data(cx)) {
                Some(Ok(data)) => {
                    self.lease.delivered();
                    let length = data.len();
                    self.left = self.left.map(|left| left.saturating_sub(length as u64));
                    // The client has room for it: the application may send as much again.
                    let _ = self.stream.flow_control().release_capacity(length);
                    return Poll::Ready(Some(Ok(Frame::data(data))));
                }
                Some(Err(_)) => return Poll::Ready(Some(Err(BrokenOff))),
                None => self.data_ended = true,
            }
        }
        Poll::Ready(match ready!(self.stream.poll_trailers(cx)) {
            Ok(Some(trailers)) => Some(Ok(Frame::trailers(trailers))),
            Ok(None) => None,
            Err(_) => Some(Err(BrokenOff)),
        })
    }

    fn size_hint(&self) -> SizeHint {
        match self.left {
            _ if self.is_end_stream() => SizeHint::with_exact(0),
            Some(left) => SizeHint::with_exact(left),
            None => SizeHint::default(),
        }
    }
}
