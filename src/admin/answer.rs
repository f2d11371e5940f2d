//! The pages. Each is made whole in memory: none is large, and none waits for anything.

use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::Bytes;

use super::{Admin, View, issuers};
use crate::keys::status::SourceStatus;
use crate::telemetry::metrics;

const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
const JSON: HeaderValue = HeaderValue::from_static("application/json");
const METRICS: HeaderValue = HeaderValue::from_static(metrics::CONTENT_TYPE);
const READ_ONLY: HeaderValue = HeaderValue::from_static("GET, HEAD");

/// Answers a request by its method and path; hyper leaves the body out where the method is HEAD.
pub(super) fn answer(admin: &Admin, method: &Method, path: &str) -> Response<Full<Bytes>> {
    let page: fn(&Admin, &View) -> Page = match path {
        "/livez" => |_, _| Page::text(StatusCode::OK, "alive\n"),
        "/readyz" => readiness,
        "/metrics" => |_, view| Page {
            status: StatusCode::OK,
            content_type: METRICS,
            body: view.metrics.render().into(),
        },
        "/issuers" => |_, view| Page {
            status: StatusCode::OK,
            content_type: JSON,
            body: issuers::document(&view.keys.status(), &view.keys.decryption_status()).into(),
        },
        _ => |_, _| {
            Page::text(
                StatusCode::NOT_FOUND,
                "not found: there are /livez, /readyz, /metrics and /issuers\n",
            )
        },
    };
    if method != Method::GET && method != Method::HEAD {
        let mut refused =
            Page::text(StatusCode::METHOD_NOT_ALLOWED, "method not allowed\n").response();
        refused.headers_mut().insert(header::ALLOW, READ_ONLY);
        return refused;
    }
    page(admin, &admin.view.load()).response()
}

fn readiness(admin: &Admin, view: &View) -> Page {
    if admin.is_draining() {
        return Page::text(StatusCode::SERVICE_UNAVAILABLE, "not ready: draining\n");
    }
    if view.keys.ready() {
        return Page::text(StatusCode::OK, "ready\n");
    }
    Page::text(
        StatusCode::SERVICE_UNAVAILABLE,
        &format!("not ready: {}\n", waiting(&view.keys.status())),
    )
}

/// Whom `/readyz` waits for, with the last error, one line.
fn waiting(sources: &[SourceStatus]) -> String {
    let waiting: Vec<String> = sources
        .iter()
        .filter(|source| source.required_for_ready && source.keys.is_empty())
        .map(|source| {
            let error = source.last_error.as_deref().unwrap_or("not fetched yet");
            // What to do stands on a line of its own elsewhere.
            let error = error.replace('\n', "; ");
            format!("no keys yet for issuer `{}`: {error}", source.issuer)
        })
        .collect();
    if waiting.is_empty() {
        "waiting for keys".to_owned()
    } else {
        waiting.join("; ")
    }
}

struct Page {
    status: StatusCode,
    content_type: HeaderValue,
    body: Bytes,
}

impl Page {
    fn text(status: StatusCode, text: &str) -> Self {
        Self {
            status,
            content_type: TEXT,
            body: Bytes::copy_from_slice(text.as_bytes()),
        }
    }

    fn response(self) -> Response<Full<Bytes>> {
        let mut response = Response::new(Full::new(self.body));
        *response.status_mut() = self.status;
        let headers: &mut HeaderMap = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, self.content_type);
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(
            header::X_CONTENT_TYPE_OPTIONS,
            HeaderValue::from_static("nosniff"),
        );
        response
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::keys::status::KeyStatus;

    fn source(issuer: &str, required: bool, error: Option<&str>) -> SourceStatus {
        SourceStatus {
            issuer: Arc::from(issuer),
            kind: "jwks_url",
            origin: "https://issuer.example/keys".to_owned(),
            required_for_ready: required,
            last_error: error.map(str::to_owned),
            ..SourceStatus::default()
        }
    }

    #[test]
    fn the_reason_names_the_issuers_that_are_waited_for() {
        let with_keys = SourceStatus {
            keys: vec![KeyStatus {
                kid: None,
                algorithms: vec!["RS256"],
                retained: None,
            }],
            ..source("bank", true, None)
        };
        let reason = waiting(&[
            source("staff", true, Some("redirects\nhint: name the place")),
            source("partners", true, None),
            source("extra", false, Some("timeout")),
            with_keys,
        ]);
        assert_eq!(
            reason,
            "no keys yet for issuer `staff`: redirects; hint: name the place; no keys yet for issuer `partners`: not fetched yet"
        );
    }
}
