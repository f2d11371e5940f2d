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

/// What pasting into one line makes of a file; the line itself may be a private key, so it is not shown.
const LINES_LOST: &str = "a line begins with `-----BEGIN` and is not the first line of a key: its line breaks are lost, or it is cut off";

/// The text as a whole holds no public keys; it says why, and never shows the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotPem(pub String);

impl std::fmt::Display for NotPem {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for NotPem {}

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
        let Some(label) = begin(line)? else {
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

/// The key of a text that holds exactly one: what stands under one kid. Which of two would be meant, nobody can say.
pub fn read_one(text: &str, policy: &KeyPolicy) -> Result<VerificationKey, SkipReason> {
    let mut labels = text.lines().filter_map(|line| label(line.trim(), "BEGIN"));
    if labels.any(|label| label.ends_with("PRIVATE KEY")) {
        return Err(SkipReason::PrivateKey);
    }
    let ReadKeys { keys, skipped } =
        read(text.as_bytes(), policy).map_err(|_| SkipReason::Malformed)?;
    match (keys.len(), skipped.as_slice()) {
        (1, []) => keys.into_iter().next().ok_or(SkipReason::Malformed),
        (0, [only]) => Err(only.reason),
        _ => Err(SkipReason::Malformed),
    }
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

/// The label of a section that begins in `line`.
pub(super) fn begin(line: &str) -> Result<Option<&str>, NotPem> {
    match label(line, "BEGIN") {
        None if line.starts_with("-----BEGIN ") => Err(NotPem(LINES_LOST.to_owned())),
        label => Ok(label),
    }
}

/// `LABEL` of `-----BEGIN LABEL-----`: only what labels in use are made of, because a label is shown.
fn label<'l>(line: &'l str, word: &str) -> Option<&'l str> {
    line.strip_prefix("-----")?
        .strip_prefix(word)?
        .strip_prefix(' ')?
        .strip_suffix("-----")
        .filter(|label| label.len() <= MAX_LABEL_BYTES && label.bytes().all(is_of_label))
}

/// Longer than any label in use.
const MAX_LABEL_BYTES: usize = 40;

fn is_of_label(byte: u8) -> bool {
    byte.is_ascii_uppercase() || byte.is_ascii_digit() || matches!(byte, b' ' | b'.' | b'#')
}

/// Decodes the lines up to the end of the section.
pub(super) fn body<'t>(
    lines: &mut impl Iterator<Item = &'t str>,
    section: &str,
) -> Result<Vec<u8>, NotPem> {
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::super::algorithm::{Algorithm, AlgorithmSet};
    use super::super::minting::{self, pem};
    use super::super::{der, jwk};
    use super::*;

    fn read_text(text: &str) -> Result<ReadKeys, NotPem> {
        read(text.as_bytes(), &KeyPolicy::default())
    }

    fn reason(label: &str, der: &[u8]) -> SkipReason {
        let found = read_text(&pem(label, der, "\n")).unwrap();
        assert!(found.keys.is_empty());
        found.skipped[0].reason
    }

    /// A self-signed certificate of a new key.
    fn certificate(algorithm: &'static rcgen::SignatureAlgorithm) -> rcgen::Certificate {
        let pair = rcgen::KeyPair::generate_for(algorithm).unwrap();
        rcgen::CertificateParams::new(vec!["localhost".to_owned()])
            .unwrap()
            .self_signed(&pair)
            .unwrap()
    }

    #[test]
    fn every_kind_of_public_key_is_the_same_key_as_in_a_key_set() {
        for signer in minting::all() {
            let set = json!({"keys": [signer.jwk()]}).to_string();
            let from_set = jwk::read_set(set.as_bytes(), &KeyPolicy::default()).unwrap();
            let mut texts = vec![
                pem("PUBLIC KEY", &signer.spki(), "\n"),
                pem("PUBLIC KEY", &signer.spki(), "\r\n"),
                format!(
                    "subject=x\n\n  {}trailing",
                    pem("PUBLIC KEY", &signer.spki(), "\n")
                ),
            ];
            if let minting::Signer::Rsa(_) = signer {
                texts.push(pem("RSA PUBLIC KEY", &signer.bare(), "\n"));
            }
            for text in texts {
                let found = read_text(&text).unwrap();
                assert_eq!(found.keys.len(), 1, "{:?}", found.skipped);
                assert_eq!(found.keys[0].fingerprint, from_set.keys[0].fingerprint);
                let algorithm = signer.algorithms()[0];
                let signature = signer.sign(algorithm, b"m");
                assert!(found.keys[0].verifies(algorithm, b"m", &signature));
                assert!(found.keys[0].kid.is_none() && found.keys[0].x5t.is_none());
            }
        }
    }

    #[test]
    fn certificates_give_their_key_and_their_thumbprints() {
        for (algorithm, expected) in [
            (&rcgen::PKCS_ECDSA_P256_SHA256, Algorithm::Es256),
            (&rcgen::PKCS_ECDSA_P384_SHA384, Algorithm::Es384),
            (&rcgen::PKCS_ECDSA_P521_SHA512, Algorithm::Es512),
            (&rcgen::PKCS_ED25519, Algorithm::EdDsa),
            (&rcgen::PKCS_RSA_SHA256, Algorithm::Rs256),
        ] {
            let certificate = certificate(algorithm);
            let found = read_text(&certificate.pem()).unwrap();
            let key = &found.keys[0];
            assert!(key.algorithms.contains(expected));
            let sha256 = digest::digest(&digest::SHA256, certificate.der());
            let sha1 = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, certificate.der());
            assert_eq!(
                key.x5t_s256.as_deref(),
                Some(&*base64url::encode(sha256.as_ref()))
            );
            assert_eq!(key.x5t.as_deref(), Some(&*base64url::encode(sha1.as_ref())));
            assert_eq!(key.x5t.as_ref().unwrap().len(), 27);
        }
    }

    #[test]
    fn a_key_in_one_line_is_not_read_and_not_shown() {
        for break_as in ["", " ", "\\n"] {
            for label in ["PRIVATE KEY", "EC PRIVATE KEY", "PUBLIC KEY"] {
                let text = pem(label, b"a key, which is not for logs", "\n");
                let line = text.trim_end().replace('\n', break_as);
                let NotPem(why) = read_text(&line).unwrap_err();
                assert!(why.contains("line breaks"), "{why}");
                assert!(!why.contains("YSBrZXks"), "{why}");
            }
        }
    }

    #[test]
    fn a_label_that_is_none_is_not_shown() {
        for label in ["x".repeat(41), "A".repeat(41), "\u{1b}[31m".to_owned()] {
            let NotPem(why) = read_text(&pem(&label, b"x", "\n")).unwrap_err();
            assert!(!why.contains(&label), "{why}");
        }
    }

    #[test]
    fn several_keys_in_one_file_are_all_read_and_odd_ones_skipped_alone() {
        let text = [
            pem("PUBLIC KEY", &minting::P256.spki(), "\n"),
            pem("PUBLIC KEY", b"\x30\x00", "\n"),
            pem("EC PARAMETERS", b"\x06\x00", "\n"),
            certificate(&rcgen::PKCS_ED25519).pem(),
        ]
        .concat();
        let found = read_text(&text).unwrap();
        assert_eq!(found.keys.len(), 2);
        assert_eq!(found.skipped.len(), 1);
        assert_eq!(
            found.keys[0].algorithms,
            AlgorithmSet::of(&[Algorithm::Es256])
        );
    }

    #[test]
    fn a_private_key_is_an_error_that_names_it() {
        for label in [
            "PRIVATE KEY",
            "RSA PRIVATE KEY",
            "EC PRIVATE KEY",
            "ENCRYPTED PRIVATE KEY",
            "OPENSSH PRIVATE KEY",
        ] {
            let text =
                pem("PUBLIC KEY", &minting::P256.spki(), "\n") + &pem(label, b"secret", "\n");
            let NotPem(text) = read_text(&text).unwrap_err();
            assert!(text.contains(&format!("`{label}`")), "{text}");
        }
    }

    #[test]
    fn texts_without_a_key_are_errors() {
        let good = pem("PUBLIC KEY", &minting::P256.spki(), "\n");
        let cut = good.replace("-----END PUBLIC KEY-----", "");
        let crossed = good.replace("END PUBLIC", "END RSA PUBLIC");
        let damaged = good.replacen('M', "!", 1);
        for text in [
            "",
            "ssh-ed25519 AAAA",
            &pem("X509 CRL", b"\x30\x00", "\n"),
            &cut,
            &crossed,
            &damaged,
        ] {
            read_text(text).unwrap_err();
        }
        read(b"\xff\xfe", &KeyPolicy::default()).unwrap_err();
    }

    #[test]
    fn j14_weak_and_odd_keys_are_skipped_as_in_a_key_set() {
        // RSAPublicKey of 1024 bits with the exponent 65537.
        let numbers = [
            &[0x02, 0x81, 0x81, 0x00][..],
            &[0xdb; 128],
            &[0x02, 3, 1, 0, 1],
        ]
        .concat();
        let weak = [&[0x30, 0x81, numbers.len() as u8], &numbers[..]].concat();
        assert_eq!(reason("RSA PUBLIC KEY", &weak), SkipReason::WeakKey);
        let mut off_curve = minting::P256.spki();
        *off_curve.last_mut().unwrap() ^= 1;
        assert_eq!(reason("PUBLIC KEY", &off_curve), SkipReason::Malformed);
        let mut secp256k1 = minting::P256.spki();
        let at = secp256k1
            .windows(2)
            .position(|w| w == [0x03, 0x01])
            .unwrap();
        secp256k1[at + 2] = 0x77;
        assert_eq!(reason("PUBLIC KEY", &secp256k1), SkipReason::UnknownCurve);
        let mut x25519 = minting::ED25519.spki();
        let at = x25519
            .windows(3)
            .position(|w| w == [0x2b, 0x65, 0x70])
            .unwrap();
        x25519[at + 2] = 0x6e;
        assert_eq!(reason("PUBLIC KEY", &x25519), SkipReason::UnknownKeyType);
    }

    proptest! {
        #[test]
        fn any_text_and_any_der_are_answered(text: Vec<u8>, der: Vec<u8>, label in "(RSA )?(PUBLIC KEY|CERTIFICATE)") {
            let _ = read(&text, &KeyPolicy::default());
            prop_assert!(read_text(&pem(&label, &der, "\n")).is_ok_and(|found| found.keys.is_empty())
                || label == "RSA CERTIFICATE");
        }

        #[test]
        fn a_damaged_certificate_is_answered(at in 0usize..200, byte: u8) {
            let mut der = certificate(&rcgen::PKCS_ED25519).der().to_vec();
            der[at] = byte;
            let found = read_text(&pem("CERTIFICATE", &der, "\n")).unwrap();
            prop_assert_eq!(found.keys.len() + found.skipped.len(), 1);
        }
    }

    /// A SEQUENCE of these contents.
    fn sequence(contents: &[u8]) -> Vec<u8> {
        let length = u16::try_from(contents.len()).unwrap().to_be_bytes();
        let header: &[u8] = match length {
            [0, short @ 0..=0x7f] => &[0x30, short],
            [0, short] => &[0x30, 0x81, short],
            [high, low] => &[0x30, 0x82, high, low],
        };
        [header, contents].concat()
    }

    #[test]
    fn more_numbers_than_a_public_key_has_are_malformed() {
        let bare = minting::RSA.bare();
        let numbers = bare.get(4..).unwrap();
        assert_eq!(sequence(numbers), bare);
        for more in [&[0x02, 1, 3][..], &[0x05, 0], &[0]] {
            let longer = sequence(&[numbers, more].concat());
            assert_eq!(reason("RSA PUBLIC KEY", &longer), SkipReason::Malformed);
        }
        // A private key under the label of a public one: its version stands where the modulus is.
        let private = sequence(&[&[0x02, 1, 0], numbers].concat());
        assert_eq!(reason("RSA PUBLIC KEY", &private), SkipReason::Malformed);
        let spki = minting::ED25519.spki();
        let contents = spki.get(2..).unwrap();
        assert_eq!(sequence(contents), spki);
        let longer = sequence(&[contents, &[0x05, 0]].concat());
        assert_eq!(reason("PUBLIC KEY", &longer), SkipReason::Malformed);
    }

    #[test]
    fn an_algorithm_with_parameters_that_it_does_not_have_is_malformed() {
        for signer in minting::all() {
            let spki = signer.spki();
            let mut info = der::only(&spki, der::SEQUENCE).unwrap();
            let algorithm = info.expect(der::SEQUENCE).unwrap();
            let key = info.expect_whole(der::BIT_STRING).unwrap();
            let rebuilt = |more: &[u8]| {
                let algorithm = sequence(&[algorithm, more].concat());
                sequence(&[&algorithm[..], key].concat())
            };
            assert_eq!(rebuilt(b""), spki);
            let longer = rebuilt(&[0x05, 0]);
            assert_eq!(reason("PUBLIC KEY", &longer), SkipReason::Malformed);
        }
    }

    #[test]
    fn der_cut_or_extended_anywhere_is_malformed() {
        for signer in minting::all() {
            let der = signer.spki();
            for length in 1..der.len() {
                assert_eq!(reason("PUBLIC KEY", &der[..length]), SkipReason::Malformed);
            }
            let longer = [&der[..], &[0]].concat();
            assert_eq!(reason("PUBLIC KEY", &longer), SkipReason::Malformed);
        }
        let der = certificate(&rcgen::PKCS_ED25519).der().to_vec();
        for length in 1..der.len() {
            assert_eq!(reason("CERTIFICATE", &der[..length]), SkipReason::Malformed);
        }
    }
}
