//! Tokens as the providers make them, header and claims, through the example file of each: what the application gets.

use std::fs;
use std::path::PathBuf;

use super::*;
use crate::identity::mapping::{DEFAULT_MAX_BYTES, Mapping};
use crate::jose::algorithm::Algorithm;
use crate::verify::testing::{TestKeys, at, es256, issuer_of, mint, refusal, rsa, verifier_of};
use crate::verify::{IssuerConfig, NoLog, Outcome};

struct Case {
    /// The example file, without its ending.
    example: &'static str,
    header: &'static str,
    claims: &'static str,
    now: i64,
    /// The default identity headers, without `X-Auth-`.
    headers: &'static [(&'static str, &'static str)],
}

const CASES: &[Case] = &[
    Case {
        example: "okta",
        header: r#"{"kid":"UFbKRd0jAtpV9mPmBgLRZ6pCUZmN6zrE4DpXA5vhBYE","alg":"RS256"}"#,
        claims: r#"{"ver":1,"jti":"AT.0mP4JKAZX1iACIT4vbEDF7LpvDVjxypPMf0D7uX39RE","iss":"https://example.okta.com/oauth2/default",
            "aud":"api://default","iat":1700000000,"exp":1700003600,"cid":"0oabucvyc38HLL1ef0h7","uid":"00uixa271s6x7qt8I0h7",
            "scp":["openid","orders:read"],"sub":"ann@example.com","groups":["Everyone","Admins"]}"#,
        now: 1_700_000_100,
        headers: &[
            ("Subject", "ann@example.com"),
            ("Issuer", "staff"),
            ("Groups", "Everyone,Admins"),
            ("Scope", "openid orders:read"),
        ],
    },
    Case {
        // No `typ`, as in older tokens; the older spelling of the issuer.
        example: "google",
        header: r#"{"alg":"RS256","kid":"73e25f9789119c7875d58087a78ac23f5ef2eda3"}"#,
        claims: r#"{"iss":"accounts.google.com","azp":"407408718192.apps.googleusercontent.com","aud":"407408718192.apps.googleusercontent.com",
            "sub":"110169484474386276334","hd":"example.com","email":"ann@example.com","email_verified":true,"at_hash":"x","name":"Ann",
            "iat":1700000000,"exp":1700003600}"#,
        now: 1_700_000_100,
        headers: &[
            ("Subject", "110169484474386276334"),
            ("Issuer", "staff"),
            ("Email", "ann@example.com"),
            ("Name", "Ann"),
            ("Tenant", "example.com"),
        ],
    },
    Case {
        example: "apple",
        header: r#"{"kid":"pggnQeNCOU","alg":"RS256"}"#,
        claims: r#"{"iss":"https://appleid.apple.com","aud":"com.example.web","exp":1700000600,"iat":1700000000,
            "sub":"000000.0123456789abcdef0123456789abcdef.0000","c_hash":"x","email":"a1b2@privaterelay.appleid.com","email_verified":"true",
            "is_private_email":"true","auth_time":1700000000,"nonce_supported":true}"#,
        now: 1_700_000_100,
        headers: &[
            ("Subject", "000000.0123456789abcdef0123456789abcdef.0000"),
            ("Issuer", "customers"),
            ("Email", "a1b2@privaterelay.appleid.com"),
        ],
    },
    Case {
        // Spaces in the header's JSON; `aud` for others beside us, the address not verified.
        example: "keycloak",
        header: r#"{"alg":"RS256","typ" : "JWT","kid" : "PLJrS5YyPHLI4sf4fi9nAS8JpvHnAIqn3P3pJrQgS9A"}"#,
        claims: r#"{"exp":1700000300,"iat":1700000000,"jti":"x","iss":"https://sso.example.com/realms/main","aud":["orders","account"],
            "sub":"8f1e7f7e-5f5e-4d8a-9f43-0d6fd3b9e6b1","typ":"Bearer","azp":"web","session_state":"s","acr":"1",
            "realm_access":{"roles":["offline_access","admin"]},"resource_access":{"orders":{"roles":["clerk"]},"account":{"roles":["view-profile"]}},
            "scope":"openid email profile","email_verified":false,"name":"Ann","preferred_username":"ann","email":"ann@example.com"}"#,
        now: 1_700_000_100,
        headers: &[
            ("Subject", "8f1e7f7e-5f5e-4d8a-9f43-0d6fd3b9e6b1"),
            ("Issuer", "staff"),
            ("Username", "ann"),
            ("Name", "Ann"),
            ("Roles", "clerk"),
            ("Scope", "openid email profile"),
        ],
    },
    Case {
        example: "entra_external_id",
        header: r#"{"typ":"JWT","alg":"RS256","kid":"Mc7l3Iz93g7uwgNeEmmw_WYGPko"}"#,
        claims: r#"{"ver":"2.0","iss":"https://aaaabbbb-0000-cccc-1111-dddd2222eeee.ciamlogin.com/aaaabbbb-0000-cccc-1111-dddd2222eeee/v2.0",
            "sub":"x","aud":"00001111-aaaa-2222-bbbb-3333cccc4444","exp":1700003600,"iat":1700000000,"nbf":1700000000,"name":"Ann",
            "preferred_username":"ann@example.com","oid":"o","email":"ann@example.com","tid":"aaaabbbb-0000-cccc-1111-dddd2222eeee"}"#,
        now: 1_700_000_100,
        headers: &[
            ("Subject", "x"),
            ("Issuer", "customers"),
            ("Username", "ann@example.com"),
            ("Name", "Ann"),
            ("Tenant", "aaaabbbb-0000-cccc-1111-dddd2222eeee"),
        ],
    },
    Case {
        example: "entra_b2c",
        header: r#"{"typ":"JWT","alg":"RS256","kid":"GvnPApfWMdLRi8PDmisFn7bprKg"}"#,
        claims: r#"{"iss":"https://contoso.b2clogin.com/775527ff-9a37-4307-8b3d-cc311f58d925/v2.0/","exp":1438539443,"nbf":1438535543,
            "aud":"90c0fe63-bcf2-44d5-8fb7-b8bbc0b29dc6","ver":"1.0","iat":1438535543,"auth_time":1438535543,
            "sub":"884408e1-2918-4cz0-b12d-3aa027d7563b","name":"Ann","emails":["ann@example.com"],"tfp":"B2C_1_signupsignin1",
            "azp":"975251ed-e4f5-4efd-abcb-5f1a8f566ab7","scp":"Read"}"#,
        now: 1_438_535_600,
        headers: &[
            ("Subject", "884408e1-2918-4cz0-b12d-3aa027d7563b"),
            ("Issuer", "customers"),
            ("Name", "Ann"),
            ("Scope", "Read"),
        ],
    },
    Case {
        example: "cloudflare_access",
        header: r#"{"alg":"RS256","kid":"9338abe1baf2fe492f646a736f25afbf7b025e35c627be4f60c414d4c73069b8","typ":"JWT"}"#,
        claims: r#"{"aud":["32eafc7626e974616deaf0dc3ce63d7bcbed58a2731e84d06bc3cdf1b53c4228"],"email":"user@example.com","exp":1659474457,
            "iat":1659474397,"nbf":1659474397,"iss":"https://example.cloudflareaccess.com","type":"app","identity_nonce":"6ei69kawdKzMIAPF",
            "sub":"7335d417-61da-459d-899c-0a01c76a2f94","country":"US"}"#,
        now: 1_659_474_400,
        headers: &[
            ("Subject", "7335d417-61da-459d-899c-0a01c76a2f94"),
            ("Issuer", "access"),
            ("Email", "user@example.com"),
        ],
    },
    Case {
        // A service token has no `nbf` and an empty subject, which is no header.
        example: "cloudflare_access",
        header: r#"{"alg":"RS256","kid":"9338abe1baf2fe492f646a736f25afbf7b025e35c627be4f60c414d4c73069b8","typ":"JWT"}"#,
        claims: r#"{"type":"app","aud":["32eafc7626e974616deaf0dc3ce63d7bcbed58a2731e84d06bc3cdf1b53c4228"],"exp":1659474457,
            "iss":"https://example.cloudflareaccess.com","common_name":"e367826f93b8d71185e03fe518aff3b4.access","iat":1659474397,"sub":""}"#,
        now: 1_659_474_400,
        headers: &[
            ("Issuer", "access"),
            ("Username", "e367826f93b8d71185e03fe518aff3b4.access"),
        ],
    },
    Case {
        example: "google_iap",
        header: r#"{"alg":"ES256","typ":"JWT","kid":"0oeLcQ"}"#,
        claims: r#"{"aud":"/projects/123456789012/global/backendServices/1234567890123456789","email":"username@example.com","exp":1615284964,
            "hd":"example.com","iat":1615284364,"iss":"https://cloud.google.com/iap","sub":"accounts.google.com:123456789012345678901"}"#,
        now: 1_615_284_400,
        headers: &[
            ("Subject", "accounts.google.com:123456789012345678901"),
            ("Issuer", "iap"),
            ("Email", "username@example.com"),
            ("Tenant", "example.com"),
        ],
    },
    Case {
        // `x5t` and `kid` differ, and `nbf` is ten minutes before `iat`.
        example: "github_actions",
        header: r#"{"typ":"JWT","alg":"RS256","x5t":"eBZ_cn3sXYAd0ch4THBKHIgOwOE","kid":"cc413527-173f-5a05-976e-9c52b1d7b431"}"#,
        claims: r#"{"jti":"example-id","sub":"repo:octo-org/octo-repo:ref:refs/heads/main","aud":"https://deploy.example.com",
            "ref":"refs/heads/main","sha":"example-sha","repository":"octo-org/octo-repo","repository_owner":"octo-org","actor_id":"12",
            "repository_visibility":"private","repository_id":"74","repository_owner_id":"65","run_id":"example-run-id","run_number":"10",
            "run_attempt":"2","runner_environment":"github-hosted","actor":"octocat","workflow":"example-workflow","head_ref":"","base_ref":"",
            "event_name":"workflow_dispatch","ref_type":"branch","iss":"https://token.actions.githubusercontent.com","nbf":1632492967,
            "exp":1632493867,"iat":1632493567}"#,
        now: 1_632_493_600,
        headers: &[
            ("Subject", "repo:octo-org/octo-repo:ref:refs/heads/main"),
            ("Issuer", "ci"),
            ("Tenant", "octo-org"),
        ],
    },
    Case {
        example: "gitlab_ci",
        header: r#"{"kid":"4i3sFE7sxqNPOT7FdvcGA1ZVGGI_r-tsDXnEuYT4ZqE","typ":"JWT","alg":"RS256"}"#,
        claims: r#"{"namespace_id":"72","namespace_path":"my-group","project_id":"20","project_path":"my-group/my-project","user_id":"1",
            "user_login":"sample-user","user_email":"sample-user@example.com","pipeline_id":"574","pipeline_source":"push","job_id":"302",
            "ref":"main","ref_type":"branch","ref_path":"refs/heads/main","ref_protected":"true","runner_id":1,"sha":"714a629c",
            "jti":"235b3a54-b797-45c7-ae9a-f72d7bc6ef5b","iat":1681395193,"nbf":1681395188,"exp":1681398793,"iss":"https://gitlab.com",
            "sub":"project_path:my-group/my-project:ref_type:branch:ref:main","aud":"https://deploy.example.com"}"#,
        now: 1_681_395_200,
        headers: &[
            (
                "Subject",
                "project_path:my-group/my-project:ref_type:branch:ref:main",
            ),
            ("Issuer", "ci"),
            ("Tenant", "my-group"),
        ],
    },
    Case {
        example: "firebase",
        header: r#"{"alg":"RS256","kid":"0d8a67399e7882acae7d7f68b2280256a796a582","typ":"JWT"}"#,
        claims: r#"{"name":"Ann","iss":"https://securetoken.google.com/my-app-1a2b3","aud":"my-app-1a2b3","auth_time":1700000000,
            "user_id":"n3Tr0LPhAfQb8oCW0vYJqcRkVEo2","sub":"n3Tr0LPhAfQb8oCW0vYJqcRkVEo2","iat":1700000000,"exp":1700003600,
            "email":"ann@example.com","email_verified":true,"firebase":{"identities":{"google.com":["1"],"email":["ann@example.com"]},
            "sign_in_provider":"google.com","tenant":"customer-7"},"plan":"gold"}"#,
        now: 1_700_000_100,
        headers: &[
            ("Subject", "n3Tr0LPhAfQb8oCW0vYJqcRkVEo2"),
            ("Issuer", "users"),
            ("Email", "ann@example.com"),
            ("Name", "Ann"),
            ("Tenant", "customer-7"),
        ],
    },
    Case {
        // Kubernetes 1.30, with the node.
        example: "kubernetes",
        header: r#"{"alg":"RS256","kid":"7u9tKfZ0dqPYmVqQzBnqgT1kLw8JtJ0Rf8b4m6YxkzE"}"#,
        claims: r#"{"aud":["billing"],"exp":1731613413,"iat":1700077413,"iss":"https://kubernetes.default.svc.cluster.local",
            "jti":"ea28ed49-2e11-4280-9ec5-bc3d1d84661a","kubernetes.io":{"namespace":"payments",
            "node":{"name":"n1","uid":"646e7c5e-32d6-4d42-9dbd-e504e6cbe6b1"},"pod":{"name":"worker-0","uid":"5e0bd49b-f040-43b0-99b7-22765a53f7f3"},
            "serviceaccount":{"name":"worker","uid":"14ee3fa4-a7e2-420f-9f9a-dbc4507c3798"},"warnafter":1700081020},
            "nbf":1700077413,"sub":"system:serviceaccount:payments:worker"}"#,
        now: 1_700_077_500,
        headers: &[
            ("Subject", "system:serviceaccount:payments:worker"),
            ("Issuer", "workloads"),
            ("Username", "system:serviceaccount:payments:worker"),
            ("Tenant", "payments"),
        ],
    },
    Case {
        // Of a listener's rule with a user pool; its padding has tests of its own.
        example: "alb",
        header: r#"{"typ":"JWT","kid":"a0b1c2d3-0000-4def-8123-456789abcdef","alg":"ES256","iss":"https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbCdEfGhI",
            "client":"1example23456789","signer":"arn:aws:elasticloadbalancing:eu-west-1:123456789012:loadbalancer/app/my-alb/50dc6c495c0c9188","exp":1700000120}"#,
        claims: r#"{"sub":"11111111-2222-3333-4444-555555555555","email_verified":"true","email":"ann@example.com","username":"ann",
            "exp":1700000120,"iss":"https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbCdEfGhI"}"#,
        now: 1_700_000_100,
        headers: &[
            ("Subject", "11111111-2222-3333-4444-555555555555"),
            ("Issuer", "users"),
            ("Username", "ann"),
            ("Email", "ann@example.com"),
        ],
    },
    Case {
        // SPIRE's: no issuer.
        example: "spiffe",
        header: r#"{"alg":"ES256","kid":"OFWcvVSxWwT4FjVpxOGIZC3q8fIUm5vT","typ":"JWT"}"#,
        claims: r#"{"aud":["spiffe://prod.example.com/billing"],"exp":1700000300,"iat":1700000000,
            "sub":"spiffe://prod.example.com/ns/payments/sa/worker"}"#,
        now: 1_700_000_100,
        headers: &[
            ("Subject", "spiffe://prod.example.com/ns/payments/sa/worker"),
            ("Issuer", "workloads"),
        ],
    },
];

/// (example, what is changed in its first case's claims, to what, the reason of the refusal)
const REFUSED: &[(&str, &str, &str, &str)] = &[
    (
        "okta",
        r#""api://default""#,
        r#""0oabucvyc38HLL1ef0h7""#,
        "audience_mismatch",
    ),
    (
        "okta",
        "0oabucvyc38HLL1ef0h7",
        "0oaanother",
        "claim_mismatch",
    ),
    ("okta", "/oauth2/default", "", "unknown_issuer"),
    ("google", r#""hd":"example.com","#, "", "claim_missing"),
    (
        "google",
        r#""hd":"example.com""#,
        r#""hd":"attacker.example""#,
        "claim_mismatch",
    ),
    (
        "google",
        "accounts.google.com",
        "accounts.google.com/",
        "unknown_issuer",
    ),
    (
        "keycloak",
        r#""typ":"Bearer""#,
        r#""typ":"ID""#,
        "claim_mismatch",
    ),
    (
        "keycloak",
        r#""azp":"web""#,
        r#""azp":"other""#,
        "audience_mismatch",
    ),
    (
        "keycloak",
        r#"["orders","account"]"#,
        r#"["account"]"#,
        "audience_mismatch",
    ),
    (
        "entra_external_id",
        r#""tid":"aaaabbbb"#,
        r#""tid":"aaaacccc"#,
        "claim_mismatch",
    ),
    (
        "entra_external_id",
        "https://aaaabbbb-0000-cccc-1111-dddd2222eeee.ciam",
        "https://contoso.ciam",
        "unknown_issuer",
    ),
    (
        "entra_b2c",
        "B2C_1_signupsignin1",
        "B2C_1_reset",
        "claim_mismatch",
    ),
    ("entra_b2c", "/v2.0/", "/v2.0", "unknown_issuer"),
    (
        "cloudflare_access",
        r#""type":"app""#,
        r#""type":"org""#,
        "token_type_not_allowed",
    ),
    (
        "cloudflare_access",
        r#""7335d417-61da-459d-899c-0a01c76a2f94""#,
        r#""""#,
        "claim_missing",
    ),
    (
        "cloudflare_access",
        "32eafc76",
        "00000000",
        "audience_mismatch",
    ),
    (
        "google_iap",
        "/projects/123456789012/",
        "/projects/999999999999/",
        "audience_mismatch",
    ),
    (
        "github_actions",
        r#""repository_owner_id":"65""#,
        r#""repository_owner_id":"66""#,
        "claim_mismatch",
    ),
    (
        "github_actions",
        r#""repository":"octo-org/octo-repo""#,
        r#""repository":"octo-org/fork""#,
        "claim_mismatch",
    ),
    (
        "github_actions",
        r#""ref":"refs/heads/main""#,
        r#""ref":"refs/heads/topic""#,
        "claim_mismatch",
    ),
    (
        "gitlab_ci",
        r#""ref_protected":"true""#,
        r#""ref_protected":"false""#,
        "claim_mismatch",
    ),
    (
        "gitlab_ci",
        r#""project_path":"my-group/my-project","#,
        "",
        "claim_missing",
    ),
    (
        "firebase",
        r#""aud":"my-app-1a2b3""#,
        r#""aud":"other-app""#,
        "audience_mismatch",
    ),
    (
        "firebase",
        "securetoken.google.com",
        "session.firebase.google.com",
        "unknown_issuer",
    ),
    (
        "firebase",
        r#""sub":"n3Tr0LPhAfQb8oCW0vYJqcRkVEo2""#,
        r#""sub":"""#,
        "claim_mismatch",
    ),
    (
        "kubernetes",
        "payments:worker",
        "payments:admin",
        "claim_mismatch",
    ),
    (
        "kubernetes",
        r#"{"namespace":"payments""#,
        r#"{"namespace":"orders""#,
        "claim_mismatch",
    ),
    ("kubernetes", r#""exp":1731613413,"#, "", "claim_missing"),
    (
        "kubernetes",
        r#"["billing"]"#,
        r#"["https://kubernetes.default.svc"]"#,
        "audience_mismatch",
    ),
    (
        "alb",
        "eu-west-1_AbCdEfGhI",
        "eu-west-1_Other",
        "unknown_issuer",
    ),
    (
        "spiffe",
        "prod.example.com/ns",
        "example.com/ns",
        "unknown_issuer",
    ),
    ("spiffe", "/sa/worker", "/sa/other", "claim_mismatch"),
    (
        "spiffe",
        "prod.example.com/billing",
        "prod.example.com/orders",
        "audience_mismatch",
    ),
];

/// The example's only issuer, with a key of the header's kid for each of its forms.
fn judged(case: &Case, header: &str, claims: &str) -> Outcome {
    let file =
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("config/{}.yaml", case.example));
    let text = fs::read_to_string(file).unwrap();
    let without_files = LoadOptions {
        read_files: false,
        ..options()
    };
    let loaded = parse(&text, case.example, &without_files);
    let loaded = loaded.unwrap_or_else(|problems| panic!("{}", rendered(&problems)));
    let setup = loaded.issuers.into_iter().next().unwrap();
    let named: serde_json::Value = serde_json::from_str(case.header).unwrap();
    let (signer, algorithm) = match named["alg"].as_str() {
        Some("ES256") => (es256(), Algorithm::Es256),
        _ => (rsa(), Algorithm::Rs256),
    };
    let jwk = signer.jwk(&format!(r#""use":"sig","kid":{}"#, named["kid"]));
    let mut keys = TestKeys::default();
    keys.set(0, &[jwk]);
    let sources = vec![0; setup.profile.forms.len()];
    let issuer = IssuerConfig {
        token_types: setup.token_types,
        audiences: setup.audiences,
        required_claims: setup.required_claims,
        ..issuer_of(&setup.name, setup.profile, &sources)
    };
    let token = mint(signer, algorithm, header, claims);
    verifier_of(vec![issuer]).verify(token.as_bytes(), at(case.now), &keys, &mut NoLog)
}

#[test]
fn a_token_as_its_provider_makes_it_becomes_the_default_headers() {
    for case in CASES {
        let outcome = judged(case, case.header, case.claims);
        let Outcome::Verified(token) = &outcome else {
            panic!("{}: {:?}", case.example, refusal(&outcome));
        };
        let lines = Mapping::default_set(DEFAULT_MAX_BYTES)
            .lines(token)
            .unwrap();
        let found: Vec<(String, String)> = lines
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
            .collect();
        let expected: Vec<(String, String)> = case
            .headers
            .iter()
            .map(|(name, value)| {
                (
                    format!("x-auth-{}", name.to_lowercase()),
                    (*value).to_owned(),
                )
            })
            .collect();
        assert_eq!(found, expected, "{}", case.example);
    }
}

#[test]
fn a_token_for_somebody_else_of_the_same_provider_is_refused_with_its_reason() {
    for (example, found, changed, reason) in REFUSED {
        let case = CASES.iter().find(|case| case.example == *example).unwrap();
        assert!(case.claims.contains(found), "{example}: {found}");
        let outcome = judged(case, case.header, &case.claims.replace(found, changed));
        let refused = refusal(&outcome).map(|rejection| rejection.reason().name());
        assert_eq!(refused, Some(*reason), "{example}: {found} -> {changed}");
    }
}

#[test]
fn an_algorithm_that_the_provider_does_not_sign_with_is_refused() {
    for case in CASES {
        let other = match case.header.contains("ES256") {
            true => case.header.replace("ES256", "RS256"),
            false => case.header.replace("RS256", "ES256"),
        };
        let outcome = judged(case, &other, case.claims);
        let refused = refusal(&outcome).map(|rejection| rejection.reason().name());
        assert_eq!(refused, Some("algorithm_not_allowed"), "{}", case.example);
    }
}
