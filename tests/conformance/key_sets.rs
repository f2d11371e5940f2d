//! Key set documents that real issuers have served.

use std::path::Path;

use serde_json::Value;

use crate::judge::{judge, reasons};
use crate::vectors::{self, Tally};
use claimgate::jose::jwk::{self, KeyPolicy, ReadKeys, SkipReason};

#[test]
fn key_sets_of_real_issuers_are_read_and_odd_keys_skipped_alone() {
    let Some(folder) = vectors::folder() else {
        return;
    };
    use SkipReason::{PrivateKey, UnknownAlgorithm, UnknownCurve, WeakKey};
    let expected: &[(&str, usize, &[SkipReason])] = &[
        ("wellknown/apple.jwks.json", 3, &[]),
        ("wellknown/battle-net.jwks.json", 2, &[]),
        ("wellknown/entra-common.jwks.json", 7, &[]),
        ("wellknown/entra-organizations.jwks.json", 6, &[]),
        ("wellknown/gitlab.jwks.json", 2, &[]),
        ("wellknown/google.jwks.json", 2, &[]),
        ("wellknown/paypal.jwks.json", 14, &[UnknownCurve]),
        ("wellknown/slack.jwks.json", 1, &[]),
        // Three keys of 1024 bits.
        ("wellknown/yahoo.jwks.json", 1, &[WeakKey, WeakKey, WeakKey]),
        ("entra-real/AADCommonV1KeySetJson.jwks.json", 3, &[]),
        ("entra-real/AADCommonV2KeySetJson.jwks.json", 5, &[]),
        // `alg: SHA256`; `key_ops: [signing]` on the first one says nothing.
        (
            "entra-real/aad-2014.jwks.json",
            0,
            &[UnknownAlgorithm, UnknownAlgorithm],
        ),
        ("entra-samples/jwks-aad-2018-09.json", 3, &[]),
        ("entra-samples/jwks-msa-consumers-2016.json", 1, &[]),
        (
            "wso2/wso2carbon-default.jwks.json",
            0,
            &[SkipReason::PublicDefaultKey, WeakKey],
        ),
        ("wso2/jwks-2010.json", 0, &[WeakKey]),
        ("wso2/wso2carbon-2017-private.jwks.json", 0, &[PrivateKey]),
    ];
    let mut tally = Tally::default();
    for (name, keys, skipped) in expected {
        let found = read(&folder, name, &KeyPolicy::default());
        tally.check(
            found.keys.len() == *keys && reasons(&found) == *skipped,
            || format!("{name}: {found:?}"),
        );
    }
    tally.finish("key sets of real issuers", expected.len());
}

#[test]
fn every_key_set_that_was_ever_served_is_read() {
    let Some(folder) = vectors::folder() else {
        return;
    };
    for name in ["rotation-google.json", "rotation-entra-organizations.json"] {
        let document = vectors::json(&folder, &format!("wellknown/{name}"));
        let versions = document["versions"].as_array().unwrap();
        let mut tally = Tally::default();
        for version in versions {
            let read = jwk::read_set(
                version["jwks"].to_string().as_bytes(),
                &KeyPolicy::default(),
            );
            let kids = version["kids"].as_array().unwrap().len();
            tally.check(
                read.as_ref()
                    .is_ok_and(|r| r.keys.len() == kids && r.skipped.is_empty()),
                || format!("{}: {read:?}", version["date"]),
            );
        }
        tally.finish(name, versions.len());
        assert!(versions.len() > 10);
    }
}

#[test]
fn entra_v2_keys_keep_their_issuer() {
    let Some(folder) = vectors::folder() else {
        return;
    };
    let set = read(
        &folder,
        "entra-real/AADCommonV2KeySetJson.jwks.json",
        &KeyPolicy::default(),
    );
    assert!(set.keys.iter().all(|k| {
        k.issuer
            .as_deref()
            .is_some_and(|i| i.starts_with("https://"))
    }));
    assert!(set.keys.iter().all(|k| k.x5t.is_some()));
}

#[test]
fn entra_tokens_of_2014_verify_once_the_impossible_alg_is_gone() {
    let Some(folder) = vectors::folder() else {
        return;
    };
    let mut document = vectors::json(&folder, "entra-real/aad-2014.jwks.json");
    for key in document["keys"].as_array_mut().unwrap() {
        let key = key.as_object_mut().unwrap();
        key.remove("alg");
    }
    let set = jwk::read_set(document.to_string().as_bytes(), &KeyPolicy::default()).unwrap();
    let tokens = vectors::json(&folder, "entra-real/aad-2014-tokens.json");
    let accepted = strings(&tokens)
        .filter(|text| judge(text, &set.keys).is_ok())
        .count();
    assert!(accepted >= 1);
    println!("entra tokens of 2014: {accepted} verify");
}

#[test]
fn microsofts_printed_tokens_do_not_verify() {
    let Some(folder) = vectors::folder() else {
        return;
    };
    for (token, keys) in [
        ("v1.0-id_token.jwt", "jwks-aad-2018-09.json"),
        ("v2.0-id_token.jwt", "jwks-msa-consumers-2016.json"),
    ] {
        let token = std::fs::read_to_string(folder.join("entra-samples").join(token)).unwrap();
        let set = read(
            &folder,
            &format!("entra-samples/{keys}"),
            &KeyPolicy::default(),
        );
        assert!(judge(token.trim(), &set.keys).is_err());
    }
}

#[test]
fn wso2_tokens_verify_only_when_public_default_keys_are_allowed() {
    let Some(folder) = vectors::folder() else {
        return;
    };
    let name = "wso2/wso2carbon-default.jwks.json";
    let tests = vectors::json(&folder, "wso2/is-tests-verified.json");
    let tokens: Vec<&str> = strings(&tests)
        .filter(|t| t.matches('.').count() == 2 && t.starts_with("eyJ"))
        .collect();
    assert_eq!(tokens.len(), 6);
    let closed = read(&folder, name, &KeyPolicy::default());
    assert!(tokens.iter().all(|t| judge(t, &closed.keys).is_err()));
    let open = KeyPolicy {
        allow_public_default_key: true,
        ..KeyPolicy::default()
    };
    let open = read(&folder, name, &open);
    // The two others are under the key of 1024 bits, which no setting allows.
    assert_eq!(reasons(&open), [SkipReason::WeakKey]);
    let accepted = tokens.iter().filter(|t| judge(t, &open.keys).is_ok());
    println!("wso2: {} of 6 tokens verify", accepted.clone().count());
    assert_eq!(accepted.count(), 4);
}

fn read(folder: &Path, name: &str, policy: &KeyPolicy) -> ReadKeys {
    let text = std::fs::read(folder.join(name)).unwrap_or_else(|e| panic!("{name}: {e}"));
    jwk::read_set(&text, policy).unwrap_or_else(|e| panic!("{name}: {e:?}"))
}

/// Every string in a document.
fn strings(value: &Value) -> Box<dyn Iterator<Item = &str> + '_> {
    match value {
        Value::String(text) => Box::new(std::iter::once(&**text)),
        Value::Array(values) => Box::new(values.iter().flat_map(strings)),
        Value::Object(members) => Box::new(members.values().flat_map(strings)),
        _ => Box::new(std::iter::empty()),
    }
}
