//! Public key material from wherever it was read, and the verifiers that are made of it once.

use aws_lc_rs::digest;
use aws_lc_rs::rsa::PublicKeyComponents;
use aws_lc_rs::signature::{self, EcdsaVerificationAlgorithm, ParsedPublicKey, RsaParameters};

use super::algorithm::{Algorithm, AlgorithmSet};
use super::jwk::SkipReason;
use super::public_default::is_public_default;
use super::weak;

/// A public key by its numbers, not yet judged.
#[derive(Clone)]
pub enum Material {
    /// Big-endian, no leading zeros.
    Rsa {
        modulus: Vec<u8>,
        exponent: Vec<u8>,
    },
    /// The uncompressed point (SEC 1 §2.3.3): `04 || x || y`.
    Ec {
        curve: Curve,
        point: Vec<u8>,
    },
    Ed25519([u8; 32]),
}

/// NIST curves (FIPS 186-5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Curve {
    P256,
    P384,
    P521,
}

impl Curve {
    /// By its name in a JWK (RFC 7518 §6.2.1.1).
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "P-256" => Some(Self::P256),
            "P-384" => Some(Self::P384),
            "P-521" => Some(Self::P521),
            _ => None,
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::P256 => "P-256",
            Self::P384 => "P-384",
            Self::P521 => "P-521",
        }
    }

    /// Length of one coordinate, and of each half of a signature.
    pub fn coordinate_bytes(self) -> usize {
        match self {
            Self::P256 => 32,
            Self::P384 => 48,
            Self::P521 => 66,
        }
    }

    /// The one algorithm of the curve (RFC 7518 §3.4).
    fn algorithm(self) -> Algorithm {
        match self {
            Self::P256 => Algorithm::Es256,
            Self::P384 => Algorithm::Es384,
            Self::P521 => Algorithm::Es512,
        }
    }

    fn verification(self) -> &'static EcdsaVerificationAlgorithm {
        match self {
            Self::P256 => &signature::ECDSA_P256_SHA256_FIXED,
            Self::P384 => &signature::ECDSA_P384_SHA384_FIXED,
            Self::P521 => &signature::ECDSA_P521_SHA512_FIXED,
        }
    }
}

/// One parsed key under one algorithm.
pub struct Verifier {
    pub algorithm: Algorithm,
    /// The only length that a signature can have.
    pub signature_bytes: usize,
    pub key: ParsedPublicKey,
}

impl Material {
    /// An RSA key of numbers that may have leading zeros.
    pub fn rsa(modulus: &[u8], exponent: &[u8]) -> Self {
        Self::Rsa {
            modulus: without_leading_zeros(modulus).to_vec(),
            exponent: without_leading_zeros(exponent).to_vec(),
        }
    }

    /// What a key of this type can verify.
    pub fn algorithms(&self) -> AlgorithmSet {
        match self {
            Self::Rsa { .. } => AlgorithmSet::of(&[
                Algorithm::Rs256,
                Algorithm::Rs384,
                Algorithm::Rs512,
                Algorithm::Ps256,
                Algorithm::Ps384,
                Algorithm::Ps512,
            ]),
            Self::Ec { curve, .. } => AlgorithmSet::of(&[curve.algorithm()]),
            Self::Ed25519(_) => AlgorithmSet::of(&[Algorithm::EdDsa, Algorithm::Ed25519]),
        }
    }

    /// Refuses keys that prove nothing.
    pub fn check_strength(&self, allow_public_default_key: bool) -> Result<(), SkipReason> {
        let (is_weak, is_public_default) = match self {
            Self::Rsa { modulus, exponent } => (
                weak::is_weak_rsa(modulus, exponent),
                is_public_default(modulus),
            ),
            Self::Ec { point, .. } => (false, is_public_default(point)),
            Self::Ed25519(point) => (
                weak::is_small_order_ed25519(point),
                is_public_default(point),
            ),
        };
        if is_weak {
            return Err(SkipReason::WeakKey);
        }
        if is_public_default && !allow_public_default_key {
            return Err(SkipReason::PublicDefaultKey);
        }
        Ok(())
    }

    /// Parses the key for each of `algorithms` that it can verify. A point that is not on its curve is malformed.
    pub fn verifiers(&self, algorithms: AlgorithmSet) -> Result<Box<[Verifier]>, SkipReason> {
        self.algorithms()
            .intersection(algorithms)
            .iter()
            .map(|algorithm| {
                let (signature_bytes, key) = self.parsed(algorithm)?;
                Ok(Verifier {
                    algorithm,
                    signature_bytes,
                    key,
                })
            })
            .collect()
    }

    fn parsed(&self, algorithm: Algorithm) -> Result<(usize, ParsedPublicKey), SkipReason> {
        match self {
            Self::Rsa { modulus, exponent } => {
                let parameters = rsa_parameters(algorithm).ok_or(SkipReason::Malformed)?;
                let components = PublicKeyComponents {
                    n: modulus,
                    e: exponent,
                };
                // Only an exponent or modulus that aws-lc finds no good fails here.
                let key = components
                    .to_parsed_public_key(parameters)
                    .map_err(|_| SkipReason::WeakKey)?;
                Ok((modulus.len(), key))
            }
            Self::Ec { curve, point } => {
                let key = ParsedPublicKey::new(curve.verification(), point)
                    .map_err(|_| SkipReason::Malformed)?;
                Ok((2 * curve.coordinate_bytes(), key))
            }
            Self::Ed25519(point) => {
                let key = ParsedPublicKey::new(&signature::ED25519, point)
                    .map_err(|_| SkipReason::Malformed)?;
                Ok((64, key))
            }
        }
    }

    /// SHA-256 over the type and the numbers, each with its length.
    pub fn absorb(&self, context: &mut digest::Context) {
        let (name, parts): (&[u8], [&[u8]; 2]) = match self {
            Self::Rsa { modulus, exponent } => (b"RSA", [modulus, exponent]),
            // The length of the point tells the curve.
            Self::Ec { point, .. } => (b"EC", [point, b""]),
            Self::Ed25519(point) => (b"Ed25519", [point, b""]),
        };
        context.update(name);
        for part in parts {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part);
        }
    }
}

fn rsa_parameters(algorithm: Algorithm) -> Option<&'static RsaParameters> {
    match algorithm {
        Algorithm::Rs256 => Some(&signature::RSA_PKCS1_2048_8192_SHA256),
        Algorithm::Rs384 => Some(&signature::RSA_PKCS1_2048_8192_SHA384),
        Algorithm::Rs512 => Some(&signature::RSA_PKCS1_2048_8192_SHA512),
        Algorithm::Ps256 => Some(&signature::RSA_PSS_2048_8192_SHA256),
        Algorithm::Ps384 => Some(&signature::RSA_PSS_2048_8192_SHA384),
        Algorithm::Ps512 => Some(&signature::RSA_PSS_2048_8192_SHA512),
        Algorithm::Es256
        | Algorithm::Es384
        | Algorithm::Es512
        | Algorithm::EdDsa
        | Algorithm::Ed25519
        | Algorithm::Hs256
        | Algorithm::Hs384
        | Algorithm::Hs512 => None,
    }
}

pub(super) fn without_leading_zeros(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    number.get(zeros..).unwrap_or_default()
}
