//! A client's keep-alive connection, read without allocating.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// A request with this token, as bytes.
pub fn request(token: &str) -> Vec<u8> {
    format!("GET / HTTP/1.1\r\nHost: gate.test\r\nAuthorization: Bearer {token}\r\n\r\n")
        .into_bytes()
}

pub fn sleep_until(due: Instant) {
    std::thread::sleep(due.saturating_duration_since(Instant::now()));
}

/// A keep-alive connection.
pub struct Connection {
    socket: BufReader<TcpStream>,
    line: Vec<u8>,
    body: Vec<u8>,
}

impl Connection {
    pub fn open(port: u16) -> Self {
        let socket = TcpStream::connect(("127.0.0.1", port)).unwrap();
        socket.set_nodelay(true).unwrap();
        Self {
            socket: BufReader::new(socket),
            line: Vec::new(),
            body: Vec::new(),
        }
    }

    pub fn send(&mut self, bytes: &[u8]) {
        self.socket.get_mut().write_all(bytes).unwrap();
    }

    /// Status and body of the next answer.
    pub fn answer(&mut self) -> (u16, &[u8]) {
        let (mut status, mut length) = (0, 0);
        loop {
            self.line.clear();
            let read = self.socket.read_until(b'\n', &mut self.line).unwrap();
            assert!(read > 0, "the gate closed the connection");
            self.line.make_ascii_lowercase();
            let line = std::str::from_utf8(&self.line).unwrap().trim_end();
            if let Some(rest) = line.strip_prefix("http/1.1 ") {
                status = rest[..3].parse().unwrap();
            } else if let Some(value) = line.strip_prefix("content-length: ") {
                length = value.parse().unwrap();
            } else if line.is_empty() {
                break;
            }
        }
        self.body.resize(length, 0);
        self.socket.read_exact(&mut self.body).unwrap();
        (status, &self.body)
    }
}
