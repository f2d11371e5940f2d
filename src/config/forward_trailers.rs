//! `upstream.forward_trailers`: request trailers that reach the application.

use std::sync::Arc;

use http::HeaderName;

use super::IdentitySettings;
use super::problem::{Mistake, Problems};
use super::record::{Item, Record};
use crate::identity::{ManagedNames, Mapping, Underscores, looks_like};
use crate::proxy::{TokenSettings, TokenSource};

/// The names, of a table `upstream`.
pub(super) fn names(upstream: &Record) -> Arc<[HeaderName]> {
    trailers(upstream).filter_map(header_name).collect()
}

/// A trailer comes after the request was judged, and some servers make headers of trailers: none may say who asks, or how the request is read
/// (threat H6).
pub(super) fn check(
    root: &Record,
    token: Option<&TokenSettings>,
    identity: Option<&IdentitySettings>,
    problems: &mut Problems,
) {
    let Some(upstream) = root.record("upstream") else {
        return;
    };
    let mapped: Vec<String> = identity
        .iter()
        .flat_map(|identity| identity.headers.iter().flatten())
        .map(|rule| rule.header.to_string())
        .collect();
    let strip = identity.map_or(&[][..], |identity| &identity.strip);
    let managed = ManagedNames::new(&mapped, strip, Underscores::Drop);
    for item in trailers(upstream) {
        let Some(name) = header_name(item) else {
            continue;
        };
        let mut sources = token.iter().flat_map(|token| &token.sources);
        let holds_tokens = sources.any(|source| match source {
            TokenSource::Header { name: own, .. } => looks_like(&name, own),
            TokenSource::Cookie { .. }
            | TokenSource::Query { .. }
            | TokenSource::Subprotocol { .. } => false,
        });
        let why = match Mapping::forbidden_target(&name) {
            Some(why) => Some(why),
            None if managed.covers(name.as_str()) => Some("only the gate may set it"),
            None if holds_tokens => Some("it carries credentials"),
            None if name.as_str().contains('_') => Some("servers take `_` for `-`"),
            None => None,
        };
        if let Some(why) = why {
            problems.error(
                &item.place,
                Mistake::new(format!("`{}` cannot be a trailer: {why}", item.shown))
                    .hint("take it out of the list; the application gets headers before the body"),
            );
        }
    }
}

fn trailers(upstream: &Record) -> impl Iterator<Item = &Item> {
    upstream.items("forward_trailers").iter()
}

fn header_name(item: &Item) -> Option<HeaderName> {
    HeaderName::from_bytes(item.text()?.as_bytes()).ok()
}
