//! The ways in which a payload is sent.

use crate::payloads::Payload;
use crate::recorder::Reader;

/// Managed names in every spelling, with a value that must not arrive under any name.
pub const FORGED: &str = "forged-identity";
const FORGED_LINES: &str = "X-Auth-Subject: forged-identity\r\nx_auth_subject: forged-identity\r\nX.Auth.Subject: forged-identity\r\n\
    HTTP_X_AUTH_SUBJECT: forged-identity\r\nX-Auth-Roles: forged-identity\r\nX_AUTH_ROLES: forged-identity\r\nX-Auth-Email: forged-identity\r\n\
    X-Auth-Groups: forged-identity\r\nRemote-User: forged-identity\r\nX-Forwarded-User: forged-identity\r\nX-Forwarded-For: forged-identity\r\n\
    X_Forwarded_For: forged-identity\r\nX-Original-URL: /forged-identity\r\nForwarded: for=forged-identity\r\nX-SSL-Client-Subject: forged-identity\r\n\
    Proxy: forged-identity\r\n";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Head {
    /// As it is, through a public route.
    AsIs,
    /// With a valid token and forged identity headers behind the request line, and a `Host` where its collectors forgot it.
    WithToken,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Variant {
    pub reader: Reader,
    pub head: Head,
    pub sliced: bool,
}

pub const VARIANTS: [Variant; 8] = {
    const fn variant(reader: Reader, head: Head, sliced: bool) -> Variant {
        Variant {
            reader,
            head,
            sliced,
        }
    }
    use Head::{AsIs, WithToken};
    use Reader::{Lenient, Strict};
    [
        variant(Strict, AsIs, false),
        variant(Strict, AsIs, true),
        variant(Strict, WithToken, false),
        variant(Strict, WithToken, true),
        variant(Lenient, AsIs, false),
        variant(Lenient, AsIs, true),
        variant(Lenient, WithToken, false),
        variant(Lenient, WithToken, true),
    ]
};

impl Variant {
    pub fn bytes(self, payload: &Payload, token: &str) -> Vec<u8> {
        match self.head {
            Head::AsIs => payload.bytes.clone(),
            Head::WithToken => with_token(payload, token),
        }
    }
}

/// A payload whose first line does not end stays as it is.
fn with_token(payload: &Payload, token: &str) -> Vec<u8> {
    let add_host = payload.without_host;
    let payload = payload.bytes.as_slice();
    let blank = |b: &u8| matches!(b, b'\r' | b'\n');
    let start = payload.iter().position(|b| !blank(b)).unwrap_or(0);
    let Some(end) = payload[start..].iter().position(|b| *b == b'\n') else {
        return payload.to_vec();
    };
    let (line, rest) = payload.split_at(start + end + 1);
    let has_host = String::from_utf8_lossy(rest)
        .lines()
        .take_while(|line| !line.is_empty())
        .any(|line| line.to_ascii_lowercase().starts_with("host"));
    let host = if add_host && !has_host {
        "Host: gate.test\r\n"
    } else {
        ""
    };
    let lines = format!("{host}Authorization: Bearer {token}\r\n{FORGED_LINES}");
    [line, lines.as_bytes(), rest].concat()
}
