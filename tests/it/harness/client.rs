//! A client that writes bytes as they stand and reads whole answers.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};

use serde_json::Value;

use super::PATIENCE;

#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head
            .lines()
            .skip(1)
            .filter_map(|line| line.split_once(": "))
            .find(|(found, _)| found.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }

    /// The member `reason` of a problem body (RFC 9457).
    pub fn reason(&self) -> String {
        assert_eq!(
            self.header("content-type"),
            Some("application/problem+json"),
            "{}",
            self.head
        );
        let problem: Value = serde_json::from_slice(&self.body).unwrap();
        assert_eq!(problem["status"], self.status);
        problem["reason"].as_str().unwrap().to_owned()
    }
}

/// Writes `bytes` on a new connection and reads every answer until the gate closes, or until as many as `wanted` came.
pub fn send(port: u16, bytes: &[u8], wanted: usize) -> Vec<Answer> {
    exchange(port, bytes, wanted, Body::Read)
}

/// Whether answers have a body: those to HEAD have none, whatever their `Content-Length`.
#[derive(Clone, Copy, PartialEq)]
enum Body {
    Read,
    None,
}

fn exchange(port: u16, bytes: &[u8], wanted: usize, body: Body) -> Vec<Answer> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    // The gate may close before it has read everything: then the answer counts, not the write.
    let _refused = stream.write_all(bytes);
    let mut answers = Vec::new();
    while answers.len() < wanted {
        match read_answer(&mut stream, body) {
            Some(answer) => answers.push(answer),
            None => break,
        }
    }
    let _gone = stream.shutdown(Shutdown::Both);
    answers
}

/// One request with these header lines (each ending in CRLF); `token` as Bearer.
pub fn request(port: u16, line: &str, token: Option<&str>, headers: &str) -> Answer {
    let bearer = token
        .map(|token| format!("Authorization: Bearer {token}\r\n"))
        .unwrap_or_default();
    let host = "Host: gate.test\r\n";
    let bytes = format!("{line} HTTP/1.1\r\n{host}{bearer}{headers}\r\n");
    let body = if line.starts_with("HEAD ") {
        Body::None
    } else {
        Body::Read
    };
    exchange(port, bytes.as_bytes(), 1, body)
        .pop()
        .unwrap_or_else(|| panic!("no answer to {line}"))
}

fn read_answer(stream: &mut TcpStream, body: Body) -> Option<Answer> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read(&mut byte).unwrap_or(0) == 0 {
            return None;
        }
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap();
    let status = head.split(' ').nth(1)?.parse().ok()?;
    let mut answer = Answer {
        status,
        head,
        body: Vec::new(),
    };
    if body == Body::Read
        && let Some(length) = answer.header("content-length")
    {
        let mut body = vec![0; length.parse().unwrap()];
        stream.read_exact(&mut body).ok()?;
        answer.body = body;
    }
    Some(answer)
}
