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
    Public(Box<[Verifier]>),
    Secret(Box<[(Algorithm, hmac::Key)]>),
}

/// The secret is shorter than the hash of an algorithm that it is meant for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SecretTooShort {
    pub algorithm: Algorithm,
    pub needed_bytes: usize,
    pub found_bytes: usize,
}

impl VerificationKey {
    /// True when `signature` over `message` is by this key under `algorithm`, which must be in `algorithms`.
    pub fn verifies(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        if !self.algorithms.contains(algorithm) {
            return false;
        }
        match &self.verifiers {
            Verifiers::Public(verifiers) => verifiers
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
        let verifiers = Verifiers::Public(material.verifiers(algorithms)?);
        let fingerprint = fingerprint(algorithms, |context| material.absorb(context));
        Ok(Self::new(algorithms, fingerprint, verifiers))
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
