//! Claims as header lines. The laws: one line a header, no control bytes, within every budget, nothing cut: what was written decodes to the
//! claim that it came from, so two claims never become one value.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::HeaderName;

use super::Reached;
use super::input::Control;
use crate::identity::encoding::Encoding;
use crate::identity::format::Format;
use crate::identity::mapping::{ClaimSource, DEFAULT_NAMES, Missing};
use crate::identity::{HeaderRule, Mapping};
use crate::jose::json::{self, Json, Object};
use crate::provider::Findings;
use crate::verify::Rejection;
use crate::verify::testing::{claim_names, proven};

/// A control line and a claims set. The places of the control line: 0 the budget of all lines, 1 what the provider found out, 2 how many
/// rules there are (0: the default set), then four places for each rule: claim, format, encoding, and what else.
pub fn claims_to_headers(input: &[u8]) -> Reached {
    let (control, text) = Control::split(input);
    let Ok(claims) = json::parse_object(text) else {
        return vec!["no claims"];
    };
    let max_bytes = control.choose(0, &[8 * 1024, 0, 40, 64, 200, 1_000]);
    let findings = Findings {
        groups_overage: control.number(1) & 1 == 1,
        email_verified: control.number(1) & 2 == 2,
    };
    let rules: Vec<HeaderRule> = (0..control.number(2) % 5)
        .map(|position| rule(control, position))
        .collect();
    let mapping = match rules.is_empty() {
        true => Mapping::default_set(max_bytes),
        false => Mapping::of(rules.clone(), max_bytes),
    };
    let token = proven(claims.clone(), claim_names(), findings);
    let written = match mapping.lines(&token) {
        Ok(lines) => lines,
        Err(rejection) => return vec![check_refusal(&rejection)],
    };
    let lines: Vec<(&str, &[u8])> = written
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_bytes()))
        .collect();
    check_lines(&lines, &mapping, max_bytes);
    if rules.is_empty() {
        return check_default_set(&lines, &claims, findings);
    }
    rules
        .iter()
        .flat_map(|rule| check_rule(rule, &lines, &claims))
        .collect()
}

fn rule(control: Control<'_>, position: usize) -> HeaderRule {
    const PATHS: [&[&str]; 9] = [
        &["a"],
        &["sub"],
        &["groups"],
        &["realm_access", "roles"],
        &["a", "b"],
        &["scope"],
        &["https://claims.example/x.y"],
        &["name"],
        // All claims.
        &[],
    ];
    let place = 3 + 4 * position;
    let path = control.choose(place, &PATHS);
    let spelling = format!("X-Rule-{position}");
    HeaderRule {
        header: HeaderName::try_from(&*spelling).expect("a header name"),
        spelling,
        source: match path {
            [] => ClaimSource::AllClaims,
            path => ClaimSource::Claim(path.iter().map(|name| (*name).to_owned()).collect()),
        },
        format: control.choose(
            place + 1,
            &[Format::Text, Format::Csv, Format::Json, Format::Base64Url],
        ),
        encoding: control.choose(
            place + 2,
            &[
                Encoding::Percent,
                Encoding::Utf8,
                Encoding::Latin1,
                Encoding::Rfc8187,
                Encoding::Base64Url,
            ],
        ),
        missing: control.choose(place + 3, &[Missing::Omit, Missing::Reject]),
        max_bytes: control.choose(place + 3, &[None, None, Some(8 * 1024), Some(16), Some(0)]),
    }
}

fn check_refusal(rejection: &Rejection) -> &'static str {
    assert!(matches!(rejection, Rejection::ClaimsUnusable { .. }));
    assert_eq!(rejection.status(), 403);
    let detail = rejection.operator_detail();
    assert!(!detail.is_empty() && detail.is_ascii() && detail.len() < 1_000);
    rejection.reason().name()
}

fn check_lines(lines: &[(&str, &[u8])], mapping: &Mapping, max_bytes: usize) {
    let allowed = mapping.names();
    let mut total = 0;
    for (position, (name, value)) in lines.iter().enumerate() {
        assert!(allowed.iter().any(|one| one.eq_ignore_ascii_case(name)));
        assert!(lines[..position].iter().all(|(other, _)| other != name));
        assert!(!value.is_empty(), "{name} is empty");
        let is_control = |byte: &u8| *byte < b' ' || *byte == 0x7f;
        assert!(!value.iter().any(is_control), "{name}: {value:?}");
        assert_ne!(value.first(), Some(&b' '), "{name} loses its start");
        assert_ne!(value.last(), Some(&b' '), "{name} loses its end");
        total += name.len() + value.len();
    }
    assert!(total <= max_bytes, "{total} of {max_bytes} bytes");
}

fn line<'l>(lines: &[(&str, &'l [u8])], name: &str) -> Option<&'l [u8]> {
    lines
        .iter()
        .find(|(own, _)| own.eq_ignore_ascii_case(name))
        .map(|(_, value)| *value)
}

/// The default set: percent-encoded text, lists with commas, and scopes with spaces.
fn check_default_set(lines: &[(&str, &[u8])], claims: &Object, findings: Findings) -> Reached {
    let [subject, issuer, _, email, _, groups, .., overage] = DEFAULT_NAMES;
    assert_eq!(line(lines, issuer), Some(&b"main"[..]));
    assert_eq!(line(lines, overage).is_some(), findings.groups_overage);
    assert!(line(lines, email).is_none() || findings.email_verified);
    let said = said(claims.get("sub"), Format::Text);
    let found = line(lines, subject).map(|value| vec![percent_decoded(value)]);
    assert_eq!(found, said);
    let said = self::said(claims.get("groups"), Format::Csv);
    let found = line(lines, groups).map(|value| value.split(|b| *b == b',').map(percent_decoded));
    assert_eq!(found.map(Iterator::collect::<Vec<_>>), said);
    vec!["default set"]
}

fn check_rule(rule: &HeaderRule, lines: &[(&str, &[u8])], claims: &Object) -> Reached {
    let value = line(lines, &rule.spelling);
    let Some(value) = value else {
        assert_eq!(rule.missing, Missing::Omit);
        let claim = claim_of(rule, claims);
        assert_eq!(said(claim, rule.format), None, "{} is lost", rule.spelling);
        return vec!["omitted"];
    };
    assert!(rule.max_bytes.is_none_or(|max| value.len() <= max));
    match (&rule.source, rule.format) {
        (ClaimSource::AllClaims, format) => {
            let json = json_of(format, value);
            assert_eq!(json::parse_object(&json).as_ref(), Ok(claims));
            vec!["all claims"]
        }
        (ClaimSource::Claim(_), Format::Json | Format::Base64Url) => {
            let json = json_of(rule.format, value);
            assert_eq!(json::parse(&json).as_ref().ok(), claim_of(rule, claims));
            vec!["json"]
        }
        (ClaimSource::Claim(_), Format::Text) => {
            let text = decoded(rule.encoding, value, true);
            assert_eq!(Some(vec![text]), said(claim_of(rule, claims), rule.format));
            vec!["text"]
        }
        (ClaimSource::Claim(_), Format::Csv) => {
            let list = decoded(rule.encoding, value, false);
            let elements = list.split(|byte| *byte == b',').map(percent_decoded);
            let said = said(claim_of(rule, claims), rule.format);
            assert_eq!(Some(elements.collect()), said);
            vec!["csv"]
        }
    }
}

fn claim_of<'c>(rule: &HeaderRule, claims: &'c Object) -> Option<&'c Json> {
    match &rule.source {
        ClaimSource::Claim(path) => claims.at(path),
        ClaimSource::AllClaims => None,
    }
}

/// The texts that a header must say of `claim`; none when there is nothing to say.
fn said(claim: Option<&Json>, format: Format) -> Option<Vec<Vec<u8>>> {
    let text = |value: &Json| match value {
        Json::String(text) => Some(text.as_bytes().to_vec()),
        Json::Number(number) => Some(number.as_written().as_bytes().to_vec()),
        Json::Bool(truth) => Some(truth.to_string().into_bytes()),
        Json::Null | Json::Array(_) | Json::Object(_) => None,
    };
    match (claim?, format) {
        (Json::Array(elements), Format::Csv) if !elements.is_empty() => {
            elements.iter().map(text).collect()
        }
        (_, Format::Json | Format::Base64Url) => Some(Vec::new()),
        (value, _) => text(value)
            .filter(|text| !text.is_empty())
            .map(|text| vec![text]),
    }
}

fn json_of(format: Format, value: &[u8]) -> Vec<u8> {
    match format {
        Format::Base64Url => URL_SAFE_NO_PAD.decode(value).expect("base64url"),
        _ => value.to_vec(),
    }
}

/// Undoes an encoding. In a list the percent signs belong to its elements.
fn decoded(encoding: Encoding, value: &[u8], alone: bool) -> Vec<u8> {
    match encoding {
        Encoding::Percent if alone => percent_decoded(value),
        Encoding::Percent | Encoding::Utf8 => value.to_vec(),
        Encoding::Latin1 => value
            .iter()
            .map(|b| char::from(*b))
            .collect::<String>()
            .into_bytes(),
        Encoding::Rfc8187 => percent_decoded(value.strip_prefix(b"UTF-8''").expect("its prefix")),
        Encoding::Base64Url => URL_SAFE_NO_PAD.decode(value).expect("base64url"),
    }
}

fn percent_decoded(text: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::new();
    let mut rest = text;
    while let Some((byte, tail)) = rest.split_first() {
        rest = tail;
        if *byte != b'%' {
            decoded.push(*byte);
            continue;
        }
        let digits = std::str::from_utf8(&tail[..2]).expect("digits");
        decoded.push(u8::from_str_radix(digits, 16).expect("digits"));
        rest = &tail[2..];
    }
    decoded
}
