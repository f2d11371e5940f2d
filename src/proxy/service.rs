//! The walk of one request: target, route, hygiene, token, verification, permit, identity, application.
//!
//! Nothing is forwarded but an [`Outgoing`], which is made of a [`Clean`] head and a permit of the route.

use std::cell::Cell;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use http::request::Parts;
use http::{Request, Response, Version};
use hyper::body::Incoming;
use tokio::time::{Instant, timeout};

use super::account::Account;
use super::head::fields;
use super::head::target::{self, Target};
use super::local::{Local, Worker};
use super::outgoing::{Clean, Outgoing, Sent};
use super::request_body::RequestBody;
use super::respond::{self, Words};
use super::response_body::Reply;
use super::tunnel::Tunnel;
use super::upstream::{self, Answer, Failure};
use super::{bound, cross_site, grpc, preflight};
use crate::keys::SourceId;
use crate::policy::{Access, Route};
use crate::proxy::Gate;
use crate::proxy::client::link::Link;
use crate::proxy::head::forwarded::{Forwarded, Peer};
use crate::proxy::head::source::{self, FoundToken};
use crate::verify::{Counterparts, Outcome, Rejection, VerifiedToken};

/// Longest wait for keys. The fetch has its own bound (5 s); this one holds whatever becomes of the control thread.
const KEYS_WAIT: Duration = Duration::from_secs(6);

/// What every request of one connection needs; of HTTP/2, one request.
pub(super) struct Client {
    pub(super) worker: Rc<Worker>,
    pub(super) peer: Peer,
    pub(super) connection: Link,
    /// What the connection becomes when the 101 is written.
    pub(super) tunnel: Cell<Option<Tunnel>>,
}

/// Why a request does not get the application's answer.
enum Stop {
    Refused(Rejection),
    Failed(Failure),
}

impl From<Rejection> for Stop {
    fn from(rejection: Rejection) -> Self {
        Self::Refused(rejection)
    }
}

/// Answers one request, in every case.
pub(super) async fn answer(client: &Client, request: Request<Incoming>) -> Response<Reply> {
    let local = client.worker.current();
    let (head, body) = request.into_parts();
    let words = match grpc::is_call(&head) {
        true => Words::Grpc,
        false => Words::Http,
    };
    let body = RequestBody::start(body, &client.connection, words == Words::Grpc);
    let had_body = !body.is_empty();
    let mut account = Account::open(
        &local,
        head.method.clone(),
        head.uri.clone(),
        &head.headers,
        client.peer.address,
    );
    account.protocol = protocol(head.version);
    let walked = {
        let walking = pin!(walk(&local, &client.peer, head, body, &mut account));
        unless_it_panics(walking).await
    };
    let mut response = match walked {
        Some(Ok(Answer::Switched(head, application))) => {
            let settings = local.gate.tunnels;
            let tunnel = Tunnel::new(account, application, settings);
            client.tunnel.set(Some(tunnel));
            client.connection.application_answers();
            return head.map(|()| Reply::switching(&client.connection));
        }
        Some(Ok(Answer::Ordinary(mut response))) => {
            account.status = Some(response.status().as_u16());
            account.grpc_status = grpc::status_of(response.headers());
            client.connection.application_answers();
            client.connection.before_answer(&mut response, false);
            return response.map(|body| Reply::application(body, account, &client.connection));
        }
        Some(Err(Stop::Refused(rejection))) => {
            account.refused(&rejection);
            respond::refusal(&rejection, words)
        }
        Some(Err(Stop::Failed(failure))) => {
            account.upstream_failed(&failure);
            respond::upstream_failure(&failure, words)
        }
        None => {
            tracing::error!("a panic ended one request; the gate goes on");
            client.worker.start_anew();
            account.failed_inside();
            respond::internal_error(words)
        }
    };
    client.connection.gate_answers();
    client.connection.before_answer(&mut response, had_body);
    account.status = Some(response.status().as_u16());
    account.grpc_status = grpc::status_of(response.headers());
    response.map(|body| Reply::own(body, account, &client.connection))
}

async fn walk(
    local: &Rc<Local>,
    peer: &Peer,
    head: Parts,
    body: RequestBody,
    account: &mut Account,
) -> Result<Answer, Stop> {
    let candidate = enter(local, peer, head, body, account)?;
    let token = match &candidate.found {
        None => None,
        Some(found) => Some(verify(local, found, &candidate.counterparts, account).await?),
    };
    let outgoing = admit(&local.gate, candidate, token.as_deref(), account)?;
    upstream::forward(local, outgoing)
        .await
        .map_err(Stop::Failed)
}

/// A request that may pass if its token is good. What needs no waiting is no part of the future, which hyper moves and keeps for each connection.
struct Candidate<'g> {
    route: &'g Route,
    /// The route lets it through as a CORS preflight.
    is_preflight: bool,
    clean: Clean,
    body: RequestBody,
    found: Option<FoundToken>,
    counterparts: Counterparts<'g>,
    forwarded: Forwarded<'g>,
}

/// Everything before the token is judged.
fn enter<'g>(
    local: &'g Local,
    peer: &'g Peer,
    mut head: Parts,
    body: RequestBody,
    account: &mut Account,
) -> Result<Candidate<'g>, Rejection> {
    let gate = &*local.gate;
    let tidied = match head.version {
        Version::HTTP_2 => fields::tidy(&mut head, gate.token.max_head()),
        _ => Ok(()),
    };
    let forwarded = Forwarded::read(&head.headers, peer, &gate.trusted_proxies);
    account.client = forwarded.client(&gate.trusted_proxies);

    tidied?;
    let target = target::check(&head)?;
    let preflight = find_preflight(gate, &head, &target, !body.is_empty());
    let route = match preflight {
        Some(route) => route,
        None => gate.routes.find(&head.method, target.path())?,
    };
    account.routed(route);

    // Looked for before hygiene, which may remove the header that it is in, and judged after it.
    let found = match route.access() {
        Access::Public { .. } => Ok(None),
        Access::Optional | Access::Required => {
            source::find(&gate.token, &head.headers, target.query())
        }
    };
    let counterparts = match &found {
        Ok(Some(_)) => bound::collect(gate.verifier.places(), &head.headers, target.query()),
        Ok(None) | Err(_) => Counterparts::default(),
    };
    let from_elsewhere = match &found {
        Ok(Some(found)) => cross_site::check(&gate.token, found, &head.method, &head.headers),
        Ok(None) | Err(_) => Ok(()),
    };
    let clean = Clean::of(head, target, &gate.managed)?;
    gate.metrics.headers_stripped(clean.stripped);

    let found = found?;
    from_elsewhere?;
    Ok(Candidate {
        route,
        is_preflight: preflight.is_some(),
        clean,
        body,
        found,
        counterparts,
        forwarded,
    })
}

/// Everything after the token was judged, up to the head that the application gets.
fn admit(
    gate: &Gate,
    candidate: Candidate<'_>,
    token: Option<&VerifiedToken>,
    account: &mut Account,
) -> Result<Outgoing, Rejection> {
    let Candidate {
        route,
        is_preflight,
        clean,
        body,
        found,
        counterparts,
        forwarded,
    } = candidate;
    let permit = match is_preflight {
        true => route.admit_preflight()?,
        false => route.admit(token)?,
    };
    account.admitted();
    let sent = Sent {
        token: found.as_ref(),
        counterparts: &counterparts,
    };
    Outgoing::write(clean, body, gate, route, &permit, sent, forwarded)
}

/// The route that lets a CORS preflight through. One with a token is not of a browser's making: it is judged like any request.
fn find_preflight<'g>(
    gate: &'g Gate,
    head: &Parts,
    target: &Target,
    has_body: bool,
) -> Option<&'g Route> {
    let wanted = preflight::method_asked_for(&head.method, &head.headers, has_body)?;
    let route = gate.routes.find_preflight(target.path(), &wanted)?;
    let token = source::find(&gate.token, &head.headers, target.query());
    matches!(token, Ok(None)).then_some(route)
}

/// Judges the token; for an unknown key waits once for the issuer's keys, and judges again if they may have changed.
async fn verify(
    local: &Local,
    found: &FoundToken,
    counterparts: &Counterparts<'_>,
    account: &mut Account,
) -> Result<Arc<VerifiedToken>, Rejection> {
    let started = Instant::now();
    let mut judged = local.judge(found, counterparts);
    if let (Outcome::NeedsKeys { source, seen, .. }, _) = &judged {
        let (source, kid) = (*source, seen.kid.clone());
        // Boxed: a wait that nearly no request has would be the largest part of every request's future.
        if Box::pin(fetched_anew(local, source, kid.as_deref())).await {
            judged = local.judge(found, counterparts);
        }
    }
    let (outcome, cached) = judged;
    if let (Outcome::Verified(token), false) = (&outcome, cached) {
        let (source, fingerprint) = token.signed_by();
        local.gate.keys.proved(source, fingerprint);
    }
    local.gate.metrics.verified(cached, started.elapsed());
    let (judged, seen) = outcome.settled(|source| local.gate.keys.retry_after(source));
    account.seen(seen);
    if let Ok(token) = &judged {
        account.verified(token);
    }
    judged
}

async fn fetched_anew(local: &Local, source: SourceId, kid: Option<&str>) -> bool {
    timeout(KEYS_WAIT, local.gate.keys.refetch(source, kid))
        .await
        .unwrap_or(false)
}

/// `network.protocol.version` of OpenTelemetry.
fn protocol(version: Version) -> Option<&'static str> {
    match version {
        Version::HTTP_10 => Some("1.0"),
        Version::HTTP_11 => Some("1.1"),
        Version::HTTP_2 => Some("2"),
        _ => None,
    }
}

/// Runs one request; a panic in it is none of the other requests' business.
async fn unless_it_panics<T>(mut request: Pin<&mut impl Future<Output = T>>) -> Option<T> {
    poll_fn(|cx| {
        // Nothing of the request is looked at again after a panic: the future is dropped, and the worker starts anew.
        match catch_unwind(AssertUnwindSafe(|| request.as_mut().poll(cx))) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(value)) => Poll::Ready(Some(value)),
            Err(_) => Poll::Ready(None),
        }
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size_of_future<'c, F: Future>(_: fn(&'c Client, Request<Incoming>) -> F) -> usize {
        size_of::<F>()
    }

    /// hyper moves it for each request and keeps room for one in each connection: what is not on the way of a request with a known token over a kept
    /// connection is boxed.
    #[test]
    fn the_future_of_a_request_is_small() {
        let size = size_of_future(answer);
        assert!(size <= 4096, "{size} bytes");
    }
}
