//! YAML values as JSON, typed by the core schema (YAML 1.2.2 §10.3): what claims are compared with.

use super::problem::{Mistake, Place, Problems};
use super::tree::{Entry, Node, Scalar, Value};
use crate::jose::json::{self, Json};

/// The JSON value of a tree. What cannot be one is reported.
pub(super) fn json(node: &Node, place: &Place, problems: &mut Problems) -> Option<Json> {
    match &node.value {
        Value::Scalar(scalar) => match json_of(scalar) {
            Ok(json) => Some(json),
            Err(mistake) => {
                problems.error(place, mistake);
                None
            }
        },
        Value::Sequence(items) => {
            let values: Vec<Option<Json>> = items
                .iter()
                .enumerate()
                .map(|(index, item)| json(item, &place.index(index, item.at), problems))
                .collect();
            Some(Json::Array(values.into_iter().collect::<Option<_>>()?))
        }
        Value::Mapping(entries) => {
            let members: Vec<Option<(Box<str>, Json)>> = unique(entries, place, problems)
                .map(|entry| {
                    let place = place.key(&entry.name, entry.value.at);
                    Some((
                        entry.name.as_str().into(),
                        json(&entry.value, &place, problems)?,
                    ))
                })
                .collect();
            Some(Json::Object(
                members
                    .into_iter()
                    .collect::<Option<Vec<_>>>()?
                    .into_iter()
                    .collect(),
            ))
        }
        Value::Broken => None,
    }
}

/// The first entry of each name; the others are reported, with the place of the first.
pub(super) fn unique<'e>(
    entries: &'e [Entry],
    place: &Place,
    problems: &mut Problems,
) -> impl Iterator<Item = &'e Entry> + use<'e> {
    let mut first = std::collections::HashMap::new();
    let mut kept = Vec::new();
    for entry in entries {
        match first.entry(entry.name.as_str()) {
            std::collections::hash_map::Entry::Vacant(vacant) => {
                vacant.insert(entry.name_at);
                kept.push(entry);
            }
            std::collections::hash_map::Entry::Occupied(occupied) => problems.error(
                &place.key(&entry.name, entry.name_at),
                Mistake::new(format!(
                    "duplicate key `{}`",
                    super::problem::shown(&entry.name)
                ))
                .hint(format!(
                    "it is already on line {}; keep one of the two",
                    occupied.get().line
                )),
            ),
        }
    }
    kept.into_iter()
}

/// `true` or `false` as the core schema writes them.
pub(super) fn boolean(text: &str) -> Option<bool> {
    match text {
        "true" | "True" | "TRUE" => Some(true),
        "false" | "False" | "FALSE" => Some(false),
        _ => None,
    }
}

fn json_of(scalar: &Scalar) -> Result<Json, Mistake> {
    let text = scalar.text.as_str();
    // What came from the environment is text: its type must not depend on what somebody puts there.
    if !scalar.plain || scalar.written.is_some() {
        return Ok(Json::String(text.into()));
    }
    if text.is_empty() {
        return Err(
            Mistake::new("the value is empty").hint("write `null` or `\"\"` if that is meant")
        );
    }
    if scalar.is_null() {
        return Ok(Json::Null);
    }
    if let Some(value) = boolean(text) {
        return Ok(Json::Bool(value));
    }
    if matches!(
        text.trim_start_matches(['+', '-']),
        ".inf" | ".Inf" | ".INF" | ".nan" | ".NaN" | ".NAN"
    ) {
        return Err(
            Mistake::new(format!("`{text}` is no JSON number")).hint("quote it if a text is meant")
        );
    }
    match number(text) {
        None => Ok(Json::String(text.into())),
        Some(number) => json::parse(number.as_bytes()).map_err(|_| {
            Mistake::new(format!("`{}` is no usable number", scalar.shown()))
                .hint("quote it if a text is meant")
        }),
    }
}

/// A core-schema number as JSON writes it; `None` when the text is none.
fn number(text: &str) -> Option<String> {
    if let Some(digits) = text.strip_prefix("0o") {
        return radix(digits, 8);
    }
    if let Some(digits) = text.strip_prefix("0x") {
        return radix(digits, 16);
    }
    let (sign, rest) = match text.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", text.strip_prefix('+').unwrap_or(text)),
    };
    let (mantissa, exponent) = match rest.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => {
            let digits = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
            if !is_digits(digits) {
                return None;
            }
            (mantissa, format!("e{exponent}"))
        }
        None => (rest, String::new()),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let any_digit = !whole.is_empty() || !fraction.is_empty();
    if !any_digit
        || !(whole.is_empty() || is_digits(whole))
        || !(fraction.is_empty() || is_digits(fraction))
    {
        return None;
    }
    let whole = match whole.trim_start_matches('0') {
        "" => "0",
        whole => whole,
    };
    let fraction = if fraction.is_empty() {
        String::new()
    } else {
        format!(".{fraction}")
    };
    Some(format!("{sign}{whole}{fraction}{exponent}"))
}

fn radix(digits: &str, radix: u32) -> Option<String> {
    if digits.starts_with(['+', '-']) {
        return None;
    }
    u128::from_str_radix(digits, radix)
        .ok()
        .map(|value| value.to_string())
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tree;

    fn value(text: &str) -> Json {
        let mut problems = Problems::new("f", text);
        let node = tree::read(text).0.unwrap();
        let value = json(&node, &Place::default(), &mut problems);
        assert_eq!(problems.into_sorted(), []);
        value.unwrap()
    }

    #[test]
    fn the_core_schema_types_plain_scalars_only() {
        assert_eq!(value("true"), Json::Bool(true));
        assert_eq!(value("'true'"), Json::String("true".into()));
        assert_eq!(value("~"), Json::Null);
        for text in [
            "yes", "no", "on", "admin", "1_000", "0b1", "1e", "--", ".", "1.2.3", "+",
        ] {
            assert_eq!(value(text), Json::String(text.into()), "{text}");
        }
        assert_eq!(value("'1'"), Json::String("1".into()));
        assert_eq!(
            value("[a, {b: 'c'}]"),
            Json::Array(Box::new([
                Json::String("a".into()),
                Json::Object(
                    [("b".into(), Json::String("c".into()))]
                        .into_iter()
                        .collect()
                )
            ]))
        );
    }

    #[test]
    fn numbers_become_json_numbers() {
        for (yaml, json) in [
            ("1", "1"),
            ("+1", "1"),
            ("-1", "-1"),
            ("007", "7"),
            ("1.0", "1.0"),
            (".5", "0.5"),
            ("5.", "5"),
            ("1e3", "1e3"),
            ("1E+3", "1e+3"),
            ("0x10", "16"),
            ("0o17", "15"),
            ("-0", "-0"),
        ] {
            assert_eq!(number(yaml).as_deref(), Some(json), "{yaml}");
        }
    }
}
