//! The connections of one worker, for the drain and for the gauge.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;

use tokio::sync::Notify;

use crate::proxy::Gate;
use crate::proxy::local::Worker;

#[derive(Default)]
pub(super) struct Open {
    count: Cell<usize>,
    none_left: Notify,
}

impl Open {
    pub(super) fn enter(self: &Rc<Self>, worker: &Worker) -> Counted {
        let gate = Arc::clone(&worker.current().gate);
        gate.metrics.connection_opened();
        self.count.set(self.count.get().saturating_add(1));
        Counted {
            open: Rc::clone(self),
            gate,
        }
    }

    pub(super) async fn none_left(&self) {
        while self.count.get() > 0 {
            self.none_left.notified().await;
        }
    }
}

/// One of them.
pub(super) struct Counted {
    open: Rc<Open>,
    gate: Arc<Gate>,
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.gate.metrics.connection_closed();
        let left = self.open.count.get().saturating_sub(1);
        self.open.count.set(left);
        if left == 0 {
            self.open.none_left.notify_one();
        }
    }
}
