//! C2SP Wycheproof, JOSE: every invalid case is refused; a valid one is accepted, but for stricter rules that have a name.

use serde_json::Value;

use crate::judge::{self, Refusal};
use crate::vectors::{self, Tally};
use claimgate::jose::jwk::{ReadKeys, SkipReason};

#[test]
fn j01_j02_j03_j06_j07_j17_wycheproof_json_web_signature() {
    run("wycheproof/json_web_signature_test.json", 401);
}

#[test]
fn j14_wycheproof_json_web_key() {
    run("wycheproof/json_web_key_test.json", 26);
}

#[test]
fn j07_wycheproof_json_web_crypto_signatures() {
    run("wycheproof/json_web_crypto_test.json", 49);
}

#[test]
fn j10_wycheproof_encrypted_tokens_are_told_apart_before_anything_is_decoded() {
    let Some(folder) = vectors::folder() else {
        return;
    };
    let file = "wycheproof/json_web_encryption_test.json";
    let mut tally = Tally::default();
    for (_, case) in cases(&vectors::json(&folder, file)) {
        let token = case["jwe"].as_str().unwrap();
        let refused = judge::judge(token, &[]);
        tally.check(matches!(refused, Err(Refusal::Compact(_))), || {
            format!("tc{}: {refused:?}", case["tcId"])
        });
    }
    tally.finish(file, 139);
}

#[test]
fn j14_weak_and_wrong_keys_of_wycheproof_are_skipped_for_the_right_reason() {
    let Some(folder) = vectors::folder() else {
        return;
    };
    let document = vectors::json(&folder, "wycheproof/json_web_key_test.json");
    for (case, reason) in [
        (1, SkipReason::SymmetricKey),
        (6, SkipReason::NotForSignatures),
        (7, SkipReason::WeakKey),
        (8, SkipReason::WeakKey),
        (9, SkipReason::WeakKey),
        (19, SkipReason::UnknownAlgorithm),
        (20, SkipReason::UnknownAlgorithm),
        (21, SkipReason::NotForSignatures),
        (22, SkipReason::Malformed),
        (23, SkipReason::Malformed),
        (24, SkipReason::Malformed),
    ] {
        let found = cases(&document)
            .find(|(_, c)| c["tcId"] == case)
            .map(|(group, _)| judge::reasons(&keys(group)))
            .unwrap();
        assert!(found.contains(&reason), "tc{case}: {found:?}");
    }
}

/// Runs the signature cases of a file.
fn run(file: &str, count: usize) {
    let Some(folder) = vectors::folder() else {
        return;
    };
    let document = vectors::json(&folder, file);
    let mut tally = Tally::default();
    for (group, case) in cases(&document) {
        // The rest of a file is encrypted; one case is the JSON serialization.
        let token = match &case["jws"] {
            Value::Null => continue,
            Value::String(token) => token.clone(),
            json => json.to_string(),
        };
        let token = &*token;
        let keys = keys(group);
        let judged = judge::judge(token, &keys.keys);
        match (case["result"].as_str().unwrap(), &judged) {
            ("valid", Ok(())) | ("invalid", Err(_)) => tally.pass(),
            ("valid", Err(refusal)) => match stricter_rule(token, group, &keys, refusal) {
                Some(rule) => tally.stricter(rule),
                None => tally.fail(format!(
                    "tc{} {}: {refusal:?}, {:?}",
                    case["tcId"], case["comment"], keys.skipped
                )),
            },
            _ if is_valid_elsewhere(group, token) => {
                tally.contradicted("the same bytes are a valid case of the same group");
            }
            _ => tally.fail(format!("tc{} {}: accepted", case["tcId"], case["comment"])),
        }
    }
    tally.finish(file, count);
}

/// The rule of ours that refuses a case which Wycheproof calls valid.
fn stricter_rule(
    token: &str,
    group: &Value,
    keys: &ReadKeys,
    refusal: &Refusal,
) -> Option<&'static str> {
    let skipped = judge::reasons(keys);
    match refusal {
        Refusal::Compact(_) if token.contains('?') => {
            Some("a character outside base64url in a segment (RFC 7515 §2)")
        }
        Refusal::NoKey if skipped.contains(&SkipReason::UnknownAlgorithm) => {
            Some("the key's `alg` is no registered name (RFC 7517 §4.4)")
        }
        Refusal::NoKey if skipped.contains(&SkipReason::SymmetricKey) => {
            Some("shared secrets in a key set document are not keys")
        }
        Refusal::NoKey if group["public"]["alg"].is_string() => {
            Some("the token's `alg` is not the key's own `alg` (RFC 8725 §3.1)")
        }
        _ => None,
    }
}

/// Two cases named for their padding lost it on the way into the file, and are now the group's valid case.
fn is_valid_elsewhere(group: &Value, token: &str) -> bool {
    let tests = group["tests"].as_array().unwrap();
    tests
        .iter()
        .any(|case| case["jws"] == token && case["result"] == "valid")
}

fn keys(group: &Value) -> ReadKeys {
    judge::keys_of(group.get("public").unwrap_or(&group["private"]))
}

fn cases(document: &Value) -> impl Iterator<Item = (&Value, &Value)> {
    document["testGroups"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|group| {
            let tests = group["tests"].as_array().unwrap();
            tests.iter().map(move |case| (group, case))
        })
}
