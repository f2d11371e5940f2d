//! The plain definition of hygiene: one question after the other, about one line after the other, over text. What `clean` decides with one
//! look at each name is what the definition decides.

use std::collections::BTreeSet;

use http::HeaderValue;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::*;

const MAPPED: [&str; 2] = ["X-User", "Priority"];
/// Everyday names among them, and some that a first letter or a prefix alone decides.
const STRIPPED: [&[&str]; 6] = [
    &[],
    &["X-Internal-*", "Session-Owner", "Referer"],
    &["Sec-*", "Accept*", "Host", "Content-*", "Keep-Alive", "TE"],
    &["X-*", "Cookie", "Upgrade", "Close"],
    &["x*"],
    &["*", "q*", "7"],
];
const SOURCES: [&[&str]; 2] = [&[], &["x-access-token", "sec-websocket-protocol"]];

const HOP_BY_HOP: [&str; 6] = [
    "connection",
    "keep-alive",
    "te",
    "trailer",
    "upgrade",
    "http2-settings",
];
const OPTIONS: [&str; 4] = ["keep-alive", "close", "upgrade", "te"];

/// The managed names of a gate, as text.
struct Plain {
    managed: Vec<&'static str>,
    own: Vec<&'static str>,
    underscores: Underscores,
}

impl Plain {
    fn new(strip: usize, sources: usize, underscores: Underscores) -> Self {
        let managed = [&DEFAULT_NAMES[..], &ALWAYS, &MAPPED, STRIPPED[strip]];
        Self {
            managed: managed.concat(),
            own: [&LOOK_ALIKES_ONLY[..], SOURCES[sources]].concat(),
            underscores,
        }
    }

    fn covers(&self, name: &str) -> bool {
        let folded = words(name);
        let as_cgi = folded.strip_prefix("http_");
        !PROTECTED.contains(&name)
            && [Some(&*folded), as_cgi]
                .into_iter()
                .flatten()
                .any(|folded| {
                    self.managed.iter().any(|text| is_under(text, folded))
                        || self
                            .own
                            .iter()
                            .any(|own| words(own) == folded && *own != name)
                })
    }

    /// Names and values of the lines that are left, and how many went that were not hop-by-hop; none for a refusal.
    fn clean(&self, lines: &[Line]) -> Option<(Vec<Line>, usize)> {
        let mut nominated = BTreeSet::new();
        let connection = lines.iter().filter(|(name, _)| name == "connection");
        for option in connection.flat_map(|(_, value)| value.split(',')) {
            let option = option.trim_matches([' ', '\t']).to_ascii_lowercase();
            if option.is_empty() || OPTIONS.contains(&option.as_str()) {
                continue;
            }
            if HeaderName::try_from(&option).is_err()
                || NEVER_NOMINATED.contains(&option.as_str())
                || self.covers(&option)
            {
                return None;
            }
            nominated.insert(option);
        }
        let mut left = lines.to_vec();
        left.retain(|(name, _)| !HOP_BY_HOP.contains(&name.as_str()) && !nominated.contains(name));
        let end_to_end = left.len();
        left.retain(|(name, _)| !self.covers(name));
        if left.iter().any(|(name, _)| name.contains('_')) {
            match self.underscores {
                Underscores::Drop => left.retain(|(name, _)| !name.contains('_')),
                Underscores::Reject => return None,
                Underscores::Keep => {}
            }
        }
        let count = end_to_end - left.len();
        left.sort();
        Some((left, count))
    }
}

/// Letters and digits in lower case, everything between them is one `_`.
fn words(name: &str) -> String {
    let words = name.split(|c: char| !c.is_ascii_alphanumeric());
    let words: Vec<_> = words.filter(|word| !word.is_empty()).collect();
    words.join("_").to_ascii_lowercase()
}

/// Whether a managed name, which may end in `-*` or `*`, is `folded` or above it.
fn is_under(text: &str, folded: &str) -> bool {
    let own = words(text);
    if own.is_empty() {
        return false;
    }
    match (text.strip_suffix("-*"), text.strip_suffix('*')) {
        (Some(_), _) => folded == own || folded.starts_with(&format!("{own}_")),
        (None, Some(_)) => folded.starts_with(&own),
        (None, None) => folded == own,
    }
}

/// Name, in lower case, and value.
type Line = (String, String);

fn names() -> impl Strategy<Value = String> {
    let known: Vec<&str> = [
        &DEFAULT_NAMES[..],
        &ALWAYS,
        &MAPPED,
        &LOOK_ALIKES_ONLY,
        &HOP_BY_HOP,
        &[
            "x-access-token",
            "x-internal-role",
            "session-owner",
            "close",
            "qed",
            "7",
        ],
        &[
            "x-request-id",
            "x-username",
            "sec-ch-ua",
            "traceparent",
            "my_header",
            "_",
            "-",
        ],
    ]
    .concat();
    let known: Vec<String> = known.iter().map(|name| name.replace('*', "a")).collect();
    let standard = super::super::everyday::NAMES.map(|name| name.to_string());
    let look_alike = (
        select(known.clone()),
        vec(select(&b"-_.~!|"[..]), 8),
        0..4_usize,
    )
        .prop_map(|(name, signs, how)| look_alike(&name, &signs, how));
    prop_oneof![
        4 => select(standard.to_vec()),
        4 => select(known),
        4 => look_alike,
        2 => "[a-z0-9_.-]{1,12}",
        1 => "[hHxX][tT~-]{0,2}[pP]?[_-]{0,2}[a-z_]{1,80}",
    ]
    .prop_map(|name| name.to_ascii_lowercase())
}

/// The same words with other signs between them, or at the edges, or behind CGI's `HTTP_`.
fn look_alike(name: &str, signs: &[u8], how: usize) -> String {
    let mut signs = signs.iter().cycle().map(|sign| char::from(*sign));
    let mut other: String = name
        .chars()
        .map(|c| if c == '-' { signs.next().unwrap() } else { c })
        .collect();
    match how {
        0 => other.insert(0, signs.next().unwrap()),
        1 => other.push(signs.next().unwrap()),
        2 => other.insert_str(0, "http_"),
        _ => {}
    }
    other
}

fn connection() -> impl Strategy<Value = String> {
    let option = prop_oneof![
        4 => select(&["keep-alive", "Close", "upgrade", "TE", "", "x-request-id"][..]).prop_map(str::to_owned),
        2 => names(),
        1 => "[ -~]{0,3}",
    ];
    vec(option, 0..4).prop_map(|options| options.join(", "))
}

fn lines() -> impl Strategy<Value = Vec<Line>> {
    let connection = prop_oneof![
        2 => Just(Vec::new()),
        2 => Just(vec!["keep-alive".to_owned()]),
        3 => vec(connection(), 1..3),
    ];
    (vec((names(), "[a-c]"), 0..20), connection).prop_map(|(mut lines, connection)| {
        lines.retain(|(name, _)| name != "connection");
        lines.extend(
            connection
                .into_iter()
                .map(|line| ("connection".to_owned(), line)),
        );
        lines
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]
    #[test]
    fn h01_h02_h05_one_look_at_each_name_decides_as_the_plain_definition_does(
        lines in lines(), strip in 0..STRIPPED.len(), sources in 0..SOURCES.len(), policy in 0..3_usize,
    ) {
        let policy = [Underscores::Drop, Underscores::Reject, Underscores::Keep][policy];
        let text = |names: &[&str]| -> Vec<String> { names.iter().map(|&name| name.to_owned()).collect() };
        let managed = ManagedNames::new(&text(&MAPPED), &text(STRIPPED[strip]), policy)
            .without_look_alikes(SOURCES[sources].iter().copied());
        let plain = Plain::new(strip, sources, policy);
        let mut map = HeaderMap::new();
        for (name, value) in &lines {
            prop_assert_eq!(managed.covers(name), plain.covers(name), "{}", name);
            map.append(HeaderName::try_from(name).unwrap(), HeaderValue::from_str(value).unwrap());
        }
        let decided = managed.clean(&mut map).ok().map(|count| {
            let line = |(name, value): (&HeaderName, &HeaderValue)| {
                (name.to_string(), value.to_str().unwrap().to_owned())
            };
            let mut left: Vec<Line> = map.iter().map(line).collect();
            left.sort();
            (left, count)
        });
        prop_assert_eq!(decided, plain.clean(&lines));
    }
}
