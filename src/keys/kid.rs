//! Keys that are each at an address of their own, made from their kid.

use std::fmt;

use super::url::{BadKeyUrl, KeyUrl};

/// Of a UUID's text, in bytes.
const LENGTH: usize = 36;

/// A kid that may become part of an address: a UUID in lower case (RFC 9562 §4), as AWS's load balancers have it. Kept as its number, so
/// that no other text of a token can get into an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Kid(u128);

impl Kid {
    /// Exactly the text that [`Kid`] prints; no upper case, no braces, no other grouping.
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() != LENGTH {
            return None;
        }
        let digits: String = text.split('-').collect();
        let kid = Self(u128::from_str_radix(&digits, 16).ok()?);
        (kid.to_string() == text).then_some(kid)
    }
}

impl fmt::Display for Kid {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(number) = self;
        write!(
            formatter,
            "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
            number >> 96,
            number >> 80 & 0xffff,
            number >> 64 & 0xffff,
            number >> 48 & 0xffff,
            number & 0xffff_ffff_ffff
        )
    }
}

/// The address of each key: a fixed one that ends in `/{kid}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KidUrl {
    /// Up to the kid, and checked with one in its place.
    before: String,
    /// With a kid of zeros: whom to ask.
    sample: KeyUrl,
    allow_http: bool,
}

/// What stands for the kid.
const PLACEHOLDER: &str = "{kid}";

impl KidUrl {
    /// See [`KeyUrl::parse`]. `{kid}` must be the last segment of the path, and there is nothing after it.
    pub fn parse(text: &str, allow_http: bool) -> Result<Self, BadKeyUrl> {
        let misplaced = || {
            let why = "the address does not end in `/{kid}`\nhint: write it as `https://keys.example.com/{kid}`";
            BadKeyUrl(why.to_owned())
        };
        let before = text
            .strip_suffix(PLACEHOLDER)
            .filter(|before| !before.contains(['?', '{', '}']))
            .ok_or_else(misplaced)?;
        let sample = KeyUrl::parse(&format!("{before}{}", Kid(0)), allow_http)?;
        if !sample.uri().path().ends_with(&format!("/{}", Kid(0))) {
            return Err(misplaced());
        }
        Ok(Self {
            before: before.to_owned(),
            sample,
            allow_http,
        })
    }

    /// The address of one key.
    pub fn of(&self, kid: Kid) -> Result<KeyUrl, BadKeyUrl> {
        KeyUrl::parse(&format!("{}{kid}", self.before), self.allow_http)
    }

    /// The address of a key that nobody has: its origin is that of all of them.
    pub fn sample(&self) -> &KeyUrl {
        &self.sample
    }
}

impl fmt::Display for KidUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}{PLACEHOLDER}", self.before)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const BASE: &str = "https://public-keys.auth.elb.eu-west-1.amazonaws.com/{kid}";

    #[test]
    fn a_kid_becomes_the_last_segment_of_the_path() {
        for (base, expected) in [
            (
                BASE,
                "https://public-keys.auth.elb.eu-west-1.amazonaws.com/a0b1c2d3-0000-4def-8123-456789abcdef",
            ),
            (
                "https://s3-us-gov-west-1.amazonaws.com/aws-elb-public-keys-prod-us-gov-west-1/{kid}",
                "https://s3-us-gov-west-1.amazonaws.com/aws-elb-public-keys-prod-us-gov-west-1/a0b1c2d3-0000-4def-8123-456789abcdef",
            ),
        ] {
            let url = KidUrl::parse(base, false).unwrap();
            let kid = Kid::parse("a0b1c2d3-0000-4def-8123-456789abcdef").unwrap();
            assert_eq!(url.of(kid).unwrap().to_string(), expected);
            assert_eq!(url.to_string(), base);
            assert!(url.sample().same_origin(&url.of(kid).unwrap()));
        }
    }

    #[test]
    fn j05_only_a_lower_case_uuid_is_a_kid() {
        for text in [
            "",
            "/",
            "..",
            "../secret",
            "a0b1c2d3-0000-4def-8123-456789abcdef/..",
            "a0b1c2d3-0000-4def-8123-456789abcdef?x",
            "a0b1c2d3-0000-4def-8123-456789abcdef\r\nHost: evil",
            "a0b1c2d3-0000-4def-8123-456789abcdef ",
            " a0b1c2d3-0000-4def-8123-456789abcdef",
            "A0B1C2D3-0000-4DEF-8123-456789ABCDEF",
            "{a0b1c2d3-0000-4def-8123-456789abcdef}",
            "a0b1c2d300004def8123456789abcdef",
            "a0b1c2d3-00004-def-8123-456789abcdef",
            "a0b1c2d3-0000-4def-8123-456789abcde",
            "a0b1c2d3-0000-4def-8123-456789abcdef0",
            "0a0b1c2d3-0000-4def-8123-456789abcdef",
            "+0b1c2d3-0000-4def-8123-456789abcdef",
            "-a0b1c2d3-0000-4def-8123-456789abcdef",
            "a0b1c2d3-0000-4def-8123-456789abcdeg",
            "a0b1c2d3-0000-4def-8123-456789abcd\u{e9}f",
            "%61%30b1c2d3-0000-4def-8123-456789ab",
        ] {
            assert_eq!(Kid::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn k01_an_address_without_one_place_for_the_kid_is_refused() {
        for (text, part) in [
            ("https://keys.example/", "`/{kid}`"),
            ("https://keys.example/{kid}/x", "`/{kid}`"),
            ("https://keys.example/a{kid}", "`/{kid}`"),
            ("https://keys.example/?kid={kid}", "`/{kid}`"),
            ("https://keys.example/?/{kid}", "`/{kid}`"),
            ("https://keys.example/{kid}/{kid}", "`/{kid}`"),
            ("https://{kid}", ""),
            ("https://keys.example{kid}", "`/{kid}`"),
            ("http://keys.example/{kid}", "plain http"),
            ("https:///{kid}", ""),
            ("https://keys.example/#/{kid}", "fragment"),
            ("file:///etc/{kid}", "`file:`"),
        ] {
            let BadKeyUrl(why) = KidUrl::parse(text, false).unwrap_err();
            assert!(why.contains(part), "{text}: {why}");
        }
        assert!(KidUrl::parse("http://127.0.0.1:8080/{kid}", false).is_ok());
        assert!(KidUrl::parse("http://keys.example/{kid}", true).is_ok());
    }

    proptest! {
        #[test]
        fn every_number_is_a_kid_and_reads_as_it_prints(number: u128) {
            let kid = Kid(number);
            prop_assert_eq!(Kid::parse(&kid.to_string()), Some(kid));
            let url = KidUrl::parse(BASE, false).unwrap().of(kid).unwrap();
            prop_assert_eq!(url.uri().path(), format!("/{kid}"));
        }

        #[test]
        fn any_text_is_answered(text: String, kid in "[0-9a-fA-F+-]{30,40}") {
            let _ = KidUrl::parse(&text, true);
            if let Some(parsed) = Kid::parse(&kid) {
                prop_assert_eq!(parsed.to_string(), kid);
            }
        }
    }
}
