//! Private keys in DER: PKCS#8 (RFC 5208), PKCS#1 (RFC 8017 §A.1.2) and SEC 1 (RFC 5915). The cryptographic library reads RSA keys in PKCS#8
//! only, so the others are written as that.

use aws_lc_rs::agreement::PrivateKey;
use aws_lc_rs::rsa::{OaepPrivateDecryptingKey, PrivateDecryptingKey};

use super::super::der::{self, NotDer, Reader};
use super::super::material::{Curve, without_leading_zeros};
use super::super::public_default::is_public_default;
use super::super::spki::{self, EC_PUBLIC_KEY, RSA_ENCRYPTION};
use super::super::weak;
use super::agreement::Group;
use super::jwk::Unusable;
use super::key::{DecryptionKey, Secret, Use};

/// The longest RSA key that opens tokens. An operation with a private key costs with the cube of its length, and up to four of them come before
/// anything of a token is proven: at 4096 bits that is some milliseconds, at 8192 bits a way to hold a worker (D9).
pub const MAX_RSA_BITS: usize = 4096;

/// Contents of the object identifier of X25519 (RFC 8410 §3).
const X25519: &[u8] = &[0x2b, 0x65, 0x6e];

/// The numbers of a private RSA key, big-endian, by their names in a JWK.
pub struct RsaNumbers {
    pub n: Vec<u8>,
    pub e: Vec<u8>,
    pub d: Vec<u8>,
    pub p: Vec<u8>,
    pub q: Vec<u8>,
    pub dp: Vec<u8>,
    pub dq: Vec<u8>,
    pub qi: Vec<u8>,
}

/// A DER `PrivateKeyInfo` or `OneAsymmetricKey` (RFC 5958), whose own public key is not looked at.
pub fn from_pkcs8(document: &[u8]) -> Result<DecryptionKey, Unusable> {
    let mut info = der::only(document, der::SEQUENCE)?;
    info.expect(der::INTEGER)?;
    let mut algorithm = Reader::new(info.expect(der::SEQUENCE)?);
    let key = info.expect(der::OCTET_STRING)?;
    match algorithm.expect(der::OBJECT_IDENTIFIER)? {
        RSA_ENCRYPTION => from_pkcs1(key),
        EC_PUBLIC_KEY => {
            let curve = named_curve(algorithm.expect(der::OBJECT_IDENTIFIER)?)?;
            from_scalar(curve, sec1_scalar(key)?)
        }
        X25519 => {
            let mut inner = Reader::new(key);
            let scalar = inner.expect(der::OCTET_STRING)?;
            inner.end()?;
            let private = PrivateKey::from_private_key(Group::X25519.algorithm(), scalar)
                .map_err(|_| Unusable::Malformed)?;
            agreement(Group::X25519, private, None)
        }
        _ => Err(Unusable::UnknownKeyType),
    }
}

/// A DER `RSAPrivateKey` of two primes.
pub fn from_pkcs1(document: &[u8]) -> Result<DecryptionKey, Unusable> {
    let mut numbers = der::only(document, der::SEQUENCE)?;
    // Version 0: two primes.
    if numbers.expect(der::INTEGER)? != [0] {
        return Err(Unusable::Malformed);
    }
    let mut next = || -> Result<Vec<u8>, NotDer> {
        Ok(der::unsigned(numbers.expect(der::INTEGER)?)?.to_vec())
    };
    let numbers = RsaNumbers {
        n: next()?,
        e: next()?,
        d: next()?,
        p: next()?,
        q: next()?,
        dp: next()?,
        dq: next()?,
        qi: next()?,
    };
    rsa(&numbers, None)
}

/// A DER `ECPrivateKey` that names its curve.
pub fn from_sec1(document: &[u8]) -> Result<DecryptionKey, Unusable> {
    let mut key = der::only(document, der::SEQUENCE)?;
    key.expect(der::INTEGER)?;
    key.expect(der::OCTET_STRING)?;
    let mut parameters = Reader::new(key.expect(der::CONTEXT_0)?);
    let curve = named_curve(parameters.expect(der::OBJECT_IDENTIFIER)?)?;
    from_scalar(curve, sec1_scalar(document)?)
}

/// The library checks that the numbers belong together.
pub fn rsa(numbers: &RsaNumbers, alg: Option<Use>) -> Result<DecryptionKey, Unusable> {
    let modulus = without_leading_zeros(&numbers.n);
    let exponent = without_leading_zeros(&numbers.e);
    if modulus.len() > MAX_RSA_BITS / 8 {
        return Err(Unusable::LongKey);
    }
    if weak::is_weak_rsa(modulus, exponent) {
        return Err(Unusable::WeakKey);
    }
    let private = PrivateDecryptingKey::from_pkcs8(&rsa_pkcs8(numbers))
        .ok()
        .and_then(|key| OaepPrivateDecryptingKey::new(key).ok())
        .ok_or(Unusable::Malformed)?;
    let public = [modulus, exponent].concat();
    let is_public_default = is_public_default(modulus);
    DecryptionKey::new(Secret::Rsa(private), &public, is_public_default, alg)
}

pub fn agreement(
    group: Group,
    private: PrivateKey,
    alg: Option<Use>,
) -> Result<DecryptionKey, Unusable> {
    let public = private
        .compute_public_key()
        .map_err(|_| Unusable::Malformed)?;
    let is_public_default = is_public_default(public.as_ref());
    let secret = Secret::Agreement { group, private };
    DecryptionKey::new(secret, public.as_ref(), is_public_default, alg)
}

fn rsa_pkcs8(numbers: &RsaNumbers) -> Vec<u8> {
    let version = der::integer(&[]);
    let mut key = version.clone();
    let RsaNumbers {
        n,
        e,
        d,
        p,
        q,
        dp,
        dq,
        qi,
    } = numbers;
    for number in [n, e, d, p, q, dp, dq, qi] {
        key.extend(der::integer(number));
    }
    let algorithm = [
        der::value(der::OBJECT_IDENTIFIER, RSA_ENCRYPTION),
        der::value(der::NULL, &[]),
    ]
    .concat();
    let info = [
        version,
        der::value(der::SEQUENCE, &algorithm),
        der::value(der::OCTET_STRING, &der::value(der::SEQUENCE, &key)),
    ]
    .concat();
    der::value(der::SEQUENCE, &info)
}

fn sec1_scalar(document: &[u8]) -> Result<&[u8], NotDer> {
    let mut key = der::only(document, der::SEQUENCE)?;
    key.expect(der::INTEGER)?;
    key.expect(der::OCTET_STRING)
}

/// The scalar with the leading zeros that some writers leave out.
fn from_scalar(curve: Curve, scalar: &[u8]) -> Result<DecryptionKey, Unusable> {
    let missing = curve
        .coordinate_bytes()
        .checked_sub(scalar.len())
        .ok_or(Unusable::Malformed)?;
    let padded = [&vec![0; missing], scalar].concat();
    let group = Group::Nist(curve);
    let private = PrivateKey::from_private_key(group.algorithm(), &padded)
        .map_err(|_| Unusable::Malformed)?;
    agreement(group, private, None)
}

fn named_curve(identifier: &[u8]) -> Result<Curve, Unusable> {
    spki::curve(identifier).map_err(|_| Unusable::UnknownCurve)
}

impl From<NotDer> for Unusable {
    fn from(_: NotDer) -> Self {
        Self::Malformed
    }
}
