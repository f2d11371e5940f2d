//! Signature algorithms by their registered names (RFC 7518 §3.1, RFC 8037 §3.1, RFC 9864 for `Ed25519`).

use aws_lc_rs::digest;

/// A signature or MAC algorithm that the gate can verify. `none` is not one of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Algorithm {
    Rs256,
    Rs384,
    Rs512,
    Ps256,
    Ps384,
    Ps512,
    Es256,
    Es384,
    Es512,
    EdDsa,
    Ed25519,
    Hs256,
    Hs384,
    Hs512,
}

impl Algorithm {
    pub const ALL: [Self; 14] = [
        Self::Rs256,
        Self::Rs384,
        Self::Rs512,
        Self::Ps256,
        Self::Ps384,
        Self::Ps512,
        Self::Es256,
        Self::Es384,
        Self::Es512,
        Self::EdDsa,
        Self::Ed25519,
        Self::Hs256,
        Self::Hs384,
        Self::Hs512,
    ];

    /// The algorithm of exactly this name; case matters (RFC 7515 §4.1.1).
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|a| a.name() == name)
    }

    /// The registered name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Rs384 => "RS384",
            Self::Rs512 => "RS512",
            Self::Ps256 => "PS256",
            Self::Ps384 => "PS384",
            Self::Ps512 => "PS512",
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::Es512 => "ES512",
            Self::EdDsa => "EdDSA",
            Self::Ed25519 => "Ed25519",
            Self::Hs256 => "HS256",
            Self::Hs384 => "HS384",
            Self::Hs512 => "HS512",
        }
    }

    /// The hash that it is made with. Ed25519 hashes with SHA-512 (RFC 8032 §5.1), which is also what OpenID providers make
    /// `at_hash` with under `EdDSA`.
    pub fn hash(self) -> &'static digest::Algorithm {
        match self {
            Self::Rs256 | Self::Ps256 | Self::Es256 | Self::Hs256 => &digest::SHA256,
            Self::Rs384 | Self::Ps384 | Self::Es384 | Self::Hs384 => &digest::SHA384,
            Self::Rs512 | Self::Ps512 | Self::Es512 | Self::Hs512 | Self::EdDsa | Self::Ed25519 => {
                &digest::SHA512
            }
        }
    }

    /// HS256, HS384, HS512: verified with a shared secret.
    pub fn is_symmetric(self) -> bool {
        matches!(self, Self::Hs256 | Self::Hs384 | Self::Hs512)
    }
}

/// A set of algorithms: an issuer's allow-list, or what one key may be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct AlgorithmSet(u16);

impl AlgorithmSet {
    pub fn of(algorithms: &[Algorithm]) -> Self {
        algorithms.iter().copied().collect()
    }

    /// Every algorithm with a public key: the default of an issuer.
    pub fn asymmetric() -> Self {
        Algorithm::ALL
            .into_iter()
            .filter(|a| !a.is_symmetric())
            .collect()
    }

    /// HS256, HS384, HS512.
    pub fn symmetric() -> Self {
        Algorithm::ALL
            .into_iter()
            .filter(|a| a.is_symmetric())
            .collect()
    }

    pub fn contains(self, algorithm: Algorithm) -> bool {
        self.0 & bit(algorithm) != 0
    }

    pub fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// In the order of [`Algorithm::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Algorithm> {
        Algorithm::ALL
            .into_iter()
            .filter(move |a| self.contains(*a))
    }
}

impl FromIterator<Algorithm> for AlgorithmSet {
    fn from_iter<I: IntoIterator<Item = Algorithm>>(algorithms: I) -> Self {
        Self(algorithms.into_iter().fold(0, |bits, a| bits | bit(a)))
    }
}

fn bit(algorithm: Algorithm) -> u16 {
    1 << (algorithm as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_found_again() {
        for algorithm in Algorithm::ALL {
            assert_eq!(Algorithm::from_name(algorithm.name()), Some(algorithm));
        }
    }

    #[test]
    fn j01_no_spelling_of_none_is_an_algorithm() {
        for bits in 0..16u32 {
            let name: String = "none"
                .chars()
                .enumerate()
                .map(|(i, c)| {
                    if bits >> i & 1 == 1 {
                        c.to_ascii_uppercase()
                    } else {
                        c
                    }
                })
                .collect();
            assert_eq!(Algorithm::from_name(&name), None, "{name}");
        }
        for name in ["", " none", "none ", "null", "NONE\0"] {
            assert_eq!(Algorithm::from_name(name), None, "{name}");
        }
    }

    #[test]
    fn case_and_white_space_make_another_name() {
        for name in [
            "rs256", "Rs256", "RS256 ", "eddsa", "EDDSA", "ed25519", "hs256", "ES256K", "RS1",
        ] {
            assert_eq!(Algorithm::from_name(name), None, "{name}");
        }
    }

    #[test]
    fn sets_hold_what_was_put_in_and_nothing_else() {
        let set = AlgorithmSet::of(&[Algorithm::Rs256, Algorithm::Hs512, Algorithm::Rs256]);
        assert_eq!(
            set.iter().collect::<Vec<_>>(),
            [Algorithm::Rs256, Algorithm::Hs512]
        );
        assert_eq!(
            set.intersection(AlgorithmSet::asymmetric()),
            AlgorithmSet::of(&[Algorithm::Rs256])
        );
        assert!(
            AlgorithmSet::asymmetric()
                .intersection(AlgorithmSet::symmetric())
                .is_empty()
        );
        assert_eq!(AlgorithmSet::asymmetric().iter().count(), 11);
        assert_eq!(AlgorithmSet::symmetric().iter().count(), 3);
        assert_eq!(AlgorithmSet::default().iter().count(), 0);
    }
}
