//! Encrypted tokens through the running gate: one answer for every failure, keys that rotate, and what the log and `explain` say.

use std::process::Command;

use serde_json::{Value, json};

use crate::harness::{
    Application, Gate, Issuer, Key, Recipient, claimgate, claims, configuration, eventually,
    request, scratch,
};

struct House {
    issuer: Issuer,
    application: Application,
    gate: Gate,
    /// Where the gate's private keys are.
    keys: String,
}

/// A gate that decrypts with the key of `recipient`.
fn house(recipient: &Recipient) -> House {
    house_with(recipient, "")
}

fn house_with(recipient: &Recipient, more: &str) -> House {
    let (issuer, application) = (Issuer::start(), Application::start());
    let keys = scratch("pem").display().to_string();
    std::fs::write(&keys, recipient.pem()).unwrap();
    let decryption = format!("    decryption: {{keys_file: {keys}}}\n{more}");
    let gate = Gate::start(&configuration(&issuer, &application, &decryption));
    House {
        issuer,
        application,
        gate,
        keys,
    }
}

impl House {
    fn signed(&self, more: Value) -> String {
        self.issuer.token(more)
    }

    fn reason(&self, token: &str) -> String {
        let answer = request(self.gate.port, "GET /", Some(token), "");
        match answer.status {
            200 => "ok".to_owned(),
            _ => answer.reason(),
        }
    }

    fn reload(&self, keys: &str) {
        std::fs::write(&self.keys, keys).unwrap();
        let reloads = self.reloads();
        Command::new("kill")
            .args(["-HUP", &self.gate.pid().to_string()])
            .status()
            .unwrap();
        eventually("the reload", || (self.reloads() > reloads).then_some(()));
    }

    fn reloads(&self) -> usize {
        self.gate.log().matches("the configuration was ").count()
    }
}

#[test]
fn an_encrypted_token_is_verified_and_its_claims_go_to_the_application() {
    let recipient = Recipient::new();
    let house = house(&recipient);
    let inner = house.signed(json!({}));
    for token in [recipient.encrypt(&inner), inner.clone()] {
        assert_eq!(house.reason(&token), "ok");
        let requests = house.application.requests();
        let seen = requests.last().unwrap();
        assert_eq!(seen.header("x-auth-subject"), ["alice"]);
        assert!(seen.header("authorization").is_empty());
    }
}

#[test]
fn a_token_that_goes_on_goes_on_as_it_came() {
    let recipient = Recipient::new();
    let house = house_with(&recipient, "token: {forward: true}\n");
    let token = recipient.encrypt(&house.signed(json!({})));
    assert_eq!(house.reason(&token), "ok");
    let seen = house.application.only();
    assert_eq!(seen.header("authorization"), [format!("Bearer {token}")]);
}

#[test]
fn j11_every_failure_is_one_answer() {
    let recipient = Recipient::new();
    let house = house(&recipient);
    let inner = house.signed(json!({}));
    let good = recipient.encrypt(&inner);
    let mut answers = Vec::new();
    let cut = good.rsplit_once('.').unwrap().0;
    for token in [
        Recipient::new().encrypt(&inner),
        format!("{cut}.AAAAAAAAAAAAAAAAAAAAAA"),
        format!("{cut}.AAAA"),
        "a.b.c.d.e".to_owned(),
        "....".to_owned(),
        recipient.encrypt(r#"{"sub":"mallory"}"#),
        recipient.encrypt(&good),
        recipient.encrypt_with(&json!({"alg": "RSA1_5", "enc": "A256GCM"}), &inner),
        recipient.encrypt_with(&json!({"alg": "dir", "enc": "A256GCM"}), &inner),
        recipient.encrypt_with(
            &json!({"alg": "PBES2-HS256+A128KW", "enc": "A256GCM", "p2c": 2_000_000_000, "p2s": "AAAA"}),
            &inner,
        ),
        recipient.encrypt_with(
            &json!({"alg": "RSA-OAEP-256", "enc": "A256GCM", "zip": "DEF"}),
            &inner,
        ),
    ] {
        let answer = request(house.gate.port, "GET /", Some(&token), "");
        assert_eq!(answer.reason(), "decryption_failed");
        let head: Vec<&str> = answer
            .head
            .lines()
            .filter(|line| !line.to_ascii_lowercase().starts_with("date:"))
            .collect();
        answers.push((head.join("\n"), answer.body.clone()));
    }
    assert!(
        answers.iter().all(|answer| *answer == answers[0]),
        "{answers:#?}"
    );
    assert!(answers[0].0.contains("invalid_token"));
    assert_eq!(house.application.requests().len(), 0);
    let refused = house
        .gate
        .metric("claimgate_requests_total", "reason=\"decryption_failed\"");
    assert_eq!(refused, answers.len() as f64);
}

#[test]
fn a_reload_reads_the_decryption_keys_again_and_forgets_what_the_old_ones_opened() {
    let (old, new) = (Recipient::new(), Recipient::new());
    let house = house(&old);
    let inner = house.signed(json!({}));
    let (to_old, to_new) = (old.encrypt(&inner), new.encrypt(&inner));
    assert_eq!(house.reason(&to_old), "ok");
    assert_eq!(house.reason(&to_old), "ok");
    assert_eq!(house.reason(&to_new), "decryption_failed");

    house.reload(&(new.pem() + &old.pem()));
    assert_eq!(house.reason(&to_old), "ok");
    assert_eq!(house.reason(&to_new), "ok");

    house.reload(&new.pem());
    assert_eq!(house.reason(&to_old), "decryption_failed");
    assert_eq!(house.reason(&to_new), "ok");

    // A file without a key changes nothing.
    house.reload("-----BEGIN PRIVATE KEY-----\n");
    assert!(
        house
            .gate
            .log()
            .contains("the configuration was not reloaded")
    );
    assert_eq!(house.reason(&to_new), "ok");
}

#[test]
fn the_log_names_the_signed_token_and_prints_no_secret() {
    let recipient = Recipient::new();
    let house = house(&recipient);
    let good = recipient.encrypt(&house.signed(json!({})));
    let expired = recipient.encrypt(&house.signed(json!({"exp": 1})));
    let broken = Recipient::new().encrypt("x");
    for token in [&good, &expired, &broken] {
        house.reason(token);
    }
    let lines: Vec<Value> = eventually("three access lines", || {
        let log = house.gate.log();
        let lines = log
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok());
        let lines: Vec<Value> = lines
            .filter(|line: &Value| line.get("auth.decision").is_some())
            .collect();
        (lines.len() == 3).then_some(lines)
    });
    let kid = house.issuer.key.kid.clone();
    for line in &lines[..2] {
        assert_eq!(line["jwt.kid"], kid, "{line}");
        assert_eq!(line["jwt.alg"], "ES256", "{line}");
        assert_eq!(line["auth.issuer"], "test", "{line}");
    }
    assert_eq!(lines[2]["auth.reason"], "decryption_failed");
    for member in ["jwt.kid", "jwt.alg", "auth.issuer"] {
        assert_eq!(lines[2][member], Value::Null, "{member}");
    }
    let log = house.gate.log();
    let secret = recipient.pem();
    let secret = secret.lines().nth(1).unwrap();
    assert!(!log.contains(&secret[..40]));
    for token in [&good, &expired, &broken] {
        for part in token.split('.').filter(|part| part.len() > 20) {
            assert!(!log.contains(part));
        }
    }
    let page = house.gate.admin("/issuers").1;
    let page: Value = serde_json::from_str(&page).unwrap();
    let shown = &page["issuers"][0]["decryption"];
    assert_eq!(shown["origin"], house.keys, "{page}");
    assert_eq!(shown["keys"][0]["alg"], json!(["RSA-OAEP", "RSA-OAEP-256"]));
}

#[test]
fn explain_says_what_failed() {
    let recipient = Recipient::new();
    let house = house(&recipient);
    let file = house.gate.file.display().to_string();
    let explain = |token: &str| -> Value {
        let output = claimgate(&["explain", "--json", "--config", &file, token]);
        serde_json::from_slice(&output.stdout).unwrap()
    };
    let step = |verdict: &Value| -> Value {
        let checks = verdict["checks"].as_array().unwrap();
        let at = checks
            .iter()
            .position(|c| c["check"] == "decryption")
            .unwrap();
        assert_eq!(checks[at - 1]["check"], "size");
        assert_eq!(checks[at + 1]["check"], "structure");
        checks[at].clone()
    };
    let inner = house.signed(json!({}));
    let good = explain(&recipient.encrypt(&inner));
    assert_eq!(good["decision"], "allow", "{good}");
    assert_eq!(step(&good)["outcome"], "pass");
    assert_eq!(
        step(&good)["detail"],
        "RSA-OAEP-256 and A256GCM, key without a name"
    );
    let bare = explain(&inner);
    assert_eq!(step(&bare)["detail"], "the token is not encrypted");

    let foreign = explain(&Recipient::new().encrypt(&inner));
    assert_eq!(foreign["reason"], "decryption_failed");
    assert_eq!(step(&foreign)["outcome"], "fail");
    let detail = step(&foreign)["detail"].as_str().unwrap().to_owned();
    assert!(detail.contains("encrypted to another key"), "{detail}");
    let stranger = Key::new("stranger").token(&claims(&house.issuer.url, json!({})));
    let unknown = explain(&recipient.encrypt(&stranger));
    assert_eq!(unknown["reason"], "unknown_key");
    assert_eq!(step(&unknown)["outcome"], "pass");
}
