//! The composition root: the only file that sees everything. Starts the gate, keeps it, stops it.
//!
//! The main thread runs the control runtime: keys, admin pages, signals. Each worker has a thread, a runtime and a connection pool of its own;
//! what they share is immutable and swapped whole.

mod assemble;
mod certificate_watch;
mod decryption_watch;
#[cfg(test)]
mod differential_tests;
mod drain;
mod key_snapshots;
mod key_watch;
mod reload;
mod signals;
mod start;
mod upstream_watch;
mod watch;
mod workers;

use std::fmt;
use std::path::PathBuf;

pub use assemble::assemble;
pub use watch::{Seen, look};

use crate::config::Config;

/// Why the gate did not start, or did not stop in order. For standard error.
#[derive(Debug)]
pub struct CannotRun {
    message: String,
    hint: Option<String>,
}

impl CannotRun {
    fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            hint: None,
        }
    }

    fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for CannotRun {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)?;
        match &self.hint {
            Some(hint) => write!(formatter, "\nhint: {hint}"),
            None => Ok(()),
        }
    }
}

/// Runs the gate of `config` until a signal stops it. `file` is where the configuration came from, which is read again on SIGHUP, and when its files
/// hold something else than was `seen` before it was read.
pub fn run(config: Config, file: PathBuf, seen: Seen) -> Result<(), CannotRun> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| CannotRun::new(format!("cannot start: {error}")))?;
    let ended = runtime.block_on(start::start_and_serve(config, file, seen));
    // A name look-up that hangs does not hold the process.
    runtime.shutdown_background();
    ended
}
