//! Real tokens of real issuers with their real keys, from outside the tree, through the whole pipeline.

use std::path::Path;

use serde_json::Value;

use crate::jose::jwk::{self, KeyPolicy};
use crate::keys::KeySet;
use crate::provider::{entra, wso2};
use crate::public_vectors;
use crate::verify::testing::*;
use crate::verify::{NoLog, Verifier};

fn json(folder: &Path, name: &str) -> Value {
    serde_json::from_slice(&std::fs::read(folder.join(name)).unwrap()).unwrap()
}

fn keys_of(document: &Value) -> TestKeys {
    let policy = KeyPolicy {
        allow_public_default_key: true,
        ..KeyPolicy::default()
    };
    let read = jwk::read_set(document.to_string().as_bytes(), &policy).unwrap();
    let mut keys = TestKeys::default();
    keys.put(0, KeySet::fixed(read.keys, false));
    keys
}

fn entra_verifier(tenant: &str, audience: &str) -> Verifier {
    let profile = entra::profile(entra::Settings {
        cloud: entra::Cloud::Global,
        tenant: tenant.to_owned(),
        allowed_tenants: Vec::new(),
        any_tenant: false,
        versions: entra::Version::ALL.to_vec(),
        groups_overage: entra::GroupsOverage::Flag,
    })
    .unwrap();
    let mut issuer = issuer_of("staff", profile, &[0, 0]);
    issuer.audiences = Some(vec![audience.to_owned()]);
    verifier_of(vec![issuer])
}

fn judged(verifier: &Verifier, keys: &TestKeys, token: &str, now: i64) -> &'static str {
    verdict(&verifier.verify(token.trim().as_bytes(), at(now), keys, &mut NoLog))
}

#[test]
fn printed_entra_tokens_are_refused_for_the_right_reason() {
    let Some(folder) = public_vectors::folder() else {
        return;
    };
    for (name, keys, tenant, audience, issued, expected) in [
        (
            "v1.0-id_token.jwt",
            "jwks-aad-2018-09.json",
            "fa15d692-e9c7-4460-a743-29f2956fd429",
            "b14a7505-96e9-4927-91e8-0601d0fc9caa",
            1_536_275_124,
            "malformed_token",
        ),
        (
            "v2.0-id_token.jwt",
            "jwks-msa-consumers-2016.json",
            "9122040d-6c67-4c5b-b112-36a304b66dad",
            "6cb04018-a3f5-46a7-b995-940c78f5aef3",
            1_536_274_711,
            "bad_signature",
        ),
    ] {
        let keys = keys_of(&json(&folder, &format!("entra-samples/{keys}")));
        let token = std::fs::read_to_string(folder.join("entra-samples").join(name)).unwrap();
        let verifier = entra_verifier(tenant, audience);
        assert_eq!(
            judged(&verifier, &keys, &token, issued + 1),
            expected,
            "{name}"
        );
        // Without its padding it is well-formed, and still not what was signed.
        let unpadded = token.replace('=', "");
        assert_eq!(
            judged(&verifier, &keys, &unpadded, issued + 1),
            "bad_signature",
            "{name}"
        );
    }
}

#[test]
fn a_real_entra_token_is_allowed_in_its_time() {
    let Some(folder) = public_vectors::folder() else {
        return;
    };
    let mut document = json(&folder, "entra-real/aad-2014.jwks.json");
    for key in document["keys"].as_array_mut().unwrap() {
        // An impossible value, which skips a key: `SHA256`.
        key.as_object_mut().unwrap().remove("alg");
    }
    let keys = keys_of(&document);
    let tokens = json(&folder, "entra-real/aad-2014-tokens.json");
    let token = tokens["Cyrano"]["token"].as_str().unwrap();
    let tenant = "add29489-7269-41f4-8841-b63c95564420";
    let audience = "fe78e0b4-6fe7-47e6-812c-fb75cee266a4";
    let verifier = entra_verifier(tenant, audience);
    for (now, expected) in [
        (1_419_268_521, "ok"),
        (1_419_272_449, "ok"),
        (1_419_272_450, "token_expired"),
        (1_419_268_400, "token_not_yet_valid"),
        (NOW, "token_expired"),
    ] {
        assert_eq!(judged(&verifier, &keys, token, now), expected, "{now}");
    }
    let other = entra_verifier(tenant, "6cb04018-a3f5-46a7-b995-940c78f5aef3");
    assert_eq!(
        judged(&other, &keys, token, 1_419_268_521),
        "audience_mismatch"
    );
    let other = entra_verifier("9122040d-6c67-4c5b-b112-36a304b66dad", audience);
    assert_eq!(
        judged(&other, &keys, token, 1_419_268_521),
        "unknown_issuer"
    );
}

#[test]
fn real_wso2_tokens_are_allowed_in_their_time_but_for_those_under_a_weak_key() {
    let Some(folder) = public_vectors::folder() else {
        return;
    };
    let keys = keys_of(&json(&folder, "wso2/wso2carbon-default.jwks.json"));
    let tests = json(&folder, "wso2/is-tests-verified.json");
    let mut allowed = 0;
    for test in tests.as_array().unwrap() {
        let claims = &test["claims"];
        let iss = claims["iss"].as_str().unwrap();
        let audience = match &claims["aud"] {
            Value::Array(several) => several[0].as_str().unwrap(),
            one => one.as_str().unwrap(),
        };
        let profile = wso2::profile(wso2::Settings {
            url: iss.strip_suffix("/oauth2/token").unwrap().to_owned(),
            tenant: None,
        });
        let mut issuer = issuer_of("bank", profile.unwrap(), &[0]);
        issuer.audiences = Some(vec![audience.to_owned()]);
        let verifier = verifier_of(vec![issuer]);
        let issued = claims["iat"].as_i64().unwrap();
        let found = judged(
            &verifier,
            &keys,
            test["token"].as_str().unwrap(),
            issued + 1,
        );
        let file = test["file"].as_str().unwrap();
        let weak = file.starts_with("DCRMServiceTest")
            || file.starts_with("IntrospectionResponseBuilderTest");
        if weak {
            assert!(
                ["unknown_key", "bad_signature"].contains(&found),
                "{file}: {found}"
            );
        } else {
            assert_eq!(found, "ok", "{file}: {}", test["header"]);
            allowed += 1;
        }
    }
    assert_eq!(allowed, 4);
}
