//! Ambiguous request targets: what one program reads as `/admin` and the next as something else.
//!
//! A target without ambiguity has one reading, its bytes with every `%XX` decoded once (`canonical`), and that is what routes are
//! compared with: `/%61dmin` is `/admin` to every application, so it is to us. A target whose ambiguity the operator allows has
//! several readings (`readings`); the gate cannot know which one the application picks, so all of them must lead to the same answer.

use super::readings::{escape, hex};

/// What `strict_paths.allow` names; all false by default. Allowed targets pass only on a route that needs a token and has no rule.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StrictPaths {
    pub semicolon: bool,
    pub encoded_slash: bool,
    pub double_slash: bool,
}

/// An ambiguity in a raw path (no query).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ambiguity {
    /// `;`, raw or encoded: path parameters, which Java containers cut out before they route.
    Semicolon,
    EncodedSlash,
    DoubleSlash,
    /// `.` and `..`, also before a `;` and between encoded slashes.
    DotSegment,
    /// Raw or encoded.
    Backslash,
    EncodedDot,
    /// What would be an escape again after it was decoded once.
    DoubleEncoding,
    BadPercent,
    /// UTF-8 written longer than it is: `%c0%ae` is a dot to old decoders.
    Overlong,
    /// Raw or encoded; a raw space too.
    Control,
    NonAscii,
    /// `#`, or a `?` that is no longer the start of a query.
    Fragment,
    NotAbsolute,
}

impl Ambiguity {
    /// For the refusal: what is wrong with the path.
    pub fn describe(self) -> &'static str {
        match self {
            Self::Semicolon => "a `;`",
            Self::EncodedSlash => "an encoded slash",
            Self::DoubleSlash => "an empty segment (`//`)",
            Self::DotSegment => "a dot segment (`.` or `..`)",
            Self::Backslash => "a backslash",
            Self::EncodedDot => "an encoded dot",
            Self::DoubleEncoding => "a double percent-encoding",
            Self::BadPercent => "a `%` that two hexadecimal digits do not follow",
            Self::Overlong => "an overlong UTF-8 sequence",
            Self::Control => "a control character or a space",
            Self::NonAscii => "a character that is not ASCII and not percent-encoded",
            Self::Fragment => "a `#` or `?`",
            Self::NotAbsolute => "no `/` at its start",
        }
    }
}

/// The first ambiguity of `path`, the hard ones (that nothing allows) before those that `StrictPaths` can allow.
pub fn ambiguity(path: &str) -> Option<Ambiguity> {
    judge(path, StrictPaths::default()).err()
}

/// A target that may be looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// One reading: [`canonical`](super::readings::canonical).
    Plain,
    /// Ambiguous in ways that `strict` allows: every one of its [`readings`](super::readings::readings) counts.
    Allowed,
}

/// The first ambiguity that `strict` does not allow, or how the target is to be read.
pub(super) fn judge(path: &str, strict: StrictPaths) -> Result<Target, Ambiguity> {
    let found = inspect(path);
    if let Some(hard) = found.hard {
        return Err(hard);
    }
    let soft = [
        (found.semicolon, strict.semicolon, Ambiguity::Semicolon),
        (
            found.encoded_slash,
            strict.encoded_slash,
            Ambiguity::EncodedSlash,
        ),
        (
            found.double_slash,
            strict.double_slash,
            Ambiguity::DoubleSlash,
        ),
    ];
    let mut target = Target::Plain;
    for (present, allowed, ambiguity) in soft {
        match (present, allowed) {
            (true, false) => return Err(ambiguity),
            (true, true) => target = Target::Allowed,
            (false, _) => {}
        }
    }
    Ok(target)
}

/// Everything that is ambiguous about a path. One of several hard ones is enough.
#[derive(Default)]
struct Found {
    hard: Option<Ambiguity>,
    semicolon: bool,
    encoded_slash: bool,
    double_slash: bool,
}

impl Found {
    fn hard(&mut self, ambiguity: Ambiguity) {
        self.hard.get_or_insert(ambiguity);
    }
}

fn inspect(path: &str) -> Found {
    let mut found = Found::default();
    let mut segment = Segment::default();
    let mut decoded = Decoded::default();
    let mut rest = path.as_bytes();
    if rest.first() != Some(&b'/') {
        found.hard(Ambiguity::NotAbsolute);
    }
    let mut after_slash = false;
    while let Some((&byte, tail)) = rest.split_first() {
        let (value, encoded, after) = match (byte, escape(rest)) {
            (b'%', None) => {
                found.hard(Ambiguity::BadPercent);
                return found;
            }
            (_, Some((value, after))) => (value, true, after),
            (_, None) => (byte, false, tail),
        };
        rest = after;
        match value {
            b'/' if encoded => found.encoded_slash = true,
            b'/' if after_slash => found.double_slash = true,
            b';' => found.semicolon = true,
            b'\\' => found.hard(Ambiguity::Backslash),
            b'.' if encoded => found.hard(Ambiguity::EncodedDot),
            b'#' | b'?' if !encoded => found.hard(Ambiguity::Fragment),
            b' ' if !encoded => found.hard(Ambiguity::Control),
            0..=0x1f | 0x7f => found.hard(Ambiguity::Control),
            0x80.. if !encoded => found.hard(Ambiguity::NonAscii),
            _ => {}
        }
        after_slash = value == b'/' && !encoded;
        if segment.next(value) {
            found.hard(Ambiguity::DotSegment);
        }
        if let Some(ambiguity) = decoded.next(value, encoded) {
            found.hard(ambiguity);
        }
    }
    if segment.next(b'/') {
        found.hard(Ambiguity::DotSegment);
    }
    found
}

/// Sees dot segments, whatever program cuts the segments: at slashes and backslashes, raw or encoded, and before parameters.
#[derive(Default)]
struct Segment {
    /// The segment so far is this many dots and nothing else.
    dots: Option<u8>,
}

impl Segment {
    /// Whether a dot segment ends before `value`.
    fn next(&mut self, value: u8) -> bool {
        let dots = self.dots;
        self.dots = match value {
            b'/' | b'\\' => Some(0),
            b'.' => dots.map(|count| count.saturating_add(1)),
            _ => None,
        };
        matches!(value, b'/' | b'\\' | b';') && matches!(dots, Some(1 | 2))
    }
}

/// Sees, in the text that was decoded once, escapes that a second decoding would find, and overlong UTF-8.
#[derive(Default)]
struct Decoded {
    /// 1 after a `%`, 2 after a `%` and one hexadecimal digit.
    percent: u8,
    previous: u8,
}

impl Decoded {
    fn next(&mut self, value: u8, encoded: bool) -> Option<Ambiguity> {
        let previous = std::mem::replace(&mut self.previous, value);
        let again = self.percent == 2 && hex(value).is_some();
        self.percent = match value {
            b'%' => 1,
            _ if self.percent == 1 && hex(value).is_some() => 2,
            _ => 0,
        };
        if again {
            return Some(Ambiguity::DoubleEncoding);
        }
        let overlong = match previous {
            0xc0 | 0xc1 | 0xf8.. => matches!(value, 0x80..=0xbf),
            0xe0 => matches!(value, 0x80..=0x9f),
            0xf0 => matches!(value, 0x80..=0x8f),
            _ => false,
        };
        (encoded && overlong).then_some(Ambiguity::Overlong)
    }
}

#[cfg(test)]
mod tests {
    use super::super::readings::{canonical, readings};
    use super::*;
    use proptest::prelude::*;

    const ALL_ALLOWED: StrictPaths = StrictPaths {
        semicolon: true,
        encoded_slash: true,
        double_slash: true,
    };

    fn each_is(expected: Ambiguity, paths: &[&str]) {
        for path in paths {
            assert_eq!(ambiguity(path), Some(expected), "{path}");
        }
    }

    #[test]
    fn ordinary_paths_are_not_ambiguous() {
        for path in [
            "/",
            "/admin",
            "/admin/",
            "/a.b/c",
            "/...",
            "/.well-known/x",
            "/a..b",
            "/..a",
            "/public.",
            "/x%20y",
            "/caf%C3%A9",
            "/caf%E9",
            "/100%25",
            "/100%25zz",
            "/C%23",
            "/what%3F",
            "/a:b@c,d=e&f$g!h'(i)*+",
        ] {
            assert_eq!(ambiguity(path), None, "{path}");
        }
    }

    #[test]
    fn p01_fragments_and_stray_queries_are_ambiguous() {
        each_is(
            Ambiguity::Fragment,
            &["/admin#/public/", "/admin?x=/public/"],
        );
    }

    #[test]
    fn p02_dot_segments_raw_or_encoded_are_ambiguous() {
        each_is(
            Ambiguity::DotSegment,
            &[
                "/public/../admin",
                "/.",
                "/..",
                "/a/.",
                "/./a",
                "/public/..;/admin",
                "/public/.;x/admin",
                "/public/..%3bx/admin",
                "/a%2f..%2fadmin",
            ],
        );
        each_is(
            Ambiguity::EncodedDot,
            &["/public/%2e%2e/admin", "/public/.%2e/admin", "/a%2Eb"],
        );
    }

    #[test]
    fn p03_encoded_separators_and_double_encoding_are_ambiguous() {
        each_is(Ambiguity::EncodedSlash, &["/a%2fb", "/a%2Fb"]);
        each_is(Ambiguity::Backslash, &["/a\\b", "/a%5cb", "/a%5C"]);
        each_is(
            Ambiguity::DoubleEncoding,
            &[
                "/public/%252e%252e/admin",
                "/a%252fb",
                "/a%25%32%66b",
                "/a%252%66b",
                "/a%25zz%2541",
            ],
        );
        each_is(
            Ambiguity::BadPercent,
            &["/a%", "/a%2", "/a%zz", "/a%%32", "/a%u002e", "/a%+1"],
        );
        each_is(
            Ambiguity::Overlong,
            &[
                "/%c0%ae/x",
                "/%C0%AF",
                "/%e0%80%af",
                "/%f0%80%80%af",
                "/%fc%80%80%80%80%ae",
            ],
        );
    }

    #[test]
    fn p04_empty_segments_are_ambiguous() {
        each_is(
            Ambiguity::DoubleSlash,
            &["//public/", "/public//admin", "/a//"],
        );
        each_is(Ambiguity::DotSegment, &["/public//../admin"]);
    }

    #[test]
    fn p05_path_parameters_are_ambiguous() {
        each_is(
            Ambiguity::Semicolon,
            &["/public;x/admin", "/a;", "/;a=b/admin", "/a%3Bb"],
        );
        each_is(Ambiguity::DotSegment, &["/..;a=b/admin"]);
    }

    #[test]
    fn p06_targets_that_are_no_absolute_path_are_ambiguous() {
        each_is(
            Ambiguity::NotAbsolute,
            &["", "*", "admin", "http://x/public/../admin"],
        );
    }

    #[test]
    fn controls_and_raw_non_ascii_are_ambiguous() {
        each_is(
            Ambiguity::Control,
            &[
                "/a\0", "/a\t", "/a b", "/a\x7f", "/a%00", "/a%0d%0a", "/a%7F", "/a%1f",
            ],
        );
        each_is(Ambiguity::NonAscii, &["/é", "/a\u{ff0f}b"]);
    }

    #[test]
    fn an_allowance_covers_its_own_kind_only() {
        let semicolon = StrictPaths {
            semicolon: true,
            ..StrictPaths::default()
        };
        assert_eq!(judge("/a;b", semicolon), Ok(Target::Allowed));
        assert_eq!(judge("/ab", semicolon), Ok(Target::Plain));
        assert_eq!(judge("/a;b//c", semicolon), Err(Ambiguity::DoubleSlash));
        assert_eq!(judge("/a;b%2fc", semicolon), Err(Ambiguity::EncodedSlash));
        assert_eq!(judge("/..;/c", ALL_ALLOWED), Err(Ambiguity::DotSegment));
        assert_eq!(judge("/a%2f..", ALL_ALLOWED), Err(Ambiguity::DotSegment));
        assert_eq!(judge("/a%5cb", ALL_ALLOWED), Err(Ambiguity::Backslash));
        assert_eq!(judge("/a;b//c%2fd", ALL_ALLOWED), Ok(Target::Allowed));
    }

    proptest! {
        /// Whatever passes unallowed, decoded once, is a path that no program can read in another way by the means we know.
        #[test]
        fn what_is_not_ambiguous_decodes_to_a_normal_path(path in "/[a-c./;%0-9A-Fa-f\\\\]{0,24}") {
            if ambiguity(&path).is_none() {
                let decoded = canonical(&path).into_owned();
                prop_assert!(decoded.starts_with(b"/"));
                prop_assert!(!decoded.iter().any(|b| matches!(b, b';' | b'\\' | 0..=0x1f | 0x7f)));
                for (position, segment) in decoded.split(|b| *b == b'/').enumerate() {
                    prop_assert!(segment != b"." && segment != b"..");
                    prop_assert!(position == 0 || !segment.is_empty() || decoded.ends_with(b"/"));
                }
                prop_assert!(escape_free(&decoded));
            }
        }

        #[test]
        fn inspection_never_panics(path in ".{0,64}") {
            let _ = ambiguity(&path);
            let _ = readings(&path);
        }
    }

    fn escape_free(decoded: &[u8]) -> bool {
        (0..decoded.len()).all(|at| escape(&decoded[at..]).is_none())
    }
}
