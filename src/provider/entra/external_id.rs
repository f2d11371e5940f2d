//! Microsoft Entra External ID (external tenants, "CIAM").
//!
//! Tokens name the tenant twice: `https://{tenant}.ciamlogin.com/{tenant}/v2.0`. The discovery document is under the name of the tenant, a
//! host that is not the issuer's, and says that issuer; so "issuer + well-known" does not find it.

use std::sync::Arc;

use super::token::EntraRules;
use super::{GroupsOverage, RETENTION, Version, claim_names};
use crate::provider::{
    BadSetting, DISCOVERY_PATH, IssuerForm, IssuerPattern, KeyDocument, Profile, ProviderKind,
    TENANT_PLACEHOLDER, address, guid,
};

/// What an entry says.
pub struct Settings {
    /// A GUID.
    pub tenant: String,
    /// `contoso.ciamlogin.com`, where the discovery document is.
    pub domain: String,
}

const ISSUER: &str = "https://{tenantid}.ciamlogin.com/{tenantid}/v2.0";

/// Keys by discovery under the tenant's name.
pub fn profile(settings: Settings) -> Result<Profile, Vec<BadSetting>> {
    let problems = problems(&settings);
    if !problems.is_empty() {
        return Err(problems);
    }
    let tenant = settings.tenant.to_ascii_lowercase();
    let issuer = ISSUER.replace(TENANT_PLACEHOLDER, &tenant);
    let form = IssuerForm {
        keys: KeyDocument::Discovery {
            url: format!("https://{}/{tenant}/v2.0{DISCOVERY_PATH}", settings.domain),
            issuer: issuer.clone(),
        },
        pattern: IssuerPattern::Exact(issuer),
    };
    Ok(Profile {
        retention: RETENTION,
        claims: claim_names(),
        rules: Arc::new(EntraRules {
            issuers: vec![(Version::V2, ISSUER.to_owned())],
            allowed_tenants: Some(vec![tenant]),
            // Customers sign up themselves: no administrator vouches for their addresses.
            one_tenant: false,
            organizations_only: false,
            groups_overage: GroupsOverage::Flag,
        }),
        ..Profile::standard(ProviderKind::EntraExternalId, vec![form])
    })
}

fn problems(settings: &Settings) -> Vec<BadSetting> {
    let mut problems = Vec::new();
    if !guid::is_guid(&settings.tenant) {
        problems.push(BadSetting::new(
            "tenant",
            format!("`{}` is not a tenant id", settings.tenant),
            "write the directory (tenant) ID, a GUID: it is in the `iss` of every token",
        ));
    }
    if !address::is_host(&settings.domain) {
        problems.push(address::bad_host(
            "domain",
            &settings.domain,
            "contoso.ciamlogin.com",
        ));
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::testing::{accepts_key, judge, with};
    use crate::provider::{Findings, Refusal};

    const TENANT: &str = "aaaabbbb-0000-cccc-1111-dddd2222eeee";
    const CLIENT: &str = "00001111-aaaa-2222-bbbb-3333cccc4444";

    fn of(tenant: &str, domain: &str) -> Result<Profile, Vec<BadSetting>> {
        profile(Settings {
            tenant: tenant.to_owned(),
            domain: domain.to_owned(),
        })
    }

    fn token(host: &str, tenant: &str) -> String {
        format!(
            r#"{{"ver":"2.0","iss":"https://{host}.ciamlogin.com/{tenant}/v2.0","sub":"x","aud":"{CLIENT}","exp":1700003600,"iat":1700000000,
            "nbf":1700000000,"oid":"o","tid":"{tenant}","name":"Ann","preferred_username":"ann@example.com","email":"ann@example.com"}}"#
        )
    }

    fn judged(text: &str) -> Option<Result<Findings, Refusal>> {
        let profile = of(TENANT, "contoso.ciamlogin.com").unwrap();
        judge(&profile, Some(&[CLIENT]), text)
    }

    #[test]
    fn the_issuer_has_the_guid_host_and_the_document_the_named_one() {
        let profile = of(&TENANT.to_ascii_uppercase(), "contoso.ciamlogin.com").unwrap();
        let issuer = format!("https://{TENANT}.ciamlogin.com/{TENANT}/v2.0");
        let keys = KeyDocument::Discovery {
            url: format!(
                "https://contoso.ciamlogin.com/{TENANT}/v2.0/.well-known/openid-configuration"
            ),
            issuer: issuer.clone(),
        };
        assert_eq!(profile.forms[0].keys, keys);
        assert_eq!(profile.form(&issuer), Some(0));
        assert!(accepts_key(&profile, None, &token(TENANT, TENANT)));
        assert!(accepts_key(&profile, Some(ISSUER), &token(TENANT, TENANT)));
        let workforce = Some("https://login.microsoftonline.com/{tenantid}/v2.0");
        assert!(!accepts_key(&profile, workforce, &token(TENANT, TENANT)));
    }

    #[test]
    fn a_customer_comes_in_without_a_verified_address() {
        let findings = judged(&token(TENANT, TENANT)).unwrap().unwrap();
        assert!(!findings.email_verified);
        let text = with(&token(TENANT, TENANT), "xms_edov", Some("true"));
        assert!(judged(&text).unwrap().unwrap().email_verified);
    }

    #[test]
    fn j27_the_named_host_and_other_tenants_are_no_issuer() {
        let other = "aaaabbbb-0000-cccc-1111-dddd2222eeef";
        assert_eq!(judged(&token("contoso", TENANT)), None);
        assert_eq!(judged(&token(other, other)), None);
        assert_eq!(judged(&token(TENANT, other)), None);
        let swapped = with(&token(TENANT, TENANT), "tid", Some(&format!("\"{other}\"")));
        let verdict = judged(&swapped).unwrap();
        assert!(matches!(
            verdict,
            Err(Refusal::ClaimMismatch { claim: "tid", .. })
        ));
        let old = with(&token(TENANT, TENANT), "ver", Some(r#""1.0""#));
        let verdict = judged(&old).unwrap();
        assert!(matches!(
            verdict,
            Err(Refusal::ClaimMismatch { claim: "ver", .. })
        ));
    }

    #[test]
    fn settings_that_cannot_be_are_refused_with_a_hint() {
        for (tenant, domain, field) in [
            ("contoso.onmicrosoft.com", "contoso.ciamlogin.com", "tenant"),
            (TENANT, "https://contoso.ciamlogin.com", "domain"),
        ] {
            let problems = of(tenant, domain).unwrap_err();
            assert_eq!(problems.len(), 1);
            assert_eq!(problems[0].field, field);
            assert!(problems[0].hint.is_some());
        }
    }
}
