//! J17 where it has its one exception: an AWS load balancer pads the segments of its tokens, and nobody else may.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE;
use proptest::prelude::*;
use serde_json::json;

use super::{judged, rejection};
use crate::jose::algorithm::Algorithm;
use crate::jose::jwe::minting::Recipient;
use crate::jose::jwe::{Encryption, KeyManagement, minting};
use crate::keys::DecryptionId;
use crate::provider::alb;
use crate::verify::testing::*;
use crate::verify::{Decryption, IssuerConfig, Rejection, TokenCache, Verifier, judge};

const KID: &str = "a0b1c2d3-0000-4def-8123-456789abcdef";
const ARN: &str =
    "arn:aws:elasticloadbalancing:eu-west-1:123456789012:loadbalancer/app/my-alb/50dc6c495c0c9188";
const USERS: &str = "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbCdEfGhI";
const CLIENT: &str = "1example23456789";

fn load_balancer() -> IssuerConfig {
    let profile = alb::profile(alb::Settings {
        issuer: USERS.to_owned(),
        signers: vec![ARN.to_owned()],
        client_ids: vec![CLIENT.to_owned()],
    });
    issuer_of("users", profile.unwrap(), &[1])
}

/// The usual issuer, and a load balancer beside it, whose keys are source 1.
fn both() -> Verifier {
    verifier_of(vec![oidc_issuer(), load_balancer()])
}

fn both_keys() -> TestKeys {
    let mut keys = keys();
    keys.set(1, &[es256().jwk(&format!(r#""kid":"{KID}""#))]);
    keys
}

fn header(more: &str) -> String {
    format!(
        r#"{{"typ":"JWT","kid":"{KID}","alg":"ES256","iss":"{USERS}","client":"{CLIENT}","signer":"{ARN}"{more}}}"#
    )
}

fn users_claims(more: &str) -> String {
    let exp = NOW + 120;
    format!(r#"{{"sub":"1234567890","name":"Jane","exp":{exp},"iss":"{USERS}"{more}}}"#)
}

/// Signed over what `encode` makes of the parts, as the load balancer does with padding.
fn signed(
    signer: &Signer,
    algorithm: Algorithm,
    header: &str,
    claims: &str,
    encode: impl Fn(&[u8]) -> String,
) -> String {
    let input = format!(
        "{}.{}",
        encode(header.as_bytes()),
        encode(claims.as_bytes())
    );
    let signature = signer.sign(algorithm, input.as_bytes());
    format!("{input}.{}", encode(&signature))
}

fn padded(bytes: &[u8]) -> String {
    URL_SAFE.encode(bytes)
}

fn unpadded(bytes: &[u8]) -> String {
    encode(bytes)
}

fn genuine() -> String {
    // Of lengths that make every segment end in padding.
    let token = signed(
        es256(),
        Algorithm::Es256,
        &header("  "),
        &users_claims(" "),
        padded,
    );
    assert!(
        token.split('.').all(|segment| segment.ends_with('=')),
        "{token}"
    );
    token
}

#[test]
fn j17_a_load_balancers_token_is_verified_over_its_padded_text() {
    assert_eq!(judged(&both(), &both_keys(), genuine()), "ok");
    // A load balancer alone, and one that does not pad.
    let alone = verifier_of(vec![load_balancer()]);
    assert_eq!(judged(&alone, &both_keys(), genuine()), "ok");
    let strict = signed(
        es256(),
        Algorithm::Es256,
        &header(""),
        &users_claims(""),
        unpadded,
    );
    assert_eq!(judged(&both(), &both_keys(), strict), "ok");
}

#[test]
fn j17_the_padding_is_part_of_what_is_signed() {
    let stripped = genuine().replace('=', "");
    assert_eq!(judged(&both(), &both_keys(), stripped), "bad_signature");
    let token = signed(
        es256(),
        Algorithm::Es256,
        &header("  "),
        &users_claims(" "),
        unpadded,
    );
    let pad = |segment: &str| format!("{segment}{}", "=".repeat((4 - segment.len() % 4) % 4));
    let added: Vec<String> = token.split('.').map(pad).collect();
    assert_eq!(
        judged(&both(), &both_keys(), added.join(".")),
        "bad_signature"
    );
}

#[test]
fn j17_nobody_else_may_pad_although_the_signature_is_good() {
    let token = signed(
        rsa(),
        Algorithm::Rs256,
        r#"{"alg":"RS256","kid":"k1"}"#,
        &claims(""),
        padded,
    );
    assert!(token.contains('='));
    let alone = verifier_of(vec![oidc_issuer()]);
    for verifier in [both(), alone] {
        let Rejection::MalformedToken { what } = rejection(&verifier, &keys(), &token) else {
            panic!("taken");
        };
        assert!(
            what.contains("padding") && what.contains("provider: alb"),
            "{what}"
        );
    }
    // The same token without padding is good: nothing else is wrong with it.
    let strict = signed(
        rsa(),
        Algorithm::Rs256,
        r#"{"alg":"RS256","kid":"k1"}"#,
        &claims(""),
        unpadded,
    );
    assert_eq!(judged(&both(), &both_keys(), strict), "ok");
}

#[test]
fn j17_without_a_load_balancer_padding_is_refused_before_anything_is_decoded() {
    let alone = verifier_of(vec![oidc_issuer()]);
    for token in [
        genuine(),
        "!=.e30=.e30=".to_owned(),
        "bm90IGpzb24=.e30=.cw==".to_owned(),
    ] {
        assert_eq!(judged(&alone, &keys(), token), "malformed_token");
    }
}

#[test]
fn j17_a_load_balancers_token_has_one_spelling() {
    let token = genuine();
    let parts: Vec<&str> = token.split('.').collect();
    for position in 0..3 {
        for change in ["=", "==", "===", "\n", " ", "A", "AA", "A=", "A==", "%3D"] {
            let mut changed: Vec<String> = parts.iter().map(|part| (*part).to_owned()).collect();
            changed[position].push_str(change);
            assert_eq!(
                judged(&both(), &both_keys(), changed.join(".")),
                "malformed_token",
                "{position} {change:?}"
            );
        }
        for (from, to) in [("=", ""), ("=", "=="), ("=", "A"), ("==", "="), ("=", " ")] {
            let mut changed: Vec<String> = parts.iter().map(|part| (*part).to_owned()).collect();
            changed[position] = changed[position].replacen(from, to, 1);
            if changed[position] == parts[position] {
                continue;
            }
            assert_ne!(
                judged(&both(), &both_keys(), changed.join(".")),
                "ok",
                "{position} {to:?}"
            );
        }
    }
}

#[test]
fn j17_no_sibling_of_a_last_character_is_taken() {
    const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let token = genuine();
    let (input, signature) = token.rsplit_once('.').unwrap();
    let body = signature.trim_end_matches('=');
    let (stem, last) = body.split_at(body.len() - 1);
    let padding = &signature[body.len()..];
    for sibling in ALPHABET.chars().filter(|c| !last.starts_with(*c)) {
        let token = format!("{input}.{stem}{sibling}{padding}");
        assert_ne!(judged(&both(), &both_keys(), token), "ok", "{sibling}");
    }
}

#[test]
fn j10_what_is_encrypted_is_not_padded() {
    let mut issuer = load_balancer();
    issuer.decryption = Some(Decryption {
        source: DecryptionId(0),
        algorithms: KeyManagement::ALL.to_vec(),
        encryptions: Encryption::ALL.to_vec(),
        required: false,
    });
    let verifier = verifier_of(vec![issuer]);
    let recipient = Recipient::Shared(minting::random(32));
    let mut keys = both_keys();
    keys.decrypt_with(0, &recipient.jwks(json!({"kid": "d1"})));
    let strict = signed(
        es256(),
        Algorithm::Es256,
        &header(""),
        &users_claims(""),
        unpadded,
    );
    for (inner, expected) in [(strict, "ok"), (genuine(), "decryption_failed")] {
        let token = minting::encrypt(
            &recipient,
            KeyManagement::Dir,
            Encryption::A256Gcm,
            json!({"kid": "d1"}),
            inner.as_bytes(),
        );
        assert_eq!(judged(&verifier, &keys, token), expected);
    }
}

#[test]
fn j03_a_load_balancer_signs_with_es256_and_its_own_keys() {
    let names = header("").replace("ES256", "RS256");
    let token = signed(rsa(), Algorithm::Rs256, &names, &users_claims(""), padded);
    assert_eq!(
        judged(&both(), &both_keys(), token),
        "algorithm_not_allowed"
    );
    let foreign = signed(
        other_es256(),
        Algorithm::Es256,
        &header(""),
        &users_claims(""),
        padded,
    );
    assert_eq!(judged(&both(), &both_keys(), foreign), "bad_signature");
    let unknown = header("").replace("a0b1c2d3", "ffffffff");
    let token = signed(
        es256(),
        Algorithm::Es256,
        &unknown,
        &users_claims(""),
        padded,
    );
    assert_eq!(judged(&both(), &both_keys(), token), "unknown_key");
}

#[test]
fn another_load_balancer_of_the_region_is_refused_before_its_key_is_asked_for() {
    for (member, other, reason) in [
        (
            ARN,
            ARN.replace("123456789012", "210987654321"),
            "claim_mismatch",
        ),
        (CLIENT, "another".to_owned(), "audience_mismatch"),
    ] {
        let named = header("")
            .replace(member, &other)
            .replace("a0b1c2d3", "ffffffff");
        let token = signed(es256(), Algorithm::Es256, &named, &users_claims(""), padded);
        assert_eq!(judged(&both(), &both_keys(), token), reason);
    }
    let without = header("").replace(r#","signer""#, r#","other""#);
    let token = signed(
        es256(),
        Algorithm::Es256,
        &without,
        &users_claims(""),
        padded,
    );
    assert_eq!(judged(&both(), &both_keys(), token), "claim_missing");
}

#[test]
fn j27_the_issuer_is_the_one_of_the_claims_and_the_headers_is_the_same() {
    let other = header("").replace(USERS, "https://other.example");
    let token = signed(es256(), Algorithm::Es256, &other, &users_claims(""), padded);
    assert_eq!(judged(&both(), &both_keys(), token), "claim_mismatch");
    let elsewhere = users_claims("").replace(USERS, ISSUER);
    let token = signed(es256(), Algorithm::Es256, &header(""), &elsewhere, padded);
    assert_eq!(judged(&both(), &both_keys(), token), "malformed_token");
    let nowhere = users_claims("").replace(USERS, "https://other.example");
    let token = signed(es256(), Algorithm::Es256, &header(""), &nowhere, padded);
    assert_eq!(judged(&both(), &both_keys(), token), "unknown_issuer");
}

#[test]
fn j24_an_exp_in_the_header_ends_the_token_too() {
    let soon = NOW + 60;
    for (exp, at_once, later) in [
        (format!(",\"exp\":{soon}"), "ok", "token_expired"),
        (format!(",\"exp\":{}", NOW + 9000), "ok", "ok"),
        (
            format!(",\"exp\":{}", NOW - 60),
            "token_expired",
            "token_expired",
        ),
        (
            ",\"exp\":\"x\"".to_owned(),
            "malformed_token",
            "malformed_token",
        ),
        (
            ",\"exp\":null".to_owned(),
            "malformed_token",
            "malformed_token",
        ),
        (
            ",\"exp\":1e400".to_owned(),
            "malformed_token",
            "malformed_token",
        ),
    ] {
        let token = signed(
            es256(),
            Algorithm::Es256,
            &header(&exp),
            &users_claims(""),
            padded,
        );
        let (verifier, keys) = (both(), both_keys());
        let mut cache = TokenCache::new(1024 * 1024);
        for (now, expected) in [(NOW, at_once), (soon + 31, later)] {
            let (outcome, _) = judge(&verifier, &mut cache, token.as_bytes(), at(now), &keys);
            assert_eq!(verdict(&outcome), expected, "{exp} at {now}");
        }
    }
    // Other providers' headers have none that means anything.
    let token = mint(
        rsa(),
        Algorithm::Rs256,
        r#"{"alg":"RS256","kid":"k1","exp":1}"#,
        &claims(""),
    );
    assert_eq!(judged(&both(), &both_keys(), token), "ok");
}

#[test]
fn j05_a_load_balancers_token_names_its_key() {
    let nameless = header("").replace(&format!(r#""kid":"{KID}","#), "");
    let token = signed(
        es256(),
        Algorithm::Es256,
        &nameless,
        &users_claims(""),
        padded,
    );
    assert_eq!(judged(&both(), &both_keys(), token), "malformed_token");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn j17_no_changed_byte_is_taken(at: prop::sample::Index, byte in 0x20u8..0x7f) {
        let mut token = genuine().into_bytes();
        let at = at.index(token.len());
        prop_assume!(token[at] != byte);
        token[at] = byte;
        prop_assert_ne!(judged(&both(), &both_keys(), &token), "ok");
    }
}
