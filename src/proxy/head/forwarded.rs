//! X-Forwarded-For, -Proto and -Host: from the connection, or from a trusted proxy and extended (threat H12). Never an input to a decision.

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};

use http::header::FORWARDED;
use http::{HeaderMap, HeaderName, HeaderValue};
use ipnet::IpNet;

const FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
/// What else passes from a trusted proxy. A closed list: others, such as X-Forwarded-User, would be an identity that nobody verified.
const PASSED: [HeaderName; PASSED_COUNT] = [
    HeaderName::from_static("x-forwarded-port"),
    HeaderName::from_static("x-forwarded-prefix"),
];

const PASSED_COUNT: usize = 2;

static TOLD_OF_UNTRUSTED_PROTO: AtomicBool = AtomicBool::new(false);

/// Where a request comes from: its connection, and what a trusted peer said, read before hygiene removes it.
#[derive(Debug)]
pub(in crate::proxy) struct Forwarded<'p> {
    peer: &'p Peer,
    /// None: the peer is not trusted. Boxed, since most are not.
    told: Option<Box<Told>>,
}

#[derive(Debug)]
struct Told {
    chain: Option<HeaderValue>,
    proto: Option<HeaderValue>,
    host: Option<HeaderValue>,
    standard: Option<HeaderValue>,
    passed: [Option<HeaderValue>; PASSED_COUNT],
}

/// The other end of a client's connection.
#[derive(Clone, Debug)]
pub(in crate::proxy) struct Peer {
    /// As people write it: an IPv4 address that came through an IPv6 socket is IPv4. None behind a Unix socket.
    pub(in crate::proxy) address: Option<IpAddr>,
    /// The same, written once for all requests of the connection.
    text: HeaderValue,
    /// Its connection is `https`.
    over_tls: bool,
}

impl Peer {
    pub(in crate::proxy) fn new(address: Option<IpAddr>, over_tls: bool) -> Self {
        let address = address.map(|address| address.to_canonical());
        // An address is always a header value. `unknown` is what RFC 7239 §6.2 has for none: an application that found no line at all would take
        // the gate for the client, and the gate is local.
        let text = address
            .and_then(|address| HeaderValue::try_from(address.to_string()).ok())
            .unwrap_or(HeaderValue::from_static("unknown"));
        Self {
            address,
            text,
            over_tls,
        }
    }
}

impl<'p> Forwarded<'p> {
    pub(in crate::proxy) fn read(
        headers: &HeaderMap,
        peer: &'p Peer,
        trusted_proxies: &[IpNet],
    ) -> Self {
        if !is_trusted(peer.address, trusted_proxies) {
            if headers.contains_key(PROTO) && !TOLD_OF_UNTRUSTED_PROTO.swap(true, Ordering::Relaxed)
            {
                tracing::warn!(
                    peer = peer.text.to_str().unwrap_or_default(),
                    "a peer outside `trusted_proxies` sends X-Forwarded-Proto; it is replaced (said once). \
                     hint: name the load balancer's network in `trusted_proxies`"
                );
            }
            return Self { peer, told: None };
        }
        let told = Told {
            chain: joined(headers, &FOR),
            proto: headers.get(PROTO).cloned(),
            host: headers.get(HOST).cloned(),
            standard: joined(headers, &FORWARDED),
            passed: PASSED.map(|name| headers.get(name).cloned()),
        };
        Self {
            peer,
            told: Some(Box::new(told)),
        }
    }

    /// The client's address for the log: of what trusted proxies told, the last address that is not one of them.
    pub(in crate::proxy) fn client(&self, trusted_proxies: &[IpNet]) -> Option<IpAddr> {
        let mut client = self.peer.address?;
        let chain = self.told.as_ref().and_then(|told| told.chain.as_ref());
        let Some(chain) = chain.and_then(|chain| chain.to_str().ok()) else {
            return Some(client);
        };
        for hop in chain.rsplit(',') {
            let Some(address) = address_of(hop.trim()) else {
                break;
            };
            client = address.to_canonical();
            if !is_trusted(Some(client), trusted_proxies) {
                break;
            }
        }
        Some(client)
    }

    /// Writes the lines; hygiene has removed whatever the client sent.
    pub(in crate::proxy) fn write(self, headers: &mut HeaderMap, host: Option<&HeaderValue>) {
        let own = if self.peer.over_tls { "https" } else { "http" };
        headers.insert(FOR, self.peer.text.clone());
        headers.insert(PROTO, HeaderValue::from_static(own));
        insert(headers, HOST, host.cloned());
        if let Some(told) = self.told {
            told.write(self.peer, headers);
        }
    }
}

impl Told {
    /// In place of the lines about the connection, or extended by it.
    fn write(self, peer: &Peer, headers: &mut HeaderMap) {
        if let Some(before) = self.chain {
            let chain = [before.as_bytes(), b", ", peer.text.as_bytes()].concat();
            match HeaderValue::try_from(chain) {
                Ok(chain) => headers.insert(FOR, chain),
                Err(_) => headers.remove(FOR),
            };
        }
        insert(headers, PROTO, self.proto);
        insert(headers, HOST, self.host);
        for (name, value) in PASSED.into_iter().zip(self.passed) {
            insert(headers, name, value);
        }
        if let (Some(standard), Some(address)) = (self.standard, peer.address) {
            let element = match address {
                IpAddr::V4(v4) => format!(", for={v4}"),
                IpAddr::V6(v6) => format!(", for=\"[{v6}]\""),
            };
            let extended = [standard.as_bytes(), element.as_bytes()].concat();
            insert(headers, FORWARDED, HeaderValue::from_bytes(&extended).ok());
        }
    }
}

/// A peer without an address is in no network.
fn is_trusted(peer: Option<IpAddr>, trusted_proxies: &[IpNet]) -> bool {
    peer.is_some_and(|peer| trusted_proxies.iter().any(|net| net.contains(&peer)))
}

fn insert(headers: &mut HeaderMap, name: HeaderName, value: Option<HeaderValue>) {
    if let Some(value) = value {
        headers.insert(name, value);
    }
}

/// Several lines are one list (RFC 9110 §5.3).
fn joined(headers: &HeaderMap, name: &HeaderName) -> Option<HeaderValue> {
    let mut lines = headers.get_all(name).iter();
    let first = lines.next()?;
    let mut all = first.as_bytes().to_vec();
    for line in lines {
        all.extend_from_slice(b", ");
        all.extend_from_slice(line.as_bytes());
    }
    HeaderValue::from_bytes(&all).ok()
}

/// `address`, `address:port`, `[v6]:port`.
fn address_of(hop: &str) -> Option<IpAddr> {
    hop.parse::<IpAddr>().ok().or_else(|| {
        let socket = hop.parse::<std::net::SocketAddr>().ok();
        socket.map(|s| s.ip()).or_else(|| {
            let inner = hop.strip_prefix('[')?.strip_suffix(']')?;
            inner.parse().ok()
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in lines {
            map.append(*name, HeaderValue::from_static(value));
        }
        map
    }

    const SENT: &[(&str, &str)] = &[
        ("x-forwarded-for", "203.0.113.9"),
        ("x-forwarded-for", "10.0.0.7"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-host", "shop.example.com"),
        ("x-forwarded-port", "443"),
        ("x-forwarded-user", "admin"),
        ("forwarded", "for=203.0.113.9"),
    ];

    fn after(peer: &str, trusted: &[&str]) -> (Vec<String>, String) {
        let peer = Peer::new(Some(peer.parse().unwrap()), false);
        let trusted: Vec<IpNet> = trusted.iter().map(|t| t.parse().unwrap()).collect();
        let read = Forwarded::read(&headers(SENT), &peer, &trusted);
        let client = read.client(&trusted).unwrap().to_string();
        let mut clean = HeaderMap::new();
        read.write(&mut clean, Some(&HeaderValue::from_static("app")));
        let mut lines: Vec<String> = clean
            .iter()
            .map(|(n, v)| format!("{n}: {}", v.to_str().unwrap()))
            .collect();
        lines.sort();
        (lines, client)
    }

    #[test]
    fn h12_from_anyone_the_connection_is_what_counts() {
        let (lines, client) = after("198.51.100.1", &["10.0.0.0/8"]);
        assert_eq!(
            lines,
            [
                "x-forwarded-for: 198.51.100.1",
                "x-forwarded-host: app",
                "x-forwarded-proto: http"
            ]
        );
        assert_eq!(client, "198.51.100.1");
        assert_eq!(
            after("198.51.100.1", &[]).0,
            lines,
            "the default trusts nobody"
        );
    }

    #[test]
    fn h12_a_trusted_proxy_is_believed_and_extended_but_names_no_user() {
        let (lines, client) = after("10.0.0.8", &["10.0.0.0/8"]);
        assert_eq!(
            lines,
            [
                "forwarded: for=203.0.113.9, for=10.0.0.8",
                "x-forwarded-for: 203.0.113.9, 10.0.0.7, 10.0.0.8",
                "x-forwarded-host: shop.example.com",
                "x-forwarded-port: 443",
                "x-forwarded-proto: https",
            ]
        );
        assert_eq!(client, "203.0.113.9");
    }

    #[test]
    fn an_unreadable_chain_ends_the_search_for_the_client() {
        let peer = Peer::new(Some("10.0.0.8".parse().unwrap()), false);
        let trusted: Vec<IpNet> = vec!["10.0.0.0/8".parse().unwrap()];
        for (chain, client) in [
            ("evil, 10.0.0.7", "10.0.0.7"),
            ("1.2.3.4, ::ffff:10.0.0.1", "1.2.3.4"),
            ("[2001:db8::1]:80", "2001:db8::1"),
            ("", "10.0.0.8"),
        ] {
            let read = Forwarded::read(&headers(&[("x-forwarded-for", chain)]), &peer, &trusted);
            assert_eq!(
                read.client(&trusted).unwrap().to_string(),
                client,
                "{chain}"
            );
        }
    }

    #[test]
    fn h12_a_peer_without_an_address_is_unknown_and_never_trusted() {
        let everybody: Vec<IpNet> = vec!["0.0.0.0/0".parse().unwrap(), "::/0".parse().unwrap()];
        let nobody = Peer::new(None, true);
        let read = Forwarded::read(&headers(SENT), &nobody, &everybody);
        assert_eq!(read.client(&everybody), None);
        let mut clean = HeaderMap::new();
        read.write(&mut clean, None);
        assert_eq!(
            clean,
            headers(&[
                ("x-forwarded-for", "unknown"),
                ("x-forwarded-proto", "https")
            ])
        );
    }
}
