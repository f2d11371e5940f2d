//! What the spiteful application saw of each request: a word of bits by its number, so that a million of them cost nothing.

use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

const READ: u32 = 1;
const READ_MASK: u32 = 0xff;
const CUT_FRESH: u32 = 1 << 8;
const CUT_KEPT: u32 = 1 << 9;
const CUT_IN_ANSWER: u32 = 1 << 10;
const ANSWERED: u32 = 1 << 11;

pub struct Ledger {
    requests: Vec<AtomicU32>,
    /// New connections that were closed before anything was read: whose request that was is not known.
    pub closed_unread_fresh: AtomicUsize,
    /// The same for kept ones; mostly nothing was on its way.
    pub closed_unread_kept: AtomicUsize,
}

/// Of one request.
#[derive(Clone, Copy, Debug)]
pub struct Entry(u32);

impl Ledger {
    pub fn new(requests: usize) -> Self {
        Self {
            requests: (0..requests).map(|_| AtomicU32::new(0)).collect(),
            closed_unread_fresh: AtomicUsize::new(0),
            closed_unread_kept: AtomicUsize::new(0),
        }
    }

    /// Its head came.
    pub fn read(&self, id: usize) {
        self.requests[id].fetch_add(READ, Ordering::SeqCst);
    }

    pub fn cut_before_answer(&self, id: usize, fresh: bool) {
        let bit = if fresh { CUT_FRESH } else { CUT_KEPT };
        self.requests[id].fetch_or(bit, Ordering::SeqCst);
    }

    pub fn cut_in_answer(&self, id: usize) {
        self.requests[id].fetch_or(CUT_IN_ANSWER, Ordering::SeqCst);
    }

    pub fn answered(&self, id: usize) {
        self.requests[id].fetch_or(ANSWERED, Ordering::SeqCst);
    }

    pub fn entry(&self, id: usize) -> Entry {
        Entry(self.requests[id].load(Ordering::SeqCst))
    }
}

impl Entry {
    pub fn times_read(self) -> u32 {
        self.0 & READ_MASK
    }

    pub fn cut_fresh(self) -> bool {
        self.0 & CUT_FRESH != 0
    }

    pub fn cut_kept(self) -> bool {
        self.0 & CUT_KEPT != 0
    }

    pub fn cut_in_answer(self) -> bool {
        self.0 & CUT_IN_ANSWER != 0
    }

    pub fn was_answered(self) -> bool {
        self.0 & ANSWERED != 0
    }
}
