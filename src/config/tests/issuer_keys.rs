//! `issuers[].keys`: addresses, secrets, documents and files.

use super::issuers::{ED25519, oidc};
use super::*;
use crate::keys::source::{FileFormat, Origin};

#[test]
fn k01_keys_come_only_from_addresses_that_are_safe() {
    for url in [
        "file:///etc/passwd",
        "data:application/json,{}",
        "http://169.254.169.254/keys",
        "https://u:p@id.example.com/k",
        "https://id.example.com/k#a",
        "ftp://id.example.com/k",
        "id.example.com/k",
        "https://",
        "gopher://a/",
    ] {
        for key in ["jwks_url", "discovery_url"] {
            let problems = refused(&oidc(&format!("    keys: {{{key}: '{url}'}}\n")));
            assert_eq!(problems[0].line, 6, "{url}: {}", rendered(&problems));
        }
    }
    accepted(&oidc("    keys: {jwks_url: 'http://127.0.0.1:9/k'}\n"));
    let config = accepted(&oidc(
        "    keys: {jwks_url: 'http://idp.internal/k', allow_http: true}\n",
    ));
    assert!(
        config.warnings[0].message.contains("plain http"),
        "{}",
        rendered(&config.warnings)
    );
}

#[test]
fn j14_a_short_secret_says_how_many_bytes_are_needed_and_never_itself() {
    let secret = "hunter2-hunter2";
    for (algorithms, needed) in [
        ("", 32),
        ("    algorithms: [HS512]\n", 64),
        ("    algorithms: [HS256, HS384]\n", 32),
    ] {
        let problems = refused_with(
            &oidc(&format!("{algorithms}    keys: {{secret_env: SECRET}}\n")),
            &with_environment(&[("SECRET", secret)]),
        );
        let text = rendered(&problems);
        assert!(
            text.contains(&format!("{needed} bytes are needed, 15 were found")),
            "{text}"
        );
        assert!(!text.contains("hunter2"), "{text}");
    }
    // Long enough for one of two algorithms is too short.
    let problems = refused_with(
        &oidc("    algorithms: [HS256, HS512]\n    keys: {secret_env: SECRET}\n"),
        &with_environment(&[("SECRET", &"x".repeat(40))]),
    );
    assert!(
        problems[0]
            .message
            .contains("`HS512`: 64 bytes are needed, 40"),
        "{}",
        rendered(&problems)
    );
}

#[test]
fn j07_j14_an_empty_secret_or_an_unset_name_does_not_start() {
    let file = Scratch::file("secret", b"\n");
    let from_file = format!("secret_file: {}", file.path().display());
    for (keys, said) in [
        ("secret_env: EMPTY", "empty"),
        (&*from_file, "empty"),
        ("secret_env: UNSET", "not set"),
        ("secret_env: EMPTY, secret_encoding: base64url", "empty"),
    ] {
        let problems = refused_with(
            &oidc(&format!("    keys: {{{keys}}}\n")),
            &with_environment(&[("EMPTY", "")]),
        );
        assert!(
            rendered(&problems).contains(said),
            "{keys}: {}",
            rendered(&problems)
        );
    }
}

#[test]
fn a_secret_written_in_place_of_its_name_is_not_repeated() {
    for keys in [
        "secret_env: hunter2",
        "secret_env: 'hunter2!'",
        "secret_file: hunter2",
        "secret_file: 'hunter2/a=='",
    ] {
        let problems = refused(&oidc(&format!("    keys: {{{keys}}}\n")));
        assert_eq!(problems[0].line, 6);
        assert!(
            !rendered(&problems).contains("hunter2"),
            "{}",
            rendered(&problems)
        );
    }
}

#[test]
fn one_final_newline_of_a_secret_file_is_taken_off() {
    let held = |content: &[u8]| {
        let file = Scratch::file("secret", content);
        let config = accepted(&oidc(&format!(
            "    keys: {{secret_file: {}}}\n",
            file.path().display()
        )));
        match &config.issuers[0].sources[0].origin {
            Origin::Fixed { keys, .. } => keys.keys[0].fingerprint,
            _ => panic!(),
        }
    };
    let secret = b"0123456789abcdef0123456789abcdef";
    assert_eq!(held(secret), held(&[&secret[..], b"\n"].concat()));
    assert_ne!(held(secret), held(&[&secret[..], b"\n\n"].concat()));
}

#[test]
fn a_secret_may_be_base64url() {
    let options = with_environment(&[("S", "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY")]);
    let text = oidc("    keys: {secret_env: S, secret_encoding: base64url}\n");
    assert!(parse(&text, "f", &options).is_ok());
    let problems = refused_with(&text, &with_environment(&[("S", "hunter2=")]));
    assert!(problems[0].message.contains("not base64url"));
    assert!(!rendered(&problems).contains("hunter2"));
}

#[test]
fn inline_keys_are_yaml_or_json_text() {
    for keys in [
        format!("      jwks: {{keys: [{ED25519}]}}\n"),
        format!("      jwks: |\n        {{\"keys\": [{ED25519}]}}\n"),
        "      jwks:\n        keys:\n          - kty: OKP\n            crv: Ed25519\n            kid: a\n            x: 11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\n".to_owned(),
    ] {
        let config = accepted(&oidc(&format!("    keys:\n{keys}")));
        let Origin::Fixed { keys, any_kid: false } = &config.issuers[0].sources[0].origin else {
            panic!()
        };
        assert_eq!(keys.keys[0].kid.as_deref(), Some("a"));
    }
}

#[test]
fn keys_that_cannot_be_used_say_why() {
    let problems = refused(&oidc(
        "    keys:\n      jwks: {keys: [{kty: oct, kid: sym, k: aHVudGVyMg}, {kty: RSA, kid: weak, n: AQAB, e: AQAB}, {kty: XX, kid: odd}]}\n",
    ));
    assert_eq!(problems.len(), 1, "{}", rendered(&problems));
    let text = rendered(&problems);
    assert!(text.contains("none of the keys can be used"), "{text}");
    for kid in ["sym", "weak", "odd"] {
        assert!(text.contains(kid), "{text}");
    }
    assert!(!text.contains("aHVudGVyMg"), "{text}");

    let config = accepted(&oidc(&format!(
        "    keys: {{jwks: {{keys: [{ED25519}, {{kty: oct, kid: sym, k: aHVudGVyMg}}]}}}}\n"
    )));
    assert_eq!(config.warnings.len(), 1);
    assert!(!rendered(&config.warnings).contains("aHVudGVyMg"));

    let problems = refused(&oidc(&format!(
        "    algorithms: [RS256]\n    keys: {{jwks: {{keys: [{ED25519}]}}}}\n"
    )));
    assert!(
        problems[0].message.contains("none of the keys fits"),
        "{}",
        rendered(&problems)
    );
}

#[test]
fn key_files_are_validated_and_then_read_again_by_the_gate() {
    let file = Scratch::file("jwks", format!("{{\"keys\": [{ED25519}]}}").as_bytes());
    let config = accepted(&oidc(&format!(
        "    keys: {{jwks_file: {}}}\n",
        file.path().display()
    )));
    let Origin::File {
        path,
        format: FileFormat::Jwks,
    } = &config.issuers[0].sources[0].origin
    else {
        panic!()
    };
    assert_eq!(path, file.path());
    let nonsense = Scratch::file("pem", b"nonsense");
    let problems = refused(&oidc(&format!(
        "    keys: {{pem_file: {}}}\n",
        nonsense.path().display()
    )));
    assert_eq!(problems[0].line, 6);
    let problems = refused(&oidc(&format!(
        "    keys: {{ca_file: {}}}\n",
        nonsense.path().display()
    )));
    assert!(
        problems[0].message.contains("no certificate"),
        "{}",
        rendered(&problems)
    );
}

#[test]
fn without_files_nothing_is_read() {
    let unread = LoadOptions {
        read_files: false,
        try_snapshots: false,
        ..options()
    };
    for keys in [
        "jwks_file: /nonexistent",
        "pem_file: /nonexistent",
        "secret_file: /nonexistent",
        "secret_env: MISSING",
        "ca_file: /nonexistent",
    ] {
        let text = oidc(&format!("    keys: {{{keys}}}\n"));
        if let Err(problems) = parse(&text, "f", &unread) {
            panic!("{}", rendered(&problems));
        }
        refused(&text);
    }
}
