//! Every way to refuse a request: one closed list with its status, its reason and its decision. The words are in [`super::wording`].
//! The matches have no `_`: a new variant does not compile until each of its answers is decided.

pub use super::reason::{Decision, Reason};
use crate::jose::algorithm::AlgorithmSet;

/// A refusal by the gate, with what the operator needs to act on. Variants carry names and times, never token text.
/// Strings are as they came; they are escaped and bounded where they are written out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rejection {
    /// Made by `proxy`.
    MissingToken,
    /// Made by `proxy`: more than one Authorization line, or more than one source.
    AmbiguousToken {
        what: String,
    },
    MalformedToken {
        what: String,
    },
    TokenTooLarge {
        bytes: usize,
        limit: usize,
    },
    EncryptedToken,
    UnknownIssuer {
        iss: String,
        /// A configured issuer that differs only in letter case, scheme or a trailing slash.
        similar: Option<String>,
    },
    AlgorithmNotAllowed {
        alg: String,
        limit: AlgorithmLimit,
    },
    UnknownKey {
        kid: Option<String>,
        why: KeyProblem,
    },
    BadSignature {
        kid: Option<String>,
    },
    /// Unix seconds, as in the following three.
    TokenExpired {
        expired: i64,
        now: i64,
    },
    TokenNotYetValid {
        not_before: i64,
        now: i64,
    },
    IssuedInFuture {
        issued: i64,
        now: i64,
    },
    /// `max_age` in seconds.
    TokenTooOld {
        issued: i64,
        max_age: i64,
        now: i64,
    },
    AudienceMismatch {
        found: String,
        expected: String,
    },
    TokenTypeNotAllowed {
        found: String,
        expected: String,
    },
    UnsupportedCriticalHeader {
        member: &'static str,
    },
    ClaimMissing {
        claim: String,
    },
    /// The found value is not carried: it may be personal.
    ClaimMismatch {
        claim: String,
        expected: String,
    },
    TenantNotAllowed {
        tenant: String,
    },
    GroupsOverage,
    /// Seconds for `Retry-After`; whoever holds the keys fills it in for [`super::Seen::source`].
    KeysUnavailable {
        retry_after: u64,
    },
    /// Made by `identity`.
    ClaimsUnusable {
        header: String,
        why: String,
    },
    /// Made by `policy`.
    RuleNotMet {
        rule: String,
    },
    /// Made by `policy`; the methods that the path's route has, when the path is known.
    NoRoute {
        methods: Vec<String>,
    },
    /// Made by `proxy`.
    CrossSite {
        why: &'static str,
    },
    /// Made by `proxy`, `policy` (ambiguous target), `identity` (Connection names a managed header): a request that is not acceptable.
    /// `status` is 400, 405, 408, 414, 417, 431 or 501. The client sees `why`: it is about the request, and tells nothing of the configuration.
    BadRequest {
        status: u16,
        why: String,
    },
}

/// Who does not allow an algorithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AlgorithmLimit {
    /// `none`: nobody can allow it.
    Unsigned,
    /// The issuer's allow-list.
    Issuer(AlgorithmSet),
    /// The key that the token names is for other algorithms.
    Key,
}

/// Why there is no key for a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyProblem {
    /// The issuer's key set does not hold it.
    NotHeld,
    /// It is there, but says itself that it signs for another issuer (Entra's `issuer` member of a key).
    ForAnotherIssuer,
}

impl Rejection {
    /// The HTTP status of the answer.
    pub fn status(&self) -> u16 {
        match self {
            Self::AmbiguousToken { .. } => 400,
            Self::BadRequest { status, .. } => *status,
            Self::KeysUnavailable { .. } => 503,
            Self::GroupsOverage
            | Self::ClaimsUnusable { .. }
            | Self::RuleNotMet { .. }
            | Self::NoRoute { .. }
            | Self::CrossSite { .. } => 403,
            Self::MissingToken
            | Self::MalformedToken { .. }
            | Self::TokenTooLarge { .. }
            | Self::EncryptedToken
            | Self::UnknownIssuer { .. }
            | Self::AlgorithmNotAllowed { .. }
            | Self::UnknownKey { .. }
            | Self::BadSignature { .. }
            | Self::TokenExpired { .. }
            | Self::TokenNotYetValid { .. }
            | Self::IssuedInFuture { .. }
            | Self::TokenTooOld { .. }
            | Self::AudienceMismatch { .. }
            | Self::TokenTypeNotAllowed { .. }
            | Self::UnsupportedCriticalHeader { .. }
            | Self::ClaimMissing { .. }
            | Self::ClaimMismatch { .. }
            | Self::TenantNotAllowed { .. } => 401,
        }
    }

    /// The label, and the member `reason` of the answer.
    pub fn reason(&self) -> Reason {
        match self {
            Self::MissingToken => Reason::MissingToken,
            Self::AmbiguousToken { .. } => Reason::AmbiguousToken,
            Self::MalformedToken { .. } => Reason::MalformedToken,
            Self::TokenTooLarge { .. } => Reason::TokenTooLarge,
            Self::EncryptedToken => Reason::EncryptedToken,
            Self::UnknownIssuer { .. } => Reason::UnknownIssuer,
            Self::AlgorithmNotAllowed { .. } => Reason::AlgorithmNotAllowed,
            Self::UnknownKey { .. } => Reason::UnknownKey,
            Self::BadSignature { .. } => Reason::BadSignature,
            Self::TokenExpired { .. } => Reason::TokenExpired,
            Self::TokenNotYetValid { .. } => Reason::TokenNotYetValid,
            Self::IssuedInFuture { .. } => Reason::IssuedInFuture,
            Self::TokenTooOld { .. } => Reason::TokenTooOld,
            Self::AudienceMismatch { .. } => Reason::AudienceMismatch,
            Self::TokenTypeNotAllowed { .. } => Reason::TokenTypeNotAllowed,
            Self::UnsupportedCriticalHeader { .. } => Reason::UnsupportedCriticalHeader,
            Self::ClaimMissing { .. } => Reason::ClaimMissing,
            Self::ClaimMismatch { .. } => Reason::ClaimMismatch,
            Self::TenantNotAllowed { .. } => Reason::TenantNotAllowed,
            Self::GroupsOverage => Reason::GroupsOverage,
            Self::KeysUnavailable { .. } => Reason::KeysUnavailable,
            Self::ClaimsUnusable { .. } => Reason::ClaimsUnusable,
            Self::RuleNotMet { .. } => Reason::RuleNotMet,
            Self::NoRoute { .. } => Reason::NoRoute,
            Self::CrossSite { .. } => Reason::CrossSite,
            Self::BadRequest { .. } => Reason::BadRequest,
        }
    }

    /// The label `decision`: 403 is `forbid`, 503 `unavailable`, all other refusals are `deny`.
    pub fn decision(&self) -> Decision {
        match self {
            Self::KeysUnavailable { .. } => Decision::Unavailable,
            Self::GroupsOverage
            | Self::ClaimsUnusable { .. }
            | Self::RuleNotMet { .. }
            | Self::NoRoute { .. }
            | Self::CrossSite { .. } => Decision::Forbid,
            Self::MissingToken
            | Self::AmbiguousToken { .. }
            | Self::MalformedToken { .. }
            | Self::TokenTooLarge { .. }
            | Self::EncryptedToken
            | Self::UnknownIssuer { .. }
            | Self::AlgorithmNotAllowed { .. }
            | Self::UnknownKey { .. }
            | Self::BadSignature { .. }
            | Self::TokenExpired { .. }
            | Self::TokenNotYetValid { .. }
            | Self::IssuedInFuture { .. }
            | Self::TokenTooOld { .. }
            | Self::AudienceMismatch { .. }
            | Self::TokenTypeNotAllowed { .. }
            | Self::UnsupportedCriticalHeader { .. }
            | Self::ClaimMissing { .. }
            | Self::ClaimMismatch { .. }
            | Self::TenantNotAllowed { .. }
            | Self::BadRequest { .. } => Decision::Deny,
        }
    }
}
