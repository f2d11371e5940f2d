//! The throw-away issuer: discovery, key set, and a page that hands out tokens, good ones and bad ones.

use std::io;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use http::{Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use serde_json::{Value, json};

use super::key::DemoKey;
use super::server::{Page, Pause, page};
use crate::clock::{Clock, SystemClock};

/// What the demo's gate expects in `aud`.
pub(super) const AUDIENCE: &str = "legacy-app";

/// How long a rotation takes: longer than the demo's `refetch_interval`, so that the gate may ask for the new key when it first sees it, even when
/// an unknown key has just made it ask.
const ROTATION: Duration = Duration::from_millis(1200);

/// Seconds that a token lives.
const LIFE: i64 = 3600;

/// The kinds of token that `/token?kind=` hands out, with what the gate makes of each.
pub(super) const KINDS: [(&str, &str); 4] = [
    ("valid", "forwarded, with verified identity headers"),
    ("expired", "refused: token_expired"),
    ("wrong-audience", "refused: audience_mismatch"),
    ("unknown-key", "refused: unknown_key"),
];

pub(super) struct DemoIssuer {
    /// `http://127.0.0.1:PORT/`
    url: String,
    keys: Mutex<Keys>,
}

struct Keys {
    current: DemoKey,
    /// Never published: what somebody else's token is signed with.
    foreign: DemoKey,
    made: u32,
}

impl DemoIssuer {
    pub(super) fn new(url: String) -> io::Result<Self> {
        let keys = Keys {
            current: DemoKey::generate("demo-1")?,
            foreign: DemoKey::generate("nobody-knows-this-key")?,
            made: 1,
        };
        Ok(Self {
            url,
            keys: Mutex::new(keys),
        })
    }

    pub(super) fn answer(&self, request: &Request<Incoming>) -> Response<Page> {
        match (request.method(), request.uri().path()) {
            (&Method::GET, "/.well-known/openid-configuration") => json_page(&json!({"issuer": self.url, "jwks_uri": format!("{}jwks", self.url)})),
            (&Method::GET, "/jwks") => json_page(&json!({"keys": [self.with_keys(|keys| keys.current.jwk())]})),
            (&Method::GET, "/token") => self.token_page(request.uri().query().and_then(|query| query.strip_prefix("kind=")).unwrap_or("valid")),
            (&Method::POST, "/rotate") => self.rotate(),
            _ => page(StatusCode::NOT_FOUND, "text/plain", "the demo's issuer has /token?kind=KIND, /jwks, /.well-known/openid-configuration, and POST /rotate\n".to_owned()),
        }
    }

    /// A token of this kind, for Alice.
    pub(super) fn token(&self, kind: &str) -> io::Result<String> {
        let now = SystemClock.now().wall.0;
        let (audience, issued) = match kind {
            "valid" | "unknown-key" => (AUDIENCE, now),
            "expired" => (AUDIENCE, now - 2 * LIFE),
            "wrong-audience" => ("another-application", now),
            _ => {
                let kinds = KINDS.map(|(kind, _)| kind).join(", ");
                let message = format!("no such kind; there are: {kinds}");
                return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
            }
        };
        let claims = json!({
            "iss": self.url, "aud": audience, "sub": "u-1865", "preferred_username": "alice", "name": "Alice Liddell",
            "email": "alice@example.com", "email_verified": true, "groups": ["staff", "editors"], "iat": issued, "exp": issued + LIFE,
        });
        self.with_keys(|keys| {
            if kind == "unknown-key" {
                keys.foreign.sign(&claims)
            } else {
                keys.current.sign(&claims)
            }
        })
    }

    fn token_page(&self, kind: &str) -> Response<Page> {
        match self.token(kind) {
            Ok(token) => page(StatusCode::OK, "text/plain", token),
            Err(error) => page(StatusCode::BAD_REQUEST, "text/plain", format!("{error}\n")),
        }
    }

    /// A new key replaces the old one at once: the hardest kind of rotation.
    fn rotate(&self) -> Response<Page> {
        let rotated = self.with_keys(|keys| {
            let number = keys.made + 1;
            keys.current = DemoKey::generate(&format!("demo-{number}"))?;
            keys.made = number;
            io::Result::Ok(format!(
                "tokens are signed with demo-{number} now; the key before it is gone\n"
            ))
        });
        match rotated {
            Ok(text) => {
                let mut rotated = page(StatusCode::OK, "text/plain", text);
                rotated.extensions_mut().insert(Pause(ROTATION));
                rotated
            }
            Err(error) => page(
                StatusCode::INTERNAL_SERVER_ERROR,
                "text/plain",
                format!("{error}\n"),
            ),
        }
    }

    fn with_keys<T>(&self, act: impl FnOnce(&mut Keys) -> T) -> T {
        act(&mut self.keys.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn json_page(value: &Value) -> Response<Page> {
    page(StatusCode::OK, "application/json", value.to_string())
}
