//! What the gate says about itself: metrics, the access log, its own messages. Everything has a closed set of labels; nothing from the
//! wire is a label, and no token or claim value is ever written.

pub mod access_log;
pub mod metrics;
pub mod tracing_setup;

pub use access_log::{AccessLog, AccessRecord};
pub use metrics::Metrics;

/// `log:` of the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogSettings {
    pub level: Level,
    pub format: LogFormat,
    pub access: AccessMode,
}
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Level {
    Error,
    Warn,
    #[default]
    Info,
    Debug,
    Trace,
}
/// `auto`: JSON when stdout is not a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum LogFormat {
    #[default]
    Auto,
    Json,
    Text,
}
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum AccessMode {
    #[default]
    All,
    Denied,
    Off,
}
