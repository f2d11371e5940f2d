//! What sources do, over real sockets.

mod certificates;
mod decryption;
mod discovery;
mod failures;
mod fetching;
mod files;
mod key_per_kid;
mod key_per_kid_failures;
mod real_documents;
mod replay;
mod rotation;
mod simulation;
mod snapshot_laws;
mod snapshot_life;
mod tls;
mod token_file;
mod unknown_keys;
mod virtual_time;

use std::sync::Arc;

use super::Keys;
use super::fetch::FetchLimits;
use super::source::SourceConfig;
use super::testing::{Recorder, StandingClock};

/// Sources with a clock that stands and an observer that remembers.
struct Bench {
    keys: Arc<Keys>,
    clock: Arc<StandingClock>,
    told: Arc<Recorder>,
}

fn bench(sources: Vec<SourceConfig>) -> Bench {
    bench_with(sources, FetchLimits::default())
}

fn bench_with(sources: Vec<SourceConfig>, limits: FetchLimits) -> Bench {
    let clock = Arc::new(StandingClock::default());
    let told = Arc::new(Recorder::default());
    let keys = Keys::with_limits(sources, clock.clone(), told.clone(), limits);
    Bench {
        keys: Arc::new(keys),
        clock,
        told,
    }
}
