//! The gate's own certificate, and who may present one to it: from PEM files that are read again while the gate runs.
//!
//! TLS 1.2 and 1.3 with rustls' suites; no session outlives a change of the files, and there is no 0-RTT.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use arc_swap::ArcSwap;
use aws_lc_rs::digest;
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::{RootCertStore, ServerConfig};

use crate::clock::UnixTime;
use crate::jose::validity;
use crate::net::identity::{BadIdentity, Identity, Part};
use crate::net::roots;

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

impl TlsSettings {
    /// What is wrong, with the file, on one line of the log.
    pub fn explain(&self, bad: &BadTls) -> String {
        let file = match bad.file {
            TlsFile::Certificate => Some(&self.certificate_file),
            TlsFile::PrivateKey => Some(&self.private_key_file),
            TlsFile::ClientCa => self.client_ca.as_ref().map(|authority| &authority.file),
        };
        let file = file.map(|file| file.display().to_string());
        let BadTls { message, hint, .. } = bad;
        format!("`{}`: {message}; {hint}", file.unwrap_or_default())
    }
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

impl From<BadIdentity> for BadTls {
    fn from(bad: BadIdentity) -> Self {
        let file = match bad.part {
            Part::Certificate => TlsFile::Certificate,
            Part::PrivateKey => TlsFile::PrivateKey,
        };
        Self::new(file, bad.message, bad.hint)
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
        let identity = identity(files);
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
        match (identity, roots) {
            (Ok((identity, not_after)), Ok(roots)) => {
                let config = server(identity, roots).map_err(|bad| vec![bad])?;
                Ok(Self {
                    config: Arc::new(config),
                    not_after,
                    fingerprint: files.fingerprint(),
                })
            }
            (identity, roots) => {
                let mut faults = identity.err().unwrap_or_default();
                faults.extend(roots.err());
                Err(faults)
            }
        }
    }
}

const CHECK_CA: &str = "it must hold the root certificates that sign the clients' ones, as PEM";

/// The certificate with its key, and when it ends.
fn identity(files: &TlsFiles) -> Result<(Identity, UnixTime), Vec<BadTls>> {
    let identity = Identity::read(&files.certificate, &files.private_key)
        .map_err(|bad| bad.into_iter().map(BadTls::from).collect::<Vec<_>>())?;
    let end = identity.leaf().map(|leaf| validity::not_after(leaf));
    match end {
        Some(Ok(end)) => Ok((identity, UnixTime(end))),
        _ => {
            let bad = BadIdentity::leaf("its first certificate cannot be read as X.509");
            Err(vec![bad.into()])
        }
    }
}

fn client_roots(pem: &[u8]) -> Result<Arc<RootCertStore>, BadTls> {
    match roots::only(pem) {
        Ok((roots, _)) => Ok(Arc::new(roots)),
        Err(why) => {
            let why = why.lines().next().unwrap_or_default();
            Err(BadTls::new(TlsFile::ClientCa, why, CHECK_CA))
        }
    }
}

/// aws-lc-rs, said explicitly: no process-wide default is read or set.
fn server(
    identity: Identity,
    clients: Option<(Arc<RootCertStore>, bool)>,
) -> Result<ServerConfig, BadTls> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|_| BadIdentity::leaf("no version of TLS is possible"))?;
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
    let mut config = builder.with_cert_resolver(identity.resolver());
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
