//! A client that writes bytes as they stand, whole or in slices, from an address of its own.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpStream};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use socket2::{Domain, Socket, Type};

/// So long nothing comes before a payload counts as one that the gate waits to see more of.
pub const QUIET: Duration = Duration::from_millis(150);
/// The same for a second try, when the first was not as expected: a busy machine is slow.
pub const PATIENCE: Duration = Duration::from_secs(4);
/// After as many answers as there were requests: for one more, which must not come, or the end.
const ONE_MORE: Duration = Duration::from_millis(10);
/// A payload up to this goes byte by byte, a longer one in slices.
const BYTE_BY_BYTE: usize = 300;
const LONGEST_SLICE: usize = 7;
/// What follows goes whole.
const SLICED_UP_TO: usize = 4096;

#[derive(Clone, Debug, Default)]
pub struct Exchange {
    /// Of every answer but 1xx.
    pub statuses: Vec<u16>,
    /// The gate ended the connection, or said that it would.
    pub closed: bool,
    pub received: Vec<u8>,
}

pub struct Sending<'b> {
    pub bytes: &'b [u8],
    pub sliced: bool,
    /// How many answers end the exchange early.
    pub wanted: usize,
    pub quiet: Duration,
}

/// An address of loopback that no other exchange of this process has.
pub fn next_address() -> Ipv4Addr {
    static NEXT: AtomicU32 = AtomicU32::new(0x7f01_0001);
    Ipv4Addr::from_bits(NEXT.fetch_add(1, Ordering::Relaxed))
}

pub fn exchange(port: u16, from: Ipv4Addr, sending: &Sending<'_>) -> Exchange {
    let mut stream = connect(port, from);
    // The gate may close before it has read everything: then what it answered counts, not the write.
    let _refused = write(&mut stream, sending);
    let mut exchange = Exchange::default();
    let mut piece = [0; 4096];
    loop {
        let enough = exchange.statuses.len() >= sending.wanted.max(1);
        let quiet = match (enough, sending.quiet) {
            (true, QUIET) => ONE_MORE,
            (_, quiet) => quiet,
        };
        stream.set_read_timeout(Some(quiet)).unwrap();
        match stream.read(&mut piece) {
            Ok(0) => exchange.closed = true,
            Ok(n) => {
                exchange.received.extend_from_slice(&piece[..n]);
                exchange.look();
                continue;
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(_) => exchange.closed = true,
        }
        return exchange;
    }
}

impl Exchange {
    /// Neither the gate's own answers nor the applications' bodies hold what an answer begins with.
    fn look(&mut self) {
        let text = String::from_utf8_lossy(&self.received);
        self.statuses = ["HTTP/1.1 ", "HTTP/1.0 "]
            .iter()
            .flat_map(|version| text.match_indices(version))
            .filter_map(|(at, version)| text.get(at + version.len()..)?.get(..3)?.parse().ok())
            .filter(|status| *status >= 200 || *status == 101)
            .collect();
        self.closed = text.to_ascii_lowercase().contains("\r\nconnection: close");
    }
}

fn connect(port: u16, from: Ipv4Addr) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket
        .bind(&SocketAddr::V4(SocketAddrV4::new(from, 0)).into())
        .unwrap();
    let gate = SocketAddrV4::new(Ipv4Addr::LOCALHOST, port);
    socket.connect(&SocketAddr::V4(gate).into()).unwrap();
    socket.set_tcp_nodelay(true).unwrap();
    socket.into()
}

fn write(stream: &mut TcpStream, sending: &Sending<'_>) -> std::io::Result<()> {
    if !sending.sliced {
        return stream.write_all(sending.bytes);
    }
    // The same slices in each run.
    let mut random = fastrand::Rng::with_seed(sending.bytes.len() as u64);
    let (mut rest, whole) = sending
        .bytes
        .split_at(SLICED_UP_TO.min(sending.bytes.len()));
    while !rest.is_empty() {
        let length = match sending.bytes.len() {
            ..=BYTE_BY_BYTE => 1,
            _ => random.usize(1..=LONGEST_SLICE).min(rest.len()),
        };
        let (slice, after) = rest.split_at(length);
        stream.write_all(slice)?;
        // Lets the gate read it alone.
        std::thread::yield_now();
        rest = after;
    }
    stream.write_all(whole)
}
