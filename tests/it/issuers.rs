//! Issuers that fail, stall, lie and rotate (threats K1 to K12).

use std::net::TcpListener;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::harness::{
    Application, Fault, Gate, Issuer, Key, claims, configuration, eventually, request,
};

fn house() -> (Issuer, Application, Gate) {
    let (issuer, application) = (Issuer::start(), Application::start());
    let gate = Gate::start(&configuration(&issuer, &application, ""));
    (issuer, application, gate)
}

#[test]
fn k01_k02_redirects_and_other_schemes_are_not_followed() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let (issuer, application) = (Issuer::start(), Application::start());
    issuer.fail(Fault::Redirect(format!(
        "http://{}/",
        listener.local_addr().unwrap()
    )));
    let gate = Gate::start_unready(&configuration(&issuer, &application, ""));
    eventually("the failed fetch", || {
        (gate.metric("claimgate_key_fetches_total", "result=\"redirect\"") >= 1.0).then_some(())
    });
    assert!(listener.accept().is_err(), "the redirect was followed");
    assert_eq!(gate.admin("/readyz").0, 503);
}

#[test]
fn h13_k01_proxy_variables_of_the_environment_lead_no_fetch_astray() {
    let proxy = TcpListener::bind("127.0.0.1:0").unwrap();
    proxy.set_nonblocking(true).unwrap();
    let address = format!("http://{}", proxy.local_addr().unwrap());
    let (issuer, application) = (Issuer::start(), Application::start());
    let names = [
        "http_proxy",
        "HTTP_PROXY",
        "https_proxy",
        "HTTPS_PROXY",
        "all_proxy",
        "ALL_PROXY",
    ];
    let environment = names.map(|name| (name, address.as_str()));
    let gate = Gate::start_in(&environment, &configuration(&issuer, &application, ""));
    let answer = request(gate.port, "GET /", Some(&issuer.token(json!({}))), "");
    assert_eq!(answer.status, 200);
    assert!(issuer.fetches() >= 1);
    assert!(proxy.accept().is_err(), "somebody asked the proxy");
}

#[test]
fn k05_a_flood_of_unknown_kids_is_one_fetch() {
    let (issuer, _application, gate) = house();
    let before = issuer.fetches();
    let began = Instant::now();
    let stranger = Key::new("stranger");
    for number in 0..200 {
        let header = json!({"alg": "ES256", "kid": format!("bogus-{number}")});
        let answer = request(
            gate.port,
            "GET /",
            Some(&stranger.token_with(&header, &claims(&issuer.url, json!({})))),
            "",
        );
        assert_eq!(answer.reason(), "unknown_key");
    }
    let allowed = 1 + began.elapsed().as_secs() as usize;
    assert!(
        issuer.fetches() - before <= allowed,
        "{} fetches, {allowed} allowed",
        issuer.fetches() - before
    );
    assert!(gate.metric("claimgate_key_refreshes_suppressed_total", "") >= 190.0);
}

#[test]
fn k06_no_poisoned_answer_takes_the_last_good_keys_away() {
    let (issuer, _application, gate) = house();
    let good = issuer.token(json!({}));
    let stranger = Key::new("new").token(&claims(&issuer.url, json!({})));
    for fault in [
        Fault::Status(500),
        Fault::Body("<html>maintenance</html>".to_owned()),
        Fault::Body("{}".to_owned()),
        Fault::Body(r#"{"keys":[]}"#.to_owned()),
        Fault::Body(r#"{"keys":[{"kty":"RSA"}]}"#.to_owned()),
        Fault::Truncated,
        Fault::Endless,
    ] {
        issuer.fail(fault.clone());
        let before = issuer.fetches();
        eventually("a fetch that fails", || {
            request(gate.port, "GET /", Some(&stranger), "");
            (issuer.fetches() > before).then_some(())
        });
        assert_eq!(
            request(gate.port, "GET /", Some(&good), "").status,
            200,
            "{fault:?}"
        );
    }
}

#[test]
fn k07_c05_a_removed_key_dies_with_the_next_fetch_cached_or_not() {
    let (issuer, _application, gate) = house();
    let old = issuer.token(json!({}));
    assert_eq!(request(gate.port, "GET /", Some(&old), "").status, 200);
    let new = Key::new("key-2");
    issuer.publish(vec![new.jwk()]);
    let fresh = new.token(&claims(&issuer.url, json!({})));
    eventually("the new key", || {
        (request(gate.port, "GET /", Some(&fresh), "").status == 200).then_some(())
    });
    assert_eq!(
        request(gate.port, "GET /", Some(&old), "").reason(),
        "unknown_key"
    );
}

#[test]
fn k08_a_new_key_under_an_old_kid_is_found() {
    let (issuer, _application, gate) = house();
    assert_eq!(
        request(gate.port, "GET /", Some(&issuer.token(json!({}))), "").status,
        200
    );
    let swapped = Key::new("key-1");
    issuer.publish(vec![swapped.jwk()]);
    let fresh = swapped.token(&claims(&issuer.url, json!({})));
    eventually("the swapped key", || {
        (request(gate.port, "GET /", Some(&fresh), "").status == 200).then_some(())
    });
    assert_eq!(
        request(gate.port, "GET /", Some(&issuer.token(json!({}))), "").status,
        401
    );
}

#[test]
fn k04_a_stalling_issuer_holds_up_no_known_key() {
    let (issuer, _application, gate) = house();
    let good = issuer.token(json!({}));
    issuer.fail(Fault::Stall);
    let (port, stranger) = (
        gate.port,
        Key::new("new").token(&claims(&issuer.url, json!({}))),
    );
    let waiting = std::thread::spawn(move || request(port, "GET /", Some(&stranger), ""));
    eventually("the fetch to hang", || {
        (issuer.fetches() >= 2).then_some(())
    });
    for _ in 0..20 {
        assert_eq!(request(gate.port, "GET /", Some(&good), "").status, 200);
    }
    assert!(
        !waiting.is_finished(),
        "the good requests did not wait for the bad one"
    );
    assert_eq!(waiting.join().unwrap().status, 401);
}

#[test]
fn k12_an_issuer_that_is_down_at_start() {
    let (issuer, application) = (Issuer::start(), Application::start());
    issuer.fail(Fault::Status(503));
    let gate = Gate::start_unready(&configuration(&issuer, &application, ""));
    assert_eq!(gate.admin("/livez").0, 200);
    assert_eq!(gate.admin("/readyz").0, 503);
    let answer = request(gate.port, "GET /", Some(&issuer.token(json!({}))), "");
    assert_eq!(
        (answer.status, answer.reason()),
        (503, "keys_unavailable".to_owned())
    );
    assert!(
        answer
            .header("retry-after")
            .unwrap()
            .parse::<u64>()
            .unwrap()
            >= 1
    );
    assert_eq!(request(gate.port, "GET /", None, "").status, 401);
    issuer.fail(Fault::None);
    eventually("readiness", || {
        (gate.admin("/readyz").0 == 200).then_some(())
    });
    assert_eq!(
        request(gate.port, "GET /", Some(&issuer.token(json!({}))), "").status,
        200
    );
    issuer.fail(Fault::Status(500));
    std::thread::sleep(Duration::from_millis(50));
    assert_eq!(
        gate.admin("/readyz").0,
        200,
        "readiness does not depend on the issuer being up now"
    );
    let issuers: serde_json::Value = serde_json::from_str(&gate.admin("/issuers").1).unwrap();
    assert!(issuers.to_string().contains("key-1"), "{issuers}");
}
