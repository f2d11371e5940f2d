//! The public key inside an SPKI (RFC 5280 §4.1.2.7), an X.509 certificate or a PKCS#1 key (RFC 8017 §A.1.1).

use super::der::{self, NotDer, Reader};
use super::jwk::SkipReason;
use super::material::{Curve, Material};

// Contents of object identifiers.
pub(super) const RSA_ENCRYPTION: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
pub(super) const EC_PUBLIC_KEY: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
const ED25519: &[u8] = &[0x2b, 0x65, 0x70];
const P256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
const P384: &[u8] = &[0x2b, 0x81, 0x04, 0x00, 0x22];
const P521: &[u8] = &[0x2b, 0x81, 0x04, 0x00, 0x23];

/// The key of a DER certificate. Nothing else in it is judged: who put it into a file vouches for it.
pub fn from_certificate(der: &[u8]) -> Result<Material, SkipReason> {
    from_spki(spki_of_certificate(der)?)
}

/// A DER `SubjectPublicKeyInfo`.
pub fn from_spki(der: &[u8]) -> Result<Material, SkipReason> {
    let mut info = der::only(der, der::SEQUENCE)?;
    let mut algorithm = Reader::new(info.expect(der::SEQUENCE)?);
    // Whole bytes: the first one of a BIT STRING counts unused bits.
    let key = info
        .expect(der::BIT_STRING)?
        .strip_prefix(&[0])
        .ok_or(NotDer)?;
    info.end()?;
    match algorithm.expect(der::OBJECT_IDENTIFIER)? {
        RSA_ENCRYPTION => {
            algorithm.skip_optional(der::NULL)?;
            algorithm.end()?;
            from_pkcs1(key)
        }
        EC_PUBLIC_KEY => {
            let curve = curve(algorithm.expect(der::OBJECT_IDENTIFIER)?)?;
            algorithm.end()?;
            // Uncompressed points only (RFC 5480 §2.2 requires no other).
            if key.first() != Some(&4) || key.len() != 1 + 2 * curve.coordinate_bytes() {
                return Err(SkipReason::Malformed);
            }
            Ok(Material::Ec {
                curve,
                point: key.to_vec(),
            })
        }
        ED25519 => {
            algorithm.end()?;
            let point = key.try_into().map_err(|_| SkipReason::Malformed)?;
            Ok(Material::Ed25519(point))
        }
        _ => Err(SkipReason::UnknownKeyType),
    }
}

/// A DER `RSAPublicKey`.
pub fn from_pkcs1(der: &[u8]) -> Result<Material, SkipReason> {
    let mut numbers = der::only(der, der::SEQUENCE)?;
    let modulus = der::unsigned(numbers.expect(der::INTEGER)?)?;
    let exponent = der::unsigned(numbers.expect(der::INTEGER)?)?;
    numbers.end()?;
    Ok(Material::rsa(modulus, exponent))
}

fn spki_of_certificate(der: &[u8]) -> Result<&[u8], NotDer> {
    let mut certificate = der::only(der, der::SEQUENCE)?;
    let mut fields = Reader::new(certificate.expect(der::SEQUENCE)?);
    fields.skip_optional(der::CONTEXT_0)?;
    fields.expect(der::INTEGER)?;
    // Signature algorithm, issuer, validity, subject.
    for _ in 0..4 {
        fields.expect(der::SEQUENCE)?;
    }
    fields.expect_whole(der::SEQUENCE)
}

pub(super) fn curve(identifier: &[u8]) -> Result<Curve, SkipReason> {
    match identifier {
        P256 => Ok(Curve::P256),
        P384 => Ok(Curve::P384),
        P521 => Ok(Curve::P521),
        _ => Err(SkipReason::UnknownCurve),
    }
}

impl From<NotDer> for SkipReason {
    fn from(_: NotDer) -> Self {
        Self::Malformed
    }
}
