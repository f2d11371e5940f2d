//! Where the vectors are, and what came of them.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::Value;

/// The folder of the vectors, or nothing, said loudly.
pub fn folder() -> Option<PathBuf> {
    let folder = match std::env::var_os("CLAIMGATE_VECTORS") {
        Some(named) => PathBuf::from(named),
        None => PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/vectors"),
    };
    if folder.join("wycheproof").is_dir() {
        return Some(folder);
    }
    // A folder that was asked for by name must be there.
    assert!(
        std::env::var_os("CLAIMGATE_VECTORS").is_none(),
        "CLAIMGATE_VECTORS names {}, which holds no vectors",
        folder.display()
    );
    eprintln!(
        "SKIPPED: no test vectors in {}; set CLAIMGATE_VECTORS to run the conformance tests",
        folder.display()
    );
    None
}

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
