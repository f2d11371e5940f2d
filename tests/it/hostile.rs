//! What an attacker does who has an account of their own: many tokens at once, tokens under names that the application misreads, and an
//! issuer's place on the network.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;

use rustls_pki_types::PrivateKeyDer;
use serde_json::json;

use crate::harness::{
    Application, Gate, Issuer, Key, claimgate, claims, configuration, eventually, request, scratch,
};

#[test]
fn j27_k09_a_thousand_interleaved_requests_of_two_issuers_with_one_kid() {
    const THREADS: usize = 8;
    const REQUESTS: usize = 125;
    let (first, second, application) = (Issuer::start(), Issuer::start(), Application::start());
    let more = format!(
        "  - {{name: second, provider: oidc, issuer: '{}', audiences: [api]}}\nworkers: 2\n",
        second.url
    );
    let gate = Gate::start(&configuration(&first, &application, &more));
    // Who signed, who is said to have issued, and what comes of it.
    let mut tokens = Vec::new();
    for (key, iss, name) in [
        (&first, &first, Some("test")),
        (&second, &first, None),
        (&second, &second, Some("second")),
        (&first, &second, None),
    ] {
        let subject = name.unwrap_or("nobody");
        for number in 0..8 {
            let claims = claims(&iss.url, json!({"sub": subject, "jti": number.to_string()}));
            tokens.push((key.key.token(&claims), name.is_some()));
        }
    }
    let (tokens, port) = (&tokens, gate.port);
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            scope.spawn(move || {
                for number in 0..REQUESTS {
                    let (token, good) = &tokens[(number * 5 + thread * 3) % tokens.len()];
                    let answer = request(port, "GET /", Some(token), "");
                    assert_eq!(answer.status == 200, *good, "{}", answer.head);
                    if !good {
                        assert_eq!(answer.reason(), "bad_signature");
                    }
                }
            });
        }
    });
    let seen = application.requests();
    assert!(seen.len() > THREADS * REQUESTS / 3, "{}", seen.len());
    for request in seen {
        assert_eq!(
            request.header("x-auth-subject"),
            request.header("x-auth-issuer")
        );
    }
}

#[test]
fn h02_a_token_that_was_not_judged_reaches_the_application_under_no_name() {
    let (issuer, application) = (Issuer::start(), Application::start());
    let gate = Gate::start(&configuration(
        &issuer,
        &application,
        "token: {sources: [{cookie: id_token}, {header: X-Access-Token}, {query: access_token}], forward: true}\nidentity: {underscores: keep}\n",
    ));
    let good = issuer.token(json!({}));
    let forged = "FORGED.FORGED.FORGED";
    let around = [
        format!("Authorization: Foo Bearer {forged}\r\n"),
        format!("X.Access.Token: {forged}\r\nX_Access_Token: {forged}\r\n"),
        format!("HTTP_X_ACCESS_TOKEN: {forged}\r\n"),
        format!("Cookie: id.token={forged}; ID_TOKEN={forged}; id_token[]={forged}; keep=me\r\n"),
        format!("Cookie: a=b,id_token={forged}\r\n"),
        // Python's `SimpleCookie` reads two cookies, and believes the later one.
        format!("Cookie: a=b id_token={forged}\r\n"),
        format!("Cookie: a=b; \u{a0}id_token={forged}\r\n"),
    ];
    let target =
        format!("GET /?access.token={forged}&b=2&Access_Token={forged}&+access_token={forged}");
    for (headers, line) in around
        .iter()
        .map(|headers| (headers.as_str(), "GET /"))
        .chain([("", target.as_str())])
    {
        for credential in [
            format!("Cookie: id_token={good}\r\n"),
            format!("X-Access-Token: {good}\r\n"),
        ] {
            let before = application.requests().len();
            let answer = request(gate.port, line, None, &format!("{headers}{credential}"));
            assert_eq!(answer.status, 200, "{headers}{line}");
            let seen = application.requests().pop().unwrap();
            assert_eq!(application.requests().len(), before + 1);
            assert!(!seen.head.contains("FORGED"), "{}", seen.head);
            assert_eq!(seen.head.matches(&good).count(), 1, "{}", seen.head);
            assert_eq!(headers.contains("keep=me"), seen.head.contains("keep=me"));
        }
    }
}

#[test]
fn k11_keys_from_an_unknown_authority_are_not_taken_and_there_is_no_switch() {
    let certified = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(certified.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certified.cert.der().clone()], key)
        .unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let issuer = Issuer::start();
    let set = json!({"keys": [issuer.key.jwk()]}).to_string();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let tls = rustls::ServerConnection::new(Arc::clone(&config)).unwrap();
            let mut tls = rustls::StreamOwned::new(tls, stream);
            let mut head = Vec::new();
            let mut byte = [0];
            while !head.ends_with(b"\r\n\r\n") && tls.read(&mut byte).unwrap_or(0) == 1 {
                head.push(byte[0]);
            }
            let _refused = write!(
                tls,
                "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{set}",
                set.len()
            );
        }
    });
    let (file, authority) = (scratch("yaml"), scratch("pem"));
    std::fs::write(&authority, certified.cert.pem()).unwrap();
    let token = issuer.key.token(&claims("urn:tls", json!({})));
    let explained = |more: &str| {
        let text = format!(
            "upstream: http://127.0.0.1:1\nissuers: [{{provider: oidc, issuer: 'urn:tls', audiences: [api], keys: {{jwks_url: 'https://localhost:{port}/jwks'{more}}}}}]\n"
        );
        std::fs::write(&file, text).unwrap();
        let output = claimgate(&[
            "explain",
            "--config",
            file.to_str().unwrap(),
            "--json",
            &token,
        ]);
        let told: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        told["reason"].as_str().unwrap_or("allowed").to_owned()
    };
    assert_eq!(explained(""), "keys_unavailable");
    assert_eq!(explained(", allow_http: true"), "keys_unavailable");
    let trusting = format!(", ca_file: '{}'", authority.display());
    assert_eq!(explained(&trusting), "allowed");
}

#[test]
fn c05_what_was_let_in_before_a_reload_is_judged_anew_after_it() {
    let (key, application) = (Key::new("key-1"), Application::start());
    let set = scratch("json");
    let publish = |key: &Key| {
        std::fs::write(&set, json!({"keys": [key.jwk()]}).to_string()).unwrap();
    };
    publish(&key);
    let file = |audience: &str, routes: &str| {
        format!(
            "upstream: http://127.0.0.1:{}\nissuers: [{{provider: oidc, issuer: 'urn:file', audiences: [{audience}], keys: {{jwks_file: '{}'}}}}]\n{routes}",
            application.port,
            set.display()
        )
    };
    let gate = Gate::start(&file("api", ""));
    let listeners = format!(
        "listen: 127.0.0.1:{}\nadmin: 127.0.0.1:{}\n",
        gate.port, gate.admin
    );
    let loads = || gate.metric("claimgate_config_last_reload_success_timestamp_seconds", "");
    let reload = |text: &str| {
        std::fs::write(&gate.file, format!("{listeners}{text}")).unwrap();
        let sent = std::process::Command::new("kill")
            .args(["-HUP", &gate.pid().to_string()])
            .status();
        assert!(sent.unwrap().success());
    };
    let token = key.token(&claims("urn:file", json!({})));
    let judged = || {
        let answer = request(gate.port, "GET /", Some(&token), "");
        match answer.status {
            200 => "allowed".to_owned(),
            _ => answer.reason(),
        }
    };
    let comes_to = |reason: &str| eventually(reason, || (judged() == reason).then_some(()));
    for _ in 0..3 {
        assert_eq!(judged(), "allowed");
    }
    assert!(gate.metric("claimgate_token_cache_hits_total", "") >= 1.0);
    assert!(loads() > 0.0);
    reload(&file("other", ""));
    comes_to("audience_mismatch");
    reload(&file(
        "api",
        "routes: [{path: /*, require: [{claim: roles, any_of: [admin]}]}]\n",
    ));
    comes_to("rule_not_met");
    reload(&file("api", ""));
    comes_to("allowed");
    // A file that is no configuration changes nothing.
    reload("issuers: [");
    eventually("a reload that failed", || {
        (gate.metric("claimgate_config_last_reload_successful", "") == 0.0).then_some(())
    });
    assert_eq!(judged(), "allowed");
    // Another key under the same kid, in the same file.
    publish(&Key::new("key-1"));
    reload(&file("api", ""));
    comes_to("bad_signature");
}
