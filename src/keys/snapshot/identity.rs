//! Whose keys a snapshot holds. Pure.

use aws_lc_rs::digest;
use serde_json::json;

use crate::jose::jwk::KeyPolicy;
use crate::keys::fetch::FetchSettings;
use crate::keys::source::{Origin, SourceConfig};

/// All that decides what a fetch could have brought, as canonical JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity(String);

impl Identity {
    /// None where nothing is fetched: what is configured or in a file is there when the gate starts, and a secret is never written.
    pub fn of(config: &SourceConfig) -> Option<Self> {
        let (kind, url, issuer, fetch) = match &config.origin {
            Origin::Fixed { .. } | Origin::File { .. } => return None,
            // Its keys are fetched when a token names them: there is no set to remember.
            Origin::KeyPerKid { .. } => return None,
            Origin::JwksUrl { url, fetch } => ("jwks", url, None, fetch),
            Origin::CertificatesUrl { url, fetch } => ("certificates", url, None, fetch),
            Origin::Discovery { url, issuer, fetch } => ("discovery", url, Some(issuer), fetch),
        };
        // Without `..`: what is added to them must be thought about here.
        let FetchSettings {
            tls,
            proxy,
            allow_http,
            same_origin,
            // It shows the issuer who asks: what is answered is proved by TLS.
            token_file: _,
        } = fetch;
        let KeyPolicy {
            accepted_use,
            allow_public_default_key,
            kid_required,
        } = &config.policy;
        // TLS proves who answers, whatever the way; over plain http the way is all there is.
        let proxy = proxy.as_ref().filter(|_| !url.is_https() || *allow_http);
        Some(Self(
            json!({
                "name": &*config.issuer,
                "kind": kind,
                "url": url.to_string(),
                "issuer": issuer,
                "roots": tls.roots.as_deref(),
                "proxy": proxy.map(ToString::to_string),
                "allow_http": allow_http,
                "same_origin": same_origin,
                "accepted_use": accepted_use,
                "allow_public_default_key": allow_public_default_key,
                "kid_required": kid_required,
            })
            .to_string(),
        ))
    }

    pub fn as_json(&self) -> &str {
        &self.0
    }

    /// Another one for each identity, so that sources, and gates that share a directory, do not meet in a file.
    pub fn file_name(&self) -> String {
        let digest = sha256(self.0.as_bytes());
        let short = digest.get(..32).unwrap_or(&digest);
        format!("keys-{short}.snapshot")
    }
}

/// SHA-256 in lower-case hex.
pub fn sha256(bytes: &[u8]) -> String {
    let digest = digest::digest(&digest::SHA256, bytes);
    digest.as_ref().iter().map(|b| format!("{b:02x}")).collect()
}
