//! A token and the request that it came in: `nonce`, `at_hash`, `c_hash`. What only the request knows, the test gives.

use proptest::prelude::*;

use crate::jose::algorithm::Algorithm;
use crate::keys::KeySet;
use crate::verify::rejection::BindingProblem;
use crate::verify::testing::*;
use crate::verify::{
    Binding, BoundClaim, Counterparts, NoCounterpart, NoLog, Outcome, Place, Presented, Rejection,
    TokenCache, Verifier, judge,
};

/// The examples of OpenID Connect Core, appendix A.4 and A.6: the access token and the code.
const ACCESS_TOKEN: &str = "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y";
const CODE: &str = "Qcb0Orv1zh30vL1MPRsbm-diHiMwcLyZvn1arpZv-Jxf_11jnpEX3Tgfvk";

/// `at_hash` and `c_hash` of the two. SHA-256 as printed in the specification; the others by Python:
/// `base64.urlsafe_b64encode(hashlib.sha384(text).digest()[:24])`, `sha512` and `[:32]`.
const SHA256: [&str; 2] = ["77QmUPtjPfzWtF2AnpK9RQ", "LDktKdoQak3Pk0cnXxCltA"];
const SHA384: [&str; 2] = [
    "jtAeDp945y1dDqU3nkIVGNZP1HjH_MFs",
    "Mq-knyaEMtWGfnBi2POEZb1kiLx10_DF",
];
const SHA512: [&str; 2] = [
    "q7nS86GgvvFaZkzALLWqJYaJIKw2wCDAVfCAsm5CrBM",
    "E9z1C-c0Az4eTEzE0Nm3OQ3BS2BhMgxuP7x5JAQj1_4",
];

fn hashes(algorithm: Algorithm) -> [&'static str; 2] {
    match algorithm.name() {
        "RS256" | "PS256" | "ES256" | "HS256" => SHA256,
        "RS384" | "PS384" | "ES384" | "HS384" => SHA384,
        "RS512" | "PS512" | "ES512" | "HS512" | "EdDSA" | "Ed25519" => SHA512,
        other => panic!("{other}"),
    }
}

fn header() -> Place {
    Place::Header {
        name: http::HeaderName::from_static("x-access-token"),
        scheme: None,
    }
}

fn cookie() -> Place {
    Place::Cookie {
        name: "oidc_nonce".to_owned(),
    }
}

fn query() -> Place {
    Place::Query {
        name: "code".to_owned(),
    }
}

/// An issuer with these bindings; its source has a key for every algorithm.
fn bound(bindings: &[(BoundClaim, Place)]) -> (Verifier, TestKeys) {
    let mut issuer = oidc_issuer();
    issuer.algorithms = Algorithm::ALL.into_iter().collect();
    let bindings = bindings.iter().cloned();
    issuer.bindings = bindings
        .map(|(claim, place)| Binding { claim, place })
        .collect();
    let mut keys = TestKeys::default();
    keys.put(0, KeySet::fixed(keys_for_every_algorithm(), false));
    (verifier_of(vec![issuer]), keys)
}

fn all_three() -> Vec<(BoundClaim, Place)> {
    vec![
        (BoundClaim::Nonce, cookie()),
        (BoundClaim::AccessTokenHash, header()),
        (BoundClaim::CodeHash, query()),
    ]
}

fn signed(algorithm: Algorithm, more: &str) -> String {
    let header = format!(r#"{{"alg":"{}"}}"#, algorithm.name());
    mint(signer_of(algorithm), algorithm, &header, &claims(more))
}

type Found<'v> = Result<&'v str, NoCounterpart>;

/// `token` in a request with these counterparts.
fn in_request(house: &(Verifier, TestKeys), token: &str, found: &[(&Place, Found<'_>)]) -> Outcome {
    let found = found
        .iter()
        .map(|(place, value)| (*place, value.map(|value| value.as_bytes().to_vec())));
    let request: Counterparts<'_> = found.collect();
    let presented = Presented {
        token: token.as_bytes(),
        request: &request,
    };
    house.0.verify(presented, at(NOW), &house.1, &mut NoLog)
}

fn problem(outcome: &Outcome) -> Option<BindingProblem> {
    match refusal(outcome) {
        Some(Rejection::BindingMismatch { why, .. }) => Some(*why),
        Some(other) => panic!("{other:?}"),
        None => None,
    }
}

#[test]
fn a_token_matches_its_access_token_code_and_nonce_under_every_algorithm() {
    let house = bound(&all_three());
    for algorithm in Algorithm::ALL {
        let [at_hash, c_hash] = hashes(algorithm);
        let token = signed(
            algorithm,
            &format!(r#""nonce":"n-0S6_WzA2Mj","at_hash":"{at_hash}","c_hash":"{c_hash}""#),
        );
        let judged = |nonce, access_token, code| {
            let found = [
                (&cookie(), Ok(nonce)),
                (&header(), Ok(access_token)),
                (&query(), Ok(code)),
            ];
            problem(&in_request(&house, &token, &found))
        };
        let name = algorithm.name();
        let differs = Some(BindingProblem::Differs);
        assert_eq!(judged("n-0S6_WzA2Mj", ACCESS_TOKEN, CODE), None, "{name}");
        assert_eq!(
            judged("n-0S6_WzA2Mk", ACCESS_TOKEN, CODE),
            differs,
            "{name}"
        );
        assert_eq!(judged("n-0S6_WzA2Mj", CODE, CODE), differs, "{name}");
        assert_eq!(
            judged("n-0S6_WzA2Mj", ACCESS_TOKEN, ACCESS_TOKEN),
            differs,
            "{name}"
        );
    }
}

#[test]
fn the_hash_of_another_algorithm_is_no_match() {
    let house = bound(&[(BoundClaim::AccessTokenHash, header())]);
    for algorithm in Algorithm::ALL {
        for hash in [SHA256, SHA384, SHA512] {
            let token = signed(algorithm, &format!(r#""at_hash":"{}""#, hash[0]));
            let outcome = in_request(&house, &token, &[(&header(), Ok(ACCESS_TOKEN))]);
            let expected = (hash != hashes(algorithm)).then_some(BindingProblem::Differs);
            assert_eq!(problem(&outcome), expected, "{} {hash:?}", algorithm.name());
        }
    }
}

#[test]
fn only_the_left_half_in_strict_base64url_is_a_match() {
    let house = bound(&[(BoundClaim::AccessTokenHash, header())]);
    let whole = encode(sha256(ACCESS_TOKEN.as_bytes()));
    let hex: String = sha256(ACCESS_TOKEN.as_bytes())[..16]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    for claim in [
        String::new(),
        whole.clone(),
        whole[21..].to_owned(),
        hex,
        format!("{}==", SHA256[0]),
        format!(" {}", SHA256[0]),
        SHA256[0][..21].to_owned(),
        SHA256[0].to_lowercase(),
        // Another spelling of the same bytes: trailing bits.
        SHA256[0].replace("RQ", "RR"),
        ACCESS_TOKEN.to_owned(),
    ] {
        let token = signed(Algorithm::Rs256, &format!(r#""at_hash":"{claim}""#));
        let outcome = in_request(&house, &token, &[(&header(), Ok(ACCESS_TOKEN))]);
        assert_eq!(problem(&outcome), Some(BindingProblem::Differs), "{claim}");
    }
}

#[test]
fn a_hashed_nonce_is_the_sha_256_of_the_value() {
    let house = bound(&[(BoundClaim::HashedNonce, cookie())]);
    // By Python: base64.urlsafe_b64encode(hashlib.sha256(b"n-0S6_WzA2Mj").digest())
    let token = signed(
        Algorithm::Es384,
        r#""nonce":"CCOgm1TLk4FWEGiwCq9OU5s_VGBGMdPmqCCHm2sEzBk""#,
    );
    let judged = |value| problem(&in_request(&house, &token, &[(&cookie(), Ok(value))]));
    assert_eq!(judged("n-0S6_WzA2Mj"), None);
    for wrong in [
        "n-0S6_WzA2Mk",
        "CCOgm1TLk4FWEGiwCq9OU5s_VGBGMdPmqCCHm2sEzBk",
    ] {
        assert_eq!(judged(wrong), Some(BindingProblem::Differs));
    }
    let plain = signed(Algorithm::Es384, r#""nonce":"n-0S6_WzA2Mj""#);
    let outcome = in_request(&house, &plain, &[(&cookie(), Ok("n-0S6_WzA2Mj"))]);
    assert_eq!(problem(&outcome), Some(BindingProblem::Differs));
}

#[test]
fn a_claim_that_is_missing_or_no_text_is_refused_whatever_the_request_has() {
    for (claim, place) in all_three() {
        let house = bound(&[(claim, place.clone())]);
        let absent = signed(Algorithm::Es256, "");
        let name = claim.name();
        let mut wrong = vec![(absent, BindingProblem::ClaimMissing)];
        for value in ["null", "1", "true", "[]", "{}", r#"["x"]"#] {
            let token = signed(Algorithm::Es256, &format!(r#""{name}":{value}"#));
            wrong.push((token, BindingProblem::ClaimNoText));
        }
        for (token, why) in wrong {
            for value in [Ok("x"), Ok("null"), Ok(""), Err(NoCounterpart::Missing)] {
                let outcome = in_request(&house, &token, &[(&place, value)]);
                assert_eq!(problem(&outcome), Some(why), "{name}");
            }
        }
    }
}

#[test]
fn a_request_without_one_clear_value_is_refused() {
    let house = bound(&[(BoundClaim::Nonce, cookie())]);
    // An empty nonce must not match an empty cookie.
    for nonce in ["", "n"] {
        let token = signed(Algorithm::Es256, &format!(r#""nonce":"{nonce}""#));
        let judged = |found: &[(&Place, Found<'_>)]| problem(&in_request(&house, &token, found));
        let missing = Some(BindingProblem::Request(NoCounterpart::Missing));
        assert_eq!(judged(&[]), missing);
        assert_eq!(judged(&[(&cookie(), Ok(""))]), missing);
        assert_eq!(judged(&[(&header(), Ok(nonce))]), missing, "another place");
        for why in [NoCounterpart::Several, NoCounterpart::Unreadable] {
            let expected = Some(BindingProblem::Request(why));
            assert_eq!(judged(&[(&cookie(), Err(why))]), expected);
        }
        // A token by itself has no request.
        let alone = house
            .0
            .verify(token.as_bytes(), at(NOW), &house.1, &mut NoLog);
        assert_eq!(problem(&alone), missing);
    }
}

#[test]
fn every_binding_must_hold_and_the_refusal_names_the_one_that_does_not() {
    let house = bound(&all_three());
    let [at_hash, c_hash] = SHA256;
    let token = signed(
        Algorithm::Es256,
        &format!(r#""nonce":"n","at_hash":"{at_hash}","c_hash":"{c_hash}""#),
    );
    let good = [
        (&cookie(), Ok("n")),
        (&header(), Ok(ACCESS_TOKEN)),
        (&query(), Ok(CODE)),
    ];
    assert_eq!(verdict(&in_request(&house, &token, &good)), "ok");
    for (broken, (claim, place)) in all_three().into_iter().enumerate() {
        let mut found = good;
        found[broken].1 = Ok("other");
        let outcome = in_request(&house, &token, &found);
        let expected = Rejection::BindingMismatch {
            claim: claim.name(),
            place,
            why: BindingProblem::Differs,
        };
        assert_eq!(refusal(&outcome), Some(&expected));
        let Outcome::Rejected { seen, .. } = outcome else {
            panic!("not refused for good");
        };
        assert_eq!(seen.issuer.as_deref(), Some("main"));
        assert_eq!(seen.alg, Some("ES256"));
    }
}

#[test]
fn a_token_that_is_no_good_is_refused_for_that_and_not_for_its_binding() {
    let house = bound(&[(BoundClaim::Nonce, cookie())]);
    let forged = mint(
        other_es256(),
        Algorithm::Es256,
        r#"{"alg":"ES256"}"#,
        &claims(r#""nonce":"n""#),
    );
    let expired = signed(Algorithm::Es256, r#""nonce":"n","exp":1"#);
    for value in ["n", "other"] {
        let found = [(&cookie(), Ok(value))];
        for (token, reason) in [(&forged, "bad_signature"), (&expired, "token_expired")] {
            assert_eq!(verdict(&in_request(&house, token, &found)), reason);
        }
    }
}

#[test]
fn an_issuer_without_bindings_asks_nothing_of_the_request() {
    let mut issuers = vec![
        oidc_issuer(),
        named_issuer("free", "https://free.example", 0),
    ];
    issuers[0].bindings = [Binding {
        claim: BoundClaim::Nonce,
        place: cookie(),
    }]
    .into();
    let house = (verifier_of(issuers), keys());
    assert_eq!(house.0.places(), [cookie()]);
    let free = good(r#""iss":"https://free.example""#);
    assert_eq!(verdict(&in_request(&house, &free, &[])), "ok");
    assert_eq!(
        verdict(&in_request(&house, &good(""), &[])),
        "binding_mismatch"
    );
}

#[test]
fn c03_a_remembered_token_is_bound_to_each_request_anew() {
    let house = bound(&[(BoundClaim::Nonce, cookie())]);
    let mut cache = TokenCache::new(1024 * 1024);
    let token = signed(Algorithm::Es256, r#""nonce":"n""#);
    let place = cookie();
    let mut judged = |found: Found<'_>, now| {
        let value = found.map(|value| value.as_bytes().to_vec());
        let request: Counterparts<'_> = [(&place, value)].into_iter().collect();
        let presented = Presented {
            token: token.as_bytes(),
            request: &request,
        };
        let (outcome, cached) = judge(&house.0, &mut cache, presented, at(now), &house.1);
        (verdict(&outcome), cached)
    };
    let missing = Err(NoCounterpart::Missing);
    assert_eq!(judged(Ok("other"), NOW), ("binding_mismatch", false));
    assert_eq!(judged(Ok("n"), NOW), ("ok", true));
    assert_eq!(judged(Ok("other"), NOW), ("binding_mismatch", true));
    assert_eq!(judged(missing, NOW), ("binding_mismatch", true));
    assert_eq!(judged(Ok("n"), NOW), ("ok", true));
    assert_eq!(judged(Ok("other"), NOW + 9_999), ("token_expired", true));
}

#[test]
fn neither_side_of_a_binding_is_ever_printed() {
    let house = bound(&all_three());
    let token = signed(
        Algorithm::Es256,
        r#""nonce":"secret-claim","at_hash":"secret-claim","c_hash":"secret-claim""#,
    );
    let place = cookie();
    let found: Counterparts<'_> = [(&place, Ok(b"secret-value".to_vec()))]
        .into_iter()
        .collect();
    assert!(!format!("{found:?}").contains("secret"));
    for why in [
        Ok("secret-value"),
        Err(NoCounterpart::Missing),
        Err(NoCounterpart::Several),
        Err(NoCounterpart::Unreadable),
    ] {
        let outcome = in_request(&house, &token, &[(&cookie(), why)]);
        let rejection = refusal(&outcome).unwrap();
        for text in [
            rejection.operator_detail(),
            rejection.log_detail(),
            rejection.client_detail(),
            format!("{outcome:?}"),
        ] {
            assert!(!text.contains("secret"), "{text}");
        }
        let detail = rejection.log_detail();
        assert!(detail.contains("`nonce`") && detail.contains("cookie `oidc_nonce`"));
        assert!(!rejection.client_detail().contains("nonce"));
    }
}

/// Visible ASCII: what tokens and codes are made of (RFC 6749 appendix A).
fn value() -> impl Strategy<Value = String> {
    "[ -~]{1,60}"
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// A token with the claim of `own` passes with `own`, and with nothing else.
    #[test]
    fn only_its_own_counterpart_fits_a_token(
        own in value(),
        other in value(),
        changed in any::<prop::sample::Index>(),
        algorithm in prop::sample::select(vec![Algorithm::Es256, Algorithm::EdDsa, Algorithm::Hs256, Algorithm::Hs384]),
    ) {
        let mut near = own.clone().into_bytes();
        let at_byte = changed.index(near.len());
        near[at_byte] = if near[at_byte] == b'~' { b'!' } else { near[at_byte] + 1 };
        let near = String::from_utf8(near).unwrap();
        let longer = format!("{own}a");
        // Hashed by what makes the signatures of the other tests, not by what is tested.
        let digest = match algorithm {
            Algorithm::Es256 | Algorithm::Hs256 => &aws_lc_rs::digest::SHA256,
            Algorithm::Hs384 => &aws_lc_rs::digest::SHA384,
            _ => &aws_lc_rs::digest::SHA512,
        };
        let hash = aws_lc_rs::digest::digest(digest, own.as_bytes());
        let half = encode(&hash.as_ref()[..hash.as_ref().len() / 2]);
        let quoted = own.replace('\\', "\\\\").replace('"', "\\\"");
        for (claim, text) in [
            (BoundClaim::Nonce, quoted),
            (BoundClaim::HashedNonce, encode(sha256(own.as_bytes()))),
            (BoundClaim::AccessTokenHash, half.clone()),
            (BoundClaim::CodeHash, half),
        ] {
            let house = bound(&[(claim, query())]);
            let token = signed(algorithm, &format!(r#""{}":"{text}""#, claim.name()));
            let fits = |value: &str| problem(&in_request(&house, &token, &[(&query(), Ok(value))])).is_none();
            prop_assert!(fits(&own));
            prop_assert!(!fits(&near) && !fits(&longer));
            prop_assert_eq!(fits(&other), own == other);
        }
    }
}
