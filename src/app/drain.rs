//! Stopping in order (CONTRACT, Commands): not ready, a delay, no new connections, what is in flight ends, exit.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;

use super::CannotRun;
use super::signals::Signals;
use super::workers::Workers;
use crate::admin::Admin;
use crate::config::Shutdown;
use crate::proxy::Gate;

/// For requests that are cut off to leave their log lines.
const LAST_LINES: Duration = Duration::from_secs(1);

/// Drains, at most `shutdown.drain_timeout` after `shutdown.delay`. A second signal to stop ends it at once, as an error.
pub(super) async fn drain(
    admin: &Admin,
    workers: &Workers,
    gate: &Arc<ArcSwap<Gate>>,
    shutdown: Shutdown,
    signals: &mut Signals,
) -> Result<(), CannotRun> {
    admin.drain();
    tracing::info!(
        delay_seconds = shutdown.delay.as_secs_f64(),
        drain_timeout_seconds = shutdown.drain_timeout.as_secs_f64(),
        "stopping"
    );
    let drained = async {
        // Load balancers see `/readyz` fail and send no more, while those that have not seen it are still served.
        tokio::time::sleep(shutdown.delay).await;
        workers.drain();
        let left = tokio::time::timeout(shutdown.drain_timeout, workers.all_ended()).await;
        if left.is_ok() {
            return Ok(());
        }
        let requests = gate.load().metrics.in_flight();
        workers.abort();
        let _ = tokio::time::timeout(LAST_LINES, workers.all_ended()).await;
        Err(requests)
    };
    tokio::select! {
        drained = drained => {
            match drained {
                Ok(()) => tracing::info!("stopped"),
                Err(requests) => tracing::warn!(
                    requests,
                    "stopped before every request had ended: `shutdown.drain_timeout` is over"
                ),
            }
            Ok(())
        }
        () = signals.stop() => Err(CannotRun::new("stopped at once by a second signal")),
    }
}
