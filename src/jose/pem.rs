//! Keys in PEM (RFC 7468): `PUBLIC KEY` (SPKI), `RSA PUBLIC KEY` (PKCS#1) and `CERTIFICATE`, several in one file.
//!
//! Written here because `rustls-pki-types` passes over labels that it does not know: a PKCS#1 key and an encrypted
//! private key would both vanish without a word.

use aws_lc_rs::digest;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::base64url;
use super::jwk::{KeyPolicy, MAX_KEYS, ReadKeys, SkipReason, SkippedKey};
use super::key::VerificationKey;
use super::material::Material;
use super::spki;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotPem(pub String);

/// Reads every key of a PEM text. Private keys are an error that says so, and so is a text without any key.
/// Text outside the sections is passed over (RFC 7468 §2), other kinds of sections too.
///
/// A certificate's key gets its `x5t` and `x5t#S256` (RFC 7515 §4.1.7); no key has a kid. Of more than [`MAX_KEYS`] keys
/// the others are skipped.
pub fn read(text: &[u8], policy: &KeyPolicy) -> Result<ReadKeys, NotPem> {
    let text = std::str::from_utf8(text).map_err(|_| NotPem("the text is not UTF-8".to_owned()))?;
    let mut read = ReadKeys::default();
    let mut lines = text.lines().map(str::trim);
    let mut keys_seen = 0;
    while let Some(line) = lines.next() {
        let Some(label) = label(line, "BEGIN") else {
            continue;
        };
        if label.ends_with("PRIVATE KEY") {
            return Err(NotPem(format!(
                "`{label}` in a file of public keys: take the private key out, and replace it where it is in use"
            )));
        }
        let body = body(&mut lines, label)?;
        let Some(kind) = Kind::from_label(label) else {
            continue;
        };
        keys_seen += 1;
        let key = if keys_seen > MAX_KEYS {
            Err(SkipReason::TooMany)
        } else {
            kind.read(&body, policy)
        };
        match key {
            Ok(key) => read.keys.push(key),
            Err(reason) => read.skipped.push(SkippedKey { kid: None, reason }),
        }
    }
    if keys_seen == 0 {
        return Err(NotPem(
            "no `PUBLIC KEY`, `RSA PUBLIC KEY` or `CERTIFICATE` in the text".to_owned(),
        ));
    }
    Ok(read)
}

#[derive(Clone, Copy)]
enum Kind {
    Spki,
    Pkcs1,
    Certificate,
}

impl Kind {
    fn from_label(label: &str) -> Option<Self> {
        match label {
            "PUBLIC KEY" => Some(Self::Spki),
            "RSA PUBLIC KEY" => Some(Self::Pkcs1),
            "CERTIFICATE" | "X509 CERTIFICATE" | "X.509 CERTIFICATE" => Some(Self::Certificate),
            _ => None,
        }
    }

    fn read(self, der: &[u8], policy: &KeyPolicy) -> Result<VerificationKey, SkipReason> {
        let material: Material = match self {
            Self::Spki => spki::from_spki(der)?,
            Self::Pkcs1 => spki::from_pkcs1(der)?,
            Self::Certificate => spki::from_certificate(der)?,
        };
        let mut key =
            VerificationKey::from_material(&material, None, policy.allow_public_default_key)?;
        if let Self::Certificate = self {
            key.x5t = Some(thumbprint(&digest::SHA1_FOR_LEGACY_USE_ONLY, der));
            key.x5t_s256 = Some(thumbprint(&digest::SHA256, der));
        }
        Ok(key)
    }
}

fn thumbprint(algorithm: &'static digest::Algorithm, der: &[u8]) -> Box<str> {
    base64url::encode(digest::digest(algorithm, der).as_ref()).into()
}

/// `LABEL` of `-----BEGIN LABEL-----`.
fn label<'l>(line: &'l str, word: &str) -> Option<&'l str> {
    line.strip_prefix("-----")?
        .strip_prefix(word)?
        .strip_prefix(' ')?
        .strip_suffix("-----")
}

/// Decodes the lines up to the end of the section.
fn body<'t>(lines: &mut impl Iterator<Item = &'t str>, section: &str) -> Result<Vec<u8>, NotPem> {
    let mut encoded = String::new();
    for line in lines {
        if let Some(end) = label(line, "END") {
            if end != section {
                break;
            }
            return STANDARD
                .decode(&encoded)
                .map_err(|_| NotPem(format!("`{section}` is not base64")));
        }
        encoded.extend(line.split_ascii_whitespace());
    }
    Err(NotPem(format!("`{section}` has no end")))
}
