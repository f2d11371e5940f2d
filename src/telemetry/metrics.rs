//! Every metric of the gate, at 0 from the start, children resolved once.
//!
//! Labels are closed sets: names from the configuration and the enums of this crate. Nothing from the wire is a label.

use std::sync::Arc;
use std::time::Duration;

use prometheus::{Encoder, Histogram, IntCounter, IntGauge, IntGaugeVec, Registry, TextEncoder};

use super::families::Families;
pub use super::key_metrics::Freshness;
use super::key_metrics::KeyMetrics;
use super::listener_metrics::ListenerMetrics;
use super::request_counters::RequestCounters;
use crate::clock::UnixTime;
use crate::keys::{FetchResult, KeyObserver, SnapshotEvent, SourceId};
use crate::verify::cache::CacheCounts;
use crate::verify::{Decision, Reason};

/// What `/metrics` answers as `Content-Type`: the text exposition format 0.0.4, spelt as Prometheus asks for it.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Seconds. A request is an application's work: from half a millisecond to the ten seconds after which people go away.
const REQUEST_BUCKETS: [f64; 14] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];
/// Seconds. A cached decision takes a few microseconds, an RSA check about 20, an ES256 check about 60; a wait for keys shows at the end.
const VERIFY_BUCKETS: [f64; 13] = [
    0.000_01, 0.000_025, 0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025,
    0.05, 0.1,
];

/// How a request to the application ended: the closed label set of `claimgate_upstream_requests_total{outcome}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum UpstreamOutcome {
    Answered,
    Unreachable,
    Reset,
    Timeout,
    ClientGone,
}

impl UpstreamOutcome {
    pub const ALL: [Self; 5] = [
        Self::Answered,
        Self::Unreachable,
        Self::Reset,
        Self::Timeout,
        Self::ClientGone,
    ];
    /// snake_case, as in metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Unreachable => "unreachable",
            Self::Reset => "reset",
            Self::Timeout => "timeout",
            Self::ClientGone => "client_gone",
        }
    }
}

/// What a finished request is counted by. Indexes, so that counting is a look-up: `route` is `policy::Route::index` (none: no route matched),
/// `issuer` the index of the verifier's issuer (none: no issuer known).
#[derive(Clone, Copy, Debug)]
pub struct RequestOutcome {
    pub route: Option<usize>,
    pub issuer: Option<usize>,
    pub decision: Decision,
    pub reason: Option<Reason>,
    pub duration: Duration,
}

/// The registry and every child that a request needs. Counting never takes a lock. A clone counts into the same series.
#[derive(Clone)]
pub struct Metrics {
    registry: Registry,
    requests: Arc<RequestCounters>,
    request_duration: Histogram,
    verify_hit: Histogram,
    verify_miss: Histogram,
    upstream: [IntCounter; UpstreamOutcome::ALL.len()],
    upstream_duration: Histogram,
    in_flight: IntGauge,
    connections: IntGauge,
    tunnels: IntGauge,
    headers_stripped: IntCounter,
    cache_hits: IntCounter,
    cache_misses: IntCounter,
    cache_evictions: IntCounter,
    cache_entries: IntGauge,
    log_lines_dropped: IntCounter,
    reload_successful: IntGauge,
    reload_success_time: IntGauge,
    upstream_tls: IntGaugeVec,
    listener: ListenerMetrics,
    keys: Arc<KeyMetrics>,
}

impl Metrics {
    /// `routes` and `issuers` by index.
    pub fn new(routes: &[Arc<str>], issuers: &[Arc<str>]) -> Arc<Self> {
        let families = Families::new();
        families.add(prometheus::process_collector::ProcessCollector::for_self());
        families
            .gauges(
                "claimgate_build_info",
                "Always 1; which build of claimgate this is.",
                &["version", "revision"],
            )
            .with_label_values(&[
                env!("CARGO_PKG_VERSION"),
                option_env!("CLAIMGATE_REVISION").unwrap_or("unknown"),
            ])
            .set(1);
        let requests = families.counters(
            "claimgate_requests_total",
            "Requests that have ended, by what became of them; `none` stands for no route, no issuer or no reason.",
            &["route", "issuer", "decision", "reason"],
        );
        let verify = families.histograms(
            "claimgate_verify_duration_seconds",
            "Time in seconds to judge one token, by whether its decision was cached.",
            &["cache"],
            &VERIFY_BUCKETS,
        );
        let upstream = families.counters(
            "claimgate_upstream_requests_total",
            "Requests to the application, by how they ended.",
            &["outcome"],
        );
        Arc::new(Self {
            requests: Arc::new(RequestCounters::new(requests, routes, issuers)),
            request_duration: families.histogram(
                "claimgate_request_duration_seconds",
                "Time in seconds from the head of a request to the end of its answer.",
                &REQUEST_BUCKETS,
            ),
            verify_hit: verify.with_label_values(&["hit"]),
            verify_miss: verify.with_label_values(&["miss"]),
            upstream: UpstreamOutcome::ALL.map(|o| upstream.with_label_values(&[o.name()])),
            upstream_duration: families.histogram(
                "claimgate_upstream_request_duration_seconds",
                "Time in seconds that the application's part of a request took.",
                &REQUEST_BUCKETS,
            ),
            in_flight: families.gauge(
                "claimgate_requests_in_flight",
                "Requests that are being served now.",
            ),
            connections: families.gauge(
                "claimgate_connections",
                "Connections from clients that are open now.",
            ),
            tunnels: families.gauge(
                "claimgate_tunnels",
                "WebSockets that are open now; each is a request in flight too.",
            ),
            headers_stripped: families.counter(
                "claimgate_headers_stripped_total",
                "Header lines removed from requests because only the gate may set them.",
            ),
            cache_hits: families.counter(
                "claimgate_token_cache_hits_total",
                "Tokens whose verified form was in the cache.",
            ),
            cache_misses: families.counter(
                "claimgate_token_cache_misses_total",
                "Tokens that had to be verified anew.",
            ),
            cache_evictions: families.counter(
                "claimgate_token_cache_evictions_total",
                "Verified tokens that left the cache to make room.",
            ),
            cache_entries: families.gauge(
                "claimgate_token_cache_entries",
                "Verified tokens in the caches of all workers.",
            ),
            log_lines_dropped: families.counter(
                "claimgate_log_lines_dropped_total",
                "Log lines dropped because standard output did not take them in time.",
            ),
            reload_successful: families.gauge(
                "claimgate_config_last_reload_successful",
                "Whether the last attempt to load the configuration succeeded: 1 or 0.",
            ),
            reload_success_time: families.gauge(
                "claimgate_config_last_reload_success_timestamp_seconds",
                "When the configuration in use was loaded, in seconds since 1970.",
            ),
            upstream_tls: families.gauges(
                "claimgate_upstream_tls_last_reload_successful",
                "Whether the files of `upstream.tls` could be used when they were read last: 1 or 0; only with such files.",
                &[],
            ),
            listener: ListenerMetrics::new(&families),
            keys: Arc::new(KeyMetrics::new(&families, issuers)),
            registry: families.registry(),
        })
    }

    /// The same series under the indexes of another configuration: a reload loses no count.
    pub fn reindexed(&self, routes: &[Arc<str>], issuers: &[Arc<str>]) -> Arc<Self> {
        Arc::new(Self {
            requests: Arc::new(self.requests.reindexed(routes, issuers)),
            keys: Arc::new(self.keys.reindexed(issuers)),
            ..self.clone()
        })
    }

    /// Takes away the key series of issuers that `other` has and this has not: their configuration is not in use.
    pub fn forget_issuers_of(&self, other: &Self) {
        self.keys.forget_issuers_of(&other.keys);
    }

    /// Counts a request that has ended.
    pub fn request_finished(&self, outcome: RequestOutcome) {
        self.request_duration
            .observe(outcome.duration.as_secs_f64());
        self.requests.count(
            outcome.route,
            outcome.issuer,
            outcome.decision,
            outcome.reason,
        );
    }

    pub fn request_started(&self) {
        self.in_flight.inc();
    }

    pub fn request_left(&self) {
        self.in_flight.dec();
    }

    pub fn connection_opened(&self) {
        self.connections.inc();
    }

    pub fn connection_closed(&self) {
        self.connections.dec();
    }

    pub fn listener(&self) -> &ListenerMetrics {
        &self.listener
    }

    /// The files of `upstream.tls` were read; none without such files.
    pub fn upstream_tls_read(&self, usable: Option<bool>) {
        match usable {
            Some(usable) => self
                .upstream_tls
                .with_label_values::<&str>(&[])
                .set(i64::from(usable)),
            // An error: there was none.
            None => drop(self.upstream_tls.remove_label_values::<&str>(&[])),
        }
    }

    pub fn tunnel_opened(&self) {
        self.tunnels.inc();
    }

    pub fn tunnel_closed(&self) {
        self.tunnels.dec();
    }

    /// Requests that are being served: what a drain reports as left behind.
    pub fn in_flight(&self) -> i64 {
        self.in_flight.get()
    }

    /// Lines that hygiene removed from one request.
    pub fn headers_stripped(&self, lines: usize) {
        self.headers_stripped
            .inc_by(u64::try_from(lines).unwrap_or(u64::MAX));
    }

    /// `duration`: of one judgement, waiting for keys included.
    pub fn verified(&self, from_cache: bool, duration: Duration) {
        let histogram = if from_cache {
            &self.verify_hit
        } else {
            &self.verify_miss
        };
        histogram.observe(duration.as_secs_f64());
    }

    pub fn upstream_finished(&self, outcome: UpstreamOutcome, duration: Duration) {
        if let Some(counter) = self.upstream.get(outcome as usize) {
            counter.inc();
        }
        self.upstream_duration.observe(duration.as_secs_f64());
    }

    /// What one worker's cache did since it last told; `entries_delta` may be negative.
    pub fn token_cache(&self, counts: CacheCounts, entries_delta: i64) {
        for (counter, count) in [
            (&self.cache_hits, counts.hits),
            (&self.cache_misses, counts.misses),
            (&self.cache_evictions, counts.evictions),
        ] {
            // All workers write here, and most of them have nothing to say to most of these.
            if count != 0 {
                counter.inc_by(count);
            }
        }
        if entries_delta != 0 {
            self.cache_entries.add(entries_delta);
        }
    }

    /// An attempt to load the configuration has ended at `at`.
    pub fn config_loaded(&self, successful: bool, at: UnixTime) {
        self.reload_successful.set(i64::from(successful));
        if successful {
            self.reload_success_time.set(at.0);
        }
    }

    /// What a source holds without a fetch of its own: keys in the configuration, or taken over at a reload.
    pub fn keys_held(&self, issuer: &str, source: SourceId, keys: usize, freshness: Freshness) {
        self.keys.holds(issuer, source, keys, freshness);
    }

    /// How long an issuer's keys are trusted after a fetch (`max_stale`).
    pub fn keys_trusted_for(&self, issuer: &str, max_stale: Duration) {
        self.keys.trusted_for(issuer, max_stale);
    }

    /// The counter that the log writer adds its dropped lines to.
    pub fn log_lines_dropped(&self) -> IntCounter {
        self.log_lines_dropped.clone()
    }

    /// The text exposition format, version 0.0.4.
    pub fn render(&self) -> Vec<u8> {
        self.keys.refresh();
        let mut text = Vec::with_capacity(64 * 1024);
        if let Err(error) = TextEncoder::new().encode(&self.registry.gather(), &mut text) {
            tracing::error!(%error, "cannot write the metrics");
        }
        text
    }
}

impl KeyObserver for Metrics {
    fn fetched(&self, issuer: &str, source: SourceId, result: FetchResult, keys: usize) {
        self.keys.fetched(issuer, source, result, keys);
    }

    fn suppressed(&self, issuer: &str) {
        self.keys.suppressed(issuer);
    }

    fn snapshot(&self, issuer: &str, source: SourceId, event: SnapshotEvent) {
        self.keys.snapshot(issuer, source, event);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<Arc<str>> {
        names.iter().map(|n| Arc::from(*n)).collect()
    }

    fn text(metrics: &Metrics) -> String {
        String::from_utf8(metrics.render()).unwrap()
    }

    fn value(metrics: &Metrics, series: &str) -> String {
        text(metrics)
            .lines()
            .find_map(|line| line.strip_prefix(series)?.strip_prefix(' '))
            .unwrap_or_else(|| panic!("no series {series}"))
            .to_owned()
    }

    const FAMILIES: [(&str, &str); 30] = [
        ("claimgate_requests_total", "counter"),
        ("claimgate_request_duration_seconds", "histogram"),
        ("claimgate_verify_duration_seconds", "histogram"),
        ("claimgate_upstream_requests_total", "counter"),
        ("claimgate_upstream_request_duration_seconds", "histogram"),
        ("claimgate_requests_in_flight", "gauge"),
        ("claimgate_connections", "gauge"),
        ("claimgate_connections_dropped_total", "counter"),
        ("claimgate_headers_stripped_total", "counter"),
        ("claimgate_token_cache_hits_total", "counter"),
        ("claimgate_token_cache_misses_total", "counter"),
        ("claimgate_token_cache_evictions_total", "counter"),
        ("claimgate_token_cache_entries", "gauge"),
        ("claimgate_key_fetches_total", "counter"),
        ("claimgate_keys", "gauge"),
        ("claimgate_keys_last_success_timestamp_seconds", "gauge"),
        ("claimgate_key_refreshes_suppressed_total", "counter"),
        ("claimgate_keys_max_stale_seconds", "gauge"),
        ("claimgate_keys_from_snapshot", "gauge"),
        ("claimgate_keys_snapshot_writes_total", "counter"),
        ("claimgate_config_last_reload_successful", "gauge"),
        (
            "claimgate_config_last_reload_success_timestamp_seconds",
            "gauge",
        ),
        ("claimgate_build_info", "gauge"),
        ("claimgate_log_lines_dropped_total", "counter"),
        ("process_cpu_seconds_total", "counter"),
        ("process_resident_memory_bytes", "gauge"),
        ("process_virtual_memory_bytes", "gauge"),
        ("process_open_fds", "gauge"),
        ("process_max_fds", "gauge"),
        ("process_start_time_seconds", "gauge"),
    ];

    #[test]
    fn every_family_is_there_from_the_start() {
        let text = text(&Metrics::new(&names(&["all"]), &names(&["staff"])));
        for (name, kind) in FAMILIES {
            assert!(
                text.contains(&format!("# TYPE {name} {kind}\n")),
                "{name} {kind}"
            );
            assert!(text.contains(&format!("# HELP {name} ")), "{name}");
        }
    }

    #[test]
    fn requests_are_at_0_for_every_issuer_and_reason() {
        let metrics = Metrics::new(&names(&["all"]), &names(&["staff", "partners"]));
        let text = text(&metrics);
        for issuer in ["none", "staff", "partners"] {
            let mut reasons: Vec<&str> = Reason::ALL.iter().map(|r| r.name()).collect();
            reasons.push("none");
            for reason in reasons {
                let at_zero = text.lines().any(|line| {
                    line.starts_with("claimgate_requests_total{")
                        && line.contains(&format!("issuer=\"{issuer}\""))
                        && line.contains(&format!("reason=\"{reason}\""))
                        && line.ends_with("} 0")
                });
                assert!(at_zero, "{issuer} {reason}");
            }
        }
    }

    #[test]
    fn what_happens_to_a_request_is_counted_once() {
        let metrics = Metrics::new(&names(&["all"]), &names(&["staff"]));
        metrics.request_started();
        metrics.headers_stripped(3);
        metrics.verified(true, Duration::from_micros(20));
        metrics.upstream_finished(UpstreamOutcome::ClientGone, Duration::from_millis(2));
        metrics.request_finished(RequestOutcome {
            route: Some(0),
            issuer: Some(0),
            decision: Decision::Allow,
            reason: None,
            duration: Duration::from_millis(3),
        });
        metrics.request_left();
        for (series, expected) in [
            (
                "claimgate_requests_total{decision=\"allow\",issuer=\"staff\",reason=\"none\",route=\"all\"}",
                "1",
            ),
            ("claimgate_request_duration_seconds_count", "1"),
            (
                "claimgate_request_duration_seconds_bucket{le=\"0.0025\"}",
                "0",
            ),
            (
                "claimgate_request_duration_seconds_bucket{le=\"0.005\"}",
                "1",
            ),
            (
                "claimgate_verify_duration_seconds_count{cache=\"hit\"}",
                "1",
            ),
            (
                "claimgate_verify_duration_seconds_count{cache=\"miss\"}",
                "0",
            ),
            (
                "claimgate_upstream_requests_total{outcome=\"client_gone\"}",
                "1",
            ),
            (
                "claimgate_upstream_requests_total{outcome=\"answered\"}",
                "0",
            ),
            ("claimgate_headers_stripped_total", "3"),
            ("claimgate_requests_in_flight", "0"),
        ] {
            assert_eq!(value(&metrics, series), expected, "{series}");
        }
    }

    #[test]
    fn the_outcomes_of_the_application_are_in_the_order_of_their_counters() {
        for (index, outcome) in UpstreamOutcome::ALL.into_iter().enumerate() {
            assert_eq!(outcome as usize, index);
        }
    }

    #[test]
    fn a_failed_load_keeps_the_time_of_the_last_good_one() {
        let metrics = Metrics::new(&[], &[]);
        metrics.config_loaded(true, UnixTime(1_700_000_000));
        metrics.config_loaded(false, UnixTime(1_700_000_500));
        assert_eq!(
            value(&metrics, "claimgate_config_last_reload_successful"),
            "0"
        );
        assert_eq!(
            value(
                &metrics,
                "claimgate_config_last_reload_success_timestamp_seconds"
            ),
            "1700000000"
        );
    }

    #[test]
    fn a_reload_loses_no_count() {
        let before = Metrics::new(&names(&["all"]), &names(&["staff", "partners"]));
        before.connection_opened();
        let missing = RequestOutcome {
            route: Some(0),
            issuer: None,
            decision: Decision::Deny,
            reason: Some(Reason::MissingToken),
            duration: Duration::from_millis(1),
        };
        before.request_finished(missing);
        let after = before.reindexed(&names(&["health", "all"]), &names(&["bank", "staff"]));
        after.request_finished(RequestOutcome {
            route: Some(1),
            ..missing
        });
        after.connection_closed();
        let series = "claimgate_requests_total{decision=\"deny\",issuer=\"none\",reason=\"missing_token\",route=\"all\"}";
        assert_eq!(value(&after, series), "2");
        assert_eq!(value(&after, "claimgate_connections"), "0");
        assert_eq!(value(&after, "claimgate_keys{issuer=\"bank\"}"), "0");
        after.forget_issuers_of(&before);
        assert_eq!(value(&after, "claimgate_keys{issuer=\"staff\"}"), "0");
        assert!(!text(&after).contains("claimgate_keys{issuer=\"partners\"}"));
    }

    #[test]
    fn the_caches_of_all_workers_add_up() {
        let metrics = Metrics::new(&[], &[]);
        let counts = CacheCounts {
            hits: 2,
            misses: 5,
            evictions: 1,
        };
        metrics.token_cache(counts, 4);
        metrics.token_cache(CacheCounts::default(), -1);
        assert_eq!(value(&metrics, "claimgate_token_cache_hits_total"), "2");
        assert_eq!(value(&metrics, "claimgate_token_cache_misses_total"), "5");
        assert_eq!(
            value(&metrics, "claimgate_token_cache_evictions_total"),
            "1"
        );
        assert_eq!(value(&metrics, "claimgate_token_cache_entries"), "3");
    }
}
