//! Who is let into a cache that is full: tokens that come a second time (the doorkeeper of TinyLFU: Einziger, Friedman, Manes, "TinyLFU: A Highly
//! Efficient Cache Admission Policy", 2017, §3.4.2).
//!
//! A token that is used once (a job's, a scanner's) would push out one that is used all day, and to remember it costs as much as reading it. So it
//! is verified, and only a mark of it is kept; when it comes again while the mark is there, it is verified again and remembered.

use super::lru::Key;

/// Of the room that the cache has, one byte in so many is for marks: with four bytes each, several for each token that fits.
const SHARE: usize = 128;
const MARK: usize = size_of::<u32>();

pub(super) struct Doorkeeper {
    /// By a part of the key; a later token takes the place of an earlier one. Empty until somebody asks.
    marks: Vec<u32>,
    places: usize,
}

impl Doorkeeper {
    /// For a cache of so many bytes.
    pub(super) fn new(max_bytes: usize) -> Self {
        Self {
            marks: Vec::new(),
            places: Self::bytes(max_bytes) / MARK,
        }
    }

    /// What it takes of the cache's room.
    pub(super) fn bytes(max_bytes: usize) -> usize {
        max_bytes / SHARE
    }

    /// Whether the token came before, as far back as its mark lasted. From now on it has.
    pub(super) fn knows(&mut self, key: &Key) -> bool {
        if self.marks.is_empty() {
            self.marks = vec![0; self.places];
        }
        // A key is as random as any hash of it.
        let number = u128::from_ne_bytes(*key);
        let place = usize::try_from(number % (self.places.max(1) as u128)).unwrap_or(0);
        // Other bits, and never that of an empty place.
        let mark = u32::try_from(number >> 96).unwrap_or(0) | 1;
        self.marks
            .get_mut(place)
            .is_none_or(|kept| std::mem::replace(kept, mark) == mark)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOM: usize = 1024 * 1024;

    fn key(number: u32) -> Key {
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &number.to_le_bytes());
        Key::try_from(&digest.as_ref()[..size_of::<Key>()]).unwrap()
    }

    #[test]
    fn c06_a_token_is_known_the_second_time() {
        let mut doorkeeper = Doorkeeper::new(ROOM);
        for number in 0..100 {
            assert!(!doorkeeper.knows(&key(number)), "{number}");
        }
        let known = (0..100).filter(|n| doorkeeper.knows(&key(*n))).count();
        // Some have taken the place of others.
        assert!(known > 80, "{known}");
    }

    #[test]
    fn c06_tokens_that_come_once_are_strangers_however_many_they_are() {
        let mut doorkeeper = Doorkeeper::new(ROOM);
        let known = (0..100_000).filter(|n| doorkeeper.knows(&key(*n))).count();
        assert_eq!(known, 0);
        assert_eq!(doorkeeper.marks.len() * MARK, Doorkeeper::bytes(ROOM));
    }

    #[test]
    fn without_room_for_marks_everybody_is_let_in() {
        assert!(Doorkeeper::new(0).knows(&key(1)));
    }
}
