//! How text that is not plain ASCII is written in a header (threat H8).
//!
//! Each encoding is injective: two different texts never become the same value. Receivers trim white space at the edges of a header
//! value (RFC 9110 §5.5), so where an encoding has no way to write an edge space, such a text is refused.

use std::fmt::Write;

use super::Unusable;
use crate::jose::base64url;

/// `encoding` of an entry of `identity.headers`, for `text` and `csv`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Encoding {
    /// Non-ASCII, `%` and edge spaces as `%XX` of their UTF-8 bytes; inner spaces stay.
    #[default]
    Percent,
    /// The UTF-8 bytes.
    Utf8,
    /// One byte a character (ISO 8859-1); text with any other character is refused.
    Latin1,
    /// `UTF-8''...` (RFC 8187 §3.2), for every value.
    Rfc8187,
    /// Unpadded base64url of the UTF-8 bytes (RFC 4648 §5), for every value.
    Base64Url,
}

impl Encoding {
    /// The bytes of a header value. Text with a control character (of C0, C1, or DEL) is refused in every encoding.
    pub(super) fn text(self, text: &str) -> Result<Vec<u8>, Unusable> {
        if self == Self::Percent && is_plain(text) {
            return Ok(text.as_bytes().to_vec());
        }
        refuse_controls(text)?;
        match self {
            Self::Percent => {
                let mut written = String::with_capacity(text.len());
                percent(&mut written, text, |c, edge| {
                    c == '%' || !c.is_ascii() || (edge && c == ' ')
                });
                Ok(written.into_bytes())
            }
            Self::Utf8 => {
                refuse_edges(text)?;
                Ok(text.as_bytes().to_vec())
            }
            Self::Latin1 => {
                refuse_edges(text)?;
                text.chars()
                    .map(|c| u8::try_from(u32::from(c)))
                    .collect::<Result<_, _>>()
                    .map_err(|_| Unusable("the claim has a character that latin1 does not have"))
            }
            Self::Rfc8187 => {
                let mut written = String::from("UTF-8''");
                percent(&mut written, text, |c, _| !is_attribute_character(c));
                Ok(written.into_bytes())
            }
            Self::Base64Url => Ok(base64url::encode(text.as_bytes()).into_bytes()),
        }
    }

    /// The elements with `separator` between them. In every element `%`, the separator and spaces at its edges are percent-encoded, in
    /// every encoding, so that an element's own separator cannot be taken for one between elements (threat H9). Empty ones are refused:
    /// receivers skip them.
    pub(super) fn list(self, elements: &[&str], separator: char) -> Result<Vec<u8>, Unusable> {
        let mut joined = String::new();
        for (position, element) in elements.iter().enumerate() {
            if element.is_empty() {
                return Err(Unusable("an element of the claim is empty"));
            }
            if position > 0 {
                joined.push(separator);
            }
            if is_plain(element) && !element.contains(separator) {
                joined.push_str(element);
                continue;
            }
            refuse_controls(element)?;
            percent(&mut joined, element, |c, edge| {
                c == '%'
                    || c == separator
                    || (edge && c.is_whitespace())
                    || (self == Self::Percent && !c.is_ascii())
            });
        }
        match self {
            Self::Percent => Ok(joined.into_bytes()),
            Self::Utf8 | Self::Latin1 | Self::Rfc8187 | Self::Base64Url => self.text(&joined),
        }
    }
}

/// Text that percent-encoding leaves as it is, which most text is: it need not be looked at sign by sign.
fn is_plain(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.iter().all(|b| matches!(b, b' '..=b'~') && *b != b'%')
        && bytes.first() != Some(&b' ')
        && bytes.last() != Some(&b' ')
}

/// Writes `text` with each character that `escaped` names (told whether only white space is on one side of it) as `%XX` of its UTF-8 bytes.
fn percent(written: &mut String, text: &str, escaped: impl Fn(char, bool) -> bool) {
    let inner_start = text.len() - text.trim_start().len();
    let inner_end = text.trim_end().len();
    for (offset, character) in text.char_indices() {
        let edge = offset < inner_start || offset >= inner_end;
        if escaped(character, edge) {
            let mut buffer = [0; 4];
            for byte in character.encode_utf8(&mut buffer).bytes() {
                // Writing to a String cannot fail.
                let _ = write!(written, "%{byte:02X}");
            }
        } else {
            written.push(character);
        }
    }
}

/// `attr-char` of RFC 8187 §3.2.1.
fn is_attribute_character(c: char) -> bool {
    c.is_ascii_alphanumeric() || "!#$&+-.^_`|~".contains(c)
}

fn refuse_controls(text: &str) -> Result<(), Unusable> {
    if text.chars().any(char::is_control) {
        Err(Unusable("the claim has a control character"))
    } else {
        Ok(())
    }
}

/// Not only the spaces that HTTP trims: languages trim a decoded value's Unicode white space too.
fn refuse_edges(text: &str) -> Result<(), Unusable> {
    if text.trim().len() == text.len() {
        Ok(())
    } else {
        Err(Unusable(
            "the claim begins or ends with white space, which this encoding cannot carry",
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ALL: [Encoding; 5] = [
        Encoding::Percent,
        Encoding::Utf8,
        Encoding::Latin1,
        Encoding::Rfc8187,
        Encoding::Base64Url,
    ];

    fn written(encoding: Encoding, text: &str) -> String {
        String::from_utf8(encoding.text(text).unwrap()).unwrap()
    }

    #[test]
    fn h08_percent_writes_what_is_not_ascii_percent_signs_and_edge_spaces() {
        for (text, value) in [
            ("alice", "alice"),
            ("a b  c", "a b  c"),
            ("José", "Jos%C3%A9"),
            ("иван", "%D0%B8%D0%B2%D0%B0%D0%BD"),
            ("😀", "%F0%9F%98%80"),
            ("瘍瘊", "%E7%98%8D%E7%98%8A"),
            ("%41", "%2541"),
            (" a ", "%20a%20"),
            ("  ", "%20%20"),
            ("\u{a0}", "%C2%A0"),
            ("a,b;c\"d\\", "a,b;c\"d\\"),
        ] {
            assert_eq!(written(Encoding::Percent, text), value, "{text}");
        }
    }

    #[test]
    fn h08_other_encodings() {
        assert_eq!(Encoding::Utf8.text("José").unwrap(), "José".as_bytes());
        assert_eq!(Encoding::Utf8.text("%41").unwrap(), b"%41");
        assert_eq!(Encoding::Latin1.text("José").unwrap(), b"Jos\xe9");
        assert!(Encoding::Latin1.text("иван").is_err());
        assert!(Encoding::Latin1.text("瘍瘊").is_err());
        assert_eq!(written(Encoding::Rfc8187, "a b%é"), "UTF-8''a%20b%25%C3%A9");
        assert_eq!(written(Encoding::Rfc8187, "alice"), "UTF-8''alice");
    }

    #[test]
    fn h08_base64url_is_of_every_value() {
        assert_eq!(written(Encoding::Base64Url, "José"), "Sm9zw6k");
    }

    #[test]
    fn h07_control_characters_are_refused_in_every_encoding() {
        for encoding in ALL {
            for text in [
                "a\r\nX-Role: admin",
                "a\nb",
                "a\0",
                "\t",
                "a\u{7f}",
                "a\u{85}b",
                "\u{9b}31m",
            ] {
                assert!(encoding.text(text).is_err(), "{encoding:?} {text:?}");
                assert!(encoding.list(&[text], ',').is_err());
            }
        }
    }

    #[test]
    fn h07_edge_white_space_is_refused_where_it_cannot_be_written() {
        for encoding in [Encoding::Utf8, Encoding::Latin1] {
            for text in [" a", "a ", " ", "a\u{a0}"] {
                assert!(encoding.text(text).is_err(), "{encoding:?} {text:?}");
            }
            assert!(encoding.text("a b").is_ok());
        }
    }

    #[test]
    fn h09_a_separator_inside_an_element_is_encoded() {
        let list = |elements: &[&str]| {
            String::from_utf8(Encoding::Percent.list(elements, ',').unwrap()).unwrap()
        };
        assert_eq!(list(&["a", "admin"]), "a,admin");
        assert_eq!(list(&["a,admin"]), "a%2Cadmin");
        assert_eq!(list(&["a%2Cadmin"]), "a%252Cadmin");
        assert_eq!(list(&[" a", "b "]), "%20a,b%20");
        assert_eq!(list(&["Büro, 2. Stock"]), "B%C3%BCro%2C 2. Stock");
        assert!(Encoding::Percent.list(&["a", ""], ',').is_err());
        assert_eq!(
            Encoding::Utf8.list(&["é,", " x"], ',').unwrap(),
            "é%2C,%20x".as_bytes()
        );
        assert_eq!(
            Encoding::Latin1.list(&["é,", "x\u{a0}"], ',').unwrap(),
            b"\xe9%2C,x%C2%A0"
        );
    }

    fn unpercent(value: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        let mut rest = value;
        while let Some((&byte, tail)) = rest.split_first() {
            if byte == b'%' {
                let digits = std::str::from_utf8(&tail[..2]).unwrap();
                out.push(u8::from_str_radix(digits, 16).unwrap());
                rest = &tail[2..];
            } else {
                out.push(byte);
                rest = tail;
            }
        }
        out
    }

    /// What a receiver does: trims, then undoes the encoding.
    fn read(encoding: Encoding, value: &[u8]) -> String {
        let value = value.trim_ascii();
        match encoding {
            Encoding::Percent => String::from_utf8(unpercent(value)).unwrap(),
            Encoding::Utf8 => String::from_utf8(value.to_vec()).unwrap(),
            Encoding::Latin1 => value.iter().map(|byte| char::from(*byte)).collect(),
            Encoding::Rfc8187 => {
                String::from_utf8(unpercent(value.strip_prefix(b"UTF-8''").unwrap())).unwrap()
            }
            Encoding::Base64Url => {
                let text = std::str::from_utf8(value).unwrap();
                String::from_utf8(base64url::decode(text).unwrap()).unwrap()
            }
        }
    }

    /// As `read`, for lists: in `Percent` the list is read from the value itself, else from the text.
    fn read_list(encoding: Encoding, value: &[u8]) -> Vec<String> {
        let joined = match encoding {
            Encoding::Percent => value.trim_ascii().to_vec(),
            _ => read(encoding, value).into_bytes(),
        };
        joined
            .split(|byte| *byte == b',')
            .map(|element| String::from_utf8(unpercent(element.trim_ascii())).unwrap())
            .collect()
    }

    fn any_text() -> impl Strategy<Value = String> {
        prop_oneof![
            "[ -~]{1,12}",
            "[ %,aé\u{a0}\u{3000}]{1,8}",
            "\\PC{1,12}",
            any::<String>()
        ]
    }

    proptest! {
        /// Decoding is a function, so this also says that different texts have different values.
        #[test]
        fn h08_what_is_written_can_be_read_back(text in any_text()) {
            for encoding in ALL {
                if let Ok(value) = encoding.text(&text) {
                    prop_assert_eq!(read(encoding, &value), text.clone());
                    prop_assert!(http::HeaderValue::from_bytes(&value).is_ok());
                }
            }
        }

        /// The short way of plain text is no other way.
        #[test]
        fn h08_plain_text_is_what_percent_encoding_would_leave(text in any_text()) {
            let mut written = String::new();
            percent(&mut written, &text, |c, edge| c == '%' || !c.is_ascii() || (edge && c == ' '));
            let plain = written == text && refuse_controls(&text).is_ok();
            prop_assert_eq!(is_plain(&text), plain);
        }

        #[test]
        fn h09_lists_can_be_read_back(elements in prop::collection::vec(any_text(), 1..5)) {
            let elements: Vec<&str> = elements.iter().map(String::as_str).collect();
            for encoding in ALL {
                if let Ok(value) = encoding.list(&elements, ',') {
                    prop_assert_eq!(read_list(encoding, &value), elements.clone());
                    prop_assert!(http::HeaderValue::from_bytes(&value).is_ok());
                }
            }
        }

        #[test]
        fn h08_percent_refuses_controls_only(text in any_text()) {
            prop_assert_eq!(Encoding::Percent.text(&text).is_err(), text.chars().any(char::is_control));
        }
    }
}
