//! From the client's head to the application's, in steps that cannot be skipped: only a [`Clean`] head becomes an [`Outgoing`] request, and
//! only with a [`Permit`].

use http::header::{
    CONNECTION, CONTENT_LENGTH, EXPECT, HOST, TE, TRAILER, TRANSFER_ENCODING, UPGRADE,
};
use http::request::Parts;
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, Method, Uri, Version};

use super::request_body::RequestBody;
use super::{ChunkedBodies, Gate, HostHeader, UpstreamSettings};
use crate::identity::{ManagedNames, remove_where};
use crate::policy::{Access, Permit, Route};
use crate::proxy::head::credentials::{self, Kept};
use crate::proxy::head::forwarded::Forwarded;
use crate::proxy::head::source::FoundToken;
use crate::proxy::head::target::Target;
use crate::proxy::head::websocket::{self, Handshake};
use crate::proxy::upstream::TakesTrailers;
use crate::verify::{Counterparts, Rejection};

/// A head without hop-by-hop headers, managed names and their look-alikes. Its credentials are still in it.
pub(super) struct Clean {
    method: Method,
    headers: HeaderMap,
    target: Target,
    takes_trailers: bool,
    /// How many lines hygiene removed.
    pub(super) stripped: usize,
    /// The client asks for a WebSocket.
    upgrades: bool,
}

impl Clean {
    pub(super) fn of(
        head: Parts,
        target: Target,
        managed: &ManagedNames,
    ) -> Result<Self, Rejection> {
        let mut headers = head.headers;
        // One look for both: most requests have neither.
        let negotiates = headers.keys().any(|name| matches!(*name, TE | UPGRADE));
        let takes_trailers = negotiates && takes_trailers(&headers);
        let upgrades = negotiates && websocket::is_asked_for(&head.method, head.version, &headers);
        let stripped = managed.clean(&mut headers)?;
        Ok(Self {
            method: head.method,
            headers,
            target,
            takes_trailers,
            stripped,
            upgrades,
        })
    }
}

/// The credentials that the client sent, before hygiene.
#[derive(Clone, Copy)]
pub(super) struct Sent<'r> {
    pub(super) token: Option<&'r FoundToken>,
    pub(super) counterparts: &'r Counterparts<'r>,
}

impl<'r> Sent<'r> {
    /// What of them was verified: the token that `permit` was given for, and the access token that it vouches for.
    fn kept(self, permit: &Permit<'r>) -> Kept<'r> {
        let access_token = || {
            let place = permit.token()?.access_token_place()?;
            let value = self.counterparts.at(place).ok()?;
            Some((place, std::str::from_utf8(value).ok()?))
        };
        Kept {
            token: self.token.filter(|_| permit.token().is_some()),
            access_token: access_token(),
        }
    }
}

/// A request that may be sent to the application.
pub(super) struct Outgoing {
    pub(super) head: Parts,
    pub(super) body: RequestBody,
    /// The request asks for a WebSocket: its answer may be a 101.
    pub(super) handshake: Option<Handshake>,
}

impl Outgoing {
    /// Writes the head that the application gets. `permit` was given for the token in `sent`, when there is one.
    pub(super) fn write(
        clean: Clean,
        mut body: RequestBody,
        gate: &Gate,
        route: &Route,
        permit: &Permit<'_>,
        sent: Sent<'_>,
        forwarded: Forwarded<'_>,
    ) -> Result<Self, Rejection> {
        let Clean {
            method,
            mut headers,
            target,
            takes_trailers,
            stripped: _,
            upgrades,
        } = clean;
        let Target {
            mut path_and_query,
            host,
        } = target;
        let passes = matches!(
            route.access(),
            Access::Public {
                pass_credentials: true
            }
        );
        if !passes {
            let kept = match gate.token.forward {
                true => sent.kept(permit),
                false => Kept::default(),
            };
            let bound = gate.verifier.access_token_places();
            credentials::strip(&gate.token, bound, &mut headers, &mut path_and_query, kept)?;
        }
        forwarded.write(&mut headers, host.as_ref());
        let host = match gate.upstream.host {
            HostHeader::Preserve => host,
            HostHeader::Upstream => None,
        };
        let host = match host {
            Some(host) => host,
            None => upstream_host(gate)?,
        };
        headers.insert(HOST, host);
        body.pass_trailers(&gate.upstream.forward_trailers);
        frame(&mut headers, &method, &body, &gate.upstream)?;
        let handshake = match upgrades {
            true => Some(Handshake::read(&headers, !body.is_empty())?),
            false => None,
        };
        if handshake.is_some() {
            Handshake::write(&mut headers);
        }
        if let Some(token) = permit.token() {
            // In place of what the client sent, which hygiene has removed before.
            gate.mapping.lines(token)?.insert_into(&mut headers);
        }
        let mut head = parts(method, path_and_query, headers)?;
        if takes_trailers {
            head.extensions.insert(TakesTrailers);
        }
        Ok(Self {
            head,
            body,
            handshake,
        })
    }
}

/// RFC 9110 §10.1.4: of what `TE` lists, trailers are the one thing that is passed on, and made anew.
fn takes_trailers(headers: &HeaderMap) -> bool {
    let lines = headers.get_all(TE).iter();
    lines
        .flat_map(|line| line.as_bytes().split(|byte| *byte == b','))
        .any(|coding| coding.trim_ascii().eq_ignore_ascii_case(b"trailers"))
}

fn upstream_host(gate: &Gate) -> Result<HeaderValue, Rejection> {
    HeaderValue::from_str(gate.upstream.authority.as_str()).map_err(|_| unusable())
}

/// The body's framing is written anew; what the client said of it is forgotten.
fn frame(
    headers: &mut HeaderMap,
    method: &Method,
    body: &RequestBody,
    settings: &UpstreamSettings,
) -> Result<(), Rejection> {
    remove_where(headers, |name| {
        matches!(
            *name,
            CONTENT_LENGTH | TRANSFER_ENCODING | TRAILER | TE | EXPECT | UPGRADE
        )
    });
    match http_body::Body::size_hint(body).exact() {
        // Some servers answer 411 to a POST without a length.
        Some(0) if matches!(*method, Method::POST | Method::PUT | Method::PATCH) => {
            headers.insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
        }
        Some(0) => {}
        Some(length) => {
            headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
        }
        None if settings.chunked == ChunkedBodies::Refuse => {
            return Err(Rejection::BadRequest {
                status: 411,
                why: "the request has a body, but no `Content-Length`".to_owned(),
            });
        }
        // hyper would leave out the body of a GET whose length is unknown.
        None => {
            headers.insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
            // Some servers take such a body for the next request of a kept connection: most of them believe this. uWSGI's `http11-socket` does not,
            // and needs `ChunkedBodies::Refuse`.
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
            // Only announced trailers are written.
            for name in &*settings.forward_trailers {
                headers.append(TRAILER, HeaderValue::from(name.clone()));
            }
        }
    }
    Ok(())
}

fn parts(
    method: Method,
    path_and_query: PathAndQuery,
    headers: HeaderMap,
) -> Result<Parts, Rejection> {
    // Nothing of the client's request but these goes on: no extensions, no version.
    let (mut head, ()) = http::Request::new(()).into_parts();
    let mut uri = http::uri::Parts::default();
    uri.path_and_query = Some(path_and_query);
    head.method = method;
    head.uri = Uri::from_parts(uri).map_err(|_| unusable())?;
    head.headers = headers;
    head.version = Version::HTTP_11;
    Ok(head)
}

fn unusable() -> Rejection {
    Rejection::BadRequest {
        status: 400,
        why: "the request cannot be written for the application".to_owned(),
    }
}
