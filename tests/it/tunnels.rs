//! WebSockets through the process: what the log and the metrics say of a tunnel, how it lives through a reload and a stop, and what it costs.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{Gate, Issuer, PATIENCE, eventually, resident_kib};

const HANDSHAKE: &str = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
const SWITCH: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

/// An application that opens every tunnel and sends everything back.
fn echo() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || serve(stream));
        }
    });
    port
}

fn serve(mut stream: TcpStream) {
    read_head(&mut stream);
    stream.write_all(SWITCH).unwrap();
    let mut piece = vec![0; 64 * 1024];
    while let Ok(read @ 1..) = stream.read(&mut piece) {
        if stream.write_all(&piece[..read]).is_err() {
            return;
        }
    }
}

fn read_head(stream: &mut TcpStream) -> String {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    String::from_utf8(head).unwrap()
}

fn house(more: &str) -> (Issuer, Gate, String) {
    let issuer = Issuer::start();
    let configuration = format!(
        "upstream: http://127.0.0.1:{}\nissuers:\n  - {{name: test, provider: oidc, issuer: '{}', audiences: [api]}}\n{more}",
        echo(),
        issuer.url
    );
    let gate = Gate::start(&configuration);
    (issuer, gate, configuration)
}

fn open(gate: &Gate, token: &str) -> TcpStream {
    let mut stream = TcpStream::connect(("127.0.0.1", gate.port)).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let request = format!(
        "GET /chat?room=1 HTTP/1.1\r\nHost: gate.test\r\nAuthorization: Bearer {token}\r\n{HANDSHAKE}\r\n"
    );
    stream.write_all(request.as_bytes()).unwrap();
    let head = read_head(&mut stream);
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    stream
}

fn echoes(stream: &mut TcpStream, text: &[u8]) {
    stream.write_all(text).unwrap();
    let mut back = vec![0; text.len()];
    stream.read_exact(&mut back).unwrap();
    assert_eq!(back, text);
}

fn ended(stream: &mut TcpStream) -> bool {
    !matches!(stream.read(&mut [0]), Ok(1..))
}

/// The access lines of tunnels.
fn lines(gate: &Gate) -> Vec<Value> {
    let log = gate.log();
    let lines = log
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok());
    lines
        .filter(|line: &Value| line["http.response.status_code"] == 101)
        .collect()
}

#[test]
fn s11_a_tunnel_has_one_line_in_the_log_at_its_end() {
    let (issuer, gate, _) = house("");
    let mut tunnel = open(&gate, &issuer.token(json!({})));
    echoes(&mut tunnel, b"hello");
    eventually("the gauge", || {
        (gate.metric("claimgate_tunnels", "") == 1.0).then_some(())
    });
    assert!(lines(&gate).is_empty());
    std::thread::sleep(Duration::from_millis(300));
    tunnel.shutdown(Shutdown::Write).unwrap();
    assert!(ended(&mut tunnel));
    let line = eventually("the line", || lines(&gate).pop());
    assert_eq!(line["url.path"], "/chat");
    assert_eq!(line["auth.decision"], "allow");
    assert_eq!(line["auth.issuer"], "test");
    assert_eq!(line["level"], "info");
    assert!(line["duration_ms"].as_f64().unwrap() >= 300.0, "{line}");
    assert!(line.get("detail").is_none(), "{line}");
    assert_eq!(gate.metric("claimgate_tunnels", ""), 0.0);
    // The time that the tunnel was open is not how long an answer took.
    let sum = gate.metric("claimgate_request_duration_seconds_sum", "");
    assert!(sum < 0.3, "{sum}");
}

#[test]
fn s11_a_tunnel_that_ends_with_its_token_says_so() {
    let (issuer, gate, _) = house("");
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .as_secs();
    // The leeway is 30 s.
    let mut tunnel = open(&gate, &issuer.token(json!({"exp": now + 3 - 30})));
    assert!(ended(&mut tunnel));
    let line = eventually("the line", || lines(&gate).pop());
    let detail = line["detail"].as_str().unwrap();
    assert!(detail.contains("the token has expired"), "{line}");
    assert_eq!(line["auth.decision"], "allow");
    assert!(line["auth.reason"].is_null());
}

#[test]
fn s11_a_tunnel_lives_through_a_reload_and_a_drain_and_is_cut_at_its_end() {
    let (issuer, mut gate, configuration) = house("shutdown: {drain_timeout: 2s}\n");
    let mut tunnel = open(&gate, &issuer.token(json!({})));
    let closed = configuration + "routes: [{path: /other}]\n";
    std::fs::write(&gate.file, closed).unwrap();
    gate.signal("HUP");
    eventually("the reload", || {
        let answer = crate::harness::request(gate.port, "GET /chat", None, "");
        (answer.status == 403).then_some(())
    });
    echoes(&mut tunnel, b"still here");
    gate.signal("TERM");
    for _ in 0..10 {
        echoes(&mut tunnel, b"while draining");
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(ended(&mut tunnel));
    assert_eq!(gate.exit_code(), Some(0));
    let line = lines(&gate).pop().unwrap();
    assert_eq!(line["detail"], "the tunnel was cut when the gate stopped");
}

#[test]
fn d02_a_tunnel_of_100_mb_needs_the_memory_of_a_small_one() {
    const MIB: usize = 1024 * 1024;
    let (issuer, gate, _) = house("");
    let token = issuer.token(json!({}));
    let pass = |mib: usize| {
        let mut reader = open(&gate, &token);
        let mut writer = reader.try_clone().unwrap();
        let sender = std::thread::spawn(move || {
            let piece = vec![7; MIB];
            for _ in 0..mib {
                writer.write_all(&piece).unwrap();
            }
            writer.shutdown(Shutdown::Write).unwrap();
        });
        let (mut piece, mut read) = (vec![0; MIB], 0);
        while let Ok(count @ 1..) = reader.read(&mut piece) {
            read += count;
        }
        sender.join().unwrap();
        assert_eq!(read, mib * MIB);
    };
    pass(1);
    let before = resident_kib(gate.pid());
    pass(100);
    let grown = resident_kib(gate.pid()).saturating_sub(before);
    println!("100 MiB there and back: {grown} KiB more");
    assert!(grown < 2 * 1024, "{grown} KiB");
}

#[test]
fn d08_a_tunnel_that_waits_holds_no_buffer() {
    const TUNNELS: u64 = 200;
    let (issuer, gate, _) = house("");
    let token = issuer.token(json!({}));
    let open_some = || -> Vec<TcpStream> {
        let mut tunnels: Vec<_> = (0..TUNNELS).map(|_| open(&gate, &token)).collect();
        tunnels
            .iter_mut()
            .for_each(|tunnel| echoes(tunnel, &[1; 10_000]));
        tunnels
    };
    // The first ones also pay for what is there once.
    let _first = open_some();
    let before = resident_kib(gate.pid());
    let _second = open_some();
    let each = resident_kib(gate.pid()).saturating_sub(before) / TUNNELS;
    println!("each of {TUNNELS} tunnels that wait: {each} KiB");
    // Two buffers of 16 KiB, or those of hyper on both sides, would not fit.
    assert!(each < 32, "{each} KiB");
}
