//! Which of a table's paths come into question for a target: a tree of segments, made once, so that a request costs what its own path is long
//! and not what the table is.
//!
//! A target walks down as far as its segments are known: every byte of it is hashed at most once, whatever the client sends. The hash is keyed
//! (the standard library's): segments of a target are a client's choice.

use std::collections::HashMap;

use super::pattern::Pattern;

/// Positions of patterns, by their segments. `/` separates segments and nothing else does, so equal lists of segments are equal paths.
#[derive(Clone, Debug)]
pub(super) struct Index {
    /// The first is the root, which has no segment yet. In one vector, so that no depth of a path is a depth of a stack.
    nodes: Vec<Node>,
}

#[derive(Clone, Debug, Default)]
struct Node {
    /// The pattern that is exactly the segments up to here.
    exact: Option<usize>,
    /// The pattern of these segments and everything below them.
    below: Option<usize>,
    /// Indices of nodes.
    children: HashMap<Box<[u8]>, usize>,
}

impl Index {
    /// The smallest position whose pattern matches: the first of the table.
    pub fn first(&self, canonical: &[u8]) -> Option<usize> {
        let mut node = self.nodes.first()?;
        let mut first = None;
        for segment in segments(canonical) {
            let child = node.children.get(segment);
            let Some(child) = child.and_then(|at| self.nodes.get(*at)) else {
                return first;
            };
            node = child;
            first = smaller(first, node.below);
        }
        smaller(first, node.exact)
    }

    /// The position of `pattern`, which is `next` if it has none yet.
    pub fn position(&mut self, pattern: &Pattern, next: usize) -> usize {
        let (Pattern::Exact(path) | Pattern::Below(path)) = pattern;
        let mut at = 0;
        for segment in segments(path) {
            at = self.child(at, segment);
        }
        let Some(node) = self.nodes.get_mut(at) else {
            return next;
        };
        let own = match pattern {
            Pattern::Exact(_) => &mut node.exact,
            Pattern::Below(_) => &mut node.below,
        };
        *own.get_or_insert(next)
    }

    fn child(&mut self, at: usize, segment: &[u8]) -> usize {
        let new = self.nodes.len();
        let Some(node) = self.nodes.get_mut(at) else {
            return at;
        };
        let child = *node.children.entry(segment.into()).or_insert(new);
        if child == new {
            self.nodes.push(Node::default());
        }
        child
    }
}

impl Default for Index {
    fn default() -> Self {
        Self {
            nodes: vec![Node::default()],
        }
    }
}

/// An empty one before the first `/`.
fn segments(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    path.split(|byte| *byte == b'/')
}

fn smaller(one: Option<usize>, other: Option<usize>) -> Option<usize> {
    one.into_iter().chain(other).min()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Each pattern's position is that of its like, and the index, built of them one after the other.
    fn index(patterns: &[Pattern]) -> Index {
        let mut index = Index::default();
        for (next, pattern) in patterns.iter().enumerate() {
            let first = patterns.iter().position(|other| other == pattern);
            assert_eq!(Some(index.position(pattern, next)), first);
        }
        index
    }

    /// The law: the first that matches.
    fn walk(patterns: &[Pattern], path: &[u8]) -> Option<usize> {
        patterns.iter().position(|pattern| pattern.matches(path))
    }

    #[test]
    fn p04_only_whole_segments_lead_to_a_pattern() {
        let patterns = ["/admin/*", "/", "/a/b", "/admin", "/a/", "/*"];
        let patterns = patterns.map(|path| Pattern::parse(path).unwrap());
        let index = index(&patterns);
        for path in [
            "/admin",
            "/admin/",
            "/admin/x/y",
            "/",
            "",
            "/a/b",
            "/a/b/",
            "/a/",
            "/a",
            "/adminx",
            "/a//b",
            "//",
            "x",
            "admin",
            "/admin\0",
            "/a/b/c",
        ] {
            let path = path.as_bytes();
            assert_eq!(index.first(path), walk(&patterns, path), "{path:?}");
        }
        assert_eq!(index.first(b"/admin"), Some(0));
        assert_eq!(index.first(b"x"), None);
    }

    #[test]
    fn a_table_without_paths_has_no_first() {
        assert_eq!(Index::default().first(b"/"), None);
    }

    /// Few different bytes, so that paths often share segments: what is configured, and what a reading may be (it may be anything).
    fn path() -> impl Strategy<Value = Vec<u8>> {
        prop_oneof![
            8 => "(/[ab]{1,2}){0,4}/?".prop_map(String::into_bytes),
            1 => prop::collection::vec(prop_oneof![Just(b'/'), Just(b'a'), any::<u8>()], 0..8),
        ]
    }

    proptest! {
        #[test]
        fn the_first_that_matches_is_found_among_many(
            patterns in prop::collection::vec((path(), any::<bool>()), 0..300),
            paths in prop::collection::vec(path(), 1..30),
        ) {
            let of = |(path, below): (Vec<u8>, bool)| match below {
                true => Pattern::Below(path.into()),
                false => Pattern::Exact(path.into()),
            };
            let patterns: Vec<_> = patterns.into_iter().map(of).collect();
            let index = index(&patterns);
            for path in paths {
                prop_assert_eq!(index.first(&path), walk(&patterns, &path), "{:?}", path);
            }
        }
    }
}
