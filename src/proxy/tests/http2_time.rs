//! What takes time on an HTTP/2 connection. The clock stands still and jumps to the next timer: no test waits.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::runtime::LocalOptions;
use tokio::sync::{Semaphore, watch};
use tokio::time::Instant;

use super::raw_http2::*;
use super::testing::gate;
use crate::proxy::client::connection::serve;
use crate::proxy::client::timed_io::ConnectionState;
use crate::proxy::client::timed_io::{HEAD_TIMEOUT, IDLE_TIMEOUT, WRITE_STALL_TIMEOUT};
use crate::proxy::client::transport::{Accepted, Transport};
use crate::proxy::listen::Phase;
use crate::proxy::local::Worker;

/// A frame and when it came.
type Came = (Duration, u8, u32, Vec<u8>);

/// What the gate sends until it closes, and when that is. `first` is what the client sends at once; it never answers.
fn until_closed(transport: Transport, first: &[u8]) -> (Vec<Came>, Duration) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build_local(LocalOptions::default())
        .unwrap();
    runtime.block_on(async {
        let (mut client, server) = tokio::io::duplex(64 * 1024);
        let nobody = "127.0.0.1:9".parse().unwrap();
        let worker = Worker::new(
            Arc::new(ArcSwap::from_pointee(gate(nobody, None))),
            Arc::new(Semaphore::new(1)),
        );
        let (_told, phase) = watch::channel(Phase::Running);
        let start = Instant::now();
        client.write_all(first).await.unwrap();
        let address = Some("127.0.0.1".parse().unwrap());
        let accepted = Accepted::new(address, transport, ConnectionState::new(None));
        let serving = serve(server, accepted, Rc::new(worker), phase);
        let reading = async {
            let mut frames = Vec::new();
            while let Some(frame) = read_frame(&mut client, start).await {
                frames.push(frame);
            }
            frames
        };
        let ((), frames) = tokio::join!(serving, reading);
        (frames, start.elapsed())
    })
}

async fn read_frame(client: &mut DuplexStream, start: Instant) -> Option<Came> {
    let mut head = [0; 9];
    client.read_exact(&mut head).await.ok()?;
    let mut payload = vec![0; usize::from(head[1]) << 8 | usize::from(head[2])];
    client.read_exact(&mut payload).await.ok()?;
    let stream = u32::from_be_bytes(head[5..].try_into().unwrap());
    Some((start.elapsed(), head[3], stream, payload))
}

fn opening(settings: &[u8]) -> Vec<u8> {
    [PREFACE, &frame(SETTINGS, 0, 0, settings)].concat()
}

/// Within the time that a connection has left after GOAWAY.
fn about(found: Duration, wanted: Duration) {
    assert!(
        found >= wanted && found < wanted + Duration::from_secs(3),
        "{found:?} is not {wanted:?}"
    );
}

fn goaways(frames: &[Came]) -> Vec<u32> {
    let code = |payload: &[u8]| u32::from_be_bytes(payload[4..8].try_into().unwrap());
    let goaways = frames.iter().filter(|(_, kind, _, _)| *kind == GOAWAY);
    goaways.map(|(_, _, _, payload)| code(payload)).collect()
}

#[test]
fn d01_a_connection_that_never_asks_ends_after_the_head_timeout() {
    for (transport, first) in [
        (Transport::Plain, &b""[..]),
        (Transport::Plain, &PREFACE[..20]),
        (Transport::Tls { h2: false }, b""),
        (Transport::Tls { h2: true }, b""),
        (Transport::Tls { h2: true }, &PREFACE[..20]),
    ] {
        let (_, took) = until_closed(transport, first);
        about(took, HEAD_TIMEOUT);
    }
    let (frames, took) = until_closed(Transport::Plain, &opening(&[]));
    about(took, HEAD_TIMEOUT);
    assert_eq!(goaways(&frames), [NO_ERROR]);
}

#[test]
fn d01_half_a_head_ends_after_the_head_timeout() {
    let mut half = opening(&[]);
    half.extend(frame(HEADERS, END_STREAM, 1, &block(&get("/", &[]))));
    let (_, took) = until_closed(Transport::Plain, &half);
    about(took, HEAD_TIMEOUT);
}

#[test]
fn an_idle_connection_is_probed_and_told_before_it_ends() {
    let mut first = opening(&[]);
    first.extend(frame(
        HEADERS,
        END_HEADERS | END_STREAM,
        1,
        &block(&get("/", &[])),
    ));
    let (frames, took) = until_closed(Transport::Plain, &first);
    about(took, IDLE_TIMEOUT);
    assert_eq!(goaways(&frames), [NO_ERROR]);
    let probed = frames
        .iter()
        .find(|(at, kind, _, _)| *kind == PING && !at.is_zero());
    about(probed.unwrap().0, Duration::from_secs(60));
}

#[test]
fn d02_a_stream_whose_answer_is_not_taken_is_reset() {
    // SETTINGS_INITIAL_WINDOW_SIZE 0.
    let mut first = opening(&[0, 4, 0, 0, 0, 0]);
    for stream in [1, 3] {
        first.extend(frame(
            HEADERS,
            END_HEADERS | END_STREAM,
            stream,
            &block(&get("/", &[])),
        ));
    }
    let (frames, _) = until_closed(Transport::Plain, &first);
    let resets: Vec<_> = frames.iter().filter(|f| f.1 == RST_STREAM).collect();
    assert_eq!(resets.len(), 2, "{frames:?}");
    for (at, _, _, code) in resets {
        about(*at, WRITE_STALL_TIMEOUT);
        assert_eq!(**code, CANCEL.to_be_bytes());
    }
    assert!(frames.iter().all(|(_, kind, _, _)| *kind != DATA));
}

#[test]
fn http_2_is_not_guessed_where_tls_has_agreed_on_http_1() {
    let (frames, took) = until_closed(Transport::Tls { h2: false }, &opening(&[]));
    assert!(frames.is_empty(), "{frames:?}");
    assert!(took < HEAD_TIMEOUT);
}
