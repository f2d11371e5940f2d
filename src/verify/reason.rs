//! The closed label sets `reason` and `decision`.

/// What became of a request: the label `decision`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Decision {
    Allow,
    Deny,
    Forbid,
    Unavailable,
    Public,
}

impl Decision {
    #[cfg(test)]
    pub const ALL: [Self; 5] = [
        Self::Allow,
        Self::Deny,
        Self::Forbid,
        Self::Unavailable,
        Self::Public,
    ];

    /// snake_case, as in metrics and logs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
            Self::Forbid => "forbid",
            Self::Unavailable => "unavailable",
            Self::Public => "public",
        }
    }
}

/// The closed set of reasons, in the order of the documentation; the label `reason`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    MissingToken,
    AmbiguousToken,
    MalformedToken,
    TokenTooLarge,
    EncryptedToken,
    DecryptionFailed,
    UnknownIssuer,
    AlgorithmNotAllowed,
    UnknownKey,
    BadSignature,
    TokenExpired,
    TokenNotYetValid,
    IssuedInFuture,
    TokenTooOld,
    AudienceMismatch,
    TokenTypeNotAllowed,
    UnsupportedCriticalHeader,
    ClaimMissing,
    ClaimMismatch,
    TenantNotAllowed,
    BindingMismatch,
    GroupsOverage,
    KeysUnavailable,
    ClaimsUnusable,
    RuleNotMet,
    NoRoute,
    CrossSite,
    BadRequest,
    UpstreamUnreachable,
    UpstreamReset,
    UpstreamTimeout,
}

impl Reason {
    pub const ALL: [Self; 31] = [
        Self::MissingToken,
        Self::AmbiguousToken,
        Self::MalformedToken,
        Self::TokenTooLarge,
        Self::EncryptedToken,
        Self::DecryptionFailed,
        Self::UnknownIssuer,
        Self::AlgorithmNotAllowed,
        Self::UnknownKey,
        Self::BadSignature,
        Self::TokenExpired,
        Self::TokenNotYetValid,
        Self::IssuedInFuture,
        Self::TokenTooOld,
        Self::AudienceMismatch,
        Self::TokenTypeNotAllowed,
        Self::UnsupportedCriticalHeader,
        Self::ClaimMissing,
        Self::ClaimMismatch,
        Self::TenantNotAllowed,
        Self::BindingMismatch,
        Self::GroupsOverage,
        Self::KeysUnavailable,
        Self::ClaimsUnusable,
        Self::RuleNotMet,
        Self::NoRoute,
        Self::CrossSite,
        Self::BadRequest,
        Self::UpstreamUnreachable,
        Self::UpstreamReset,
        Self::UpstreamTimeout,
    ];

    /// snake_case, as in metrics, logs and answers.
    pub fn name(self) -> &'static str {
        match self {
            Self::MissingToken => "missing_token",
            Self::AmbiguousToken => "ambiguous_token",
            Self::MalformedToken => "malformed_token",
            Self::TokenTooLarge => "token_too_large",
            Self::EncryptedToken => "encrypted_token",
            Self::DecryptionFailed => "decryption_failed",
            Self::UnknownIssuer => "unknown_issuer",
            Self::AlgorithmNotAllowed => "algorithm_not_allowed",
            Self::UnknownKey => "unknown_key",
            Self::BadSignature => "bad_signature",
            Self::TokenExpired => "token_expired",
            Self::TokenNotYetValid => "token_not_yet_valid",
            Self::IssuedInFuture => "issued_in_future",
            Self::TokenTooOld => "token_too_old",
            Self::AudienceMismatch => "audience_mismatch",
            Self::TokenTypeNotAllowed => "token_type_not_allowed",
            Self::UnsupportedCriticalHeader => "unsupported_critical_header",
            Self::ClaimMissing => "claim_missing",
            Self::ClaimMismatch => "claim_mismatch",
            Self::TenantNotAllowed => "tenant_not_allowed",
            Self::BindingMismatch => "binding_mismatch",
            Self::GroupsOverage => "groups_overage",
            Self::KeysUnavailable => "keys_unavailable",
            Self::ClaimsUnusable => "claims_unusable",
            Self::RuleNotMet => "rule_not_met",
            Self::NoRoute => "no_route",
            Self::CrossSite => "cross_site",
            Self::BadRequest => "bad_request",
            Self::UpstreamUnreachable => "upstream_unreachable",
            Self::UpstreamReset => "upstream_reset",
            Self::UpstreamTimeout => "upstream_timeout",
        }
    }

    /// The fixed sentence of the access line: what happened, for whoever reads the log without the documentation at hand.
    pub fn message(self) -> &'static str {
        match self {
            Self::MissingToken => "request refused: it carries no token",
            Self::AmbiguousToken => "request refused: it carries more than one token",
            Self::MalformedToken => "request refused: the token is not a well-formed JWT",
            Self::TokenTooLarge => "request refused: the token is too large",
            Self::EncryptedToken => "request refused: the token is encrypted",
            Self::DecryptionFailed => "request refused: the token cannot be decrypted",
            Self::UnknownIssuer => "request refused: no configured issuer issued the token",
            Self::AlgorithmNotAllowed => {
                "request refused: the token's algorithm is not allowed for its issuer"
            }
            Self::UnknownKey => "request refused: the issuer has no key that the token names",
            Self::BadSignature => "request refused: the token's signature does not verify",
            Self::TokenExpired => "request refused: the token has expired",
            Self::TokenNotYetValid => "request refused: the token is not valid yet",
            Self::IssuedInFuture => "request refused: the token says that it was issued later",
            Self::TokenTooOld => "request refused: the token was issued too long ago",
            Self::AudienceMismatch => "request refused: the token is for another audience",
            Self::TokenTypeNotAllowed => "request refused: the token is of another type",
            Self::UnsupportedCriticalHeader => {
                "request refused: the token's header demands an unsupported extension"
            }
            Self::ClaimMissing => "request refused: the token lacks a required claim",
            Self::ClaimMismatch => "request refused: a claim of the token has another value",
            Self::TenantNotAllowed => "request refused: the token's tenant is not allowed",
            Self::BindingMismatch => "request refused: the token is bound to another request",
            Self::GroupsOverage => "request refused: the provider left the groups out",
            Self::KeysUnavailable => "request refused: the issuer's keys are not available",
            Self::ClaimsUnusable => "request refused: a claim cannot be carried in a header",
            Self::RuleNotMet => "request refused: the token does not meet the route's rule",
            Self::NoRoute => "request refused: no route allows it",
            Self::CrossSite => "request refused: another site sent it with a cookie token",
            Self::BadRequest => "request refused: it is not acceptable",
            Self::UpstreamUnreachable => "application failed: it cannot be reached",
            Self::UpstreamReset => "application failed: it closed the connection",
            Self::UpstreamTimeout => "application failed: it did not answer in time",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_the_documented_closed_set_in_its_order() {
        let names: Vec<_> = Reason::ALL.iter().map(|reason| reason.name()).collect();
        assert_eq!(
            names.join(" "),
            "missing_token ambiguous_token malformed_token token_too_large encrypted_token \
             decryption_failed unknown_issuer algorithm_not_allowed unknown_key bad_signature \
             token_expired token_not_yet_valid issued_in_future token_too_old audience_mismatch \
             token_type_not_allowed unsupported_critical_header claim_missing claim_mismatch \
             tenant_not_allowed binding_mismatch groups_overage keys_unavailable claims_unusable \
             rule_not_met no_route cross_site bad_request upstream_unreachable upstream_reset \
             upstream_timeout"
        );
        let names: Vec<_> = Decision::ALL
            .iter()
            .map(|decision| decision.name())
            .collect();
        assert_eq!(names.join(" "), "allow deny forbid unavailable public");
    }

    #[test]
    fn every_message_is_its_own_and_one_line() {
        let messages: std::collections::HashSet<_> =
            Reason::ALL.iter().map(|reason| reason.message()).collect();
        assert_eq!(messages.len(), Reason::ALL.len());
        for message in messages {
            assert!(message.is_ascii() && !message.contains('\n') && !message.ends_with('.'));
        }
    }
}
