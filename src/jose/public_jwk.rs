//! A key written as a JWK again: the public half, and only the members that reading one takes in.

use serde_json::{Map, Value};

use super::algorithm::AlgorithmSet;
use super::base64url;
use super::key::VerificationKey;
use super::material::Material;

/// The JWK (RFC 7517 §4) from which [`super::jwk::read_set`] makes this very key. None for a shared secret, which has no public half, and for
/// a key with a choice of algorithms that no `alg` expresses.
///
/// Built from the key's numbers and not from the document that it came in: what else that document holds is written nowhere.
pub fn public_jwk(key: &VerificationKey) -> Option<Map<String, Value>> {
    let material = key.material()?;
    let mut members = numbers(material)?;
    let mut add = |name: &str, value: Option<&str>| {
        if let Some(value) = value {
            members.insert(name.to_owned(), value.into());
        }
    };
    add("kid", key.kid.as_deref());
    add("x5t", key.x5t.as_deref());
    add("x5t#S256", key.x5t_s256.as_deref());
    add("issuer", key.issuer.as_deref());
    if key.algorithms != material.algorithms() {
        add("alg", Some(only(key.algorithms)?));
    }
    Some(members)
}

/// RFC 7518 §6.2.1, §6.3.1 and RFC 8037 §2.
fn numbers(material: &Material) -> Option<Map<String, Value>> {
    let members = match material {
        Material::Rsa { modulus, exponent } => vec![
            ("kty", "RSA".to_owned()),
            ("n", base64url::encode(modulus)),
            ("e", base64url::encode(exponent)),
        ],
        Material::Ec { curve, point } => {
            // After the 4 that says that it is not compressed.
            let (x, y) = point.get(1..)?.split_at_checked(curve.coordinate_bytes())?;
            vec![
                ("kty", "EC".to_owned()),
                ("crv", curve.name().to_owned()),
                ("x", base64url::encode(x)),
                ("y", base64url::encode(y)),
            ]
        }
        Material::Ed25519(point) => vec![
            ("kty", "OKP".to_owned()),
            ("crv", "Ed25519".to_owned()),
            ("x", base64url::encode(point)),
        ],
    };
    let member = |(name, value): (&str, String)| (name.to_owned(), Value::String(value));
    Some(members.into_iter().map(member).collect())
}

/// The name of the one algorithm in it.
fn only(algorithms: AlgorithmSet) -> Option<&'static str> {
    let mut names = algorithms.iter().map(|algorithm| algorithm.name());
    names.next().filter(|_| names.next().is_none())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::jwk::{KeyPolicy, read_set};
    use super::super::minting;
    use super::*;

    fn read(jwk: &Value) -> VerificationKey {
        let set = json!({"keys": [jwk]}).to_string();
        let mut read = read_set(set.as_bytes(), &KeyPolicy::default()).unwrap();
        assert!(read.skipped.is_empty(), "{:?}", read.skipped);
        read.keys.pop().unwrap()
    }

    fn same(one: &VerificationKey, two: &VerificationKey) -> bool {
        one.fingerprint == two.fingerprint
            && one.algorithms == two.algorithms
            && (&one.kid, &one.x5t, &one.x5t_s256, &one.issuer)
                == (&two.kid, &two.x5t, &two.x5t_s256, &two.issuer)
    }

    #[test]
    fn what_is_written_is_read_as_the_same_key() {
        let names = json!({"kid": "k\u{e9}\"1\u{0}", "x5t": "a", "x5t#S256": "b", "issuer": "https://id.example/{tenantid}/v2.0"});
        for signer in minting::all() {
            for algorithm in signer.algorithms() {
                for more in [
                    json!({}),
                    names.clone(),
                    json!({"alg": algorithm.name()}),
                    json!({"alg": algorithm.name(), "kid": "", "use": "sig", "key_ops": ["verify"]}),
                ] {
                    let key = read(&signer.jwk_with(more));
                    let written = Value::Object(public_jwk(&key).unwrap());
                    assert!(same(&key, &read(&written)), "{written}");
                }
            }
        }
    }

    #[test]
    fn real_keys_are_written_as_they_were_read() {
        let Some(folder) = crate::public_vectors::folder() else {
            return;
        };
        let mut seen = 0;
        for entry in std::fs::read_dir(folder.join("wellknown")).unwrap() {
            let document = std::fs::read(entry.unwrap().path()).unwrap();
            let Ok(set) = read_set(&document, &KeyPolicy::default()) else {
                continue;
            };
            for key in set.keys {
                assert!(same(&key, &read(&Value::Object(public_jwk(&key).unwrap()))));
                seen += 1;
            }
        }
        assert!(seen > 20, "{seen}");
    }

    #[test]
    fn only_the_public_half_and_the_names_are_written() {
        let jwk = minting::P256
            .jwk_with(json!({"kid": "a", "x5c": ["certificate"], "note": "something else"}));
        let written = public_jwk(&read(&jwk)).unwrap();
        let names: Vec<&str> = written.keys().map(String::as_str).collect();
        assert_eq!(names, ["crv", "kid", "kty", "x", "y"]);
    }

    #[test]
    fn a_shared_secret_cannot_be_written() {
        let secret = VerificationKey::from_secret(&[7; 64], AlgorithmSet::symmetric()).unwrap();
        assert!(public_jwk(&secret).is_none());
    }

    #[test]
    fn algorithms_that_no_jwk_can_name_are_not_widened() {
        use super::super::algorithm::Algorithm::{Ps256, Rs256};
        let mut key = read(&minting::RSA.jwk());
        key.algorithms = AlgorithmSet::of(&[Rs256, Ps256]);
        assert!(public_jwk(&key).is_none());
        key.algorithms = AlgorithmSet::default();
        assert!(public_jwk(&key).is_none());
    }
}
