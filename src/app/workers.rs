//! The threads that serve requests, as a group.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::sync::watch;

use crate::proxy::Gate;
use crate::proxy::listen::{BoundPath, Entry, Listener, Phase, spawn_worker};

/// Between two looks whether threads have ended: a thread's end cannot be awaited.
const LOOK_AGAIN: Duration = Duration::from_millis(10);
/// The same while nothing is expected to end.
const LOOK_AGAIN_IDLE: Duration = Duration::from_millis(500);

pub(super) struct Workers {
    threads: Vec<JoinHandle<()>>,
    phase: watch::Sender<Phase>,
    /// Of a Unix socket, while it is listened on.
    path: Mutex<Option<BoundPath>>,
}

impl Workers {
    /// `number` threads that accept from `listener`.
    pub(super) fn start(
        number: usize,
        listener: &Listener,
        path: Option<BoundPath>,
        entry: &Entry,
        gate: &Arc<ArcSwap<Gate>>,
    ) -> io::Result<Self> {
        let (phase, phases) = watch::channel(Phase::Running);
        let threads = (0..number)
            .map(|index| {
                spawn_worker(
                    format!("worker-{index}"),
                    Arc::clone(gate),
                    listener.try_clone()?,
                    entry.clone(),
                    phases.clone(),
                )
            })
            .collect::<io::Result<_>>()?;
        Ok(Self {
            threads,
            phase,
            path: Mutex::new(path),
        })
    }

    /// No new connections; each worker ends with its last one.
    pub(super) fn drain(&self) {
        // Whoever comes now finds nobody, instead of a socket that is not accepted from.
        drop(
            self.path
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .take(),
        );
        self.phase.send_replace(Phase::Draining);
    }

    /// Every connection ends now.
    pub(super) fn abort(&self) {
        self.phase.send_replace(Phase::Aborting);
    }

    pub(super) async fn all_ended(&self) {
        while !self.threads.iter().all(JoinHandle::is_finished) {
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    /// A worker ends by itself only by a fault.
    pub(super) async fn one_ended(&self) {
        while !self.threads.iter().any(JoinHandle::is_finished) {
            tokio::time::sleep(LOOK_AGAIN_IDLE).await;
        }
    }
}
