//! The certificate authorities that a TLS connection may trust: those of the system, or exactly those of one PEM file. There is no switch
//! that turns the check off.

use std::sync::{Arc, OnceLock};

use rustls::RootCertStore;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

/// The system's roots: `SSL_CERT_FILE`, then the system's store, then the built-in ones. Read once.
pub fn system() -> Arc<RootCertStore> {
    static SHARED: OnceLock<Arc<RootCertStore>> = OnceLock::new();
    let shared = SHARED.get_or_init(|| {
        // `SSL_CERT_FILE` and `SSL_CERT_DIR` are looked at in there.
        Arc::new(or_built_in(rustls_native_certs::load_native_certs().certs))
    });
    Arc::clone(shared)
}

/// Exactly the certificates of this PEM text; at least one, and each as it stands there.
///
/// # Errors
/// What is wrong with the text, with a line `hint:` where there is more to say.
pub fn only(pem: &[u8]) -> Result<(RootCertStore, Vec<CertificateDer<'static>>), String> {
    let mut roots = RootCertStore::empty();
    let mut certificates = Vec::new();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let certificate = certificate.map_err(|_| "not valid PEM".to_owned())?;
        let number = roots.len() + 1;
        roots
            .add(certificate.clone())
            .map_err(|_| format!("certificate {number} cannot be read as X.509"))?;
        certificates.push(certificate);
    }
    if roots.is_empty() {
        return Err(
            "no certificate in it\nhint: it must hold `-----BEGIN CERTIFICATE-----`".to_owned(),
        );
    }
    Ok((roots, certificates))
}

/// A store may hold certificates that cannot be roots; they are left out. Mozilla's built-in ones when nothing is left:
/// an image from scratch has no store.
fn or_built_in(certificates: Vec<CertificateDer<'static>>) -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(certificates);
    if roots.is_empty() {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    roots
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_system_store_the_built_in_roots_are_trusted() {
        assert_eq!(
            or_built_in(Vec::new()).len(),
            webpki_roots::TLS_SERVER_ROOTS.len()
        );
        let one = rcgen::generate_simple_self_signed(["a.example".to_owned()]).unwrap();
        assert_eq!(or_built_in(vec![one.cert.der().clone()]).len(), 1);
    }
}
