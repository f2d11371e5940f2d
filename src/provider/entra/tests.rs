use super::*;
use crate::jose::json::Json;
use crate::provider::testing::{self, claims, judge, with};
use crate::provider::{Findings, Refusal, first_claim};

mod clouds;
mod settings_to_forms;

const TENANT: &str = "9122040d-6c67-4c5b-b112-36a304b66dad";
const OTHER: &str = "add29489-7269-41f4-8841-b63c95564420";
const CLIENT: &str = "6cb04018-a3f5-46a7-b995-940c78f5aef3";

/// The shape of a v2.0 ID token.
fn v2(tenant: &str) -> String {
    format!(
        r#"{{"ver":"2.0","iss":"https:\/\/login.microsoftonline.com\/{tenant}\/v2.0","sub":"AAAAAAAAAAAAAAAAAAAAAIkzqFVrSaSaFHy782bbtaQ",
        "aud":"{CLIENT}","exp":1536361411,"iat":1536274711,"nbf":1536274711,"name":"Abe Lincoln","preferred_username":"AbeLi@microsoft.com",
        "oid":"00000000-0000-0000-66f3-3332eca7ea81","tid":"{tenant}","email":"abe@example.com"}}"#
    )
}

/// The shape of a v1.0 token of 2014.
fn v1(tenant: &str) -> String {
    format!(
        r#"{{"aud":"{CLIENT}","iss":"https://sts.windows.net/{tenant}/","iat":1419268520,"nbf":1419268520,"exp":1419272420,"ver":"1.0",
        "tid":"{tenant}","amr":["pwd"],"oid":"80027964-cd70-4f2c-9700-2c1a6db56ef6","upn":"bob@cyrano.onmicrosoft.com",
        "unique_name":"bob@cyrano.onmicrosoft.com","sub":"h2xzYW3mgTZfZwpwOWxA1Yp2tjoWsFq9iFkP1N2QRwk","pwd_exp":"534502"}}"#
    )
}

fn settings(tenant: &str) -> Settings {
    Settings {
        cloud: Cloud::Global,
        tenant: tenant.to_owned(),
        allowed_tenants: vec![],
        any_tenant: false,
        versions: vec![],
        groups_overage: GroupsOverage::Flag,
    }
}

fn multi(tenant: &str, allowed: &[&str]) -> Profile {
    profile(Settings {
        allowed_tenants: allowed.iter().map(|t| (*t).to_owned()).collect(),
        any_tenant: allowed.is_empty(),
        ..settings(tenant)
    })
    .unwrap()
}

fn fixed() -> Profile {
    profile(settings(TENANT)).unwrap()
}

fn judged(profile: &Profile, text: &str) -> Result<Findings, Refusal> {
    judge(profile, Some(&[CLIENT]), text).expect("no form has this `iss`")
}

fn documents(profile: &Profile) -> Vec<(&str, &str)> {
    profile
        .forms
        .iter()
        .map(|form| match &form.keys {
            KeyDocument::Discovery { url, issuer } => (url.as_str(), issuer.as_str()),
            _ => panic!("not discovered"),
        })
        .collect()
}

mod tenants {
    use super::*;

    fn not_allowed(tenant: &str) -> Result<Findings, Refusal> {
        Err(Refusal::TenantNotAllowed {
            tenant: tenant.to_owned(),
        })
    }

    #[test]
    fn only_listed_tenants_come_in() {
        for name in ["common", "organizations"] {
            let profile = multi(name, &[TENANT]);
            for (good, bad) in [(v1(TENANT), v1(OTHER)), (v2(TENANT), v2(OTHER))] {
                assert!(judged(&profile, &good).is_ok());
                assert_eq!(judged(&profile, &bad), not_allowed(OTHER));
            }
        }
    }

    #[test]
    fn any_tenant_said_aloud_lets_every_tenant_in() {
        assert!(judged(&multi("common", &[]), &v2(OTHER)).is_ok());
        assert!(judged(&multi("common", &[]), &v2(CONSUMERS_TENANT)).is_ok());
        assert!(judged(&multi("organizations", &[]), &v2(OTHER)).is_ok());
    }

    #[test]
    fn organizations_leaves_personal_accounts_out_even_with_any_tenant() {
        let profile = multi("organizations", &[]);
        assert_eq!(
            judged(&profile, &v2(CONSUMERS_TENANT)),
            not_allowed(CONSUMERS_TENANT)
        );
    }

    #[test]
    fn tid_is_required_and_a_guid_in_lower_case() {
        let profile = multi("common", &[]);
        assert_eq!(
            judged(&profile, &with(&v2(TENANT), "tid", None)),
            Err(Refusal::ClaimMissing { claim: "tid" })
        );
        for shape in [
            r#""""#,
            r#""common""#,
            r#""{tenantid}""#,
            r#""9122040D-6C67-4C5B-B112-36A304B66DAD""#,
            r#""9122040d-6c67-4c5b-b112-36a304b66dad/""#,
            r#"["9122040d-6c67-4c5b-b112-36a304b66dad"]"#,
            "null",
            "1",
        ] {
            let verdict = judged(&profile, &with(&v2(TENANT), "tid", Some(shape)));
            assert!(
                matches!(verdict, Err(Refusal::ClaimMismatch { claim: "tid", .. })),
                "{shape}: {verdict:?}"
            );
        }
    }

    #[test]
    fn j27_iss_of_one_tenant_with_tid_of_another_is_refused() {
        let swapped = format!("\"{OTHER}\"");
        for profile in [
            fixed(),
            multi("common", &[]),
            multi("common", &[TENANT, OTHER]),
        ] {
            for text in [v1(TENANT), v2(TENANT)] {
                let verdict = judged(&profile, &with(&text, "tid", Some(&swapped)));
                assert!(
                    matches!(verdict, Err(Refusal::ClaimMismatch { claim: "tid", .. })),
                    "{verdict:?}"
                );
            }
        }
    }

    #[test]
    fn j27_the_template_itself_or_a_path_is_no_issuer() {
        let profile = multi("common", &[]);
        for iss in [
            "https://login.microsoftonline.com/{tenantid}/v2.0",
            "https://login.microsoftonline.com/common/v2.0",
            "https://login.microsoftonline.com//v2.0",
            "https://login.microsoftonline.com/9122040d-6c67-4c5b-b112-36a304b66dad/v2.0/",
            "https://login.microsoftonline.com/9122040D-6C67-4C5B-B112-36A304B66DAD/v2.0",
            "https://login.microsoftonline.com/x/9122040d-6c67-4c5b-b112-36a304b66dad/v2.0",
            "https://login.microsoftonline.com/9122040d-6c67-4c5b-b112-36a304b66dad/v1.1",
            "https://sts.windows.net/9122040d-6c67-4c5b-b112-36a304b66dad",
            "https://login.microsoftonline.us/9122040d-6c67-4c5b-b112-36a304b66dad/v2.0",
            "https://attacker.b2clogin.com/9122040d-6c67-4c5b-b112-36a304b66dad/v2.0/",
        ] {
            assert_eq!(profile.form(iss), None, "{iss}");
        }
    }

    #[test]
    fn a_claim_that_differs_from_tid_only_in_case_is_refused() {
        for name in ["TID", "Tid", "tId"] {
            let text = with(&v2(TENANT), name, Some(&format!("\"{TENANT}\"")));
            let verdict = judged(&fixed(), &text);
            assert!(matches!(verdict, Err(Refusal::Malformed(_))), "{verdict:?}");
        }
    }

    #[test]
    fn ver_must_be_the_version_of_the_form_of_iss() {
        for (text, swapped) in [(v1(TENANT), r#""2.0""#), (v2(TENANT), r#""1.0""#)] {
            assert_eq!(
                judged(&fixed(), &with(&text, "ver", None)),
                Err(Refusal::ClaimMissing { claim: "ver" })
            );
            for shape in [swapped, "2.0", "1", r#""2""#, r#""1.1""#, "null", "[]"] {
                let verdict = judged(&fixed(), &with(&text, "ver", Some(shape)));
                assert!(
                    matches!(verdict, Err(Refusal::ClaimMismatch { claim: "ver", .. })),
                    "{shape}: {verdict:?}"
                );
            }
        }
    }
}

mod signing_keys {
    use super::*;

    const TEMPLATE_V2: Option<&str> = Some("https://login.microsoftonline.com/{tenantid}/v2.0");
    const CONSUMERS_V2: Option<&str> =
        Some("https://login.microsoftonline.com/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0");

    #[test]
    fn a_templated_key_signs_for_every_tenant_of_its_version() {
        let profile = multi("common", &[]);
        assert!(testing::accepts_key(&profile, TEMPLATE_V2, &v2(TENANT)));
        assert!(testing::accepts_key(&profile, TEMPLATE_V2, &v2(OTHER)));
        assert!(!testing::accepts_key(&profile, TEMPLATE_V2, &v1(TENANT)));
    }

    #[test]
    fn j27_the_key_of_personal_accounts_signs_for_no_organization() {
        let profile = multi("common", &[]);
        assert!(testing::accepts_key(
            &profile,
            CONSUMERS_V2,
            &v2(CONSUMERS_TENANT)
        ));
        assert!(!testing::accepts_key(&profile, CONSUMERS_V2, &v2(TENANT)));
        assert!(!testing::accepts_key(
            &profile,
            CONSUMERS_V2,
            &v1(CONSUMERS_TENANT)
        ));
    }

    #[test]
    fn a_key_without_an_issuer_is_bound_by_its_document() {
        assert!(testing::accepts_key(&fixed(), None, &v1(TENANT)));
    }

    #[test]
    fn a_template_is_filled_with_tid_and_never_with_what_iss_says() {
        let profile = multi("common", &[]);
        let other = with(&v2(TENANT), "tid", Some(&format!("\"{OTHER}\"")));
        assert!(!testing::accepts_key(&profile, TEMPLATE_V2, &other));
        let none = with(&v2(TENANT), "tid", None);
        assert!(!testing::accepts_key(&profile, TEMPLATE_V2, &none));
        for key_issuer in [
            "",
            "{tenantid}",
            "https://login.microsoftonline.com/{tenantid}/v2.0/",
            "https://login.microsoftonline.com/{tenantid}/{tenantid}/v2.0",
            "https://login.microsoftonline.com/{TENANTID}/v2.0",
            "https://login.microsoftonline.us/{tenantid}/v2.0",
        ] {
            assert!(!testing::accepts_key(
                &profile,
                Some(key_issuer),
                &v2(TENANT)
            ));
        }
    }
}

mod audiences {
    use super::*;

    fn accepts(configured: &str, aud: &str) -> bool {
        let text = with(&v2(TENANT), "aud", Some(&format!("\"{aud}\"")));
        match judge(&fixed(), Some(&["another", configured]), &text).unwrap() {
            Ok(_) => true,
            Err(Refusal::AudienceMismatch { .. }) => false,
            Err(other) => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_configured_guid_is_met_plain_as_api_and_as_spn() {
        for aud in [
            CLIENT.to_owned(),
            format!("api://{CLIENT}"),
            format!("spn:{CLIENT}"),
        ] {
            assert!(accepts(CLIENT, &aud), "{aud}");
            assert!(accepts(&CLIENT.to_ascii_uppercase(), &aud), "{aud}");
        }
    }

    #[test]
    fn nothing_else_is_the_application() {
        for aud in [
            OTHER.to_owned(),
            format!("api://{OTHER}"),
            format!("api://{CLIENT}/"),
            format!("api://{CLIENT}/scope"),
            format!("api://spn:{CLIENT}"),
            format!("API://{CLIENT}"),
            format!("spn://{CLIENT}"),
            format!("https://{CLIENT}"),
            format!("{CLIENT} "),
            String::new(),
            "api://".to_owned(),
        ] {
            assert!(!accepts(CLIENT, &aud), "{aud}");
        }
    }

    #[test]
    fn another_configured_audience_is_itself_only() {
        let uri = format!("api://{CLIENT}");
        assert!(accepts(&uri, &uri));
        assert!(!accepts(&uri, CLIENT));
        assert!(accepts(
            "https://contoso.com/app",
            "https://contoso.com/app"
        ));
        assert!(!accepts(
            "https://contoso.com/app",
            "https://contoso.com/app/"
        ));
        assert!(!accepts("app", "api://app"));
    }
}

mod groups {
    use super::*;

    const OVERAGE: [(&str, &str); 6] = [
        ("_claim_names", r#"{"groups":"src1"}"#),
        ("_claim_names", r#""{\"groups\":\"src1\"}""#),
        ("hasgroups", "true"),
        ("hasgroups", r#""true""#),
        ("hasgroups", "1"),
        ("hasgroups", r#""True""#),
    ];

    #[test]
    fn left_out_groups_are_flagged() {
        for (name, value) in OVERAGE {
            let findings = judged(&fixed(), &with(&v2(TENANT), name, Some(value))).unwrap();
            assert!(findings.groups_overage, "{name} {value}");
        }
    }

    #[test]
    fn left_out_groups_are_denied_where_the_operator_says_so() {
        let profile = profile(Settings {
            groups_overage: GroupsOverage::Deny,
            ..settings(TENANT)
        })
        .unwrap();
        for (name, value) in OVERAGE {
            let verdict = judged(&profile, &with(&v2(TENANT), name, Some(value)));
            assert_eq!(verdict, Err(Refusal::GroupsOverage), "{name} {value}");
        }
        assert!(judged(&profile, &v2(TENANT)).is_ok());
    }

    #[test]
    fn other_claims_elsewhere_and_a_plain_no_are_no_overage() {
        for (name, value) in [
            ("_claim_names", r#"{"wids":"src1"}"#),
            ("_claim_names", "{}"),
            ("_claim_names", "null"),
            ("hasgroups", "false"),
            ("hasgroups", r#""false""#),
            ("groups", r#"["a"]"#),
        ] {
            let findings = judged(&fixed(), &with(&v2(TENANT), name, Some(value))).unwrap();
            assert!(!findings.groups_overage, "{name} {value}");
        }
    }
}

mod names {
    use super::*;

    #[test]
    fn the_address_is_vouched_for_by_one_organization_or_by_xms_edov() {
        assert!(judged(&fixed(), &v2(TENANT)).unwrap().email_verified);
        let consumers = profile(settings("consumers")).unwrap();
        for profile in [
            consumers,
            multi("common", &[]),
            multi("common", &[CONSUMERS_TENANT]),
        ] {
            let text = v2(CONSUMERS_TENANT);
            for (value, verified) in [
                (None, false),
                (Some("true"), true),
                (Some(r#""true""#), true),
                (Some("1"), true),
                (Some(r#""1""#), true),
                (Some("false"), false),
                (Some("0"), false),
                (Some(r#""yes""#), false),
                (Some("[true]"), false),
            ] {
                let findings = judged(&profile, &with(&text, "xms_edov", value)).unwrap();
                assert_eq!(findings.email_verified, verified, "{value:?}");
            }
            // Tenants write `email_verified` as they like.
            let claimed = with(&text, "email_verified", Some("true"));
            assert!(!judged(&profile, &claimed).unwrap().email_verified);
        }
    }

    #[test]
    fn both_versions_have_a_username_and_a_tenant() {
        let names = claim_names();
        for (text, username) in [
            (v1(TENANT), "bob@cyrano.onmicrosoft.com"),
            (v2(TENANT), "AbeLi@microsoft.com"),
        ] {
            let claims = claims(&text);
            let found = first_claim(&claims, &names.username).and_then(Json::as_str);
            assert_eq!(found, Some(username));
            let tenant = first_claim(&claims, &names.tenant).and_then(Json::as_str);
            assert_eq!(tenant, Some(TENANT));
        }
    }
}
