//! What a hostile token costs (threats D9, J21, J22): refused or not, in time that grows with its length and not with its square.

use std::fmt::Write;
use std::time::{Duration, Instant};

use super::outcome;
use crate::jose::jwk::{KeyPolicy, read_set};
use crate::provider::entra;
use crate::verify::Verifier;
use crate::verify::testing::{AUDIENCE, ISSUER, NOW, encode, keys, oidc_issuer};

/// The largest that `token.max_bytes` allows.
const LIMIT: usize = 64 * 1024;
/// Far above what any of them takes without optimization on a busy machine, far below what a square of their length would.
const BOUND: Duration = Duration::from_millis(150);

/// The best of a few tries, because others use this machine too.
fn best(mut act: impl FnMut()) -> Duration {
    (0..5)
        .map(|_| {
            let started = Instant::now();
            act();
            started.elapsed()
        })
        .min()
        .unwrap_or_default()
}

/// `unit(0)`, `unit(1)`, ... with commas between them, as many as fit.
fn repeated(unit: impl Fn(usize) -> String) -> String {
    let mut text = String::new();
    for number in 0.. {
        let next = unit(number);
        // Three quarters of a token's bytes are left after base64url, some for the other claims.
        if text.len() + next.len() + 1024 > LIMIT / 4 * 3 {
            return text;
        }
        let comma = if number > 0 { "," } else { "" };
        let _ = write!(text, "{comma}{next}");
    }
    text
}

fn hostile_payloads() -> Vec<(&'static str, String)> {
    let long = "a".repeat(LIMIT / 4 * 3 - 1024);
    vec![
        ("members", repeated(|n| format!("\"{n}\":0"))),
        (
            "long names",
            repeated(|n| format!("\"{}{n}\":0", "n".repeat(200))),
        ),
        ("like tid", repeated(|n| format!("\"TID{n}\":0"))),
        (
            "elements",
            format!("\"x\":[{}]", repeated(|_| "0".to_owned())),
        ),
        (
            "audiences",
            format!("\"aud\":[{}]", repeated(|n| format!("\"{n}\""))),
        ),
        (
            "objects",
            format!("\"x\":[{}]", repeated(|_| "{}".to_owned())),
        ),
        (
            "exponents",
            format!("\"x\":[{}]", repeated(|_| "1e-999999999".to_owned())),
        ),
        (
            "long numbers",
            format!("\"x\":[{}]", repeated(|_| "9".repeat(2400))),
        ),
        (
            "escapes",
            format!("\"x\":\"{}\"", "\\u00e9".repeat(long.len() / 6)),
        ),
        ("nesting", format!("\"x\":{}", "[".repeat(long.len()))),
        ("text", format!("\"x\":\"{long}\"")),
        ("subject", format!("\"sub\":\"{long}\"")),
        ("white space", format!("\"x\":{}0", " ".repeat(long.len()))),
    ]
}

#[test]
fn d09_a_hostile_token_of_64_kib_costs_little() {
    let tenant = "9122040d-6c67-4c5b-b112-36a304b66dad";
    let mut staff = oidc_issuer();
    staff.profile = entra::profile(entra::Settings {
        cloud: entra::Cloud::Global,
        tenant: tenant.to_owned(),
        allowed_tenants: Vec::new(),
        any_tenant: false,
        versions: Vec::new(),
        groups_overage: entra::GroupsOverage::Flag,
    })
    .unwrap();
    staff.sources = vec![staff.sources[0]; 2];
    let verifier = Verifier::new(vec![oidc_issuer(), staff], LIMIT);
    let keys = keys();
    let signature = encode([1; 256]);
    let mut tokens: Vec<(String, String)> = Vec::new();
    for iss in [ISSUER, &format!("https://sts.windows.net/{tenant}/")] {
        for (name, payload) in hostile_payloads() {
            let audience = if payload.starts_with("\"aud\"") {
                String::new()
            } else {
                format!("\"aud\":\"{AUDIENCE}\",")
            };
            let claims = format!(
                "{{\"iss\":\"{iss}\",{audience}\"exp\":{},\"ver\":\"1.0\",\"tid\":\"{tenant}\",{payload}}}",
                NOW + 60
            );
            let header = encode(r#"{"alg":"RS256","kid":"k1"}"#);
            tokens.push((
                format!("{name} from {iss}"),
                format!("{header}.{}.{signature}", encode(claims)),
            ));
        }
    }
    let header = format!(
        "{{\"alg\":\"RS256\",\"kid\":\"k1\",{}}}",
        repeated(|n| format!("\"{n}\":0"))
    );
    tokens.push((
        "header".to_owned(),
        format!("{}.e30.{signature}", encode(header)),
    ));
    let iss = format!("{{\"iss\":\"{}\"}}", "/".repeat(40_000));
    tokens.push((
        "issuer".to_owned(),
        format!("e30.{}.{signature}", encode(iss)),
    ));
    tokens.push(("dots".to_owned(), ".".repeat(LIMIT)));
    tokens.push(("one part".to_owned(), "a".repeat(LIMIT)));
    tokens.push((
        "signature".to_owned(),
        format!("e30.e30.{}", "A".repeat(LIMIT - 8)),
    ));
    for (name, token) in tokens {
        assert!(token.len() <= LIMIT, "{name}: {}", token.len());
        let took = best(|| drop(outcome(&verifier, &keys, &token)));
        println!("{name}: {took:?}");
        assert!(took < BOUND, "{name}: {took:?}");
    }
}

#[test]
fn k03_a_hostile_key_set_of_512_kib_costs_little() {
    const SET: usize = 512 * 1024;
    let modulus = encode([0xff; 1024]);
    let strong = |n: usize| format!(r#"{{"kty":"RSA","kid":"{n}","n":"{modulus}","e":"AQAB"}}"#);
    let many = |unit: &dyn Fn(usize) -> String, count: usize| {
        (0..count).map(unit).collect::<Vec<_>>().join(",")
    };
    let documents = [
        (
            "8192 bits",
            format!(r#"{{"keys":[{}]}}"#, many(&strong, 100)),
        ),
        (
            "small members",
            format!(
                r#"{{"keys":[{}]}}"#,
                many(&|_| "0".to_owned(), SET / 2 - 10)
            ),
        ),
        (
            "one long number",
            format!(
                r#"{{"keys":[{{"kty":"RSA","e":"AQAB","n":"{}"}}]}}"#,
                "_".repeat(SET - 200)
            ),
        ),
        (
            "members of one key",
            format!(
                r#"{{"keys":[{{{}}}]}}"#,
                many(&|n| format!("\"{n}\":0"), SET / 10)
            ),
        ),
    ];
    for (name, document) in documents {
        assert!(document.len() <= SET, "{name}: {}", document.len());
        let took = best(|| drop(read_set(document.as_bytes(), &KeyPolicy::default())));
        println!("{name}: {took:?}");
        assert!(took < 10 * BOUND, "{name}: {took:?}");
    }
}
