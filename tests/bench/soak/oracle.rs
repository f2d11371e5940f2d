//! Another verifier, in another process: PyJWT, by `oracle.py`. `CLAIMGATE_PYTHON` names a Python that has it.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::{Value, json};

pub struct Oracle {
    process: Child,
    questions: ChildStdin,
    answers: BufReader<ChildStdout>,
    /// How many tokens it was asked about.
    pub judged: usize,
}

impl Oracle {
    pub fn start() -> Self {
        let root = env!("CARGO_MANIFEST_DIR");
        let python = std::env::var("CLAIMGATE_PYTHON")
            .unwrap_or_else(|_| format!("{root}/tests/differential/.venv/bin/python"));
        let mut process = Command::new(python)
            .arg(format!("{root}/tests/bench/soak/oracle.py"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        Self {
            questions: process.stdin.take().unwrap(),
            answers: BufReader::new(process.stdout.take().unwrap()),
            process,
            judged: 0,
        }
    }

    /// The subject of a token that is to be allowed under these keys; none: refuse it.
    pub fn judge(&mut self, token: &str, keys: &[Value], issuer: &str) -> Option<String> {
        self.judged += 1;
        let question = json!({"token": token, "keys": keys, "issuer": issuer});
        writeln!(self.questions, "{question}").unwrap();
        let mut answer = String::new();
        assert!(
            self.answers.read_line(&mut answer).unwrap() > 0,
            "the oracle is gone"
        );
        let subject = answer.trim_end();
        (!subject.is_empty()).then(|| subject.to_owned())
    }
}

impl Drop for Oracle {
    fn drop(&mut self) {
        let _already_gone = self.process.kill();
        let _reaped = self.process.wait();
    }
}
