//! What a request tells its connection, whichever HTTP the client speaks.

use std::rc::Rc;

use http::Response;
use http::header::CONNECTION;

use crate::proxy::client::streams::Stream;
use crate::proxy::client::timed_io::ConnectionState;
use crate::proxy::respond;

/// The way from a request back to its connection.
#[derive(Clone)]
pub(in crate::proxy) enum Link {
    /// One request at a time: what becomes of it decides about the connection.
    Http1(Rc<ConnectionState>),
    /// One stream of many: what becomes of it ends with it.
    Http2(Rc<Stream>),
}

impl Link {
    /// A head is complete. Returns the request's number, for [`Self::request_body_ended`].
    pub(in crate::proxy) fn request_started(&self, has_body: bool) -> u64 {
        match self {
            Self::Http1(connection) => connection.request_started(has_body),
            Self::Http2(stream) => {
                stream.request_started();
                0
            }
        }
    }

    /// `complete`: every byte was read.
    pub(in crate::proxy) fn request_body_ended(&self, request: u64, complete: bool) {
        match self {
            Self::Http1(connection) => connection.request_body_ended(request, complete),
            // The library resets a stream whose body is not wanted any more.
            Self::Http2(_) => {}
        }
    }

    /// The answer is the application's.
    pub(in crate::proxy) fn application_answers(&self) {
        if let Self::Http1(connection) = self {
            connection.application_answers();
        }
    }

    /// The answer is the gate's own.
    pub(in crate::proxy) fn gate_answers(&self) {
        match self {
            Self::Http1(connection) => connection.gate_answers(),
            Self::Http2(stream) => stream.gate_answers(),
        }
    }

    /// The last change of an answer's head: whether its connection goes on. `unread`: an answer of the gate's own to a request with a body,
    /// of which whatever is left must not be read as the next request (threat S4).
    pub(in crate::proxy) fn before_answer<B>(&self, response: &mut Response<B>, unread: bool) {
        match self {
            Self::Http1(connection) => {
                if unread {
                    respond::close(response);
                }
                if response.headers().contains_key(CONNECTION) {
                    connection.close_after_answer();
                }
                if connection.draining() {
                    respond::close(response);
                }
            }
            // RFC 9113 §8.2.2: there is no such header; GOAWAY says it.
            Self::Http2(stream) => {
                response.headers_mut().remove(CONNECTION);
                stream.answered();
            }
        }
    }

    /// The answer breaks off. HTTP/1.0 has no chunks: its client would take the connection's end for that of the answer.
    pub(in crate::proxy) fn answer_broke_off(&self, protocol: Option<&'static str>) {
        if let (Self::Http1(connection), Some("1.0")) = (self, protocol) {
            connection.cut_answer();
        }
    }

    /// hyper asks for the next piece of the answer.
    pub(in crate::proxy) fn piece_wanted(&self) {
        if let Self::Http2(stream) = self {
            stream.piece_wanted();
        }
    }

    /// hyper has a piece of the answer, and sends it when the client takes it.
    pub(in crate::proxy) fn piece_given(&self) {
        if let Self::Http2(stream) = self {
            stream.piece_given();
        }
    }

    /// The largest piece to give at once.
    pub(in crate::proxy) fn largest_piece(&self) -> usize {
        match self {
            Self::Http1(_) => usize::MAX,
            Self::Http2(_) => Stream::LARGEST_PIECE,
        }
    }

    pub(in crate::proxy) fn response_ended(&self) {
        if let Self::Http1(connection) = self {
            connection.response_ended();
        }
    }
}
