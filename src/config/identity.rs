//! `identity:`, what the application is told.

use http::HeaderName;

use super::IdentitySettings;
use super::problem::{Mistake, Problems};
use super::record::{Data, Item, Record};
use crate::identity::encoding::Encoding;
use crate::identity::format::Format;
use crate::identity::mapping::{ClaimSource, DEFAULT_MAX_BYTES, Missing};
use crate::identity::{HeaderRule, Mapping, Underscores, fold};
use crate::proxy::{TokenSettings, TokenSource};

/// Without them a request is no request any more.
const NEVER_STRIPPED: [&str; 4] = ["host", "content-length", "transfer-encoding", "connection"];

pub(super) fn settings(
    root: &Record,
    token: Option<&TokenSettings>,
    problems: &mut Problems,
) -> Option<IdentitySettings> {
    if root.broken("identity") {
        return None;
    }
    let Some(record) = root.record("identity") else {
        return Some(IdentitySettings {
            headers: None,
            max_bytes: DEFAULT_MAX_BYTES,
            underscores: Underscores::default(),
            strip: Vec::new(),
        });
    };
    let headers = record
        .item("headers")
        .map(|item| rules(item.entries(), token, problems));
    check_strip(record.items("strip"), problems);
    Some(IdentitySettings {
        headers,
        max_bytes: record.size("max_bytes")?,
        underscores: match record.text("underscores")? {
            "reject" => Underscores::Reject,
            "keep" => Underscores::Keep,
            _ => Underscores::Drop,
        },
        strip: record.texts("strip"),
    })
}

pub(super) fn unverified_email(root: &Record) -> bool {
    root.record("identity")
        .and_then(|identity| identity.boolean("unverified_email"))
        .unwrap_or(false)
}

fn rules(
    entries: &[(Item, Item)],
    token: Option<&TokenSettings>,
    problems: &mut Problems,
) -> Vec<HeaderRule> {
    let mut seen: Vec<(Vec<u8>, &Item)> = Vec::new();
    let mut rules = Vec::new();
    for (name, value) in entries {
        let Some(rule) = rule(name, value, token, problems) else {
            continue;
        };
        let folded = fold(&rule.spelling);
        if let Some((_, other)) = seen.iter().find(|(fold, _)| *fold == folded) {
            problems.error(
                &name.place,
                Mistake::new(format!(
                    "`{}` and `{}` are one header to an application that folds names",
                    name.shown, other.shown
                ))
                .hint(format!("the other one is on line {}", other.place.at.line)),
            );
        } else {
            seen.push((folded, name));
            rules.push(rule);
        }
    }
    rules
}

fn rule(
    name: &Item,
    value: &Item,
    token: Option<&TokenSettings>,
    problems: &mut Problems,
) -> Option<HeaderRule> {
    let spelling = name.text()?;
    let header = HeaderName::from_bytes(spelling.as_bytes()).ok()?;
    if let Some(reason) = Mapping::forbidden_target(&header) {
        problems.error(
            &name.place,
            Mistake::new(format!(
                "a claim cannot be written to `{spelling}`: {reason}"
            ))
            .hint("pick a name of its own, such as `X-Auth-...`"),
        );
        return None;
    }
    let is_source = token.is_some_and(|token| {
        token
            .sources
            .iter()
            .any(|source| matches!(source, TokenSource::Header { name, .. } if *name == header))
    });
    if is_source {
        problems.error(
            &name.place,
            Mistake::new(format!("`{spelling}` is already a token source"))
                .hint("pick another name for the claim"),
        );
        return None;
    }
    let simple = |claim: Vec<String>| HeaderRule {
        header: header.clone(),
        spelling: spelling.to_owned(),
        source: ClaimSource::Claim(claim),
        format: Format::default(),
        encoding: Encoding::default(),
        missing: Missing::default(),
        max_bytes: None,
    };
    let record = match &value.data {
        Data::Text(claim) => return Some(simple(vec![claim.clone()])),
        Data::Record(record) => record,
        _ => return None,
    };
    let format = format(record.text("format")?);
    if record.given("encoding") && !matches!(format, Format::Text | Format::Csv) {
        problems.error(
            &record.place("encoding"),
            Mistake::new("`encoding` is for the formats `text` and `csv`")
                .hint("take it out: `json` and `base64url` are ASCII already"),
        );
    }
    let mut rule = simple(record.texts("claim"));
    if record.given("claims") {
        if !record.given("claim") && !matches!(format, Format::Json | Format::Base64Url) {
            problems.error(
                &record.place("claims"),
                Mistake::new("all claims together are no `text` or `csv`")
                    .hint("add `format: base64url` or `format: json`"),
            );
        }
        rule.source = ClaimSource::AllClaims;
    }
    rule.format = format;
    rule.encoding = encoding(record.text("encoding")?);
    rule.missing = match record.text("missing")? {
        "reject" => Missing::Reject,
        _ => Missing::Omit,
    };
    rule.max_bytes = record.size("max_bytes");
    Some(rule)
}

fn format(name: &str) -> Format {
    match name {
        "csv" => Format::Csv,
        "json" => Format::Json,
        "base64url" => Format::Base64Url,
        _ => Format::Text,
    }
}

fn encoding(name: &str) -> Encoding {
    match name {
        "utf8" => Encoding::Utf8,
        "latin1" => Encoding::Latin1,
        "rfc8187" => Encoding::Rfc8187,
        "base64url" => Encoding::Base64Url,
        _ => Encoding::Percent,
    }
}

fn check_strip(items: &[Item], problems: &mut Problems) {
    for item in items {
        let name = item.text().unwrap_or_default().to_ascii_lowercase();
        if NEVER_STRIPPED.contains(&name.as_str()) {
            problems.error(
                &item.place,
                Mistake::new(format!("`{}` cannot be removed from a request", item.shown))
                    .hint("the gate handles this header itself; take it out of the list"),
            );
        }
    }
}
