//! One private key that opens tokens, parsed once.

use aws_lc_rs::agreement::PrivateKey;
use aws_lc_rs::digest;
use aws_lc_rs::rsa::OaepPrivateDecryptingKey;

use super::agreement::Group;
use super::algorithm::{Encryption, KeyManagement};
use super::header::Parameters;
use super::jwk::Unusable;
use super::sealed::Sealed;

/// A private key or shared secret with what is known about it. Its Debug shows no key material.
pub struct DecryptionKey {
    pub kid: Option<Box<str>>,
    /// SHA-256 of the key's public half, or of the secret: the same key has the same fingerprint, whatever its kid and `alg`.
    pub fingerprint: [u8; 32],
    /// Every copy of a product holds this very key.
    pub is_public_default: bool,
    uses: Vec<Use>,
    secret: Secret,
}

/// What a key may be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    Manages(KeyManagement),
    /// `dir` with one encryption: the key is the content key.
    Encrypts(Encryption),
}

pub(super) enum Secret {
    Rsa(OaepPrivateDecryptingKey),
    Agreement { group: Group, private: PrivateKey },
    Shared(Box<[u8]>),
}

impl DecryptionKey {
    /// The algorithms that the key opens.
    pub fn algorithms(&self) -> impl Iterator<Item = KeyManagement> {
        KeyManagement::ALL.into_iter().filter(|algorithm| {
            self.uses.iter().any(|one| match one {
                Use::Manages(managed) => managed == algorithm,
                Use::Encrypts(_) => *algorithm == KeyManagement::Dir,
            })
        })
    }

    /// Whether the key could open `token` by its kind, size, curve and `alg`: nothing is computed.
    pub fn fits(&self, token: &Sealed<'_>) -> bool {
        let header = &token.header;
        let wanted = match header.algorithm {
            KeyManagement::Dir => Use::Encrypts(header.encryption),
            algorithm => Use::Manages(algorithm),
        };
        if !self.uses.contains(&wanted) {
            return false;
        }
        let encrypted_key_bytes = token.encrypted_key_bytes();
        match (&self.secret, &header.parameters) {
            (Secret::Rsa(key), _) => encrypted_key_bytes == key.key_size_bytes(),
            (Secret::Agreement { group, .. }, Parameters::Agreement(ephemeral)) => {
                let needs_key = header.algorithm.wrapping_key_bytes().is_some();
                *group == ephemeral.group && needs_key == (encrypted_key_bytes > 0)
            }
            (Secret::Agreement { .. }, _) => false,
            (Secret::Shared(_), _) => {
                (header.algorithm == KeyManagement::Dir) == (encrypted_key_bytes == 0)
            }
        }
    }

    /// Whether `other` is this key under the same name, for the same uses.
    pub fn is_same(&self, other: &Self) -> bool {
        self.fingerprint == other.fingerprint && self.kid == other.kid && self.uses == other.uses
    }

    /// `uses`: by the type of the key; `alg` narrows them to itself, and must be one of them.
    pub(super) fn new(
        secret: Secret,
        public: &[u8],
        is_public_default: bool,
        alg: Option<Use>,
    ) -> Result<Self, Unusable> {
        let mut uses = uses(&secret)?;
        if let Some(alg) = alg {
            uses.retain(|one| *one == alg || alg == DIR_OF_ANY && matches!(one, Use::Encrypts(_)));
        }
        if uses.is_empty() {
            return Err(Unusable::Malformed);
        }
        let kind: &[u8] = match &secret {
            Secret::Rsa(_) => b"RSA",
            Secret::Agreement { group, .. } => group_name(*group),
            Secret::Shared(_) => b"oct",
        };
        let mut context = digest::Context::new(&digest::SHA256);
        context.update(kind);
        context.update(b"\n");
        context.update(public);
        Ok(Self {
            kid: None,
            // SHA-256 has exactly this length.
            fingerprint: context.finish().as_ref().try_into().unwrap_or_default(),
            is_public_default,
            uses,
            secret,
        })
    }

    pub(super) fn secret(&self) -> &Secret {
        &self.secret
    }
}

/// `alg: dir` in a JWK: for whichever encryption has the length of the key.
pub(super) const DIR_OF_ANY: Use = Use::Manages(KeyManagement::Dir);

fn uses(secret: &Secret) -> Result<Vec<Use>, Unusable> {
    use KeyManagement::{
        A128GcmKw, A128Kw, A256GcmKw, A256Kw, EcdhEs, EcdhEsA128Kw, EcdhEsA256Kw, RsaOaep,
        RsaOaep256,
    };
    let manages = |all: &[KeyManagement]| all.iter().copied().map(Use::Manages).collect();
    Ok(match secret {
        Secret::Rsa(_) => manages(&[RsaOaep, RsaOaep256]),
        Secret::Agreement { .. } => manages(&[EcdhEs, EcdhEsA128Kw, EcdhEsA256Kw]),
        Secret::Shared(secret) => {
            let mut uses: Vec<Use> = match secret.len() {
                16 => manages(&[A128Kw, A128GcmKw]),
                32 => manages(&[A256Kw, A256GcmKw]),
                _ => Vec::new(),
            };
            let of_this_length = |encryption: &Encryption| encryption.key_bytes() == secret.len();
            let encryptions = Encryption::ALL.into_iter().filter(of_this_length);
            uses.extend(encryptions.map(Use::Encrypts));
            if uses.is_empty() {
                return Err(Unusable::SecretLength);
            }
            uses
        }
    })
}

fn group_name(group: Group) -> &'static [u8] {
    match group {
        // The length of the point tells the curve.
        Group::Nist(_) => b"EC",
        Group::X25519 => b"X25519",
    }
}

impl std::fmt::Debug for DecryptionKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("DecryptionKey")
            .field("kid", &self.kid)
            .field("uses", &self.uses)
            .finish_non_exhaustive()
    }
}
