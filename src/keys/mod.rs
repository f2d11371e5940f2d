//! Where verification keys come from, and how long they are believed.
//!
//! * [`set`] is one immutable set of keys with the choice by (kid, x5t, algorithm). Pure.
//! * [`plan`] decides when to fetch: refresh, refetch for an unknown key, back-off, staleness, retention. Pure: a state machine.
//! * [`decryption`] holds the gate's own private keys, for encrypted tokens.
//! * [`url`] is an address that may be fetched, [`fetch`] does it under limits, [`token_file`] is what the gate may show there.
//! * [`snapshot`] is a good set on disk, for the time when a gate starts and the issuer is away. Pure, but for the file itself.
//! * `read` is one reading of a source: file, key set, or discovery and then the key set. [`merge`] brings it into the set. The latter is pure.
//! * `task` is one source at work, [`source`] its configuration, [`status`] what is told of it; [`Keys`] is what everyone else sees.
//! * A source may have an address for each key instead of a document: [`kid`] makes the address, [`kid_budget`] says which is worth a
//!   fetch, [`kid_shelf`] what is held (both pure), `kid_state` knows both, `kid_source` is such a source at work; `either` runs the one or the other.

mod connect;
pub mod decryption;
mod either;
pub mod fetch;
mod handle;
pub mod kid;
pub mod kid_budget;
pub mod kid_shelf;
mod kid_source;
mod kid_state;
pub mod merge;
pub mod plan;
mod read;
pub mod set;
pub mod snapshot;
pub mod source;
pub mod status;
mod task;
mod tls;
pub mod token_file;
pub mod url;

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod wire_testing;

use std::sync::Arc;
use std::time::Duration;

pub use decryption::{DecryptionId, DecryptionKeySet};
pub use handle::Keys;
pub use set::KeySet;

use crate::clock::UnixTime;

/// Index of a key source in [`Keys`]; an issuer has one for each of its key documents.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SourceId(pub usize);

/// What `verify` asks for keys: the set now, or none when there never was one or it is too old to trust (`max_stale`).
pub trait KeyLookup {
    fn key_set(&self, source: SourceId, monotonic: Duration) -> Option<Arc<KeySet>>;

    /// The private keys that an issuer's encrypted tokens are opened with.
    fn decryption_keys(&self, source: DecryptionId) -> Option<Arc<DecryptionKeySet>>;
}

/// Told of everything that happens to keys; `telemetry` implements it, `app` wires it. Calls are cheap and never block.
pub trait KeyObserver: Send + Sync + 'static {
    /// One fetch ended. `keys` is how many usable keys the source holds now.
    fn fetched(&self, issuer: &str, source: SourceId, result: FetchResult, keys: usize);
    /// An unknown key asked for a fetch that the floor between fetches did not allow.
    fn suppressed(&self, issuer: &str);
    /// Something happened to the snapshot of a source. Not every observer is interested.
    fn snapshot(&self, _issuer: &str, _source: SourceId, _event: SnapshotEvent) {}
}

/// What happens to a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SnapshotEvent {
    /// Its keys are used; they were fetched then.
    Used {
        keys: usize,
        fetched: UnixTime,
    },
    Written,
    NotWritten,
}

/// How a fetch ended: the closed label set of `claimgate_key_fetches_total{result}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FetchResult {
    Ok,
    /// Not connected within 2 s, or not complete within 5 s.
    Timeout,
    /// No address, no connection, or no tunnel through the proxy.
    ConnectFailed,
    TlsFailed,
    BadStatus,
    /// A 3xx: never followed.
    Redirect,
    TooLarge,
    /// Not a JWK set, or one without a single key.
    NotAKeySet,
    /// Keys, but each was skipped.
    NoUsableKey,
    /// The discovery document is of another issuer.
    IssuerMismatch,
    /// Not HTTP, cut short, compressed, or not a discovery document.
    BadDocument,
    /// A file that cannot be read.
    Unreadable,
    /// A token named a key that the issuer does not have.
    NoSuchKey,
}

impl FetchResult {
    pub const ALL: [Self; 13] = [
        Self::Ok,
        Self::Timeout,
        Self::ConnectFailed,
        Self::TlsFailed,
        Self::BadStatus,
        Self::Redirect,
        Self::TooLarge,
        Self::NotAKeySet,
        Self::NoUsableKey,
        Self::IssuerMismatch,
        Self::BadDocument,
        Self::Unreadable,
        Self::NoSuchKey,
    ];
    /// snake_case, as in metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Timeout => "timeout",
            Self::ConnectFailed => "connect_failed",
            Self::TlsFailed => "tls_failed",
            Self::BadStatus => "bad_status",
            Self::Redirect => "redirect",
            Self::TooLarge => "too_large",
            Self::NotAKeySet => "not_a_key_set",
            Self::NoUsableKey => "no_usable_key",
            Self::IssuerMismatch => "issuer_mismatch",
            Self::BadDocument => "bad_document",
            Self::Unreadable => "unreadable",
            Self::NoSuchKey => "no_such_key",
        }
    }
}

#[cfg(test)]
mod label_tests {
    use super::FetchResult;

    #[test]
    fn each_result_has_a_label_of_its_own_in_snake_case() {
        let mut names = FetchResult::ALL.map(FetchResult::name).to_vec();
        assert!(
            names
                .iter()
                .all(|name| name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'))
        );
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), FetchResult::ALL.len());
    }
}
