//! Which private keys are read, and which are not.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::super::super::base64url;
use super::super::super::der;
use super::super::super::minting::pem;
use super::super::jwk::{self, MAX_KEYS, Unusable};
use super::super::minting::{self, Recipient, encrypt, random};
use super::super::{Encryption, KeyManagement, pem as private_pem};
use super::{key, open};

fn recipients() -> Vec<&'static Recipient> {
    vec![
        &*minting::RSA,
        &*minting::P256,
        &*minting::P384,
        &*minting::P521,
        &*minting::X25519,
    ]
}

fn reason(jwk: Value) -> Unusable {
    let set = json!({"keys": [jwk]}).to_string();
    let read = jwk::read(set.as_bytes()).unwrap();
    assert!(read.keys.is_empty(), "{:?}", read.keys);
    read.skipped[0].reason
}

fn without(mut jwk: Value, name: &str) -> Value {
    jwk.as_object_mut().unwrap().remove(name);
    jwk
}

#[test]
fn every_kind_of_private_key_is_the_same_key_in_a_key_set_and_in_pem() {
    for recipient in recipients() {
        let in_set = key(recipient);
        let single = jwk::read(recipient.jwk(json!({})).to_string().as_bytes()).unwrap();
        assert_eq!(single.keys[0].fingerprint, in_set.fingerprint);
        let mut texts = Vec::new();
        match recipient {
            Recipient::Agreement("X25519", _) => {
                let d = recipient.jwk(json!({}))["d"].as_str().unwrap().to_owned();
                let scalar = der::value(der::OCTET_STRING, &base64url::decode(&d).unwrap());
                let algorithm = der::value(der::OBJECT_IDENTIFIER, &[0x2b, 0x65, 0x6e]);
                let info = [
                    der::integer(&[]),
                    der::value(der::SEQUENCE, &algorithm),
                    der::value(der::OCTET_STRING, &scalar),
                ];
                let document = der::value(der::SEQUENCE, &info.concat());
                texts.push(pem("PRIVATE KEY", &document, "\n"));
            }
            Recipient::Rsa(_) => {
                texts.push(pem("PRIVATE KEY", &recipient.pkcs8(), "\r\n"));
                texts.push(pem("RSA PRIVATE KEY", &recipient.pkcs1(), "\n"));
            }
            _ => {
                texts.push(pem("PRIVATE KEY", &recipient.pkcs8(), "\n"));
                texts.push(pem("EC PRIVATE KEY", &sec1(recipient), "\n"));
            }
        }
        for text in texts {
            let text = format!("{}{}", pem("CERTIFICATE", b"\x30\x00", "\n"), text);
            let read = private_pem::read(text.as_bytes()).unwrap();
            assert_eq!(read.keys.len(), 1, "{:?}", read.skipped);
            assert_eq!(read.keys[0].fingerprint, in_set.fingerprint);
            assert!(read.keys[0].kid.is_none());
        }
    }
}

/// SEC 1 with the curve inside, as `openssl ecparam -genkey` writes it.
fn sec1(recipient: &Recipient) -> Vec<u8> {
    let jwk = recipient.jwk(json!({}));
    let curve: &[u8] = match jwk["crv"].as_str().unwrap() {
        "P-256" => &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07],
        "P-384" => &[0x2b, 0x81, 0x04, 0x00, 0x22],
        _ => &[0x2b, 0x81, 0x04, 0x00, 0x23],
    };
    let scalar = base64url::decode(jwk["d"].as_str().unwrap()).unwrap();
    let parts = [
        der::integer(&[1]),
        der::value(der::OCTET_STRING, &scalar),
        der::value(der::CONTEXT_0, &der::value(der::OBJECT_IDENTIFIER, curve)),
    ];
    der::value(der::SEQUENCE, &parts.concat())
}

#[test]
fn a_public_key_is_told_from_a_private_one() {
    for recipient in recipients() {
        let public = without(recipient.jwk(json!({})), "d");
        assert_eq!(reason(public), Unusable::PublicKey);
    }
    let text = pem("PUBLIC KEY", b"\x30\x00", "\n");
    let told = private_pem::read(text.as_bytes()).unwrap_err().0;
    assert!(told.contains("`PUBLIC KEY` is the public half"), "{told}");
}

#[test]
fn rsa_keys_need_their_factors_and_numbers_that_belong_together() {
    for name in ["p", "q", "dp", "dq", "qi"] {
        let found = reason(without(minting::RSA.jwk(json!({})), name));
        assert_eq!(found, Unusable::WithoutFactors);
    }
    for name in ["n", "e"] {
        let found = reason(without(minting::RSA.jwk(json!({})), name));
        assert_eq!(found, Unusable::Malformed);
    }
    let other = minting::OTHER_RSA.jwk(json!({}));
    for name in ["n", "d", "p", "dp", "qi"] {
        let found = reason(minting::RSA.jwk(json!({name: other[name]})));
        assert_eq!(found, Unusable::Malformed, "{name}");
    }
    assert_eq!(
        reason(minting::RSA.jwk(json!({"oth": []}))),
        Unusable::Malformed
    );
}

#[test]
fn j14_weak_rsa_keys_do_not_decrypt() {
    let short = base64url::encode(&[0xdb; 128]);
    assert_eq!(
        reason(minting::RSA.jwk(json!({"n": short}))),
        Unusable::WeakKey
    );
    assert_eq!(
        reason(minting::RSA.jwk(json!({"e": "AQ"}))),
        Unusable::WeakKey
    );
}

#[test]
fn j11_an_rsa_key_that_would_cost_too_much_per_token_is_not_used() {
    let longest = base64url::encode(&[0xdb; 512]);
    let too_long = base64url::encode(&[0xdb; 513]);
    let reason = |n: &str| reason(minting::RSA.jwk(json!({"n": n})));
    assert_ne!(reason(&longest), Unusable::LongKey);
    assert_eq!(reason(&too_long), Unusable::LongKey);
}

#[test]
fn the_halves_of_a_key_must_belong_together() {
    for recipient in [
        &*minting::P256,
        &*minting::P384,
        &*minting::P521,
        &*minting::X25519,
    ] {
        let mut x = base64url::decode(recipient.jwk(json!({}))["x"].as_str().unwrap()).unwrap();
        x[3] ^= 1;
        let found = reason(recipient.jwk(json!({"x": base64url::encode(&x)})));
        assert_eq!(found, Unusable::Malformed);
        let length = base64url::decode(recipient.jwk(json!({}))["d"].as_str().unwrap())
            .unwrap()
            .len();
        for scalar in [vec![0; length], vec![0xff; length], vec![1; length - 1]] {
            let found = reason(recipient.jwk(json!({"d": base64url::encode(&scalar)})));
            assert_eq!(found, Unusable::Malformed, "{scalar:?}");
        }
    }
}

#[test]
fn j15_use_key_ops_and_alg_are_obeyed() {
    let rsa = |more| minting::RSA.jwk(more);
    for more in [
        json!({"use": "enc"}),
        json!({"key_ops": ["unwrapKey"]}),
        json!({"key_ops": ["sign", "decrypt"]}),
        json!({"alg": "RSA-OAEP"}),
        json!({"use": null, "alg": null, "kid": null}),
    ] {
        let set = json!({"keys": [rsa(more.clone())]}).to_string();
        assert_eq!(jwk::read(set.as_bytes()).unwrap().keys.len(), 1, "{more}");
    }
    for (more, expected) in [
        (json!({"use": "sig"}), Unusable::NotForDecryption),
        (json!({"use": ""}), Unusable::NotForDecryption),
        (json!({"key_ops": []}), Unusable::NotForDecryption),
        (
            json!({"key_ops": ["sign", "encrypt"]}),
            Unusable::NotForDecryption,
        ),
        (json!({"key_ops": "decrypt"}), Unusable::Malformed),
        (json!({"alg": "RS256"}), Unusable::UnknownAlgorithm),
        (json!({"alg": "RSA1_5"}), Unusable::UnknownAlgorithm),
        (json!({"alg": "ECDH-ES"}), Unusable::Malformed),
        (json!({"alg": "A256GCM"}), Unusable::Malformed),
        (json!({"kid": 1}), Unusable::Malformed),
        (json!({"kty": "LAMP"}), Unusable::UnknownKeyType),
    ] {
        assert_eq!(reason(rsa(more.clone())), expected, "{more}");
    }
    assert_eq!(
        reason(minting::P256.jwk(json!({"crv": "secp256k1"}))),
        Unusable::UnknownCurve
    );
    assert_eq!(
        reason(minting::X25519.jwk(json!({"crv": "Ed25519"}))),
        Unusable::UnknownCurve
    );
}

#[test]
fn a_secret_has_the_length_of_an_algorithm() {
    for length in [0, 1, 15, 17, 20, 31, 33, 63, 65, 128] {
        let found = reason(Recipient::Shared(random(length)).jwk(json!({})));
        assert_eq!(found, Unusable::SecretLength, "{length}");
    }
    for (length, alg) in [
        (16, "A256KW"),
        (32, "A128KW"),
        (64, "A256KW"),
        (16, "A256GCM"),
    ] {
        let found = reason(Recipient::Shared(random(length)).jwk(json!({"alg": alg})));
        assert_eq!(found, Unusable::Malformed, "{length} {alg}");
    }
    assert_eq!(reason(json!({"kty": "oct"})), Unusable::Malformed);
}

#[test]
fn one_odd_key_is_skipped_alone_and_too_many_are_not_read() {
    let keys: Vec<Value> = (0..MAX_KEYS + 3)
        .map(|at| minting::P256.jwk(json!({"kid": at.to_string()})))
        .collect();
    let mut odd = keys.clone();
    odd[1] = json!({"kid": "odd", "kty": "LAMP"});
    let read = jwk::read(json!({"keys": odd}).to_string().as_bytes()).unwrap();
    assert_eq!(read.keys.len(), MAX_KEYS - 1);
    assert_eq!(read.skipped[0].kid.as_deref(), Some("odd"));
    assert_eq!(read.skipped[1].reason, Unusable::TooMany);
    assert_eq!(read.skipped.len(), 4);
}

#[test]
fn documents_that_hold_no_private_keys_say_so_and_never_show_themselves() {
    for text in [
        "",
        "[]",
        "{}",
        r#"{"keys":[]}"#,
        r#"{"keys":{"k":"hunter2"}}"#,
        r#"{"kty":"oct","kty":"hunter2"}"#,
    ] {
        let told = jwk::read(text.as_bytes()).unwrap_err().0;
        assert!(!told.contains("hunter2"), "{told}");
    }
    for label in ["ENCRYPTED PRIVATE KEY", "OPENSSH PRIVATE KEY"] {
        let told = private_pem::read(pem(label, b"hunter2", "\n").as_bytes())
            .unwrap_err()
            .0;
        assert!(told.contains(label), "{told}");
    }
    let older =
        pem("RSA PRIVATE KEY", b"hunter2", "\n").replacen('\n', "\nProc-Type: 4,ENCRYPTED\n", 1);
    let told = private_pem::read(older.as_bytes()).unwrap_err().0;
    assert!(told.contains("protect the file"), "{told}");
    let in_one_line = pem("PRIVATE KEY", b"hunter2", "\n").replace('\n', " ");
    let told = private_pem::read(in_one_line.as_bytes()).unwrap_err().0;
    assert!(told.contains("line breaks"), "{told}");
    for text in ["", "hunter2", "-----BEGIN PRIVATE KEY-----\nhunter2!"] {
        let told = private_pem::read(text.as_bytes()).unwrap_err().0;
        assert!(!told.contains("hunter2"), "{told}");
    }
}

#[test]
fn private_keys_do_not_print() {
    for recipient in recipients() {
        let jwk = recipient.jwk(json!({"kid": "k1"}));
        let set = json!({"keys": [jwk.clone()]}).to_string();
        let shown = format!("{:?}", jwk::read(set.as_bytes()).unwrap());
        assert!(shown.contains("k1"));
        for name in ["d", "p", "q", "dp", "dq", "qi", "k"] {
            if let Some(secret) = jwk[name].as_str() {
                let bytes = base64url::decode(secret).unwrap();
                let as_list = format!("{bytes:?}");
                assert!(!shown.contains(secret) && !shown.contains(&as_list[1..as_list.len() - 1]));
            }
        }
    }
    let shared = Recipient::Shared(vec![7; 32]);
    let shown = format!("{:?}", key(&shared));
    assert!(!shown.contains("7, 7"), "{shown}");
}

#[test]
fn scalars_without_their_leading_zeros_are_read() {
    // A scalar that begins with a zero byte comes once in 256 keys: made by hand.
    let mut scalar = vec![0; 32];
    scalar[1..].copy_from_slice(&[5; 31]);
    let curve = der::value(
        der::CONTEXT_0,
        &der::value(
            der::OBJECT_IDENTIFIER,
            &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07],
        ),
    );
    let read = |scalar: &[u8]| {
        let parts = [
            der::integer(&[1]),
            der::value(der::OCTET_STRING, scalar),
            curve.clone(),
        ];
        let document = der::value(der::SEQUENCE, &parts.concat());
        let text = pem("EC PRIVATE KEY", &document, "\n");
        private_pem::read(text.as_bytes())
            .unwrap()
            .keys
            .pop()
            .unwrap()
    };
    assert_eq!(read(&scalar).fingerprint, read(&scalar[1..]).fingerprint);
}

proptest! {
    #[test]
    fn any_document_is_answered(document: Vec<u8>) {
        let _read = jwk::read(&document);
        let _read = private_pem::read(&document);
    }

    /// A damaged file gives no key, or one that still opens what the whole one does, or another one: never a panic.
    #[test]
    fn a_damaged_document_is_answered(at in 0usize..3000, byte: u8) {
        let mut document = minting::P384.jwks(json!({"kid": "k"})).into_bytes();
        let at = at % document.len();
        document[at] = byte;
        if let Ok(read) = jwk::read(&document) {
            let token = encrypt(&minting::P384, KeyManagement::EcdhEs, Encryption::A256Gcm, json!({}), b"text");
            for key in read.keys {
                let opened = open(&token, &key);
                prop_assert_eq!(opened.as_deref(), Ok(&b"text"[..]));
            }
        }
    }
}
