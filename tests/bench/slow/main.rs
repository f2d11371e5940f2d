//! What thousands of silent and dripping connections cost whoever behaves. See the README beside it.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a benchmark says what must be"
)]
#![expect(clippy::print_stdout, reason = "the figures")]

#[expect(dead_code, unused_imports, reason = "shared with the other benchmarks")]
#[path = "../common/mod.rs"]
mod common;
mod good;
#[expect(
    dead_code,
    unused_imports,
    clippy::panic,
    reason = "of the black-box tests' peers, only the issuer and its keys"
)]
#[path = "../../it/harness/mod.rs"]
mod harness;
mod slow;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;

use common::{Gate, application, argument, percentile};
use good::Good;
use harness::Issuer;
use slow::{Manner, Population};

fn main() {
    let seconds = Duration::from_secs(argument("seconds", 30).into());
    let each = usize::try_from(argument("connections", 8000)).unwrap();
    let issuer = Issuer::start();
    let gate = Gate::start(&issuer.url, application(), "");
    let good = Good {
        port: gate.port,
        token: issuer.token(json!({"exp": 4_000_000_000_u64})),
        per_second: argument("good", 500),
    };
    println!(
        "part      good   p50 us   p99 us   max us | new conn  p50 us   p99 us   max us |   slow open    ended  oldest s | open  rss MiB  fds"
    );
    let part = |name: &str, manners: &[Manner]| {
        let (over, began) = (AtomicBool::new(false), Instant::now());
        std::thread::scope(|scope| {
            let slow = scope.spawn(|| Population::run(gate.port, manners, each, &over));
            // The population is there before anybody counts.
            std::thread::sleep(Duration::from_secs(5));
            let kept = scope.spawn(|| good.on_kept_connections(&over));
            let fresh = scope.spawn(|| good.on_new_connections(&over));
            std::thread::sleep(seconds);
            let (open, resident, descriptors) = (
                gate.metric("claimgate_connections"),
                gate.spent().resident_kib,
                gate.descriptors(),
            );
            over.store(true, Ordering::SeqCst);
            let (kept, fresh, slow) = (
                kept.join().unwrap(),
                fresh.join().unwrap(),
                slow.join().unwrap(),
            );
            println!(
                "{name:<9} {:>5} {:>8.0} {:>8.0} {:>8.0} | {:>8} {:>8.0} {:>8.0} {:>8.0} | {:>11} {:>8} {:>9.1} | {open:>4} {:>8.1} {descriptors:>5}  ({:.0} s)",
                kept.len(),
                percentile(&kept, 0.5),
                percentile(&kept, 0.99),
                percentile(&kept, 1.0),
                fresh.len(),
                percentile(&fresh, 0.5),
                percentile(&fresh, 0.99),
                percentile(&fresh, 1.0),
                slow.opened,
                slow.ended,
                slow.oldest.as_secs_f64(),
                resident as f64 / 1024.0,
                began.elapsed().as_secs_f64(),
            );
        });
    };
    part("quiet", &[]);
    part("silent", &[Manner::Silent]);
    part("dripping", &[Manner::Dripping]);
    part("both", &[Manner::Silent, Manner::Dripping]);
}
