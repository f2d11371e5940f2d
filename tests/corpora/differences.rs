//! The one table of what comes of requests otherwise than their collectors expect, or than a reader of the RFCs might. docs/http.md shows it.

use crate::wire::Exchange;

pub struct Difference {
    /// As docs/http.md says it.
    pub seen: &'static str,
    pub comes_of_it: &'static str,
    pub outcome: Outcome,
    /// Payloads by their ids; each must have this outcome in one of its variants at least.
    pub payloads: &'static [&'static str],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The application's answer.
    Forwarded,
    Refused,
    /// The gate wants more bytes.
    Waits,
}

impl Outcome {
    pub fn is_of(self, exchange: &Exchange) -> bool {
        match (self, exchange.statuses.first()) {
            (Self::Forwarded, Some(200..=299)) | (Self::Refused, Some(400..=499)) => true,
            (Self::Waits, None) => !exchange.closed,
            _ => false,
        }
    }
}

pub fn difference_of(id: &str) -> Option<&'static Difference> {
    DIFFERENCES.iter().find(|d| d.payloads.contains(&id))
}

/// Generous ones first: the HTTP library smooths these before the gate sees a request. None of them reaches the application, because the request is
/// written anew.
pub const DIFFERENCES: &[Difference] = &[
    Difference {
        seen: "`Content-Length` beside `Transfer-Encoding: chunked`",
        comes_of_it: "read as chunked only; the connection is closed after the answer (RFC 9112 §6.1)",
        outcome: Outcome::Forwarded,
        payloads: &[
            "SMUG-CL-TE-BOTH",
            "SMUG-CLTE-PIPELINE",
            "SMUG-CLTE-SMUGGLED-GET",
            "single-case-0",
        ],
    },
    Difference {
        seen: "equal `Content-Length` lines",
        comes_of_it: "read as one",
        outcome: Outcome::Forwarded,
        payloads: &["ambiguous-9", "real-life-test-cases-3"],
    },
    Difference {
        seen: "a bare LF as line end of the head",
        comes_of_it: "read as CRLF (RFC 9112 §2.2)",
        outcome: Outcome::Forwarded,
        payloads: &[
            "RFC9112-2.2-BARE-LF-REQUEST-LINE",
            "RFC9112-2.2-BARE-LF-HEADER",
            "llhttp-59",
        ],
    },
    Difference {
        seen: "white space around `chunked`, or after a chunk's size; odd bytes in a chunk's extension",
        comes_of_it: "not there: chunks are written anew",
        outcome: Outcome::Forwarded,
        payloads: &[
            "SMUG-CHUNK-BARE-SEMICOLON",
            "SMUG-CHUNK-EXT-INVALID-TOKEN",
            "SMUG-CHUNK-SIZE-TRAILING-OWS",
            "SMUG-CHUNK-EXT-CTRL",
            "llhttp-132",
            "llhttp-153",
            "llhttp-154",
        ],
    },
    Difference {
        seen: "a bare LF after the last chunk",
        comes_of_it: "read as the begin of a trailer: its end is waited for",
        outcome: Outcome::Waits,
        payloads: &["SMUG-CHUNK-LF-TRAILER"],
    },
    Difference {
        seen: "a `#fragment` in the target",
        comes_of_it: "cut off",
        outcome: Outcome::Forwarded,
        payloads: &["RFC9112-3.2-FRAGMENT-IN-TARGET"],
    },
    Difference {
        seen: "a target longer than the whole head may be",
        comes_of_it: "431 instead of 414",
        outcome: Outcome::Refused,
        payloads: &[],
    },
    Difference {
        seen: "a body of `GET`, `HEAD` or `OPTIONS`",
        comes_of_it: "forwarded with its framing",
        outcome: Outcome::Forwarded,
        payloads: &[
            "ambiguous-12",
            "ambiguous-13",
            "ambiguous-14",
            "ambiguous-15",
            "real-life-test-cases-0",
            "real-life-test-cases-1",
        ],
    },
    Difference {
        seen: "a framing header with `_` for `-`",
        comes_of_it: "removed, as every name with `_` (`identity.underscores`)",
        outcome: Outcome::Forwarded,
        payloads: &[
            "ambiguous-8",
            "NORM-UNDERSCORE-CL",
            "NORM-UNDERSCORE-TE",
            "SMUG-TRANSFER_ENCODING",
        ],
    },
    Difference {
        seen: "a method that nobody knows",
        comes_of_it: "the application's business",
        outcome: Outcome::Forwarded,
        payloads: &[
            "COMP-UNKNOWN-METHOD",
            "COMP-405-ALLOW",
            "llhttp-45",
            "llhttp-55",
        ],
    },
    Difference {
        seen: "raw bytes beyond ASCII in the target",
        comes_of_it: "forwarded as they are where no routes are configured, 400 where some are",
        outcome: Outcome::Forwarded,
        payloads: &["MAL-NON-ASCII-URL", "llhttp-161"],
    },
    Difference {
        seen: "the same, and encoded control characters in the path, in requests that are said to be compliant",
        comes_of_it: "400 where routes are configured",
        outcome: Outcome::Refused,
        payloads: &[
            "rfc-compliant-12",
            "uri-specific-test-cases-10",
            "uri-specific-test-cases-12",
            "uri-specific-test-cases-13",
        ],
    },
    Difference {
        seen: "codings before `chunked`, or parameters of it",
        comes_of_it: "400: the gate does not decode",
        outcome: Outcome::Refused,
        payloads: &[
            "more-compliant-tests-5",
            "more-compliant-tests-7",
            "more-compliant-tests-8",
            "more-compliant-tests-9",
            "rfc-compliant-8",
            "rfc-compliant-9",
            "rfc-compliant-10",
        ],
    },
    Difference {
        seen: "an empty target",
        comes_of_it: "400",
        outcome: Outcome::Refused,
        payloads: &["rfc-compliant-13"],
    },
    Difference {
        seen: "`OPTIONS *`",
        comes_of_it: "403 `no_route` where routes are configured: no path of theirs is `*`",
        outcome: Outcome::Refused,
        payloads: &["COMP-OPTIONS-STAR"],
    },
];
