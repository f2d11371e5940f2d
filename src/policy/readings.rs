//! What a target says: one reading when it is plain, all known ones when the operator allows its ambiguity.

use std::borrow::Cow;

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
    let has_encoded = |value| holds(path.as_bytes(), value);
    let parameters: &[_] = if path.contains(';') || has_encoded(b';') {
        &Parameters::ALL
    } else {
        &[Parameters::Kept]
    };
    let slashes: &[_] = if has_encoded(b'/') {
        &Slashes::ALL
    } else {
        &[Slashes::Kept]
    };
    let mut all: Vec<Vec<u8>> = Vec::new();
    for parameters in parameters {
        for slashes in slashes {
            let mut text = path.as_bytes().to_vec();
            if *slashes == Slashes::DecodedFirst {
                text = decode(&text, |byte| byte == b'/');
            }
            text = parameters.apply(text);
            text = decode(&text, |byte| {
                byte != b'/' || *slashes == Slashes::DecodedLast
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

impl Slashes {
    const ALL: [Self; 3] = [Self::Kept, Self::DecodedFirst, Self::DecodedLast];
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

/// Whether an escape of `value` is in `text`.
fn holds(text: &[u8], value: u8) -> bool {
    text.windows(3)
        .any(|window| matches!(escape(window), Some((found, _)) if found == value))
}

/// The byte of the `%XX` at the start of `text`, and what follows it.
pub(super) fn escape(text: &[u8]) -> Option<(u8, &[u8])> {
    let [b'%', high, low, after @ ..] = text else {
        return None;
    };
    Some((hex(*high)? << 4 | hex(*low)?, after))
}

pub(super) fn hex(digit: u8) -> Option<u8> {
    char::from(digit)
        .to_digit(16)
        .and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
