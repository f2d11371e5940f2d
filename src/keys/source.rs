//! One source of keys, from configuration.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::fetch::FetchSettings;
use super::kid::KidUrl;
use super::plan::Timing;
use super::url::KeyUrl;
use crate::jose::jwk::{KeyPolicy, ReadKeys};

/// What the configuration says of a source.
pub struct SourceConfig {
    /// The issuer's configured name: the label.
    pub issuer: Arc<str>,
    pub origin: Origin,
    pub timing: Timing,
    pub policy: KeyPolicy,
    /// `/readyz` waits for this source's first keys.
    pub required_for_ready: bool,
    /// Where a snapshot of what is fetched is kept; none: nowhere.
    pub snapshot_dir: Option<Arc<Path>>,
}

/// Where a source's keys are.
pub enum Origin {
    /// Inline document, or a secret: never changes. The flag: keys fit any kid.
    Fixed {
        keys: ReadKeys,
        any_kid: bool,
    },
    /// Read again every `refresh_interval`, so that a mounted file can rotate.
    File {
        path: PathBuf,
        format: FileFormat,
    },
    JwksUrl {
        url: KeyUrl,
        fetch: FetchSettings,
    },
    /// A map of each kid to a certificate or public key in PEM.
    CertificatesUrl {
        url: KeyUrl,
        fetch: FetchSettings,
    },
    /// A public key in PEM at an address of its own for each kid, fetched when a token names it.
    KeyPerKid {
        url: KidUrl,
        fetch: FetchSettings,
    },
    /// OpenID Connect Discovery 1.0 §4: the document's `issuer` must be exactly `issuer`.
    Discovery {
        url: KeyUrl,
        issuer: String,
        fetch: FetchSettings,
    },
}

impl Origin {
    /// Needs the network.
    pub fn is_remote(&self) -> bool {
        self.address().is_some()
    }

    /// Whether `other` is the same place, read in the same way and under the same trust.
    pub fn reads_as(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::File { path: p, format: f }, Self::File { path, format }) => {
                p == path && f == format
            }
            (Self::JwksUrl { url: u, fetch: f }, Self::JwksUrl { url, fetch })
            | (Self::CertificatesUrl { url: u, fetch: f }, Self::CertificatesUrl { url, fetch }) => {
                u == url && f.reads_as(fetch)
            }
            (Self::KeyPerKid { url: u, fetch: f }, Self::KeyPerKid { url, fetch }) => {
                u == url && f.reads_as(fetch)
            }
            (
                Self::Discovery {
                    url: u,
                    issuer: i,
                    fetch: f,
                },
                Self::Discovery { url, issuer, fetch },
            ) => u == url && i == issuer && f.reads_as(fetch),
            _ => false,
        }
    }

    /// Where a fetch begins, and how; none when nothing is fetched.
    pub fn address(&self) -> Option<(&KeyUrl, &FetchSettings)> {
        match self {
            Self::Fixed { .. } | Self::File { .. } => None,
            Self::JwksUrl { url, fetch }
            | Self::CertificatesUrl { url, fetch }
            | Self::Discovery { url, fetch, .. } => Some((url, fetch)),
            Self::KeyPerKid { url, fetch } => Some((url.sample(), fetch)),
        }
    }

    /// The kind of [`Origin::KeyPerKid`].
    pub const KEY_PER_KID: &'static str = "pem_url";

    /// As the configuration calls it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Fixed { .. } => "inline",
            Self::File { format, .. } => match format {
                FileFormat::Jwks => "jwks_file",
                FileFormat::Pem => "pem_file",
            },
            Self::JwksUrl { .. } => "jwks_url",
            Self::CertificatesUrl { .. } => "certificates_url",
            Self::KeyPerKid { .. } => Self::KEY_PER_KID,
            Self::Discovery { .. } => "discovery_url",
        }
    }

    /// The address or path, or `inline`; never a secret.
    pub fn place(&self) -> String {
        match self {
            Self::Fixed { .. } => "inline".to_owned(),
            Self::File { path, .. } => path.display().to_string(),
            Self::KeyPerKid { url, .. } => url.to_string(),
            Self::JwksUrl { url, .. }
            | Self::CertificatesUrl { url, .. }
            | Self::Discovery { url, .. } => url.to_string(),
        }
    }
}

/// What a key file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileFormat {
    Jwks,
    Pem,
}
