//! The sovereign clouds.

use super::*;

fn of(cloud: Cloud) -> Profile {
    profile(Settings {
        cloud,
        ..settings(TENANT)
    })
    .unwrap()
}

#[test]
fn each_cloud_has_its_issuers_and_documents() {
    for (cloud, v1, login) in [
        (
            Cloud::Global,
            "https://sts.windows.net",
            "https://login.microsoftonline.com",
        ),
        (
            Cloud::UsGovernment,
            "https://sts.windows.net",
            "https://login.microsoftonline.us",
        ),
        (
            Cloud::China,
            "https://sts.chinacloudapi.cn",
            "https://login.partner.microsoftonline.cn",
        ),
    ] {
        assert_eq!(
            documents(&of(cloud)),
            [
                (
                    format!("{login}/{TENANT}/.well-known/openid-configuration").as_str(),
                    format!("{v1}/{TENANT}/").as_str()
                ),
                (
                    format!("{login}/{TENANT}/v2.0/.well-known/openid-configuration").as_str(),
                    format!("{login}/{TENANT}/v2.0").as_str()
                ),
            ]
        );
    }
}

#[test]
fn a_token_of_one_cloud_is_of_no_issuer_in_another() {
    let hosts = [
        "login.microsoftonline.com",
        "login.microsoftonline.us",
        "login.partner.microsoftonline.cn",
    ];
    for (cloud, host) in Cloud::ALL.into_iter().zip(hosts) {
        let own = v2(TENANT).replace("login.microsoftonline.com", host);
        for other in Cloud::ALL {
            let verdict = judge(&of(other), Some(&[CLIENT]), &own);
            assert_eq!(verdict.is_some(), cloud == other, "{cloud:?} {other:?}");
            assert!(verdict.is_none_or(|verdict| verdict.is_ok()));
        }
    }
}

#[test]
fn a_key_of_another_cloud_in_the_same_document_signs_nothing_here() {
    // A document of the global cloud has held keys of the one for the US government.
    let own = v2(TENANT).replace("microsoftonline.com", "microsoftonline.us");
    let profile = of(Cloud::UsGovernment);
    let global = Some("https://login.microsoftonline.com/{tenantid}/v2.0");
    let government = Some("https://login.microsoftonline.us/{tenantid}/v2.0");
    assert!(!testing::accepts_key(&profile, global, &own));
    assert!(testing::accepts_key(&profile, government, &own));
}

#[test]
fn the_preset_is_what_the_recorded_documents_say() {
    for name in ["common", "organizations"] {
        let profile = profile(Settings {
            any_tenant: true,
            versions: vec![Version::V2],
            ..settings(name)
        })
        .unwrap();
        testing::recorded::is_what_the_document_says(&format!("entra-{name}"), &profile);
    }
}
