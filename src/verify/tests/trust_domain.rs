//! J27 where an entry is found by `sub`: a token whose `iss` is configured is that issuer's, and nothing else of it can change that.

use super::{judged, outcome};
use crate::jose::algorithm::Algorithm;
use crate::provider::{IssuerForm, IssuerPattern, KeyDocument, spiffe};
use crate::verify::testing::*;
use crate::verify::{IssuerConfig, Outcome, Verifier};

const SUBJECT: &str = "spiffe://prod.example.com/ns/payments/sa/worker";

fn mesh(issuer: Option<&str>) -> IssuerConfig {
    let profile = spiffe::profile(spiffe::Settings {
        trust_domain: "prod.example.com".to_owned(),
        issuer: issuer.map(str::to_owned),
        audiences: vec![AUDIENCE.to_owned()],
        spiffe_ids: Vec::new(),
    });
    let mut config = issuer_of("mesh", profile.unwrap(), &[1]);
    config.token_types = vec!["jwt".to_owned(), "jose".to_owned()];
    config
}

/// The usual issuer, whose keys are source 0, and the trust domain, whose keys are source 1 and have the same kid.
fn both() -> Verifier {
    verifier_of(vec![oidc_issuer(), mesh(None)])
}

fn both_keys() -> TestKeys {
    let mut keys = keys();
    keys.set(1, &[other_rsa().jwk(r#""kid":"k1""#)]);
    keys
}

fn token(signer: &Signer, iss: Option<&str>, sub: &str) -> String {
    let iss = iss.map_or(String::new(), |iss| format!(r#""iss":{iss},"#));
    let exp = NOW + 300;
    let claims = format!(r#"{{{iss}"sub":"{sub}","aud":["{AUDIENCE}"],"exp":{exp}}}"#);
    let header = r#"{"alg":"RS256","kid":"k1","typ":"JWT"}"#;
    mint(signer, Algorithm::Rs256, header, &claims)
}

fn issuer_of_verified(verifier: &Verifier, token: &str) -> String {
    match outcome(verifier, &both_keys(), token) {
        Outcome::Verified(token) => token.issuer().to_string(),
        other => format!("refused: {}", verdict(&other)),
    }
}

#[test]
fn a_token_without_iss_is_its_trust_domains() {
    let svid = token(other_rsa(), None, SUBJECT);
    assert_eq!(issuer_of_verified(&both(), &svid), "mesh");
    // The order of the entries is nothing.
    let turned = verifier_of(vec![mesh(None), oidc_issuer()]);
    let mut keys = TestKeys::default();
    keys.set(0, &[rsa().jwk(r#""kid":"k1""#)]);
    keys.set(1, &[other_rsa().jwk(r#""kid":"k1""#)]);
    assert_eq!(judged(&turned, &keys, svid), "ok");
}

#[test]
fn an_iss_that_nobody_configured_is_not_asked() {
    for iss in ["\"https://spire.example\"", "\"\"", "\"prod.example.com\""] {
        let svid = token(other_rsa(), Some(iss), SUBJECT);
        assert_eq!(issuer_of_verified(&both(), &svid), "mesh", "{iss}");
    }
}

#[test]
fn j27_a_configured_iss_decides_alone_whatever_the_subject_says() {
    let ours = format!("\"{ISSUER}\"");
    let own = token(rsa(), Some(&ours), SUBJECT);
    assert_eq!(issuer_of_verified(&both(), &own), "main");
    // The trust domain's key is no key of that issuer, and the other way round.
    let crossed = token(other_rsa(), Some(&ours), SUBJECT);
    assert_eq!(judged(&both(), &both_keys(), crossed), "bad_signature");
    let turned = token(rsa(), None, SUBJECT);
    assert_eq!(judged(&both(), &both_keys(), turned), "bad_signature");
    let foreign = token(rsa(), Some("\"https://nobody.example\""), SUBJECT);
    assert_eq!(judged(&both(), &both_keys(), foreign), "bad_signature");
}

#[test]
fn j27_a_tenants_iss_decides_alone_too() {
    const TENANT: &str = "9122040d-6c67-4c5b-b112-36a304b66dad";
    let mut tenants = named_issuer("tenants", ISSUER, 0);
    tenants.profile.forms = vec![IssuerForm {
        pattern: IssuerPattern::Tenant("https://login.example/{tenantid}/v2.0".to_owned()),
        keys: KeyDocument::Jwks {
            url: "https://login.example/keys".to_owned(),
        },
    }];
    let verifier = verifier_of(vec![mesh(None), tenants]);
    let iss = format!("\"https://login.example/{TENANT}/v2.0\"");
    let crossed = token(other_rsa(), Some(&iss), SUBJECT);
    assert_eq!(judged(&verifier, &both_keys(), crossed), "bad_signature");
    let own = token(rsa(), Some(&iss), SUBJECT);
    assert_eq!(issuer_of_verified(&verifier, &own), "tenants");
}

#[test]
fn j27_iss_is_one_string_here_too() {
    for iss in [
        "null",
        "7",
        "[]",
        r#"["https://spire.example"]"#,
        r#"{"a":1}"#,
    ] {
        let svid = token(other_rsa(), Some(iss), SUBJECT);
        assert_eq!(
            judged(&both(), &both_keys(), svid),
            "malformed_token",
            "{iss}"
        );
    }
}

#[test]
fn j27_another_trust_domain_is_nobodys() {
    for sub in [
        "spiffe://PROD.example.com/x",
        "spiffe://prod.example.com",
        "spiffe://prod.example.com/",
        "spiffe://prod.example.com/../x",
        "spiffe://prod.example.com:443/x",
        "spiffe://x@prod.example.com/x",
        "SPIFFE://prod.example.com/x",
        "https://prod.example.com/x",
        "prod.example.com",
        "",
    ] {
        let nameless = token(other_rsa(), None, sub);
        assert_eq!(
            judged(&both(), &both_keys(), nameless),
            "claim_missing",
            "{sub}"
        );
        let named = token(other_rsa(), Some("\"https://spire.example\""), sub);
        assert_eq!(
            judged(&both(), &both_keys(), named),
            "unknown_issuer",
            "{sub}"
        );
    }
}

#[test]
fn j27_a_refusal_names_the_trust_domain_that_nobody_configured() {
    for domain in ["prod.example.com.evil.example", "example.com"] {
        let svid = token(other_rsa(), None, &format!("spiffe://{domain}/x"));
        let Outcome::Rejected { rejection, .. } = outcome(&both(), &both_keys(), &svid) else {
            panic!("{domain} is nobody's");
        };
        assert_eq!(rejection.reason().name(), "unknown_issuer");
        let detail = rejection.operator_detail();
        assert!(detail.contains(&format!("`spiffe://{domain}`")), "{detail}");
        assert!(!rejection.log_detail().contains(domain));
        // Where there are no trust domains, what is missing is `iss`.
        let alone = verifier_of(vec![oidc_issuer()]);
        assert_eq!(judged(&alone, &keys(), svid), "claim_missing");
    }
}

#[test]
fn j27_an_entry_with_an_issuer_is_found_by_it_alone() {
    const SPIRE: &str = "https://spire.example";
    let verifier = verifier_of(vec![oidc_issuer(), mesh(Some(SPIRE))]);
    let named = format!("\"{SPIRE}\"");
    for (iss, sub, expected) in [
        (Some(named.as_str()), SUBJECT, "ok"),
        (None, SUBJECT, "claim_missing"),
        (
            Some("\"https://spire.example/\""),
            SUBJECT,
            "unknown_issuer",
        ),
        (
            Some(named.as_str()),
            "spiffe://other.example/x",
            "claim_mismatch",
        ),
        (Some(named.as_str()), "alice", "claim_mismatch"),
    ] {
        let svid = token(other_rsa(), iss, sub);
        assert_eq!(
            judged(&verifier, &both_keys(), svid),
            expected,
            "{iss:?} {sub}"
        );
    }
}

#[test]
fn j13_other_tokens_of_the_domains_keys_are_no_jwt_svids() {
    let exp = NOW + 300;
    let claims = format!(r#"{{"sub":"{SUBJECT}","aud":"{AUDIENCE}","exp":{exp}}}"#);
    for (header, reason) in [
        (r#"{"alg":"RS256","kid":"k1"}"#, "ok"),
        (r#"{"alg":"RS256"}"#, "ok"),
        (r#"{"alg":"RS256","kid":"k1","typ":"JOSE"}"#, "ok"),
        (
            r#"{"alg":"RS256","kid":"k1","typ":"jwt"}"#,
            "token_type_not_allowed",
        ),
        (
            r#"{"alg":"RS256","kid":"k1","typ":"application/jwt"}"#,
            "token_type_not_allowed",
        ),
        (
            r#"{"alg":"RS256","kid":"k1","typ":"wit+jwt"}"#,
            "token_type_not_allowed",
        ),
        (r#"{"alg":"RS256","kid":"k1","x5t":"a"}"#, "malformed_token"),
        (
            r#"{"alg":"RS256","kid":"k1","jku":"https://a"}"#,
            "malformed_token",
        ),
        (
            r#"{"alg":"RS256","kid":"k1","crit":["x"]}"#,
            "unsupported_critical_header",
        ),
    ] {
        let token = mint(other_rsa(), Algorithm::Rs256, header, &claims);
        assert_eq!(judged(&both(), &both_keys(), token), reason, "{header}");
    }
    let lasting = mint(
        other_rsa(),
        Algorithm::Rs256,
        r#"{"alg":"RS256","kid":"k1"}"#,
        &format!(r#"{{"sub":"{SUBJECT}","aud":"{AUDIENCE}"}}"#),
    );
    assert_eq!(judged(&both(), &both_keys(), lasting), "claim_missing");
}

#[test]
fn a_provider_says_what_a_stranger_is_that_it_knows() {
    use crate::provider::firebase;
    let profile = firebase::profile(firebase::Settings {
        project: "my-app".to_owned(),
        credentials: Vec::new(),
    });
    let verifier = verifier_of(vec![
        oidc_issuer(),
        issuer_of("users", profile.unwrap(), &[0]),
    ]);
    let claims = claims(
        r#""iss":"x@my-app.iam.gserviceaccount.com","aud":"https://identitytoolkit.googleapis.com/google.identity.identitytoolkit.v1.IdentityToolkit""#,
    );
    let custom = mint(rsa(), Algorithm::Rs256, r#"{"alg":"RS256"}"#, &claims);
    assert_eq!(
        judged(&verifier, &keys(), &custom),
        "token_type_not_allowed"
    );
    assert_eq!(judged(&both(), &both_keys(), &custom), "unknown_issuer");
}
