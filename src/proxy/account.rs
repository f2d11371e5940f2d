//! What telemetry is told of one request: once, when its answer has ended or its client is gone.

use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderName, Method, Uri};
use tokio::time::Instant;

use super::Gate;
use super::local::Local;
use super::tunnel::End;
use super::upstream::Failure;
use crate::policy::Route;
use crate::telemetry::AccessRecord;
use crate::telemetry::metrics::RequestOutcome;
use crate::verify::{Decision, Reason, Rejection, Seen, VerifiedToken};

/// Filled along the walk of a request; telling is dropping it, so that no way out of the walk goes untold. Boxed from the start: it goes along with
/// the answer, which is moved often.
pub(super) struct Account {
    local: Rc<Local>,
    started: Instant,
    method: Method,
    uri: Uri,
    /// None behind a Unix socket.
    pub(super) client: Option<IpAddr>,
    trace_id: Option<[u8; 32]>,
    /// Its index in the table of routes.
    route: Option<usize>,
    token: Option<Arc<VerifiedToken>>,
    seen: Seen,
    pub(super) status: Option<u16>,
    /// `grpc-status`, the gate's own or the application's.
    pub(super) grpc_status: Option<u32>,
    /// Of HTTP, as the client speaks it.
    pub(super) protocol: Option<&'static str>,
    /// How long the answer took; none: until now.
    answered_in: Option<Duration>,
    decision: Decision,
    reason: Option<Reason>,
    detail: Option<String>,
}

impl Account {
    pub(super) fn open(
        local: &Rc<Local>,
        method: Method,
        uri: Uri,
        headers: &HeaderMap,
        client: Option<IpAddr>,
    ) -> Box<Self> {
        local.gate.metrics.request_started();
        Box::new(Self {
            local: Rc::clone(local),
            started: Instant::now(),
            method,
            uri,
            client,
            trace_id: trace_id(headers),
            route: None,
            token: None,
            seen: Seen::default(),
            status: None,
            grpc_status: None,
            protocol: None,
            answered_in: None,
            decision: Decision::Deny,
            reason: None,
            detail: None,
        })
    }

    pub(super) fn routed(&mut self, route: &Route) {
        self.route = Some(route.index());
    }

    /// What a token that was refused said of itself.
    pub(super) fn seen(&mut self, seen: Seen) {
        self.seen = seen;
    }

    pub(super) fn verified(&mut self, token: &Arc<VerifiedToken>) {
        self.token = Some(Arc::clone(token));
    }

    /// The route lets the request through.
    pub(super) fn admitted(&mut self) {
        self.decision = if self.token.is_some() {
            Decision::Allow
        } else {
            Decision::Public
        };
    }

    pub(super) fn refused(&mut self, rejection: &Rejection) {
        self.decision = rejection.decision();
        self.reason = Some(rejection.reason());
        // Written for the log, and only if there is one.
        let logs = self.local.gate.access_log.is_some();
        self.detail = logs.then(|| rejection.log_detail());
    }

    /// The application's failure leaves the decision as it is; the client's does not.
    pub(super) fn upstream_failed(&mut self, failure: &Failure) {
        match failure {
            Failure::Client(fault) => self.refused(&fault.rejection()),
            Failure::Unreachable(why) => self.application_failed(Reason::UpstreamUnreachable, why),
            Failure::Reset(why) => self.application_failed(Reason::UpstreamReset, why),
            Failure::Timeout => {
                self.application_failed(Reason::UpstreamTimeout, "no answer in time");
            }
        }
    }

    pub(super) fn application_failed(&mut self, reason: Reason, why: &str) {
        self.reason = Some(reason);
        self.detail = Some(why.to_owned());
    }

    /// The gate that the request is judged by, to its end.
    pub(super) fn gate(&self) -> &Gate {
        &self.local.gate
    }

    /// What the request was allowed for.
    pub(super) fn token(&self) -> Option<&Arc<VerifiedToken>> {
        self.token.as_ref()
    }

    /// The answer is given, what follows it may last for days.
    pub(super) fn tunnel_opened(&mut self) {
        self.status = Some(101);
        self.answered_in = Some(self.started.elapsed());
        self.detail = Some("the client was gone before the tunnel began".to_owned());
    }

    /// Until something else is known: whoever drops a tunnel stops the gate.
    pub(super) fn tunnel_begun(&mut self) {
        self.detail = Some("the tunnel was cut when the gate stopped".to_owned());
    }

    pub(super) fn tunnel_ended(&mut self, end: End) {
        let told = |why: &str| Some(format!("the tunnel was closed: {why}"));
        self.detail = match end {
            End::Closed => None,
            End::ClientGone => told("the client broke it off"),
            End::Idle => told("nothing was said in it for too long"),
            End::ClientStalled => told("the client took nothing for too long"),
            End::TokenOver => told("the token has expired"),
            End::ApplicationGone => {
                let why = "the application broke the tunnel off";
                return self.application_failed(Reason::UpstreamReset, why);
            }
            End::ApplicationStalled => {
                let why = "the application took nothing out of the tunnel for too long";
                return self.application_failed(Reason::UpstreamTimeout, why);
            }
        };
    }

    pub(super) fn failed_inside(&mut self) {
        self.decision = Decision::Deny;
        self.reason = None;
        self.detail = Some("a panic in the gate ended this request".to_owned());
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        let gate = &self.local.gate;
        let duration = self.started.elapsed();
        let token = self.token.as_deref();
        gate.metrics.request_left();
        gate.metrics.request_finished(RequestOutcome {
            route: self.route,
            issuer: token
                .map(VerifiedToken::issuer_index)
                .or(self.seen.issuer_index),
            decision: self.decision,
            reason: self.reason,
            duration: self.answered_in.unwrap_or(duration),
        });
        let Some(log) = &gate.access_log else { return };
        log.write(
            &AccessRecord {
                method: Some(self.method.as_str()),
                path: Some(self.uri.path()),
                route: self
                    .route
                    .and_then(|index| gate.routes.routes().get(index))
                    .map(|route| &**route.name()),
                status: self.status,
                grpc_status: self.grpc_status,
                protocol: self.protocol,
                client: self.client,
                duration,
                decision: self.decision,
                reason: self.reason,
                detail: self.detail.as_deref(),
                issuer: token.map(|t| &**t.issuer()).or(self.seen.issuer.as_deref()),
                kid: token.map_or(self.seen.kid.as_deref(), VerifiedToken::kid),
                alg: token.map_or(self.seen.alg, |t| Some(t.algorithm().name())),
                trace_id: self
                    .trace_id
                    .as_ref()
                    .and_then(|id| std::str::from_utf8(id).ok()),
            },
            gate.clock.now().wall,
        );
    }
}

/// A request that hyper answered, or gave up, before there was one: counted, with what is known of it.
pub(super) fn unreadable_request(
    local: &Local,
    client: Option<IpAddr>,
    status: Option<u16>,
    why: &str,
) {
    let gate = &local.gate;
    let (decision, reason) = (Decision::Deny, Some(Reason::BadRequest));
    gate.metrics.request_finished(RequestOutcome {
        route: None,
        issuer: None,
        decision,
        reason,
        duration: Duration::ZERO,
    });
    if let Some(log) = &gate.access_log {
        log.write(
            &AccessRecord {
                method: None,
                path: None,
                route: None,
                status,
                grpc_status: None,
                protocol: None,
                client,
                duration: Duration::ZERO,
                decision,
                reason,
                detail: Some(why),
                issuer: None,
                kid: None,
                alg: None,
                trace_id: None,
            },
            gate.clock.now().wall,
        );
    }
}

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// The trace of `traceparent` (W3C Trace Context §3.2): `00-` 32 lower-case hex digits, not all zero, `-`.
fn trace_id(headers: &HeaderMap) -> Option<[u8; 32]> {
    let value = headers.get(TRACEPARENT)?.as_bytes();
    let rest = value.get(2..)?.strip_prefix(b"-")?;
    let (id, rest) = rest.split_first_chunk::<32>()?;
    let hex = id.iter().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    (hex && rest.first() == Some(&b'-') && id.iter().any(|b| *b != b'0')).then_some(*id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_id_is_32_hex_digits() {
        let of = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert("traceparent", value.parse().unwrap());
            trace_id(&headers).map(|id| String::from_utf8(id.to_vec()).unwrap())
        };
        let id = "4bf92f3577b34da6a3ce929d0e0e4736";
        assert_eq!(
            of(&format!("00-{id}-00f067aa0ba902b7-01")).as_deref(),
            Some(id)
        );
        for bad in [
            "",
            "00",
            "00-",
            "00-4bf9",
            &format!("00-{id}"),
            &format!("00-{}-x", "0".repeat(32)),
            &format!("00-{}-x", "G".repeat(32)),
        ] {
            assert_eq!(of(bad), None, "{bad}");
        }
    }
}
