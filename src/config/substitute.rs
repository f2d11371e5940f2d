//! `${NAME}` and `${NAME:-default}` inside scalar values, after parsing: a value cannot add keys or lines to the file.

use super::problem::{Mistake, Place, Problems, shown};
use super::tree::{Node, Value};

/// Looks up an environment variable: absent, or its value, or not text.
pub(super) type Environment<'e> = dyn Fn(&str) -> Lookup + 'e;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Lookup {
    Unset,
    Value(String),
    NotText,
}

/// Replaces in every scalar below `node`, keys excepted. A scalar that cannot be replaced is reported and becomes broken.
pub(super) fn substitute(
    node: &mut Node,
    place: &Place,
    environment: &Environment<'_>,
    problems: &mut Problems,
) {
    match &mut node.value {
        Value::Scalar(scalar) => match expand(&scalar.text, environment) {
            Ok(Some(expanded)) => {
                scalar.written = Some(std::mem::replace(&mut scalar.text, expanded));
            }
            Ok(None) => {}
            Err(mistake) => {
                problems.error(place, mistake);
                node.value = Value::Broken;
            }
        },
        Value::Sequence(items) => {
            for (index, item) in items.iter_mut().enumerate() {
                let place = place.index(index, item.at);
                substitute(item, &place, environment, problems);
            }
        }
        Value::Mapping(entries) => {
            for entry in entries {
                let place = place.key(&entry.name, entry.value.at);
                substitute(&mut entry.value, &place, environment, problems);
            }
        }
        Value::Broken => {}
    }
}

/// The text with variables replaced; `None` when it has none. `$${` is a literal `${`, any other `$` is itself.
pub(super) fn expand(text: &str, environment: &Environment<'_>) -> Result<Option<String>, Mistake> {
    if !text.contains("${") {
        return Ok(None);
    }
    let mut expanded = String::new();
    let mut rest = text;
    while let Some(dollar) = rest.find('$') {
        let (before, from) = rest.split_at(dollar);
        expanded.push_str(before);
        if let Some(after) = from.strip_prefix("$${") {
            expanded.push_str("${");
            rest = after;
        } else if let Some(after) = from.strip_prefix("${") {
            let (inside, after) = after.split_once('}').ok_or_else(|| {
                Mistake::new("`${` without a closing `}`").hint("write `$${` for a literal `${`")
            })?;
            expanded.push_str(&value_of(inside, environment)?);
            rest = after;
        } else {
            expanded.push('$');
            rest = from.strip_prefix('$').unwrap_or_default();
        }
    }
    expanded.push_str(rest);
    Ok(Some(expanded))
}

fn value_of(inside: &str, environment: &Environment<'_>) -> Result<String, Mistake> {
    let (name, default) = match inside.split_once(":-") {
        Some((name, default)) => (name, Some(default)),
        None => (inside, None),
    };
    if !is_name(name) {
        return Err(
            Mistake::new(format!("`${{{}}}` is no variable name", shown(inside)))
                .hint("write `${NAME}` or `${NAME:-default}`, and `$${` for a literal `${`"),
        );
    }
    match (environment(name), default) {
        (Lookup::Value(value), None) => Ok(value),
        // As in a shell, `:-` also stands in for an empty value.
        (Lookup::Value(value), Some(_)) if !value.is_empty() => Ok(value),
        (Lookup::NotText, _) => Err(Mistake::new(format!(
            "the environment variable `{name}` is not UTF-8"
        ))
        .hint("its value must be text")),
        (_, Some(default)) => Ok(default.to_owned()),
        (Lookup::Unset, None) => Err(Mistake::new(format!(
            "the environment variable `{name}` is not set"
        ))
        .hint(format!("set it, or give a default: `${{{name}:-value}}`"))),
    }
}

/// A name as POSIX shells have it.
pub(super) fn is_name(name: &str) -> bool {
    name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        && name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(name: &str) -> Lookup {
        match name {
            "HOST" => Lookup::Value("app".to_owned()),
            "EMPTY" => Lookup::Value(String::new()),
            "NESTED" => Lookup::Value("${HOST}".to_owned()),
            "BINARY" => Lookup::NotText,
            _ => Lookup::Unset,
        }
    }

    fn expanded(text: &str) -> String {
        expand(text, &environment)
            .unwrap()
            .unwrap_or_else(|| text.to_owned())
    }

    #[test]
    fn names_and_defaults_are_replaced() {
        assert_eq!(expanded("http://${HOST}:3000"), "http://app:3000");
        assert_eq!(expanded("${HOST}${HOST}"), "appapp");
        assert_eq!(expanded("${PORT:-3000}"), "3000");
        assert_eq!(expanded("${EMPTY:-x}"), "x");
        assert_eq!(expanded("${EMPTY}"), "");
        assert_eq!(expanded("${PORT:-}"), "");
    }

    #[test]
    fn dollars_that_are_no_variable_stay() {
        assert_eq!(expanded("$${HOST}"), "${HOST}");
        assert_eq!(expanded("cost $5 $$ $HOST"), "cost $5 $$ $HOST");
        assert_eq!(expanded("$$${HOST}"), "$${HOST}");
    }

    #[test]
    fn a_value_is_not_read_again() {
        assert_eq!(expanded("${NESTED}"), "${HOST}");
    }

    #[test]
    fn what_cannot_be_replaced_is_a_mistake() {
        for (text, word) in [
            ("${MISSING}", "`MISSING` is not set"),
            ("${HOST", "closing"),
            ("${}", "no variable name"),
            ("${1A}", "no variable name"),
            ("${A B}", "no variable name"),
            ("${BINARY:-x}", "not UTF-8"),
        ] {
            let mistake = expand(text, &environment).unwrap_err();
            assert!(mistake.message.contains(word), "{text}: {mistake:?}");
        }
    }
}
