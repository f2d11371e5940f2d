//! A second, independent reading of a token that was let in: other parsers, other code, the same answer.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use super::world::{OTHER_TENANT, TENANT, Trust};
use crate::jose::algorithm::Algorithm;

/// Panics unless everything that must hold of a token for the issuer `trust` holds at `now`. The algorithm that its header names comes back.
pub(super) fn agrees(token: &str, trust: &Trust, now: i64) -> Algorithm {
    let mut segments = token.split('.').map(read);
    let (header, claims) = (segments.next().unwrap(), segments.next().unwrap());
    let algorithm = check_header(&header, trust);
    check_time(&claims, trust, now);
    check_issuer(&claims, trust);
    check_audience(&claims, trust);
    check_provider(&claims, trust);
    algorithm
}

fn read(segment: &str) -> Value {
    // The third one is no JSON.
    let text = URL_SAFE_NO_PAD.decode(segment).expect("base64url");
    serde_json::from_slice(&text).unwrap_or_default()
}

fn check_header(header: &Value, trust: &Trust) -> Algorithm {
    for member in ["crit", "b64", "cty"] {
        assert_eq!(header.get(member), None, "`{member}` was let in");
    }
    let name = header["alg"].as_str().expect("`alg`");
    let algorithm = trust.algorithms.iter().find(|a| a.name() == name);
    let types: &[&str] = match trust.name {
        "strict" => &["at+jwt", "application/at+jwt"],
        _ => &["jwt", "application/jwt", "at+jwt", "application/at+jwt"],
    };
    match header.get("typ") {
        None => assert_ne!(trust.name, "strict", "an absent `typ` is `JWT`"),
        Some(typ) => {
            let typ = typ.as_str().expect("`typ`").to_ascii_lowercase();
            assert!(types.contains(&&*typ), "`typ` {typ}");
        }
    }
    *algorithm.unwrap_or_else(|| refuse(name))
}

#[expect(clippy::panic, reason = "code of tests")]
fn refuse(algorithm: &str) -> ! {
    panic!("`alg` {algorithm}")
}

/// Only approximately, as floating point is: a second more or less is for the unit tests.
fn check_time(claims: &Value, trust: &Trust, now: i64) {
    let (now, leeway) = (now as f64, trust.leeway as f64);
    let expires = claims["exp"].as_f64().expect("`exp`");
    assert!(now < expires + leeway, "expired");
    for name in ["nbf", "iat"] {
        if let Some(from) = claims.get(name) {
            let from = from.as_f64().expect("a time");
            assert!(from < now + leeway + 1.0, "`{name}` is in the future");
        }
    }
    if trust.name == "strict" {
        let issued = claims["iat"].as_f64().expect("`iat`");
        assert!(now <= issued + 3600.0, "too old");
    }
}

fn check_issuer(claims: &Value, trust: &Trust) {
    let issuer = claims["iss"].as_str().expect("`iss`");
    let of_tenant = |tenant: &str| {
        [
            format!("https://sts.windows.net/{tenant}/"),
            format!("https://login.microsoftonline.com/{tenant}/v2.0"),
        ]
    };
    let good = match trust.name {
        "plain" => issuer == "https://id.example",
        "strict" => issuer == "https://strict.example/",
        "pool" => [
            "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_Example",
            "https://issuer-cognito-idp.us-east-1.amazonaws.com/us-east-1_Example",
        ]
        .contains(&issuer),
        "saas" => issuer == "https://example.eu.auth0.com/",
        "staff" => of_tenant(TENANT).iter().any(|one| one == issuer),
        "many" => of_tenant(OTHER_TENANT).iter().any(|one| one == issuer),
        "bank" => issuer == "https://is.example:9443/oauth2/token",
        "shared" => issuer == "urn:shared",
        "sealed" => issuer == "https://sealed.example",
        _ => false,
    };
    assert!(good, "`{}` let in `iss` {issuer}", trust.name);
}

fn check_audience(claims: &Value, trust: &Trust) {
    if trust.name == "pool" && claims["token_use"] == "access" {
        assert_eq!(claims["client_id"], "client");
        return;
    }
    let accepted: &[&str] = match trust.name {
        "plain" => &["api", "other"],
        "pool" => &["client"],
        _ => &["api"],
    };
    let is_accepted = |value: &Value| value.as_str().is_some_and(|one| accepted.contains(&one));
    let good = match &claims["aud"] {
        Value::Array(all) => all.iter().any(is_accepted) && all.iter().all(Value::is_string),
        one => is_accepted(one),
    };
    assert!(good, "`aud` {}", claims["aud"]);
}

fn check_provider(claims: &Value, trust: &Trust) {
    match trust.name {
        "strict" => {
            assert_eq!(claims["azp"], "client");
            assert!([1.0, 2.0].contains(&claims["level"].as_f64().expect("a number")));
        }
        "pool" => assert!(["id", "access"].contains(&claims["token_use"].as_str().unwrap())),
        "saas" => assert_eq!(claims["org_id"], "org_1"),
        "staff" | "many" => {
            let tenant = claims["tid"].as_str().expect("`tid`").to_ascii_lowercase();
            let issuer = claims["iss"].as_str().unwrap();
            assert!(issuer.contains(&format!("/{tenant}/")), "`tid` {tenant}");
        }
        _ => {}
    }
    if trust.name == "staff" {
        assert!(claims.get("hasgroups").is_none_or(|flag| flag != true));
    }
}
