//! Whom a fetch trusts: the system's roots, or exactly those of one PEM file. There is no switch that turns the check off (K11).

use std::sync::{Arc, OnceLock};

use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;

use super::snapshot::sha256;
use crate::net::roots;

/// Whom a fetch trusts, and what is to be compared of it.
#[derive(Clone)]
pub struct Trust {
    pub client: Arc<ClientConfig>,
    /// SHA-256 in hex of the roots that a `ca_file` names, whatever their order; none: the system's, which the machine's owner may renew.
    pub roots: Option<Arc<str>>,
}

/// TLS with the system's roots (`SSL_CERT_FILE`, then the system's store, then the built-in ones). Read once.
pub fn system_roots() -> Trust {
    static SHARED: OnceLock<Arc<ClientConfig>> = OnceLock::new();
    let shared = SHARED.get_or_init(|| trusting(roots::system()));
    Trust {
        client: Arc::clone(shared),
        roots: None,
    }
}

/// TLS that trusts exactly the certificates of this PEM text.
pub fn only_roots(pem: &[u8]) -> Result<Trust, String> {
    let (roots, certificates) = roots::only(pem)?;
    Ok(Trust {
        client: trusting(Arc::new(roots)),
        roots: Some(digest(certificates)),
    })
}

fn digest(mut certificates: Vec<CertificateDer<'_>>) -> Arc<str> {
    certificates.sort_by(|one, two| one.as_ref().cmp(two.as_ref()));
    certificates.dedup();
    // Each says in its first bytes how long it is (DER), so that no two lists make the same bytes.
    let bytes: Vec<u8> = certificates
        .iter()
        .flat_map(|der| der.iter().copied())
        .collect();
    sha256(&bytes).into()
}

/// TLS 1.2 and 1.3 with aws-lc-rs, said explicitly: no process-wide default is read or set.
#[expect(
    clippy::expect_used,
    reason = "the provider supports both versions; it does not depend on any input"
)]
fn trusting(roots: Arc<RootCertStore>) -> Arc<ClientConfig> {
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    let mut tls = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_safe_default_protocol_versions()
        .expect("aws-lc-rs has TLS 1.2 and 1.3")
        .with_root_certificates(roots)
        .with_no_client_auth();
    tls.alpn_protocols = vec![b"http/1.1".to_vec()];
    Arc::new(tls)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ca_file_holds_certificates_and_nothing_that_cannot_be_read() {
        let one = rcgen::generate_simple_self_signed(["a.example".to_owned()]).unwrap();
        let pem = one.cert.pem();
        assert!(only_roots(pem.as_bytes()).is_ok());
        assert!(only_roots(format!("some text\n{pem}\n{pem}").as_bytes()).is_ok());
        let key = one.signing_key.serialize_pem();
        for bad in [
            "",
            "nothing",
            &key,
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        ] {
            assert!(only_roots(bad.as_bytes()).is_err());
        }
        assert!(only_roots(pem.get(..pem.len() / 2).unwrap().as_bytes()).is_err());
    }

    #[test]
    fn the_shared_configuration_is_one_and_speaks_http_1() {
        let (one, two) = (system_roots(), system_roots());
        assert!(Arc::ptr_eq(&one.client, &two.client));
        assert_eq!(one.client.alpn_protocols, [b"http/1.1".to_vec()]);
    }

    #[test]
    fn the_same_roots_are_the_same_trust_however_they_are_written() {
        let [one, two] = ["a.example", "b.example"].map(|name| {
            let own = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
            own.cert.pem()
        });
        let roots = |pem: String| only_roots(pem.as_bytes()).unwrap().roots.unwrap();
        let both = roots(format!("{one}{two}"));
        assert_eq!(both, roots(format!("# renamed\n{two}\n{one}{one}")));
        assert_ne!(both, roots(one.clone()));
        assert_ne!(roots(one), roots(two));
        assert_eq!(system_roots().roots, None);
    }
}
