//! A flood of tokens with made-up keys, while somebody else goes on with good ones (threat K5).

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use serde_json::json;

use crate::harness::{Application, Gate, Issuer, Key, PATIENCE, claims, encode, resident_kib};

const KIDS: usize = 100_000;
/// Requests that are on the way at a time, on each connection of the flood.
const AT_ONCE: usize = 50;
const CONNECTIONS: usize = 4;

#[test]
fn k05_a_hundred_thousand_unknown_kids_cost_three_fetches_and_no_good_token_an_answer() {
    let (issuer, application) = (Issuer::start(), Application::start());
    let gate = Gate::start(&format!(
        "upstream: http://127.0.0.1:{}\nissuers:\n  - {{name: test, provider: oidc, issuer: {}, audiences: [api]}}\nlog: {{access: off}}\n",
        application.port, issuer.url
    ));
    let good = issuer.token(json!({}));
    // The caches are warm, and so is the allocator, before it is weighed.
    flood(gate.port, &issuer, 0..5_000);
    let before = resident_kib(gate.pid());
    let over = AtomicBool::new(false);
    let began = Instant::now();
    let served = std::thread::scope(|scope| {
        let client = scope.spawn(|| hammer(gate.port, &good, &over));
        let share = KIDS / CONNECTIONS;
        let floods: Vec<_> = (0..CONNECTIONS)
            .map(|number| {
                let kids = 5_000 + number * share..5_000 + (number + 1) * share;
                scope.spawn(|| flood(gate.port, &issuer, kids))
            })
            .collect();
        for one in floods {
            one.join().unwrap();
        }
        over.store(true, Ordering::SeqCst);
        client.join().unwrap()
    });
    let took = began.elapsed();
    let grown = resident_kib(gate.pid()).saturating_sub(before);
    println!(
        "{KIDS} unknown kids in {took:.1?}, {served} good ones meanwhile, {} fetches, {grown} KiB more",
        issuer.fetches()
    );
    assert!(served > 100, "{served}");
    // One at the start, then one for each begun `refetch_interval`, of 30 s.
    let allowed = 2 + usize::try_from(took.as_secs() / 30).unwrap();
    assert!(issuer.fetches() <= allowed, "{} fetches", issuer.fetches());
    assert_eq!(
        gate.metric("claimgate_requests_total", "reason=\"unknown_key\"") as usize,
        KIDS + 5_000
    );
    // Less than a kid's own bytes for each of them: nothing of them is kept.
    assert!(grown < 4 * 1024, "{grown} KiB");
}

/// Presents the good token until it is over; every answer must be the application's. Returns how many there were.
fn hammer(port: u16, token: &str, over: &AtomicBool) -> usize {
    let mut connection = Connection::open(port);
    let request = request(token);
    let mut served = 0;
    while !over.load(Ordering::SeqCst) {
        connection
            .socket
            .get_mut()
            .write_all(request.as_bytes())
            .unwrap();
        let (status, body) = connection.answer();
        assert_eq!((status, body.as_str()), (200, "ok\n"));
        served += 1;
    }
    served
}

/// Presents tokens with these kids, many at a time; every answer must be `unknown_key`.
fn flood(port: u16, issuer: &Issuer, kids: std::ops::Range<usize>) {
    let mut connection = Connection::open(port);
    // Nobody gets as far as the signature.
    let stranger = Key::new("stranger").token(&claims(&issuer.url, json!({})));
    let (_, rest) = stranger.split_once('.').unwrap();
    let kids: Vec<usize> = kids.collect();
    for some in kids.chunks(AT_ONCE) {
        let requests = some.iter().map(|kid| {
            let header = format!(r#"{{"alg":"ES256","kid":"made-up-{kid}"}}"#);
            request(&format!("{}.{rest}", encode(header.as_bytes())))
        });
        let requests = requests.collect::<String>();
        connection
            .socket
            .get_mut()
            .write_all(requests.as_bytes())
            .unwrap();
        for kid in some {
            let (status, body) = connection.answer();
            assert!(
                status == 401 && body.contains(r#""reason":"unknown_key""#),
                "{kid}: {status} {body}"
            );
        }
    }
}

fn request(token: &str) -> String {
    format!("GET / HTTP/1.1\r\nHost: gate.test\r\nAuthorization: Bearer {token}\r\n\r\n")
}

/// A keep-alive connection.
struct Connection {
    socket: BufReader<TcpStream>,
}

impl Connection {
    fn open(port: u16) -> Self {
        let socket = TcpStream::connect(("127.0.0.1", port)).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket.set_nodelay(true).unwrap();
        Self {
            socket: BufReader::new(socket),
        }
    }

    /// Status and body of the next answer.
    fn answer(&mut self) -> (u16, String) {
        let (mut status, mut length) = (0, 0);
        loop {
            let mut line = String::new();
            assert!(self.socket.read_line(&mut line).unwrap() > 0, "closed");
            let line = line.trim_end().to_ascii_lowercase();
            if line.is_empty() {
                break;
            }
            if let Some(rest) = line.strip_prefix("http/1.1 ") {
                status = rest[..3].parse().unwrap();
            }
            if let Some(value) = line.strip_prefix("content-length: ") {
                length = value.parse().unwrap();
            }
        }
        let mut body = vec![0; length];
        self.socket.read_exact(&mut body).unwrap();
        (status, String::from_utf8(body).unwrap())
    }
}
