//! What the collectors of a payload expect of a server, as what a client can see.

use crate::wire::Exchange;

/// What may come of a payload. Nothing else may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expectation {
    /// An answer of the gate (4xx, 501, 505), or the end of the connection without one.
    refused: bool,
    /// The application's answer.
    forwarded: bool,
    /// The application's answer, and the end of the connection.
    forwarded_and_closed: bool,
    /// The server waits for more.
    silence: bool,
    /// The refused one need not be the first of several requests.
    refused_later: bool,
}

impl Expectation {
    const REFUSED: Self = Self {
        refused: true,
        forwarded: false,
        forwarded_and_closed: false,
        silence: false,
        refused_later: false,
    };
    const ANY: Self = Self {
        refused: true,
        forwarded: true,
        forwarded_and_closed: true,
        silence: true,
        refused_later: false,
    };
    /// A refusal, or one request. That it has one framing is what the applications see to.
    pub const ONE_FRAMING: Self = Self {
        refused: true,
        forwarded: true,
        forwarded_and_closed: true,
        silence: false,
        refused_later: false,
    };

    /// The words of Http11Probe. Where it grades answers ("2xx = Warn"), each that it names may be.
    pub fn of_http11probe(words: &str) -> Self {
        let has = |words_of: &[&str]| words_of.iter().any(|word| words.contains(word));
        let closed = has(&[
            "2xx with connection close",
            "2xx + c",
            "or connection close",
        ]);
        let forwarded = has(&[
            "2xx",
            "200",
            "101",
            "1xx",
            "204",
            "IMF",
            "Sensitive",
            "pass-through",
            "preserve",
            "follow-up",
            "step 2",
        ]);
        Self {
            refused: has(&["40", "41", "426", "50", "close", "Reject", "Sensitive"])
                && !words.starts_with("2xx + "),
            forwarded: forwarded && !closed,
            forwarded_and_closed: forwarded || closed,
            silence: has(&["timeout"]),
            refused_later: false,
        }
    }

    /// llhttp is a parser: what it refuses, with or without flags that make it lenient, must be refused; what it reads may be judged otherwise.
    pub fn of_llhttp(kind: &str, error: Option<&str>) -> Self {
        let is_request = kind.starts_with("request");
        // What follows the last request of a connection is not read as one, nor refused; and a pause of the parser is no error.
        let after_the_last = kind.ends_with("lenient-keep-alive")
            || error.is_some_and(|error| error.starts_with("Data after"));
        if is_request && (after_the_last || error.is_some_and(|e| e.starts_with("Pause on"))) {
            return Self::ANY;
        }
        if !is_request || error.is_some() || kind.contains("lenient") {
            Self {
                // What ends in the middle can be waited for.
                silence: true,
                refused_later: true,
                ..Self::REFUSED
            }
        } else {
            Self::ANY
        }
    }

    /// The tiers of http-desync-guardian.
    pub fn of_guardian(tier: &str) -> Self {
        match tier {
            "Compliant" => Self {
                refused: false,
                silence: false,
                ..Self::ANY
            },
            "Acceptable" => Self {
                silence: false,
                ..Self::ANY
            },
            "Ambiguous" => Self {
                forwarded_and_closed: true,
                ..Self::REFUSED
            },
            "Severe" => Self::REFUSED,
            other => panic!("unknown tier {other}"),
        }
    }

    /// Whether the first answer of an exchange is one of those.
    pub fn allows(self, exchange: &Exchange) -> bool {
        if self.refused_later && exchange.statuses.iter().any(|s| (400..=499).contains(s)) {
            return true;
        }
        match exchange.statuses.first() {
            None if exchange.closed => self.refused,
            None => self.silence,
            Some(200..=299) if exchange.closed => self.forwarded_and_closed,
            Some(200..=299) => self.forwarded,
            Some(400..=499 | 501 | 505) => self.refused,
            Some(_) => false,
        }
    }
}

#[test]
fn words_of_http11probe_are_read() {
    let strict = Expectation::of_http11probe("400 or close");
    assert_eq!(strict, Expectation::REFUSED);
    assert!(!Expectation::of_http11probe("2xx").refused);
    let closes = Expectation::of_http11probe("400, or 2xx with connection close");
    assert!(closes.refused && closes.forwarded_and_closed && !closes.forwarded);
    assert!(Expectation::of_http11probe("400, close, or timeout").silence);
}
