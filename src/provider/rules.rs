//! The provider's own rule of a token: what may be asked, and what it answers.

use std::fmt::Debug;

use super::{audience, condition};
use crate::jose::header::Header;
use crate::jose::json::Object;

/// What must hold of a provider's tokens beyond what must hold of every token. Each method is what most providers need; a provider writes
/// only where it differs. A rule can only refuse: it is asked before the signature is verified.
pub trait Rules: Debug + Send + Sync {
    /// Against `aud` (string or array of strings), or what the provider has instead (Cognito access tokens: `client_id`). `audiences`
    /// none: `any_audience: true`. Wrong types are `Malformed`, even with `any_audience` (RFC 7519 §4.1.3).
    fn check_audience(
        &self,
        facts: Facts<'_>,
        audiences: Option<&[String]>,
    ) -> Result<(), Refusal> {
        audience::check(facts.claims, audiences, audience::is_exactly)
    }

    /// Everything else that must hold.
    fn check_claims(&self, facts: Facts<'_>) -> Result<Findings, Refusal> {
        Ok(Findings::of_email(facts.claims))
    }

    /// Whether an `exp` in the header ends the token too (AWS's load balancers).
    fn header_expires(&self) -> bool {
        false
    }
    /// Asked when no entry has the token's issuer: what is wrong, if it is this provider's and never for an application.
    fn recognises(&self, _claims: &Object) -> Option<Refusal> {
        None
    }
    /// Whether a key whose document carries this `issuer` member may sign this token. Where the provider gives the member no meaning it is
    /// an unknown member of a JWK, to be ignored (RFC 7517 §4).
    fn accepts_key(&self, _key_issuer: Option<&str>, _facts: Facts<'_>) -> bool {
        true
    }
}

/// Nothing beyond the registered claims; `email_verified` true or "true" vouches for the address.
#[derive(Clone, Copy, Debug)]
pub struct StandardRules;

impl Rules for StandardRules {}

/// What a rule may look at. The signature is not verified yet unless the caller says so: a rule can only refuse.
#[derive(Clone, Copy)]
pub struct Facts<'t> {
    pub header: &'t Header,
    pub claims: &'t Object,
    pub iss: &'t str,
}

/// What a rule found out about a good token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// The provider left the groups out because there are too many.
    pub groups_overage: bool,
    /// The provider vouches for the e-mail address.
    pub email_verified: bool,
}

/// Why a provider's rule refuses; `verify` makes a `Rejection` of it. Texts are for the log and name claims, never secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    ClaimMissing {
        claim: &'static str,
    },
    ClaimMismatch {
        claim: &'static str,
        expected: String,
    },
    /// An unwanted `token_use` and its like.
    TokenTypeNotAllowed {
        found: String,
        expected: String,
    },
    AudienceMismatch {
        /// What the token says; `None`: its `aud` or `client_id`.
        found: Option<String>,
        expected: String,
    },
    TenantNotAllowed {
        tenant: String,
    },
    GroupsOverage,
    Malformed(&'static str),
}

impl Findings {
    /// `email_verified` of OpenID Connect Core 1.0 §5.1: a boolean, which Cognito and Apple also write as a string.
    pub(super) fn of_email(claims: &Object) -> Self {
        Self {
            groups_overage: false,
            email_verified: condition::is_true(claims.get("email_verified")),
        }
    }
}
