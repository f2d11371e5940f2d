//! J1 to J3, J6, J7: the algorithm is the issuer's and the key's, never the token's, and the signature is real.

use super::{judged, reason};
use crate::jose::algorithm::{Algorithm, AlgorithmSet};
use crate::jose::key::VerificationKey;
use crate::keys::KeySet;
use crate::verify::Verifier;
use crate::verify::testing::*;

#[test]
fn j01_none_is_refused_in_every_spelling_and_shape() {
    let signed = good("");
    let signature = signed.rsplit('.').next().unwrap();
    for bits in 0..16_u8 {
        let alg: String = "none"
            .chars()
            .enumerate()
            .map(|(at, c)| {
                if bits >> at & 1 == 1 {
                    c.to_ascii_uppercase()
                } else {
                    c
                }
            })
            .collect();
        let header = format!(r#"{{"alg":"{alg}","kid":"k1","typ":"JWT"}}"#);
        let input = format!("{}.{}", encode(&header), encode(claims("")));
        for token in [
            input.clone(),
            format!("{input}."),
            format!("{input}.{signature}"),
            format!("{input}.anVuaw"),
            mint(rsa(), Algorithm::Rs256, &header, &claims("")),
        ] {
            assert_eq!(reason(&token), "algorithm_not_allowed", "{alg}");
        }
        // One dot more than a signed token has.
        assert_eq!(reason(format!("{input}..")), "malformed_token", "{alg}");
    }
}

#[test]
fn j01_a_cut_off_signature_is_malformed() {
    let token = good("");
    let (input, _) = token.rsplit_once('.').unwrap();
    for token in [
        input.to_owned(),
        format!("{input}."),
        "a.b".to_owned(),
        ".".to_owned(),
    ] {
        assert_eq!(reason(&token), "malformed_token", "{token}");
    }
}

#[test]
fn j02_public_key_as_hmac_secret_is_refused() {
    for signer in [rsa(), es256()] {
        let jwk = signer.jwk(r#""kid":"k1""#);
        let spki = signer.spki();
        let mut secrets: Vec<Vec<u8>> = vec![
            Vec::new(),
            spki.clone(),
            signer.pkcs1(),
            jwk.clone().into_bytes(),
            signer.jwk("").into_bytes(),
            format!("{{\"keys\":[{jwk}]}}").into_bytes(),
            signer.raw_public(),
            sha256(&spki),
        ];
        for newline in ["\n", "\r\n"] {
            for pem in [
                pem("PUBLIC KEY", &spki, newline),
                pem("RSA PUBLIC KEY", &signer.pkcs1(), newline),
            ] {
                secrets.push(pem.trim_end().as_bytes().to_vec());
                secrets.push(format!(" {pem}").into_bytes());
                secrets.push(format!("\u{feff}{pem}").into_bytes());
                secrets.push(pem.into_bytes());
            }
        }
        let mut keys = TestKeys::default();
        keys.set(0, &[jwk]);
        // Even an issuer that was configured with HS* cannot use a public key for it.
        let mut lax = oidc_issuer();
        lax.algorithms = Algorithm::ALL.into_iter().collect();
        let verifiers = [verifier(), verifier_of(vec![lax])];
        for secret in &secrets {
            for algorithm in [Algorithm::Hs256, Algorithm::Hs384, Algorithm::Hs512] {
                for kid in [r#","kid":"k1""#, ""] {
                    let header = format!(r#"{{"alg":"{}"{kid}}}"#, algorithm.name());
                    let input = format!("{}.{}", encode(header), encode(claims("")));
                    let signature = hmac_of(algorithm, secret, input.as_bytes());
                    let token = format!("{input}.{}", encode(signature));
                    let verdicts = verifiers.each_ref().map(|v| judged(v, &keys, &token));
                    assert_eq!(verdicts[0], "algorithm_not_allowed");
                    assert!(
                        ["algorithm_not_allowed", "unknown_key"].contains(&verdicts[1]),
                        "{}",
                        verdicts[1]
                    );
                }
            }
        }
    }
}

#[test]
fn j03_each_key_verifies_its_own_algorithm_only() {
    use Algorithm::*;
    let secret_key = || {
        let Signer::Secret(bytes) = secret() else {
            panic!("not a secret");
        };
        VerificationKey::from_secret(bytes, AlgorithmSet::of(&[Hs256])).unwrap()
    };
    let rows: [(&Signer, Option<&str>, &[Algorithm]); 8] = [
        (rsa(), Some(r#""kid":"k1","alg":"RS256""#), &[Rs256]),
        (rsa(), Some(r#""kid":"k1","alg":"PS384""#), &[Ps384]),
        (
            rsa(),
            Some(r#""kid":"k1""#),
            &[Rs256, Rs384, Rs512, Ps256, Ps384, Ps512],
        ),
        (es256(), Some(r#""kid":"k1""#), &[Es256]),
        (es384(), Some(r#""kid":"k1""#), &[Es384]),
        (es512(), Some(r#""kid":"k1""#), &[Es512]),
        (ed25519(), Some(r#""kid":"k1""#), &[EdDsa, Ed25519]),
        (secret(), None, &[Hs256]),
    ];
    let mut everything = oidc_issuer();
    everything.algorithms = Algorithm::ALL.into_iter().collect();
    let verifier = verifier_of(vec![everything]);
    for (signer, jwk, accepted) in rows {
        let mut keys = TestKeys::default();
        match jwk {
            Some(more) => keys.set(0, &[signer.jwk(more)]),
            None => keys.put(0, KeySet::fixed(vec![secret_key()], true)),
        };
        for algorithm in Algorithm::ALL {
            let header = format!(r#"{{"alg":"{}","kid":"k1"}}"#, algorithm.name());
            let token = mint(signer, algorithm, &header, &claims(""));
            let expected = if accepted.contains(&algorithm) {
                "ok"
            } else {
                "algorithm_not_allowed"
            };
            assert_eq!(
                judged(&verifier, &keys, &token),
                expected,
                "{algorithm:?} {jwk:?}"
            );
        }
    }
}

#[test]
fn j03_the_issuers_list_counts_even_when_the_key_could_do_more() {
    let mut issuer = oidc_issuer();
    issuer.algorithms = AlgorithmSet::of(&[Algorithm::Rs256]);
    let verifier = verifier_of(vec![issuer]);
    for name in [
        "RS384", "PS256", "ES256", "rs256", "RS256 ", "RS999", "", "HS256", "RSA-OAEP",
    ] {
        let header = format!(r#"{{"alg":"{name}","kid":"k1"}}"#);
        let algorithm = Algorithm::from_name(name).unwrap_or(Algorithm::Rs256);
        let token = mint(rsa(), algorithm, &header, &claims(""));
        assert_eq!(
            judged(&verifier, &keys(), token),
            "algorithm_not_allowed",
            "{name}"
        );
    }
}

#[test]
fn j06_signatures_of_odd_values_and_lengths_are_refused() {
    let mut keys = TestKeys::default();
    keys.set(0, &[es256().jwk(r#""kid":"k1""#)]);
    let header = encode(r#"{"alg":"ES256","kid":"k1"}"#);
    let input = format!("{header}.{}", encode(claims("")));
    let signed = es256().sign(Algorithm::Es256, input.as_bytes());
    let (r, s) = signed.split_at(32);
    let order = [
        0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc,
        0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
    ];
    let integer = |bytes: &[u8]| [&[2, 33, 0], bytes].concat();
    let der = [&[0x30, 70], &integer(r)[..], &integer(s)[..]].concat();
    let mut bad: Vec<Vec<u8>> = vec![
        vec![0; 64],
        [r, &[0; 32]].concat(),
        [&[0; 32], s].concat(),
        [&order[..], s].concat(),
        [r, &order[..]].concat(),
        [&order[..], &order[..]].concat(),
        [s, r].concat(),
        der,
        [&[0], &signed[..]].concat(),
        [&signed[..], &[0]].concat(),
        vec![0xff; 11_000],
    ];
    bad.extend((1..=200).map(|length| signed.iter().copied().cycle().take(length).collect()));
    // The longest that fits under the largest `token.max_bytes`.
    for length in [16 * 1024, 47 * 1024] {
        bad.push(signed.iter().copied().cycle().take(length).collect());
    }
    let verifier = Verifier::new(vec![oidc_issuer()], 64 * 1024);
    for signature in bad {
        let right = signature == signed;
        let token = format!("{input}.{}", encode(&signature));
        let expected = if right { "ok" } else { "bad_signature" };
        assert_eq!(
            judged(&verifier, &keys, token),
            expected,
            "{} bytes",
            signature.len()
        );
    }
}

#[test]
fn j07_a_token_with_any_bit_flipped_is_refused() {
    let (verifier, keys) = (verifier(), keys());
    let token = good("").into_bytes();
    assert_eq!(judged(&verifier, &keys, &token), "ok");
    for at in 0..token.len() {
        for bit in 0..8 {
            let mut changed = token.clone();
            changed[at] ^= 1 << bit;
            assert_ne!(
                judged(&verifier, &keys, &changed),
                "ok",
                "byte {at}, bit {bit}"
            );
        }
    }
}

#[test]
fn j07_a_token_cut_short_or_with_more_behind_it_is_refused() {
    let (verifier, keys) = (verifier(), keys());
    let token = good("");
    for end in 0..token.len() {
        assert_ne!(judged(&verifier, &keys, &token[..end]), "ok", "{end}");
    }
    for more in ["A", "AA", "AAAA", ".", ".A", "=", " ", "\n", "\0"] {
        assert_ne!(judged(&verifier, &keys, format!("{token}{more}")), "ok");
        assert_ne!(judged(&verifier, &keys, format!("{more}{token}")), "ok");
    }
}

#[test]
fn j07_a_signature_of_another_token_or_key_is_refused() {
    let token = good("");
    let other = good(r#""sub":"mallory""#);
    let (input, _) = token.rsplit_once('.').unwrap();
    let (_, signature) = other.rsplit_once('.').unwrap();
    assert_eq!(reason(format!("{input}.{signature}")), "bad_signature");
    let foreign = mint(
        other_rsa(),
        Algorithm::Rs256,
        r#"{"alg":"RS256","kid":"k1"}"#,
        &claims(""),
    );
    assert_eq!(reason(foreign), "bad_signature");
}
