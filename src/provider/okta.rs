//! Okta.
//!
//! A domain has one org authorization server (`https://{domain}`) and any number of custom ones (`https://{domain}/oauth2/{id}`, of which one
//! is called `default`); the issuer never ends in a slash (Okta docs, "Authorization servers"). Only the tokens of custom servers are for
//! applications: the access token of the org server "can't be used or validated by your own applications", its contents may change at any
//! time. Such a token is refused here whatever the configuration says; ID tokens of the org server are fine.

use std::sync::Arc;

use super::condition::{Condition, check_values};
use super::{
    BadSetting, ClaimNames, Facts, Findings, IssuerForm, Profile, ProviderKind, Refusal, Rules,
    address, top_level,
};

/// What an entry says.
pub struct Settings {
    /// Of the org, or a custom domain; without scheme.
    pub domain: String,
    /// `default`, or the id of another custom authorization server. Absent: the org authorization server.
    pub authorization_server: Option<String>,
    /// Client ids of which access tokens must name one in `cid`.
    pub clients: Vec<String>,
}

#[derive(Debug)]
struct OktaRules {
    org_server: bool,
    client: Option<Condition>,
}

/// Keys by discovery: where they are differs between the two kinds of servers.
pub fn profile(settings: Settings) -> Result<Profile, Vec<BadSetting>> {
    let problems = problems(&settings);
    if !problems.is_empty() {
        return Err(problems);
    }
    let domain = &settings.domain;
    let issuer = match &settings.authorization_server {
        Some(id) => format!("https://{domain}/oauth2/{id}"),
        None => format!("https://{domain}"),
    };
    Ok(Profile {
        claims: claim_names(),
        rules: Arc::new(OktaRules {
            org_server: settings.authorization_server.is_none(),
            client: Condition::new("cid", settings.clients),
        }),
        ..Profile::standard(ProviderKind::Okta, vec![IssuerForm::discovered(issuer)])
    })
}

fn problems(settings: &Settings) -> Vec<BadSetting> {
    let domain = &settings.domain;
    let mut problems = Vec::new();
    if !address::is_host(domain) {
        problems.push(address::bad_host("domain", domain, "example.okta.com"));
    } else if let Some((org, rest)) = domain.split_once("-admin.okta") {
        problems.push(BadSetting::new(
            "domain",
            format!("`{domain}` is the address of the admin console, which issues no tokens"),
            format!("write `{org}.okta{rest}`"),
        ));
    }
    match &settings.authorization_server {
        Some(id) if !address::is_segment(id) => problems.push(BadSetting::new(
            "authorization_server",
            format!("`{id}` is not the id of an authorization server"),
            "write what stands after `/oauth2/` in its issuer: `default`, or `aus` and 17 letters and digits; leave the key out for the org authorization server",
        )),
        None if !settings.clients.is_empty() => problems.push(BadSetting::new(
            "clients",
            "`clients` is about access tokens, and those of the org authorization server cannot be validated",
            "name the custom `authorization_server`; ID tokens are bound to their client by `audiences`",
        )),
        _ => {}
    }
    problems.extend(check_values("clients", &settings.clients));
    problems
}

/// * username: `preferred_username` of ID tokens. Access tokens have the login in `sub`, and the user's id in `uid`.
/// * groups: `groups`, which an administrator adds to a server's claims.
/// * scope: `scp`, an array.
fn claim_names() -> ClaimNames {
    ClaimNames {
        scope: top_level(&["scp", "scope"]),
        ..ClaimNames::standard()
    }
}

impl Rules for OktaRules {
    fn check_claims(&self, facts: Facts<'_>) -> Result<Findings, Refusal> {
        let claims = facts.claims;
        // What tells an access token from an ID token: the client and the scopes that it was granted.
        if self.org_server && ["cid", "scp"].iter().any(|name| claims.get(name).is_some()) {
            return Err(Refusal::TokenTypeNotAllowed {
                found: "an access token of the org authorization server".to_owned(),
                expected: "its ID tokens only: Okta makes these access tokens for itself, and says that nobody else can validate them; \
                           an API needs a custom authorization server (`authorization_server`)"
                    .to_owned(),
            });
        }
        if let Some(client) = &self.client {
            client.check(claims)?;
        }
        Ok(Findings::of_email(claims))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jose::json::Json;
    use crate::provider::testing::{claims, judge, with};
    use crate::provider::{IssuerPattern, KeyDocument, first_claim};

    /// An access token of a custom authorization server.
    const ACCESS: &str = r#"{"ver":1,"jti":"AT.0mP4JKAZX1iACIT4vbEDF7LpvDVjxypPMf0D7uX39RE","iss":"https://example.okta.com/oauth2/default",
        "aud":"api://default","sub":"ann@example.com","iat":1700000000,"exp":1700003600,"cid":"0oabucvyc38HLL1ef0h7",
        "uid":"00uixa271s6x7qt8I0h7","scp":["openid","orders:read"],"groups":["Everyone","Admins"]}"#;
    const ID: &str = r#"{"ver":1,"jti":"ID.x","iss":"https://example.okta.com","aud":"0oabucvyc38HLL1ef0h7","sub":"00uixa271s6x7qt8I0h7",
        "iat":1700000000,"exp":1700003600,"amr":["pwd"],"idp":"00o1","nonce":"n","preferred_username":"ann@example.com","name":"Ann",
        "email":"ann@example.com","email_verified":true,"auth_time":1700000000,"at_hash":"x"}"#;

    fn of(
        domain: &str,
        server: Option<&str>,
        clients: &[&str],
    ) -> Result<Profile, Vec<BadSetting>> {
        profile(Settings {
            domain: domain.to_owned(),
            authorization_server: server.map(str::to_owned),
            clients: clients.iter().map(|c| (*c).to_owned()).collect(),
        })
    }

    fn custom(clients: &[&str]) -> Profile {
        of("example.okta.com", Some("default"), clients).unwrap()
    }

    #[test]
    fn each_server_of_a_domain_is_an_issuer_of_its_own_without_a_slash() {
        for (domain, server, issuer) in [
            ("example.okta.com", None, "https://example.okta.com"),
            (
                "example.okta.com",
                Some("default"),
                "https://example.okta.com/oauth2/default",
            ),
            (
                "login.example.com",
                Some("aus9o8wvkhckw9TLa0h7"),
                "https://login.example.com/oauth2/aus9o8wvkhckw9TLa0h7",
            ),
        ] {
            let form = of(domain, server, &[]).unwrap().forms.remove(0);
            assert_eq!(form.pattern, IssuerPattern::Exact(issuer.to_owned()));
            let keys = KeyDocument::Discovery {
                url: format!("{issuer}/.well-known/openid-configuration"),
                issuer: issuer.to_owned(),
            };
            assert_eq!(form.keys, keys);
        }
        assert_eq!(
            custom(&[]).form("https://example.okta.com/oauth2/default/"),
            None
        );
        assert_eq!(custom(&[]).form("https://example.okta.com"), None);
    }

    #[test]
    fn an_access_token_of_a_custom_server_is_accepted_and_its_names_found() {
        let profile = custom(&[]);
        assert!(
            judge(&profile, Some(&["api://default"]), ACCESS)
                .unwrap()
                .is_ok()
        );
        let claims = claims(ACCESS);
        let scope = first_claim(&claims, &profile.claims.scope).and_then(Json::as_array);
        assert_eq!(scope.map(<[Json]>::len), Some(2));
        let groups = first_claim(&claims, &profile.claims.groups).and_then(Json::as_array);
        assert_eq!(groups.map(<[Json]>::len), Some(2));
        // Everybody's audience `api://default` says nothing about the client.
        assert_eq!(first_claim(&claims, &profile.claims.username), None);
    }

    #[test]
    fn an_access_token_of_the_org_server_is_refused_and_its_id_token_is_not() {
        let profile = of("example.okta.com", None, &[]).unwrap();
        let id = judge(&profile, Some(&["0oabucvyc38HLL1ef0h7"]), ID).unwrap();
        assert!(id.unwrap().email_verified);
        let text = with(ACCESS, "iss", Some(r#""https://example.okta.com""#));
        for text in [
            text.clone(),
            with(&text, "cid", None),
            with(&text, "scp", None),
            with(&with(&text, "scp", None), "cid", Some("null")),
        ] {
            let verdict = judge(&profile, None, &text).unwrap();
            assert!(
                matches!(verdict, Err(Refusal::TokenTypeNotAllowed { .. })),
                "{verdict:?}"
            );
        }
    }

    #[test]
    fn a_named_client_must_be_the_one_that_asked_for_the_access_token() {
        let verdict = |clients: &[&str], text: &str| {
            judge(&custom(clients), Some(&["api://default"]), text).unwrap()
        };
        assert!(verdict(&["other", "0oabucvyc38HLL1ef0h7"], ACCESS).is_ok());
        assert_eq!(
            verdict(&["other"], ACCESS),
            Err(Refusal::ClaimMismatch {
                claim: "cid",
                expected: "`other`".to_owned()
            })
        );
        assert_eq!(
            verdict(&["other"], &with(ACCESS, "cid", None)),
            Err(Refusal::ClaimMissing { claim: "cid" })
        );
    }

    #[test]
    fn settings_that_cannot_be_are_refused_with_a_hint() {
        for (domain, server, clients, field, hint) in [
            (
                "https://example.okta.com",
                None,
                &[][..],
                "domain",
                "`example.okta.com`",
            ),
            (
                "example.okta.com/oauth2/default",
                None,
                &[],
                "domain",
                "`example.okta.com`",
            ),
            (
                "example-admin.okta.com",
                None,
                &[],
                "domain",
                "`example.okta.com`",
            ),
            (
                "example-admin.oktapreview.com",
                None,
                &[],
                "domain",
                "`example.oktapreview.com`",
            ),
            (
                "example.okta.com",
                Some("https://example.okta.com/oauth2/default"),
                &[],
                "authorization_server",
                "after `/oauth2/`",
            ),
            (
                "example.okta.com",
                None,
                &["a"],
                "clients",
                "custom `authorization_server`",
            ),
            (
                "example.okta.com",
                Some("default"),
                &["*"],
                "clients",
                "byte for byte",
            ),
        ] {
            let problems = of(domain, server, clients).unwrap_err();
            assert_eq!(problems.len(), 1, "{domain}");
            assert_eq!(problems[0].field, field);
            let found = problems[0].hint.as_deref().unwrap();
            assert!(found.contains(hint), "{found}");
        }
    }
}
