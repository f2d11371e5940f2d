//! PROXY headers over real sockets: from whom they must come, from whom they are nothing but bad HTTP, and what they change.

use std::io::Write;
use std::sync::Arc;

use super::certificates::*;
use super::testing::*;
use crate::proxy::listen::tls::{CurrentTls, ServerTls};
use crate::proxy::listen::{ConnectionLimit, Entry, ProxySenders};

fn start(app: &App, networks: &[&str], tls: Option<&ServerTls>) -> Running {
    let mut gate = gate(app.address, None);
    gate.trusted_proxies = vec!["192.0.2.0/24".parse().unwrap()];
    let entry = Entry {
        proxy_protocol: ProxySenders {
            networks: networks.iter().map(|text| text.parse().unwrap()).collect(),
            unix: false,
        },
        tls: tls.map(|tls| Arc::new(CurrentTls::new(tls))),
        ..entry(ConnectionLimit::new(100))
    };
    Running::entered(gate, entry)
}

const V1: &[u8] = b"PROXY TCP4 203.0.113.9 198.51.100.1 56324 443\r\n";

fn v2(command: u8, family: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = b"\r\n\r\n\0\r\nQUIT\n".to_vec();
    bytes.extend([command, family, 0, u8::try_from(body.len()).unwrap()]);
    bytes.extend(body);
    bytes
}

#[test]
fn the_address_of_the_header_is_the_clients_in_one_piece_or_in_many() {
    let app = App::plain();
    let gate = start(&app, &["127.0.0.0/8"], None);
    let v6 = "2001:db8::7"
        .parse::<std::net::Ipv6Addr>()
        .unwrap()
        .octets();
    let headers = [
        (V1.to_vec(), "203.0.113.9"),
        (
            v2(0x21, 0x11, &[203, 0, 113, 9, 1, 1, 1, 1, 0, 1, 0, 2]),
            "203.0.113.9",
        ),
        // With an extension behind the addresses.
        (
            v2(
                0x21,
                0x11,
                &[203, 0, 113, 9, 1, 1, 1, 1, 0, 1, 0, 2, 0xea, 0, 2, 7, 7],
            ),
            "203.0.113.9",
        ),
        (v2(0x21, 0x21, &[&v6[..], &[0; 20]].concat()), "2001:db8::7"),
        // The load balancer speaks for itself.
        (b"PROXY UNKNOWN\r\n".to_vec(), "127.0.0.1"),
        (v2(0x20, 0, &[]), "127.0.0.1"),
    ];
    for (number, (header, address)) in headers.iter().enumerate() {
        for pieces in [usize::MAX, 7, 1] {
            let bytes = [&header[..], get("/", &bearer()).as_bytes()].concat();
            let mut client = gate.connect();
            for piece in bytes.chunks(pieces.min(bytes.len())) {
                client.write(piece);
            }
            assert_eq!(client.answer().status, 200, "{number} in {pieces}");
            assert_eq!(
                app.requests().last().unwrap().one("x-forwarded-for"),
                Some(*address)
            );
        }
    }
}

#[test]
fn h12_trusted_proxies_are_those_of_the_header() {
    let app = App::plain();
    let gate = start(&app, &["127.0.0.0/8"], None);
    for (source, expected) in [
        ("203.0.113.9", "203.0.113.9"),
        ("192.0.2.1", "198.51.100.77, 192.0.2.1"),
    ] {
        let line = format!("PROXY TCP4 {source} 198.51.100.1 1 2\r\n");
        let request = get(
            "/",
            &format!("{}X-Forwarded-For: 198.51.100.77\r\n", bearer()),
        );
        assert_eq!(gate.send(format!("{line}{request}")).status, 200);
        assert_eq!(
            app.requests().last().unwrap().one("x-forwarded-for"),
            Some(expected)
        );
    }
}

#[test]
fn a_load_balancer_that_sends_no_header_is_closed_and_counted() {
    let app = App::plain();
    let gate = start(&app, &["127.0.0.1/32"], None);
    let mut counted = 0;
    for bytes in [
        get("/", &bearer()).into_bytes(),
        b"PROXY TCP4 evil\r\nGET / HTTP/1.1\r\n\r\n".to_vec(),
        v2(0x21, 0x12, &[0; 12]),
        vec![b'P'; 200],
    ] {
        let mut client = gate.connect();
        client.write(bytes);
        assert_eq!(client.rest(), b"");
        counted += 1;
        gate.wait_count(&format!(
            "claimgate_connections_dropped_total{{reason=\"no_proxy_header\"}} {counted}"
        ));
    }
    assert_eq!(app.connections(), 0);
}

#[test]
fn h12_from_anyone_else_a_header_is_a_bad_request() {
    let app = App::plain();
    for networks in [&[][..], &["10.0.0.0/8"]] {
        let gate = start(&app, networks, None);
        for header in [V1.to_vec(), v2(0x21, 0x11, &[9; 12])] {
            let bytes = [&header[..], get("/", &bearer()).as_bytes()].concat();
            assert_eq!(gate.send(bytes).status, 400);
        }
    }
    assert_eq!(app.connections(), 0);
}

#[test]
fn the_header_stands_before_the_handshake() {
    let app = App::plain();
    let authority = Authority::new("one");
    let pair = authority.pair("gate.example");
    let tls = ServerTls::new(&settings(None), &files(&pair, None)).unwrap();
    let gate = start(&app, &["127.0.0.1/32"], Some(&tls));
    let mut stream = gate.connect().stream;
    stream.write_all(V1).unwrap();
    let answer = ask(&mut over(stream, authority.client().config()));
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let request = app.only();
    assert_eq!(request.one("x-forwarded-for"), Some("203.0.113.9"));
    assert_eq!(request.one("x-forwarded-proto"), Some("https"));
    assert_eq!(
        authority.client().ask(gate.address),
        "",
        "a handshake without a header"
    );
}
