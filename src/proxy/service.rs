//! The walk of one request: target, route, hygiene, token, verification, permit, identity, application.
//!
//! Nothing is forwarded but an [`Outgoing`], which is made of a [`Clean`] head and a permit of the route.

use std::cell::Cell;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
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
    let walked = unless_it_panics(walk(&local, &client.peer, head, body, &mut account)).await;
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
    mut head: Parts,
    body: RequestBody,
    account: &mut Account,
) -> Result<Answer, Stop> {
    let gate = &local.gate;
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
    let verified = match &found {
        None => None,
        Some(found) => {
            from_elsewhere?;
            let token = verify(local, found, &counterparts, account).await?;
            account.verified(&token);
            Some(token)
        }
    };
    let permit = match preflight {
        Some(route) => route.admit_preflight()?,
        None => route.admit(verified.as_deref())?,
    };
    account.admitted();
    let sent = Sent {
        token: found.as_ref(),
        counterparts: &counterparts,
    };
    let outgoing = Outgoing::write(clean, body, gate, route, &permit, sent, forwarded)?;
    upstream::forward(local, outgoing)
        .await
        .map_err(Stop::Failed)
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
    let (mut outcome, mut cached) = local.judge(found, counterparts);
    if let Outcome::NeedsKeys { source, seen, .. } = &outcome
        && fetched_anew(local, *source, seen.kid.as_deref()).await
    {
        (outcome, cached) = local.judge(found, counterparts);
    }
    if let (Outcome::Verified(token), false) = (&outcome, cached) {
        let (source, fingerprint) = token.signed_by();
        local.gate.keys.proved(source, fingerprint);
    }
    local.gate.metrics.verified(cached, started.elapsed());
    let (judged, seen) = outcome.settled(|source| local.gate.keys.retry_after(source));
    account.seen(seen);
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
async fn unless_it_panics<T>(request: impl Future<Output = T>) -> Option<T> {
    let mut request = pin!(request);
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
