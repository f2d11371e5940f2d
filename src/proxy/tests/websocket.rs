//! Over real sockets: WebSocket handshakes, what opens a tunnel and what does not, and how tunnels end.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::testing::*;
use crate::policy::Access;
use crate::proxy::TunnelSettings;
use crate::proxy::listen::Phase;
use crate::verify::testing::{NOW, good};

/// The key and its accept of RFC 6455 §1.3.
const HANDSHAKE: &str = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
const SWITCH: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
const EARLY: &str = "GET /admin HTTP/1.1\r\nHost: a\r\nX-User: admin\r\n\r\n";

fn handshake(more: &str) -> String {
    get("/ws", &format!("{}{HANDSHAKE}{more}", bearer()))
}

/// Answers every request with these bytes.
fn answering(bytes: impl AsRef<[u8]> + Send + Sync + 'static) -> App {
    App::start(move |stream, _| stream.write_all(bytes.as_ref()).is_ok())
}

/// Switches, and then sends everything back until the end.
fn echo() -> App {
    App::start(|stream, _| {
        stream.write_all(SWITCH.as_bytes()).unwrap();
        let mut piece = [0; 16 * 1024];
        loop {
            match stream.read(&mut piece) {
                Ok(0) | Err(_) => return false,
                Ok(n) if stream.write_all(&piece[..n]).is_err() => return false,
                Ok(_) => {}
            }
        }
    })
}

fn read_exactly(stream: &mut TcpStream, count: usize) -> Vec<u8> {
    let mut bytes = vec![0; count];
    stream.read_exact(&mut bytes).unwrap();
    bytes
}

/// Whether the connection has ended, in whatever way.
fn ended(stream: &mut TcpStream) -> bool {
    !matches!(stream.read(&mut [0; 1]), Ok(n) if n > 0)
}

/// A tunnel through `gate`, open.
fn open(gate: &Running) -> Client {
    let mut client = gate.connect();
    client.write(handshake(""));
    assert_eq!(client.answer().status, 101);
    client
}

#[test]
fn s11_a_tunnel_opens_with_the_applications_101_and_carries_bytes_both_ways() {
    let app = echo();
    let gate = Running::before(&app);
    let mut client = gate.connect();
    client.write(handshake(
        "Sec-WebSocket-Extensions: permessage-deflate\r\nSec-WebSocket-Protocol: chat, v2\r\n",
    ));
    let answer = client.answer();
    assert_eq!(answer.status, 101);
    assert_eq!(answer.header("connection"), Some("Upgrade"));
    assert_eq!(answer.header("upgrade"), Some("websocket"));
    assert_eq!(
        answer.header("sec-websocket-accept"),
        Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
    );
    assert_eq!(answer.header("content-length"), None);
    assert_eq!(answer.header("transfer-encoding"), None);
    let request = app.only();
    assert_eq!(request.one("connection"), Some("Upgrade"));
    assert_eq!(request.one("upgrade"), Some("websocket"));
    assert_eq!(request.one("sec-websocket-version"), Some("13"));
    assert_eq!(request.one("sec-websocket-protocol"), Some("chat, v2"));
    assert_eq!(
        request.one("sec-websocket-extensions"),
        Some("permessage-deflate")
    );
    assert_eq!(request.one("x-auth-subject"), Some("alice"));
    assert_eq!(request.one("authorization"), None);
    gate.wait_count("claimgate_tunnels 1");
    gate.wait_count("claimgate_requests_in_flight 1");
    for text in ["hello", "\u{81}\0", EARLY] {
        client.write(text);
        assert_eq!(
            read_exactly(&mut client.stream, text.len()),
            text.as_bytes()
        );
    }
    client.stream.shutdown(Shutdown::Write).unwrap();
    assert!(ended(&mut client.stream));
    gate.wait_count("claimgate_tunnels 0");
    gate.wait_count("claimgate_requests_in_flight 0");
    gate.wait_count("claimgate_connections 0");
    gate.wait_count("claimgate_upstream_requests_total{outcome=\"answered\"} 1");
    assert_eq!(
        app.requests().len(),
        1,
        "what was said in the tunnel is no request"
    );
}

#[test]
fn b05_s11_cve_2026_2833_early_bytes_wait_for_the_101() {
    let may_answer = Arc::new(AtomicBool::new(false));
    let wait = Arc::clone(&may_answer);
    let app = App::start(move |stream, _| {
        wait_until("leave to answer", || wait.load(Ordering::SeqCst));
        stream.set_nonblocking(true).unwrap();
        let nothing = stream.read(&mut [0; 1]);
        assert!(nothing.is_err(), "bytes came before the 101: {nothing:?}");
        stream.set_nonblocking(false).unwrap();
        stream.write_all(SWITCH.as_bytes()).unwrap();
        assert_eq!(read_exactly(stream, EARLY.len()), EARLY.as_bytes());
        stream.write_all(b"got them").unwrap();
        false
    });
    let gate = Running::before(&app);
    let mut client = gate.connect();
    client.write(handshake("") + EARLY);
    app.wait_for(1);
    // Whatever would be forwarded has been by then.
    std::thread::sleep(Duration::from_millis(100));
    may_answer.store(true, Ordering::SeqCst);
    assert_eq!(client.answer().status, 101);
    assert_eq!(client.rest(), b"got them");
}

#[test]
fn b05_s11_cve_2025_64763_early_bytes_behind_a_refused_upgrade_are_a_request_of_their_own() {
    for answer in [
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
        "HTTP/1.1 200 OK\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nContent-Length: 2\r\n\r\nok",
        "HTTP/1.1 400 Bad Request\r\nContent-Length: 2\r\n\r\nno",
        "HTTP/1.1 426 Upgrade Required\r\nSec-WebSocket-Version: 13\r\nContent-Length: 2\r\n\r\nno",
    ] {
        let app = answering(answer);
        let gate = Running::before(&app);
        let mut client = gate.connect();
        client.write(handshake("") + EARLY);
        let first = client.answer();
        assert_eq!(first.head.split(' ').nth(1), answer.split(' ').nth(1));
        assert_eq!(first.header("upgrade"), None, "{}", first.head);
        assert_eq!(first.header("connection"), None, "{}", first.head);
        client.answer().is(401, "missing_token");
        assert_eq!(app.requests().len(), 1);
        gate.wait_count("claimgate_tunnels 0");
        // What carried an upgrade carries nothing else.
        client.write(get("/", &bearer()));
        assert_eq!(client.answer().body.len(), 2);
        assert_eq!(app.connections(), 2);
    }
}

#[test]
fn s11_a_101_that_is_not_for_this_handshake_is_refused() {
    for wrong in [
        SWITCH.replace("Upgrade: websocket\r\n", ""),
        SWITCH.replace("Upgrade: websocket", "Upgrade: h2c"),
        SWITCH.replace("Upgrade: websocket", "Upgrade: websocket, h2c"),
        SWITCH.replace("Connection: Upgrade\r\n", ""),
        SWITCH.replace("xOo=", "xOp="),
        SWITCH.replace("Sec-WebSocket-Accept", "X-Accept"),
    ] {
        let app = answering(wrong.clone());
        let gate = Running::before(&app);
        let mut client = gate.connect();
        client.write(handshake("") + EARLY);
        client.answer().is(502, "upstream_reset");
        client.answer().is(401, "missing_token");
        assert_eq!(app.requests().len(), 1, "{wrong}");
        assert!(gate.counts("claimgate_tunnels 0"));
    }
}

#[test]
fn s12_what_is_no_handshake_goes_on_as_a_plain_request_and_gets_no_101() {
    let other =
        |protocol: &str| HANDSHAKE.replace("Upgrade: websocket", &format!("Upgrade: {protocol}"));
    let requests = [
        get("/", &(bearer() + &other("h2c"))),
        get("/", &(bearer() + &other("TLS/1.0"))),
        get("/", &(bearer() + &other("websocket, h2c"))),
        get("/", &format!("{}{HANDSHAKE}Upgrade: h2c\r\n", bearer())),
        get(
            "/",
            &(bearer() + &HANDSHAKE.replace("Connection: Upgrade\r\n", "")),
        ),
        get(
            "/",
            &(bearer() + &HANDSHAKE.replace("Connection: Upgrade", "Connection: keep-alive")),
        ),
        handshake("").replace("GET", "POST"),
        handshake("").replace("GET", "OPTIONS"),
        handshake("").replace("HTTP/1.1", "HTTP/1.0"),
    ];
    for request in &requests {
        let app = App::plain();
        let gate = Running::before(&app);
        assert_eq!(gate.send(request).status, 200, "{request}");
        let seen = app.only();
        assert_eq!(seen.one("upgrade"), None, "{}", seen.head);
        assert_eq!(seen.one("connection"), None, "{}", seen.head);
    }
    for request in &requests {
        let app = answering(SWITCH);
        let gate = Running::before(&app);
        gate.send(request).is(502, "upstream_reset");
    }
}

#[test]
fn s11_a_handshake_with_a_body_or_without_one_key_is_refused() {
    let app = echo();
    let gate = Running::before(&app);
    let without_key = HANDSHAKE.replace("Sec-WebSocket-Key", "X-Key");
    for request in [
        handshake("Content-Length: 5\r\n") + "hello",
        handshake("Transfer-Encoding: chunked\r\n") + "0\r\n\r\n",
        handshake("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"),
        get("/ws", &(bearer() + &without_key)),
        handshake("").replace(
            "Connection: Upgrade",
            "Connection: Upgrade, Sec-WebSocket-Key",
        ),
    ] {
        let answer = gate.send(&request);
        answer.is(400, "bad_request");
        assert_eq!(answer.header("connection"), Some("close"), "{request}");
    }
    assert_eq!(app.connections(), 0);
}

#[test]
fn s11_a_handshake_is_judged_like_any_other_request() {
    let app = echo();
    let routes = vec![route("/ws", Access::Required), route("/open", PUBLIC)];
    let gate = Running::start(gate(app.address, Some(routes)));
    let mut client = gate.connect();
    client.write(get("/ws", HANDSHAKE));
    client.answer().is(401, "missing_token");
    client.write(get(
        "/ws",
        &format!("Authorization: Bearer x\r\n{HANDSHAKE}"),
    ));
    client.answer().is(401, "malformed_token");
    client.write(get("/other", &(bearer() + HANDSHAKE)));
    client.answer().is(403, "no_route");
    assert_eq!(app.connections(), 0);
    client.write(get(
        "/open",
        &format!(
            "X-Auth-Subject: admin\r\nx_auth_subject: admin\r\nX-User: admin\r\n{}{HANDSHAKE}",
            bearer()
        ),
    ));
    assert_eq!(client.answer().status, 101);
    let head = app.only().head.to_ascii_lowercase();
    assert!(
        !head.contains("admin") && !head.contains("bearer"),
        "{head}"
    );
    drop(client);
    gate.wait_count("claimgate_requests_total{decision=\"public\",issuer=\"none\",reason=\"none\",route=\"/open\"} 1");
}

#[test]
fn h01_h14_forged_identity_in_a_handshake_and_requests_in_its_tunnel() {
    let app = echo();
    let gate = Running::before(&app);
    let mut client = gate.connect();
    client.write(handshake(
        "X-Auth-Subject: admin\r\nX_Auth_Subject: admin\r\nX-User: admin\r\n",
    ));
    assert_eq!(client.answer().status, 101);
    let request = app.only();
    assert_eq!(request.one("x-auth-subject"), Some("alice"));
    assert!(!request.head.contains("admin"));
    // On this connection there is nothing but the tunnel any more.
    client.write(EARLY);
    assert_eq!(
        read_exactly(&mut client.stream, EARLY.len()),
        EARLY.as_bytes()
    );
    // And nobody else gets the application's end of it.
    assert_eq!(gate.send(get("/", "")).status, 401);
    open(&gate);
    assert_eq!(app.connections(), 2);
}

#[test]
fn s11_bytes_right_behind_the_101_reach_the_client_once_and_in_order() {
    let app = App::start(|stream, _| {
        stream
            .write_all(format!("{SWITCH}first").as_bytes())
            .unwrap();
        stream.write_all(b"second").unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        ended(stream)
    });
    let gate = Running::before(&app);
    let mut client = open(&gate);
    assert_eq!(client.rest(), b"firstsecond");
}

#[test]
fn s11_one_side_may_end_before_the_other() {
    let app = App::start(|stream, _| {
        stream.write_all(SWITCH.as_bytes()).unwrap();
        let mut all = Vec::new();
        stream.read_to_end(&mut all).unwrap();
        stream.write_all(&all).unwrap();
        false
    });
    let gate = Running::before(&app);
    let mut client = open(&gate);
    let sent = vec![b'x'; 3_000_000];
    let mut writer = client.stream.try_clone().unwrap();
    writer.write_all(&sent).unwrap();
    writer.shutdown(Shutdown::Write).unwrap();
    assert_eq!(client.rest(), sent);
    gate.wait_count("claimgate_connections 0");
}

#[test]
fn s11_an_application_that_breaks_the_tunnel_off_is_told_of() {
    let app = App::start(|stream, _| {
        stream.write_all(SWITCH.as_bytes()).unwrap();
        read_exactly(stream, 1);
        socket2::SockRef::from(&*stream)
            .set_linger(Some(Duration::ZERO))
            .unwrap();
        false
    });
    let gate = Running::before(&app);
    let mut client = open(&gate);
    client.write("x");
    assert!(ended(&mut client.stream));
    gate.wait_count("claimgate_requests_total{decision=\"allow\",issuer=\"main\",reason=\"upstream_reset\",route=\"default\"} 1");
}

#[test]
fn s11_a_client_that_vanishes_takes_the_applications_end_with_it() {
    let (gone, told) = std::sync::mpsc::channel();
    let app = App::start(move |stream, _| {
        stream.write_all(SWITCH.as_bytes()).unwrap();
        gone.send(ended(stream)).unwrap();
        false
    });
    let gate = Running::before(&app);
    let client = open(&gate);
    socket2::SockRef::from(&client.stream)
        .set_linger(Some(Duration::ZERO))
        .unwrap();
    drop(client);
    assert!(told.recv_timeout(BOUND).unwrap());
    gate.wait_count("claimgate_tunnels 0");
}

#[test]
fn s11_a_client_that_leaves_before_the_101_cancels_the_handshake() {
    let (gone, told) = std::sync::mpsc::channel();
    let app = App::start(move |stream, _| {
        gone.send(ended(stream)).unwrap();
        false
    });
    let gate = Running::before(&app);
    let mut client = gate.connect();
    client.write(handshake(""));
    app.wait_for(1);
    drop(client);
    assert!(told.recv_timeout(BOUND).unwrap());
    gate.wait_count("claimgate_requests_in_flight 0");
    gate.wait_count("claimgate_upstream_requests_total{outcome=\"client_gone\"} 1");
    assert!(gate.counts("claimgate_tunnels 0"));
}

#[test]
fn s11_an_application_that_never_answers_a_handshake_is_a_504() {
    let app = App::start(|stream, _| !ended(stream));
    let mut slow = gate(app.address, None);
    slow.upstream.response_timeout = Duration::from_millis(50);
    let gate = Running::start(slow);
    let mut client = gate.connect();
    client.write(handshake("") + EARLY);
    client.answer().is(504, "upstream_timeout");
    client.answer().is(401, "missing_token");
}

#[test]
fn d02_a_silent_tunnel_is_closed_and_a_busy_one_is_not() {
    let app = echo();
    let mut short = gate(app.address, None);
    short.tunnels.idle_timeout = Duration::from_millis(1500);
    let gate = Running::start(short);
    let mut client = open(&gate);
    let start = Instant::now();
    while start.elapsed() < Duration::from_millis(2500) {
        client.write("x");
        assert_eq!(read_exactly(&mut client.stream, 1), b"x");
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(ended(&mut client.stream));
    gate.wait_count("claimgate_tunnels 0");
    gate.wait_count("claimgate_requests_total{decision=\"allow\",issuer=\"main\",reason=\"none\",route=\"default\"} 1");
}

/// A gate before `app`, whose token is good for two seconds, leeway included.
fn expiring(app: &App, outlives_token: bool) -> (Running, String) {
    let mut ticking = gate(app.address, None);
    ticking.clock = Arc::new(TickingClock::new());
    ticking.tunnels = TunnelSettings {
        outlives_token,
        ..TunnelSettings::default()
    };
    let leeway = crate::verify::IssuerConfig::DEFAULT_LEEWAY.as_secs();
    let expires = NOW + 2 - i64::try_from(leeway).unwrap();
    let token = good(&format!(r#""exp":{expires}"#));
    let request = get(
        "/ws",
        &format!("Authorization: Bearer {token}\r\n{HANDSHAKE}"),
    );
    (Running::start(ticking), request)
}

#[test]
fn s11_a_tunnel_ends_with_its_token() {
    let app = echo();
    let (gate, request) = expiring(&app, false);
    let mut client = gate.connect();
    client.write(&request);
    assert_eq!(client.answer().status, 101);
    let mut echoed = 0;
    let start = Instant::now();
    loop {
        // As busy as it is.
        let piece = client
            .stream
            .write_all(b"x")
            .and_then(|()| client.stream.read(&mut [0; 1]));
        match piece {
            Ok(n) if n > 0 => echoed += 1,
            _ => break,
        }
        assert!(start.elapsed() < BOUND, "the tunnel outlives its token");
        std::thread::sleep(Duration::from_millis(10));
    }
    assert!(echoed > 10, "{echoed}");
    gate.wait_count("claimgate_tunnels 0");
    gate.send(&request).is(401, "token_expired");
}

#[test]
fn s11_a_tunnel_outlives_its_token_only_where_it_may() {
    let app = echo();
    let (gate, request) = expiring(&app, true);
    let mut client = gate.connect();
    client.write(&request);
    assert_eq!(client.answer().status, 101);
    wait_until("the token's end", || gate.send(&request).status == 401);
    std::thread::sleep(Duration::from_millis(200));
    client.write("still here");
    assert_eq!(read_exactly(&mut client.stream, 10), b"still here");
}

#[test]
fn s11_a_drain_leaves_tunnels_open_until_its_end() {
    let app = echo();
    let gate = Running::before(&app);
    let mut client = open(&gate);
    gate.tell(Phase::Draining);
    for _ in 0..10 {
        client.write("x");
        assert_eq!(read_exactly(&mut client.stream, 1), b"x");
        std::thread::sleep(Duration::from_millis(100));
    }
    gate.tell(Phase::Aborting);
    assert!(ended(&mut client.stream));
    gate.join();
}

#[test]
fn s11_a_drain_waits_for_the_last_tunnel_and_no_longer() {
    let app = echo();
    let gate = Running::before(&app);
    let client = open(&gate);
    gate.tell(Phase::Draining);
    drop(client);
    gate.join();
}

#[test]
fn s11_100_mb_pass_through_a_tunnel_and_back() {
    const PIECES: usize = 1600;
    let app = echo();
    let gate = Running::before(&app);
    let client = open(&gate);
    let mut writer = client.stream.try_clone().unwrap();
    let sender = std::thread::spawn(move || {
        let piece = vec![7; 64 * 1024];
        for _ in 0..PIECES {
            writer.write_all(&piece).unwrap();
        }
        writer.shutdown(Shutdown::Write).unwrap();
    });
    let mut reader = client.stream;
    let (mut piece, mut read) = (vec![0; 64 * 1024], 0);
    loop {
        match reader.read(&mut piece).unwrap() {
            0 => break,
            n => {
                assert!(piece[..n].iter().all(|b| *b == 7));
                read += n;
            }
        }
    }
    sender.join().unwrap();
    assert_eq!(read, PIECES * 64 * 1024);
}
