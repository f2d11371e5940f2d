//! Documents on loopback, whoever asks, or only for who shows the right token; every request is kept.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

pub struct KeyServer {
    pub url: String,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    documents: Mutex<HashMap<String, String>>,
    /// Asked of every request, when it is set.
    authorization: Mutex<Option<String>>,
    /// Everything is answered with it.
    status: Mutex<Option<u16>>,
    heads: Mutex<Vec<String>>,
}

impl KeyServer {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let shared = Arc::new(Shared::default());
        let serving = Arc::clone(&shared);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let serving = Arc::clone(&serving);
                std::thread::spawn(move || serving.serve(stream));
            }
        });
        Self { url, shared }
    }

    pub fn put(&self, path: &str, document: impl Into<String>) {
        let mut documents = self.shared.documents.lock().unwrap();
        documents.insert(path.to_owned(), document.into());
    }

    /// Answers only who shows this, others with 401.
    pub fn only_for(&self, authorization: &str) {
        *self.shared.authorization.lock().unwrap() = Some(authorization.to_owned());
    }

    /// Answers everything with this status, or as usual again.
    pub fn fail(&self, status: Option<u16>) {
        *self.shared.status.lock().unwrap() = status;
    }

    pub fn heads(&self) -> Vec<String> {
        self.shared.heads.lock().unwrap().clone()
    }
}

impl Shared {
    fn serve(&self, mut stream: TcpStream) {
        let mut head = Vec::new();
        let mut byte = [0];
        while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap_or(0) == 1 {
            head.push(byte[0]);
        }
        let head = String::from_utf8(head).unwrap();
        let (status, body) = self.answer(&head);
        self.heads.lock().unwrap().push(head);
        let _gone = write!(
            stream,
            "HTTP/1.1 {status} X\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        );
    }

    fn answer(&self, head: &str) -> (u16, String) {
        if let Some(status) = *self.status.lock().unwrap() {
            return (status, String::new());
        }
        let wanted = self.authorization.lock().unwrap().clone();
        let shows = |wanted: &String| {
            let line = format!("authorization: {wanted}");
            head.lines().any(|found| found == line)
        };
        if wanted.as_ref().is_some_and(|wanted| !shows(wanted)) {
            return (401, String::new());
        }
        let path = head.split(' ').nth(1).unwrap_or_default();
        match self.documents.lock().unwrap().get(path) {
            Some(document) => (200, document.clone()),
            None => (404, String::new()),
        }
    }
}
