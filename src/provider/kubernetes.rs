//! Kubernetes service accounts: the projected tokens of a cluster's pods (KEP 1205, KEP 4193).
//!
//! The API server signs them, with the issuer of its `--service-account-issuer`. Discovery (KEP 1393) is at that issuer, or at the API
//! server's own address; there it usually wants to know who asks (`keys.token_file`), and names a `jwks_uri` by the API server's address.
//!
//! The old tokens from secrets never expire, and have the issuer `kubernetes/serviceaccount`: a token without `exp` is refused as with
//! every provider, and that issuer cannot be configured.

use std::sync::Arc;

use super::{
    BadSetting, ClaimNames, Facts, Findings, IssuerForm, Profile, ProviderKind, Refusal, Rules,
    claim_path, oidc, top_level,
};
use crate::jose::algorithm::{Algorithm, AlgorithmSet};
use crate::jose::json::{Json, Object};

/// What an entry says.
pub struct Settings {
    pub issuer: String,
    /// Of which a service account must be; empty: any.
    pub namespaces: Vec<String>,
    /// `namespace/name`, which a service account must be; empty: any.
    pub service_accounts: Vec<String>,
}

#[derive(Debug)]
struct KubernetesRules {
    namespaces: Vec<String>,
    service_accounts: Vec<String>,
}

const LEGACY_ISSUER: &str = "kubernetes/serviceaccount";
/// Before `namespace:name` in `sub`.
const SUBJECT_PREFIX: &str = "system:serviceaccount:";
/// The claim with the objects that a token is bound to. A dot is part of its name.
const PRIVATE_CLAIM: &str = "kubernetes.io";
/// What the API server signs with, by the type of its key (`pkg/serviceaccount/jwt.go`).
const ALGORITHMS: [Algorithm; 4] = [
    Algorithm::Rs256,
    Algorithm::Es256,
    Algorithm::Es384,
    Algorithm::Es512,
];

pub fn profile(settings: Settings) -> Result<Profile, Vec<BadSetting>> {
    let problems = problems(&settings);
    if !problems.is_empty() {
        return Err(problems);
    }
    let Settings {
        issuer,
        namespaces,
        service_accounts,
    } = settings;
    Ok(Profile {
        algorithms: AlgorithmSet::of(&ALGORITHMS),
        claims: claim_names(),
        rules: Arc::new(KubernetesRules {
            namespaces,
            service_accounts,
        }),
        ..Profile::standard(
            ProviderKind::Kubernetes,
            vec![IssuerForm::discovered(issuer)],
        )
    })
}

fn problems(settings: &Settings) -> Vec<BadSetting> {
    let mut problems = Vec::new();
    problems.extend(oidc::check_issuer(&settings.issuer).err());
    if settings.issuer == LEGACY_ISSUER {
        problems.push(BadSetting::new(
            "issuer",
            format!("`{LEGACY_ISSUER}` is the issuer of tokens from secrets, which never expire"),
            "use projected tokens (a `serviceAccountToken` volume with an `audience`), and their issuer",
        ));
    }
    for namespace in &settings.namespaces {
        if !is_label(namespace) {
            problems.push(BadSetting::new(
                "namespaces",
                format!("`{namespace}` is not the name of a namespace"),
                "lower-case letters, digits and `-`; there is no pattern",
            ));
        }
    }
    for account in &settings.service_accounts {
        let good = account
            .split_once('/')
            .is_some_and(|(namespace, name)| is_label(namespace) && is_subdomain(name));
        if !good {
            problems.push(BadSetting::new(
                "service_accounts",
                format!("`{account}` is not a service account"),
                "write `namespace/name`, as in `payments/worker`",
            ));
        }
        let listed = |namespace: &str| settings.namespaces.iter().any(|good| good == namespace);
        if let Some((namespace, _)) = account.split_once('/').filter(|_| good)
            && !settings.namespaces.is_empty()
            && !listed(namespace)
        {
            problems.push(BadSetting::new(
                "service_accounts",
                format!("`{account}` could never come in: its namespace is not among `namespaces`, and a token must meet both"),
                format!("add `{namespace}` to `namespaces`, or leave one of the two lists out"),
            ));
        }
    }
    problems
}

/// A namespace is a DNS label (RFC 1123).
fn is_label(text: &str) -> bool {
    let good = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=63).contains(&text.len())
        && text.bytes().all(good)
        && !text.starts_with('-')
        && !text.ends_with('-')
}

/// A service account is a DNS subdomain (RFC 1123).
fn is_subdomain(text: &str) -> bool {
    text.len() <= 253 && text.split('.').all(is_label)
}

/// * username: `sub`, which is also the service account's user name in the cluster.
/// * tenant: the namespace.
/// * groups: none. The cluster makes them from the namespace, and they are not in the token.
fn claim_names() -> ClaimNames {
    ClaimNames {
        username: top_level(&["sub"]),
        tenant: vec![claim_path(&[PRIVATE_CLAIM, "namespace"])],
        ..ClaimNames::default()
    }
}

impl Rules for KubernetesRules {
    fn check_claims(&self, facts: Facts<'_>) -> Result<Findings, Refusal> {
        let (namespace, name) = subject(facts.claims)?;
        check_private_claim(facts.claims, namespace, name)?;
        let allowed = |list: &[String], found: &str| {
            list.is_empty() || list.iter().any(|allowed| allowed == found)
        };
        let account = format!("{namespace}/{name}");
        if !allowed(&self.namespaces, namespace) {
            return Err(Refusal::ClaimMismatch {
                claim: "sub",
                expected: format!("a service account of {}", self.namespaces.join(", ")),
            });
        }
        if !allowed(&self.service_accounts, &account) {
            return Err(Refusal::ClaimMismatch {
                claim: "sub",
                expected: self.service_accounts.join(", "),
            });
        }
        Ok(Findings::default())
    }
}

/// Namespace and name of the service account.
fn subject(claims: &Object) -> Result<(&str, &str), Refusal> {
    let found = claims.get("sub");
    let found = found.ok_or(Refusal::ClaimMissing { claim: "sub" })?;
    found
        .as_str()
        .and_then(|subject| subject.strip_prefix(SUBJECT_PREFIX)?.split_once(':'))
        .filter(|(namespace, name)| is_label(namespace) && is_subdomain(name))
        .ok_or_else(|| Refusal::ClaimMismatch {
            claim: "sub",
            expected: format!("{SUBJECT_PREFIX}namespace:name"),
        })
}

/// Headers may be mapped from this claim, so it must not tell of another service account than `sub` does, by which access is judged.
fn check_private_claim(claims: &Object, namespace: &str, name: &str) -> Result<(), Refusal> {
    if claims.get(PRIVATE_CLAIM).is_none() {
        return Ok(());
    }
    for (path, expected) in [
        (&[PRIVATE_CLAIM, "namespace"][..], namespace),
        (&[PRIVATE_CLAIM, "serviceaccount", "name"], name),
    ] {
        if claims.at(path).and_then(Json::as_str) != Some(expected) {
            return Err(Refusal::ClaimMismatch {
                claim: PRIVATE_CLAIM,
                // Not which: this goes to the access log, and is the token's own text.
                expected: "the service account that `sub` names".to_owned(),
            });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::testing::{claims, judge, with};
    use crate::provider::{ClaimPath, KeyDocument, first_claim};

    const ISSUER: &str = "https://kubernetes.default.svc.cluster.local";
    /// A projected token of Kubernetes 1.30.
    const TOKEN: &str = r#"{"aud":["https://api.example.com"],"exp":1731613413,"iat":1700077413,
        "iss":"https://kubernetes.default.svc.cluster.local","jti":"ea28ed49-2e11-4280-9ec5-bc3d1d84661a",
        "kubernetes.io":{"namespace":"payments","node":{"name":"n1","uid":"646e7c5e-32d6-4d42-9dbd-e504e6cbe6b1"},
        "pod":{"name":"worker-0","uid":"5e0bd49b-f040-43b0-99b7-22765a53f7f3"},
        "serviceaccount":{"name":"worker","uid":"14ee3fa4-a7e2-420f-9f9a-dbc4507c3798"},"warnafter":1700081020},
        "nbf":1700077413,"sub":"system:serviceaccount:payments:worker"}"#;

    fn cluster(namespaces: &[&str], service_accounts: &[&str]) -> Result<Profile, Vec<BadSetting>> {
        let owned = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect();
        profile(Settings {
            issuer: ISSUER.to_owned(),
            namespaces: owned(namespaces),
            service_accounts: owned(service_accounts),
        })
    }

    fn judged(profile: &Profile, text: &str) -> Result<Findings, Refusal> {
        judge(profile, Some(&["https://api.example.com"]), text).unwrap()
    }

    fn mismatch(found: Result<Findings, Refusal>) -> &'static str {
        match found {
            Err(Refusal::ClaimMismatch { claim, .. }) => claim,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_projected_token_is_taken_and_its_namespace_is_the_tenant() {
        let any = cluster(&[], &[]).unwrap();
        assert_eq!(judged(&any, TOKEN), Ok(Findings::default()));
        let claims = claims(TOKEN);
        let found = |names: &[ClaimPath]| first_claim(&claims, names).unwrap().as_str();
        assert_eq!(found(&any.claims.tenant), Some("payments"));
        assert_eq!(
            found(&any.claims.username),
            Some("system:serviceaccount:payments:worker")
        );
        assert!(any.algorithms.contains(Algorithm::Es256));
        let elsewhere = judge(&any, Some(&["https://kubernetes.default.svc"]), TOKEN);
        assert!(matches!(
            elsewhere,
            Some(Err(Refusal::AudienceMismatch { .. }))
        ));
    }

    #[test]
    fn only_allowed_service_accounts_come_in() {
        for (namespaces, accounts, good) in [
            (&["payments"][..], &[][..], true),
            (&["other", "payments"], &[], true),
            (&["other"], &[], false),
            (&["payment"], &[], false),
            (&[], &["payments/worker"], true),
            (&[], &["payments/work"], false),
            (&[], &["other/worker"], false),
            (&["payments"], &["payments/other"], false),
            (&["payments", "other"], &["other/worker"], false),
        ] {
            let profile = cluster(namespaces, accounts).unwrap();
            let found = judged(&profile, TOKEN);
            match good {
                true => assert!(found.is_ok(), "{namespaces:?} {accounts:?}"),
                false => assert_eq!(mismatch(found), "sub", "{namespaces:?} {accounts:?}"),
            }
        }
    }

    #[test]
    fn a_subject_that_is_no_service_account_is_refused() {
        let any = cluster(&[], &[]).unwrap();
        for subject in [
            "payments/worker",
            "system:serviceaccount:payments",
            "system:serviceaccount:payments:",
            "system:serviceaccount::worker",
            "system:serviceaccount:payments:worker:admin",
            "system:serviceaccount:pay/ments:worker",
            "system:serviceaccount:Payments:worker",
            "system:node:n1",
            "SYSTEM:serviceaccount:payments:worker",
            "",
        ] {
            let text = with(TOKEN, "sub", Some(&format!("\"{subject}\"")));
            assert_eq!(mismatch(judged(&any, &text)), "sub", "{subject}");
        }
        let missing = judged(&any, &with(TOKEN, "sub", None));
        assert_eq!(missing, Err(Refusal::ClaimMissing { claim: "sub" }));
    }

    #[test]
    fn the_private_claim_tells_of_the_same_service_account_or_is_absent() {
        let any = cluster(&[], &[]).unwrap();
        for claim in [
            r#"{"namespace":"kube-system","serviceaccount":{"name":"worker"}}"#,
            r#"{"namespace":"payments","serviceaccount":{"name":"admin"}}"#,
            r#"{"namespace":"payments"}"#,
            r#"{"namespace":["payments"],"serviceaccount":{"name":"worker"}}"#,
            "7",
            "null",
        ] {
            let text = with(TOKEN, PRIVATE_CLAIM, Some(claim));
            let found = judged(&any, &text);
            // It goes to the access log, which holds no claim's text.
            let told = format!("{found:?}");
            assert!(!told.contains("payments") && !told.contains("worker"));
            assert_eq!(mismatch(found), PRIVATE_CLAIM, "{claim}");
        }
        let without = with(TOKEN, PRIVATE_CLAIM, None);
        assert!(judged(&any, &without).is_ok());
    }

    #[test]
    fn the_issuer_of_tokens_that_never_expire_cannot_be_configured() {
        for (issuer, good) in [
            (LEGACY_ISSUER, false),
            ("", false),
            ("kubernetes", true),
            (
                "https://oidc.eks.eu-west-1.amazonaws.com/id/0123456789ABCDEF",
                true,
            ),
        ] {
            let found = profile(Settings {
                issuer: issuer.to_owned(),
                namespaces: Vec::new(),
                service_accounts: Vec::new(),
            });
            assert_eq!(found.is_ok(), good, "{issuer}");
        }
    }

    #[test]
    fn lists_that_could_match_nothing_are_refused() {
        for (namespaces, accounts, field) in [
            (&["pay*"][..], &[][..], "namespaces"),
            (&[""], &[], "namespaces"),
            (&["Payments"], &[], "namespaces"),
            (&[], &["worker"], "service_accounts"),
            (&["ops"], &["payments/worker"], "service_accounts"),
            (&[], &["payments/*"], "service_accounts"),
            (&[], &["payments:worker"], "service_accounts"),
            (
                &[],
                &["system:serviceaccount:payments:worker"],
                "service_accounts",
            ),
        ] {
            let problems = cluster(namespaces, accounts).unwrap_err();
            assert_eq!(problems[0].field, field);
        }
        assert!(cluster(&[], &["payments/worker.v2"]).is_ok());
    }

    #[test]
    fn discovery_is_at_the_issuer() {
        let any = cluster(&[], &[]).unwrap();
        let KeyDocument::Discovery { url, issuer } = &any.forms[0].keys else {
            panic!("no discovery");
        };
        assert_eq!(url, &format!("{ISSUER}/.well-known/openid-configuration"));
        assert_eq!(issuer, ISSUER);
    }
}
