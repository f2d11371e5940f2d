//! `upstream`: every way to name an application, and the files of its TLS.

use super::*;
use crate::proxy::{Protocol, Transport};

fn upstream(written: &str) -> UpstreamSettings {
    let config = accepted(&format!("upstream: {written}\n{ISSUERS}"));
    assert_eq!(config.warnings, [], "{written}");
    config.upstream
}

#[test]
fn an_application_is_reached_over_tcp_tls_or_a_socket() {
    for (written, address, protocol) in [
        ("http://app:3000", "app:3000", Protocol::Auto),
        ("https://app", "https://app:443", Protocol::Auto),
        (
            "https://10.0.0.7:8443",
            "https://10.0.0.7:8443",
            Protocol::Auto,
        ),
        ("h2c://app:3000", "app:3000", Protocol::Http2),
        ("unix:/run/app.sock", "unix:/run/app.sock", Protocol::Auto),
        (
            "{url: 'h2c://app:3000', http: http2}",
            "app:3000",
            Protocol::Http2,
        ),
        (
            "{url: 'http://app:3000', http: http2}",
            "app:3000",
            Protocol::Http2,
        ),
        (
            "{url: 'https://app', http: http1}",
            "https://app:443",
            Protocol::Http1,
        ),
        (
            "{url: 'unix:/run/a', http: http2}",
            "unix:/run/a",
            Protocol::Http2,
        ),
    ] {
        let settings = upstream(written);
        assert_eq!(settings.address(), address, "{written}");
        assert_eq!(settings.protocol, protocol, "{written}");
    }
    assert_eq!(upstream("unix:/run/app.sock").authority, "localhost");
}

/// What TLS was configured, as its Debug has it.
fn tls(written: &str) -> String {
    match upstream(written).transport {
        Transport::Tls(tls) => format!("{tls:?}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_server_name_is_the_host_unless_it_is_given() {
    assert!(tls("https://app.internal:8443").contains("\"app.internal\""));
    assert!(tls("https://[::1]:8443").contains("IpAddress"));
    let given = tls("{url: 'https://10.0.0.7', tls: {server_name: app.internal}}");
    assert!(given.contains("\"app.internal\""), "{given}");
}

fn certified() -> (String, String) {
    let own = rcgen::generate_simple_self_signed(["gate.example".to_owned()]).unwrap();
    (own.cert.pem(), own.signing_key.serialize_pem())
}

#[test]
fn the_files_of_tls_are_read() {
    let (certificate, key) = certified();
    let certificate = Scratch::file("gate.pem", certificate.as_bytes());
    let key = Scratch::file("gate.key", key.as_bytes());
    let (certificate, key) = (certificate.path().display(), key.path().display());
    let found = tls(&format!(
        "{{url: 'https://app', tls: {{ca_file: {certificate}, client_certificate_file: {certificate}, client_private_key_file: {key}}}}}"
    ));
    assert!(found.contains("gate.key"), "{found}");
}

#[test]
fn every_mistake_of_the_files_is_told_at_its_line() {
    let (certificate, _) = certified();
    let certificate = Scratch::file("gate.pem", certificate.as_bytes());
    let other_key = Scratch::file("other.key", certified().1.as_bytes());
    let nothing = Scratch::file("nothing.pem", b"nothing");
    let text = format!(
        "upstream:
  url: https://app
  tls:
    ca_file: {}
    client_certificate_file: {}
    client_private_key_file: {}
{ISSUERS}",
        nothing.path().display(),
        certificate.path().display(),
        other_key.path().display()
    );
    let problems = refused(&text);
    let told: Vec<_> = problems
        .iter()
        .map(|problem| (problem.line, problem.path.as_str()))
        .collect();
    assert_eq!(
        told,
        [
            (4, "upstream.tls.ca_file"),
            (6, "upstream.tls.client_private_key_file")
        ],
        "{}",
        rendered(&problems)
    );
    let shown = rendered(&problems);
    assert!(!shown.contains("PRIVATE KEY-----\nM"), "{shown}");
    let missing = text.replace("nothing.pem", "gone.pem");
    assert_eq!(
        refused(&missing).len(),
        2,
        "a file that is not there hides no other"
    );
    let unread = LoadOptions {
        read_files: false,
        ..options()
    };
    assert!(parse(&text, "claimgate.yaml", &unread).is_ok());
}

#[test]
fn what_does_not_fit_together_is_refused() {
    for (written, path, part) in [
        (
            "{url: 'http://app', tls: {server_name: app}}",
            "upstream.tls",
            "`https`",
        ),
        ("{url: 'unix:/run/a', tls: {}}", "upstream.tls", "`https`"),
        ("{url: 'h2c://app', http: http1}", "upstream.http", "`h2c`"),
        (
            "{url: 'https://app', http: http3}",
            "upstream.http",
            "http3",
        ),
        (
            "{url: 'https://app', tls: {server_name: 'app:443'}}",
            "upstream.tls.server_name",
            "certificate",
        ),
        (
            "{url: 'https://app', tls: {insecure_skip_verify: true}}",
            "upstream.tls.insecure_skip_verify",
            "insecure",
        ),
        ("'https://a_b~'", "upstream", "certificate"),
    ] {
        let problems = refused(&format!("upstream: {written}\n{ISSUERS}"));
        assert_eq!(problems.len(), 1, "{}", rendered(&problems));
        assert_eq!(problems[0].path, path, "{written}");
        assert!(
            problems[0].message.contains(part),
            "{}",
            rendered(&problems)
        );
    }
    let (certificate, key) = certified();
    for (name, content) in [
        ("client_certificate_file", certificate),
        ("client_private_key_file", key),
    ] {
        let file = Scratch::file("half.pem", content.as_bytes());
        let path = file.path().display();
        let text = format!("upstream: {{url: 'https://app', tls: {{{name}: {path}}}}}\n{ISSUERS}");
        let problems = refused(&text);
        assert_eq!(problems.len(), 1, "{}", rendered(&problems));
        assert_eq!(problems[0].path, format!("upstream.tls.{name}"));
    }
}

#[test]
fn an_application_over_tls_that_is_the_gate_itself_is_refused() {
    for written in ["https://localhost:8080", "h2c://127.0.0.1:9464"] {
        let problems = refused(&format!("upstream: {written}\n{ISSUERS}"));
        assert!(problems[0].message.contains("the gate's own"), "{written}");
    }
}
