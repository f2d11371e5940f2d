//! Google accounts (Sign in with Google, Google Workspace).
//!
//! Tokens say `accounts.google.com` or `https://accounts.google.com`, and both are Google's: its own libraries accept both
//! (google-auth-library, `id_token.py`). Whoever has a Google account can sign in; `hosted_domains` lets only a Workspace's accounts in. The
//! domain of an address says nothing about that: anyone can open a Google account with an address elsewhere.

use std::sync::Arc;

use super::condition::Condition;
use super::{
    BadSetting, ClaimNames, Facts, Findings, IssuerForm, IssuerPattern, Profile, ProviderKind,
    Refusal, Rules, address, top_level,
};

/// What an entry says.
pub struct Settings {
    /// Workspace domains of which `hd` must name one. Empty: any account.
    pub hosted_domains: Vec<String>,
}

#[derive(Debug)]
struct GoogleRules {
    hosted_domain: Option<Condition>,
}

/// As the discovery document spells it, first.
const ISSUERS: [&str; 2] = ["https://accounts.google.com", "accounts.google.com"];

/// Keys by discovery, from the one document, for both spellings.
pub fn profile(settings: Settings) -> Result<Profile, Vec<BadSetting>> {
    let domains = &settings.hosted_domains;
    if let Some(bad) = domains.iter().find(|domain| !address::is_host(domain)) {
        return Err(vec![address::bad_host(
            "hosted_domains",
            bad,
            "example.com",
        )]);
    }
    let [spelling, old_spelling] = ISSUERS.map(str::to_owned);
    let form = IssuerForm::discovered(spelling);
    let old_form = IssuerForm {
        pattern: IssuerPattern::Exact(old_spelling),
        keys: form.keys.clone(),
    };
    Ok(Profile {
        claims: claim_names(),
        rules: Arc::new(GoogleRules {
            hosted_domain: Condition::new("hd", settings.hosted_domains),
        }),
        ..Profile::standard(ProviderKind::Google, vec![form, old_form])
    })
}

/// * username: none. Google's users have a number (`sub`), which stays, and an address, which can change hands.
/// * tenant: the Workspace domain, `hd`.
fn claim_names() -> ClaimNames {
    ClaimNames {
        email: top_level(&["email"]),
        name: top_level(&["name"]),
        tenant: top_level(&["hd"]),
        ..ClaimNames::default()
    }
}

impl Rules for GoogleRules {
    fn check_claims(&self, facts: Facts<'_>) -> Result<Findings, Refusal> {
        if let Some(domain) = &self.hosted_domain {
            domain.check(facts.claims)?;
        }
        Ok(Findings::of_email(facts.claims))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jose::json::Json;
    use crate::provider::testing::{claims, judge, recorded, with};
    use crate::provider::{KeyDocument, first_claim};

    const CLIENT: &str = "407408718192.apps.googleusercontent.com";
    /// The claims of an ID token as it comes from the code flow.
    const TOKEN: &str = r#"{"iss":"https://accounts.google.com","azp":"407408718192.apps.googleusercontent.com",
        "aud":"407408718192.apps.googleusercontent.com","sub":"110169484474386276334","hd":"example.com","email":"ann@example.com",
        "email_verified":true,"at_hash":"x","name":"Ann","iat":1700000000,"exp":1700003600}"#;

    fn of(domains: &[&str]) -> Result<Profile, Vec<BadSetting>> {
        profile(Settings {
            hosted_domains: domains.iter().map(|d| (*d).to_owned()).collect(),
        })
    }

    #[test]
    fn both_spellings_of_the_issuer_are_google_and_share_a_document() {
        let profile = of(&[]).unwrap();
        let old = with(TOKEN, "iss", Some(r#""accounts.google.com""#));
        for text in [TOKEN, &old] {
            let findings = judge(&profile, Some(&[CLIENT]), text).unwrap().unwrap();
            assert!(findings.email_verified);
        }
        for iss in [
            "http://accounts.google.com",
            "https://accounts.google.com/",
            "accounts.google.com.attacker.example",
            "https://www.google.com",
        ] {
            assert_eq!(profile.form(iss), None, "{iss}");
        }
        let keys: Vec<_> = profile.forms.iter().map(|form| &form.keys).collect();
        assert_eq!(keys[0], keys[1]);
        assert!(matches!(keys[0], KeyDocument::Discovery { .. }));
    }

    #[test]
    fn a_named_workspace_lets_nobody_else_in_whatever_their_address() {
        let profile = of(&["example.com", "example.org"]).unwrap();
        let verdict = |text: &str| judge(&profile, Some(&[CLIENT]), text).unwrap();
        assert!(verdict(TOKEN).is_ok());
        assert_eq!(
            verdict(&with(TOKEN, "hd", None)),
            Err(Refusal::ClaimMissing { claim: "hd" })
        );
        for hd in [
            r#""attacker.example""#,
            r#""EXAMPLE.COM""#,
            r#"["example.com"]"#,
        ] {
            let verdict = verdict(&with(TOKEN, "hd", Some(hd)));
            assert!(matches!(
                verdict,
                Err(Refusal::ClaimMismatch { claim: "hd", .. })
            ));
        }
        assert_eq!(
            of(&["@example.com"]).unwrap_err()[0].field,
            "hosted_domains"
        );
    }

    #[test]
    fn an_address_is_no_username() {
        let (claims, names) = (claims(TOKEN), claim_names());
        assert_eq!(first_claim(&claims, &names.username), None);
        let tenant = first_claim(&claims, &names.tenant).and_then(Json::as_str);
        assert_eq!(tenant, Some("example.com"));
    }

    #[test]
    fn the_preset_is_what_the_recorded_document_says() {
        recorded::is_what_the_document_says("google", &of(&[]).unwrap());
    }
}
