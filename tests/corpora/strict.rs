//! Reads what the gate may write, and calls everything else a fault.

use crate::recorder::{Body, Head, Source, byte};

/// The longest head that a test makes, and then some.
const LONGEST_HEAD: usize = 256 * 1024;

pub fn head(source: &mut Source) -> Option<Head> {
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\r\n\r\n") && bytes.len() < LONGEST_HEAD {
        match byte(source) {
            Some(byte) => bytes.push(byte),
            None if bytes.is_empty() => return None,
            None => break,
        }
    }
    let mut faults = Vec::new();
    let text: String = bytes.iter().map(|b| char::from(*b)).collect();
    if !text.ends_with("\r\n\r\n") {
        faults.push("a head that does not end".to_owned());
    }
    let mut lines = text.trim_end_matches("\r\n").split("\r\n");
    let request_line = lines.next().unwrap_or_default();
    let mut fields = Vec::new();
    for line in lines {
        match line.split_once(": ") {
            Some((name, value)) if is_token(name) && is_value(value) => {
                fields.push((name.to_ascii_lowercase(), value));
            }
            _ => faults.push(format!("not a field line: {line:?}")),
        }
    }
    let words: Vec<&str> = request_line.split(' ').collect();
    if !matches!(words.as_slice(), [method, target, "HTTP/1.1"] if is_token(method) && is_target(target))
    {
        faults.push(format!("not a request line: {request_line:?}"));
    }
    let values = |name: &str| -> Vec<&str> {
        let named = fields.iter().filter(|(found, _)| found == name);
        named.map(|(_, value)| *value).collect()
    };
    if values("host").len() != 1 {
        faults.push(format!("{} Host lines", values("host").len()));
    }
    let body = match (
        values("transfer-encoding").as_slice(),
        values("content-length").as_slice(),
    ) {
        ([], []) => Body::None,
        (["chunked"], []) => Body::Chunked,
        ([], [length]) if length.bytes().all(|b| b.is_ascii_digit()) => {
            Body::Length(length.parse().unwrap_or(usize::MAX))
        }
        framing => {
            faults.push(format!("more than one way to read its body: {framing:?}"));
            Body::None
        }
    };
    let from = match values("x-forwarded-for").as_slice() {
        [only] => Some((*only).to_owned()),
        _ => None,
    };
    Some(Head {
        is_head: request_line.starts_with("HEAD "),
        bytes,
        from,
        body,
        faults,
    })
}

/// `Err(None)`: the other side ended in the midst of it.
pub fn body(source: &mut Source, body: Body) -> Result<(), Option<String>> {
    match body {
        Body::None => Ok(()),
        Body::Length(length) => {
            for _ in 0..length {
                byte(source).ok_or(None)?;
            }
            Ok(())
        }
        Body::Chunked => loop {
            let size = line(source)?;
            let number = usize::from_str_radix(&size, 16)
                .ok()
                .filter(|_| size.bytes().all(|b| b.is_ascii_hexdigit()))
                .ok_or_else(|| Some(format!("not a chunk size: {size:?}")))?;
            for _ in 0..number {
                byte(source).ok_or(None)?;
            }
            let end = line(source)?;
            if !end.is_empty() {
                return Err(Some(format!("after a chunk, or a trailer: {end:?}")));
            }
            if number == 0 {
                return Ok(());
            }
        },
    }
}

fn line(source: &mut Source) -> Result<String, Option<String>> {
    let mut line = String::new();
    while !line.ends_with("\r\n") {
        line.push(char::from(byte(source).ok_or(None)?));
    }
    line.truncate(line.len() - 2);
    Ok(line)
}

/// RFC 9110 §5.6.2, without the `_` that the gate drops by default.
fn is_token(name: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^`|~".contains(&b);
    !name.is_empty() && name.bytes().all(allowed)
}

fn is_value(value: &str) -> bool {
    value
        .chars()
        .all(|c| c == '\t' || (c >= ' ' && c != '\x7f'))
}

/// Bytes beyond ASCII pass where no routes are configured: see the table of differences.
fn is_target(target: &str) -> bool {
    !target.is_empty() && target.chars().all(|c| c > ' ' && c != '\x7f' && c != '#')
}
