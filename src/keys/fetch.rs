//! GET of one document under limits: no redirects, no proxies from the environment, 512 KiB, 2 s to connect, 5 s in all.

use std::sync::Arc;

/// How to reach one issuer.
#[derive(Clone)]
pub struct FetchSettings {
    /// Roots for this issuer only (`ca_file`), or the shared ones (see [`system_roots`]).
    pub tls: Arc<rustls::ClientConfig>,
    /// `http://host:port` of a forward proxy; CONNECT for https.
    pub proxy: Option<http::Uri>,
    pub allow_http: bool,
    /// The discovered `jwks_uri` must have the origin of the discovery document.
    pub same_origin: bool,
}

/// TLS with the system's roots (`SSL_CERT_FILE`, then the system's store, then the built-in ones).
pub fn system_roots() -> Arc<rustls::ClientConfig> {
    todo!()
}
/// TLS that trusts exactly the certificates of this PEM text.
pub fn only_roots(_pem: &[u8]) -> Result<Arc<rustls::ClientConfig>, String> {
    todo!()
}
