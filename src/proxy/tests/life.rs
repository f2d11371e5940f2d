//! Over real sockets: panics, new configurations, drains, logs, and waiting for keys.

use std::io::{Read, Write};

use super::testing::*;
use crate::identity::encoding::Encoding;
use crate::identity::format::Format;
use crate::identity::mapping::{ClaimSource, DEFAULT_MAX_BYTES, Missing};
use crate::identity::{HeaderRule, Mapping};
use crate::policy::Access;
use crate::proxy::listen::{ConnectionLimit, Phase};
use crate::proxy::*;
use crate::verify::testing as tokens;

#[test]
fn a_panic_ends_one_request_only() {
    struct Broken(std::sync::atomic::AtomicBool);
    impl Clock for Broken {
        fn now(&self) -> crate::clock::Moment {
            assert!(
                !self.0.swap(false, std::sync::atomic::Ordering::SeqCst),
                "a test breaks the clock once"
            );
            tokens::at(tokens::NOW)
        }
    }
    let app = App::plain();
    let mut broken = gate(app.address, None);
    broken.clock = Arc::new(Broken(true.into()));
    let gate = Running::start(broken);
    let answer = gate.send(get("/", &bearer()));
    assert_eq!(answer.status, 500);
    assert_eq!(app.connections(), 0);
    assert_eq!(gate.send(get("/", &bearer())).status, 200);
    gate.wait_count("claimgate_requests_in_flight 0");
}

#[test]
fn a_new_gate_counts_from_the_next_request_on() {
    let (first, second) = (App::plain(), App::plain());
    let running = Running::before(&first);
    let mut client = running.connect();
    client.write(get("/", &bearer()));
    assert_eq!(client.answer().status, 200);
    running.gate.store(Arc::new(gate(second.address, None)));
    client.write(get("/", &bearer()));
    assert_eq!(client.answer().status, 200);
    assert_eq!((first.requests().len(), second.requests().len()), (1, 1));
    running.wait_count("claimgate_token_cache_entries 0");
}

#[test]
fn a_new_gate_forgets_the_tokens_of_the_old_one_although_an_answer_of_it_goes_on() {
    let events = App::start(|stream, _| {
        let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n6\r\ndata: \r\n";
        stream.write_all(head.as_bytes()).unwrap();
        // Until the gate lets go of it.
        let _ = stream.read(&mut [0]);
        false
    });
    let app = App::plain();
    let running = Running::before(&events);
    let mut listener = running.connect();
    listener.write(get("/", &bearer()));
    assert_ne!(listener.stream.read(&mut [0; 1024]).unwrap(), 0);
    running.wait_count("claimgate_token_cache_entries 1");
    running.gate.store(Arc::new(gate(app.address, None)));
    assert_eq!(running.send(get("/", &bearer())).status, 200);
    running.wait_count("claimgate_token_cache_entries 0");
    assert!(running.counts("claimgate_requests_in_flight 1"));
}

#[test]
fn c04_a_new_gate_writes_its_own_lines_for_a_token_that_the_old_one_remembers() {
    let app = App::plain();
    let running = Running::before(&app);
    let mut client = running.connect();
    let mut request = || {
        client.write(get("/", &bearer()));
        assert_eq!(client.answer().status, 200);
    };
    request();
    request();
    let mut new = gate(app.address, None);
    new.mapping = Mapping::of(
        vec![HeaderRule {
            header: http::HeaderName::from_static("x-auth-username"),
            spelling: "X-Auth-Username".to_owned(),
            source: ClaimSource::Claim(vec!["sub".to_owned()]),
            format: Format::Text,
            encoding: Encoding::Base64Url,
            missing: Missing::Reject,
            max_bytes: None,
        }],
        DEFAULT_MAX_BYTES,
    );
    running.gate.store(Arc::new(new));
    request();
    request();
    let requests = app.requests();
    let told = |number: usize| {
        let request: &Recorded = &requests[number];
        (
            request.one("x-auth-subject"),
            request.one("x-auth-username"),
        )
    };
    let (old, new) = ((Some("alice"), None), (None, Some("YWxpY2U")));
    assert_eq!([0, 1, 2, 3].map(told), [old, old, new, new]);
}

#[test]
fn a_drain_finishes_what_is_in_flight_and_closes_the_rest() {
    let (release, released) = std::sync::mpsc::channel::<()>();
    let released = std::sync::Mutex::new(released);
    let app = App::start(move |stream, request| {
        if request.line().contains("/slow") {
            released.lock().unwrap().recv().unwrap();
        }
        std::io::Write::write_all(stream, OK).is_ok()
    });
    let gate = Running::before(&app);
    let mut idle = gate.connect();
    idle.write(get("/", &bearer()));
    assert_eq!(idle.answer().status, 200);
    let mut busy = gate.connect();
    busy.write(get("/slow", &bearer()));
    app.wait_for(2);
    gate.tell(Phase::Draining);
    assert_eq!(idle.rest(), b"", "an idle connection closes");
    wait_until("the listener's end", || {
        std::net::TcpStream::connect(gate.address).is_err()
    });
    release.send(()).unwrap();
    let answer = busy.answer();
    assert_eq!(
        (answer.status, answer.body.as_slice()),
        (200, &b"hello"[..])
    );
    assert_eq!(answer.header("connection"), Some("close"));
    gate.join();
}

#[test]
fn a_request_that_is_under_way_when_the_drain_begins_is_answered_as_the_last() {
    let app = App::plain();
    for round in 0..10 {
        let gate = Running::before(&app);
        let (mut fresh, mut used, mut begun) = (gate.connect(), gate.connect(), gate.connect());
        for client in [&mut used, &mut begun] {
            client.write(get("/", &bearer()));
            assert_eq!(client.answer().status, 200);
        }
        let (first, rest) = ("GET / HTTP/1.1\r\nHo", "st: a\r\n");
        begun.write(first);
        gate.tell(Phase::Draining);
        wait_until("the listener's end", || {
            std::net::TcpStream::connect(gate.address).is_err()
        });
        fresh.write(get("/", &bearer()));
        used.write(get("/", ""));
        begun.write(format!("{rest}{}\r\n", bearer()));
        for (client, status) in [(&mut fresh, 200), (&mut used, 401), (&mut begun, 200)] {
            let answer = client.answer();
            assert_eq!(answer.status, status, "round {round}");
            assert_eq!(answer.header("connection"), Some("close"));
        }
        gate.join();
    }
}

#[test]
fn a_client_whose_answer_had_begun_before_the_drain_can_ask_once_more() {
    let (release, released) = std::sync::mpsc::channel::<()>();
    let released = std::sync::Mutex::new(released);
    let app = App::start(move |stream, request| {
        if !request.line().contains("/begun") {
            return std::io::Write::write_all(stream, OK).is_ok();
        }
        let (head, body) = (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe", b"llo");
        std::io::Write::write_all(stream, head).unwrap();
        released.lock().unwrap().recv().unwrap();
        std::io::Write::write_all(stream, body).is_ok()
    });
    let gate = Running::before(&app);
    let mut client = gate.connect();
    client.write(get("/begun", &bearer()));
    assert_eq!(client.stream.peek(&mut [0; 1]).unwrap(), 1);
    gate.tell(Phase::Draining);
    wait_until("the listener's end", || {
        std::net::TcpStream::connect(gate.address).is_err()
    });
    release.send(()).unwrap();
    let begun = client.answer();
    assert_eq!((begun.status, begun.header("connection")), (200, None));
    client.write(get("/", &bearer()));
    let last = client.answer();
    assert_eq!(
        (last.status, last.header("connection")),
        (200, Some("close"))
    );
    gate.join();
}

#[test]
fn an_abort_ends_everything_now() {
    let app = App::start(|_, _| {
        std::thread::sleep(BOUND);
        false
    });
    let gate = Running::before(&app);
    let mut busy = gate.connect();
    busy.write(get("/", &bearer()));
    app.wait_for(1);
    gate.tell(Phase::Draining);
    gate.tell(Phase::Aborting);
    gate.join();
    assert_eq!(busy.rest(), b"");
}

#[test]
fn h15_the_access_log_has_one_line_a_request_and_no_token_or_query() {
    use crate::telemetry::{AccessLog, AccessMode, LineFormat, LineWriter};
    let app = App::plain();
    let mut logging = gate(app.address, Some(vec![route("/app/*", Access::Required)]));
    let written = Written::default();
    let writer = LineWriter::start(written.clone(), logging.metrics.log_lines_dropped()).unwrap();
    logging.access_log =
        AccessLog::new(writer.clone(), LineFormat::Json, AccessMode::All).map(Arc::new);
    let gate = Running::start(logging);
    let expired = tokens::good(&format!("\"exp\":{}", tokens::NOW - 3600));
    let trace = "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n";
    assert_eq!(
        gate.send(get("/app/x?secret=1", &format!("{}{trace}", bearer())))
            .status,
        200
    );
    gate.send(get(
        "/app/y",
        &format!("Authorization: Bearer {expired}\r\n"),
    ))
    .is(401, "token_expired");
    gate.send(get("/other", "")).is(403, "no_route");
    assert_eq!(gate.send("GET / HTTP/1.1\r\nHost : a\r\n\r\n").status, 400);
    let lines = || {
        writer.flush(BOUND);
        String::from_utf8(written.0.lock().unwrap().clone()).unwrap()
    };
    wait_until("four lines", || lines().lines().count() == 4);
    let text = lines();
    assert!(
        !text.contains("secret") && !text.contains(&expired[..40]),
        "{text}"
    );
    assert!(
        !text.contains(tokens::good("").split('.').next_back().unwrap()),
        "{text}"
    );
    let mut parsed: Vec<serde_json::Value> = text
        .lines()
        .map(|l| serde_json::from_str(l).unwrap())
        .collect();
    parsed.sort_by_key(|line| line["url.path"].as_str().unwrap_or_default().to_owned());
    let of = |line: usize, member: &str| parsed[line][member].clone();
    assert_eq!(of(0, "auth.reason"), "bad_request");
    assert_eq!(of(0, "url.path"), serde_json::Value::Null);
    assert_eq!(of(1, "url.path"), "/app/x");
    assert_eq!(of(1, "http.route"), "/app/*");
    assert_eq!(of(1, "http.response.status_code"), 200);
    assert_eq!(of(1, "auth.decision"), "allow");
    assert_eq!(of(1, "auth.issuer"), "main");
    assert_eq!(of(1, "jwt.kid"), "k1");
    assert_eq!(of(1, "jwt.alg"), "RS256");
    assert_eq!(of(1, "trace_id"), "4bf92f3577b34da6a3ce929d0e0e4736");
    assert_eq!(of(1, "client.address"), "127.0.0.1");
    assert_eq!(of(2, "auth.reason"), "token_expired");
    assert_eq!(of(2, "jwt.kid"), "k1");
    assert_eq!(of(3, "auth.decision"), "forbid");
    assert_eq!(of(3, "http.route"), serde_json::Value::Null);
}

/// Keys from a file that a test writes, with the task that reads it on a thread of its own.
struct KeyFile {
    path: std::path::PathBuf,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
}

impl KeyFile {
    fn new(name: &str) -> Self {
        let name = format!("claimgate-{}-{name}.jwks", std::process::id());
        Self {
            path: std::env::temp_dir().join(name),
            stop: None,
        }
    }

    fn start(&mut self, keys: &Arc<Keys>) {
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        self.stop = Some(stop);
        let keys = Arc::clone(keys);
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                keys.start();
                let _ = stopped.await;
            });
        });
    }

    fn write(&self, keys: &[String]) {
        std::fs::write(&self.path, format!("{{\"keys\":[{}]}}", keys.join(","))).unwrap();
    }

    fn keys(&self, gate: &Gate) -> Arc<Keys> {
        use crate::keys::plan::Timing;
        use crate::keys::source::{FileFormat, Origin, SourceConfig};
        let source = SourceConfig {
            issuer: "main".into(),
            origin: Origin::File {
                path: self.path.clone(),
                format: FileFormat::Jwks,
            },
            timing: Timing {
                refresh_interval: Duration::from_secs(3600),
                refetch_interval: Duration::from_secs(3600),
                max_stale: Timing::DEFAULT_MAX_STALE,
                retention: Duration::ZERO,
            },
            policy: crate::jose::jwk::KeyPolicy::default(),
            required_for_ready: true,
            snapshot_dir: None,
        };
        Arc::new(Keys::new(
            vec![source],
            Arc::clone(&gate.clock),
            Arc::clone(&gate.metrics) as _,
        ))
    }
}

impl Drop for KeyFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

#[test]
fn k05_an_unknown_key_is_waited_for_once_and_then_refused_without_a_fetch() {
    let app = App::plain();
    let mut file = KeyFile::new("unknown");
    file.write(&[tokens::rsa().jwk(r#""kid":"k1""#)]);
    let mut rotating = gate(app.address, None);
    let keys = file.keys(&rotating);
    rotating.keys = Arc::clone(&keys);
    let gate = Running::start(rotating);
    file.start(&keys);
    wait_until("the first keys", || keys.ready());
    assert_eq!(gate.send(get("/", &bearer())).status, 200);

    file.write(&[
        tokens::rsa().jwk(r#""kid":"k1""#),
        tokens::other_rsa().jwk(r#""kid":"k2""#),
    ]);
    let signed = |kid: &str| {
        let header = format!(r#"{{"alg":"RS256","kid":"{kid}"}}"#);
        let token = tokens::mint(
            tokens::other_rsa(),
            crate::jose::algorithm::Algorithm::Rs256,
            &header,
            &tokens::claims(""),
        );
        format!("Authorization: Bearer {token}\r\n")
    };
    assert_eq!(
        gate.send(get("/", &signed("k2"))).status,
        200,
        "published before its first use: no false 401"
    );
    gate.send(get("/", &signed("k3"))).is(401, "unknown_key");
    gate.wait_count(r#"claimgate_key_fetches_total{issuer="main",result="ok"} 2"#);
    gate.wait_count(r#"claimgate_key_refreshes_suppressed_total{issuer="main"} 1"#);
}

#[test]
fn k12_without_keys_a_token_is_a_503_and_a_request_without_one_a_401() {
    let app = App::plain();
    let file = KeyFile::new("missing");
    let mut keyless = gate(app.address, None);
    keyless.keys = file.keys(&keyless);
    let gate = Running::start(keyless);
    let answer = gate.send(get("/", &bearer()));
    answer.is(503, "keys_unavailable");
    assert!(
        answer
            .header("retry-after")
            .unwrap()
            .parse::<u64>()
            .unwrap()
            >= 1
    );
    gate.send(get("/", "")).is(401, "missing_token");
    assert_eq!(app.connections(), 0);
}

#[test]
fn a_connection_that_the_kernel_let_in_before_the_drain_is_served() {
    let app = App::plain();
    for round in 0..30 {
        let gate = Running::before(&app);
        let mut client = gate.connect();
        client.write(get("/", &bearer()));
        gate.tell(Phase::Draining);
        assert_eq!(client.answer().status, 200, "round {round}");
        gate.join();
    }
}

#[test]
fn two_workers_share_one_socket_and_both_drain() {
    use crate::proxy::listen::spawn_worker;
    let app = App::plain();
    let shared = Arc::new(arc_swap::ArcSwap::from_pointee(gate(app.address, None)));
    let (listener, address) = loopback();
    let entry = entry(ConnectionLimit::new(100));
    let (phase, told) = tokio::sync::watch::channel(Phase::Running);
    let workers: Vec<_> = (0..2)
        .map(|n| {
            let own = listener.try_clone().unwrap();
            let name = format!("worker-{n}");
            spawn_worker(name, Arc::clone(&shared), own, entry.clone(), told.clone()).unwrap()
        })
        .collect();
    drop(listener);
    let mut clients: Vec<_> = (0..20).map(|_| Client::to(address)).collect();
    for client in &mut clients {
        client.write(get("/", &bearer()));
    }
    for client in &mut clients {
        assert_eq!(client.answer().status, 200);
    }
    phase.send(Phase::Draining).unwrap();
    for client in &mut clients {
        assert_eq!(client.rest(), b"");
    }
    wait_until("both workers' end", || {
        workers.iter().all(|w| w.is_finished())
    });
    wait_until("the socket's end", || {
        std::net::TcpStream::connect(address).is_err()
    });
}
