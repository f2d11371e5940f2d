//! Cloudflare Access: the header `Cf-Access-Jwt-Assertion`, the cookie `CF_Authorization`.
//!
//! Every application of a team has tokens of one issuer under one key set, told apart by `aud` alone: there is no `any_audience` here. The
//! team's global session token is signed by the same keys and says `type: org`; only `type: app` is for applications. A service token has
//! an empty `sub` and its client id in `common_name` (Cloudflare docs, "Application token").

use std::sync::Arc;

use super::condition::{Condition, check_values};
use super::{
    BadSetting, ClaimNames, Facts, Findings, IssuerForm, IssuerPattern, KeyDocument, Profile,
    ProviderKind, Refusal, Rules, address, top_level,
};
use crate::jose::json::{Json, Object};

/// What an entry says.
pub struct Settings {
    /// The team's name, the first part of its domain.
    pub team: String,
    /// Application audience tags, at least one.
    pub audiences: Vec<String>,
    /// Client ids of the service tokens that may come in. Empty: users only.
    pub service_tokens: Vec<String>,
}

#[derive(Debug)]
struct AccessRules {
    service_token: Option<Condition>,
}

const DOMAIN: &str = ".cloudflareaccess.com";

/// Keys from the team's certificates document, which is a key set with PEM copies beside it.
pub fn profile(settings: Settings) -> Result<Profile, Vec<BadSetting>> {
    let problems = problems(&settings);
    if !problems.is_empty() {
        return Err(problems);
    }
    let issuer = format!("https://{}{DOMAIN}", settings.team);
    let form = IssuerForm {
        keys: KeyDocument::Jwks {
            url: format!("{issuer}/cdn-cgi/access/certs"),
        },
        pattern: IssuerPattern::Exact(issuer),
    };
    Ok(Profile {
        claims: claim_names(),
        audiences: Some(settings.audiences),
        rules: Arc::new(AccessRules {
            service_token: Condition::new("common_name", settings.service_tokens),
        }),
        ..Profile::standard(ProviderKind::CloudflareAccess, vec![form])
    })
}

fn problems(settings: &Settings) -> Vec<BadSetting> {
    let mut problems = Vec::new();
    let team = &settings.team;
    if !address::is_label(team) {
        let name = team.trim_start_matches("https://").trim_end_matches('/');
        let hint = match name.strip_suffix(DOMAIN) {
            Some(name) => format!("write only the team's name: `{name}`"),
            None => format!("write what stands before `{DOMAIN}` in the team's domain"),
        };
        problems.push(BadSetting::new(
            "team",
            format!("`{team}` is not a team name"),
            hint,
        ));
    }
    if let Some(bad) = settings.audiences.iter().find(|tag| !is_tag(tag)) {
        problems.push(BadSetting::new(
            "audiences",
            format!("`{bad}` is not an application audience tag"),
            "write the 64 hexadecimal digits that the dashboard shows as the application's \"AUD tag\"",
        ));
    }
    problems.extend(check_values("service_tokens", &settings.service_tokens));
    problems
}

fn is_tag(text: &str) -> bool {
    text.len() == 64
        && text
            .bytes()
            .all(|b| b.is_ascii_digit() || matches!(b, b'a'..=b'f'))
}

/// * username: `common_name`, which service tokens have instead of a subject. Users have an address.
/// * groups, roles: none; the token has a part of the identity only. Claims that were added to it are under `custom`.
fn claim_names() -> ClaimNames {
    ClaimNames {
        username: top_level(&["common_name"]),
        email: top_level(&["email"]),
        ..ClaimNames::default()
    }
}

impl Rules for AccessRules {
    fn check_claims(&self, facts: Facts<'_>) -> Result<Findings, Refusal> {
        check_type(facts.claims)?;
        let subject = facts.claims.get("sub").and_then(Json::as_str);
        let is_user = !subject
            .ok_or(Refusal::ClaimMissing { claim: "sub" })?
            .is_empty();
        match &self.service_token {
            _ if is_user => {}
            Some(listed) => listed.check(facts.claims)?,
            None => {
                return Err(Refusal::TokenTypeNotAllowed {
                    found: "a service token (`sub` is empty)".to_owned(),
                    expected: "tokens of users; `service_tokens` lists the client ids of services that may come in".to_owned(),
                });
            }
        }
        // "The email address of the authenticated user, verified by the identity provider."
        Ok(Findings {
            groups_overage: false,
            email_verified: is_user,
        })
    }
}

fn check_type(claims: &Object) -> Result<(), Refusal> {
    let found = claims
        .get("type")
        .ok_or(Refusal::ClaimMissing { claim: "type" })?;
    match found.as_str() {
        Some("app") => Ok(()),
        other => Err(Refusal::TokenTypeNotAllowed {
            found: format!("`type` {}", other.unwrap_or_else(|| found.type_name())),
            expected: "`type` app: a token for an application, not the team's session".to_owned(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::first_claim;
    use crate::provider::testing::{claims, judge, with};

    const TAG: &str = "32eafc7626e974616deaf0dc3ce63d7bcbed58a2731e84d06bc3cdf1b53c4228";
    const SERVICE: &str = "e367826f93b8d71185e03fe518aff3b4.access";
    /// Both as documented under "Application token".
    const USER_TOKEN: &str = r#"{"aud":["32eafc7626e974616deaf0dc3ce63d7bcbed58a2731e84d06bc3cdf1b53c4228"],"email":"user@example.com",
        "exp":1659474457,"iat":1659474397,"nbf":1659474397,"iss":"https://yourteam.cloudflareaccess.com","type":"app",
        "identity_nonce":"6ei69kawdKzMIAPF","sub":"7335d417-61da-459d-899c-0a01c76a2f94","country":"US"}"#;
    const SERVICE_TOKEN: &str = r#"{"type":"app","aud":["32eafc7626e974616deaf0dc3ce63d7bcbed58a2731e84d06bc3cdf1b53c4228"],
        "exp":1659474457,"iss":"https://yourteam.cloudflareaccess.com","common_name":"e367826f93b8d71185e03fe518aff3b4.access",
        "iat":1659474397,"sub":""}"#;

    fn of(team: &str, tag: &str, services: &[&str]) -> Result<Profile, Vec<BadSetting>> {
        profile(Settings {
            team: team.to_owned(),
            audiences: vec![tag.to_owned()],
            service_tokens: services.iter().map(|s| (*s).to_owned()).collect(),
        })
    }

    fn judged(services: &[&str], text: &str) -> Result<Findings, Refusal> {
        let profile = of("yourteam", TAG, services).unwrap();
        judge(&profile, Some(&[TAG]), text).unwrap()
    }

    #[test]
    fn a_user_comes_in_with_a_verified_address() {
        assert!(judged(&[], USER_TOKEN).unwrap().email_verified);
        let profile = of("yourteam", TAG, &[]).unwrap();
        let url = "https://yourteam.cloudflareaccess.com/cdn-cgi/access/certs".to_owned();
        assert_eq!(profile.forms[0].keys, KeyDocument::Jwks { url });
        assert_eq!(profile.audiences, Some(vec![TAG.to_owned()]));
    }

    #[test]
    fn a_session_of_the_team_is_no_token_for_an_application() {
        for shape in [r#""org""#, r#""App""#, r#""""#, r#"["app"]"#, "null"] {
            let verdict = judged(&[], &with(USER_TOKEN, "type", Some(shape)));
            assert!(
                matches!(verdict, Err(Refusal::TokenTypeNotAllowed { .. })),
                "{shape}"
            );
        }
        assert_eq!(
            judged(&[], &with(USER_TOKEN, "type", None)),
            Err(Refusal::ClaimMissing { claim: "type" })
        );
    }

    #[test]
    fn a_service_comes_in_only_when_it_is_listed_and_has_no_address() {
        assert!(matches!(
            judged(&[], SERVICE_TOKEN),
            Err(Refusal::TokenTypeNotAllowed { .. })
        ));
        assert!(matches!(
            judged(&["other.access"], SERVICE_TOKEN),
            Err(Refusal::ClaimMismatch {
                claim: "common_name",
                ..
            })
        ));
        let forged = with(SERVICE_TOKEN, "email", Some(r#""ann@example.com""#));
        assert!(!judged(&[SERVICE], &forged).unwrap().email_verified);
        assert_eq!(
            judged(&[SERVICE], &with(SERVICE_TOKEN, "sub", None)),
            Err(Refusal::ClaimMissing { claim: "sub" })
        );
        let claims = claims(SERVICE_TOKEN);
        let name = first_claim(&claims, &claim_names().username);
        assert_eq!(name.and_then(Json::as_str), Some(SERVICE));
    }

    #[test]
    fn the_token_of_another_application_of_the_team_is_refused() {
        let other = format!("[\"{}\"]", "0".repeat(64));
        assert!(matches!(
            judged(&[], &with(USER_TOKEN, "aud", Some(&other))),
            Err(Refusal::AudienceMismatch { .. })
        ));
    }

    #[test]
    fn settings_that_cannot_be_are_refused_with_a_hint() {
        for (team, tag, services, field, hint) in [
            (
                "yourteam.cloudflareaccess.com",
                TAG,
                &[][..],
                "team",
                "`yourteam`",
            ),
            (
                "https://yourteam.cloudflareaccess.com/",
                TAG,
                &[],
                "team",
                "`yourteam`",
            ),
            ("your team", TAG, &[], "team", "cloudflareaccess.com"),
            (
                "yourteam",
                "my-app",
                &[],
                "audiences",
                "64 hexadecimal digits",
            ),
            ("yourteam", TAG, &["*"], "service_tokens", "byte for byte"),
        ] {
            let problems = of(team, tag, services).unwrap_err();
            assert_eq!(problems.len(), 1, "{team}");
            assert_eq!(problems[0].field, field);
            let found = problems[0].hint.as_deref().unwrap();
            assert!(found.contains(hint), "{found}");
        }
        assert!(of("yourteam", &TAG.to_ascii_uppercase(), &[]).is_err());
    }
}
