//! The steps of the walk by name, and who is told of them.

/// The steps, in their order, for `explain`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Check {
    Size,
    Decryption,
    Structure,
    Header,
    Claims,
    Issuer,
    Algorithm,
    TokenType,
    Lifetime,
    Audience,
    RequiredClaims,
    Provider,
    Key,
    Signature,
    Binding,
}

impl Check {
    pub const ALL: [Self; 15] = [
        Self::Size,
        Self::Decryption,
        Self::Structure,
        Self::Header,
        Self::Claims,
        Self::Issuer,
        Self::Algorithm,
        Self::TokenType,
        Self::Lifetime,
        Self::Audience,
        Self::RequiredClaims,
        Self::Provider,
        Self::Key,
        Self::Signature,
        Self::Binding,
    ];

    /// snake_case, as `explain --json` prints it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Size => "size",
            Self::Decryption => "decryption",
            Self::Structure => "structure",
            Self::Header => "header",
            Self::Claims => "claims",
            Self::Issuer => "issuer",
            Self::Algorithm => "algorithm",
            Self::TokenType => "token_type",
            Self::Lifetime => "lifetime",
            Self::Audience => "audience",
            Self::RequiredClaims => "required_claims",
            Self::Provider => "provider",
            Self::Key => "key",
            Self::Signature => "signature",
            Self::Binding => "binding",
        }
    }
}

/// Told of each check that passed, with a detail for the operator. The failing one is the rejection itself: the check after the last passed one.
/// `detail` is only called by logs that want it.
pub trait CheckLog {
    fn passed(&mut self, check: Check, detail: &dyn Fn() -> String);
}

/// For requests: no cost.
pub struct NoLog;

impl CheckLog for NoLog {
    fn passed(&mut self, _: Check, _: &dyn Fn() -> String) {}
}
