//! The path of a route entry: exact, or everything below a prefix by whole segments.

use super::{path, readings};

/// A configured path in its canonical form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Pattern {
    Exact(Box<[u8]>),
    /// `prefix/*`: the prefix itself and everything below it by whole segments. The prefix of `/*` is empty.
    Below(Box<[u8]>),
}

impl Pattern {
    pub(super) fn parse(path: &str) -> Result<Self, String> {
        let (literal, below) = match path.strip_suffix("/*") {
            Some(prefix) => (prefix, true),
            None => (path, false),
        };
        if !path.starts_with('/') {
            return Err(format!("`{path}` does not start with `/`"));
        }
        if literal.contains('*') {
            return Err(format!(
                "`*` in `{path}`: it may only be the whole last segment, as in `/admin/*`"
            ));
        }
        let checked = if literal.is_empty() { "/" } else { literal };
        if let Some(ambiguity) = path::ambiguity(checked) {
            return Err(format!(
                "`{path}` is ambiguous: it has {}",
                ambiguity.describe()
            ));
        }
        if below && literal.ends_with('/') {
            return Err(format!("`{path}` has an empty segment (`//`)"));
        }
        let canonical = readings::canonical(literal).into_owned().into_boxed_slice();
        Ok(if below {
            Self::Below(canonical)
        } else {
            Self::Exact(canonical)
        })
    }

    pub(super) fn matches(&self, canonical: &[u8]) -> bool {
        match self {
            Self::Exact(path) => **path == *canonical,
            Self::Below(prefix) => canonical
                .strip_prefix(&**prefix)
                .is_some_and(|rest| matches!(rest.first(), None | Some(b'/'))),
        }
    }

    /// Whether every path of `other` matches this too.
    pub(super) fn includes(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Below(_), Self::Exact(path) | Self::Below(path)) => self.matches(path),
            (Self::Exact(_), _) => self == other,
        }
    }
}
