//! When to fetch keys and how long to believe them: a state machine without I/O, clock or randomness of its own.
//! (The builder of `keys` designs it: events in, actions out, time and jitter as arguments.)

use std::time::Duration;

/// The times of one source, from configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// Between two background refreshes. Default 5 minutes.
    pub refresh_interval: Duration,
    /// Floor between fetches that unknown keys cause. 1 s to 10 min, default 30 s. The start-up fetch does not count.
    pub refetch_interval: Duration,
    /// How long the last good set is trusted without a successful fetch. Default 24 h.
    pub max_stale: Duration,
    /// How long a key that left the document stays good. Default 0, Entra 24 h.
    pub retention: Duration,
}

impl Timing {
    pub const DEFAULT_REFRESH_INTERVAL: Duration = Duration::from_secs(300);
    pub const DEFAULT_REFETCH_INTERVAL: Duration = Duration::from_secs(30);
    pub const DEFAULT_MAX_STALE: Duration = Duration::from_secs(24 * 3600);
}
