//! What is counted of keys. An issuer with several sources has one series: the sum of their keys, and the oldest of their successes, so
//! that a source that fails beside one that works does not hide.

use std::sync::{Arc, Mutex, PoisonError};

use prometheus::{IntCounterVec, IntGaugeVec};

use super::families::Families;
use crate::clock::{Clock, SystemClock, UnixTime};
use crate::keys::{FetchResult, SourceId};

pub(super) struct KeyMetrics {
    fetches: IntCounterVec,
    keys: IntGaugeVec,
    last_success: IntGaugeVec,
    suppressed: IntCounterVec,
    issuers: Vec<Arc<str>>,
    /// Fetches are rare: a lock is cheap here.
    sources: Mutex<Vec<SourceState>>,
}

struct SourceState {
    issuer: String,
    source: SourceId,
    keys: i64,
    freshness: Freshness,
}

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
            issuers: issuers.to_vec(),
            sources: Mutex::new(Vec::new()),
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
            issuers: issuers.to_vec(),
            sources: Mutex::new(Vec::new()),
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
        }
        self
    }

    pub(super) fn fetched(&self, issuer: &str, source: SourceId, result: FetchResult, keys: usize) {
        self.fetches
            .with_label_values(&[issuer, result.name()])
            .inc();
        let success = (result == FetchResult::Ok).then(|| SystemClock.now().wall);
        self.holds(issuer, source, keys, success.map(Freshness::Since));
    }

    /// What a source holds now; `freshness` none: as before.
    pub(super) fn holds(
        &self,
        issuer: &str,
        source: SourceId,
        keys: usize,
        freshness: Option<Freshness>,
    ) {
        let keys = i64::try_from(keys).unwrap_or(i64::MAX);
        let mut sources = self.sources.lock().unwrap_or_else(PoisonError::into_inner);
        match sources.iter_mut().find(|state| state.source == source) {
            Some(state) => {
                state.keys = keys;
                state.freshness = freshness.unwrap_or(state.freshness);
            }
            None => sources.push(SourceState {
                issuer: issuer.to_owned(),
                source,
                keys,
                freshness: freshness.unwrap_or(Freshness::Never),
            }),
        }
        self.set(issuer, &sources);
    }

    /// Brings what depends on the time of reading up to date.
    pub(super) fn refresh(&self) {
        let sources = self.sources.lock().unwrap_or_else(PoisonError::into_inner);
        for state in sources.iter() {
            if state.freshness == Freshness::Always {
                self.set(&state.issuer, &sources);
            }
        }
    }

    fn set(&self, issuer: &str, sources: &[SourceState]) {
        let now = SystemClock.now().wall.0;
        let of_issuer = || sources.iter().filter(|state| state.issuer == issuer);
        let sum = of_issuer().map(|state| state.keys).sum();
        let oldest = of_issuer().map(|state| state.freshness.seconds(now)).min();
        self.keys.with_label_values(&[issuer]).set(sum);
        self.last_success
            .with_label_values(&[issuer])
            .set(oldest.unwrap_or(0));
    }

    pub(super) fn suppressed(&self, issuer: &str) {
        self.suppressed.with_label_values(&[issuer]).inc();
    }
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
}
