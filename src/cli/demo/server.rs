//! The demo's small HTTP servers: on loopback, for the issuer and the application.

use std::convert::Infallible;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};

pub(super) type Page = Full<Bytes>;
pub(super) type Answer = Arc<dyn Fn(&Request<Incoming>) -> Response<Page> + Send + Sync>;

/// An extension of a response that is held back for so long.
#[derive(Clone, Copy)]
pub(super) struct Pause(pub(super) Duration);

/// Serves `answer` on this listener until the runtime ends.
pub(super) async fn serve(listener: TcpListener, answer: Answer) -> std::io::Result<()> {
    listener.set_nonblocking(true)?;
    let listener = tokio::net::TcpListener::from_std(listener)?;
    loop {
        let (stream, _) = listener.accept().await?;
        let answer = Arc::clone(&answer);
        tokio::spawn(async move {
            let service = service_fn(move |request| {
                let response = answer(&request);
                async move {
                    if let Some(Pause(pause)) = response.extensions().get() {
                        tokio::time::sleep(*pause).await;
                    }
                    Ok::<_, Infallible>(response)
                }
            });
            // A client that goes away is no news.
            let _gone = http1::Builder::new()
                .timer(TokioTimer::new())
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

pub(super) fn page(status: StatusCode, content_type: &'static str, text: String) -> Response<Page> {
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}
