//! The requests, as bytes, and what has to come of them.

use serde_json::{Value, json};

use crate::common;
use crate::harness::claims;
use crate::tokens::RsaKey;

/// Nothing is fetched: the key is in the configuration.
const ISSUER: &str = "https://id.example";

/// What a browser sends with a request to the page's own site.
const BROWSER: &str = "\
Accept: application/json, text/plain, */*\r\n\
Accept-Encoding: gzip, deflate, br, zstd\r\n\
Accept-Language: en-GB,en;q=0.9,de;q=0.8\r\n\
Cache-Control: no-cache\r\n\
Cookie: theme=dark; _ga=GA1.1.1234567890.1700000000; csrftoken=0123456789abcdefghijklmnopqrstuv\r\n\
DNT: 1\r\n\
If-Modified-Since: Wed, 21 Oct 2026 07:28:00 GMT\r\n\
If-None-Match: \"33a64df551425fcc55e4d42a148795d9f25f89d4\"\r\n\
Pragma: no-cache\r\n\
Priority: u=1, i\r\n\
Referer: https://app.example/orders?page=2\r\n\
Sec-CH-UA: \"Chromium\";v=\"142\", \"Not_A Brand\";v=\"99\"\r\n\
Sec-CH-UA-Mobile: ?0\r\n\
Sec-CH-UA-Platform: \"Linux\"\r\n\
Sec-Fetch-Dest: empty\r\n\
Sec-Fetch-Mode: cors\r\n\
Sec-Fetch-Site: same-origin\r\n\
Sec-GPC: 1\r\n\
User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36\r\n\
X-Requested-With: XMLHttpRequest\r\n";

/// What the gate alone may say, in every spelling; none of it reaches the application.
const FORGED: &str = "\
X-Auth-Subject: admin\r\n\
X-Auth-Groups: admins\r\n\
X_Auth_Email: admin@example.com\r\n\
X.Auth.Roles: root\r\n\
X-Auth--Subject: admin\r\n\
X-Forwarded-For: 127.0.0.1\r\n\
X-Forwarded-User: admin\r\n\
Forwarded: for=127.0.0.1\r\n\
X-Real-IP: 127.0.0.1\r\n\
X-Original-URL: /admin\r\n\
Remote-User: admin\r\n\
Some_Thing: 1\r\n";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// One token all the time.
    Known,
    /// `Known`, with a line in the access log.
    Logged,
    /// Each its own good token.
    Fresh,
    /// Each its own token with a kid that nobody has.
    UnknownKey,
    /// Each its own token with the signature of another.
    BadSignature,
    NoToken,
    /// A bearer that is no token at all.
    Garbage,
    /// The same, as long as a token.
    LongGarbage,
    /// Each its own token, and all are over.
    Expired,
    /// `Known` with [`BROWSER`].
    Browser,
    /// `Known` with [`FORGED`].
    Forged,
}

impl Kind {
    pub const ALL: [Self; 11] = [
        Self::Known,
        Self::Logged,
        Self::Fresh,
        Self::UnknownKey,
        Self::BadSignature,
        Self::NoToken,
        Self::Garbage,
        Self::LongGarbage,
        Self::Expired,
        Self::Browser,
        Self::Forged,
    ];

    /// None: the application answers.
    fn refused_as(self) -> Option<&'static str> {
        match self {
            Self::Known | Self::Logged | Self::Fresh | Self::Browser | Self::Forged => None,
            Self::UnknownKey => Some("unknown_key"),
            Self::BadSignature => Some("bad_signature"),
            Self::NoToken => Some("missing_token"),
            Self::Garbage | Self::LongGarbage => Some("malformed_token"),
            Self::Expired => Some("token_expired"),
        }
    }
}

/// A request and how it must be answered.
pub struct Case {
    pub request: Vec<u8>,
    refused_as: Option<&'static str>,
}

impl Case {
    pub fn is_answered_by(&self, (status, body): (u16, &[u8])) -> bool {
        let said = String::from_utf8_lossy(body);
        match self.refused_as {
            None => status == 200 && said == "ok\n",
            Some(reason) => status == 401 && said.contains(&format!(r#""reason":"{reason}""#)),
        }
    }
}

pub struct Requests {
    number: usize,
    key: RsaKey,
    configuration: String,
}

impl Requests {
    /// `number` of every kind.
    pub fn new(number: usize) -> Self {
        let key = RsaKey::generate();
        let keys = json!({"keys": [key.jwk()]});
        Self {
            number,
            configuration: format!(
                "issuers:\n  - {{name: test, provider: oidc, issuer: \"{ISSUER}\", audiences: [api], keys: {{jwks: {keys}}}}}\n"
            ),
            key,
        }
    }

    /// Without an access log but where it is what is counted: its lines are written by a thread that wakes by time.
    pub fn configuration(&self, kind: Kind) -> String {
        let access = match kind {
            Kind::Logged => "all",
            _ => "off",
        };
        format!("{}log: {{access: {access}}}\n", self.configuration)
    }

    pub fn of(&self, kind: Kind) -> Vec<Case> {
        let known = || common::request(&self.token(0, "key-1", json!({})));
        let each = |kid: &str, more: Value| -> Vec<String> {
            let numbers = 0..self.number;
            numbers
                .map(|number| self.token(number, kid, more.clone()))
                .collect()
        };
        let asked = |tokens: Vec<String>| -> Vec<Vec<u8>> {
            tokens.iter().map(|token| common::request(token)).collect()
        };
        let requests = match kind {
            Kind::Known | Kind::Logged => vec![known(); self.number],
            Kind::Browser => vec![with(known(), BROWSER); self.number],
            Kind::Forged => vec![with(known(), FORGED); self.number],
            Kind::Fresh => asked(each("key-1", json!({}))),
            // As long as the good one.
            Kind::UnknownKey => asked(each("key-2", json!({}))),
            Kind::BadSignature => asked(exchange_signatures(&each("key-1", json!({})))),
            Kind::Expired => asked(each(
                "key-1",
                json!({"exp": 1_700_000_000, "iat": 1_699_999_000}),
            )),
            Kind::NoToken => {
                vec![b"GET / HTTP/1.1\r\nHost: gate.test\r\n\r\n".to_vec(); self.number]
            }
            Kind::LongGarbage => {
                let length = self.token(0, "key-1", json!({})).len() - ".a.token".len();
                vec![common::request(&format!("{}.a.token", "n".repeat(length))); self.number]
            }
            Kind::Garbage => vec![common::request("not.a.token"); self.number],
        };
        let refused_as = kind.refused_as();
        let case = |request| Case {
            request,
            refused_as,
        };
        requests.into_iter().map(case).collect()
    }

    /// Claims as access tokens of the common providers have them. Every number makes one as long as the others.
    fn token(&self, number: usize, kid: &str, more: Value) -> String {
        let mut claims = claims(
            ISSUER,
            json!({
                "sub": format!("5f0c3e1a-7d42-4a3b-9c55-{number:012}"),
                "jti": format!("0b8ce4a7-31f2-4c1d-8a6e-{number:012}"),
                "azp": "web",
                "typ": "Bearer",
                "scope": "openid profile email orders:read",
                "preferred_username": "alice",
                "name": "Alice Example",
                "email": "alice@example.com",
                "email_verified": true,
                "groups": ["staff", "orders", "reports"],
                "roles": ["reader", "editor"],
            }),
        );
        let members = claims.as_object_mut().unwrap();
        members.extend(more.as_object().unwrap().clone());
        self.key.token(kid, &claims)
    }
}

/// `request` with further lines.
fn with(mut request: Vec<u8>, lines: &str) -> Vec<u8> {
    let end = request.len() - b"\r\n".len();
    request.splice(end..end, lines.bytes());
    request
}

/// Each with the signature of the one before it: in form and size like its own.
fn exchange_signatures(tokens: &[String]) -> Vec<String> {
    let parts: Vec<(&str, &str)> = tokens
        .iter()
        .map(|token| token.rsplit_once('.').unwrap())
        .collect();
    (0..parts.len())
        .map(|number| {
            let other = number.checked_sub(1).unwrap_or(parts.len() - 1);
            format!("{}.{}", parts[number].0, parts[other].1)
        })
        .collect()
}
