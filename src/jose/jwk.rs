//! JSON Web Key sets (RFC 7517), read key by key: one that cannot be used is skipped with a reason.

use super::algorithm::Algorithm;
use super::base64url;
use super::header::MAX_KID_BYTES;
use super::json::{self, Json, Object};
use super::key::VerificationKey;
use super::material::{Curve, Material};

/// Most keys that are taken from one document.
pub const MAX_KEYS: usize = 100;

/// What is wanted from a document's keys.
#[derive(Clone, Debug)]
pub struct KeyPolicy {
    /// Accepted values of `use`; an absent `use` is always accepted. Usually `sig`.
    pub accepted_use: Vec<String>,
    /// Accept keys whose private half is public knowledge (WSO2's `wso2carbon`). For tests only.
    pub allow_public_default_key: bool,
}

impl Default for KeyPolicy {
    fn default() -> Self {
        Self {
            accepted_use: vec!["sig".to_owned()],
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

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SkipReason {
    UnknownKeyType,
    UnknownCurve,
    UnknownAlgorithm,
    /// `use` is not wanted here, usually `enc`, or `alg` encrypts.
    NotForSignatures,
    /// `key_ops` without `verify`.
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
            Self::NotForVerification => "the key's `key_ops` does not hold `verify`",
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

/// The document as a whole is not a key set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotAKeySet(pub String);

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
    let entries = match members.get("keys") {
        Some(Json::Array(entries)) => entries,
        Some(other) => {
            return Err(NotAKeySet(format!(
                "`keys` is of type {}, not array",
                other.type_name()
            )));
        }
        None => return Err(NotAKeySet(without_keys(&members).to_owned())),
    };
    if entries.is_empty() {
        return Err(NotAKeySet("`keys` is empty".to_owned()));
    }
    let mut read = ReadKeys::default();
    for (index, entry) in entries.iter().enumerate().take(2 * MAX_KEYS) {
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

/// What the operator may have meant by a document without `keys`.
fn without_keys(members: &Object) -> &'static str {
    if members.get("jwks_uri").is_some() {
        "the document is a discovery document: its `jwks_uri` names the key set"
    } else if members.get("kty").is_some() {
        "the document is a single key: a key set is an object with an array `keys`"
    } else {
        "the document has no `keys`"
    }
}

fn read_key(entry: &Json, policy: &KeyPolicy) -> Result<VerificationKey, SkipReason> {
    let members = entry.as_object().ok_or(SkipReason::Malformed)?;
    let kid = string(members, "kid")?;
    if kid.is_some_and(|k| k.len() > MAX_KID_BYTES) {
        return Err(SkipReason::Malformed);
    }
    let key_type = required_string(members, "kty")?;
    check_secrecy(key_type, members)?;
    check_purpose(members, policy)?;
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
    if private.iter().any(|name| members.get(name).is_some()) {
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
    match members.get("key_ops") {
        None => Ok(()),
        Some(Json::Array(operations)) => operations
            .iter()
            .any(|operation| operation.as_str() == Some("verify"))
            .then_some(())
            .ok_or(SkipReason::NotForVerification),
        Some(_) => Err(SkipReason::Malformed),
    }
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
    match members.get(name) {
        None => Ok(None),
        Some(Json::String(text)) => Ok(Some(text)),
        Some(_) => Err(SkipReason::Malformed),
    }
}

/// The kid of an entry that is skipped, cut to what is worth showing.
fn shown_kid(entry: &Json) -> Option<Box<str>> {
    let kid = entry.as_object()?.get("kid")?.as_str()?;
    let end = (0..=kid.len().min(MAX_KID_BYTES))
        .rev()
        .find(|end| kid.is_char_boundary(*end))?;
    kid.get(..end).map(Into::into)
}
