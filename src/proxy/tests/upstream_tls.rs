//! TLS to the application: done right, and wrong in each way that must be noticed.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, IsCa, Issuer as Signer, KeyPair, date_time_ymd,
};
use rustls::server::WebPkiClientVerifier;
use rustls::{HandshakeKind, RootCertStore, ServerConfig};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::TlsAcceptor;

use super::http2_app::*;
use super::testing::*;
use crate::proxy::upstream::connect::connect;
use crate::proxy::*;

/// A certificate authority of a test's own.
struct Authority {
    pem: String,
    signer: Signer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params
            .distinguished_name
            .push(DnType::CommonName, "test authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        let signer = Signer::new(params, key);
        Self { pem, signer }
    }

    /// Certificate and key in PEM, for `name`.
    fn certify(&self, name: &str, expired: bool) -> (String, String) {
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        if expired {
            params.not_before = date_time_ymd(2019, 1, 1);
            params.not_after = date_time_ymd(2020, 1, 1);
        }
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.signer).unwrap();
        (certificate.pem(), key.serialize_pem())
    }

    fn pems(&self) -> TlsPems {
        TlsPems {
            ca: Some(self.pem.clone().into_bytes()),
            identity: None,
        }
    }
}

/// Speaks TLS, and HTTP/1.1 or HTTP/2 as it was agreed upon.
struct TlsApp {
    address: SocketAddr,
    http1: Arc<AtomicUsize>,
    http2: Http2App,
    resumed: Arc<AtomicUsize>,
}

impl TlsApp {
    fn start(pair: &(String, String), alpn: &[&str], clients: Option<&Authority>) -> Self {
        let chain = CertificateDer::pem_slice_iter(pair.0.as_bytes());
        let chain = chain.collect::<Result<Vec<_>, _>>().unwrap();
        let key = PrivateKeyDer::from_pem_slice(pair.1.as_bytes()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .unwrap();
        let builder = match clients {
            None => builder.with_no_client_auth(),
            Some(authority) => {
                let mut roots = RootCertStore::empty();
                let root = CertificateDer::from_pem_slice(authority.pem.as_bytes()).unwrap();
                roots.add(root).unwrap();
                let verifier =
                    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
                builder.with_client_cert_verifier(verifier.build().unwrap())
            }
        };
        let mut config = builder.with_single_cert(chain, key).unwrap();
        config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let app = Self {
            address: listener.local_addr().unwrap(),
            http1: Arc::default(),
            http2: Http2App::echo(),
            resumed: Arc::default(),
        };
        let (http1, http2) = (Arc::clone(&app.http1), app.http2.clone());
        let resumed = Arc::clone(&app.resumed);
        in_a_thread(async move {
            let acceptor = TlsAcceptor::from(Arc::new(config));
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            while let Ok((socket, _)) = listener.accept().await {
                let (acceptor, http1) = (acceptor.clone(), Arc::clone(&http1));
                let (http2, resumed) = (http2.clone(), Arc::clone(&resumed));
                tokio::spawn(async move {
                    let Ok(mut stream) = acceptor.accept(socket).await else {
                        return;
                    };
                    let session = stream.get_ref().1;
                    if session.handshake_kind() == Some(HandshakeKind::Resumed) {
                        resumed.fetch_add(1, Ordering::SeqCst);
                    }
                    if session.alpn_protocol() == Some(b"h2") {
                        return http2.serve(stream).await;
                    }
                    http1.fetch_add(1, Ordering::SeqCst);
                    let mut head = Vec::new();
                    while let Ok(byte) = stream.read_u8().await {
                        head.push(byte);
                        if head.ends_with(b"\r\n\r\n") {
                            head.clear();
                            let _ = stream.write_all(OK).await;
                            let _ = stream.flush().await;
                        }
                    }
                });
            }
        });
        app
    }

    fn counts(&self) -> (usize, usize) {
        (self.http1.load(Ordering::SeqCst), self.http2.connections())
    }

    fn gate(&self, name: &str, pems: &TlsPems) -> Gate {
        let mut gate = gate(self.address, None);
        gate.upstream.transport = Transport::Tls(Arc::new(tls(name, pems)));
        gate
    }
}

fn tls(name: &str, pems: &TlsPems) -> UpstreamTls {
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let Ok(material) = TlsMaterial::read(pems) else {
        panic!("not read")
    };
    UpstreamTls::new(name, TlsFiles::default(), material)
}

fn in_a_runtime<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(future)
}

const HOST: &str = "127.0.0.1";
const BOTH: &[&str] = &["h2", "http/1.1"];

#[test]
fn the_application_chooses_the_version_of_http_unless_one_is_configured() {
    let authority = Authority::new();
    let pair = authority.certify(HOST, false);
    for (alpn, protocol, expected) in [
        (BOTH, Protocol::Auto, (0, 1)),
        (BOTH, Protocol::Http1, (1, 0)),
        (BOTH, Protocol::Http2, (0, 1)),
        (&["http/1.1"], Protocol::Auto, (1, 0)),
        (&[], Protocol::Auto, (1, 0)),
        (&["h2"], Protocol::Auto, (0, 1)),
    ] {
        let app = TlsApp::start(&pair, alpn, None);
        let mut gate = app.gate(HOST, &authority.pems());
        gate.upstream.protocol = protocol;
        let gate = Running::start(gate);
        let mut client = gate.connect();
        for _ in 0..3 {
            client.write(get("/", &bearer()));
            let answer = client.answer();
            assert_eq!(answer.status, 200, "{alpn:?} {protocol:?}: {answer:?}");
            if expected.1 > 0 {
                assert!(answer.body.starts_with(b"GET https://a/\n"), "{answer:?}");
            }
        }
        assert_eq!(app.counts(), expected, "{alpn:?} {protocol:?}");
    }
}

#[test]
fn an_application_without_the_configured_version_is_a_502() {
    let authority = Authority::new();
    let pair = authority.certify(HOST, false);
    for alpn in [&["http/1.1"][..], &[]] {
        let app = TlsApp::start(&pair, alpn, None);
        let mut gate = app.gate(HOST, &authority.pems());
        gate.upstream.protocol = Protocol::Http2;
        Running::start(gate)
            .send(get("/", &bearer()))
            .is(502, "upstream_unreachable");
    }
}

#[test]
fn an_upgrade_opens_a_connection_that_speaks_http1_though_the_application_prefers_http2() {
    let authority = Authority::new();
    let app = TlsApp::start(&authority.certify(HOST, false), BOTH, None);
    let settings = app.gate(HOST, &authority.pems()).upstream;
    for (upgrade, http2) in [(true, false), (false, true)] {
        let connected = in_a_runtime(connect(&settings, upgrade));
        assert_eq!(connected.unwrap_or_else(|why| panic!("{why}")).http2, http2);
    }
}

#[test]
fn a_certificate_that_does_not_verify_is_a_502_and_the_log_says_what_to_change() {
    let authority = Authority::new();
    let (good, expired) = (
        authority.certify(HOST, false),
        authority.certify(HOST, true),
    );
    let elsewhere = authority.certify("app.example", false);
    let strangers = Authority::new().pems();
    for (pair, pems, told) in [
        (&expired, &authority.pems(), "renew"),
        (&elsewhere, &authority.pems(), "`upstream.tls.server_name`"),
        (&good, &strangers, "`upstream.tls.ca_file`"),
        // The system knows no authority of a test.
        (&good, &TlsPems::default(), "`upstream.tls.ca_file`"),
    ] {
        let app = TlsApp::start(pair, BOTH, None);
        let gate = app.gate(HOST, pems);
        let settings = gate.upstream.clone();
        Running::start(gate)
            .send(get("/", &bearer()))
            .is(502, "upstream_unreachable");
        assert_eq!(app.counts(), (0, 0), "nothing was said");
        let Err(why) = in_a_runtime(connect(&settings, false)) else {
            panic!("it connected")
        };
        assert!(why.contains(told), "{why}");
    }
}

#[test]
fn the_server_name_is_what_the_certificate_is_checked_against() {
    let authority = Authority::new();
    let app = TlsApp::start(&authority.certify("app.example", false), BOTH, None);
    let gate = app.gate("app.example", &authority.pems());
    assert_eq!(Running::start(gate).send(get("/", &bearer())).status, 200);
}

#[test]
fn a_port_that_does_not_speak_tls_is_a_502() {
    let app = App::plain();
    let mut gate = gate(app.address, None);
    gate.upstream.transport = Transport::Tls(Arc::new(tls(HOST, &TlsPems::default())));
    gate.upstream.connect_timeout = Duration::from_millis(500);
    Running::start(gate)
        .send(get("/", &bearer()))
        .is(502, "upstream_unreachable");
}

#[test]
fn an_application_that_asks_for_a_certificate_gets_the_configured_one() {
    let authority = Authority::new();
    for alpn in [BOTH, &["http/1.1"]] {
        let app = TlsApp::start(&authority.certify(HOST, false), alpn, Some(&authority));
        let without = app.gate(HOST, &authority.pems());
        assert_eq!(
            Running::start(without).send(get("/", &bearer())).status,
            502
        );
        let (certificate, key) = authority.certify("gate.example", false);
        let pems = TlsPems {
            identity: Some((certificate.into(), key.into())),
            ..authority.pems()
        };
        let with = app.gate(HOST, &pems);
        assert_eq!(Running::start(with).send(get("/", &bearer())).status, 200);
    }
}

#[test]
fn sessions_are_resumed() {
    let authority = Authority::new();
    let app = TlsApp::start(&authority.certify(HOST, false), &["http/1.1"], None);
    let mut gate = app.gate(HOST, &authority.pems());
    // No connection is kept.
    gate.upstream.pool_idle_timeout = Duration::ZERO;
    let gate = Running::start(gate);
    let mut client = gate.connect();
    for _ in 0..3 {
        client.write(get("/", &bearer()));
        assert_eq!(client.answer().status, 200);
    }
    assert_eq!(app.counts().0, 3);
    assert!(app.resumed.load(Ordering::SeqCst) >= 1);
}

/// Files in a directory of their own, gone with the value.
struct Files(PathBuf);

impl Files {
    fn new() -> Self {
        let path = std::env::temp_dir().join(format!("claimgate-tls-{:016x}", fastrand::u64(..)));
        std::fs::create_dir(&path).unwrap();
        Self(path)
    }

    fn write(&self, name: &str, content: &str) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, content).unwrap();
        path
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_pipe_in_the_place_of_a_file_is_told_and_nobody_waits_for_it() {
    let authority = Authority::new();
    let files = Files::new();
    let ca = files.0.join("ca.pem");
    let mut mkfifo = std::process::Command::new("mkfifo");
    assert!(mkfifo.arg(&ca).status().unwrap().success());
    let Ok(material) = TlsMaterial::read(&authority.pems()) else {
        panic!("not read")
    };
    let held = TlsFiles {
        ca: Some(ca.clone()),
        identity: None,
    };
    let name = ServerName::try_from("gate.example").unwrap();
    let tls = UpstreamTls::new(name, held, material);
    let rescue = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_secs(5));
        drop(std::fs::OpenOptions::new().read(true).write(true).open(ca));
    });
    let start = std::time::Instant::now();
    let reread = in_a_runtime(tls.reread());
    assert!(matches!(reread, Reread::Failed(_)), "{reread:?}");
    assert!(start.elapsed() < Duration::from_secs(4), "it waited");
    rescue.join().unwrap();
}

/// An HTTP/1.1 answer that ends with its connection: TLS says when it does, otherwise anybody could have cut it.
#[test]
fn an_answer_that_ends_without_close_notify_is_not_whole() {
    for says_so in [true, false] {
        let authority = Authority::new();
        let (chain, key) = authority.certify("app.example", false);
        let chain = CertificateDer::pem_slice_iter(chain.as_bytes());
        let chain = chain.collect::<Result<Vec<_>, _>>().unwrap();
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap();
        let config = builder.with_no_client_auth().with_single_cert(chain, key);
        let acceptor = TlsAcceptor::from(Arc::new(config.unwrap()));
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let mut gate = gate(listener.local_addr().unwrap(), None);
        in_a_thread(async move {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            while let Ok((socket, _)) = listener.accept().await {
                let mut stream = acceptor.accept(socket).await.unwrap();
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    head.push(stream.read_u8().await.unwrap());
                }
                let answer = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nall of it";
                stream.write_all(answer).await.unwrap();
                stream.flush().await.unwrap();
                if says_so {
                    let _ = stream.shutdown().await;
                } else {
                    let _ = stream.get_mut().0.shutdown().await;
                }
            }
        });
        let tls = tls("app.example", &authority.pems());
        gate.upstream.transport = Transport::Tls(Arc::new(tls));
        let answer = Running::start(gate).send(get("/", &bearer()));
        assert_eq!(answer.complete, says_so, "{answer:?}");
    }
}

#[test]
fn files_that_change_are_used_by_new_connections_and_bad_ones_change_nothing() {
    let (old, new) = (Authority::new(), Authority::new());
    let files = Files::new();
    let ca = files.write("ca.pem", &old.pem);
    let (certificate, key) = old.certify("gate.example", false);
    let identity = (
        files.write("gate.pem", &certificate),
        files.write("gate.key", &key),
    );
    let pems = TlsPems {
        ca: Some(old.pem.clone().into_bytes()),
        identity: Some((certificate.into(), key.into())),
    };
    let Ok(material) = TlsMaterial::read(&pems) else {
        panic!("not read")
    };
    let held = TlsFiles {
        ca: Some(ca),
        identity: Some(identity),
    };
    let name = ServerName::try_from(HOST).unwrap();
    let tls = Arc::new(UpstreamTls::new(name, held, material));
    // Renewed, and its clients' authority too.
    let app = TlsApp::start(&new.certify(HOST, false), &["http/1.1"], Some(&new));
    let mut gate = gate(app.address, None);
    gate.upstream.transport = Transport::Tls(Arc::clone(&tls));
    let gate = Running::start(gate);
    let status = || gate.send(get("/", &bearer())).status;
    let reread = || in_a_runtime(tls.reread());
    assert_eq!(reread(), Reread::Same);
    assert_eq!(status(), 502);

    files.write("ca.pem", &new.pem);
    let (certificate, key) = new.certify("gate.example", false);
    files.write("gate.pem", &certificate);
    let Reread::Failed(why) = reread() else {
        panic!("a certificate with another one's key was taken")
    };
    assert!(why.contains("`client_private_key_file`"), "{why}");
    assert!(
        !why.contains("BEGIN") && !why.contains(key.lines().nth(1).unwrap()),
        "{why}"
    );
    assert_eq!(reread(), Reread::Same, "told once");
    assert_eq!(status(), 502);

    files.write("gate.key", &key);
    assert_eq!(reread(), Reread::Changed);
    assert_eq!(reread(), Reread::Same);
    assert_eq!(status(), 200);

    std::fs::remove_file(files.0.join("ca.pem")).unwrap();
    let Reread::Failed(why) = reread() else {
        panic!("a file that is gone was taken")
    };
    assert!(why.contains("ca.pem"), "{why}");
    assert_eq!(status(), 200);
}

#[test]
fn what_is_wrong_with_each_file_is_told() {
    let authority = Authority::new();
    let (certificate, key) = authority.certify("gate.example", false);
    let other_key = authority.certify("gate.example", false).1;
    let read = |ca: &str, certificate: &str, key: &str| {
        let pems = TlsPems {
            ca: Some(ca.into()),
            identity: Some((certificate.into(), key.into())),
        };
        match TlsMaterial::read(&pems) {
            Ok(_) => Vec::new(),
            Err(mistakes) => mistakes.iter().map(ToString::to_string).collect(),
        }
    };
    let ca = authority.pem.as_str();
    assert_eq!(read(ca, &certificate, &key), [""; 0]);
    assert_eq!(
        read("", "", ""),
        [
            "`ca_file`: no certificate in it",
            "`client_certificate_file`: there is no certificate in it",
            "`client_private_key_file`: there is no private key in it",
        ]
    );
    assert_eq!(
        read(ca, &certificate, &other_key),
        ["`client_private_key_file`: certificate and private key do not belong together"]
    );
    assert_eq!(
        read(ca, &key, &certificate),
        [
            "`client_certificate_file`: there is no certificate in it",
            "`client_private_key_file`: there is no private key in it",
        ]
    );
}
