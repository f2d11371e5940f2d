//! Under load: an application that closes connections at random, reloads, restarts. A short run is part of `cargo test`; a long one is
//! `CLAIMGATE_LOAD=1000000 cargo test --test load -- --nocapture --test-threads 1` (requests; more reloads too). The figures are printed.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test says what must be"
)]
#![expect(clippy::print_stdout, reason = "the figures")]

mod client;
#[expect(
    dead_code,
    unused_imports,
    reason = "the peers of another test binary: not all are needed here"
)]
#[path = "../it/harness/mod.rs"]
mod harness;
mod ledger;
mod reloads;
mod restarts;
mod spiteful;
mod steady;

use std::sync::Mutex;

/// One at a time: each is a load of its own.
static ALONE: Mutex<()> = Mutex::new(());

/// Requests of a long run; none in a short one.
fn long_run() -> Option<usize> {
    let number = std::env::var("CLAIMGATE_LOAD").ok()?;
    Some(number.parse().unwrap())
}

#[test]
fn no_post_is_sent_twice_and_no_get_is_lost_when_the_application_closes_at_random() {
    let _alone = ALONE.lock();
    spiteful::run(long_run().unwrap_or(20_000));
}

#[test]
fn no_request_is_lost_while_the_configuration_is_reloaded() {
    let _alone = ALONE.lock();
    let (signals, changes) = if long_run().is_some() {
        (190, 10)
    } else {
        (20, 1)
    };
    reloads::run(signals, changes);
}

#[test]
fn no_request_is_lost_when_one_gate_takes_over_from_another() {
    let _alone = ALONE.lock();
    restarts::run(if long_run().is_some() { 10 } else { 3 });
}
