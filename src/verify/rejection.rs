//! Every way to refuse a request: one closed list with its status, its reason and its decision. The words are in `wording.rs`.
//! The matches have no `_`: a new variant does not compile until each of its answers is decided.

use super::binding::{NoCounterpart, Place};
use super::reason::{Decision, Reason};
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
    /// No issuer decrypts: nothing was decoded.
    EncryptedToken,
    /// Whatever is wrong with an encrypted token, and an issuer that does not hold the key: one answer for all. `why` is for the operator.
    DecryptionFailed {
        why: String,
    },
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
    /// The token and its request do not belong together. Neither side's value is carried.
    BindingMismatch {
        claim: &'static str,
        place: Place,
        why: BindingProblem,
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
    /// `status` is 400, 405, 408, 411, 414, 417, 431 or 501. The client sees `why`: it is about the request, and tells nothing of the configuration.
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
    /// The keys that the token can mean are for other algorithms.
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

/// What is wrong between a claim and its counterpart in the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BindingProblem {
    ClaimMissing,
    ClaimNoText,
    Request(NoCounterpart),
    Differs,
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
            | Self::DecryptionFailed { .. }
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
            | Self::BindingMismatch { .. } => 401,
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
            Self::DecryptionFailed { .. } => Reason::DecryptionFailed,
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
            Self::BindingMismatch { .. } => Reason::BindingMismatch,
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
            | Self::DecryptionFailed { .. }
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
            | Self::BindingMismatch { .. }
            | Self::BadRequest { .. } => Decision::Deny,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jose::algorithm::Algorithm;

    const BEARER: &str = r#"Bearer realm="claimgate""#;

    /// Every variant with its status, decision, reason and the error code of its challenge.
    fn table() -> Vec<(Rejection, u16, Decision, Reason, Option<&'static str>)> {
        use Decision::{Deny, Forbid, Unavailable};
        let text = || "x".to_owned();
        let token = Some("invalid_token");
        let request = Some("invalid_request");
        let bad = |status| Rejection::BadRequest {
            status,
            why: text(),
        };
        vec![
            (
                Rejection::MissingToken,
                401,
                Deny,
                Reason::MissingToken,
                Some(""),
            ),
            (
                Rejection::AmbiguousToken { what: text() },
                400,
                Deny,
                Reason::AmbiguousToken,
                request,
            ),
            (
                Rejection::MalformedToken { what: text() },
                401,
                Deny,
                Reason::MalformedToken,
                token,
            ),
            (
                Rejection::TokenTooLarge { bytes: 2, limit: 1 },
                401,
                Deny,
                Reason::TokenTooLarge,
                token,
            ),
            (
                Rejection::EncryptedToken,
                401,
                Deny,
                Reason::EncryptedToken,
                token,
            ),
            (
                Rejection::DecryptionFailed { why: text() },
                401,
                Deny,
                Reason::DecryptionFailed,
                token,
            ),
            (
                Rejection::UnknownIssuer {
                    iss: text(),
                    similar: None,
                },
                401,
                Deny,
                Reason::UnknownIssuer,
                token,
            ),
            (
                Rejection::AlgorithmNotAllowed {
                    alg: text(),
                    limit: AlgorithmLimit::Key,
                },
                401,
                Deny,
                Reason::AlgorithmNotAllowed,
                token,
            ),
            (
                Rejection::UnknownKey {
                    kid: None,
                    why: KeyProblem::NotHeld,
                },
                401,
                Deny,
                Reason::UnknownKey,
                token,
            ),
            (
                Rejection::BadSignature { kid: None },
                401,
                Deny,
                Reason::BadSignature,
                token,
            ),
            (
                Rejection::TokenExpired { expired: 1, now: 2 },
                401,
                Deny,
                Reason::TokenExpired,
                token,
            ),
            (
                Rejection::TokenNotYetValid {
                    not_before: 2,
                    now: 1,
                },
                401,
                Deny,
                Reason::TokenNotYetValid,
                token,
            ),
            (
                Rejection::IssuedInFuture { issued: 2, now: 1 },
                401,
                Deny,
                Reason::IssuedInFuture,
                token,
            ),
            (
                Rejection::TokenTooOld {
                    issued: 1,
                    max_age: 1,
                    now: 9,
                },
                401,
                Deny,
                Reason::TokenTooOld,
                token,
            ),
            (
                Rejection::AudienceMismatch {
                    found: text(),
                    expected: text(),
                },
                401,
                Deny,
                Reason::AudienceMismatch,
                token,
            ),
            (
                Rejection::TokenTypeNotAllowed {
                    found: text(),
                    expected: text(),
                },
                401,
                Deny,
                Reason::TokenTypeNotAllowed,
                token,
            ),
            (
                Rejection::UnsupportedCriticalHeader { member: "crit" },
                401,
                Deny,
                Reason::UnsupportedCriticalHeader,
                token,
            ),
            (
                Rejection::ClaimMissing { claim: text() },
                401,
                Deny,
                Reason::ClaimMissing,
                token,
            ),
            (
                Rejection::ClaimMismatch {
                    claim: text(),
                    expected: text(),
                },
                401,
                Deny,
                Reason::ClaimMismatch,
                token,
            ),
            (
                Rejection::TenantNotAllowed { tenant: text() },
                401,
                Deny,
                Reason::TenantNotAllowed,
                token,
            ),
            (
                Rejection::BindingMismatch {
                    claim: "nonce",
                    place: Place::Cookie { name: text() },
                    why: BindingProblem::Differs,
                },
                401,
                Deny,
                Reason::BindingMismatch,
                token,
            ),
            (
                Rejection::GroupsOverage,
                403,
                Forbid,
                Reason::GroupsOverage,
                None,
            ),
            (
                Rejection::KeysUnavailable { retry_after: 1 },
                503,
                Unavailable,
                Reason::KeysUnavailable,
                None,
            ),
            (
                Rejection::ClaimsUnusable {
                    header: text(),
                    why: text(),
                },
                403,
                Forbid,
                Reason::ClaimsUnusable,
                None,
            ),
            (
                Rejection::RuleNotMet { rule: text() },
                403,
                Forbid,
                Reason::RuleNotMet,
                Some("insufficient_scope"),
            ),
            (
                Rejection::NoRoute {
                    methods: vec![text()],
                },
                403,
                Forbid,
                Reason::NoRoute,
                None,
            ),
            (
                Rejection::CrossSite { why: "x" },
                403,
                Forbid,
                Reason::CrossSite,
                None,
            ),
            (bad(400), 400, Deny, Reason::BadRequest, request),
            (bad(405), 405, Deny, Reason::BadRequest, None),
            (bad(408), 408, Deny, Reason::BadRequest, None),
            (bad(414), 414, Deny, Reason::BadRequest, None),
            (bad(417), 417, Deny, Reason::BadRequest, None),
            (bad(431), 431, Deny, Reason::BadRequest, None),
            (bad(501), 501, Deny, Reason::BadRequest, None),
        ]
    }

    #[test]
    fn every_refusal_has_the_documented_answer() {
        for (rejection, status, decision, reason, error) in table() {
            let name = reason.name();
            assert_eq!(rejection.status(), status, "{name}");
            assert_eq!(rejection.decision(), decision, "{name}");
            assert_eq!(rejection.reason(), reason, "{name}");
            let expected = error.map(|error| match error {
                "" => BEARER.to_owned(),
                _ => format!(
                    r#"{BEARER}, error="{error}", error_description="{}""#,
                    Rejection::client_detail(&match rejection.clone() {
                        Rejection::BadRequest { .. } => Rejection::BadRequest {
                            status,
                            why: "the request is not acceptable".to_owned(),
                        },
                        other => other,
                    })
                ),
            });
            assert_eq!(rejection.challenge(), expected, "{name}");
        }
    }

    #[test]
    fn the_table_has_every_reason_that_verification_policy_and_proxy_refuse_for() {
        let mut missing: Vec<_> = Reason::ALL.to_vec();
        missing.retain(|reason| !table().iter().any(|row| row.3 == *reason));
        let names: Vec<_> = missing.iter().map(|reason| reason.name()).collect();
        // Not refusals of the gate (upstream).
        assert_eq!(
            names,
            ["upstream_unreachable", "upstream_reset", "upstream_timeout"]
        );
    }

    #[test]
    fn a_challenge_is_a_quoted_string_of_safe_ascii() {
        for (rejection, ..) in table() {
            let Some(challenge) = rejection.challenge() else {
                continue;
            };
            let description = challenge
                .split_once("error_description=\"")
                .map_or("", |(_, rest)| rest.strip_suffix('"').unwrap());
            // RFC 6750 §3: %x20-21 / %x23-5B / %x5D-7E.
            assert!(
                description
                    .bytes()
                    .all(|byte| matches!(byte, 0x20..=0x21 | 0x23..=0x5b | 0x5d..=0x7e)),
                "{description}"
            );
            assert!(http::HeaderValue::from_str(&challenge).is_ok());
        }
    }

    /// What came with the token, or stands in the configuration, in every string that a refusal can carry.
    fn hostile() -> Vec<Rejection> {
        let evil = || format!("evil\r\nX: 1\u{1b}[2J\u{2028}\u{0}{}", "z".repeat(100_000));
        vec![
            Rejection::AmbiguousToken { what: evil() },
            Rejection::MalformedToken { what: evil() },
            Rejection::UnknownIssuer {
                iss: evil(),
                similar: None,
            },
            Rejection::UnknownIssuer {
                iss: evil(),
                similar: Some(evil()),
            },
            Rejection::AlgorithmNotAllowed {
                alg: evil(),
                limit: AlgorithmLimit::Unsigned,
            },
            Rejection::AlgorithmNotAllowed {
                alg: evil(),
                limit: AlgorithmLimit::Issuer(AlgorithmSet::of(&[Algorithm::Rs256])),
            },
            Rejection::AlgorithmNotAllowed {
                alg: evil(),
                limit: AlgorithmLimit::Key,
            },
            Rejection::UnknownKey {
                kid: Some(evil()),
                why: KeyProblem::NotHeld,
            },
            Rejection::UnknownKey {
                kid: Some(evil()),
                why: KeyProblem::ForAnotherIssuer,
            },
            Rejection::BadSignature { kid: Some(evil()) },
            Rejection::AudienceMismatch {
                found: evil(),
                expected: evil(),
            },
            Rejection::TokenTypeNotAllowed {
                found: evil(),
                expected: evil(),
            },
            Rejection::ClaimMissing { claim: evil() },
            Rejection::ClaimMismatch {
                claim: evil(),
                expected: evil(),
            },
            Rejection::TenantNotAllowed { tenant: evil() },
            Rejection::BindingMismatch {
                claim: "nonce",
                place: Place::Query { name: evil() },
                why: BindingProblem::Request(NoCounterpart::Several),
            },
            Rejection::ClaimsUnusable {
                header: evil(),
                why: evil(),
            },
            Rejection::RuleNotMet { rule: evil() },
            Rejection::NoRoute {
                methods: vec![evil(), evil()],
            },
            Rejection::BadRequest {
                status: 400,
                why: evil(),
            },
        ]
    }

    #[test]
    fn h15_no_text_from_the_wire_breaks_a_line_or_grows_without_bound() {
        let plain = table().into_iter().map(|row| row.0);
        for rejection in hostile().into_iter().chain(plain) {
            for text in [rejection.operator_detail(), rejection.client_detail()] {
                assert!(!text.is_empty());
                assert!(
                    text.bytes().all(|byte| (0x20..0x7f).contains(&byte)),
                    "{text}"
                );
                assert!(text.len() < 2_000, "{} bytes", text.len());
            }
        }
    }

    #[test]
    fn the_client_learns_nothing_of_the_configuration_or_of_other_tokens() {
        for rejection in hostile() {
            if matches!(rejection, Rejection::BadRequest { .. }) {
                continue;
            }
            let told = format!("{}{:?}", rejection.client_detail(), rejection.challenge());
            assert!(!told.contains("evil") && !told.contains("RS256"), "{told}");
        }
    }

    #[test]
    fn the_operator_reads_what_is_wrong_and_what_to_do() {
        let detail = Rejection::TokenExpired {
            expired: 1_795_320_000,
            now: 1_795_320_000 + 11_530,
        }
        .operator_detail();
        assert_eq!(
            detail,
            "expired 3h 12m ago (`exp` 2026-11-22T04:00:00Z); the client must get a new token; \
             if this looks wrong, check the clock of this machine (2026-11-22T07:12:10Z)"
        );
        let detail = Rejection::UnknownIssuer {
            iss: "https://id.example".to_owned(),
            similar: Some("https://id.example/".to_owned()),
        }
        .operator_detail();
        assert!(detail.contains("`https://id.example`") && detail.contains("trailing slash"));
        let detail = Rejection::AlgorithmNotAllowed {
            alg: "HS256".to_owned(),
            limit: AlgorithmLimit::Issuer(AlgorithmSet::of(&[Algorithm::Rs256, Algorithm::Es256])),
        }
        .operator_detail();
        assert!(
            detail.contains("`HS256`") && detail.contains("RS256, ES256"),
            "{detail}"
        );
    }
}
