//! A network that fails: a TCP proxy between any two peers, whose trouble is switched while it runs. What is random in it comes from a seed.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What becomes of the bytes of one direction. A number is how many of them pass before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    None,
    /// Both sides are reset.
    Cut(usize),
    /// Both sides see an orderly end.
    End(usize),
    /// The receiver sees the end of this direction; the other one goes on.
    HalfClose(usize),
    /// Nothing more comes, and nobody is told.
    Stall(usize),
    /// Random bytes instead of the rest.
    Garbage(usize),
    /// A few bytes at a time, with pauses now and then.
    Slice,
    /// Each piece comes so much later.
    Delay(Duration),
}

pub struct Chaos {
    pub port: u16,
    shared: Arc<Shared>,
}

struct Shared {
    target: u16,
    seed: AtomicU64,
    /// Of new connections: towards the target, and back.
    troubles: Mutex<(Trouble, Trouble)>,
    /// New connections are reset.
    away: AtomicBool,
    accepted: AtomicUsize,
}

impl Chaos {
    /// In front of a port of loopback.
    pub fn before(target: u16, seed: u64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Shared {
            target,
            seed: AtomicU64::new(seed),
            troubles: Mutex::new((Trouble::None, Trouble::None)),
            away: AtomicBool::new(false),
            accepted: AtomicUsize::new(0),
        });
        let accepting = Arc::clone(&shared);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                accepting.accepted.fetch_add(1, Ordering::SeqCst);
                accepting.join(client);
            }
        });
        Self { port, shared }
    }

    /// What becomes of the next connections' bytes: those towards the target, and those back.
    pub fn becomes(&self, there: Trouble, back: Trouble) {
        *self.shared.troubles.lock().unwrap() = (there, back);
    }

    /// New connections are reset, or not.
    pub fn away(&self, away: bool) {
        self.shared.away.store(away, Ordering::SeqCst);
    }

    pub fn accepted(&self) -> usize {
        self.shared.accepted.load(Ordering::SeqCst)
    }
}

impl Shared {
    fn join(&self, client: TcpStream) {
        if self.away.load(Ordering::SeqCst) {
            return reset(&client);
        }
        let Ok(target) = TcpStream::connect(("127.0.0.1", self.target)) else {
            return reset(&client);
        };
        let (there, back) = *self.troubles.lock().unwrap();
        let seed = self.seed.fetch_add(2, Ordering::SeqCst);
        let pair = Arc::new(Pair {
            client,
            target,
            over: AtomicBool::new(false),
        });
        for (trouble, seed, back) in [(there, seed, false), (back, seed + 1, true)] {
            let pair = Arc::clone(&pair);
            let random = fastrand::Rng::with_seed(seed);
            std::thread::spawn(move || pair.pump(trouble, random, back));
        }
    }
}

/// The next close of it is a reset.
fn reset(stream: &TcpStream) {
    let _gone = socket2::SockRef::from(stream).set_linger(Some(Duration::ZERO));
}

struct Pair {
    client: TcpStream,
    target: TcpStream,
    /// The sockets are to be closed: who wakes up says nothing more.
    over: AtomicBool,
}

impl Pair {
    fn pump(&self, trouble: Trouble, mut random: fastrand::Rng, back: bool) {
        let (mut from, mut to) = if back {
            (&self.target, &self.client)
        } else {
            (&self.client, &self.target)
        };
        let mut left = match trouble {
            Trouble::Cut(n)
            | Trouble::End(n)
            | Trouble::HalfClose(n)
            | Trouble::Stall(n)
            | Trouble::Garbage(n) => n,
            Trouble::None | Trouble::Slice | Trouble::Delay(_) => usize::MAX,
        };
        let mut piece = [0; 8192];
        loop {
            let n = from.read(&mut piece).unwrap_or(0);
            if self.over.load(Ordering::SeqCst) {
                return;
            }
            if n == 0 {
                let _gone = to.shutdown(Shutdown::Write);
                return;
            }
            let passes = n.min(left);
            if pass(&mut to, &piece[..passes], trouble, &mut random).is_err() {
                // The other side is gone: this one learns it.
                let _gone = from.shutdown(Shutdown::Both);
                return;
            }
            left -= passes;
            if passes < n {
                return self.end(trouble, &mut random, to);
            }
        }
    }

    fn end(&self, trouble: Trouble, random: &mut fastrand::Rng, mut to: &TcpStream) {
        match trouble {
            Trouble::Cut(_) => {
                self.over.store(true, Ordering::SeqCst);
                for stream in [&self.client, &self.target] {
                    reset(stream);
                    // Wakes the other direction without a word to the peer.
                    let _gone = stream.shutdown(Shutdown::Read);
                }
            }
            Trouble::End(_) => {
                self.over.store(true, Ordering::SeqCst);
                for stream in [&self.client, &self.target] {
                    let _gone = stream.shutdown(Shutdown::Both);
                }
            }
            Trouble::HalfClose(_) => {
                let _gone = to.shutdown(Shutdown::Write);
            }
            Trouble::Garbage(_) => {
                let junk: Vec<u8> = std::iter::repeat_with(|| random.u8(..))
                    .take(4096)
                    .collect();
                let _gone = to.write_all(&junk);
                let _gone = to.shutdown(Shutdown::Write);
            }
            // The sockets stay open as long as the other direction reads.
            Trouble::Stall(_) | Trouble::None | Trouble::Slice | Trouble::Delay(_) => {}
        }
    }
}

fn pass(
    to: &mut &TcpStream,
    bytes: &[u8],
    trouble: Trouble,
    random: &mut fastrand::Rng,
) -> std::io::Result<()> {
    match trouble {
        Trouble::Slice => {
            let mut rest = bytes;
            while !rest.is_empty() {
                let (slice, after) = rest.split_at(random.usize(1..=9).min(rest.len()));
                to.write_all(slice)?;
                if random.u8(..) == 0 {
                    std::thread::sleep(Duration::from_millis(1));
                }
                rest = after;
            }
            Ok(())
        }
        Trouble::Delay(delay) => {
            std::thread::sleep(delay);
            to.write_all(bytes)
        }
        _ => to.write_all(bytes),
    }
}
