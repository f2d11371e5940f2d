//! The compact serialization (RFC 7515 §7.1), split on the raw bytes before anything is allocated.

/// The three parts of a signed token, still encoded. Nothing in it is trusted.
#[derive(Clone, Copy)]
pub struct CompactJws<'t> {
    pub header: &'t str,
    pub payload: &'t str,
    pub signature: &'t str,
    /// `header.payload` as it was sent: what the signature is over.
    pub signing_input: &'t str,
}

/// Its Debug shows lengths: the parts are a credential.
impl std::fmt::Debug for CompactJws<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("CompactJws")
            .field("header_bytes", &self.header.len())
            .field("payload_bytes", &self.payload.len())
            .field("signature_bytes", &self.signature.len())
            .finish_non_exhaustive()
    }
}

/// Why bytes are not a compact JWS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotCompactJws {
    /// Five parts: a JWE (RFC 7516 §7.1).
    Encrypted,
    /// Two parts, or an empty third one: no signature (RFC 7519 §6, `none`).
    Unsigned,
    /// Anything else; the text says what, for the log.
    Malformed(&'static str),
}

/// Dots of a JWE; more are nothing at all, and are not counted to their end.
const JWE_DOTS: usize = 4;

/// Splits `token`: only `A-Z a-z 0-9 - _` in exactly three parts separated by dots. An empty payload is left to the
/// caller (RFC 7515 allows it, no claims set is empty).
pub fn split(token: &[u8]) -> Result<CompactJws<'_>, NotCompactJws> {
    let (text, dots) = scan(token)?;
    match dots {
        2 => {}
        1 => return Err(NotCompactJws::Unsigned),
        JWE_DOTS => return Err(NotCompactJws::Encrypted),
        0 => return Err(NotCompactJws::Malformed("one part, no dots")),
        _ => return Err(NotCompactJws::Malformed("four parts")),
    }
    let (signing_input, signature) = text
        .rsplit_once('.')
        .ok_or(NotCompactJws::Malformed("one part, no dots"))?;
    let (header, payload) = signing_input
        .split_once('.')
        .ok_or(NotCompactJws::Malformed("one part, no dots"))?;
    if header.is_empty() {
        return Err(NotCompactJws::Malformed("empty header"));
    }
    if signature.is_empty() {
        return Err(NotCompactJws::Unsigned);
    }
    Ok(CompactJws {
        header,
        payload,
        signature,
        signing_input,
    })
}

/// Whether `token` is a compact JWE by its dots alone; whatever else is in it.
pub fn is_encrypted(token: &[u8]) -> bool {
    token
        .iter()
        .filter(|byte| **byte == b'.')
        .take(JWE_DOTS + 1)
        .count()
        == JWE_DOTS
}

/// The token as text and the number of its dots, of which there are at most those of a JWE. Nothing is allocated.
pub(super) fn scan(token: &[u8]) -> Result<(&str, usize), NotCompactJws> {
    // All of it is looked at, without a way out in between: so the compiler takes many bytes at a time.
    let plain = token
        .iter()
        .fold(true, |so_far, byte| so_far & is_base64url_or_dot(*byte));
    if !plain {
        return Err(NotCompactJws::Malformed("a byte outside base64url"));
    }
    let dots = token.iter().filter(|byte| **byte == b'.').count();
    if dots > JWE_DOTS {
        return Err(NotCompactJws::Malformed("more than five parts"));
    }
    let text =
        std::str::from_utf8(token).map_err(|_| NotCompactJws::Malformed("not ASCII text"))?;
    Ok((text, dots))
}

/// `A-Z a-z 0-9 - _ .` in four comparisons (`-` and `.` are neighbours).
fn is_base64url_or_dot(byte: u8) -> bool {
    let letter = (byte | 0x20).wrapping_sub(b'a') < 26;
    let digit = byte.wrapping_sub(b'0') < 10;
    letter | digit | (byte.wrapping_sub(b'-') < 2) | (byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn refusal(token: &[u8]) -> NotCompactJws {
        split(token).expect_err("refused")
    }

    #[test]
    fn three_parts_are_split_and_the_signing_input_is_as_sent() {
        let parts = split(b"aGk.cGF5.c2ln").unwrap();
        assert_eq!(
            (
                parts.header,
                parts.payload,
                parts.signature,
                parts.signing_input
            ),
            ("aGk", "cGF5", "c2ln", "aGk.cGF5")
        );
    }

    #[test]
    fn j12_the_alphabet_is_base64url_and_dots() {
        for byte in 0..=u8::MAX {
            let wanted = byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
            assert_eq!(is_base64url_or_dot(byte), wanted, "{byte:#x}");
        }
    }

    #[test]
    fn j01_tokens_without_a_signature_are_unsigned() {
        for token in ["a.b", "a.b.", "a.", "a..", ".b"] {
            let found = refusal(token.as_bytes());
            assert_eq!(found, NotCompactJws::Unsigned, "{token}");
        }
    }

    #[test]
    fn j10_five_parts_are_encrypted_whatever_is_in_them() {
        for token in ["a.b.c.d.e", "a..c.d.e", "....", "eyJ.a.b.c.e"] {
            assert_eq!(refusal(token.as_bytes()), NotCompactJws::Encrypted);
        }
    }

    #[test]
    fn j12_json_and_anything_beyond_the_alphabet_is_malformed() {
        for token in [
            &br#"{"payload":"YQ","signatures":[]}"#[..],
            br#"{"a":"aaa.bbb.ccc"}"#,
            b"[]",
            b" a.b.c",
            b"a.b.c\n",
            b"a.b.c=",
            b"a.b+.c",
            b"a.b/.c",
            b"a.b?.c",
            b"a.b.c\0",
            b"a,b.c.d",
            b"\xff.b.c",
            "a.b.\u{e9}".as_bytes(),
        ] {
            assert_eq!(
                refusal(token),
                NotCompactJws::Malformed("a byte outside base64url")
            );
        }
        for token in [&b""[..], b"a", b"a.b.c.d", b"a.b.c.d.e.f", b".b.c"] {
            assert!(matches!(refusal(token), NotCompactJws::Malformed(_)));
        }
    }

    #[test]
    fn j22_thousands_of_dots_are_refused_at_the_sixth_part() {
        assert_eq!(
            refusal(&[b'.'; 7 * 1024]),
            NotCompactJws::Malformed("more than five parts")
        );
    }

    #[test]
    fn a_token_does_not_print() {
        let shown = format!("{:?}", split(b"c2VjcmV0.c2VjcmV0.c2VjcmV0").unwrap());
        assert!(!shown.contains("c2VjcmV0"), "{shown}");
    }

    proptest! {
        #[test]
        fn any_bytes_are_answered(token: Vec<u8>) {
            if let Ok(parts) = split(&token) {
                let joined = format!("{}.{}", parts.signing_input, parts.signature);
                prop_assert_eq!(joined.as_bytes(), &token[..]);
                let joined = format!("{}.{}", parts.header, parts.payload);
                prop_assert_eq!(joined, parts.signing_input);
            }
        }
    }
}
