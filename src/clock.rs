//! The only place that reads the time. Everything below `app` takes a [`Moment`] as an argument, so
//! that a test, a simulation and `explain --at` decide what time it is.

use std::sync::OnceLock;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Whole seconds since 1970-01-01T00:00:00Z, as in a token's `exp` (RFC 7519 §2, NumericDate).
/// Negative before 1970: a wrong clock must be representable, not a panic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnixTime(pub i64);

/// One reading of both clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// What tokens are judged by.
    pub wall: UnixTime,
    /// Time since the process started: never steps. What ages of keys and timeouts are judged by.
    pub monotonic: Duration,
}

/// Where time comes from.
pub trait Clock: Send + Sync + 'static {
    /// The time now, on both clocks.
    fn now(&self) -> Moment;
}

/// The machine's clocks.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Moment {
        static START: OnceLock<Instant> = OnceLock::new();
        let wall = match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(since) => i64::try_from(since.as_secs()).unwrap_or(i64::MAX),
            // Before 1970: negative, rounded down, so that nothing looks younger than it is.
            Err(before) => i64::try_from(before.duration().as_secs())
                .unwrap_or(i64::MAX - 1)
                .saturating_add(1)
                .saturating_neg(),
        };
        Moment {
            wall: UnixTime(wall),
            monotonic: START.get_or_init(Instant::now).elapsed(),
        }
    }
}

impl SystemClock {
    /// Milliseconds since 1970: for the time stamp of a log line, never for a decision.
    pub fn wall_milliseconds() -> i64 {
        match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(since) => i64::try_from(since.as_millis()).unwrap_or(i64::MAX),
            Err(_) => 0,
        }
    }
}
