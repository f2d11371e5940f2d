//! An application that records the bytes of every request and is strict about them: what it cannot read as exactly one request fails the test.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

pub struct Application {
    pub port: u16,
    requests: Arc<Mutex<Vec<Recorded>>>,
}

/// One request as it came.
#[derive(Clone, Debug)]
pub struct Recorded {
    pub head: String,
    pub body: Vec<u8>,
}

impl Recorded {
    pub fn line(&self) -> &str {
        self.head.lines().next().unwrap()
    }

    /// Every value of a header, by its exact name in any case.
    pub fn header(&self, name: &str) -> Vec<&str> {
        self.head
            .lines()
            .skip(1)
            .filter_map(|line| line.split_once(": "))
            .filter(|(found, _)| found.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
            .collect()
    }

    /// What a CGI programme would find under `HTTP_...`: every line whose name folds to it.
    pub fn folded(&self, name: &str) -> Vec<&str> {
        let fold = |name: &str| {
            name.chars()
                .map(|c| {
                    if c.is_ascii_alphanumeric() {
                        c.to_ascii_uppercase()
                    } else {
                        '_'
                    }
                })
                .collect::<String>()
        };
        self.head
            .lines()
            .skip(1)
            .filter_map(|line| line.split_once(": "))
            .filter(|(found, _)| fold(found) == fold(name))
            .map(|(_, value)| value)
            .collect()
    }
}

impl Application {
    pub fn start() -> Self {
        Self::answering(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok\n")
    }

    /// The same bytes to every request.
    pub fn answering(answer: &'static [u8]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let recording = Arc::clone(&requests);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let recording = Arc::clone(&recording);
                std::thread::spawn(move || serve(stream, answer, &recording));
            }
        });
        Self { port, requests }
    }

    pub fn requests(&self) -> Vec<Recorded> {
        self.requests.lock().unwrap().clone()
    }

    /// The only request so far.
    pub fn only(&self) -> Recorded {
        let requests = self.requests();
        assert_eq!(requests.len(), 1, "{requests:#?}");
        requests[0].clone()
    }
}

fn serve(mut stream: TcpStream, answer: &[u8], requests: &Mutex<Vec<Recorded>>) {
    while let Some(request) = read_request(&mut stream) {
        requests.lock().unwrap().push(request);
        if stream.write_all(answer).is_err() {
            return;
        }
    }
}

fn read_request(stream: &mut TcpStream) -> Option<Recorded> {
    let head = String::from_utf8_lossy(&read_until(stream, b"\r\n\r\n")?).into_owned();
    let mut request = Recorded {
        head,
        body: Vec::new(),
    };
    let (lengths, codings) = (
        request.header("content-length").len(),
        request.header("transfer-encoding").len(),
    );
    assert!(
        lengths + codings <= 1,
        "ambiguous framing reached the application: {}",
        request.head
    );
    if let Some(length) = request.header("content-length").first() {
        let mut body = vec![0; length.parse().unwrap()];
        stream.read_exact(&mut body).ok()?;
        request.body = body;
    } else if codings == 1 {
        loop {
            let line = String::from_utf8(read_until(stream, b"\r\n")?).unwrap();
            let size = usize::from_str_radix(line.trim(), 16).unwrap();
            let mut chunk = vec![0; size + 2];
            stream.read_exact(&mut chunk).ok()?;
            if size == 0 {
                assert_eq!(chunk, b"\r\n", "trailers reached the application");
                break;
            }
            request.body.extend_from_slice(&chunk[..size]);
        }
    }
    Some(request)
}

fn read_until(stream: &mut TcpStream, end: &[u8]) -> Option<Vec<u8>> {
    let mut read = Vec::new();
    let mut byte = [0];
    while !read.ends_with(end) {
        if stream.read(&mut byte).ok()? == 0 {
            return None;
        }
        read.push(byte[0]);
    }
    Some(read)
}
