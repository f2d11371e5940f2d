//! `claimgate demo`: what it shows is true, and what it invites to works.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use crate::harness::{eventually, request};

/// A demo that dies with the test.
struct Demo(Child);

impl Demo {
    fn start() -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_claimgate"));
        Self(
            command
                .arg("demo")
                .stdout(Stdio::piped())
                .stderr(Stdio::null())
                .spawn()
                .unwrap(),
        )
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        let _already_gone = self.0.kill();
        let _reaped = self.0.wait();
    }
}

#[test]
fn the_demo_shows_the_main_job_and_its_lines_work_as_they_stand() {
    let mut demo = Demo::start();
    let mut shown = Vec::new();
    for line in BufReader::new(demo.0.stdout.take().unwrap()).lines() {
        shown.push(line.unwrap());
        if shown.last().unwrap().ends_with("/metrics") {
            break;
        }
    }
    let text = shown.join("\n");
    for line in [
        "no token:             401 missing_token",
        "valid token:          200 forwarded",
        "expired token:        401 token_expired",
        "wrong-audience token: 401 audience_mismatch",
        "unknown-key token:    401 unknown_key",
        "  X-Auth-Name: Alice Liddell",
    ] {
        assert!(
            text.to_lowercase().contains(&line.to_lowercase()),
            "{line} is not in:\n{text}"
        );
    }
    let subjects: Vec<&str> = text
        .lines()
        .filter(|line| line.to_lowercase().starts_with("  x-auth-subject: "))
        .collect();
    assert_eq!(subjects.len(), 1, "{text}");
    assert!(subjects[0].ends_with(": u-1865"));

    let port_after = |what: &str| -> u16 {
        let after = text.split(what).nth(1).unwrap();
        let digits: String = after.chars().take_while(char::is_ascii_digit).collect();
        digits.parse().unwrap()
    };
    let (gate, issuer) = (
        port_after("a gate on 127.0.0.1:"),
        port_after("an issuer on 127.0.0.1:"),
    );
    let token = |kind: &str| -> String {
        let path = format!("GET /token?kind={kind}");
        assert!(text.contains(&format!("/token?kind={kind}'")), "{kind}");
        String::from_utf8(request(issuer, &path, None, "").body).unwrap()
    };
    assert_eq!(
        request(gate, "GET /", Some(&token("expired")), "").reason(),
        "token_expired"
    );
    assert_eq!(
        request(gate, "GET /", Some(&token("wrong-audience")), "").reason(),
        "audience_mismatch"
    );
    let old = token("valid");
    assert_eq!(request(gate, "GET /", Some(&old), "").status, 200);
    // The unknown key makes the gate ask; the rotation right after it is seen all the same.
    assert_eq!(
        request(gate, "GET /", Some(&token("unknown-key")), "").reason(),
        "unknown_key"
    );
    assert_eq!(request(issuer, "POST /rotate", None, "").status, 200);
    assert_eq!(
        request(gate, "GET /", Some(&token("valid")), "").status,
        200
    );
    assert_eq!(
        request(gate, "GET /", Some(&old), "").status,
        401,
        "the old key is gone"
    );

    let terminated = Command::new("kill")
        .args(["-TERM", &demo.0.id().to_string()])
        .status()
        .unwrap();
    assert!(terminated.success());
    let exit = eventually("the end of the demo", || demo.0.try_wait().unwrap());
    assert_eq!(exit.code(), Some(0));
}
