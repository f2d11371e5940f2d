//! The opening handshake of WebSocket (RFC 6455 §4), as far as a gate must know it: whether a request asks for the upgrade, and whether an answer
//! grants it. Pure.
//!
//! The one `Upgrade` that is forwarded is this one, written anew. Every other protocol, and lists of several, are ignored as RFC 9110 §7.8
//! allows: the request goes on without them (threat S12).

use aws_lc_rs::digest;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::{CONNECTION, HeaderName, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, UPGRADE};
use http::{HeaderMap, HeaderValue, Method, StatusCode, Version};

use crate::verify::Rejection;

/// RFC 6455 §1.3. SHA-1 shows here that the application took part in this very handshake, it keeps no secret.
const ACCEPT_SUFFIX: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
/// A key has 24 characters; what is longer than this was not meant as one.
const MAX_KEY: usize = 128;

/// Whether this request asks for a WebSocket, and can get one: asked before hygiene, which takes `Connection` and `Upgrade` away. HTTP/1.0
/// cannot upgrade, and HTTP/2 does it in another way (RFC 8441), which is not offered.
pub(in crate::proxy) fn is_asked_for(
    method: &Method,
    version: Version,
    headers: &HeaderMap,
) -> bool {
    *method == Method::GET && version == Version::HTTP_11 && names_it(headers)
}

/// `Connection: upgrade` and one `Upgrade: websocket`, in any case.
pub(in crate::proxy) fn names_it(headers: &HeaderMap) -> bool {
    let mut protocols = headers.get_all(UPGRADE).iter();
    let one = match (protocols.next(), protocols.next()) {
        (Some(protocol), None) => protocol.as_bytes().eq_ignore_ascii_case(b"websocket"),
        _ => false,
    };
    one && elements(headers, &CONNECTION).any(|option| option.eq_ignore_ascii_case(b"upgrade"))
}

/// The elements of a list over all its lines, without the white space around them.
pub(in crate::proxy) fn elements<'h>(
    headers: &'h HeaderMap,
    name: &HeaderName,
) -> impl Iterator<Item = &'h [u8]> + use<'h> {
    headers
        .get_all(name)
        .iter()
        .flat_map(|line| line.as_bytes().split(|byte| *byte == b','))
        .map(<[u8]>::trim_ascii)
}

/// A handshake that is forwarded.
#[derive(Debug)]
pub(in crate::proxy) struct Handshake {
    key: HeaderValue,
}

impl Handshake {
    /// Reads a head after hygiene. What else is wrong with a handshake (its version, the length of its key) is for the application to say.
    ///
    /// # Errors
    /// [`Rejection::BadRequest`]: without one key nobody could tell that the application granted this upgrade, and a body could be read as
    /// the first bytes of the tunnel.
    pub(in crate::proxy) fn read(headers: &HeaderMap, has_body: bool) -> Result<Self, Rejection> {
        if has_body {
            return Err(refuse("a WebSocket handshake has no body"));
        }
        let mut keys = headers.get_all(SEC_WEBSOCKET_KEY).iter();
        match (keys.next(), keys.next()) {
            (Some(key), None) if is_key(key.as_bytes()) => Ok(Self { key: key.clone() }),
            _ => Err(refuse(
                "a WebSocket handshake has one `Sec-WebSocket-Key` in base64 (RFC 6455 §4.1)",
            )),
        }
    }

    /// The only `Connection` and `Upgrade` of the message.
    pub(in crate::proxy) fn write(headers: &mut HeaderMap) {
        headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    }

    /// Whether the head of an answer opens the tunnel, by what every client has to check too (RFC 6455 §4.1): a 101 that the client does not
    /// believe must not make a tunnel of its connection.
    ///
    /// # Errors
    /// What is wrong with it, for the log.
    pub(in crate::proxy) fn granted(
        &self,
        status: StatusCode,
        headers: &HeaderMap,
    ) -> Result<(), &'static str> {
        if status != StatusCode::SWITCHING_PROTOCOLS {
            return Err("the application did not switch protocols");
        }
        if !names_it(headers) {
            return Err("the application switched to another protocol than `websocket`");
        }
        let mut accepts = headers.get_all(SEC_WEBSOCKET_ACCEPT).iter();
        match (accepts.next(), accepts.next()) {
            (Some(accept), None) if accept.as_bytes() == accept_of(&self.key).as_bytes() => Ok(()),
            _ => Err("the application's `Sec-WebSocket-Accept` is not that of the key"),
        }
    }
}

fn is_key(text: &[u8]) -> bool {
    (1..=MAX_KEY).contains(&text.len())
        && text
            .iter()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'='))
}

/// RFC 6455 §4.2.2, item 5.4.
pub(in crate::proxy) fn accept_of(key: &HeaderValue) -> String {
    let mut sha1 = digest::Context::new(&digest::SHA1_FOR_LEGACY_USE_ONLY);
    sha1.update(key.as_bytes());
    sha1.update(ACCEPT_SUFFIX);
    STANDARD.encode(sha1.finish().as_ref())
}

fn refuse(why: &str) -> Rejection {
    Rejection::BadRequest {
        status: 400,
        why: why.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::source_testing::headers;
    use super::*;

    const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
    const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

    #[test]
    fn s12_only_one_upgrade_to_websocket_with_its_connection_option_is_one() {
        let asked = |upgrade: &[&str], connection: &[&str]| {
            let lines = upgrade.iter().map(|line| ("upgrade", *line));
            let options = connection.iter().map(|line| ("connection", *line));
            let lines: Vec<_> = lines.chain(options).collect();
            is_asked_for(&Method::GET, Version::HTTP_11, &headers(&lines))
        };
        for (upgrade, connection) in [
            (&["websocket"][..], &["Upgrade"][..]),
            (&["WebSocket"], &["keep-alive, upgrade"]),
            (&["websocket"], &["keep-alive", ",UPGRADE ,"]),
        ] {
            assert!(asked(upgrade, connection), "{upgrade:?} {connection:?}");
        }
        for (upgrade, connection) in [
            (&["websocket"][..], &[][..]),
            (&["websocket"], &["keep-alive"]),
            (&["websocket"], &["upgraded"]),
            (&[], &["upgrade"]),
            (&["h2c"], &["upgrade"]),
            (&["TLS/1.0"], &["upgrade"]),
            (&["websocket, h2c"], &["upgrade"]),
            (&["websocket", "h2c"], &["upgrade"]),
            (&["websocket", "websocket"], &["upgrade"]),
            (&["websocket/13"], &["upgrade"]),
            (&["websockets"], &["upgrade"]),
            (&["\"websocket\""], &["upgrade"]),
        ] {
            assert!(!asked(upgrade, connection), "{upgrade:?} {connection:?}");
        }
    }

    #[test]
    fn s12_only_get_in_http_11_upgrades() {
        let lines = headers(&[("upgrade", "websocket"), ("connection", "upgrade")]);
        let asked = |method, version| is_asked_for(&method, version, &lines);
        assert!(asked(Method::GET, Version::HTTP_11));
        for method in [Method::POST, Method::HEAD, Method::OPTIONS, Method::CONNECT] {
            assert!(!asked(method.clone(), Version::HTTP_11), "{method}");
        }
        assert!(!asked(Method::GET, Version::HTTP_10));
        assert!(!asked(Method::GET, Version::HTTP_2));
    }

    #[test]
    fn a_handshake_has_one_key_and_no_body() {
        let read = |keys: &[&str], body| {
            let lines: Vec<_> = keys.iter().map(|key| ("sec-websocket-key", *key)).collect();
            Handshake::read(&headers(&lines), body).is_ok()
        };
        assert!(read(&[KEY], false));
        assert!(!read(&[KEY], true));
        let long = "a".repeat(MAX_KEY + 1);
        for bad in [
            &[][..],
            &[KEY, KEY],
            &[""],
            &["a b"],
            &["a,b"],
            &["\u{e9}"],
            &[&long],
        ] {
            assert!(!read(bad, false), "{bad:?}");
        }
    }

    #[test]
    fn the_accept_is_that_of_rfc_6455() {
        assert_eq!(accept_of(&HeaderValue::from_static(KEY)), ACCEPT);
    }

    #[test]
    fn s11_cve_2024_23326_only_the_right_101_opens_a_tunnel() {
        let handshake = Handshake {
            key: HeaderValue::from_static(KEY),
        };
        let good = [
            ("upgrade", "WebSocket"),
            ("connection", "Upgrade"),
            ("sec-websocket-accept", ACCEPT),
        ];
        let granted = |status: u16, lines: &[(&'static str, &str)]| {
            let status = StatusCode::from_u16(status).unwrap();
            handshake.granted(status, &headers(lines)).is_ok()
        };
        assert!(granted(101, &good));
        for status in [100, 102, 200, 204, 426] {
            assert!(!granted(status, &good), "{status}");
        }
        for (left_out, _) in good {
            let lines: Vec<_> = good.into_iter().filter(|(n, _)| *n != left_out).collect();
            assert!(!granted(101, &lines), "{left_out}");
        }
        for wrong in [
            ("upgrade", "h2c"),
            ("sec-websocket-accept", ACCEPT),
            ("sec-websocket-accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOp="),
        ] {
            let mut lines = good.to_vec();
            lines.push(wrong);
            assert!(!granted(101, &lines), "{wrong:?}");
        }
    }
}
