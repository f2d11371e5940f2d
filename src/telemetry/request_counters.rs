//! `claimgate_requests_total`: counting is two look-ups and an atomic addition, however many routes and issuers there are.

use std::sync::{Arc, OnceLock};

use prometheus::{IntCounter, IntCounterVec};

use crate::verify::{Decision, Reason};

/// The label value for no route, no issuer and no reason.
const NONE: &str = "none";

/// Most series that are made at 0 before the first request. With few routes every series is, so that `rate()` sees the first event; beyond
/// that only those without a route are, and the others appear when they first happen.
const MAX_SERIES_AT_START: usize = 1000;

/// After the reasons: allowed, public, and the three failures of the application on a request that carries no identity.
const SLOTS: usize = Reason::ALL.len() + 2 + 3;

/// The counters of one (route, issuer), by slot.
type Row = [OnceLock<IntCounter>; SLOTS];

pub(super) struct RequestCounters {
    family: IntCounterVec,
    /// By index + 1; the first is [`NONE`].
    routes: Vec<Arc<str>>,
    issuers: Vec<Arc<str>>,
    /// Route by route. A row is made when its first request ends: 1,000 routes and 20 issuers would be 20,000 of them.
    rows: Vec<OnceLock<Box<Row>>>,
}

impl RequestCounters {
    pub(super) fn new(family: IntCounterVec, routes: &[Arc<str>], issuers: &[Arc<str>]) -> Self {
        let routes = with_none(routes);
        let issuers = with_none(issuers);
        let counters = Self {
            rows: (0..routes.len() * issuers.len())
                .map(|_| OnceLock::new())
                .collect(),
            family,
            routes,
            issuers,
        };
        counters.start_at_zero();
        counters
    }

    /// The same series under the indexes of another configuration.
    pub(super) fn reindexed(&self, routes: &[Arc<str>], issuers: &[Arc<str>]) -> Self {
        Self::new(self.family.clone(), routes, issuers)
    }

    /// An index that is out of range counts as none: a wrong label is better than a lost request.
    pub(super) fn count(
        &self,
        route: Option<usize>,
        issuer: Option<usize>,
        decision: Decision,
        reason: Option<Reason>,
    ) {
        let route = position(route, self.routes.len());
        let issuer = position(issuer, self.issuers.len());
        let public = decision == Decision::Public;
        if let Some(counter) = self.counter(route, issuer, public, reason) {
            counter.inc();
        }
    }

    fn counter(
        &self,
        route: usize,
        issuer: usize,
        public: bool,
        reason: Option<Reason>,
    ) -> Option<&IntCounter> {
        let row = self
            .rows
            .get(route * self.issuers.len() + issuer)?
            .get_or_init(|| Box::new([const { OnceLock::new() }; SLOTS]));
        let counter = row.get(slot(public, reason))?.get_or_init(|| {
            self.family.with_label_values(&[
                self.routes.get(route).map_or(NONE, |name| name),
                self.issuers.get(issuer).map_or(NONE, |name| name),
                decision(public, reason).name(),
                reason.map_or(NONE, Reason::name),
            ])
        });
        Some(counter)
    }

    fn start_at_zero(&self) {
        let per_route = self.issuers.len() * (Reason::ALL.len() + 2);
        let routes = if per_route * self.routes.len() <= MAX_SERIES_AT_START {
            self.routes.len()
        } else {
            1
        };
        for route in 0..routes {
            for issuer in 0..self.issuers.len() {
                self.counter(route, issuer, false, None);
                self.counter(route, issuer, true, None);
                for reason in Reason::ALL {
                    self.counter(route, issuer, false, Some(reason));
                }
            }
        }
    }
}

fn with_none(names: &[Arc<str>]) -> Vec<Arc<str>> {
    std::iter::once(Arc::from(NONE))
        .chain(names.iter().cloned())
        .collect()
}

fn position(index: Option<usize>, length: usize) -> usize {
    index
        .map(|index| index.saturating_add(1))
        .filter(|position| *position < length)
        .unwrap_or(0)
}

fn slot(public: bool, reason: Option<Reason>) -> usize {
    const AFTER: usize = Reason::ALL.len();
    match (public, reason) {
        (false, None) => AFTER,
        (true, None) => AFTER + 1,
        (true, Some(Reason::UpstreamUnreachable)) => AFTER + 2,
        (true, Some(Reason::UpstreamReset)) => AFTER + 3,
        (true, Some(Reason::UpstreamTimeout)) => AFTER + 4,
        (_, Some(reason)) => reason as usize,
    }
}

/// The decision is fixed by the reason; only without one, or when the application failed, a request may have been public.
fn decision(public: bool, reason: Option<Reason>) -> Decision {
    match reason {
        None
        | Some(Reason::UpstreamUnreachable | Reason::UpstreamReset | Reason::UpstreamTimeout) => {
            if public {
                Decision::Public
            } else {
                Decision::Allow
            }
        }
        Some(
            Reason::RuleNotMet
            | Reason::NoRoute
            | Reason::ClaimsUnusable
            | Reason::GroupsOverage
            | Reason::CrossSite,
        ) => Decision::Forbid,
        Some(Reason::KeysUnavailable) => Decision::Unavailable,
        Some(_) => Decision::Deny,
    }
}

#[cfg(test)]
mod tests {
    use prometheus::Opts;
    use prometheus::core::Collector;

    use super::*;

    fn counters(routes: usize, issuers: usize) -> RequestCounters {
        let family = IntCounterVec::new(
            Opts::new("requests_total", "requests"),
            &["route", "issuer", "decision", "reason"],
        )
        .unwrap();
        let names = |kind: &str, count: usize| -> Vec<Arc<str>> {
            (0..count)
                .map(|i| Arc::from(format!("{kind}{i}")))
                .collect()
        };
        RequestCounters::new(family, &names("route", routes), &names("issuer", issuers))
    }

    fn series(counters: &RequestCounters) -> usize {
        counters.family.collect()[0].get_metric().len()
    }

    fn count_of(counters: &RequestCounters, labels: [&str; 4]) -> u64 {
        counters.family.with_label_values(&labels).get()
    }

    #[test]
    fn reasons_are_in_the_order_of_their_slots() {
        for (index, reason) in Reason::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, index);
        }
    }

    #[test]
    fn no_two_outcomes_share_a_slot() {
        let mut slots: Vec<usize> = Reason::ALL.map(|r| slot(false, Some(r))).to_vec();
        slots.extend([slot(false, None), slot(true, None)]);
        slots.extend(
            [
                Reason::UpstreamUnreachable,
                Reason::UpstreamReset,
                Reason::UpstreamTimeout,
            ]
            .map(|r| slot(true, Some(r))),
        );
        slots.sort_unstable();
        assert_eq!(slots, (0..SLOTS).collect::<Vec<_>>());
    }

    #[test]
    fn few_routes_have_every_series_at_the_start() {
        assert_eq!(series(&counters(2, 1)), 3 * 2 * 33);
    }

    #[test]
    fn many_routes_have_only_the_series_without_a_route() {
        let counters = counters(1000, 20);
        assert_eq!(series(&counters), 21 * 33);
        counters.count(
            Some(999),
            Some(19),
            Decision::Forbid,
            Some(Reason::RuleNotMet),
        );
        counters.count(
            Some(999),
            Some(19),
            Decision::Forbid,
            Some(Reason::RuleNotMet),
        );
        assert_eq!(series(&counters), 21 * 33 + 1);
        assert_eq!(
            count_of(
                &counters,
                ["route999", "issuer19", "forbid", "rule_not_met"]
            ),
            2
        );
    }

    #[test]
    fn an_application_that_fails_is_counted_by_how_the_request_got_there() {
        let counters = counters(1, 1);
        counters.count(
            Some(0),
            None,
            Decision::Public,
            Some(Reason::UpstreamTimeout),
        );
        counters.count(
            Some(0),
            Some(0),
            Decision::Allow,
            Some(Reason::UpstreamTimeout),
        );
        assert_eq!(
            count_of(&counters, ["route0", "none", "public", "upstream_timeout"]),
            1
        );
        assert_eq!(
            count_of(
                &counters,
                ["route0", "issuer0", "allow", "upstream_timeout"]
            ),
            1
        );
    }

    #[test]
    fn an_index_out_of_range_counts_as_none() {
        let counters = counters(1, 1);
        counters.count(
            Some(7),
            Some(usize::MAX),
            Decision::Deny,
            Some(Reason::MissingToken),
        );
        assert_eq!(
            count_of(&counters, ["none", "none", "deny", "missing_token"]),
            1
        );
    }

    #[test]
    fn h15_nothing_that_clients_send_makes_a_series() {
        let counters = counters(3, 2);
        for route in [None, Some(0), Some(1), Some(2)] {
            for issuer in [None, Some(0), Some(1)] {
                for reason in Reason::ALL {
                    for decision in Decision::ALL {
                        counters.count(route, issuer, decision, Some(reason));
                        counters.count(route, issuer, decision, None);
                    }
                }
            }
        }
        assert_eq!(series(&counters), 4 * 3 * SLOTS);
    }
}
