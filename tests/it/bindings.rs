//! Tokens that are bound to another part of their request, through the whole gate as a process.

use aws_lc_rs::digest::{SHA256, digest};
use serde_json::{Value, json};

use crate::harness::{
    Application, Gate, Issuer, claimgate, configuration, encode, eventually, request,
};

const BINDINGS: &str = "    bindings: {nonce: {cookie: login, hash: sha256}, at_hash: {header: Authorization, scheme: Bearer}}\n";
const ACCESS_TOKEN: &str = "at-1.2_3~4";

struct House {
    issuer: Issuer,
    application: Application,
    gate: Gate,
}

fn house(more: &str) -> House {
    let (issuer, application) = (Issuer::start(), Application::start());
    let more = format!("{BINDINGS}{more}");
    let gate = Gate::start(&configuration(&issuer, &application, &more));
    House {
        issuer,
        application,
        gate,
    }
}

fn half(text: &str) -> String {
    encode(&digest(&SHA256, text.as_bytes()).as_ref()[..16])
}

impl House {
    /// An ID token of the log-in that left the cookie `login=secret-1` and gave out [`ACCESS_TOKEN`].
    fn id_token(&self, more: Value) -> String {
        let nonce = encode(digest(&SHA256, b"secret-1").as_ref());
        let mut claims = json!({"nonce": nonce, "at_hash": half(ACCESS_TOKEN)});
        let more = more.as_object().unwrap().clone();
        claims.as_object_mut().unwrap().extend(more);
        self.issuer.token(claims)
    }
}

const SOURCES: &str = "token: {sources: [{cookie: id_token}], forward: true}\n";

#[test]
fn a_request_of_the_same_log_in_passes_and_a_copied_token_does_not() {
    let house = house(SOURCES);
    let token = house.id_token(json!({}));
    let bearer = format!("Authorization: Bearer {ACCESS_TOKEN}\r\n");
    let cookies = format!("Cookie: id_token={token}; login=secret-1\r\n");
    for _ in 0..2 {
        for stolen in [
            format!("Cookie: id_token={token}\r\n"),
            format!("Cookie: id_token={token}\r\n{bearer}"),
            cookies.clone(),
            format!("Cookie: id_token={token}; login=secret-2\r\n{bearer}"),
            format!("Cookie: id_token={token}; login=secret-1; login=secret-1\r\n{bearer}"),
            format!("{cookies}Cookie: LOGIN=secret-1\r\n{bearer}"),
            format!("{cookies}Authorization: Bearer {ACCESS_TOKEN}x\r\n"),
            format!("{cookies}Authorization: {ACCESS_TOKEN}\r\n"),
            format!("{cookies}Authorization: Basic {ACCESS_TOKEN}\r\n"),
            format!("{cookies}{bearer}{bearer}"),
            format!("{cookies}{bearer}Authorization: Basic eDp5\r\n"),
        ] {
            let answer = request(house.gate.port, "GET /", None, &stolen);
            assert_eq!(answer.status, 401, "{stolen}");
            assert_eq!(answer.reason(), "binding_mismatch", "{stolen}");
        }
        // Between two refusals, so that the second round meets a token that is remembered.
        let good = request(
            house.gate.port,
            "GET /",
            None,
            &format!("{cookies}{bearer}"),
        );
        assert_eq!(good.status, 200);
    }
    let requests = house.application.requests();
    assert_eq!(requests.len(), 2);
    for seen in requests {
        assert_eq!(seen.header("x-auth-subject"), ["alice"]);
        let bearer = format!("Bearer {ACCESS_TOKEN}");
        assert_eq!(seen.header("authorization"), [bearer]);
        let cookies = format!("id_token={token}; login=secret-1");
        assert_eq!(seen.header("cookie"), [cookies]);
    }
    let refused = house
        .gate
        .metric("claimgate_requests_total", "binding_mismatch");
    assert!((refused - 22.0).abs() < 0.5, "{refused}");
    let log = eventually("all access lines", || {
        Some(house.gate.log()).filter(|log| log.matches("auth.decision").count() >= 24)
    });
    assert!(log.contains("cookie `login`") && log.contains("header `authorization`"));
    assert!(!log.contains("secret-1") && !log.contains(ACCESS_TOKEN));
}

#[test]
fn a_claim_of_another_shape_is_no_binding() {
    let house = house(SOURCES);
    let whole = encode(digest(&SHA256, ACCESS_TOKEN.as_bytes()).as_ref());
    for more in [
        json!({"at_hash": null}),
        json!({"at_hash": 1}),
        json!({"at_hash": [half(ACCESS_TOKEN)]}),
        json!({"at_hash": whole}),
        json!({"at_hash": format!("{}==", half(ACCESS_TOKEN))}),
        json!({"at_hash": ""}),
        json!({"nonce": "secret-1"}),
        json!({"nonce": null}),
    ] {
        let lines = format!(
            "Cookie: id_token={}; login=secret-1\r\nAuthorization: Bearer {ACCESS_TOKEN}\r\n",
            house.id_token(more.clone())
        );
        let answer = request(house.gate.port, "GET /", None, &lines);
        assert_eq!(answer.reason(), "binding_mismatch", "{more}");
    }
    assert!(house.application.requests().is_empty());
}

#[test]
fn explain_takes_the_counterparts_from_the_headers() {
    let house = house(SOURCES);
    let token = house.id_token(json!({}));
    let file = house.gate.file.to_str().unwrap().to_owned();
    let explain = |headers: &[&str]| -> (i32, Value) {
        let mut arguments = vec!["explain", "--json", "--config", &file];
        for header in headers {
            arguments.extend(["--header", header]);
        }
        arguments.push(&token);
        let output = claimgate(&arguments);
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(!text.contains("secret-1") && !text.contains(ACCESS_TOKEN));
        let report = serde_json::from_str(&text).unwrap();
        (output.status.code().unwrap(), report)
    };
    let step = |report: &Value| -> (String, String) {
        let checks = report["checks"].as_array().unwrap();
        let step = checks.iter().find(|step| step["check"] == "binding");
        let text = |name: &str| step.unwrap()[name].as_str().unwrap().to_owned();
        (text("outcome"), text("detail"))
    };
    let bearer = format!("Authorization: Bearer {ACCESS_TOKEN}");
    let (code, report) = explain(&["Cookie: login=secret-1", &bearer]);
    assert_eq!((code, &report["decision"]), (0, &json!("allow")));
    assert_eq!(step(&report).0, "pass");
    let (code, report) = explain(&["Cookie: login=secret-1"]);
    assert_eq!((code, &report["reason"]), (1, &json!("binding_mismatch")));
    let (outcome, detail) = step(&report);
    assert_eq!(outcome, "fail");
    assert!(
        detail.contains("`at_hash`") && detail.contains("--header"),
        "{detail}"
    );
}
