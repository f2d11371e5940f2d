//! Certificates that a test made, and what a client says with them.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, IsCa, Issuer as Signer, KeyPair, date_time_ymd,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned, SupportedProtocolVersion,
};

use super::testing::*;
use crate::proxy::listen::tls::*;

pub(in crate::proxy) struct Authority {
    pub(in crate::proxy) pem: String,
    signer: Signer<'static, KeyPair>,
}

/// A certificate with its key, both as PEM.
#[derive(Clone)]
pub(in crate::proxy) struct Pair {
    pub(in crate::proxy) certificate: String,
    pub(in crate::proxy) key: String,
}

impl Authority {
    pub(in crate::proxy) fn new(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        let signer = Signer::new(params, key);
        Self { pem, signer }
    }

    pub(in crate::proxy) fn pair(&self, name: &str) -> Pair {
        self.pair_until(name, 4000)
    }

    pub(in crate::proxy) fn pair_until(&self, name: &str, year: i32) -> Pair {
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.not_before = date_time_ymd(2019, 1, 1);
        params.not_after = date_time_ymd(year, 1, 1);
        let key = KeyPair::generate().unwrap();
        Pair {
            certificate: params.signed_by(&key, &self.signer).unwrap().pem(),
            key: key.serialize_pem(),
        }
    }

    pub(in crate::proxy) fn client(&self) -> TestClient {
        TestClient {
            roots: self.pem.clone(),
            pair: None,
            protocols: vec![b"http/1.1".to_vec()],
            versions: rustls::ALL_VERSIONS,
            sni: true,
        }
    }
}

pub(in crate::proxy) fn settings(required: Option<bool>) -> TlsSettings {
    TlsSettings {
        certificate_file: "tls.crt".into(),
        private_key_file: "tls.key".into(),
        client_ca: required.map(|required| ClientAuthority {
            file: "ca.crt".into(),
            required,
        }),
    }
}

pub(in crate::proxy) fn files(pair: &Pair, ca: Option<&Authority>) -> TlsFiles {
    TlsFiles {
        certificate: pair.certificate.clone().into_bytes(),
        private_key: pair.key.clone().into_bytes(),
        client_ca: ca.map(|ca| ca.pem.clone().into_bytes()),
    }
}

/// What a client is like.
#[derive(Clone)]
pub(in crate::proxy) struct TestClient {
    pub(in crate::proxy) roots: String,
    pub(in crate::proxy) pair: Option<Pair>,
    pub(in crate::proxy) protocols: Vec<Vec<u8>>,
    pub(in crate::proxy) versions: &'static [&'static SupportedProtocolVersion],
    pub(in crate::proxy) sni: bool,
}

pub(in crate::proxy) type Tls = StreamOwned<ClientConnection, TcpStream>;

impl TestClient {
    pub(in crate::proxy) fn config(&self) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots
            .add(CertificateDer::from_pem_slice(self.roots.as_bytes()).unwrap())
            .unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(self.versions)
            .unwrap()
            .with_root_certificates(roots);
        let mut config = match &self.pair {
            None => builder.with_no_client_auth(),
            Some(pair) => builder
                .with_client_auth_cert(
                    vec![CertificateDer::from_pem_slice(pair.certificate.as_bytes()).unwrap()],
                    PrivateKeyDer::from_pem_slice(pair.key.as_bytes()).unwrap(),
                )
                .unwrap(),
        };
        config.alpn_protocols.clone_from(&self.protocols);
        config.enable_sni = self.sni;
        Arc::new(config)
    }

    pub(in crate::proxy) fn connect(&self, address: SocketAddr) -> Tls {
        over(Client::to(address).stream, self.config())
    }

    /// The whole answer to one request; nothing when the gate ended the connection before.
    pub(in crate::proxy) fn ask(&self, address: SocketAddr) -> String {
        ask(&mut self.connect(address))
    }
}

pub(in crate::proxy) fn over(stream: TcpStream, config: Arc<ClientConfig>) -> Tls {
    let name = ServerName::try_from("gate.example").unwrap();
    StreamOwned::new(ClientConnection::new(config, name).unwrap(), stream)
}

/// One request, the last of its connection.
pub(in crate::proxy) fn ask(stream: &mut (impl Read + Write)) -> String {
    let request = get("/", &format!("{}Connection: close\r\n", bearer()));
    let mut answer = Vec::new();
    let asked = stream
        .write_all(request.as_bytes())
        .and_then(|()| stream.read_to_end(&mut answer));
    if asked.is_err() {
        // What came before a reset does not count as an answer.
        answer.clear();
    }
    String::from_utf8(answer).unwrap()
}

/// One request on a connection that goes on.
pub(in crate::proxy) fn ask_and_keep(stream: &mut (impl Read + Write)) -> String {
    stream.write_all(get("/", &bearer()).as_bytes()).unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"hello") {
        let mut byte = [0];
        assert_eq!(stream.read(&mut byte).unwrap(), 1, "{answer:?}");
        answer.push(byte[0]);
    }
    String::from_utf8(answer).unwrap()
}
