//! One flat line a request (CONTRACT, Logs): every member always there, null when unknown.

use std::net::IpAddr;
use std::time::Duration;

use crate::verify::{Decision, Reason};

/// What is told of one request. `path` has no query. Values from the wire are escaped and bounded when written.
pub struct AccessRecord<'r> {
    pub method: &'r str,
    pub path: Option<&'r str>,
    pub route: Option<&'r str>,
    pub status: Option<u16>,
    pub client: Option<IpAddr>,
    pub duration: Duration,
    pub decision: Decision,
    pub reason: Option<Reason>,
    /// `Rejection::operator_detail`, for the member `detail`.
    pub detail: Option<&'r str>,
    pub issuer: Option<&'r str>,
    pub kid: Option<&'r str>,
    pub alg: Option<&'r str>,
    /// From `traceparent` (W3C Trace Context), 32 hex digits.
    pub trace_id: Option<&'r str>,
}

/// Writes lines to stdout without ever blocking a request: when nobody reads, lines are dropped and counted.
pub struct AccessLog {/* private */}

impl AccessLog {
    pub fn write(&self, _record: &AccessRecord<'_>, _at: crate::clock::UnixTime) {
        todo!()
    }
}
