//! Half an hour of ordinary life: users, bad tokens, rotations, reloads; every decision held against an oracle. See the README beside it.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a benchmark says what must be"
)]
#![expect(clippy::print_stdout, reason = "the figures")]

mod application;
#[expect(dead_code, unused_imports, reason = "shared with the other benchmarks")]
#[path = "../common/mod.rs"]
mod common;
#[expect(
    dead_code,
    unused_imports,
    clippy::panic,
    reason = "of the black-box tests' peers, only the issuer and its keys"
)]
#[path = "../../it/harness/mod.rs"]
mod harness;
mod load;
mod oracle;
mod report;
mod tokens;

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use common::{Gate, argument, sleep_until};
use harness::Issuer;
use load::{Load, Tally};
use oracle::Oracle;
use report::Report;
use tokens::Mint;

/// Between two rotations of the signing key.
const ROTATION: Duration = Duration::from_secs(60);
/// A new key is published this long before it signs, as providers do it: longer than the gate's `refresh_interval` here.
const AHEAD: Duration = Duration::from_secs(20);
/// Between two reloads of the configuration.
const RELOAD: Duration = Duration::from_secs(30);
/// Between two looks at the gate's memory and descriptors.
const LOOK: Duration = Duration::from_secs(10);
/// How long the capacity is measured.
const MEASURE: Duration = Duration::from_secs(10);
/// What the configuration is changed between: both mean the same.
const CONFIGURATIONS: [&str; 2] = [
    "",
    "routes: [{name: slow, path: /slow}, {name: rest, path: /*}]\n",
];

fn main() {
    let minutes = argument("minutes", 30);
    let issuer = Issuer::start();
    let gate = Gate::with_keys(
        "keys: {refresh_interval: 10s}",
        &issuer.url,
        application::start(),
        CONFIGURATIONS[0],
    );
    let mut mint = Mint::new(&issuer, Oracle::start());
    let load = Load::new(gate.port, mint.epoch());

    let per_second = match argument("rate", 0) {
        0 => {
            let capacity = load.capacity(MEASURE);
            println!(
                "capacity: {capacity:.0} requests a second, generator and all on this machine"
            );
            capacity * 0.7
        }
        rate => f64::from(rate),
    };
    println!(
        "{per_second:.0} requests a second for {minutes} minutes, {} oracle decisions so far",
        mint.judged()
    );
    Report::head();

    let (tally, began) = (Tally::default(), Instant::now());
    let end = began + Duration::from_secs(60) * minutes;
    let mut report = Report::new(began);
    std::thread::scope(|scope| {
        scope.spawn(|| load.run(per_second, &tally));
        let (mut rotate, mut sign, mut reload, mut minute) = (
            began + ROTATION - AHEAD,
            began + ROTATION,
            began + RELOAD,
            began + Duration::from_secs(60),
        );
        let (mut reloads, mut due) = (0, began);
        while Instant::now() < end {
            due += Duration::from_secs(1);
            sleep_until(due);
            if due >= rotate {
                mint.publish_next();
                rotate += ROTATION;
            }
            if due >= sign {
                load.use_tokens(mint.epoch());
                sign += ROTATION;
            }
            if due >= reload {
                reloads += 1;
                gate.reload(CONFIGURATIONS[reloads % CONFIGURATIONS.len()]);
                reload += RELOAD;
            }
            if due.duration_since(began).as_secs() % LOOK.as_secs() == 0 {
                report.look(&gate);
            }
            if due >= minute {
                report.minute(&tally, &gate, reloads);
                minute += Duration::from_secs(60);
            }
        }
        tally.over.store(true, Ordering::SeqCst);
    });
    report.end(&tally, mint.judged());
}
