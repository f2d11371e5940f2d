//! An issuer on loopback with discovery and a key set, and the faults that issuers have.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::eventually;
use super::key::{Key, claims};

/// What the issuer does when it is asked for its keys.
#[derive(Clone, Debug, PartialEq)]
pub enum Fault {
    None,
    Status(u16),
    /// 200 with this body instead of the key set.
    Body(String),
    /// 302 to this address.
    Redirect(String),
    /// Accepts, and never answers.
    Stall,
    /// A body that does not end.
    Endless,
    /// 200, a `Content-Length`, and half of the body.
    Truncated,
}

pub struct Issuer {
    pub url: String,
    pub key: Key,
    shared: Arc<Shared>,
}

struct Shared {
    url: String,
    keys: Mutex<Vec<Value>>,
    fault: Mutex<Fault>,
    fetches: AtomicUsize,
    away: AtomicBool,
}

impl Issuer {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://127.0.0.1:{}", listener.local_addr().unwrap().port());
        let key = Key::new("key-1");
        let shared = Arc::new(Shared {
            url: url.clone(),
            keys: Mutex::new(vec![key.jwk()]),
            fault: Mutex::new(Fault::None),
            fetches: AtomicUsize::new(0),
            away: AtomicBool::new(false),
        });
        let issuer = Self { url, key, shared };
        issuer.listen(listener);
        issuer
    }

    /// Nobody listens at its address any more.
    pub fn go_away(&self) {
        self.shared.away.store(true, Ordering::SeqCst);
        let address = self.url.strip_prefix("http://").unwrap();
        // The first connection lets the listener see that it is to go.
        eventually("nobody to listen", || {
            TcpStream::connect(address).is_err().then_some(())
        });
    }

    /// The end of [`Self::go_away`].
    pub fn come_back(&self) {
        self.shared.away.store(false, Ordering::SeqCst);
        let address = self.url.strip_prefix("http://").unwrap();
        self.listen(eventually("the issuer's port", || {
            TcpListener::bind(address).ok()
        }));
    }

    fn listen(&self, listener: TcpListener) {
        let shared = Arc::clone(&self.shared);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if shared.away.load(Ordering::SeqCst) {
                    return;
                }
                let serving = Arc::clone(&shared);
                std::thread::spawn(move || serving.serve(stream));
            }
        });
    }

    pub fn token(&self, more: Value) -> String {
        self.key.token(&claims(&self.url, more))
    }

    /// Replaces the whole key set.
    pub fn publish(&self, keys: Vec<Value>) {
        *self.shared.keys.lock().unwrap() = keys;
    }

    pub fn fail(&self, fault: Fault) {
        *self.shared.fault.lock().unwrap() = fault;
    }

    /// How often the key set was asked for.
    pub fn fetches(&self) -> usize {
        self.shared.fetches.load(Ordering::SeqCst)
    }
}

impl Shared {
    fn serve(&self, mut stream: TcpStream) {
        let mut head = Vec::new();
        let mut byte = [0];
        while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap_or(0) == 1 {
            head.push(byte[0]);
        }
        let head = String::from_utf8_lossy(&head).into_owned();
        let _gone = if head.starts_with("GET /.well-known/openid-configuration ") {
            answer(
                &mut stream,
                "200 OK",
                "",
                &json!({"issuer": self.url, "jwks_uri": format!("{}/jwks", self.url)}).to_string(),
            )
        } else {
            self.fetches.fetch_add(1, Ordering::SeqCst);
            let fault = self.fault.lock().unwrap().clone();
            self.key_set(&mut stream, fault)
        };
    }

    fn key_set(&self, stream: &mut TcpStream, fault: Fault) -> std::io::Result<()> {
        let body = json!({"keys": *self.keys.lock().unwrap()}).to_string();
        match fault {
            Fault::None => answer(stream, "200 OK", "", &body),
            Fault::Status(status) => answer(stream, &format!("{status} Fault"), "", &body),
            Fault::Body(other) => answer(stream, "200 OK", "", &other),
            Fault::Redirect(to) => answer(stream, "302 Found", &format!("Location: {to}\r\n"), ""),
            Fault::Stall => {
                // Until the other side gives up.
                let _closed = stream.read(&mut [0; 64]);
                Ok(())
            }
            Fault::Endless => {
                stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n")?;
                loop {
                    stream.write_all(&[b' '; 4096])?;
                }
            }
            Fault::Truncated => write!(
                stream,
                "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{}",
                body.len(),
                &body[..body.len() / 2]
            ),
        }
    }
}

fn answer(stream: &mut TcpStream, status: &str, more: &str, body: &str) -> std::io::Result<()> {
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n{more}Connection: close\r\n\r\n{body}",
        body.len()
    )
}
