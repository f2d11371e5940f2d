//! The application dies, or the network on the way to it.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;

use super::{exchange, head, upstream_at};
use crate::harness::{
    Application, Chaos, Gate, Issuer, Launch, Trouble, eventually, request, send,
};

const WITH_LENGTH: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n0123456789";
const CHUNKED: &[u8] =
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n01234\r\n5\r\n56789\r\n0\r\n\r\n";

fn outcomes(gate: &Gate, name: &str) -> f64 {
    let label = format!("outcome=\"{name}\"");
    gate.metric("claimgate_upstream_requests_total", &label)
}

/// Whether an answer is whole by its own framing.
fn is_whole(answer: &[u8]) -> bool {
    let text = String::from_utf8_lossy(answer);
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    let head = head.to_ascii_lowercase();
    if head.contains("transfer-encoding: chunked") {
        return body.ends_with("0\r\n\r\n");
    }
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))
        .and_then(|length| length.parse().ok());
    length == Some(body.len())
}

#[test]
fn an_answer_that_is_cut_anywhere_is_a_502_before_its_head_is_whole_and_never_whole_after() {
    let issuer = Issuer::start();
    let token = issuer.token(json!({}));
    for answer in [WITH_LENGTH, CHUNKED] {
        let application = Application::answering(answer);
        let network = Chaos::before(application.port, 1);
        let gate = Gate::start(&upstream_at(&issuer, network.port, ""));
        let of_head = answer.windows(4).position(|w| w == b"\r\n\r\n").unwrap() + 4;
        let asked = head("GET /", &token, "Connection: close\r\n");
        let mut dead = 0.0;
        for after in 0..answer.len() {
            for trouble in [Trouble::Cut(after), Trouble::End(after)] {
                network.becomes(Trouble::None, trouble);
                let got = exchange(gate.port, &asked);
                let text = String::from_utf8_lossy(&got);
                dead += 1.0;
                if after < of_head {
                    assert!(text.starts_with("HTTP/1.1 502 "), "{trouble:?}: {text}");
                    assert!(text.contains("upstream_reset"), "{trouble:?}: {text}");
                } else {
                    // A reset may overtake the head: then nothing has come, or a 502.
                    let begun = got.is_empty()
                        || text.starts_with("HTTP/1.1 200 ")
                        || text.starts_with("HTTP/1.1 502 ");
                    assert!(begun, "{trouble:?}: {text}");
                    let refused = text.starts_with("HTTP/1.1 502 ");
                    assert!(refused || !is_whole(&got), "{trouble:?}: {text}");
                }
            }
        }
        eventually("every one is counted", || {
            (outcomes(&gate, "reset") == dead).then_some(())
        });
        network.becomes(Trouble::None, Trouble::None);
        let got = exchange(gate.port, &asked);
        assert!(is_whole(&got), "{}", String::from_utf8_lossy(&got));
        assert!(outcomes(&gate, "answered") >= 1.0);
    }
}

#[test]
fn an_answer_of_garbage_is_a_502_and_garbage_in_it_never_completes_it() {
    let issuer = Issuer::start();
    let token = issuer.token(json!({}));
    let application = Application::answering(CHUNKED);
    let asked = head("GET /", &token, "Connection: close\r\n");
    for seed in 0..5 {
        let network = Chaos::before(application.port, seed);
        let gate = Gate::start(&upstream_at(&issuer, network.port, ""));
        for after in [0, 9, 30, 52, 57, CHUNKED.len() - 5] {
            network.becomes(Trouble::None, Trouble::Garbage(after));
            let got = exchange(gate.port, &asked);
            let refused = got.starts_with(b"HTTP/1.1 502 ");
            // Behind the last chunk's size garbage is a trailer, or is not; the client sees an end only if there was one.
            assert!(
                refused || !is_whole(&got) || got.ends_with(b"5\r\n56789\r\n0\r\n\r\n"),
                "{seed} {after}: {}",
                String::from_utf8_lossy(&got)
            );
            assert!(after > 0 || refused, "{seed}");
        }
    }
}

#[test]
fn a_network_that_slices_and_delays_changes_no_byte() {
    let (issuer, application) = (Issuer::start(), Application::start());
    let token = issuer.token(json!({}));
    let behind = Chaos::before(application.port, 7);
    let gate = Gate::start(&upstream_at(&issuer, behind.port, ""));
    let before = Chaos::before(gate.port, 8);
    let late = Trouble::Delay(Duration::from_millis(20));
    let body: String = (0..16 * 1024)
        .map(|n| char::from(b'a' + (n % 26) as u8))
        .collect();
    for (there, back) in [(Trouble::Slice, Trouble::Slice), (late, late)] {
        behind.becomes(there, back);
        before.becomes(there, back);
        for framing in [
            format!("Content-Length: {}\r\n\r\n{body}", body.len()),
            format!(
                "Transfer-Encoding: chunked\r\n\r\n{:x}\r\n{body}\r\n0\r\n\r\n",
                body.len()
            ),
        ] {
            let bytes = format!(
                "POST / HTTP/1.1\r\nHost: gate.test\r\nAuthorization: Bearer {token}\r\n{framing}"
            );
            let answer = send(before.port, bytes.as_bytes(), 1).remove(0);
            assert_eq!((answer.status, answer.body.as_slice()), (200, &b"ok\n"[..]));
            let seen = application.requests().pop().unwrap();
            assert_eq!(seen.body, body.as_bytes());
        }
    }
}

#[test]
fn an_application_that_only_closes_its_half_after_the_answer_is_answered_for() {
    let (issuer, application) = (Issuer::start(), Application::start());
    let token = issuer.token(json!({}));
    let network = Chaos::before(application.port, 3);
    // Nothing is after the answer: the end comes with it.
    network.becomes(Trouble::None, Trouble::HalfClose(41));
    let gate = Gate::start(&upstream_at(&issuer, network.port, ""));
    for _ in 0..20 {
        let answer = request(gate.port, "GET /", Some(&token), "");
        assert_eq!((answer.status, answer.body.as_slice()), (200, &b"ok\n"[..]));
    }
}

#[test]
fn an_application_that_stalls_in_its_head_is_a_504_and_loses_its_connection() {
    let (issuer, application) = (Issuer::start(), Application::start());
    let token = issuer.token(json!({}));
    let network = Chaos::before(application.port, 3);
    let gate = Gate::start(&format!(
        "upstream: {{url: 'http://127.0.0.1:{}', response_timeout: 500ms}}\nissuers: [{{name: test, provider: oidc, issuer: {}, audiences: [api]}}]\n",
        network.port, issuer.url
    ));
    for after in [0, 12] {
        network.becomes(Trouble::None, Trouble::Stall(after));
        let answer = request(gate.port, "GET /", Some(&token), "");
        assert_eq!(
            (answer.status, answer.reason().as_str()),
            (504, "upstream_timeout")
        );
    }
    assert_eq!(outcomes(&gate, "timeout"), 2.0);
    network.becomes(Trouble::None, Trouble::None);
    let connections = network.accepted();
    assert_eq!(request(gate.port, "GET /", Some(&token), "").status, 200);
    assert_eq!(network.accepted(), connections + 1);
}

/// A gate stands for the application: a process that the kernel cleans up after.
#[test]
fn an_application_that_is_killed_under_load_costs_502_and_a_new_one_serves_at_once() {
    let (issuer, last) = (Issuer::start(), Application::start());
    let token = issuer.token(json!({}));
    let public = format!(
        "upstream: http://127.0.0.1:{}\nissuers: [{{name: test, provider: oidc, issuer: {}, audiences: [api]}}]\nroutes: [{{path: /*, access: public}}]\n",
        last.port, issuer.url
    );
    let application = Launch::default().start(&public);
    let ports = (application.port, application.admin);
    let gate = Gate::start(&upstream_at(&issuer, application.port, ""));
    let (stop, failed, whole) = (
        AtomicBool::new(false),
        AtomicUsize::new(0),
        AtomicUsize::new(0),
    );
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while !stop.load(Ordering::SeqCst) {
                    let answer = request(gate.port, "GET /", Some(&token), "");
                    match answer.status {
                        200 => {
                            assert_eq!(answer.body, b"ok\n");
                            whole.fetch_add(1, Ordering::SeqCst);
                        }
                        502 => {
                            let reason = answer.reason();
                            assert!(
                                ["upstream_reset", "upstream_unreachable"]
                                    .contains(&reason.as_str())
                            );
                            failed.fetch_add(1, Ordering::SeqCst);
                        }
                        other => panic!("{other}: {}", answer.head),
                    }
                }
            });
        }
        eventually("load", || (whole.load(Ordering::SeqCst) > 50).then_some(()));
        // SIGKILL.
        drop(application);
        eventually("failures", || {
            (failed.load(Ordering::SeqCst) > 20).then_some(())
        });
        let again = Launch {
            ports: Some(ports),
            ..Launch::default()
        };
        let _application = again.start(&public);
        let started = Instant::now();
        let before = whole.load(Ordering::SeqCst);
        eventually("answers", || {
            (whole.load(Ordering::SeqCst) > before + 50).then_some(())
        });
        println!("served again after {:?}", started.elapsed());
        stop.store(true, Ordering::SeqCst);
    });
}
