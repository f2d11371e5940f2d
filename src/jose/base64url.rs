//! base64url as a token must have it (RFC 7515 §2): URL-safe alphabet, no padding, no white space, no
//! trailing bits; one text for one byte string.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// Text that is not strict base64url.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotBase64Url;

/// Decodes the one text that [`encode`] writes for a byte string; every other spelling is an error.
pub fn decode(text: &str) -> Result<Vec<u8>, NotBase64Url> {
    URL_SAFE_NO_PAD.decode(text).map_err(|_| NotBase64Url)
}

pub fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// What real key documents hold (padded, plain alphabet): only for a JWK's numbers, never for a token.
/// White space and trailing bits stay errors.
pub fn decode_lenient(text: &str) -> Result<Vec<u8>, NotBase64Url> {
    let unpadded = text
        .strip_suffix("==")
        .or_else(|| text.strip_suffix('='))
        .unwrap_or(text);
    decode(&unpadded.replace('+', "-").replace('/', "_"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

    #[test]
    fn j17_everything_but_the_canonical_text_is_refused() {
        for text in [
            "Zg==", "Zg=", "Zg ", " Zg", "Z g", "Zg\n", "Zh", "Zm9=", "+/+/", "Zg?", "Z", "Zm9vZ",
            "Zg\0", "=", "é", "Zm9v.", "Zm\r\n9v",
        ] {
            assert_eq!(decode(text), Err(NotBase64Url), "{text:?}");
        }
        assert_eq!(decode("Zg"), Ok(b"f".to_vec()));
        assert_eq!(decode(""), Ok(vec![]));
    }

    #[test]
    fn j17_no_sibling_of_the_last_character_decodes() {
        for length in 1..=48 {
            let bytes = vec![0xa5; length];
            let text = encode(&bytes);
            let (stem, last) = text.split_at(text.len() - 1);
            let accepted = ALPHABET
                .iter()
                .map(|c| format!("{stem}{}", *c as char))
                .filter(|sibling| decode(sibling).as_deref() == Ok(&bytes))
                .collect::<Vec<_>>();
            assert_eq!(accepted, [format!("{stem}{last}")]);
        }
    }

    #[test]
    fn key_documents_may_be_padded_and_plain() {
        assert_eq!(decode_lenient("+/8="), Ok(vec![0xfb, 0xff]));
        assert_eq!(decode_lenient("-_8"), Ok(vec![0xfb, 0xff]));
        assert_eq!(decode_lenient("Zg=="), Ok(b"f".to_vec()));
        for text in ["Zg===", "Zg =", "Zh==", "Z", "Zg=\n"] {
            assert_eq!(decode_lenient(text), Err(NotBase64Url), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn encoded_decodes(bytes: Vec<u8>) {
            prop_assert_eq!(decode(&encode(&bytes)), Ok(bytes));
        }

        #[test]
        fn decoded_encodes_to_the_same_text(text in "[A-Za-z0-9_-]{0,40}") {
            if let Ok(bytes) = decode(&text) {
                prop_assert_eq!(encode(&bytes), text);
            }
        }
    }
}
