//! The issuer, or the way to it, comes and goes.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::harness::{Application, Chaos, Gate, Issuer, Key, Trouble, claims, request};

fn gate(keys_at: u16, application: &Application) -> Gate {
    Gate::start(&format!(
        "upstream: http://127.0.0.1:{}\nissuers: [{{name: test, provider: oidc, issuer: 'urn:flaps', audiences: [api], keys: {{jwks_url: 'http://127.0.0.1:{keys_at}/jwks', refetch_interval: 1s}}}}]\n",
        application.port
    ))
}

fn port_of(issuer: &Issuer) -> u16 {
    issuer.url.rsplit(':').next().unwrap().parse().unwrap()
}

#[test]
fn an_issuer_that_flaps_costs_a_known_key_nothing_and_a_new_one_a_few_tries() {
    let (issuer, application) = (Issuer::start(), Application::start());
    let network = Chaos::before(port_of(&issuer), 1);
    let gate = gate(network.port, &application);
    let known = issuer.key.token(&claims("urn:flaps", json!({})));
    let new = Key::new("key-2");
    let unknown = new.token(&claims("urn:flaps", json!({})));
    issuer.publish(vec![issuer.key.jwk(), new.jwk()]);
    let begin = Instant::now();
    let mut accepted = None;
    while begin.elapsed() < Duration::from_secs(6) {
        // A second away, a second there, and each time another way of being away.
        let second = begin.elapsed().as_secs();
        network.away(second == 0 || second == 4);
        let back = if second == 2 {
            Trouble::Stall(20)
        } else {
            Trouble::None
        };
        network.becomes(Trouble::None, back);
        let answer = request(gate.port, "GET /", Some(&known), "");
        assert_eq!(answer.status, 200, "{}", answer.head);
        let answer = request(gate.port, "GET /", Some(&unknown), "");
        match answer.status {
            200 => accepted = accepted.or(Some(begin.elapsed())),
            401 => assert_eq!((answer.reason().as_str(), accepted), ("unknown_key", None)),
            other => panic!("{other}: {}", answer.head),
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(accepted.is_some());
}

#[test]
fn a_hard_cut_of_keys_is_over_with_the_next_refetch() {
    let (issuer, application) = (Issuer::start(), Application::start());
    let gate = gate(port_of(&issuer), &application);
    let old = issuer.key.token(&claims("urn:flaps", json!({})));
    assert_eq!(request(gate.port, "GET /", Some(&old), "").status, 200);
    for number in 0..3 {
        // The floor between two fetches begins with the last one.
        let key = Key::new(&format!("cut-{number}"));
        issuer.publish(vec![key.jwk()]);
        let token = key.token(&claims("urn:flaps", json!({})));
        let cut = Instant::now();
        while request(gate.port, "GET /", Some(&token), "").status != 200 {
            assert!(cut.elapsed() < Duration::from_secs(10), "still refused");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
    let answer = request(gate.port, "GET /", Some(&old), "");
    assert_eq!(
        (answer.status, answer.reason().as_str()),
        (401, "unknown_key")
    );
}
