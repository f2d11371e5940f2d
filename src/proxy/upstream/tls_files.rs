//! What the files of `upstream.tls` hold: authorities, a certificate and its key. Every mistake is told, for its own key of the configuration.

use std::fmt;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use aws_lc_rs::digest;
use rustls::crypto::{CryptoProvider, aws_lc_rs as provider};
use rustls::{ClientConfig, RootCertStore};

use crate::net::identity::{BadIdentity, Identity, Part};
use crate::net::roots;

/// Largest file: a bundle of every authority of the world has 250 KiB.
pub const MAX_FILE_BYTES: u64 = 512 * 1024;

/// `upstream.tls`: where its parts are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsFiles {
    /// None: the system's roots.
    pub ca: Option<PathBuf>,
    /// Certificate chain and private key, for an application that asks for them.
    pub identity: Option<(PathBuf, PathBuf)>,
}

/// The content of the files.
#[derive(Default)]
pub struct TlsPems {
    pub ca: Option<Vec<u8>>,
    pub identity: Option<(Vec<u8>, Vec<u8>)>,
}

/// What is wrong with one of the files, for its key in the configuration. The texts show nothing of a key.
#[derive(Debug, PartialEq, Eq)]
pub enum TlsMistake {
    Ca(String),
    Certificate(String),
    Key(String),
}

/// Files that were read and fit together.
pub struct TlsMaterial {
    /// Without an ALPN offer.
    pub(super) base: ClientConfig,
    /// SHA-256 of the files: no secret is kept twice.
    pub(super) content: [u8; 32],
}

impl TlsMaterial {
    /// Reads what the files hold.
    ///
    /// # Errors
    /// Every mistake.
    pub fn read(pems: &TlsPems) -> Result<Self, Vec<TlsMistake>> {
        let mut mistakes = Vec::new();
        let roots = match &pems.ca {
            None => Some(roots::system()),
            Some(pem) => roots::only(pem)
                .map(|(roots, _)| Arc::new(roots))
                .map_err(|why| mistakes.push(TlsMistake::Ca(why)))
                .ok(),
        };
        let identity = match &pems.identity {
            None => Some(None),
            Some((certificate, key)) => Identity::read(certificate, key)
                .map_err(|bad| mistakes.extend(bad.into_iter().map(TlsMistake::from)))
                .ok()
                .map(Some),
        };
        match (roots, identity) {
            (Some(roots), Some(identity)) if mistakes.is_empty() => Ok(Self {
                base: client(roots, identity),
                content: pems.digest(),
            }),
            _ => Err(mistakes),
        }
    }
}

impl TlsPems {
    /// Reads the files that are named, each within [`MAX_FILE_BYTES`].
    pub(super) fn load(files: &TlsFiles) -> Result<Self, String> {
        Ok(Self {
            ca: files.ca.as_deref().map(load).transpose()?,
            identity: match &files.identity {
                None => None,
                Some((certificate, key)) => Some((load(certificate)?, load(key)?)),
            },
        })
    }

    pub(super) fn digest(&self) -> [u8; 32] {
        let mut context = digest::Context::new(&digest::SHA256);
        let identity = self.identity.as_ref();
        let parts = [
            self.ca.as_ref(),
            identity.map(|(certificate, _)| certificate),
            identity.map(|(_, key)| key),
        ];
        for part in parts {
            let bytes = part.map(Vec::as_slice).unwrap_or_default();
            context.update(&bytes.len().to_be_bytes());
            context.update(bytes);
        }
        context.finish().as_ref().try_into().unwrap_or_default()
    }
}

impl From<BadIdentity> for TlsMistake {
    fn from(bad: BadIdentity) -> Self {
        let text = format!("{}\nhint: {}", bad.message, bad.hint);
        match bad.part {
            Part::Certificate => Self::Certificate(text),
            Part::PrivateKey => Self::Key(text),
        }
    }
}

impl fmt::Display for TlsMistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (file, why) = match self {
            Self::Ca(why) => ("ca_file", why),
            Self::Certificate(why) => ("client_certificate_file", why),
            Self::Key(why) => ("client_private_key_file", why),
        };
        let why = why.split("\nhint:").next().unwrap_or_default();
        write!(f, "`{file}`: {why}")
    }
}

/// TLS 1.2 and 1.3 with aws-lc-rs, said explicitly: no process-wide default is read or set.
#[expect(
    clippy::expect_used,
    reason = "the provider supports both versions; it does not depend on any input"
)]
fn client(roots: Arc<RootCertStore>, identity: Option<Identity>) -> ClientConfig {
    let crypto: Arc<CryptoProvider> = Arc::new(provider::default_provider());
    let builder = ClientConfig::builder_with_provider(crypto)
        .with_safe_default_protocol_versions()
        .expect("aws-lc-rs has TLS 1.2 and 1.3")
        .with_root_certificates(roots);
    match identity {
        None => builder.with_no_client_auth(),
        Some(identity) => builder.with_client_cert_resolver(identity.resolver()),
    }
}

/// A pipe is left alone: it can be read once, and was; to open it would wait for its other end.
fn load(path: &Path) -> Result<Vec<u8>, String> {
    let cannot = |why: &dyn fmt::Display| format!("cannot read `{}`: {why}", path.display());
    let found = std::fs::metadata(path).map_err(|error| cannot(&error.kind()))?;
    if !found.is_file() {
        return Err(cannot(&"not a regular file"));
    }
    let mut bytes = Vec::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes))
        .map_err(|error| cannot(&error.kind()))?;
    match bytes.len() as u64 > MAX_FILE_BYTES {
        true => Err(cannot(&"it is larger than 512 KiB")),
        false => Ok(bytes),
    }
}
