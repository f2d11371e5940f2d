//! Microsoft Entra ID, v1.0 and v2.0, in each of its clouds.
//!
//! What an operator says becomes issuer forms here; what a token must say is in `entra/token.rs`. External ID and Azure AD B2C have issuers
//! of other shapes: `entra/external_id.rs`, `entra/b2c.rs`.

pub mod b2c;
mod cloud;
pub mod external_id;
mod token;

use std::sync::Arc;
use std::time::Duration;

use super::{
    BadSetting, ClaimNames, IssuerForm, IssuerPattern, KeyDocument, Profile, ProviderKind,
    TENANT_PLACEHOLDER, guid, top_level,
};
use token::EntraRules;

pub use cloud::{Cloud, Version};

#[cfg(test)]
pub(super) use token::is_audience;

/// The tenant of personal Microsoft accounts; `consumers` is its other name ("Access tokens in the Microsoft identity platform").
pub const CONSUMERS_TENANT: &str = "9188040d-6c67-4c5b-b112-36a304b66dad";

/// Entra's key documents flap: keys vanish for hours and come back. 24 h is how long Microsoft asks to keep a key ("Signing key rollover").
pub const RETENTION: Duration = Duration::from_secs(24 * 3600);

/// What becomes of a token whose groups did not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupsOverage {
    Flag,
    Deny,
}

/// Both: which one an application gets is a setting of its registration (`accessTokenAcceptedVersion`) that operators rarely know, and
/// each is bound to its own issuer, document and `ver`.
pub const DEFAULT_VERSIONS: [Version; 2] = Version::ALL;

/// What an entry says.
pub struct Settings {
    pub cloud: Cloud,
    /// A GUID, `common`, `organizations` or `consumers`.
    pub tenant: String,
    pub allowed_tenants: Vec<String>,
    pub any_tenant: bool,
    /// Empty: [`DEFAULT_VERSIONS`]. Personal accounts have v2.0 tokens only.
    pub versions: Vec<Version>,
    pub groups_overage: GroupsOverage,
}

/// A form for each version, with the keys that its own discovery document names.
pub fn profile(settings: Settings) -> Result<Profile, Vec<BadSetting>> {
    let authority = Authority::of(&settings.tenant).map_err(|problem| vec![problem])?;
    let problems = problems(&settings, &authority);
    if !problems.is_empty() {
        return Err(problems);
    }
    let versions = match (&authority, settings.versions.is_empty()) {
        (Authority::Consumers, _) => vec![Version::V2],
        (_, true) => DEFAULT_VERSIONS.to_vec(),
        (_, false) => Version::ALL
            .into_iter()
            .filter(|version| settings.versions.contains(version))
            .collect(),
    };
    let cloud = settings.cloud;
    let forms = versions.iter().map(|v| authority.form(*v, cloud));
    let issuers = versions.iter().map(|v| (*v, v.issuer_template(cloud)));
    Ok(Profile {
        retention: RETENTION,
        claims: claim_names(),
        rules: Arc::new(EntraRules {
            issuers: issuers.collect(),
            allowed_tenants: authority.allowed(&settings),
            one_tenant: matches!(authority, Authority::Tenant(_)),
            organizations_only: matches!(authority, Authority::Organizations),
            groups_overage: settings.groups_overage,
        }),
        ..Profile::standard(ProviderKind::Entra, forms.collect())
    })
}

/// What `tenant:` stands for.
enum Authority {
    /// One organization, by its GUID in lower case.
    Tenant(String),
    Consumers,
    Common,
    Organizations,
}

impl Authority {
    fn of(tenant: &str) -> Result<Self, BadSetting> {
        match tenant {
            "common" => Ok(Self::Common),
            "organizations" => Ok(Self::Organizations),
            "consumers" => Ok(Self::Consumers),
            _ if !guid::is_guid(tenant) => Err(BadSetting::new(
                "tenant",
                format!(
                    "`{tenant}` is neither a tenant id nor `common`, `organizations` or `consumers`"
                ),
                "write the directory (tenant) ID, a GUID: tokens name their tenant by it, never by a domain",
            )),
            _ if tenant.eq_ignore_ascii_case(CONSUMERS_TENANT) => Ok(Self::Consumers),
            _ => Ok(Self::Tenant(tenant.to_ascii_lowercase())),
        }
    }

    /// Tokens always name a tenant; the documents of `common` and `organizations` say the template itself.
    fn form(&self, version: Version, cloud: Cloud) -> IssuerForm {
        let template = version.issuer_template(cloud);
        let of = |tenant: &str| template.replace(TENANT_PLACEHOLDER, tenant);
        let (path, issuer) = match self {
            Self::Tenant(tenant) => (tenant.as_str(), of(tenant)),
            Self::Consumers => ("consumers", of(CONSUMERS_TENANT)),
            Self::Common => ("common", template),
            Self::Organizations => ("organizations", template),
        };
        IssuerForm {
            pattern: match self.is_multi_tenant() {
                true => IssuerPattern::Tenant(issuer.clone()),
                false => IssuerPattern::Exact(issuer.clone()),
            },
            keys: KeyDocument::Discovery {
                url: version.discovery_url(cloud, path),
                issuer,
            },
        }
    }

    fn is_multi_tenant(&self) -> bool {
        matches!(self, Self::Common | Self::Organizations)
    }

    fn allowed(&self, settings: &Settings) -> Option<Vec<String>> {
        match self {
            Self::Tenant(tenant) => Some(vec![tenant.clone()]),
            Self::Consumers => Some(vec![CONSUMERS_TENANT.to_owned()]),
            Self::Common | Self::Organizations => (!settings.any_tenant).then(|| {
                let tenants = settings.allowed_tenants.iter();
                tenants.map(|tenant| tenant.to_ascii_lowercase()).collect()
            }),
        }
    }
}

/// Everything that is wrong beside the tenant itself.
fn problems(settings: &Settings, authority: &Authority) -> Vec<BadSetting> {
    const WHICH: &str = "name the tenants that may come in under `allowed_tenants`, or say `any_tenant: true` if every tenant in the world may";
    let tenant = &settings.tenant;
    let given = !settings.allowed_tenants.is_empty();
    let mut problems = not_tenants(&settings.allowed_tenants);
    match (authority.is_multi_tenant(), given, settings.any_tenant) {
        (true, false, false) => problems.push(BadSetting::new(
            "allowed_tenants",
            format!("`{tenant}` lets tokens of every tenant in the world come in"),
            WHICH,
        )),
        (true, true, true) => problems.push(BadSetting::new(
            "any_tenant",
            "`allowed_tenants` and `any_tenant: true` contradict each other",
            "keep one of them",
        )),
        (false, _, true) => problems.push(BadSetting::new(
            "any_tenant",
            format!("`tenant: {tenant}` is one tenant"),
            "leave `any_tenant` out, or write `tenant: organizations`",
        )),
        (false, true, false) if !names_only(settings, authority) => problems.push(BadSetting::new(
            "allowed_tenants",
            format!("`tenant: {tenant}` is one tenant, and others are allowed"),
            "leave `allowed_tenants` out, or write `tenant: organizations`",
        )),
        _ => {}
    }
    let personal = |tenant: &String| tenant.eq_ignore_ascii_case(CONSUMERS_TENANT);
    if matches!(authority, Authority::Organizations)
        && settings.allowed_tenants.iter().any(personal)
    {
        problems.push(BadSetting::new(
            "allowed_tenants",
            format!("`{CONSUMERS_TENANT}` is the tenant of personal accounts, which `organizations` leaves out"),
            "write `tenant: common` to let them in",
        ));
    }
    if matches!(authority, Authority::Consumers) && settings.versions == [Version::V1] {
        problems.push(BadSetting::new(
            "versions",
            "personal accounts have v2.0 tokens only",
            "leave `versions` out",
        ));
    }
    problems
}

fn not_tenants(tenants: &[String]) -> Vec<BadSetting> {
    tenants
        .iter()
        .filter(|tenant| !guid::is_guid(tenant))
        .map(|tenant| {
            BadSetting::new(
                "allowed_tenants",
                format!("`{tenant}` is not a tenant id"),
                "write the directory (tenant) ID, a GUID",
            )
        })
        .collect()
}

/// The one tenant said twice is no contradiction.
fn names_only(settings: &Settings, authority: &Authority) -> bool {
    authority.allowed(settings).is_some_and(|only| {
        let mut given = settings.allowed_tenants.iter();
        given.all(|tenant| only.contains(&tenant.to_ascii_lowercase()))
    })
}

/// Access token and ID token claims references of the Microsoft identity platform.
///
/// * username: `preferred_username` (v2.0), then `upn` and `unique_name` (v1.0). All three can change hands; authorize by `sub`, or by
///   `oid` with `tid`, as Microsoft asks.
/// * scope: `scp`; app-only tokens have none, they have `roles`.
fn claim_names() -> ClaimNames {
    ClaimNames {
        username: top_level(&["preferred_username", "upn", "unique_name"]),
        scope: top_level(&["scp"]),
        tenant: top_level(&["tid"]),
        ..ClaimNames::standard()
    }
}

#[cfg(test)]
mod tests;
