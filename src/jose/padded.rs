//! A compact serialization whose segments end in base64's padding, against RFC 7515 §2: AWS's load balancers write it so, and their
//! signature is over the padded text ("Authenticate users using an Application Load Balancer", ELB user guide).
//!
//! Only a token of an issuer that is known to write so may be read in this way, and the issuer is known only after the token is read: so
//! the result says [`Spelling::Padded`], and whoever finds the issuer asks it.

use super::compact::CompactJws;

/// How the segments of a token are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spelling {
    /// As RFC 7515 §2 wants it.
    Strict,
    /// At least one segment is padded.
    Padded,
}

/// Splits a token of three segments of which at least one is padded: to a multiple of four, at the end, and nowhere else. A segment without
/// padding is read as always. The segments are without their padding, the signing input is as sent. None for any other text: also for one that the strict reading takes.
pub fn split(token: &[u8]) -> Option<CompactJws<'_>> {
    if !token.contains(&b'=') {
        return None;
    }
    let text = std::str::from_utf8(token).ok()?;
    let (signing_input, signature) = text.rsplit_once('.')?;
    let (header, payload) = signing_input.split_once('.')?;
    Some(CompactJws {
        header: unpadded(header)?,
        payload: unpadded(payload)?,
        signature: unpadded(signature)?,
        signing_input,
    })
}

/// A segment that is not empty, without its padding if it has any: then as much as it takes.
fn unpadded(segment: &str) -> Option<&str> {
    let text = segment.trim_end_matches('=');
    let padding = segment.len() - text.len();
    let in_alphabet = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    let complete = padding == 0 || (padding <= 2 && segment.len().is_multiple_of(4));
    (complete && !text.is_empty() && text.bytes().all(in_alphabet)).then_some(text)
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE;
    use proptest::prelude::*;

    use super::super::{base64url, compact};
    use super::*;

    #[test]
    fn padded_segments_lose_their_padding_and_the_signing_input_keeps_it() {
        for (token, parts) in [
            ("aGk=.cGF5bG8=.cw==", ["aGk", "cGF5bG8", "cw"]),
            ("aGk=.cGF5.c2ln", ["aGk", "cGF5", "c2ln"]),
            ("aGk.cGF5.cw==", ["aGk", "cGF5", "cw"]),
            ("aGkh.aGk=.c2ln", ["aGkh", "aGk", "c2ln"]),
        ] {
            let jws = split(token.as_bytes()).unwrap();
            assert_eq!([jws.header, jws.payload, jws.signature], parts);
            assert_eq!(jws.signing_input, token.rsplit_once('.').unwrap().0);
        }
    }

    #[test]
    fn j17_padding_is_as_much_as_it_takes_at_the_end_and_nowhere_else() {
        for token in [
            "aGk.cGF5.c2ln",
            "aGk==.cGF5.c2ln",
            "aGk===.cGF5.c2ln",
            "aGkh=.cGF5.c2ln",
            "aGkh====.cGF5.c2ln",
            "a===.cGF5.c2ln",
            "=.cGF5.c2ln",
            "====.cGF5.c2ln",
            "aGk=..c2ln",
            "aGk=.cGF5.",
            ".cGF5.cw==",
            "aG=k.cGF5.c2ln",
            "=aGk.cGF5.c2ln",
            "aGk=\n.cGF5.c2ln",
            "aGk=.cGF5.cw== ",
            "aGk=.c+F5.c2ln",
            "aGk=.c/F5.c2ln",
            "aGk%3d.cGF5.c2ln",
            "aGk=.cGF5",
            "aGk=",
            "aGk=.cGF5.c2ln.c2ln",
            "aGk=.a.b.c.d",
            "aGk=.cGF5.c2l\u{e9}",
        ] {
            assert!(split(token.as_bytes()).is_none(), "{token}");
        }
        assert!(split(b"aGk=.\xff.c2ln").is_none());
    }

    proptest! {
        #[test]
        fn j17_nothing_has_two_readings(token in "[a-zA-Z0-9_=.-]{0,40}") {
            if let Some(jws) = split(token.as_bytes()) {
                prop_assert!(compact::split(token.as_bytes()).is_err());
                let unpadded = format!("{}.{}.{}", jws.header, jws.payload, jws.signature);
                prop_assert_eq!(unpadded, token.replace('=', ""));
            }
        }

        #[test]
        fn what_an_encoder_pads_is_read(header: Vec<u8>, payload: Vec<u8>, signature: Vec<u8>) {
            let parts = [&header, &payload, &signature];
            let token = parts.map(|part| URL_SAFE.encode(part)).join(".");
            let read = split(token.as_bytes());
            let padded = token.contains('=');
            prop_assert_eq!(read.is_some(), padded && parts.iter().all(|part| !part.is_empty()));
            if let Some(jws) = read {
                prop_assert_eq!(base64url::decode(jws.payload), Ok(payload));
            }
        }

        #[test]
        fn any_bytes_are_answered(token: Vec<u8>) {
            let _ = split(&token);
        }
    }
}
