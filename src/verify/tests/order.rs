//! The order of the checks, as `explain` shows it.

use crate::jose::algorithm::Algorithm;
use crate::verify::testing::*;
use crate::verify::{Check, CheckLog, NoLog, Outcome};

#[derive(Default)]
struct Recorded(Vec<(Check, String)>);

impl CheckLog for Recorded {
    fn passed(&mut self, check: Check, detail: &dyn Fn() -> String) {
        self.0.push((check, detail()));
    }
}

/// The check that refused `token`, and why.
fn stopped_at(token: &str, keys: &TestKeys) -> (Check, &'static str) {
    let mut log = Recorded::default();
    let outcome = verifier().verify(token.as_bytes(), at(NOW), keys, &mut log);
    let passed: Vec<_> = log.0.iter().map(|(check, _)| *check).collect();
    assert_eq!(passed[..], Check::ALL[..passed.len()]);
    (Check::ALL[passed.len()], verdict(&outcome))
}

#[test]
fn a_good_token_passes_every_check_in_order() {
    let mut log = Recorded::default();
    let outcome = verifier().verify(good("").as_bytes(), at(NOW), &keys(), &mut log);
    assert!(matches!(outcome, Outcome::Verified(_)));
    let passed: Vec<_> = log.0.iter().map(|(check, _)| *check).collect();
    assert_eq!(passed, Check::ALL);
    assert!(log.0.iter().all(|(_, detail)| !detail.is_empty()));
    let details: Vec<_> = log.0.into_iter().map(|(_, detail)| detail).collect();
    assert_eq!(
        details[details.len() - 2..],
        ["RS256, key `k1`", "none configured"]
    );
    assert!(!details.join(" ").contains("alice"));
}

#[test]
fn each_fault_is_found_by_its_check_and_before_the_signature() {
    let header = r#"{"alg":"RS256","kid":"k1"}"#;
    // All of these are signed by the wrong key: what needs no key is found first.
    let forged = |header: &str, claims: &str| mint(other_rsa(), Algorithm::Rs256, header, claims);
    for (token, expected) in [
        (
            "x".repeat(MAX_TOKEN_BYTES + 1),
            (Check::Size, "token_too_large"),
        ),
        ("x".to_owned(), (Check::Structure, "malformed_token")),
        (
            forged(r#"{"alg":"none"}"#, "{}"),
            (Check::Header, "algorithm_not_allowed"),
        ),
        (forged(header, "[]"), (Check::Claims, "malformed_token")),
        (
            forged(header, r#"{"iss":"x"}"#),
            (Check::Issuer, "unknown_issuer"),
        ),
        (
            forged(r#"{"alg":"HS256"}"#, &claims("")),
            (Check::Algorithm, "algorithm_not_allowed"),
        ),
        (
            forged(r#"{"alg":"RS256","typ":"x"}"#, &claims("")),
            (Check::TokenType, "token_type_not_allowed"),
        ),
        (
            forged(header, &claims(r#""exp":1"#)),
            (Check::Lifetime, "token_expired"),
        ),
        (
            forged(header, &claims(r#""aud":"x""#)),
            (Check::Audience, "audience_mismatch"),
        ),
        (
            forged(r#"{"alg":"RS256","kid":"k2"}"#, &claims("")),
            (Check::Key, "unknown_key"),
        ),
        (
            forged(header, &claims("")),
            (Check::Signature, "bad_signature"),
        ),
    ] {
        assert_eq!(stopped_at(&token, &keys()), expected);
    }
    assert_eq!(
        stopped_at(&good(""), &TestKeys::default()),
        (Check::Key, "keys_unavailable")
    );
}

#[test]
fn names_of_checks_are_snake_case_and_distinct() {
    let names: std::collections::HashSet<_> = Check::ALL.iter().map(|check| check.name()).collect();
    assert_eq!(names.len(), Check::ALL.len());
    assert!(
        names
            .iter()
            .all(|name| name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'))
    );
}

#[test]
fn what_was_seen_of_a_refused_token_is_told_as_far_as_it_was_read() {
    for (token, issuer, kid, alg) in [
        ("x".to_owned(), None, None, None),
        (
            mint(
                rsa(),
                Algorithm::Rs256,
                r#"{"alg":"RS256","kid":"k9"}"#,
                "{}",
            ),
            None,
            Some("k9"),
            Some("RS256"),
        ),
        (
            mint(rsa(), Algorithm::Rs256, r#"{"alg":"None"}"#, "{}"),
            None,
            None,
            Some("none"),
        ),
        (
            mint(rsa(), Algorithm::Rs256, r#"{"alg":"evil\n"}"#, &claims("")),
            Some("main"),
            None,
            None,
        ),
        (good(r#""exp":1"#), Some("main"), Some("k1"), Some("RS256")),
    ] {
        let outcome = verifier().verify(token.as_bytes(), at(NOW), &keys(), &mut NoLog);
        let Outcome::Rejected { seen, .. } = outcome else {
            panic!("not refused: {token}");
        };
        assert_eq!(
            (seen.issuer.as_deref(), seen.kid.as_deref(), seen.alg),
            (issuer, kid, alg),
            "{token}"
        );
    }
}
