//! HTTP/2 to the application: what is shared, what is sent again, what a stream's end means for the others.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use h2::Reason;
use http::Response;

use super::http2_app::*;
use super::testing::*;
use crate::proxy::*;

fn request(method: &str, lines: &str) -> String {
    format!(
        "{method} /app HTTP/1.1\r\nHost: a.example:81\r\n{}{lines}\r\n",
        bearer()
    )
}

#[test]
fn a_request_is_written_for_http2_and_its_answer_for_http1() {
    let app = Http2App::echo();
    let gate = Running::start(h2c(app.listen()));
    let mut client = gate.connect();
    let lines = "TE: trailers, deflate\r\nConnection: TE, keep-alive\r\nKeep-Alive: 5\r\nTransfer-Encoding: chunked\r\nX-One: 1\r\n";
    client.write(request("POST", lines) + "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n");
    let answer = client.answer();
    assert_eq!(answer.status, 200);
    assert!(answer.head.starts_with("HTTP/1.1 200 OK"), "{answer:?}");
    assert_eq!(answer.header("x-app"), Some("1"));
    assert_eq!(answer.header("transfer-encoding"), Some("chunked"));
    let text = String::from_utf8(answer.body).unwrap();
    let (head, body) = text.rsplit_once('\n').unwrap();
    assert_eq!(body, "abcde");
    assert!(head.starts_with("POST http://a.example:81/app\n"), "{head}");
    assert!(
        head.contains("\nte: trailers") && head.contains("\nx-one: 1"),
        "{head}"
    );
    assert!(head.contains("\nx-auth-subject: "), "{head}");
    for absent in ["host:", "connection:", "keep-alive:", "transfer-encoding:"] {
        assert!(!head.contains(&format!("\n{absent}")), "{absent}: {head}");
    }
    client.write(request("GET", ""));
    let plain = String::from_utf8(client.answer().body).unwrap();
    assert!(!plain.contains("\nte:"), "{plain}");
    assert_eq!(app.connections(), 1);
}

#[test]
fn trailers_of_an_http2_answer_pass() {
    let app = Http2App::echo();
    let gate = Running::start(h2c(app.listen()));
    let mut client = gate.connect();
    client.write(request("GET", "TE: trailers\r\nConnection: close, TE\r\n"));
    let all = String::from_utf8(client.rest()).unwrap().to_lowercase();
    assert!(all.contains("x-sum: 9"), "{all}");
}

#[test]
fn large_bodies_stream_both_ways_over_http2() {
    const SIZE: usize = 5 * 1024 * 1024;
    let app = Http2App::echo();
    let gate = Running::start(h2c(app.listen()));
    let body: Vec<u8> = (0..SIZE)
        .map(|n| u8::try_from(n * 7 % 251).unwrap())
        .collect();
    let mut client = gate.connect();
    // The application answers while it still takes: whoever writes must read too.
    let mut writer = client.stream.try_clone().unwrap();
    let sent = body.clone();
    let sender = std::thread::spawn(move || {
        let lines = format!("Content-Length: {SIZE}\r\n");
        writer
            .write_all(request("POST", &lines).as_bytes())
            .unwrap();
        writer.write_all(&sent).unwrap();
    });
    let answer = client.answer();
    sender.join().unwrap();
    assert!(answer.complete && answer.body.ends_with(&body));
}

/// Answers when `number` of requests are there at once, each with the number of those that were.
fn together(number: usize) -> Http2App {
    let here = Arc::new(tokio::sync::Barrier::new(number));
    Http2App::new(move |_, mut respond| {
        let here = Arc::clone(&here);
        Box::pin(async move {
            here.wait().await;
            respond.send_response(Response::new(()), true).unwrap();
        })
    })
}

fn at_once(gate: &Running, number: usize) {
    std::thread::scope(|scope| {
        for _ in 0..number {
            scope.spawn(|| {
                let answer = gate.send(request("GET", ""));
                assert_eq!(answer.status, 200, "{answer:?}");
            });
        }
    });
}

#[test]
fn requests_at_once_share_one_connection_that_is_opened_once() {
    let app = together(50);
    let gate = Running::start(h2c(app.listen()));
    at_once(&gate, 50);
    assert_eq!(app.connections(), 1);
}

#[test]
fn beyond_the_streams_that_the_application_allows_connections_are_opened() {
    let mut app = together(6);
    app.max_streams = 2;
    let gate = Running::start(h2c(app.listen()));
    at_once(&gate, 6);
    assert!(
        (3..=6).contains(&app.connections()),
        "{} connections",
        app.connections()
    );
}

/// Refuses the first `count` requests unread, and answers the others when they are whole.
fn refusing(count: usize) -> RawApp {
    let refused = AtomicUsize::new(0);
    RawApp::start(move |stream, _, got| {
        let opens = got.kind == HEADERS;
        if opens && refused.fetch_add(1, Ordering::SeqCst) < count {
            return stream
                .write_all(&reset(got.stream, Reason::REFUSED_STREAM))
                .is_ok();
        }
        let whole = got.kind != RST_STREAM && got.ends();
        !whole || stream.write_all(&answer_200(got.stream)).is_ok()
    })
}

#[test]
fn a_request_that_the_application_refused_unread_is_sent_once_again_whatever_its_method() {
    for method in ["GET", "POST", "DELETE"] {
        let app = refusing(1);
        let gate = Running::start(h2c(app.address));
        assert_eq!(gate.send(request(method, "")).status, 200, "{method}");
        assert_eq!(app.frames(HEADERS).len(), 2, "{method}");
        let app = refusing(2);
        let gate = Running::start(h2c(app.address));
        gate.send(request(method, "")).is(502, "upstream_reset");
        assert_eq!(app.frames(HEADERS).len(), 2, "{method}: and no third time");
    }
}

#[test]
fn a_refused_request_is_sent_again_with_its_body_only_if_none_of_it_was_sent() {
    let app = refusing(1);
    let gate = Running::start(h2c(app.address));
    let mut client = gate.connect();
    client.write(request("POST", "Content-Length: 4\r\n"));
    app.wait_for(HEADERS, 2);
    client.write("body");
    assert_eq!(client.answer().status, 200);
    let data = app.frames(DATA);
    assert_eq!(data.len(), 1, "{data:?}");
    assert_eq!(data[0].1.payload, b"body");
    // Here a piece was sent before it refused.
    let app = RawApp::start(|stream, _, got| match got.kind {
        DATA => stream
            .write_all(&reset(got.stream, Reason::REFUSED_STREAM))
            .is_ok(),
        _ => true,
    });
    let gate = Running::start(h2c(app.address));
    let mut client = gate.connect();
    client.write(request("POST", "Content-Length: 8\r\n") + "half");
    client.answer().is(502, "upstream_reset");
    assert_eq!(app.frames(HEADERS).len(), 1);
}

#[test]
fn after_a_goaway_new_requests_have_a_new_connection_and_none_is_lost() {
    let app = RawApp::start(|stream, _, got| {
        if got.kind != HEADERS {
            return true;
        }
        // Every third answer is the last one of its connection.
        let mut answer = answer_200(got.stream);
        if got.stream == 5 {
            answer.extend(goaway(5, Reason::NO_ERROR));
        }
        stream.write_all(&answer).is_ok()
    });
    let gate = Running::start(h2c(app.address));
    let mut client = gate.connect();
    for _ in 0..30 {
        client.write(request("POST", "Content-Length: 0\r\n"));
        assert_eq!(client.answer().status, 200);
    }
    let served = app.frames(HEADERS).len() - app.connections().saturating_sub(10);
    assert!(served >= 30, "{served}");
    assert!(
        (10..=20).contains(&app.connections()),
        "{}",
        app.connections()
    );
}

#[test]
fn a_request_above_the_last_stream_of_a_goaway_is_sent_again_and_one_below_is_not() {
    for (last, status, sent) in [(0, 200, 2), (1, 502, 1)] {
        let app = RawApp::start(move |stream, number, got| {
            if got.kind != HEADERS {
                return true;
            }
            if number > 0 {
                return stream.write_all(&answer_200(got.stream)).is_ok();
            }
            stream.write_all(&goaway(last, Reason::NO_ERROR)).unwrap();
            last == 0
        });
        let gate = Running::start(h2c(app.address));
        let answer = gate.send(request("POST", "Content-Length: 0\r\n"));
        assert_eq!(answer.status, status, "{answer:?}");
        assert_eq!(app.frames(HEADERS).len(), sent);
    }
}

/// Answers the first request of each connection, and closes at the second without a word.
fn dying() -> RawApp {
    RawApp::start(|stream, _, got| match (got.kind, got.stream) {
        (HEADERS, 1) => stream.write_all(&answer_200(1)).is_ok(),
        (HEADERS, _) => false,
        _ => true,
    })
}

#[test]
fn a_dead_shared_connection_is_tried_again_once_for_a_safe_request_only() {
    let app = dying();
    let gate = Running::start(h2c(app.address));
    let mut client = gate.connect();
    for method in ["GET", "HEAD", "OPTIONS", "GET"] {
        client.write(request(method, ""));
        assert_eq!(client.answer_to(method).status, 200, "{method}");
    }
    assert_eq!(app.frames(HEADERS).len(), 7, "three were sent again");
    for lines in ["Content-Length: 0\r\n\r\n", "Content-Length: 4\r\n\r\nbody"] {
        let app = dying();
        let gate = Running::start(h2c(app.address));
        let mut client = gate.connect();
        client.write(request("GET", ""));
        assert_eq!(client.answer().status, 200);
        let post = request("POST", "");
        client.write(post.strip_suffix("\r\n").unwrap().to_owned() + lines);
        client.answer().is(502, "upstream_reset");
        assert_eq!(app.frames(HEADERS).len(), 2, "{lines}");
    }
}

#[test]
fn a_fresh_shared_connection_that_dies_is_not_tried_again() {
    let app = RawApp::start(|_, _, got| got.kind != HEADERS);
    let gate = Running::start(h2c(app.address));
    gate.send(request("GET", "")).is(502, "upstream_reset");
    assert_eq!(app.frames(HEADERS).len(), 1);
}

#[test]
fn an_application_that_resets_a_stream_in_its_body_breaks_that_answer_and_no_other() {
    let (seen, wait) = std::sync::mpsc::channel::<()>();
    let wait = std::sync::Mutex::new(Some(wait));
    let app = RawApp::start(move |stream, _, got| {
        if got.kind != HEADERS {
            return true;
        }
        let mut answer = frame(HEADERS, END_HEADERS, got.stream, STATUS_200);
        if got.stream > 1 {
            answer.extend(frame(DATA, END_STREAM, got.stream, b"whole"));
            return stream.write_all(&answer).is_ok();
        }
        answer.extend(frame(DATA, 0, got.stream, b"part"));
        stream.write_all(&answer).unwrap();
        let wait = wait.lock().unwrap().take().unwrap();
        let mut stream = stream.try_clone().unwrap();
        std::thread::spawn(move || {
            wait.recv_timeout(BOUND).unwrap();
            stream.write_all(&reset(1, Reason::INTERNAL_ERROR)).unwrap();
        });
        true
    });
    let gate = Running::start(h2c(app.address));
    let mut client = gate.connect();
    client.write(request("GET", ""));
    wait_until("the part", || {
        let mut start = [0; 1024];
        let n = client.stream.peek(&mut start).unwrap();
        start[..n].windows(4).any(|part| part == b"part")
    });
    seen.send(()).unwrap();
    let broken = client.answer();
    assert_eq!((broken.status, broken.complete), (200, false), "{broken:?}");
    let whole = gate.send(request("GET", ""));
    assert_eq!(whole.body, b"whole");
    assert_eq!(app.connections(), 1);
    gate.wait_count(r#"claimgate_upstream_requests_total{outcome="reset"} 1"#);
}

#[test]
fn a_client_that_leaves_resets_its_stream_and_the_connection_stays() {
    for body in [false, true] {
        // Answers whatever is small, but the first request.
        let app = RawApp::start(move |stream, _, got| {
            if got.kind == HEADERS && got.stream == 1 && body {
                let part = [
                    frame(HEADERS, END_HEADERS, got.stream, STATUS_200),
                    frame(DATA, 0, got.stream, b"part"),
                ];
                return stream.write_all(&part.concat()).is_ok();
            }
            let answered = got.kind == HEADERS && got.stream > 1;
            !answered || stream.write_all(&answer_200(got.stream)).is_ok()
        });
        let gate = Running::start(h2c(app.address));
        let mut client = gate.connect();
        client.write(request("GET", ""));
        app.wait_for(HEADERS, 1);
        if body {
            wait_until("the part", || {
                let mut start = [0; 12];
                client.stream.peek(&mut start).is_ok_and(|n| n == 12)
            });
        }
        drop(client);
        let resets = app.wait_for(RST_STREAM, 1);
        assert_eq!(resets[0].1.number(), u32::from(Reason::CANCEL));
        assert_eq!(gate.send(request("GET", "")).status, 200);
        assert_eq!(app.connections(), 1);
        gate.wait_count(r#"claimgate_upstream_requests_total{outcome="client_gone"} 1"#);
    }
}

#[test]
fn an_application_that_does_not_answer_in_time_loses_its_stream_and_not_its_connection() {
    let app = RawApp::start(|stream, _, got| match (got.kind, got.stream) {
        (HEADERS, 1) => true,
        (HEADERS, stream_id) => stream.write_all(&answer_200(stream_id)).is_ok(),
        _ => true,
    });
    let mut impatient = h2c(app.address);
    impatient.upstream.response_timeout = Duration::from_millis(200);
    let gate = Running::start(impatient);
    gate.send(request("GET", "")).is(504, "upstream_timeout");
    assert_eq!(app.wait_for(RST_STREAM, 1)[0].1.stream, 1);
    assert_eq!(gate.send(request("GET", "")).status, 200);
    assert_eq!(app.connections(), 1);
}

#[test]
fn a_body_that_breaks_off_resets_the_stream_and_is_never_completed() {
    let app = RawApp::start(|_, _, _| true);
    let gate = Running::start(h2c(app.address));
    let mut client = gate.connect();
    client.write(request("POST", "Transfer-Encoding: chunked\r\n") + "4\r\npart\r\n");
    app.wait_for(DATA, 1);
    client.write("xyz\r\n");
    client.answer().is(400, "bad_request");
    app.wait_for(RST_STREAM, 1);
    assert!(app.frames(DATA).iter().all(|(_, data)| !data.ends()));
}

#[test]
fn d02_an_early_answer_over_http2_ends_the_upload() {
    // Answers at once, gives no window and never resets.
    let app = RawApp::start(|stream, _, got| match got.kind {
        HEADERS => stream.write_all(&answer_200(got.stream)).is_ok(),
        _ => true,
    });
    let gate = Running::start(h2c(app.address));
    let mut client = gate.connect();
    client.write(request("POST", "Content-Length: 1000000000\r\n") + "start");
    assert_eq!(client.answer().status, 200);
    client.stream.set_write_timeout(Some(BOUND)).unwrap();
    while client.stream.write_all(&[b'x'; 65536]).is_ok() {}
    assert_eq!(app.wait_for(RST_STREAM, 1)[0].1.stream, 1);
    gate.wait_count("claimgate_connections 0");
    gate.wait_count("claimgate_requests_in_flight 0");
}

#[test]
fn an_early_answer_is_whole_though_the_application_wants_no_more_of_the_body() {
    // RFC 9113 §8.1: a whole answer, then a reset with NO_ERROR.
    let app = RawApp::start(|stream, _, got| {
        if got.kind != HEADERS {
            return true;
        }
        let answer = [
            frame(HEADERS, END_HEADERS, got.stream, STATUS_200),
            frame(DATA, END_STREAM, got.stream, b"enough"),
            reset(got.stream, Reason::NO_ERROR),
        ];
        stream.write_all(&answer.concat()).is_ok()
    });
    let gate = Running::start(h2c(app.address));
    let mut client = gate.connect();
    client.write(request("POST", "Content-Length: 1000000\r\n") + "start");
    let answer = client.answer();
    assert_eq!((answer.status, answer.complete), (200, true), "{answer:?}");
    assert_eq!(answer.body, b"enough");
}

#[test]
fn answers_that_nobody_takes_hold_up_no_other_and_are_not_buffered_whole() {
    static SENT: AtomicUsize = AtomicUsize::new(0);
    let app = Http2App::new(|request, mut respond| {
        Box::pin(async move {
            if request.method() == "GET" {
                respond.send_response(Response::new(()), true).unwrap();
                return;
            }
            let mut stream = respond.send_response(Response::new(()), false).unwrap();
            loop {
                stream.reserve_capacity(16 * 1024);
                let room = std::future::poll_fn(|cx| stream.poll_capacity(cx)).await;
                let Some(Ok(room)) = room else { return };
                SENT.fetch_add(room, Ordering::SeqCst);
                if stream.send_data(Bytes::from(vec![0; room]), false).is_err() {
                    return;
                }
            }
        })
    });
    let gate = Running::start(h2c(app.listen()));
    const SLOW: usize = 20;
    let slow: Vec<_> = (0..SLOW)
        .map(|_| {
            let mut client = gate.connect();
            client.write(request("POST", "Content-Length: 0\r\n"));
            client
        })
        .collect();
    // Until nothing moves any more.
    let before = std::cell::Cell::new(0);
    wait_until("the application to be held up", || {
        std::thread::sleep(Duration::from_millis(300));
        let now = SENT.load(Ordering::SeqCst);
        before.replace(now) == now && now > 0
    });
    for _ in 0..20 {
        assert_eq!(gate.send(request("GET", "")).status, 200);
    }
    assert_eq!(app.connections(), 1);
    let each = SENT.load(Ordering::SeqCst) / SLOW;
    assert!(each < 16 * 1024 * 1024, "{each} bytes each");
    drop(slow);
}

#[test]
fn s14_an_answer_over_http2_with_two_readings_is_a_502_and_the_others_go_on() {
    let two_lengths = [
        STATUS_200,
        &field("content-length", "2"),
        &field("content-length", "3"),
    ]
    .concat();
    let no_number = [STATUS_200, &field("content-length", "+2")].concat();
    let hop = [STATUS_200, &field("connection", "close")].concat();
    let coded = [STATUS_200, &field("transfer-encoding", "chunked")].concat();
    let switched = field(":status", "101");
    let status = field(":status", "abc");
    let no_status = field("x-one", "1");
    let upper = [STATUS_200, &field("X-Upper", "1")].concat();
    let injected = [STATUS_200, &field("x-one", "1\r\nx-two: 2")].concat();
    for block in [
        two_lengths,
        no_number,
        hop,
        coded,
        switched,
        status,
        no_status,
        upper,
        injected,
    ] {
        let told = std::sync::Mutex::new(Some(block.clone()));
        let app = RawApp::start(move |stream, _, got| {
            if got.kind != HEADERS {
                return true;
            }
            // The first request gets it, and nobody else.
            let answer = match told.lock().unwrap().take() {
                Some(told) => frame(HEADERS, END_HEADERS | END_STREAM, got.stream, &told),
                None => answer_200(got.stream),
            };
            stream.write_all(&answer).is_ok()
        });
        let mut impatient = h2c(app.address);
        impatient.upstream.response_timeout = Duration::from_secs(2);
        let gate = Running::start(impatient);
        let answer = gate.send(request("POST", "Content-Length: 0\r\n"));
        assert_eq!(
            answer.status,
            502,
            "{:?}: {answer:?}",
            String::from_utf8_lossy(&block)
        );
        assert_eq!(
            gate.send(request("POST", "Content-Length: 0\r\n")).status,
            200
        );
    }
}

#[test]
fn s14_a_body_over_http2_that_is_not_as_long_as_told_is_never_completed() {
    for body in ["a", "abc"] {
        let app = RawApp::start(move |stream, _, got| {
            if got.kind != HEADERS {
                return true;
            }
            let head = [STATUS_200, &field("content-length", "2")].concat();
            let answer = [
                frame(HEADERS, END_HEADERS, got.stream, &head),
                frame(DATA, END_STREAM, got.stream, body.as_bytes()),
            ];
            stream.write_all(&answer.concat()).is_ok()
        });
        let gate = Running::start(h2c(app.address));
        let mut client = gate.connect();
        client.write(request("GET", "Connection: close\r\n"));
        let all = String::from_utf8(client.rest()).unwrap();
        // Nothing at all, a 502, or an answer that is cut short.
        let whole = all.starts_with("HTTP/1.1 200")
            && all
                .split("\r\n\r\n")
                .nth(1)
                .is_some_and(|body| body.len() >= 2);
        assert!(!whole, "{body}: {all:?}");
    }
}

#[test]
fn s14_answers_without_a_body_stay_so_over_http2() {
    let app = Http2App::new(|request, mut respond| {
        Box::pin(async move {
            let response = match request.uri().path() {
                "/204" => Response::builder()
                    .status(204)
                    .header("content-length", "3"),
                "/304" => Response::builder().status(304).header("etag", "x"),
                _ => Response::builder().header("content-length", "12345"),
            };
            let _ = respond.send_response(response.body(()).unwrap(), true);
        })
    });
    let gate = Running::start(h2c(app.listen()));
    let mut client = gate.connect();
    client.write(get("/304", &bearer()));
    assert_eq!(client.answer().header("etag"), Some("x"));
    client.write(get("/head", &bearer()).replace("GET", "HEAD"));
    assert_eq!(
        client.answer_to("HEAD").header("content-length"),
        Some("12345")
    );
    client.write(get("/204", &bearer()));
    let answer = client.answer();
    assert!(
        answer.status == 502 || answer.header("content-length").is_none(),
        "{answer:?}"
    );
}

#[test]
fn s14_interim_answers_over_http2_are_dropped_and_a_storm_of_them_ends() {
    let interim = [field(":status", "103"), field("link", "</x>")].concat();
    let app = RawApp::start(move |stream, _, got| {
        if got.kind != HEADERS {
            return true;
        }
        let early = frame(HEADERS, END_HEADERS, got.stream, &interim);
        if got.stream == 1 {
            let answer = [early.repeat(3), answer_200(got.stream)].concat();
            return stream.write_all(&answer).is_ok();
        }
        // Until it is told to stop.
        while stream.write_all(&early).is_ok() {}
        false
    });
    let mut impatient = h2c(app.address);
    impatient.upstream.response_timeout = Duration::from_millis(500);
    let gate = Running::start(impatient);
    assert_eq!(gate.send(request("GET", "")).status, 200);
    let status = gate.send(request("GET", "")).status;
    assert!(matches!(status, 502 | 504), "{status}");
}

#[test]
fn an_application_that_speaks_http1_where_http2_was_configured_is_a_502() {
    let app = App::plain();
    let gate = Running::start(h2c(app.address));
    gate.send(request("GET", ""))
        .is(502, "upstream_unreachable");
}
