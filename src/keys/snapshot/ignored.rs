//! Why a snapshot is not used, for the operator. Pure.

use std::fmt;
use std::time::Duration;

/// The text may end in a line that begins with `hint: `.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ignored {
    /// It cannot be read, or must not be: the text says why.
    Unreadable(String),
    Damaged(&'static str),
    OtherVersion,
    Foreign,
    FromTheFuture {
        ahead: Duration,
    },
    TooOld {
        age: Duration,
        max_stale: Duration,
    },
    NoUsableKey,
}

impl fmt::Display for Ignored {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(why) => formatter.write_str(why),
            Self::Damaged(what) => write!(
                formatter,
                "it is damaged: {what}\nhint: the next fetch that succeeds replaces it; look at the disk, and at who else writes there"
            ),
            Self::OtherVersion => formatter.write_str(
                "another version of the gate wrote it\nhint: the next fetch that succeeds replaces it",
            ),
            Self::Foreign => formatter.write_str(
                "it is of another issuer, address, `ca_file` or key policy than its name says\nhint: snapshots are not for copying or renaming",
            ),
            Self::FromTheFuture { ahead } => write!(
                formatter,
                "it is {} s ahead of this machine's clock, so that its age is not known\nhint: check the clock of this machine",
                ahead.as_secs()
            ),
            Self::TooOld { age, max_stale } => write!(
                formatter,
                "its keys were fetched {} s ago, which is longer than `max_stale` ({} s)",
                age.as_secs(),
                max_stale.as_secs()
            ),
            Self::NoUsableKey => formatter.write_str("no key in it can be used"),
        }
    }
}
