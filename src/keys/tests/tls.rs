//! TLS done right, and wrong in each way that must be noticed (K11).

use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, IsCa, Issuer as Authority, KeyPair, date_time_ymd,
};
use rustls_pki_types::PrivateKeyDer;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use super::{Bench, bench};
use crate::keys::FetchResult;
use crate::keys::fetch::{FetchSettings, only_roots, system_roots};
use crate::keys::source::Origin;
use crate::keys::testing::{Issuer, config, discovery, document, jwk, settings};
use crate::keys::url::KeyUrl;

/// A certificate authority that a test made.
pub(super) struct TestAuthority {
    pem: String,
    signer: Authority<'static, KeyPair>,
}

impl TestAuthority {
    pub(super) fn new(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Self {
            pem,
            signer: Authority::new(params, key),
        }
    }

    /// A TLS server whose certificate is for `name` and has ended when `expired`.
    async fn server(&self, name: &str, expired: bool) -> Issuer {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = Issuer::on(listener, Some(self.acceptor(name, expired)));
        issuer.json("/jwks", &document(&[&jwk("a")]));
        issuer
    }

    pub(super) fn acceptor(&self, name: &str, expired: bool) -> TlsAcceptor {
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        if expired {
            params.not_before = date_time_ymd(2019, 1, 1);
            params.not_after = date_time_ymd(2020, 1, 1);
        }
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.signer).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![certificate.der().clone()],
                PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
            )
            .unwrap();
        TlsAcceptor::from(Arc::new(config))
    }

    pub(super) fn trusted(&self) -> FetchSettings {
        FetchSettings {
            tls: only_roots(self.pem.as_bytes()).unwrap(),
            ..settings()
        }
    }
}

fn https(issuer: &Issuer, path: &str) -> KeyUrl {
    KeyUrl::parse(&format!("https://{}{path}", issuer.address), false).unwrap()
}

fn source(issuer: &Issuer, fetch: FetchSettings) -> crate::keys::source::SourceConfig {
    let url = https(issuer, "/jwks");
    config("one", Origin::JwksUrl { url, fetch })
}

async fn outcome(issuer: &Issuer, fetch: FetchSettings) -> (FetchResult, String) {
    let Bench { keys, told, .. } = bench(vec![source(issuer, fetch)]);
    let error = keys.fetch_once().await.remove(0).err();
    (told.last().unwrap().0, error.unwrap_or_default())
}

#[tokio::test]
async fn k11_keys_come_over_tls_from_an_authority_of_the_ca_file() {
    let authority = TestAuthority::new("one");
    let issuer = authority.server("127.0.0.1", false).await;
    assert_eq!(
        outcome(&issuer, authority.trusted()).await,
        (FetchResult::Ok, String::new())
    );
}

#[tokio::test]
async fn k11_a_certificate_that_is_expired_or_of_another_host_or_unknown_is_refused() {
    let authority = TestAuthority::new("one");
    let expired = authority.server("127.0.0.1", true).await;
    let elsewhere = authority.server("id.example", false).await;
    let good = authority.server("127.0.0.1", false).await;
    let mut other_roots = TestAuthority::new("two").trusted();
    // An authority that was made again under its old name.
    let renewed_roots = TestAuthority::new("one").trusted();
    for (issuer, fetch, part) in [
        (&expired, authority.trusted(), "renewed"),
        (&elsewhere, authority.trusted(), "not valid for name"),
        (&good, other_roots.clone(), "`ca_file`"),
        (&good, renewed_roots, "`ca_file`"),
        (&good, settings(), "`ca_file`"),
    ] {
        let (label, error) = outcome(issuer, fetch).await;
        assert_eq!(label, FetchResult::TlsFailed, "{error}");
        assert!(error.contains(part), "{error}");
        assert_eq!(issuer.requests(), 0, "a request was sent");
    }
    // Permission for plain http is none for bad TLS.
    other_roots.allow_http = true;
    assert_eq!(outcome(&good, other_roots).await.0, FetchResult::TlsFailed);
}

#[tokio::test]
async fn k11_a_port_that_does_not_speak_tls_is_refused() {
    let plain = Issuer::start().await;
    plain.json("/jwks", &document(&[&jwk("a")]));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut greeter = JoinSet::new();
    greeter.spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let _ = socket.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
        }
    });
    let url = KeyUrl::parse(&format!("https://{address}/jwks"), false).unwrap();
    let fetch = FetchSettings {
        tls: system_roots(),
        ..settings()
    };
    let Bench { keys, told, .. } = bench(vec![config("one", Origin::JwksUrl { url, fetch })]);
    let error = keys.fetch_once().await.remove(0).unwrap_err();
    assert_eq!(told.last(), Some((FetchResult::TlsFailed, 0)), "{error}");
}

#[tokio::test]
async fn k01_a_document_over_https_does_not_lead_to_plain_loopback() {
    let authority = TestAuthority::new("one");
    let issuer = authority.server("127.0.0.1", false).await;
    let local = Issuer::start().await;
    local.json("/jwks", &document(&[&jwk("a")]));
    issuer.json("/discovery", &discovery("i", &local.url("/jwks")));
    let origin = Origin::Discovery {
        url: https(&issuer, "/discovery"),
        issuer: "i".to_owned(),
        fetch: authority.trusted(),
    };
    let Bench { keys, told, .. } = bench(vec![config("one", origin)]);
    assert!(keys.fetch_once().await[0].is_err());
    assert_eq!(told.last(), Some((FetchResult::BadDocument, 0)));
    assert_eq!(local.connections(), 0);
}

/// A proxy that makes one tunnel after another and remembers what was asked of it.
async fn tunnelling_proxy(
    status: &'static str,
) -> (http::Uri, Arc<std::sync::Mutex<Vec<String>>>, JoinSet<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let heads = Arc::new(std::sync::Mutex::new(Vec::new()));
    let asked = Arc::clone(&heads);
    let mut task = JoinSet::new();
    task.spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(socket.read_u8().await.unwrap());
            }
            let head = String::from_utf8(head).unwrap();
            let target = head.split(' ').nth(1).unwrap().to_owned();
            asked.lock().unwrap().push(head);
            socket
                .write_all(format!("HTTP/1.1 {status}\r\n\r\n").as_bytes())
                .await
                .unwrap();
            if status.starts_with("200") {
                let mut upstream = TcpStream::connect(target).await.unwrap();
                let _ = tokio::io::copy_bidirectional(&mut socket, &mut upstream).await;
            }
        }
    });
    (format!("http://{address}").parse().unwrap(), heads, task)
}

#[tokio::test]
async fn a_forward_proxy_makes_a_tunnel_to_an_https_address_and_the_certificate_is_the_issuers() {
    let authority = TestAuthority::new("one");
    let issuer = authority.server("127.0.0.1", false).await;
    let (proxy, heads, _task) = tunnelling_proxy("200 Connection established").await;
    let through = |mut fetch: FetchSettings| {
        fetch.proxy = Some(proxy.clone());
        fetch
    };
    assert_eq!(
        outcome(&issuer, through(authority.trusted())).await,
        (FetchResult::Ok, String::new())
    );
    let head = heads.lock().unwrap()[0].clone();
    assert!(
        head.starts_with(&format!("CONNECT {} HTTP/1.1\r\n", issuer.address)),
        "{head}"
    );
    assert!(issuer.heads()[0].starts_with("GET /jwks HTTP/1.1\r\n"));
    assert_eq!(
        outcome(&issuer, through(settings())).await.0,
        FetchResult::TlsFailed
    );
    assert_eq!(issuer.requests(), 1);
}

#[tokio::test]
async fn a_proxy_that_refuses_the_tunnel_is_a_failed_connection() {
    let authority = TestAuthority::new("one");
    let issuer = authority.server("127.0.0.1", false).await;
    let (proxy, _, _task) =
        tunnelling_proxy("407 Proxy Authentication Required\r\nContent-Length: 0").await;
    let mut fetch = authority.trusted();
    fetch.proxy = Some(proxy);
    let (label, error) = outcome(&issuer, fetch).await;
    assert_eq!(label, FetchResult::ConnectFailed);
    assert!(error.contains("407"), "{error}");
    assert_eq!(issuer.connections(), 0);
}
