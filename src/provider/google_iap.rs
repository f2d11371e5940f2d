//! Google Cloud Identity-Aware Proxy: the header `X-Goog-Iap-Jwt-Assertion`.
//!
//! One issuer for every project in the world, so a token without a check of its audience may be of anyone's project: there is no
//! `any_audience` here. An audience is `/projects/{number}/apps/{project id}` for App Engine,
//! `/projects/{number}/global/backendServices/{service id}` behind a load balancer (Google Cloud docs, "Securing your app with signed
//! headers"). Signed with ES256 only.

use std::sync::Arc;

use super::{
    BadSetting, ClaimNames, Facts, Findings, IssuerForm, IssuerPattern, KeyDocument, Profile,
    ProviderKind, Refusal, Rules, top_level,
};
use crate::jose::algorithm::{Algorithm, AlgorithmSet};
use crate::jose::json::Json;

/// What an entry says.
pub struct Settings {
    /// At least one.
    pub audiences: Vec<String>,
}

#[derive(Debug)]
struct IapRules;

const ISSUER: &str = "https://cloud.google.com/iap";
/// The same keys as `public_key`, which is a mapping of kid to PEM.
const JWKS_URL: &str = "https://www.gstatic.com/iap/verify/public_key-jwk";

/// Keys from the key set at a fixed address: the issuer has no discovery document.
pub fn profile(settings: Settings) -> Result<Profile, Vec<BadSetting>> {
    let problems: Vec<_> = settings
        .audiences
        .iter()
        .filter_map(|a| problem(a))
        .collect();
    if !problems.is_empty() {
        return Err(problems);
    }
    let form = IssuerForm {
        pattern: IssuerPattern::Exact(ISSUER.to_owned()),
        keys: KeyDocument::Jwks {
            url: JWKS_URL.to_owned(),
        },
    };
    Ok(Profile {
        algorithms: AlgorithmSet::of(&[Algorithm::Es256]),
        claims: claim_names(),
        audiences: Some(settings.audiences),
        rules: Arc::new(IapRules),
        ..Profile::standard(ProviderKind::GoogleIap, vec![form])
    })
}

/// An audience is a path below a project's number. What follows is not looked at: Google adds kinds of resources.
fn problem(audience: &str) -> Option<BadSetting> {
    let mut parts = audience
        .strip_prefix("/projects/")
        .unwrap_or_default()
        .split('/');
    let number = parts.next().unwrap_or_default();
    let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    let rest: Vec<&str> = parts.collect();
    let is_path = rest.len() >= 2 && rest.iter().all(|part| !part.is_empty());
    (!is_number || !is_path).then(|| {
        BadSetting::new(
            "audiences",
            format!("`{audience}` is not an audience of Identity-Aware Proxy"),
            "write `/projects/{number}/apps/{project id}` or `/projects/{number}/global/backendServices/{service id}`, \
             with the project's number: the console shows it as \"Signed Header JWT Audience\"",
        )
    })
}

/// * username: none; `sub` is `accounts.google.com:` and a number.
/// * tenant: the Workspace domain, `hd`.
fn claim_names() -> ClaimNames {
    ClaimNames {
        email: top_level(&["email"]),
        tenant: top_level(&["hd"]),
        ..ClaimNames::default()
    }
}

impl Rules for IapRules {
    /// A Google account's address is vouched for, by the proxy that let it in because of it. Accounts of other kinds (external identities,
    /// with a `gcip`; workforce pools) have whatever their provider says.
    fn check_claims(&self, facts: Facts<'_>) -> Result<Findings, Refusal> {
        let subject = facts.claims.get("sub").and_then(Json::as_str);
        let google = subject.is_some_and(|sub| sub.starts_with("accounts.google.com:"));
        Ok(Findings {
            groups_overage: false,
            email_verified: google && facts.claims.get("gcip").is_none(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jose::jwk::{KeyPolicy, read_set};
    use crate::provider::testing::{judge, with};

    const AUDIENCE: &str = "/projects/123456789012/global/backendServices/1234567890123456789";
    const TOKEN: &str = r#"{"aud":"/projects/123456789012/global/backendServices/1234567890123456789","email":"username@example.com",
        "exp":1615284964,"hd":"example.com","iat":1615284364,"iss":"https://cloud.google.com/iap","sub":"accounts.google.com:123456789012345678901"}"#;

    fn of(audience: &str) -> Result<Profile, Vec<BadSetting>> {
        profile(Settings {
            audiences: vec![audience.to_owned()],
        })
    }

    fn judged(text: &str) -> Result<Findings, Refusal> {
        judge(&of(AUDIENCE).unwrap(), Some(&[AUDIENCE]), text).unwrap()
    }

    #[test]
    fn a_google_account_comes_in_with_its_address() {
        assert!(judged(TOKEN).unwrap().email_verified);
        for text in [
            with(TOKEN, "sub", Some(r#""securetoken.google.com/p/t:1""#)),
            with(
                TOKEN,
                "sub",
                Some(r#""accounts.google.com.attacker.example:1""#),
            ),
            with(TOKEN, "sub", None),
            with(TOKEN, "gcip", Some(r#"{"email":"x"}"#)),
        ] {
            assert!(!judged(&text).unwrap().email_verified, "{text}");
        }
    }

    #[test]
    fn another_project_of_the_same_issuer_is_refused() {
        let foreign = with(
            TOKEN,
            "aud",
            Some(r#""/projects/999999999999/global/backendServices/1234567890123456789""#),
        );
        assert!(matches!(
            judged(&foreign),
            Err(Refusal::AudienceMismatch { .. })
        ));
    }

    #[test]
    fn only_es256_and_only_the_fixed_key_set() {
        let profile = of(AUDIENCE).unwrap();
        assert_eq!(
            profile.algorithms.iter().collect::<Vec<_>>(),
            [Algorithm::Es256]
        );
        let url = "https://www.gstatic.com/iap/verify/public_key-jwk".to_owned();
        assert_eq!(profile.forms[0].keys, KeyDocument::Jwks { url });
    }

    #[test]
    fn a_key_of_six_characters_from_the_set_is_used() {
        // RFC 7517 Appendix A.1's P-256 key, dressed as one of the published set.
        let set = br#"{"keys":[{"alg":"ES256","crv":"P-256","kid":"0oeLcQ","kty":"EC","use":"sig",
            "x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"}]}"#;
        let read = read_set(set, &KeyPolicy::default()).unwrap();
        assert_eq!((read.keys.len(), read.skipped.len()), (1, 0));
    }

    #[test]
    fn an_audience_is_a_path_below_a_project_number() {
        for good in [
            AUDIENCE,
            "/projects/123456789012/apps/my-project",
            "/projects/123456789012/locations/europe-west1/services/web",
        ] {
            assert!(of(good).is_ok(), "{good}");
        }
        for bad in [
            "407408718192.apps.googleusercontent.com",
            "https://app.example.com",
            "/projects/my-project/apps/my-project",
            "projects/123456789012/apps/my-project",
            "/projects/123456789012",
            "/projects/123456789012/apps/",
            "/projects//apps/x",
            "",
        ] {
            let problem = of(bad).unwrap_err().remove(0);
            assert_eq!(problem.field, "audiences", "{bad}");
            assert!(problem.hint.unwrap().contains("Signed Header JWT Audience"));
        }
    }
}
