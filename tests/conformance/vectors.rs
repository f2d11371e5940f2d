//! Where the vectors are, and what came of them.

use std::collections::BTreeMap;

use serde_json::Value;

pub use crate::public_vectors::folder;

/// One JSON file below the folder.
pub fn json(folder: &std::path::Path, name: &str) -> Value {
    let path = folder.join(name);
    let text = std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_slice(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// The results of one file.
#[derive(Default)]
pub struct Tally {
    passed: usize,
    stricter: BTreeMap<&'static str, usize>,
    contradicted: BTreeMap<&'static str, usize>,
    failed: Vec<String>,
}

impl Tally {
    pub fn pass(&mut self) {
        self.passed += 1;
    }

    /// A valid case that a documented rule of ours refuses.
    pub fn stricter(&mut self, rule: &'static str) {
        *self.stricter.entry(rule).or_default() += 1;
    }

    /// A case that the file itself contradicts.
    pub fn contradicted(&mut self, how: &'static str) {
        *self.contradicted.entry(how).or_default() += 1;
    }

    pub fn fail(&mut self, what: String) {
        self.failed.push(what);
    }

    pub fn check(&mut self, holds: bool, what: impl FnOnce() -> String) {
        if holds {
            self.pass();
        } else {
            self.fail(what());
        }
    }

    /// Prints the totals and fails the test on any failure, or when not all cases were run.
    pub fn finish(self, name: &str, cases: usize) {
        let stricter: usize = self.stricter.values().sum();
        println!(
            "{name}: {} passed, {stricter} stricter, {} failed",
            self.passed,
            self.failed.len()
        );
        for (rule, count) in &self.stricter {
            println!("    stricter: {rule}: {count}");
        }
        for (how, count) in &self.contradicted {
            println!("    contradicted by the file itself: {how}: {count}");
        }
        let contradicted: usize = self.contradicted.values().sum();
        assert!(self.failed.is_empty(), "{name}: {:#?}", self.failed);
        assert_eq!(
            self.passed + stricter + contradicted,
            cases,
            "{name}: cases that were run"
        );
    }
}
