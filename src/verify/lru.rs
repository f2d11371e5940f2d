//! A map that forgets what was used longest ago when it holds more bytes than it may. One thread, no clock.
//! A slab with two links a slot: a hit costs one look-up and a few moves, and nothing is allocated.

use super::fingerprint::Fingerprint;
use crate::jose::digest_map::DigestMap;

/// Of whatever the value stands for.
pub(super) type Key = Fingerprint;

pub(super) struct Lru<V> {
    index: DigestMap<Key, usize>,
    slots: Vec<Slot<V>>,
    free: Vec<usize>,
    newest: Option<usize>,
    oldest: Option<usize>,
    bytes: usize,
    max_bytes: usize,
}

struct Slot<V> {
    key: Key,
    /// None while the slot is free.
    value: Option<V>,
    bytes: usize,
    newer: Option<usize>,
    older: Option<usize>,
}

impl<V> Lru<V> {
    /// What an entry costs besides its value: its slot, and its place in a hash table, with the byte that the table keeps for each place. The table
    /// doubles when seven of eight places are taken, so at worst seven of sixteen are. (Slots are added one by one: what a grown vector has left
    /// was never written to, so it is no memory yet.)
    pub const OVERHEAD: usize =
        size_of::<Slot<V>>() + ((size_of::<(Key, usize)>() + 1) * 16).div_ceil(7);

    pub fn new(max_bytes: usize) -> Self {
        Self {
            index: DigestMap::default(),
            slots: Vec::new(),
            free: Vec::new(),
            newest: None,
            oldest: None,
            bytes: 0,
            max_bytes,
        }
    }

    pub fn len(&self) -> usize {
        self.index.len()
    }

    /// Of everything that is held, as it was said.
    #[cfg(test)]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    #[cfg(test)]
    pub fn max_bytes(&self) -> usize {
        self.max_bytes
    }

    /// Others may have to go for the next one.
    pub fn is_nearly_full(&self) -> bool {
        self.bytes > self.max_bytes - self.max_bytes / 16
    }

    /// The value of `key`, which is now the one used last.
    pub fn get(&mut self, key: &Key) -> Option<&V> {
        let at = *self.index.get(key)?;
        if self.newest != Some(at) {
            self.unlink(at);
            self.link_newest(at);
        }
        self.slots.get(at)?.value.as_ref()
    }

    /// Holds `value`, which costs `bytes` in all, in place of what `key` had. Returns how many others had to go for it.
    /// A value that is larger than everything together may be is not held.
    pub fn insert(&mut self, key: Key, value: V, bytes: usize) -> usize {
        self.remove(&key);
        if bytes > self.max_bytes {
            return 0;
        }
        let mut evicted = 0;
        while self.bytes > self.max_bytes - bytes {
            let Some(key) = self
                .oldest
                .and_then(|at| self.slots.get(at))
                .map(|slot| slot.key)
            else {
                break;
            };
            self.remove(&key);
            evicted += 1;
        }
        let slot = Slot {
            key,
            value: Some(value),
            bytes,
            newer: None,
            older: None,
        };
        let at = self.place(slot);
        self.index.insert(key, at);
        self.bytes += bytes;
        self.link_newest(at);
        evicted
    }

    pub fn remove(&mut self, key: &Key) {
        let Some(at) = self.index.remove(key) else {
            return;
        };
        self.unlink(at);
        if let Some(slot) = self.slots.get_mut(at) {
            slot.value = None;
            self.bytes -= slot.bytes;
            self.free.push(at);
        }
    }

    /// Forgets everything and gives the memory back. Returns how many there were.
    pub fn clear(&mut self) -> usize {
        let count = self.len();
        *self = Self::new(self.max_bytes);
        count
    }

    fn place(&mut self, slot: Slot<V>) -> usize {
        if let Some(at) = self.free.pop()
            && let Some(free) = self.slots.get_mut(at)
        {
            *free = slot;
            return at;
        }
        self.slots.push(slot);
        self.slots.len() - 1
    }

    fn link_newest(&mut self, at: usize) {
        let before = self.newest.replace(at);
        if let Some(slot) = self.slots.get_mut(at) {
            slot.newer = None;
            slot.older = before;
        }
        match before.and_then(|before| self.slots.get_mut(before)) {
            Some(slot) => slot.newer = Some(at),
            None => self.oldest = Some(at),
        }
    }

    fn unlink(&mut self, at: usize) {
        let Some((newer, older)) = self.slots.get(at).map(|slot| (slot.newer, slot.older)) else {
            return;
        };
        match newer.and_then(|newer| self.slots.get_mut(newer)) {
            Some(slot) => slot.older = older,
            None => self.newest = older,
        }
        match older.and_then(|older| self.slots.get_mut(older)) {
            Some(slot) => slot.newer = newer,
            None => self.oldest = newer,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key(n: u8) -> Key {
        [n; 16]
    }

    #[test]
    fn c06_what_was_used_longest_ago_goes_first() {
        let mut lru = Lru::new(30);
        for n in 1..=3 {
            assert_eq!(lru.insert(key(n), n, 10), 0);
        }
        assert_eq!(lru.get(&key(1)), Some(&1));
        assert_eq!(lru.insert(key(4), 4, 10), 1);
        assert_eq!(lru.get(&key(2)), None);
        assert_eq!(lru.get(&key(1)), Some(&1));
        assert_eq!(lru.insert(key(5), 5, 25), 3);
        assert_eq!((lru.len(), lru.bytes), (1, 25));
        assert_eq!(lru.insert(key(6), 6, 31), 0);
        assert_eq!(lru.get(&key(6)), None);
        assert_eq!(lru.clear(), 1);
        assert_eq!((lru.len(), lru.bytes), (0, 0));
    }

    #[test]
    fn c06_what_fills_the_room_exactly_is_held() {
        let mut lru = Lru::new(30);
        lru.insert(key(1), 1, 30);
        assert_eq!((lru.get(&key(1)).copied(), lru.bytes), (Some(1), 30));
        assert_eq!(lru.insert(key(2), 2, 30), 1);
        assert_eq!(lru.get(&key(2)), Some(&2));
    }

    #[test]
    fn c06_the_overhead_is_a_slot_and_more_than_two_places_in_the_table() {
        let place = size_of::<(Key, usize)>();
        let of_places = Lru::<u64>::OVERHEAD - size_of::<Slot<u64>>();
        assert!((2 * place + 2..3 * place).contains(&of_places));
        // The emptiest that a table of the standard library is after it grew.
        let mut table = DigestMap::default();
        for n in 0..=u8::MAX {
            table.insert(key(n), 0_usize);
            let places = (table.capacity() * 8).div_ceil(7);
            assert!(
                n < 16 || places * (place + 1) <= table.len() * of_places,
                "{n}"
            );
        }
    }

    #[derive(Clone, Debug)]
    enum Step {
        Get(u8),
        Insert(u8, usize),
        Remove(u8),
        Clear,
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            8 => (0_u8..12).prop_map(Step::Get),
            8 => (0_u8..12, 0_usize..40).prop_map(|(n, bytes)| Step::Insert(n, bytes)),
            2 => (0_u8..12).prop_map(Step::Remove),
            1 => Just(Step::Clear),
        ]
    }

    proptest! {
        /// Equal to the obvious thing: a list in the order of use.
        #[test]
        fn c06_equals_a_list_in_the_order_of_use(steps in prop::collection::vec(step(), 0..200)) {
            const MAX: usize = 100;
            let mut lru = Lru::new(MAX);
            let mut model: Vec<(u8, usize, usize)> = Vec::new();
            for (value, step) in steps.into_iter().enumerate() {
                match step {
                    Step::Get(n) => {
                        let expected = model.iter().position(|entry| entry.0 == n).map(|at| {
                            let entry = model.remove(at);
                            model.push(entry);
                            entry.1
                        });
                        prop_assert_eq!(lru.get(&key(n)).copied(), expected);
                    }
                    Step::Insert(n, bytes) => {
                        model.retain(|entry| entry.0 != n);
                        let mut expected = 0;
                        while model.iter().map(|entry| entry.2).sum::<usize>() + bytes > MAX {
                            model.remove(0);
                            expected += 1;
                        }
                        model.push((n, value, bytes));
                        prop_assert_eq!(lru.insert(key(n), value, bytes), expected);
                    }
                    Step::Remove(n) => {
                        model.retain(|entry| entry.0 != n);
                        lru.remove(&key(n));
                    }
                    Step::Clear => {
                        prop_assert_eq!(lru.clear(), model.len());
                        model.clear();
                    }
                }
                prop_assert_eq!(lru.len(), model.len());
                prop_assert_eq!(lru.bytes, model.iter().map(|entry| entry.2).sum::<usize>());
                prop_assert!(lru.slots.len() <= 12);
            }
        }
    }
}
