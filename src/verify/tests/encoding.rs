//! J8 to J12, J17 to J22: the bytes are exactly a compact signed JWT, and every reader reads the same in them.

use proptest::prelude::*;

use super::{judged, reason, rejection};
use crate::jose::algorithm::Algorithm;
use crate::verify::testing::*;
use crate::verify::{Rejection, Verifier};

const HEADER: &str = r#"{"alg":"RS256","kid":"k1"}"#;

fn signed(payload: impl AsRef<[u8]>) -> String {
    signed_parts(&encode(HEADER), &encode(payload))
}

/// Signed as it stands, however it is encoded.
fn signed_parts(header: &str, payload: &str) -> String {
    let input = format!("{header}.{payload}");
    let signature = rsa().sign(Algorithm::Rs256, input.as_bytes());
    format!("{input}.{}", encode(signature))
}

#[test]
fn j08_crit_is_refused_whatever_it_names() {
    for crit in [
        r#"["x"],"x":1"#,
        "[]",
        r#""b64""#,
        r#"["exp"]"#,
        "null",
        r#"["b64"],"b64":true"#,
    ] {
        let header = format!(r#"{{"alg":"RS256","kid":"k1","crit":{crit}}}"#);
        let token = mint(rsa(), Algorithm::Rs256, &header, &claims(""));
        assert_eq!(reason(token), "unsupported_critical_header", "{crit}");
    }
}

#[test]
fn j09_unencoded_payloads_are_refused_with_and_without_crit() {
    let claims = claims("");
    for member in [
        r#""b64":false"#,
        r#""b64":false,"crit":["b64"]"#,
        r#""b64":true"#,
        r#""b64":null"#,
    ] {
        let header = encode(format!(r#"{{"alg":"RS256","kid":"k1",{member}}}"#));
        let encoded = signed_parts(&header, &encode(&claims));
        assert_eq!(reason(&encoded), "unsupported_critical_header", "{member}");
        // The signature of RFC 7797 is over the raw payload.
        let over_raw = rsa().sign(Algorithm::Rs256, format!("{header}.{claims}").as_bytes());
        let token = format!("{header}.{}.{}", encode(&claims), encode(over_raw));
        assert_eq!(reason(token), "unsupported_critical_header", "{member}");
    }
}

#[test]
fn j10_encrypted_tokens_are_refused_before_anything_is_decoded() {
    for token in [
        "a.b.c.d.e".to_owned(),
        "....".to_owned(),
        format!(
            "{}.a.b.c.d",
            encode(r#"{"alg":"RSA-OAEP","enc":"A256GCM"}"#)
        ),
        format!("{}..b.c.d", encode(r#"{"alg":"dir","enc":"A256GCM"}"#)),
        format!("{}.b.c", good("")),
    ] {
        assert_eq!(reason(&token), "encrypted_token", "{token}");
    }
}

#[test]
fn j11_costly_encryption_is_refused_without_its_cost() {
    for header in [
        r#"{"alg":"PBES2-HS512+A256KW","enc":"A256GCM","p2c":2000000000,"p2s":"AAAA"}"#,
        r#"{"alg":"dir","enc":"A256GCM","zip":"DEF"}"#,
        r#"{"alg":"RSA1_5","enc":"A128CBC-HS256"}"#,
    ] {
        let token = format!("{}.AAAA.AAAA.AAAA.AAAA", encode(header));
        assert_eq!(reason(token), "encrypted_token");
    }
}

#[test]
fn j12_other_serializations_are_refused() {
    let token = good("");
    let parts: Vec<_> = token.split('.').collect();
    for token in [
        format!(
            r#"{{"protected":"{}","payload":"{}","signature":"{}"}}"#,
            parts[0], parts[1], parts[2]
        ),
        format!(
            r#"{{"payload":"{}","signatures":[{{"protected":"{}","signature":"{}"}}]}}"#,
            parts[1], parts[0], parts[2]
        ),
        format!(r#"{{"payload":"{}","signatures":[]}}"#, parts[1]),
        format!(r#"{{"a":"{token}"}}"#),
        format!("\"{token}\""),
        format!("[{token}]"),
        format!("Bearer {token}"),
        format!("{token},{token}"),
        format!("{token}~"),
        String::new(),
        "opaque".to_owned(),
        "a.b.c.d".to_owned(),
    ] {
        assert_eq!(reason(&token), "malformed_token", "{token}");
    }
}

#[test]
fn j17_segments_that_are_not_canonical_are_refused_though_their_signature_is_right() {
    let header = encode(HEADER);
    let payload = encode(claims(r#""x":"?""#));
    let mut variants = Vec::new();
    for change in ["=", "==", " ", "\n", "\r\n", "?", "+", "/", "\0", "\u{e9}"] {
        variants.push((format!("{header}{change}"), payload.clone()));
        variants.push((header.clone(), format!("{payload}{change}")));
        variants.push((header.clone(), format!("{change}{payload}")));
        variants.push((format!("{change}{header}"), payload.clone()));
    }
    for (header, payload) in variants {
        let token = signed_parts(&header, &payload);
        assert_eq!(reason(&token), "malformed_token", "{token}");
        let (input, signature) = token.rsplit_once('.').unwrap();
        assert_eq!(reason(format!("{input}.{signature}=")), "malformed_token");
    }
}

#[test]
fn j17_trailing_bits_are_refused_in_every_segment() {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let (verifier, keys) = (verifier(), keys());
    // A payload whose last character has unused bits, and one whose has none, and a 256-byte signature: two unused bits.
    for more in ["", r#""a":"""#, r#""a":"1""#, r#""a":"12""#] {
        let token = good(more);
        let ends: Vec<usize> = token
            .char_indices()
            .filter(|(_, c)| *c == '.')
            .map(|(at, _)| at - 1)
            .chain([token.len() - 1])
            .collect();
        for end in ends {
            for sibling in ALPHABET {
                let mut changed = token.clone().into_bytes();
                if changed[end] != *sibling {
                    changed[end] = *sibling;
                    assert_ne!(judged(&verifier, &keys, changed), "ok");
                }
            }
        }
    }
}

#[test]
fn a_padded_payload_is_explained() {
    let token = signed_parts(&encode(HEADER), &format!("{}=", encode(claims(""))));
    let detail = rejection(&verifier(), &keys(), &token).operator_detail();
    assert!(
        detail
            .starts_with("the payload segment is not strict base64url because of its `=` padding")
    );
    let detail = rejection(&verifier(), &keys(), "opaque-access-token").operator_detail();
    assert!(
        detail.contains("not a JWT") && detail.contains("opaque"),
        "{detail}"
    );
    // The first padded segment is named.
    let detail = rejection(&verifier(), &keys(), "a.b=.c=").operator_detail();
    assert!(detail.starts_with("the payload segment"), "{detail}");
    // `=` in something else is not taken for padding, and neither is another wrong sign.
    for token in ["a=b.c", "a.b+.c", "a.=b.c"] {
        let detail = rejection(&verifier(), &keys(), token).operator_detail();
        assert!(!detail.contains("padding"), "{detail}");
    }
}

#[test]
fn j18_duplicate_members_are_refused_at_any_depth() {
    for more in [
        r#""role":"user","role":"admin""#,
        r#""role":"user","r\u006fle":"admin""#,
        r#""sub":"a","s\u0075b":"b""#,
        r#""a":{"b":1,"b":1}"#,
        r#""a":[{"b":1,"b":2}]"#,
        r#""exp":1,"exp":9999999999"#,
    ] {
        assert_eq!(reason(good(more)), "malformed_token", "{more}");
    }
    for header in [
        r#"{"alg":"none","alg":"RS256","kid":"k1"}"#,
        r#"{"alg":"RS256","alg":"RS256","kid":"k1"}"#,
        r#"{"alg":"RS256","kid":"k1","k\u0069d":"k1"}"#,
    ] {
        let token = mint(rsa(), Algorithm::Rs256, header, &claims(""));
        assert_eq!(reason(token), "malformed_token", "{header}");
    }
}

#[test]
fn j19_claims_that_are_no_object_are_refused() {
    for payload in [
        r#"[9999999999,0,"s","https://id.example","api"]"#,
        "\"x\"",
        "1",
        "null",
        "true",
        "",
        " ",
        "[]",
        "{}{}",
        "{",
        "{} x",
    ] {
        assert_eq!(reason(signed(payload)), "malformed_token", "{payload}");
    }
    assert_eq!(reason(signed("{}")), "claim_missing");
}

#[test]
fn j20_other_encodings_of_text_are_refused() {
    let claims_text = claims("");
    let utf16: Vec<u8> = claims_text
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    let marked_utf16: Vec<u8> = [vec![0xff, 0xfe], utf16.clone()].concat();
    for payload in [
        utf16,
        marked_utf16,
        [b"\xef\xbb\xbf", claims_text.as_bytes()].concat(),
        claims(r#""x":"REPLACE""#)
            .replace("REPLACE", "\u{1}")
            .into_bytes(),
        claims(r#""x":"\ud800""#).into_bytes(),
        claims(r#""x":"\udc00\ud800""#).into_bytes(),
        [
            claims(r#""x":""#).trim_end_matches('}').as_bytes(),
            b"\xff\"}",
        ]
        .concat(),
        [
            claims(r#""x":""#).trim_end_matches('}').as_bytes(),
            b"\xc0\xaf\"}",
        ]
        .concat(),
        [
            claims(r#""x":""#).trim_end_matches('}').as_bytes(),
            b"\xed\xa0\x80\"}",
        ]
        .concat(),
    ] {
        assert_eq!(reason(signed(&payload)), "malformed_token");
    }
    assert_eq!(reason(good(r#""x":"\u0000""#)), "ok");
    assert_eq!(reason(good(r#""x":"José \ud83d\ude00""#)), "ok");
}

#[test]
fn j21_deep_and_wide_and_long_is_refused_or_read_and_never_a_crash() {
    let nested = |depth: usize| format!(r#""x":{}{}"#, "[".repeat(depth), "]".repeat(depth));
    assert_eq!(reason(good(&nested(10))), "ok");
    assert_eq!(reason(good(&nested(5_000))), "malformed_token");
    assert_eq!(reason(signed("[".repeat(10_000))), "malformed_token");
    assert_eq!(reason(signed(r#"{"a":"#.repeat(2_000))), "malformed_token");
    let members: Vec<_> = (0..1_000).map(|n| format!(r#""m{n}":{n}"#)).collect();
    assert_eq!(reason(good(&members.join(","))), "ok");
    let digits = format!(r#""x":{}"#, "9".repeat(11_000));
    assert_eq!(reason(good(&digits)), "malformed_token");
}

#[test]
fn j22_size_is_checked_first() {
    let token = good("");
    let exactly = Verifier::new(vec![oidc_issuer()], token.len());
    assert_eq!(judged(&exactly, &keys(), &token), "ok");
    let one_less = Verifier::new(vec![oidc_issuer()], token.len() - 1);
    assert_eq!(
        rejection(&one_less, &keys(), &token),
        Rejection::TokenTooLarge {
            bytes: token.len(),
            limit: token.len() - 1
        }
    );
    for junk in [vec![b'.'; 1_000_000], vec![0xff; MAX_TOKEN_BYTES + 1]] {
        assert_eq!(reason(junk), "token_too_large");
    }
    assert_eq!(reason(vec![b'.'; 7 * 1024]), "malformed_token");
    assert_eq!(reason(vec![b'.'; MAX_TOKEN_BYTES]), "malformed_token");
}

/// JSON and what is nearly JSON.
fn text() -> impl Strategy<Value = String> {
    let scrap = prop_oneof![
        Just("{"),
        Just("}"),
        Just("["),
        Just("]"),
        Just(","),
        Just(":"),
        Just("\""),
        Just("\\"),
        Just(r#""iss":"https://id.example""#),
        Just(r#""aud":"api""#),
        Just(r#""exp":1800000600"#),
        Just(r#""exp":"#),
        Just(r#""alg":"RS256""#),
        Just(r#""alg":"#),
        Just(r#""kid":"k1""#),
        Just("null"),
        Just("1e9"),
        Just("-"),
        Just("\u{e9}"),
        Just(" "),
        Just("true"),
        Just(r#""crit":[]"#),
    ];
    prop::collection::vec(scrap, 0..12).prop_map(|scraps| scraps.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn any_bytes_are_refused_without_a_panic(token: Vec<u8>) {
        prop_assert_ne!(reason(token), "ok");
    }

    #[test]
    fn any_texts_are_judged_without_a_panic(header in text(), payload in text()) {
        let token = mint(es256(), Algorithm::Es256, &header, &payload);
        prop_assert_ne!(reason(token), "ok");
        // With the right signature: only what is all there may pass.
        let verdict = reason(mint(rsa(), Algorithm::Rs256, &header, &payload));
        if verdict == "ok" {
            for member in ["\"iss\":\"https://id.example\"", "\"aud\":\"api\"", "\"exp\":1800000600"] {
                prop_assert!(payload.contains(member));
            }
        }
    }
}
