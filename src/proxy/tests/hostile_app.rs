//! Applications that do what no application should, over HTTP/2 most of all: every other request goes on, and no client is told what is not so.

use std::collections::HashSet;
use std::io::{Read, Write};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use h2::Reason;
use http::{HeaderMap, Response};

use super::http2_app::*;
use super::raw_http2::{self, Http2};
use super::testing::*;
use crate::proxy::*;

const WINDOW_UPDATE: u8 = 8;
const PUSH_PROMISE: u8 = 5;

fn asked(path: &str) -> String {
    get(path, &bearer())
}

/// One pair of SETTINGS.
fn setting(id: u16, value: u32) -> Vec<u8> {
    let payload = [&id.to_be_bytes()[..], &value.to_be_bytes()].concat();
    frame(SETTINGS, 0, 0, &payload)
}

#[test]
fn clients_that_leave_in_crowds_do_not_end_the_connection_that_others_share() {
    // What is in flight for a stream when it is reset comes afterwards: less than its window.
    let left = Mutex::new(HashSet::new());
    let first = Arc::new(Mutex::new(None));
    let kept = Arc::clone(&first);
    let app = RawApp::start(move |stream, number, got| match got.kind {
        HEADERS if (number, got.stream) == (0, 1) => {
            *kept.lock().unwrap() = stream.try_clone().ok();
            true
        }
        HEADERS => stream
            .write_all(&frame(HEADERS, END_HEADERS, got.stream, STATUS_200))
            .is_ok(),
        RST_STREAM if left.lock().unwrap().insert((number, got.stream)) => {
            let late = frame(DATA, 0, got.stream, &[0; 512]);
            stream.write_all(&late.repeat(30)).is_ok()
        }
        _ => true,
    });
    let gate = Running::start(h2c(app.address));
    let mut patient = gate.connect();
    patient.write(asked("/first"));
    wait_until("the first request", || first.lock().unwrap().is_some());
    let mut resets = 0;
    for _ in 0..16 {
        let mut crowd = Http2::to(&gate);
        let auth = raw_http2::bearer();
        let streams: Vec<u32> = (0..90).map(|n| 2 * n + 1).collect();
        for id in &streams {
            let head = raw_http2::get("/crowd", &[("authorization", &auth)]);
            crowd.headers(*id, &head, true);
        }
        for id in &streams {
            crowd.until(|client| client.seen(*id).head.is_some());
        }
        drop(crowd);
        resets += streams.len();
        app.wait_for(RST_STREAM, resets);
    }
    let mut application = first.lock().unwrap().take().unwrap();
    application.write_all(&answer_200(1)).unwrap();
    assert_eq!(patient.answer().status, 200);
}

#[test]
fn s14_an_answer_that_has_no_body_has_none_for_an_http2_client_either() {
    let app = RawApp::start(|stream, _, got| {
        if got.kind != HEADERS {
            return true;
        }
        let status = if got.stream == 1 { 0x89 } else { 0x8b };
        let head = frame(HEADERS, END_HEADERS, got.stream, &[status]);
        let body = frame(DATA, END_STREAM, got.stream, b"<script>");
        stream.write_all(&[head, body].concat()).is_ok()
    });
    let gate = Running::start(h2c(app.address));
    let mut client = Http2::to(&gate);
    let auth = raw_http2::bearer();
    for (stream, status) in [(1, 204), (3, 304)] {
        let answer = client.get(stream, "/", &[("authorization", &auth)]);
        assert_eq!(answer.status(), status, "{answer:?}");
        assert!(answer.body.is_empty() && answer.complete, "{answer:?}");
    }
    gate.wait_count(r#"claimgate_upstream_requests_total{outcome="answered"} 2"#);
}

#[test]
fn s14_trailers_of_the_application_never_say_how_the_answer_is_framed() {
    let app = App::start(|stream, _| {
        let answer = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum, Content-Length, Transfer-Encoding, Connection\r\n\r\n2\r\nok\r\n0\r\nX-Sum: 9\r\nContent-Length: 7\r\nConnection: X-A\r\nTransfer-Encoding: chunked\r\nKeep-Alive: 1\r\n\r\n";
        stream.write_all(answer.as_bytes()).is_ok()
    });
    let gate = Running::before(&app);
    let mut client = Http2::to(&gate);
    let auth = raw_http2::bearer();
    let answer = client.get(1, "/", &[("authorization", &auth), ("te", "trailers")]);
    assert!(answer.complete && answer.reset.is_none(), "{answer:?}");
    assert_eq!(answer.body, b"ok");
    let trailers = answer.trailers.unwrap();
    assert_eq!(trailers, [("x-sum".to_owned(), "9".to_owned())]);
    let mut old = gate.connect();
    let lines = bearer() + "TE: trailers\r\nConnection: close, TE\r\n";
    old.write(get("/", &lines));
    let all = String::from_utf8(old.rest()).unwrap().to_lowercase();
    let (_, body) = all.split_once("\r\n\r\n").unwrap();
    assert_eq!(body, "2\r\nok\r\n0\r\nx-sum: 9\r\n\r\n");
}

#[test]
fn trailers_that_were_not_announced_do_not_keep_an_http1_answer_from_ending() {
    let app = Http2App::new(|_, mut respond| {
        Box::pin(async move {
            let mut sending = respond.send_response(Response::new(()), false).unwrap();
            sending.send_data("ok".into(), false).unwrap();
            let mut trailers = HeaderMap::new();
            trailers.insert("x-sum", "9".parse().unwrap());
            sending.send_trailers(trailers).unwrap();
        })
    });
    let gate = Running::start(h2c(app.listen()));
    let mut client = gate.connect();
    for lines in ["", "TE: trailers\r\nConnection: TE\r\n", ""] {
        client.write(get("/", &(bearer() + lines)));
        let answer = client.answer();
        assert!(answer.complete && answer.body == b"ok", "{answer:?}");
    }
}

#[test]
fn windows_and_limits_that_change_in_the_middle_lose_nothing() {
    const SIZE: usize = 300 * 1024;
    let taken = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&taken);
    let app = RawApp::start(move |stream, _, got| match got.kind {
        HEADERS => {
            // None at all, one byte, then many, and no more streams.
            let mut all = setting(4, 0);
            all.extend(setting(4, 1));
            all.extend(setting(3, 0));
            all.extend(setting(4, 65_535));
            all.extend(setting(4, 10));
            all.extend(frame(WINDOW_UPDATE, 0, 0, &65_535_u32.to_be_bytes()));
            stream.write_all(&all).is_ok()
        }
        DATA => {
            let now = counted.fetch_add(got.payload.len(), Ordering::SeqCst) + got.payload.len();
            let room = u32::try_from(got.payload.len()).unwrap();
            let mut all = Vec::new();
            if room > 0 {
                for id in [0, got.stream] {
                    all.extend(frame(WINDOW_UPDATE, 0, id, &room.to_be_bytes()));
                }
            }
            let odd = (now / 1000) % 2 == 1;
            all.extend(setting(4, if odd { 0 } else { 70_000 }));
            all.extend(setting(4, 5_000));
            if got.ends() {
                all.extend(answer_200(got.stream));
            }
            stream.write_all(&all).is_ok()
        }
        _ => true,
    });
    let gate = Running::start(h2c(app.address));
    let mut client = gate.connect();
    let lines = bearer() + &format!("Content-Length: {SIZE}\r\n");
    client.write(get("/", &lines).replace("GET", "POST"));
    client.write(vec![7; SIZE]);
    assert_eq!(client.answer().status, 200);
    assert_eq!(taken.load(Ordering::SeqCst), SIZE);
}

#[test]
fn what_no_application_may_say_over_http2_is_a_502_and_the_next_request_is_answered() {
    let promise = |stream: u32| {
        let promised = [&2_u32.to_be_bytes()[..], STATUS_200].concat();
        frame(PUSH_PROMISE, END_HEADERS, stream, &promised)
    };
    let says: Vec<Arc<dyn Fn(u32) -> Vec<u8> + Send + Sync>> = vec![
        Arc::new(promise),
        Arc::new(|id| {
            frame(
                HEADERS,
                END_HEADERS | END_STREAM,
                id,
                &field(":status", "101"),
            )
        }),
        Arc::new(|id| {
            frame(
                HEADERS,
                END_HEADERS | END_STREAM,
                id,
                &field(":status", "103"),
            )
        }),
        Arc::new(|id| frame(HEADERS, END_HEADERS | END_STREAM, id, &field("x", "y"))),
        Arc::new(|id| frame(HEADERS, END_HEADERS | END_STREAM, id, &field(":path", "/"))),
        Arc::new(|id| {
            frame(
                HEADERS,
                END_HEADERS | END_STREAM,
                id,
                &field(":status", "abc"),
            )
        }),
        Arc::new(|id| frame(HEADERS, END_HEADERS | END_STREAM, id, &[0xff; 30])),
        Arc::new(|id| frame(HEADERS, 0, id, &vec![0; 16_384]).repeat(200)),
        Arc::new(|id| frame(DATA, END_STREAM, id, b"no head")),
        Arc::new(|id| frame(DATA, 0, id + 200, b"idle stream")),
        Arc::new(|_| frame(DATA, 0, 0, b"stream 0")),
        Arc::new(|_| frame(WINDOW_UPDATE, 0, 0, &[0; 4])),
        Arc::new(|_| frame(WINDOW_UPDATE, 0, 0, &0x7fff_ffff_u32.to_be_bytes()).repeat(2)),
        Arc::new(|_| setting(4, u32::MAX)),
        Arc::new(|_| setting(5, 1)),
        Arc::new(|_| setting(2, 1)),
        Arc::new(|id| frame(9, END_HEADERS, id, STATUS_200)),
        Arc::new(|id| goaway(id + 2000, Reason::NO_ERROR).repeat(2)),
        Arc::new(|_| b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok".to_vec()),
        Arc::new(|_| vec![0xff; 9]),
    ];
    for (number, say) in says.into_iter().enumerate() {
        let said = AtomicBool::new(false);
        let app = RawApp::start(move |stream, _, got| {
            if got.kind != HEADERS {
                return true;
            }
            let bytes = match said.swap(true, Ordering::SeqCst) {
                false => say(got.stream),
                true => answer_200(got.stream),
            };
            let _ = stream.write_all(&bytes);
            true
        });
        let mut settings = h2c(app.address);
        settings.upstream.response_timeout = Duration::from_secs(2);
        let gate = Running::start(settings);
        let answer = gate.send(asked("/"));
        assert!(matches!(answer.status, 502 | 504), "{number}: {answer:?}");
        assert_eq!(gate.send(asked("/")).status, 200, "{number}");
    }
}

#[test]
fn noise_after_a_good_beginning_never_ends_the_gate() {
    let app = RawApp::start(|stream, _, got| {
        if got.kind != HEADERS {
            return true;
        }
        let mut noise = Vec::new();
        for _ in 0..fastrand::usize(1..20) {
            let kind = fastrand::u8(0..11);
            let id = [0, 1, got.stream, got.stream + 2, 2][fastrand::usize(0..5)];
            let payload: Vec<u8> = (0..fastrand::usize(0..40))
                .map(|_| fastrand::u8(..))
                .collect();
            noise.extend(frame(kind, fastrand::u8(..), id, &payload));
            if fastrand::bool() {
                noise.extend(frame(HEADERS, END_HEADERS, got.stream, STATUS_200));
            }
        }
        noise.extend(answer_200(got.stream));
        stream.write_all(&noise).is_ok()
    });
    let mut settings = h2c(app.address);
    settings.upstream.response_timeout = Duration::from_millis(500);
    let gate = Running::start(settings);
    for _ in 0..300 {
        let mut client = gate.connect();
        client.write(get("/", &(bearer() + "Connection: close\r\n")));
        let _ = client.rest();
    }
    assert_eq!(gate.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").status, 401);
}

/// An answer whose end nobody announced, and which breaks off: a client of HTTP/1.0 has no other sign than how the connection ends.
#[test]
fn an_answer_that_breaks_off_does_not_look_complete_to_an_http_1_0_client() {
    let app = App::start(|stream, _| {
        let _ = stream
            .write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhalf!\r\n");
        std::thread::sleep(Duration::from_millis(200));
        false
    });
    let gate = Running::before(&app);
    let mut client = gate.connect();
    client.write(format!("GET / HTTP/1.0\r\nHost: a\r\n{}\r\n", bearer()));
    let mut all = Vec::new();
    let ended = client.stream.read_to_end(&mut all);
    let text = String::from_utf8_lossy(&all).into_owned();
    assert!(ended.is_err(), "it looks complete: {text}");
}

#[test]
fn a_socket_whose_queue_is_full_for_a_moment_loses_no_request() {
    use std::os::unix::net::UnixListener;
    let path = std::env::temp_dir().join(format!("claimgate-{:016x}.sock", fastrand::u64(..)));
    let socket = socket2::Socket::new(socket2::Domain::UNIX, socket2::Type::STREAM, None).unwrap();
    socket
        .bind(&socket2::SockAddr::unix(&path).unwrap())
        .unwrap();
    socket.listen(0).unwrap();
    let filler = std::os::unix::net::UnixStream::connect(&path).unwrap();
    let mut settings = gate("127.0.0.1:1".parse().unwrap(), None);
    settings.upstream.transport = Transport::Unix(path.clone());
    let gate = Running::start(settings);
    let mut client = gate.connect();
    client.write(asked("/"));
    std::thread::sleep(Duration::from_millis(300));
    drop(filler);
    let listener: UnixListener = socket.into();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            std::thread::spawn(move || {
                let mut some = [0; 4096];
                while stream.read(&mut some).is_ok_and(|n| n > 0) {
                    let _ = stream.write_all(OK);
                }
            });
        }
    });
    let answer = client.answer();
    let _ = std::fs::remove_file(&path);
    assert_eq!(answer.status, 200, "{answer:?}");
}
