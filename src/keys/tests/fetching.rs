//! One GET: what is sent, and what it may cost.

use std::time::{Duration, Instant};

use crate::keys::FetchResult;
use crate::keys::fetch::{FetchError, FetchLimits, FetchSettings, get};
use crate::keys::testing::{Answer, Issuer, settings, short_limits};
use crate::keys::url::KeyUrl;

async fn fetch_with(
    url: &str,
    settings: &FetchSettings,
    limits: FetchLimits,
) -> Result<String, FetchError> {
    let url = KeyUrl::parse(url, true).unwrap();
    let document = get(&url, settings, None, limits).await?;
    Ok(String::from_utf8(document.to_vec()).unwrap())
}

async fn fetch(url: &str) -> Result<String, FetchError> {
    fetch_with(url, &settings(), FetchLimits::default()).await
}

fn label<T: std::fmt::Debug>(outcome: Result<T, FetchError>) -> FetchResult {
    outcome.unwrap_err().result
}

#[tokio::test]
async fn a_request_says_what_is_wanted_and_the_query_string_survives() {
    let issuer = Issuer::start().await;
    issuer.json("/jwks", "{}");
    assert_eq!(
        fetch(&issuer.url("/jwks?appid=1f2e&x=%2F")).await.unwrap(),
        "{}"
    );
    let head = issuer.heads()[0].to_lowercase();
    assert!(
        head.starts_with("get /jwks?appid=1f2e&x=%2f http/1.1\r\n"),
        "{head}"
    );
    for line in [
        format!("\r\nhost: {}\r\n", issuer.address),
        "\r\naccept: application/json, */*;q=0.5\r\n".to_owned(),
        "\r\naccept-encoding: identity\r\n".to_owned(),
        format!(
            "\r\nuser-agent: claimgate/{}\r\n",
            env!("CARGO_PKG_VERSION")
        ),
    ] {
        assert_eq!(head.matches(&line).count(), 1, "{head}");
    }
    assert!(!head.contains("authorization") && !head.contains("cookie"));
}

#[tokio::test]
async fn an_address_without_a_path_asks_for_the_root_and_a_name_is_resolved() {
    let issuer = Issuer::start().await;
    issuer.json("/", "{}");
    assert!(fetch(&format!("http://{}", issuer.address)).await.is_ok());
    let by_name = format!("http://localhost:{}/", issuer.address.port());
    assert!(fetch(&by_name).await.is_ok());
    assert!(
        issuer.heads()[1]
            .to_lowercase()
            .contains(&format!("host: localhost:{}", issuer.address.port()))
    );
}

#[tokio::test]
async fn an_ipv6_literal_is_an_address_like_any_other() {
    let Ok(listener) = tokio::net::TcpListener::bind("[::1]:0").await else {
        eprintln!("skipped: no IPv6 on loopback");
        return;
    };
    let issuer = Issuer::on(listener, None);
    issuer.json("/jwks", "{}");
    assert!(fetch(&issuer.url("/jwks")).await.is_ok());
    assert!(
        issuer.heads()[0]
            .to_lowercase()
            .contains("\r\nhost: [::1]:")
    );
}

#[tokio::test]
async fn k02_a_redirect_is_never_followed() {
    let issuer = Issuer::start().await;
    let elsewhere = Issuer::start().await;
    elsewhere.json("/jwks", "{}");
    for status in [300, 301, 302, 303, 304, 305, 307, 308, 399] {
        let to = elsewhere.url("/jwks");
        let answer =
            format!("HTTP/1.1 {status} Moved\r\nLocation: {to}\r\nContent-Length: 2\r\n\r\n{{}}");
        issuer.answer("/jwks", Answer::Raw(answer));
        let error = fetch(&issuer.url("/jwks")).await.unwrap_err();
        assert_eq!(error.result, FetchResult::Redirect, "{status}");
        assert!(
            error.text.contains(&to) && error.text.contains("hint:"),
            "{}",
            error.text
        );
    }
    assert_eq!(elsewhere.connections(), 0);
}

#[tokio::test]
async fn a_status_other_than_200_is_no_document_whatever_its_body() {
    let issuer = Issuer::start().await;
    for status in [
        201, 202, 203, 204, 206, 400, 401, 403, 404, 418, 429, 500, 502, 503, 599,
    ] {
        let length = if status == 204 {
            ""
        } else {
            "Content-Length: 2\r\n"
        };
        let body = if status == 204 { "" } else { "{}" };
        issuer.answer(
            "/jwks",
            Answer::Raw(format!("HTTP/1.1 {status} X\r\n{length}\r\n{body}")),
        );
        let error = fetch(&issuer.url("/jwks")).await.unwrap_err();
        assert_eq!(error.result, FetchResult::BadStatus, "{status}");
        assert!(error.text.contains(&status.to_string()));
    }
}

#[tokio::test]
async fn k03_a_document_may_have_512_kib_and_not_a_byte_more() {
    let issuer = Issuer::start().await;
    let limit = FetchLimits::default().body_bytes;
    assert_eq!(limit, 524_288);
    let chunked = |bytes: usize| {
        let body = "x".repeat(bytes);
        format!(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{bytes:x}\r\n{body}\r\n0\r\n\r\n"
        )
    };
    let until_close = |bytes: usize| {
        format!(
            "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{}",
            "x".repeat(bytes)
        )
    };
    issuer.json("/fits", &"x".repeat(limit));
    issuer.json("/over", &"x".repeat(limit + 1));
    issuer.answer("/chunked/fits", Answer::Raw(chunked(limit)));
    issuer.answer("/chunked/over", Answer::Raw(chunked(limit + 1)));
    issuer.answer("/close/fits", Answer::Raw(until_close(limit)));
    issuer.answer("/close/over", Answer::Raw(until_close(limit + 1)));
    for kind in ["", "/chunked", "/close"] {
        assert_eq!(
            fetch(&issuer.url(&format!("{kind}/fits")))
                .await
                .unwrap()
                .len(),
            limit,
            "{kind}"
        );
        assert_eq!(
            label(fetch(&issuer.url(&format!("{kind}/over"))).await),
            FetchResult::TooLarge,
            "{kind}"
        );
    }
    // Announced only: refused before a byte of it has come.
    issuer.answer(
        "/announced",
        Answer::Raw("HTTP/1.1 200 OK\r\nContent-Length: 999999999999\r\n\r\n".to_owned()),
    );
    assert_eq!(
        label(fetch(&issuer.url("/announced")).await),
        FetchResult::TooLarge
    );
    issuer.answer("/endless", Answer::Endless);
    assert_eq!(
        label(fetch(&issuer.url("/endless")).await),
        FetchResult::TooLarge
    );
}

#[tokio::test]
async fn k03_a_compressed_answer_is_refused_unread() {
    let issuer = Issuer::start().await;
    for coding in ["gzip", "br", "deflate", "zstd", "identity, gzip", "x", ""] {
        let answer = format!(
            "HTTP/1.1 200 OK\r\nContent-Encoding: {coding}\r\nContent-Length: 2\r\n\r\n{{}}"
        );
        issuer.answer("/jwks", Answer::Raw(answer));
        assert_eq!(
            label(fetch(&issuer.url("/jwks")).await),
            FetchResult::BadDocument,
            "{coding}"
        );
    }
    let identity = "HTTP/1.1 200 OK\r\nContent-Encoding: Identity\r\nContent-Length: 2\r\n\r\n{}";
    issuer.answer("/jwks", Answer::Raw(identity.to_owned()));
    assert!(fetch(&issuer.url("/jwks")).await.is_ok());
}

#[tokio::test]
async fn what_is_cut_short_or_not_http_is_no_document() {
    let issuer = Issuer::start().await;
    for answer in [
        "",
        "HTTP/1.1 200",
        "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{}",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
        "SSH-2.0-OpenSSH_9.6\r\n",
        "<html>",
    ] {
        issuer.answer("/jwks", Answer::Raw(answer.to_owned()));
        let error = fetch(&issuer.url("/jwks")).await.unwrap_err();
        assert_eq!(
            error.result,
            FetchResult::BadDocument,
            "{answer:?}: {}",
            error.text
        );
    }
}

#[tokio::test]
async fn a_head_without_end_is_refused() {
    let issuer = Issuer::start().await;
    let head = format!(
        "HTTP/1.1 200 OK\r\nX: {}\r\nContent-Length: 2\r\n\r\n{{}}",
        "x".repeat(200_000)
    );
    issuer.answer("/jwks", Answer::Raw(head));
    assert_eq!(
        label(fetch(&issuer.url("/jwks")).await),
        FetchResult::BadDocument
    );
    let fields = "X: y\r\n".repeat(1000);
    issuer.answer(
        "/jwks",
        Answer::Raw(format!(
            "HTTP/1.1 200 OK\r\n{fields}Content-Length: 2\r\n\r\n{{}}"
        )),
    );
    assert_eq!(
        label(fetch(&issuer.url("/jwks")).await),
        FetchResult::BadDocument
    );
}

#[tokio::test]
async fn k04_an_issuer_that_hangs_or_dribbles_is_left_in_time() {
    let issuer = Issuer::start().await;
    issuer.answer("/hangs", Answer::Stall);
    issuer.answer("/dribbles", Answer::Trickle("x".repeat(1000)));
    for path in ["/hangs", "/dribbles"] {
        let began = Instant::now();
        let error = fetch_with(&issuer.url(path), &settings(), short_limits())
            .await
            .unwrap_err();
        assert_eq!(error.result, FetchResult::Timeout, "{path}");
        assert!(error.text.contains("0.5 s"), "{}", error.text);
        assert!(
            (500..4000).contains(&began.elapsed().as_millis()),
            "{:?}",
            began.elapsed()
        );
    }
}

#[tokio::test]
async fn k04_a_host_that_drops_every_packet_is_left_in_time() {
    // A listener whose queue is full drops the next SYN.
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket
        .bind(&std::net::SocketAddr::from(([127, 0, 0, 1], 0)).into())
        .unwrap();
    socket.listen(0).unwrap();
    let address = socket.local_addr().unwrap().as_socket().unwrap();
    let mut full = Vec::new();
    for _ in 0..4 {
        let filler = tokio::time::timeout(
            Duration::from_millis(200),
            tokio::net::TcpStream::connect(address),
        );
        full.push(filler.await);
    }
    if full.iter().all(Result::is_ok) {
        eprintln!("skipped: this system's queues do not fill");
        return;
    }
    let began = Instant::now();
    let error = fetch_with(
        &format!("http://{address}/jwks"),
        &settings(),
        short_limits(),
    )
    .await
    .unwrap_err();
    assert_eq!(error.result, FetchResult::Timeout, "{}", error.text);
    assert!((200..3000).contains(&began.elapsed().as_millis()));
}

#[tokio::test]
async fn nobody_at_the_address_is_a_failed_connection_and_says_where() {
    let port = {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        listener.local_addr().unwrap().port()
    };
    let error = fetch(&format!("http://127.0.0.1:{port}/jwks"))
        .await
        .unwrap_err();
    assert_eq!(error.result, FetchResult::ConnectFailed);
    assert_eq!(
        error.text,
        format!("no connection to `127.0.0.1:{port}` (127.0.0.1): connection refused")
    );
}

#[tokio::test]
async fn a_forward_proxy_gets_the_whole_url_of_a_plain_address() {
    let proxy = Issuer::start().await;
    proxy.json("/jwks", "{}");
    let mut settings = settings();
    settings.proxy = Some(proxy.url("").parse().unwrap());
    // Nobody has this name: only the proxy is asked.
    let url = "http://idp.invalid:8080/jwks?appid=1";
    assert_eq!(
        fetch_with(url, &settings, FetchLimits::default())
            .await
            .unwrap(),
        "{}"
    );
    let head = &proxy.heads()[0];
    assert!(
        head.starts_with("GET http://idp.invalid:8080/jwks?appid=1 HTTP/1.1\r\n"),
        "{head}"
    );
    assert!(
        head.to_lowercase()
            .contains("\r\nhost: idp.invalid:8080\r\n")
    );
}
