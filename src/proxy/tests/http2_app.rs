//! Applications that speak HTTP/2: one that keeps to it, and one that says exactly the frames that a test wants.

use std::future::Future;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use h2::RecvStream;
use h2::server::SendResponse;
use http::{HeaderMap, Request, Response};
use tokio::io::{AsyncRead, AsyncWrite};

use super::testing::*;
use crate::proxy::{Gate, Protocol};

/// A gate before an application that speaks HTTP/2 without TLS.
pub(in crate::proxy) fn h2c(address: SocketAddr) -> Gate {
    let mut gate = gate(address, None);
    gate.upstream.protocol = Protocol::Http2;
    gate
}

pub(in crate::proxy) type Answering = Pin<Box<dyn Future<Output = ()> + Send>>;
type Script = dyn Fn(Request<RecvStream>, SendResponse<Bytes>) -> Answering + Send + Sync;

/// Keeps to HTTP/2.
#[derive(Clone)]
pub(in crate::proxy) struct Http2App {
    script: Arc<Script>,
    pub(in crate::proxy) max_streams: u32,
    connections: Arc<AtomicUsize>,
}

impl Http2App {
    pub(in crate::proxy) fn new(
        script: impl Fn(Request<RecvStream>, SendResponse<Bytes>) -> Answering + Send + Sync + 'static,
    ) -> Self {
        Self {
            script: Arc::new(script),
            max_streams: 1000,
            connections: Arc::default(),
        }
    }

    /// Answers with the head that it got, as text, and then with the body and its own trailers.
    pub(in crate::proxy) fn echo() -> Self {
        Self::new(|request, respond| Box::pin(echo(request, respond)))
    }

    pub(in crate::proxy) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// Serves on a port of its own, in a thread of its own.
    pub(in crate::proxy) fn listen(&self) -> SocketAddr {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        listener.set_nonblocking(true).unwrap();
        let app = self.clone();
        in_a_thread(async move {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(app.clone().serve(stream));
            }
        });
        address
    }

    pub(in crate::proxy) async fn serve(self, stream: impl AsyncRead + AsyncWrite + Unpin) {
        self.connections.fetch_add(1, Ordering::SeqCst);
        let mut builder = h2::server::Builder::new();
        let shaken = builder
            .max_concurrent_streams(self.max_streams)
            .handshake(stream)
            .await;
        let Ok(mut connection) = shaken else { return };
        while let Some(Ok((request, respond))) = connection.accept().await {
            tokio::spawn((self.script)(request, respond));
        }
    }
}

pub(in crate::proxy) fn in_a_thread(future: impl Future<Output = ()> + Send + 'static) {
    std::thread::spawn(move || {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap()
            .block_on(future);
    });
}

async fn echo(request: Request<RecvStream>, mut respond: SendResponse<Bytes>) {
    let (head, mut body) = request.into_parts();
    let mut text = format!("{} {}\n", head.method, head.uri);
    for (name, value) in &head.headers {
        text.push_str(&format!("{name}: {}\n", value.to_str().unwrap()));
    }
    let response = Response::builder()
        .header("x-app", "1")
        .header("trailer", "x-sum")
        .body(())
        .unwrap();
    let mut sending = respond.send_response(response, false).unwrap();
    sending.send_data(text.into(), false).unwrap();
    while let Some(Ok(data)) = body.data().await {
        let _ = body.flow_control().release_capacity(data.len());
        sending.send_data(data, false).unwrap();
    }
    let mut trailers = HeaderMap::new();
    trailers.insert("x-sum", "9".parse().unwrap());
    sending.send_trailers(trailers).unwrap();
}

/// One frame (RFC 9113 §4.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::proxy) struct RawFrame {
    pub(in crate::proxy) kind: u8,
    pub(in crate::proxy) flags: u8,
    pub(in crate::proxy) stream: u32,
    pub(in crate::proxy) payload: Vec<u8>,
}

pub(in crate::proxy) const DATA: u8 = 0;
pub(in crate::proxy) const HEADERS: u8 = 1;
pub(in crate::proxy) const RST_STREAM: u8 = 3;
pub(in crate::proxy) const SETTINGS: u8 = 4;
pub(in crate::proxy) const PING: u8 = 6;
pub(in crate::proxy) const GOAWAY: u8 = 7;
pub(in crate::proxy) const END_STREAM: u8 = 1;
pub(in crate::proxy) const END_HEADERS: u8 = 4;
/// `:status: 200` (RFC 7541, appendix A).
pub(in crate::proxy) const STATUS_200: &[u8] = &[0x88];
pub(in crate::proxy) const PREFACE: usize = 24;

impl RawFrame {
    pub(in crate::proxy) fn ends(&self) -> bool {
        self.flags & END_STREAM != 0
    }

    pub(in crate::proxy) fn number(&self) -> u32 {
        u32::from_be_bytes(self.payload[..4].try_into().unwrap())
    }
}

pub(in crate::proxy) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut bytes = length[1..].to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

/// A header of a name and a value, literally (RFC 7541 §6.2.2).
pub(in crate::proxy) fn field(name: &str, value: &str) -> Vec<u8> {
    let mut bytes = vec![0, u8::try_from(name.len()).unwrap()];
    bytes.extend(name.as_bytes());
    bytes.push(u8::try_from(value.len()).unwrap());
    bytes.extend(value.as_bytes());
    bytes
}

pub(in crate::proxy) fn reset(stream: u32, reason: h2::Reason) -> Vec<u8> {
    frame(RST_STREAM, 0, stream, &u32::from(reason).to_be_bytes())
}

pub(in crate::proxy) fn goaway(last: u32, reason: h2::Reason) -> Vec<u8> {
    let payload = [last.to_be_bytes(), u32::from(reason).to_be_bytes()].concat();
    frame(GOAWAY, 0, 0, &payload)
}

/// A whole answer without a body.
pub(in crate::proxy) fn answer_200(stream: u32) -> Vec<u8> {
    frame(HEADERS, END_HEADERS | END_STREAM, stream, STATUS_200)
}

/// Says what its script writes. False: it closes the connection.
pub(in crate::proxy) struct RawApp {
    pub(in crate::proxy) address: SocketAddr,
    frames: Arc<Mutex<Vec<(usize, RawFrame)>>>,
    connections: Arc<AtomicUsize>,
}

impl RawApp {
    /// `script` gets each frame, but SETTINGS, PING and WINDOW_UPDATE (which are answered as they should be), with the number of its connection.
    pub(in crate::proxy) fn start(
        script: impl Fn(&mut TcpStream, usize, &RawFrame) -> bool + Send + Sync + 'static,
    ) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let app = Self {
            address: listener.local_addr().unwrap(),
            frames: Arc::default(),
            connections: Arc::default(),
        };
        let (frames, connections) = (Arc::clone(&app.frames), Arc::clone(&app.connections));
        let script = Arc::new(script);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { return };
                let number = connections.fetch_add(1, Ordering::SeqCst);
                let (frames, script) = (Arc::clone(&frames), Arc::clone(&script));
                std::thread::spawn(move || {
                    stream.read_exact(&mut [0; PREFACE]).ok()?;
                    stream.write_all(&frame(SETTINGS, 0, 0, &[])).ok()?;
                    loop {
                        let frame = read_frame(&mut stream)?;
                        match frame.kind {
                            SETTINGS if frame.flags == 0 => {
                                stream
                                    .write_all(&super::http2_app::frame(SETTINGS, 1, 0, &[]))
                                    .ok()?;
                            }
                            PING if frame.flags == 0 => {
                                let pong = super::http2_app::frame(PING, 1, 0, &frame.payload);
                                stream.write_all(&pong).ok()?;
                            }
                            DATA | HEADERS | RST_STREAM | GOAWAY => {
                                frames.lock().unwrap().push((number, frame.clone()));
                                if !script(&mut stream, number, &frame) {
                                    return None::<()>;
                                }
                            }
                            _ => {}
                        }
                    }
                });
            }
        });
        app
    }

    pub(in crate::proxy) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// The frames of this kind, each with its connection.
    pub(in crate::proxy) fn frames(&self, kind: u8) -> Vec<(usize, RawFrame)> {
        let frames = self.frames.lock().unwrap();
        let of_kind = frames.iter().filter(|(_, frame)| frame.kind == kind);
        of_kind.cloned().collect()
    }

    pub(in crate::proxy) fn wait_for(&self, kind: u8, count: usize) -> Vec<(usize, RawFrame)> {
        wait_until("frames", || self.frames(kind).len() >= count);
        self.frames(kind)
    }
}

fn read_frame(stream: &mut TcpStream) -> Option<RawFrame> {
    let mut head = [0; 9];
    stream.read_exact(&mut head).ok()?;
    let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
    let mut payload = vec![0; length as usize];
    stream.read_exact(&mut payload).ok()?;
    Some(RawFrame {
        kind: head[3],
        flags: head[4],
        stream: u32::from_be_bytes(head[5..9].try_into().unwrap()) & 0x7fff_ffff,
        payload,
    })
}
