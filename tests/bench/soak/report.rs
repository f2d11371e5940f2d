//! What is printed: a line a minute, and at the end what was flat and what was not.

use std::sync::atomic::Ordering;
use std::time::Instant;

use crate::common::{Gate, percentile};
use crate::load::Tally;

/// Caches fill and pools grow in the first minutes: they are not counted as growth.
const WARM_UP_SECONDS: f64 = 180.0;

pub struct Report {
    began: Instant,
    /// Seconds, KiB of memory, descriptors.
    looks: Vec<(f64, f64, usize)>,
    /// The p99 of every minute, in microseconds.
    p99: Vec<f64>,
    told: usize,
}

impl Report {
    pub fn new(began: Instant) -> Self {
        Self {
            began,
            looks: Vec::new(),
            p99: Vec::new(),
            told: 0,
        }
    }

    pub fn head() {
        println!(
            "minute  requests   refused  wrong   5xx    p50 us    p99 us    max us  rss MiB   fds  reloads  fetches    cpu s"
        );
    }

    pub fn look(&mut self, gate: &Gate) {
        let seconds = self.began.elapsed().as_secs_f64();
        let resident = gate.spent().resident_kib as f64;
        self.looks.push((seconds, resident, gate.descriptors()));
    }

    pub fn minute(&mut self, tally: &Tally, gate: &Gate, reloads: usize) {
        let latencies = tally.take_latencies();
        let requests = tally.requests.load(Ordering::SeqCst);
        let spent = gate.spent();
        println!(
            "{:>6} {:>9} {:>9} {:>6} {:>5} {:>9.0} {:>9.0} {:>9.0} {:>8.1} {:>5} {:>8} {:>8.0} {:>8.1}",
            self.p99.len() + 1,
            requests - self.told,
            tally.refused.load(Ordering::SeqCst),
            tally.wrong.load(Ordering::SeqCst),
            tally.failed.load(Ordering::SeqCst),
            percentile(&latencies, 0.5),
            percentile(&latencies, 0.99),
            percentile(&latencies, 1.0),
            spent.resident_kib as f64 / 1024.0,
            gate.descriptors(),
            reloads,
            gate.metric("claimgate_key_fetches_total"),
            spent.cpu.as_secs_f64(),
        );
        self.told = requests;
        self.p99.push(percentile(&latencies, 0.99));
    }

    pub fn end(&self, tally: &Tally, judged: usize) {
        println!(
            "{} requests, {} refused; {} tokens judged by the oracle; wrong decisions: {}; 5xx: {}",
            tally.requests.load(Ordering::SeqCst),
            tally.refused.load(Ordering::SeqCst),
            judged,
            tally.wrong.load(Ordering::SeqCst),
            tally.failed.load(Ordering::SeqCst),
        );
        let warm: Vec<_> = self
            .looks
            .iter()
            .filter(|(seconds, ..)| *seconds >= WARM_UP_SECONDS)
            .collect();
        if let (Some(first), Some(last)) = (warm.first(), warm.last()) {
            let descriptors = warm.iter().map(|(.., descriptors)| *descriptors);
            println!(
                "after {WARM_UP_SECONDS:.0} s: memory {:.1} to {:.1} MiB, slope {:+.2} MiB an hour; descriptors {} to {}",
                first.1 / 1024.0,
                last.1 / 1024.0,
                slope(&warm) * 3600.0 / 1024.0,
                descriptors.clone().min().unwrap_or_default(),
                descriptors.max().unwrap_or_default(),
            );
        }
        println!("p99 of each minute, us: {:.0?}", self.p99);
    }
}

/// KiB a second, by least squares.
fn slope(looks: &[&(f64, f64, usize)]) -> f64 {
    let count = looks.len() as f64;
    let mean = |value: fn(&(f64, f64, usize)) -> f64| {
        looks.iter().map(|look| value(look)).sum::<f64>() / count
    };
    let (time, memory) = (mean(|look| look.0), mean(|look| look.1));
    let covariance: f64 = looks
        .iter()
        .map(|look| (look.0 - time) * (look.1 - memory))
        .sum();
    let variance: f64 = looks.iter().map(|look| (look.0 - time).powi(2)).sum();
    covariance / variance
}
