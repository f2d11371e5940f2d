//! Sources that are started again while their issuer is away.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::clock::UnixTime;
use crate::keys::Keys;
use crate::keys::source::SourceConfig;
use crate::keys::status::{KeysFrom, SnapshotOutcome};
use crate::keys::testing::{
    Answer, Issuer, MachineClock, Recorder, TestDirectory, config, document, jwk, jwks_origin, kids,
};
use crate::keys::{FetchResult, KeyLookup, SnapshotEvent, SourceId};

const FIRST: SourceId = SourceId(0);
const HOUR: u64 = 3600;

/// One process after another, on the same machine and directory.
struct Machine {
    directory: TestDirectory,
    issuer: Issuer,
    clock: Arc<MachineClock>,
}

struct Process {
    keys: Arc<Keys>,
    told: Arc<Recorder>,
}

impl Machine {
    async fn new(name: &str) -> Self {
        Self {
            directory: TestDirectory::new(name),
            issuer: Issuer::start().await,
            clock: MachineClock::after(1_000_000),
        }
    }

    fn source(&self) -> SourceConfig {
        let mut source = config("one", jwks_origin(&self.issuer.url("/jwks")));
        source.snapshot_dir = Some(Arc::from(&*self.directory.0));
        source
    }

    /// A source whose next fetch is due at once.
    fn restless(&self) -> SourceConfig {
        let mut source = self.source();
        source.timing.refresh_interval = Duration::ZERO;
        source
    }

    fn process(&self, source: SourceConfig) -> Process {
        let told = Arc::new(Recorder::default());
        let keys = Keys::new(vec![source], self.clock.clone(), told.clone());
        Process {
            keys: Arc::new(keys),
            told,
        }
    }

    /// A process that has fetched `kids` and written them down.
    async fn after_a_run(name: &str, kids: &[&str]) -> Self {
        let machine = Self::new(name).await;
        machine.publish(kids);
        machine.run(machine.source()).await;
        machine.issuer.answer("/jwks", Answer::Raw(String::new()));
        machine
    }

    fn publish(&self, kids: &[&str]) {
        let keys: Vec<String> = kids.iter().map(|kid| jwk(kid)).collect();
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        self.issuer.json("/jwks", &document(&keys));
    }

    async fn run(&self, source: SourceConfig) {
        let Process { keys, told } = self.process(source);
        keys.start();
        told.until_snapshots(|events| events == [SnapshotEvent::Written])
            .await;
        keys.stop();
    }

    /// A second later its next fetch has ended, of a source that waits for nothing.
    async fn refreshed(&self, told: &Recorder) {
        let fetches = told.fetched().len();
        self.clock.advance(1);
        told.until(|told| told.len() > fetches).await;
    }

    /// A process that is started now, before its first fetch.
    async fn restarted(&self) -> (Process, SnapshotOutcome) {
        let process = self.process(self.source());
        let mut notes = process.keys.load_snapshots().await;
        assert_eq!(notes.len(), 1);
        (process, notes.remove(0).outcome)
    }

    fn now(&self) -> Duration {
        use crate::clock::Clock;
        self.clock.now().monotonic
    }

    fn snapshot(&self) -> std::path::PathBuf {
        let names = self.directory.names();
        assert_eq!(names.len(), 1, "{names:?}");
        self.directory.0.join(&names[0])
    }
}

fn used(outcome: &SnapshotOutcome) -> bool {
    matches!(outcome, SnapshotOutcome::Used { .. })
}

#[tokio::test]
async fn k12_a_process_that_is_started_while_the_issuer_is_away_has_the_keys_of_the_last_one() {
    let machine = Machine::after_a_run("life-restart", &["a", "b"]).await;
    machine.clock.advance(HOUR);
    let (Process { keys, told }, outcome) = machine.restarted().await;
    let age = Duration::from_secs(HOUR + 1);
    assert_eq!(outcome, SnapshotOutcome::Used { keys: 2, age });
    // Before any fetch.
    assert!(keys.ready());
    assert!(keys.key_set(FIRST, machine.now()).is_some());
    assert_eq!(kids(&keys, 0), ["a", "b"]);
    assert!(told.fetched().is_empty());
    let fetched = UnixTime(MachineClock::START + 1_000_000);
    let event = SnapshotEvent::Used { keys: 2, fetched };
    assert_eq!(told.snapshots(), [event]);
    let status = &keys.status()[0];
    assert_eq!(status.keys_from, Some(KeysFrom::Snapshot));
    assert_eq!(status.age, Some(age));
    assert_eq!(status.trusted_for, Some(Duration::from_secs(23 * HOUR - 1)));
    let snapshot = status.snapshot.as_ref().unwrap();
    assert_eq!(Path::new(&snapshot.file), machine.snapshot());
    assert_eq!(snapshot.age, Some(Duration::from_secs(HOUR)));
    // The first fetch comes as ever; it fails, and changes nothing.
    keys.start();
    told.until(|told| told.len() == 1).await;
    assert_eq!(told.last(), Some((FetchResult::BadDocument, 2)));
    assert_eq!(keys.status()[0].keys_from, Some(KeysFrom::Snapshot));
    assert_eq!(keys.status()[0].failures, 1);
    assert_eq!(
        told.snapshots(),
        [event],
        "what was read is not written again"
    );
}

#[tokio::test]
async fn k07_the_first_fetch_replaces_what_the_snapshot_held() {
    let machine = Machine::after_a_run("life-replaced", &["a", "b"]).await;
    machine.clock.advance(HOUR);
    let (Process { keys, told }, _) = machine.restarted().await;
    machine.publish(&["c"]);
    keys.start();
    told.until_snapshots(|events| events.last() == Some(&SnapshotEvent::Written))
        .await;
    assert_eq!(kids(&keys, 0), ["c"]);
    let status = &keys.status()[0];
    assert_eq!(status.keys_from, Some(KeysFrom::Fetched));
    assert_eq!(status.age, Some(Duration::ZERO));
    keys.stop();
    let (Process { keys, .. }, _) = machine.restarted().await;
    assert_eq!(kids(&keys, 0), ["c"]);
}

#[tokio::test]
async fn k06_trust_in_a_snapshot_ends_at_max_stale_however_often_the_gate_is_started() {
    let machine = Machine::after_a_run("life-bound", &["a"]).await;
    for hours in 1..24 {
        machine.clock.advance(HOUR);
        let (Process { keys, told }, outcome) = machine.restarted().await;
        assert!(used(&outcome), "after {hours} hours: {outcome:?}");
        keys.start();
        told.until(|told| !told.is_empty()).await;
        keys.stop();
    }
    let (Process { keys, .. }, _) = machine.restarted().await;
    machine.clock.advance(HOUR - 2);
    assert!(keys.key_set(FIRST, machine.now()).is_some());
    machine.clock.advance(2);
    // Of the process that goes on, and of one that is started now.
    assert!(keys.key_set(FIRST, machine.now()).is_none());
    assert!(keys.ready(), "they were had once");
    let status = &keys.status()[0];
    assert_eq!(status.trusted_for, Some(Duration::ZERO));
    assert_eq!(status.keys_from, None);
    let (Process { keys, .. }, outcome) = machine.restarted().await;
    let SnapshotOutcome::Ignored(why) = outcome else {
        panic!("{outcome:?}")
    };
    assert!(why.contains("longer than `max_stale` (86400 s)"), "{why}");
    assert!(!keys.ready());
    assert!(keys.key_set(FIRST, machine.now()).is_none());
}

#[tokio::test]
async fn k06_a_clock_that_is_put_right_makes_a_snapshot_as_old_as_it_is() {
    let machine = Machine::after_a_run("life-clock", &["a"]).await;
    // Another machine, whose clock lost most of a day: it cannot know.
    machine.clock.advance(20 * HOUR);
    machine.clock.lose_uptime();
    machine.clock.set_wall(MachineClock::START + 1_000_060);
    let (Process { keys, .. }, outcome) = machine.restarted().await;
    assert_eq!(
        outcome,
        SnapshotOutcome::Used {
            keys: 1,
            age: Duration::from_secs(61)
        }
    );
    // The clock is put right: the next fetch, which fails, tells.
    let right = MachineClock::START + 1_000_000 + 20 * HOUR as i64;
    machine.clock.set_wall(right);
    keys.fetch_once().await;
    let age = |keys: &Keys| keys.status()[0].age.unwrap().as_secs();
    assert_eq!(age(&keys), 20 * HOUR + 1);
    assert!(keys.key_set(FIRST, machine.now()).is_some());
    // Set back again it gains nothing, also when it is before the fetch.
    for wall in [MachineClock::START + 1_000_060, MachineClock::START] {
        machine.clock.set_wall(wall);
        keys.fetch_once().await;
        assert_eq!(age(&keys), 20 * HOUR + 1);
    }
    machine.clock.set_wall(right + 5 * HOUR as i64);
    keys.fetch_once().await;
    assert!(keys.key_set(FIRST, machine.now()).is_none());
}

#[tokio::test]
async fn k06_a_damaged_or_strange_snapshot_is_ignored_and_then_replaced() {
    let machine = Machine::after_a_run("life-damaged", &["a"]).await;
    let file = machine.snapshot();
    let good = std::fs::read(&file).unwrap();
    let mut damaged = good.clone();
    *damaged.last_mut().unwrap() ^= 1;
    for bytes in [&damaged[..], b"", &good[..good.len() / 2]] {
        std::fs::write(&file, bytes).unwrap();
        let (Process { keys, .. }, outcome) = machine.restarted().await;
        let SnapshotOutcome::Ignored(why) = outcome else {
            panic!("{outcome:?}")
        };
        assert!(why.starts_with("it is damaged"), "{why}");
        assert!(!keys.ready() && keys.key_set(FIRST, machine.now()).is_none());
    }
    // Before 1970, or long after: its age is not known, or too old.
    std::fs::write(&file, &good).unwrap();
    for wall in [-1, MachineClock::START, i64::MAX] {
        machine.clock.set_wall(wall);
        let (_, outcome) = machine.restarted().await;
        assert!(matches!(outcome, SnapshotOutcome::Ignored(_)), "{wall}");
    }
    machine.clock.set_wall(MachineClock::START + 1_000_000);
    let (_, outcome) = machine.restarted().await;
    assert!(used(&outcome));
    std::fs::write(&file, &damaged).unwrap();
    machine.publish(&["b"]);
    machine.run(machine.source()).await;
    let (Process { keys, .. }, _) = machine.restarted().await;
    assert_eq!(kids(&keys, 0), ["b"]);
}

#[tokio::test]
async fn k07_retained_keys_keep_their_time_through_a_restart() {
    let machine = Machine::new("life-retained").await;
    let with_retention = || {
        let mut source = machine.source();
        source.timing.retention = Duration::from_secs(10 * HOUR);
        source
    };
    let (old, new) = (jwk("old"), jwk("new"));
    machine.issuer.json("/jwks", &document(&[&old, &new]));
    let Process { keys, told } = machine.process(with_retention());
    keys.start();
    told.until_snapshots(|events| events.len() == 1).await;
    keys.stop();
    machine.issuer.json("/jwks", &document(&[&new]));
    let after = machine.process(with_retention());
    after.keys.inherit(&keys);
    machine.clock.advance(HOUR);
    after.keys.start();
    after.told.until_snapshots(|events| events.len() == 1).await;
    after.keys.stop();
    machine.clock.advance(4 * HOUR);
    let last = machine.process(with_retention());
    last.keys.load_snapshots().await;
    let status = &last.keys.status()[0];
    assert_eq!(kids(&last.keys, 0), ["new", "old"]);
    assert_eq!(
        status.keys[1].retained,
        Some(Duration::from_secs(6 * HOUR - 1))
    );
    machine.clock.advance(6 * HOUR);
    assert_eq!(kids(&last.keys, 0), ["new"]);
    // Without retention it is gone at once.
    let (Process { keys, .. }, _) = machine.restarted().await;
    assert_eq!(kids(&keys, 0), ["new"]);
}

#[tokio::test]
async fn what_is_in_memory_wins_over_a_snapshot_at_a_reload_and_keeps_what_it_is() {
    let machine = Machine::after_a_run("life-reload", &["a"]).await;
    machine.clock.advance(HOUR);
    let (before, _) = machine.restarted().await;
    // Somebody puts another snapshot there meanwhile.
    std::fs::remove_file(machine.snapshot()).unwrap();
    let after = machine.process(machine.source());
    after.keys.inherit(&before.keys);
    assert!(after.keys.load_snapshots().await.is_empty());
    let status = &after.keys.status()[0];
    assert_eq!(status.keys_from, Some(KeysFrom::Snapshot));
    assert_eq!(status.age, Some(Duration::from_secs(HOUR + 1)));
    after.keys.start();
    after.told.until(|told| !told.is_empty()).await;
    after.keys.stop();
    assert!(after.told.snapshots().is_empty(), "it is not written again");
    assert!(machine.directory.names().is_empty());
}

#[tokio::test]
async fn fetched_keys_are_written_where_a_reloaded_configuration_wants_them_although_the_issuer_is_away()
 {
    let machine = Machine::new("life-new-directory").await;
    machine.publish(&["a"]);
    let mut nowhere = machine.source();
    nowhere.snapshot_dir = None;
    let before = machine.process(nowhere);
    before.keys.fetch_once().await;
    machine.issuer.answer("/jwks", Answer::Stall);
    machine.clock.advance(HOUR);
    let after = machine.process(machine.source());
    after.keys.inherit(&before.keys);
    after.keys.start();
    after.told.until_snapshots(|events| events.len() == 1).await;
    after.keys.stop();
    let (Process { keys, .. }, outcome) = machine.restarted().await;
    let age = Duration::from_secs(HOUR + 1);
    assert_eq!(outcome, SnapshotOutcome::Used { keys: 1, age });
    assert_eq!(kids(&keys, 0), ["a"]);
}

#[tokio::test]
async fn the_same_keys_are_not_written_at_each_refresh() {
    let machine = Machine::new("life-wear").await;
    machine.publish(&["a"]);
    let Process { keys, told } = machine.process(machine.restless());
    keys.start();
    told.until_snapshots(|events| events.len() == 1).await;
    for _ in 0..3 {
        machine.refreshed(&told).await;
    }
    assert_eq!(told.snapshots(), [SnapshotEvent::Written]);
    machine.clock.advance(HOUR);
    told.until_snapshots(|events| events.len() == 2).await;
    for _ in 0..3 {
        machine.refreshed(&told).await;
    }
    assert_eq!(told.snapshots(), [SnapshotEvent::Written; 2]);
    machine.publish(&["b"]);
    machine.refreshed(&told).await;
    told.until_snapshots(|events| events.len() == 3).await;
    keys.stop();
}

#[tokio::test]
async fn a_disk_that_fails_is_told_and_tried_again_and_nothing_else_notices() {
    let machine = Machine::new("life-disk").await;
    machine.publish(&["a"]);
    std::fs::remove_dir(&machine.directory.0).unwrap();
    let Process { keys, told } = machine.process(machine.restless());
    assert!(matches!(
        keys.load_snapshots().await[0].outcome,
        SnapshotOutcome::Absent
    ));
    keys.start();
    told.until_snapshots(|events| events.len() == 1).await;
    machine.refreshed(&told).await;
    told.until_snapshots(|events| events.len() == 2).await;
    assert!(
        told.snapshots()
            .iter()
            .all(|event| *event == SnapshotEvent::NotWritten)
    );
    assert_eq!(kids(&keys, 0), ["a"]);
    let status = keys.status()[0].snapshot.clone().unwrap();
    let error = status.last_error.unwrap();
    assert!(error.contains("no such file or directory"), "{error}");
    assert_eq!(status.age, None);
    std::fs::create_dir(&machine.directory.0).unwrap();
    machine.refreshed(&told).await;
    told.until_snapshots(|events| events.last() == Some(&SnapshotEvent::Written))
        .await;
    assert_eq!(keys.status()[0].snapshot.as_ref().unwrap().last_error, None);
    keys.stop();
}

#[tokio::test]
async fn commands_that_end_soon_write_nothing() {
    let machine = Machine::new("life-commands").await;
    machine.publish(&["a"]);
    let Process { keys, told } = machine.process(machine.source());
    assert_eq!(keys.read_files_once().await, [Ok(())]);
    assert_eq!(machine.issuer.requests(), 0);
    assert_eq!(keys.fetch_once().await, [Ok(())]);
    assert!(told.snapshots().is_empty() && machine.directory.names().is_empty());
}

#[tokio::test]
async fn a_snapshot_with_another_owners_keys_under_this_name_is_ignored() {
    let machine = Machine::after_a_run("life-foreign", &["a"]).await;
    let file = machine.snapshot();
    let mut other = machine.source();
    other.policy.allow_public_default_key = true;
    machine.publish(&["b"]);
    machine.run(other).await;
    let names = machine.directory.names();
    assert_eq!(names.len(), 2, "each has a file of its own");
    let others = names.iter().map(|name| machine.directory.0.join(name));
    let others = others.into_iter().find(|path| *path != file).unwrap();
    std::fs::rename(others, &file).unwrap();
    let (Process { keys, .. }, outcome) = machine.restarted().await;
    let SnapshotOutcome::Ignored(why) = outcome else {
        panic!("{outcome:?}")
    };
    assert!(why.starts_with("it is of another issuer"), "{why}");
    assert!(!keys.ready());
}
