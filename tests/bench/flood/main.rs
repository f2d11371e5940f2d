//! What a flood of tokens with made-up keys costs whoever has a good one. See the README beside it.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a benchmark says what must be"
)]
#![expect(clippy::print_stdout, reason = "the figures")]

mod clients;
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

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;

use clients::{Flood, Good};
use common::{Gate, Spent, application, argument, percentile};
use harness::Issuer;

/// Tokens of one flood, each with a kid of its own.
const KIDS: usize = 100_000;

/// What the arguments say: `name=number`.
struct Plan {
    rounds: usize,
    quiet: Duration,
    flood: Duration,
    good_per_second: u32,
}

/// What came of one part.
struct Part {
    name: &'static str,
    took: Duration,
    /// Of the good requests, sorted.
    latencies: Vec<Duration>,
    /// Requests of the flood.
    answered: usize,
    fetches: usize,
    spent: Spent,
}

fn main() {
    let plan = Plan::of_arguments();
    println!(
        "part    seconds  good req    p50 us    p99 us    max us     flood  fetches   cpu s  rss MiB"
    );
    let rounds: Vec<[Part; 3]> = (0..plan.rounds).map(|_| round(&plan)).collect();
    println!("medians of {} rounds:", plan.rounds);
    for which in 0..3 {
        let of = |value: fn(&Part) -> f64| median(rounds.iter().map(|round| value(&round[which])));
        println!(
            "{:<6} p50 {:.0} us, p99 {:.0} us, max {:.0} us; {:.0} of the flood a second; {:.1} us of cpu for each request",
            rounds[0][which].name,
            of(|part| part.percentile(0.5)),
            of(|part| part.percentile(0.99)),
            of(|part| part.percentile(1.0)),
            of(|part| part.answered as f64 / part.took.as_secs_f64()),
            of(Part::cpu_of_each),
        );
    }
    let ratio = |which: usize, of: f64| {
        median(
            rounds
                .iter()
                .map(|round| round[which].percentile(of) / round[0].percentile(of)),
        )
    };
    println!(
        "against quiet: paced p50 x{:.2}, p99 x{:.2}; burst p50 x{:.2}, p99 x{:.2}",
        ratio(1, 0.5),
        ratio(1, 0.99),
        ratio(2, 0.5),
        ratio(2, 0.99)
    );
}

/// One gate, fresh, through all parts.
fn round(plan: &Plan) -> [Part; 3] {
    let issuer = Issuer::start();
    let gate = Gate::start(&issuer.url, application(), "");
    let good = Good {
        port: gate.port,
        // For years: no part meets its end.
        token: issuer.token(json!({"exp": 4_000_000_000_u64})),
        per_second: plan.good_per_second,
    };
    let measure = |name, flood: &dyn Fn() -> usize| {
        let (before, fetches) = (gate.spent(), issuer.fetches());
        let (over, began) = (AtomicBool::new(false), Instant::now());
        let (answered, latencies) = std::thread::scope(|scope| {
            let good = scope.spawn(|| good.until(&over));
            let answered = flood();
            over.store(true, Ordering::SeqCst);
            (answered, good.join().unwrap())
        });
        let part = Part {
            name,
            took: began.elapsed(),
            latencies,
            answered,
            fetches: issuer.fetches() - fetches,
            spent: gate.spent().since(&before),
        };
        part.tell();
        part
    };
    let flood = Flood::of(&issuer, gate.port, KIDS);
    let quiet = measure("quiet", &|| {
        std::thread::sleep(plan.quiet);
        0
    });
    let paced = measure("paced", &|| flood.over(plan.flood));
    // A fetch is allowed again: it begins as the paced one did.
    std::thread::sleep(Duration::from_secs(30).saturating_sub(plan.flood));
    [quiet, paced, measure("burst", &|| flood.at_once())]
}

impl Plan {
    fn of_arguments() -> Self {
        let seconds = |name, default| Duration::from_secs(argument(name, default).into());
        Self {
            rounds: usize::try_from(argument("rounds", 5)).unwrap(),
            quiet: seconds("quiet", 20),
            flood: seconds("flood", 60),
            good_per_second: argument("good", 500),
        }
    }
}

impl Part {
    /// In microseconds.
    fn percentile(&self, of: f64) -> f64 {
        percentile(&self.latencies, of)
    }

    /// In microseconds.
    fn cpu_of_each(&self) -> f64 {
        let requests = self.answered + self.latencies.len();
        self.spent.cpu.as_secs_f64() * 1e6 / requests as f64
    }

    fn tell(&self) {
        println!(
            "{:<6} {:>8.1} {:>9} {:>9.0} {:>9.0} {:>9.0} {:>9} {:>8} {:>7.2} {:>8.1}",
            self.name,
            self.took.as_secs_f64(),
            self.latencies.len(),
            self.percentile(0.5),
            self.percentile(0.99),
            self.percentile(1.0),
            self.answered,
            self.fetches,
            self.spent.cpu.as_secs_f64(),
            self.spent.resident_kib as f64 / 1024.0
        );
    }
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
