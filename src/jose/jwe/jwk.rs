//! Private keys in a JWK set (RFC 7517, RFC 7518 §6, RFC 8037): the gate's own, from a file that only the gate reads.

use aws_lc_rs::agreement::PrivateKey;

use super::super::base64url;
use super::super::header::MAX_KID_BYTES;
use super::super::json::{self, Json, Object};
use super::super::jwk::{NotAKeySet, entries, member, shown_kid};
use super::super::material::Curve;
use super::agreement::Group;
use super::algorithm::{Encryption, KeyManagement};
use super::key::{DIR_OF_ANY, DecryptionKey, Secret, Use};
use super::pkcs8::{self, RsaNumbers};

/// Most keys that are taken from one file: a rotation needs two or three.
pub const MAX_KEYS: usize = 16;

/// What a file held.
#[derive(Debug, Default)]
pub struct ReadDecryptionKeys {
    pub keys: Vec<DecryptionKey>,
    pub skipped: Vec<UnusableKey>,
}

/// A key that is not used, and why. `kid` is as written, at most `header::MAX_KID_BYTES`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnusableKey {
    pub kid: Option<Box<str>>,
    pub reason: Unusable,
}

/// The closed set of reasons not to decrypt with a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unusable {
    UnknownKeyType,
    UnknownCurve,
    /// `alg` is no name that the gate opens tokens by.
    UnknownAlgorithm,
    /// `use` is not `enc`, or `key_ops` names no operation that decrypts.
    NotForDecryption,
    /// Only the public half is there.
    PublicKey,
    /// RSA of less than 2048 bits, or a modulus or exponent that is no good.
    WeakKey,
    /// RSA of more than [`super::pkcs8::MAX_RSA_BITS`].
    LongKey,
    /// An RSA key without `p q dp dq qi`.
    WithoutFactors,
    /// A secret of a length that no algorithm has.
    SecretLength,
    /// A member is missing, of a wrong type, or contradicts another one.
    Malformed,
    /// More than [`MAX_KEYS`].
    TooMany,
}

impl Unusable {
    /// One sentence for the operator.
    pub fn explanation(self) -> &'static str {
        match self {
            Self::UnknownKeyType => {
                "the key is of a type that cannot decrypt: those that can are `RSA`, `EC`, `OKP` with `X25519`, and `oct`"
            }
            Self::UnknownCurve => {
                "the key's curve is none of `P-256`, `P-384`, `P-521` and `X25519`"
            }
            Self::UnknownAlgorithm => {
                "the key's `alg` is not one that the gate opens (`RSA1_5`, `PBES2-*` and 192-bit key wrapping never are)"
            }
            Self::NotForDecryption => {
                "the key's `use` is not `enc`, or its `key_ops` names nothing that decrypts"
            }
            Self::PublicKey => {
                "only the public half of the key is here: the issuer encrypts with that, the gate decrypts with the private one"
            }
            Self::WeakKey => {
                "the RSA key has less than 2048 bits, a bad exponent or a guessable modulus"
            }
            Self::LongKey => {
                "the RSA key has more than 4096 bits: whoever sends anything at all would make the gate work with it, for tens of milliseconds"
            }
            Self::WithoutFactors => {
                "the RSA key has no `p`, `q`, `dp`, `dq` and `qi`: write it with them, or as PEM"
            }
            Self::SecretLength => "the secret has none of the lengths 16, 24, 32, 48 and 64 bytes",
            Self::Malformed => {
                "a member of the key is missing, of a wrong type, or contradicts another one"
            }
            Self::TooMany => "the file holds more keys than are taken from one",
        }
    }
}

/// Reads a JWK set, or one JWK. A document that is neither is an error that never shows it; one whose keys are all unusable is not.
pub fn read(document: &[u8]) -> Result<ReadDecryptionKeys, NotAKeySet> {
    let members = json::parse_object(document).map_err(|e| {
        NotAKeySet(format!(
            "the document is not an acceptable JSON object: {e}"
        ))
    })?;
    let mut read = ReadDecryptionKeys::default();
    if members.get("keys").is_none() && members.get("kty").is_some() {
        read.take(&Json::Object(members));
        return Ok(read);
    }
    for entry in entries(&members)?.iter().take(2 * MAX_KEYS) {
        read.take(entry);
    }
    Ok(read)
}

impl ReadDecryptionKeys {
    fn take(&mut self, entry: &Json) {
        self.push(shown_kid(entry), || read_key(entry));
    }

    /// Reads one more key, or skips it because there are too many.
    pub(super) fn push(
        &mut self,
        kid: Option<Box<str>>,
        read: impl FnOnce() -> Result<DecryptionKey, Unusable>,
    ) {
        let key = if self.keys.len() + self.skipped.len() < MAX_KEYS {
            read()
        } else {
            Err(Unusable::TooMany)
        };
        match key {
            Ok(key) => self.keys.push(key),
            Err(reason) => self.skipped.push(UnusableKey { kid, reason }),
        }
    }
}

fn read_key(entry: &Json) -> Result<DecryptionKey, Unusable> {
    let members = entry.as_object().ok_or(Unusable::Malformed)?;
    let kid = string(members, "kid")?;
    if kid.is_some_and(|kid| kid.len() > MAX_KID_BYTES) {
        return Err(Unusable::Malformed);
    }
    let key_type = string(members, "kty")?.ok_or(Unusable::Malformed)?;
    check_purpose(members)?;
    let alg = algorithm(members)?;
    let mut key = match key_type {
        "RSA" => rsa(members, alg)?,
        "EC" => elliptic_curve(members, alg)?,
        "OKP" => montgomery_curve(members, alg)?,
        "oct" => shared_secret(members, alg)?,
        _ => return Err(Unusable::UnknownKeyType),
    };
    key.kid = kid.map(Box::from);
    Ok(key)
}

/// `use` is `enc` or absent, and `key_ops` names something that a recipient does (RFC 7517 §4.2, §4.3).
fn check_purpose(members: &Object) -> Result<(), Unusable> {
    const DECRYPTING: [&str; 4] = ["decrypt", "unwrapKey", "deriveKey", "deriveBits"];
    if string(members, "use")?.is_some_and(|purpose| purpose != "enc") {
        return Err(Unusable::NotForDecryption);
    }
    match member(members, "key_ops") {
        None => Ok(()),
        Some(Json::Array(operations)) => operations
            .iter()
            .filter_map(Json::as_str)
            .any(|operation| DECRYPTING.contains(&operation))
            .then_some(())
            .ok_or(Unusable::NotForDecryption),
        Some(_) => Err(Unusable::Malformed),
    }
}

/// The key's own `alg`: it narrows the key to exactly that one. A secret may name the encryption that it is the content key of.
fn algorithm(members: &Object) -> Result<Option<Use>, Unusable> {
    let Some(name) = string(members, "alg")? else {
        return Ok(None);
    };
    match (KeyManagement::from_name(name), Encryption::from_name(name)) {
        (Some(KeyManagement::Dir), _) => Ok(Some(DIR_OF_ANY)),
        (Some(managed), _) => Ok(Some(Use::Manages(managed))),
        (None, Some(encryption)) => Ok(Some(Use::Encrypts(encryption))),
        (None, None) => Err(Unusable::UnknownAlgorithm),
    }
}

fn rsa(members: &Object, alg: Option<Use>) -> Result<DecryptionKey, Unusable> {
    private_half(members)?;
    // More than two primes (RFC 7518 §6.3.2.7): nobody has them.
    if member(members, "oth").is_some() {
        return Err(Unusable::Malformed);
    }
    if ["p", "q", "dp", "dq", "qi"]
        .iter()
        .any(|name| member(members, name).is_none())
    {
        return Err(Unusable::WithoutFactors);
    }
    let numbers = RsaNumbers {
        n: bytes(members, "n")?,
        e: bytes(members, "e")?,
        d: bytes(members, "d")?,
        p: bytes(members, "p")?,
        q: bytes(members, "q")?,
        dp: bytes(members, "dp")?,
        dq: bytes(members, "dq")?,
        qi: bytes(members, "qi")?,
    };
    pkcs8::rsa(&numbers, alg)
}

fn elliptic_curve(members: &Object, alg: Option<Use>) -> Result<DecryptionKey, Unusable> {
    let curve = required(members, "crv")?;
    let curve = Curve::from_name(curve).ok_or(Unusable::UnknownCurve)?;
    private_half(members)?;
    let mut point = vec![4];
    for name in ["x", "y"] {
        point.extend(exactly(members, name, curve.coordinate_bytes())?);
    }
    let private = exactly(members, "d", curve.coordinate_bytes())?;
    agreement(Group::Nist(curve), &private, &point, alg)
}

fn montgomery_curve(members: &Object, alg: Option<Use>) -> Result<DecryptionKey, Unusable> {
    if required(members, "crv")? != "X25519" {
        return Err(Unusable::UnknownCurve);
    }
    private_half(members)?;
    let public = exactly(members, "x", 32)?;
    let private = exactly(members, "d", 32)?;
    agreement(Group::X25519, &private, &public, alg)
}

/// The halves must belong together: a file that was edited by hand would refuse every token without a word.
fn agreement(
    group: Group,
    private: &[u8],
    public: &[u8],
    alg: Option<Use>,
) -> Result<DecryptionKey, Unusable> {
    let private = PrivateKey::from_private_key(group.algorithm(), private)
        .map_err(|_| Unusable::Malformed)?;
    let own = private
        .compute_public_key()
        .map_err(|_| Unusable::Malformed)?;
    match own.as_ref() == public {
        true => pkcs8::agreement(group, private, alg),
        false => Err(Unusable::Malformed),
    }
}

fn shared_secret(members: &Object, alg: Option<Use>) -> Result<DecryptionKey, Unusable> {
    let secret = bytes(members, "k")?;
    let public = secret.clone();
    DecryptionKey::new(Secret::Shared(secret.into()), &public, false, alg)
}

fn private_half(members: &Object) -> Result<(), Unusable> {
    match member(members, "d") {
        Some(_) => Ok(()),
        None => Err(Unusable::PublicKey),
    }
}

fn exactly(members: &Object, name: &str, length: usize) -> Result<Vec<u8>, Unusable> {
    let bytes = bytes(members, name)?;
    match bytes.len() == length {
        true => Ok(bytes),
        false => Err(Unusable::Malformed),
    }
}

/// As lenient as for public keys: padding and the plain alphabet are in real files.
fn bytes(members: &Object, name: &str) -> Result<Vec<u8>, Unusable> {
    base64url::decode_lenient(required(members, name)?).map_err(|_| Unusable::Malformed)
}

fn required<'o>(members: &'o Object, name: &str) -> Result<&'o str, Unusable> {
    string(members, name)?.ok_or(Unusable::Malformed)
}

fn string<'o>(members: &'o Object, name: &str) -> Result<Option<&'o str>, Unusable> {
    match member(members, name) {
        None => Ok(None),
        Some(Json::String(text)) => Ok(Some(text)),
        Some(_) => Err(Unusable::Malformed),
    }
}
