//! Documents that map each kid to one PEM text: Firebase's and Google's older certificates (`v1/certs`), the public keys of Google's
//! Identity-Aware Proxy. Read key by key: one that cannot be used is skipped with a reason.
//!
//! A certificate is a container of a key here. Who signed it and when it is valid is not asked: the document is the authority, as a JWK
//! set is, and a key is good as long as the document has it.

use super::header::MAX_KID_BYTES;
use super::json::{self, Json, Object};
use super::jwk::{self, KeyPolicy, MAX_KEYS, NotAKeySet, ReadKeys, SkipReason, SkippedKey};
use super::key::VerificationKey;
use super::pem;

/// Reads such a document. One without a single PEM text is an error; one whose keys are all skipped is not (the caller decides), so that
/// the reasons can be shown.
///
/// Of more than [`MAX_KEYS`] members the first ones are read; the others are skipped, and no more than [`MAX_KEYS`] of them told.
pub fn read_map(document: &[u8], policy: &KeyPolicy) -> Result<ReadKeys, NotAKeySet> {
    let members = json::parse_object(document).map_err(|e| {
        NotAKeySet(format!(
            "the document is not an acceptable JSON object: {e}"
        ))
    })?;
    if !is_one(&members) {
        return Err(NotAKeySet(without_pem(&members).to_owned()));
    }
    let mut read = ReadKeys::default();
    for (index, (kid, value)) in members.iter().enumerate().take(2 * MAX_KEYS) {
        let key = if index < MAX_KEYS {
            read_key(kid, value, policy)
        } else {
            Err(SkipReason::TooMany)
        };
        match key {
            Ok(key) => read.keys.push(key),
            Err(reason) => read.skipped.push(SkippedKey {
                kid: jwk::shortened(kid),
                reason,
            }),
        }
    }
    Ok(read)
}

/// Whether a member is PEM: then the document means to be such a map.
pub(super) fn is_one(members: &Object) -> bool {
    let pem = |value: &Json| {
        value
            .as_str()
            .is_some_and(|text| text.trim_start().starts_with("-----BEGIN "))
    };
    members.iter().any(|(_, value)| pem(value))
}

fn read_key(kid: &str, value: &Json, policy: &KeyPolicy) -> Result<VerificationKey, SkipReason> {
    let text = value.as_str().ok_or(SkipReason::Malformed)?;
    if kid.len() > MAX_KID_BYTES {
        return Err(SkipReason::Malformed);
    }
    let mut key = pem::read_one(text, policy)?;
    key.kid = Some(kid.into());
    Ok(key)
}

/// What the operator may have meant by a document without PEM.
fn without_pem(members: &Object) -> &'static str {
    if members.get("keys").is_some() {
        "the document is a JWK set: `jwks_url` reads it"
    } else if members.get("jwks_uri").is_some() {
        "the document is a discovery document: `discovery_url` reads it"
    } else {
        "the document maps no name to a certificate or public key in PEM"
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::super::algorithm::{Algorithm, AlgorithmSet};
    use super::super::minting::{self, pem};
    use super::*;

    fn read(document: Value) -> Result<ReadKeys, NotAKeySet> {
        read_map(document.to_string().as_bytes(), &KeyPolicy::default())
    }

    fn certificate(signer: &'static rcgen::SignatureAlgorithm) -> (rcgen::KeyPair, String) {
        let pair = rcgen::KeyPair::generate_for(signer).unwrap();
        let mut about = rcgen::CertificateParams::new(Vec::new()).unwrap();
        about.not_before = rcgen::date_time_ymd(1990, 1, 1);
        about.not_after = rcgen::date_time_ymd(1990, 1, 15);
        let text = about.self_signed(&pair).unwrap().pem();
        (pair, text)
    }

    fn public_key(signer: &minting::Signer) -> String {
        pem("PUBLIC KEY", &signer.spki(), "\n")
    }

    #[test]
    fn each_kid_names_the_key_of_its_certificate_whatever_its_dates() {
        let (pair, text) = certificate(&rcgen::PKCS_RSA_SHA256);
        let (_, other) = certificate(&rcgen::PKCS_RSA_SHA256);
        let found = read(json!({"0d8a67399e78": text, "f90fb1ae048a": other})).unwrap();
        assert!(found.skipped.is_empty());
        let kids: Vec<_> = found.keys.iter().map(|key| key.kid.as_deref()).collect();
        assert_eq!(kids, [Some("0d8a67399e78"), Some("f90fb1ae048a")]);
        let bare = pem::read_one(&pair.public_key_pem(), &KeyPolicy::default()).unwrap();
        assert_eq!(found.keys[0].fingerprint, bare.fingerprint);
        assert!(found.keys[0].algorithms.contains(Algorithm::Rs256));
    }

    #[test]
    fn public_keys_are_read_as_certificates_are() {
        let found = read(json!({
            "0a1B-c": public_key(&minting::P256),
            "2nMJtw": pem("PUBLIC KEY", &minting::RSA.spki(), "\r\n"),
        }))
        .unwrap();
        assert_eq!(found.keys.len(), 2);
        assert_eq!(
            found.keys[0].algorithms,
            AlgorithmSet::of(&[Algorithm::Es256])
        );
        assert_eq!(found.keys[1].kid.as_deref(), Some("2nMJtw"));
    }

    #[test]
    fn a_bad_key_is_skipped_alone_and_says_why() {
        let good = public_key(&minting::P256);
        let long = "k".repeat(MAX_KID_BYTES + 1);
        let found = read(json!({
            "good": good,
            "number": 7,
            "text": "MIIB",
            "empty": "",
            "two": format!("{good}{}", public_key(&minting::RSA)),
            "cut": good.replace("-----END PUBLIC KEY-----", ""),
            "secret": pem("PRIVATE KEY", b"secret", "\n"),
            "both": format!("{good}{}", pem("EC PRIVATE KEY", b"secret", "\n")),
            "curve": pem("PUBLIC KEY", b"\x30\x00", "\n"),
            long.as_str(): good,
        }))
        .unwrap();
        assert_eq!(found.keys.len(), 1);
        assert_eq!(found.keys[0].kid.as_deref(), Some("good"));
        let skipped: Vec<_> = found
            .skipped
            .iter()
            .map(|key| (key.kid.as_deref().unwrap(), key.reason))
            .collect();
        let cut = long.get(..MAX_KID_BYTES).unwrap();
        for expected in [
            ("number", SkipReason::Malformed),
            ("text", SkipReason::Malformed),
            ("empty", SkipReason::Malformed),
            ("two", SkipReason::Malformed),
            ("cut", SkipReason::Malformed),
            ("secret", SkipReason::PrivateKey),
            ("both", SkipReason::PrivateKey),
            ("curve", SkipReason::Malformed),
            (cut, SkipReason::Malformed),
        ] {
            assert!(skipped.contains(&expected), "{expected:?} in {skipped:?}");
        }
        assert_eq!(skipped.len(), 9);
    }

    #[test]
    fn j14_a_weak_key_in_a_certificate_is_skipped() {
        // RSAPublicKey of 1024 bits with the exponent 65537.
        let numbers = [
            &[0x02, 0x81, 0x81, 0x00][..],
            &[0xdb; 128],
            &[0x02, 3, 1, 0, 1],
        ]
        .concat();
        let weak = [
            &[0x30, 0x81, u8::try_from(numbers.len()).unwrap()],
            &numbers[..],
        ]
        .concat();
        let found = read(json!({"weak": pem("RSA PUBLIC KEY", &weak, "\n")})).unwrap();
        assert_eq!(found.skipped[0].reason, SkipReason::WeakKey);
    }

    #[test]
    fn k06_another_document_is_an_error_that_says_what_it_is() {
        for (document, part) in [
            (json!({}), "maps no name"),
            (json!({"error": {"code": 404}}), "maps no name"),
            (json!({"error": "not found"}), "maps no name"),
            (json!({"keys": []}), "`jwks_url`"),
            (json!({"issuer": "x", "jwks_uri": "y"}), "`discovery_url`"),
            (json!([public_key(&minting::P256)]), "object"),
        ] {
            let NotAKeySet(why) = read(document).unwrap_err();
            assert!(why.contains(part), "{why}");
        }
        let twice = br#"{"a":"-----BEGIN PUBLIC KEY-----","a":"-----BEGIN PUBLIC KEY-----"}"#;
        read_map(twice, &KeyPolicy::default()).unwrap_err();
        let NotAKeySet(why) = jwk::read_set(
            json!({"a": public_key(&minting::P256)})
                .to_string()
                .as_bytes(),
            &KeyPolicy::default(),
        )
        .unwrap_err();
        assert!(why.contains("`certificates_url`"), "{why}");
    }

    #[test]
    fn k03_only_so_many_keys_are_read() {
        let text = public_key(&minting::P256);
        let members: Object = (0..3 * MAX_KEYS)
            .map(|number| {
                (
                    number.to_string().into(),
                    Json::String(text.as_str().into()),
                )
            })
            .collect();
        let found = read_map(members.to_ascii().as_bytes(), &KeyPolicy::default()).unwrap();
        assert_eq!(found.keys.len(), MAX_KEYS);
        assert_eq!(found.skipped.len(), MAX_KEYS);
        assert!(
            found
                .skipped
                .iter()
                .all(|key| key.reason == SkipReason::TooMany)
        );
    }

    proptest! {
        #[test]
        fn any_document_is_answered(document: Vec<u8>, kid: String, text: String) {
            let _ = read_map(&document, &KeyPolicy::default());
            let text = format!("-----BEGIN CERTIFICATE-----\n{text}");
            let found = read(json!({kid: text})).unwrap();
            prop_assert_eq!(found.keys.len() + found.skipped.len(), 1);
        }
    }
}
