//! JSON Web Key sets (RFC 7517), read key by key: one that cannot be used is skipped with a reason.

use super::algorithm::Algorithm;
use super::base64url;
use super::header::MAX_KID_BYTES;
use super::json::{self, Json, Object};
use super::key::VerificationKey;
use super::material::{Curve, Material};
use super::pem_map;

/// Most keys that are taken from one document.
pub const MAX_KEYS: usize = 100;

/// What is wanted from a document's keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyPolicy {
    /// Accepted values of `use`; an absent `use` is always accepted. Usually `sig`.
    pub accepted_use: Vec<String>,
    /// Skip keys without a `kid`, where the format wants one (SPIFFE bundles).
    pub kid_required: bool,
    /// Accept keys whose private half is public knowledge (WSO2's `wso2carbon`). For tests only.
    pub allow_public_default_key: bool,
}

impl Default for KeyPolicy {
    fn default() -> Self {
        Self {
            accepted_use: vec!["sig".to_owned()],
            kid_required: false,
            allow_public_default_key: false,
        }
    }
}

/// What a document held.
#[derive(Debug, Default)]
pub struct ReadKeys {
    pub keys: Vec<VerificationKey>,
    pub skipped: Vec<SkippedKey>,
}

/// A key that is not used, and why. `kid` is as written, at most `header::MAX_KID_BYTES`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SkippedKey {
    pub kid: Option<Box<str>>,
    pub reason: SkipReason,
}

/// The closed set of reasons not to use a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SkipReason {
    UnknownKeyType,
    UnknownCurve,
    UnknownAlgorithm,
    /// `use` is not wanted here, usually `enc`, or `alg` encrypts.
    NotForSignatures,
    /// `key_ops` names registered operations, and `verify` is none of them.
    NotForVerification,
    /// RSA below 2048 bits (RFC 7518 §3.3), above 8192, or an exponent that is no good.
    WeakKey,
    /// `kty: oct` in a document of public keys would be a secret that everyone knows.
    SymmetricKey,
    /// The document publishes the private half.
    PrivateKey,
    /// The private half of this very key is public knowledge.
    PublicDefaultKey,
    /// A member is missing, of a wrong type, or not a point or number that it should be.
    Malformed,
    /// More than [`MAX_KEYS`].
    TooMany,
}

impl SkipReason {
    /// snake_case, for `/issuers` and logs.
    pub fn name(self) -> &'static str {
        match self {
            Self::UnknownKeyType => "unknown_key_type",
            Self::UnknownCurve => "unknown_curve",
            Self::UnknownAlgorithm => "unknown_algorithm",
            Self::NotForSignatures => "not_for_signatures",
            Self::NotForVerification => "not_for_verification",
            Self::WeakKey => "weak_key",
            Self::SymmetricKey => "symmetric_key",
            Self::PrivateKey => "private_key",
            Self::PublicDefaultKey => "public_default_key",
            Self::Malformed => "malformed",
            Self::TooMany => "too_many",
        }
    }

    /// One sentence for the operator.
    pub fn explanation(self) -> &'static str {
        match self {
            Self::UnknownKeyType => "the key's `kty` is none of `RSA`, `EC` and `OKP`",
            Self::UnknownCurve => {
                "the key's `crv` is none of `P-256`, `P-384`, `P-521` and `Ed25519`"
            }
            Self::UnknownAlgorithm => {
                "the key's `alg` is not the name of a signature algorithm that the gate verifies"
            }
            Self::NotForSignatures => "the key's `use` or `alg` is not for signatures here",
            Self::NotForVerification => {
                "the key's `key_ops` names other operations and not `verify`"
            }
            Self::WeakKey => {
                "the key can be forged: an RSA key outside 2048 to 8192 bits, with a bad exponent or a guessable modulus, or an Ed25519 point of small order"
            }
            Self::SymmetricKey => {
                "the key is a shared secret, which a document of public keys gives to everyone"
            }
            Self::PrivateKey => {
                "the document publishes the key's private half, so that anybody can sign with it"
            }
            Self::PublicDefaultKey => {
                "every copy of the product ships with this key pair, so that anybody can sign with it"
            }
            Self::Malformed => {
                "a member of the key is missing, of a wrong type, contradicts another one, or is no number or point"
            }
            Self::TooMany => "the document holds more keys than are taken from one",
        }
    }
}

/// The document as a whole is not a key set; the text says why, and never shows the document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotAKeySet(pub String);

impl std::fmt::Display for NotAKeySet {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for NotAKeySet {}

/// Reads a JWK set document. A document without a single member in `keys` is an error; one whose keys are all skipped is not
/// (the caller decides), so that the reasons can be shown.
///
/// Of more than [`MAX_KEYS`] members the first ones are read; the others are skipped, and no more than [`MAX_KEYS`] of them told.
pub fn read_set(document: &[u8], policy: &KeyPolicy) -> Result<ReadKeys, NotAKeySet> {
    let members = json::parse_object(document).map_err(|e| {
        NotAKeySet(format!(
            "the document is not an acceptable JSON object: {e}"
        ))
    })?;
    let mut read = ReadKeys::default();
    for (index, entry) in entries(&members)?.iter().enumerate().take(2 * MAX_KEYS) {
        let key = if index < MAX_KEYS {
            read_key(entry, policy)
        } else {
            Err(SkipReason::TooMany)
        };
        match key {
            Ok(key) => read.keys.push(key),
            Err(reason) => read.skipped.push(SkippedKey {
                kid: shown_kid(entry),
                reason,
            }),
        }
    }
    Ok(read)
}

/// The members of `keys`, of which there is at least one.
pub(super) fn entries(members: &Object) -> Result<&[Json], NotAKeySet> {
    match members.get("keys") {
        Some(Json::Array(entries)) if entries.is_empty() => {
            Err(NotAKeySet("`keys` is empty".to_owned()))
        }
        Some(Json::Array(entries)) => Ok(entries),
        Some(other) => Err(NotAKeySet(format!(
            "`keys` is of type {}, not array",
            other.type_name()
        ))),
        None => Err(NotAKeySet(without_keys(members).to_owned())),
    }
}

/// What the operator may have meant by a document without `keys`.
fn without_keys(members: &Object) -> &'static str {
    if members.get("jwks_uri").is_some() {
        "the document is a discovery document: its `jwks_uri` names the key set"
    } else if members.get("kty").is_some() {
        "the document is a single key: a key set is an object with an array `keys`"
    } else if pem_map::is_one(members) {
        "the document maps each kid to a PEM text: `certificates_url` reads it"
    } else {
        "the document has no `keys`"
    }
}

/// Reads one member of `keys`, as [`read_set`] does.
pub(crate) fn read_key(entry: &Json, policy: &KeyPolicy) -> Result<VerificationKey, SkipReason> {
    let members = entry.as_object().ok_or(SkipReason::Malformed)?;
    let kid = string(members, "kid")?;
    if kid.is_some_and(|k| k.len() > MAX_KID_BYTES) {
        return Err(SkipReason::Malformed);
    }
    let key_type = required_string(members, "kty")?;
    check_secrecy(key_type, members)?;
    check_purpose(members, policy)?;
    if kid.is_none() && policy.kid_required {
        return Err(SkipReason::Malformed);
    }
    let alg = signature_algorithm(members)?;
    let material = match key_type {
        "RSA" => rsa(members)?,
        "EC" => elliptic_curve(members)?,
        "OKP" => edwards_curve(members)?,
        _ => return Err(SkipReason::UnknownKeyType),
    };
    let mut key = VerificationKey::from_material(&material, alg, policy.allow_public_default_key)?;
    key.kid = kid.map(Into::into);
    key.x5t = string(members, "x5t")?.map(Into::into);
    key.x5t_s256 = string(members, "x5t#S256")?.map(Into::into);
    key.issuer = string(members, "issuer")?.map(Into::into);
    Ok(key)
}

/// Refuses what a document of public keys must not hold: comes first, because it is the alarm that matters most.
fn check_secrecy(key_type: &str, members: &Object) -> Result<(), SkipReason> {
    if key_type == "oct" {
        return Err(SkipReason::SymmetricKey);
    }
    // RFC 7518 §6.2.2, §6.3.2, §6.4.1.
    let private = ["d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"];
    if private.iter().any(|name| member(members, name).is_some()) {
        return Err(SkipReason::PrivateKey);
    }
    Ok(())
}

/// RFC 7517 §4.2 and §4.3.
fn check_purpose(members: &Object, policy: &KeyPolicy) -> Result<(), SkipReason> {
    if let Some(purpose) = string(members, "use")?
        && !policy
            .accepted_use
            .iter()
            .any(|accepted| accepted == purpose)
    {
        return Err(SkipReason::NotForSignatures);
    }
    match member(members, "key_ops") {
        None => Ok(()),
        Some(Json::Array(operations)) if allows_verify(operations) => Ok(()),
        Some(Json::Array(_)) => Err(SkipReason::NotForVerification),
        Some(_) => Err(SkipReason::Malformed),
    }
}

/// `verify` is named, or nothing that RFC 7517 §4.3 registers: other values mean what their user agrees on, and Entra's v1.0 document of
/// 2014 says `signing`. Whoever names one of the registered operations has named all that the key is for.
fn allows_verify(operations: &[Json]) -> bool {
    const REGISTERED: [&str; 8] = [
        "sign",
        "verify",
        "encrypt",
        "decrypt",
        "wrapKey",
        "unwrapKey",
        "deriveKey",
        "deriveBits",
    ];
    let unregistered = |operation: &Json| {
        operation.as_str().is_some_and(|name| {
            !REGISTERED
                .iter()
                .any(|known| known.eq_ignore_ascii_case(name))
        })
    };
    let named = |operation: &Json| operation.as_str() == Some("verify");
    operations.iter().any(named) || (!operations.is_empty() && operations.iter().all(unregistered))
}

/// The key's own `alg`: it narrows the key to exactly that one (RFC 8725bis §3.1).
fn signature_algorithm(members: &Object) -> Result<Option<Algorithm>, SkipReason> {
    let Some(name) = string(members, "alg")? else {
        return Ok(None);
    };
    match Algorithm::from_name(name) {
        Some(algorithm) => Ok(Some(algorithm)),
        None if is_encryption(name) => Err(SkipReason::NotForSignatures),
        None => Err(SkipReason::UnknownAlgorithm),
    }
}

/// The registered families of RFC 7518 §4.1 and their later additions (`RSA-OAEP-512`, `ECDH-ES+A256KW`, HPKE).
fn is_encryption(alg: &str) -> bool {
    ["RSA1_5", "RSA-OAEP", "ECDH-ES", "HPKE-"]
        .iter()
        .any(|family| alg.starts_with(family))
}

fn rsa(members: &Object) -> Result<Material, SkipReason> {
    Ok(Material::rsa(
        &number(members, "n")?,
        &number(members, "e")?,
    ))
}

fn elliptic_curve(members: &Object) -> Result<Material, SkipReason> {
    let curve =
        Curve::from_name(required_string(members, "crv")?).ok_or(SkipReason::UnknownCurve)?;
    let mut point = vec![4];
    for name in ["x", "y"] {
        let coordinate = number(members, name)?;
        // RFC 7518 §6.2.1.2: the full length of the field, leading zeros included.
        if coordinate.len() != curve.coordinate_bytes() {
            return Err(SkipReason::Malformed);
        }
        point.extend(coordinate);
    }
    Ok(Material::Ec { curve, point })
}

fn edwards_curve(members: &Object) -> Result<Material, SkipReason> {
    if required_string(members, "crv")? != "Ed25519" {
        return Err(SkipReason::UnknownCurve);
    }
    let point = number(members, "x")?
        .try_into()
        .map_err(|_| SkipReason::Malformed)?;
    Ok(Material::Ed25519(point))
}

/// Real documents pad their numbers and use the plain alphabet.
fn number(members: &Object, name: &str) -> Result<Vec<u8>, SkipReason> {
    base64url::decode_lenient(required_string(members, name)?).map_err(|_| SkipReason::Malformed)
}

fn required_string<'o>(members: &'o Object, name: &str) -> Result<&'o str, SkipReason> {
    string(members, name)?.ok_or(SkipReason::Malformed)
}

fn string<'o>(members: &'o Object, name: &str) -> Result<Option<&'o str>, SkipReason> {
    match member(members, name) {
        None => Ok(None),
        Some(Json::String(text)) => Ok(Some(text)),
        Some(_) => Err(SkipReason::Malformed),
    }
}

/// A member that says something: issuers that serialize whole records publish `"d":null` with a public key.
pub(super) fn member<'o>(members: &'o Object, name: &str) -> Option<&'o Json> {
    members
        .get(name)
        .filter(|value| !matches!(value, Json::Null))
}

/// The kid of an entry that is skipped, cut to what is worth showing.
pub(super) fn shown_kid(entry: &Json) -> Option<Box<str>> {
    shortened(entry.as_object()?.get("kid")?.as_str()?)
}

/// At most [`MAX_KID_BYTES`] of a kid.
pub(super) fn shortened(kid: &str) -> Option<Box<str>> {
    let end = (0..=kid.len().min(MAX_KID_BYTES))
        .rev()
        .find(|end| kid.is_char_boundary(*end))?;
    kid.get(..end).map(Into::into)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::super::minting::{self, Signer};
    use super::*;

    fn read(document: &Value) -> ReadKeys {
        read_set(document.to_string().as_bytes(), &KeyPolicy::default()).unwrap()
    }

    /// Reads a set of one key.
    fn read_one(key: Value) -> Result<VerificationKey, SkipReason> {
        let mut found = read(&json!({"keys": [key]}));
        match found.skipped.pop() {
            Some(skipped) => Err(skipped.reason),
            None => Ok(found.keys.pop().unwrap()),
        }
    }

    fn reason(key: Value) -> SkipReason {
        let shown = key.to_string();
        read_one(key).expect_err(&shown)
    }

    fn rsa_with(more: Value) -> Value {
        minting::RSA.jwk_with(more)
    }

    #[test]
    fn members_that_say_who_a_key_is_are_kept_as_written() {
        let key = read_one(rsa_with(json!({
            "kid": "k1", "x5t": "t+/=", "x5t#S256": "s", "issuer": "https://login/{tenantid}/v2.0",
            "use": "sig", "key_ops": ["verify"], "alg": "PS384", "x5c": ["not looked at"], "x": 1,
        })))
        .unwrap();
        assert_eq!(key.kid.as_deref(), Some("k1"));
        assert_eq!(key.x5t.as_deref(), Some("t+/="));
        assert_eq!(key.x5t_s256.as_deref(), Some("s"));
        assert_eq!(key.issuer.as_deref(), Some("https://login/{tenantid}/v2.0"));
        assert_eq!(
            key.algorithms.iter().collect::<Vec<_>>(),
            [Algorithm::Ps384]
        );
    }

    #[test]
    fn one_odd_key_is_skipped_alone() {
        let found = read(&json!({"keys": [
            minting::P256.jwk_with(json!({"kid": "good"})),
            {"kid": "odd", "kty": "LAMP"},
            7,
            minting::ED25519.jwk(),
        ], "extra": {"ignored": true}}));
        assert_eq!(found.keys.len(), 2);
        let odd = |kid: Option<&str>, reason| SkippedKey {
            kid: kid.map(Into::into),
            reason,
        };
        assert_eq!(
            found.skipped,
            [
                odd(Some("odd"), SkipReason::UnknownKeyType),
                odd(None, SkipReason::Malformed)
            ]
        );
    }

    #[test]
    fn documents_that_are_no_key_sets_are_told_apart() {
        for (document, told) in [
            ("", "not an acceptable JSON object"),
            ("<html>", "not an acceptable JSON object"),
            ("[]", "not an acceptable JSON object"),
            ("{}", "has no `keys`"),
            (r#"{"keys":{}}"#, "`keys` is of type object"),
            (r#"{"keys":null}"#, "`keys` is of type null"),
            (r#"{"keys":[]}"#, "`keys` is empty"),
            (r#"{"jwks_uri":"x"}"#, "discovery document"),
            (r#"{"kty":"RSA"}"#, "a single key"),
        ] {
            let NotAKeySet(text) =
                read_set(document.as_bytes(), &KeyPolicy::default()).unwrap_err();
            assert!(text.contains(told), "{document}: {text}");
        }
    }

    #[test]
    fn j18_a_document_with_duplicate_members_is_refused_whole() {
        for document in [
            r#"{"keys":[{"kty":"LAMP"}],"keys":[{"kty":"LAMP"}]}"#,
            r#"{"keys":[{"kty":"LAMP","kty":"RSA"}]}"#,
            r#"{"keys":[{"kty":"LAMP","k\u0069d":"a","kid":"b"}]}"#,
        ] {
            let NotAKeySet(text) =
                read_set(document.as_bytes(), &KeyPolicy::default()).unwrap_err();
            assert!(text.contains("duplicate member"), "{text}");
        }
    }

    #[test]
    fn j15_use_is_what_the_policy_accepts_or_absent() {
        assert!(read_one(rsa_with(json!({"use": "sig"}))).is_ok());
        assert!(read_one(rsa_with(json!({}))).is_ok());
        for purpose in ["enc", "SIG", "", "sig "] {
            let found = reason(rsa_with(json!({"use": purpose})));
            assert_eq!(found, SkipReason::NotForSignatures, "{purpose}");
        }
        for purpose in [json!(["sig"]), json!(1)] {
            assert_eq!(
                reason(rsa_with(json!({"use": purpose}))),
                SkipReason::Malformed
            );
        }
        let policy = KeyPolicy {
            accepted_use: vec!["sig".to_owned(), "jwt-svid".to_owned()],
            ..KeyPolicy::default()
        };
        let document = json!({"keys": [rsa_with(json!({"use": "jwt-svid"}))]}).to_string();
        let found = read_set(document.as_bytes(), &policy).unwrap();
        assert_eq!(found.keys.len(), 1);
    }

    #[test]
    fn j15_key_ops_must_hold_verify() {
        for operations in [json!(["verify"]), json!(["sign", "verify"])] {
            assert!(read_one(rsa_with(json!({"key_ops": operations}))).is_ok());
        }
        for operations in [
            json!([]),
            json!(["sign"]),
            json!(["encrypt", "wrapKey"]),
            json!(["VERIFY"]),
            json!([["verify"]]),
        ] {
            let found = reason(rsa_with(json!({"key_ops": operations})));
            assert_eq!(found, SkipReason::NotForVerification);
        }
        for operations in [json!("verify"), json!({"verify": true})] {
            let found = reason(rsa_with(json!({"key_ops": operations})));
            assert_eq!(found, SkipReason::Malformed);
        }
    }

    #[test]
    fn j15_key_ops_without_a_registered_operation_say_nothing() {
        for operations in [json!(["signing"]), json!(["x", "signature-check"])] {
            assert!(read_one(rsa_with(json!({"key_ops": operations}))).is_ok());
        }
        for operations in [json!(["signing", "encrypt"]), json!(["signing", 7])] {
            let found = reason(rsa_with(json!({"key_ops": operations})));
            assert_eq!(found, SkipReason::NotForVerification);
        }
    }

    #[test]
    fn j15_alg_narrows_the_key_or_skips_it() {
        for (alg, expected) in [
            ("RSA-OAEP", SkipReason::NotForSignatures),
            ("RSA-OAEP-256", SkipReason::NotForSignatures),
            ("RSA1_5", SkipReason::NotForSignatures),
            ("ECDH-ES+A256KW", SkipReason::NotForSignatures),
            ("RS1", SkipReason::UnknownAlgorithm),
            ("SHA256", SkipReason::UnknownAlgorithm),
            ("rs256", SkipReason::UnknownAlgorithm),
            ("none", SkipReason::UnknownAlgorithm),
            ("", SkipReason::UnknownAlgorithm),
            ("ES256", SkipReason::Malformed),
            ("EdDSA", SkipReason::Malformed),
            ("HS256", SkipReason::Malformed),
        ] {
            assert_eq!(reason(rsa_with(json!({"alg": alg}))), expected, "{alg}");
        }
        assert_eq!(
            reason(rsa_with(json!({"alg": ["RS256"]}))),
            SkipReason::Malformed
        );
        for (signer, wrong) in [
            (&*minting::P256, "ES384"),
            (&*minting::P384, "ES512"),
            (&*minting::P521, "ES256"),
            (&*minting::ED25519, "ES256"),
        ] {
            let found = reason(signer.jwk_with(json!({"alg": wrong})));
            assert_eq!(found, SkipReason::Malformed, "{wrong}");
        }
    }

    #[test]
    fn j02_shared_secrets_in_a_key_set_are_no_keys() {
        for more in [json!({}), json!({"alg": "HS256"}), json!({"use": "sig"})] {
            let mut key = json!({"kty": "oct", "k": base64url::encode(&[7; 64])});
            key.as_object_mut()
                .unwrap()
                .extend(more.as_object().unwrap().clone());
            assert_eq!(reason(key), SkipReason::SymmetricKey);
        }
    }

    #[test]
    fn a_published_private_half_is_refused_whatever_else_the_key_says() {
        for member in ["d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"] {
            for signer in minting::all() {
                for purpose in ["sig", "enc"] {
                    let key = signer.jwk_with(json!({member: "AQ", "use": purpose}));
                    assert_eq!(reason(key), SkipReason::PrivateKey, "{member}");
                }
            }
        }
    }

    #[test]
    fn j14_rsa_keys_outside_their_bounds_are_weak() {
        for bytes in [64, 128, 255, 1025] {
            let mut modulus = vec![0x5b; bytes];
            modulus[0] = 0xdb;
            let found = reason(rsa_with(json!({"n": base64url::encode(&modulus)})));
            assert_eq!(found, SkipReason::WeakKey, "{bytes}");
        }
        for exponent in ["AQ", "Ag", "AA", "AAAB", "AQAC", "AgAAAAE"] {
            let found = reason(rsa_with(json!({"e": exponent})));
            assert_eq!(found, SkipReason::WeakKey, "{exponent}");
        }
    }

    #[test]
    fn j14_an_exponent_of_three_is_accepted_as_the_cryptographic_library_does() {
        let key = read_one(json!({"kty": "RSA", "e": "Aw", "n": concat!(
            "xfLn2JNa2f0b_BpztsNL9TQHUd9SGeNFo7h36KX024mC87GSqLtbkbOD_tddLvZ01ahWlr1foWQWCKUbOADwQmWk0DErIwzGjrSEJmUxam5f",
            "w99t7chWYk7JLs3Bu_nizb5onSOPi1f-VM6IBVcuQvd63mJrwhFIKJmu68CTG8rQ7PnpeOBhEqQ1T9XRcUm2mEuNCktBBezcynGyRoU1sQsn",
            "32HAyvEi9QAjxyFQM0r3sXCOXs5yMBgGbPoJdgZWwDkE-SLb5XzlwUrkXF781Zoji6PLAwytGYX_VxN4BOfI1lM5j2xiWfgJm-l9z327FEWC",
            "uH5Vg7Yffdu8GmKkqQ")}))
        .unwrap();
        let signature = base64url::decode(concat!(
            "Q6RHyiRaXPtl_YCAXm4RM5Ido-xXxBeY7Z_ngHraQZZyZLW8RYnyw88vX1UZwXizGaXl8U6Ebqxgz_g-AvmroFsV3x0j5LhT-mm8YoEwUxAy",
            "hJ4nkY_MHIIlW-ADDic7nWi11h102hNnxAwasAvVO7ge8T8VxlaZjQ4cewB1XE7Ko7tAc16_2a7ScB7cTkwn55WrVb6EysaOenBEEc30HBse",
            "fBBtwnOzCXQZE9OteKbvkTJeIBbxxROn5rHEZ3NqdaJNppYFOWsVwwZrPVACgRhK_dTj8of4ygeJlUeDHHaI308ftf7yPYbvojo4x8uRgd_X",
            "DtEi21d9hqYQkCDvaQ"))
        .unwrap();
        assert!(key.verifies(Algorithm::Rs256, b"three", &signature));
        assert!(!key.verifies(Algorithm::Rs256, b"four", &signature));
    }

    #[test]
    fn a_key_that_a_product_ships_with_is_taken_only_when_it_is_allowed() {
        // WSO2's `wso2carbon` of 2017.
        let document = json!({"keys": [{"kty": "RSA", "e": "AQAB", "n": concat!(
            "luZFdW1ynitztkWLC6xKegbRWxky-5P0p4ShYEOkHs30QI2VCuR6Qo4Bz5rTgLBrky03W1GAVrZxuvKRGj9V9-PmjdGtau4CTXu9pLLcqnru",
            "aczoSdvBYA3lS9a7zgFU0-s6kMl2EhB-rk7gXluEep7lIOenzfl2f6IoTKa2fVgVd3YKiSGsyL4tztS70vmmX121qm0sTJdKWP4HxXyqK9ne",
            "olXI9fYyHOYILVNZ69z_73OOVhkh_mvTmWZLM7GM6sApmyLX6OXUp8z0pkY-vT_9-zRxxQs7GurC4_C1nK3rI_0ySUgGEafO1atNjYmlFN-M",
            "3tZX6nEcA6g94IavyQ")}]})
        .to_string();
        let found = read_set(document.as_bytes(), &KeyPolicy::default()).unwrap();
        assert!(found.keys.is_empty());
        assert_eq!(found.skipped[0].reason, SkipReason::PublicDefaultKey);
        let policy = KeyPolicy {
            allow_public_default_key: true,
            ..KeyPolicy::default()
        };
        assert_eq!(
            read_set(document.as_bytes(), &policy).unwrap().keys.len(),
            1
        );
    }

    proptest! {
        #[test]
        fn any_document_is_answered(document: Vec<u8>) {
            let _ = read_set(&document, &KeyPolicy::default());
        }

        #[test]
        fn a_damaged_document_gives_no_other_key(at in 0usize..4000, byte: u8) {
            let set = json!({"keys": minting::all().map(Signer::jwk)}).to_string();
            let good: Vec<_> = read_set(set.as_bytes(), &KeyPolicy::default())
                .unwrap().keys.iter().map(|k| k.fingerprint).collect();
            let mut bytes = set.into_bytes();
            let at = at % bytes.len();
            bytes[at] = byte;
            if let Ok(found) = read_set(&bytes, &KeyPolicy::default()) {
                // One byte is in one key.
                let other = found.keys.iter().filter(|k| !good.contains(&k.fingerprint)).count();
                prop_assert!(other <= 1 && found.keys.len() + found.skipped.len() <= 5);
            }
        }
    }

    #[test]
    fn j14_points_off_the_curve_are_malformed() {
        for signer in [&*minting::P256, &*minting::P384, &*minting::P521] {
            let good = signer.jwk();
            for member in ["x", "y"] {
                let mut bytes = base64url::decode(good[member].as_str().unwrap()).unwrap();
                *bytes.last_mut().unwrap() ^= 1;
                let key = signer.jwk_with(json!({member: base64url::encode(&bytes)}));
                assert_eq!(reason(key), SkipReason::Malformed);
            }
            let zero = base64url::encode(&vec![0; good["x"].as_str().unwrap().len() * 3 / 4]);
            let key = signer.jwk_with(json!({"x": zero, "y": zero}));
            assert_eq!(reason(key), SkipReason::Malformed);
        }
        // The coordinates of one curve under the name of another.
        let key = minting::P256.jwk_with(json!({"crv": "P-384"}));
        assert_eq!(reason(key), SkipReason::Malformed);
    }

    #[test]
    fn j14_coordinates_have_the_length_of_their_field() {
        for signer in [
            &*minting::P256,
            &*minting::P384,
            &*minting::P521,
            &*minting::ED25519,
        ] {
            let bytes = base64url::decode(signer.jwk()["x"].as_str().unwrap()).unwrap();
            for wrong in [
                [&[0], &bytes[..]].concat(),
                [&bytes[..], &[0]].concat(),
                bytes[1..].to_vec(),
                vec![],
            ] {
                let key = signer.jwk_with(json!({"x": base64url::encode(&wrong)}));
                assert_eq!(reason(key), SkipReason::Malformed);
            }
        }
    }

    #[test]
    fn j14_coordinates_do_not_lend_each_other_a_byte() {
        let good = minting::P256.jwk();
        let bytes = |name: &str| base64url::decode(good[name].as_str().unwrap()).unwrap();
        let both = [bytes("x"), bytes("y")].concat();
        for at in [0, 31, 33, 64] {
            let (x, y) = both.split_at(at);
            let key = minting::P256
                .jwk_with(json!({"x": base64url::encode(x), "y": base64url::encode(y)}));
            assert_eq!(reason(key), SkipReason::Malformed, "{at}");
        }
    }

    #[test]
    fn j14_an_ed25519_point_of_small_order_is_weak() {
        let key = minting::ED25519.jwk_with(json!({"x": base64url::encode(&[0; 32])}));
        assert_eq!(reason(key), SkipReason::WeakKey);
    }

    #[test]
    fn other_key_types_and_curves_are_unknown() {
        assert_eq!(
            reason(json!({"kty": "AKP", "alg": "ES256"})),
            SkipReason::UnknownKeyType
        );
        assert_eq!(reason(json!({"kty": "rsa"})), SkipReason::UnknownKeyType);
        for curve in ["secp256k1", "P-192", "p-256", "Ed25519"] {
            let key = minting::P256.jwk_with(json!({"crv": curve}));
            assert_eq!(reason(key), SkipReason::UnknownCurve, "{curve}");
        }
        for curve in ["X25519", "Ed448", "P-256"] {
            let key = minting::ED25519.jwk_with(json!({"crv": curve}));
            assert_eq!(reason(key), SkipReason::UnknownCurve, "{curve}");
        }
    }

    #[test]
    fn a_null_member_says_nothing() {
        let mut nulls = json!({});
        for name in [
            "kid", "use", "key_ops", "alg", "d", "k", "oth", "x5t", "issuer",
        ] {
            nulls[name] = Value::Null;
        }
        let key = read_one(rsa_with(nulls)).unwrap();
        assert!(key.kid.is_none() && key.x5t.is_none() && key.issuer.is_none());
        assert_eq!(
            key.fingerprint,
            read_one(minting::RSA.jwk()).unwrap().fingerprint
        );
    }

    #[test]
    fn missing_members_and_wrong_types_are_malformed() {
        for signer in minting::all() {
            for member in ["kty", "crv", "n", "e", "x", "y"] {
                let Some(_) = signer.jwk().get(member) else {
                    continue;
                };
                for value in [json!(null), json!(5), json!(["AQAB"]), json!("not base64!")] {
                    let is_name = ["kty", "crv"].contains(&member);
                    if !(is_name && value.is_string()) {
                        let key = signer.jwk_with(json!({member: value}));
                        assert_eq!(reason(key), SkipReason::Malformed, "{member}");
                    }
                }
                let mut key = signer.jwk();
                key.as_object_mut().unwrap().remove(member);
                assert_eq!(reason(key), SkipReason::Malformed, "{member}");
            }
        }
        for member in ["kid", "x5t", "x5t#S256", "issuer", "alg"] {
            for value in [json!(false), json!(5), json!({})] {
                let key = minting::P256.jwk_with(json!({member: value}));
                assert_eq!(reason(key), SkipReason::Malformed, "{member}");
            }
        }
    }

    #[test]
    fn j05_a_kid_that_no_token_could_name_skips_its_key_and_is_shown_cut() {
        let longest = "é".repeat(MAX_KID_BYTES / 2);
        assert!(read_one(minting::P256.jwk_with(json!({"kid": longest}))).is_ok());
        let found =
            read(&json!({"keys": [minting::P256.jwk_with(json!({"kid": format!("k{longest}")}))]}));
        assert_eq!(found.skipped[0].reason, SkipReason::Malformed);
        let shown = found.skipped[0].kid.as_deref().unwrap();
        assert_eq!(shown.len(), MAX_KID_BYTES - 1);
    }

    #[test]
    fn j17_numbers_may_be_padded_plain_and_have_leading_zeros() {
        let plain = minting::RSA.jwk();
        let bytes = base64url::decode(plain["n"].as_str().unwrap()).unwrap();
        let zeros = [&[0, 0], &bytes[..]].concat();
        let key = rsa_with(json!({
            "n": base64url::encode(&zeros).replace('-', "+").replace('_', "/"),
            "e": "AAEAAQ==",
        }));
        let fingerprint = |key: Value| read_one(key).unwrap().fingerprint;
        assert_eq!(fingerprint(key), fingerprint(plain));
    }

    #[test]
    fn k03_only_the_first_hundred_keys_are_read_and_few_of_the_others_told() {
        let key = minting::P256.jwk();
        let set = |count: usize| json!({"keys": vec![key.clone(); count]});
        let found = read(&set(MAX_KEYS));
        assert_eq!((found.keys.len(), found.skipped.len()), (MAX_KEYS, 0));
        let found = read(&set(MAX_KEYS + 1));
        assert_eq!((found.keys.len(), found.skipped.len()), (MAX_KEYS, 1));
        assert_eq!(found.skipped[0].reason, SkipReason::TooMany);
        let found = read(&json!({"keys": vec![json!({}); 100_000]}));
        assert_eq!(found.keys.len(), 0);
        assert_eq!(found.skipped.len(), 2 * MAX_KEYS);
    }

    #[test]
    fn errors_about_a_document_do_not_show_it() {
        let NotAKeySet(text) =
            read_set(br#"{"keys":"hunter2""#, &KeyPolicy::default()).unwrap_err();
        assert!(!text.contains("hunter2"), "{text}");
    }

    #[test]
    fn reasons_have_names_of_their_own_in_snake_case() {
        let all = [
            SkipReason::UnknownKeyType,
            SkipReason::UnknownCurve,
            SkipReason::UnknownAlgorithm,
            SkipReason::NotForSignatures,
            SkipReason::NotForVerification,
            SkipReason::WeakKey,
            SkipReason::SymmetricKey,
            SkipReason::PrivateKey,
            SkipReason::PublicDefaultKey,
            SkipReason::Malformed,
            SkipReason::TooMany,
        ];
        let names: std::collections::BTreeSet<_> = all.iter().map(|r| r.name()).collect();
        assert_eq!(names.len(), all.len());
        for reason in all {
            assert!(
                reason
                    .name()
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b == b'_')
            );
            assert!(!reason.explanation().ends_with('.'));
        }
    }
}
