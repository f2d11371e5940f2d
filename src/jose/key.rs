//! One key that can verify signatures, parsed once.

use aws_lc_rs::{digest, hmac};

use super::algorithm::{Algorithm, AlgorithmSet};
use super::jwk::SkipReason;
use super::material::{Material, Verifier};

/// A public key or shared secret with what is known about it. Its Debug shows no key material.
pub struct VerificationKey {
    pub kid: Option<Box<str>>,
    /// `x5t` as the key set writes it.
    pub x5t: Option<Box<str>>,
    pub x5t_s256: Option<Box<str>>,
    /// The `issuer` member of Entra's v2.0 key documents, as written.
    pub issuer: Option<Box<str>>,
    /// What the key can verify: by its type, narrowed by its own `alg`.
    pub algorithms: AlgorithmSet,
    /// SHA-256 of the key material and `algorithms`: the same key has the same fingerprint, whatever its kid.
    pub fingerprint: [u8; 32],
    verifiers: Verifiers,
}

/// A key is one or the other for ever: no token can turn a public key into a secret.
enum Verifiers {
    Public {
        verifiers: Box<[Verifier]>,
        /// As it was read, so that it can be written down again.
        material: Material,
    },
    Secret(Box<[(Algorithm, hmac::Key)]>),
}

/// The secret is shorter than the hash of an algorithm that it is meant for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SecretTooShort {
    pub algorithm: Algorithm,
    pub needed_bytes: usize,
    pub found_bytes: usize,
}

impl std::fmt::Display for SecretTooShort {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            formatter,
            "a secret of {} bytes is too short for `{}`, which needs {}",
            self.found_bytes,
            self.algorithm.name(),
            self.needed_bytes
        )
    }
}

impl std::error::Error for SecretTooShort {}

impl VerificationKey {
    /// True when `signature` over `message` is by this key under `algorithm`, which must be in `algorithms`.
    pub fn verifies(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        if !self.algorithms.contains(algorithm) {
            return false;
        }
        match &self.verifiers {
            Verifiers::Public { verifiers, .. } => verifiers
                .iter()
                .find(|v| v.algorithm == algorithm)
                // A wrong length ends here, before anything is copied or converted.
                .filter(|v| v.signature_bytes == signature.len())
                .is_some_and(|v| v.key.verify_sig(message, signature).is_ok()),
            Verifiers::Secret(keys) => keys
                .iter()
                .find(|(a, _)| *a == algorithm)
                // Constant time in the tag.
                .is_some_and(|(_, key)| hmac::verify(key, message, signature).is_ok()),
        }
    }

    /// A shared secret for HS256/384/512: those algorithms of `wanted` whose hash is not longer than the secret (RFC 7518 §3.2).
    ///
    /// An error when it is too short for all of them; of a `wanted` without any HS algorithm comes a key that verifies nothing.
    pub fn from_secret(secret: &[u8], wanted: AlgorithmSet) -> Result<Self, SecretTooShort> {
        let (fitting, too_long): (Vec<_>, Vec<_>) = wanted
            .iter()
            .filter_map(|algorithm| Some((algorithm, hmac_algorithm(algorithm)?)))
            .partition(|(_, hmac)| hmac.digest_algorithm().output_len() <= secret.len());
        if let (true, Some((algorithm, hmac))) = (fitting.is_empty(), too_long.first()) {
            return Err(SecretTooShort {
                algorithm: *algorithm,
                needed_bytes: hmac.digest_algorithm().output_len(),
                found_bytes: secret.len(),
            });
        }
        let keys: Box<[_]> = fitting
            .into_iter()
            .map(|(algorithm, hmac)| (algorithm, hmac::Key::new(hmac, secret)))
            .collect();
        let algorithms = keys.iter().map(|(algorithm, _)| *algorithm).collect();
        let fingerprint = fingerprint(algorithms, |context| {
            context.update(b"oct");
            context.update(secret);
        });
        Ok(Self::new(algorithms, fingerprint, Verifiers::Secret(keys)))
    }

    /// A public key for all that its type can verify, or only for its own `alg`.
    pub(super) fn from_material(
        material: &Material,
        alg: Option<Algorithm>,
        allow_public_default_key: bool,
    ) -> Result<Self, SkipReason> {
        let algorithms = match alg {
            Some(alg) => material.algorithms().intersection(AlgorithmSet::of(&[alg])),
            None => material.algorithms(),
        };
        if algorithms.is_empty() {
            return Err(SkipReason::Malformed);
        }
        material.check_strength(allow_public_default_key)?;
        let verifiers = Verifiers::Public {
            verifiers: material.verifiers(algorithms)?,
            material: material.clone(),
        };
        let fingerprint = fingerprint(algorithms, |context| material.absorb(context));
        Ok(Self::new(algorithms, fingerprint, verifiers))
    }

    /// The numbers of a public key. A secret has none: what writes keys down cannot write one.
    pub(super) fn material(&self) -> Option<&Material> {
        match &self.verifiers {
            Verifiers::Public { material, .. } => Some(material),
            Verifiers::Secret(_) => None,
        }
    }

    fn new(algorithms: AlgorithmSet, fingerprint: [u8; 32], verifiers: Verifiers) -> Self {
        Self {
            kid: None,
            x5t: None,
            x5t_s256: None,
            issuer: None,
            algorithms,
            fingerprint,
            verifiers,
        }
    }
}

fn hmac_algorithm(algorithm: Algorithm) -> Option<hmac::Algorithm> {
    match algorithm {
        Algorithm::Hs256 => Some(hmac::HMAC_SHA256),
        Algorithm::Hs384 => Some(hmac::HMAC_SHA384),
        Algorithm::Hs512 => Some(hmac::HMAC_SHA512),
        Algorithm::Rs256
        | Algorithm::Rs384
        | Algorithm::Rs512
        | Algorithm::Ps256
        | Algorithm::Ps384
        | Algorithm::Ps512
        | Algorithm::Es256
        | Algorithm::Es384
        | Algorithm::Es512
        | Algorithm::EdDsa
        | Algorithm::Ed25519 => None,
    }
}

fn fingerprint(
    algorithms: AlgorithmSet,
    absorb_material: impl FnOnce(&mut digest::Context),
) -> [u8; 32] {
    let mut context = digest::Context::new(&digest::SHA256);
    for algorithm in algorithms.iter() {
        context.update(algorithm.name().as_bytes());
        context.update(b" ");
    }
    context.update(b"\n");
    absorb_material(&mut context);
    let mut fingerprint = [0; 32];
    for (to, from) in fingerprint.iter_mut().zip(context.finish().as_ref()) {
        *to = *from;
    }
    fingerprint
}

impl std::fmt::Debug for VerificationKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("VerificationKey")
            .field("kid", &self.kid)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::jwk::{KeyPolicy, read_set};
    use super::super::minting::{self, Signer};
    use super::*;

    const MESSAGE: &[u8] = b"eyJhbGciOiJ4In0.eyJzdWIiOiJ4In0";

    fn key(jwk: Value) -> VerificationKey {
        let set = json!({"keys": [jwk]}).to_string();
        let mut read = read_set(set.as_bytes(), &KeyPolicy::default()).unwrap();
        assert!(read.skipped.is_empty(), "{:?}", read.skipped);
        read.keys.pop().unwrap()
    }

    fn secrets() -> Vec<u8> {
        (0..64).collect()
    }

    /// Every spelling of a public key that an attacker may have tried as a secret.
    fn spellings(signer: &Signer) -> Vec<Vec<u8>> {
        let jwk = signer.jwk();
        let mut spellings = vec![
            vec![],
            signer.bare(),
            signer.bare()[1..].to_vec(),
            signer.spki(),
            jwk.to_string().into_bytes(),
            json!({"keys": [jwk]}).to_string().into_bytes(),
        ];
        for member in ["n", "x", "e"] {
            if let Some(text) = jwk[member].as_str() {
                spellings.push(text.as_bytes().to_vec());
                spellings.push(super::super::base64url::decode(text).unwrap());
            }
        }
        for (label, der) in [
            ("PUBLIC KEY", signer.spki()),
            ("RSA PUBLIC KEY", signer.bare()),
        ] {
            for line_end in ["\n", "\r\n"] {
                let pem = minting::pem(label, &der, line_end);
                spellings.push(pem.trim_end().as_bytes().to_vec());
                spellings.push(format!(" {pem}").into_bytes());
                spellings.push(format!("\u{feff}{pem}").into_bytes());
                spellings.push(pem.into_bytes());
            }
        }
        spellings
    }

    #[test]
    fn j02_public_key_as_hmac_secret_is_refused() {
        for signer in minting::all() {
            let mut key = key(signer.jwk());
            for widened in [false, true] {
                if widened {
                    // Not even a caller's mistake makes a public key a secret.
                    key.algorithms = Algorithm::ALL.into_iter().collect();
                }
                for secret in spellings(signer) {
                    for algorithm in AlgorithmSet::symmetric().iter() {
                        let tag = minting::mac(algorithm, &secret, MESSAGE);
                        assert!(!key.verifies(algorithm, MESSAGE, &tag));
                    }
                }
            }
        }
    }

    #[test]
    fn j03_only_the_diagonal_of_keys_and_algorithms_verifies() {
        let secret = secrets();
        let mut signed: Vec<(Algorithm, Vec<u8>, Value)> = Vec::new();
        for signer in minting::all() {
            for algorithm in signer.algorithms() {
                let jwk = signer.jwk_with(json!({"alg": algorithm.name()}));
                signed.push((algorithm, signer.sign(algorithm, MESSAGE), jwk));
            }
        }
        let keys: Vec<(Algorithm, VerificationKey)> = signed
            .iter()
            .map(|(algorithm, _, jwk)| (*algorithm, key(jwk.clone())))
            .chain(AlgorithmSet::symmetric().iter().map(|algorithm| {
                let key = VerificationKey::from_secret(&secret, AlgorithmSet::of(&[algorithm]));
                (algorithm, key.unwrap())
            }))
            .collect();
        let signatures: Vec<(Algorithm, Vec<u8>)> = signed
            .into_iter()
            .map(|(algorithm, signature, _)| (algorithm, signature))
            .chain(
                AlgorithmSet::symmetric()
                    .iter()
                    .map(|algorithm| (algorithm, minting::mac(algorithm, &secret, MESSAGE))),
            )
            .collect();
        assert_eq!((keys.len(), signatures.len()), (14, 14));
        for (of_key, key) in &keys {
            assert_eq!(key.algorithms, AlgorithmSet::of(&[*of_key]));
            for (of_signature, signature) in &signatures {
                for claimed in Algorithm::ALL {
                    // `EdDSA` and `Ed25519` are two names of one computation (RFC 9864 §2.2).
                    let same = |a: Algorithm, b: Algorithm| {
                        let ed25519 = [Algorithm::EdDsa, Algorithm::Ed25519];
                        a == b || ed25519.contains(&a) && ed25519.contains(&b)
                    };
                    assert_eq!(
                        key.verifies(claimed, MESSAGE, signature),
                        claimed == *of_key && same(*of_key, *of_signature),
                        "{of_key:?} {of_signature:?} {claimed:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn j03_a_key_without_alg_verifies_what_its_type_can() {
        for signer in minting::all() {
            let key = key(signer.jwk());
            assert_eq!(key.algorithms, AlgorithmSet::of(&signer.algorithms()));
            for algorithm in signer.algorithms() {
                let signature = signer.sign(algorithm, MESSAGE);
                assert!(key.verifies(algorithm, MESSAGE, &signature));
                assert!(!key.verifies(algorithm, b"another message", &signature));
            }
        }
    }

    #[test]
    fn j03_algorithms_that_a_caller_takes_from_a_key_are_gone() {
        let mut public = key(minting::RSA.jwk());
        public.algorithms = AlgorithmSet::of(&[Algorithm::Ps256]);
        for (algorithm, still) in [(Algorithm::Ps256, true), (Algorithm::Rs256, false)] {
            let signature = minting::RSA.sign(algorithm, MESSAGE);
            assert_eq!(public.verifies(algorithm, MESSAGE, &signature), still);
        }
        let mut secret =
            VerificationKey::from_secret(&secrets(), AlgorithmSet::symmetric()).unwrap();
        secret.algorithms = AlgorithmSet::default();
        let tag = minting::mac(Algorithm::Hs256, &secrets(), MESSAGE);
        assert!(!secret.verifies(Algorithm::Hs256, MESSAGE, &tag));
    }

    #[test]
    fn j06_psychic_and_out_of_range_signatures_are_refused() {
        // The order of P-256, and one more and one less.
        let order = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
        let mut n = [0; 32];
        for (i, byte) in n.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&order[2 * i..2 * i + 2], 16).unwrap();
        }
        let near = |last: u8| {
            let mut number = n;
            number[31] = last;
            number
        };
        let numbers = [[0; 32], [0xff; 32], n, near(0x50), near(0x52), {
            let mut one = [0; 32];
            one[31] = 1;
            one
        }];
        let key = key(minting::P256.jwk());
        for r in &numbers {
            for s in &numbers {
                assert!(!key.verifies(Algorithm::Es256, MESSAGE, &[*r, *s].concat()));
            }
        }
    }

    #[test]
    fn j06_signatures_of_any_other_length_are_refused() {
        for signer in minting::all() {
            let key = key(signer.jwk());
            for algorithm in signer.algorithms() {
                let good = signer.sign(algorithm, MESSAGE);
                for length in (0..=600).chain([16 * 1024, 64 * 1024]) {
                    for fill in [0, 0x30, 0xff] {
                        let mut signature = good.clone();
                        signature.resize(length, fill);
                        assert_eq!(
                            key.verifies(algorithm, MESSAGE, &signature),
                            length == good.len(),
                        );
                        if length == good.len() {
                            break;
                        }
                    }
                }
                let padded = [&[0], &good[..]].concat();
                assert!(!key.verifies(algorithm, MESSAGE, &padded));
            }
        }
    }

    #[test]
    fn j06_der_in_place_of_the_fixed_form_is_refused() {
        let key = key(minting::P256.jwk());
        for _ in 0..8 {
            let good = minting::P256.sign(Algorithm::Es256, MESSAGE);
            let (r, s) = good.split_at(32);
            let integer = |number: &[u8]| [&[2, 33, 0], number].concat();
            let der = [&[0x30, 70], &integer(r)[..], &integer(s)[..]].concat();
            assert!(!key.verifies(Algorithm::Es256, MESSAGE, &der));
            assert!(!key.verifies(Algorithm::Es256, MESSAGE, &der[..64]));
            assert!(!key.verifies(Algorithm::Es256, MESSAGE, &[s, r].concat()));
        }
    }

    #[test]
    fn j06_ed25519_signatures_with_a_second_form_are_refused() {
        // The order of the group, little-endian: S + L would be the same number to a lax verifier.
        let order = *b"\xed\xd3\xf5\x5c\x1a\x63\x12\x58\xd6\x9c\xf7\xa2\xde\xf9\xde\x14\
            \0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x10";
        let key = key(minting::ED25519.jwk());
        let mut signature = minting::ED25519.sign(Algorithm::EdDsa, MESSAGE);
        assert!(key.verifies(Algorithm::EdDsa, MESSAGE, &signature));
        let mut carry = 0;
        for (byte, added) in signature[32..].iter_mut().zip(order) {
            let sum = u16::from(*byte) + u16::from(added) + carry;
            *byte = sum as u8;
            carry = sum >> 8;
        }
        assert!(!key.verifies(Algorithm::EdDsa, MESSAGE, &signature));
        assert!(!key.verifies(Algorithm::EdDsa, MESSAGE, &[0; 64]));
    }

    #[test]
    fn j07_a_flipped_bit_anywhere_is_refused() {
        for signer in minting::all() {
            let key = key(signer.jwk());
            for algorithm in signer.algorithms() {
                let good = signer.sign(algorithm, MESSAGE);
                for at in 0..good.len() {
                    let mut bad = good.clone();
                    bad[at] ^= 1 << (at % 8);
                    assert!(
                        !key.verifies(algorithm, MESSAGE, &bad),
                        "{algorithm:?} {at}"
                    );
                }
                for at in 0..MESSAGE.len() {
                    let mut message = MESSAGE.to_vec();
                    message[at] ^= 1;
                    assert!(!key.verifies(algorithm, &message, &good));
                }
            }
        }
    }

    #[test]
    fn j07_empty_and_foreign_signatures_are_refused() {
        let secret = VerificationKey::from_secret(&secrets(), AlgorithmSet::symmetric()).unwrap();
        for algorithm in AlgorithmSet::symmetric().iter() {
            let good = minting::mac(algorithm, &secrets(), MESSAGE);
            assert!(secret.verifies(algorithm, MESSAGE, &good));
            assert!(!secret.verifies(algorithm, MESSAGE, b""));
            assert!(!secret.verifies(algorithm, MESSAGE, &good[..good.len() - 1]));
            assert!(!secret.verifies(algorithm, MESSAGE, &minting::mac(algorithm, b"", MESSAGE)));
        }
        let ours = key(minting::P256.jwk());
        let theirs = minting::Signer::Ec(
            "P-256",
            aws_lc_rs::signature::EcdsaKeyPair::generate(
                &aws_lc_rs::signature::ECDSA_P256_SHA256_FIXED_SIGNING,
            )
            .unwrap(),
        );
        let foreign = theirs.sign(Algorithm::Es256, MESSAGE);
        assert!(!ours.verifies(Algorithm::Es256, MESSAGE, &foreign));
        assert!(!ours.verifies(Algorithm::Es256, MESSAGE, b""));
    }

    #[test]
    fn j14_a_secret_serves_only_algorithms_that_it_is_long_enough_for() {
        let from = |length: usize, wanted: AlgorithmSet| {
            VerificationKey::from_secret(&secrets()[..length], wanted)
        };
        let all = AlgorithmSet::symmetric();
        for (length, served) in [
            (32, &[Algorithm::Hs256][..]),
            (47, &[Algorithm::Hs256]),
            (48, &[Algorithm::Hs256, Algorithm::Hs384]),
            (64, &[Algorithm::Hs256, Algorithm::Hs384, Algorithm::Hs512]),
        ] {
            assert_eq!(
                from(length, all).unwrap().algorithms,
                AlgorithmSet::of(served)
            );
        }
        for length in [0, 1, 31] {
            let refused = SecretTooShort {
                algorithm: Algorithm::Hs256,
                needed_bytes: 32,
                found_bytes: length,
            };
            assert_eq!(from(length, all).unwrap_err(), refused);
        }
        let refused = from(63, AlgorithmSet::of(&[Algorithm::Hs512])).unwrap_err();
        assert_eq!((refused.needed_bytes, refused.found_bytes), (64, 63));
        // An asymmetric algorithm in the list does not make the secret serve it.
        let mixed = from(32, AlgorithmSet::of(&[Algorithm::Hs256, Algorithm::Rs256]));
        assert_eq!(
            mixed.unwrap().algorithms,
            AlgorithmSet::of(&[Algorithm::Hs256])
        );
        let none = from(64, AlgorithmSet::asymmetric()).unwrap();
        assert!(none.algorithms.is_empty());
    }

    #[test]
    fn the_fingerprint_is_of_the_key_and_its_algorithms_only() {
        let plain = key(minting::RSA.jwk());
        let named = key(minting::RSA.jwk_with(json!({"kid": "k", "x5t": "t", "use": "sig"})));
        let narrowed = key(minting::RSA.jwk_with(json!({"alg": "RS256"})));
        let other = key(minting::P256.jwk());
        assert_eq!(plain.fingerprint, named.fingerprint);
        assert_ne!(plain.fingerprint, narrowed.fingerprint);
        assert_ne!(plain.fingerprint, other.fingerprint);
        let secret = |bytes: &[u8]| {
            let key = VerificationKey::from_secret(bytes, AlgorithmSet::symmetric());
            key.unwrap().fingerprint
        };
        assert_eq!(secret(&[1; 64]), secret(&[1; 64]));
        assert_ne!(secret(&[1; 64]), secret(&[2; 64]));
    }

    #[test]
    fn no_key_material_prints() {
        let secret = VerificationKey::from_secret(&[b's'; 32], AlgorithmSet::symmetric()).unwrap();
        assert_eq!(format!("{secret:?}"), "VerificationKey { kid: None, .. }");
    }
}
