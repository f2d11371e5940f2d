//! Settings become issuers and documents.

use super::*;

#[test]
fn a_tenant_has_two_issuers_each_with_its_own_document() {
    let profile = fixed();
    assert_eq!(
        documents(&profile),
        [
            (
                "https://login.microsoftonline.com/9122040d-6c67-4c5b-b112-36a304b66dad/.well-known/openid-configuration",
                "https://sts.windows.net/9122040d-6c67-4c5b-b112-36a304b66dad/"
            ),
            (
                "https://login.microsoftonline.com/9122040d-6c67-4c5b-b112-36a304b66dad/v2.0/.well-known/openid-configuration",
                "https://login.microsoftonline.com/9122040d-6c67-4c5b-b112-36a304b66dad/v2.0"
            ),
        ]
    );
    assert!(judged(&profile, &v1(TENANT)).is_ok());
    assert!(judged(&profile, &v2(TENANT)).is_ok());
    assert_eq!(judge(&profile, None, &v2(OTHER)), None);
    assert_eq!(profile.retention, Duration::from_secs(86_400));
}

#[test]
fn only_the_configured_version_has_a_form() {
    for (version, good, bad) in [
        (Version::V1, v1(TENANT), v2(TENANT)),
        (Version::V2, v2(TENANT), v1(TENANT)),
    ] {
        let profile = profile(Settings {
            versions: vec![version, version],
            ..settings(TENANT)
        })
        .unwrap();
        assert_eq!(profile.forms.len(), 1);
        assert!(judged(&profile, &good).is_ok());
        assert_eq!(judge(&profile, None, &bad), None);
    }
}

#[test]
fn the_documents_of_common_and_organizations_say_the_template() {
    for name in ["common", "organizations"] {
        let profile = multi(name, &[TENANT]);
        let v1 =
            format!("https://login.microsoftonline.com/{name}/.well-known/openid-configuration");
        let v2 = format!(
            "https://login.microsoftonline.com/{name}/v2.0/.well-known/openid-configuration"
        );
        assert_eq!(
            documents(&profile),
            [
                (v1.as_str(), "https://sts.windows.net/{tenantid}/"),
                (
                    v2.as_str(),
                    "https://login.microsoftonline.com/{tenantid}/v2.0"
                ),
            ]
        );
    }
}

#[test]
fn consumers_is_the_tenant_of_personal_accounts_with_v2_tokens_only() {
    for name in [
        "consumers",
        CONSUMERS_TENANT,
        "9188040D-6C67-4C5B-B112-36A304B66DAD",
    ] {
        let profile = profile(Settings {
            versions: DEFAULT_VERSIONS.to_vec(),
            ..settings(name)
        })
        .unwrap();
        assert_eq!(
            documents(&profile),
            [(
                "https://login.microsoftonline.com/consumers/v2.0/.well-known/openid-configuration",
                "https://login.microsoftonline.com/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0"
            )]
        );
        assert!(judged(&profile, &v2(CONSUMERS_TENANT)).is_ok());
        assert_eq!(judge(&profile, None, &v2(TENANT)), None);
    }
}

#[test]
fn a_tenant_in_upper_case_is_the_same_tenant() {
    let profile = profile(settings(&TENANT.to_ascii_uppercase())).unwrap();
    assert!(judged(&profile, &v2(TENANT)).is_ok());
    let profile = multi("organizations", &[&TENANT.to_ascii_uppercase()]);
    assert!(judged(&profile, &v2(TENANT)).is_ok());
}

#[test]
fn settings_that_cannot_be_are_refused_with_a_hint() {
    let many = |allowed: &[&str], any_tenant, tenant: &str| Settings {
        allowed_tenants: allowed.iter().map(|t| (*t).to_owned()).collect(),
        any_tenant,
        ..settings(tenant)
    };
    let old_consumers = Settings {
        versions: vec![Version::V1],
        ..settings("consumers")
    };
    for (settings, fields) in [
        (settings(""), &["tenant"][..]),
        (settings("contoso.onmicrosoft.com"), &["tenant"]),
        (settings("Common"), &["tenant"]),
        (settings("common"), &["allowed_tenants"]),
        (settings("organizations"), &["allowed_tenants"]),
        (many(&[TENANT], true, "common"), &["any_tenant"]),
        (
            many(&["contoso.com", "*"], false, "common"),
            &["allowed_tenants", "allowed_tenants"],
        ),
        (many(&[], true, TENANT), &["any_tenant"]),
        (many(&[OTHER], false, TENANT), &["allowed_tenants"]),
        (
            many(&[CONSUMERS_TENANT], false, "organizations"),
            &["allowed_tenants"],
        ),
        (old_consumers, &["versions"]),
    ] {
        let tenant = settings.tenant.clone();
        let problems = profile(settings).unwrap_err();
        let found: Vec<_> = problems.iter().map(|problem| problem.field).collect();
        assert_eq!(found, fields, "{tenant}");
        assert!(problems.iter().all(|problem| problem.hint.is_some()));
    }
    assert!(profile(many(&[TENANT], false, TENANT)).is_ok());
}
