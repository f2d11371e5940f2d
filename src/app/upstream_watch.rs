//! The certificates of `upstream.tls`: their files are looked at again while the gate runs, and the log says what came of it. Only changes.

use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::proxy::{Gate, REREAD_INTERVAL, Reread, Transport};

/// Looks at the files of the gate in use, again and again, until it is dropped.
pub(super) async fn watch(gate: Arc<ArcSwap<Gate>>) {
    loop {
        tokio::time::sleep(REREAD_INTERVAL).await;
        let current = gate.load_full();
        if let Transport::Tls(tls) = &current.upstream.transport
            && tls.can_change()
        {
            tell(tls.reread().await);
        }
    }
}

fn tell(reread: Reread) {
    match reread {
        Reread::Same => {}
        Reread::Changed => tracing::info!(
            "the files of `upstream.tls` have changed: new connections to the application use them"
        ),
        Reread::Failed(error) => tracing::warn!(
            error,
            "the files of `upstream.tls` cannot be read again: those before stay in use"
        ),
    }
}
