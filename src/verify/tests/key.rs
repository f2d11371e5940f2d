//! J4, J5, J13 to J16, K8: whose key, and what kind of token.

use super::{judged, outcome, reason, rejection};
use crate::jose::algorithm::Algorithm;
use crate::keys::SourceId;
use crate::provider::{Profile, entra};
use crate::verify::rejection::{AlgorithmLimit, KeyProblem};
use crate::verify::testing::*;
use crate::verify::{Outcome, Rejection};

fn minted(header: &str) -> String {
    mint(rsa(), Algorithm::Rs256, header, &claims(""))
}

#[test]
fn j04_keys_in_the_token_are_never_read() {
    let own = other_rsa().jwk("");
    let members = [
        format!(r#""jwk":{own}"#),
        r#""jku":"http://127.0.0.1:9/keys""#.to_owned(),
        r#""x5u":"http://127.0.0.1:9/cert""#.to_owned(),
        format!(r#""x5c":["{}"]"#, encode(other_rsa().spki())),
        r#""jwk":5,"jku":[],"x5u":null,"x5c":{}"#.to_owned(),
    ];
    for member in members {
        let forged = |kid: &str| {
            let header = format!(r#"{{"alg":"RS256"{kid},{member}}}"#);
            mint(other_rsa(), Algorithm::Rs256, &header, &claims(""))
        };
        assert_eq!(
            reason(forged(r#","kid":"evil""#)),
            "unknown_key",
            "{member}"
        );
        assert_eq!(
            reason(forged(r#","kid":"k1""#)),
            "bad_signature",
            "{member}"
        );
        assert_eq!(reason(forged("")), "bad_signature", "{member}");
        // And they do no harm to a token that is good without them.
        assert_eq!(
            reason(minted(&format!(r#"{{"alg":"RS256","kid":"k1",{member}}}"#))),
            "ok"
        );
    }
}

#[test]
fn j05_a_kid_is_only_compared() {
    for kid in [
        "../../../dev/null",
        "' UNION SELECT '",
        r"a\r\nb",
        r"\u0000",
        "__proto__",
        "",
        "K1",
        "k1 ",
        r"k1\u0000",
        "http://127.0.0.1:9/",
    ] {
        let token = minted(&format!(r#"{{"alg":"RS256","kid":"{kid}"}}"#));
        assert_eq!(reason(token), "unknown_key", "{kid}");
    }
    for kid in [
        "1",
        "null",
        "[\"k1\"]",
        "{\"k1\":1}",
        &format!("\"{}\"", "k".repeat(8_000)),
    ] {
        let token = minted(&format!(r#"{{"alg":"RS256","kid":{kid}}}"#));
        assert_eq!(reason(token), "malformed_token");
    }
    assert_eq!(reason(minted(r#"{"alg":"RS256","kid":"\u006b1"}"#)), "ok");
}

#[test]
fn an_unknown_kid_asks_for_keys_and_says_which_it_was() {
    let token = minted(r#"{"alg":"RS256","kid":"k2"}"#);
    let Outcome::NeedsKeys {
        source,
        otherwise,
        seen,
    } = outcome(&verifier(), &keys(), token)
    else {
        panic!("no question for keys");
    };
    assert_eq!(source, SourceId(0));
    assert!(otherwise.operator_detail().contains("`k2`"));
    assert_eq!(
        (seen.issuer.as_deref(), seen.kid.as_deref(), seen.alg),
        (Some("main"), Some("k2"), Some("RS256"))
    );
    assert_eq!(
        (seen.issuer_index, seen.source),
        (Some(0), Some(SourceId(0)))
    );
}

#[test]
fn k08_a_signature_that_fails_asks_for_keys_with_and_without_a_kid() {
    let mut rotated = TestKeys::default();
    rotated.set(0, &[rsa().jwk(r#""kid":"k1""#)]);
    for header in [r#"{"alg":"RS256","kid":"k1"}"#, r#"{"alg":"RS256"}"#] {
        let token = mint(other_rsa(), Algorithm::Rs256, header, &claims(""));
        assert!(matches!(
            outcome(&verifier(), &keys(), &token),
            Outcome::NeedsKeys {
                otherwise: Rejection::BadSignature { .. },
                ..
            }
        ));
        rotated.set(0, &[other_rsa().jwk(r#""kid":"k1""#)]);
        assert_eq!(judged(&verifier(), &rotated, &token), "ok");
    }
}

#[test]
fn k08_a_key_of_another_type_under_the_old_kid_is_asked_for() {
    let mut rotated = TestKeys::default();
    for header in [r#"{"alg":"ES256","kid":"k1"}"#, r#"{"alg":"ES256"}"#] {
        let token = mint(es256(), Algorithm::Es256, header, &claims(""));
        assert!(matches!(
            outcome(&verifier(), &keys(), &token),
            Outcome::NeedsKeys {
                otherwise: Rejection::AlgorithmNotAllowed {
                    limit: AlgorithmLimit::Key,
                    ..
                },
                ..
            }
        ));
        rotated.set(0, &[es256().jwk(r#""kid":"k1""#)]);
        assert_eq!(judged(&verifier(), &rotated, &token), "ok");
    }
}

#[test]
fn without_keys_nobody_is_refused_for_a_fault_of_the_token() {
    let none = TestKeys::default();
    let found = rejection(&verifier(), &none, good(""));
    assert!(matches!(found, Rejection::KeysUnavailable { .. }));
    assert_eq!(found.status(), 503);
    // And a client's fault is never the issuer's: all that needs no key is checked before.
    let expired = mint(
        rsa(),
        Algorithm::Rs256,
        r#"{"alg":"RS256"}"#,
        &claims(r#""exp":1"#),
    );
    assert_eq!(judged(&verifier(), &none, expired), "token_expired");
    let token = good("");
    assert_eq!(
        judged(&verifier(), &none, &token[..token.len() - 1]),
        "malformed_token"
    );
}

#[test]
fn j13_other_kinds_of_tokens_are_refused() {
    for (typ, expected) in [
        ("JWT", "ok"),
        ("jwt", "ok"),
        ("Jwt", "ok"),
        ("at+jwt", "ok"),
        ("AT+JWT", "ok"),
        ("application/at+jwt", "ok"),
        ("Application/JWT", "ok"),
        ("logout+jwt", "token_type_not_allowed"),
        ("dpop+jwt", "token_type_not_allowed"),
        ("secevent+jwt", "token_type_not_allowed"),
        ("application/secevent+jwt", "token_type_not_allowed"),
        ("application/application/jwt", "token_type_not_allowed"),
        ("application/", "token_type_not_allowed"),
        ("credentials/jwt", "token_type_not_allowed"),
        ("JOSE", "token_type_not_allowed"),
        ("JWT ", "token_type_not_allowed"),
        ("text/jwt", "token_type_not_allowed"),
        ("refresh", "token_type_not_allowed"),
        ("", "token_type_not_allowed"),
        ("\u{212a}wt", "token_type_not_allowed"),
        ("éééééééééééé", "token_type_not_allowed"),
    ] {
        let token = minted(&format!(r#"{{"alg":"RS256","kid":"k1","typ":"{typ}"}}"#));
        assert_eq!(reason(token), expected, "{typ}");
    }
    assert_eq!(reason(minted(r#"{"alg":"RS256","kid":"k1"}"#)), "ok");
    for typ in ["null", "[\"JWT\"]", "1"] {
        let token = minted(&format!(r#"{{"alg":"RS256","kid":"k1","typ":{typ}}}"#));
        assert_eq!(reason(token), "malformed_token", "{typ}");
    }
    for cty in ["\"JWT\"", "\"\"", "null", "\"json\""] {
        let token = minted(&format!(r#"{{"alg":"RS256","kid":"k1","cty":{cty}}}"#));
        assert_eq!(reason(token), "token_type_not_allowed", "{cty}");
    }
}

#[test]
fn j13_an_id_token_is_for_its_client_and_nobody_else() {
    for more in [
        r#""aud":"client-id","nonce":"n","at_hash":"x""#,
        r#""aud":["client-id"],"azp":"client-id""#,
    ] {
        assert_eq!(reason(good(more)), "audience_mismatch", "{more}");
    }
}

#[test]
fn j13_a_list_without_jwt_wants_a_typ() {
    let mut issuer = oidc_issuer();
    issuer.token_types = vec!["at+jwt".to_owned()];
    let verifier = verifier_of(vec![issuer]);
    let absent = minted(r#"{"alg":"RS256","kid":"k1"}"#);
    assert_eq!(judged(&verifier, &keys(), absent), "token_type_not_allowed");
    let present = minted(r#"{"alg":"RS256","kid":"k1","typ":"at+jwt"}"#);
    assert_eq!(judged(&verifier, &keys(), present), "ok");
}

#[test]
fn j15_keys_that_are_not_for_this_do_not_verify() {
    for more in [
        r#""kid":"k1","use":"enc""#,
        r#""kid":"k1","key_ops":["encrypt"]"#,
        r#""kid":"k1","alg":"RSA-OAEP""#,
        r#""kid":"k1","alg":"SHA256""#,
    ] {
        let mut keys = TestKeys::default();
        keys.set(0, &[rsa().jwk(more), es256().jwk(r#""kid":"k2""#)]);
        assert_eq!(
            judged(&verifier(), &keys, good("")),
            "unknown_key",
            "{more}"
        );
    }
}

#[test]
fn j16_all_keys_of_one_kid_are_tried_in_any_order() {
    let jwks = [rsa(), other_rsa(), es256()].map(|signer| signer.jwk(r#""kid":"k1""#));
    for order in [[0, 1, 2], [1, 0, 2], [2, 1, 0], [1, 2, 0]] {
        let mut keys = TestKeys::default();
        keys.set(0, &order.map(|at: usize| jwks[at].clone()));
        for signer in [rsa(), other_rsa()] {
            let header = r#"{"alg":"RS256","kid":"k1"}"#;
            let token = mint(signer, Algorithm::Rs256, header, &claims(""));
            assert_eq!(judged(&verifier(), &keys, token), "ok", "{order:?}");
        }
        let header = r#"{"alg":"ES256","kid":"k1"}"#;
        let token = mint(es256(), Algorithm::Es256, header, &claims(""));
        assert_eq!(judged(&verifier(), &keys, token), "ok", "{order:?}");
        let token = mint(other_es256(), Algorithm::Es256, header, &claims(""));
        assert_eq!(
            judged(&verifier(), &keys, token),
            "bad_signature",
            "{order:?}"
        );
    }
}

#[test]
fn j16_without_a_kid_the_fitting_keys_are_tried_a_bounded_number_of_times() {
    let token = mint(es256(), Algorithm::Es256, r#"{"alg":"ES256"}"#, &claims(""));
    let filler = |n: usize| other_es256().jwk(&format!(r#""kid":"filler-{n}""#));
    for position in 0..4 {
        let mut jwks: Vec<_> = (0..position).map(filler).collect();
        // Keys for other algorithms cost no try.
        jwks.extend((0..6).map(|n| rsa().jwk(&format!(r#""kid":"rsa-{n}""#))));
        jwks.push(es256().jwk(r#""kid":"right""#));
        let mut keys = TestKeys::default();
        keys.set(0, &jwks);
        assert_eq!(judged(&verifier(), &keys, &token), "ok", "{position}");
    }
}

#[test]
fn a_token_may_name_its_key_by_thumbprint() {
    let mut keys = TestKeys::default();
    keys.set(
        0,
        &[
            other_rsa().jwk(r#""kid":"k0","x5t":"AAAA""#),
            rsa().jwk(r#""kid":"k1","x5t":"BBBB""#),
        ],
    );
    assert_eq!(
        judged(
            &verifier(),
            &keys,
            minted(r#"{"alg":"RS256","x5t":"BBBB"}"#)
        ),
        "ok"
    );
    let wrong = minted(r#"{"alg":"RS256","x5t":"AAAA"}"#);
    assert_eq!(judged(&verifier(), &keys, wrong), "bad_signature");
    let found = rejection(
        &verifier(),
        &keys,
        minted(r#"{"alg":"RS256","x5t":"CCCC"}"#),
    );
    assert!(matches!(found, Rejection::UnknownKey { .. }));
    assert!(found.operator_detail().contains("`CCCC`"));
}

const TENANT: &str = "9122040d-6c67-4c5b-b112-36a304b66dad";
const OTHER: &str = "9188040d-6c67-4c5b-b112-36a304b66dad";

fn entra_profile() -> Profile {
    entra::profile(entra::Settings {
        cloud: entra::Cloud::Global,
        tenant: TENANT.to_owned(),
        allowed_tenants: Vec::new(),
        any_tenant: false,
        versions: vec![entra::Version::V2],
        groups_overage: entra::GroupsOverage::Flag,
    })
    .unwrap()
}

#[test]
fn a_key_that_signs_for_another_tenant_is_refused_and_not_asked_for_again() {
    let verifier = verifier_of(vec![issuer_of("staff", entra_profile(), &[0])]);
    let own = format!(
        r#""iss":"https://login.microsoftonline.com/{TENANT}/v2.0","tid":"{TENANT}","ver":"2.0""#
    );
    let header = r#"{"alg":"RS256","kid":"k1"}"#;
    let token = mint(rsa(), Algorithm::Rs256, header, &claims(&own));
    let mut keys = TestKeys::default();
    for (tenant, accepted) in [(TENANT, true), ("{tenantid}", true), (OTHER, false)] {
        let of =
            format!(r#""kid":"k1","issuer":"https://login.microsoftonline.com/{tenant}/v2.0""#);
        keys.set(0, &[rsa().jwk(&of)]);
        match outcome(&verifier, &keys, &token) {
            Outcome::Verified(_) => assert!(accepted, "{tenant}"),
            Outcome::Rejected { rejection, .. } => {
                assert!(!accepted, "{tenant}: {rejection:?}");
                assert_eq!(
                    rejection,
                    Rejection::UnknownKey {
                        kid: Some("k1".to_owned()),
                        why: KeyProblem::ForAnotherIssuer
                    }
                );
            }
            Outcome::NeedsKeys { .. } => panic!("asks for keys that it has"),
        }
        // A signature that is not even by that key is just a bad one.
        let forged = mint(other_rsa(), Algorithm::Rs256, header, &claims(&own));
        assert_eq!(judged(&verifier, &keys, forged), "bad_signature");
    }
}
