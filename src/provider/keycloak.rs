//! Keycloak.
//!
//! The issuer is `{url}/realms/{realm}`; up to version 16 the URL had `/auth` at its end. A token is never for the client that asked for it:
//! `aud` comes from mappers and is absent without one, and the client stands in `azp`. So an entry may name `clients`, and then `audiences`
//! may be left out; nothing else makes `azp` an audience. What kind of token it is stands in the claim `typ`, not in the header, and a
//! refresh token has the issuer and the audience of the realm itself.

use std::borrow::Cow;
use std::sync::Arc;

use super::condition::check_values;
use super::{
    BadSetting, ClaimNames, Facts, Findings, IssuerForm, Profile, ProviderKind, Refusal, Rules,
    address, audience, claim_path,
};
use crate::jose::json::{Json, Object};

/// What an entry says.
pub struct Settings {
    /// As clients see the server (its frontend address): `https://sso.example.com`, with the path that is before `/realms`.
    pub url: String,
    pub realm: String,
    /// Clients of which `azp` must name one.
    pub clients: Vec<String>,
    /// The client whose roles are the roles. Absent: those of the realm.
    pub role_client: Option<String>,
}

#[derive(Debug)]
struct KeycloakRules {
    /// Empty: any client.
    clients: Vec<String>,
}

/// Values of the claim `typ` that stand for the user before an application. Anything else (`Refresh`, `Offline`, `Logout`, action links,
/// tokens bound to a proof) is for the server itself or needs more than to be carried.
const CREDENTIALS: [&str; 2] = ["Bearer", "ID"];

/// Keys by discovery.
pub fn profile(settings: Settings) -> Result<Profile, Vec<BadSetting>> {
    let problems = problems(&settings);
    if !problems.is_empty() {
        return Err(problems);
    }
    let url = settings.url.trim_end_matches('/');
    let issuer = format!("{url}/realms/{}", settings.realm);
    Ok(Profile {
        claims: claim_names(settings.role_client),
        bound_by: (!settings.clients.is_empty()).then_some("clients"),
        rules: Arc::new(KeycloakRules {
            clients: settings.clients,
        }),
        ..Profile::standard(ProviderKind::Keycloak, vec![IssuerForm::discovered(issuer)])
    })
}

fn problems(settings: &Settings) -> Vec<BadSetting> {
    let mut problems: Vec<_> = check_url(&settings.url).err().into_iter().collect();
    if !address::is_segment(&settings.realm) {
        problems.push(BadSetting::new(
            "realm",
            format!("`{}` is not a realm that can be written into an issuer", settings.realm),
            "write the realm's name; one with other signs than letters, digits, `.`, `-`, `_` is `provider: oidc` with the exact `iss`",
        ));
    }
    problems.extend(check_values("clients", &settings.clients));
    if settings.role_client.as_deref().is_some_and(str::is_empty) {
        problems.push(BadSetting::new(
            "role_client",
            "the client is empty",
            "write its client id, or leave the key out for the roles of the realm",
        ));
    }
    problems
}

fn check_url(url: &str) -> Result<(), BadSetting> {
    let rest = address::after_scheme("url", url, "https://sso.example.com")?;
    match rest.split_once("/realms") {
        None => Ok(()),
        Some((base, _)) => Err(BadSetting::new(
            "url",
            format!("`{url}` names a realm"),
            format!("write what comes before it (`https://{base}`), and the realm under `realm`"),
        )),
    }
}

/// * groups: `groups`, the usual name of the group mapper's claim.
/// * roles: `realm_access.roles`, or `resource_access.{client}.roles` of the one client that is named. Never one in place of the other: a
///   realm's `admin` and a client's `admin` are two roles.
fn claim_names(role_client: Option<String>) -> ClaimNames {
    let roles = match role_client {
        Some(client) => vec![
            Cow::Borrowed("resource_access"),
            Cow::Owned(client),
            Cow::Borrowed("roles"),
        ],
        None => claim_path(&["realm_access", "roles"]),
    };
    ClaimNames {
        roles: vec![roles],
        ..ClaimNames::standard()
    }
}

impl Rules for KeycloakRules {
    fn check_audience(
        &self,
        facts: Facts<'_>,
        audiences: Option<&[String]>,
    ) -> Result<(), Refusal> {
        audience::check(facts.claims, audiences, audience::is_exactly)?;
        match self.clients.is_empty() {
            true => Ok(()),
            false => self.check_client(facts.claims),
        }
    }

    fn check_claims(&self, facts: Facts<'_>) -> Result<Findings, Refusal> {
        check_kind(facts.claims)?;
        Ok(Findings::of_email(facts.claims))
    }
}

impl KeycloakRules {
    fn check_client(&self, claims: &Object) -> Result<(), Refusal> {
        match claims.get("azp").map(Json::as_str) {
            Some(None) => Err(Refusal::Malformed("`azp` is not a string")),
            Some(Some(client)) if self.clients.iter().any(|c| c == client) => Ok(()),
            Some(Some(_)) | None => Err(Refusal::AudienceMismatch {
                found: None,
                expected: format!("`azp` {} (`clients`)", self.clients.join(", ")),
            }),
        }
    }
}

/// An absent `typ` says nothing: a mapper can take the claim out.
fn check_kind(claims: &Object) -> Result<(), Refusal> {
    let Some(found) = claims.get("typ") else {
        return Ok(());
    };
    match found.as_str() {
        Some(kind) if CREDENTIALS.contains(&kind) => Ok(()),
        kind => Err(Refusal::TokenTypeNotAllowed {
            found: format!(
                "the claim `typ` {}",
                kind.unwrap_or_else(|| found.type_name())
            ),
            expected: format!("the claim `typ` {}", CREDENTIALS.join(", ")),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jose::header::Header;
    use crate::jose::jwk::{KeyPolicy, SkipReason, read_set};
    use crate::provider::testing::{claims, judge, with};
    use crate::provider::{IssuerPattern, KeyDocument, first_claim};

    const TOKEN: &str = r#"{"exp":1700000300,"iat":1700000000,"jti":"x","iss":"https://sso.example.com/realms/main",
        "aud":["orders","account"],"sub":"f:x:ann","typ":"Bearer","azp":"web","sid":"s","acr":"1",
        "realm_access":{"roles":["offline_access","clerk"]},"resource_access":{"my.app":{"roles":["admin"]},"account":{"roles":["view-profile"]}},
        "scope":"openid email profile","email_verified":false,"name":"Ann","preferred_username":"ann","email":"ann@example.com","groups":["/staff"]}"#;

    fn of(
        url: &str,
        realm: &str,
        clients: &[&str],
        role_client: Option<&str>,
    ) -> Result<Profile, Vec<BadSetting>> {
        profile(Settings {
            url: url.to_owned(),
            realm: realm.to_owned(),
            clients: clients.iter().map(|c| (*c).to_owned()).collect(),
            role_client: role_client.map(str::to_owned),
        })
    }

    fn with_clients(clients: &[&str]) -> Profile {
        of("https://sso.example.com", "main", clients, None).unwrap()
    }

    fn mismatch(expected: &str) -> Option<Result<Findings, Refusal>> {
        let expected = expected.to_owned();
        Some(Err(Refusal::AudienceMismatch {
            found: None,
            expected,
        }))
    }

    #[test]
    fn the_issuer_is_the_realm_below_the_url() {
        for (url, issuer) in [
            (
                "https://sso.example.com",
                "https://sso.example.com/realms/main",
            ),
            (
                "https://sso.example.com/",
                "https://sso.example.com/realms/main",
            ),
            (
                "https://sso.example.com/auth",
                "https://sso.example.com/auth/realms/main",
            ),
            ("http://localhost:8080", "http://localhost:8080/realms/main"),
        ] {
            let form = of(url, "main", &[], None).unwrap().forms.remove(0);
            assert_eq!(form.pattern, IssuerPattern::Exact(issuer.to_owned()));
            let keys = KeyDocument::Discovery {
                url: format!("{issuer}/.well-known/openid-configuration"),
                issuer: issuer.to_owned(),
            };
            assert_eq!(form.keys, keys);
        }
    }

    #[test]
    fn the_client_that_asked_is_no_audience_unless_it_is_named_under_clients() {
        let plain = with_clients(&[]);
        assert_eq!(plain.bound_by, None);
        assert!(judge(&plain, Some(&["orders"]), TOKEN).unwrap().is_ok());
        assert_eq!(judge(&plain, Some(&["web"]), TOKEN), mismatch("web"));
        let without = with(TOKEN, "aud", None);
        assert_eq!(judge(&plain, Some(&["web"]), &without), mismatch("web"));

        let bound = with_clients(&["mobile", "web"]);
        assert_eq!(bound.bound_by, Some("clients"));
        assert!(judge(&bound, None, TOKEN).unwrap().is_ok());
        assert!(judge(&bound, None, &without).unwrap().is_ok());
    }

    #[test]
    fn a_token_of_another_client_is_refused_also_when_its_audience_is_right() {
        let profile = with_clients(&["mobile"]);
        let expected = mismatch("`azp` mobile (`clients`)");
        assert_eq!(judge(&profile, Some(&["orders"]), TOKEN), expected);
        assert_eq!(judge(&profile, None, TOKEN), expected);
        assert_eq!(judge(&profile, None, &with(TOKEN, "azp", None)), expected);
        for shape in ["null", "1", r#"["mobile"]"#] {
            let verdict = judge(&profile, None, &with(TOKEN, "azp", Some(shape)));
            assert!(
                matches!(verdict, Some(Err(Refusal::Malformed(_)))),
                "{shape}"
            );
        }
        // And the audience still counts when it is given.
        let profile = with_clients(&["web"]);
        assert_eq!(
            judge(&profile, Some(&["billing"]), TOKEN),
            mismatch("billing")
        );
    }

    #[test]
    fn j13_a_refresh_token_and_whatever_else_the_server_makes_for_itself_is_refused() {
        let profile = with_clients(&["web"]);
        let verdict = |typ| judge(&profile, None, &with(TOKEN, "typ", typ)).unwrap();
        for typ in [Some(r#""Bearer""#), Some(r#""ID""#), None] {
            assert!(verdict(typ).is_ok(), "{typ:?}");
        }
        for typ in [
            r#""Refresh""#,
            r#""Offline""#,
            r#""Logout""#,
            r#""DPoP""#,
            r#""Registration""#,
            r#""bearer""#,
            r#""""#,
            "null",
            r#"["Bearer"]"#,
        ] {
            assert!(
                matches!(verdict(Some(typ)), Err(Refusal::TokenTypeNotAllowed { .. })),
                "{typ}"
            );
        }
    }

    #[test]
    fn roles_are_those_of_the_realm_or_of_one_client_with_dots_in_its_name() {
        let roles = |role_client: Option<&str>| {
            let claims = claims(TOKEN);
            let names = claim_names(role_client.map(str::to_owned));
            let found = first_claim(&claims, &names.roles)?;
            Some(
                found
                    .as_array()?
                    .iter()
                    .filter_map(Json::as_str)
                    .collect::<Vec<_>>()
                    .join(","),
            )
        };
        assert_eq!(roles(None).as_deref(), Some("offline_access,clerk"));
        assert_eq!(roles(Some("my.app")).as_deref(), Some("admin"));
        // Not the realm's roles in their place.
        assert_eq!(roles(Some("my")), None);
        assert_eq!(roles(Some("other")), None);
    }

    #[test]
    fn a_header_with_spaces_in_its_json_is_read() {
        // {"alg":"RS256","typ" : "JWT","kid" : "PLJrS5Y"}
        let header =
            Header::read("eyJhbGciOiJSUzI1NiIsInR5cCIgOiAiSldUIiwia2lkIiA6ICJQTEpyUzVZIn0")
                .unwrap();
        assert_eq!(header.typ.as_deref(), Some("JWT"));
        assert_eq!(header.kid.as_deref(), Some("PLJrS5Y"));
    }

    #[test]
    fn the_encryption_key_beside_the_signing_key_is_skipped() {
        let modulus = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMs\
            tn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbI\
            SD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";
        let key = |kid: &str, purpose: &str, alg: &str| {
            format!(
                r#"{{"kid":"{kid}","kty":"RSA","alg":"{alg}","use":"{purpose}","n":"{modulus}","e":"AQAB"}}"#
            )
        };
        let set = format!(
            "{{\"keys\":[{},{}]}}",
            key("enc-key", "enc", "RSA-OAEP"),
            key("sig-key", "sig", "RS256")
        );
        let read = read_set(set.as_bytes(), &KeyPolicy::default()).unwrap();
        assert_eq!(read.keys.len(), 1);
        assert_eq!(read.keys[0].kid.as_deref(), Some("sig-key"));
        assert_eq!(read.skipped[0].reason, SkipReason::NotForSignatures);
    }

    #[test]
    fn settings_that_cannot_be_are_refused_with_a_hint() {
        for (url, realm, clients, field, hint) in [
            (
                "sso.example.com",
                "main",
                &[][..],
                "url",
                "https://sso.example.com",
            ),
            (
                "https://sso.example.com/realms/main",
                "main",
                &[],
                "url",
                "`https://sso.example.com`",
            ),
            (
                "https://sso.example.com/auth/realms/x",
                "main",
                &[],
                "url",
                "`https://sso.example.com/auth`",
            ),
            (
                "https://sso.example.com",
                "",
                &[],
                "realm",
                "provider: oidc",
            ),
            (
                "https://sso.example.com",
                "a/b",
                &[],
                "realm",
                "provider: oidc",
            ),
            (
                "https://sso.example.com",
                "my realm",
                &[],
                "realm",
                "provider: oidc",
            ),
            (
                "https://sso.example.com",
                "main",
                &["web *"],
                "clients",
                "byte for byte",
            ),
        ] {
            let problems = of(url, realm, clients, None).unwrap_err();
            assert_eq!(problems.len(), 1, "{url} {realm}");
            assert_eq!(problems[0].field, field);
            let found = problems[0].hint.as_deref().unwrap();
            assert!(found.contains(hint), "{found}");
        }
        assert_eq!(
            of("https://a", "b", &[], Some("")).unwrap_err()[0].field,
            "role_client"
        );
    }
}
