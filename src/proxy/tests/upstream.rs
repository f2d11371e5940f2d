//! The application's side of the wire: what is tried twice, what becomes of broken and slow applications, streaming, and clients that go away.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;

use super::testing::*;
use crate::proxy::*;

fn post(length: usize) -> String {
    format!(
        "POST /app HTTP/1.1\r\nHost: a\r\n{}Content-Length: {length}\r\n\r\n",
        bearer()
    )
}

fn closed_port() -> std::net::SocketAddr {
    std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
}

#[test]
fn an_application_that_is_not_there_is_a_502() {
    let gate = Running::start(gate(closed_port(), None));
    let mut client = gate.connect();
    for _ in 0..2 {
        client.write(get("/", &bearer()));
        client.answer().is(502, "upstream_unreachable");
    }
    gate.wait_count(r#"claimgate_upstream_requests_total{outcome="unreachable"} 2"#);
    gate.wait_count(r#"claimgate_requests_total{decision="allow",issuer="main",reason="upstream_unreachable",route="default"} 2"#);
}

#[test]
fn a_name_that_nobody_knows_is_a_502_and_a_known_one_is_looked_up() {
    let app = App::plain();
    let mut unknown = gate(app.address, None);
    unknown.upstream.authority = "nobody.invalid:80".parse().unwrap();
    Running::start(unknown)
        .send(get("/", &bearer()))
        .is(502, "upstream_unreachable");
    let mut known = gate(app.address, None);
    known.upstream.authority = format!("localhost:{}", app.address.port()).parse().unwrap();
    assert_eq!(Running::start(known).send(get("/", &bearer())).status, 200);
}

#[test]
fn an_application_that_does_not_answer_in_time_is_a_504_and_loses_its_connection() {
    let (ended, end) = channel();
    let ended = Mutex::new(ended);
    let app = App::start(move |stream, _| {
        let left = stream.read(&mut [0; 16]);
        ended.lock().unwrap().send(left.unwrap_or(0)).unwrap();
        false
    });
    let mut impatient = gate(app.address, None);
    impatient.upstream.response_timeout = Duration::from_millis(200);
    let gate = Running::start(impatient);
    gate.send(get("/", &bearer())).is(504, "upstream_timeout");
    assert_eq!(
        end.recv_timeout(BOUND),
        Ok(0),
        "the application sees the end"
    );
    gate.wait_count(r#"claimgate_upstream_requests_total{outcome="timeout"} 1"#);
}

#[test]
fn the_response_timeout_runs_from_the_end_of_the_body() {
    let app = App::plain();
    let mut impatient = gate(app.address, None);
    impatient.upstream.response_timeout = Duration::from_millis(150);
    let gate = Running::start(impatient);
    let mut client = gate.connect();
    client.write(post(6));
    for _ in 0..6 {
        std::thread::sleep(Duration::from_millis(60));
        client.write("x");
    }
    assert_eq!(client.answer().status, 200);
    assert_eq!(app.only().body, b"xxxxxx");
}

/// Answers and closes without saying so: the race of every pool.
fn closing(stream: &mut TcpStream, _: &Recorded) -> bool {
    stream.write_all(OK).unwrap();
    false
}

#[test]
fn an_application_that_closes_after_each_answer_loses_no_request() {
    let app = App::start(closing);
    let gate = Running::before(&app);
    let mut client = gate.connect();
    for n in 0..200 {
        client.write(get("/", &bearer()));
        let answer = client.answer();
        assert_eq!(answer.status, 200, "request {n}: {answer:?}");
    }
    assert_eq!(app.requests().len(), 200, "and none twice");
}

/// Answers the first request of each connection, and resets at the second without an answer.
fn dying(stream: &mut TcpStream, request: &Recorded) -> bool {
    request.place == 0
        && stream
            .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            .is_ok()
}

#[test]
fn a_dead_reused_connection_is_tried_again_once_for_a_safe_request() {
    let app = App::start(dying);
    let gate = Running::before(&app);
    let mut client = gate.connect();
    for method in ["GET", "HEAD", "OPTIONS", "GET"] {
        client.write(format!(
            "{method} / HTTP/1.1\r\nHost: a\r\n{}\r\n",
            bearer()
        ));
        assert_eq!(client.answer_to(method).status, 200, "{method}");
    }
    assert_eq!(app.connections(), 4);
    assert_eq!(app.requests().len(), 7, "three were sent again");
}

#[test]
fn a_dead_reused_connection_is_not_tried_again_with_a_body_or_an_unsafe_method() {
    for request in [
        post(4) + "body",
        post(0),
        get("/", &bearer()).replace("GET", "DELETE"),
        format!(
            "GET / HTTP/1.1\r\nHost: a\r\n{}Content-Length: 1\r\n\r\nx",
            bearer()
        ),
    ] {
        let app = App::start(dying);
        let gate = Running::before(&app);
        let mut client = gate.connect();
        client.write(get("/", &bearer()));
        assert_eq!(client.answer().status, 200);
        client.write(&request);
        client.answer().is(502, "upstream_reset");
        assert_eq!(app.requests().len(), 2, "{request}");
    }
}

#[test]
fn a_fresh_connection_that_dies_is_not_tried_again() {
    let app = App::start(|_, _| false);
    let gate = Running::before(&app);
    gate.send(get("/", &bearer())).is(502, "upstream_reset");
    assert_eq!(app.requests().len(), 1);
}

#[test]
fn a_started_answer_is_not_tried_again() {
    let app = App::start(|stream, request| match request.place {
        0 => stream.write_all(OK).is_ok(),
        _ => {
            stream.write_all(b"HTTP/1.1 2").unwrap();
            false
        }
    });
    let gate = Running::before(&app);
    let mut client = gate.connect();
    client.write(get("/", &bearer()));
    assert_eq!(client.answer().status, 200);
    client.write(get("/", &bearer()));
    client.answer().is(502, "upstream_reset");
    assert_eq!(app.requests().len(), 2);
}

#[test]
fn connection_close_of_the_application_is_honoured_and_not_passed_on() {
    let app = App::start(|stream, _| {
        stream.write_all(b"HTTP/1.1 200 OK\r\nConnection: close, X-Hop\r\nX-Hop: 1\r\nContent-Length: 2\r\n\r\nok").is_ok()
    });
    let gate = Running::before(&app);
    let mut client = gate.connect();
    for _ in 0..2 {
        client.write(get("/", &bearer()));
        let answer = client.answer();
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("connection"), None);
        assert_eq!(answer.header("x-hop"), None);
    }
    assert_eq!(app.connections(), 2);
}

#[test]
fn an_idle_connection_closes_by_itself() {
    let (ended, end) = channel();
    let ended = Mutex::new(ended);
    let app = App::start(move |stream, _| {
        stream.write_all(OK).unwrap();
        ended
            .lock()
            .unwrap()
            .send(stream.read(&mut [0; 16]).unwrap())
            .unwrap();
        false
    });
    let mut short = gate(app.address, None);
    short.upstream.pool_idle_timeout = Duration::from_millis(100);
    let gate = Running::start(short);
    assert_eq!(gate.send(get("/", &bearer())).status, 200);
    assert_eq!(end.recv_timeout(BOUND), Ok(0));
}

#[test]
fn a_truncated_answer_is_never_completed() {
    for (head, wanted) in [
        ("Content-Length: 100\r\n\r\npart", "Content-Length"),
        ("Transfer-Encoding: chunked\r\n\r\n4\r\npart\r\n", "chunked"),
    ] {
        let head = head.to_owned();
        let app = App::start(move |stream, _| {
            stream
                .write_all(format!("HTTP/1.1 200 OK\r\n{head}").as_bytes())
                .unwrap();
            false
        });
        let gate = Running::before(&app);
        let answer = gate.send(get("/", &bearer()));
        assert_eq!(answer.status, 200);
        assert!(!answer.complete, "{wanted}: {answer:?}");
        gate.wait_count(r#"claimgate_upstream_requests_total{outcome="reset"} 1"#);
        gate.wait_count(r#"claimgate_requests_total{decision="allow",issuer="main",reason="upstream_reset",route="default"} 1"#);
    }
}

#[test]
fn s14_an_answer_with_two_readings_is_a_502() {
    for head in [
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc",
        "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\nabc",
        "garbage\r\n\r\n",
        &format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "a".repeat(70 * 1024)),
    ] {
        let text = head.to_owned();
        let app = App::start(move |stream, _| stream.write_all(text.as_bytes()).is_ok());
        let gate = Running::before(&app);
        gate.send(get("/", &bearer())).is(502, "upstream_reset");
    }
}

#[test]
fn s14_after_an_answer_that_cannot_be_read_the_connection_is_discarded() {
    for head in [
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 20 OK\r\n\r\n",
        "HTTP/9.9 200 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nnonsense\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX: a\0b\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\n",
    ] {
        let text = head.to_owned();
        let app = App::start(move |stream, request| match request.connection {
            // What stands behind it is for nobody.
            0 => stream.write_all(&[text.as_bytes(), OK].concat()).is_ok(),
            _ => stream.write_all(OK).is_ok(),
        });
        let gate = Running::before(&app);
        let mut client = gate.connect();
        client.write(post(0));
        client.answer().is(502, "upstream_reset");
        client.write(post(0));
        assert_eq!(client.answer().body, b"hello", "{head:?}");
        assert_eq!(
            (app.connections(), app.requests().len()),
            (2, 2),
            "{head:?}"
        );
    }
}

#[test]
fn s14_a_body_where_none_may_be_is_the_next_answer_of_nobody() {
    for (method, status, answer) in [
        (
            "GET",
            204,
            "HTTP/1.1 204 No Content\r\nContent-Length: 3\r\n\r\nabc",
        ),
        (
            "GET",
            304,
            "HTTP/1.1 304 Not Modified\r\nContent-Length: 3\r\n\r\nabc",
        ),
        (
            "HEAD",
            200,
            "HTTP/1.1 200 OK\r\nContent-Length: 40\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx",
        ),
    ] {
        let app = App::start(move |stream, request| match request.connection {
            0 => stream.write_all(answer.as_bytes()).is_ok(),
            _ => stream.write_all(OK).is_ok(),
        });
        let gate = Running::before(&app);
        let mut client = gate.connect();
        client.write(format!(
            "{method} / HTTP/1.1\r\nHost: a\r\n{}\r\n",
            bearer()
        ));
        assert_eq!(client.answer_to(method).status, status);
        for _ in 0..2 {
            client.write(get("/", &bearer()));
            assert_eq!(client.answer().body, b"hello", "{answer:?}");
        }
    }
}

#[test]
fn s14_interim_answers_are_dropped_and_a_storm_of_them_ends() {
    let app = App::start(|stream, request| {
        let interim = b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n";
        if request.place == 0 {
            let continued = b"HTTP/1.1 100 Continue\r\n\r\n";
            return stream
                .write_all(&[&continued.repeat(50)[..], &interim.repeat(50), OK].concat())
                .is_ok();
        }
        while stream.write_all(interim).is_ok() {}
        false
    });
    let mut impatient = gate(app.address, None);
    impatient.upstream.response_timeout = Duration::from_millis(500);
    let gate = Running::start(impatient);
    let mut client = gate.connect();
    client.write(get("/", &bearer()));
    assert_eq!(client.answer().body, b"hello");
    client.write(get("/", &bearer()));
    let status = client.answer().status;
    assert!(matches!(status, 502 | 504), "{status}");
}

#[test]
fn s14_a_second_answer_nobody_asked_for_goes_to_nobody() {
    let app = App::start(|stream, request| match request.connection {
        0 => stream
            .write_all(&[OK, b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison"].concat())
            .is_ok(),
        _ => stream.write_all(OK).is_ok(),
    });
    let gate = Running::before(&app);
    let mut client = gate.connect();
    for _ in 0..3 {
        client.write(get("/", &bearer()));
        assert_eq!(client.answer().body, b"hello");
    }
}

#[test]
fn s14_answers_without_a_body_stay_so_and_are_framed_right() {
    let app = App::start(|stream, request| {
        let answer: &[u8] = match request.line().split(' ').nth(1).unwrap() {
            "/204" => b"HTTP/1.1 204 No Content\r\n\r\n",
            "/204-length" => b"HTTP/1.1 204 No Content\r\nContent-Length: 3\r\n\r\n",
            "/304" => b"HTTP/1.1 304 Not Modified\r\nETag: \"x\"\r\n\r\n",
            "/head" => b"HTTP/1.1 200 OK\r\nContent-Length: 12345\r\n\r\n",
            "/empty" => b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
            "/chunked" => b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
            "/early" => b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
            "/old" => {
                stream.write_all(b"HTTP/1.0 200 OK\r\n\r\nold").unwrap();
                return false;
            }
            other => panic!("{other}"),
        };
        stream.write_all(answer).is_ok()
    });
    let gate = Running::before(&app);
    let mut client = gate.connect();
    let mut ask = |method: &str, path: &str| {
        client.write(format!(
            "{method} {path} HTTP/1.1\r\nHost: a\r\n{}\r\n",
            bearer()
        ));
        client.answer_to(method)
    };
    assert_eq!(ask("GET", "/204").status, 204);
    // RFC 9110 §8.6: no length in a 204, for HEAD neither.
    for method in ["GET", "HEAD"] {
        let answer = ask(method, "/204-length");
        assert_eq!(
            (answer.status, answer.header("content-length")),
            (204, None)
        );
    }
    assert_eq!(ask("GET", "/304").header("etag"), Some("\"x\""));
    assert_eq!(ask("HEAD", "/head").header("content-length"), Some("12345"));
    assert_eq!(ask("GET", "/empty").header("content-length"), Some("0"));
    assert_eq!(ask("GET", "/chunked").body, b"ok");
    assert_eq!(ask("GET", "/early").body, b"ok");
    let old = ask("GET", "/old");
    assert_eq!(
        (old.head.starts_with("HTTP/1.1 200"), old.body.as_slice()),
        (true, &b"old"[..])
    );
    assert_eq!(ask("GET", "/chunked").body, b"ok");
}

#[test]
fn response_trailers_pass_to_a_client_that_takes_them() {
    let app = App::start(|stream, _| {
        stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n1\r\na\r\n0\r\nX-Sum: 9\r\n\r\n").is_ok()
    });
    let gate = Running::before(&app);
    let mut client = gate.connect();
    client.write(get(
        "/",
        &format!("{}TE: trailers\r\nConnection: close, TE\r\n", bearer()),
    ));
    let all = String::from_utf8(client.rest()).unwrap().to_lowercase();
    assert!(all.ends_with("0\r\nx-sum: 9\r\n\r\n"), "{all}");
}

#[test]
fn large_bodies_stream_both_ways() {
    const SIZE: usize = 10 * 1024 * 1024;
    let app = App::start(|stream, request| {
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n",
            request.body.len()
        );
        stream.write_all(head.as_bytes()).is_ok() && stream.write_all(&request.body).is_ok()
    });
    let gate = Running::before(&app);
    let body: Vec<u8> = (0..SIZE)
        .map(|n| u8::try_from(n * 7 % 251).unwrap())
        .collect();
    let mut client = gate.connect();
    client.write(post(SIZE));
    client.write(&body);
    assert!(client.answer().body == body, "with a length");
    client.write(post(0).replace("Content-Length: 0", "Transfer-Encoding: chunked"));
    for chunk in body.chunks(100_000) {
        client.write(format!("{:x}\r\n", chunk.len()));
        client.write(chunk);
        client.write("\r\n");
    }
    client.write("0\r\n\r\n");
    assert!(client.answer().body == body, "chunked");
}

#[test]
fn a_body_is_not_buffered_whole_on_its_way() {
    // The application takes nothing: a gate that streams stops taking too, after what sockets and buffers hold.
    let (release, released) = channel::<()>();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let holder = std::thread::spawn(move || {
        let held = listener.accept().unwrap();
        let _ = released.recv_timeout(BOUND);
        drop(held);
    });
    let gate = Running::start(gate(address, None));
    let mut client = gate.connect();
    const SIZE: usize = 256 * 1024 * 1024;
    client.write(post(SIZE));
    client
        .stream
        .set_write_timeout(Some(Duration::from_millis(500)))
        .unwrap();
    let piece = vec![0; 64 * 1024];
    let mut sent = 0;
    while let Ok(n) = client.stream.write(&piece) {
        sent += n;
        assert!(sent < 64 * 1024 * 1024, "somebody buffers");
    }
    release.send(()).unwrap();
    holder.join().unwrap();
}

#[test]
fn s04_nothing_follows_a_chunked_body_on_its_connection() {
    let app = App::plain();
    let gate = Running::before(&app);
    let chunked = post(0).replace("Content-Length: 0", "Transfer-Encoding: chunked");
    for request in [
        get("/", &bearer()),
        chunked + "3\r\nabc\r\n0\r\n\r\n",
        get("/", &bearer()),
    ] {
        assert_eq!(gate.send(request).status, 200);
    }
    let [first, body, last] = &*app.requests() else {
        panic!("three requests")
    };
    assert_eq!(first.one("connection"), None);
    assert_eq!(body.one("connection"), Some("close"));
    assert_eq!(body.body, b"abc");
    assert_ne!(body.connection, last.connection);
}

#[test]
fn s08_a_bad_chunk_ends_the_applications_request_and_never_completes_it() {
    for bad in [
        "0x5\r\nhello\r\n",
        "5_\r\nhello\r\n",
        "+5\r\nhello\r\n",
        "-1\r\n",
        "\r\nhello\r\n",
        "5\r\nhelloXX0\r\n\r\n",
        "fffffffffffffffff\r\nx",
        "5;a=\nb\r\nhello\r\n",
        "g\r\n",
    ] {
        let app = App::plain();
        let gate = Running::before(&app);
        let answer = gate.send(
            post(0).replace("Content-Length: 0", "Transfer-Encoding: chunked")
                + "3\r\nabc\r\n"
                + bad,
        );
        answer.is(400, "bad_request");
        assert_eq!(answer.header("connection"), Some("close"));
        wait_until("the aborted request", || {
            app.connections() == 0 || app.requests().len() == 1
        });
        for request in app.requests() {
            assert!(!request.complete, "{bad:?}: {request:?}");
        }
        gate.wait_count(r#"claimgate_upstream_requests_total{outcome="client_gone"} 1"#);
    }
}

#[test]
fn a_client_that_leaves_in_the_middle_of_its_body_aborts_the_request() {
    for body in [
        "Content-Length: 100\r\n\r\npart",
        "Transfer-Encoding: chunked\r\n\r\n4\r\npart\r\n",
    ] {
        let app = App::plain();
        let gate = Running::before(&app);
        let mut client = gate.connect();
        client.write(format!("POST / HTTP/1.1\r\nHost: a\r\n{}{body}", bearer()));
        wait_until("the connection", || app.connections() == 1);
        drop(client);
        let request = &app.wait_for(1)[0];
        assert!(!request.complete, "{request:?}");
        gate.wait_count("claimgate_requests_in_flight 0");
        gate.wait_count(r#"claimgate_upstream_requests_total{outcome="client_gone"} 1"#);
    }
}

#[test]
fn a_client_that_leaves_before_the_answer_or_in_it_aborts_the_request() {
    for before in [true, false] {
        let (seen, sees) = channel();
        let (ended, end) = channel();
        let (seen, ended) = (Mutex::new(seen), Mutex::new(ended));
        let app = App::start(move |stream, _| {
            if !before {
                stream
                    .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\npart")
                    .unwrap();
            }
            seen.lock().unwrap().send(()).unwrap();
            ended
                .lock()
                .unwrap()
                .send(stream.read(&mut [0; 1]).unwrap_or(0))
                .unwrap();
            false
        });
        let gate = Running::before(&app);
        let mut client = gate.connect();
        client.write(get("/", &bearer()));
        sees.recv_timeout(BOUND).unwrap();
        if !before {
            let mut head = [0; 64];
            client.stream.read_exact(&mut head).unwrap();
        }
        drop(client);
        assert_eq!(
            end.recv_timeout(BOUND),
            Ok(0),
            "the application sees the end"
        );
        gate.wait_count(r#"claimgate_upstream_requests_total{outcome="client_gone"} 1"#);
        gate.wait_count("claimgate_requests_in_flight 0");
        gate.wait_count("claimgate_connections 0");
    }
}

#[test]
fn an_early_answer_reaches_the_client_while_it_still_sends() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let app = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.set_read_timeout(Some(BOUND)).unwrap();
        let mut head = [0; 1024];
        let _ = stream.read(&mut head).unwrap();
        stream.write_all(b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno").unwrap();
    });
    let gate = Running::start(gate(address, None));
    let mut client = gate.connect();
    client.write(post(1_000_000) + "start");
    let answer = client.answer();
    assert_eq!((answer.status, answer.body.as_slice()), (413, &b"no"[..]));
    app.join().unwrap();
    gate.wait_count("claimgate_requests_in_flight 0");
}

#[test]
fn d02_an_application_that_answers_early_and_reads_no_more_does_not_hold_the_upload() {
    let (release, released) = channel::<()>();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let app = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let _ = stream.read(&mut [0; 1024]).unwrap();
        stream.write_all(OK).unwrap();
        // Neither reads on nor closes.
        let _ = released.recv_timeout(BOUND);
    });
    let gate = Running::start(gate(address, None));
    let mut client = gate.connect();
    client.write(post(1_000_000_000) + "start");
    assert_eq!(client.answer().status, 200);
    let start = std::time::Instant::now();
    client.stream.set_write_timeout(Some(BOUND)).unwrap();
    // The gate takes a little more, so that the answer is not lost, and then closes.
    while client.stream.write_all(&[b'x'; 65536]).is_ok() {}
    assert!(start.elapsed() < BOUND / 2, "{:?}", start.elapsed());
    gate.wait_count("claimgate_connections 0");
    release.send(()).unwrap();
    app.join().unwrap();
}

#[test]
fn many_clients_share_one_worker() {
    let app = App::start(|stream, request| {
        let body = request.one("x-number").unwrap();
        write!(
            stream,
            "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
        .is_ok()
    });
    let gate = Running::before(&app);
    let served = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let (gate, served) = (&gate, &served);
            scope.spawn(move || {
                let mut client = gate.connect();
                for n in 0..100 {
                    let number = format!("{thread}-{n}");
                    client.write(get("/", &format!("{}X-Number: {number}\r\n", bearer())));
                    assert_eq!(client.answer().body, number.as_bytes());
                    served.fetch_add(1, Ordering::SeqCst);
                }
            });
        }
    });
    assert_eq!(served.load(Ordering::SeqCst), 800);
    assert!(app.connections() <= 8, "{} connections", app.connections());
}
