//! The content of a token: its tag is checked, then it is decrypted (RFC 7518 §5).

use aws_lc_rs::aead::{self, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::cipher::{self, DecryptionContext, PaddedBlockDecryptingKey, UnboundCipherKey};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac;

use super::algorithm::Encryption;

/// The tag is not of this content under this key, or a length is not what it must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAuthentic;

/// The plaintext. `key` and `iv` and `tag` must have exactly the lengths of `encryption`.
pub fn open(
    encryption: Encryption,
    key: &[u8],
    iv: &[u8],
    associated_data: &[u8],
    ciphertext: Vec<u8>,
    tag: &[u8],
) -> Result<Vec<u8>, NotAuthentic> {
    if key.len() != encryption.key_bytes()
        || iv.len() != encryption.iv_bytes()
        || tag.len() != encryption.tag_bytes()
    {
        return Err(NotAuthentic);
    }
    let gcm = |algorithm, ciphertext| gcm(algorithm, key, iv, associated_data, ciphertext, tag);
    let cbc = |block, hash, ciphertext| {
        let algorithm = Cbc { block, hash };
        algorithm.open(key, iv, associated_data, ciphertext, tag)
    };
    match encryption {
        Encryption::A128Gcm => gcm(&aead::AES_128_GCM, ciphertext),
        Encryption::A192Gcm => gcm(&aead::AES_192_GCM, ciphertext),
        Encryption::A256Gcm => gcm(&aead::AES_256_GCM, ciphertext),
        Encryption::A128CbcHs256 => cbc(&cipher::AES_128, hmac::HMAC_SHA256, ciphertext),
        Encryption::A192CbcHs384 => cbc(&cipher::AES_192, hmac::HMAC_SHA384, ciphertext),
        Encryption::A256CbcHs512 => cbc(&cipher::AES_256, hmac::HMAC_SHA512, ciphertext),
    }
}

/// AES-GCM with a nonce of 96 and a tag of 128 bits (RFC 7518 §5.3); also for wrapped keys (§4.7).
pub fn gcm(
    algorithm: &'static aead::Algorithm,
    key: &[u8],
    iv: &[u8],
    associated_data: &[u8],
    mut ciphertext: Vec<u8>,
    tag: &[u8],
) -> Result<Vec<u8>, NotAuthentic> {
    let key = UnboundKey::new(algorithm, key).map_err(|_| NotAuthentic)?;
    let nonce = Nonce::try_assume_unique_for_key(iv).map_err(|_| NotAuthentic)?;
    LessSafeKey::new(key)
        .open_in_place_separate_tag(nonce, Aad::from(associated_data), tag, &mut ciphertext)
        .map_err(|_| NotAuthentic)?;
    Ok(ciphertext)
}

/// AES-CBC with HMAC-SHA2 (RFC 7518 §5.2).
struct Cbc {
    block: &'static cipher::Algorithm,
    hash: hmac::Algorithm,
}

impl Cbc {
    /// The tag first, in constant time: what was not made by the sender is never decrypted, so that its padding tells nothing.
    fn open(
        &self,
        key: &[u8],
        iv: &[u8],
        associated_data: &[u8],
        mut ciphertext: Vec<u8>,
        tag: &[u8],
    ) -> Result<Vec<u8>, NotAuthentic> {
        let (mac_key, encryption_key) = key.split_at_checked(key.len() / 2).ok_or(NotAuthentic)?;
        let mut mac = hmac::Context::with_key(&hmac::Key::new(self.hash, mac_key));
        mac.update(associated_data);
        mac.update(iv);
        mac.update(&ciphertext);
        let bits = u64::try_from(associated_data.len()).map_err(|_| NotAuthentic)? * 8;
        mac.update(&bits.to_be_bytes());
        let computed = mac.sign();
        let expected = computed.as_ref().get(..tag.len()).ok_or(NotAuthentic)?;
        verify_slices_are_equal(expected, tag).map_err(|_| NotAuthentic)?;

        let key = UnboundCipherKey::new(self.block, encryption_key).map_err(|_| NotAuthentic)?;
        let iv = iv.try_into().map_err(|_| NotAuthentic)?;
        let length = PaddedBlockDecryptingKey::cbc_pkcs7(key)
            .and_then(|key| key.decrypt(&mut ciphertext, DecryptionContext::Iv128(iv)))
            .map_err(|_| NotAuthentic)?
            .len();
        ciphertext.truncate(length);
        Ok(ciphertext)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_tag_is_refused_whatever_the_length_of_the_ciphertext() {
        let key: Vec<u8> = (0..=0x3f).collect();
        for encryption in Encryption::ALL {
            let key = &key[..encryption.key_bytes()];
            let iv = vec![1; encryption.iv_bytes()];
            let tag = vec![2; encryption.tag_bytes()];
            for ciphertext in [vec![], vec![3; 15], vec![3; 16], vec![3; 32]] {
                let found = open(encryption, key, &iv, b"a", ciphertext, &tag);
                assert_eq!(found, Err(NotAuthentic), "{encryption:?}");
            }
        }
    }

    #[test]
    fn rfc7518_appendix_b_1_opens() {
        let hex = |text: &str| -> Vec<u8> {
            (0..text.len())
                .step_by(2)
                .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
                .collect()
        };
        let key: Vec<u8> = (0..=0x1f).collect();
        let iv = hex("1af38c2dc2b96ffdd86694092341bc04");
        let ciphertext = hex(concat!(
            "c80edfa32ddf39d5ef00c0b468834279a2e46a1b8049f792f76bfe54b903a9c9",
            "a94ac9b47ad2655c5f10f9aef71427e2fc6f9b3f399a221489f16362c7032336",
            "09d45ac69864e3321cf82935ac4096c86e133314c54019e8ca7980dfa4b9cf1b",
            "384c486f3a54c51078158ee5d79de59fbd34d848b3d69550a67646344427ade5",
            "4b8851ffb598f7f80074b9473c82e2db"
        ));
        let tag = hex("652c3fa36b0a7c5b3219fab3a30bc1c4");
        let data = b"The second principle of Auguste Kerckhoffs";
        let plaintext = open(
            Encryption::A128CbcHs256,
            &key,
            &iv,
            data,
            ciphertext.clone(),
            &tag,
        )
        .unwrap();
        assert!(plaintext.starts_with(b"A cipher system must not be required to be secret"));
        for (iv, tag) in [
            (&iv[..], &tag[..15]),
            (&iv[..15], &tag[..]),
            (&iv[..], &[][..]),
        ] {
            let found = open(
                Encryption::A128CbcHs256,
                &key,
                iv,
                data,
                ciphertext.clone(),
                tag,
            );
            assert_eq!(found, Err(NotAuthentic));
        }
    }
}
