//! Months of real issuers, replayed: each key set that Entra and Google served, at the time at which it was seen, fetched as the gate
//! fetches. Figures: `cargo test --lib replay -- --nocapture`.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::jose::jwk::{KeyPolicy, read_set};
use crate::keys::merge::merge;
use crate::keys::plan::{Ended, Jitter, Plan, Step, Timing};
use crate::keys::set::KeySet;
use crate::keys::testing::timing;

const DAY: Duration = Duration::from_secs(24 * 3600);

#[test]
fn k07_no_key_of_entra_that_comes_back_within_its_retention_is_ever_missing() {
    let Some(record) = Record::read("rotation-entra-organizations.json") else {
        return;
    };
    let absences = record.absences();
    let short: Vec<&Absence> = absences.iter().filter(|it| it.lasted() <= DAY).collect();
    let all: Vec<&Absence> = absences.iter().collect();
    println!("{}", record.told());
    println!(
        "    keys that vanished and came back: {} times, after {} h at most; {} of them within 24 h",
        all.len(),
        hours(all.iter().map(|it| it.lasted()).max().unwrap()),
        short.len()
    );
    let lost = |retention, absences: &[&Absence]| {
        let believed = record.replay(retention);
        let missing = absences.iter().map(|it| believed.missing(it));
        let missing: Vec<Duration> = missing.filter(|it| !it.is_zero()).collect();
        (missing.len(), hours(missing.iter().sum()))
    };
    for (name, retention) in [("0", Duration::ZERO), ("1h", DAY / 24), ("24h", DAY)] {
        let (times, total) = lost(retention, &all);
        println!("    lost with retention {name}: {times} times, for {total} h together");
    }
    assert!(
        lost(Duration::ZERO, &short).0 > 10,
        "the replay does not test what it is for"
    );
    assert_eq!(lost(DAY, &short).0, 0);
}

#[test]
fn k07_googles_keys_never_come_back_and_each_is_dead_an_interval_after_it_left() {
    let Some(record) = Record::read("rotation-google.json") else {
        return;
    };
    assert!(record.absences().is_empty());
    let believed = record.replay(Duration::ZERO);
    let late = record.departures().into_iter().map(|(kid, left)| {
        let (_, until) = *believed.0[&kid].last().unwrap();
        until.saturating_sub(left)
    });
    let late: Vec<Duration> = late.collect();
    let latest = *late.iter().max().unwrap();
    println!("{}", record.told());
    println!(
        "    keys that left for good: {}; believed for {} s more at most",
        late.len(),
        latest.as_secs()
    );
    assert!(late.len() > 10 && !latest.is_zero());
    assert!(latest <= Timing::DEFAULT_REFRESH_INTERVAL);
}

fn hours(time: Duration) -> String {
    format!("{:.1}", time.as_secs_f64() / 3600.0)
}

/// Key sets of one issuer, each from the time at which it was first seen.
struct Record {
    name: &'static str,
    versions: Vec<Version>,
}

struct Version {
    /// Since the first one.
    at: Duration,
    document: Vec<u8>,
    kids: BTreeSet<String>,
}

/// A key that was there is not, and then is again.
struct Absence {
    kid: String,
    from: Duration,
    until: Duration,
}

impl Absence {
    fn lasted(&self) -> Duration {
        self.until - self.from
    }
}

impl Record {
    fn read(name: &'static str) -> Option<Self> {
        let file = crate::public_vectors::folder()?
            .join("wellknown")
            .join(name);
        let record = std::fs::read(file).unwrap();
        let record: serde_json::Value = serde_json::from_slice(&record).unwrap();
        let seconds = |version: &serde_json::Value| {
            let date: jiff::Timestamp = version["date"].as_str().unwrap().parse().unwrap();
            u64::try_from(date.as_second()).unwrap()
        };
        let versions = record["versions"].as_array().unwrap();
        let first = seconds(&versions[0]);
        let versions = versions.iter().map(|version| Version {
            at: Duration::from_secs(seconds(version) - first),
            document: version["jwks"].to_string().into_bytes(),
            kids: {
                let kids = version["kids"].as_array().unwrap().iter();
                kids.map(|kid| kid.as_str().unwrap().to_owned()).collect()
            },
        });
        Some(Self {
            name,
            versions: versions.collect(),
        })
    }

    fn end(&self) -> Duration {
        self.versions.last().unwrap().at + DAY
    }

    fn told(&self) -> String {
        let days = self.end().as_secs_f64() / DAY.as_secs_f64();
        format!(
            "{}: {} key sets in {days:.0} days",
            self.name,
            self.versions.len()
        )
    }

    fn absences(&self) -> Vec<Absence> {
        let kids: BTreeSet<&String> = self.versions.iter().flat_map(|it| &it.kids).collect();
        let mut absences = Vec::new();
        for kid in kids {
            let mut left = None;
            let from = self.versions.iter().position(|it| it.kids.contains(kid));
            for version in &self.versions[from.unwrap()..] {
                match (version.kids.contains(kid), left) {
                    (false, None) => left = Some(version.at),
                    (true, Some(from)) => {
                        absences.push(Absence {
                            kid: kid.clone(),
                            from,
                            until: version.at,
                        });
                        left = None;
                    }
                    _ => {}
                }
            }
        }
        absences
    }

    /// The keys that left and never came back, and when.
    fn departures(&self) -> Vec<(String, Duration)> {
        let kids: BTreeSet<&String> = self.versions.iter().flat_map(|it| &it.kids).collect();
        let departure = |kid: &String| {
            let last = self.versions.iter().rposition(|it| it.kids.contains(kid))?;
            Some((kid.clone(), self.versions.get(last + 1)?.at))
        };
        kids.into_iter().filter_map(departure).collect()
    }

    /// Fetches all of it at the default times and with this retention.
    fn replay(&self, retention: Duration) -> Believed {
        let timing = Timing {
            retention,
            ..timing()
        };
        let mut random = fastrand::Rng::with_seed(7);
        let mut plan = Plan::new(timing, Duration::ZERO);
        let mut set = KeySet::fixed(Vec::new(), false);
        let (mut now, mut last_read) = (Duration::ZERO, None);
        let mut believed = Believed::default();
        while now < self.end() {
            if let Step::WaitUntil(then) = plan.poll(now) {
                believed.note(&set, now, then);
                now = then;
                continue;
            }
            plan.ended(now, Ended::Succeeded, Jitter(random.u16(..)));
            let version = self.versions.partition_point(|it| it.at <= now) - 1;
            // To read a document again that changes nothing would only take its time.
            let expired = set.keys().iter().any(|held| !held.is_good(now));
            if last_read.replace(version) != Some(version) || expired {
                let document = &self.versions[version].document;
                let read = read_set(document, &KeyPolicy::default()).unwrap();
                set = merge(&set, read.keys, now, retention).unwrap_or(set);
            }
        }
        believed
    }
}

/// From when to when each kid was good.
#[derive(Default)]
struct Believed(BTreeMap<String, Vec<(Duration, Duration)>>);

impl Believed {
    /// What `set` holds between two fetches.
    fn note(&mut self, set: &KeySet, from: Duration, until: Duration) {
        for held in set.keys() {
            let until = held.good_until.map_or(until, |end| end.min(until));
            let times = self.0.entry(held.key.kid.as_deref().unwrap().to_owned());
            let times = times.or_default();
            match times.last_mut() {
                Some((_, end)) if *end == from => *end = until,
                _ if until > from => times.push((from, until)),
                _ => {}
            }
        }
    }

    /// How much of its absence the key was not good.
    fn missing(&self, absence: &Absence) -> Duration {
        let times = self.0[&absence.kid].iter();
        let good = times.map(|(from, until)| {
            let until = *until.min(&absence.until);
            until.saturating_sub(*from.max(&absence.from))
        });
        absence.lasted() - good.sum::<Duration>()
    }
}
