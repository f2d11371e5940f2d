//! What is special about each OpenID provider, as data and one pure rule: how its issuer looks, where its keys are, what else must
//! hold, what its claims are called. One file a provider; [`Profile`] is what all of them make. Pure.

pub mod auth0;
pub mod cognito;
pub mod entra;
pub mod oidc;
pub mod wso2;

use std::time::Duration;

use crate::jose::algorithm::AlgorithmSet;
use crate::jose::header::Header;
use crate::jose::json::{Json, Object};

/// The name under `provider:`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ProviderKind {
    Oidc,
    Cognito,
    Auth0,
    Entra,
    Wso2,
}

impl ProviderKind {
    pub const ALL: [Self; 5] = [
        Self::Oidc,
        Self::Cognito,
        Self::Auth0,
        Self::Entra,
        Self::Wso2,
    ];
    pub fn name(self) -> &'static str {
        todo!()
    }
}

/// Everything that a preset says about one configured issuer.
#[derive(Clone, Debug)]
pub struct Profile {
    pub kind: ProviderKind,
    /// The spellings of `iss`, each with the document that has its keys. Never empty.
    pub forms: Vec<IssuerForm>,
    /// The default allow-list.
    pub algorithms: AlgorithmSet,
    /// The default `typ` values, as in `token_types` (absent counts as `JWT`).
    pub token_types: Vec<&'static str>,
    /// The default retention of keys that left the document.
    pub retention: Duration,
    /// Where the default identity headers find their claims.
    pub claims: ClaimNames,
    /// Claims besides `aud` that may hold the audience, and the provider's own rule.
    pub rules: Rules,
}

/// One spelling of `iss`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuerForm {
    pub pattern: IssuerPattern,
    pub keys: KeyDocument,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IssuerPattern {
    /// Compared byte for byte.
    Exact(String),
    /// `{tenantid}` stands for one GUID in lower case, as in Entra's `common` document; the rule compares it with the verified `tid`.
    Tenant(String),
}

impl IssuerPattern {
    pub fn matches(&self, _iss: &str) -> bool {
        todo!()
    }
}

/// Where the keys of a form are, unless `keys:` says otherwise. Unchecked text: `config` makes a `keys::url::KeyUrl` of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyDocument {
    Jwks {
        url: String,
    },
    /// `issuer` is what the document must say (Entra's `common` says the literal template).
    Discovery {
        url: String,
        issuer: String,
    },
}

/// Claim paths of the default identity headers, each a list of alternatives of which the first present one counts.
/// A path is a list of member names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClaimNames {
    pub username: Vec<Vec<&'static str>>,
    pub email: Vec<Vec<&'static str>>,
    pub name: Vec<Vec<&'static str>>,
    pub groups: Vec<Vec<&'static str>>,
    pub roles: Vec<Vec<&'static str>>,
    /// A string (kept) or an array (joined with spaces).
    pub scope: Vec<Vec<&'static str>>,
    pub tenant: Vec<Vec<&'static str>>,
}

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
        expected: String,
    },
    TenantNotAllowed {
        tenant: String,
    },
    GroupsOverage,
    Malformed(&'static str),
}

/// The provider's own rule: made only by the provider files.
#[derive(Clone, Debug)]
pub enum Rules {
    /// `email_verified` true or "true".
    Oidc(oidc::Rules),
    Cognito(cognito::Rules),
    Auth0(auth0::Rules),
    Entra(entra::Rules),
    Wso2(wso2::Rules),
}

impl Profile {
    /// The form that `iss` has, if any. Exact forms first.
    pub fn form(&self, _iss: &str) -> Option<usize> {
        todo!()
    }
    /// The audience check of this provider: against `aud` (string or array of strings), or what the provider has instead (Cognito access
    /// tokens: `client_id`). `audiences` none: `any_audience: true`. Wrong types are `Malformed`.
    pub fn check_audience(
        &self,
        _facts: Facts<'_>,
        _audiences: Option<&[String]>,
    ) -> Result<(), Refusal> {
        todo!()
    }
    /// Everything else that must hold of this provider's tokens.
    pub fn check_claims(&self, _facts: Facts<'_>) -> Result<Findings, Refusal> {
        todo!()
    }
    /// Whether a key whose document carries this `issuer` member may sign this token (Entra's signing key issuer rule).
    pub fn accepts_key(&self, _key_issuer: Option<&str>, _facts: Facts<'_>) -> bool {
        todo!()
    }
}

/// A setting of an `issuers:` entry that cannot be. `field` is the configuration key; `config` adds line and column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadSetting {
    pub field: &'static str,
    pub message: String,
    pub hint: Option<String>,
}

/// Finds the first present alternative.
pub fn first_claim<'c>(
    _claims: &'c Object,
    _alternatives: &[Vec<&'static str>],
) -> Option<&'c Json> {
    todo!()
}
