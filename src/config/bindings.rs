//! `issuers[].bindings`, what a token must match in its request.

use http::HeaderName;
use http::header::AUTHORIZATION;

use super::IdentitySettings;
use super::problem::{Mistake, Problems};
use super::record::{Item, Record};
use crate::identity::mapping::DEFAULT_NAMES;
use crate::identity::{Mapping, looks_like};
use crate::proxy::{TokenSettings, TokenSource, bound};
use crate::verify::{Binding, BoundClaim, Place};

const CLAIMS: [&str; 3] = ["nonce", "at_hash", "c_hash"];

/// Those of one issuer. None: there is a mistake.
pub(super) fn bindings(issuer: &Record, problems: &mut Problems) -> Option<Vec<Binding>> {
    if issuer.broken("bindings") {
        return None;
    }
    let Some(record) = issuer.record("bindings") else {
        return Some(Vec::new());
    };
    if !record.has_broken() && !CLAIMS.iter().any(|claim| record.given(claim)) {
        problems.error(
            &record.place,
            Mistake::new("nothing is bound").hint(
                "name a claim and its counterpart, as in `at_hash: {header: X-Access-Token}`; or take `bindings` out",
            ),
        );
        return None;
    }
    let mut bindings: Vec<Binding> = Vec::new();
    let mut good = !record.has_broken();
    for (claim, counterpart) in entries(record) {
        let Some(place) = place(counterpart) else {
            good = false;
            continue;
        };
        if let Some(mistake) = cannot_hold(&place, counterpart) {
            problems.error(&counterpart.place, mistake);
            good = false;
            continue;
        }
        if bindings
            .iter()
            .any(|other| bound::overlap(&other.place, &place))
        {
            problems.error(
                &counterpart.place,
                Mistake::new("two claims cannot have one counterpart").hint(
                    "one value is never a nonce, an access token and a code at the same time",
                ),
            );
            good = false;
            continue;
        }
        let claim = bound_claim(claim, counterpart)?;
        bindings.push(Binding { claim, place });
    }
    good.then_some(bindings)
}

/// A counterpart is something else in the request than the token, and nothing that the gate writes itself.
pub(super) fn check_places(
    root: &Record,
    token: Option<&TokenSettings>,
    identity: Option<&IdentitySettings>,
    problems: &mut Problems,
) {
    let issuers = root.items("issuers").iter().filter_map(Item::record);
    let records = issuers.filter_map(|issuer| issuer.record("bindings"));
    for (_, counterpart) in records.flat_map(entries) {
        let Some(place) = place(counterpart) else {
            continue;
        };
        let mut sources = token.iter().flat_map(|token| &token.sources);
        if sources.any(|source| place_of(source).is_some_and(|own| bound::overlap(&own, &place))) {
            problems.error(
                &counterpart.place,
                Mistake::new("the token itself is looked for here (`token.sources`)").hint(
                    "what a token is bound to is another part of the request: name that, or another place for the token",
                ),
            );
        } else if let (Place::Header { name, .. }, Some(identity)) = (&place, identity)
            && is_written(name, identity)
        {
            problems.error(
                &counterpart.place,
                Mistake::new("the gate sets this header itself (`identity.headers`)")
                    .hint("name the header that the client sends"),
            );
        }
    }
}

/// The claims that are given rightly, with their counterparts.
fn entries(record: &Record) -> impl Iterator<Item = (&'static str, &Record)> {
    let entry = |claim| Some((claim, record.record(claim)?));
    CLAIMS.into_iter().filter_map(entry)
}

fn place(counterpart: &Record) -> Option<Place> {
    match counterpart.variant? {
        "header" => Some(Place::Header {
            name: HeaderName::from_bytes(counterpart.text("header")?.as_bytes()).ok()?,
            scheme: match counterpart.broken("scheme") {
                true => return None,
                false => counterpart.text("scheme").map(str::to_owned),
            },
        }),
        "cookie" => Some(Place::Cookie {
            name: counterpart.text("cookie")?.to_owned(),
        }),
        "query" => Some(Place::Query {
            name: counterpart.text("query")?.to_owned(),
        }),
        _ => None,
    }
}

fn bound_claim(name: &str, counterpart: &Record) -> Option<BoundClaim> {
    match name {
        "nonce" if counterpart.text("hash")? == "sha256" => Some(BoundClaim::HashedNonce),
        "nonce" => Some(BoundClaim::Nonce),
        "at_hash" => Some(BoundClaim::AccessTokenHash),
        "c_hash" => Some(BoundClaim::CodeHash),
        _ => None,
    }
}

/// Why no value that a client sends can be in this header.
fn cannot_hold(place: &Place, counterpart: &Record) -> Option<Mistake> {
    let Place::Header { name, scheme } = place else {
        return None;
    };
    if *name == AUTHORIZATION {
        return scheme.is_none().then(|| {
            Mistake::new("`Authorization` has a scheme before its value (RFC 9110 §11.4)")
                .hint("add `scheme: Bearer`")
        });
    }
    let reason = Mapping::forbidden_target(name)?;
    let spelling = counterpart.text("header").unwrap_or_default();
    Some(
        Mistake::new(format!(
            "nothing can be compared with `{spelling}`: {reason}"
        ))
        .hint("name the header that the client puts the value into"),
    )
}

fn place_of(source: &TokenSource) -> Option<Place> {
    Some(match source {
        TokenSource::Header { name, scheme } => Place::Header {
            name: name.clone(),
            scheme: scheme.clone(),
        },
        TokenSource::Cookie { name, .. } => Place::Cookie { name: name.clone() },
        TokenSource::Query { name } => Place::Query { name: name.clone() },
        // Nothing can be compared with a header that HTTP itself uses.
        TokenSource::Subprotocol { .. } => return None,
    })
}

fn is_written(name: &HeaderName, identity: &IdentitySettings) -> bool {
    let mapped = identity.headers.iter().flatten();
    let mapped = mapped.map(|rule| rule.header.as_str());
    let mut own = DEFAULT_NAMES.into_iter().chain(mapped);
    own.any(|own| HeaderName::from_bytes(own.as_bytes()).is_ok_and(|own| looks_like(name, &own)))
}
