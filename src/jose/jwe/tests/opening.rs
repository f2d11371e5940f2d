//! Encrypted, changed, opened.

use proptest::prelude::*;
use serde_json::json;

use super::super::super::base64url::{decode, encode};
use super::super::minting::{self, Recipient, encrypt, matrix, random, seal};
use super::super::{Encryption, KeyManagement, NotOpened, NotSealed};
use super::{Refused, key, key_with, open};

#[test]
fn what_is_encrypted_is_decrypted_under_every_algorithm_and_encryption() {
    let pairs = matrix();
    assert_eq!(pairs.len(), 6 * (2 + 3 * 4 + 5));
    for (algorithm, encryption, recipient) in pairs {
        for length in [1, 15, 16, 17, 400] {
            let text = random(length);
            let token = encrypt(recipient, algorithm, encryption, json!({}), &text);
            let found = open(&token, &key(recipient));
            assert_eq!(found, Ok(text), "{algorithm:?} {encryption:?}");
        }
    }
}

#[test]
fn only_the_key_that_a_token_is_encrypted_to_opens_it() {
    for (algorithm, encryption, recipient) in matrix() {
        let token = encrypt(recipient, algorithm, encryption, json!({}), b"text");
        for (_, _, other) in matrix() {
            if std::ptr::eq(recipient, other) {
                continue;
            }
            assert!(open(&token, &key(other)).is_err());
        }
        assert_eq!(open(&token, &key(recipient)).as_deref(), Ok(&b"text"[..]));
    }
    let token = encrypt(
        &minting::RSA,
        KeyManagement::RsaOaep256,
        Encryption::A256Gcm,
        json!({}),
        b"text",
    );
    let found = open(&token, &key(&minting::OTHER_RSA));
    assert_eq!(found, Err(Refused::Open(NotOpened::KeyUnwrap)));
}

#[test]
fn the_algorithm_of_the_header_must_be_one_of_the_keys_own() {
    for (algorithm, encryption, recipient) in matrix() {
        let token = encrypt(recipient, algorithm, encryption, json!({}), b"text");
        for alg in KeyManagement::ALL {
            let set = recipient.jwks(json!({"alg": alg.name()}));
            let read = super::super::jwk::read(set.as_bytes()).unwrap();
            let Some(narrowed) = read.keys.first() else {
                continue;
            };
            assert_eq!(narrowed.algorithms().collect::<Vec<_>>(), [alg]);
            assert_eq!(open(&token, narrowed).is_ok(), alg == algorithm);
        }
    }
    // A secret may name the one encryption that it is the content key of (RFC 7520 §5.6).
    let shared = Recipient::Shared(random(32));
    let narrowed = key_with(&shared, json!({"alg": "A256GCM"}));
    for (encryption, good) in [
        (Encryption::A256Gcm, true),
        (Encryption::A128CbcHs256, false),
    ] {
        let token = encrypt(&shared, KeyManagement::Dir, encryption, json!({}), b"text");
        assert_eq!(open(&token, &narrowed).is_ok(), good);
    }
}

#[test]
fn a_content_key_of_another_length_is_refused() {
    // A256GCM with a key of 16 bytes: everything is authentic but for that.
    for (algorithm, recipient) in [
        (KeyManagement::RsaOaep, &*minting::RSA),
        (KeyManagement::EcdhEsA128Kw, &*minting::P256),
        (KeyManagement::A256Kw, &Recipient::Shared(random(32))),
        (KeyManagement::A256GcmKw, &Recipient::Shared(random(32))),
    ] {
        let enc = json!({"enc": "A256GCM"});
        let token = encrypt(recipient, algorithm, Encryption::A128Gcm, enc, b"text");
        let found = open(&token, &key(recipient));
        assert_eq!(
            found,
            Err(Refused::Open(NotOpened::KeyUnwrap)),
            "{algorithm:?}"
        );
    }
}

#[test]
fn initialization_vectors_and_tags_have_exactly_their_lengths() {
    for (algorithm, encryption, recipient) in matrix() {
        let token = encrypt(recipient, algorithm, encryption, json!({}), b"text");
        for part in [2, 4] {
            for change in [-1, 1] {
                let mut parts: Vec<String> = token.split('.').map(str::to_owned).collect();
                let mut bytes = decode(&parts[part]).unwrap();
                match change {
                    1 => bytes.push(0),
                    _ => drop(bytes.pop()),
                }
                parts[part] = encode(&bytes);
                let found = open(&parts.join("."), &key(recipient));
                assert!(
                    matches!(found, Err(Refused::Read(NotSealed::Malformed(_)))),
                    "{found:?}"
                );
            }
        }
    }
}

#[test]
fn direct_keys_have_no_encrypted_key_and_wrapped_ones_have() {
    for (algorithm, encryption, recipient) in matrix() {
        let token = encrypt(recipient, algorithm, encryption, json!({}), b"text");
        let mut parts: Vec<&str> = token.split('.').collect();
        parts[1] = if parts[1].is_empty() { "AAAA" } else { "" };
        let found = open(&parts.join("."), &key(recipient));
        assert_eq!(found, Err(Refused::Open(NotOpened::AnotherKey)));
    }
}

#[test]
fn points_that_are_not_on_the_curve_and_secrets_of_zeros_are_refused() {
    let refuse = |recipient: &Recipient, epk| {
        for (algorithm, encrypted_key) in [
            (KeyManagement::EcdhEs, ""),
            (KeyManagement::EcdhEsA128Kw, "AAAA"),
        ] {
            let token = encrypt(
                recipient,
                algorithm,
                Encryption::A256Gcm,
                json!({"epk": epk}),
                b"text",
            );
            let mut parts: Vec<&str> = token.split('.').collect();
            if !encrypted_key.is_empty() {
                parts[1] = encrypted_key;
            }
            let found = open(&parts.join("."), &key(recipient));
            assert_eq!(found, Err(Refused::Open(NotOpened::Agreement)), "{epk}");
        }
    };
    for (recipient, crv, bytes) in [
        (&*minting::P256, "P-256", 32),
        (&*minting::P384, "P-384", 48),
        (&*minting::P521, "P-521", 66),
    ] {
        let own = recipient.jwk(json!({}));
        let mut y = decode(own["y"].as_str().unwrap()).unwrap();
        *y.last_mut().unwrap() ^= 1;
        refuse(
            recipient,
            json!({"kty": "EC", "crv": crv, "x": own["x"], "y": encode(&y)}),
        );
        let zero = encode(&vec![0; bytes]);
        refuse(
            recipient,
            json!({"kty": "EC", "crv": crv, "x": zero, "y": zero}),
        );
        let most = encode(&vec![0xff; bytes]);
        refuse(
            recipient,
            json!({"kty": "EC", "crv": crv, "x": most, "y": most}),
        );
    }
    // Points of small order on curve25519 and its twist (RFC 7748 §6.1; libsodium's list).
    for point in [
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    ] {
        let point: Vec<u8> = (0..32)
            .map(|at| u8::from_str_radix(&point[2 * at..2 * at + 2], 16).unwrap())
            .collect();
        refuse(
            &minting::X25519,
            json!({"kty": "OKP", "crv": "X25519", "x": encode(&point)}),
        );
    }
}

#[test]
fn a_point_of_another_curve_fits_no_key() {
    for (own, other) in [
        (&*minting::P256, &*minting::P384),
        (&*minting::X25519, &*minting::P256),
    ] {
        let token = encrypt(
            other,
            KeyManagement::EcdhEs,
            Encryption::A128Gcm,
            json!({}),
            b"text",
        );
        let found = open(&token, &key(own));
        assert_eq!(found, Err(Refused::Open(NotOpened::AnotherKey)));
    }
}

/// What a guess of the substitute for a failed key would open is refused too.
#[test]
fn j11_a_failed_key_never_opens_anything() {
    let token = encrypt(
        &minting::OTHER_RSA,
        KeyManagement::RsaOaep,
        Encryption::A256Gcm,
        json!({}),
        b"text",
    );
    let parts: Vec<&str> = token.split('.').collect();
    let forged = seal(
        Encryption::A256Gcm,
        parts[0],
        &decode(parts[1]).unwrap(),
        &[0; 32],
        b"text",
    );
    let found = open(&forged, &key(&minting::RSA));
    assert_eq!(found, Err(Refused::Open(NotOpened::KeyUnwrap)));
}

#[test]
fn a_sealed_token_does_not_print() {
    let token = encrypt(
        &minting::RSA,
        KeyManagement::RsaOaep,
        Encryption::A256Gcm,
        json!({}),
        b"text",
    );
    let shown = format!(
        "{:?}",
        super::super::Sealed::read(token.as_bytes()).unwrap()
    );
    for part in token.split('.') {
        assert!(!shown.contains(part), "{shown}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// One bit of the bytes of one part.
    #[test]
    fn a_flipped_bit_anywhere_opens_nothing(
        pair in 0usize..114,
        part in 0usize..5,
        at in any::<prop::sample::Index>(),
        bit in 0u8..8,
    ) {
        let (algorithm, encryption, recipient) = matrix()[pair];
        let token = encrypt(recipient, algorithm, encryption, json!({}), b"a plaintext");
        let mut parts: Vec<String> = token.split('.').map(str::to_owned).collect();
        let mut bytes = decode(&parts[part]).unwrap();
        if !bytes.is_empty() {
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
            parts[part] = encode(&bytes);
            let found = open(&parts.join("."), &key(recipient));
            prop_assert!(found.is_err(), "{:?} {:?} part {}", algorithm, encryption, part);
        }
    }

    #[test]
    fn any_text_is_answered(token in "[A-Za-z0-9_.-]{0,200}") {
        let _answered = open(&token, &key(&minting::P256));
    }
}
