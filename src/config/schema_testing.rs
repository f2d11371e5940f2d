//! As much of JSON Schema (draft 2020-12) as the generated schema uses. An unknown keyword is a failure, so that nothing passes unseen.

use serde_json::Value;

use super::problem::{Place, Problems};
use super::{scalar, text, tree, units};

/// What is wrong with `value`, none when it fits.
pub fn errors(schema: &Value, value: &Value) -> Vec<String> {
    let mut errors = Vec::new();
    check(schema, value, "$", &mut errors);
    errors
}

/// As a JSON Schema tool sees a YAML file: typed by the core schema. None when its numbers are beyond what such tools read.
pub fn as_json(text: &str) -> Option<Value> {
    let mut problems = Problems::new("f", text);
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let node = tree::read(text).0.expect("a tree");
    let json = scalar::json(&node, &Place::default(), &mut problems)?;
    serde_json::from_str(&json.to_ascii()).ok()
}

fn fits(schema: &Value, value: &Value) -> bool {
    errors(schema, value).is_empty()
}

fn check(schema: &Value, value: &Value, path: &str, errors: &mut Vec<String>) {
    let Some(keywords) = schema.as_object() else {
        if schema == &Value::Bool(false) {
            errors.push(format!("{path}: not allowed"));
        }
        return;
    };
    for (keyword, argument) in keywords {
        let ok = match keyword.as_str() {
            "$schema" | "title" | "description" | "default" | "then" => true,
            "type" => is_type(argument, value),
            "enum" => argument.as_array().unwrap().contains(value),
            "const" => argument == value,
            "minimum" => value
                .as_u64()
                .is_none_or(|v| v >= argument.as_u64().unwrap()),
            "maximum" => value
                .as_u64()
                .is_none_or(|v| v <= argument.as_u64().unwrap()),
            "minLength" => value
                .as_str()
                .is_none_or(|v| v.len() as u64 >= argument.as_u64().unwrap()),
            "minItems" => value
                .as_array()
                .is_none_or(|v| v.len() as u64 >= argument.as_u64().unwrap()),
            "uniqueItems" => value
                .as_array()
                .is_none_or(|v| v.iter().enumerate().all(|(i, item)| !v[..i].contains(item))),
            "pattern" => value
                .as_str()
                .is_none_or(|v| matches_pattern(argument.as_str().unwrap(), v)),
            "required" => value.as_object().is_none_or(|object| {
                argument
                    .as_array()
                    .unwrap()
                    .iter()
                    .all(|name| object.contains_key(name.as_str().unwrap()))
            }),
            "properties" => {
                for (name, schema) in argument.as_object().unwrap() {
                    if let Some(member) = value.get(name) {
                        check(schema, member, &format!("{path}.{name}"), errors);
                    }
                }
                true
            }
            "additionalProperties" => {
                let known = keywords.get("properties").and_then(Value::as_object);
                for (name, member) in value.as_object().into_iter().flatten() {
                    if known.is_none_or(|known| !known.contains_key(name)) {
                        check(argument, member, &format!("{path}.{name}"), errors);
                    }
                }
                true
            }
            "items" => {
                for (index, item) in value.as_array().into_iter().flatten().enumerate() {
                    check(argument, item, &format!("{path}[{index}]"), errors);
                }
                true
            }
            "allOf" => {
                for schema in argument.as_array().unwrap() {
                    check(schema, value, path, errors);
                }
                true
            }
            "anyOf" => argument
                .as_array()
                .unwrap()
                .iter()
                .any(|schema| fits(schema, value)),
            "oneOf" => {
                argument
                    .as_array()
                    .unwrap()
                    .iter()
                    .filter(|schema| fits(schema, value))
                    .count()
                    == 1
            }
            "not" => !fits(argument, value),
            "if" => {
                if fits(argument, value) {
                    check(&keywords["then"], value, path, errors);
                }
                true
            }
            other => panic!("unknown keyword `{other}`"),
        };
        if !ok {
            errors.push(format!("{path}: {keyword} {argument}"));
        }
    }
}

fn is_type(argument: &Value, value: &Value) -> bool {
    let is = |name: &str| match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "number" => value.is_number(),
        "integer" => value.is_u64() || value.is_i64(),
        "boolean" => value.is_boolean(),
        other => panic!("unknown type `{other}`"),
    };
    match argument {
        Value::String(name) => is(name),
        names => names
            .as_array()
            .unwrap()
            .iter()
            .any(|name| is(name.as_str().unwrap())),
    }
}

/// The schema has four patterns, and what they mean is known; the real notation is checked by schema tools outside.
fn matches_pattern(pattern: &str, value: &str) -> bool {
    match pattern {
        "\\$\\{" => value.contains("${"),
        units::DURATION_PATTERN => units::duration(value).is_ok(),
        units::SIZE_PATTERN => units::size(value).is_ok(),
        other if Some(other) == text::LABEL.pattern => (text::LABEL.check)(value).is_ok(),
        other => panic!("unknown pattern `{other}`"),
    }
}
