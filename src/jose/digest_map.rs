//! Tables by SHA-256 digest, or by a code under a key that nobody knows. Either is as random as any hash of it: hashing it once more, with SipHash as
//! the standard tables do, costs a known token more than its whole look-up.
//!
//! SipHash is there against keys that somebody chooses so that they fall into one bucket. Nobody chooses a digest: for `m` entries that agree in the
//! `n` bits that a table looks at, one has to hash `m * 2^n` inputs, and what is held here is no input of a client's own making: tokens that an
//! issuer signed, and keys that an issuer publishes. Whoever has that many of them gains comparisons within one bucket, never a wrong
//! answer: the table compares the whole digest.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// SHA-256.
pub type Digest = [u8; 32];

pub type DigestMap<K, V> = HashMap<K, V, BuildHasherDefault<FirstBytes>>;

/// The hash of a digest: its first eight bytes.
#[derive(Clone, Copy, Debug, Default)]
pub struct FirstBytes(u64);

impl Hasher for FirstBytes {
    fn write(&mut self, digest: &[u8]) {
        if let Some(first) = digest.first_chunk() {
            self.0 = u64::from_ne_bytes(*first);
        }
    }

    /// The length that the standard library hashes before a slice: the same for all digests.
    fn write_usize(&mut self, _length: usize) {}

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use std::hash::{BuildHasher, BuildHasherDefault};

    use super::*;

    fn hash(digest: &Digest) -> u64 {
        BuildHasherDefault::<FirstBytes>::default().hash_one(digest)
    }

    #[test]
    fn the_hash_of_a_digest_is_its_first_eight_bytes() {
        let digest: Digest = std::array::from_fn(|at| u8::try_from(at).unwrap());
        assert_eq!(hash(&digest), u64::from_ne_bytes([0, 1, 2, 3, 4, 5, 6, 7]));
    }

    #[test]
    fn digests_that_agree_in_their_hash_are_still_two() {
        let (one, mut two) = ([7; 32], [7; 32]);
        two[31] = 8;
        assert_eq!(hash(&one), hash(&two));
        let map: DigestMap<Digest, u8> = [(one, 1), (two, 2)].into_iter().collect();
        assert_eq!((map.get(&one), map.get(&two)), (Some(&1), Some(&2)));
        assert_eq!(map.get(&[0; 32]), None);
    }
}
