//! Private keys that open tokens, and tokens encrypted to them (RSA-OAEP-256 with A256GCM) by the other half of the cryptographic library.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rand;
use aws_lc_rs::rsa::{
    KeySize, OAEP_SHA256_MGF1SHA256, OaepPublicEncryptingKey, PrivateDecryptingKey,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::key::encode;

pub struct Recipient(PrivateDecryptingKey);

impl Recipient {
    pub fn new() -> Self {
        Self(PrivateDecryptingKey::generate(KeySize::Rsa2048).unwrap())
    }

    /// PKCS#8.
    pub fn pem(&self) -> String {
        let der: Pkcs8V1Der<'_> = self.0.as_der().unwrap();
        let text = STANDARD.encode(der.as_ref());
        format!("-----BEGIN PRIVATE KEY-----\n{text}\n-----END PRIVATE KEY-----\n")
    }

    /// `plaintext` encrypted to this key.
    pub fn encrypt(&self, plaintext: &str) -> String {
        let header = json!({"alg": "RSA-OAEP-256", "enc": "A256GCM", "cty": "JWT"});
        self.encrypt_with(&header, plaintext)
    }

    /// The same under any header.
    pub fn encrypt_with(&self, header: &Value, plaintext: &str) -> String {
        let header = encode(header.to_string().as_bytes());
        let (mut content_key, mut iv) = ([0; 32], [0; 12]);
        rand::fill(&mut content_key).unwrap();
        rand::fill(&mut iv).unwrap();
        let public = OaepPublicEncryptingKey::new(self.0.public_key()).unwrap();
        let mut encrypted_key = vec![0; public.ciphertext_size()];
        public
            .encrypt(
                &OAEP_SHA256_MGF1SHA256,
                &content_key,
                &mut encrypted_key,
                None,
            )
            .unwrap();
        let mut text = plaintext.as_bytes().to_vec();
        let tag = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &content_key).unwrap())
            .seal_in_place_separate_tag(
                Nonce::assume_unique_for_key(iv),
                Aad::from(header.as_bytes()),
                &mut text,
            )
            .unwrap();
        let parts = [&encrypted_key[..], &iv, &text, tag.as_ref()].map(encode);
        format!("{header}.{}", parts.join("."))
    }
}
