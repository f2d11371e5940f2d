//! Every way to refuse a request: one closed list with its status, its reason, what the client may know and what the log says.

/// What became of a request: the label `decision`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Decision {
    Allow,
    Deny,
    Forbid,
    Unavailable,
    Public,
}

/// The closed set of reasons in CONTRACT order; the label `reason`.
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
    /// snake_case, as in metrics, logs and answers.
    pub fn name(self) -> &'static str {
        todo!()
    }
    /// The fixed sentence of the access line.
    pub fn message(self) -> &'static str {
        todo!()
    }
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
}

impl Decision {
    pub const ALL: [Self; 5] = [
        Self::Allow,
        Self::Deny,
        Self::Forbid,
        Self::Unavailable,
        Self::Public,
    ];
    pub fn name(self) -> &'static str {
        todo!()
    }
}

/// A refusal by the gate, with what the operator needs to act on. Variants carry names and times, never token text.
/// (The builder of `verify` may refine the fields of token variants; `policy`, `identity` and `proxy` make those marked with their names.)
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rejection {
    /// proxy
    MissingToken,
    /// proxy: more than one Authorization line, or more than one source
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
    },
    AlgorithmNotAllowed {
        alg: String,
        allowed: String,
    },
    UnknownKey {
        kid: Option<String>,
    },
    BadSignature {
        kid: Option<String>,
    },
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
    ClaimMismatch {
        claim: String,
        expected: String,
    },
    TenantNotAllowed {
        tenant: String,
    },
    GroupsOverage,
    /// Seconds for `Retry-After`.
    KeysUnavailable {
        retry_after: u64,
    },
    /// identity
    ClaimsUnusable {
        header: String,
        why: String,
    },
    /// policy
    RuleNotMet {
        rule: String,
    },
    /// policy; the methods that the path's route has, when the path is known
    NoRoute {
        methods: Vec<String>,
    },
    /// proxy
    CrossSite {
        why: &'static str,
    },
    /// proxy, policy (ambiguous target), identity (Connection names a managed header): a request that is not acceptable. `status` is 400, 405, 408, 414, 417, 431 or 501.
    BadRequest {
        status: u16,
        why: String,
    },
}

impl Rejection {
    pub fn status(&self) -> u16 {
        todo!()
    }
    pub fn reason(&self) -> Reason {
        todo!()
    }
    pub fn decision(&self) -> Decision {
        todo!()
    }
    /// The `WWW-Authenticate` value (RFC 6750 §3), for 400, 401 and 403 where the contract has one. `realm="claimgate"`.
    pub fn challenge(&self) -> Option<String> {
        todo!()
    }
    /// What the client may know: `detail` of the problem body (RFC 9457). Helps an honest client, tells an attacker nothing about configuration.
    pub fn client_detail(&self) -> String {
        todo!()
    }
    /// What the log and `explain` say: what is wrong and what to do. One line; values from the token are escaped and bounded.
    pub fn operator_detail(&self) -> String {
        todo!()
    }
}
