//! Reloads under load: by SIGHUP, good and bad ones, and by a changed file alone.

use std::sync::atomic::Ordering;

use serde_json::json;

use crate::harness::{Application, Gate, Issuer, configuration, eventually};
use crate::steady::Load;

const CLIENTS: usize = 4;
/// Each so manieth file is none.
const BAD_EVERY: usize = 7;

pub fn run(signals: usize, changes: usize) {
    let (issuer, application) = (Issuer::start(), Application::start());
    let token = issuer.token(json!({}));
    let text = |number: usize| {
        let more =
            format!("log: {{access: off}}\nidentity: {{headers: {{X-Number-{number}: sub}}}}\n");
        configuration(&issuer, &application, &more)
    };
    let gate = Gate::start(&text(0));
    let write = |text: &str| {
        let listeners = format!(
            "listen: 127.0.0.1:{}\nadmin: 127.0.0.1:{}\n",
            gate.port, gate.admin
        );
        std::fs::write(&gate.file, format!("{listeners}{text}")).unwrap();
    };
    let told = || {
        let log = gate.log();
        (
            log.matches("configuration was reloaded").count(),
            log.matches("was not reloaded").count(),
        )
    };
    let load = Load::default();
    std::thread::scope(|scope| {
        let _ending = load.begin(scope, CLIENTS, gate.port, &token);
        let (mut good, mut bad) = (0, 0);
        for number in 1..=signals + changes {
            if number % BAD_EVERY == 0 {
                bad += 1;
                write("issuers: [");
            } else {
                good += 1;
                write(&text(number));
            }
            if number <= signals {
                gate.signal("HUP");
            }
            eventually("the reload", || (told() == (good, bad)).then_some(()));
        }
        println!(
            "{good} reloads and {bad} refused ones under load, {changes} of them without a signal"
        );
    });
    let of = |counter: &std::sync::atomic::AtomicUsize| counter.load(Ordering::SeqCst);
    println!(
        "    {} answers, {} failed",
        of(&load.answers),
        of(&load.failed)
    );
    assert_eq!((of(&load.failed), of(&load.refused)), (0, 0));
}
