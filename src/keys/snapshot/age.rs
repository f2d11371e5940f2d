//! How old a snapshot is, by clocks that may have been set since. Pure.

use std::time::Duration;

use super::Ignored;
use crate::clock::{Boot, UnixTime};

/// Longest time in seconds that a snapshot may be ahead of this machine's clock: what clocks of two machines may differ by, as for tokens.
pub(super) const MAX_AHEAD: i64 = 30;
/// Both ends are whole seconds: what lies between may be one more.
const ROUNDING: Duration = Duration::from_secs(1);

/// When a key set was fetched, by the clocks that outlive a process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetched {
    pub at: UnixTime,
    /// The machine's uptime then.
    pub boot: Option<Boot>,
}

impl Fetched {
    /// `age` before now, or up to a second more: nothing is to look younger than it is.
    pub fn ago(age: Duration, now: UnixTime, boot: Option<Boot>) -> Self {
        let age = Duration::from_secs(
            age.as_secs()
                .saturating_add(u64::from(age.subsec_nanos() > 0)),
        );
        let seconds = i64::try_from(age.as_secs()).unwrap_or(i64::MAX);
        let boot = boot.and_then(|Boot { id, uptime }| {
            let uptime = uptime.checked_sub(age)?;
            Some(Boot { id, uptime })
        });
        Self {
            at: UnixTime(now.0.saturating_sub(seconds)),
            boot,
        }
    }

    /// How old it is: the most that any clock says. The wall clock may have been set back since; on the same start of the same machine its
    /// uptime tells.
    pub fn age(&self, now: UnixTime, boot: Option<&Boot>) -> Result<Duration, Ignored> {
        let seconds = now.0.saturating_sub(self.at.0);
        if seconds < -MAX_AHEAD {
            return Err(Ignored::FromTheFuture {
                ahead: Duration::from_secs(seconds.unsigned_abs()),
            });
        }
        let by_wall = Duration::from_secs(u64::try_from(seconds).unwrap_or(0));
        let by_uptime = match (&self.boot, boot) {
            (Some(then), Some(now)) if then.id == now.id => now.uptime.saturating_sub(then.uptime),
            _ => Duration::ZERO,
        };
        Ok(by_wall.max(by_uptime).saturating_add(ROUNDING))
    }
}
