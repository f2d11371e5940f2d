//! `claimgate healthcheck`: asks `/readyz`, for an image without a shell or another client.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, ToSocketAddrs};
use std::time::Duration;

use super::output::{complain, complain_of, print};
use super::{ConfigFile, FAILURE, SUCCESS};
use crate::clock::{Clock, SystemClock};
use crate::config::{self, LoadOptions};

/// For the whole question: container health checks are usually given a few seconds.
const TIMEOUT: Duration = Duration::from_secs(2);
/// Bytes of an answer that are read; ours is short.
const MAX_ANSWER: usize = 64 * 1024;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    file: ConfigFile,
    /// The admin address to ask, instead of the configuration's
    #[arg(long, value_name = "ADDR", value_parser = address)]
    admin: Option<SocketAddr>,
}

pub(super) fn healthcheck(arguments: &Arguments) -> u8 {
    let address = match arguments.admin {
        Some(address) => address,
        None => {
            let options = LoadOptions {
                read_files: false,
                ..LoadOptions::default()
            };
            match config::load(&arguments.file.path(), &options) {
                Ok(config) => config.admin,
                Err(problems) => {
                    complain_of(&problems);
                    return FAILURE;
                }
            }
        }
    };
    let address = reachable(address);
    match ask(address, TIMEOUT) {
        Ok(Answer { ready: true, text }) => {
            print(&format!("{text}\n"));
            SUCCESS
        }
        Ok(Answer { ready: false, text }) => {
            complain(&format!("{text}\n"));
            FAILURE
        }
        Err(error) => {
            complain(&format!("not ready: cannot ask `{address}`: {error}\n"));
            FAILURE
        }
    }
}

struct Answer {
    ready: bool,
    /// First line of the body.
    text: String,
}

/// `127.0.0.1:9464`, or a name with a port; of its addresses the first of IPv4, which is what listens by default.
fn address(text: &str) -> Result<SocketAddr, String> {
    let found: Vec<SocketAddr> = text
        .to_socket_addrs()
        .map_err(|error| error.to_string())?
        .collect();
    let first = found.iter().find(|address| address.is_ipv4());
    first
        .or(found.first())
        .copied()
        .ok_or_else(|| "this name has no address".to_owned())
}

/// The address to connect to: a listener on every address is asked on loopback.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(match address.ip() {
            IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    address
}

fn ask(address: SocketAddr, limit: Duration) -> std::io::Result<Answer> {
    let now = || SystemClock.now().monotonic;
    let deadline = now() + limit;
    let left = || {
        let left = deadline.saturating_sub(now());
        if left.is_zero() {
            Err(std::io::Error::from(std::io::ErrorKind::TimedOut))
        } else {
            Ok(left)
        }
    };
    let mut stream = TcpStream::connect_timeout(&address, left()?)?;
    stream.set_write_timeout(Some(left()?))?;
    // One write: a server that answers and closes early must not meet the rest of the question.
    let question = format!("GET /readyz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(question.as_bytes())?;
    let mut answer = Vec::new();
    let mut part = [0; 4096];
    while answer.len() < MAX_ANSWER {
        stream.set_read_timeout(Some(left()?))?;
        match stream.read(&mut part)? {
            0 => break,
            read => answer.extend_from_slice(part.get(..read).unwrap_or_default()),
        }
    }
    let answer = String::from_utf8_lossy(&answer);
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let status = head.split(' ').nth(1).unwrap_or_default();
    Ok(Answer {
        ready: head.starts_with("HTTP/1.1 ") && status == "200",
        text: match body.lines().next() {
            Some(line) => line.chars().filter(|c| !c.is_control()).collect(),
            None => format!("not ready: `{address}` answered without a reason"),
        },
    })
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::thread;

    use super::*;

    fn answering(answer: &'static str) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 1024];
            let read = stream.read(&mut request).unwrap();
            assert!(request[..read].starts_with(b"GET /readyz HTTP/1.1\r\n"));
            stream.write_all(answer.as_bytes()).unwrap();
        });
        address
    }

    fn exit(address: SocketAddr) -> u8 {
        healthcheck(&Arguments {
            file: ConfigFile { config: None },
            admin: Some(address),
        })
    }

    #[test]
    fn a_ready_gate_is_0_and_one_that_is_not_is_1() {
        assert_eq!(exit(answering("HTTP/1.1 200 OK\r\n\r\nready\n")), SUCCESS);
        assert_eq!(
            exit(answering(
                "HTTP/1.1 503 Service Unavailable\r\n\r\nnot ready: draining\n"
            )),
            FAILURE
        );
        assert_eq!(exit(answering("SSH-2.0-x 200\r\n\r\n")), FAILURE);
    }

    #[test]
    fn nobody_there_is_1() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        assert_eq!(exit(address), FAILURE);
    }

    #[test]
    fn an_answer_that_does_not_come_ends_in_time() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        assert!(ask(address, Duration::from_millis(50)).is_err());
    }

    #[test]
    fn an_address_is_an_ip_or_a_name_with_a_port() {
        let local: SocketAddr = "127.0.0.1:9464".parse().unwrap();
        assert_eq!(address("127.0.0.1:9464"), Ok(local));
        assert_eq!(address("localhost:9464"), Ok(local));
        assert!(address("localhost").is_err());
    }

    #[test]
    fn a_listener_on_every_address_is_asked_on_loopback() {
        for (listens, asked) in [
            ("0.0.0.0:9464", "127.0.0.1:9464"),
            ("[::]:1", "[::1]:1"),
            ("10.0.0.1:1", "10.0.0.1:1"),
        ] {
            assert_eq!(
                reachable(listens.parse().unwrap()),
                asked.parse::<SocketAddr>().unwrap()
            );
        }
    }
}
