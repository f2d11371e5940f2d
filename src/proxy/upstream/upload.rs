//! A request body on its way into an HTTP/2 stream, as fast as the application takes it. Until its first piece is taken, the body can be had back.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Poll, ready};

use bytes::Bytes;
use h2::{Reason, SendStream};
use http_body::{Body, Frame};
use tokio::task::AbortHandle;

use crate::proxy::request_body::{BodyFault, RequestBody};

/// Dropping it ends the stream's sending: the application sees a message that is not complete, unless all of it was sent.
pub(super) struct Upload {
    body: Rc<Shared>,
    task: AbortHandle,
}

struct Shared {
    /// None: taken back, or sent.
    body: RefCell<Option<RequestBody>>,
    touched: Cell<bool>,
}

impl Upload {
    /// It runs by itself: an application may send its whole answer before it takes the body, and take the body while nobody takes its answer.
    pub(super) fn start(body: RequestBody, stream: SendStream<Bytes>) -> Self {
        let body = Rc::new(Shared {
            body: RefCell::new(Some(body)),
            touched: Cell::new(false),
        });
        let task = tokio::task::spawn_local(run(Rc::clone(&body), stream)).abort_handle();
        Self { body, task }
    }

    /// The body, if none of it was sent.
    pub(super) fn take_back(self) -> Option<RequestBody> {
        self.task.abort();
        match self.body.touched.get() {
            true => None,
            false => self.body.body.borrow_mut().take(),
        }
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn run(body: Rc<Shared>, mut stream: SendStream<Bytes>) {
    // On an error the stream is reset, by the application or by h2: nothing is left to do.
    let _ = send(&body, &mut stream).await;
    // One that was not begun may be sent again.
    if body.touched.get() {
        body.body.borrow_mut().take();
    }
}

async fn send(body: &Shared, stream: &mut SendStream<Bytes>) -> Result<(), h2::Error> {
    loop {
        let Some(next) = next(body, stream).await? else {
            return Ok(());
        };
        let (frame, last) = match next {
            Next::Frame(frame, last) => (frame, last),
            Next::End => return stream.send_data(Bytes::new(), true),
            Next::Fault => {
                stream.send_reset(Reason::CANCEL);
                return Ok(());
            }
        };
        match frame.into_data() {
            Ok(data) => {
                if !data.is_empty() {
                    // Room is asked for only when there is something to fill it: it is the other streams' too.
                    stream.reserve_capacity(1);
                    capacity(stream).await?;
                }
                stream.send_data(data, last)?;
                if last {
                    return Ok(());
                }
            }
            Err(frame) => {
                if let Ok(trailers) = frame.into_trailers() {
                    stream.reserve_capacity(0);
                    return stream.send_trailers(trailers);
                }
            }
        }
    }
}

enum Next {
    /// And whether it is the last one.
    Frame(Frame<Bytes>, bool),
    End,
    Fault,
}

/// None: the body is wanted no more.
async fn next(body: &Shared, stream: &mut SendStream<Bytes>) -> Result<Option<Next>, h2::Error> {
    poll_fn(|cx| {
        if let Poll::Ready(reset) = stream.poll_reset(cx) {
            return Poll::Ready(reset.map(|_| None));
        }
        let mut slot = body.body.borrow_mut();
        let Some(body_of_client) = slot.as_mut() else {
            return Poll::Ready(Ok(None));
        };
        let polled: Option<Result<Frame<Bytes>, BodyFault>> =
            ready!(Pin::new(&mut *body_of_client).poll_frame(cx));
        body.touched.set(true);
        Poll::Ready(Ok(Some(match polled {
            Some(Ok(frame)) => Next::Frame(frame, body_of_client.is_end_stream()),
            Some(Err(_)) => Next::Fault,
            None => Next::End,
        })))
    })
    .await
}

/// Waits until the application takes more.
async fn capacity(stream: &mut SendStream<Bytes>) -> Result<(), h2::Error> {
    poll_fn(|cx| {
        loop {
            if stream.capacity() > 0 {
                return Poll::Ready(Ok(()));
            }
            match ready!(stream.poll_capacity(cx)) {
                Some(Ok(_)) => {}
                Some(Err(error)) => return Poll::Ready(Err(error)),
                // The stream is closed.
                None => return Poll::Ready(Err(Reason::CANCEL.into())),
            }
        }
    })
    .await
}
