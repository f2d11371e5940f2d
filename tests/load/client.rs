//! A client with a connection that it keeps, and no forgiveness: what it could not read as a whole answer is told as what it was.

use std::fmt;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;

use crate::harness::PATIENCE;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    Answer {
        status: u16,
        body: Vec<u8>,
    },
    /// The connection ended in the answer, or before it.
    Cut {
        bytes: usize,
    },
    /// Nobody listens.
    Refused,
}

impl fmt::Display for Outcome {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Answer { status, body } => {
                write!(formatter, "{status} {}", String::from_utf8_lossy(body))
            }
            Self::Cut { bytes } => write!(formatter, "cut after {bytes} bytes"),
            Self::Refused => formatter.write_str("refused"),
        }
    }
}

pub struct Client {
    port: u16,
    token: String,
    connection: Option<BufReader<TcpStream>>,
}

impl Client {
    pub fn new(port: u16, token: &str) -> Self {
        Self {
            port,
            token: token.to_owned(),
            connection: None,
        }
    }

    /// One request, once.
    pub fn ask(&mut self, method: &str, path: &str, body: &str) -> Outcome {
        let Some(mut connection) = self.connection.take().or_else(|| self.connect()) else {
            return Outcome::Refused;
        };
        let framing = match method {
            "GET" => String::new(),
            _ => format!("Content-Length: {}\r\n", body.len()),
        };
        let bytes = format!(
            "{method} {path} HTTP/1.1\r\nHost: gate.test\r\nAuthorization: Bearer {}\r\n{framing}\r\n{body}",
            self.token
        );
        if connection.get_mut().write_all(bytes.as_bytes()).is_err() {
            return Outcome::Cut { bytes: 0 };
        }
        let mut read = 0;
        match read_answer(&mut connection, &mut read) {
            Some((status, body, stays)) => {
                self.connection = stays.then_some(connection);
                Outcome::Answer { status, body }
            }
            None => Outcome::Cut { bytes: read },
        }
    }

    fn connect(&self) -> Option<BufReader<TcpStream>> {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).ok()?;
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Some(BufReader::new(stream))
    }
}

/// Status, body, and whether the connection stays open.
fn read_answer(
    connection: &mut BufReader<TcpStream>,
    read: &mut usize,
) -> Option<(u16, Vec<u8>, bool)> {
    let (mut status, mut length, mut stays) = (None, None, true);
    loop {
        let mut line = String::new();
        let n = connection.read_line(&mut line).ok()?;
        *read += n;
        let line = line.strip_suffix("\r\n")?.to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        match line.split_once(": ") {
            None => status = line.split(' ').nth(1)?.parse().ok(),
            Some(("content-length", value)) => length = value.parse().ok(),
            Some(("connection", value)) => stays = value != "close",
            Some(_) => {}
        }
    }
    let mut body = vec![0; length?];
    connection.read_exact(&mut body).ok()?;
    Some((status?, body, stays))
}
