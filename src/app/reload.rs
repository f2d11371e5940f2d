//! SIGHUP: another configuration takes the place of the one in use, as a whole or not at all.

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;

use super::assemble;
use super::start::view;
use crate::admin::Admin;
use crate::config::{self, Config, LoadOptions, Problem, Shutdown};
use crate::keys::Keys;
use crate::proxy::Gate;
use crate::telemetry::LogSettings;

/// One log line for a problem of the configuration; the macro's first argument is the level.
macro_rules! log_problem {
    ($level:ident, $problem:expr) => {
        tracing::$level!(
            file = $problem.file,
            line = $problem.line,
            column = $problem.column,
            path = $problem.path,
            hint = $problem.hint.as_deref().unwrap_or_default(),
            "{}",
            $problem.message
        )
    };
}
/// How long the keys of issuers that are new may take to arrive before the new configuration is refused: two tries under the limits of a fetch.
const KEYS_WITHIN: Duration = Duration::from_secs(12);
/// Between two looks whether they have.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// What a reload needs to know of the configuration in use.
pub(super) struct Reloader {
    file: PathBuf,
    fixed: Fixed,
    shutdown: Shutdown,
}

/// What only a restart changes.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Fixed {
    listen: SocketAddr,
    admin: SocketAddr,
    workers: Option<NonZeroUsize>,
    log: LogSettings,
}

impl Fixed {
    fn of(config: &Config) -> Self {
        Self {
            listen: config.listen,
            admin: config.admin,
            workers: config.workers,
            log: config.log,
        }
    }
}

impl Reloader {
    pub(super) fn new(file: PathBuf, config: &Config) -> Self {
        Self {
            file,
            fixed: Fixed::of(config),
            shutdown: config.shutdown,
        }
    }

    pub(super) fn listen(&self) -> SocketAddr {
        self.fixed.listen
    }

    pub(super) fn admin(&self) -> SocketAddr {
        self.fixed.admin
    }

    pub(super) fn shutdown(&self) -> Shutdown {
        self.shutdown
    }

    /// Reads the file again and puts its gate into use, once its issuers have keys. Anything wrong: the gate in use stays, and the log and
    /// the metrics say so.
    pub(super) async fn reload(&mut self, gate: &ArcSwap<Gate>, admin: &Admin) {
        let old = gate.load_full();
        let loaded = self.replacement(&old).await;
        let at = old.clock.now().wall;
        match loaded {
            Some((new, shutdown)) => {
                new.metrics.config_loaded(true, at);
                admin.show(view(&new));
                let metrics = Arc::clone(&new.metrics);
                gate.store(Arc::new(new));
                old.keys.stop();
                metrics.forget_issuers_of(&old.metrics);
                self.shutdown = shutdown;
                tracing::info!(file = %self.file.display(), "the configuration was reloaded");
            }
            None => {
                old.metrics.config_loaded(false, at);
                tracing::error!(
                    file = %self.file.display(),
                    "the configuration was not reloaded: the one in use stays"
                );
            }
        }
    }

    async fn replacement(&self, old: &Gate) -> Option<(Gate, Shutdown)> {
        let options = LoadOptions {
            read_files: true,
            environment: None,
        };
        let config = match config::load(&self.file, &options) {
            Ok(config) => config,
            Err(problems) => {
                for problem in &problems {
                    log_problem!(error, problem);
                }
                return None;
            }
        };
        warn_of(&config.warnings);
        if Fixed::of(&config) != self.fixed {
            tracing::warn!(
                "`listen`, `admin`, `workers` and `log` keep their values until the gate is started again"
            );
        }
        let shutdown = config.shutdown;
        let mut new = match assemble(config, Arc::clone(&old.clock), Some(old)) {
            Ok(new) => new,
            Err(error) => {
                tracing::error!(%error, "the configuration cannot be put together");
                return None;
            }
        };
        new.access_log = old.access_log.clone();
        new.keys.inherit(&old.keys);
        new.keys.start();
        if became_ready(&new.keys).await || !old.keys.ready() {
            return Some((new, shutdown));
        }
        for source in new.keys.status() {
            if source.required_for_ready && source.keys.is_empty() {
                tracing::error!(
                    issuer = %source.issuer,
                    origin = source.origin,
                    error = source.last_error.as_deref().unwrap_or("no answer yet"),
                    "no keys for an issuer of the new configuration"
                );
            }
        }
        new.keys.stop();
        old.metrics.forget_issuers_of(&new.metrics);
        None
    }
}

async fn became_ready(keys: &Keys) -> bool {
    let ready = async {
        while !keys.ready() {
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    };
    tokio::time::timeout(KEYS_WITHIN, ready).await.is_ok()
}

/// What the operator should know of a configuration that is good.
pub(super) fn warn_of(warnings: &[Problem]) {
    for warning in warnings {
        log_problem!(warn, warning);
    }
}
