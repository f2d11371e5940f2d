//! Whole files: what is accepted, what is refused and how it is said.

mod bindings;
mod corpus;
mod decryption;
mod defaults;
mod examples;
mod files;
mod issuer_keys;
mod issuers;
mod laws;
mod listen;
mod presets;
mod providers;
mod settings;
mod sources;
mod together;
mod upstream;

use std::collections::HashMap;
use std::path::PathBuf;

use super::*;

pub(super) fn options() -> LoadOptions {
    LoadOptions {
        read_files: true,
        try_snapshots: false,
        environment: Some(HashMap::new()),
    }
}

pub(super) fn with_environment(variables: &[(&str, &str)]) -> LoadOptions {
    LoadOptions {
        environment: Some(
            variables
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
        ),
        ..options()
    }
}

pub(super) fn accepted(text: &str) -> Config {
    match parse(text, "claimgate.yaml", &options()) {
        Ok(config) => config,
        Err(problems) => panic!("{}", rendered(&problems)),
    }
}

pub(super) fn refused(text: &str) -> Vec<Problem> {
    refused_with(text, &options())
}

pub(super) fn refused_with(text: &str, options: &LoadOptions) -> Vec<Problem> {
    match parse(text, "claimgate.yaml", options) {
        Ok(_) => panic!("accepted:\n{text}"),
        Err(problems) => {
            assert!(
                problems
                    .iter()
                    .any(|problem| problem.severity == Severity::Error)
            );
            for problem in &problems {
                let hint = problem.hint.as_deref().unwrap_or_default();
                assert!(!hint.is_empty(), "no hint: {}", render(problem));
            }
            problems
        }
    }
}

pub(super) fn rendered(problems: &[Problem]) -> String {
    problems.iter().map(render).collect()
}

/// An issuer that is right, for files that are about another part.
pub(super) const ISSUERS: &str = "issuers:
  - provider: oidc
    issuer: https://id.example.com
    audiences: [api]
";

/// A file that is right but for `part`, which begins on line 6.
pub(super) fn file(part: &str) -> String {
    format!("upstream: http://127.0.0.1:3000\n{ISSUERS}{part}")
}

pub(super) const FIRST_LINE_OF_PART: usize = 6;

/// A file in a directory of its own, gone with the value.
pub(super) struct Scratch(PathBuf);

impl Scratch {
    pub fn file(name: &str, content: &[u8]) -> Self {
        let path = std::env::temp_dir().join(format!(
            "claimgate-config-{}-{:016x}-{name}",
            std::process::id(),
            fastrand::u64(..)
        ));
        std::fs::write(&path, content).unwrap();
        Self(path)
    }

    pub fn path(&self) -> &std::path::Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}
