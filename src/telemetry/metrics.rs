//! Every metric of the gate, at 0 from the start, children resolved once.

use std::sync::Arc;
use std::time::Duration;

use crate::verify::{Decision, Reason};

/// How a request to the application ended: the closed label set of `claimgate_upstream_requests_total{outcome}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum UpstreamOutcome {
    Answered,
    Unreachable,
    Reset,
    Timeout,
    ClientGone,
}

impl UpstreamOutcome {
    pub const ALL: [Self; 5] = [
        Self::Answered,
        Self::Unreachable,
        Self::Reset,
        Self::Timeout,
        Self::ClientGone,
    ];
    pub fn name(self) -> &'static str {
        todo!()
    }
}

/// What a finished request is counted by. Indexes, so that counting is a look-up: `route` is `policy::Route::index` (none: no route matched),
/// `issuer` the index of the verifier's issuer (none: no issuer known).
#[derive(Clone, Copy, Debug)]
pub struct RequestOutcome {
    pub route: Option<usize>,
    pub issuer: Option<usize>,
    pub decision: Decision,
    pub reason: Option<Reason>,
    pub duration: Duration,
}

pub struct Metrics {/* private: registry and children */}

impl Metrics {
    /// `routes` and `issuers` by index.
    pub fn new(_routes: &[Arc<str>], _issuers: &[Arc<str>]) -> Arc<Self> {
        todo!()
    }
    pub fn request_finished(&self, _outcome: RequestOutcome) {
        todo!()
    }
    pub fn request_started(&self) {
        todo!()
    }
    pub fn request_left(&self) {
        todo!()
    }
    pub fn connection_opened(&self) {
        todo!()
    }
    pub fn connection_closed(&self) {
        todo!()
    }
    pub fn headers_stripped(&self, _lines: usize) {
        todo!()
    }
    pub fn verified(&self, _from_cache: bool, _duration: Duration) {
        todo!()
    }
    pub fn upstream_finished(&self, _outcome: UpstreamOutcome, _duration: Duration) {
        todo!()
    }
    pub fn token_cache(&self, _counts: crate::verify::cache::CacheCounts, _entries_delta: i64) {
        todo!()
    }
    pub fn config_loaded(&self, _successful: bool, _at: crate::clock::UnixTime) {
        todo!()
    }
    /// The text exposition format, version 0.0.4.
    pub fn render(&self) -> Vec<u8> {
        todo!()
    }
}
