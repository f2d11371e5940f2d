//! Tokens, keys and configurations for tests. Signatures are made by aws-lc-rs and texts are encoded by the `base64` crate: nothing of
//! what is tested takes part in making what it is tested with.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{self, EcdsaKeyPair, Ed25519KeyPair, KeyPair};
use aws_lc_rs::{digest, hmac};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::token::Parts;
use super::{
    Attachment, IssuerConfig, Lifetime, Outcome, Rejection, Tolerance, VerifiedToken, Verifier,
};
use crate::clock::{Moment, UnixTime};
use crate::jose::algorithm::{Algorithm, AlgorithmSet};
use crate::jose::json::{self, Object};
use crate::jose::jwk::{self, KeyPolicy};
use crate::jose::key::VerificationKey;
use crate::keys::{DecryptionId, DecryptionKeySet, KeyLookup, KeySet, SourceId};
use crate::provider::{ClaimNames, Findings, Profile, claim_path, oidc};

/// 2027-01-15T08:00:00Z.
pub(crate) const NOW: i64 = 1_800_000_000;
pub(crate) const ISSUER: &str = "https://id.example";
pub(crate) const AUDIENCE: &str = "api";
/// Of every verifier made here.
pub(crate) const MAX_TOKEN_BYTES: usize = 16 * 1024;

/// The wall clock at `seconds`; the other clock does not matter.
pub(crate) fn at(seconds: i64) -> Moment {
    Moment {
        wall: UnixTime(seconds),
        monotonic: Duration::from_secs(1_000),
    }
}

pub(crate) fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// A private key. Made once a process for each name: generating RSA keys is slow.
pub(crate) enum Signer {
    Rsa(RsaKeyPair),
    Ecdsa(EcdsaKeyPair, Algorithm),
    Ed25519(Ed25519KeyPair),
    Secret(Vec<u8>),
}

macro_rules! signers {
    ($($name:ident: $make:expr;)*) => {$(
        pub(crate) fn $name() -> &'static Signer {
            static SIGNER: OnceLock<Signer> = OnceLock::new();
            SIGNER.get_or_init(|| $make)
        }
    )*};
}

signers! {
    rsa: Signer::Rsa(RsaKeyPair::generate(KeySize::Rsa2048).unwrap());
    other_rsa: Signer::Rsa(RsaKeyPair::generate(KeySize::Rsa2048).unwrap());
    es256: ecdsa(Algorithm::Es256);
    other_es256: ecdsa(Algorithm::Es256);
    es384: ecdsa(Algorithm::Es384);
    es512: ecdsa(Algorithm::Es512);
    ed25519: Signer::Ed25519(Ed25519KeyPair::generate().unwrap());
    secret: Signer::Secret(b"a secret of exactly 64 bytes, which is enough for SHA-512 as well".to_vec());
}

fn ecdsa(algorithm: Algorithm) -> Signer {
    let kind = match algorithm {
        Algorithm::Es256 => &signature::ECDSA_P256_SHA256_FIXED_SIGNING,
        Algorithm::Es384 => &signature::ECDSA_P384_SHA384_FIXED_SIGNING,
        _ => &signature::ECDSA_P521_SHA512_FIXED_SIGNING,
    };
    Signer::Ecdsa(EcdsaKeyPair::generate(kind).unwrap(), algorithm)
}

impl Signer {
    /// The signature of `message`, in the form that a token has. An elliptic curve key signs as its curve wants it, whatever `algorithm` says.
    pub(crate) fn sign(&self, algorithm: Algorithm, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match self {
            Self::Rsa(key) => {
                let padding: &dyn signature::RsaEncoding = match algorithm {
                    Algorithm::Rs384 => &signature::RSA_PKCS1_SHA384,
                    Algorithm::Rs512 => &signature::RSA_PKCS1_SHA512,
                    Algorithm::Ps256 => &signature::RSA_PSS_SHA256,
                    Algorithm::Ps384 => &signature::RSA_PSS_SHA384,
                    Algorithm::Ps512 => &signature::RSA_PSS_SHA512,
                    _ => &signature::RSA_PKCS1_SHA256,
                };
                let mut signature = vec![0; key.public_modulus_len()];
                key.sign(padding, &random, message, &mut signature).unwrap();
                signature
            }
            Self::Ecdsa(key, _) => key.sign(&random, message).unwrap().as_ref().to_vec(),
            Self::Ed25519(key) => key.sign(message).as_ref().to_vec(),
            Self::Secret(secret) => hmac_of(algorithm, secret, message),
        }
    }

    /// The public key as a JWK without `kid` and `alg`, members to be added by the caller.
    fn public_members(&self) -> String {
        match self {
            Self::Rsa(key) => {
                let (n, e) = rsa_numbers(key);
                format!(r#""kty":"RSA","n":"{}","e":"{}""#, encode(n), encode(e))
            }
            Self::Ecdsa(key, algorithm) => {
                let point = &key.public_key().as_ref()[1..];
                let (x, y) = point.split_at(point.len() / 2);
                let curve = match algorithm {
                    Algorithm::Es256 => "P-256",
                    Algorithm::Es384 => "P-384",
                    _ => "P-521",
                };
                format!(
                    r#""kty":"EC","crv":"{curve}","x":"{}","y":"{}""#,
                    encode(x),
                    encode(y)
                )
            }
            Self::Ed25519(key) => format!(
                r#""kty":"OKP","crv":"Ed25519","x":"{}""#,
                encode(key.public_key().as_ref())
            ),
            Self::Secret(secret) => format!(r#""kty":"oct","k":"{}""#, encode(secret)),
        }
    }

    /// The public key as a JWK; `more` are further members, such as `"kid":"k1"`.
    pub(crate) fn jwk(&self, more: &str) -> String {
        let comma = if more.is_empty() { "" } else { "," };
        format!("{{{}{comma}{more}}}", self.public_members())
    }

    /// SubjectPublicKeyInfo.
    pub(crate) fn spki(&self) -> Vec<u8> {
        match self {
            Self::Rsa(key) => key.public_key().as_der().unwrap().as_ref().to_vec(),
            Self::Ecdsa(key, _) => key.public_key().as_der().unwrap().as_ref().to_vec(),
            Self::Ed25519(key) => key.public_key().as_der().unwrap().as_ref().to_vec(),
            Self::Secret(_) => Vec::new(),
        }
    }

    /// Modulus, or the coordinates of the point: what a confused verifier might take for a secret.
    pub(crate) fn raw_public(&self) -> Vec<u8> {
        match self {
            Self::Rsa(key) => rsa_numbers(key).0,
            Self::Ecdsa(key, _) => key.public_key().as_ref()[1..].to_vec(),
            Self::Ed25519(key) => key.public_key().as_ref().to_vec(),
            Self::Secret(secret) => secret.clone(),
        }
    }

    /// PKCS#1 `RSAPublicKey`.
    pub(crate) fn pkcs1(&self) -> Vec<u8> {
        match self {
            Self::Rsa(key) => key.public_key().as_ref().to_vec(),
            _ => Vec::new(),
        }
    }
}

/// Of a 2048-bit key: the DER of two integers has its lengths at fixed places.
fn rsa_numbers(key: &RsaKeyPair) -> (Vec<u8>, Vec<u8>) {
    let der = key.public_key().as_ref();
    assert_eq!(der[..9], [0x30, 0x82, 1, 0x0a, 2, 0x82, 1, 1, 0]);
    (der[9..265].to_vec(), der[267..].to_vec())
}

/// One that makes signatures of this algorithm.
pub(crate) fn signer_of(algorithm: Algorithm) -> &'static Signer {
    match algorithm {
        Algorithm::Rs256 | Algorithm::Rs384 | Algorithm::Rs512 => rsa(),
        Algorithm::Ps256 | Algorithm::Ps384 | Algorithm::Ps512 => rsa(),
        Algorithm::Es256 => es256(),
        Algorithm::Es384 => es384(),
        Algorithm::Es512 => es512(),
        Algorithm::EdDsa | Algorithm::Ed25519 => ed25519(),
        Algorithm::Hs256 | Algorithm::Hs384 | Algorithm::Hs512 => secret(),
    }
}

/// The keys of [`signer_of`] for every algorithm, without names.
pub(crate) fn keys_for_every_algorithm() -> Vec<VerificationKey> {
    let signers = [rsa(), es256(), es384(), es512(), ed25519()];
    let mut keys = public_keys(&signers.map(|signer| signer.jwk("")));
    if let Signer::Secret(bytes) = secret() {
        keys.push(VerificationKey::from_secret(bytes, AlgorithmSet::symmetric()).unwrap());
    }
    keys
}

pub(crate) fn hmac_of(algorithm: Algorithm, secret: &[u8], message: &[u8]) -> Vec<u8> {
    let hash = match algorithm {
        Algorithm::Hs384 => hmac::HMAC_SHA384,
        Algorithm::Hs512 => hmac::HMAC_SHA512,
        _ => hmac::HMAC_SHA256,
    };
    hmac::sign(&hmac::Key::new(hash, secret), message)
        .as_ref()
        .to_vec()
}

/// PEM with `newline` between lines.
pub(crate) fn pem(label: &str, der: &[u8], newline: &str) -> String {
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    let lines: Vec<_> = text
        .as_bytes()
        .chunks(64)
        .map(|line| std::str::from_utf8(line).unwrap())
        .collect();
    format!(
        "-----BEGIN {label}-----{newline}{}{newline}-----END {label}-----{newline}",
        lines.join(newline)
    )
}

/// A token of exactly these texts.
pub(crate) fn mint(signer: &Signer, algorithm: Algorithm, header: &str, claims: &str) -> String {
    let input = format!("{}.{}", encode(header), encode(claims));
    let signature = encode(signer.sign(algorithm, input.as_bytes()));
    format!("{input}.{signature}")
}

/// Claims that every check of [`oidc_issuer`] accepts at [`NOW`], with `more` members; a member of `more` takes the place of its namesake.
pub(crate) fn claims(more: &str) -> String {
    let own = [
        ("iss", format!("\"{ISSUER}\"")),
        ("aud", format!("\"{AUDIENCE}\"")),
        ("sub", "\"alice\"".to_owned()),
        ("exp", (NOW + 600).to_string()),
        ("iat", (NOW - 60).to_string()),
    ];
    let mut members: Vec<_> = own
        .into_iter()
        .filter(|(name, _)| !more.contains(&format!("\"{name}\":")))
        .map(|(name, value)| format!("\"{name}\":{value}"))
        .collect();
    if !more.is_empty() {
        members.push(more.to_owned());
    }
    format!("{{{}}}", members.join(","))
}

/// Claims as [`claims`] makes them, without the member `name`.
pub(crate) fn claims_without(name: &str) -> String {
    let all = json::parse_object(claims("").as_bytes()).unwrap();
    let rest: Object = all
        .iter()
        .filter(|(member, _)| *member != name)
        .map(|(member, value)| (member.into(), value.clone()))
        .collect();
    rest.to_ascii()
}

/// A good token for [`verifier`] with [`keys`]: RS256, kid `k1`, with `more` claims.
pub(crate) fn good(more: &str) -> String {
    mint(
        rsa(),
        Algorithm::Rs256,
        r#"{"alg":"RS256","kid":"k1","typ":"JWT"}"#,
        &claims(more),
    )
}

/// An issuer of the plain provider that accepts [`AUDIENCE`] and every asymmetric algorithm; its keys are source 0.
pub(crate) fn oidc_issuer() -> IssuerConfig {
    named_issuer("main", ISSUER, 0)
}

pub(crate) fn named_issuer(name: &str, iss: &str, source: usize) -> IssuerConfig {
    let profile = oidc::profile(oidc::Settings {
        issuer: iss.to_owned(),
    })
    .unwrap();
    issuer_of(name, profile, &[source])
}

/// An issuer of any profile, with its defaults.
pub(crate) fn issuer_of(name: &str, profile: Profile, sources: &[usize]) -> IssuerConfig {
    IssuerConfig {
        name: name.into(),
        sources: sources.iter().map(|source| SourceId(*source)).collect(),
        algorithms: profile.algorithms,
        token_types: vec!["jwt".to_owned(), "at+jwt".to_owned()],
        audiences: Some(vec![AUDIENCE.to_owned()]),
        leeway: 30,
        max_age: None,
        required_claims: Vec::new(),
        unverified_email: false,
        decryption: None,
        bindings: Arc::default(),
        profile,
    }
}

pub(crate) fn verifier() -> Verifier {
    verifier_of(vec![oidc_issuer()])
}

pub(crate) fn verifier_of(issuers: Vec<IssuerConfig>) -> Verifier {
    Verifier::new(issuers, MAX_TOKEN_BYTES)
}

/// The key sets by source; a source without an entry never had keys, or they are too old.
#[derive(Default)]
pub(crate) struct TestKeys {
    sets: HashMap<usize, Arc<KeySet>>,
    private: HashMap<usize, Arc<DecryptionKeySet>>,
    /// Changes so far: generations never come again.
    changes: u64,
}

impl TestKeys {
    /// Puts the keys of a JWK set made of `jwks` in place of what `source` had, as the next generation.
    pub(crate) fn set(&mut self, source: usize, jwks: &[String]) -> &mut Self {
        self.put(source, key_set(jwks))
    }

    pub(crate) fn put(&mut self, source: usize, mut set: KeySet) -> &mut Self {
        self.changes += 1;
        set.generation = self.changes;
        self.sets.insert(source, Arc::new(set));
        self
    }

    /// Puts the keys of a private JWK set in place of what decryption source `source` had.
    pub(crate) fn decrypt_with(&mut self, source: usize, jwks: &str) -> &mut Self {
        let read = crate::keys::decryption::parse(jwks.as_bytes()).unwrap();
        assert!(read.skipped.is_empty(), "{:?}", read.skipped);
        let set = DecryptionKeySet::new(read.keys);
        self.private.insert(source, Arc::new(set));
        self
    }

    /// The keys of `source` have become too old to trust.
    pub(crate) fn lose(&mut self, source: usize) {
        self.sets.remove(&source);
    }
}

impl KeyLookup for TestKeys {
    fn key_set(&self, source: SourceId, _monotonic: Duration) -> Option<Arc<KeySet>> {
        self.sets.get(&source.0).cloned()
    }

    fn decryption_keys(&self, source: DecryptionId) -> Option<Arc<DecryptionKeySet>> {
        self.private.get(&source.0).cloned()
    }
}

/// A set as it would be read from a document.
pub(crate) fn key_set(jwks: &[String]) -> KeySet {
    KeySet::fixed(public_keys(jwks), false)
}

pub(crate) fn public_keys(jwks: &[String]) -> Vec<VerificationKey> {
    let document = format!("{{\"keys\":[{}]}}", jwks.join(","));
    let read = jwk::read_set(document.as_bytes(), &KeyPolicy::default()).unwrap();
    read.keys
}

/// Source 0 holds [`rsa`] as `k1`.
pub(crate) fn keys() -> TestKeys {
    let mut keys = TestKeys::default();
    keys.set(0, &[rsa().jwk(r#""kid":"k1""#)]);
    keys
}

/// The reason of a refusal, or `ok`; what needs keys is refused as it would be when fetching changes nothing.
pub(crate) fn verdict(outcome: &Outcome) -> &'static str {
    refusal(outcome).map_or("ok", |rejection| rejection.reason().name())
}

pub(crate) fn refusal(outcome: &Outcome) -> Option<&Rejection> {
    match outcome {
        Outcome::Verified(_) => None,
        Outcome::Rejected { rejection, .. } => Some(rejection),
        Outcome::NeedsKeys { otherwise, .. } => Some(otherwise),
    }
}

/// What a provider calls the claims, with a second choice and a path for some.
pub(crate) fn claim_names() -> ClaimNames {
    let one = |name| vec![claim_path(&[name])];
    let two = |first: &[&'static str], second: &[&'static str]| {
        vec![claim_path(first), claim_path(second)]
    };
    ClaimNames {
        username: two(&["preferred_username"], &["upn"]),
        email: one("email"),
        name: one("name"),
        groups: one("groups"),
        roles: two(&["realm_access", "roles"], &["roles"]),
        scope: two(&["scope"], &["scp"]),
        tenant: one("tid"),
    }
}

/// A token with these claims, proven by nothing, for the tests of what comes after verification.
pub(crate) fn proven(claims: Object, claim_names: ClaimNames, findings: Findings) -> VerifiedToken {
    VerifiedToken::prove(parts(claims, claim_names, findings))
}

/// One that is good until then, with a leeway of 30 s after `exp`, and without `max_age`.
pub(crate) fn proven_until(end: i64) -> VerifiedToken {
    let lifetime = Lifetime {
        expires: UnixTime(end - 30),
        not_before: None,
        issued: None,
    };
    let tolerance = Tolerance {
        leeway: 30,
        max_age: None,
    };
    proven_for(lifetime, tolerance)
}

pub(crate) fn proven_for(lifetime: Lifetime, tolerance: Tolerance) -> VerifiedToken {
    VerifiedToken::prove(Parts {
        lifetime,
        tolerance,
        ..parts(
            Object::default(),
            ClaimNames::default(),
            Findings::default(),
        )
    })
}

/// As the cache does it.
pub(crate) fn attach(
    token: &mut VerifiedToken,
    make: impl FnOnce(&VerifiedToken) -> Option<Attachment>,
) {
    let attachment = make(token);
    token.attach(attachment);
}

fn parts(claims: Object, claim_names: ClaimNames, findings: Findings) -> Parts {
    Parts {
        issuer: "main".into(),
        issuer_index: 0,
        claim_names: Arc::new(claim_names),
        claims,
        findings,
        lifetime: Lifetime {
            expires: UnixTime(NOW + 600),
            not_before: None,
            issued: None,
        },
        tolerance: Tolerance {
            leeway: 30,
            max_age: None,
        },
        bindings: Arc::default(),
        algorithm: Algorithm::Rs256,
        kid: Some("k1".into()),
        source: SourceId(0),
        key_set_generation: 1,
        key_fingerprint: [0; 32],
        key_good_until: None,
        opened_by: None,
    }
}

pub(crate) fn sha256(bytes: &[u8]) -> Vec<u8> {
    digest::digest(&digest::SHA256, bytes).as_ref().to_vec()
}
