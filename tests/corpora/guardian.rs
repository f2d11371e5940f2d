//! The requests of http-desync-guardian: lists of headers in YAML, made into bytes. They have no bodies; they get the one in which a wrong framing shows.

use std::path::Path;

use crate::expectation::Expectation;
use crate::payloads::Payload;

/// A second request, for who takes the first one's framing for another.
const SMUGGLED: &[u8] = b"GET /smuggled HTTP/1.1\r\nHost: gate.test\r\n\r\n";
/// A `Content-Length` up to this gets its body.
const LONGEST_BODY: usize = 4_000_000;

#[derive(Default)]
struct Case {
    name: String,
    uri: String,
    method: String,
    version: String,
    headers: Vec<(String, String)>,
    tier: String,
}

pub fn load(folder: &Path) -> Vec<Payload> {
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    let mut payloads = Vec::new();
    for file in files {
        let stem = file.file_stem().unwrap().to_str().unwrap().to_owned();
        let text = std::fs::read_to_string(&file).unwrap();
        for (number, case) in cases(&text).into_iter().enumerate() {
            payloads.push(Payload {
                id: format!("{stem}-{number}"),
                bytes: case.bytes(),
                without_host: false,
                expected: Expectation::of_guardian(&case.tier),
            });
        }
    }
    payloads
}

impl Case {
    fn bytes(&self) -> Vec<u8> {
        let mut bytes = latin1(&format!(
            "{} {} {}\r\n",
            self.method, self.uri, self.version
        ));
        if !self.has(|name| name.eq_ignore_ascii_case("host")) {
            bytes.extend_from_slice(b"Host: gate.test\r\n");
        }
        for (name, value) in &self.headers {
            bytes.extend(latin1(&format!("{name}: {value}\r\n")));
        }
        bytes.extend_from_slice(b"\r\n");
        bytes.extend(self.body());
        bytes
    }

    /// As long as the only `Content-Length` says; the end of a chunked one and a second request where a coding is named.
    fn body(&self) -> Vec<u8> {
        if self.has(|name| name.to_ascii_lowercase().contains("transfer")) {
            return [b"0\r\n\r\n", SMUGGLED].concat();
        }
        let lengths: Vec<&String> = self
            .headers
            .iter()
            .filter(|(name, _)| name.eq_ignore_ascii_case("content-length"))
            .map(|(_, value)| value)
            .collect();
        match lengths.as_slice() {
            [] => Vec::new(),
            [first, others @ ..] if others.iter().all(|o| o == first) => {
                match first.trim().parse::<usize>() {
                    Ok(length) if length <= LONGEST_BODY => {
                        let mut body = SMUGGLED.to_vec();
                        body.resize(length, b'x');
                        body
                    }
                    _ => SMUGGLED.to_vec(),
                }
            }
            _ => SMUGGLED.to_vec(),
        }
    }

    fn has(&self, wanted: impl Fn(&str) -> bool) -> bool {
        self.headers.iter().any(|(name, _)| wanted(name))
    }
}

/// The shape that these files have, and no more of YAML: a line that does not fit fails the test.
fn cases(text: &str) -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    for line in text.lines() {
        let bare = line.trim();
        if bare.is_empty() || bare.starts_with('#') {
            continue;
        }
        let indent = line.len() - line.trim_start().len();
        if let Some(name) = line.strip_prefix("- name:") {
            cases.push(Case {
                name: scalar(name),
                ..Case::default()
            });
            continue;
        }
        let Some(case) = cases.last_mut() else {
            panic!("not in a case: {line}");
        };
        if let Some(name) = line.strip_prefix("    - name:") {
            case.headers.push((scalar(name), String::new()));
            continue;
        }
        let (key, value) = bare.split_once(':').unwrap_or((bare, ""));
        match (indent, key) {
            (2, "uri") => case.uri = scalar(value),
            (2, "method") => case.method = scalar(value),
            (2, "version") => case.version = scalar(value),
            (2, "headers" | "expected")
            | (4, "reason" | "required_message_items")
            | (6, "tier") => {}
            (6, "value") => case.headers.last_mut().unwrap().1 = scalar(value),
            (4, "tier") => case.tier = scalar(value),
            _ if bare.starts_with("- ") => {}
            _ => panic!("{}: unknown line: {line}", case.name),
        }
    }
    cases
}

/// A scalar on one line: plain, in single or in double quotes.
fn scalar(text: &str) -> String {
    let text = text.trim();
    if let Some(inner) = text.strip_prefix('\'').and_then(|t| t.strip_suffix('\'')) {
        return inner.replace("''", "'");
    }
    let Some(inner) = text.strip_prefix('"').and_then(|t| t.strip_suffix('"')) else {
        return text.to_owned();
    };
    let mut out = String::new();
    let mut rest = inner.chars();
    while let Some(c) = rest.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        match rest.next() {
            Some('r') => out.push('\r'),
            Some('n') => out.push('\n'),
            Some('t') => out.push('\t'),
            Some('0') => out.push('\0'),
            Some('f') => out.push('\x0c'),
            Some('v') => out.push('\x0b'),
            Some(c @ ('"' | '\\' | '/' | ' ')) => out.push(c),
            Some(kind @ ('x' | 'u')) => {
                let digits: String = rest
                    .by_ref()
                    .take(if kind == 'x' { 2 } else { 4 })
                    .collect();
                out.push(char::from_u32(u32::from_str_radix(&digits, 16).unwrap()).unwrap());
            }
            other => panic!("unknown escape {other:?} in {text}"),
        }
    }
    out
}

/// Code points below 256 are bytes, the others stand in UTF-8.
fn latin1(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for c in text.chars() {
        match u8::try_from(u32::from(c)) {
            Ok(byte) => bytes.push(byte),
            Err(_) => bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    bytes
}
