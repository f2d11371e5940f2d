//! The tokens in use: good ones of two hundred users, and bad ones of every common kind, each with the oracle's decision.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::common::request;
use crate::harness::{Issuer, Key, claims};
use crate::oracle::Oracle;

const USERS: usize = 200;
/// Of each kind.
const BAD: usize = 20;

/// A request as bytes, and what has to come of it.
pub struct Case {
    pub request: Vec<u8>,
    /// The identity that the application must be told; none: 401.
    pub subject: Option<String>,
}

/// The tokens between two rotations.
pub struct Epoch {
    pub good: Vec<Case>,
    pub bad: Vec<Case>,
}

/// The issuer's signing keys over time.
pub struct Mint<'i> {
    issuer: &'i Issuer,
    oracle: Oracle,
    /// The newest signs, and the one before it is still published; the oldest is published no more.
    keys: Vec<Key>,
    stranger: Key,
    made: usize,
}

impl<'i> Mint<'i> {
    pub fn new(issuer: &'i Issuer, oracle: Oracle) -> Self {
        let mut mint = Self {
            issuer,
            oracle,
            keys: Vec::new(),
            stranger: Key::new("stranger"),
            made: 0,
        };
        mint.publish_next();
        mint
    }

    /// Publishes a new key beside the one that signs now. Those before it are gone.
    pub fn publish_next(&mut self) {
        self.made += 1;
        self.keys.push(Key::new(&format!("soak-{}", self.made)));
        if self.keys.len() > 3 {
            self.keys.remove(0);
        }
        self.issuer.publish(self.published());
    }

    fn published(&self) -> Vec<Value> {
        self.keys.iter().rev().take(2).map(Key::jwk).collect()
    }

    /// Tokens signed with the newest key, and bad ones.
    pub fn epoch(&mut self) -> Arc<Epoch> {
        let (issuer, newest) = (&self.issuer.url, self.keys.len() - 1);
        let signed = |key: usize, number: usize, more: Value| {
            let mut claims = claims(issuer, more);
            claims["sub"] = json!(format!("user-{number}"));
            self.keys[key].token(&claims)
        };
        let now = claims(issuer, json!({}))["iat"].as_u64().unwrap();
        let good: Vec<String> = (0..USERS)
            .map(|user| signed(newest, user, json!({})))
            .collect();
        let mut bad = Vec::new();
        for number in 0..BAD {
            let token = signed(newest, number, json!({}));
            let (head, signature) = token.rsplit_once('.').unwrap();
            let (header, _) = head.split_once('.').unwrap();
            let other = signed(newest, number, json!({"admin": true}));
            let payload = other.split('.').nth(1).unwrap();
            bad.push(format!("{header}.{payload}.{signature}"));
            bad.push(signed(
                newest,
                number,
                json!({"iat": now - 7200, "exp": now - 3600}),
            ));
            bad.push(signed(newest, number, json!({"aud": "other"})));
            bad.push(signed(
                newest,
                number,
                json!({"iss": "https://evil.example"}),
            ));
            bad.push(self.stranger.token(&claims(issuer, json!({}))));
            bad.push(token.replace('.', ""));
            if newest == 2 {
                bad.push(signed(0, number, json!({})));
            }
        }
        let keys = self.published();
        let mut judge = |tokens: Vec<String>| {
            let case = |token: String| Case {
                subject: self.oracle.judge(&token, &keys, issuer),
                request: request(&token),
            };
            tokens.into_iter().map(case).collect::<Vec<_>>()
        };
        let (good, bad) = (judge(good), judge(bad));
        assert!(good.iter().all(|case| case.subject.is_some()));
        assert!(bad.iter().all(|case| case.subject.is_none()));
        Arc::new(Epoch { good, bad })
    }

    pub fn judged(&self) -> usize {
        self.oracle.judged
    }
}
