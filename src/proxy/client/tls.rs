//! The gate's own certificate, and who may present one to it: from PEM files that are read again while the gate runs.
//!
//! TLS 1.2 and 1.3 with rustls' suites; no session outlives a change of the files, and there is no 0-RTT.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use arc_swap::ArcSwap;
use aws_lc_rs::digest;
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::{RootCertStore, ServerConfig};
use rustls_pki_types::pem::{self, PemObject};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use crate::clock::UnixTime;
use crate::jose::validity;

/// RFC 7301: what is offered, the best first.
const APPLICATION_PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// `listen.tls` of the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsSettings {
    pub certificate_file: PathBuf,
    pub private_key_file: PathBuf,
    /// Absent: clients are not asked for certificates.
    pub client_ca: Option<ClientAuthority>,
}

/// Whose certificates clients present.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientAuthority {
    pub file: PathBuf,
    /// Otherwise a client without a certificate is served too. One that cannot be verified never is.
    pub required: bool,
}

/// What the files of [`TlsSettings`] hold. Its Debug shows none of it.
pub struct TlsFiles {
    pub certificate: Vec<u8>,
    pub private_key: Vec<u8>,
    pub client_ca: Option<Vec<u8>>,
}

impl TlsFiles {
    /// What tells these contents from others, each file by itself: SHA-256, so that no key is kept to compare with.
    pub fn fingerprint(&self) -> Vec<u8> {
        let ca = self.client_ca.as_deref().unwrap_or_default();
        [&*self.certificate, &*self.private_key, ca]
            .iter()
            .flat_map(|bytes| digest::digest(&digest::SHA256, bytes).as_ref().to_vec())
            .collect()
    }
}

impl fmt::Debug for TlsFiles {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("TlsFiles")
    }
}

/// Which of the files is at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsFile {
    Certificate,
    PrivateKey,
    ClientCa,
}

/// Why files cannot be used. It never shows what they hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadTls {
    pub file: TlsFile,
    pub message: String,
    pub hint: &'static str,
}

impl BadTls {
    fn new(file: TlsFile, message: impl Into<String>, hint: &'static str) -> Self {
        Self {
            file,
            message: message.into(),
            hint,
        }
    }
}

impl fmt::Display for BadTls {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}\nhint: {}", self.message, self.hint)
    }
}

/// A certificate with its key, ready to be served.
#[derive(Clone)]
pub struct ServerTls {
    config: Arc<ServerConfig>,
    /// When the served certificate ends.
    pub not_after: UnixTime,
    /// [`TlsFiles::fingerprint`] of what it was made of.
    pub fingerprint: Vec<u8>,
}

/// What connections are served with now: swapped whole, never locked.
pub struct CurrentTls(ArcSwap<ServerConfig>);

impl CurrentTls {
    pub fn new(tls: &ServerTls) -> Self {
        Self(ArcSwap::new(Arc::clone(&tls.config)))
    }

    /// The next connections get this one; those that are open keep theirs.
    pub fn replace(&self, tls: &ServerTls) {
        self.0.store(Arc::clone(&tls.config));
    }

    /// Another one after each replacement.
    #[cfg(test)]
    pub(crate) fn identity(&self) -> usize {
        Arc::as_ptr(&self.0.load_full()).addr()
    }

    pub(super) fn config(&self) -> Arc<ServerConfig> {
        self.0.load_full()
    }
}

impl ServerTls {
    /// Makes a server of what the files hold. All that is wrong, at most one fault a file.
    ///
    /// # Errors
    /// A file is not PEM of its kind, or certificate and key do not belong together.
    pub fn new(settings: &TlsSettings, files: &TlsFiles) -> Result<Self, Vec<BadTls>> {
        let chain = certificates(&files.certificate, TlsFile::Certificate)
            .and_then(|chain| Ok((leaf_end(&chain)?, chain)));
        let key = private_key(&files.private_key);
        let roots = match (&settings.client_ca, &files.client_ca) {
            (Some(authority), Some(pem)) => {
                client_roots(pem).map(|roots| Some((roots, authority.required)))
            }
            (Some(_), None) => Err(BadTls::new(
                TlsFile::ClientCa,
                "the authority of clients is missing",
                CHECK_CA,
            )),
            (None, _) => Ok(None),
        };
        match (chain, key, roots) {
            (Ok((not_after, chain)), Ok(key), Ok(roots)) => {
                let config = server(chain, key, roots).map_err(|bad| vec![bad])?;
                Ok(Self {
                    config: Arc::new(config),
                    not_after,
                    fingerprint: files.fingerprint(),
                })
            }
            (chain, key, roots) => Err([chain.err(), key.err(), roots.err()]
                .into_iter()
                .flatten()
                .collect()),
        }
    }
}

const CHECK_CERTIFICATE: &str = "it must be PEM with `-----BEGIN CERTIFICATE-----`, the gate's own certificate first, then those that lead to its root";
const CHECK_KEY: &str = "it must be PEM with `PRIVATE KEY`, `RSA PRIVATE KEY` or `EC PRIVATE KEY`";
const CHECK_PAIR: &str = "`openssl x509 -noout -pubkey -in CERTIFICATE` and `openssl pkey -pubout -in KEY` must print the same; the gate's own certificate stands first in its file";
const CHECK_CA: &str = "it must hold the root certificates that sign the clients' ones, as PEM";

fn certificates(pem: &[u8], file: TlsFile) -> Result<Vec<CertificateDer<'static>>, BadTls> {
    let hint = match file {
        TlsFile::ClientCa => CHECK_CA,
        TlsFile::Certificate | TlsFile::PrivateKey => CHECK_CERTIFICATE,
    };
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let found =
        found.map_err(|_| BadTls::new(file, "it is not valid PEM: cut off, or changed", hint))?;
    match found.is_empty() {
        true => Err(BadTls::new(file, "there is no certificate in it", hint)),
        false => Ok(found),
    }
}

fn leaf_end(chain: &[CertificateDer<'_>]) -> Result<UnixTime, BadTls> {
    chain
        .first()
        .and_then(|leaf| validity::not_after(leaf).ok())
        .map(UnixTime)
        .ok_or_else(|| {
            BadTls::new(
                TlsFile::Certificate,
                "its first certificate cannot be read as X.509",
                CHECK_CERTIFICATE,
            )
        })
}

fn private_key(pem: &[u8]) -> Result<PrivateKeyDer<'static>, BadTls> {
    let bad = |message: &str, hint| BadTls::new(TlsFile::PrivateKey, message, hint);
    if pem.windows(ENCRYPTED.len()).any(|part| part == ENCRYPTED) {
        return Err(bad(
            "the private key is encrypted",
            "nobody is there to type its passphrase: `openssl pkey -in KEY -out PLAIN` decrypts it; let only the gate's user read it",
        ));
    }
    PrivateKeyDer::from_pem_slice(pem).map_err(|error| match error {
        pem::Error::NoItemsFound => bad("there is no private key in it", CHECK_KEY),
        _ => bad("it is not valid PEM: cut off, or changed", CHECK_KEY),
    })
}

/// `-----BEGIN ENCRYPTED PRIVATE KEY-----`, and the `Proc-Type: 4,ENCRYPTED` of old files.
const ENCRYPTED: &[u8] = b"ENCRYPTED";

fn client_roots(pem: &[u8]) -> Result<Arc<RootCertStore>, BadTls> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(pem, TlsFile::ClientCa)? {
        let number = roots.len() + 1;
        roots.add(certificate).map_err(|_| {
            let message = format!("certificate {number} in it cannot be read as X.509");
            BadTls::new(TlsFile::ClientCa, message, CHECK_CA)
        })?;
    }
    Ok(Arc::new(roots))
}

/// aws-lc-rs, said explicitly: no process-wide default is read or set.
fn server(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    clients: Option<(Arc<RootCertStore>, bool)>,
) -> Result<ServerConfig, BadTls> {
    let bad_pair = |error: rustls::Error| match error {
        rustls::Error::InconsistentKeys(_) => BadTls::new(
            TlsFile::PrivateKey,
            "certificate and private key do not belong together",
            CHECK_PAIR,
        ),
        rustls::Error::InvalidCertificate(_) => BadTls::new(
            TlsFile::Certificate,
            "its first certificate cannot be used for TLS",
            CHECK_CERTIFICATE,
        ),
        _ => BadTls::new(
            TlsFile::PrivateKey,
            "the private key cannot be used for TLS",
            "RSA of 2048 bits or more, ECDSA with P-256, P-384 or P-521, or Ed25519",
        ),
    };
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    // `CertifiedKey` alone would only be asked when the first client comes.
    CertifiedKey::from_der(chain.clone(), key.clone_key(), &provider).map_err(bad_pair)?;
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(bad_pair)?;
    let resumes = clients.is_none();
    let builder = match clients {
        None => builder.with_no_client_auth(),
        Some((roots, required)) => {
            let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider);
            let verifier = match required {
                true => verifier,
                false => verifier.allow_unauthenticated(),
            };
            let verifier = verifier.build().map_err(|_| {
                BadTls::new(
                    TlsFile::ClientCa,
                    "no certificate in it can be a root",
                    CHECK_CA,
                )
            })?;
            builder.with_client_cert_verifier(verifier)
        }
    };
    let mut config = builder.with_single_cert(chain, key).map_err(bad_pair)?;
    config.alpn_protocols = APPLICATION_PROTOCOLS.map(<[u8]>::to_vec).to_vec();
    // Tickets are kept by the clients, so that many of them are cheap, and their keys are those of this configuration. Where clients present
    // certificates nothing is resumed: a ticket would outlive the end of the certificate that it was made for.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    match rustls::crypto::aws_lc_rs::Ticketer::new() {
        Ok(ticketer) if resumes => config.ticketer = ticketer,
        Ok(_) | Err(_) => config.send_tls13_tickets = 0,
    }
    Ok(config)
}
