//! Auth0.
//!
//! The issuer is `https://{domain}/`, with the trailing slash. A tenant with custom domains issues under each of them: the domain that
//! the application asked (Auth0 docs, "Custom Domains: Configure Features"), so an entry may name several.

use std::sync::Arc;

use super::{
    BadSetting, ClaimNames, Facts, Findings, IssuerForm, Profile, ProviderKind, Refusal, Rules,
    address, top_level,
};
use crate::jose::algorithm::{Algorithm, AlgorithmSet};

/// What an entry says.
pub struct Settings {
    /// The tenant's domain and custom domains, without scheme.
    pub domains: Vec<String>,
    /// `org_id` (or `org_name` when it does not begin with `org_`) that tokens must carry.
    pub organization: Option<String>,
}

/// What its tokens must carry.
#[derive(Debug)]
struct Auth0Rules {
    organization: Option<String>,
}

/// Auth0 signs with RS256, and PS256 where a tenant chose it (docs, "Signing Algorithms"). Its HS256 is left out: the secret of a public
/// client is no secret, and `algorithms` with `keys.secret_file` says it aloud.
const ALGORITHMS: [Algorithm; 2] = [Algorithm::Rs256, Algorithm::Ps256];

/// One form for each domain, with the keys that its own discovery document names.
pub fn profile(settings: Settings) -> Result<Profile, Vec<BadSetting>> {
    let problems = problems(&settings);
    if !problems.is_empty() {
        return Err(problems);
    }
    let issuer = |domain| format!("https://{domain}/");
    let forms = settings.domains.iter().map(issuer);
    let forms = forms.map(IssuerForm::discovered).collect();
    Ok(Profile {
        algorithms: AlgorithmSet::of(&ALGORITHMS),
        claims: claim_names(),
        rules: Arc::new(Auth0Rules {
            organization: settings.organization,
        }),
        ..Profile::standard(ProviderKind::Auth0, forms)
    })
}

fn problems(settings: &Settings) -> Vec<BadSetting> {
    const EXAMPLE: &str = "example.eu.auth0.com";
    let mut problems = Vec::new();
    if settings.domains.is_empty() {
        problems.push(BadSetting::new(
            "domain",
            "no domain is given",
            format!("write the tenant's domain, such as `{EXAMPLE}`"),
        ));
    }
    for (at, domain) in settings.domains.iter().enumerate() {
        if !address::is_host(domain) {
            problems.push(address::bad_host("domain", domain, EXAMPLE));
        } else if settings.domains.iter().take(at).any(|d| d == domain) {
            problems.push(BadSetting::new(
                "domain",
                format!("`{domain}` is named twice"),
                "name each domain once",
            ));
        }
    }
    if settings.organization.as_deref().is_some_and(str::is_empty) {
        problems.push(BadSetting::new(
            "organization",
            "the organization is empty",
            "write its identifier (`org_...`) or name, or leave the key out",
        ));
    }
    problems
}

/// * roles: `roles`. Auth0 has its roles in claims that the tenant names (`https://example.com/roles`): map that one. `permissions` are
///   not roles.
/// * tenant: the organization, `org_id`.
fn claim_names() -> ClaimNames {
    ClaimNames {
        tenant: top_level(&["org_id"]),
        ..ClaimNames::standard()
    }
}

impl Rules for Auth0Rules {
    fn check_claims(&self, facts: Facts<'_>) -> Result<Findings, Refusal> {
        let claims = facts.claims;
        if let Some(organization) = &self.organization {
            let claim = match organization.starts_with("org_") {
                true => "org_id",
                false => "org_name",
            };
            let found = claims.get(claim).ok_or(Refusal::ClaimMissing { claim })?;
            if found.as_str() != Some(organization) {
                return Err(Refusal::ClaimMismatch {
                    claim,
                    expected: organization.clone(),
                });
            }
        }
        Ok(Findings::of_email(claims))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jose::json::Json;
    use crate::provider::testing::{claims, judge, with};
    use crate::provider::{KeyDocument, first_claim};

    /// The access token of an Auth0 tenant for an API with RBAC, as its documentation shows it.
    const TOKEN: &str = r#"{"iss":"https:\/\/travel0.auth0.com\/","sub":"auth0|5f7c8ec7c33c6c004bbafe82",
        "aud":["https:\/\/api.travel0.com","https:\/\/travel0.auth0.com\/userinfo"],"iat":1700000000,"exp":1700086400,
        "azp":"my_client","scope":"openid profile read:trips","permissions":["admin"],"gty":"password","nickname":"admin",
        "org_id":"org_9ybsU1dN2dKfDkBi","org_name":"acme","https:\/\/marketplace\/roles":["seller"]}"#;

    fn of(domains: &[&str], organization: Option<&str>) -> Result<Profile, Vec<BadSetting>> {
        profile(Settings {
            domains: domains.iter().map(|d| (*d).to_owned()).collect(),
            organization: organization.map(str::to_owned),
        })
    }

    fn judged(organization: Option<&str>, text: &str) -> Result<Findings, Refusal> {
        let profile = of(&["travel0.auth0.com"], organization).unwrap();
        judge(&profile, Some(&["https://api.travel0.com"]), text).unwrap()
    }

    #[test]
    fn each_domain_is_an_issuer_with_a_trailing_slash_and_its_own_document() {
        let profile = of(&["travel0.auth0.com", "login.travel0.com"], None).unwrap();
        let keys: Vec<_> = profile.forms.iter().map(|form| form.keys.clone()).collect();
        let document = |domain: &str| KeyDocument::Discovery {
            url: format!("https://{domain}/.well-known/openid-configuration"),
            issuer: format!("https://{domain}/"),
        };
        assert_eq!(
            keys,
            [document("travel0.auth0.com"), document("login.travel0.com")]
        );
        assert_eq!(profile.form("https://travel0.auth0.com/"), Some(0));
        assert_eq!(profile.form("https://login.travel0.com/"), Some(1));
        assert_eq!(profile.form("https://travel0.auth0.com"), None);
    }

    #[test]
    fn a_token_for_the_api_is_accepted_also_without_an_organization() {
        assert!(judged(None, TOKEN).is_ok());
        assert!(judged(None, &with(TOKEN, "org_id", None)).is_ok());
    }

    #[test]
    fn the_configured_organization_must_be_in_the_token() {
        assert!(judged(Some("org_9ybsU1dN2dKfDkBi"), TOKEN).is_ok());
        assert!(judged(Some("acme"), TOKEN).is_ok());
        for (organization, claim) in [
            ("org_other", "org_id"),
            ("org_9ybsU1dN2dKfDkB", "org_id"),
            ("ACME", "org_name"),
        ] {
            let expected = organization.to_owned();
            assert_eq!(
                judged(Some(organization), TOKEN),
                Err(Refusal::ClaimMismatch { claim, expected })
            );
        }
        assert_eq!(
            judged(Some("org_x"), &with(TOKEN, "org_id", None)),
            Err(Refusal::ClaimMissing { claim: "org_id" })
        );
        for shape in [r#"["org_x"]"#, "null", "1", r#"{"org_x":true}"#] {
            let verdict = judged(Some("org_x"), &with(TOKEN, "org_id", Some(shape)));
            assert!(matches!(verdict, Err(Refusal::ClaimMismatch { .. })));
        }
    }

    #[test]
    fn permissions_are_no_roles_and_a_nickname_is_no_username() {
        let (claims, names) = (claims(TOKEN), claim_names());
        assert_eq!(first_claim(&claims, &names.roles), None);
        assert_eq!(first_claim(&claims, &names.username), None);
        let tenant = first_claim(&claims, &names.tenant).and_then(Json::as_str);
        assert_eq!(tenant, Some("org_9ybsU1dN2dKfDkBi"));
    }

    #[test]
    fn what_is_no_domain_is_refused_with_the_domain_in_the_hint() {
        for text in [
            "https://example.eu.auth0.com",
            "https://example.eu.auth0.com/",
            "example.eu.auth0.com/",
            "Example.EU.auth0.com",
            "https://example.eu.auth0.com/.well-known/openid-configuration",
        ] {
            let problems = of(&[text], None).unwrap_err();
            assert_eq!(problems[0].field, "domain");
            let hint = problems[0].hint.as_deref().unwrap();
            assert!(hint.ends_with("`example.eu.auth0.com`"), "{hint}");
        }
        for text in [
            "",
            ".",
            "a..b",
            "user@example.com",
            "a b",
            "exämple.com",
            "a:0",
            "a:b",
        ] {
            assert_eq!(of(&[text], None).unwrap_err().len(), 1, "{text}");
        }
        assert!(of(&["localhost:8443"], None).is_ok());
    }

    #[test]
    fn every_problem_is_reported_at_once() {
        let problems = of(&["https://a.example", "b.example", "b.example"], Some("")).unwrap_err();
        let fields: Vec<_> = problems.iter().map(|p| p.field).collect();
        assert_eq!(fields, ["domain", "domain", "organization"]);
        assert_eq!(of(&[], None).unwrap_err().len(), 1);
    }
}
