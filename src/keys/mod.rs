//! Where verification keys come from, and how long they are believed.
//!
//! * [`set`] is one immutable set of keys with the choice by (kid, x5t, algorithm). Pure.
//! * [`plan`] decides when to fetch: refresh, refetch for an unknown key, back-off, staleness, retention. Pure: a state machine.
//! * [`url`] is an address that may be fetched, [`fetch`] does it under limits.
//! * [`source`] is the task of one source; [`Keys`] is what everyone else sees.

pub mod fetch;
pub mod plan;
pub mod set;
pub mod source;
pub mod url;

use std::sync::Arc;
use std::time::Duration;

pub use set::KeySet;
pub use source::Keys;

/// Index of a key source in [`Keys`]; an issuer has one for each of its key documents.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SourceId(pub usize);

/// What `verify` asks for keys: the set now, or none when there never was one or it is too old to trust (`max_stale`).
pub trait KeyLookup {
    fn key_set(&self, source: SourceId, monotonic: Duration) -> Option<Arc<KeySet>>;
}

/// Told of everything that happens to keys; `telemetry` implements it, `app` wires it. Calls are cheap and never block.
pub trait KeyObserver: Send + Sync + 'static {
    /// One fetch ended. `keys` is how many usable keys the source holds now.
    fn fetched(&self, issuer: &str, source: SourceId, result: FetchResult, keys: usize);
    /// An unknown key asked for a fetch that the floor between fetches did not allow.
    fn suppressed(&self, issuer: &str);
}

/// How a fetch ended: the closed label set of `claimgate_key_fetches_total{result}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FetchResult {
    Ok,
    Timeout,
    ConnectFailed,
    TlsFailed,
    BadStatus,
    Redirect,
    TooLarge,
    NotAKeySet,
    NoUsableKey,
    IssuerMismatch,
    BadDocument,
    Unreadable,
}

impl FetchResult {
    pub const ALL: [Self; 12] = [
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
    ];
    pub fn name(self) -> &'static str {
        todo!()
    }
}
