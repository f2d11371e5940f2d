//! `issuers[].decryption`: which files and settings are taken, and how mistakes in them are said.

use serde_json::json;

use super::*;
use crate::jose::jwe::minting::{self, Recipient};
use crate::jose::jwe::{Encryption, KeyManagement};
use crate::verify::testing::pem;

/// A file with one issuer; its `decryption` stands on line 6.
fn with(decryption: &str) -> String {
    file(&format!("    decryption: {decryption}\n"))
}

fn keys_file(content: &str) -> (Scratch, String) {
    let scratch = Scratch::file("decrypt.jwks", content.as_bytes());
    let path = scratch.path().display().to_string();
    (scratch, path)
}

fn setup(text: &str) -> DecryptionSetup {
    accepted(text).issuers.remove(0).decryption.unwrap()
}

#[test]
fn absent_it_is_off_and_alone_it_has_its_defaults() {
    assert!(accepted(&file("")).issuers[0].decryption.is_none());
    let (_file, path) = keys_file(&minting::RSA.jwks(json!({"kid": "d1"})));
    let found = setup(&with(&format!("{{keys_file: {path}}}")));
    let names: Vec<_> = found.algorithms.iter().map(|a| a.name()).collect();
    assert_eq!(
        names,
        [
            "RSA-OAEP-256",
            "RSA-OAEP",
            "ECDH-ES",
            "ECDH-ES+A128KW",
            "ECDH-ES+A256KW"
        ]
    );
    // Only what a public key encrypts to: secrets are shared with others.
    assert!(found.algorithms.iter().all(|a| !a.is_symmetric()));
    assert_eq!(found.encryptions, Encryption::ALL);
    assert!(!found.required);
    assert_eq!(found.config.read.keys.len(), 1);
    assert_eq!(
        found.config.file.as_deref(),
        Some(std::path::Path::new(&path))
    );
    assert_eq!(&*found.config.issuer, "oidc");
}

#[test]
fn what_is_said_is_taken() {
    let (_file, path) = keys_file(&Recipient::Shared(vec![7; 32]).jwks(json!({})));
    let found = setup(&with(&format!(
        "{{keys_file: {path}, algorithms: [dir, A256KW], encryptions: [A256GCM], required: true}}"
    )));
    assert_eq!(
        found.algorithms,
        [KeyManagement::Dir, KeyManagement::A256Kw]
    );
    assert_eq!(found.encryptions, [Encryption::A256Gcm]);
    assert!(found.required);
}

#[test]
fn keys_come_as_a_key_set_as_one_key_or_as_pem_and_from_the_environment_too() {
    let texts = [
        minting::P256.jwks(json!({})),
        format!("\n {}", minting::P256.jwk(json!({}))),
        pem("PRIVATE KEY", &minting::P256.pkcs8(), "\n"),
    ];
    for text in texts {
        let (_file, path) = keys_file(&text);
        let in_file = setup(&with(&format!("{{keys_file: {path}}}")));
        assert_eq!(in_file.config.read.keys.len(), 1);
        let options = with_environment(&[("DECRYPT", &text)]);
        let config = parse(&with("{keys_env: DECRYPT}"), "claimgate.yaml", &options)
            .unwrap_or_else(|problems| panic!("{}", rendered(&problems)));
        let in_variable = config.issuers[0].decryption.as_ref().unwrap();
        assert_eq!(in_variable.config.read.keys.len(), 1);
        assert_eq!(in_variable.config.file, None);
    }
}

#[test]
fn without_files_the_keys_are_left_unread() {
    let options = LoadOptions {
        read_files: false,
        try_snapshots: false,
        ..options()
    };
    for keys in ["keys_file: /nonexistent/decrypt.jwks", "keys_env: NOWHERE"] {
        let config = parse(&with(&format!("{{{keys}}}")), "claimgate.yaml", &options)
            .unwrap_or_else(|problems| panic!("{}", rendered(&problems)));
        let found = config.issuers[0].decryption.as_ref().unwrap();
        assert!(found.config.read.keys.is_empty());
    }
}

/// What a key file may hold by mistake, with a piece of the message or of the hint.
#[test]
fn bad_key_files_are_told_with_their_line_and_a_hint_and_never_shown() {
    let short = Recipient::Shared(vec![7; 20]);
    let public = {
        let mut key = minting::RSA.jwk(json!({"kid": "d1"}));
        for name in ["d", "p", "q", "dp", "dq", "qi"] {
            key.as_object_mut().unwrap().remove(name);
        }
        json!({"keys": [key]}).to_string()
    };
    for (content, told) in [
        (String::new(), "no `PRIVATE KEY`"),
        ("hunter2".to_owned(), "no `PRIVATE KEY`"),
        ("{".to_owned(), "not an acceptable JSON object"),
        (
            r#"{"jwks_uri":"https://a"}"#.to_owned(),
            "discovery document",
        ),
        (r#"{"keys":[]}"#.to_owned(), "`keys` is empty"),
        (public, "d1: only the public half"),
        (
            pem("PUBLIC KEY", b"\x30\x00", "\n"),
            "`PUBLIC KEY` is the public half",
        ),
        (
            pem("ENCRYPTED PRIVATE KEY", b"\x30\x00", "\n"),
            "openssl pkcs8",
        ),
        (
            minting::RSA.jwks(json!({"n": "_".repeat(172)})),
            "less than 2048",
        ),
        (minting::RSA.jwks(json!({"use": "sig"})), "not `enc`"),
        (minting::RSA.jwks(json!({"alg": "RSA1_5"})), "never are"),
        (
            minting::RSA.jwks(json!({"p": null})),
            "write it with them, or as PEM",
        ),
        (short.jwks(json!({})), "lengths 16, 24, 32, 48 and 64"),
    ] {
        let (_file, path) = keys_file(&content);
        let problems = refused(&with(&format!("{{keys_file: {path}}}")));
        let text = rendered(&problems);
        assert_eq!(problems.len(), 1, "{text}");
        assert_eq!(problems[0].line, FIRST_LINE_OF_PART, "{text}");
        assert!(problems[0].path.ends_with("decryption.keys_file"), "{text}");
        assert!(text.contains(told), "{told}: {text}");
        assert!(!text.contains("hunter2"), "{text}");
    }
    let problems = refused(&with("{keys_file: /nonexistent/decrypt.jwks}"));
    assert!(rendered(&problems).contains("there is no such file"));
    let problems = refused(&with("{keys_env: NOWHERE}"));
    assert!(rendered(&problems).contains("`NOWHERE` is not set"));
}

#[test]
fn settings_that_cannot_be_are_told() {
    let (_file, path) = keys_file(&minting::RSA.jwks(json!({})));
    for (decryption, told) in [
        ("{}".to_owned(), "keys_file"),
        (format!("{{keys_file: {path}, keys_env: A}}"), "keys_env"),
        (
            format!("{{keys_file: {path}, algorithms: []}}"),
            "algorithms",
        ),
        (
            format!("{{keys_file: {path}, algorithms: [RSA1_5]}}"),
            "`RSA1_5` can never be allowed",
        ),
        (
            format!("{{keys_file: {path}, algorithms: [PBES2-HS256+A128KW]}}"),
            "can never be allowed",
        ),
        (
            format!("{{keys_file: {path}, algorithms: [RSA-OAEP-265]}}"),
            "did you mean `RSA-OAEP-256`?",
        ),
        (
            format!("{{keys_file: {path}, encryptions: [A128CBC+HS256]}}"),
            "`A128CBC-HS256`",
        ),
        (
            format!("{{keys_file: {path}, algorithms: [ECDH-ES]}}"),
            "none of the keys fits",
        ),
        (format!("{{key_file: {path}}}"), "did you mean `keys_file`?"),
    ] {
        let text = rendered(&refused(&with(&decryption)));
        assert!(text.contains(told), "{told}: {text}");
    }
    // A secret is there, and its algorithms are not said.
    let (_file, path) = keys_file(&Recipient::Shared(vec![7; 32]).jwks(json!({})));
    let text = rendered(&refused(&with(&format!("{{keys_file: {path}}}"))));
    assert!(
        text.contains("those of shared secrets must be listed"),
        "{text}"
    );
}

#[test]
fn what_is_odd_and_works_is_a_warning() {
    let mixed = json!({"keys": [
        minting::RSA.jwk(json!({"kid": "d1"})),
        minting::RSA.jwk(json!({"kid": "s1", "use": "sig"})),
    ]});
    let many: Vec<_> = (0..5)
        .map(|at| minting::P256.jwk(json!({"kid": at.to_string()})))
        .collect();
    for (content, more, told) in [
        (mixed.to_string(), "", "1 of the keys are not used"),
        (
            minting::RSA.jwks(json!({})),
            ", algorithms: [RSA-OAEP, ECDH-ES]",
            "no key opens tokens with `ECDH-ES`",
        ),
        (json!({"keys": many}).to_string(), "", "only 4 are tried"),
    ] {
        let (_file, path) = keys_file(&content);
        let config = accepted(&with(&format!("{{keys_file: {path}{more}}}")));
        let text = rendered(&config.warnings);
        assert_eq!(config.warnings.len(), 1, "{text}");
        assert!(text.contains(told), "{text}");
    }
}
