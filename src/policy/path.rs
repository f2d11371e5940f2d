//! Ambiguous request targets: what one program reads as `/admin` and the next as something else.

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
    Semicolon,
    EncodedSlash,
    DoubleSlash,
    DotSegment,
    Backslash,
    EncodedDot,
    DoubleEncoding,
    BadPercent,
    Control,
    NonAscii,
    Fragment,
    NotAbsolute,
}

/// The first ambiguity of `path`, the hard ones (that nothing allows) before those that `StrictPaths` can allow.
pub fn ambiguity(_path: &str) -> Option<Ambiguity> {
    todo!()
}
