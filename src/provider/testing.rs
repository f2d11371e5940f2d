//! Judging a token's claims as `verify` does, for the tests of the provider files.

use super::{Facts, Findings, IssuerForm, IssuerPattern, Profile, Refusal};
use crate::jose::base64url;
use crate::jose::header::Header;
use crate::jose::json::{Json, Object, parse_object};

pub(super) fn claims(text: &str) -> Object {
    parse_object(text.as_bytes()).unwrap()
}

/// `text` with one member set to `value` (JSON), or taken out.
pub(super) fn with(text: &str, name: &str, value: Option<&str>) -> String {
    let mut members: Vec<String> = claims(text)
        .iter()
        .filter(|(member, _)| *member != name)
        .map(|(member, value)| format!("\"{member}\":{}", value.to_ascii()))
        .collect();
    members.extend(value.map(|value| format!("\"{name}\":{value}")));
    format!("{{{}}}", members.join(","))
}

pub(super) fn header() -> Header {
    Header {
        alg: "RS256".into(),
        algorithm: None,
        kid: None,
        x5t: None,
        x5t_s256: None,
        typ: None,
        members: Object::default(),
    }
}

/// A header that names its key.
pub(super) fn keyed(algorithm: &str, kid: &str) -> Header {
    header_of(&format!(r#"{{"alg":"{algorithm}","kid":"{kid}"}}"#))
}

/// As it is read from a token.
pub(super) fn header_of(text: &str) -> Header {
    Header::read(&base64url::encode(text.as_bytes())).unwrap()
}

/// What the provider says: `None` when no form has this `iss`.
pub(super) fn judge(
    profile: &Profile,
    audiences: Option<&[&str]>,
    text: &str,
) -> Option<Result<Findings, Refusal>> {
    judge_with(profile, &header(), audiences, text)
}

/// [`judge`] of a token with this header. A form that is found by the token's `sub` is taken as found.
pub(super) fn judge_with(
    profile: &Profile,
    header: &Header,
    audiences: Option<&[&str]>,
    text: &str,
) -> Option<Result<Findings, Refusal>> {
    let claims = claims(text);
    let by_subject = |form: &IssuerForm| matches!(form.pattern, IssuerPattern::TrustDomain(_));
    let iss = claims.get("iss").and_then(Json::as_str);
    if !profile.forms.iter().any(by_subject) {
        profile.form(iss?)?;
    }
    let facts = Facts {
        header,
        claims: &claims,
        iss: iss.unwrap_or_default(),
    };
    let audiences: Option<Vec<String>> =
        audiences.map(|list| list.iter().map(|a| (*a).to_owned()).collect());
    Some(
        profile
            .rules
            .check_audience(facts, audiences.as_deref())
            .and_then(|()| profile.rules.check_claims(facts)),
    )
}

pub(super) fn accepts_key(profile: &Profile, key_issuer: Option<&str>, text: &str) -> bool {
    let (header, claims) = (header(), claims(text));
    let iss = claims.get("iss").and_then(Json::as_str).unwrap();
    profile.rules.accepts_key(
        key_issuer,
        Facts {
            header: &header,
            claims: &claims,
            iss,
        },
    )
}

/// Real documents, from outside the tree.
pub(super) mod recorded {
    use super::super::{KeyDocument, Profile};
    use crate::jose::algorithm::AlgorithmSet;
    use crate::jose::jwk::{KeyPolicy, read_set};
    use crate::public_vectors;

    /// The preset's first form asks for this document, expects the issuer that it says, and allows exactly the algorithms that it says and
    /// its keys can make; every key of its set is of use.
    pub fn is_what_the_document_says(name: &str, profile: &Profile) {
        let Some(folder) = public_vectors::folder() else {
            return;
        };
        let read = |kind: &str| {
            let file = folder.join(format!("wellknown/{name}.{kind}.json"));
            std::fs::read(file).unwrap()
        };
        let document: serde_json::Value =
            serde_json::from_slice(&read("openid-configuration")).unwrap();
        match &profile.forms[0].keys {
            KeyDocument::Discovery { url, issuer } => {
                assert_eq!(document["issuer"], issuer.as_str());
                assert!(url.ends_with("/.well-known/openid-configuration"));
            }
            KeyDocument::Jwks { url } => assert_eq!(document["jwks_uri"], url.as_str()),
            other => panic!("{other:?}"),
        }
        let algorithms: Vec<&str> = profile.algorithms.iter().map(|a| a.name()).collect();
        assert_eq!(
            document["id_token_signing_alg_values_supported"],
            serde_json::json!(algorithms)
        );
        let keys = read_set(&read("jwks"), &KeyPolicy::default()).unwrap();
        assert_eq!(keys.skipped, []);
        let usable = |algorithms: AlgorithmSet| {
            algorithms
                .iter()
                .any(|algorithm| profile.algorithms.contains(algorithm))
        };
        assert!(keys.keys.iter().all(|key| usable(key.algorithms)));
    }
}
