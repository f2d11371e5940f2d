//! The corpora as bytes, each payload with what its collectors expect of a server.

use std::path::Path;

use serde_json::Value;

use crate::expectation::Expectation;
use crate::guardian;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Corpus {
    Http11Probe,
    Llhttp,
    Guardian,
    TransferEncoding,
}

pub struct Payload {
    /// Stable; the table of differences names payloads by it.
    pub id: String,
    pub bytes: Vec<u8>,
    /// It lacks a `Host` by its collectors' carelessness, and gets one when a token is added.
    pub without_host: bool,
    pub expected: Expectation,
}

impl Corpus {
    pub fn name(self) -> &'static str {
        match self {
            Self::Http11Probe => "Http11Probe",
            Self::Llhttp => "llhttp",
            Self::Guardian => "http-desync-guardian",
            Self::TransferEncoding => "Transfer-Encoding mutations",
        }
    }

    /// How many there are: a corpus that shrank is noticed.
    pub fn size(self) -> usize {
        match self {
            Self::Http11Probe => 178,
            Self::Llhttp => 251,
            Self::Guardian => 159,
            Self::TransferEncoding => 1703,
        }
    }

    pub fn load(self, folder: &Path) -> Vec<Payload> {
        let payloads = match self {
            Self::Http11Probe => http11probe(&json(folder, "http11probe.json")),
            Self::Llhttp => llhttp(&json(folder, "llhttp.json")),
            Self::Guardian => guardian::load(&folder.join("http-desync-guardian")),
            Self::TransferEncoding => mutations(&json(folder, "te-mutations.json")),
        };
        assert_eq!(payloads.len(), self.size(), "{}", self.name());
        payloads
    }
}

fn http11probe(file: &Value) -> Vec<Payload> {
    let payload = |test: &Value| Payload {
        id: text(test, "id").to_owned(),
        bytes: bytes(text(test, "raw_latin1")),
        without_host: false,
        expected: Expectation::of_http11probe(text(test, "expected")),
    };
    list(file).iter().map(payload).collect()
}

fn llhttp(file: &Value) -> Vec<Payload> {
    let payload = |(number, test): (usize, &Value)| Payload {
        id: format!("llhttp-{number}"),
        bytes: bytes(text(test, "raw_latin1")),
        without_host: true,
        expected: Expectation::of_llhttp(
            test["meta"]["type"].as_str().unwrap_or_default(),
            test["llhttp_error"].as_str(),
        ),
    };
    list(file).iter().enumerate().map(payload).collect()
}

fn mutations(file: &Value) -> Vec<Payload> {
    let payload = |(name, line): (&String, &Value)| Payload {
        id: format!("te-{name}"),
        bytes: [
            b"POST / HTTP/1.1\r\n",
            &*bytes(line.as_str().unwrap()),
            b"\r\nHost: localhost\r\nContent-Length: 6\r\n\r\n0\r\n\r\nG",
        ]
        .concat(),
        without_host: false,
        expected: Expectation::ONE_FRAMING,
    };
    let mutations = file["mutations"].as_object().unwrap();
    mutations.iter().map(payload).collect()
}

fn json(folder: &Path, name: &str) -> Value {
    let path = folder.join(name);
    let text = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_slice(&text).unwrap()
}

fn list(file: &Value) -> &[Value] {
    file["tests"].as_array().unwrap()
}

fn text<'v>(test: &'v Value, member: &str) -> &'v str {
    test[member].as_str().unwrap()
}

/// One code point stands for each byte.
pub fn bytes(latin1: &str) -> Vec<u8> {
    let byte = |c: char| u8::try_from(u32::from(c)).unwrap();
    latin1.chars().map(byte).collect()
}
