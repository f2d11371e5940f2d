//! A raw HTTP/2 client: frame by frame, nothing is checked on the way out, everything is kept on the way in.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use super::hpack::{Decoder, Fields, literal};
use super::testing::{BOUND, Running};
use crate::verify::testing as tokens;

pub(in crate::proxy) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Frame types and flags, RFC 9113 §6.
pub(in crate::proxy) const DATA: u8 = 0;
pub(in crate::proxy) const HEADERS: u8 = 1;
pub(in crate::proxy) const RST_STREAM: u8 = 3;
pub(in crate::proxy) const SETTINGS: u8 = 4;
pub(in crate::proxy) const PING: u8 = 6;
pub(in crate::proxy) const GOAWAY: u8 = 7;
pub(in crate::proxy) const WINDOW_UPDATE: u8 = 8;
pub(in crate::proxy) const CONTINUATION: u8 = 9;
pub(in crate::proxy) const END_STREAM: u8 = 0x1;
pub(in crate::proxy) const ACK: u8 = 0x1;
pub(in crate::proxy) const END_HEADERS: u8 = 0x4;

/// Error codes, RFC 9113 §7.
pub(in crate::proxy) const NO_ERROR: u32 = 0x0;
pub(in crate::proxy) const PROTOCOL_ERROR: u32 = 0x1;
pub(in crate::proxy) const CANCEL: u32 = 0x8;
pub(in crate::proxy) const ENHANCE_YOUR_CALM: u32 = 0xb;

/// SETTINGS_MAX_FRAME_SIZE, RFC 9113 §6.5.2.
pub(in crate::proxy) const LARGEST_FRAME: usize = 16 * 1024;

/// What came on one stream.
#[derive(Clone, Debug, Default)]
pub(in crate::proxy) struct Answer {
    pub(in crate::proxy) head: Option<Fields>,
    pub(in crate::proxy) body: Vec<u8>,
    /// How the body was cut into frames.
    pub(in crate::proxy) pieces: Vec<usize>,
    pub(in crate::proxy) trailers: Option<Fields>,
    pub(in crate::proxy) complete: bool,
    pub(in crate::proxy) reset: Option<u32>,
}

impl Answer {
    pub(in crate::proxy) fn header(&self, name: &str) -> Option<&str> {
        find(self.head.as_ref()?, name)
    }

    pub(in crate::proxy) fn trailer(&self, name: &str) -> Option<&str> {
        find(self.trailers.as_ref()?, name)
    }

    /// 0 without a head.
    pub(in crate::proxy) fn status(&self) -> u16 {
        self.header(":status").map_or(0, |s| s.parse().unwrap())
    }

    pub(in crate::proxy) fn reason(&self) -> String {
        let problem: serde_json::Value = serde_json::from_slice(&self.body).unwrap_or_default();
        problem["reason"].as_str().unwrap_or_default().to_owned()
    }

    pub(in crate::proxy) fn is(&self, status: u16, reason: &str) {
        let found = (self.status(), self.reason());
        assert_eq!(found, (status, reason.to_owned()), "{self:?}");
        assert!(self.complete, "{self:?}");
        assert_eq!(self.header("connection"), None, "{self:?}");
    }
}

fn find<'f>(fields: &'f Fields, name: &str) -> Option<&'f str> {
    let found = fields.iter().find(|(n, _)| n == name);
    found.map(|(_, value)| value.as_str())
}

pub(in crate::proxy) struct Http2 {
    pub(in crate::proxy) stream: TcpStream,
    buffer: Vec<u8>,
    decoder: Decoder,
    answers: HashMap<u32, Answer>,
    /// The last stream and the code of every GOAWAY.
    pub(in crate::proxy) goaways: Vec<(u32, u32)>,
    /// The gate's SETTINGS.
    pub(in crate::proxy) settings: Vec<(u16, u32)>,
    pub(in crate::proxy) pings_answered: usize,
    /// Answers the gate's PINGs.
    pub(in crate::proxy) polite: bool,
    pub(in crate::proxy) closed: bool,
}

impl Http2 {
    /// Opens with windows that never fill.
    pub(in crate::proxy) fn to(gate: &Running) -> Self {
        Self::with_settings(gate.address, &[(0x4, 1 << 24)])
    }

    pub(in crate::proxy) fn with_settings(address: SocketAddr, settings: &[(u16, u32)]) -> Self {
        let mut client = Self::silent(address);
        client.write(PREFACE);
        let payload: Vec<u8> = settings
            .iter()
            .flat_map(|(id, value)| [&id.to_be_bytes()[..], &value.to_be_bytes()].concat())
            .collect();
        client.frame(SETTINGS, 0, 0, &payload);
        client.frame(WINDOW_UPDATE, 0, 0, &(1_u32 << 24).to_be_bytes());
        client
    }

    /// Says nothing yet.
    pub(in crate::proxy) fn silent(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(BOUND)).unwrap();
        stream.set_nodelay(true).unwrap();
        Self {
            stream,
            buffer: Vec::new(),
            decoder: Decoder::default(),
            answers: HashMap::new(),
            goaways: Vec::new(),
            settings: Vec::new(),
            pings_answered: 0,
            polite: true,
            closed: false,
        }
    }

    pub(in crate::proxy) fn write(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
    }

    pub(in crate::proxy) fn frame(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        self.write(&frame(kind, flags, stream, payload));
    }

    pub(in crate::proxy) fn headers(
        &mut self,
        stream: u32,
        fields: &[(&str, &str)],
        end_stream: bool,
    ) {
        let block = block(fields);
        let mut pieces = block.chunks(LARGEST_FRAME).peekable();
        let (mut kind, mut flags) = (HEADERS, if end_stream { END_STREAM } else { 0 });
        while let Some(piece) = pieces.next() {
            if pieces.peek().is_none() {
                flags |= END_HEADERS;
            }
            self.frame(kind, flags, stream, piece);
            (kind, flags) = (CONTINUATION, 0);
        }
    }

    pub(in crate::proxy) fn data(&mut self, stream: u32, bytes: &[u8], end_stream: bool) {
        let end = if end_stream { END_STREAM } else { 0 };
        self.frame(DATA, end, stream, bytes);
    }

    /// A request without a body, and its answer.
    pub(in crate::proxy) fn get(
        &mut self,
        stream: u32,
        path: &str,
        more: &[(&str, &str)],
    ) -> Answer {
        self.headers(stream, &get(path, more), true);
        self.answer(stream)
    }

    /// Reads until the stream has ended, or the connection.
    pub(in crate::proxy) fn answer(&mut self, stream: u32) -> Answer {
        self.until(|client| {
            let answer = client.seen(stream);
            answer.complete || answer.reset.is_some()
        });
        self.seen(stream)
    }

    /// What has come of a stream so far.
    pub(in crate::proxy) fn seen(&self, stream: u32) -> Answer {
        self.answers.get(&stream).cloned().unwrap_or_default()
    }

    /// Reads until it is so, or the connection has ended.
    pub(in crate::proxy) fn until(&mut self, so: impl Fn(&Self) -> bool) {
        while !so(self) && !self.closed {
            self.read_frame();
        }
    }

    /// Reads until the gate closes.
    pub(in crate::proxy) fn rest(&mut self) {
        self.until(|_| false);
    }

    /// Whether nothing comes for a while. Only for what must not happen.
    pub(in crate::proxy) fn is_silent_for(&mut self, time: Duration) -> bool {
        self.stream.set_read_timeout(Some(time)).unwrap();
        let mut byte = [0];
        let silent = match self.stream.peek(&mut byte) {
            Ok(_) => false,
            Err(error) => matches!(
                error.kind(),
                std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut
            ),
        };
        self.stream.set_read_timeout(Some(BOUND)).unwrap();
        silent
    }

    fn read_frame(&mut self) {
        let Some(head) = self.take(9) else { return };
        let length = usize::from(head[0]) << 16 | usize::from(head[1]) << 8 | usize::from(head[2]);
        let (kind, flags) = (head[3], head[4]);
        let stream = u32::from_be_bytes(head[5..9].try_into().unwrap()) & 0x7fff_ffff;
        let Some(payload) = self.take(length) else {
            return;
        };
        let number = |at: usize| u32::from_be_bytes(payload[at..at + 4].try_into().unwrap());
        match kind {
            DATA => {
                let answer = self.answers.entry(stream).or_default();
                answer.body.extend_from_slice(&payload);
                answer.pieces.push(payload.len());
                answer.complete |= flags & END_STREAM != 0;
            }
            HEADERS => {
                assert!(flags & END_HEADERS != 0, "heads of the gate fit a frame");
                let fields = self.decoder.decode(&payload);
                let answer = self.answers.entry(stream).or_default();
                match answer.head {
                    None => answer.head = Some(fields),
                    Some(_) => answer.trailers = Some(fields),
                }
                answer.complete |= flags & END_STREAM != 0;
            }
            RST_STREAM => self.answers.entry(stream).or_default().reset = Some(number(0)),
            SETTINGS if flags & ACK == 0 => {
                self.settings = payload
                    .chunks(6)
                    .map(|s| {
                        let value = u32::from_be_bytes(s[2..].try_into().unwrap());
                        (u16::from_be_bytes([s[0], s[1]]), value)
                    })
                    .collect();
                self.answer_if_it_lasts(SETTINGS, &[]);
            }
            PING if flags & ACK != 0 => self.pings_answered += 1,
            PING if self.polite => self.answer_if_it_lasts(PING, &payload),
            GOAWAY => self.goaways.push((number(0), number(4))),
            _ => {}
        }
    }

    fn answer_if_it_lasts(&mut self, kind: u8, payload: &[u8]) {
        let _ = self.stream.write_all(&frame(kind, ACK, 0, payload));
    }

    fn take(&mut self, count: usize) -> Option<Vec<u8>> {
        let mut piece = [0; 16 * 1024];
        while self.buffer.len() < count {
            match self.stream.read(&mut piece) {
                Ok(0) => self.closed = true,
                Ok(n) => self.buffer.extend_from_slice(&piece[..n]),
                Err(error)
                    if matches!(
                        error.kind(),
                        std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut
                    ) =>
                {
                    panic!("nothing came in {BOUND:?}; before it {:#?}", self.answers)
                }
                Err(_) => self.closed = true,
            }
            if self.closed {
                return None;
            }
        }
        Some(self.buffer.drain(..count).collect())
    }
}

pub(in crate::proxy) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut bytes = length[1..].to_vec();
    bytes.extend_from_slice(&[kind, flags]);
    bytes.extend_from_slice(&stream.to_be_bytes());
    bytes.extend_from_slice(payload);
    bytes
}

pub(in crate::proxy) fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    fields
        .iter()
        .flat_map(|(name, value)| literal(name.as_bytes(), value.as_bytes()))
        .collect()
}

/// `GET path` to host `a`, with more fields after the pseudo-headers.
pub(in crate::proxy) fn get<'f>(
    path: &'f str,
    more: &[(&'f str, &'f str)],
) -> Vec<(&'f str, &'f str)> {
    request("GET", path, more)
}

pub(in crate::proxy) fn request<'f>(
    method: &'f str,
    path: &'f str,
    more: &[(&'f str, &'f str)],
) -> Vec<(&'f str, &'f str)> {
    let mut fields = vec![
        (":method", method),
        (":scheme", "http"),
        (":path", path),
        (":authority", "a"),
    ];
    fields.extend_from_slice(more);
    fields
}

/// The value of `authorization` with a good token.
pub(in crate::proxy) fn bearer() -> String {
    format!("Bearer {}", tokens::good(""))
}
