//! The example files, and what is generated from the field tables.

use std::fs;
use std::path::PathBuf;

use super::*;
use crate::config::reference::reference;
use crate::config::schema_testing::{self, errors};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn examples() -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(root().join("config"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "yaml")
        })
        .collect();
    files.sort();
    assert!(files.len() >= 6);
    files
}

fn without_files() -> LoadOptions {
    LoadOptions {
        read_files: false,
        try_snapshots: false,
        ..options()
    }
}

fn as_json(text: &str) -> serde_json::Value {
    schema_testing::as_json(text).unwrap()
}

#[test]
fn every_example_loads_without_a_warning_and_fits_the_schema() {
    let schema = schema();
    for path in examples() {
        let config = load(&path, &without_files());
        match config {
            Ok(config) => assert_eq!(config.warnings, [], "{}", path.display()),
            Err(problems) => panic!("{}", rendered(&problems)),
        }
        let text = fs::read_to_string(&path).unwrap();
        assert_eq!(
            errors(&schema, &as_json(&text)),
            Vec::<String>::new(),
            "{}",
            path.display()
        );
    }
}

#[test]
fn the_complete_example_has_every_key() {
    let text = fs::read_to_string(root().join("config/complete.yaml")).unwrap();
    for row in reference().lines().skip(2) {
        let path = row.split('`').nth(1).unwrap();
        let key = path.rsplit('.').next().unwrap();
        // The two other ways to write a thing are only named there.
        assert!(text.contains(&format!("{key}:")), "{path}");
    }
}

#[test]
fn the_reference_page_is_current() {
    const BEGIN: &str = "<!-- keys: begin -->\n";
    const END: &str = "<!-- keys: end -->";
    let path = root().join("docs/configuration.md");
    let page = fs::read_to_string(&path).unwrap();
    let (before, rest) = page.split_once(BEGIN).unwrap();
    let (table, after) = rest.split_once(END).unwrap();
    if std::env::var("CLAIMGATE_BLESS").is_ok_and(|value| value == "1") {
        fs::write(
            &path,
            format!("{before}{BEGIN}\n{}\n{END}{after}", reference()),
        )
        .unwrap();
        return;
    }
    assert_eq!(
        table.trim(),
        reference().trim(),
        "docs/configuration.md is old: run this test with CLAIMGATE_BLESS=1"
    );
}

#[test]
fn the_examples_of_the_pages_load() {
    for name in ["docs/configuration.md", "docs/key-sources.md"] {
        let page = fs::read_to_string(root().join(name)).unwrap();
        let blocks: Vec<&str> = page
            .split("```yaml\n")
            .skip(1)
            .filter_map(|rest| rest.split_once("```").map(|(block, _)| block))
            .collect();
        assert!(!blocks.is_empty());
        for block in blocks {
            if let Err(problems) = parse(block, name, &without_files()) {
                panic!("{}{block}", rendered(&problems));
            }
        }
    }
}

#[test]
fn the_schema_refuses_what_the_decoder_refuses() {
    let schema = schema();
    for part in [
        "colour: red\n",
        "log: info\n",
        "workers: 0\n",
        "workers: two\n",
        "token: {forward: maybe}\n",
        "token: {max_bytes: 16KB}\n",
        "token: {sources: []}\n",
        "token: {sources: [{scheme: Bearer}]}\n",
        "token: {sources: [{cookie: a, scheme: Bearer}]}\n",
        "shutdown: {delay: 5}\n",
        "log: {level: warning}\n",
        "listen: {address: 0.0.0.0:8080, tls: {}}\n",
        "trusted_proxies: 10.0.0.0/8\n",
        "identity: {headers: {X-A: {claim: a, claims: all}}}\n",
        "identity: {headers: {X-A: {format: csv}}}\n",
        "routes: []\n",
        "routes: [{name: a}]\n",
        "routes: [{path: /a, require: [{claim: a}]}]\n",
        "routes: [{path: /a, require: [{claim: a, equals: 1, any_of: [2]}]}]\n",
    ] {
        let text = file(part);
        refused(&text);
        assert_ne!(
            errors(&schema, &as_json(&text)),
            Vec::<String>::new(),
            "{part}"
        );
    }
    for issuer in [
        "{provider: acme}",
        "{provider: oidc}",
        "{provider: oidc, issuer: a, region: b}",
        "{provider: oidc, issuer: a, name: 'a b'}",
        "{provider: oidc, issuer: a, bindings: {at_hash: {}}}",
        "{provider: oidc, issuer: a, keys: {jwks_url: 'https://a', jwks_file: b}}",
    ] {
        let text = format!("upstream: http://a:1\nissuers: [{issuer}]\n");
        refused(&text);
        assert_ne!(
            errors(&schema, &as_json(&text)),
            Vec::<String>::new(),
            "{issuer}"
        );
    }
}

#[test]
fn the_schema_takes_variables_where_the_decoder_does() {
    let schema = schema();
    let text = file(
        "workers: ${N:-2}\nlog: {level: '${L:-info}'}\ntoken: {forward: '${F:-true}', max_bytes: '${M:-1KiB}'}\nshutdown: {delay: '${D:-1s}'}\n",
    );
    accepted(&text);
    assert_eq!(errors(&schema, &as_json(&text)), Vec::<String>::new());
}
