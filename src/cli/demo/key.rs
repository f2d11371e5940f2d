//! A throw-away signing key and the tokens that it signs.

use std::io;

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

use crate::jose::base64url;

/// A P-256 key that lives as long as the demo.
pub(super) struct DemoKey {
    kid: String,
    signing: EncodingKey,
    /// The uncompressed point: 0x04, x, y (SEC 1 §2.3.3).
    point: Vec<u8>,
}

impl DemoKey {
    pub(super) fn generate(kid: &str) -> io::Result<Self> {
        let failed = |_| io::Error::other("the demo's key could not be made");
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).map_err(failed)?;
        let private = pair.to_pkcs8v1().map_err(failed)?;
        Ok(Self {
            kid: kid.to_owned(),
            signing: EncodingKey::from_ec_der(private.as_ref()),
            point: pair.public_key().as_ref().to_vec(),
        })
    }

    /// The public half (RFC 7518 §6.2.1).
    pub(super) fn jwk(&self) -> Value {
        let coordinate =
            |range: std::ops::Range<usize>| self.point.get(range).map(base64url::encode);
        json!({"kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": self.kid, "x": coordinate(1..33), "y": coordinate(33..65)})
    }

    /// A signed token with these claims.
    pub(super) fn sign(&self, claims: &Value) -> io::Result<String> {
        let header = Header {
            kid: Some(self.kid.clone()),
            ..Header::new(Algorithm::ES256)
        };
        jsonwebtoken::encode(&header, claims, &self.signing).map_err(|error| {
            io::Error::other(format!("the demo's token could not be signed: {error}"))
        })
    }
}
