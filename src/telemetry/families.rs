//! Making metric families: each once, under its constant name.

use prometheus::core::Collector;
use prometheus::{
    Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts,
    Registry,
};

/// Makes families and registers each under its constant name.
pub(super) struct Families {
    registry: Registry,
}

impl Families {
    pub(super) fn new() -> Self {
        Self {
            registry: Registry::new(),
        }
    }

    /// What was registered so far, and what will be.
    pub(super) fn registry(&self) -> Registry {
        self.registry.clone()
    }

    pub(super) fn counter(&self, name: &str, help: &str) -> IntCounter {
        self.made(IntCounter::new(name, help))
    }

    pub(super) fn counters(&self, name: &str, help: &str, labels: &[&str]) -> IntCounterVec {
        self.made(IntCounterVec::new(Opts::new(name, help), labels))
    }

    pub(super) fn gauge(&self, name: &str, help: &str) -> IntGauge {
        self.made(IntGauge::new(name, help))
    }

    pub(super) fn gauges(&self, name: &str, help: &str, labels: &[&str]) -> IntGaugeVec {
        self.made(IntGaugeVec::new(Opts::new(name, help), labels))
    }

    pub(super) fn histogram(&self, name: &str, help: &str, buckets: &[f64]) -> Histogram {
        self.made(Histogram::with_opts(
            HistogramOpts::new(name, help).buckets(buckets.to_vec()),
        ))
    }

    pub(super) fn histograms(
        &self,
        name: &str,
        help: &str,
        labels: &[&str],
        buckets: &[f64],
    ) -> HistogramVec {
        self.made(HistogramVec::new(
            HistogramOpts::new(name, help).buckets(buckets.to_vec()),
            labels,
        ))
    }

    #[expect(
        clippy::expect_used,
        reason = "names, labels and buckets are constants of `metrics` and `key_metrics`, whose every test makes all of them"
    )]
    fn made<C: Collector + Clone + 'static>(&self, family: prometheus::Result<C>) -> C {
        let family = family.expect("a metric's name, labels and buckets are well-formed");
        self.add(family.clone());
        family
    }

    #[expect(
        clippy::expect_used,
        reason = "names are constants and differ, and every test of `metrics` registers all of them"
    )]
    pub(super) fn add(&self, family: impl Collector + 'static) {
        self.registry
            .register(Box::new(family))
            .expect("a metric's name is registered once");
    }
}
