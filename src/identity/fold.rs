//! Header names as the widest of all foldings sees them: lower case, every run of signs that are no letter or digit is one `_`, none at
//! the edges. Two names that any server could take for each other fold to the same.

use http::HeaderName;

/// One for each letter and one for everything else, and as many for names with `x_`.
pub(super) const BUCKETS: usize = 2 * SIGNS;
const SIGNS: usize = 27;

/// Where to look for a folded name: by its first sign; half of all names begin with `x_`, and are told apart by the sign behind it.
pub(super) fn bucket(folded: &[u8]) -> usize {
    let sign = |name: &[u8]| match name.first() {
        Some(letter @ b'a'..=b'z') => usize::from(letter - b'a'),
        _ => SIGNS - 1,
    };
    match folded.strip_prefix(b"x_") {
        Some(behind) => SIGNS + sign(behind),
        None => sign(folded),
    }
}

/// Longer than any name of everyday requests, so that folding them needs no allocation.
pub(super) const BUFFER: usize = 64;

/// Equal for two names that any server could take for each other.
pub fn fold(name: &str) -> Vec<u8> {
    let mut folded = vec![0; name.len()];
    let length = fold_into(name, &mut folded).map_or(0, <[u8]>::len);
    folded.truncate(length);
    folded
}

/// Whether an application that folds names may take `name` for `own`, or CGI knows it under the same name.
pub fn looks_like(name: &HeaderName, own: &HeaderName) -> bool {
    let (name, own) = (fold(name.as_str()), fold(own.as_str()));
    name == own || name.strip_prefix(b"http_") == Some(own.as_slice())
}

/// None when `buffer` is too short.
pub(super) fn fold_into<'b>(name: &str, buffer: &'b mut [u8]) -> Option<&'b [u8]> {
    let mut length = 0;
    let mut separator = false;
    for byte in name.bytes() {
        let sign = match byte {
            b'a'..=b'z' | b'0'..=b'9' => byte,
            b'A'..=b'Z' => byte.to_ascii_lowercase(),
            _ => {
                separator = length > 0;
                continue;
            }
        };
        if std::mem::take(&mut separator) {
            *buffer.get_mut(length)? = b'_';
            length += 1;
        }
        *buffer.get_mut(length)? = sign;
        length += 1;
    }
    buffer.get(..length)
}

/// A managed name, folded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Pattern {
    Exact(Vec<u8>),
    /// `x_forwarded`, and `x_forwarded_` with anything after it.
    Below(Vec<u8>),
    /// Everything that begins so.
    Beginning(Vec<u8>),
    /// Everything that folds so, but not the name itself.
    LookAlike {
        fold: Vec<u8>,
        own: Box<str>,
    },
}

impl Pattern {
    pub(super) fn parse(text: &str) -> Self {
        if let Some(prefix) = text.strip_suffix("-*") {
            Self::Below(fold(prefix))
        } else if let Some(prefix) = text.strip_suffix('*') {
            Self::Beginning(fold(prefix))
        } else {
            Self::Exact(fold(text))
        }
    }

    pub(super) fn folded(&self) -> &[u8] {
        match self {
            Self::Exact(fold) | Self::Below(fold) | Self::Beginning(fold) => fold,
            Self::LookAlike { fold, .. } => fold,
        }
    }

    pub(super) fn matches(&self, name: &str, folded: &[u8]) -> bool {
        match self {
            Self::Exact(own) => own == folded,
            Self::Below(prefix) => folded
                .strip_prefix(prefix.as_slice())
                .is_some_and(|rest| matches!(rest.first(), None | Some(b'_'))),
            Self::Beginning(prefix) => folded.starts_with(prefix),
            Self::LookAlike { fold, own } => fold == folded && !name.eq_ignore_ascii_case(own),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn folding_is_stable_and_fits(name in "[ -~]{0,90}") {
            let folded = String::from_utf8(fold(&name)).unwrap();
            prop_assert_eq!(fold(&folded), folded.as_bytes());
            let mut buffer = [0; BUFFER];
            if let Some(short) = fold_into(&name, &mut buffer) {
                prop_assert_eq!(short, folded.as_bytes());
            } else {
                prop_assert!(folded.len() > BUFFER);
            }
        }
    }
}
