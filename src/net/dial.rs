//! From a host name to a connected socket, by several addresses at once where they are slow (Happy Eyeballs, RFC 8305): an address that
//! swallows packets costs a quarter of a second, and not the whole time.

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout_at};

/// After how long without an answer the next address is tried beside the last one: the recommended "Connection Attempt Delay" of RFC 8305 §8.
const ATTEMPT_DELAY: Duration = Duration::from_millis(250);

/// Why there is no connection.
#[derive(Debug)]
pub enum DialError {
    /// The name service did not answer in time.
    SlowLookup,
    Lookup(io::Error),
    /// The name is known, without an address.
    NoAddress,
    /// The address that failed last.
    Refused(SocketAddr, io::Error),
    /// Nothing answered in time; the address that was tried last.
    Silent(SocketAddr),
}

impl fmt::Display for DialError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SlowLookup => f.write_str("no answer from the name service in time"),
            Self::Lookup(error) => write!(f, "the name cannot be looked up: {error}"),
            Self::NoAddress => f.write_str("the name has no address"),
            Self::Refused(address, error) => write!(f, "cannot connect to {address}: {error}"),
            Self::Silent(address) => {
                write!(f, "cannot connect to {address}: no answer in time")
            }
        }
    }
}

/// Connects to `host` (a name, or an address without brackets) before `deadline`. The name is looked up every time, so that a changed address is
/// found.
///
/// # Errors
/// Why the address that failed last failed.
pub async fn dial(host: &str, port: u16, deadline: Instant) -> Result<TcpStream, DialError> {
    if let Ok(address) = host.parse::<IpAddr>() {
        return first_of(vec![SocketAddr::new(address, port)], deadline).await;
    }
    let addresses = timeout_at(deadline, tokio::net::lookup_host((host, port)))
        .await
        .map_err(|_| DialError::SlowLookup)?
        .map_err(DialError::Lookup)?;
    first_of(interleaved(addresses.collect()), deadline).await
}

/// The first of `addresses` that answers. Each gets a turn before the deadline, however many there are.
async fn first_of(addresses: Vec<SocketAddr>, deadline: Instant) -> Result<TcpStream, DialError> {
    let mut waiting = VecDeque::from(addresses);
    let left = deadline.saturating_duration_since(Instant::now());
    let turns = u32::try_from(waiting.len()).unwrap_or(u32::MAX).max(1);
    let delay = ATTEMPT_DELAY.min(left / turns);
    let mut attempts = JoinSet::new();
    let mut failure = DialError::NoAddress;
    let mut next_turn = Instant::now();
    loop {
        if attempts.is_empty() || Instant::now() >= next_turn {
            if let Some(address) = waiting.pop_front() {
                attempts.spawn(async move { (address, TcpStream::connect(address).await) });
                // A refusal that is known is worth more than a silence.
                if !matches!(failure, DialError::Refused(..)) {
                    failure = DialError::Silent(address);
                }
                next_turn = Instant::now() + delay;
            } else if attempts.is_empty() {
                return Err(failure);
            }
        }
        let until = match waiting.is_empty() {
            true => deadline,
            false => next_turn.min(deadline),
        };
        tokio::select! {
            biased;
            ended = attempts.join_next() => match ended {
                Some(Ok((_, Ok(stream)))) => return Ok(stream),
                Some(Ok((address, Err(error)))) => {
                    failure = DialError::Refused(address, error);
                    next_turn = Instant::now();
                }
                Some(Err(_)) | None => {}
            },
            () = sleep_until(until) => if Instant::now() >= deadline {
                return Err(failure);
            },
        }
    }
}

/// RFC 8305 §4: the families take turns, the resolver's first one first.
fn interleaved(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let first_is_v6 = addresses.first().is_some_and(SocketAddr::is_ipv6);
    let (preferred, other): (Vec<_>, Vec<_>) = addresses
        .into_iter()
        .partition(|address| address.is_ipv6() == first_is_v6);
    let (mut preferred, mut other) = (preferred.into_iter(), other.into_iter());
    let mut sorted = Vec::new();
    loop {
        let pair = [preferred.next(), other.next()];
        if pair.iter().all(Option::is_none) {
            return sorted;
        }
        sorted.extend(pair.into_iter().flatten());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(list: &[&str]) -> Vec<SocketAddr> {
        list.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn families_take_turns_and_none_is_lost() {
        let sorted = interleaved(addresses(&[
            "[2001:db8::1]:1",
            "[2001:db8::2]:1",
            "[2001:db8::3]:1",
            "192.0.2.1:1",
        ]));
        let expected = addresses(&[
            "[2001:db8::1]:1",
            "192.0.2.1:1",
            "[2001:db8::2]:1",
            "[2001:db8::3]:1",
        ]);
        assert_eq!(sorted, expected);
        assert_eq!(interleaved(Vec::new()), []);
    }

    /// A listener whose queue is full: connecting to it gets no answer. What fills it lives as long as the value.
    struct BlackHole {
        address: SocketAddr,
        _listener: socket2::Socket,
        _fillers: Vec<socket2::Socket>,
    }

    impl BlackHole {
        fn new() -> Self {
            let new = || {
                let kind = socket2::Type::STREAM;
                socket2::Socket::new(socket2::Domain::IPV4, kind, None).unwrap()
            };
            let listener = new();
            let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
            listener.bind(&any.into()).unwrap();
            listener.listen(0).unwrap();
            let address = listener.local_addr().unwrap();
            let fillers = (0..8)
                .map(|_| {
                    let filler = new();
                    filler.set_nonblocking(true).unwrap();
                    let _ = filler.connect(&address);
                    filler
                })
                .collect();
            Self {
                address: address.as_socket().unwrap(),
                _listener: listener,
                _fillers: fillers,
            }
        }
    }

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(20)
    }

    #[tokio::test]
    async fn an_address_that_swallows_packets_costs_a_quarter_of_a_second() {
        let hole = BlackHole::new();
        let good = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let good = good.local_addr().unwrap();
        let start = Instant::now();
        let stream = first_of(vec![hole.address, hole.address, good], soon())
            .await
            .unwrap();
        assert_eq!(stream.peer_addr().unwrap(), good);
        assert!(start.elapsed() >= ATTEMPT_DELAY);
        assert!(start.elapsed() < Duration::from_secs(10));
    }

    #[tokio::test]
    async fn a_refusal_is_followed_by_the_next_address_at_once_and_the_last_is_told() {
        let closed = || {
            let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            listener.local_addr().unwrap()
        };
        let (one, two) = (closed(), closed());
        let Err(DialError::Refused(last, _)) = first_of(vec![one, two], soon()).await else {
            panic!("it connected");
        };
        assert_eq!(last, two);
        assert!(matches!(
            first_of(Vec::new(), soon()).await,
            Err(DialError::NoAddress)
        ));
    }

    #[tokio::test]
    async fn silence_ends_at_the_deadline() {
        let hole = BlackHole::new();
        let deadline = Instant::now() + Duration::from_millis(50);
        let Err(DialError::Silent(address)) = first_of(vec![hole.address; 3], deadline).await
        else {
            panic!("it connected");
        };
        assert_eq!(address, hole.address);
        assert!(Instant::now() >= deadline);
    }

    #[tokio::test]
    async fn a_name_that_nobody_knows_is_told_so() {
        assert!(matches!(
            dial("nobody.invalid", 80, soon()).await,
            Err(DialError::Lookup(_))
        ));
    }
}
