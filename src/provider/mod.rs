//! What is special about each OpenID provider, as data and one pure rule: how its issuer looks, where its keys are, what else must
//! hold, what its claims are called. One file a provider; [`Profile`] is what all of them make. Pure.

mod audience;
pub mod auth0;
pub mod cognito;
pub mod entra;
mod guid;
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
    #[cfg(test)]
    pub const ALL: [Self; 5] = [
        Self::Oidc,
        Self::Cognito,
        Self::Auth0,
        Self::Entra,
        Self::Wso2,
    ];
    /// As the configuration has it, and the default name of an issuer.
    pub fn name(self) -> &'static str {
        match self {
            Self::Oidc => "oidc",
            Self::Cognito => "cognito",
            Self::Auth0 => "auth0",
            Self::Entra => "entra",
            Self::Wso2 => "wso2",
        }
    }
}

/// The default `typ` values of every provider: ID tokens and the access tokens of older issuers say `JWT` or nothing,
/// RFC 9068 access tokens say `at+jwt`. Whatever else an issuer signs (logout tokens, DPoP proofs, security events) is
/// no credential.
pub const DEFAULT_TOKEN_TYPES: [&str; 2] = ["JWT", "at+jwt"];

/// How long a key that left its document stays good, unless the provider's documents are known to flap.
pub const DEFAULT_RETENTION: Duration = Duration::ZERO;

/// Where OpenID Connect Discovery 1.0 §4 puts the document, after the issuer.
const DISCOVERY_PATH: &str = "/.well-known/openid-configuration";

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

/// What an `iss` is compared with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IssuerPattern {
    /// Compared byte for byte.
    Exact(String),
    /// `{tenantid}` stands for one GUID in lower case, as in Entra's `common` document; the rule compares it with the verified `tid`.
    Tenant(String),
}

impl IssuerPattern {
    /// Never a prefix, never "contains": the template differs from its literal text in exactly one GUID.
    pub fn matches(&self, iss: &str) -> bool {
        match self {
            Self::Exact(issuer) => issuer == iss,
            Self::Tenant(template) => tenant_of(template, iss).is_some_and(guid::is_lower_case),
        }
    }
}

/// The placeholder of [`IssuerPattern::Tenant`], as Entra's documents write it.
const TENANT_PLACEHOLDER: &str = "{tenantid}";

/// What stands in `iss` where `template` has its placeholder; none when the text around it differs.
fn tenant_of<'i>(template: &str, iss: &'i str) -> Option<&'i str> {
    let (before, after) = template.split_once(TENANT_PLACEHOLDER)?;
    iss.strip_prefix(before)?.strip_suffix(after)
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
    #[cfg(test)]
    pub fn form(&self, iss: &str) -> Option<usize> {
        let exact = |form: &IssuerForm| matches!(form.pattern, IssuerPattern::Exact(_));
        let position = |wanted: bool| {
            self.forms
                .iter()
                .position(|form| exact(form) == wanted && form.pattern.matches(iss))
        };
        position(true).or_else(|| position(false))
    }
    /// The audience check of this provider: against `aud` (string or array of strings), or what the provider has instead (Cognito access
    /// tokens: `client_id`). `audiences` none: `any_audience: true`. Wrong types are `Malformed`, even with `any_audience`
    /// (RFC 7519 §4.1.3). Cognito does not ask `audiences`: its `client_ids` are the audiences, and there is no opt-out.
    pub fn check_audience(
        &self,
        facts: Facts<'_>,
        audiences: Option<&[String]>,
    ) -> Result<(), Refusal> {
        match &self.rules {
            Rules::Cognito(rules) => rules.check_audience(facts.claims),
            Rules::Entra(_) => audience::check(facts.claims, audiences, entra::is_audience),
            Rules::Oidc(_) | Rules::Auth0(_) | Rules::Wso2(_) => {
                audience::check(facts.claims, audiences, audience::is_exactly)
            }
        }
    }
    /// Everything else that must hold of this provider's tokens.
    pub fn check_claims(&self, facts: Facts<'_>) -> Result<Findings, Refusal> {
        match &self.rules {
            Rules::Oidc(_) | Rules::Wso2(_) => Ok(Findings::of_email(facts.claims)),
            Rules::Cognito(rules) => rules.check_claims(facts.claims),
            Rules::Auth0(rules) => rules.check_claims(facts.claims),
            Rules::Entra(rules) => rules.check_claims(facts),
        }
    }
    /// Whether a key whose document carries this `issuer` member may sign this token (Entra's signing key issuer rule). Only Entra gives
    /// the member a meaning; elsewhere it is an unknown member of a JWK, to be ignored (RFC 7517 §4).
    pub fn accepts_key(&self, key_issuer: Option<&str>, facts: Facts<'_>) -> bool {
        match &self.rules {
            Rules::Entra(_) => entra::accepts_key(key_issuer, facts),
            Rules::Oidc(_) | Rules::Cognito(_) | Rules::Auth0(_) | Rules::Wso2(_) => true,
        }
    }
}

impl Findings {
    /// `email_verified` of OpenID Connect Core 1.0 §5.1: a boolean, which Cognito and Apple also write as a string.
    fn of_email(claims: &Object) -> Self {
        let email_verified = match claims.get("email_verified") {
            Some(Json::Bool(verified)) => *verified,
            Some(Json::String(verified)) => &**verified == "true",
            _ => false,
        };
        Self {
            groups_overage: false,
            email_verified,
        }
    }
}

/// A setting of an `issuers:` entry that cannot be. `field` is the configuration key; `config` adds line and column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadSetting {
    pub field: &'static str,
    pub message: String,
    pub hint: Option<String>,
}

impl BadSetting {
    fn new(field: &'static str, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            field,
            message: message.into(),
            hint: Some(hint.into()),
        }
    }
}

/// Finds the first present alternative. `null` is absent: issuers write it for "no value".
pub fn first_claim<'c>(claims: &'c Object, alternatives: &[Vec<&'static str>]) -> Option<&'c Json> {
    alternatives
        .iter()
        .find_map(|path| claims.at(path).filter(|value| **value != Json::Null))
}

/// Alternatives that are top-level claims: what almost every entry of [`ClaimNames`] is.
fn top_level(names: &[&'static str]) -> Vec<Vec<&'static str>> {
    names.iter().map(|name| vec![*name]).collect()
}

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
