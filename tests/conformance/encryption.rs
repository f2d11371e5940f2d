//! Encrypted tokens: C2SP Wycheproof, the examples of RFC 7516 and RFC 7519, the cookbook of RFC 7520. What is valid opens to its plaintext, but
//! for stricter rules that have a name; everything else is refused.

use claimgate::jose::base64url;
use claimgate::jose::compact;
use claimgate::jose::jwe::{
    BadHeader, NotOpened, NotSealed, Sealed,
    jwk::{self, ReadDecryptionKeys, Unusable},
};
use serde_json::{Value, json};

use crate::judge;
use crate::vectors::{self, Tally};

#[derive(Debug)]
enum Refusal {
    NotSealed(NotSealed),
    /// The reason of the only key, when it cannot be used at all.
    NoKey(Vec<Unusable>),
    NotOpened(NotOpened),
}

#[test]
fn j10_wycheproof_json_web_encryption() {
    run("wycheproof/json_web_encryption_test.json", 139);
}

#[test]
fn j10_wycheproof_json_web_crypto_encryption() {
    run("wycheproof/json_web_crypto_test.json", 34);
}

#[test]
fn rfc7516_and_rfc7519_examples_open_or_are_refused_by_a_named_rule() {
    let Some(folder) = vectors::folder() else {
        return;
    };
    let document = vectors::json(&folder, "rfc/rfc7515-7516-7517-7519-8037.json");
    let mut tally = Tally::default();
    for example in document["rfc7516"].as_array().unwrap() {
        let expected = example["plaintext_b64u"].as_str();
        let expected = expected.map(|text| base64url::decode(text).unwrap());
        let token = text_of(example.get("jwe").unwrap_or(&example["json"]));
        judge_case(
            &mut tally,
            &example["name"],
            &token,
            &example["jwk"],
            expected.as_deref(),
        );
    }
    for example in document["rfc7519"].as_array().unwrap() {
        // A.1 and A.2: both under RSA1_5, and its key is that of RFC 7516 A.2.
        let Some(token) = example["jwt"].as_str() else {
            continue;
        };
        if !compact::is_encrypted(token.as_bytes()) {
            continue;
        }
        let key = &document["rfc7516"][1]["jwk"];
        judge_case(&mut tally, &example["name"], token, key, Some(b""));
    }
    tally.finish("rfc7516 appendix A, rfc7519 appendix A", 7);
}

#[test]
fn rfc7520_cookbook_compact_encryption_opens_or_is_refused_by_a_named_rule() {
    let Some(folder) = vectors::folder() else {
        return;
    };
    let mut tally = Tally::default();
    let mut files: Vec<_> = std::fs::read_dir(folder.join("rfc/cookbook/jwe"))
        .unwrap()
        .map(|entry| format!("jwe/{}", entry.unwrap().file_name().to_str().unwrap()))
        .collect();
    files.sort();
    files.push("curve25519/ecdh-es.json".to_owned());
    for file in &files {
        let example = vectors::json(&folder, &format!("rfc/cookbook/{file}"));
        let output = &example["output"];
        // Some have no compact form: their JSON is no token.
        let token = text_of(output.get("compact").unwrap_or(&output["json"]));
        let key = match &example["input"]["key"] {
            Value::Array(keys) => &keys[0],
            // A password.
            Value::Null => &json!({"kty": "oct", "k": "AAAAAAAAAAAAAAAAAAAAAA"}),
            key => key,
        };
        let compact = output.get("compact").is_some();
        let plaintext = example["input"]["plaintext"].as_str().unwrap();
        let expected = compact.then_some(plaintext.as_bytes());
        judge_case(&mut tally, &example["title"], &token, key, expected);
    }
    assert_eq!(files.len(), 14);
    tally.finish("rfc7520 cookbook section 5, and ECDH-ES with X25519", 14);
}

#[test]
fn rfc7520_section_6_a_signed_token_in_an_encrypted_one() {
    let Some(folder) = vectors::folder() else {
        return;
    };
    let example = vectors::json(
        &folder,
        "rfc/cookbook/6.nesting_signatures_and_encryption.json",
    );
    let outer = example["encrypt"]["output"]["compact"].as_str().unwrap();
    let inner = open(outer, &example["encrypt"]["input"]["key"]).unwrap();
    let inner = String::from_utf8(inner).unwrap();
    assert_eq!(
        inner,
        example["sign"]["output"]["compact"].as_str().unwrap()
    );
    assert!(inner.len() < outer.len());
    let keys = judge::keys_of(&judge::public(&example["sign"]["input"]["key"]));
    judge::judge(&inner, &keys.keys).unwrap();
    judge::judge(outer, &keys.keys).unwrap_err();
}

/// The key pair that every WSO2 product ships with: it opens, and is known for what it is.
#[test]
fn the_default_key_of_wso2_is_recognized() {
    let Some(folder) = vectors::folder() else {
        return;
    };
    let document = vectors::json(&folder, "wso2/wso2carbon-2017-private.jwks.json");
    let read = jwk::read(document.to_string().as_bytes()).unwrap();
    assert!(!read.keys.is_empty(), "{:?}", read.skipped);
    assert!(read.keys.iter().all(|key| key.is_public_default));
}

/// Runs the encryption cases of a file.
fn run(file: &str, count: usize) {
    let Some(folder) = vectors::folder() else {
        return;
    };
    let document = vectors::json(&folder, file);
    let mut tally = Tally::default();
    for group in document["testGroups"].as_array().unwrap() {
        for case in group["tests"].as_array().unwrap() {
            let Some(token) = case.get("jwe").map(text_of) else {
                continue;
            };
            let name = format!("tc{} {}", case["tcId"], case["comment"]);
            let plaintext = case["pt"].as_str().map(hex);
            let valid = case["result"] == "valid";
            let key = &group["private"];
            if valid && plaintext.is_none() {
                // One file does not say what is inside.
                let opened = open(&token, key);
                tally.check(opened.is_ok(), || format!("{name}: {opened:?}"));
                continue;
            }
            if case["comment"] == "rejectsInvalidCurvePoint" {
                let opened = open(&token, key);
                let told = matches!(opened, Err(Refusal::NotOpened(NotOpened::Agreement)));
                tally.check(told, || format!("{name}: {opened:?}"));
                continue;
            }
            let expected = plaintext.filter(|_| valid);
            judge_case(&mut tally, &json!(name), &token, key, expected.as_deref());
        }
    }
    tally.finish(file, count);
}

/// `expected`: the plaintext of a valid case.
fn judge_case(tally: &mut Tally, name: &Value, token: &str, key: &Value, expected: Option<&[u8]>) {
    let judged = open(token, key);
    match (expected, &judged) {
        // A case that is refused for want of a key says nothing about tokens.
        (None, Err(Refusal::NoKey(why))) if why != &[Unusable::UnknownAlgorithm] => {
            tally.fail(format!("{name}: {why:?}"));
        }
        (None, Err(_)) => tally.pass(),
        (Some(expected), Ok(found)) if expected == found => tally.pass(),
        (Some(_), Err(refusal)) => match stricter_rule(refusal) {
            Some(rule) => tally.stricter(rule),
            None => tally.fail(format!("{name}: {refusal:?}")),
        },
        (None | Some(_), Ok(_)) => tally.fail(format!("{name}: opened")),
    }
}

/// The rule of ours that refuses a case which its file calls valid.
fn stricter_rule(refusal: &Refusal) -> Option<&'static str> {
    match refusal {
        Refusal::NotSealed(NotSealed::Header(BadHeader::Algorithm(alg))) => match &**alg {
            "RSA1_5" => {
                Some("RSA1_5 is never opened: its padding is an oracle (RFC 8725bis §3.15)")
            }
            "A192KW" | "A192GCMKW" | "ECDH-ES+A192KW" => {
                Some("keys are not wrapped with 192 bits: the cryptographic library does not")
            }
            alg if alg.starts_with("PBES2-") => {
                Some("PBES2 is never opened: the token would say how long the gate computes")
            }
            _ => None,
        },
        Refusal::NotSealed(NotSealed::Header(BadHeader::Compressed)) => {
            Some("`zip` is never opened: the token would say how much the gate allocates")
        }
        Refusal::NotSealed(_) | Refusal::NoKey(_) | Refusal::NotOpened(_) => None,
    }
}

/// Opens `token` as an operator would who has put `key` into a file.
fn open(token: &str, key: &Value) -> Result<Vec<u8>, Refusal> {
    let sealed = Sealed::read(token.as_bytes()).map_err(Refusal::NotSealed)?;
    let ReadDecryptionKeys { keys, skipped } =
        jwk::read(json!({"keys": [key]}).to_string().as_bytes()).unwrap();
    match keys.first() {
        Some(key) => sealed.open(key).map_err(Refusal::NotOpened),
        None => Err(Refusal::NoKey(skipped.iter().map(|s| s.reason).collect())),
    }
}

/// A compact token, or the text of a JSON serialization.
fn text_of(token: &Value) -> String {
    match token {
        Value::String(text) => text.clone(),
        json => json.to_string(),
    }
}

fn hex(text: &str) -> Vec<u8> {
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
        .collect()
}
