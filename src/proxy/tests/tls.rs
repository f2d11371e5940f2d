//! Clients over TLS, over real sockets: who is let in, with what, and what happens to everybody else.

use std::io::{Read, Write};
use std::sync::Arc;

use rustls::version::{TLS12, TLS13};
use rustls::{HandshakeKind, SupportedProtocolVersion};

use super::certificates::*;
use super::testing::*;
use crate::proxy::listen::tls::{CurrentTls, ServerTls, TlsFile};
use crate::proxy::listen::{ConnectionLimit, Entry, Phase};

const ONLY_1_2: &[&SupportedProtocolVersion] = &[&TLS12];
const ONLY_1_3: &[&SupportedProtocolVersion] = &[&TLS13];

/// A gate with this TLS, and the handle that replaces it.
fn start(app: &App, tls: &ServerTls) -> (Running, Arc<CurrentTls>) {
    let current = Arc::new(CurrentTls::new(tls));
    let entry = Entry {
        tls: Some(Arc::clone(&current)),
        ..entry(ConnectionLimit::new(100))
    };
    (Running::entered(gate(app.address, None), entry), current)
}

fn server(pair: &Pair) -> ServerTls {
    ServerTls::new(&settings(None), &files(pair, None)).unwrap()
}

fn with_clients_of(pair: &Pair, ca: &Authority, required: bool) -> ServerTls {
    ServerTls::new(&settings(Some(required)), &files(pair, Some(ca))).unwrap()
}

fn dropped(gate: &Running, reason: &str, count: usize) {
    gate.wait_count(&format!(
        "claimgate_connections_dropped_total{{reason=\"{reason}\"}} {count}"
    ));
}

#[test]
fn requests_come_in_over_tls_1_2_and_1_3_with_and_without_a_name_and_a_protocol() {
    let app = App::plain();
    let authority = Authority::new("one");
    let (gate, _) = start(&app, &server(&authority.pair("gate.example")));
    let mut asked = 0;
    for versions in [ONLY_1_2, ONLY_1_3] {
        for (sni, protocols) in [(true, vec![]), (false, vec![b"http/1.1".to_vec()])] {
            let client = TestClient {
                versions,
                sni,
                protocols,
                ..authority.client()
            };
            let answer = client.ask(gate.address);
            assert!(
                answer.starts_with("HTTP/1.1 200") && answer.ends_with("hello"),
                "{answer}"
            );
            asked += 1;
        }
    }
    for request in app.wait_for(asked) {
        assert_eq!(request.one("x-forwarded-proto"), Some("https"));
        assert_eq!(request.one("x-forwarded-for"), Some("127.0.0.1"));
    }
}

#[test]
fn s15_nothing_older_than_tls_1_2_and_no_foreign_protocol_is_negotiated() {
    let app = App::plain();
    let authority = Authority::new("one");
    let (gate, _) = start(&app, &server(&authority.pair("gate.example")));
    for version in [0x01, 0x02] {
        // A client hello of TLS 1.0 or 1.1: version, random, no session, two suites, no compression.
        let mut hello = vec![3, version];
        hello.extend([7; 32]);
        hello.extend([0, 0, 4, 0xc0, 0x13, 0x00, 0x2f, 1, 0]);
        let length = u8::try_from(hello.len()).unwrap();
        let mut record = vec![0x16, 3, 1, 0, length + 4, 1, 0, 0, length];
        record.extend(hello);
        let mut client = gate.connect();
        client.write(record);
        let answer = client.rest();
        // An alert, fatal: protocol_version or handshake_failure (RFC 8446 §6).
        assert!(
            matches!(answer.as_slice(), [0x15, _, _, 0, 2, 2, 40 | 70]),
            "{answer:?}"
        );
    }
    let other = TestClient {
        protocols: vec![b"smtp".to_vec()],
        ..authority.client()
    };
    assert_eq!(other.ask(gate.address), "");
    dropped(&gate, "tls_protocol", 3);
    assert_eq!(app.connections(), 0);
}

#[test]
fn a_client_that_forgot_the_s_is_told_and_noise_is_closed() {
    let app = App::plain();
    let authority = Authority::new("one");
    let (gate, _) = start(&app, &server(&authority.pair("gate.example")));
    let answer = gate.send(get("/", &bearer()));
    assert_eq!(
        (answer.status, answer.reason().as_str()),
        (400, "bad_request")
    );
    assert_eq!(answer.header("connection"), Some("close"));
    let mut noise = gate.connect();
    noise.write([0; 64]);
    let _alert = noise.rest();
    dropped(&gate, "plain_http", 1);
    dropped(&gate, "tls_protocol", 1);
    drop(gate.connect());
    dropped(&gate, "closed_in_handshake", 1);
    assert_eq!(app.connections(), 0);
}

#[test]
fn a_client_that_does_not_trust_the_certificate_is_counted() {
    let app = App::plain();
    let (gate, _) = start(&app, &server(&Authority::new("one").pair("gate.example")));
    let stranger = Authority::new("two").client();
    assert_eq!(stranger.ask(gate.address), "");
    dropped(&gate, "refused_by_client", 1);
}

#[test]
fn clients_must_present_a_certificate_of_the_authority_where_it_is_required() {
    let app = App::plain();
    let (authority, clients) = (Authority::new("one"), Authority::new("clients"));
    let server = with_clients_of(&authority.pair("gate.example"), &clients, true);
    let (gate, _) = start(&app, &server);
    let with = |pair: Option<Pair>| TestClient {
        pair,
        ..authority.client()
    };
    assert!(
        with(Some(clients.pair("me")))
            .ask(gate.address)
            .starts_with("HTTP/1.1 200")
    );
    assert_eq!(with(None).ask(gate.address), "");
    dropped(&gate, "no_client_certificate", 1);
    let mut bad = 0;
    for pair in [
        clients.pair_until("me", 2020),
        authority.pair("me"),
        Authority::new("clients").pair("me"),
        Pair {
            certificate: clients.pem.clone(),
            key: rcgen::KeyPair::generate().unwrap().serialize_pem(),
        },
    ] {
        // The last one is no pair: rustls' client refuses to be made of it.
        if pair.certificate != clients.pem {
            assert_eq!(with(Some(pair)).ask(gate.address), "");
            bad += 1;
        }
    }
    dropped(&gate, "bad_client_certificate", bad);
    assert_eq!(app.requests().len(), 1);
    assert!(
        app.only()
            .head
            .lines()
            .all(|line| !line.to_ascii_lowercase().contains("ssl")),
        "nothing of the certificate reaches the application"
    );
}

#[test]
fn an_optional_certificate_may_be_missing_but_never_bad() {
    let app = App::plain();
    let (authority, clients) = (Authority::new("one"), Authority::new("clients"));
    let server = with_clients_of(&authority.pair("gate.example"), &clients, false);
    let (gate, _) = start(&app, &server);
    let with = |pair: Option<Pair>| TestClient {
        pair,
        ..authority.client()
    };
    for good in [None, Some(clients.pair("me"))] {
        assert!(with(good).ask(gate.address).starts_with("HTTP/1.1 200"));
    }
    for bad in [authority.pair("me"), clients.pair_until("me", 2020)] {
        assert_eq!(with(Some(bad)).ask(gate.address), "");
    }
    dropped(&gate, "bad_client_certificate", 2);
    assert_eq!(app.requests().len(), 2);
}

#[test]
fn sessions_are_resumed_but_never_across_a_change_nor_where_clients_present_certificates() {
    let app = App::plain();
    let (authority, clients) = (Authority::new("one"), Authority::new("clients"));
    let pair = authority.pair("gate.example");
    for versions in [ONLY_1_2, ONLY_1_3] {
        let (gate, current) = start(&app, &server(&pair));
        let config = TestClient {
            versions,
            pair: Some(clients.pair("me")),
            ..authority.client()
        }
        .config();
        let kind = || {
            let mut tls = over(gate.connect().stream, Arc::clone(&config));
            assert!(ask(&mut tls).starts_with("HTTP/1.1 200"));
            tls.conn.handshake_kind().unwrap()
        };
        assert_eq!(kind(), HandshakeKind::Full);
        assert_eq!(kind(), HandshakeKind::Resumed);
        current.replace(&server(&pair));
        assert_eq!(
            kind(),
            HandshakeKind::Full,
            "tickets end with the files they were made under"
        );
        current.replace(&with_clients_of(&pair, &clients, true));
        for _ in 0..3 {
            assert_eq!(
                kind(),
                HandshakeKind::Full,
                "a ticket would outlive a certificate"
            );
        }
    }
}

#[test]
fn a_new_certificate_is_for_new_connections_and_open_ones_go_on() {
    let app = App::plain();
    let (old, new) = (Authority::new("old"), Authority::new("new"));
    let (gate, current) = start(&app, &server(&old.pair("gate.example")));
    let mut open = old.client().connect(gate.address);
    assert!(ask_and_keep(&mut open).starts_with("HTTP/1.1 200"));
    current.replace(&server(&new.pair("gate.example")));
    assert!(new.client().ask(gate.address).starts_with("HTTP/1.1 200"));
    assert_eq!(old.client().ask(gate.address), "");
    assert!(ask_and_keep(&mut open).starts_with("HTTP/1.1 200"));
}

#[test]
fn a_drain_answers_the_last_request_over_tls_and_closes_cleanly() {
    let app = App::plain();
    let authority = Authority::new("one");
    let (gate, _) = start(&app, &server(&authority.pair("gate.example")));
    let mut used = authority.client().connect(gate.address);
    assert!(ask_and_keep(&mut used).starts_with("HTTP/1.1 200"));
    // In the middle of its handshake when the drain begins.
    let mut begun = authority.client().connect(gate.address);
    let mut first = Vec::new();
    begun.conn.write_tls(&mut first).unwrap();
    begun.sock.write_all(&first).unwrap();
    gate.wait_count("claimgate_connections 2");
    gate.tell(Phase::Draining);
    wait_until("the listener's end", || {
        std::net::TcpStream::connect(gate.address).is_err()
    });
    assert!(ask(&mut begun).starts_with("HTTP/1.1 200"));
    // A clean end: `close_notify`, which `read` tells from a cut.
    assert_eq!(used.read(&mut [0; 16]).unwrap(), 0);
    gate.join();
}

#[test]
fn an_answer_larger_than_every_buffer_comes_whole_over_tls() {
    const BYTES: usize = 3 * 1024 * 1024;
    let app = App::start(|stream, _| {
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {BYTES}\r\n\r\n");
        stream.write_all(head.as_bytes()).is_ok() && stream.write_all(&vec![b'x'; BYTES]).is_ok()
    });
    let authority = Authority::new("one");
    let (gate, _) = start(&app, &server(&authority.pair("gate.example")));
    let answer = authority.client().ask(gate.address);
    assert_eq!(answer.split_once("\r\n\r\n").unwrap().1.len(), BYTES);
}

#[test]
fn files_that_do_not_fit_are_named() {
    let (authority, clients) = (Authority::new("one"), Authority::new("clients"));
    let (pair, other) = (
        authority.pair("gate.example"),
        authority.pair("gate.example"),
    );
    let faults = |certificate: &str, key: &str, ca: Option<&str>| -> Vec<(TlsFile, String)> {
        let mut files = files(&pair, None);
        files.certificate = certificate.as_bytes().to_vec();
        files.private_key = key.as_bytes().to_vec();
        files.client_ca = ca.map(|ca| ca.as_bytes().to_vec());
        let made = ServerTls::new(&settings(ca.map(|_| true)), &files);
        let faults = made.err().unwrap_or_default();
        for fault in &faults {
            assert!(!fault.hint.is_empty() && !fault.message.contains("MII"));
        }
        faults
            .into_iter()
            .map(|fault| (fault.file, fault.message))
            .collect()
    };
    let one = |found: Vec<(TlsFile, String)>, file, part: &str| {
        let [(named, message)] = found.as_slice() else {
            panic!("{found:?}");
        };
        assert!(*named == file && message.contains(part), "{found:?}");
    };
    let (certificate, key) = (pair.certificate.as_str(), pair.key.as_str());
    assert_eq!(faults(certificate, key, Some(&clients.pem)), []);
    assert_eq!(
        faults(&format!("{certificate}{}", authority.pem), key, None),
        []
    );
    one(
        faults(certificate, &other.key, None),
        TlsFile::PrivateKey,
        "do not belong together",
    );
    // The chain in the wrong order.
    one(
        faults(&format!("{}{certificate}", authority.pem), key, None),
        TlsFile::PrivateKey,
        "do not belong together",
    );
    one(
        faults("", key, None),
        TlsFile::Certificate,
        "no certificate",
    );
    one(
        faults(key, key, None),
        TlsFile::Certificate,
        "no certificate",
    );
    one(
        faults(certificate, certificate, None),
        TlsFile::PrivateKey,
        "no private key",
    );
    one(
        faults(
            certificate,
            "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n",
            None,
        ),
        TlsFile::PrivateKey,
        "encrypted",
    );
    one(
        faults(certificate, key, Some("")),
        TlsFile::ClientCa,
        "no certificate",
    );
    one(
        faults(
            certificate,
            key,
            Some("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
        ),
        TlsFile::ClientCa,
        "X.509",
    );
    // Half written, at every length: never half used.
    for cut in (0..certificate.len() - 1).step_by(40) {
        assert_eq!(faults(&certificate[..cut], key, None).len(), 1, "{cut}");
    }
    for cut in (0..key.len() - 1).step_by(20) {
        assert_eq!(faults(certificate, &key[..cut], None).len(), 1, "{cut}");
    }
    assert_eq!(faults("", "", Some("")).len(), 3, "all at once");
}

#[test]
fn http_2_is_agreed_on_by_alpn_and_preferred() {
    let app = App::plain();
    let authority = Authority::new("one");
    let (gate, _) = start(&app, &server(&authority.pair("gate.example")));
    let client = TestClient {
        protocols: vec![b"http/1.1".to_vec(), b"h2".to_vec()],
        ..authority.client()
    };
    let connector = tokio_rustls::TlsConnector::from(client.config());
    let address = gate.address;
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(async {
            let stream = tokio::net::TcpStream::connect(address).await.unwrap();
            let name = rustls::pki_types::ServerName::try_from("gate.example").unwrap();
            let tls = connector.connect(name, stream).await.unwrap();
            assert_eq!(tls.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
            let io = hyper_util::rt::TokioIo::new(tls);
            let executor = hyper_util::rt::TokioExecutor::new();
            let (mut sender, connection) = hyper::client::conn::http2::handshake(executor, io)
                .await
                .unwrap();
            tokio::spawn(connection);
            for _ in 0..2 {
                let token = bearer();
                let token = token.trim().strip_prefix("Authorization: ").unwrap();
                let request = http::Request::get("https://gate.example/")
                    .header("authorization", token)
                    .body(http_body_util::Empty::<bytes::Bytes>::new())
                    .unwrap();
                let answer = sender.send_request(request).await.unwrap();
                assert_eq!(answer.status(), 200);
            }
        });
    for request in app.wait_for(2) {
        assert_eq!(request.one("x-forwarded-proto"), Some("https"));
        assert_eq!(request.one("host"), Some("gate.example"));
    }
}

#[test]
fn the_preface_of_http_2_is_nothing_where_alpn_did_not_say_so() {
    let app = App::plain();
    let authority = Authority::new("one");
    let (gate, _) = start(&app, &server(&authority.pair("gate.example")));
    let mut tls = authority.client().connect(gate.address);
    tls.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    let _ = tls.read_to_end(&mut answer);
    let answer = String::from_utf8_lossy(&answer).into_owned();
    assert!(
        answer.starts_with("HTTP/1.1 4") || answer.is_empty(),
        "{answer}"
    );
    assert_eq!(app.connections(), 0);
}
