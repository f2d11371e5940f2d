//! The examples of RFC 7515 and RFC 8037, and the cookbook of RFC 7520.

use serde_json::Value;

use crate::judge::{self, Refusal};
use crate::vectors::{self, Tally};
use claimgate::jose::base64url;
use claimgate::jose::compact::NotCompactJws;
use claimgate::jose::header::BadHeader;

#[test]
fn rfc7515_appendix_a_verifies_and_nothing_unsigned_does() {
    let Some(folder) = vectors::folder() else {
        return;
    };
    let document = vectors::json(&folder, "rfc/rfc7515-7516-7517-7519-8037.json");
    let mut tally = Tally::default();
    let mut count = 0;
    for example in document["rfc7515"].as_array().unwrap() {
        let name = &example["name"];
        if let Some(json) = example.get("json") {
            count += 1;
            let judged = judge::judge(&json.to_string(), &[]);
            tally.check(
                matches!(judged, Err(Refusal::Compact(NotCompactJws::Malformed(_)))),
                || format!("{name}: {judged:?}"),
            );
            continue;
        }
        let token = example["jws"].as_str().unwrap();
        count += 1;
        match example["jwk"].as_object() {
            Some(_) => accepted_only_whole(&mut tally, name, token, &example["jwk"]),
            None => {
                let judged = judge::judge(token, &[]);
                tally.check(
                    matches!(
                        judged,
                        Err(Refusal::Compact(NotCompactJws::Unsigned)
                            | Refusal::Header(BadHeader::Critical { member: "crit", .. }))
                    ),
                    || format!("{name}: {judged:?}"),
                );
            }
        }
    }
    tally.finish("rfc7515 appendix A and E", count);
    assert!(count >= 7);
}

#[test]
fn rfc7520_cookbook_compact_signatures_verify() {
    let Some(folder) = vectors::folder() else {
        return;
    };
    let mut tally = Tally::default();
    let mut count = 0;
    for name in [
        "jws/4_1.rsa_v15_signature.json",
        "jws/4_2.rsa-pss_signature.json",
        "jws/4_3.ecdsa_signature.json",
        "jws/4_4.hmac-sha2_integrity_protection.json",
        "curve25519/jws.json",
    ] {
        let example = vectors::json(&folder, &format!("rfc/cookbook/{name}"));
        let token = example["output"]["compact"].as_str().unwrap();
        accepted_only_whole(
            &mut tally,
            &example["title"],
            token,
            &example["input"]["key"],
        );
        count += 1;
    }
    // Detached content has an empty payload in its compact form: the signature is over something else.
    let detached = vectors::json(
        &folder,
        "rfc/cookbook/jws/4_5.signature_with_detached_content.json",
    );
    let keys = judge::keys_of(&judge::public(&detached["input"]["key"]));
    let judged = judge::judge(detached["output"]["compact"].as_str().unwrap(), &keys.keys);
    tally.check(matches!(judged, Err(Refusal::BadSignature)), || {
        format!("detached: {judged:?}")
    });
    tally.finish("rfc7520 cookbook, compact", count + 1);
}

#[test]
fn j09_rfc7797_unencoded_payloads_are_refused() {
    let Some(folder) = vectors::folder() else {
        return;
    };
    let mut tally = Tally::default();
    for name in ["4.2.hmac-sha2_b64_false.json", "hmac-sha2_b64_false.json"] {
        let example = vectors::json(&folder, &format!("rfc/cookbook/rfc7797/{name}"));
        // One file's own encoding of the header is not JSON.
        let header = base64url::encode(example["signing"]["protected"].to_string().as_bytes());
        let signature = example["signing"]["sig"].as_str().unwrap();
        let keys = judge::keys_of(&example["input"]["key"]);
        for payload in ["", "JC4wMg"] {
            let judged = judge::judge(&format!("{header}.{payload}.{signature}"), &keys.keys);
            tally.check(
                matches!(judged, Err(Refusal::Header(BadHeader::Critical { .. }))),
                || format!("{name}: {judged:?}"),
            );
        }
    }
    tally.finish("rfc7797 cookbook", 4);
}

/// The token verifies under the public half of the key, and its document with the private half gives no key.
fn accepted_only_whole(tally: &mut Tally, name: &Value, token: &str, key: &Value) {
    let judged = judge::judge(token, &judge::keys_of(&judge::public(key)).keys);
    let leaked = judge::keys_of(key);
    let leak_is_refused = key["kty"] == "oct" || leaked.keys.is_empty();
    let truncated = judge::judge(
        &token[..token.len() - 4],
        &judge::keys_of(&judge::public(key)).keys,
    );
    tally.check(
        judged.is_ok() && leak_is_refused && truncated.is_err(),
        || format!("{name}: {judged:?}, {leaked:?}, {truncated:?}"),
    );
}
