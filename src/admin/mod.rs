//! The admin listener: `/livez`, `/readyz`, `/metrics`, `/issuers`. On its own address, so that no path of the application and no header
//! reaches it, and on the control runtime, so that busy workers do not make a probe fail.
//!
//! * [`serve()`] is the listener with its limits, `answer` the pages, `issuers` the document about keys.

mod answer;
mod issuers;
mod serve;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arc_swap::ArcSwap;

use crate::keys::Keys;
use crate::telemetry::Metrics;

pub use serve::serve;

/// What the pages tell about. The gate that is in use is swapped whole.
pub struct Admin {
    view: ArcSwap<View>,
    draining: AtomicBool,
}

/// The parts of a gate that the pages show.
pub struct View {
    pub keys: Arc<Keys>,
    pub metrics: Arc<Metrics>,
}

impl Admin {
    pub fn new(view: View) -> Self {
        Self {
            view: ArcSwap::from_pointee(view),
            draining: AtomicBool::new(false),
        }
    }

    /// Shows another gate from now on.
    pub fn show(&self, view: View) {
        self.view.store(Arc::new(view));
    }

    /// From now on `/readyz` answers 503: the process will stop.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }
}
