//! Signature algorithms by their registered names (RFC 7518 §3.1, RFC 8037 §3.1, RFC 9864 for `Ed25519`).

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
    pub fn from_name(_name: &str) -> Option<Self> {
        todo!()
    }
    /// The registered name.
    pub fn name(self) -> &'static str {
        todo!()
    }
    /// HS256, HS384, HS512: verified with a shared secret.
    pub fn is_symmetric(self) -> bool {
        todo!()
    }
}

/// A set of algorithms: an issuer's allow-list, or what one key may be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct AlgorithmSet(u16);

impl AlgorithmSet {
    pub const EMPTY: Self = Self(0);
    pub fn of(_algorithms: &[Algorithm]) -> Self {
        todo!()
    }
    /// Every algorithm with a public key: the default of an issuer.
    pub fn asymmetric() -> Self {
        todo!()
    }
    pub fn symmetric() -> Self {
        todo!()
    }
    pub fn contains(self, _algorithm: Algorithm) -> bool {
        todo!()
    }
    pub fn intersection(self, _other: Self) -> Self {
        todo!()
    }
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }
    pub fn iter(self) -> impl Iterator<Item = Algorithm> {
        Algorithm::ALL
            .into_iter()
            .filter(move |a| self.contains(*a))
    }
}
