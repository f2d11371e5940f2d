//! Ambiguous request targets: what one program reads as `/admin` and the next as something else.
//!
//! A target without ambiguity has one reading, its bytes with every `%XX` decoded once ([`canonical`]), and that is what routes are
//! compared with: `/%61dmin` is `/admin` to every application, so it is to us. A target whose ambiguity the operator allows has
//! several readings ([`readings`]); the gate cannot know which one the application picks, so all of them must lead to the same answer.

use std::borrow::Cow;

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
    /// One reading: [`canonical`].
    Plain,
    /// Ambiguous in ways that `strict` allows: every one of its [`readings`] counts.
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

/// The one reading of a plain target: every `%XX` decoded once.
pub(super) fn canonical(path: &str) -> Cow<'_, [u8]> {
    if path.contains('%') {
        Cow::Owned(decode(path.as_bytes(), |_| true))
    } else {
        Cow::Borrowed(path.as_bytes())
    }
}

/// What programs are known to make of an allowed target, the literal reading first: parameters kept, cut out of their segment (only
/// raw `;` or encoded ones too) or cut to the end; encoded slashes kept, or decoded before or after that; runs of slashes kept or merged.
pub(super) fn readings(path: &str) -> Vec<Vec<u8>> {
    let mut all: Vec<Vec<u8>> = Vec::new();
    for parameters in Parameters::ALL {
        for slashes in [Slashes::Kept, Slashes::DecodedFirst, Slashes::DecodedLast] {
            let mut text = path.as_bytes().to_vec();
            if slashes == Slashes::DecodedFirst {
                text = decode(&text, |byte| byte == b'/');
            }
            text = parameters.apply(text);
            text = decode(&text, |byte| {
                byte != b'/' || slashes == Slashes::DecodedLast
            });
            let mut merged = text.clone();
            merged.dedup_by(|next, previous| *next == b'/' && *previous == b'/');
            for reading in [text, merged] {
                if !all.contains(&reading) {
                    all.push(reading);
                }
            }
        }
    }
    all
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Slashes {
    Kept,
    DecodedFirst,
    DecodedLast,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Parameters {
    Kept,
    CutRaw,
    CutAll,
    CutToEnd,
}

impl Parameters {
    const ALL: [Self; 4] = [Self::Kept, Self::CutRaw, Self::CutAll, Self::CutToEnd];

    fn apply(self, text: Vec<u8>) -> Vec<u8> {
        let text = match self {
            Self::Kept => return text,
            Self::CutRaw => text,
            Self::CutAll | Self::CutToEnd => decode(&text, |byte| byte == b';'),
        };
        let mut kept = Vec::with_capacity(text.len());
        let mut cutting = false;
        for byte in text {
            match byte {
                b';' => cutting = true,
                b'/' if self != Self::CutToEnd => cutting = false,
                _ => {}
            }
            if !cutting {
                kept.push(byte);
            }
        }
        kept
    }
}

/// Decodes, once, the escapes whose byte is `wanted`; all others stay as they are.
fn decode(text: &[u8], wanted: impl Fn(u8) -> bool) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&byte, tail)) = rest.split_first() {
        match escape(rest) {
            Some((value, after)) if wanted(value) => {
                decoded.push(value);
                rest = after;
            }
            _ => {
                decoded.push(byte);
                rest = tail;
            }
        }
    }
    decoded
}

/// The byte of the `%XX` at the start of `text`, and what follows it.
fn escape(text: &[u8]) -> Option<(u8, &[u8])> {
    let [b'%', high, low, after @ ..] = text else {
        return None;
    };
    Some((hex(*high)? << 4 | hex(*low)?, after))
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit)
        .to_digit(16)
        .and_then(|value| u8::try_from(value).ok())
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

    #[test]
    fn the_canonical_form_is_decoded_once() {
        assert_eq!(&*canonical("/%61dmin"), b"/admin");
        assert_eq!(&*canonical("/100%25"), b"/100%");
        assert_eq!(&*canonical("/a"), b"/a");
    }

    #[test]
    fn p05_readings_hold_what_programs_make_of_an_allowed_target() {
        let has = |path: &str, reading: &str| {
            let all = readings(path);
            assert!(
                all.iter().any(|r| r == reading.as_bytes()),
                "{path}: {reading}"
            );
        };
        has("/admin;x/y", "/admin;x/y");
        has("/admin;x/y", "/admin/y");
        has("/admin;x/y", "/admin");
        has("/admin%3bx/y", "/admin/y");
        has("/;x/admin", "/admin");
        has("//admin", "/admin");
        has("/a%2fb", "/a%2fb");
        has("/a%2fb", "/a/b");
        has("/a;x%2fb", "/a");
        has("/a;x%2fb", "/a/b");
        has("/%61;x%2F%2fb", "/a/b");
        assert_eq!(readings("/a;b").first().unwrap(), b"/a;b");
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
