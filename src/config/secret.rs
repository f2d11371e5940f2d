//! Files and environment variables with keys in them: read under a bound, never shown.

use std::collections::HashMap;
use std::fs::File;
use std::io::{ErrorKind, Read};

use super::problem::{Mistake, shown};
use super::substitute::Lookup;
use crate::jose::base64url;

/// As much as a fetched key set may have.
pub(super) const MAX_FILE_BYTES: u64 = 512 * 1024;

/// Reads a small file whole.
pub(super) fn read_file(path: &str) -> Result<Vec<u8>, Mistake> {
    let cannot = |why: &str| {
        Mistake::new(format!("cannot read `{}`: {why}", shown(path)))
            .hint("check the path and the mount; `--no-files` leaves files unread")
    };
    let reason = |error: std::io::Error| match error.kind() {
        ErrorKind::NotFound => cannot("there is no such file"),
        ErrorKind::PermissionDenied => cannot("permission denied"),
        ErrorKind::IsADirectory => cannot("it is a directory"),
        kind => cannot(&kind.to_string()),
    };
    let file = File::open(path).map_err(reason)?;
    let mut bytes = Vec::new();
    file.take(MAX_FILE_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(reason)?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(cannot(&format!(
            "it is larger than {} KiB",
            MAX_FILE_BYTES / 1024
        )));
    }
    Ok(bytes)
}

/// One environment variable, of the process or of a test.
pub(super) fn variable(environment: Option<&HashMap<String, String>>, name: &str) -> Lookup {
    match environment {
        Some(map) => map
            .get(name)
            .map_or(Lookup::Unset, |value| Lookup::Value(value.clone())),
        None => match std::env::var(name) {
            Ok(value) => Lookup::Value(value),
            Err(std::env::VarError::NotPresent) => Lookup::Unset,
            Err(std::env::VarError::NotUnicode(_)) => Lookup::NotText,
        },
    }
}

/// The secret itself, from what a file or variable holds.
pub(super) fn decode(bytes: Vec<u8>, encoding: &str) -> Result<Vec<u8>, Mistake> {
    if bytes.is_empty() {
        return Err(
            Mistake::new("the secret is empty").hint("an empty secret is known to everyone")
        );
    }
    if encoding != "base64url" {
        return Ok(bytes);
    }
    let mistake = || {
        Mistake::new("the secret is not base64url")
            .hint("letters, digits, `-` and `_`, without padding; `secret_encoding: raw` takes it as it is")
    };
    let text = String::from_utf8(bytes).map_err(|_| mistake())?;
    base64url::decode(&text).map_err(|_| mistake())
}

/// Editors and `echo` end a file with a newline that is not part of the secret. One is taken off.
pub(super) fn without_final_newline(mut bytes: Vec<u8>) -> Vec<u8> {
    if bytes.last() == Some(&b'\n') {
        bytes.pop();
        if bytes.last() == Some(&b'\r') {
            bytes.pop();
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exactly_one_final_newline_is_taken_off() {
        for (file, secret) in [
            (&b"abc\n"[..], &b"abc"[..]),
            (b"abc\r\n", b"abc"),
            (b"abc\n\n", b"abc\n"),
            (b"abc", b"abc"),
            (b"\n", b""),
            (b"a\nb", b"a\nb"),
        ] {
            assert_eq!(without_final_newline(file.to_vec()), secret);
        }
    }

    #[test]
    fn files_that_cannot_be_read_say_why() {
        let missing = read_file("/nonexistent/claimgate").unwrap_err();
        assert!(missing.message.contains("no such file"), "{missing:?}");
        assert!(read_file("/").is_err());
    }

    #[test]
    fn a_secret_in_base64url_is_strict_and_never_shown() {
        assert_eq!(decode(b"aGk".to_vec(), "base64url").unwrap(), b"hi");
        for bad in ["aGk=", "a+b/", "hunter 2"] {
            let mistake = decode(bad.as_bytes().to_vec(), "base64url").unwrap_err();
            assert!(!format!("{mistake:?}").contains(bad));
        }
        assert!(decode(Vec::new(), "raw").is_err());
    }
}
