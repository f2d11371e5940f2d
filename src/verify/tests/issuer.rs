//! J27: one issuer's keys never speak for another.

use super::{judged, outcome, reason, rejection};
use crate::jose::algorithm::Algorithm;
use crate::provider::{IssuerForm, IssuerPattern, KeyDocument};
use crate::verify::testing::*;
use crate::verify::{Outcome, Rejection};

const A: &str = "https://a.example";
const B: &str = "https://b.example";

fn token(signer: &Signer, iss: &str) -> String {
    let claims = claims(&format!(r#""iss":"{iss}""#));
    mint(
        signer,
        Algorithm::Rs256,
        r#"{"alg":"RS256","kid":"k1"}"#,
        &claims,
    )
}

#[test]
fn j27_only_the_issuers_own_key_verifies_though_the_kid_is_the_same() {
    let verifier = verifier_of(vec![named_issuer("a", A, 0), named_issuer("b", B, 1)]);
    let mut keys = TestKeys::default();
    keys.set(0, &[rsa().jwk(r#""kid":"k1""#)]);
    keys.set(1, &[other_rsa().jwk(r#""kid":"k1""#)]);
    for (signer, iss, expected) in [
        (rsa(), A, Some("a")),
        (other_rsa(), B, Some("b")),
        (rsa(), B, None),
        (other_rsa(), A, None),
    ] {
        let outcome = outcome(&verifier, &keys, token(signer, iss));
        match (&outcome, expected) {
            (Outcome::Verified(token), Some(name)) => assert_eq!(&**token.issuer(), name),
            (_, None) => assert_eq!(verdict(&outcome), "bad_signature"),
            (other, Some(_)) => panic!("{other:?}"),
        }
    }
}

#[test]
fn j27_iss_is_compared_byte_for_byte() {
    for iss in [
        "https://id.example/",
        "https://ID.example",
        "HTTPS://id.example",
        "http://id.example",
        "https://id.example:443",
        "https://id.exampl",
        "https://id.example.evil",
        " https://id.example",
        "https://id.example\\u0000",
        "id.example",
        "",
    ] {
        let token = good(&format!(r#""iss":"{iss}""#));
        assert_eq!(reason(token), "unknown_issuer", "{iss}");
    }
    assert_eq!(reason(good(r#""iss":"https:\/\/id.example""#)), "ok");
}

#[test]
fn j27_iss_is_one_string() {
    for iss in [
        r#"["https://id.example"]"#,
        r#"["https://evil","https://id.example"]"#,
        r#"{"https://id.example":1}"#,
        "null",
        "1",
        "true",
    ] {
        assert_eq!(
            reason(good(&format!(r#""iss":{iss}"#))),
            "malformed_token",
            "{iss}"
        );
    }
    let header = r#"{"alg":"RS256","kid":"k1"}"#;
    let token = mint(rsa(), Algorithm::Rs256, header, &claims_without("iss"));
    assert_eq!(reason(token), "claim_missing");
}

#[test]
fn an_issuer_that_almost_fits_is_named_to_the_operator() {
    let Rejection::UnknownIssuer { similar, .. } =
        rejection(&verifier(), &keys(), good(r#""iss":"http://ID.example/""#))
    else {
        panic!("known");
    };
    assert_eq!(similar.as_deref(), Some(ISSUER));
    let Rejection::UnknownIssuer { similar, .. } = rejection(
        &verifier(),
        &keys(),
        good(r#""iss":"https://other.example""#),
    ) else {
        panic!("known");
    };
    assert_eq!(similar, None);
}

#[test]
fn an_exact_issuer_goes_before_a_template_and_the_first_of_two_templates_counts() {
    const TENANT: &str = "9122040d-6c67-4c5b-b112-36a304b66dad";
    let template = |name: &str, source| {
        let mut issuer = named_issuer(name, A, source);
        issuer.profile.forms = vec![IssuerForm {
            pattern: IssuerPattern::Tenant("https://login.example/{tenantid}/v2.0".to_owned()),
            keys: KeyDocument::Jwks {
                url: "https://login.example/keys".to_owned(),
            },
        }];
        issuer
    };
    let exact = named_issuer("exact", &format!("https://login.example/{TENANT}/v2.0"), 2);
    let verifier = verifier_of(vec![template("first", 0), template("second", 1), exact]);
    let mut keys = TestKeys::default();
    keys.set(0, &[rsa().jwk(r#""kid":"k1""#)]);
    keys.set(1, &[other_rsa().jwk(r#""kid":"k1""#)]);
    keys.set(2, &[other_rsa().jwk(r#""kid":"k1""#)]);
    let of = |tenant: &str| format!("https://login.example/{tenant}/v2.0");
    for (signer, iss, expected) in [
        (other_rsa(), of(TENANT), "exact"),
        (rsa(), of("9188040d-6c67-4c5b-b112-36a304b66dad"), "first"),
    ] {
        let Outcome::Verified(token) = outcome(&verifier, &keys, token(signer, &iss)) else {
            panic!("refused: {iss}");
        };
        assert_eq!(&**token.issuer(), expected);
    }
    for iss in [of("9188040D-6C67-4C5B-B112-36A304B66DAD"), of("x"), of("")] {
        assert_eq!(
            judged(&verifier, &keys, token(rsa(), &iss)),
            "unknown_issuer",
            "{iss}"
        );
    }
}

#[test]
fn of_two_equal_issuers_the_first_counts_and_a_form_without_keys_is_nobody() {
    let verifier = verifier_of(vec![
        named_issuer("first", A, 0),
        named_issuer("second", A, 1),
    ]);
    let mut keys = keys();
    keys.set(1, &[other_rsa().jwk(r#""kid":"k1""#)]);
    assert_eq!(judged(&verifier, &keys, token(rsa(), A)), "ok");
    assert_eq!(
        judged(&verifier, &keys, token(other_rsa(), A)),
        "bad_signature"
    );

    let mut sourceless = named_issuer("none", A, 0);
    sourceless.sources.clear();
    let verifier = verifier_of(vec![sourceless]);
    assert_eq!(judged(&verifier, &keys, token(rsa(), A)), "unknown_issuer");
}

#[test]
fn an_issuer_may_vouch_for_addresses_itself() {
    let mut issuer = oidc_issuer();
    issuer.unverified_email = true;
    let Outcome::Verified(token) = outcome(&verifier_of(vec![issuer]), &keys(), good("")) else {
        panic!("refused");
    };
    assert!(token.findings().email_verified);
}
