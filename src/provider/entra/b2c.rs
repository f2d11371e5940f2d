//! Azure AD B2C.
//!
//! A tenant has one issuer for all its policies, `https://{domain}/{tenant}/v2.0/` with a slash at the end, or, when it was set to be
//! compliant with OpenID Connect Discovery, one for each: `https://{domain}/tfp/{tenant}/{policy}/v2.0/`. There is a discovery document for
//! each policy, below the directory's name ("Overview of tokens in Azure Active Directory B2C"). What a user did to get a token (sign in,
//! reset a password, edit a profile) is the policy, in `tfp` or, in older tenants, `acr`: a token of a policy that is not listed is refused.

use std::sync::Arc;

use crate::jose::json::{Json, Object};
use crate::provider::{
    BadSetting, ClaimNames, DISCOVERY_PATH, Facts, Findings, IssuerForm, IssuerPattern,
    KeyDocument, Profile, ProviderKind, Refusal, Rules, address, guid, top_level,
};

/// The tenant's setting "Issuer (iss) claim".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IssuerStyle {
    /// One for the tenant.
    Tenant,
    /// One for each policy (`tfp`).
    Policy,
}

/// What an entry says.
pub struct Settings {
    /// `contoso.b2clogin.com`, or a custom domain.
    pub domain: String,
    /// A GUID.
    pub tenant: String,
    /// `contoso.onmicrosoft.com`. Absent: from a domain below `b2clogin.com`.
    pub directory: Option<String>,
    /// Policies (user flows), at least one.
    pub policies: Vec<String>,
    pub issuer_style: IssuerStyle,
}

#[derive(Debug)]
struct B2cRules {
    /// In lower case.
    tenant: String,
    policies: Vec<String>,
}

const LOGIN_DOMAIN: &str = ".b2clogin.com";

/// Keys by discovery: with an issuer for each policy from each one's document, otherwise from that of the first policy (a token that another
/// policy signed with keys of its own is refused).
pub fn profile(settings: Settings) -> Result<Profile, Vec<BadSetting>> {
    let directory = settings
        .directory
        .clone()
        .or_else(|| default_directory(&settings.domain));
    let problems = problems(&settings, directory.as_deref());
    let directory = match directory {
        Some(directory) if problems.is_empty() => directory,
        _ => return Err(problems),
    };
    let (domain, tenant) = (&settings.domain, settings.tenant.to_ascii_lowercase());
    let form = |policy: &String| {
        let issuer = match settings.issuer_style {
            IssuerStyle::Tenant => format!("https://{domain}/{tenant}/v2.0/"),
            IssuerStyle::Policy => format!("https://{domain}/tfp/{tenant}/{policy}/v2.0/"),
        };
        IssuerForm {
            keys: KeyDocument::Discovery {
                url: format!("https://{domain}/{directory}/{policy}/v2.0{DISCOVERY_PATH}"),
                issuer: issuer.clone(),
            },
            pattern: IssuerPattern::Exact(issuer),
        }
    };
    let issuers = match settings.issuer_style {
        IssuerStyle::Tenant => 1,
        IssuerStyle::Policy => settings.policies.len(),
    };
    let forms = settings.policies.iter().take(issuers).map(form).collect();
    Ok(Profile {
        claims: claim_names(),
        rules: Arc::new(B2cRules {
            tenant,
            policies: settings.policies,
        }),
        ..Profile::standard(ProviderKind::EntraB2c, forms)
    })
}

fn default_directory(domain: &str) -> Option<String> {
    let name = domain.strip_suffix(LOGIN_DOMAIN)?;
    Some(format!("{name}.onmicrosoft.com"))
}

fn problems(settings: &Settings, directory: Option<&str>) -> Vec<BadSetting> {
    let mut problems = Vec::new();
    let domain_is_good = address::is_host(&settings.domain);
    if !domain_is_good {
        problems.push(address::bad_host(
            "domain",
            &settings.domain,
            "contoso.b2clogin.com",
        ));
    }
    if !guid::is_guid(&settings.tenant) {
        problems.push(BadSetting::new(
            "tenant",
            format!("`{}` is not a tenant id", settings.tenant),
            "write the directory (tenant) ID, a GUID: it is in the `iss` of every token",
        ));
    }
    match directory {
        Some(directory) if !address::is_host(directory) && domain_is_good => problems.push(
            address::bad_host("directory", directory, "contoso.onmicrosoft.com"),
        ),
        None if domain_is_good => problems.push(BadSetting::new(
            "directory",
            "a custom domain does not say the directory's name, under which the documents are",
            "add `directory: contoso.onmicrosoft.com`",
        )),
        _ => {}
    }
    if let Some(bad) = settings
        .policies
        .iter()
        .find(|policy| !address::is_segment(policy))
    {
        problems.push(BadSetting::new(
            "policies",
            format!("`{bad}` is not the name of a policy"),
            "write it as the claim `tfp` has it, such as `b2c_1_signupsignin1`",
        ));
    }
    problems
}

/// * email: `email`; the array `emails` of user flows is no address, map it if you need it.
/// * roles, groups: none; B2C has none, and a custom attribute of that name may be what the user typed.
fn claim_names() -> ClaimNames {
    ClaimNames {
        email: top_level(&["email"]),
        name: top_level(&["name"]),
        scope: top_level(&["scp"]),
        tenant: top_level(&["tid"]),
        ..ClaimNames::default()
    }
}

impl Rules for B2cRules {
    fn check_claims(&self, facts: Facts<'_>) -> Result<Findings, Refusal> {
        self.check_policy(facts.claims)?;
        // Custom policies add it.
        let tenant = facts.claims.get("tid");
        if tenant.is_some_and(|found| found.as_str() != Some(&self.tenant)) {
            return Err(Refusal::ClaimMismatch {
                claim: "tid",
                expected: "the tenant in `iss`".to_owned(),
            });
        }
        Ok(Findings::of_email(facts.claims))
    }
}

impl B2cRules {
    /// In any case: the documentation itself writes `B2C_1_signupsignin1` and `b2c_1_signupsignin1` for one policy.
    fn check_policy(&self, claims: &Object) -> Result<(), Refusal> {
        let (claim, found) = ["tfp", "acr"]
            .into_iter()
            .find_map(|claim| Some((claim, claims.get(claim)?)))
            .ok_or(Refusal::ClaimMissing { claim: "tfp" })?;
        let listed = |found: &str| self.policies.iter().any(|p| p.eq_ignore_ascii_case(found));
        match Json::as_str(found).is_some_and(listed) {
            true => Ok(()),
            false => Err(Refusal::ClaimMismatch {
                claim,
                expected: format!("one of `policies`: {}", self.policies.join(", ")),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::testing::{judge, with};

    const TENANT: &str = "775527ff-9a37-4307-8b3d-cc311f58d925";
    const CLIENT: &str = "90c0fe63-bcf2-44d5-8fb7-b8bbc0b29dc6";

    fn settings(domain: &str, policies: &[&str], issuer_style: IssuerStyle) -> Settings {
        Settings {
            domain: domain.to_owned(),
            tenant: TENANT.to_owned(),
            directory: None,
            policies: policies.iter().map(|p| (*p).to_owned()).collect(),
            issuer_style,
        }
    }

    fn of(policies: &[&str], issuer_style: IssuerStyle) -> Profile {
        profile(settings("contoso.b2clogin.com", policies, issuer_style)).unwrap()
    }

    /// The claims of the documentation's table.
    fn token(path: &str) -> String {
        format!(
            r#"{{"iss":"https://contoso.b2clogin.com/{path}","exp":1438539443,"nbf":1438535543,"aud":"{CLIENT}","ver":"1.0","iat":1438535543,
            "auth_time":1438535543,"sub":"884408e1-2918-4cz0-b12d-3aa027d7563b","name":"Ann","emails":["ann@example.com"],"idp":"LocalAccount",
            "tfp":"b2c_1_signupsignin1","azp":"975251ed-e4f5-4efd-abcb-5f1a8f566ab7","scp":"Read"}}"#
        )
    }

    fn judged(profile: &Profile, text: &str) -> Option<Result<Findings, Refusal>> {
        judge(profile, Some(&[CLIENT]), text)
    }

    #[test]
    fn the_default_issuer_ends_in_a_slash_and_its_document_is_the_first_policys() {
        let profile = of(&["B2C_1_signupsignin1", "B2C_1_reset"], IssuerStyle::Tenant);
        assert_eq!(
            profile.forms,
            [IssuerForm {
                pattern: IssuerPattern::Exact(format!("https://contoso.b2clogin.com/{TENANT}/v2.0/")),
                keys: KeyDocument::Discovery {
                    url: "https://contoso.b2clogin.com/contoso.onmicrosoft.com/B2C_1_signupsignin1/v2.0/.well-known/openid-configuration".to_owned(),
                    issuer: format!("https://contoso.b2clogin.com/{TENANT}/v2.0/"),
                },
            }]
        );
        let text = token(&format!("{TENANT}/v2.0/"));
        assert!(judged(&profile, &text).unwrap().is_ok());
        assert_eq!(judged(&profile, &token(&format!("{TENANT}/v2.0"))), None);
        let tfp = token(&format!("tfp/{TENANT}/b2c_1_signupsignin1/v2.0/"));
        assert_eq!(judged(&profile, &tfp), None);
    }

    #[test]
    fn each_policy_may_have_its_own_issuer_and_document() {
        let profile = of(&["b2c_1_signupsignin1", "b2c_1_reset"], IssuerStyle::Policy);
        let documents: Vec<_> = profile
            .forms
            .iter()
            .map(|form| match (&form.pattern, &form.keys) {
                (IssuerPattern::Exact(iss), KeyDocument::Discovery { url, issuer })
                    if iss == issuer =>
                {
                    (iss.as_str(), url.as_str())
                }
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(
            documents,
            [
                (
                    "https://contoso.b2clogin.com/tfp/775527ff-9a37-4307-8b3d-cc311f58d925/b2c_1_signupsignin1/v2.0/",
                    "https://contoso.b2clogin.com/contoso.onmicrosoft.com/b2c_1_signupsignin1/v2.0/.well-known/openid-configuration"
                ),
                (
                    "https://contoso.b2clogin.com/tfp/775527ff-9a37-4307-8b3d-cc311f58d925/b2c_1_reset/v2.0/",
                    "https://contoso.b2clogin.com/contoso.onmicrosoft.com/b2c_1_reset/v2.0/.well-known/openid-configuration"
                ),
            ]
        );
        let text = token(&format!("tfp/{TENANT}/b2c_1_signupsignin1/v2.0/"));
        assert!(judged(&profile, &text).unwrap().is_ok());
    }

    #[test]
    fn a_token_of_a_policy_that_is_not_listed_is_refused() {
        let profile = of(&["B2C_1_SignUpSignIn1"], IssuerStyle::Tenant);
        let text = token(&format!("{TENANT}/v2.0/"));
        assert!(judged(&profile, &text).unwrap().is_ok());
        for (tfp, acr, claim) in [
            (Some(r#""b2c_1_reset""#), None, "tfp"),
            (Some(r#"["b2c_1_signupsignin1"]"#), None, "tfp"),
            // The newer claim decides, whatever the older one says.
            (
                Some(r#""b2c_1_reset""#),
                Some(r#""b2c_1_signupsignin1""#),
                "tfp",
            ),
            (None, Some(r#""b2c_1_reset""#), "acr"),
        ] {
            let text = with(&with(&text, "tfp", tfp), "acr", acr);
            let verdict = judged(&profile, &text).unwrap();
            assert!(
                matches!(&verdict, Err(Refusal::ClaimMismatch { claim: found, .. }) if *found == claim),
                "{verdict:?}"
            );
        }
        let older = with(
            &with(&text, "tfp", None),
            "acr",
            Some(r#""b2c_1_signupsignin1""#),
        );
        assert!(judged(&profile, &older).unwrap().is_ok());
        let neither = with(&text, "tfp", None);
        assert_eq!(
            judged(&profile, &neither),
            Some(Err(Refusal::ClaimMissing { claim: "tfp" }))
        );
    }

    #[test]
    fn a_tid_that_is_there_is_the_tenant() {
        let profile = of(&["b2c_1_signupsignin1"], IssuerStyle::Tenant);
        let text = token(&format!("{TENANT}/v2.0/"));
        let good = with(&text, "tid", Some(&format!("\"{TENANT}\"")));
        assert!(judged(&profile, &good).unwrap().is_ok());
        for tid in [r#""9188040d-6c67-4c5b-b112-36a304b66dad""#, "null"] {
            let verdict = judged(&profile, &with(&text, "tid", Some(tid))).unwrap();
            assert!(matches!(
                verdict,
                Err(Refusal::ClaimMismatch { claim: "tid", .. })
            ));
        }
    }

    #[test]
    fn settings_that_cannot_be_are_refused_with_a_hint() {
        let of = |domain: &str, policy: &str| settings(domain, &[policy], IssuerStyle::Tenant);
        let not_a_tenant = Settings {
            tenant: "contoso.onmicrosoft.com".to_owned(),
            ..of("contoso.b2clogin.com", "b2c_1_x")
        };
        for (settings, field, hint) in [
            (
                of("https://contoso.b2clogin.com", "b2c_1_x"),
                "domain",
                "`contoso.b2clogin.com`",
            ),
            (
                of("login.example.com", "b2c_1_x"),
                "directory",
                "onmicrosoft.com",
            ),
            (of("contoso.b2clogin.com", "a/b"), "policies", "`tfp`"),
            (not_a_tenant, "tenant", "GUID"),
        ] {
            let problems = profile(settings).unwrap_err();
            assert_eq!(problems.len(), 1, "{problems:?}");
            assert_eq!(problems[0].field, field);
            let found = problems[0].hint.as_deref().unwrap();
            assert!(found.contains(hint), "{found}");
        }
        let custom = Settings {
            directory: Some("contoso.onmicrosoft.com".to_owned()),
            ..of("login.example.com", "b2c_1_x")
        };
        assert!(profile(custom).is_ok());
    }
}
