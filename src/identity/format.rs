//! From a claim's JSON value to text: `text`, `csv`, `json`, `base64url`.

use super::Unusable;
use super::encoding::Encoding;
use crate::jose::base64url;
use crate::jose::json::Json;

/// Between the elements of `csv`.
const CSV_SEPARATOR: char = ',';
/// Between scopes (RFC 6749 §3.3).
const SCOPE_SEPARATOR: char = ' ';

/// `format` of an entry of `identity.headers`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Format {
    /// A string, or a number or truth value as written.
    #[default]
    Text,
    /// An array of such values, or a single one.
    Csv,
    /// Any value, in ASCII.
    Json,
    /// Any value: base64url of its JSON.
    Base64Url,
}

impl Format {
    /// The header value of a claim. None where there is nothing to say: in `text` and `csv` an empty string, an empty array and null count
    /// as a missing claim, because an empty header is no header to many receivers (threat H11).
    pub(super) fn write(
        self,
        claim: &Json,
        encoding: Encoding,
    ) -> Result<Option<Vec<u8>>, Unusable> {
        match (self, claim) {
            (Self::Json, claim) => Ok(Some(claim.to_ascii().into_bytes())),
            (Self::Base64Url, claim) => {
                let json = claim.to_ascii();
                Ok(Some(base64url::encode(json.as_bytes()).into_bytes()))
            }
            (Self::Text | Self::Csv, Json::Null) => Ok(None),
            (Self::Text, claim) => match scalar(claim) {
                Some("") => Ok(None),
                Some(text) => encoding.text(text).map(Some),
                None => Err(Unusable("the claim is no string, number or truth value")),
            },
            (Self::Csv, Json::Array(elements)) => list(elements, CSV_SEPARATOR, encoding),
            (Self::Csv, claim) => match scalar(claim) {
                Some("") => Ok(None),
                Some(text) => encoding.list(&[text], CSV_SEPARATOR).map(Some),
                None => Err(Unusable("the claim is no array of strings")),
            },
        }
    }
}

/// A scope claim: its string as it is, or an array's elements with spaces between them, a space inside an element percent-encoded.
pub(super) fn write_scope(claim: &Json) -> Result<Option<Vec<u8>>, Unusable> {
    match claim {
        Json::Array(elements) => list(elements, SCOPE_SEPARATOR, Encoding::Percent),
        other => Format::Text.write(other, Encoding::Percent),
    }
}

fn list(
    elements: &[Json],
    separator: char,
    encoding: Encoding,
) -> Result<Option<Vec<u8>>, Unusable> {
    if elements.is_empty() {
        return Ok(None);
    }
    let texts = elements
        .iter()
        .map(scalar)
        .collect::<Option<Vec<_>>>()
        .ok_or(Unusable(
            "an element of the claim is no string, number or truth value",
        ))?;
    encoding.list(&texts, separator).map(Some)
}

fn scalar(value: &Json) -> Option<&str> {
    match value {
        Json::String(text) => Some(text),
        Json::Number(number) => Some(number.as_written()),
        Json::Bool(true) => Some("true"),
        Json::Bool(false) => Some("false"),
        Json::Null | Json::Array(_) | Json::Object(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jose::json::parse;
    use proptest::prelude::*;

    fn write(format: Format, json: &str) -> Result<Option<String>, Unusable> {
        let value = format.write(&parse(json.as_bytes()).unwrap(), Encoding::Percent)?;
        Ok(value.map(|bytes| String::from_utf8(bytes).unwrap()))
    }
    fn some(text: &str) -> Result<Option<String>, Unusable> {
        Ok(Some(text.to_owned()))
    }

    #[test]
    fn text_is_a_scalar_as_written() {
        assert_eq!(write(Format::Text, r#""a b""#), some("a b"));
        assert_eq!(write(Format::Text, "1790170386.90"), some("1790170386.90"));
        assert_eq!(
            write(Format::Text, "12345678901234567890123"),
            some("12345678901234567890123")
        );
        assert_eq!(write(Format::Text, "true"), some("true"));
        assert!(write(Format::Text, r#"["a"]"#).is_err());
        assert!(write(Format::Text, r#"{"a":1}"#).is_err());
    }

    #[test]
    fn h11_nothing_to_say_is_no_header() {
        for (format, json) in [
            (Format::Text, r#""""#),
            (Format::Text, "null"),
            (Format::Csv, r#""""#),
            (Format::Csv, "null"),
            (Format::Csv, "[]"),
        ] {
            assert_eq!(write(format, json), Ok(None), "{json}");
        }
    }

    #[test]
    fn h09_csv_is_a_list_of_scalars() {
        assert_eq!(
            write(Format::Csv, r#"["a","b c",3,true]"#),
            some("a,b c,3,true")
        );
        assert_eq!(write(Format::Csv, r#"["a,admin"]"#), some("a%2Cadmin"));
        assert_eq!(write(Format::Csv, r#""a,admin""#), some("a%2Cadmin"));
        for json in [r#"["a",""]"#, r#"[""]"#, "[null]", "[[1]]", "[{}]", "{}"] {
            assert!(write(Format::Csv, json).is_err(), "{json}");
        }
    }

    #[test]
    fn h07_json_is_ascii_and_has_no_control_character() {
        let json = r#"{"a":"é\r\n\u007f","b":[1.0,null]}"#;
        let written = write(Format::Json, json).unwrap().unwrap();
        assert!(
            written.bytes().all(|byte| matches!(byte, 0x20..=0x7e)),
            "{written}"
        );
        assert_eq!(parse(written.as_bytes()), parse(json.as_bytes()));
        assert_eq!(write(Format::Json, "[]"), some("[]"));
        assert_eq!(write(Format::Json, "null"), some("null"));
    }

    #[test]
    fn base64url_is_of_the_json() {
        assert_eq!(
            write(Format::Base64Url, r#"{"a": "é"}"#),
            some("eyJhIjoiXHUwMGU5In0")
        );
    }

    #[test]
    fn h09_a_scope_array_is_joined_with_spaces() {
        let scope = |json: &str| {
            write_scope(&parse(json.as_bytes()).unwrap())
                .map(|value| value.map(|bytes| String::from_utf8(bytes).unwrap()))
        };
        assert_eq!(scope(r#""openid profile""#), some("openid profile"));
        assert_eq!(scope(r#"["openid","profile"]"#), some("openid profile"));
        assert_eq!(scope(r#"["a b","c"]"#), some("a%20b c"));
        assert_eq!(scope("[]"), Ok(None));
        assert!(scope(r#"["a",""]"#).is_err());
        assert!(scope(r#"{"a":1}"#).is_err());
    }

    proptest! {
        #[test]
        fn h09_different_lists_of_strings_have_different_values(
            a in prop::collection::vec("[a,% é]{1,4}", 1..4),
            b in prop::collection::vec("[a,% é]{1,4}", 1..4),
        ) {
            let json = |list: &[String]| {
                Json::Array(list.iter().map(|text| Json::String(text.as_str().into())).collect())
            };
            for encoding in [Encoding::Percent, Encoding::Utf8, Encoding::Latin1, Encoding::Rfc8187] {
                let [one, other] = [&a, &b].map(|list| Format::Csv.write(&json(list), encoding));
                if let (Ok(one), Ok(other)) = (one, other) {
                    prop_assert_eq!(a == b, one == other);
                }
            }
        }
    }
}
