//! How many requests are on the wire: a reader that knows nothing of the gate's parser, and reads as generously as docs/http.md says and no more. It is
//! the bound on what the application may see of a payload.

/// What is on the wire.
#[derive(Debug, PartialEq, Eq)]
pub struct Reading {
    /// Heads that end, up to the first one after which the connection must be closed.
    pub requests: usize,
    /// Whether one of them has a body, in the midst of which it can be refused.
    pub bodies: bool,
}

pub fn read(bytes: &[u8]) -> Reading {
    let mut reading = Reading {
        requests: 0,
        bodies: false,
    };
    let mut rest = bytes;
    while let Some((head, after)) = head(rest) {
        reading.requests += 1;
        let codings = head.values("transfer-encoding");
        let lengths = head.values("content-length");
        reading.bodies |= !codings.is_empty() || !lengths.is_empty();
        let body = match (codings.as_slice(), lengths.as_slice()) {
            ([], []) => Some(after),
            ([], [length]) => length.parse().ok().and_then(|n: usize| after.get(n..)),
            ([], [first, others @ ..]) if others.iter().all(|other| other == first) => {
                first.parse().ok().and_then(|n: usize| after.get(n..))
            }
            ([only], []) if only.eq_ignore_ascii_case("chunked") => chunked(after),
            // Two framings: the connection is closed after the answer (RFC 9112 §6.1), whatever follows.
            _ => None,
        };
        match body {
            Some(after) if head.persists() => rest = after,
            _ => break,
        }
    }
    reading
}

struct Head {
    line: String,
    fields: Vec<(String, String)>,
}

impl Head {
    fn values(&self, name: &str) -> Vec<&str> {
        let named = self.fields.iter().filter(|(found, _)| found == name);
        named.map(|(_, value)| value.as_str()).collect()
    }

    fn persists(&self) -> bool {
        let options = self.values("connection").join(",").to_ascii_lowercase();
        let has = |option: &str| options.split(',').any(|o| o.trim() == option);
        !has("close") && (!self.line.ends_with("HTTP/1.0") || has("keep-alive"))
    }
}

/// The first head, and what follows it.
fn head(bytes: &[u8]) -> Option<(Head, &[u8])> {
    let start = bytes.iter().position(|b| !matches!(b, b'\r' | b'\n'))?;
    let mut rest = &bytes[start..];
    let mut lines = Vec::new();
    loop {
        let (line, after) = line(rest)?;
        rest = after;
        if line.is_empty() {
            break;
        }
        lines.push(String::from_utf8_lossy(line).into_owned());
    }
    let mut lines = lines.into_iter();
    let line = lines.next()?;
    let fields = lines
        .filter_map(|line| {
            let (name, value) = line.split_once(':')?;
            Some((name.to_ascii_lowercase(), value.trim().to_owned()))
        })
        .collect();
    Some((Head { line, fields }, rest))
}

/// Up to a line feed; a carriage return before it is part of the end.
fn line(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = bytes.iter().position(|b| *b == b'\n')?;
    let line = &bytes[..end];
    Some((line.strip_suffix(b"\r").unwrap_or(line), &bytes[end + 1..]))
}

/// What follows a chunked body that ends.
fn chunked(mut rest: &[u8]) -> Option<&[u8]> {
    loop {
        let (size, after) = line(rest)?;
        let size = String::from_utf8_lossy(size);
        let digits = size.split(';').next()?.trim_end();
        let size = usize::from_str_radix(digits, 16).ok()?;
        if size == 0 {
            rest = after;
            break;
        }
        let data = after.get(size..)?;
        let (empty, after) = line(data)?;
        if !empty.is_empty() {
            return None;
        }
        rest = after;
    }
    loop {
        let (trailer, after) = line(rest)?;
        rest = after;
        if trailer.is_empty() {
            return Some(rest);
        }
    }
}

#[test]
fn requests_are_counted() {
    for (bytes, requests) in [
        ("", 0),
        ("GET / HTTP/1.1\r\nHost: a\r\n", 0),
        ("\r\nGET / HTTP/1.1\nHost: a\n\n", 1),
        ("GET / HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\n\r\n", 2),
        (
            "GET / HTTP/1.1\r\nConnection: close\r\n\r\nGET / HTTP/1.1\r\n\r\n",
            1,
        ),
        ("GET / HTTP/1.0\r\n\r\nGET / HTTP/1.1\r\n\r\n", 1),
        (
            "POST / HTTP/1.1\r\nContent-Length: 18\r\n\r\nGET / HTTP/1.1\r\n\r\n",
            1,
        ),
        (
            "POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\nGET / HTTP/1.1\r\n\r\n",
            2,
        ),
        (
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\nGET / HTTP/1.1\r\n\r\n",
            2,
        ),
        (
            "POST / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET / HTTP/1.1\r\n\r\n",
            1,
        ),
    ] {
        assert_eq!(read(bytes.as_bytes()).requests, requests, "{bytes:?}");
    }
}
