//! Amazon Cognito user pools.
//!
//! A pool has one of two issuers, by its `IssuerConfiguration`: `https://cognito-idp.{region}.amazonaws.com/{pool}` (`ORIGINAL`) or
//! `https://issuer-cognito-idp.{region}.amazonaws.com/{pool}` (`UPDATED`); see `API_IssuerConfigurationType` of the Cognito user pools API
//! reference. Both belong to the pool, and both are accepted.
//!
//! An ID token names its client in `aud`, an access token, which has no `aud`, in `client_id` ("Verifying a JSON Web Token", developer
//! guide): so the kind of a token is checked first, by `token_use`.

use std::sync::Arc;

use super::aws_region::is_region;
use super::{
    BadSetting, ClaimNames, Facts, Findings, IssuerForm, IssuerPattern, KeyDocument, Profile,
    ProviderKind, Refusal, Rules, audience, top_level,
};
use crate::jose::json::Object;

/// The two kinds of tokens of a pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenUse {
    Id,
    Access,
}

impl TokenUse {
    /// As the claim `token_use` and the configuration have it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Id => "id",
            Self::Access => "access",
        }
    }
}

/// ID tokens only: an access token carries no name, no e-mail address and no `custom:` attribute for the application.
pub const DEFAULT_TOKEN_USE: [TokenUse; 1] = [TokenUse::Id];

/// What an entry says.
pub struct Settings {
    /// Default: the region that the pool's identifier begins with.
    pub region: Option<String>,
    pub user_pool_id: String,
    pub client_ids: Vec<String>,
    /// Empty: [`DEFAULT_TOKEN_USE`].
    pub token_use: Vec<TokenUse>,
}

/// Which tokens are for the application.
#[derive(Debug)]
struct CognitoRules {
    client_ids: Vec<String>,
    token_use: Vec<TokenUse>,
}

/// Keys from the pool's JWKS under its regional host for both forms of the issuer: they are the same keys, and that host answers for
/// every pool, so no form waits for a document that an `ORIGINAL` pool may not have.
pub fn profile(settings: Settings) -> Result<Profile, Vec<BadSetting>> {
    let (region, problems) = check(&settings);
    let region = match region {
        Some(region) if problems.is_empty() => region,
        _ => return Err(problems),
    };
    let pool = &settings.user_pool_id;
    let regional = format!("https://cognito-idp.{region}.amazonaws.com/{pool}");
    let updated = format!("https://issuer-cognito-idp.{region}.amazonaws.com/{pool}");
    let keys = KeyDocument::Jwks {
        url: format!("{regional}/.well-known/jwks.json"),
    };
    let form = |issuer| IssuerForm {
        pattern: IssuerPattern::Exact(issuer),
        keys: keys.clone(),
    };
    let forms = vec![form(regional), form(updated)];
    Ok(Profile {
        claims: claim_names(),
        audiences: Some(settings.client_ids.clone()),
        bound_by: Some("client_ids"),
        rules: Arc::new(CognitoRules {
            client_ids: settings.client_ids,
            token_use: match settings.token_use.is_empty() {
                true => DEFAULT_TOKEN_USE.to_vec(),
                false => settings.token_use,
            },
        }),
        ..Profile::standard(ProviderKind::Cognito, forms)
    })
}

/// The region of a pool that can be, and everything that is wrong.
fn check(settings: &Settings) -> (Option<&str>, Vec<BadSetting>) {
    let mut problems = Vec::new();
    let region = region_of(&settings.user_pool_id);
    match (region, settings.region.as_deref()) {
        (None, _) => problems.push(BadSetting::new(
            "user_pool_id",
            format!("`{}` is not a user pool id", settings.user_pool_id),
            "it looks like `us-east-1_AbCdEfGhI`: the region, `_`, letters and digits",
        )),
        (Some(found), Some(given)) if found != given => problems.push(BadSetting::new(
            "region",
            format!("the pool is of region `{found}`, not `{given}`"),
            format!(
                "leave `region` out; for tokens that a replica in `{given}` issues use `provider: oidc` with the exact `iss`"
            ),
        )),
        _ => {}
    }
    if settings.client_ids.is_empty() {
        problems.push(BadSetting::new(
            "client_ids",
            "no app client is named, so any client of the pool would be let in",
            "name the app clients whose tokens are for this application",
        ));
    }
    let unusable = |id: &String| id.is_empty() || id.contains(char::is_whitespace);
    if settings.client_ids.iter().any(unusable) {
        problems.push(BadSetting::new(
            "client_ids",
            "an app client id is empty or has white space in it",
            "it looks like `1example23456789`",
        ));
    }
    (region, problems)
}

/// The region before `_`.
fn region_of(pool: &str) -> Option<&str> {
    let (region, id) = pool.split_once('_')?;
    let id_is_good = !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric());
    (id_is_good && is_region(region)).then_some(region)
}

/// * username: `cognito:username` (ID tokens), then `username` (access tokens). Users cannot change either.
/// * groups: `cognito:groups`; roles: `cognito:roles` (IAM role names).
/// * tenant: none; a pool has none.
fn claim_names() -> ClaimNames {
    ClaimNames {
        username: top_level(&["cognito:username", "username"]),
        groups: top_level(&["cognito:groups"]),
        roles: top_level(&["cognito:roles"]),
        ..ClaimNames::standard()
    }
}

impl Rules for CognitoRules {
    /// `client_ids` are the audiences, and there is no opt-out.
    fn check_audience(
        &self,
        facts: Facts<'_>,
        _audiences: Option<&[String]>,
    ) -> Result<(), Refusal> {
        let claims = facts.claims;
        match self.token_use(claims)? {
            TokenUse::Id => audience::check(claims, Some(&self.client_ids), audience::is_exactly),
            TokenUse::Access => {
                // An access token that is bound to a resource may carry one: not asked, but never of a wrong type.
                audience::read(claims)?;
                self.check_client_id(claims)
            }
        }
    }

    fn check_claims(&self, facts: Facts<'_>) -> Result<Findings, Refusal> {
        self.token_use(facts.claims)?;
        Ok(Findings::of_email(facts.claims))
    }
}

impl CognitoRules {
    /// What kind of token this is, when it is a wanted one.
    fn token_use(&self, claims: &Object) -> Result<TokenUse, Refusal> {
        const CLAIM: &str = "token_use";
        let found = claims
            .get(CLAIM)
            .ok_or(Refusal::ClaimMissing { claim: CLAIM })?;
        let wanted = |kind: &&TokenUse| found.as_str() == Some(kind.name());
        let names = || self.token_use.iter().map(|kind| kind.name());
        self.token_use
            .iter()
            .find(wanted)
            .copied()
            .ok_or_else(|| Refusal::TokenTypeNotAllowed {
                found: format!(
                    "token_use {}",
                    found.as_str().unwrap_or_else(|| found.type_name())
                ),
                expected: names()
                    .map(|name| format!("token_use {name}"))
                    .collect::<Vec<_>>()
                    .join(", "),
            })
    }

    fn check_client_id(&self, claims: &Object) -> Result<(), Refusal> {
        let found = claims.get("client_id").map(|client| client.as_str());
        match found {
            Some(None) => Err(Refusal::Malformed("`client_id` is not a string")),
            Some(Some(client)) if self.client_ids.iter().any(|id| id == client) => Ok(()),
            Some(Some(_)) | None => Err(Refusal::AudienceMismatch {
                found: None,
                expected: self.client_ids.join(", "),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jose::json::Json;
    use crate::provider::first_claim;
    use crate::provider::testing::{claims, judge, with};

    const POOL: &str = "us-east-1_AbCdEfGhI";
    const CLIENT: &str = "1example23456789";
    const ID: &str = r#"{"sub":"aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee","cognito:groups":["admin","eu-west-1_Facebook"],
        "email_verified":true,"iss":"https:\/\/cognito-idp.us-east-1.amazonaws.com\/us-east-1_AbCdEfGhI",
        "cognito:username":"adfs_moghals\\bob","custom:department":"r&d","preferred_username":"admin","origin_jti":"x",
        "aud":"1example23456789","token_use":"id","auth_time":1700000000,"exp":1700003600,"iat":1700000000,"email":"bob@example.com"}"#;
    const ACCESS: &str = r#"{"sub":"aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee","cognito:groups":["admin"],
        "iss":"https:\/\/cognito-idp.us-east-1.amazonaws.com\/us-east-1_AbCdEfGhI","version":2,
        "client_id":"1example23456789","token_use":"access","scope":"aws.cognito.signin.user.admin openid",
        "auth_time":1700000000,"exp":1700003600,"iat":1700000000,"jti":"x","username":"adfs_moghals\\bob"}"#;

    fn of(
        region: Option<&str>,
        pool: &str,
        clients: &[&str],
        token_use: &[TokenUse],
    ) -> Result<Profile, Vec<BadSetting>> {
        profile(Settings {
            region: region.map(str::to_owned),
            user_pool_id: pool.to_owned(),
            client_ids: clients.iter().map(|c| (*c).to_owned()).collect(),
            token_use: token_use.to_vec(),
        })
    }

    fn judged(token_use: &[TokenUse], text: &str) -> Result<Findings, Refusal> {
        judge(
            &of(None, POOL, &["other", CLIENT], token_use).unwrap(),
            None,
            text,
        )
        .unwrap()
    }

    fn wrong_client() -> Result<Findings, Refusal> {
        Err(Refusal::AudienceMismatch {
            found: None,
            expected: format!("other, {CLIENT}"),
        })
    }

    #[test]
    fn both_issuers_of_a_pool_have_the_keys_of_the_pool() {
        let profile = of(Some("us-east-1"), POOL, &[CLIENT], &[]).unwrap();
        let regional = format!("https://cognito-idp.us-east-1.amazonaws.com/{POOL}");
        let updated = format!("https://issuer-cognito-idp.us-east-1.amazonaws.com/{POOL}");
        assert_eq!(profile.form(&regional), Some(0));
        assert_eq!(profile.form(&updated), Some(1));
        for form in &profile.forms {
            let url = format!("{regional}/.well-known/jwks.json");
            assert_eq!(form.keys, KeyDocument::Jwks { url });
        }
        for other in [
            "https://cognito-idp.us-west-2.amazonaws.com/us-east-1_AbCdEfGhI",
            "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_AbCdEfGhIj",
            "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_abcdefghi",
            "https://issuer.cognito-idp.us-east-1.amazonaws.com/us-east-1_AbCdEfGhI",
        ] {
            assert_eq!(profile.form(other), None);
        }
    }

    #[test]
    fn the_region_is_in_the_pool_id() {
        for (pool, region) in [
            ("us-east-1_example", Some("us-east-1")),
            ("ap-northeast-1_A1b2", Some("ap-northeast-1")),
            ("us-gov-west-1_X", Some("us-gov-west-1")),
            ("eusc-de-east-1_X", Some("eusc-de-east-1")),
            ("us-east-1_", None),
            ("us-east-1", None),
            ("us-east-1_a_b", None),
            ("us-east-1_a/b", None),
            ("us-east-12_a", None),
            ("US-east-1_a", None),
            ("us--1_a", None),
            ("use-east-1_a", None),
            ("us-gov-gov-west-1_a", None),
            ("us-east-1.attacker.example/_a", None),
            ("eusc-east-1_a", None),
            ("_a", None),
            ("", None),
        ] {
            assert_eq!(region_of(pool), region, "{pool}");
        }
    }

    #[test]
    fn every_problem_is_reported_at_once_with_a_hint() {
        let fields = |result: Result<Profile, Vec<BadSetting>>| -> Vec<&'static str> {
            let problems = result.unwrap_err();
            assert!(problems.iter().all(|problem| problem.hint.is_some()));
            problems.iter().map(|problem| problem.field).collect()
        };
        assert_eq!(
            fields(of(None, "pool", &[], &[])),
            ["user_pool_id", "client_ids"]
        );
        assert_eq!(
            fields(of(Some("us-west-2"), POOL, &[CLIENT, ""], &[])),
            ["region", "client_ids"]
        );
    }

    #[test]
    fn an_id_token_names_its_client_in_aud() {
        assert!(judged(&[], ID).is_ok());
        let foreign = with(ID, "aud", Some(r#""foreign""#));
        assert_eq!(judged(&[], &foreign), wrong_client());
        let elsewhere = with(&foreign, "client_id", Some(r#""1example23456789""#));
        assert_eq!(judged(&[], &elsewhere), wrong_client());
        assert_eq!(judged(&[], &with(ID, "aud", None)), wrong_client());
    }

    #[test]
    fn an_access_token_names_its_client_in_client_id_and_has_no_aud() {
        let access = &[TokenUse::Access];
        assert!(judged(access, ACCESS).is_ok());
        assert!(judged(&[TokenUse::Id, TokenUse::Access], ACCESS).is_ok());
        let foreign = with(ACCESS, "client_id", Some(r#""foreign""#));
        assert_eq!(judged(access, &foreign), wrong_client());
        let elsewhere = with(&foreign, "aud", Some(r#""1example23456789""#));
        assert_eq!(judged(access, &elsewhere), wrong_client());
        assert_eq!(
            judged(access, &with(ACCESS, "client_id", None)),
            wrong_client()
        );
        for shape in [r#"["1example23456789"]"#, "null", "1"] {
            let verdict = judged(access, &with(ACCESS, "client_id", Some(shape)));
            assert!(matches!(verdict, Err(Refusal::Malformed(_))), "{verdict:?}");
        }
    }

    #[test]
    fn j13_an_unwanted_token_use_is_refused_before_its_audience_is_asked() {
        assert_eq!(
            judged(&[], ACCESS),
            Err(Refusal::TokenTypeNotAllowed {
                found: "token_use access".to_owned(),
                expected: "token_use id".to_owned(),
            })
        );
        for (wanted, text) in [(TokenUse::Access, ID), (TokenUse::Id, ACCESS)] {
            let foreign = with(text, "client_id", Some(r#""foreign""#));
            let verdict = judged(&[wanted], &foreign);
            assert!(matches!(verdict, Err(Refusal::TokenTypeNotAllowed { .. })));
        }
        for shape in [
            r#""refresh""#,
            r#""ID""#,
            r#""id ""#,
            "null",
            r#"["id"]"#,
            "true",
        ] {
            let verdict = judged(
                &[TokenUse::Id, TokenUse::Access],
                &with(ID, "token_use", Some(shape)),
            );
            assert!(
                matches!(verdict, Err(Refusal::TokenTypeNotAllowed { .. })),
                "{shape}"
            );
        }
    }

    #[test]
    fn j13_a_token_without_token_use_is_refused() {
        assert_eq!(
            judged(
                &[TokenUse::Id, TokenUse::Access],
                &with(ID, "token_use", None)
            ),
            Err(Refusal::ClaimMissing { claim: "token_use" })
        );
    }

    #[test]
    fn the_names_of_both_kinds_are_found_and_not_the_users_own_text() {
        let profile = of(None, POOL, &[CLIENT], &[]).unwrap();
        for text in [ID, ACCESS] {
            let claims = claims(text);
            let username = first_claim(&claims, &profile.claims.username).and_then(Json::as_str);
            assert_eq!(username, Some(r"adfs_moghals\bob"));
            assert!(first_claim(&claims, &profile.claims.groups).is_some());
        }
        assert_eq!(
            first_claim(
                &claims(r#"{"preferred_username":"admin"}"#),
                &profile.claims.username
            ),
            None
        );
        assert_eq!(
            claims(ID).get("custom:department").and_then(Json::as_str),
            Some("r&d")
        );
    }
}
