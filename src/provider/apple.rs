//! Sign in with Apple.
//!
//! One issuer for the world, so the audience (a Services ID, or the bundle ids of a team's applications) is all that tells applications
//! apart. The prose of Apple's page says "E256"; its document and its keys say RS256. `email_verified` is the text `"true"` in some tokens
//! and a boolean in others.

use super::{BadSetting, ClaimNames, IssuerForm, Profile, ProviderKind, top_level};

const ISSUER: &str = "https://appleid.apple.com";

/// Keys by discovery.
pub fn profile() -> Result<Profile, Vec<BadSetting>> {
    let form = IssuerForm::discovered(ISSUER.to_owned());
    Ok(Profile {
        claims: claim_names(),
        ..Profile::standard(ProviderKind::Apple, vec![form])
    })
}

/// An Apple token says who somebody is (`sub`) and the address, which may be a relay. The name is given to the application once, outside
/// the token.
fn claim_names() -> ClaimNames {
    ClaimNames {
        email: top_level(&["email"]),
        ..ClaimNames::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::testing::{judge, recorded, with};

    /// The claims of a token as Apple documents them.
    const TOKEN: &str = r#"{"iss":"https://appleid.apple.com","aud":"com.example.web","exp":1700000600,"iat":1700000000,
        "sub":"000000.0123456789abcdef0123456789abcdef.0000","nonce":"n","c_hash":"x","auth_time":1700000000,"nonce_supported":true,
        "email":"ann@privaterelay.appleid.com","email_verified":"true","is_private_email":"true"}"#;

    #[test]
    fn the_address_is_verified_by_a_text_or_a_boolean() {
        let profile = profile().unwrap();
        let verified = |text: &str| {
            let verdict = judge(
                &profile,
                Some(&["com.example.app", "com.example.web"]),
                text,
            );
            verdict.unwrap().unwrap().email_verified
        };
        assert!(verified(TOKEN));
        assert!(verified(&with(TOKEN, "email_verified", Some("true"))));
        assert!(!verified(&with(
            TOKEN,
            "email_verified",
            Some(r#""false""#)
        )));
        assert!(!verified(&with(TOKEN, "email_verified", None)));
    }

    #[test]
    fn the_preset_is_what_the_recorded_document_says() {
        recorded::is_what_the_document_says("apple", &profile().unwrap());
    }
}
