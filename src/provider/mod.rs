//! What is special about each OpenID provider, as data and one pure rule: how its issuer looks, where its keys are, what else must
//! hold, what its claims are called. One file a provider and one line in the table of [`kind`]; [`Profile`] is what all of them make, and
//! [`Rules`] what a provider's own rule may say. Pure.

mod address;
pub mod alb;
pub mod apple;
mod audience;
pub mod auth0;
mod aws_region;
pub mod cloudflare_access;
pub mod cognito;
mod condition;
pub mod entra;
pub mod firebase;
pub mod github_actions;
pub mod gitlab_ci;
pub mod google;
pub mod google_iap;
mod guid;
pub mod keycloak;
mod kind;
pub mod kubernetes;
pub mod oidc;
pub mod okta;
mod rules;
pub mod spiffe;
pub mod spiffe_id;
pub mod wso2;

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use crate::jose::algorithm::{Algorithm, AlgorithmSet};
use crate::jose::json::{Json, Object};
use crate::jose::jwk::KeyPolicy;
use crate::jose::padded::Spelling;

pub use kind::ProviderKind;
pub use rules::{Facts, Findings, Refusal, Rules, StandardRules};

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
    /// Whom tokens are for, where the provider's own settings say so without an opt-out.
    pub audiences: Option<Vec<String>>,
    /// The setting of the provider's own that says whom tokens are for. Where it does not make up `audiences` it may stand beside the entry's,
    /// or for them.
    pub bound_by: Option<&'static str>,
    /// Which keys of the document are for tokens.
    pub key_policy: KeyPolicy,
    /// How the tokens are written: [`Spelling::Padded`] takes both spellings.
    pub spelling: Spelling,
    /// What else must hold of a token.
    pub rules: Arc<dyn Rules>,
}

/// One spelling of `iss`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuerForm {
    pub pattern: IssuerPattern,
    pub keys: KeyDocument,
}

impl IssuerForm {
    /// An issuer whose keys are where OpenID Connect Discovery 1.0 §4 says: "any terminating / MUST be removed before appending".
    fn discovered(issuer: String) -> Self {
        let base = issuer.strip_suffix('/').unwrap_or(&issuer);
        Self {
            keys: KeyDocument::Discovery {
                url: format!("{base}{DISCOVERY_PATH}"),
                issuer: issuer.clone(),
            },
            pattern: IssuerPattern::Exact(issuer),
        }
    }
}

/// What an `iss` is compared with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IssuerPattern {
    /// Compared byte for byte.
    Exact(String),
    /// `{tenantid}` stands for one GUID in lower case, as in Entra's `common` document; the rule compares it with the verified `tid`.
    Tenant(String),
    /// No `iss`: a token whose `sub` is a SPIFFE ID of this trust domain, unless its `iss` is that of another form.
    TrustDomain(String),
}

impl IssuerPattern {
    /// Never a prefix, never "contains": the template differs from its literal text in exactly one GUID.
    pub fn matches(&self, iss: &str) -> bool {
        match self {
            Self::Exact(issuer) => issuer == iss,
            Self::Tenant(template) => tenant_of(template, iss).is_some_and(guid::is_lower_case),
            Self::TrustDomain(_) => false,
        }
    }

    /// The configured text; of a trust domain its own SPIFFE ID. Two forms with the same one take the same tokens.
    pub fn text(&self) -> String {
        match self {
            Self::Exact(issuer) | Self::Tenant(issuer) => issuer.clone(),
            Self::TrustDomain(domain) => format!("{}{domain}", spiffe_id::SCHEME),
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
    /// A map of each kid to its certificate.
    Certificates {
        url: String,
    },
    /// One public key for each kid, at an address that ends in `/{kid}`.
    KeyPerKid {
        url: String,
    },
    /// Only the operator knows; the hint says what to give.
    Unknown {
        hint: &'static str,
    },
}

/// Claim paths of the default identity headers, each a list of alternatives of which the first present one counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClaimNames {
    pub username: Vec<ClaimPath>,
    pub email: Vec<ClaimPath>,
    pub name: Vec<ClaimPath>,
    pub groups: Vec<ClaimPath>,
    pub roles: Vec<ClaimPath>,
    /// A string (kept) or an array (joined with spaces).
    pub scope: Vec<ClaimPath>,
    pub tenant: Vec<ClaimPath>,
}

/// Member names from the outside in. A name is literal: dots, colons and slashes are part of it.
pub type ClaimPath = Vec<Cow<'static, str>>;

impl Profile {
    /// What most providers are, for the fields in which one does not differ: RS256, the usual `typ` values, nothing beyond the registered
    /// claims.
    fn standard(kind: ProviderKind, forms: Vec<IssuerForm>) -> Self {
        Self {
            kind,
            forms,
            algorithms: AlgorithmSet::of(&[Algorithm::Rs256]),
            token_types: DEFAULT_TOKEN_TYPES.to_vec(),
            retention: DEFAULT_RETENTION,
            claims: ClaimNames::standard(),
            audiences: None,
            bound_by: None,
            key_policy: KeyPolicy::default(),
            spelling: Spelling::Strict,
            rules: Arc::new(StandardRules),
        }
    }

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
}

impl ClaimNames {
    /// The standard claims (OpenID Connect Core 1.0 §5.1), and what most providers call the rest.
    ///
    /// * username: `preferred_username`, then `username`. Not `nickname`: users write it themselves.
    /// * scope: `scope` (RFC 8693 §4.2).
    /// * tenant: none. The standard has no tenant, and a claim that happens to be called so may be the user's own text.
    fn standard() -> Self {
        Self {
            username: top_level(&["preferred_username", "username"]),
            email: top_level(&["email"]),
            name: top_level(&["name"]),
            groups: top_level(&["groups"]),
            roles: top_level(&["roles"]),
            scope: top_level(&["scope"]),
            tenant: Vec::new(),
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
pub fn first_claim<'c>(claims: &'c Object, alternatives: &[ClaimPath]) -> Option<&'c Json> {
    alternatives
        .iter()
        .find_map(|path| claims.at(path).filter(|value| **value != Json::Null))
}

/// Alternatives that are top-level claims: what almost every entry of [`ClaimNames`] is.
fn top_level(names: &[&'static str]) -> Vec<ClaimPath> {
    names.iter().map(|name| claim_path(&[name])).collect()
}

/// The path with these names.
pub fn claim_path(names: &[&'static str]) -> ClaimPath {
    names.iter().map(|name| Cow::Borrowed(*name)).collect()
}

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
