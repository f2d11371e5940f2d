//! Recipients and encrypted tokens for tests, made by the other half of the cryptographic library. The derivation of keys and the layout of
//! tags are written here a second time, so that a mistake in one of them shows.

use std::sync::LazyLock;

use aws_lc_rs::aead::{self, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::agreement::{self, PrivateKey, UnparsedPublicKey};
use aws_lc_rs::cipher::{self, EncryptionContext, PaddedBlockEncryptingKey, UnboundCipherKey};
use aws_lc_rs::encoding::{AsBigEndian, AsDer, Curve25519SeedBin, EcPrivateKeyBin, Pkcs8V1Der};
use aws_lc_rs::key_wrap::{self, AesKek, KeyWrap};
use aws_lc_rs::rsa::{
    KeySize, OAEP_SHA1_MGF1SHA1, OAEP_SHA256_MGF1SHA256, OaepPublicEncryptingKey,
    PrivateDecryptingKey,
};
use aws_lc_rs::{digest, hmac};
use serde_json::{Value, json};

use super::super::base64url::encode;
use super::super::der::{self, Reader};
use super::{Encryption, KeyManagement};

pub(crate) static RSA: LazyLock<Recipient> = LazyLock::new(Recipient::rsa);
pub(crate) static OTHER_RSA: LazyLock<Recipient> = LazyLock::new(Recipient::rsa);
pub(crate) static P256: LazyLock<Recipient> = LazyLock::new(|| Recipient::agreement("P-256"));
pub(crate) static P384: LazyLock<Recipient> = LazyLock::new(|| Recipient::agreement("P-384"));
pub(crate) static P521: LazyLock<Recipient> = LazyLock::new(|| Recipient::agreement("P-521"));
pub(crate) static X25519: LazyLock<Recipient> = LazyLock::new(|| Recipient::agreement("X25519"));

/// Whoever a token is encrypted to.
pub(crate) enum Recipient {
    Rsa(PrivateDecryptingKey),
    Agreement(&'static str, PrivateKey),
    Shared(Vec<u8>),
}

/// Every pair of an algorithm and an encryption, with a recipient for it.
pub(crate) fn matrix() -> Vec<(KeyManagement, Encryption, &'static Recipient)> {
    static SHARED: LazyLock<[Recipient; 5]> =
        LazyLock::new(|| [16, 24, 32, 48, 64].map(|length| Recipient::Shared(random(length))));
    let shared = |length: usize| {
        SHARED
            .iter()
            .find(|one| matches!(one, Recipient::Shared(secret) if secret.len() == length))
            .unwrap()
    };
    let mut pairs = Vec::new();
    for encryption in Encryption::ALL {
        for algorithm in KeyManagement::ALL {
            use KeyManagement::*;
            let recipients: Vec<&'static Recipient> = match algorithm {
                RsaOaep | RsaOaep256 => vec![&RSA],
                EcdhEs | EcdhEsA128Kw | EcdhEsA256Kw => vec![&P256, &P384, &P521, &X25519],
                A128Kw | A128GcmKw => vec![shared(16)],
                A256Kw | A256GcmKw => vec![shared(32)],
                Dir => vec![shared(encryption.key_bytes())],
            };
            pairs.extend(recipients.into_iter().map(|r| (algorithm, encryption, r)));
        }
    }
    pairs
}

impl Recipient {
    fn rsa() -> Self {
        Self::Rsa(PrivateDecryptingKey::generate(KeySize::Rsa2048).unwrap())
    }

    fn agreement(curve: &'static str) -> Self {
        Self::Agreement(curve, PrivateKey::generate(group(curve)).unwrap())
    }

    /// The private JWK, with more members.
    pub(crate) fn jwk(&self, more: Value) -> Value {
        let mut key = match self {
            Self::Rsa(_) => {
                let names = ["n", "e", "d", "p", "q", "dp", "dq", "qi"];
                let mut key = json!({"kty": "RSA"});
                for (name, number) in names.iter().zip(self.rsa_numbers()) {
                    key[name] = encode(&number).into();
                }
                key
            }
            Self::Agreement("X25519", private) => {
                let seed: Curve25519SeedBin<'_> = private.as_be_bytes().unwrap();
                let public = private.compute_public_key().unwrap();
                json!({"kty": "OKP", "crv": "X25519", "x": encode(public.as_ref()), "d": encode(seed.as_ref())})
            }
            Self::Agreement(curve, private) => {
                let scalar: EcPrivateKeyBin<'_> = private.as_be_bytes().unwrap();
                let mut key = public_point(curve, private);
                key["d"] = encode(scalar.as_ref()).into();
                key
            }
            Self::Shared(secret) => json!({"kty": "oct", "k": encode(secret)}),
        };
        key.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        key
    }

    /// A private JWK set of this key alone.
    pub(crate) fn jwks(&self, more: Value) -> String {
        json!({"keys": [self.jwk(more)]}).to_string()
    }

    /// PKCS#8, except for X25519.
    pub(crate) fn pkcs8(&self) -> Vec<u8> {
        let document: Pkcs8V1Der<'_> = match self {
            Self::Rsa(private) => private.as_der().unwrap(),
            Self::Agreement(_, private) => private.as_der().unwrap(),
            Self::Shared(_) => panic!("no such document"),
        };
        document.as_ref().to_vec()
    }

    /// PKCS#1.
    pub(crate) fn pkcs1(&self) -> Vec<u8> {
        let document = self.pkcs8();
        let mut info = der::only(&document, der::SEQUENCE).unwrap();
        info.expect(der::INTEGER).unwrap();
        info.expect(der::SEQUENCE).unwrap();
        info.expect(der::OCTET_STRING).unwrap().to_vec()
    }

    fn rsa_numbers(&self) -> Vec<Vec<u8>> {
        let document = self.pkcs1();
        let mut numbers: Reader<'_> = der::only(&document, der::SEQUENCE).unwrap();
        let mut next = || {
            der::unsigned(numbers.expect(der::INTEGER).unwrap_or(&[0]))
                .unwrap()
                .to_vec()
        };
        next();
        (0..8).map(|_| next()).collect()
    }
}

/// An encrypted token; `more` are further members of its header, which take the place of their namesakes.
pub(crate) fn encrypt(
    recipient: &Recipient,
    algorithm: KeyManagement,
    encryption: Encryption,
    more: Value,
    plaintext: &[u8],
) -> String {
    let mut header = json!({"alg": algorithm.name(), "enc": encryption.name(), "cty": "JWT"});
    let length = encryption.key_bytes();
    let mut content_key = random(length);
    let encrypted_key = match (recipient, algorithm) {
        (Recipient::Rsa(private), _) => {
            let oaep = match algorithm {
                KeyManagement::RsaOaep => &OAEP_SHA1_MGF1SHA1,
                _ => &OAEP_SHA256_MGF1SHA256,
            };
            let public = OaepPublicEncryptingKey::new(private.public_key()).unwrap();
            let mut output = vec![0; public.ciphertext_size()];
            public
                .encrypt(oaep, &content_key, &mut output, None)
                .unwrap()
                .to_vec()
        }
        (Recipient::Agreement(curve, private), _) => {
            let ephemeral = PrivateKey::generate(group(curve)).unwrap();
            header["epk"] = public_point(curve, &ephemeral);
            header["apu"] = encode(b"Alice").into();
            let (id, bytes) = match algorithm {
                KeyManagement::EcdhEs => (encryption.name(), length),
                KeyManagement::EcdhEsA128Kw => (algorithm.name(), 16),
                _ => (algorithm.name(), 32),
            };
            let public = private.compute_public_key().unwrap();
            let derived = agreement::agree(
                &ephemeral,
                UnparsedPublicKey::new(group(curve), public.as_ref()),
                (),
                |secret| Ok(concat_kdf(secret, id, b"Alice", b"", bytes)),
            )
            .unwrap();
            match algorithm {
                KeyManagement::EcdhEs => {
                    content_key = derived;
                    Vec::new()
                }
                _ => wrap(&derived, &content_key),
            }
        }
        (Recipient::Shared(secret), KeyManagement::Dir) => {
            content_key.clone_from(secret);
            Vec::new()
        }
        (Recipient::Shared(secret), KeyManagement::A128Kw | KeyManagement::A256Kw) => {
            wrap(secret, &content_key)
        }
        (Recipient::Shared(secret), _) => {
            let iv = random(12);
            let (wrapped, tag) = seal_gcm(secret, &iv, b"", &content_key);
            header["iv"] = encode(&iv).into();
            header["tag"] = encode(&tag).into();
            wrapped
        }
    };
    header
        .as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    let header = encode(header.to_string().as_bytes());
    seal(encryption, &header, &encrypted_key, &content_key, plaintext)
}

/// The content under `content_key`, put together with the other parts; `header` is encoded already.
pub(crate) fn seal(
    encryption: Encryption,
    header: &str,
    encrypted_key: &[u8],
    content_key: &[u8],
    plaintext: &[u8],
) -> String {
    let iv;
    let (ciphertext, tag) = match encryption {
        Encryption::A128Gcm | Encryption::A192Gcm | Encryption::A256Gcm => {
            iv = random(12);
            seal_gcm(content_key, &iv, header.as_bytes(), plaintext)
        }
        Encryption::A128CbcHs256 | Encryption::A192CbcHs384 | Encryption::A256CbcHs512 => {
            iv = random(16);
            seal_cbc(content_key, &iv, header.as_bytes(), plaintext)
        }
    };
    let parts = [encrypted_key, &iv, &ciphertext, &tag].map(encode);
    format!("{header}.{}", parts.join("."))
}

fn seal_gcm(key: &[u8], iv: &[u8], data: &[u8], plaintext: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let algorithm = match key.len() {
        16 => &aead::AES_128_GCM,
        24 => &aead::AES_192_GCM,
        _ => &aead::AES_256_GCM,
    };
    let key = LessSafeKey::new(UnboundKey::new(algorithm, key).unwrap());
    let mut text = plaintext.to_vec();
    let nonce = Nonce::try_assume_unique_for_key(iv).unwrap();
    let tag = key
        .seal_in_place_separate_tag(nonce, Aad::from(data), &mut text)
        .unwrap();
    (text, tag.as_ref().to_vec())
}

fn seal_cbc(key: &[u8], iv: &[u8], data: &[u8], plaintext: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let (mac_key, encryption_key) = key.split_at(key.len() / 2);
    let (block, hash) = match encryption_key.len() {
        16 => (&cipher::AES_128, hmac::HMAC_SHA256),
        24 => (&cipher::AES_192, hmac::HMAC_SHA384),
        _ => (&cipher::AES_256, hmac::HMAC_SHA512),
    };
    let cipher =
        PaddedBlockEncryptingKey::cbc_pkcs7(UnboundCipherKey::new(block, encryption_key).unwrap())
            .unwrap();
    let mut text = plaintext.to_vec();
    cipher
        .less_safe_encrypt(&mut text, EncryptionContext::Iv128(iv.try_into().unwrap()))
        .unwrap();
    let length = (data.len() as u64 * 8).to_be_bytes();
    let message = [data, iv, &text, &length].concat();
    let tag = hmac::sign(&hmac::Key::new(hash, mac_key), &message);
    let tag = tag.as_ref()[..mac_key.len()].to_vec();
    (text, tag)
}

fn wrap(wrapping: &[u8], content_key: &[u8]) -> Vec<u8> {
    let cipher = match wrapping.len() {
        16 => &key_wrap::AES_128,
        _ => &key_wrap::AES_256,
    };
    let mut output = vec![0; content_key.len() + 8];
    AesKek::new(cipher, wrapping)
        .unwrap()
        .wrap(content_key, &mut output)
        .unwrap()
        .to_vec()
}

fn concat_kdf(secret: &[u8], id: &str, apu: &[u8], apv: &[u8], bytes: usize) -> Vec<u8> {
    let mut derived = Vec::new();
    for counter in 1u32.. {
        let mut hash = digest::Context::new(&digest::SHA256);
        hash.update(&counter.to_be_bytes());
        hash.update(secret);
        for part in [id.as_bytes(), apu, apv] {
            hash.update(&(part.len() as u32).to_be_bytes());
            hash.update(part);
        }
        hash.update(&(bytes as u32 * 8).to_be_bytes());
        derived.extend(hash.finish().as_ref());
        if derived.len() >= bytes {
            break;
        }
    }
    derived.truncate(bytes);
    derived
}

fn public_point(curve: &str, private: &PrivateKey) -> Value {
    let public = private.compute_public_key().unwrap();
    if curve == "X25519" {
        return json!({"kty": "OKP", "crv": curve, "x": encode(public.as_ref())});
    }
    let point = &public.as_ref()[1..];
    let (x, y) = point.split_at(point.len() / 2);
    json!({"kty": "EC", "crv": curve, "x": encode(x), "y": encode(y)})
}

fn group(curve: &str) -> &'static agreement::Algorithm {
    match curve {
        "P-256" => &agreement::ECDH_P256,
        "P-384" => &agreement::ECDH_P384,
        "P-521" => &agreement::ECDH_P521,
        _ => &agreement::X25519,
    }
}

pub(crate) fn random(length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    aws_lc_rs::rand::fill(&mut bytes).unwrap();
    bytes
}
