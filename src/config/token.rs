//! `token:`, where tokens are looked for.

use http::HeaderName;
use http::header::AUTHORIZATION;

use super::problem::{Mistake, Problems};
use super::record::{Item, Record};
use crate::identity::Mapping;
use crate::proxy::{TokenSettings, TokenSource};

/// RFC 6750 §2.1: the source when none is configured.
const DEFAULT_SCHEME: &str = "Bearer";

pub(super) fn settings(root: &Record, problems: &mut Problems) -> Option<TokenSettings> {
    if root.broken("token") {
        return None;
    }
    let Some(record) = root.record("token") else {
        return Some(TokenSettings {
            sources: default_sources(),
            forward: false,
            max_bytes: TokenSettings::DEFAULT_MAX_BYTES,
        });
    };
    let sources = if record.given("sources") {
        sources(record.items("sources"), problems)
    } else {
        default_sources()
    };
    Some(TokenSettings {
        sources,
        forward: record.boolean("forward")?,
        max_bytes: record.size("max_bytes")?,
    })
}

fn default_sources() -> Vec<TokenSource> {
    vec![TokenSource::Header {
        name: AUTHORIZATION,
        scheme: Some(DEFAULT_SCHEME.to_owned()),
    }]
}

fn sources(items: &[Item], problems: &mut Problems) -> Vec<TokenSource> {
    let mut sources: Vec<TokenSource> = Vec::new();
    for item in items {
        let Some(source) = item.record().and_then(|record| source(record, problems)) else {
            continue;
        };
        if sources.iter().any(|other| same_place(other, &source)) {
            problems.error(
                &item.place,
                Mistake::new("this token source is listed twice").hint("keep one of the two"),
            );
        } else {
            sources.push(source);
        }
    }
    sources
}

fn source(record: &Record, problems: &mut Problems) -> Option<TokenSource> {
    match record.variant? {
        "header" => header(record, problems),
        "cookie" => Some(TokenSource::Cookie {
            name: record.text("cookie")?.to_owned(),
            allow_cross_site: record.text("cross_site")? == "allow",
        }),
        "query" => Some(TokenSource::Query {
            name: record.text("query")?.to_owned(),
        }),
        "subprotocol" => Some(TokenSource::Subprotocol {
            prefix: record.text("subprotocol")?.to_owned(),
        }),
        _ => None,
    }
}

fn header(record: &Record, problems: &mut Problems) -> Option<TokenSource> {
    let spelling = record.text("header")?;
    let name = HeaderName::from_bytes(spelling.as_bytes()).ok()?;
    let scheme = record.text("scheme").map(str::to_owned);
    if name == AUTHORIZATION {
        if scheme.is_none() && !record.broken("scheme") {
            problems.error(
                &record.place("header"),
                Mistake::new("`Authorization` has a scheme before the token (RFC 9110 §11.4)")
                    .hint("add `scheme: Bearer`"),
            );
            return None;
        }
    } else if let Some(reason) = Mapping::forbidden_target(&name) {
        problems.error(
            &record.place("header"),
            Mistake::new(format!("`{spelling}` cannot hold a token: {reason}"))
                .hint("name the header that the client or the load balancer puts the token into"),
        );
        return None;
    }
    Some(TokenSource::Header { name, scheme })
}

/// Schemes are compared in any case (RFC 9110 §11.1), so two spellings are one source.
fn same_place(left: &TokenSource, right: &TokenSource) -> bool {
    match (left, right) {
        (
            TokenSource::Header { name, scheme },
            TokenSource::Header {
                name: other_name,
                scheme: other_scheme,
            },
        ) => {
            name == other_name
                && scheme.as_ref().map(|s| s.to_ascii_lowercase())
                    == other_scheme.as_ref().map(|s| s.to_ascii_lowercase())
        }
        (TokenSource::Cookie { name, .. }, TokenSource::Cookie { name: other, .. })
        | (TokenSource::Query { name }, TokenSource::Query { name: other }) => name == other,
        // One that begins with the other would find a look-alike in each of its tokens.
        (
            TokenSource::Subprotocol { prefix },
            TokenSource::Subprotocol {
                prefix: other_prefix,
            },
        ) => {
            let (one, other) = (
                prefix.to_ascii_lowercase(),
                other_prefix.to_ascii_lowercase(),
            );
            one.contains(&other) || other.contains(&one)
        }
        _ => false,
    }
}
