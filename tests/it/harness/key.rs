//! Signing keys for tests, and tokens made by hand, so that a test can make what a library would refuse to.

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

pub struct Key {
    pub kid: String,
    pair: EcdsaKeyPair,
}

impl Key {
    pub fn new(kid: &str) -> Self {
        Self {
            kid: kid.to_owned(),
            pair: EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap(),
        }
    }

    pub fn jwk(&self) -> Value {
        let point = self.pair.public_key().as_ref();
        json!({"kty": "EC", "crv": "P-256", "use": "sig", "kid": self.kid, "x": encode(&point[1..33]), "y": encode(&point[33..])})
    }

    /// The public key in PEM.
    pub fn pem(&self) -> String {
        let der: PublicKeyX509Der<'_> = self.pair.public_key().as_der().unwrap();
        format!(
            "-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n",
            STANDARD.encode(der.as_ref())
        )
    }

    pub fn header(&self) -> Value {
        json!({"alg": "ES256", "typ": "JWT", "kid": self.kid})
    }

    /// A token with these claims and the usual header.
    pub fn token(&self, claims: &Value) -> String {
        self.sign(
            self.header().to_string().as_bytes(),
            claims.to_string().as_bytes(),
        )
    }

    /// A validly signed token with this header.
    pub fn token_with(&self, header: &Value, claims: &Value) -> String {
        self.sign(header.to_string().as_bytes(), claims.to_string().as_bytes())
    }

    /// A validly signed token over these very bytes.
    pub fn sign(&self, header: &[u8], payload: &[u8]) -> String {
        self.sign_as(encode, header, payload)
    }

    /// As a load balancer of AWS does it: with padding, which is signed too.
    pub fn padded_token(&self, header: &Value, claims: &Value) -> String {
        let padded = |bytes: &[u8]| URL_SAFE.encode(bytes);
        self.sign_as(
            padded,
            header.to_string().as_bytes(),
            claims.to_string().as_bytes(),
        )
    }

    fn sign_as(&self, encode: impl Fn(&[u8]) -> String, header: &[u8], payload: &[u8]) -> String {
        let input = format!("{}.{}", encode(header), encode(payload));
        let signature = self
            .pair
            .sign(&SystemRandom::new(), input.as_bytes())
            .unwrap();
        format!("{input}.{}", encode(signature.as_ref()))
    }
}

pub fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Claims that hold for the usual configuration; `more` replaces or adds members, null removes them.
pub fn claims(issuer: &str, more: Value) -> Value {
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .as_secs();
    let mut claims =
        json!({"iss": issuer, "aud": "api", "sub": "alice", "iat": now, "exp": now + 600});
    for (name, value) in more.as_object().unwrap() {
        if value.is_null() {
            claims.as_object_mut().unwrap().remove(name);
        } else {
            claims[name] = value.clone();
        }
    }
    claims
}
