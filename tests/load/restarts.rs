//! One gate takes over from another on the same port, again and again: SIGTERM, and the next one starts when the port is free.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::harness::{Application, Issuer, Launch, configuration, eventually, listens, scratch};
use crate::steady::Load;

const CLIENTS: usize = 6;
/// Answers of each gate before it is replaced.
const AT_LEAST: usize = 300;

pub fn run(restarts: usize) {
    let (issuer, application) = (Issuer::start(), Application::start());
    let token = issuer.token(json!({}));
    // The next gate has its keys when it begins to listen: without them it would say 503 until they are fetched.
    let snapshots = scratch("keys");
    std::fs::create_dir(&snapshots).unwrap();
    let more = format!(
        "log: {{access: off}}\nkeys_snapshot_dir: {}\n",
        snapshots.display()
    );
    let text = configuration(&issuer, &application, &more);
    let mut gate = Launch::default().start(&text);
    let ports = (gate.port, gate.admin);
    let load = Load::default();
    let of = |counter: &AtomicUsize| counter.load(Ordering::SeqCst);
    let mut longest = Duration::ZERO;
    std::thread::scope(|scope| {
        let _ending = load.begin(scope, CLIENTS, ports.0, &token);
        for _ in 0..restarts {
            let before = of(&load.answers);
            eventually("answers", || {
                (of(&load.answers) >= before + AT_LEAST).then_some(())
            });
            gate.signal("TERM");
            let told = Instant::now();
            eventually("the port", || (!listens(ports.0)).then_some(()));
            // Both ports: the old gate shows its pages until its last request is done.
            assert_eq!(gate.exit_code(), Some(0));
            let next = Launch {
                ports: Some(ports),
                ..Launch::default()
            };
            gate = next.start(&text);
            longest = longest.max(told.elapsed());
        }
        let before = of(&load.answers);
        eventually("answers", || {
            (of(&load.answers) >= before + AT_LEAST).then_some(())
        });
    });
    println!("{restarts} restarts under load, from SIGTERM to ready in {longest:?} at most");
    println!(
        "    {} answers, {} connections refused in between, {} failed",
        of(&load.answers),
        of(&load.refused),
        of(&load.failed)
    );
    assert_eq!(of(&load.failed), 0);
}
