//! What is counted of keys. An issuer with several sources has one series: the sum of their keys, and the oldest of their successes, so
//! that a source that fails beside one that works does not hide.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use prometheus::{IntCounterVec, IntGaugeVec};

use super::families::Families;
use crate::clock::{Clock, SystemClock, UnixTime};
use crate::keys::{FetchResult, SnapshotEvent, SourceId};

pub(super) struct KeyMetrics {
    fetches: IntCounterVec,
    keys: IntGaugeVec,
    last_success: IntGaugeVec,
    suppressed: IntCounterVec,
    max_stale: IntGaugeVec,
    from_snapshot: IntGaugeVec,
    snapshot_writes: IntCounterVec,
    issuers: Vec<Arc<str>>,
    /// Fetches are rare: a lock is cheap here.
    sources: Mutex<HashMap<SourceId, SourceState>>,
}

struct SourceState {
    issuer: String,
    keys: i64,
    freshness: Freshness,
    /// Its keys are those of a snapshot.
    from_snapshot: bool,
}

impl SourceState {
    /// Nothing was heard of it yet.
    fn of(issuer: &str) -> Self {
        Self {
            issuer: issuer.to_owned(),
            keys: 0,
            freshness: Freshness::Never,
            from_snapshot: false,
        }
    }
}

/// The closed label set of `claimgate_keys_snapshot_writes_total{result}`.
const WRITES: [&str; 2] = [WRITTEN, NOT_WRITTEN];
const WRITTEN: &str = "ok";
const NOT_WRITTEN: &str = "failed";

/// How old the keys of a source are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// No fetch has succeeded.
    Never,
    Since(UnixTime),
    /// They never change: part of the configuration.
    Always,
}

impl Freshness {
    fn seconds(self, now: i64) -> i64 {
        match self {
            Self::Never => 0,
            Self::Since(at) => at.0,
            Self::Always => now,
        }
    }
}

impl KeyMetrics {
    pub(super) fn new(families: &Families, issuers: &[Arc<str>]) -> Self {
        Self {
            fetches: families.counters(
                "claimgate_key_fetches_total",
                "Fetches of an issuer's keys, by how they ended.",
                &["issuer", "result"],
            ),
            keys: families.gauges(
                "claimgate_keys",
                "Usable keys that an issuer's sources hold now.",
                &["issuer"],
            ),
            last_success: families.gauges(
                "claimgate_keys_last_success_timestamp_seconds",
                "When an issuer's keys were last fetched, in seconds since 1970; of several sources the oldest; 0 when not yet, now where they never change.",
                &["issuer"],
            ),
            suppressed: families.counters(
                "claimgate_key_refreshes_suppressed_total",
                "Unknown keys that did not cause a fetch because the last one was too recent.",
                &["issuer"],
            ),
            max_stale: families.gauges(
                "claimgate_keys_max_stale_seconds",
                "How long an issuer's keys are trusted after their last fetch, in seconds (`max_stale`); 0 where they never change.",
                &["issuer"],
            ),
            from_snapshot: families.gauges(
                "claimgate_keys_from_snapshot",
                "1 while an issuer's keys are those that an earlier process left on disk: this one has fetched none yet.",
                &["issuer"],
            ),
            snapshot_writes: families.counters(
                "claimgate_keys_snapshot_writes_total",
                "Snapshots of an issuer's keys (`keys_snapshot_dir`), by whether they could be written.",
                &["issuer", "result"],
            ),
            issuers: issuers.to_vec(),
            sources: Mutex::default(),
        }
        .at_zero()
    }

    /// Takes away the series of issuers that `other` has and this has not.
    pub(super) fn forget_issuers_of(&self, other: &Self) {
        for gone in other.issuers.iter().filter(|i| !self.issuers.contains(i)) {
            // An error would say that the series is not there.
            let _ = self.keys.remove_label_values(&[gone]);
            let _ = self.last_success.remove_label_values(&[gone]);
            let _ = self.suppressed.remove_label_values(&[gone]);
            let _ = self.max_stale.remove_label_values(&[gone]);
            let _ = self.from_snapshot.remove_label_values(&[gone]);
            for result in WRITES {
                let _ = self.snapshot_writes.remove_label_values(&[gone, result]);
            }
            for result in FetchResult::ALL {
                let _ = self.fetches.remove_label_values(&[gone, result.name()]);
            }
        }
    }

    /// The same families for the issuers of another configuration, whose sources begin anew.
    pub(super) fn reindexed(&self, issuers: &[Arc<str>]) -> Self {
        Self {
            fetches: self.fetches.clone(),
            keys: self.keys.clone(),
            last_success: self.last_success.clone(),
            suppressed: self.suppressed.clone(),
            max_stale: self.max_stale.clone(),
            from_snapshot: self.from_snapshot.clone(),
            snapshot_writes: self.snapshot_writes.clone(),
            issuers: issuers.to_vec(),
            sources: Mutex::default(),
        }
        .at_zero()
    }

    fn at_zero(self) -> Self {
        for issuer in &self.issuers {
            for result in FetchResult::ALL {
                self.fetches.with_label_values(&[issuer, result.name()]);
            }
            self.keys.with_label_values(&[issuer]);
            self.last_success.with_label_values(&[issuer]);
            self.suppressed.with_label_values(&[issuer]);
            self.max_stale.with_label_values(&[issuer]);
            self.from_snapshot.with_label_values(&[issuer]);
            for result in WRITES {
                self.snapshot_writes.with_label_values(&[issuer, result]);
            }
        }
        self
    }

    pub(super) fn fetched(&self, issuer: &str, source: SourceId, result: FetchResult, keys: usize) {
        self.fetches
            .with_label_values(&[issuer, result.name()])
            .inc();
        let success = (result == FetchResult::Ok).then(|| SystemClock.now().wall);
        let mut sources = self.sources();
        let state = sources
            .entry(source)
            .or_insert_with(|| SourceState::of(issuer));
        state.keys = count(keys);
        if let Some(at) = success {
            state.freshness = Freshness::Since(at);
            state.from_snapshot = false;
        }
        self.set(issuer, &sources);
    }

    /// What a source holds now, and how old that is.
    pub(super) fn holds(&self, issuer: &str, source: SourceId, keys: usize, freshness: Freshness) {
        self.holds_of(issuer, source, keys, freshness, false);
    }

    pub(super) fn snapshot(&self, issuer: &str, source: SourceId, event: SnapshotEvent) {
        match event {
            SnapshotEvent::Used { keys, fetched } => {
                self.holds_of(issuer, source, keys, Freshness::Since(fetched), true);
            }
            SnapshotEvent::Written => self.count_write(issuer, WRITTEN),
            SnapshotEvent::NotWritten => self.count_write(issuer, NOT_WRITTEN),
        }
    }

    pub(super) fn trusted_for(&self, issuer: &str, max_stale: Duration) {
        let seconds = i64::try_from(max_stale.as_secs()).unwrap_or(i64::MAX);
        self.max_stale.with_label_values(&[issuer]).set(seconds);
    }

    fn count_write(&self, issuer: &str, result: &str) {
        self.snapshot_writes
            .with_label_values(&[issuer, result])
            .inc();
    }

    fn holds_of(
        &self,
        issuer: &str,
        source: SourceId,
        keys: usize,
        freshness: Freshness,
        from_snapshot: bool,
    ) {
        let mut sources = self.sources();
        let state = sources
            .entry(source)
            .or_insert_with(|| SourceState::of(issuer));
        state.keys = count(keys);
        state.freshness = freshness;
        state.from_snapshot = from_snapshot;
        self.set(issuer, &sources);
    }

    fn sources(&self) -> MutexGuard<'_, HashMap<SourceId, SourceState>> {
        self.sources.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Brings what depends on the time of reading up to date.
    pub(super) fn refresh(&self) {
        let sources = self.sources();
        for state in sources.values() {
            if state.freshness == Freshness::Always {
                self.set(&state.issuer, &sources);
            }
        }
    }

    fn set(&self, issuer: &str, sources: &HashMap<SourceId, SourceState>) {
        let now = SystemClock.now().wall.0;
        let of_issuer = || sources.values().filter(|state| state.issuer == issuer);
        let sum = of_issuer().map(|state| state.keys).sum();
        let oldest = of_issuer().map(|state| state.freshness.seconds(now)).min();
        self.keys.with_label_values(&[issuer]).set(sum);
        self.last_success
            .with_label_values(&[issuer])
            .set(oldest.unwrap_or(0));
        let from_snapshot = of_issuer().any(|state| state.from_snapshot);
        self.from_snapshot
            .with_label_values(&[issuer])
            .set(i64::from(from_snapshot));
    }

    pub(super) fn suppressed(&self, issuer: &str) {
        self.suppressed.with_label_values(&[issuer]).inc();
    }
}

fn count(keys: usize) -> i64 {
    i64::try_from(keys).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::super::Metrics;
    use super::*;
    use crate::keys::KeyObserver;

    fn lines(metrics: &Metrics) -> Vec<String> {
        String::from_utf8(metrics.render())
            .unwrap()
            .lines()
            .map(str::to_owned)
            .collect()
    }

    #[test]
    fn every_result_is_at_0_for_every_issuer() {
        let lines = lines(&Metrics::new(&[], &[Arc::from("staff")]));
        for result in FetchResult::ALL {
            let series = format!(
                "claimgate_key_fetches_total{{issuer=\"staff\",result=\"{}\"}} 0",
                result.name()
            );
            assert!(lines.contains(&series), "{series}");
        }
        assert!(lines.contains(&"claimgate_keys{issuer=\"staff\"} 0".to_owned()));
    }

    #[test]
    fn the_keys_of_several_sources_are_added() {
        let metrics = Metrics::new(&[], &[Arc::from("staff")]);
        metrics.fetched("staff", SourceId(0), FetchResult::Ok, 3);
        metrics.fetched("staff", SourceId(1), FetchResult::Ok, 2);
        metrics.fetched("staff", SourceId(0), FetchResult::Ok, 4);
        assert!(lines(&metrics).contains(&"claimgate_keys{issuer=\"staff\"} 6".to_owned()));
    }

    #[test]
    fn a_source_that_never_succeeded_keeps_the_last_success_of_its_issuer_at_0() {
        let metrics = Metrics::new(&[], &[Arc::from("staff")]);
        let never = "claimgate_keys_last_success_timestamp_seconds{issuer=\"staff\"} 0".to_owned();
        metrics.fetched("staff", SourceId(0), FetchResult::Ok, 3);
        assert!(!lines(&metrics).contains(&never));
        metrics.fetched("staff", SourceId(1), FetchResult::Timeout, 0);
        assert!(lines(&metrics).contains(&never));
    }

    #[test]
    fn keys_that_never_change_are_never_old() {
        let metrics = Metrics::new(&[], &[Arc::from("staff")]);
        metrics.keys_held("staff", SourceId(0), 2, Freshness::Always);
        let lines = lines(&metrics);
        assert!(lines.contains(&"claimgate_keys{issuer=\"staff\"} 2".to_owned()));
        let last = lines
            .iter()
            .find_map(|line| {
                line.strip_prefix(
                    "claimgate_keys_last_success_timestamp_seconds{issuer=\"staff\"} ",
                )
            })
            .unwrap();
        assert!(last.parse::<i64>().unwrap() > 1_700_000_000);
    }

    #[test]
    fn a_refresh_that_was_not_allowed_is_counted() {
        let metrics = Metrics::new(&[], &[Arc::from("staff")]);
        metrics.suppressed("staff");
        assert!(
            lines(&metrics).contains(
                &"claimgate_key_refreshes_suppressed_total{issuer=\"staff\"} 1".to_owned()
            )
        );
    }

    fn value(metrics: &Metrics, series: &str) -> i64 {
        let lines = lines(metrics);
        let value = lines.iter().find_map(|line| line.strip_prefix(series));
        value.unwrap().trim().parse().unwrap()
    }

    const LAST_SUCCESS: &str = "claimgate_keys_last_success_timestamp_seconds{issuer=\"staff\"}";
    const FROM_SNAPSHOT: &str = "claimgate_keys_from_snapshot{issuer=\"staff\"}";

    #[test]
    fn k12_keys_of_a_snapshot_are_as_old_as_their_fetch_until_one_succeeds() {
        let metrics = Metrics::new(&[], &[Arc::from("staff")]);
        assert_eq!(value(&metrics, FROM_SNAPSHOT), 0);
        let used = SnapshotEvent::Used {
            keys: 2,
            fetched: UnixTime(1_700_000_000),
        };
        metrics.snapshot("staff", SourceId(0), used);
        metrics.fetched("staff", SourceId(0), FetchResult::Timeout, 2);
        assert_eq!(value(&metrics, LAST_SUCCESS), 1_700_000_000);
        assert_eq!(value(&metrics, FROM_SNAPSHOT), 1);
        assert_eq!(value(&metrics, "claimgate_keys{issuer=\"staff\"}"), 2);
        metrics.fetched("staff", SourceId(0), FetchResult::Ok, 3);
        assert!(value(&metrics, LAST_SUCCESS) > 1_700_000_000);
        assert_eq!(value(&metrics, FROM_SNAPSHOT), 0);
    }

    #[test]
    fn one_source_on_a_snapshot_is_enough_to_say_so() {
        let metrics = Metrics::new(&[], &[Arc::from("staff")]);
        let used = SnapshotEvent::Used {
            keys: 2,
            fetched: UnixTime(1_700_000_000),
        };
        metrics.snapshot("staff", SourceId(0), used);
        metrics.fetched("staff", SourceId(1), FetchResult::Ok, 1);
        assert_eq!(value(&metrics, FROM_SNAPSHOT), 1);
        assert_eq!(value(&metrics, LAST_SUCCESS), 1_700_000_000);
    }

    #[test]
    fn snapshots_that_are_written_and_that_cannot_be_are_counted() {
        let metrics = Metrics::new(&[], &[Arc::from("staff")]);
        let of = |result| {
            format!("claimgate_keys_snapshot_writes_total{{issuer=\"staff\",result=\"{result}\"}}")
        };
        assert_eq!(
            (value(&metrics, &of("ok")), value(&metrics, &of("failed"))),
            (0, 0)
        );
        metrics.snapshot("staff", SourceId(0), SnapshotEvent::Written);
        metrics.snapshot("staff", SourceId(0), SnapshotEvent::NotWritten);
        metrics.snapshot("staff", SourceId(0), SnapshotEvent::NotWritten);
        assert_eq!(
            (value(&metrics, &of("ok")), value(&metrics, &of("failed"))),
            (1, 2)
        );
    }

    #[test]
    fn how_long_keys_are_trusted_is_there_to_be_compared_with_their_age() {
        let metrics = Metrics::new(&[], &[Arc::from("staff")]);
        let series = "claimgate_keys_max_stale_seconds{issuer=\"staff\"}";
        assert_eq!(value(&metrics, series), 0);
        metrics.keys_trusted_for("staff", Duration::from_secs(86_400));
        assert_eq!(value(&metrics, series), 86_400);
    }
}
