//! The listener of the admin pages, under limits: whoever reaches it cannot use it up.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use super::Admin;
use super::answer::answer;

/// Connections at once: probes, a few Prometheus servers, and room.
const MAX_CONNECTIONS: usize = 64;
/// For a request's head, and for the next request on an idle connection. Clients of Prometheus and kubelet open a new one by themselves.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// After this a connection ends with its current answer: a reader that never takes its answer does not keep its place.
const MAX_LIFE: Duration = Duration::from_secs(300);
/// For that last answer.
const LAST_ANSWER: Duration = Duration::from_secs(10);
/// Bytes of a request's head; nothing that these pages need is longer.
const MAX_HEAD: usize = 16 * 1024;
/// After a failed accept (no file descriptor is left, as a rule): the next try would fail too.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves until it is dropped. Runs on the control runtime.
pub async fn serve(listener: TcpListener, admin: Arc<Admin>) {
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    // Never closed, so never an error: the loop ends with its task.
    while let Ok(place) = Arc::clone(&places).acquire_owned().await {
        match listener.accept().await {
            Ok((stream, _)) => {
                let admin = Arc::clone(&admin);
                tokio::spawn(async move {
                    connection(stream, &admin).await;
                    drop(place);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "the admin listener cannot accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn connection(stream: TcpStream, admin: &Admin) {
    let service = service_fn(|request: hyper::Request<hyper::body::Incoming>| {
        let response = answer(admin, request.method(), request.uri().path());
        async { Ok::<_, Infallible>(response) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(MAX_HEAD)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    // What goes wrong on a connection is the client's affair.
    if tokio::time::timeout(MAX_LIFE, connection.as_mut())
        .await
        .is_err()
    {
        connection.as_mut().graceful_shutdown();
        let _ = tokio::time::timeout(LAST_ANSWER, connection).await;
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::super::View;
    use super::*;
    use crate::clock::SystemClock;
    use crate::jose::algorithm::{Algorithm, AlgorithmSet};
    use crate::jose::jwk::ReadKeys;
    use crate::jose::key::VerificationKey;
    use crate::keys::Keys;
    use crate::keys::source::{FileFormat, Origin, SourceConfig};
    use crate::keys::testing::config;
    use crate::telemetry::Metrics;

    fn admin(sources: Vec<SourceConfig>) -> Arc<Admin> {
        let metrics = Metrics::new(&[Arc::from("all")], &[Arc::from("staff")]);
        let keys = Keys::new(sources, Arc::new(SystemClock), metrics.clone());
        Arc::new(Admin::new(View {
            keys: Arc::new(keys),
            metrics,
        }))
    }

    async fn started(admin: Arc<Admin>) -> SocketAddr {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(serve(listener, admin));
        address
    }

    async fn asked(address: SocketAddr, request_line: &str) -> String {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = format!("{request_line} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        tokio::time::timeout(Duration::from_secs(10), stream.read_to_string(&mut answer))
            .await
            .unwrap()
            .unwrap();
        answer
    }

    #[tokio::test]
    async fn metrics_have_the_content_type_of_the_exposition_format() {
        let address = started(admin(vec![])).await;
        let answer = asked(address, "GET /metrics").await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        assert!(answer.contains("\r\ncontent-type: text/plain; version=0.0.4; charset=utf-8\r\n"));
        assert!(answer.contains("\nclaimgate_build_info{"));
    }

    #[tokio::test]
    async fn other_pages_and_methods_are_refused() {
        let address = started(admin(vec![])).await;
        assert!(asked(address, "GET /").await.starts_with("HTTP/1.1 404 "));
        let refused = asked(address, "POST /metrics").await;
        assert!(refused.starts_with("HTTP/1.1 405 "));
        assert!(refused.contains("\r\nallow: GET, HEAD\r\n"));
        let head = asked(address, "HEAD /livez").await;
        assert!(head.starts_with("HTTP/1.1 200 "));
        assert!(head.ends_with("\r\n\r\n"));
    }

    #[tokio::test]
    async fn a_gate_with_keys_is_ready_until_it_drains() {
        let hs256 = AlgorithmSet::of(&[Algorithm::Hs256]);
        let secret = VerificationKey::from_secret(&[7; 32], hs256).unwrap();
        let admin = admin(vec![config(
            "staff",
            Origin::Fixed {
                keys: ReadKeys {
                    keys: vec![secret],
                    skipped: vec![],
                },
                any_kid: true,
            },
        )]);
        let address = started(admin.clone()).await;
        assert!(
            asked(address, "GET /readyz")
                .await
                .starts_with("HTTP/1.1 200 ")
        );
        admin.drain();
        let draining = asked(address, "GET /readyz").await;
        assert!(draining.starts_with("HTTP/1.1 503 "));
        assert!(draining.ends_with("\r\n\r\nnot ready: draining\n"));
        assert!(
            asked(address, "GET /livez")
                .await
                .starts_with("HTTP/1.1 200 ")
        );
    }

    #[tokio::test]
    async fn a_gate_without_keys_says_whom_it_waits_for() {
        let address = started(admin(vec![config(
            "staff",
            Origin::File {
                path: "/nonexistent/keys.json".into(),
                format: FileFormat::Jwks,
            },
        )]))
        .await;
        let answer = asked(address, "GET /readyz").await;
        assert!(answer.starts_with("HTTP/1.1 503 "));
        assert!(
            answer.contains("not ready: no keys yet for issuer `staff`"),
            "{answer}"
        );
        let issuers = asked(address, "GET /issuers").await;
        assert!(issuers.contains("\r\ncontent-type: application/json\r\n"));
        assert!(issuers.contains("\"origin\": \"/nonexistent/keys.json\""));
    }

    #[tokio::test]
    async fn d08_connections_that_went_away_free_their_places() {
        let address = started(admin(vec![])).await;
        let mut silent = Vec::new();
        for _ in 0..MAX_CONNECTIONS {
            silent.push(TcpStream::connect(address).await.unwrap());
        }
        drop(silent);
        assert!(
            asked(address, "GET /livez")
                .await
                .starts_with("HTTP/1.1 200 ")
        );
    }
}
