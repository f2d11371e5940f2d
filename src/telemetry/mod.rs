//! What the gate says about itself: metrics, the access log, its own messages. Everything has a closed set of labels; nothing from the
//! wire is a label, and no token or claim value is ever written.

pub mod access_log;
pub mod escape;
mod families;
mod key_metrics;
mod listener_metrics;
pub mod metrics;
mod request_counters;
pub mod tracing_setup;
pub mod writer;

pub use access_log::{AccessLog, AccessRecord};
pub use listener_metrics::{Dropped, ListenerMetrics};
pub use metrics::Metrics;
pub use writer::LineWriter;

/// `log:` of the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogSettings {
    pub level: Level,
    pub format: LogFormat,
    pub access: AccessMode,
}
/// `log.level`, for the gate's own messages.
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
/// `log.access`: which requests get a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum AccessMode {
    #[default]
    All,
    Denied,
    Off,
}

/// How lines are written, once [`LogFormat::Auto`] has been decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineFormat {
    Json,
    Text,
}

impl LogFormat {
    /// `terminal`: standard output is one.
    pub fn decide(self, terminal: bool) -> LineFormat {
        match self {
            Self::Json => LineFormat::Json,
            Self::Text => LineFormat::Text,
            Self::Auto if terminal => LineFormat::Text,
            Self::Auto => LineFormat::Json,
        }
    }
}
