//! What must hold of an Entra token, and of the key that signed it.

use super::{CONSUMERS_TENANT, GroupsOverage, Version};
use crate::jose::json::{Json, Object};
use crate::provider::{Facts, Findings, Refusal, Rules, TENANT_PLACEHOLDER, audience, guid};

/// Whose tokens are accepted.
#[derive(Debug)]
pub(super) struct EntraRules {
    /// The version of tokens of each issuer, whose template has the tenant's place.
    pub issuers: Vec<(Version, String)>,
    /// In lower case. None: any tenant.
    pub allowed_tenants: Option<Vec<String>>,
    /// One organization's tenant is configured, whose administrators vouch for its e-mail addresses. False for personal accounts: that
    /// tenant is open to everyone.
    pub one_tenant: bool,
    /// `organizations`: personal accounts are refused whatever else is allowed.
    pub organizations_only: bool,
    pub groups_overage: GroupsOverage,
}

impl Rules for EntraRules {
    fn check_audience(
        &self,
        facts: Facts<'_>,
        audiences: Option<&[String]>,
    ) -> Result<(), Refusal> {
        audience::check(facts.claims, audiences, is_audience)
    }

    fn check_claims(&self, facts: Facts<'_>) -> Result<Findings, Refusal> {
        let tenant = tenant(facts.claims)?;
        self.check_issuer(facts, tenant)?;
        self.check_tenant(tenant)?;
        let groups_overage = groups_left_out(facts.claims);
        if groups_overage && self.groups_overage == GroupsOverage::Deny {
            return Err(Refusal::GroupsOverage);
        }
        Ok(Findings {
            groups_overage,
            email_verified: self.one_tenant || domain_owner_verified(facts.claims),
        })
    }

    /// The signing key's `issuer` member, filled in with the token's tenant, is the token's `iss` ("Validation of the signing key issuer"). The
    /// `common` document has keys of personal accounts beside those of organizations: without this rule either could sign for the other.
    /// Keys without the member (v1.0 documents) are bound by their document alone.
    fn accepts_key(&self, key_issuer: Option<&str>, facts: Facts<'_>) -> bool {
        let Some(key_issuer) = key_issuer else {
            return true;
        };
        if !key_issuer.contains(TENANT_PLACEHOLDER) {
            return key_issuer == facts.iss;
        }
        let tenant = facts.claims.get("tid").and_then(Json::as_str);
        tenant.is_some_and(|tenant| is_filled(key_issuer, tenant, facts.iss))
    }
}

impl EntraRules {
    /// The issuer that follows from `ver` and `tid` is the token's `iss`, whatever the configured authority ("Access tokens in the Microsoft
    /// identity platform", validation of the issuer).
    fn check_issuer(&self, facts: Facts<'_>, tenant: &str) -> Result<(), Refusal> {
        let of_tenant = |(_, template): &&(Version, String)| is_filled(template, tenant, facts.iss);
        let (version, _) =
            self.issuers
                .iter()
                .find(of_tenant)
                .ok_or_else(|| Refusal::ClaimMismatch {
                    claim: "tid",
                    expected: "the tenant in `iss`".to_owned(),
                })?;
        let found = facts
            .claims
            .get("ver")
            .ok_or(Refusal::ClaimMissing { claim: "ver" })?;
        match found.as_str() == Some(version.name()) {
            true => Ok(()),
            false => Err(Refusal::ClaimMismatch {
                claim: "ver",
                expected: format!("{}, as the form of `iss` has it", version.name()),
            }),
        }
    }

    fn check_tenant(&self, tenant: &str) -> Result<(), Refusal> {
        let listed = match &self.allowed_tenants {
            Some(allowed) => allowed.iter().any(|a| a == tenant),
            None => true,
        };
        match listed && !(self.organizations_only && tenant == CONSUMERS_TENANT) {
            true => Ok(()),
            false => Err(Refusal::TenantNotAllowed {
                tenant: tenant.to_owned(),
            }),
        }
    }
}

/// Whether `iss` is `template` with `tenant` at each of its placeholders.
fn is_filled(template: &str, tenant: &str, iss: &str) -> bool {
    let mut texts = template.split(TENANT_PLACEHOLDER);
    let rest = texts.next().and_then(|before| iss.strip_prefix(before));
    let rest = texts.try_fold(rest, |rest, text| {
        rest?.strip_prefix(tenant)?.strip_prefix(text).map(Some)
    });
    rest.flatten() == Some("")
}

/// `tid`: a GUID in lower case, as `iss` has it. A second member whose name differs only in case could be the one that an application
/// reads (Microsoft's own validator refuses that too, as IDX40011).
fn tenant(claims: &Object) -> Result<&str, Refusal> {
    const CLAIM: &str = "tid";
    if claims
        .iter()
        .any(|(name, _)| name != CLAIM && name.eq_ignore_ascii_case(CLAIM))
    {
        return Err(Refusal::Malformed(
            "a claim differs from `tid` only in case",
        ));
    }
    claims
        .get(CLAIM)
        .ok_or(Refusal::ClaimMissing { claim: CLAIM })?
        .as_str()
        .filter(|tenant| guid::is_lower_case(tenant))
        .ok_or_else(|| Refusal::ClaimMismatch {
            claim: CLAIM,
            expected: "a GUID in lower case".to_owned(),
        })
}

/// More groups than fit a token: `_claim_names` says where they could be asked for, `hasgroups` says that there are some ("groups overage
/// claim", ID token and access token claims references). That address is never called: it comes from a token. Whatever is there and does
/// not plainly say "no" counts: an overage must not be read as "no groups".
fn groups_left_out(claims: &Object) -> bool {
    let elsewhere = match claims.get("_claim_names") {
        None | Some(Json::Null) => false,
        Some(Json::Object(names)) => names.get("groups").is_some(),
        Some(_) => true,
    };
    let has_groups = match claims.get("hasgroups") {
        None | Some(Json::Null | Json::Bool(false)) => false,
        Some(Json::String(text)) => &**text != "false",
        Some(_) => true,
    };
    elsewhere || has_groups
}

/// `xms_edov`, the optional claim by which Entra says that the owner of the e-mail address's domain vouches for it.
fn domain_owner_verified(claims: &Object) -> bool {
    match claims.get("xms_edov") {
        Some(Json::Bool(verified)) => *verified,
        Some(Json::String(verified)) => matches!(&**verified, "true" | "1"),
        Some(Json::Number(verified)) => verified.as_written() == "1",
        _ => false,
    }
}

/// The application's GUID is the same audience in the three spellings that Entra has for it: plain (v2.0), `api://` (the default
/// application id URI) and `spn:` (v1.0). Any other configured audience is itself only.
pub(in crate::provider) fn is_audience(found: &str, wanted: &str) -> bool {
    if found == wanted {
        return true;
    }
    let id = ["api://", "spn:"]
        .into_iter()
        .find_map(|prefix| found.strip_prefix(prefix))
        .unwrap_or(found);
    guid::is_guid(wanted) && guid::is_lower_case(id) && id.eq_ignore_ascii_case(wanted)
}
