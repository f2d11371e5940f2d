//! A certificate and its private key, from PEM: what one presents itself with, as a server or as a client. Texts never show what the files hold.

use std::sync::Arc;

use rustls::crypto::aws_lc_rs as provider;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls_pki_types::pem::{self, PemObject};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

const CHECK_CERTIFICATE: &str = "it must be PEM with `-----BEGIN CERTIFICATE-----`, the gate's own certificate first, then those that lead to its root";
const CHECK_KEY: &str = "it must be PEM with `PRIVATE KEY`, `RSA PRIVATE KEY` or `EC PRIVATE KEY`";
const CHECK_PAIR: &str = "`openssl x509 -noout -pubkey -in CERTIFICATE` and `openssl pkey -pubout -in KEY` must print the same; the gate's own certificate stands first in its file";
const CUT_OFF: &str = "it is not valid PEM: cut off, or changed";
/// `-----BEGIN ENCRYPTED PRIVATE KEY-----`, and the `Proc-Type: 4,ENCRYPTED` of old files.
const ENCRYPTED: &[u8] = b"ENCRYPTED";

/// Which of the two files is at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    Certificate,
    PrivateKey,
}

/// Why a file cannot be used, and what to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadIdentity {
    pub part: Part,
    pub message: &'static str,
    pub hint: &'static str,
}

/// A chain and its key that belong together. Its Debug shows neither.
#[derive(Clone)]
pub struct Identity(Arc<CertifiedKey>);

impl Identity {
    /// Reads both files. All that is wrong, at most one fault a file.
    ///
    /// # Errors
    /// A file is not PEM of its kind, or certificate and key do not belong together.
    pub fn read(certificate: &[u8], private_key: &[u8]) -> Result<Self, Vec<BadIdentity>> {
        let (chain, key) = match (chain(certificate), key(private_key)) {
            (Ok(chain), Ok(key)) => (chain, key),
            (chain, key) => return Err([chain.err(), key.err()].into_iter().flatten().collect()),
        };
        // Whether they belong together is asked now, not when the first peer comes.
        CertifiedKey::from_der(chain, key, &provider::default_provider())
            .map(|pair| Self(Arc::new(pair)))
            .map_err(|error| vec![bad_pair(&error)])
    }

    /// The gate's own certificate.
    pub fn leaf(&self) -> Option<&CertificateDer<'static>> {
        self.0.cert.first()
    }

    /// What rustls asks for it: the same for every name.
    pub fn resolver(self) -> Arc<SingleCertAndKey> {
        Arc::new(SingleCertAndKey::from(Arc::unwrap_or_clone(self.0)))
    }
}

impl BadIdentity {
    /// The chain's first certificate is not what it should be.
    pub fn leaf(message: &'static str) -> Self {
        Self {
            part: Part::Certificate,
            message,
            hint: CHECK_CERTIFICATE,
        }
    }

    fn key(message: &'static str, hint: &'static str) -> Self {
        Self {
            part: Part::PrivateKey,
            message,
            hint,
        }
    }
}

fn chain(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, BadIdentity> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let found = found.map_err(|_| BadIdentity::leaf(CUT_OFF))?;
    match found.is_empty() {
        true => Err(BadIdentity::leaf("there is no certificate in it")),
        false => Ok(found),
    }
}

fn key(pem: &[u8]) -> Result<PrivateKeyDer<'static>, BadIdentity> {
    if pem.windows(ENCRYPTED.len()).any(|part| part == ENCRYPTED) {
        return Err(BadIdentity::key(
            "the private key is encrypted",
            "nobody is there to type its passphrase: `openssl pkey -in KEY -out PLAIN` decrypts it; let only the gate's user read it",
        ));
    }
    PrivateKeyDer::from_pem_slice(pem).map_err(|error| match error {
        pem::Error::NoItemsFound => BadIdentity::key("there is no private key in it", CHECK_KEY),
        _ => BadIdentity::key(CUT_OFF, CHECK_KEY),
    })
}

fn bad_pair(error: &rustls::Error) -> BadIdentity {
    match error {
        rustls::Error::InconsistentKeys(_) => BadIdentity::key(
            "certificate and private key do not belong together",
            CHECK_PAIR,
        ),
        rustls::Error::InvalidCertificate(_) => {
            BadIdentity::leaf("its first certificate cannot be used for TLS")
        }
        _ => BadIdentity::key(
            "the private key cannot be used for TLS",
            "RSA of 2048 bits or more, ECDSA with P-256, P-384 or P-521, or Ed25519",
        ),
    }
}
