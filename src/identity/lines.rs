//! The header lines of one token, written within the budgets.

use std::fmt;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};

use super::Unusable;
use crate::verify::Rejection;
use crate::verify::cache::block;

/// Header lines of one token: at most one per name. Debug shows names only.
#[derive(Clone, PartialEq, Eq)]
pub struct HeaderLines(Vec<(HeaderName, HeaderValue)>);

impl HeaderLines {
    pub fn iter(&self) -> impl Iterator<Item = (&HeaderName, &HeaderValue)> {
        self.0.iter().map(|(n, v)| (n, v))
    }

    /// Each in place of whatever `headers` has under its name.
    pub fn insert_into(&self, headers: &mut HeaderMap) {
        // If there is no room, `insert` says so.
        let _ = headers.try_reserve(self.0.len());
        for (name, value) in &self.0 {
            headers.insert(name, value.clone());
        }
    }

    /// The same lines, to be kept: all values are parts of one block of memory, and to clone one is to count it.
    pub(super) fn shared(self) -> Self {
        let total = self.0.iter().map(|(_, value)| value.len()).sum();
        let mut block = Vec::with_capacity(total);
        for (_, value) in &self.0 {
            block.extend_from_slice(value.as_bytes());
        }
        let mut block = Bytes::from(block);
        // `bytes` allocates the count of a block with its first clone: here, not in a request.
        let _counted = block.clone();
        let lines = self.0.into_iter().map(|(name, value)| {
            let part = block.split_to(value.len().min(block.len()));
            // It was a value before.
            let part = HeaderValue::from_maybe_shared(part).map_or(value, sensitive);
            (name, part)
        });
        let mut lines: Vec<_> = lines.collect();
        lines.shrink_to_fit();
        Self(lines)
    }

    /// Bytes that [`HeaderLines::shared`] ones keep in memory, with what an allocator adds. Names are the mapping's.
    pub(super) fn heap(&self) -> usize {
        let values: usize = self.0.iter().map(|(_, value)| value.len()).sum();
        let lines = self.0.capacity() * size_of::<(HeaderName, HeaderValue)>();
        block(lines) + block(values) + block(COUNT_OF_BLOCK)
    }
}

/// What `bytes` keeps for a shared block: where it is, how long, and the count.
const COUNT_OF_BLOCK: usize = 3 * size_of::<usize>();

/// Keeps claim values out of every Debug of a header map.
fn sensitive(mut value: HeaderValue) -> HeaderValue {
    value.set_sensitive(true);
    value
}

impl fmt::Debug for HeaderLines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set()
            .entries(self.0.iter().map(|(n, _)| n))
            .finish()
    }
}

/// Collects lines within the budgets: nothing is cut, what does not fit refuses the request.
pub(super) struct Writer {
    lines: Vec<(HeaderName, HeaderValue)>,
    /// Bytes of names and values that the total still allows.
    left: usize,
}

impl Writer {
    /// `max_bytes`: names and values of all lines together.
    pub fn new(max_bytes: usize) -> Self {
        Self {
            lines: Vec::with_capacity(USUAL_LINES),
            left: max_bytes,
        }
    }

    pub fn add(
        &mut self,
        name: &HeaderName,
        spelling: &str,
        value: Option<Vec<u8>>,
        max_bytes: Option<usize>,
    ) -> Result<(), Rejection> {
        match value {
            Some(value) => self
                .add_value(name, spelling, value, max_bytes)
                .map_err(|why| why.of_header(spelling)),
            None => Ok(()),
        }
    }

    fn add_value(
        &mut self,
        name: &HeaderName,
        spelling: &str,
        value: Vec<u8>,
        max_bytes: Option<usize>,
    ) -> Result<(), Unusable> {
        if max_bytes.is_some_and(|max| value.len() > max) {
            return Err(Unusable("the value is longer than its `max_bytes`"));
        }
        if self.lines.iter().any(|(set, _)| set == name) {
            return Err(Unusable("two entries set it"));
        }
        let left = self.left.checked_sub(spelling.len() + value.len());
        self.left = left.ok_or(Unusable(
            "with it the identity headers are longer than `identity.max_bytes`",
        ))?;
        let value = HeaderValue::try_from(value)
            .map_err(|_| Unusable("the value cannot stand in a header"))?;
        self.lines.push((name.clone(), sensitive(value)));
        Ok(())
    }

    pub fn finish(self) -> HeaderLines {
        HeaderLines(self.lines)
    }
}

/// As many as the default set has: the vector then need not grow.
const USUAL_LINES: usize = 10;

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(pairs: &[(&'static str, &str)]) -> HeaderLines {
        let mut writer = Writer::new(1_000);
        for (name, value) in pairs {
            let value = Some(value.as_bytes().to_vec());
            let header = HeaderName::from_static(name);
            writer.add(&header, name, value, None).unwrap();
        }
        writer.finish()
    }

    /// Where a value is in memory, and where it ends.
    fn place(value: &HeaderValue) -> (usize, usize) {
        let start = value.as_bytes().as_ptr().addr();
        (start, start + value.len())
    }

    #[test]
    fn shared_lines_are_the_same_lines_in_one_block_that_clones_do_not_copy() {
        for pairs in [
            &[("x-a", "one"), ("x-b", "two"), ("x-c", "\u{e9}")][..],
            &[("x-a", "alone")],
            &[],
        ] {
            let (own, shared) = (lines(pairs), lines(pairs).shared());
            assert_eq!(own, shared);
            let places: Vec<_> = shared.iter().map(|(_, value)| place(value)).collect();
            assert!(places.windows(2).all(|pair| pair[0].1 == pair[1].0));
            let copied = shared.clone();
            for ((_, value), place_of_first) in copied.iter().zip(places) {
                assert!(value.is_sensitive());
                assert_eq!(place(value), place_of_first);
            }
        }
    }

    #[test]
    fn inserted_lines_stand_in_place_of_what_was_there() {
        let mut headers = HeaderMap::new();
        for (name, value) in [("x-a", "client"), ("x-a", "again"), ("x-other", "stays")] {
            headers.append(name, HeaderValue::from_static(value));
        }
        lines(&[("x-a", "1"), ("x-b", "2")])
            .shared()
            .insert_into(&mut headers);
        let of = |name| {
            headers
                .get_all(name)
                .iter()
                .map(HeaderValue::as_bytes)
                .collect::<Vec<_>>()
        };
        assert_eq!(
            (of("x-a"), of("x-b"), of("x-other")),
            (vec![&b"1"[..]], vec![&b"2"[..]], vec![&b"stays"[..]])
        );
        assert!(headers["x-a"].is_sensitive());
    }
}
