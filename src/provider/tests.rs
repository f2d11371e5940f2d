//! What holds for every provider.

use proptest::prelude::*;

use super::testing::{claims, judge, with};
use super::*;

const GUID: &str = "9122040d-6c67-4c5b-b112-36a304b66dad";
const CLIENT: &str = "6cb04018-a3f5-46a7-b995-940c78f5aef3";

fn oidc(issuer: &str) -> Profile {
    oidc::profile(oidc::Settings {
        issuer: issuer.to_owned(),
    })
    .unwrap()
}

/// Every provider with a token of its own that it accepts for the audience [`CLIENT`].
fn every_provider() -> Vec<(Profile, String)> {
    let token = |iss: &str, more: &str| {
        format!("{{\"iss\":\"{iss}\",\"sub\":\"s\",\"aud\":\"{CLIENT}\"{more}}}")
    };
    let cognito = |token_use| {
        cognito::profile(cognito::Settings {
            region: None,
            user_pool_id: "us-east-1_example".to_owned(),
            client_ids: vec![CLIENT.to_owned()],
            token_use: vec![token_use],
        })
        .unwrap()
    };
    let pool = "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_example";
    vec![
        (
            oidc("https://id.example.com"),
            token("https://id.example.com", ""),
        ),
        (
            cognito(cognito::TokenUse::Id),
            token(pool, ",\"token_use\":\"id\""),
        ),
        (
            cognito(cognito::TokenUse::Access),
            token(
                pool,
                &format!(",\"token_use\":\"access\",\"client_id\":\"{CLIENT}\""),
            ),
        ),
        (
            auth0::profile(auth0::Settings {
                domains: vec!["example.eu.auth0.com".to_owned()],
                organization: None,
            })
            .unwrap(),
            token("https://example.eu.auth0.com/", ""),
        ),
        (
            entra::profile(entra::Settings {
                cloud: entra::Cloud::Global,
                tenant: GUID.to_owned(),
                allowed_tenants: vec![],
                any_tenant: false,
                versions: vec![],
                groups_overage: entra::GroupsOverage::Flag,
            })
            .unwrap(),
            token(
                &format!("https://login.microsoftonline.com/{GUID}/v2.0"),
                &format!(",\"tid\":\"{GUID}\",\"ver\":\"2.0\""),
            ),
        ),
        (
            wso2::profile(wso2::Settings {
                url: "https://is.example.com:9443".to_owned(),
                tenant: None,
            })
            .unwrap(),
            token("https://is.example.com:9443/oauth2/token", ""),
        ),
    ]
    .into_iter()
    .chain(more_providers(&token))
    .collect()
}

fn more_providers(token: &dyn Fn(&str, &str) -> String) -> Vec<(Profile, String)> {
    let text = str::to_owned;
    vec![
        (
            okta::profile(okta::Settings {
                domain: text("example.okta.com"),
                authorization_server: Some(text("default")),
                clients: vec![],
            })
            .unwrap(),
            token("https://example.okta.com/oauth2/default", ""),
        ),
        (
            google::profile(google::Settings {
                hosted_domains: vec![],
            })
            .unwrap(),
            token("https://accounts.google.com", ""),
        ),
        (
            apple::profile().unwrap(),
            token("https://appleid.apple.com", ""),
        ),
        (
            keycloak::profile(keycloak::Settings {
                url: text("https://sso.example.com"),
                realm: text("main"),
                clients: vec![],
                role_client: None,
            })
            .unwrap(),
            token("https://sso.example.com/realms/main", ",\"typ\":\"Bearer\""),
        ),
        (
            entra::external_id::profile(entra::external_id::Settings {
                tenant: GUID.to_owned(),
                domain: text("contoso.ciamlogin.com"),
            })
            .unwrap(),
            token(
                &format!("https://{GUID}.ciamlogin.com/{GUID}/v2.0"),
                &format!(",\"tid\":\"{GUID}\",\"ver\":\"2.0\""),
            ),
        ),
        (
            entra::b2c::profile(entra::b2c::Settings {
                domain: text("contoso.b2clogin.com"),
                tenant: GUID.to_owned(),
                directory: None,
                policies: vec![text("b2c_1_in")],
                issuer_style: entra::b2c::IssuerStyle::Tenant,
            })
            .unwrap(),
            token(
                &format!("https://contoso.b2clogin.com/{GUID}/v2.0/"),
                ",\"tfp\":\"b2c_1_in\"",
            ),
        ),
        (
            cloudflare_access::profile(cloudflare_access::Settings {
                team: text("team"),
                audiences: vec!["0".repeat(64)],
                service_tokens: vec![],
            })
            .unwrap(),
            token("https://team.cloudflareaccess.com", ",\"type\":\"app\""),
        ),
        (
            google_iap::profile(google_iap::Settings {
                audiences: vec![text("/projects/1/apps/a")],
            })
            .unwrap(),
            token("https://cloud.google.com/iap", ""),
        ),
        (
            github_actions::profile(github_actions::Settings {
                host: text(github_actions::DEFAULT_HOST),
                enterprise: None,
                owners: vec![text("octo-org")],
                owner_ids: vec![],
                repositories: vec![],
                repository_ids: vec![],
                subjects: vec![],
            })
            .unwrap(),
            token(
                "https://token.actions.githubusercontent.com",
                ",\"repository_owner\":\"octo-org\"",
            ),
        ),
        (
            gitlab_ci::profile(gitlab_ci::Settings {
                url: text(gitlab_ci::DEFAULT_URL),
                projects: vec![],
                project_ids: vec![],
                namespaces: vec![text("group")],
                namespace_ids: vec![],
                subjects: vec![],
                protected_refs_only: false,
            })
            .unwrap(),
            token("https://gitlab.com", ",\"namespace_path\":\"group\""),
        ),
    ]
}

/// Providers whose tokens are told by more than `iss` and `aud`, each with its own tests beside its rule.
fn special_providers() -> Vec<Profile> {
    let firebase = firebase::profile(firebase::Settings {
        project: "my-app".to_owned(),
        credentials: Vec::new(),
    });
    let kubernetes = kubernetes::profile(kubernetes::Settings {
        issuer: "https://kubernetes.default.svc".to_owned(),
        namespaces: Vec::new(),
        service_accounts: Vec::new(),
    });
    let alb = alb::profile(alb::Settings {
        issuer: "https://login.example.com".to_owned(),
        signers: vec![
            "arn:aws:elasticloadbalancing:eu-west-1:123456789012:loadbalancer/app/a/1".to_owned(),
        ],
        client_ids: vec![CLIENT.to_owned()],
    });
    let spiffe = spiffe::profile(spiffe::Settings {
        trust_domain: "prod.example.com".to_owned(),
        issuer: None,
        audiences: vec![CLIENT.to_owned()],
        spiffe_ids: Vec::new(),
    });
    vec![
        firebase.unwrap(),
        kubernetes.unwrap(),
        alb.unwrap(),
        spiffe.unwrap(),
    ]
}

#[test]
fn j01_j02_j13_no_special_preset_allows_more_than_its_provider_signs() {
    for profile in special_providers() {
        assert!(!profile.algorithms.is_empty());
        assert!(profile.algorithms.iter().all(|a| !a.is_symmetric()));
        for typ in ["logout+jwt", "dpop+jwt", "secevent+jwt", "JWS", "jwt2"] {
            assert!(!profile.token_types.contains(&typ), "{typ}");
        }
    }
}

#[test]
fn j17_only_a_load_balancer_may_pad() {
    let usual = every_provider().into_iter().map(|(profile, _)| profile);
    for profile in usual.chain(special_providers()) {
        let padded = profile.spelling == Spelling::Padded;
        assert_eq!(
            padded,
            profile.kind == ProviderKind::Alb,
            "{:?}",
            profile.kind
        );
    }
}

#[test]
fn each_provider_accepts_its_own_token() {
    let mut kinds = Vec::new();
    for (profile, token) in every_provider() {
        let verdict = judge(&profile, Some(&[CLIENT]), &token);
        assert!(matches!(verdict, Some(Ok(_))), "{profile:?}: {verdict:?}");
        kinds.push(profile.kind.name());
    }
    kinds.dedup();
    kinds.extend(
        special_providers()
            .iter()
            .map(|profile| profile.kind.name()),
    );
    assert_eq!(kinds, ProviderKind::NAMES);
}

#[test]
fn no_preset_allows_a_shared_secret_by_default() {
    for (profile, _) in every_provider() {
        assert!(!profile.algorithms.is_empty());
        assert!(profile.algorithms.iter().all(|a| !a.is_symmetric()));
        assert_eq!(profile.token_types, ["JWT", "at+jwt"]);
    }
}

#[test]
fn j13_no_preset_accepts_a_logout_token_or_a_proof_by_default() {
    for (profile, _) in every_provider() {
        for typ in ["logout+jwt", "dpop+jwt", "secevent+jwt", "JWS", "jwt2"] {
            assert!(!profile.token_types.contains(&typ), "{typ}");
        }
    }
}

#[test]
fn j27_another_spelling_of_the_issuer_is_another_issuer() {
    for (profile, token) in every_provider() {
        let claims = claims(&token);
        let iss = claims.get("iss").and_then(Json::as_str).unwrap();
        assert!(profile.form(iss).is_some(), "{iss}");
        let mut others = vec![
            format!("{iss}/"),
            format!("{iss}//"),
            iss.to_ascii_uppercase(),
            iss.replace("https://", "http://"),
            iss.replace("https://", "HTTPS://"),
            iss.replace(".com", ".com:443"),
            iss.replace(".com", ".com."),
            iss.replace(".com", ".com.attacker.example"),
            iss.replace("https://", "https://attacker.example/"),
            format!("{iss}?"),
            format!("{iss}#"),
            format!(" {iss}"),
            format!("{iss}\u{0}"),
            format!("{iss}.attacker.example"),
            iss[..iss.len() - 1].to_owned(),
            String::new(),
        ];
        others.push(iss.trim_end_matches('/').to_owned());
        for other in others.iter().filter(|other| *other != iss) {
            assert_eq!(profile.form(other), None, "{other:?} is not {iss:?}");
        }
    }
}

#[test]
fn j27_the_issuer_of_one_provider_is_no_form_of_another() {
    let all = every_provider();
    for (at, (profile, _)) in all.iter().enumerate() {
        for (other, (foreign, token)) in all.iter().enumerate() {
            if profile.kind != foreign.kind {
                assert_eq!(judge(profile, None, token), None, "{at} {other}");
            }
        }
    }
}

/// (shape, whether one of the audiences `api` and `https://api.example.com` is in it)
const J28_GOOD_TYPES: [(&str, bool); 9] = [
    (r#""api""#, true),
    (r#""https:\/\/api.example.com""#, true),
    (r#"["x","api"]"#, true),
    (r#"[]"#, false),
    (r#""""#, false),
    (r#""api,other""#, false),
    (r#""api other""#, false),
    (r#""API""#, false),
    (r#"["ap","apis"," api","https://api.example.com/"]"#, false),
];
const J28_WRONG_TYPES: [&str; 9] = [
    "null",
    "1",
    "true",
    "{}",
    r#"{"api":"api"}"#,
    r#"["api",1]"#,
    r#"["api",null]"#,
    r#"[["api"]]"#,
    r#"[{"aud":"api"}]"#,
];

#[test]
fn j28_aud_is_a_string_or_an_array_of_strings_with_an_exact_match_of_any() {
    const AUDIENCES: Option<&[&str]> = Some(&["api", "https://api.example.com"]);
    let expected = Refusal::AudienceMismatch {
        found: None,
        expected: "api, https://api.example.com".to_owned(),
    };
    for (profile, token) in every_provider() {
        if profile.kind == ProviderKind::Cognito {
            continue;
        }
        for (shape, ours) in J28_GOOD_TYPES {
            let verdict = judge(&profile, AUDIENCES, &with(&token, "aud", Some(shape))).unwrap();
            match ours {
                true => assert!(verdict.is_ok(), "{shape}: {verdict:?}"),
                false => assert_eq!(verdict, Err(expected.clone()), "{shape}"),
            }
        }
        let absent = judge(&profile, AUDIENCES, &with(&token, "aud", None));
        assert_eq!(absent, Some(Err(expected.clone())));
    }
}

#[test]
fn j28_aud_of_a_wrong_type_is_malformed_for_every_provider_even_with_any_audience() {
    for (profile, token) in every_provider() {
        for shape in J28_WRONG_TYPES {
            for audiences in [None, Some(["api"].as_slice())] {
                let verdict = judge(&profile, audiences, &with(&token, "aud", Some(shape)));
                assert!(
                    matches!(verdict, Some(Err(Refusal::Malformed(_)))),
                    "{:?} {shape}: {verdict:?}",
                    profile.kind
                );
            }
        }
    }
}

#[test]
fn j28_any_audience_accepts_any_audience_and_none() {
    let (profile, token) = (
        oidc("https://id.example.com"),
        r#"{"iss":"https://id.example.com"}"#,
    );
    for aud in [None, Some(r#""x""#), Some("[]"), Some(r#"["x","y"]"#)] {
        assert!(
            judge(&profile, None, &with(token, "aud", aud))
                .unwrap()
                .is_ok()
        );
    }
}

#[test]
fn only_entra_gives_a_key_issuer_a_meaning() {
    for (profile, token) in every_provider() {
        let refused = !testing::accepts_key(&profile, Some("https://other.example"), &token);
        let entra = [ProviderKind::Entra, ProviderKind::EntraExternalId];
        assert_eq!(refused, entra.contains(&profile.kind));
        assert!(testing::accepts_key(&profile, None, &token));
    }
}

#[test]
fn an_exact_form_goes_before_a_template() {
    let mut profile = oidc("https://sts.windows.net/9122040d-6c67-4c5b-b112-36a304b66dad/");
    let template = IssuerForm {
        pattern: IssuerPattern::Tenant("https://sts.windows.net/{tenantid}/".to_owned()),
        keys: KeyDocument::Jwks {
            url: "https://keys.example".to_owned(),
        },
    };
    profile.forms.insert(0, template);
    assert_eq!(
        profile.form("https://sts.windows.net/9122040d-6c67-4c5b-b112-36a304b66dad/"),
        Some(1)
    );
    assert_eq!(
        profile.form("https://sts.windows.net/9188040d-6c67-4c5b-b112-36a304b66dad/"),
        Some(0)
    );
}

#[test]
fn the_first_present_alternative_counts_and_null_is_absent() {
    let claims = claims(
        r#"{"a":null,"realm_access":{"roles":["x"]},"realm_access.roles":"flat","b":"","c":1}"#,
    );
    let find = |paths: &[&[&'static str]]| {
        let paths: Vec<_> = paths.iter().map(|names| claim_path(names)).collect();
        first_claim(&claims, &paths).cloned()
    };
    let text = |text: &str| Some(Json::String(text.into()));
    assert_eq!(find(&[&["a"], &["b"]]), text(""));
    assert_eq!(find(&[&["missing"], &["realm_access.roles"]]), text("flat"));
    assert_eq!(
        find(&[&["realm_access", "roles"]]),
        Some(Json::Array(Box::new([Json::String("x".into())])))
    );
    assert_eq!(find(&[&["c", "roles"], &["realm_access", "x"]]), None);
    assert_eq!(find(&[&[]]), None);
    assert_eq!(find(&[]), None);
}

#[test]
fn the_address_is_verified_only_by_true_or_the_string_true() {
    for (value, verified) in [
        ("true", true),
        (r#""true""#, true),
        ("false", false),
        (r#""false""#, false),
        (r#""True""#, false),
        ("1", false),
        ("null", false),
        (r#"["true"]"#, false),
    ] {
        for (profile, token) in every_provider() {
            let says_it_otherwise = [
                ProviderKind::Entra,
                ProviderKind::EntraExternalId,
                ProviderKind::CloudflareAccess,
                ProviderKind::GoogleIap,
                // Runs and jobs have no address.
                ProviderKind::GithubActions,
                ProviderKind::GitlabCi,
            ];
            if !says_it_otherwise.contains(&profile.kind) {
                let token = with(&token, "email_verified", Some(value));
                let findings = judge(&profile, Some(&[CLIENT]), &token).unwrap().unwrap();
                assert_eq!(findings.email_verified, verified, "{value}");
            }
        }
    }
}

proptest! {
    #[test]
    fn only_the_very_audience_matches(found in "[a-z/:.]{0,4}|api|.{0,8}", wanted in "api|[a-z/:.]{1,4}") {
        prop_assert_eq!(audience::is_exactly(&found, &wanted), found == wanted);
        // Entra's further spellings are for GUIDs only.
        prop_assert_eq!(entra::is_audience(&found, &wanted), found == wanted);
    }

    #[test]
    fn a_template_has_exactly_one_guid_in_lower_case(middle in "[0-9a-fA-F-]{36}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|.{0,40}") {
        let pattern = IssuerPattern::Tenant("https://login.microsoftonline.com/{tenantid}/v2.0".to_owned());
        let iss = format!("https://login.microsoftonline.com/{middle}/v2.0");
        prop_assert_eq!(pattern.matches(&iss), guid::is_lower_case(&middle));
    }
}
