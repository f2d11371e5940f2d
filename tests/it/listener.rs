//! Where the gate listens, as a process: TLS whose certificate is renewed while it runs, a socket on a path, and no file descriptor left.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use serde_json::json;

use crate::harness::{
    Application, Gate, Issuer, PATIENCE, claimgate, configuration, eventually, request, scratch,
};

/// A certificate for `localhost` that is its own root.
struct Own {
    certificate: String,
    key: String,
}

impl Own {
    fn new(year: i32) -> Self {
        let mut params = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        params.not_before = rcgen::date_time_ymd(2019, 1, 1);
        params.not_after = rcgen::date_time_ymd(year, 1, 1);
        let key = rcgen::KeyPair::generate().unwrap();
        Self {
            certificate: params.self_signed(&key).unwrap().pem(),
            key: key.serialize_pem(),
        }
    }

    fn write(&self, certificate: &Path, key: &Path) {
        std::fs::write(certificate, &self.certificate).unwrap();
        std::fs::write(key, &self.key).unwrap();
    }

    fn connect(&self, port: u16) -> StreamOwned<ClientConnection, TcpStream> {
        let mut roots = RootCertStore::empty();
        let own = CertificateDer::from_pem_slice(self.certificate.as_bytes()).unwrap();
        roots.add(own).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = ServerName::try_from("localhost").unwrap();
        let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        StreamOwned::new(
            ClientConnection::new(Arc::new(config), name).unwrap(),
            stream,
        )
    }
}

/// One request and the beginning of its answer; none when the gate is not trusted.
fn status(stream: &mut (impl Read + Write), token: &str) -> Option<String> {
    let request = format!("GET /x HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}\r\n\r\n");
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = Vec::new();
    let mut piece = [0; 4096];
    loop {
        let read = stream.read(&mut piece).ok()?;
        answer.extend_from_slice(&piece[..read]);
        let text = String::from_utf8_lossy(&answer);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .find_map(|line| {
                    line.to_ascii_lowercase()
                        .strip_prefix("content-length: ")?
                        .parse()
                        .ok()
                })
                .unwrap_or(0);
            if body.len() >= length {
                return Some(head.split(' ').nth(1)?.to_owned());
            }
        }
        if read == 0 {
            return None;
        }
    }
}

fn signal(gate: &Gate, name: &str) {
    let sent = Command::new("kill")
        .args([name, &gate.pid().to_string()])
        .status()
        .unwrap();
    assert!(sent.success());
}

#[test]
fn a_renewed_certificate_is_served_without_a_restart_and_a_broken_one_never() {
    let (issuer, application) = (Issuer::start(), Application::start());
    let (certificate, key) = (scratch("crt"), scratch("key"));
    let (old, new) = (Own::new(3000), Own::new(3001));
    old.write(&certificate, &key);
    let gate = Gate::listening(
        |port| {
            format!(
                "{{address: '127.0.0.1:{port}', tls: {{certificate_file: {}, private_key_file: {}}}}}",
                certificate.display(),
                key.display()
            )
        },
        &configuration(&issuer, &application, ""),
    );
    let token = issuer.token(json!({}));
    let end = "claimgate_tls_certificate_expiry_timestamp_seconds";
    assert_eq!(gate.metric(end, "") as i64, 32_503_680_000);
    let mut open = old.connect(gate.port);
    assert_eq!(status(&mut open, &token).as_deref(), Some("200"));

    // A key without its certificate, as in the middle of a renewal: also said by a reload, which changes nothing then.
    std::fs::write(&key, &new.key).unwrap();
    signal(&gate, "-HUP");
    eventually("the refusal", || {
        (gate.metric("claimgate_tls_last_reload_successful", "") == 0.0).then_some(())
    });
    assert_eq!(
        status(&mut old.connect(gate.port), &token).as_deref(),
        Some("200")
    );

    new.write(&certificate, &key);
    signal(&gate, "-HUP");
    eventually("the new certificate", || {
        (gate.metric(end, "") as i64 == 32_535_216_000).then_some(())
    });
    assert_eq!(gate.metric("claimgate_tls_last_reload_successful", ""), 1.0);
    assert_eq!(
        status(&mut new.connect(gate.port), &token).as_deref(),
        Some("200")
    );
    assert_eq!(status(&mut old.connect(gate.port), &token), None);
    assert_eq!(
        status(&mut open, &token).as_deref(),
        Some("200"),
        "open connections go on"
    );
    assert_eq!(
        gate.log().matches("the certificate in use stays").count(),
        1
    );
    for secret in [&old.key, &new.key] {
        assert!(!gate.log().contains(secret.lines().nth(1).unwrap()));
    }
}

#[test]
fn check_names_what_is_wrong_with_certificate_and_key() {
    let (certificate, key, file) = (scratch("crt"), scratch("key"), scratch("yaml"));
    Own::new(3000).write(&certificate, &key);
    std::fs::write(&key, Own::new(3000).key).unwrap();
    std::fs::write(
        &file,
        format!(
            "listen:\n  address: 127.0.0.1:1\n  tls:\n    certificate_file: {}\n    private_key_file: {}\nupstream: http://127.0.0.1:2\nissuers: [{{provider: oidc, issuer: 'https://id.example', audiences: [a]}}]\n",
            certificate.display(),
            key.display()
        ),
    )
    .unwrap();
    let file = file.to_str().unwrap();
    let checked = claimgate(&["check", "--config", file]);
    assert_eq!(checked.status.code(), Some(78));
    let text =
        String::from_utf8(checked.stdout).unwrap() + &String::from_utf8(checked.stderr).unwrap();
    assert!(
        text.contains(":5:") && text.contains("do not belong together") && text.contains("openssl"),
        "{text}"
    );
    assert_eq!(
        claimgate(&["check", "--no-files", "--config", file])
            .status
            .code(),
        Some(0)
    );
}

#[test]
fn a_socket_on_a_path_is_taken_from_a_dead_gate_only_and_gone_after_the_stop() {
    let (issuer, application) = (Issuer::start(), Application::start());
    // A short path: a socket's has at most 107 bytes.
    let path = PathBuf::from(format!("/tmp/claimgate-it-{}.sock", std::process::id()));
    let listen = |_| format!("unix:{}", path.display());
    let configuration = configuration(&issuer, &application, "");
    let token = issuer.token(json!({}));
    let ask = || {
        let mut stream = UnixStream::connect(&path).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        status(&mut stream, &token)
    };
    let first = Gate::listening(listen, &configuration);
    assert_eq!(ask().as_deref(), Some("200"));
    assert_eq!(application.only().header("x-forwarded-for"), ["unknown"]);
    let line = eventually("the access log", || {
        first
            .log()
            .lines()
            .find(|line| line.contains("/x"))
            .map(str::to_owned)
    });
    assert!(line.contains("\"client.address\":null"), "{line}");

    let mut second = Gate::spawn_listening(listen, &configuration);
    eventually("the second one's end", || {
        (!second.is_alive()).then_some(())
    });
    assert!(
        second.log().contains("another process listens there"),
        "{}",
        second.log()
    );
    assert_eq!(ask().as_deref(), Some("200"), "the first one goes on");

    // Killed: its socket stays, and the next gate takes its place.
    drop(first);
    assert!(path.exists());
    let mut third = Gate::listening(listen, &configuration);
    assert_eq!(ask().as_deref(), Some("200"));
    signal(&third, "-TERM");
    eventually("the stop", || (!third.is_alive()).then_some(()));
    assert!(!path.exists());
}

#[test]
fn d08_without_a_file_descriptor_left_the_gate_waits_and_does_not_spin() {
    let (issuer, application) = (Issuer::start(), Application::start());
    let gate = Gate::start(&configuration(&issuer, &application, "workers: 1\n"));
    let token = issuer.token(json!({}));
    assert_eq!(request(gate.port, "GET /", Some(&token), "").status, 200);
    let open_files = |limit: &str| {
        let set = Command::new("prlimit")
            .args(["--pid", &gate.pid().to_string(), limit])
            .status()
            .unwrap();
        assert!(set.success());
    };
    // As many as are open, whichever they are.
    let open = std::fs::read_dir(format!("/proc/{}/fd", gate.pid())).unwrap();
    let highest = open
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<usize>().ok())
        .max()
        .unwrap();
    open_files(&format!("--nofile={}:4096", highest + 1));
    let begun = Instant::now();
    let tries = || gate.log().matches("cannot accept a connection").count();
    // Whatever numbers below were free are taken first.
    let mut waiting: Vec<TcpStream> = (0..highest + 2)
        .map(|_| TcpStream::connect(("127.0.0.1", gate.port)).unwrap())
        .collect();
    eventually("the first failures", || (tries() >= 5).then_some(()));
    let most = begun.elapsed().as_millis() / Duration::from_millis(100).as_millis() + 2;
    assert!(
        tries() as u128 <= most,
        "{} in {:?}",
        tries(),
        begun.elapsed()
    );
    open_files("--nofile=4096:4096");
    for stream in &mut waiting {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        assert_eq!(status(stream, &token).as_deref(), Some("200"));
    }
}

#[test]
fn the_cap_on_connections_is_that_of_the_file() {
    let (issuer, application) = (Issuer::start(), Application::start());
    let gate = Gate::listening(
        |port| format!("{{address: '127.0.0.1:{port}', max_connections: 3}}"),
        &configuration(&issuer, &application, ""),
    );
    let silent: Vec<TcpStream> = (0..free_places(&gate) + 5)
        .map(|_| TcpStream::connect(("127.0.0.1", gate.port)).unwrap())
        .collect();
    let token = issuer.token(json!({}));
    assert_eq!(request(gate.port, "GET /", Some(&token), "").status, 200);
    assert!(gate.metric("claimgate_connections_dropped_total", "gave_way") >= 3.0);
    assert!(gate.metric("claimgate_connections", "") <= 3.0);
    drop(silent);
}

/// Under a cap of three.
fn free_places(gate: &Gate) -> usize {
    3_usize.saturating_sub(gate.metric("claimgate_connections", "") as usize)
}
