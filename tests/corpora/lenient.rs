//! Reads everything as the most careless server would: any line end, folded lines, names by their letters alone, `Content-Length` before
//! `Transfer-Encoding`, a coding that only resembles `chunked`, chunk sizes with junk, and requests without a version. What is a request to any server
//! should be one to it.

use crate::recorder::{Body, Head, Source, byte};

pub fn head(source: &mut Source) -> Option<Head> {
    let mut first = String::new();
    let mut bytes = Vec::new();
    while first.trim().is_empty() {
        first = line(source, &mut bytes)?;
    }
    let mut fields: Vec<(String, String)> = Vec::new();
    // HTTP/0.9: the line is all there is.
    if first.contains("HTTP/") {
        while let Some(line) = line(source, &mut bytes) {
            if line.is_empty() {
                break;
            }
            match (line.starts_with([' ', '\t']), fields.last_mut()) {
                (true, Some((_, value))) => value.push_str(&line),
                _ => {
                    let (name, value) = line.split_once([':', '=']).unwrap_or((&line, ""));
                    fields.push((letters(name), value.to_owned()));
                }
            }
        }
    }
    let values = |name: &str| -> Vec<&String> {
        let named = fields.iter().filter(|(found, _)| found == name);
        named.map(|(_, value)| value).collect()
    };
    let length = values("contentlength")
        .first()
        .and_then(|value| number(value, 10));
    let codings = values("transferencoding");
    let chunked = codings.iter().any(|value| letters(value).contains("chunk"));
    let body = match length {
        Some(length) => Body::Length(length),
        None if chunked => Body::Chunked,
        None => Body::None,
    };
    let from = match values("xforwardedfor").as_slice() {
        [only] => Some(only.trim().to_owned()),
        _ => None,
    };
    Some(Head {
        is_head: first.trim_start().starts_with("HEAD"),
        bytes,
        from,
        body,
        faults: Vec::new(),
    })
}

/// `Err(None)`: the other side ended in the midst of it. Nothing is a fault.
pub fn body(source: &mut Source, body: Body) -> Result<(), Option<String>> {
    let mut passed = Vec::new();
    match body {
        Body::None => {}
        Body::Length(length) => {
            for _ in 0..length {
                byte(source).ok_or(None)?;
            }
        }
        Body::Chunked => loop {
            let size = line(source, &mut passed).ok_or(None)?;
            let size = number(&size, 16).unwrap_or(0);
            for _ in 0..size {
                byte(source).ok_or(None)?;
            }
            if size == 0 {
                // Trailers.
                while !line(source, &mut passed).ok_or(None)?.is_empty() {}
                break;
            }
            line(source, &mut passed).ok_or(None)?;
        },
    }
    Ok(())
}

/// Up to CR LF, LF, or CR alone.
fn line(source: &mut Source, read: &mut Vec<u8>) -> Option<String> {
    let mut line = String::new();
    loop {
        let byte = byte(source)?;
        read.push(byte);
        match byte {
            b'\n' => return Some(line),
            b'\r' => {
                if source.buffer().first() == Some(&b'\n') {
                    read.push(crate::recorder::byte(source)?);
                }
                return Some(line);
            }
            other => line.push(char::from(other)),
        }
    }
}

/// The letters and digits of a name in lower case: `_`, `.`, blanks and controls are as if they were not there.
fn letters(name: &str) -> String {
    let kept = name.chars().filter(char::is_ascii_alphanumeric);
    kept.map(|c| c.to_ascii_lowercase()).collect()
}

/// The first number in a value, whatever stands around it.
fn number(value: &str, radix: u32) -> Option<usize> {
    let value = value.trim_start().trim_start_matches(['+', '-']);
    let value = value.strip_prefix("0x").unwrap_or(value);
    let start = value.find(|c: char| c.is_digit(radix))?;
    let digits: String = value[start..]
        .chars()
        .filter(|c| *c != '_')
        .take_while(|c| c.is_digit(radix))
        .collect();
    usize::from_str_radix(&digits, radix).ok()
}
