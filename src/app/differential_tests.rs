//! Our side of the comparison with other verifiers (`tests/differential/run`): judges the tokens of a folder by a real configuration.
//! `CLAIMGATE_DIFFERENTIAL` names the folder, which holds `gate.yaml` and `tokens.jsonl`, and gets `ours.tsv`.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::assemble;
use crate::clock::{Moment, SystemClock, UnixTime};
use crate::config::{self, LoadOptions};
use crate::proxy::Gate;
use crate::verify::{NoLog, Outcome, Rejection, TokenCache, judge};

#[test]
fn tokens_of_the_comparison_are_judged() {
    let Some(folder) = std::env::var_os("CLAIMGATE_DIFFERENTIAL").map(PathBuf::from) else {
        // Past the test runner's capture, which hides what a passing test prints.
        let _nobody_listens = writeln!(
            std::io::stderr(),
            "SKIPPED: the comparison with other verifiers: tests/differential/run makes it"
        );
        return;
    };
    let theirs: Value =
        serde_json::from_slice(&std::fs::read(folder.join("theirs.json")).unwrap()).unwrap();
    let gate = gate(
        &std::fs::read_to_string(folder.join("gate.yaml")).unwrap(),
        &theirs,
    );
    let now = Moment {
        wall: UnixTime(theirs["now"].as_i64().unwrap()),
        monotonic: Duration::from_secs(1_000),
    };
    let mut cache = TokenCache::new(gate.cache_max_bytes);
    let mut decisions = BufWriter::new(File::create(folder.join("ours.tsv")).unwrap());
    for line in BufReader::new(File::open(folder.join("tokens.jsonl")).unwrap()).lines() {
        let line = line.unwrap();
        let entry: Value = serde_json::from_str(&line).unwrap();
        // One character a byte.
        let token: Vec<u8> = entry["token"]
            .as_str()
            .unwrap()
            .chars()
            .map(|c| u8::try_from(u32::from(c)).unwrap())
            .collect();
        let fresh = verdict(
            gate.verifier
                .verify(&token, now, gate.keys.as_ref(), &mut NoLog),
        );
        for _ in 0..2 {
            let (again, _) = judge(&gate.verifier, &mut cache, &token, now, gate.keys.as_ref());
            assert_eq!(verdict(again), fresh, "by the cache: {line}");
        }
        match fresh {
            Ok(texts) => writeln!(decisions, "allow\t\t{texts}").unwrap(),
            Err(refusal) => writeln!(
                decisions,
                "deny\t{}\t{}",
                refusal.reason().name(),
                refusal.operator_detail().replace(['\n', '\t'], " ")
            )
            .unwrap(),
        }
    }
    decisions.flush().unwrap();
}

fn gate(configuration: &str, given: &Value) -> Gate {
    let secret = given["policies"]["shared"]["secret"].as_str().unwrap();
    let environment = HashMap::from([
        ("DIFFERENTIAL_SECRET".to_owned(), secret.to_owned()),
        (
            "DIFFERENTIAL_PRIVATE".to_owned(),
            given["private_keys"].to_string(),
        ),
    ]);
    let options = LoadOptions {
        environment: Some(environment),
        ..LoadOptions::default()
    };
    let config = config::parse(configuration, "gate.yaml", &options)
        .unwrap_or_else(|problems| panic!("{problems:?}"));
    assemble(config, Arc::new(SystemClock), None).unwrap()
}

/// The claims that are text, as JSON: in them all must agree who allow.
fn verdict(outcome: Outcome) -> Result<String, Rejection> {
    outcome.settled(|_| 1).0.map(|token| {
        let texts: BTreeMap<&str, &str> = token
            .claims()
            .iter()
            .filter_map(|(name, value)| Some((name, value.as_str()?)))
            .collect();
        serde_json::to_string(&texts).unwrap()
    })
}
