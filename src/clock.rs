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
    /// Time since a moment that means nothing, well before the process started: never steps. What ages of keys and timeouts are judged by.
    pub monotonic: Duration,
}

/// How long the machine has been up: a second witness of how much time has passed between two processes on it, which nobody sets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Boot {
    /// Another one after each start of the machine.
    pub id: Box<str>,
    /// Counts while the machine sleeps, too.
    pub uptime: Duration,
}

/// Where time comes from.
pub trait Clock: Send + Sync + 'static {
    /// The time now, on both clocks.
    fn now(&self) -> Moment;

    /// The machine's uptime; none where there is no telling.
    fn boot(&self) -> Option<Boot> {
        None
    }
}

/// What [`Moment::monotonic`] is at the start of the process, so that what happened before it (a key set of an earlier process was fetched)
/// has a time too. Longer than anything older than that is believed: a week.
const HEAD_START: Duration = Duration::from_secs(30 * 24 * 3600);

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
            monotonic: HEAD_START + START.get_or_init(Instant::now).elapsed(),
        }
    }

    /// From `/proc`, which shows the machine's own in a container.
    fn boot(&self) -> Option<Boot> {
        let read = |path| std::fs::read_to_string(path).ok();
        let id = read("/proc/sys/kernel/random/boot_id")?;
        let uptime = read("/proc/uptime")?;
        let seconds = uptime.split(['.', ' ']).next()?.parse().ok()?;
        Some(Boot {
            id: id.trim().into(),
            uptime: Duration::from_secs(seconds),
        })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_happened_before_the_process_has_a_time() {
        let now = SystemClock.now().monotonic;
        assert!(now >= HEAD_START);
        assert!(SystemClock.now().monotonic >= now);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn the_machine_says_how_long_it_is_up() {
        let (one, two) = (SystemClock.boot().unwrap(), SystemClock.boot().unwrap());
        assert_eq!(one.id, two.id);
        assert!(!one.id.is_empty() && one.uptime <= two.uptime);
        assert!(!one.uptime.is_zero());
    }
}
