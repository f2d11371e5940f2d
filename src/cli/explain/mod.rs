//! `claimgate explain`: judges one token by the gate's own steps, and says which one refuses it and what to do.

mod judge;
mod report;
mod steps;

use std::io::Read;
use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue, Method};

use super::online::{self, Obtained, fetch_kid_once};
use super::output::{complain, complain_of, print};
use super::{BAD_CONFIG, ConfigFile, FAILURE, SUCCESS, USAGE};
use crate::app;
use crate::clock::{Clock, Moment, SystemClock, UnixTime};
use crate::config::{self, LoadOptions};
use crate::keys::status::{KeysFrom, SnapshotOutcome};
use crate::proxy::Gate;
use crate::telemetry::escape::visible;
use crate::verify::{Decision, Reason, span};
use judge::{Question, judge};

/// Bytes of a token that are read from standard input; beyond any configurable limit of the gate.
const MAX_INPUT: u64 = 1024 * 1024;

/// In place of what the gate would say, which is about fetches that failed.
const OFFLINE: &str = "the keys of this issuer must be fetched, and `--offline` forbids it; take `--offline` out, or give the keys in a file (`keys.jwks_file`), or let the gate keep snapshots of them (`keys_snapshot_dir`)";

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    file: ConfigFile,
    /// Judge as if it were this time: RFC 3339, or seconds since 1970
    #[arg(long, value_name = "TIME", value_parser = time, allow_negative_numbers = true)]
    at: Option<UnixTime>,
    /// The request's path, with its query if it has one; without it no route is judged
    #[arg(long, value_name = "PATH", value_parser = path)]
    path: Option<String>,
    /// The request's method
    #[arg(long, value_name = "METHOD", default_value = "GET", value_parser = method)]
    method: Method,
    /// A header of the request, `Name: value`; the token is looked for where the gate would look
    #[arg(long = "header", value_name = "HEADER")]
    headers: Vec<String>,
    /// Fetch nothing: only keys from files, from snapshots (`keys_snapshot_dir`) and from the configuration itself
    #[arg(long)]
    offline: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// The token, or `-` to read it from standard input
    #[arg(value_name = "TOKEN")]
    token: Option<String>,
}

pub(super) fn explain(arguments: &Arguments) -> u8 {
    let headers = match headers(&arguments.headers) {
        Ok(headers) => headers,
        Err(error) => {
            complain(&format!("error: {error}\n"));
            return USAGE;
        }
    };
    let token = match arguments.token.as_deref().map(given).transpose() {
        Ok(token) => token,
        Err(error) => {
            complain(&format!(
                "error: cannot read the token from standard input: {error}\n"
            ));
            return USAGE;
        }
    };
    let config = match config::load(&arguments.file.path(), &LoadOptions::default()) {
        Ok(config) => config,
        Err(problems) => {
            complain_of(&problems);
            return BAD_CONFIG;
        }
    };
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let gate = match app::assemble(config, Arc::clone(&clock), None) {
        Ok(gate) => gate,
        Err(error) => {
            complain(&format!("error: {error}\n"));
            return BAD_CONFIG;
        }
    };
    match online::obtain(&gate.keys, arguments.offline) {
        Ok(obtained) => complain(&remarks(&gate, &obtained)),
        Err(error) => {
            complain(&format!("error: cannot fetch keys: {error}\n"));
            return FAILURE;
        }
    }
    let real = clock.now();
    let question = Question {
        method: arguments.method.clone(),
        target: arguments.path.clone(),
        headers,
        token,
        now: Moment {
            wall: arguments.at.unwrap_or(real.wall),
            monotonic: real.monotonic,
        },
    };
    let mut judgement = judge(&gate, &question, &*gate.keys);
    if let Some((source, kid)) = judgement.wants.take().filter(|_| !arguments.offline) {
        match fetch_kid_once(&gate.keys, source, &kid) {
            Ok(Ok(false)) => {}
            Ok(Ok(true)) => judgement = judge(&gate, &question, &*gate.keys),
            Ok(Err(error)) => complain(&format!(
                "warning: no key for the token's kid: {}\n",
                visible(&error)
            )),
            Err(error) => {
                complain(&format!("error: cannot fetch the key: {error}\n"));
                return FAILURE;
            }
        }
    }
    if arguments.offline && judgement.reason == Some(Reason::KeysUnavailable) {
        judgement.detail = Some(OFFLINE.to_owned());
    }
    print(&if arguments.json {
        report::json(&judgement)
    } else {
        report::text(&judgement)
    });
    match judgement.decision {
        Decision::Allow | Decision::Public => SUCCESS,
        Decision::Deny | Decision::Forbid | Decision::Unavailable => FAILURE,
    }
}

/// The token as given, without what people copy along with it.
fn given(argument: &str) -> std::io::Result<String> {
    let mut text = String::new();
    if argument == "-" {
        std::io::stdin()
            .lock()
            .take(MAX_INPUT)
            .read_to_string(&mut text)?;
    } else {
        text.push_str(argument);
    }
    let token = text.trim();
    Ok(match token.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token.trim_start(),
        _ => token,
    }
    .to_owned())
}

/// What the reader must know of the keys before believing the judgement: fetches that failed, and snapshots that stand in for them.
fn remarks(gate: &Gate, obtained: &Obtained) -> String {
    let mut remarks = String::new();
    for note in &obtained.snapshots {
        if let SnapshotOutcome::Ignored(why) = &note.outcome {
            let (issuer, file) = (&note.issuer, &note.file);
            remarks += &format!(
                "warning: the snapshot of the keys of issuer `{issuer}` (`{file}`) is not used: {why}\n"
            );
        }
    }
    for (source, result) in gate.keys.status().iter().zip(&obtained.fetches) {
        let (issuer, origin) = (&source.issuer, &source.origin);
        if let Err(error) = result {
            remarks += &format!("warning: no keys for issuer `{issuer}` from {origin}: {error}\n");
        }
        if source.keys_from == Some(KeysFrom::Snapshot) {
            let age = source.age.unwrap_or_default().as_secs();
            let age = span(i64::try_from(age).unwrap_or(i64::MAX));
            remarks += &format!(
                "note: the keys of issuer `{issuer}` are those of a snapshot, fetched {age} ago\n"
            );
        }
    }
    remarks
}

fn time(text: &str) -> Result<UnixTime, String> {
    if let Ok(seconds) = text.parse() {
        return Ok(UnixTime(seconds));
    }
    text.parse::<jiff::Timestamp>()
        .map(|time| UnixTime(time.as_second()))
        .map_err(|_| {
            "expected a time such as `2026-05-04T10:00:00Z`, or seconds since 1970".to_owned()
        })
}

fn path(text: &str) -> Result<String, String> {
    if text.starts_with('/') {
        Ok(text.to_owned())
    } else {
        Err("expected a path that begins with `/`".to_owned())
    }
}

fn method(text: &str) -> Result<Method, String> {
    Method::from_bytes(text.as_bytes()).map_err(|_| "expected a method such as `GET`".to_owned())
}

/// Parsed here and not by the command line's parser, which would repeat a bad one: it may hold a token.
fn headers(lines: &[String]) -> Result<HeaderMap, String> {
    let parsed = lines.iter().enumerate().map(|(index, line)| {
        header(line).ok_or_else(|| format!("`--header` number {} is not `Name: value`", index + 1))
    });
    parsed.collect()
}

fn header(line: &str) -> Option<(HeaderName, HeaderValue)> {
    let (name, value) = line.split_once(':')?;
    let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
    let value = HeaderValue::from_str(value.trim()).ok()?;
    Some((name, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_rfc_3339_or_seconds() {
        assert_eq!(time("1700000000"), Ok(UnixTime(1_700_000_000)));
        assert_eq!(time("-1"), Ok(UnixTime(-1)));
        assert_eq!(time("2023-11-14T22:13:20Z"), Ok(UnixTime(1_700_000_000)));
        assert_eq!(
            time("2023-11-14T23:13:20+01:00"),
            Ok(UnixTime(1_700_000_000))
        );
        for bad in ["", "tomorrow", "2023-11-14", "1.5"] {
            assert!(time(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_token_is_taken_without_what_is_copied_along() {
        for text in ["a.b.c", "Bearer a.b.c", "bearer  a.b.c", "  a.b.c\n"] {
            assert_eq!(given(text).unwrap(), "a.b.c", "{text:?}");
        }
        assert_eq!(given("Basic abc").unwrap(), "Basic abc");
    }

    #[test]
    fn headers_keep_their_lines_and_colons() {
        let lines = ["Authorization: Bearer a:b", "Cookie: a=1", "cookie:b=2"].map(str::to_owned);
        let headers = headers(&lines).unwrap();
        assert_eq!(headers["authorization"], "Bearer a:b");
        assert_eq!(headers.get_all("cookie").iter().count(), 2);
    }

    #[test]
    fn a_bad_header_is_refused_without_repeating_it() {
        for bad in ["secret", "a b: secret", "a: b\nsecret", ": secret"] {
            let error = headers(&[bad.to_owned()]).unwrap_err();
            assert_eq!(error, "`--header` number 1 is not `Name: value`");
        }
    }
}
