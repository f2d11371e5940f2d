//! Private keys in PEM (RFC 7468): `PRIVATE KEY` (PKCS#8), `RSA PRIVATE KEY` (PKCS#1) and `EC PRIVATE KEY` (SEC 1), several in one file.

use super::super::pem::{NotPem, begin, body};
use super::jwk::{ReadDecryptionKeys, Unusable};
use super::key::DecryptionKey;
use super::pkcs8;

/// Reads every private key of a PEM text; none has a kid. Certificates and public keys beside them are passed over, text outside the
/// sections too (RFC 7468 §2). A text without a private key is an error that says what it holds instead and never shows it.
pub fn read(text: &[u8]) -> Result<ReadDecryptionKeys, NotPem> {
    let text = std::str::from_utf8(text).map_err(|_| NotPem("the text is not UTF-8".to_owned()))?;
    let mut read = ReadDecryptionKeys::default();
    let mut lines = text.lines().map(str::trim);
    let mut public = None;
    while let Some(line) = lines.next() {
        let Some(label) = begin(line)? else {
            continue;
        };
        if matches!(label, "ENCRYPTED PRIVATE KEY" | "OPENSSH PRIVATE KEY") || is_encrypted(text) {
            return Err(NotPem(format!(
                "`{label}` cannot be read: write it as `PRIVATE KEY` (`openssl pkcs8 -topk8 -nocrypt`) and protect the file"
            )));
        }
        let body = body(&mut lines, label)?;
        match Kind::from_label(label) {
            Some(kind) => read.push(None, || kind.read(&body)),
            None if label.ends_with("PUBLIC KEY") || label.ends_with("CERTIFICATE") => {
                public.get_or_insert(label);
            }
            None => {}
        }
    }
    if read.keys.is_empty() && read.skipped.is_empty() {
        return Err(NotPem(match public {
            Some(label) => format!(
                "`{label}` is the public half: the issuer encrypts with that, the gate decrypts with the private key"
            ),
            None => {
                "no `PRIVATE KEY`, `RSA PRIVATE KEY` or `EC PRIVATE KEY` in the text".to_owned()
            }
        }));
    }
    Ok(read)
}

/// The older form, with the cipher in headers of its own (RFC 1421 §4.6.1.1).
fn is_encrypted(text: &str) -> bool {
    text.lines()
        .any(|line| line.trim() == "Proc-Type: 4,ENCRYPTED")
}

#[derive(Clone, Copy)]
enum Kind {
    Pkcs8,
    Pkcs1,
    Sec1,
}

impl Kind {
    fn from_label(label: &str) -> Option<Self> {
        match label {
            "PRIVATE KEY" => Some(Self::Pkcs8),
            "RSA PRIVATE KEY" => Some(Self::Pkcs1),
            "EC PRIVATE KEY" => Some(Self::Sec1),
            _ => None,
        }
    }

    fn read(self, der: &[u8]) -> Result<DecryptionKey, Unusable> {
        match self {
            Self::Pkcs8 => pkcs8::from_pkcs8(der),
            Self::Pkcs1 => pkcs8::from_pkcs1(der),
            Self::Sec1 => pkcs8::from_sec1(der),
        }
    }
}
