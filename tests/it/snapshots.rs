//! A gate that is started while its issuer is away, and the keys of its last run.

use std::net::TcpStream;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::harness::{Application, Gate, Issuer, claimgate, eventually, request, scratch};

struct House {
    issuer: Issuer,
    application: Application,
    directory: PathBuf,
    configuration: String,
}

impl House {
    /// `times` as in `keys: {refresh_interval: 10s}`.
    fn new(times: &str) -> Self {
        let (issuer, application) = (Issuer::start(), Application::start());
        let directory = scratch("snapshots");
        std::fs::create_dir_all(&directory).unwrap();
        let configuration = format!(
            "upstream: http://127.0.0.1:{}\nissuers:\n  - {{name: test, provider: oidc, issuer: '{}', audiences: [api], keys: {{refetch_interval: 1s, {times}}}}}\nkeys_snapshot_dir: '{}'\n",
            application.port,
            issuer.url,
            directory.display()
        );
        Self {
            issuer,
            application,
            directory,
            configuration,
        }
    }

    /// One life of a gate with its issuer, ended by a signal that leaves no time, and then the issuer ends too.
    fn after_a_run(times: &str) -> Self {
        let house = Self::new(times);
        let gate = Gate::start(&house.configuration);
        eventually("the snapshot", || {
            (gate.metric("claimgate_keys_snapshot_writes_total", "result=\"ok\"") >= 1.0)
                .then_some(())
        });
        drop(gate);
        house.issuer.go_away();
        house
    }

    fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(&self.directory).unwrap();
        entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect()
    }

    fn command(&self, arguments: &[&str]) -> (std::process::Output, PathBuf) {
        let file = scratch("yaml");
        std::fs::write(&file, &self.configuration).unwrap();
        let output = claimgate(&[arguments, &["--config", file.to_str().unwrap()]].concat());
        (output, file)
    }
}

impl Drop for House {
    fn drop(&mut self) {
        let _gone = std::fs::remove_dir_all(&self.directory);
    }
}

fn status(gate: &Gate, token: &str) -> u16 {
    request(gate.port, "GET /", Some(token), "").status
}

fn issuers(gate: &Gate) -> Value {
    serde_json::from_str(&gate.admin("/issuers").1).unwrap()
}

/// The log is written behind what happens.
fn wait_for_log(gate: &Gate, message: &str) {
    eventually(message, || gate.log().contains(message).then_some(()));
}

#[test]
fn k12_a_gate_that_is_started_while_the_issuer_is_away_serves_with_the_keys_of_its_last_run() {
    let house = House::after_a_run("refresh_interval: 5m");
    assert_eq!(house.names().len(), 1, "{:?}", house.names());
    let token = house.issuer.token(json!({}));
    let fetches = house.issuer.fetches();

    let began = Instant::now();
    let gate = Gate::spawn(&[], &house.configuration);
    while TcpStream::connect(("127.0.0.1", gate.port)).is_err() {
        assert!(began.elapsed() < Duration::from_secs(20), "{}", gate.log());
        std::thread::sleep(Duration::from_millis(1));
    }
    // The very first request: it waits for nothing.
    let first = status(&gate, &token);
    let took = began.elapsed();
    assert_eq!(first, 200);
    eprintln!("from exec to the first 200 with the issuer away: {took:?}");

    assert_eq!(house.application.requests().len(), 1);
    assert_eq!(gate.admin("/readyz").0, 200);
    assert_eq!(house.issuer.fetches(), fetches);
    assert_eq!(
        gate.metric("claimgate_key_fetches_total", "result=\"ok\""),
        0.0
    );
    assert_eq!(gate.metric("claimgate_keys_from_snapshot", "test"), 1.0);
    let max_stale = gate.metric("claimgate_keys_max_stale_seconds", "test");
    assert_eq!(max_stale, 86_400.0);
    let last = gate.metric("claimgate_keys_last_success_timestamp_seconds", "test");
    assert!(last > 1_700_000_000.0, "{last}");
    let shown = issuers(&gate);
    let issuer = &shown["issuers"][0];
    assert_eq!(issuer["keys_from"], "snapshot");
    assert_eq!(issuer["keys"][0]["kid"], "key-1");
    assert!(issuer["trusted_for_seconds"].as_u64().unwrap() > 86_000);
    let file = issuer["sources"][0]["snapshot"]["file"].as_str().unwrap();
    assert_eq!(
        file,
        house.directory.join(&house.names()[0]).to_str().unwrap()
    );
    wait_for_log(
        &gate,
        "keys of the last run are in use until they are fetched",
    );

    house.issuer.come_back();
    eventually("a fetch", || {
        (gate.metric("claimgate_keys_from_snapshot", "test") == 0.0).then_some(())
    });
    assert_eq!(issuers(&gate)["issuers"][0]["keys_from"], "fetched");
    assert_eq!(issuers(&gate)["issuers"][0]["consecutive_failures"], 0);
    wait_for_log(&gate, "keys are here");
}

#[test]
fn k06_a_snapshot_is_trusted_until_max_stale_and_then_neither_by_this_gate_nor_by_the_next() {
    let house = House::after_a_run("refresh_interval: 10s, max_stale: 12s");
    let token = house.issuer.token(json!({}));
    let gate = Gate::start_unready(&house.configuration);
    assert_eq!(status(&gate, &token), 200);
    let answer = eventually("the end of trust", || {
        let answer = request(gate.port, "GET /", Some(&token), "");
        (answer.status != 200).then_some(answer)
    });
    assert_eq!(
        (answer.status, answer.reason()),
        (503, "keys_unavailable".to_owned())
    );
    assert!(answer.header("retry-after").is_some());
    assert_eq!(gate.admin("/readyz").0, 200, "keys were had once");
    assert_eq!(issuers(&gate)["issuers"][0]["trusted_for_seconds"], 0);
    const TOO_OLD: &str = "the last good keys are older than `max_stale`";
    wait_for_log(&gate, TOO_OLD);
    wait_for_log(&gate, "bring the issuer back");

    // Ages are rounded up by as much as the clocks leave open, and not by the same in each process.
    std::thread::sleep(Duration::from_secs(2));
    let next = Gate::start_unready(&house.configuration);
    assert_eq!(status(&next, &token), 503);
    assert_eq!(next.admin("/readyz").0, 503);
    wait_for_log(&next, "keys of the last run are not used");

    house.issuer.come_back();
    for gate in [&gate, &next] {
        eventually("keys", || (status(gate, &token) == 200).then_some(()));
    }
    wait_for_log(&gate, "keys are here again");
    assert_eq!(gate.log().matches(TOO_OLD).count(), 1, "{}", gate.log());
}

#[test]
fn k06_k12_a_reload_goes_on_with_the_keys_of_the_last_run_at_their_age() {
    let house = House::after_a_run("refresh_interval: 5m");
    let file = house.directory.join(&house.names()[0]);
    let written = std::fs::metadata(&file).unwrap().modified().unwrap();
    let token = house.issuer.token(json!({}));
    let gate = Gate::start(&house.configuration);
    let fetched = || gate.metric("claimgate_keys_last_success_timestamp_seconds", "test");
    let before = fetched();
    let text = std::fs::read_to_string(&gate.file).unwrap();
    let routes = "routes: [{path: /new}]\n";
    std::fs::write(&gate.file, format!("{text}{routes}")).unwrap();
    let sent = std::process::Command::new("kill")
        .args(["-HUP", &gate.pid().to_string()])
        .status();
    assert!(sent.unwrap().success());
    eventually("the new routes", || {
        (request(gate.port, "GET /", Some(&token), "").status == 403).then_some(())
    });
    let answer = request(gate.port, "GET /new", Some(&token), "");
    assert_eq!(answer.status, 200);
    assert_eq!(gate.metric("claimgate_keys_from_snapshot", "test"), 1.0);
    assert_eq!(issuers(&gate)["issuers"][0]["keys_from"], "snapshot");
    // Whole seconds, counted from two clocks.
    assert!((fetched() - before).abs() <= 2.0);
    let now = std::fs::metadata(&file).unwrap().modified().unwrap();
    assert_eq!(now, written, "what was read is not written again");
}

#[test]
fn k06_a_damaged_snapshot_is_not_used_and_the_gate_says_why() {
    let house = House::after_a_run("refresh_interval: 5m");
    let file = house.directory.join(&house.names()[0]);
    let mut bytes = std::fs::read(&file).unwrap();
    let last = bytes.len() - 20;
    bytes[last] ^= 1;
    std::fs::write(&file, &bytes).unwrap();
    let gate = Gate::start_unready(&house.configuration);
    let token = house.issuer.token(json!({}));
    assert_eq!(status(&gate, &token), 503);
    assert_eq!(gate.admin("/readyz").0, 503);
    wait_for_log(&gate, "it is damaged");
    house.issuer.come_back();
    eventually("keys", || (status(&gate, &token) == 200).then_some(()));
    eventually("another snapshot", || {
        (std::fs::read(&file).unwrap() != bytes).then_some(())
    });
}

#[test]
fn a_directory_that_cannot_be_used_is_a_warning_and_never_a_failure() {
    let mut house = House::new("refresh_interval: 5m");
    let missing = house.directory.join("missing");
    house.configuration = house.configuration.replace(
        &format!("'{}'", house.directory.display()),
        &format!("'{}'", missing.display()),
    );
    let (output, _) = house.command(&["check", "--json"]);
    assert_eq!(output.status.code(), Some(0));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let problem = &report["problems"][0];
    assert_eq!(
        (&problem["path"], &problem["severity"], &problem["line"]),
        (&json!("keys_snapshot_dir"), &json!("warning"), &json!(4))
    );
    let (output, _) = house.command(&["check", "--json", "--no-files"]);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["problems"], json!([]));

    let gate = Gate::start(&house.configuration);
    assert_eq!(status(&gate, &house.issuer.token(json!({}))), 200);
    eventually("the failure", || {
        (gate.metric("claimgate_keys_snapshot_writes_total", "result=\"failed\"") >= 1.0)
            .then_some(())
    });
    wait_for_log(&gate, "keys cannot be remembered for the next start");
    let shown = issuers(&gate);
    let error = &shown["issuers"][0]["sources"][0]["snapshot"]["last_error"];
    assert!(error.as_str().unwrap().contains("missing"), "{shown:#}");
}

#[test]
fn explain_takes_a_snapshot_when_nothing_can_be_fetched_and_writes_none() {
    let house = House::after_a_run("refresh_interval: 5m");
    let file = house.directory.join(&house.names()[0]);
    let before = std::fs::read(&file).unwrap();
    let token = house.issuer.token(json!({}));
    for arguments in [
        &["explain", "--json", "--offline"][..],
        &["explain", "--json"],
    ] {
        let (output, _) = house.command(&[arguments, &[&token]].concat());
        let verdict: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(verdict["decision"], "allow", "{verdict:#}");
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(
            said.contains("note: the keys of issuer `test` are those of a snapshot, fetched "),
            "{said}"
        );
    }
    // With the issuer there, its keys count; and no command leaves anything behind.
    house.issuer.come_back();
    std::fs::remove_file(&file).unwrap();
    let (output, _) = house.command(&["explain", "--json", &token]);
    assert_eq!(output.status.code(), Some(0));
    let (output, _) = house.command(&["check", "--online"]);
    assert_eq!(output.status.code(), Some(0));
    assert!(house.names().is_empty(), "{:?}", house.names());
    std::fs::write(&file, &before[..before.len() / 2]).unwrap();
    house.issuer.go_away();
    let (output, _) = house.command(&["explain", "--json", "--offline", &token]);
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("is not used: it is damaged"), "{said}");
}

#[test]
fn a_snapshot_holds_public_keys_and_is_for_nobody_else() {
    use std::os::unix::fs::MetadataExt;
    let house = House::after_a_run("refresh_interval: 5m");
    let file = house.directory.join(&house.names()[0]);
    assert_eq!(std::fs::metadata(&file).unwrap().mode() & 0o777, 0o600);
    let text = std::fs::read_to_string(&file).unwrap();
    let body: Value = serde_json::from_str(text.split_once('\n').unwrap().1).unwrap();
    let mut expected = house.issuer.key.jwk();
    expected.as_object_mut().unwrap().remove("use");
    assert_eq!(body["keys"], json!([{"jwk": expected, "good_until": null}]));
}
