//! The judgement for a person, and for a program.

use serde_json::json;

use super::super::output::table;
use super::judge::Judgement;
use super::steps::{Step, StepOutcome};
use crate::telemetry::escape::visible;

/// One line a step, the decision in one line, then the headers that the application would get.
pub(super) fn text(judgement: &Judgement) -> String {
    let rows: Vec<Vec<String>> = judgement.steps.iter().map(row).collect();
    let mut text = table("", &rows);
    text.push('\n');
    text.push_str(&decision(judgement));
    text.push('\n');
    if !judgement.headers.is_empty() {
        text.push_str("\nthe application gets:\n");
        for (name, value) in &judgement.headers {
            text.push_str(&format!("  {name}: {}\n", visible(value)));
        }
    }
    text
}

/// `{"decision", "status", "reason", "detail", "issuer", "route", "checks": [{"check", "outcome", "detail"}], "headers": [[name, value]]}`.
pub(super) fn json(judgement: &Judgement) -> String {
    let checks: Vec<_> = judgement
        .steps
        .iter()
        .map(|step| {
            json!({
                "check": step.check,
                "outcome": step.outcome.name(),
                "detail": step.detail,
            })
        })
        .collect();
    let document = json!({
        "decision": judgement.decision.name(),
        "status": judgement.status,
        "reason": judgement.reason.map(|reason| reason.name()),
        "detail": judgement.detail,
        "issuer": judgement.issuer.as_deref(),
        "route": judgement.route.as_deref(),
        "checks": checks,
        "headers": judgement.headers,
    });
    format!("{document:#}\n")
}

/// What to do about a failure stands in the line of the decision.
fn row(step: &Step) -> Vec<String> {
    let detail = match step.outcome {
        StepOutcome::Fail => step
            .detail
            .split_once("; ")
            .map_or(step.detail.as_str(), |(what, _)| what),
        StepOutcome::Pass | StepOutcome::Skipped => &step.detail,
    };
    let outcome = match step.outcome {
        StepOutcome::Pass => "ok",
        StepOutcome::Fail => "FAIL",
        StepOutcome::Skipped => "-",
    };
    vec![outcome.to_owned(), step.check.to_owned(), visible(detail)]
}

fn decision(judgement: &Judgement) -> String {
    let decision = judgement.decision.name();
    match (judgement.reason, &judgement.detail) {
        (Some(reason), Some(detail)) => {
            let status = judgement.status;
            format!(
                "{decision}: {} ({status}): {}",
                reason.name(),
                visible(detail)
            )
        }
        _ => {
            let issuer = judgement.issuer.as_deref();
            let issuer = issuer.map(|issuer| format!(", issuer `{issuer}`"));
            let route = judgement.route.as_deref();
            let route = route.map(|route| format!(", route `{route}`"));
            format!(
                "{decision}: the request is forwarded{}{}",
                issuer.unwrap_or_default(),
                route.unwrap_or_default()
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::verify::{Decision, Reason};

    fn allowed() -> Judgement {
        Judgement {
            decision: Decision::Allow,
            status: 200,
            reason: None,
            detail: None,
            issuer: Some(Arc::from("staff")),
            route: None,
            steps: vec![
                Step {
                    check: "size",
                    outcome: StepOutcome::Pass,
                    detail: "10 bytes".to_owned(),
                },
                Step {
                    check: "structure",
                    outcome: StepOutcome::Skipped,
                    detail: "not reached".to_owned(),
                },
            ],
            wants: None,
            headers: vec![("X-Auth-Subject".to_owned(), "a\"b\u{202e}".to_owned())],
        }
    }

    #[test]
    fn text_has_a_line_a_check_then_the_decision_then_the_headers() {
        assert_eq!(
            text(&allowed()),
            "ok  size       10 bytes\n-   structure  not reached\n\nallow: the request is forwarded, issuer `staff`\n\nthe application gets:\n  X-Auth-Subject: a\"b\\u{202e}\n"
        );
    }

    #[test]
    fn a_refusal_is_one_line_with_what_to_do() {
        let refused = Judgement {
            decision: Decision::Deny,
            status: 401,
            reason: Some(Reason::TokenExpired),
            detail: Some("expired 5 s ago; get a new one".to_owned()),
            headers: vec![],
            ..allowed()
        };
        assert!(
            text(&refused)
                .ends_with("\n\ndeny: token_expired (401): expired 5 s ago; get a new one\n")
        );
    }

    #[test]
    fn json_has_the_members_that_programs_rely_on() {
        let document: serde_json::Value = serde_json::from_str(&json(&allowed())).unwrap();
        assert_eq!(document["decision"], "allow");
        assert_eq!(document["status"], 200);
        assert!(document["reason"].is_null());
        assert_eq!(document["issuer"], "staff");
        assert!(document["route"].is_null());
        assert_eq!(
            document["checks"][0],
            serde_json::json!({"check": "size", "outcome": "pass", "detail": "10 bytes"})
        );
        assert_eq!(document["checks"][1]["outcome"], "skipped");
        assert_eq!(document["headers"][0][0], "X-Auth-Subject");
    }
}
