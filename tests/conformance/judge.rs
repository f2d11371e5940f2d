//! Judges a compact JWS under given keys with the library's own steps.

use claimgate::jose::algorithm::{Algorithm, AlgorithmSet};
use claimgate::jose::base64url;
use claimgate::jose::compact::{self, NotCompactJws};
use claimgate::jose::header::{BadHeader, Header};
use claimgate::jose::jwk::{self, KeyPolicy, ReadKeys, SkipReason};
use claimgate::jose::key::VerificationKey;
use serde_json::{Value, json};

/// Why a token is not accepted.
#[derive(Debug)]
pub enum Refusal {
    Compact(NotCompactJws),
    Header(BadHeader),
    NotBase64Url,
    AlgorithmNotAllowed,
    NoKey,
    BadSignature,
}

pub fn judge(token: &str, keys: &[VerificationKey]) -> Result<(), Refusal> {
    let parts = compact::split(token.as_bytes()).map_err(Refusal::Compact)?;
    let header = Header::read(parts.header).map_err(Refusal::Header)?;
    base64url::decode(parts.payload).map_err(|_| Refusal::NotBase64Url)?;
    let signature = base64url::decode(parts.signature).map_err(|_| Refusal::NotBase64Url)?;
    let algorithm = header.algorithm.ok_or(Refusal::AlgorithmNotAllowed)?;
    let mut fitting = keys
        .iter()
        .filter(|key| {
            header.kid.is_none() || key.kid.is_none() || key.kid.as_deref() == header.kid.as_deref()
        })
        .filter(|key| key.algorithms.contains(algorithm))
        .peekable();
    if fitting.peek().is_none() {
        return Err(Refusal::NoKey);
    }
    if fitting.any(|key| key.verifies(algorithm, parts.signing_input.as_bytes(), &signature)) {
        Ok(())
    } else {
        Err(Refusal::BadSignature)
    }
}

/// The keys of a JWK or JWK set as an operator would configure them: a lone `oct` key as a shared secret, everything else
/// as a key set document.
pub fn keys_of(document: &Value) -> ReadKeys {
    let keys = match document.get("keys") {
        Some(keys) => keys.as_array().unwrap().clone(),
        None => vec![document.clone()],
    };
    match &keys[..] {
        [only] if only["kty"] == "oct" => secret(only),
        _ => {
            let set = json!({ "keys": keys }).to_string();
            jwk::read_set(set.as_bytes(), &KeyPolicy::default()).unwrap()
        }
    }
}

/// A configured secret has no JWK members: its `alg` is the issuer's allow-list.
fn secret(key: &Value) -> ReadKeys {
    let wanted = match key["alg"].as_str() {
        Some(name) => Algorithm::from_name(name).into_iter().collect(),
        None => AlgorithmSet::symmetric(),
    };
    let bytes = base64url::decode(key["k"].as_str().unwrap()).unwrap();
    ReadKeys {
        keys: VerificationKey::from_secret(&bytes, wanted)
            .into_iter()
            .collect(),
        skipped: vec![],
    }
}

/// The public half of a JWK.
pub fn public(key: &Value) -> Value {
    let mut key = key.clone();
    if key["kty"] != "oct" {
        for name in ["d", "p", "q", "dp", "dq", "qi", "oth"] {
            key.as_object_mut().unwrap().remove(name);
        }
    }
    key
}

/// The reasons for which keys were skipped.
pub fn reasons(read: &ReadKeys) -> Vec<SkipReason> {
    read.skipped.iter().map(|s| s.reason).collect()
}
