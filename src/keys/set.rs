//! One set of keys: immutable, swapped whole. Pure.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use crate::jose::algorithm::Algorithm;
use crate::jose::digest_map::{Digest, DigestMap};
use crate::jose::key::VerificationKey;

/// Most keys that are tried for one token.
pub const MAX_CANDIDATES: usize = 4;

/// What a token's header says about its key.
#[derive(Clone, Copy, Debug, Default)]
pub struct KeyHint<'h> {
    pub kid: Option<&'h str>,
    pub x5t: Option<&'h str>,
    pub x5t_s256: Option<&'h str>,
}

/// The keys of one source at one time.
pub struct KeySet {
    /// Grows by one whenever the content changes; equal generations of one source hold equal keys.
    pub generation: u64,
    /// The issuer's current keys in its order, then those that are only retained.
    pub(super) keys: Vec<HeldKey>,
    /// A PEM file or a secret says nothing about kids: its keys fit any.
    pub(super) any_kid: bool,
    index: Index,
}

/// A key, and how long it is good.
pub struct HeldKey {
    pub key: Arc<VerificationKey>,
    /// Set when the key has left the issuer's document: good until then (retention), on the monotonic clock.
    pub good_until: Option<Duration>,
}

/// What a look-up found.
pub enum Candidates {
    /// At least one, at most [`MAX_CANDIDATES`].
    Keys(Vec<Arc<VerificationKey>>),
    /// The kid (or x5t) is known, but its key is not for this algorithm. A fetch helps only if the issuer has put another key under it.
    WrongAlgorithm,
    /// No such key: a fetch may help.
    Unknown,
}

impl KeySet {
    /// Keys that have not left, or are within retention at `monotonic`: by kid; without a kid by x5t as a string; with neither,
    /// every key that fits the algorithm.
    ///
    /// An x5t also finds a key whose kid is that string: Entra and WSO2 name keys by their thumbprint and, in older documents,
    /// publish it under one of the two names only. It is compared as written, because it means three different hashes there.
    pub fn candidates(
        &self,
        hint: KeyHint<'_>,
        algorithm: Algorithm,
        monotonic: Duration,
    ) -> Candidates {
        match hint {
            _ if self.any_kid => choose(self.keys.iter(), algorithm, monotonic),
            KeyHint { kid: Some(kid), .. } => {
                let named = positions(&self.index.by_kid, Some(kid));
                choose(self.at(named), algorithm, monotonic)
            }
            KeyHint {
                x5t: None,
                x5t_s256: None,
                ..
            } => choose(self.keys.iter(), algorithm, monotonic),
            KeyHint { x5t, x5t_s256, .. } => {
                let mut named: Vec<usize> = positions(&self.index.by_x5t, x5t)
                    .iter()
                    .chain(positions(&self.index.by_x5t_s256, x5t_s256))
                    .chain(positions(&self.index.by_kid, x5t))
                    .chain(positions(&self.index.by_kid, x5t_s256))
                    .copied()
                    .collect();
                named.sort_unstable();
                named.dedup();
                choose(self.at(&named), algorithm, monotonic)
            }
        }
    }

    /// Whether the key with this fingerprint is still good at `monotonic`: what a cached decision asks.
    pub fn holds(&self, fingerprint: &[u8; 32], monotonic: Duration) -> bool {
        let held = self.index.by_fingerprint.get(fingerprint);
        self.at(held.map(Vec::as_slice).unwrap_or_default())
            .any(|held| held.is_good(monotonic))
    }

    pub fn keys(&self) -> &[HeldKey] {
        &self.keys
    }

    /// A set that never changes: files, inline documents, tests.
    pub fn fixed(keys: Vec<VerificationKey>, any_kid: bool) -> Self {
        let current = |key| HeldKey {
            key: Arc::new(key),
            good_until: None,
        };
        Self::assembled(1, keys.into_iter().map(current).collect(), any_kid)
    }

    /// Builds the look-up tables of `keys`, which are in the order in which they are to be tried.
    pub(super) fn assembled(generation: u64, keys: Vec<HeldKey>, any_kid: bool) -> Self {
        Self {
            generation,
            index: Index::of(&keys),
            keys,
            any_kid,
        }
    }

    /// How many keys are good at `monotonic`.
    pub(super) fn good_keys(&self, monotonic: Duration) -> usize {
        self.keys
            .iter()
            .filter(|held| held.is_good(monotonic))
            .count()
    }

    fn at<'s>(&'s self, positions: &'s [usize]) -> impl Iterator<Item = &'s HeldKey> {
        positions
            .iter()
            .filter_map(|position| self.keys.get(*position))
    }
}

impl HeldKey {
    /// Still in the issuer's document, or within retention.
    pub fn is_good(&self, monotonic: Duration) -> bool {
        self.good_until.is_none_or(|until| monotonic < until)
    }
}

/// The good ones of `keys` that fit, in their order.
fn choose<'k>(
    keys: impl Iterator<Item = &'k HeldKey>,
    algorithm: Algorithm,
    monotonic: Duration,
) -> Candidates {
    let mut any = false;
    let fitting: Vec<_> = keys
        .filter(|held| held.is_good(monotonic))
        .inspect(|_| any = true)
        .filter(|held| held.key.algorithms.contains(algorithm))
        .take(MAX_CANDIDATES)
        .map(|held| Arc::clone(&held.key))
        .collect();
    match fitting.is_empty() {
        false => Candidates::Keys(fitting),
        true if any => Candidates::WrongAlgorithm,
        true => Candidates::Unknown,
    }
}

/// Positions in [`KeySet::keys`] by what a token may know of a key. The maps by name are keyed at random (SipHash),
/// because their look-ups are by text from the wire.
#[derive(Default)]
struct Index {
    by_kid: HashMap<Box<str>, Vec<usize>>,
    by_x5t: HashMap<Box<str>, Vec<usize>>,
    by_x5t_s256: HashMap<Box<str>, Vec<usize>>,
    by_fingerprint: DigestMap<Digest, Vec<usize>>,
}

impl Index {
    fn of(keys: &[HeldKey]) -> Self {
        let mut index = Self::default();
        for (position, HeldKey { key, .. }) in keys.iter().enumerate() {
            for (map, name) in [
                (&mut index.by_kid, &key.kid),
                (&mut index.by_x5t, &key.x5t),
                (&mut index.by_x5t_s256, &key.x5t_s256),
            ] {
                if let Some(name) = name {
                    map.entry(name.clone()).or_default().push(position);
                }
            }
            let same = index.by_fingerprint.entry(key.fingerprint).or_default();
            same.push(position);
        }
        index
    }
}

fn positions<'i>(map: &'i HashMap<Box<str>, Vec<usize>>, name: Option<&str>) -> &'i [usize] {
    name.and_then(|name| map.get(name))
        .map(Vec::as_slice)
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jose::algorithm::AlgorithmSet;
    use crate::keys::testing::key;

    const NOW: Duration = Duration::from_secs(1000);
    const RS: Algorithm = Algorithm::Rs256;
    const ES: Algorithm = Algorithm::Es256;

    fn kid(kid: &str) -> KeyHint<'_> {
        KeyHint {
            kid: Some(kid),
            ..KeyHint::default()
        }
    }

    /// The first bytes of the fingerprints found; `Err(true)` for a wrong algorithm, `Err(false)` for unknown.
    fn found(set: &KeySet, hint: KeyHint<'_>, algorithm: Algorithm) -> Result<Vec<u8>, bool> {
        match set.candidates(hint, algorithm, NOW) {
            Candidates::Keys(keys) => Ok(keys.iter().map(|key| key.fingerprint[0]).collect()),
            Candidates::WrongAlgorithm => Err(true),
            Candidates::Unknown => Err(false),
        }
    }

    fn example() -> KeySet {
        let mut only_es = key(Some("b"), 2);
        only_es.algorithms = AlgorithmSet::of(&[ES]);
        let mut thumb = key(Some("c_RS256"), 3);
        thumb.x5t = Some("c".into());
        thumb.x5t_s256 = Some("c256".into());
        KeySet::fixed(vec![key(Some("a"), 1), only_es, thumb, key(None, 4)], false)
    }

    #[test]
    fn a_kid_finds_its_key_and_no_other() {
        let set = example();
        assert_eq!(found(&set, kid("a"), RS), Ok(vec![1]));
        assert_eq!(found(&set, kid("b"), ES), Ok(vec![2]));
        assert_eq!(found(&set, kid("b"), RS), Err(true));
        for unknown in ["A", "", "c", "a ", "../a", "c256", "__proto__"] {
            assert_eq!(found(&set, kid(unknown), RS), Err(false), "{unknown}");
        }
    }

    #[test]
    fn an_unknown_kid_is_unknown_even_with_a_known_x5t() {
        let hint = KeyHint {
            kid: Some("nobody"),
            x5t: Some("c"),
            x5t_s256: Some("c256"),
        };
        assert_eq!(found(&example(), hint, RS), Err(false));
    }

    #[test]
    fn without_a_kid_the_x5t_is_compared_as_a_string_with_x5t_and_kid() {
        let set = example();
        let x5t = |x5t| KeyHint {
            x5t: Some(x5t),
            ..KeyHint::default()
        };
        let x5t_s256 = |x5t_s256| KeyHint {
            x5t_s256: Some(x5t_s256),
            ..KeyHint::default()
        };
        assert_eq!(found(&set, x5t("c"), RS), Ok(vec![3]));
        assert_eq!(found(&set, x5t("a"), RS), Ok(vec![1]));
        assert_eq!(found(&set, x5t("b"), RS), Err(true));
        assert_eq!(found(&set, x5t("c256"), RS), Err(false));
        assert_eq!(found(&set, x5t("C"), RS), Err(false));
        assert_eq!(found(&set, x5t_s256("c256"), RS), Ok(vec![3]));
        assert_eq!(found(&set, x5t_s256("c_RS256"), RS), Ok(vec![3]));
        assert_eq!(found(&set, x5t_s256("nobody"), RS), Err(false));
    }

    #[test]
    fn j16_a_token_without_any_name_may_be_by_each_key_that_fits_and_at_most_four_are_tried() {
        let nothing = KeyHint::default();
        assert_eq!(found(&example(), nothing, RS), Ok(vec![1, 3, 4]));
        assert_eq!(found(&example(), nothing, ES), Ok(vec![2]));
        assert_eq!(found(&example(), nothing, Algorithm::EdDsa), Err(true));
        assert_eq!(
            found(&KeySet::fixed(Vec::new(), false), nothing, RS),
            Err(false)
        );
        let many = KeySet::fixed((0..100).map(|n| key(Some("same"), n)).collect(), false);
        assert_eq!(found(&many, nothing, RS), Ok(vec![0, 1, 2, 3]));
        assert_eq!(found(&many, kid("same"), RS), Ok(vec![0, 1, 2, 3]));
    }

    #[test]
    fn j16_both_keys_of_a_duplicate_kid_are_tried_in_either_order() {
        let pair = |one, two| KeySet::fixed(vec![key(Some("k"), one), key(Some("k"), two)], false);
        assert_eq!(found(&pair(1, 2), kid("k"), RS), Ok(vec![1, 2]));
        assert_eq!(found(&pair(2, 1), kid("k"), RS), Ok(vec![2, 1]));
    }

    #[test]
    fn keys_of_a_pem_file_fit_any_kid_and_any_x5t() {
        let set = KeySet::fixed(vec![key(None, 1)], true);
        let x5t = KeyHint {
            x5t: Some("x"),
            ..KeyHint::default()
        };
        for hint in [kid("a"), kid(""), x5t, KeyHint::default()] {
            assert_eq!(found(&set, hint, RS), Ok(vec![1]));
            assert_eq!(found(&set, hint, ES), Err(true));
        }
    }

    #[test]
    fn k07_a_retained_key_is_good_before_its_end_and_dead_from_then_on() {
        let held = |number, good_until| HeldKey {
            key: Arc::new(key(Some("k"), number)),
            good_until,
        };
        let until = NOW + Duration::from_secs(1);
        let set = KeySet::assembled(
            2,
            vec![held(1, None), held(2, Some(until)), held(3, Some(NOW))],
            false,
        );
        assert_eq!(found(&set, kid("k"), RS), Ok(vec![1, 2]));
        assert!(set.holds(&key(None, 1).fingerprint, NOW));
        assert!(set.holds(&key(None, 2).fingerprint, NOW));
        assert!(!set.holds(&key(None, 2).fingerprint, until));
        assert!(!set.holds(&key(None, 3).fingerprint, NOW));
        assert!(!set.holds(&key(None, 9).fingerprint, NOW));
        assert_eq!(set.good_keys(NOW), 2);
        let gone = KeySet::assembled(3, vec![held(3, Some(NOW))], false);
        assert_eq!(found(&gone, kid("k"), RS), Err(false));
        assert_eq!(found(&gone, KeyHint::default(), RS), Err(false));
    }

    #[test]
    fn a_fingerprint_is_held_as_long_as_one_of_its_kids_is() {
        let held = |kid: &str, good_until| HeldKey {
            key: Arc::new(key(Some(kid), 1)),
            good_until,
        };
        let set = KeySet::assembled(1, vec![held("new", None), held("old", Some(NOW))], false);
        assert!(set.holds(&key(None, 1).fingerprint, NOW));
    }
}
