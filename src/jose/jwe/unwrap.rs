//! From the encrypted key of a token to the key of its content, by one private key (RFC 7518 §4).

use aws_lc_rs::aead;
use aws_lc_rs::key_wrap::{self, AesKek, KeyWrap};
use aws_lc_rs::rsa::{OAEP_SHA1_MGF1SHA1, OAEP_SHA256_MGF1SHA256, OaepAlgorithm};

use super::agreement::Ephemeral;
use super::algorithm::KeyManagement;
use super::content;
use super::header::{Header, Parameters};
use super::key::{DecryptionKey, Secret};
use super::sealed::NotOpened;

/// Bytes that AES key wrapping adds (RFC 3394 §2.2.1).
const WRAP_OVERHEAD: usize = 8;

/// The content key, of exactly the length that `enc` needs.
pub fn content_key(
    header: &Header,
    encrypted_key: &[u8],
    key: &DecryptionKey,
) -> Result<Vec<u8>, NotOpened> {
    let wanted = header.encryption.key_bytes();
    let content_key = match (key.secret(), &header.parameters) {
        (Secret::Rsa(rsa), _) => {
            let algorithm = oaep(header.algorithm).ok_or(NotOpened::AnotherKey)?;
            let mut buffer = vec![0; rsa.min_output_size()];
            let length = rsa
                .decrypt(algorithm, encrypted_key, &mut buffer, None)
                .map_err(|_| NotOpened::KeyUnwrap)?
                .len();
            buffer.truncate(length);
            buffer
        }
        (Secret::Agreement { private, .. }, Parameters::Agreement(ephemeral)) => {
            agreed(header, encrypted_key, ephemeral, private)?
        }
        (Secret::Shared(secret), parameters) => {
            shared(header.algorithm, encrypted_key, secret, parameters)?
        }
        (Secret::Agreement { .. }, _) => return Err(NotOpened::AnotherKey),
    };
    if content_key.len() != wanted {
        return Err(NotOpened::KeyUnwrap);
    }
    Ok(content_key)
}

fn oaep(algorithm: KeyManagement) -> Option<&'static OaepAlgorithm> {
    match algorithm {
        KeyManagement::RsaOaep => Some(&OAEP_SHA1_MGF1SHA1),
        KeyManagement::RsaOaep256 => Some(&OAEP_SHA256_MGF1SHA256),
        _ => None,
    }
}

fn agreed(
    header: &Header,
    encrypted_key: &[u8],
    ephemeral: &Ephemeral,
    private: &aws_lc_rs::agreement::PrivateKey,
) -> Result<Vec<u8>, NotOpened> {
    match header.algorithm.wrapping_key_bytes() {
        Some(bytes) => {
            let wrapping = ephemeral.derive(private, header.algorithm.name(), bytes)?;
            unwrap(&wrapping, encrypted_key)
        }
        // RFC 7516 §5.2, step 10: there must be no encrypted key; `DecryptionKey::fits` has seen to it.
        None => ephemeral.derive(
            private,
            header.encryption.name(),
            header.encryption.key_bytes(),
        ),
    }
}

fn shared(
    algorithm: KeyManagement,
    encrypted_key: &[u8],
    secret: &[u8],
    parameters: &Parameters,
) -> Result<Vec<u8>, NotOpened> {
    match (algorithm, parameters) {
        (KeyManagement::Dir, _) => Ok(secret.to_vec()),
        (KeyManagement::A128Kw | KeyManagement::A256Kw, _) => unwrap(secret, encrypted_key),
        (KeyManagement::A128GcmKw, Parameters::GcmWrap { iv, tag }) => {
            gcm_unwrap(&aead::AES_128_GCM, secret, iv, encrypted_key, tag)
        }
        (KeyManagement::A256GcmKw, Parameters::GcmWrap { iv, tag }) => {
            gcm_unwrap(&aead::AES_256_GCM, secret, iv, encrypted_key, tag)
        }
        _ => Err(NotOpened::AnotherKey),
    }
}

fn gcm_unwrap(
    algorithm: &'static aead::Algorithm,
    secret: &[u8],
    iv: &[u8],
    encrypted_key: &[u8],
    tag: &[u8],
) -> Result<Vec<u8>, NotOpened> {
    content::gcm(algorithm, secret, iv, &[], encrypted_key.to_vec(), tag)
        .map_err(|_| NotOpened::KeyUnwrap)
}

/// AES key wrapping (RFC 3394).
fn unwrap(wrapping: &[u8], encrypted_key: &[u8]) -> Result<Vec<u8>, NotOpened> {
    let cipher = match wrapping.len() {
        16 => &key_wrap::AES_128,
        32 => &key_wrap::AES_256,
        _ => return Err(NotOpened::AnotherKey),
    };
    let wrapping = AesKek::new(cipher, wrapping).map_err(|_| NotOpened::KeyUnwrap)?;
    let mut content_key = vec![0; encrypted_key.len().saturating_sub(WRAP_OVERHEAD)];
    let length = wrapping
        .unwrap(encrypted_key, &mut content_key)
        .map_err(|_| NotOpened::KeyUnwrap)?
        .len();
    content_key.truncate(length);
    Ok(content_key)
}
