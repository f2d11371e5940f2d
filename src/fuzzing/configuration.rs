//! Configuration files. The laws: problems or a configuration, never both and never a panic; every problem stands within the text, says what to
//! do, and shows no value of the environment; the same text has the same problems; what is accepted fits the schema, and a gate can be made
//! of it.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use serde_json::Value;

use super::Reached;
use super::world::Standstill;
use crate::app;
use crate::config::schema_testing::{as_json, errors};
use crate::config::{self, Config, LoadOptions, Problem, Severity};

/// The text of a file; what is not UTF-8 is replaced, as no file with it gets this far.
pub fn configuration(input: &[u8]) -> Reached {
    let text = String::from_utf8_lossy(input);
    match config::parse(&text, "file", &options()) {
        Ok(config) => {
            check_problems(&config.warnings, &text);
            check_accepted(config, &text);
            vec!["accepted"]
        }
        Err(problems) => {
            let has_error = problems.iter().any(|p| p.severity == Severity::Error);
            assert!(has_error, "refused without an error");
            check_problems(&problems, &text);
            let again = config::parse(&text, "file", &options()).err();
            assert!(again == Some(problems), "another answer to the same text");
            vec!["refused"]
        }
    }
}

/// What must not come out again.
const VALUE: &str = "value-of-the-environment-0123456789abcdef";

fn options() -> LoadOptions {
    let variables = [
        ("A", VALUE),
        ("EMPTY", ""),
        ("PORT", "3000"),
        // The same in base64url, as it is a multiple of four.
        (
            "SECRET",
            "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3JldC1zZWNyZXQt",
        ),
    ];
    let own = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    LoadOptions {
        read_files: false,
        try_snapshots: false,
        environment: Some(variables.into_iter().map(own).collect::<HashMap<_, _>>()),
    }
}

fn check_problems(problems: &[Problem], text: &str) {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let line_breaks = text.replace("\r\n", "\n").matches(['\n', '\r']).count();
    for problem in problems {
        let shown = config::render(problem);
        assert!(problem.line <= line_breaks + 1, "{shown}");
        assert!(!problem.message.is_empty(), "{shown}");
        let hint = problem.hint.as_deref().unwrap_or_default();
        assert!(!hint.is_empty(), "no hint: {shown}");
        for said in [&problem.message, hint, &problem.path] {
            assert!(!said.contains(|c: char| c.is_control()), "{said:?}");
            assert!(said.len() < 4_000, "{} bytes: {said}", said.len());
        }
        if let Some(snippet) = &problem.snippet {
            let column = snippet.chars().count() + 1;
            assert!(problem.column <= column, "the caret is beyond {shown}");
        }
        assert!(text.contains(VALUE) || !shown.contains(VALUE), "{shown}");
    }
    let json = config::to_json(problems);
    assert_eq!(
        json["problems"].as_array().map(Vec::len),
        Some(problems.len())
    );
}

fn check_accepted(config: Config, text: &str) {
    let warnings = |p: &Problem| p.severity == Severity::Warning;
    assert!(config.warnings.iter().all(warnings));
    assert!(!config.issuers.is_empty());
    static SCHEMA: OnceLock<Value> = OnceLock::new();
    // Numbers that other readers of JSON do not have are no matter of the schema.
    if let Some(value) = as_json(text) {
        let wrong = errors(SCHEMA.get_or_init(config::schema), &value);
        assert!(wrong.is_empty(), "accepted against the schema: {wrong:?}");
    }
    let gate = app::assemble(config, Arc::new(Standstill), None).expect("a gate");
    assert!(!gate.verifier.issuers().is_empty());
    assert!(!gate.token.sources.is_empty());
    assert!(!gate.routes.routes().is_empty());
}
