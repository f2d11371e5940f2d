//! The demo's application: it shows the request that reached it.

use std::fmt::Write as _;

use http::{Request, Response, StatusCode};
use hyper::body::Incoming;

use super::server::{Page, page};

/// Echoes the head of the request as the application sees it.
pub(super) fn echo(request: &Request<Incoming>) -> Response<Page> {
    let mut text = format!(
        "the application got: {} {}\n",
        request.method(),
        request.uri()
    );
    for (name, value) in request.headers() {
        let _infallible = writeln!(
            text,
            "  {name}: {}",
            String::from_utf8_lossy(value.as_bytes())
        );
    }
    page(StatusCode::OK, "text/plain; charset=utf-8", text)
}
