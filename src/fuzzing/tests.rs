//! Every committed input through its target, and proof that the inputs get where they should.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::*;

/// The targets, by the names of their folders below `tests/fuzz/seeds`.
const TARGETS: [(&str, Laws); 6] = [
    ("token", token),
    ("jwe", jwe),
    ("jwk_set", jwk_set),
    ("claims_to_headers", claims_to_headers),
    ("path", path),
    ("configuration", configuration),
];

type Laws = fn(&[u8]) -> Reached;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz")
}

fn names(folder: &Path) -> BTreeSet<String> {
    fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}

/// What the inputs of `target` reach together. The last one whose name is printed breaks a law.
fn reached(target: &str) -> BTreeSet<&'static str> {
    let (_, laws) = TARGETS.iter().find(|(name, _)| *name == target).unwrap();
    let folder = folder().join("seeds").join(target);
    let inputs = names(&folder);
    assert!(!inputs.is_empty());
    inputs
        .iter()
        .flat_map(|name| {
            println!("{target}/{name}");
            laws(&fs::read(folder.join(name)).unwrap())
        })
        .collect()
}

fn assert_reaches(target: &str, wanted: &[&'static str]) {
    let found = reached(target);
    let missing: Vec<_> = wanted.iter().filter(|one| !found.contains(**one)).collect();
    assert!(missing.is_empty(), "{missing:?} not in {found:?}");
}

#[test]
fn every_target_has_inputs_a_program_and_a_function() {
    let targets: BTreeSet<String> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(names(&folder().join("seeds")), targets);
    let programs = targets.iter().map(|name| format!("{name}.rs")).collect();
    assert_eq!(names(&folder().join("targets")), programs);
    let manifest = fs::read_to_string(folder().join("Cargo.toml")).unwrap();
    for target in &targets {
        assert!(manifest.contains(&format!("name = \"{target}\"\n")));
    }
}

#[test]
fn tokens_reach_every_end_of_the_pipeline() {
    assert_reaches(
        "token",
        &[
            "ok",
            "ok, encrypted",
            "malformed_token",
            "token_too_large",
            "decryption_failed",
            "unknown_issuer",
            "algorithm_not_allowed",
            "unknown_key",
            "bad_signature",
            "token_expired",
            "token_not_yet_valid",
            "issued_in_future",
            "token_too_old",
            "audience_mismatch",
            "token_type_not_allowed",
            "unsupported_critical_header",
            "claim_missing",
            "claim_mismatch",
            "tenant_not_allowed",
            "groups_overage",
            "keys_unavailable",
        ],
    );
}

#[test]
fn encrypted_tokens_and_their_keys_are_read_opened_and_refused() {
    assert_reaches(
        "jwe",
        &[
            "opened",
            "not opened",
            "malformed",
            "bad header",
            "key",
            "skipped key",
            "not a key set",
            "not PEM",
        ],
    );
}

#[test]
fn key_documents_reach_every_reason_to_skip_a_key() {
    assert_reaches(
        "jwk_set",
        &[
            "key",
            "key in PEM",
            "not a key set",
            "not PEM",
            "unknown_key_type",
            "unknown_curve",
            "unknown_algorithm",
            "not_for_signatures",
            "not_for_verification",
            "weak_key",
            "symmetric_key",
            "private_key",
            "malformed",
            "too_many",
        ],
    );
}

#[test]
fn claims_reach_every_format() {
    assert_reaches(
        "claims_to_headers",
        &[
            "default set",
            "text",
            "csv",
            "json",
            "all claims",
            "omitted",
            "claims_unusable",
        ],
    );
}

#[test]
fn paths_reach_every_answer() {
    assert_reaches(
        "path",
        &["route", "another reading", "bad_request", "no_route"],
    );
}

#[test]
fn configurations_are_accepted_and_refused() {
    assert_reaches("configuration", &["accepted", "refused"]);
}

/// The examples are inputs as well.
#[test]
fn every_example_is_accepted() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("config");
    for name in names(&folder) {
        assert_eq!(
            configuration(&fs::read(folder.join(&name)).unwrap()),
            ["accepted"],
            "{name}"
        );
    }
}
