//! One flat line a request (CONTRACT, Logs): every member always there, null when unknown.

use std::fmt::Write as _;
use std::net::IpAddr;
use std::time::Duration;

use super::escape::{push_escaped, push_json, push_text};
use super::{AccessMode, LineFormat, LineWriter};
use crate::clock::{SystemClock, UnixTime};
use crate::verify::{Decision, Reason};

/// Bounds in bytes of what comes from the wire; the wire's own limits are wider.
const MAX_PATH: usize = 2048;
const MAX_DETAIL: usize = 1024;
const MAX_WORD: usize = 256;

/// What is told of one request. `path` has no query. Values from the wire are escaped and bounded when written.
pub struct AccessRecord<'r> {
    /// None: the request could not be read.
    pub method: Option<&'r str>,
    pub path: Option<&'r str>,
    pub route: Option<&'r str>,
    pub status: Option<u16>,
    /// `grpc-status`, for the member `rpc.grpc.status_code`, which is there only for gRPC calls.
    pub grpc_status: Option<u32>,
    /// `1.0`, `1.1` or `2`.
    pub protocol: Option<&'static str>,
    pub client: Option<IpAddr>,
    pub duration: Duration,
    pub decision: Decision,
    pub reason: Option<Reason>,
    /// `Rejection::log_detail`, for the member `detail`.
    pub detail: Option<&'r str>,
    pub issuer: Option<&'r str>,
    pub kid: Option<&'r str>,
    pub alg: Option<&'r str>,
    /// From `traceparent` (W3C Trace Context), 32 hex digits.
    pub trace_id: Option<&'r str>,
}

/// Writes lines to stdout without ever blocking a request: when nobody reads, lines are dropped and counted.
pub struct AccessLog {
    writer: LineWriter,
    format: LineFormat,
    /// Only answers that the gate made itself.
    only_refused: bool,
}

impl AccessLog {
    /// None when `mode` is off.
    pub fn new(writer: LineWriter, format: LineFormat, mode: AccessMode) -> Option<Self> {
        Some(Self {
            writer,
            format,
            only_refused: match mode {
                AccessMode::All => false,
                AccessMode::Denied => true,
                AccessMode::Off => return None,
            },
        })
    }

    /// `at` is the time at the end of the request. The line's milliseconds are the system clock's, kept within that second.
    pub fn write(&self, record: &AccessRecord<'_>, at: UnixTime) {
        if self.only_refused && record.reason.is_none() {
            return;
        }
        let second = at.0.saturating_mul(1000);
        let time = SystemClock::wall_milliseconds().clamp(second, second.saturating_add(999));
        self.writer.line(match self.format {
            LineFormat::Json => json(record, time),
            LineFormat::Text => text(record, time),
        });
    }
}

/// Milliseconds since 1970 as RFC 3339 with three decimals; a time that has no such form is 1970.
pub(super) fn timestamp(milliseconds: i64) -> impl std::fmt::Display {
    struct Milliseconds(jiff::Timestamp);
    impl std::fmt::Display for Milliseconds {
        fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            write!(formatter, "{:.3}", self.0)
        }
    }
    Milliseconds(jiff::Timestamp::from_millisecond(milliseconds).unwrap_or_default())
}

fn level(record: &AccessRecord<'_>) -> &'static str {
    match (record.decision, record.reason) {
        (Decision::Unavailable, _) => "error",
        (Decision::Allow | Decision::Public, Some(_)) => "error",
        (Decision::Deny | Decision::Forbid, _) => "warn",
        (Decision::Allow | Decision::Public, None) => "info",
    }
}

fn message(record: &AccessRecord<'_>) -> &'static str {
    match (record.reason, record.decision) {
        (Some(reason), _) => reason.message(),
        (None, Decision::Public) => "request forwarded without identity",
        (None, _) => "request forwarded",
    }
}

fn json(record: &AccessRecord<'_>, time: i64) -> String {
    let mut line = String::with_capacity(512);
    // Writing to a String cannot fail.
    let _ = write!(
        line,
        "{{\"timestamp\":\"{}\",\"level\":\"{}\"",
        timestamp(time),
        level(record)
    );
    member(&mut line, "message", Some(message(record)), MAX_DETAIL);
    member(&mut line, "http.request.method", record.method, MAX_WORD);
    member(&mut line, "url.path", path(record), MAX_PATH);
    member(&mut line, "http.route", record.route, MAX_WORD);
    match record.status {
        Some(status) => {
            let _ = write!(line, ",\"http.response.status_code\":{status}");
        }
        None => line.push_str(",\"http.response.status_code\":null"),
    }
    member(
        &mut line,
        "network.protocol.version",
        record.protocol,
        MAX_WORD,
    );
    match record.client {
        Some(client) => {
            let _ = write!(line, ",\"client.address\":\"{client}\"");
        }
        None => line.push_str(",\"client.address\":null"),
    }
    let _ = write!(line, ",\"duration_ms\":{:.3}", milliseconds(record));
    member(
        &mut line,
        "auth.decision",
        Some(record.decision.name()),
        MAX_WORD,
    );
    member(
        &mut line,
        "auth.reason",
        record.reason.map(Reason::name),
        MAX_WORD,
    );
    member(&mut line, "auth.issuer", record.issuer, MAX_WORD);
    member(&mut line, "jwt.kid", record.kid, MAX_WORD);
    member(&mut line, "jwt.alg", record.alg, MAX_WORD);
    member(&mut line, "trace_id", record.trace_id, MAX_WORD);
    if let Some(status) = record.grpc_status {
        let _ = write!(line, ",\"rpc.grpc.status_code\":{status}");
    }
    if record.detail.is_some() {
        member(&mut line, "detail", record.detail, MAX_DETAIL);
    }
    line.push('}');
    line
}

/// A request for `host:port` has none.
fn path<'r>(record: &AccessRecord<'r>) -> Option<&'r str> {
    record.path.filter(|path| !path.is_empty())
}

fn member(line: &mut String, name: &str, value: Option<&str>, max_bytes: usize) {
    line.push_str(",\"");
    line.push_str(name);
    line.push_str("\":");
    match value {
        Some(value) => push_json(line, value, max_bytes),
        None => line.push_str("null"),
    }
}

fn text(record: &AccessRecord<'_>, time: i64) -> String {
    let mut line = String::with_capacity(256);
    let _ = write!(
        line,
        "{} {:>5} ",
        timestamp(time),
        level(record).to_uppercase()
    );
    push_text(&mut line, record.method.unwrap_or("-"), MAX_WORD);
    line.push(' ');
    push_text(&mut line, path(record).unwrap_or("-"), MAX_PATH);
    match record.status {
        Some(status) => {
            let _ = write!(line, " {status}");
        }
        None => line.push_str(" -"),
    }
    let _ = write!(
        line,
        " {:.1}ms {}",
        milliseconds(record),
        record.decision.name()
    );
    let client = record.client.map(|client| client.to_string());
    let grpc_status = record.grpc_status.map(|status| status.to_string());
    for (name, value) in [
        ("grpc_status", grpc_status.as_deref()),
        ("reason", record.reason.map(Reason::name)),
        ("route", record.route),
        ("issuer", record.issuer),
        ("kid", record.kid),
        ("alg", record.alg),
        ("client", client.as_deref()),
        ("trace_id", record.trace_id),
    ] {
        if let Some(value) = value {
            line.push(' ');
            line.push_str(name);
            line.push('=');
            push_text(&mut line, value, MAX_WORD);
        }
    }
    if record.reason.is_some() {
        line.push_str(" - ");
        line.push_str(message(record));
    }
    if let Some(detail) = record.detail {
        line.push_str(": ");
        push_escaped(&mut line, detail, MAX_DETAIL);
    }
    line
}

fn milliseconds(record: &AccessRecord<'_>) -> f64 {
    record.duration.as_secs_f64() * 1000.0
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::writer::tests::kept;
    use super::*;

    const MEMBERS: [&str; 18] = [
        "timestamp",
        "level",
        "message",
        "http.request.method",
        "url.path",
        "http.route",
        "http.response.status_code",
        "network.protocol.version",
        "client.address",
        "duration_ms",
        "auth.decision",
        "auth.reason",
        "auth.issuer",
        "jwt.kid",
        "jwt.alg",
        "trace_id",
        "rpc.grpc.status_code",
        "detail",
    ];

    fn unknown() -> AccessRecord<'static> {
        AccessRecord {
            method: Some("GET"),
            path: None,
            route: None,
            status: None,
            grpc_status: None,
            protocol: None,
            client: None,
            duration: Duration::from_micros(1_234),
            decision: Decision::Allow,
            reason: None,
            detail: None,
            issuer: None,
            kid: None,
            alg: None,
            trace_id: None,
        }
    }

    fn read(line: &str) -> serde_json::Map<String, serde_json::Value> {
        serde_json::from_str(line).unwrap()
    }

    #[test]
    fn a_request_that_could_not_be_read_has_no_method_and_no_path() {
        let unread = AccessRecord {
            method: None,
            path: Some(""),
            ..unknown()
        };
        let line = read(&json(&unread, 0));
        assert!(line["http.request.method"].is_null());
        assert!(line["url.path"].is_null());
        assert!(text(&unread, 0).contains(" - - "));
    }

    #[test]
    fn every_member_is_there_and_null_when_unknown() {
        let line = read(&json(&unknown(), 0));
        for name in &MEMBERS[..16] {
            assert!(line.contains_key(*name), "{name}");
        }
        assert_eq!(line.len(), 16);
        for name in [
            "url.path",
            "http.route",
            "http.response.status_code",
            "network.protocol.version",
            "client.address",
            "auth.reason",
            "auth.issuer",
            "jwt.kid",
            "jwt.alg",
            "trace_id",
        ] {
            assert!(line[name].is_null(), "{name}");
        }
        assert_eq!(line["timestamp"], "1970-01-01T00:00:00.000Z");
        assert_eq!(line["level"], "info");
        assert_eq!(line["duration_ms"], 1.234);
        assert_eq!(line["auth.decision"], "allow");
    }

    #[test]
    fn a_refusal_says_what_is_known_and_why() {
        let record = AccessRecord {
            path: Some("/admin"),
            route: Some("admin"),
            status: Some(401),
            client: Some([10, 0, 0, 7].into()),
            decision: Decision::Deny,
            reason: Some(Reason::TokenExpired),
            detail: Some("expired 5 s ago"),
            issuer: Some("staff"),
            kid: Some("k1"),
            alg: Some("RS256"),
            trace_id: Some("0af7651916cd43dd8448eb211c80319c"),
            ..unknown()
        };
        let line = read(&json(&record, 1_790_170_386_042));
        assert_eq!(
            line.keys().map(String::as_str).collect::<Vec<_>>().len(),
            17
        );
        for (name, expected) in [
            ("timestamp", "2026-09-23T13:33:06.042Z"),
            ("level", "warn"),
            ("message", Reason::TokenExpired.message()),
            ("url.path", "/admin"),
            ("http.route", "admin"),
            ("client.address", "10.0.0.7"),
            ("auth.decision", "deny"),
            ("auth.reason", "token_expired"),
            ("auth.issuer", "staff"),
            ("jwt.kid", "k1"),
            ("jwt.alg", "RS256"),
            ("trace_id", "0af7651916cd43dd8448eb211c80319c"),
            ("detail", "expired 5 s ago"),
        ] {
            assert_eq!(line[name], expected, "{name}");
        }
        assert_eq!(line["http.response.status_code"], 401);
        assert!(text(&record, 0).contains(" GET /admin 401 1.2ms deny reason=token_expired "));
    }

    #[test]
    fn what_needs_the_operator_is_an_error() {
        for (decision, reason, expected) in [
            (Decision::Allow, None, "info"),
            (Decision::Public, None, "info"),
            (Decision::Deny, Some(Reason::MissingToken), "warn"),
            (Decision::Forbid, Some(Reason::NoRoute), "warn"),
            (
                Decision::Unavailable,
                Some(Reason::KeysUnavailable),
                "error",
            ),
            (Decision::Allow, Some(Reason::UpstreamReset), "error"),
        ] {
            let record = AccessRecord {
                decision,
                reason,
                ..unknown()
            };
            assert_eq!(level(&record), expected);
        }
    }

    #[test]
    fn h15_a_path_or_kid_cannot_forge_a_line() {
        let attack = "/a\r\n{\"level\":\"info\"}\x1b[2J\u{202e}\"";
        let record = AccessRecord {
            path: Some(attack),
            kid: Some(attack),
            detail: Some(attack),
            decision: Decision::Deny,
            reason: Some(Reason::UnknownKey),
            ..unknown()
        };
        let line = json(&record, 0);
        assert!(!line.contains(['\r', '\n', '\x1b', '\u{202e}']));
        let read = read(&line);
        assert_eq!(read["url.path"], attack);
        assert_eq!(read["jwt.kid"], attack);
        assert_eq!(read["level"], "warn");
        let line = text(&record, 0);
        assert!(!line.contains(['\r', '\n', '\x1b', '\u{202e}']));
    }

    #[test]
    fn h15_a_huge_value_is_cut() {
        let huge = "x".repeat(1 << 20);
        let record = AccessRecord {
            path: Some(&huge),
            kid: Some(&huge),
            detail: Some(&huge),
            ..unknown()
        };
        assert!(json(&record, 0).len() < 8 * 1024);
        assert!(text(&record, 0).len() < 8 * 1024);
    }

    proptest! {
        #[test]
        fn h15_any_text_is_one_line_of_json(path in any::<String>(), kid in any::<String>(), detail in any::<String>()) {
            let record = AccessRecord { path: Some(&path), kid: Some(&kid), detail: Some(&detail), ..unknown() };
            let line = json(&record, 0);
            prop_assert!(!line.chars().any(char::is_control));
            prop_assert_eq!(read(&line).len(), 17);
            prop_assert!(!text(&record, 0).chars().any(char::is_control));
        }
    }

    #[test]
    fn denied_writes_only_what_was_not_forwarded() {
        let (writer, kept) = kept();
        let log = AccessLog::new(writer.clone(), LineFormat::Json, AccessMode::Denied).unwrap();
        log.write(&unknown(), UnixTime(0));
        let refused = AccessRecord {
            decision: Decision::Deny,
            reason: Some(Reason::MissingToken),
            ..unknown()
        };
        log.write(&refused, UnixTime(0));
        assert!(writer.flush(Duration::from_secs(10)));
        let written = kept.text();
        assert_eq!(written.lines().count(), 1);
        let line = read(written.trim_end());
        assert_eq!(line["auth.reason"], "missing_token");
        assert_eq!(line["timestamp"], "1970-01-01T00:00:00.999Z");
    }

    #[test]
    fn off_writes_nothing() {
        let (writer, _) = kept();
        assert!(AccessLog::new(writer, LineFormat::Json, AccessMode::Off).is_none());
    }
}
