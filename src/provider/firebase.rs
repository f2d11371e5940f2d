//! Firebase Authentication (and Google's Identity Platform): ID tokens, and session cookies where an entry asks for them.
//!
//! What must hold of them is in "Verify ID Tokens" and "Manage Session Cookies" of the Firebase Admin documentation and in Google's own
//! `firebase-admin-node` (`src/auth/token-verifier.ts`). Keys are certificates by kid, at addresses that all projects share; the project is
//! told by `iss` and `aud` alone, so both must be exactly this project's.
//!
//! The emulator's tokens are not signed (`alg: none`), and no setting lets one in.

use std::sync::Arc;

use super::{
    BadSetting, ClaimNames, Facts, Findings, IssuerForm, IssuerPattern, KeyDocument, Profile,
    ProviderKind, Refusal, Rules, audience, claim_path, top_level,
};
use crate::jose::json::{Json, Object};

/// What a project's users come with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Credential {
    IdToken,
    SessionCookie,
}

/// What an entry says.
pub struct Settings {
    /// The project's id: not its name, not its number.
    pub project: String,
    /// Empty: ID tokens.
    pub credentials: Vec<Credential>,
}

#[derive(Debug)]
struct FirebaseRules {
    project: String,
}

const ID_TOKEN_ISSUER: &str = "https://securetoken.google.com/";
const ID_TOKEN_KEYS: &str =
    "https://www.googleapis.com/robot/v1/metadata/x509/securetoken@system.gserviceaccount.com";
const SESSION_ISSUER: &str = "https://session.firebase.google.com/";
const SESSION_KEYS: &str = "https://www.googleapis.com/identitytoolkit/v3/relyingparty/publicKeys";
/// What custom tokens, which servers make for clients to sign in with, have as `aud`.
const CUSTOM_TOKEN_AUDIENCE: &str = "https://identitytoolkit.googleapis.com/";
/// Longest `sub`, in characters.
const MAX_SUBJECT: usize = 128;

pub fn profile(settings: Settings) -> Result<Profile, Vec<BadSetting>> {
    let Settings {
        project,
        credentials,
    } = settings;
    if !is_project_id(&project) {
        return Err(vec![BadSetting::new(
            "project",
            format!("`{project}` is not a project id"),
            "it is the id, as in `my-app-1a2b3` (console, project settings): not the name and not the number",
        )]);
    }
    let credentials = match credentials.is_empty() {
        true => vec![Credential::IdToken],
        false => credentials,
    };
    let forms = credentials.into_iter().map(|kind| form(kind, &project));
    let forms = forms.collect();
    Ok(Profile {
        claims: claim_names(),
        audiences: Some(vec![project.clone()]),
        bound_by: Some("project"),
        rules: Arc::new(FirebaseRules { project }),
        ..Profile::standard(ProviderKind::Firebase, forms)
    })
}

fn form(credential: Credential, project: &str) -> IssuerForm {
    let (issuer, keys) = match credential {
        Credential::IdToken => (ID_TOKEN_ISSUER, ID_TOKEN_KEYS),
        Credential::SessionCookie => (SESSION_ISSUER, SESSION_KEYS),
    };
    IssuerForm {
        pattern: IssuerPattern::Exact(format!("{issuer}{project}")),
        keys: KeyDocument::Certificates {
            url: keys.to_owned(),
        },
    }
}

/// Lower-case letters, digits and hyphens, with a letter first ("Creating and managing projects", Google Cloud); an old one may have its
/// domain before it, as in `example.com:my-app`.
fn is_project_id(text: &str) -> bool {
    let id = match text.split_once(':') {
        Some((domain, id)) if domain.contains('.') => match is_name(domain, ".-") {
            true => id,
            false => return false,
        },
        Some(_) => return false,
        None => text,
    };
    is_name(id, "-") && id.starts_with(|first: char| first.is_ascii_lowercase())
}

fn is_name(text: &str, signs: &str) -> bool {
    let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || signs.contains(c);
    !text.is_empty() && text.chars().all(good)
}

/// * username: none; users have an e-mail address or a telephone number.
/// * tenant: `firebase.tenant`, of the Identity Platform's multi-tenancy.
/// * groups, roles: none by themselves; custom claims of these names are the project's.
fn claim_names() -> ClaimNames {
    ClaimNames {
        username: Vec::new(),
        scope: Vec::new(),
        tenant: vec![claim_path(&["firebase", "tenant"])],
        groups: top_level(&["groups"]),
        ..ClaimNames::standard()
    }
}

impl Rules for FirebaseRules {
    /// `aud` is the project's id, and a string: nothing but the project's own tokens has it.
    fn check_audience(
        &self,
        facts: Facts<'_>,
        _audiences: Option<&[String]>,
    ) -> Result<(), Refusal> {
        audience::read(facts.claims)?;
        match facts.claims.get("aud").and_then(Json::as_str) {
            Some(found) if found == self.project => Ok(()),
            _ => Err(Refusal::AudienceMismatch {
                found: None,
                expected: self.project.clone(),
            }),
        }
    }

    fn check_claims(&self, facts: Facts<'_>) -> Result<Findings, Refusal> {
        if facts.header.kid.is_none() {
            return Err(Refusal::Malformed(
                "the header has no `kid`, which every token of Firebase has",
            ));
        }
        let subject = facts.claims.get("sub");
        let subject = subject.ok_or(Refusal::ClaimMissing { claim: "sub" })?;
        let length = subject.as_str().map_or(0, |text| text.chars().count());
        if !(1..=MAX_SUBJECT).contains(&length) {
            return Err(Refusal::ClaimMismatch {
                claim: "sub",
                expected: format!("a user's id, of 1 to {MAX_SUBJECT} characters"),
            });
        }
        Ok(Findings::of_email(facts.claims))
    }

    fn recognises(&self, claims: &Object) -> Option<Refusal> {
        let audience = claims.get("aud")?.as_str()?;
        let custom = audience.starts_with(CUSTOM_TOKEN_AUDIENCE);
        custom.then(|| Refusal::TokenTypeNotAllowed {
            found: "a Firebase custom token (by its `aud`), which a server makes for a client to sign in with".to_owned(),
            expected: "an ID token: the client gets it for the custom token (`signInWithCustomToken`, then `getIdToken`)".to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jose::algorithm::{Algorithm, AlgorithmSet};
    use crate::provider::first_claim;
    use crate::provider::testing::{claims, judge_with, keyed, with};

    const PROJECT: &str = "my-app-1a2b3";
    /// An ID token of an e-mail user, as the documentation and real tokens have it.
    const ID: &str = r#"{"name":"Jane Doe","picture":"https://lh3.example/p.jpg","iss":"https://securetoken.google.com/my-app-1a2b3",
        "aud":"my-app-1a2b3","auth_time":1700000000,"user_id":"n3Tr0LPhAfQb8oCW0vYJqcRkVEo2","sub":"n3Tr0LPhAfQb8oCW0vYJqcRkVEo2",
        "iat":1700000000,"exp":1700003600,"email":"jane@example.com","email_verified":true,
        "firebase":{"identities":{"email":["jane@example.com"]},"sign_in_provider":"password","tenant":"customer-7"}}"#;
    const SESSION: &str = r#"{"iss":"https://session.firebase.google.com/my-app-1a2b3","aud":"my-app-1a2b3","auth_time":1700000000,
        "user_id":"u","sub":"u","iat":1700000000,"exp":1700432000,"firebase":{"identities":{},"sign_in_provider":"custom"}}"#;

    fn project(credentials: &[Credential]) -> Profile {
        profile(Settings {
            project: PROJECT.to_owned(),
            credentials: credentials.to_vec(),
        })
        .unwrap()
    }

    fn judged(profile: &Profile, text: &str) -> Option<Result<Findings, Refusal>> {
        judge_with(profile, &keyed("RS256", "0d8a67399e7882acaeae"), None, text)
    }

    #[test]
    fn an_id_token_of_the_project_is_taken() {
        let profile = project(&[]);
        let findings = judged(&profile, ID).unwrap().unwrap();
        assert!(findings.email_verified);
        assert_eq!(profile.algorithms, AlgorithmSet::of(&[Algorithm::Rs256]));
        assert_eq!(profile.audiences, Some(vec![PROJECT.to_owned()]));
        let tenant = first_claim(&claims(ID), &profile.claims.tenant)
            .unwrap()
            .as_str()
            .map(str::to_owned);
        assert_eq!(tenant.as_deref(), Some("customer-7"));
        let unverified = with(ID, "email_verified", Some("false"));
        assert!(
            !judged(&profile, &unverified)
                .unwrap()
                .unwrap()
                .email_verified
        );
    }

    #[test]
    fn session_cookies_are_taken_only_where_the_entry_asks_and_have_keys_of_their_own() {
        assert_eq!(judged(&project(&[]), SESSION), None);
        let both = project(&[Credential::IdToken, Credential::SessionCookie]);
        assert!(judged(&both, SESSION).unwrap().is_ok());
        assert!(judged(&both, ID).unwrap().is_ok());
        assert_ne!(both.forms[0].keys, both.forms[1].keys);
        let only = project(&[Credential::SessionCookie]);
        assert_eq!(judged(&only, ID), None);
    }

    #[test]
    fn j28_a_token_of_another_project_is_refused() {
        let profile = project(&[]);
        let wanted = Err(Refusal::AudienceMismatch {
            found: None,
            expected: PROJECT.to_owned(),
        });
        for aud in [
            Some("\"my-app\""),
            Some("\"my-app-1a2b3 \""),
            Some("\"MY-APP-1A2B3\""),
            Some("[\"my-app-1a2b3\"]"),
            Some("[\"other\",\"my-app-1a2b3\"]"),
            None,
        ] {
            let text = with(ID, "aud", aud);
            assert_eq!(judged(&profile, &text), Some(wanted.clone()), "{aud:?}");
        }
        let wrong_type = judged(&profile, &with(ID, "aud", Some("7")));
        assert!(matches!(wrong_type, Some(Err(Refusal::Malformed(_)))));
        for iss in [
            "https://securetoken.google.com/other",
            "https://securetoken.google.com/my-app-1a2b3/",
            "https://securetoken.google.com/my-app-1a2b3/../other",
            "https://securetoken.google.com/",
            "my-app-1a2b3",
        ] {
            let text = with(ID, "iss", Some(&format!("\"{iss}\"")));
            assert_eq!(judged(&profile, &text), None, "{iss}");
        }
    }

    #[test]
    fn a_subject_has_1_to_128_characters() {
        let profile = project(&[]);
        for (subject, good) in [
            ("u".to_owned(), true),
            ("\u{e9}".repeat(128), true),
            ("u".repeat(129), false),
            (String::new(), false),
        ] {
            let text = with(ID, "sub", Some(&format!("\"{subject}\"")));
            assert_eq!(judged(&profile, &text).unwrap().is_ok(), good, "{subject}");
        }
        let missing = judged(&profile, &with(ID, "sub", None));
        assert_eq!(missing, Some(Err(Refusal::ClaimMissing { claim: "sub" })));
    }

    #[test]
    fn a_token_without_a_kid_is_refused() {
        let header = crate::provider::testing::header();
        let found = judge_with(&project(&[]), &header, None, ID);
        assert!(matches!(found, Some(Err(Refusal::Malformed(_)))));
    }

    #[test]
    fn a_custom_token_is_told_apart_from_a_strangers() {
        let profile = project(&[]);
        let custom = r#"{"iss":"firebase-adminsdk-x1y2z@my-app-1a2b3.iam.gserviceaccount.com","sub":"firebase-adminsdk-x1y2z@my-app-1a2b3.iam.gserviceaccount.com",
            "aud":"https://identitytoolkit.googleapis.com/google.identity.identitytoolkit.v1.IdentityToolkit","uid":"u","iat":1700000000,"exp":1700003600}"#;
        let Some(Refusal::TokenTypeNotAllowed { found, expected }) =
            profile.rules.recognises(&claims(custom))
        else {
            panic!("not recognised");
        };
        assert!(found.contains("custom token") && expected.contains("signInWithCustomToken"));
        assert_eq!(profile.rules.recognises(&claims(ID)), None);
        let elsewhere = with(
            custom,
            "aud",
            Some("\"https://identitytoolkit.googleapis.com.evil.example/\""),
        );
        assert_eq!(profile.rules.recognises(&claims(&elsewhere)), None);
    }

    #[test]
    fn a_project_is_named_by_its_id() {
        for good in ["my-app-1a2b3", "app", "example.com:my-app"] {
            assert!(is_project_id(good), "{good}");
        }
        for bad in [
            "",
            "My App",
            "my_app",
            "123456789012",
            "my-app/",
            "my-app/../x",
            "https://my-app.firebaseapp.com",
            "my-app.firebaseapp.com",
            "a:my-app",
            "example.com:",
            "exa mple.com:my-app",
        ] {
            assert!(!is_project_id(bad), "{bad}");
            let problems = profile(Settings {
                project: bad.to_owned(),
                credentials: Vec::new(),
            })
            .unwrap_err();
            assert_eq!(problems[0].field, "project");
        }
    }
}
