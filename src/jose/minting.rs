//! Keys and signatures for tests, made by the other half of the cryptographic library.

use std::sync::LazyLock;

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{self, KeySize};
use aws_lc_rs::signature::{self, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RsaEncoding};
use serde_json::{Value, json};

use super::algorithm::Algorithm;
use super::material::Material;
use super::{base64url, spki};

pub static RSA: LazyLock<Signer> =
    LazyLock::new(|| Signer::Rsa(Box::new(rsa::KeyPair::generate(KeySize::Rsa2048).unwrap())));
pub static P256: LazyLock<Signer> =
    LazyLock::new(|| Signer::ec("P-256", &signature::ECDSA_P256_SHA256_FIXED_SIGNING));
pub static P384: LazyLock<Signer> =
    LazyLock::new(|| Signer::ec("P-384", &signature::ECDSA_P384_SHA384_FIXED_SIGNING));
pub static P521: LazyLock<Signer> =
    LazyLock::new(|| Signer::ec("P-521", &signature::ECDSA_P521_SHA512_FIXED_SIGNING));
pub static ED25519: LazyLock<Signer> =
    LazyLock::new(|| Signer::Ed25519(Ed25519KeyPair::generate().unwrap()));

/// Every kind of public key.
pub fn all() -> [&'static Signer; 5] {
    [&RSA, &P256, &P384, &P521, &ED25519]
}

pub enum Signer {
    Rsa(Box<rsa::KeyPair>),
    Ec(&'static str, EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

impl Signer {
    fn ec(curve: &'static str, algorithm: &'static signature::EcdsaSigningAlgorithm) -> Self {
        Self::Ec(curve, EcdsaKeyPair::generate(algorithm).unwrap())
    }

    /// The public key as a JWK without `alg`, `use` and `kid`.
    pub fn jwk(&self) -> Value {
        match self {
            Self::Rsa(pair) => {
                let Ok(Material::Rsa { modulus, exponent }) =
                    spki::from_pkcs1(pair.public_key().as_ref())
                else {
                    panic!("an RSA key");
                };
                json!({"kty": "RSA", "n": base64url::encode(&modulus), "e": base64url::encode(&exponent)})
            }
            Self::Ec(curve, pair) => {
                let (x, y) = {
                    let point = &pair.public_key().as_ref()[1..];
                    point.split_at(point.len() / 2)
                };
                json!({"kty": "EC", "crv": curve, "x": base64url::encode(x), "y": base64url::encode(y)})
            }
            Self::Ed25519(pair) => {
                json!({"kty": "OKP", "crv": "Ed25519", "x": base64url::encode(pair.public_key().as_ref())})
            }
        }
    }

    /// The JWK with more members.
    pub fn jwk_with(&self, more: Value) -> Value {
        let mut key = self.jwk();
        key.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        key
    }

    /// The public key as a DER SPKI.
    pub fn spki(&self) -> Vec<u8> {
        let document = match self {
            Self::Rsa(pair) => pair.public_key().as_der(),
            Self::Ec(_, pair) => pair.public_key().as_der(),
            Self::Ed25519(pair) => pair.public_key().as_der(),
        };
        document.unwrap().as_ref().to_vec()
    }

    /// The public key in its own bare form: PKCS#1, point, or 32 bytes.
    pub fn bare(&self) -> Vec<u8> {
        match self {
            Self::Rsa(pair) => pair.public_key().as_ref().to_vec(),
            Self::Ec(_, pair) => pair.public_key().as_ref().to_vec(),
            Self::Ed25519(pair) => pair.public_key().as_ref().to_vec(),
        }
    }

    /// What the key can sign with.
    pub fn algorithms(&self) -> Vec<Algorithm> {
        use Algorithm::*;
        match self {
            Self::Rsa(_) => vec![Rs256, Rs384, Rs512, Ps256, Ps384, Ps512],
            Self::Ec("P-256", _) => vec![Es256],
            Self::Ec("P-384", _) => vec![Es384],
            Self::Ec(..) => vec![Es512],
            Self::Ed25519(_) => vec![EdDsa, Ed25519],
        }
    }

    /// A signature by one of [`Self::algorithms`].
    pub fn sign(&self, algorithm: Algorithm, message: &[u8]) -> Vec<u8> {
        assert!(self.algorithms().contains(&algorithm));
        let random = SystemRandom::new();
        match self {
            Self::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(rsa_encoding(algorithm), &random, message, &mut signature)
                    .unwrap();
                signature
            }
            Self::Ec(_, pair) => pair.sign(&random, message).unwrap().as_ref().to_vec(),
            Self::Ed25519(pair) => pair.sign(message).as_ref().to_vec(),
        }
    }
}

/// An HMAC under any key.
pub fn mac(algorithm: Algorithm, secret: &[u8], message: &[u8]) -> Vec<u8> {
    let hmac = match algorithm {
        Algorithm::Hs256 => hmac::HMAC_SHA256,
        Algorithm::Hs384 => hmac::HMAC_SHA384,
        Algorithm::Hs512 => hmac::HMAC_SHA512,
        _ => panic!("{algorithm:?}"),
    };
    hmac::sign(&hmac::Key::new(hmac, secret), message)
        .as_ref()
        .to_vec()
}

/// A PEM section (RFC 7468) with this line ending.
pub fn pem(label: &str, der: &[u8], line_end: &str) -> String {
    use base64::Engine;
    let encoded = base64::engine::general_purpose::STANDARD.encode(der);
    let lines: Vec<&str> = encoded
        .as_bytes()
        .chunks(64)
        .map(|line| std::str::from_utf8(line).unwrap())
        .collect();
    format!(
        "-----BEGIN {label}-----{line_end}{}{line_end}-----END {label}-----{line_end}",
        lines.join(line_end)
    )
}

fn rsa_encoding(algorithm: Algorithm) -> &'static dyn RsaEncoding {
    match algorithm {
        Algorithm::Rs256 => &signature::RSA_PKCS1_SHA256,
        Algorithm::Rs384 => &signature::RSA_PKCS1_SHA384,
        Algorithm::Rs512 => &signature::RSA_PKCS1_SHA512,
        Algorithm::Ps256 => &signature::RSA_PSS_SHA256,
        Algorithm::Ps384 => &signature::RSA_PSS_SHA384,
        Algorithm::Ps512 => &signature::RSA_PSS_SHA512,
        _ => panic!("{algorithm:?}"),
    }
}
