//! ECDH-ES (RFC 7518 §4.6): the sender's ephemeral point, the secret that it shares with the gate's key, and the key derived from that.

use aws_lc_rs::agreement::{self, PrivateKey, UnparsedPublicKey};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::kdf::{SskdfDigestAlgorithmId, get_sskdf_digest_algorithm, sskdf_digest};

use super::super::base64url;
use super::super::json::{Json, Object};
use super::super::material::Curve;
use super::header::{BadHeader, malformed, required, string};
use super::sealed::NotOpened;

/// Most bytes of `apu` and of `apv`: a name or a nonce, both are hashed for every key that is tried.
const MAX_PARTY_BYTES: usize = 256;

/// Where an agreement happens: RFC 7518 §6.2.1.1, and X25519 of RFC 8037 §3.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    Nist(Curve),
    X25519,
}

impl Group {
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "X25519" => Some(Self::X25519),
            _ => Curve::from_name(name).map(Self::Nist),
        }
    }

    pub fn algorithm(self) -> &'static agreement::Algorithm {
        match self {
            Self::Nist(Curve::P256) => &agreement::ECDH_P256,
            Self::Nist(Curve::P384) => &agreement::ECDH_P384,
            Self::Nist(Curve::P521) => &agreement::ECDH_P521,
            Self::X25519 => &agreement::X25519,
        }
    }
}

/// What the token's header brings to the agreement.
pub struct Ephemeral {
    pub group: Group,
    /// `04 || x || y`, or the 32 bytes of X25519. Not yet known to be on the curve.
    point: Vec<u8>,
    apu: Vec<u8>,
    apv: Vec<u8>,
}

impl Ephemeral {
    /// `epk`, `apu` and `apv` of a header.
    pub fn read(members: &Object) -> Result<Self, BadHeader> {
        let epk = match members.get("epk") {
            Some(Json::Object(epk)) => epk,
            Some(_) => return Err(malformed("`epk` is not an object")),
            None => return Err(malformed("the header has no `epk`")),
        };
        let group = Group::from_name(required(epk, "crv")?)
            .ok_or_else(|| malformed("the `crv` of `epk` is not a curve that is supported"))?;
        let (key_type, point) = match group {
            Group::Nist(curve) => {
                let mut point = vec![4];
                for name in ["x", "y"] {
                    point.extend(coordinate(epk, name, curve.coordinate_bytes())?);
                }
                ("EC", point)
            }
            Group::X25519 => ("OKP", coordinate(epk, "x", 32)?),
        };
        if required(epk, "kty")? != key_type {
            return Err(malformed("the `kty` of `epk` does not go with its `crv`"));
        }
        Ok(Self {
            group,
            point,
            apu: party(members, "apu")?,
            apv: party(members, "apv")?,
        })
    }

    /// The derived key of `bytes` bytes for `algorithm_id`: the name of `enc` in direct use, of `alg` where it wraps a key.
    ///
    /// A point that is not on the curve, and one that gives the all-zero secret (RFC 7748 §6.1), are refused.
    pub fn derive(
        &self,
        key: &PrivateKey,
        algorithm_id: &str,
        bytes: usize,
    ) -> Result<Vec<u8>, NotOpened> {
        let peer = UnparsedPublicKey::new(self.group.algorithm(), &self.point);
        agreement::agree(key, peer, NotOpened::Agreement, |secret| {
            if self.group == Group::X25519 && verify_slices_are_equal(secret, &[0; 32]).is_ok() {
                return Err(NotOpened::Agreement);
            }
            let info = other_info(algorithm_id, &self.apu, &self.apv, bytes);
            concat_kdf(secret, &info, bytes)
        })
    }
}

/// The single-step KDF of NIST SP 800-56A §5.8.1 with SHA-256, which RFC 7518 §4.6.2 calls Concat KDF.
fn concat_kdf(secret: &[u8], other_info: &[u8], bytes: usize) -> Result<Vec<u8>, NotOpened> {
    let sha256 =
        get_sskdf_digest_algorithm(SskdfDigestAlgorithmId::Sha256).ok_or(NotOpened::Agreement)?;
    let mut derived = vec![0; bytes];
    sskdf_digest(sha256, secret, other_info, &mut derived).map_err(|_| NotOpened::Agreement)?;
    Ok(derived)
}

/// `OtherInfo` of RFC 7518 §4.6.2: each text with its length before it, then the bits that are wanted; `SuppPrivInfo` is empty.
fn other_info(algorithm_id: &str, apu: &[u8], apv: &[u8], bytes: usize) -> Vec<u8> {
    let length = |bytes: usize| u32::try_from(bytes).unwrap_or(u32::MAX).to_be_bytes();
    let mut info = Vec::new();
    for part in [algorithm_id.as_bytes(), apu, apv] {
        info.extend(length(part.len()));
        info.extend(part);
    }
    info.extend(length(8 * bytes));
    info
}

/// RFC 7518 §6.2.1.2: the full length of the field, leading zeros included.
fn coordinate(epk: &Object, name: &str, length: usize) -> Result<Vec<u8>, BadHeader> {
    base64url::decode(required(epk, name)?)
        .ok()
        .filter(|bytes| bytes.len() == length)
        .ok_or_else(|| {
            malformed(format!(
                "`{name}` of `epk` is not {length} bytes in base64url"
            ))
        })
}

fn party(members: &Object, name: &str) -> Result<Vec<u8>, BadHeader> {
    let text = string(members, name)?.unwrap_or_default();
    // By the text, so that nothing long is decoded.
    if text.len() > MAX_PARTY_BYTES.div_ceil(3) * 4 {
        return Err(malformed(format!(
            "`{name}` is longer than {MAX_PARTY_BYTES} bytes"
        )));
    }
    base64url::decode(text).map_err(|_| malformed(format!("`{name}` is not base64url")))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7518, appendix C.
    #[test]
    fn rfc7518_appendix_c_is_derived() {
        let bob = base64url::decode("VEmDZpDXXK8p8N0Cndsxs924q6nS1RXFASRl6BfUqdw").unwrap();
        let bob = PrivateKey::from_private_key(&agreement::ECDH_P256, &bob).unwrap();
        let header = super::super::super::json::parse_object(
            br#"{"alg":"ECDH-ES","enc":"A128GCM","apu":"QWxpY2U","apv":"Qm9i","epk":
              {"kty":"EC","crv":"P-256","x":"gI0GAILBdu7T53akrFmMyGcsF3n5dO7MmwNBHKW5SV0",
               "y":"SLW_xSffzlPWrHEVI30DHM_4egVwt3NQqeUD7nMFpps"}}"#,
        )
        .unwrap();
        let derived = Ephemeral::read(&header)
            .unwrap()
            .derive(&bob, "A128GCM", 16)
            .unwrap();
        assert_eq!(base64url::encode(&derived), "VqqN6vgjbSBcIijNcacQGg");
    }

    #[test]
    fn parties_are_bounded() {
        let read = |apu: String| {
            let text = format!(
                r#"{{"apu":"{apu}","epk":{{"kty":"OKP","crv":"X25519","x":"{}"}}}}"#,
                base64url::encode(&[9; 32])
            );
            Ephemeral::read(&super::super::super::json::parse_object(text.as_bytes()).unwrap())
        };
        assert!(read(base64url::encode(&[1; MAX_PARTY_BYTES])).is_ok());
        for bad in [
            base64url::encode(&[1; MAX_PARTY_BYTES + 3]),
            base64url::encode(&[1; 40_000]),
            "A".to_owned(),
            "QQ==".to_owned(),
        ] {
            assert!(matches!(read(bad), Err(BadHeader::Malformed(_))));
        }
    }
}
