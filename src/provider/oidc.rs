//! Any OpenID provider: OpenID Connect Discovery 1.0.

use super::{
    BadSetting, ClaimNames, DISCOVERY_PATH, IssuerForm, Profile, ProviderKind, claim_path,
    top_level,
};
use crate::jose::algorithm::AlgorithmSet;

/// What an entry says.
pub struct Settings {
    /// The exact `iss`, byte for byte: `https://id.example.com` and `https://id.example.com/` are two issuers.
    pub issuer: String,
}

/// Keys by discovery at issuer + `/.well-known/openid-configuration` (a trailing slash of the issuer is not doubled). An issuer that is no URL is fine
/// only when the keys do not come from discovery: `config` checks that when it makes the address.
pub fn profile(settings: Settings) -> Result<Profile, Vec<BadSetting>> {
    let issuer = settings.issuer;
    check_issuer(&issuer).map_err(|problem| vec![problem])?;
    let form = IssuerForm::discovered(issuer);
    Ok(Profile {
        algorithms: AlgorithmSet::asymmetric(),
        claims: claim_names(),
        ..Profile::standard(ProviderKind::Oidc, vec![form])
    })
}

/// What no `iss` can be.
pub(super) fn check_issuer(issuer: &str) -> Result<(), BadSetting> {
    const FIELD: &str = "issuer";
    if issuer.is_empty() {
        return Err(BadSetting::new(
            FIELD,
            "the issuer is empty",
            "write the `iss` claim of a token as it is",
        ));
    }
    if issuer.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err(BadSetting::new(
            FIELD,
            "the issuer has white space or a control character in it",
            "write the `iss` claim of a token as it is",
        ));
    }
    if let Some(base) = issuer.strip_suffix(DISCOVERY_PATH) {
        return Err(BadSetting::new(
            FIELD,
            "this is the address of the discovery document, not the issuer",
            format!("write `{base}` or `{base}/`, as the member `issuer` of that document has it"),
        ));
    }
    Ok(())
}

/// * roles: `roles`, then Keycloak's `realm_access.roles`.
/// * scope: `scope`, then `scp` (a string or an array).
/// * tenant: map one under `identity.headers` when the provider has it.
fn claim_names() -> ClaimNames {
    ClaimNames {
        roles: vec![
            claim_path(&["roles"]),
            claim_path(&["realm_access", "roles"]),
        ],
        scope: top_level(&["scope", "scp"]),
        ..ClaimNames::standard()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::first_claim;
    use crate::provider::testing::{claims, judge};
    use crate::provider::{IssuerPattern, KeyDocument};

    fn of(issuer: &str) -> Result<Profile, Vec<BadSetting>> {
        profile(Settings {
            issuer: issuer.to_owned(),
        })
    }

    #[test]
    fn the_discovery_address_has_no_double_slash_and_the_issuer_keeps_its_own() {
        for (issuer, url) in [
            (
                "https://id.example.com",
                "https://id.example.com/.well-known/openid-configuration",
            ),
            (
                "https://id.example.com/",
                "https://id.example.com/.well-known/openid-configuration",
            ),
            (
                "https://id.example.com/realms/a",
                "https://id.example.com/realms/a/.well-known/openid-configuration",
            ),
        ] {
            let form = of(issuer).unwrap().forms.remove(0);
            assert_eq!(form.pattern, IssuerPattern::Exact(issuer.to_owned()));
            let (url, issuer) = (url.to_owned(), issuer.to_owned());
            assert_eq!(form.keys, KeyDocument::Discovery { url, issuer });
        }
    }

    #[test]
    fn an_issuer_need_not_be_an_address() {
        for issuer in ["accounts.google.com", "kubernetes/serviceaccount", "urn:x"] {
            assert!(of(issuer).unwrap().form(issuer).is_some());
        }
    }

    #[test]
    fn an_issuer_that_no_token_has_is_refused_with_a_hint() {
        for issuer in [
            "",
            " https://id.example.com",
            "https://id.example.com\n",
            "https://id.example.com/.well-known/openid-configuration",
        ] {
            let problems = of(issuer).unwrap_err();
            assert_eq!(problems.len(), 1, "{issuer:?}");
            assert_eq!(problems[0].field, "issuer");
            assert!(problems[0].hint.is_some());
        }
    }

    #[test]
    fn a_keycloak_token_has_its_roles_and_name() {
        let profile = of("https://sso.example.com/realms/main").unwrap();
        let text = r#"{"iss":"https:\/\/sso.example.com\/realms\/main","aud":["api","account"],"typ":"Bearer","azp":"web",
            "preferred_username":"ann","nickname":"admin","email":"ann@example.com","email_verified":true,
            "realm_access":{"roles":["admin","offline_access"]},"resource_access":{"account":{"roles":["view-profile"]}},"scope":"openid email"}"#;
        let findings = judge(&profile, Some(&["api"]), text).unwrap().unwrap();
        assert!(findings.email_verified);
        let claims = claims(text);
        let roles = first_claim(&claims, &profile.claims.roles).unwrap();
        assert_eq!(roles.as_array().unwrap().len(), 2);
        let username = first_claim(&claims, &profile.claims.username);
        assert_eq!(username.unwrap().as_str(), Some("ann"));
    }

    #[test]
    fn a_nickname_is_no_username() {
        let names = claim_names();
        let claims = claims(r#"{"nickname":"admin","name":"root"}"#);
        assert_eq!(first_claim(&claims, &names.username), None);
    }
}
