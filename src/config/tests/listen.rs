//! `listen`: its forms, and the files of `tls` with all that can be wrong with them.

use super::*;
use crate::clock::UnixTime;
use crate::proxy::listen::tls::{ClientAuthority, TlsSettings};
use crate::proxy::listen::{ListenAddress, ProxySenders};

struct Made {
    certificate: String,
    key: String,
}

fn made(year: i32) -> Made {
    let mut params = rcgen::CertificateParams::new(vec!["gate.example".to_owned()]).unwrap();
    params.not_before = rcgen::date_time_ymd(2019, 1, 1);
    params.not_after = rcgen::date_time_ymd(year, 1, 1);
    let key = rcgen::KeyPair::generate().unwrap();
    Made {
        certificate: params.self_signed(&key).unwrap().pem(),
        key: key.serialize_pem(),
    }
}

/// The `tls` of a configuration stands on lines 3 to 6.
fn with(certificate: &str, key: &str, ca: Option<&str>) -> (Vec<Scratch>, String) {
    let mut files = vec![
        Scratch::file("tls.crt", certificate.as_bytes()),
        Scratch::file("tls.key", key.as_bytes()),
    ];
    let mut text = format!(
        "listen:\n  address: 127.0.0.1:8443\n  tls:\n    certificate_file: {}\n    private_key_file: {}\n",
        files[0].path().display(),
        files[1].path().display()
    );
    if let Some(ca) = ca {
        files.push(Scratch::file("ca.crt", ca.as_bytes()));
        text.push_str(&format!(
            "    client_ca_file: {}\n",
            files[2].path().display()
        ));
    }
    text.push_str(&file(""));
    (files, text)
}

#[test]
fn the_forms_of_listen() {
    let settings = |listen: &str| {
        accepted(&format!("listen: {listen}\n{}", file("")))
            .listen
            .settings
    };
    assert_eq!(
        settings("unix:/run/claimgate.sock").address,
        ListenAddress::Unix("/run/claimgate.sock".into())
    );
    assert_eq!(
        settings("{address: 'unix:/run/a.sock', proxy_protocol: [unix]}").proxy_protocol,
        ProxySenders {
            networks: vec![],
            unix: true
        }
    );
    let all = settings(
        "{address: '[::]:8443', proxy_protocol: [10.0.0.0/8, 'fd00::1'], max_connections: 7}",
    );
    assert_eq!(all.address.to_string(), "[::]:8443");
    assert_eq!(
        all.proxy_protocol.networks,
        [
            "10.0.0.0/8".parse().unwrap(),
            "fd00::1/128".parse().unwrap()
        ]
    );
    assert_eq!((all.max_connections, all.tls), (Some(7), None));
    assert!(settings(&format!("unix:/{}", "x".repeat(106))).address != all.address);
    refused(&format!("listen: unix:/{}\n{}", "x".repeat(107), file("")));
}

#[test]
fn everybody_as_sender_of_proxy_headers_is_a_warning() {
    let text = "listen: {address: 0.0.0.0:80, proxy_protocol: [0.0.0.0/0]}\n";
    let warnings = accepted(&format!("{text}{}", file(""))).warnings;
    assert!(warnings[0].message.contains("every client"), "{warnings:?}");
}

#[test]
fn a_pair_that_fits_is_ready_to_be_served() {
    let Made { certificate, key } = made(4000);
    let (files, text) = with(&certificate, &key, Some(&certificate));
    let config = accepted(&text);
    assert_eq!(config.warnings, []);
    assert_eq!(
        config.listen.settings.tls,
        Some(TlsSettings {
            certificate_file: files[0].path().into(),
            private_key_file: files[1].path().into(),
            client_ca: Some(ClientAuthority {
                file: files[2].path().into(),
                required: true
            }),
        })
    );
    assert_eq!(config.listen.tls.unwrap().not_after.0, 64_060_588_800);
    let optional = text.replace(
        "    client_ca",
        "    client_certificate: optional\n    client_ca",
    );
    let tls = accepted(&optional).listen.settings.tls.unwrap();
    assert!(!tls.client_ca.unwrap().required);
}

#[test]
fn what_is_wrong_with_the_files_is_said_at_their_lines() {
    let (good, other) = (made(4000), made(4000));
    for (certificate, key, ca, expected) in [
        (
            &*good.certificate,
            &*other.key,
            None,
            &[(5, "do not belong together")][..],
        ),
        (
            "",
            "",
            Some(""),
            &[
                (4, "no certificate"),
                (5, "no private key"),
                (6, "no certificate"),
            ],
        ),
        (
            &good.certificate,
            &other.key,
            Some("garbage"),
            &[(5, "do not belong together"), (6, "no certificate")],
        ),
        (
            &good.key,
            &good.certificate,
            None,
            &[(4, "no certificate"), (5, "no private key")],
        ),
    ] {
        let (_files, text) = with(certificate, key, ca);
        let problems = refused(&text);
        let found: Vec<_> = problems
            .iter()
            .map(|p| (p.line, p.message.as_str()))
            .collect();
        assert_eq!(found.len(), expected.len(), "{found:?}");
        for ((line, message), (at, part)) in found.iter().zip(expected) {
            assert!(line == at && message.contains(part), "{found:?}");
        }
        assert!(problems.iter().all(|p| p.hint.is_some()));
        // Files that are left unread are not judged.
        let unread = LoadOptions {
            read_files: false,
            ..options()
        };
        assert!(
            parse(&text, "a.yaml", &unread)
                .unwrap()
                .listen
                .tls
                .is_none()
        );
    }
    let (files, text) = with(&good.certificate, &good.key, None);
    drop(files);
    let problems = refused(&text);
    assert_eq!(problems.len(), 2, "{problems:?}");
    assert!(problems.iter().all(|p| p.message.contains("no such file")));
}

#[test]
fn a_certificate_that_has_ended_or_ends_within_a_week_is_a_warning() {
    let ended = made(2020);
    let (_files, text) = with(&ended.certificate, &ended.key, None);
    let warnings = accepted(&text).warnings;
    assert!(
        warnings[0]
            .message
            .contains("has ended at 2020-01-01T00:00:00Z")
            && warnings[0].line == 4,
        "{warnings:?}"
    );
    let near = |seconds: i64| end_is_near(UnixTime(1_000_000 + seconds), UnixTime(1_000_000));
    assert!(near(0).unwrap().contains("has ended"));
    assert!(near(1).unwrap().contains("ends at 1970-01-12T13:46:41Z"));
    assert!(near(7 * 24 * 3600 - 1).is_some());
    assert!(near(7 * 24 * 3600).is_none());
    assert_eq!(shown_time(UnixTime(253_402_300_799)), "never");
}

#[test]
fn a_hint_never_asks_for_what_would_be_refused_again() {
    let hint = |listen: &str| {
        let problems = refused(&format!("listen: {listen}\n{}", file("")));
        problems[0].hint.clone().unwrap()
    };
    assert!(hint("{address: '127.0.0.1:1', proxy_protocol: true}").contains("a network"));
    assert!(
        hint("{address: '127.0.0.1:1', proxy_protocol: 10.0.0.0/8}").contains("`[10.0.0.0/8]`")
    );
    assert!(hint("'https://0.0.0.0:8443'").contains("tls: {certificate_file"));
}
