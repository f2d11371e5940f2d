//! What one worker holds for one gate: nothing here is shared, so nothing here locks.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio::sync::Semaphore;

use super::Gate;
use crate::keys::KeyLookup;
use crate::proxy::head::source::FoundToken;
use crate::proxy::upstream::channels::Channels;
use crate::verify::{Counterparts, Outcome, Presented, TokenCache};

/// One worker's view of the gate that is in force.
pub(super) struct Worker {
    gate: Arc<ArcSwap<Gate>>,
    /// Of connections to the application.
    places: Arc<Semaphore>,
    local: RefCell<Rc<Local>>,
}

/// A gate with this worker's token cache and connections to the application. A new configuration starts with new ones.
pub(super) struct Local {
    pub(super) gate: Arc<Gate>,
    pub(super) channels: Rc<Channels>,
    cache: RefCell<TokenCache>,
    /// What of `cache` the gauge of entries knows.
    told_entries: Cell<i64>,
}

impl Worker {
    /// `places`: of connections to the application, all workers together.
    pub(super) fn new(gate: Arc<ArcSwap<Gate>>, places: Arc<Semaphore>) -> Self {
        let local = RefCell::new(Rc::new(Local::new(gate.load_full(), &places)));
        Self {
            gate,
            places,
            local,
        }
    }

    /// The gate as of now. A request keeps the one that it began with.
    pub(super) fn current(&self) -> Rc<Local> {
        let mut local = self.local.borrow_mut();
        let gate = self.gate.load();
        if !Arc::ptr_eq(&gate, &local.gate) {
            local.forget_tokens();
            *local = Rc::new(Local::new(Arc::clone(&gate), &self.places));
        }
        Rc::clone(&local)
    }

    /// After a panic: nothing that it may have left half done is used again.
    pub(super) fn start_anew(&self) {
        let anew = Rc::new(Local::new(self.gate.load_full(), &self.places));
        self.local.replace(anew).forget_tokens();
    }
}

impl Local {
    fn new(gate: Arc<Gate>, places: &Arc<Semaphore>) -> Self {
        Self {
            channels: Channels::new(&gate.upstream, Arc::clone(places)),
            cache: RefCell::new(cache(&gate)),
            told_entries: Cell::new(0),
            gate,
        }
    }

    /// No new request comes here. What is under way may last for days (an event stream, a tunnel), and needs no cache.
    fn forget_tokens(&self) {
        if let Ok(mut cache) = self.cache.try_borrow_mut() {
            *cache = TokenCache::new(0);
            self.untell_entries();
        }
    }

    fn untell_entries(&self) {
        let told = self.told_entries.take();
        if told != 0 {
            let metrics = &self.gate.metrics;
            metrics.token_cache(Default::default(), told.saturating_neg());
        }
    }

    /// One judgement of a token in its request, without waiting for anything.
    pub(super) fn judge(&self, found: &FoundToken, request: &Counterparts<'_>) -> (Outcome, bool) {
        let gate = &self.gate;
        let keys: &dyn KeyLookup = &*gate.keys;
        let mut cache = self.cache.borrow_mut();
        let now = gate.clock.now();
        let presented = Presented {
            token: found.token.as_bytes(),
            request,
        };
        let judged = crate::verify::judge(&gate.verifier, &mut cache, presented, now, keys);
        let counts = cache.take_counts();
        let entries = i64::try_from(cache.entries()).unwrap_or(i64::MAX);
        let told = self.told_entries.replace(entries);
        gate.metrics
            .token_cache(counts, entries.saturating_sub(told));
        judged
    }
}

/// With each token the header lines that this gate writes for it.
fn cache(gate: &Gate) -> TokenCache {
    let mapping = gate.mapping.for_worker();
    TokenCache::new(gate.cache_max_bytes).attaching(move |token| mapping.attachment(token))
}

impl Drop for Local {
    fn drop(&mut self) {
        // The gauge is shared by the workers and outlives this cache.
        self.untell_entries();
    }
}
