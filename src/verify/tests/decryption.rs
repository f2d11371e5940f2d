//! J10 and J11: an encrypted token is judged by what is in it, opened only with its own issuer's key, and every failure is one answer.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{judged, outcome, rejection};
use crate::jose::algorithm::Algorithm;
use crate::jose::base64url;
use crate::jose::jwe::minting::{self, Recipient, encrypt, matrix, random};
use crate::jose::jwe::{Encryption, KeyManagement};
use crate::keys::DecryptionId;
use crate::verify::testing::*;
use crate::verify::{
    Check, CheckLog, Decryption, IssuerConfig, Outcome, Rejection, TokenCache, Verifier, judge,
};

const OTHER_ISSUER: &str = "https://other.example";

/// `issuer` with decryption keys of this number, and everything allowed.
fn decrypting(mut issuer: IssuerConfig, source: usize) -> IssuerConfig {
    issuer.decryption = Some(Decryption {
        source: DecryptionId(source),
        algorithms: KeyManagement::ALL.to_vec(),
        encryptions: Encryption::ALL.to_vec(),
        required: false,
    });
    issuer
}

/// The usual issuer, whose decryption keys are source 0.
fn decrypting_verifier() -> Verifier {
    verifier_of(vec![decrypting(oidc_issuer(), 0)])
}

/// The usual keys, and `recipient` to decrypt with.
fn keys_of(recipient: &Recipient) -> TestKeys {
    let mut keys = keys();
    keys.decrypt_with(0, &recipient.jwks(json!({"kid": "d1"})));
    keys
}

fn encrypted(recipient: &Recipient, more: Value, plaintext: &str) -> String {
    let algorithm = match recipient {
        Recipient::Rsa(_) => KeyManagement::RsaOaep256,
        Recipient::Agreement(..) => KeyManagement::EcdhEs,
        Recipient::Shared(_) => KeyManagement::Dir,
    };
    encrypt(
        recipient,
        algorithm,
        Encryption::A256Gcm,
        more,
        plaintext.as_bytes(),
    )
}

/// The check that refused, or none.
fn stopped_at(verifier: &Verifier, keys: &TestKeys, token: &str) -> Option<Check> {
    struct Last(usize);
    impl CheckLog for Last {
        fn passed(&mut self, check: Check, detail: &dyn Fn() -> String) {
            assert_eq!(check, Check::ALL[self.0]);
            assert!(!detail().is_empty());
            self.0 += 1;
        }
    }
    let mut passed = Last(0);
    verifier.verify(token.as_bytes(), at(NOW), keys, &mut passed);
    Check::ALL.get(passed.0).copied()
}

fn why(verifier: &Verifier, keys: &TestKeys, token: &str) -> String {
    match rejection(verifier, keys, token) {
        Rejection::DecryptionFailed { why } => why,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_signed_token_is_verified_through_every_algorithm_and_encryption() {
    let verifier = decrypting_verifier();
    for (algorithm, encryption, recipient) in matrix() {
        let inner = good("");
        let token = encrypt(
            recipient,
            algorithm,
            encryption,
            json!({"kid": "d1"}),
            inner.as_bytes(),
        );
        let Outcome::Verified(verified) = outcome(&verifier, &keys_of(recipient), &token) else {
            panic!("{algorithm:?} {encryption:?}");
        };
        // What was signed, not what it came in.
        assert_eq!(verified.kid(), Some("k1"));
        assert_eq!(verified.algorithm(), Algorithm::Rs256);
        assert_eq!(stopped_at(&verifier, &keys_of(recipient), &token), None);
    }
}

#[test]
fn bare_tokens_are_accepted_beside_encrypted_ones_unless_encryption_is_required() {
    let keys = keys_of(&minting::RSA);
    assert_eq!(judged(&decrypting_verifier(), &keys, good("")), "ok");
    let mut issuer = decrypting(oidc_issuer(), 0);
    issuer.decryption.as_mut().unwrap().required = true;
    let strict = verifier_of(vec![issuer]);
    assert_eq!(judged(&strict, &keys, good("")), "token_type_not_allowed");
    let token = encrypted(&minting::RSA, json!({}), &good(""));
    assert_eq!(judged(&strict, &keys, token), "ok");
}

#[test]
fn j10_without_decryption_an_encrypted_token_is_refused_by_its_dots() {
    let keys = keys_of(&minting::RSA);
    let verifier = verifier();
    for token in [
        encrypted(&minting::RSA, json!({}), &good("")),
        "....".to_owned(),
        "a.b.c.d.e".to_owned(),
    ] {
        assert_eq!(judged(&verifier, &keys, &token), "encrypted_token");
        assert_eq!(stopped_at(&verifier, &keys, &token), Some(Check::Structure));
    }
}

/// pac4j's CVE-2026-29000: whoever has the public key can encrypt any claims.
#[test]
fn j10_what_is_not_signed_is_refused_however_well_it_is_encrypted() {
    let (verifier, keys) = (decrypting_verifier(), keys_of(&minting::RSA));
    let unsigned = |header: &str| format!("{}.{}.", encode(header), encode(claims("")));
    let forged = mint(
        other_rsa(),
        Algorithm::Rs256,
        r#"{"alg":"RS256","kid":"k1"}"#,
        &claims(""),
    );
    for (inner, reason) in [
        (claims(""), "decryption_failed"),
        (String::new(), "decryption_failed"),
        ("x".to_owned(), "decryption_failed"),
        (unsigned(r#"{"alg":"none"}"#), "decryption_failed"),
        (
            unsigned(r#"{"alg":"RS256","kid":"k1"}"#),
            "decryption_failed",
        ),
        (
            encrypted(&minting::RSA, json!({}), &good("")),
            "decryption_failed",
        ),
        (format!("{} ", good("")), "decryption_failed"),
        (
            mint(rsa(), Algorithm::Rs256, r#"{"alg":"none"}"#, &claims("")),
            "algorithm_not_allowed",
        ),
        (forged, "bad_signature"),
        (good(r#""exp":1"#), "token_expired"),
        (good(r#""aud":"other""#), "audience_mismatch"),
        (good(r#""iss":"https://nobody.example""#), "unknown_issuer"),
    ] {
        // An empty text has no ciphertext under GCM.
        let encryption = Encryption::A128CbcHs256;
        let token = encrypt(
            &minting::RSA,
            KeyManagement::RsaOaep256,
            encryption,
            json!({}),
            inner.as_bytes(),
        );
        assert_eq!(judged(&verifier, &keys, &token), reason, "{inner}");
    }
    let bare = encrypted(&minting::RSA, json!({}), &claims(""));
    assert!(why(&verifier, &keys, &bare).contains("bare claims"));
    assert_eq!(stopped_at(&verifier, &keys, &bare), Some(Check::Structure));
}

#[test]
fn j27_a_token_opened_with_the_key_of_one_issuer_is_not_another_issuers() {
    let main = decrypting(oidc_issuer(), 0);
    let other = named_issuer("other", OTHER_ISSUER, 1);
    let signed_by_other = mint(
        other_rsa(),
        Algorithm::Rs256,
        r#"{"alg":"RS256","kid":"k1"}"#,
        &claims(&format!(r#""iss":"{OTHER_ISSUER}""#)),
    );
    let to_main = encrypted(&minting::RSA, json!({}), &signed_by_other);
    let mut keys = keys_of(&minting::RSA);
    keys.set(1, &[other_rsa().jwk(r#""kid":"k1""#)]);
    keys.decrypt_with(1, &minting::OTHER_RSA.jwks(json!({})));

    // The other one never decrypts, or with a key of its own, or not with these algorithms.
    let mut narrow = decrypting(other.clone(), 0);
    narrow.decryption.as_mut().unwrap().encryptions = vec![Encryption::A128Gcm];
    for other in [other.clone(), decrypting(other.clone(), 1), narrow] {
        let verifier = verifier_of(vec![main.clone(), other]);
        assert_eq!(judged(&verifier, &keys, &signed_by_other), "ok");
        assert!(why(&verifier, &keys, &to_main).contains("issuer `other`"));
        assert_eq!(stopped_at(&verifier, &keys, &to_main), Some(Check::Issuer));
    }
    // The same key for both.
    keys.decrypt_with(1, &minting::RSA.jwks(json!({"kid": "mine"})));
    let verifier = verifier_of(vec![main, decrypting(other, 1)]);
    assert_eq!(judged(&verifier, &keys, &to_main), "ok");
}

#[test]
fn a_key_that_two_issuers_narrow_differently_is_asked_of_the_tokens_own_issuer() {
    let other = decrypting(named_issuer("other", OTHER_ISSUER, 0), 1);
    let verifier = verifier_of(vec![decrypting(oidc_issuer(), 0), other]);
    let mut keys = keys();
    keys.decrypt_with(0, &minting::RSA.jwks(json!({"alg": "RSA-OAEP-256"})));
    keys.decrypt_with(1, &minting::RSA.jwks(json!({"alg": "RSA-OAEP"})));
    for (algorithm, expected) in [
        (KeyManagement::RsaOaep256, "ok"),
        (KeyManagement::RsaOaep, "decryption_failed"),
    ] {
        let token = encrypt(
            &minting::RSA,
            algorithm,
            Encryption::A256Gcm,
            json!({}),
            good("").as_bytes(),
        );
        assert_eq!(judged(&verifier, &keys, token), expected);
    }
}

#[test]
fn algorithms_outside_the_allow_list_are_the_one_failure_before_any_key_is_used() {
    let mut issuer = decrypting(oidc_issuer(), 0);
    let decryption = issuer.decryption.as_mut().unwrap();
    decryption.algorithms = vec![KeyManagement::RsaOaep256];
    decryption.encryptions = vec![Encryption::A256Gcm];
    let verifier = verifier_of(vec![issuer]);
    let keys = keys_of(&minting::RSA);
    for (algorithm, encryption, expected) in [
        (KeyManagement::RsaOaep256, Encryption::A256Gcm, "ok"),
        (
            KeyManagement::RsaOaep,
            Encryption::A256Gcm,
            "decryption_failed",
        ),
        (
            KeyManagement::RsaOaep256,
            Encryption::A128Gcm,
            "decryption_failed",
        ),
    ] {
        let token = encrypt(
            &minting::RSA,
            algorithm,
            encryption,
            json!({}),
            good("").as_bytes(),
        );
        assert_eq!(judged(&verifier, &keys, &token), expected);
        if expected != "ok" {
            assert!(why(&verifier, &keys, &token).contains("decryption.algorithms"));
        }
    }
}

#[test]
fn j11_work_factors_compression_and_old_padding_cost_nothing() {
    let (verifier, keys) = (decrypting_verifier(), keys_of(&minting::RSA));
    let secret = "A".repeat(342);
    for (header, told) in [
        (
            r#"{"alg":"PBES2-HS512+A256KW","enc":"A256GCM","p2c":2000000000,"p2s":"AAAA"}"#,
            "PBES2-HS512+A256KW",
        ),
        (r#"{"alg":"RSA1_5","enc":"A256GCM"}"#, "RSA1_5"),
        (r#"{"alg":"RSA-OAEP","enc":"A256GCM","zip":"DEF"}"#, "zip"),
        (r#"{"alg":"RSA-OAEP","enc":"A256GCM","crit":["x"]}"#, "crit"),
        (r#"{"alg":"RSA-OAEP","enc":"A256GCM","cty":"json"}"#, "cty"),
        (r#"{"alg":"none","enc":"none"}"#, "none"),
        (r#"{"alg":"RSA-OAEP"}"#, "enc"),
        ("[]", "object"),
    ] {
        let token = format!(
            "{}.{secret}.AAAAAAAAAAAAAAAA.AAAA.AAAAAAAAAAAAAAAAAAAAAA",
            encode(header)
        );
        assert!(why(&verifier, &keys, &token).contains(told), "{header}");
    }
    // A compressed text as others would make it: ten megabytes in some ten thousand bytes.
    let bomb = encrypted(
        &minting::RSA,
        json!({"zip": "DEF"}),
        &"\u{1}".repeat(10_000),
    );
    assert!(why(&verifier, &keys, &bomb).contains("zip"));
}

#[test]
fn keys_are_chosen_by_kid_and_then_tried_and_no_more_than_four() {
    let verifier = decrypting_verifier();
    let many: Vec<Recipient> = (0..6).map(|_| Recipient::Shared(random(32))).collect();
    let set = |kids: bool| {
        let keys: Vec<Value> = many
            .iter()
            .enumerate()
            .map(|(at, one)| match kids {
                true => one.jwk(json!({"kid": format!("d{at}")})),
                false => one.jwk(json!({})),
            })
            .collect();
        json!({"keys": keys}).to_string()
    };
    let inner = good("");
    for kids in [true, false] {
        let mut keys = keys();
        keys.decrypt_with(0, &set(kids));
        for (at, recipient) in many.iter().enumerate() {
            let named = encrypted(recipient, json!({"kid": format!("d{at}")}), &inner);
            let unnamed = encrypted(recipient, json!({}), &inner);
            let misnamed = encrypted(recipient, json!({"kid": "x"}), &inner);
            let found = at < 4;
            assert_eq!(judged(&verifier, &keys, named) == "ok", kids || found);
            assert_eq!(judged(&verifier, &keys, &unnamed) == "ok", found);
            assert_eq!(judged(&verifier, &keys, misnamed) == "ok", found);
            if !found {
                assert!(why(&verifier, &keys, &unnamed).contains("2 more keys were not tried"));
            }
        }
        // The name of another key: that one alone is tried.
        let crossed = encrypted(&many[0], json!({"kid": "d1"}), &inner);
        assert_eq!(judged(&verifier, &keys, crossed) == "ok", !kids);
    }
}

/// How one issuer names its keys, and how many it has, is nothing to another one's tokens.
#[test]
fn the_keys_of_one_issuer_do_not_hide_those_of_another() {
    let main = decrypting(oidc_issuer(), 0);
    let other = decrypting(named_issuer("other", OTHER_ISSUER, 1), 1);
    let verifier = verifier_of(vec![main, other]);
    let of_main: Vec<Recipient> = (0..4).map(|_| Recipient::Shared(random(32))).collect();
    let of_other = Recipient::Shared(random(32));
    let set = |members: fn(usize) -> Value| {
        let keys = of_main.iter().enumerate();
        let keys: Vec<Value> = keys.map(|(at, one)| one.jwk(members(at))).collect();
        json!({"keys": keys}).to_string()
    };
    let signed_by_other = mint(
        other_rsa(),
        Algorithm::Rs256,
        r#"{"alg":"RS256","kid":"k1"}"#,
        &claims(&format!(r#""iss":"{OTHER_ISSUER}""#)),
    );
    let named = |at: usize| json!({"kid": format!("d{at}")});
    for of_main in [set(named), set(|_| json!({}))] {
        for own in [json!({}), json!({"kid": "own"})] {
            let mut keys = keys();
            keys.set(1, &[other_rsa().jwk(r#""kid":"k1""#)]);
            keys.decrypt_with(0, &of_main);
            keys.decrypt_with(1, &of_other.jwks(own.clone()));
            for kid in [json!({}), json!({"kid": "d0"}), json!({"kid": "x"})] {
                let token = encrypted(&of_other, kid.clone(), &signed_by_other);
                assert_eq!(judged(&verifier, &keys, token), "ok", "{own} {kid}");
            }
        }
    }
}

#[test]
fn what_failed_is_named_to_the_operator_and_nobody_else() {
    let verifier = decrypting_verifier();
    let token = encrypted(&minting::RSA, json!({"kid": "d9"}), &good(""));
    let mut parts: Vec<String> = token.split('.').map(str::to_owned).collect();
    parts[4] = base64url::encode(&[1; 16]);
    let other_tag = parts.join(".");
    let mut answers = Vec::new();
    for (keys, token, told) in [
        (keys(), &token, "no issuer allows"),
        (
            keys_of(&minting::P256),
            &token,
            "no decryption key fits `RSA-OAEP-256` and key `d9`",
        ),
        (
            keys_of(&minting::OTHER_RSA),
            &token,
            "names key `d9`, which is not among",
        ),
        (keys_of(&minting::RSA), &other_tag, "the tag does not fit"),
        (
            keys_of(&minting::RSA),
            &"a.b.c.d.e".to_owned(),
            "not base64url",
        ),
        (
            keys_of(&minting::RSA),
            &encrypted(&minting::RSA, json!({}), "x"),
            "bare claims",
        ),
    ] {
        let rejection = rejection(&verifier, &keys, token);
        assert!(rejection.operator_detail().contains(told), "{rejection:?}");
        answers.push((
            rejection.status(),
            rejection.reason(),
            rejection.decision(),
            rejection.challenge(),
            rejection.client_detail(),
        ));
    }
    assert_eq!(answers[0].0, 401);
    assert!(answers.iter().all(|answer| *answer == answers[0]));
}

#[test]
fn the_log_knows_the_inner_token_and_nothing_before_it() {
    let (verifier, keys) = (decrypting_verifier(), keys_of(&minting::RSA));
    let seen = |inner: &str| {
        let token = encrypted(&minting::RSA, json!({"kid": "d1"}), inner);
        match outcome(&verifier, &keys, token) {
            Outcome::Rejected { seen, .. } => seen,
            other => panic!("{other:?}"),
        }
    };
    let expired = seen(&good(r#""exp":1"#));
    assert_eq!(expired.kid.as_deref(), Some("k1"));
    assert_eq!(expired.alg, Some("RS256"));
    assert_eq!(expired.issuer.as_deref(), Some("main"));
    assert_eq!(seen("x"), crate::verify::Seen::default());
}

#[test]
fn c05_a_remembered_token_dies_with_its_decryption_key() {
    let verifier = decrypting_verifier();
    let mut keys = keys_of(&minting::RSA);
    let mut cache = TokenCache::new(1024 * 1024);
    let token = encrypted(&minting::RSA, json!({}), &good(""));
    let mut remembered = |keys: &TestKeys, token: &str| {
        let (outcome, from_cache) = judge(&verifier, &mut cache, token.as_bytes(), at(NOW), keys);
        (verdict(&outcome), from_cache)
    };
    assert_eq!(remembered(&keys, &token), ("ok", false));
    assert_eq!(remembered(&keys, &token), ("ok", true));
    // The token inside is another one.
    assert_eq!(remembered(&keys, &good("")), ("ok", false));
    keys.decrypt_with(0, &minting::OTHER_RSA.jwks(json!({})));
    assert_eq!(remembered(&keys, &token), ("decryption_failed", false));
    assert_eq!(remembered(&keys, &good("")), ("ok", true));
    keys.decrypt_with(0, &minting::RSA.jwks(json!({})));
    assert_eq!(remembered(&keys, &token), ("ok", false));
    // As does the key of its signature.
    keys.set(0, &[other_rsa().jwk(r#""kid":"k1""#)]);
    assert_eq!(remembered(&keys, &token), ("bad_signature", false));
}

/// Which keys are tried depends on all that there are: what is not tried any more is not remembered any more.
#[test]
fn c05_a_remembered_token_depends_on_the_decryption_keys_of_every_issuer() {
    let other = decrypting(named_issuer("other", OTHER_ISSUER, 1), 1);
    let verifier = verifier_of(vec![other, decrypting(oidc_issuer(), 0)]);
    let mut keys = keys();
    let secrets: [Recipient; 6] = std::array::from_fn(|_| Recipient::Shared(random(32)));
    let set_of = |some: &[Recipient]| {
        let some: Vec<_> = some.iter().map(|one| one.jwk(json!({}))).collect();
        json!({ "keys": some }).to_string()
    };
    keys.decrypt_with(0, &set_of(&secrets[..3]));
    keys.decrypt_with(1, &minting::P256.jwks(json!({})));
    let mut cache = TokenCache::new(1024 * 1024);
    // Without a name the keys of both are tried in turn, four in all: this one is the third of its issuer.
    let token = encrypted(&secrets[2], json!({}), &good(""));
    let mut both = |keys: &TestKeys| {
        let (outcome, from_cache) = judge(&verifier, &mut cache, &token, at(NOW), keys);
        assert_eq!(verdict(&outcome), judged(&verifier, keys, &token));
        (verdict(&outcome), from_cache)
    };
    assert_eq!(both(&keys), ("ok", false));
    assert_eq!(both(&keys), ("ok", true));
    keys.decrypt_with(1, &set_of(&secrets[3..]));
    assert_eq!(both(&keys), ("decryption_failed", false));
    keys.decrypt_with(1, &minting::P256.jwks(json!({})));
    assert_eq!(both(&keys), ("ok", false));
    assert_eq!(both(&keys), ("ok", true));
}

#[test]
fn j22_an_encrypted_token_is_bounded_as_any_other() {
    let (verifier, keys) = (decrypting_verifier(), keys_of(&minting::RSA));
    let long = encrypted(&minting::RSA, json!({}), &"x".repeat(MAX_TOKEN_BYTES));
    assert_eq!(judged(&verifier, &keys, long), "token_too_large");
    assert_eq!(
        judged(&verifier, &keys, ".".repeat(7 * 1024)),
        "malformed_token"
    );
}

/// What Auth0 (RSA-OAEP-256, its access tokens), WSO2 (RSA-OAEP with SHA-1 by default) and node oidc-provider send.
#[test]
fn the_headers_of_real_providers_are_read() {
    let verifier = decrypting_verifier();
    for (recipient, algorithm, encryption, more) in [
        (
            &*minting::RSA,
            KeyManagement::RsaOaep256,
            Encryption::A256Gcm,
            json!({"kid": "d1", "typ": "JWT", "iss": "https://example.eu.auth0.com/", "cty": "JWT"}),
        ),
        (
            &*minting::RSA,
            KeyManagement::RsaOaep,
            Encryption::A256Gcm,
            json!({"kid": "YmVjOTgxMDM", "cty": "JWT", "typ": "JWT"}),
        ),
        (
            &*minting::RSA,
            KeyManagement::RsaOaep,
            Encryption::A128CbcHs256,
            json!({"kid": "d1", "cty": "JWT", "iss": "https://op.example", "aud": "client"}),
        ),
        (
            &*minting::P256,
            KeyManagement::EcdhEs,
            Encryption::A128CbcHs256,
            json!({"kid": "d1", "iss": "https://op.example", "aud": "client"}),
        ),
    ] {
        let token = encrypt(recipient, algorithm, encryption, more, good("").as_bytes());
        assert_eq!(judged(&verifier, &keys_of(recipient), token), "ok");
    }
}

proptest! {
    /// One character of a good token, changed: never anything but the one failure, or not a token at all.
    #[test]
    fn j07_a_changed_character_anywhere_is_the_one_failure(
        at_character in any::<prop::sample::Index>(),
        to in "[A-Za-z0-9_-]",
        curve in any::<bool>(),
    ) {
        let recipient: &Recipient = if curve { &minting::P256 } else { &minting::RSA };
        let token = encrypted(recipient, json!({"kid": "d1"}), &good(""));
        let at_character = at_character.index(token.len());
        let mut changed = token.clone();
        changed.replace_range(at_character..=at_character, &to);
        let expected = match (changed == token, &token[at_character..=at_character]) {
            (true, _) => "ok",
            (false, ".") => "malformed_token",
            (false, _) => "decryption_failed",
        };
        let found = judged(&decrypting_verifier(), &keys_of(recipient), &changed);
        prop_assert_eq!(found, expected);
    }
}
