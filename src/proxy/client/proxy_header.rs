//! The header of the PROXY protocol, versions 1 and 2 (haproxy.org, `proxy-protocol.txt` of 2020): whose connection a load balancer passes on.
//!
//! Pure, and told how much is there: [`parse`] never asks for a byte that is not of the header, so that nothing behind it is taken from the socket.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A header of version 1 with its CRLF (§2.1).
const MAX_V1_BYTES: usize = 107;
/// Of version 2 with its extensions (TLVs), which are passed over. Load balancers send some hundred bytes; nginx takes as many as this.
pub(in crate::proxy) const MAX_BYTES: usize = 4096;
/// How version 1 begins (§2.1).
const V1_SIGNATURE: &[u8] = b"PROXY ";
/// How version 2 begins: no line of HTTP, and no record of TLS.
const V2_SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";
/// Signature, version and command, family and protocol, length.
const V2_FIXED_BYTES: usize = 16;
/// No header of either version is shorter: `PROXY UNKNOWN\r\n`.
const SHORTEST: usize = 15;

/// What the bytes so far are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parsed {
    /// The beginning of a header that lacks at least so many bytes.
    Incomplete { at_least: usize },
    /// No header, or one that breaks the rules: nothing after it can be trusted.
    Bad,
    /// A header of `length` bytes. `source`: who has connected to the load balancer; none where it speaks for itself (`LOCAL`, `UNKNOWN`) or for
    /// somebody without an IP address.
    Header {
        source: Option<IpAddr>,
        length: usize,
    },
}

/// Whether these can only be the first bytes of a header.
pub(in crate::proxy) fn begins(bytes: &[u8]) -> bool {
    bytes.starts_with(V1_SIGNATURE) || bytes.starts_with(V2_SIGNATURE)
}

/// Reads the header that a connection begins with.
pub fn parse(bytes: &[u8]) -> Parsed {
    let begins = |whole: &[u8]| bytes.iter().zip(whole).all(|(one, other)| one == other);
    if bytes.is_empty() {
        return Parsed::Incomplete { at_least: SHORTEST };
    }
    if begins(V2_SIGNATURE) {
        return version_2(bytes);
    }
    if begins(V1_SIGNATURE) {
        return version_1(bytes);
    }
    Parsed::Bad
}

/// A line of text (§2.1): `PROXY TCP4 source destination port port`.
fn version_1(bytes: &[u8]) -> Parsed {
    // CR stands at the end only.
    let Some(end) = bytes.iter().position(|byte| matches!(byte, b'\r' | b'\n')) else {
        return more_of_line(bytes);
    };
    let (line, ending) = bytes.split_at(end);
    if line.len() + 2 > MAX_V1_BYTES || !line.is_ascii() {
        return Parsed::Bad;
    }
    match ending {
        [b'\r'] => Parsed::Incomplete { at_least: 1 },
        [b'\r', b'\n', ..] => {
            std::str::from_utf8(line)
                .ok()
                .and_then(line_source)
                .map_or(Parsed::Bad, |source| Parsed::Header {
                    source,
                    length: line.len() + 2,
                })
        }
        _ => Parsed::Bad,
    }
}

/// The end of the line is not there: how much is missing for certain.
fn more_of_line(bytes: &[u8]) -> Parsed {
    if bytes.len() + 2 > MAX_V1_BYTES {
        return Parsed::Bad;
    }
    let protocol_follows = bytes.starts_with(b"PROXY TCP");
    let spaces = bytes.iter().filter(|byte| **byte == b' ').count();
    // Each field is a character at least, with its space.
    let fields_left = if protocol_follows {
        5_usize.saturating_sub(spaces)
    } else {
        0
    };
    let of_fields = 2 + 2 * fields_left;
    Parsed::Incomplete {
        at_least: of_fields.max(SHORTEST.saturating_sub(bytes.len())),
    }
}

/// The inner `None`: the line names no address. The outer one: it is not such a line.
fn line_source(line: &str) -> Option<Option<IpAddr>> {
    let rest = line.strip_prefix("PROXY ")?;
    // Whatever follows it must be ignored (§2.1).
    if rest == "UNKNOWN" || rest.starts_with("UNKNOWN ") {
        return Some(None);
    }
    let mut fields = rest.split(' ');
    let protocol = fields.next()?;
    let (source, destination) = (fields.next()?, fields.next()?);
    let address = match protocol {
        "TCP4" => {
            destination.parse::<Ipv4Addr>().ok()?;
            IpAddr::V4(source.parse().ok()?)
        }
        "TCP6" => {
            destination.parse::<Ipv6Addr>().ok()?;
            IpAddr::V6(source.parse().ok()?)
        }
        _ => return None,
    };
    let ports = port(fields.next()?) && port(fields.next()?);
    (ports && fields.next().is_none()).then_some(Some(address))
}

/// Decimal, in its shortest form.
fn port(text: &str) -> bool {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let shortest = text == "0" || !text.starts_with('0');
    digits && shortest && text.parse::<u16>().is_ok()
}

/// Binary (§2.2).
fn version_2(bytes: &[u8]) -> Parsed {
    let Some((fixed, after)) = bytes.split_first_chunk::<V2_FIXED_BYTES>() else {
        // What is there of the fixed part may already be wrong.
        let wrong = bytes
            .get(12)
            .is_some_and(|byte| !matches!(byte, 0x20 | 0x21));
        return match wrong {
            true => Parsed::Bad,
            false => Parsed::Incomplete {
                at_least: V2_FIXED_BYTES - bytes.len(),
            },
        };
    };
    let [.., version_command, family, high, low] = *fixed;
    let length = usize::from(u16::from_be_bytes([high, low]));
    if V2_FIXED_BYTES + length > MAX_BYTES {
        return Parsed::Bad;
    }
    // How many bytes the addresses take, and where the source's are read from.
    let addresses = match (version_command, family) {
        (0x20, _) | (0x21, 0x00) => 0,
        // TCP over IPv4, over IPv6, a stream of a Unix socket.
        (0x21, 0x11) => 12,
        (0x21, 0x21) => 36,
        (0x21, 0x31) => 216,
        // Another version or command; datagrams, or what is not assigned: not how this connection came.
        _ => return Parsed::Bad,
    };
    if length < addresses {
        return Parsed::Bad;
    }
    let Some(body) = after.get(..length) else {
        return Parsed::Incomplete {
            at_least: length - after.len(),
        };
    };
    let source = match addresses {
        12 => body.first_chunk::<4>().map(|b| IpAddr::from(*b)),
        36 => body.first_chunk::<16>().map(|b| IpAddr::from(*b)),
        _ => None,
    };
    Parsed::Header {
        source,
        length: V2_FIXED_BYTES + length,
    }
}

#[cfg(test)]
#[path = "proxy_header_tests.rs"]
mod tests;
