//! J24, J25, J28, J29 and the rest of the claims.

use super::{judged, reason, rejection};
use crate::jose::json::{self, Json};
use crate::verify::testing::*;
use crate::verify::{NoLog, Rejection};

/// What `exp` may be instead of a time that a token can have, and what comes of it.
const ODD_TIMES: [(&str, &str); 34] = [
    (r#""9999999999""#, "malformed_token"),
    (r#""1800000600""#, "malformed_token"),
    (r#""""#, "malformed_token"),
    ("true", "malformed_token"),
    ("false", "malformed_token"),
    ("null", "malformed_token"),
    ("{}", "malformed_token"),
    (r#"{"x":1800000600}"#, "malformed_token"),
    ("[]", "malformed_token"),
    ("[1800000600]", "malformed_token"),
    ("-1", "malformed_token"),
    ("-0.5", "malformed_token"),
    ("-1800000600", "malformed_token"),
    ("1e300", "malformed_token"),
    ("1e400", "malformed_token"),
    ("1e999999999999", "malformed_token"),
    ("NaN", "malformed_token"),
    ("Infinity", "malformed_token"),
    ("-Infinity", "malformed_token"),
    ("0x6b49d458", "malformed_token"),
    ("01800000600", "malformed_token"),
    ("+1800000600", "malformed_token"),
    ("1_800_000_600", "malformed_token"),
    ("18446744073709551615", "malformed_token"),
    ("9223372036854775808", "malformed_token"),
    ("253402300800", "malformed_token"),
    ("1e12", "malformed_token"),
    ("0", "token_expired"),
    ("1e-400", "token_expired"),
    ("1790170386.0001", "token_expired"),
    ("1799999970.9999", "token_expired"),
    ("253402300799", "ok"),
    ("1799999971.0", "ok"),
    ("1.8000006e9", "ok"),
];

#[test]
fn j24_exp_is_a_number_in_range_or_the_token_is_refused() {
    for (literal, expected) in ODD_TIMES {
        assert_eq!(
            reason(good(&format!(r#""exp":{literal}"#))),
            expected,
            "{literal}"
        );
    }
}

#[test]
fn j24_a_token_without_exp_is_refused() {
    let token = mint_claims(&claims_without("exp"));
    assert_eq!(
        rejection(&verifier(), &keys(), token),
        Rejection::ClaimMissing {
            claim: "exp".to_owned()
        }
    );
}

fn mint_claims(claims: &str) -> String {
    let header = r#"{"alg":"RS256","kid":"k1"}"#;
    mint(
        rsa(),
        crate::jose::algorithm::Algorithm::Rs256,
        header,
        claims,
    )
}

#[test]
fn cve_2026_25537_string_exp() {
    for more in [
        r#""exp":"1""#,
        r#""exp":"9999999999""#,
        r#""nbf":"99999999999""#,
        r#""iat":"0""#,
    ] {
        assert_eq!(reason(good(more)), "malformed_token", "{more}");
    }
}

#[test]
fn hsec_2026_0010_a_fraction_is_cut_off_and_not_joined() {
    // 1790170386.0001 read as 17901703860001 would live for half a million years.
    assert_eq!(reason(good(r#""exp":1790170386.0001"#)), "token_expired");
    assert_eq!(reason(good(r#""exp":1.7901703860001e9"#)), "token_expired");
}

#[test]
fn j25_nbf_and_iat_are_always_checked_when_present() {
    for (more, expected) in [
        (format!(r#""nbf":{}"#, NOW + 30), "ok"),
        (format!(r#""nbf":{}"#, NOW + 31), "token_not_yet_valid"),
        (format!(r#""nbf":{}.9"#, NOW + 30), "ok"),
        (format!(r#""iat":{}"#, NOW + 30), "ok"),
        (format!(r#""iat":{}"#, NOW + 31), "issued_in_future"),
        (format!(r#""iat":{}"#, NOW + 3_600), "issued_in_future"),
        (format!(r#""exp":{}"#, NOW - 29), "ok"),
        (format!(r#""exp":{}"#, NOW - 30), "token_expired"),
    ] {
        assert_eq!(reason(good(&more)), expected, "{more}");
    }
    for claim in ["nbf", "iat"] {
        for (literal, _) in ODD_TIMES
            .iter()
            .filter(|(_, expected)| *expected == "malformed_token")
        {
            let more = format!(r#""{claim}":{literal}"#);
            assert_eq!(reason(good(&more)), "malformed_token", "{more}");
        }
        assert_eq!(reason(mint_claims(&claims_without(claim))), "ok");
    }
}

#[test]
fn max_age_refuses_old_tokens_and_those_that_do_not_tell() {
    let mut issuer = oidc_issuer();
    issuer.max_age = Some(3_600);
    let verifier = verifier_of(vec![issuer]);
    for (claims, expected) in [
        (claims(&format!(r#""iat":{}"#, NOW - 3_630)), "ok"),
        (
            claims(&format!(r#""iat":{}"#, NOW - 3_631)),
            "token_too_old",
        ),
        (claims_without("iat"), "claim_missing"),
    ] {
        assert_eq!(
            judged(&verifier, &keys(), mint_claims(&claims)),
            expected,
            "{claims}"
        );
    }
}

#[test]
fn j28_aud_is_a_string_or_strings_one_of_which_is_ours() {
    for (aud, expected) in [
        (r#""api""#, "ok"),
        (r#"["api"]"#, "ok"),
        (r#"["other","api"]"#, "ok"),
        (r#""\u0061pi""#, "ok"),
        (r#""other""#, "audience_mismatch"),
        (r#""API""#, "audience_mismatch"),
        (r#""ap""#, "audience_mismatch"),
        (r#""apis""#, "audience_mismatch"),
        (r#""api ""#, "audience_mismatch"),
        (r#""api,other""#, "audience_mismatch"),
        (r#""api other""#, "audience_mismatch"),
        (r#""""#, "audience_mismatch"),
        ("[]", "audience_mismatch"),
        (r#"["other"]"#, "audience_mismatch"),
        (r#"["api",1]"#, "malformed_token"),
        (r#"[1,"api"]"#, "malformed_token"),
        (r#"[["api"]]"#, "malformed_token"),
        (r#"["api",null]"#, "malformed_token"),
        (r#"{"api":true}"#, "malformed_token"),
        (r#"{"x":"api"}"#, "malformed_token"),
        ("null", "malformed_token"),
        ("1", "malformed_token"),
        ("true", "malformed_token"),
    ] {
        assert_eq!(reason(good(&format!(r#""aud":{aud}"#))), expected, "{aud}");
    }
    assert_eq!(
        reason(mint_claims(&claims_without("aud"))),
        "audience_mismatch"
    );
}

#[test]
fn j28_the_operator_reads_both_audiences() {
    let token = good(r#""aud":["web","mobile"]"#);
    let detail = rejection(&verifier(), &keys(), token).operator_detail();
    assert!(
        detail.contains(r#"["web","mobile"]"#) && detail.contains("api"),
        "{detail}"
    );
    let token = mint_claims(&claims_without("aud"));
    let detail = rejection(&verifier(), &keys(), token).operator_detail();
    assert!(detail.contains("there is no `aud`"), "{detail}");
}

#[test]
fn any_audience_is_said_aloud_and_still_reads_types() {
    let mut issuer = oidc_issuer();
    issuer.audiences = None;
    let verifier = verifier_of(vec![issuer]);
    assert_eq!(judged(&verifier, &keys(), good(r#""aud":"whoever""#)), "ok");
    assert_eq!(
        judged(&verifier, &keys(), mint_claims(&claims_without("aud"))),
        "ok"
    );
    assert_eq!(
        judged(&verifier, &keys(), good(r#""aud":1"#)),
        "malformed_token"
    );
}

#[test]
fn j29_a_wrong_clock_refuses_and_does_not_panic() {
    let (verifier, keys) = (verifier(), keys());
    let token = good("");
    for (now, expected) in [
        (i64::MIN, "issued_in_future"),
        (-1, "issued_in_future"),
        (0, "issued_in_future"),
        (NOW - 315_360_000, "issued_in_future"),
        (NOW - 300, "issued_in_future"),
        (NOW - 90, "ok"),
        (NOW + 300, "ok"),
        (NOW + 629, "ok"),
        (NOW + 630, "token_expired"),
        (i64::MAX, "token_expired"),
    ] {
        let outcome = verifier.verify(token.as_bytes(), at(now), &keys, &mut NoLog);
        assert_eq!(verdict(&outcome), expected, "{now}");
        if let Some(rejection) = refusal(&outcome) {
            assert!(!rejection.operator_detail().is_empty());
        }
    }
}

#[test]
fn sub_and_jti_are_strings_when_they_are_there() {
    for claim in ["sub", "jti"] {
        for (value, expected) in [
            (r#""""#, "ok"),
            (r#""a b""#, "ok"),
            ("1", "malformed_token"),
            ("null", "malformed_token"),
            (r#"["alice"]"#, "malformed_token"),
            ("{}", "malformed_token"),
        ] {
            let more = format!(r#""{claim}":{value}"#);
            assert_eq!(reason(good(&more)), expected, "{more}");
        }
        assert_eq!(reason(mint_claims(&claims_without(claim))), "ok");
    }
}

#[test]
fn required_claims_are_compared_as_json() {
    let value = |text: &str| json::parse(text.as_bytes()).unwrap();
    let requiring = |name: &str, values: &[&str]| {
        let mut issuer = oidc_issuer();
        issuer.required_claims = vec![(
            name.to_owned(),
            values.iter().map(|text| value(text)).collect::<Vec<Json>>(),
        )];
        verifier_of(vec![issuer])
    };
    for (name, values, more, expected) in [
        ("azp", &[r#""web""#][..], r#""azp":"web""#, "ok"),
        ("azp", &[r#""web""#], r#""azp":"Web""#, "claim_mismatch"),
        ("azp", &[r#""web""#], r#""azp":["web"]"#, "claim_mismatch"),
        ("azp", &[r#""web""#], r#""azp":null"#, "claim_mismatch"),
        ("azp", &[r#""web""#], r#""x":1"#, "claim_missing"),
        (
            "azp",
            &[r#""web""#, r#""mobile""#],
            r#""azp":"mobile""#,
            "ok",
        ),
        ("level", &["1"], r#""level":1"#, "ok"),
        ("level", &["1"], r#""level":1.0"#, "ok"),
        ("level", &["1"], r#""level":"1""#, "claim_mismatch"),
        ("level", &["1"], r#""level":true"#, "claim_mismatch"),
        (
            "level",
            &["9007199254740993"],
            r#""level":9007199254740992"#,
            "claim_mismatch",
        ),
        ("mfa", &["true"], r#""mfa":true"#, "ok"),
        ("mfa", &["true"], r#""mfa":"true""#, "claim_mismatch"),
        ("mfa", &["true"], r#""mfa":false"#, "claim_mismatch"),
        ("list", &[r#"["a","b"]"#], r#""list":["a","b"]"#, "ok"),
        (
            "list",
            &[r#"["a","b"]"#],
            r#""list":["a"]"#,
            "claim_mismatch",
        ),
        // The name is one member, literally.
        ("a.b", &["1"], r#""a.b":1"#, "ok"),
        ("a.b", &["1"], r#""a":{"b":1}"#, "claim_missing"),
    ] {
        let verifier = requiring(name, values);
        assert_eq!(
            judged(&verifier, &keys(), good(more)),
            expected,
            "{name} {more}"
        );
    }
}

#[test]
fn a_refused_claim_is_named_and_its_value_is_not_told() {
    let mut issuer = oidc_issuer();
    issuer.required_claims = vec![("org".to_owned(), vec![Json::String("acme".into())])];
    let token = good(r#""org":"somebody private""#);
    let found = rejection(&verifier_of(vec![issuer]), &keys(), token);
    let detail = found.operator_detail();
    assert!(
        detail.contains("`org`") && detail.contains("acme"),
        "{detail}"
    );
    assert!(!format!("{found:?}{detail}").contains("private"));
}
