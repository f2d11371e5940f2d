//! What the gate opens, by registered names: key management (RFC 7518 §4.1) and content encryption (§5.1).

/// How a token carries the key of its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyManagement {
    RsaOaep,
    RsaOaep256,
    EcdhEs,
    EcdhEsA128Kw,
    EcdhEsA256Kw,
    A128Kw,
    A256Kw,
    A128GcmKw,
    A256GcmKw,
    Dir,
}

impl KeyManagement {
    pub const ALL: [Self; 10] = [
        Self::RsaOaep,
        Self::RsaOaep256,
        Self::EcdhEs,
        Self::EcdhEsA128Kw,
        Self::EcdhEsA256Kw,
        Self::A128Kw,
        Self::A256Kw,
        Self::A128GcmKw,
        Self::A256GcmKw,
        Self::Dir,
    ];

    /// The algorithm of exactly this name; case matters (RFC 7516 §4.1.1).
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|a| a.name() == name)
    }

    /// The registered name.
    pub fn name(self) -> &'static str {
        match self {
            Self::RsaOaep => "RSA-OAEP",
            Self::RsaOaep256 => "RSA-OAEP-256",
            Self::EcdhEs => "ECDH-ES",
            Self::EcdhEsA128Kw => "ECDH-ES+A128KW",
            Self::EcdhEsA256Kw => "ECDH-ES+A256KW",
            Self::A128Kw => "A128KW",
            Self::A256Kw => "A256KW",
            Self::A128GcmKw => "A128GCMKW",
            Self::A256GcmKw => "A256GCMKW",
            Self::Dir => "dir",
        }
    }

    /// The key is a secret that the issuer holds too.
    pub fn is_symmetric(self) -> bool {
        match self {
            Self::RsaOaep
            | Self::RsaOaep256
            | Self::EcdhEs
            | Self::EcdhEsA128Kw
            | Self::EcdhEsA256Kw => false,
            Self::A128Kw | Self::A256Kw | Self::A128GcmKw | Self::A256GcmKw | Self::Dir => true,
        }
    }

    /// Bytes of the key that wraps the content key, where one does.
    pub(super) fn wrapping_key_bytes(self) -> Option<usize> {
        match self {
            Self::EcdhEsA128Kw | Self::A128Kw | Self::A128GcmKw => Some(16),
            Self::EcdhEsA256Kw | Self::A256Kw | Self::A256GcmKw => Some(32),
            Self::RsaOaep | Self::RsaOaep256 | Self::EcdhEs | Self::Dir => None,
        }
    }
}

/// How the content is encrypted; each authenticates it too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Encryption {
    A128Gcm,
    A192Gcm,
    A256Gcm,
    A128CbcHs256,
    A192CbcHs384,
    A256CbcHs512,
}

impl Encryption {
    pub const ALL: [Self; 6] = [
        Self::A128Gcm,
        Self::A192Gcm,
        Self::A256Gcm,
        Self::A128CbcHs256,
        Self::A192CbcHs384,
        Self::A256CbcHs512,
    ];

    /// The encryption of exactly this name; case matters (RFC 7516 §4.1.2).
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|e| e.name() == name)
    }

    /// The registered name.
    pub fn name(self) -> &'static str {
        match self {
            Self::A128Gcm => "A128GCM",
            Self::A192Gcm => "A192GCM",
            Self::A256Gcm => "A256GCM",
            Self::A128CbcHs256 => "A128CBC-HS256",
            Self::A192CbcHs384 => "A192CBC-HS384",
            Self::A256CbcHs512 => "A256CBC-HS512",
        }
    }

    /// Bytes of the content key: for CBC both of its halves.
    pub fn key_bytes(self) -> usize {
        match self {
            Self::A128Gcm => 16,
            Self::A192Gcm => 24,
            Self::A256Gcm | Self::A128CbcHs256 => 32,
            Self::A192CbcHs384 => 48,
            Self::A256CbcHs512 => 64,
        }
    }

    pub(super) fn iv_bytes(self) -> usize {
        match self {
            Self::A128Gcm | Self::A192Gcm | Self::A256Gcm => 12,
            Self::A128CbcHs256 | Self::A192CbcHs384 | Self::A256CbcHs512 => 16,
        }
    }

    pub(super) fn tag_bytes(self) -> usize {
        match self {
            Self::A128Gcm | Self::A192Gcm | Self::A256Gcm | Self::A128CbcHs256 => 16,
            Self::A192CbcHs384 => 24,
            Self::A256CbcHs512 => 32,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_found_again() {
        for algorithm in KeyManagement::ALL {
            assert_eq!(KeyManagement::from_name(algorithm.name()), Some(algorithm));
        }
        for encryption in Encryption::ALL {
            assert_eq!(Encryption::from_name(encryption.name()), Some(encryption));
        }
    }

    #[test]
    fn j11_what_is_never_supported_has_no_name_here() {
        for name in [
            "RSA1_5",
            "PBES2-HS256+A128KW",
            "PBES2-HS384+A192KW",
            "PBES2-HS512+A256KW",
            "A192KW",
            "A192GCMKW",
            "ECDH-ES+A192KW",
            "RSA-OAEP-384",
            "RSA-OAEP-512",
            "rsa-oaep",
            "DIR",
            "none",
            "",
        ] {
            assert_eq!(KeyManagement::from_name(name), None, "{name}");
        }
        // WSO2's own spelling of A128CBC-HS256 among them.
        for name in ["A128CBC+HS256", "a256gcm", "A256CBC", "none", ""] {
            assert_eq!(Encryption::from_name(name), None, "{name}");
        }
    }
}
