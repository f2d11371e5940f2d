//! The JSON Schema (draft 2020-12) of the file, from the tables that the decoder walks: for editors and for checks in CI.

use serde_json::{Map, Value, json};

use super::fields::ROOT;
use super::kind::{By, Field, Kind, OneOf, Presence, Preset, TextKind, Variants};
use super::units;

/// A value that the environment fills in: any scalar may have one, and only the gate can check it.
const VARIABLE_PATTERN: &str = "\\$\\{";

/// The schema of a whole file.
pub fn schema() -> Value {
    let mut schema = object(&ROOT.fields().collect::<Vec<_>>(), ROOT.one_of.as_ref());
    if let Some(members) = schema.as_object_mut() {
        members.insert(
            "$schema".to_owned(),
            json!("https://json-schema.org/draft/2020-12/schema"),
        );
        members.insert("title".to_owned(), json!("claimgate configuration"));
    }
    schema
}

fn object(fields: &[&'static Field], one_of: Option<&OneOf>) -> Value {
    let mut properties = Map::new();
    let mut required = Vec::new();
    for field in fields {
        properties.insert(field.name.to_owned(), property(field));
        if matches!(field.presence, Presence::Required) {
            required.push(field.name);
        }
    }
    let mut schema = json!({
        "type": "object",
        "properties": properties,
        "additionalProperties": false,
    });
    if !required.is_empty() {
        insert(&mut schema, "required", json!(required));
    }
    if let Some(one_of) = one_of {
        let given: Vec<Value> = one_of
            .names
            .iter()
            .map(|name| json!({ "required": [name] }))
            .collect();
        let mut choices = given.clone();
        if !one_of.required {
            choices.push(json!({ "not": { "anyOf": given } }));
        }
        insert(&mut schema, "oneOf", json!(choices));
    }
    schema
}

fn property(field: &Field) -> Value {
    let mut schema = of(&field.kind);
    insert(&mut schema, "description", json!(field.doc));
    if let Presence::Default(preset) = field.presence {
        insert(&mut schema, "default", default(preset, &field.kind));
    }
    schema
}

fn of(kind: &Kind) -> Value {
    match kind {
        Kind::Text(text) => of_text(text),
        Kind::Bool => or_variable(json!({ "type": "boolean" })),
        Kind::Integer { min, max } => {
            or_variable(json!({ "type": "integer", "minimum": min, "maximum": max }))
        }
        Kind::Duration { .. } => {
            or_variable(json!({ "type": "string", "pattern": units::DURATION_PATTERN }))
        }
        Kind::Size { min, max } => json!({ "anyOf": [
            { "type": "integer", "minimum": min, "maximum": max },
            { "type": "string", "pattern": units::SIZE_PATTERN },
            variable(),
        ] }),
        Kind::Json => json!({}),
        Kind::JsonObject => json!({ "type": "object" }),
        Kind::List {
            of: item,
            at_least_one,
        } => {
            let mut schema = json!({ "type": "array", "items": of(item), "uniqueItems": true });
            // Equal JSON values in a rule are harmless, and only texts are compared.
            if matches!(item, Kind::Json) {
                schema = json!({ "type": "array", "items": of(item) });
            }
            if *at_least_one {
                insert(&mut schema, "minItems", json!(1));
            }
            schema
        }
        Kind::Map {
            names: _,
            of: value,
        } => {
            json!({ "type": "object", "additionalProperties": of(value) })
        }
        Kind::Table(table) => object(&table.fields().collect::<Vec<_>>(), table.one_of.as_ref()),
        Kind::Variants(variants) => of_variants(variants),
        Kind::Either { scalar, long } => json!({ "anyOf": [of(scalar), of(long)] }),
        // Not a property at all: see `object`.
    }
}

fn of_text(text: &TextKind) -> Value {
    if !text.choices.is_empty() {
        return or_variable(json!({ "enum": text.choices }));
    }
    match text.pattern {
        Some(pattern) => {
            or_variable(json!({ "type": ["string", "number", "boolean"], "pattern": pattern }))
        }
        // Where a text is wanted, `1.0` and `123` are taken as written.
        None => json!({ "type": ["string", "number", "boolean"], "minLength": 1 }),
    }
}

fn of_variants(variants: &'static Variants) -> Value {
    let table = |variant: &'static super::kind::Variant| {
        let common = variants.common.iter().copied().flatten();
        let mut schema = object(&common.chain(variant.fields()).collect::<Vec<_>>(), None);
        insert(&mut schema, "title", json!(variant.title));
        insert(&mut schema, "description", json!(variant.doc));
        schema
    };
    match variants.by {
        By::Presence => {
            let choices: Vec<Value> = variants.list.iter().copied().map(table).collect();
            json!({ "oneOf": choices })
        }
        By::Value(key) => {
            let common: Vec<&Field> = variants.common.iter().copied().flatten().collect();
            let named = common
                .iter()
                .find(|field| field.name == key)
                .map_or(json!({}), |field| property(field));
            let choices: Vec<Value> = variants
                .list
                .iter()
                .map(|variant| {
                    json!({
                        "if": { "properties": { key: { "const": variant.name } }, "required": [key] },
                        "then": table(variant),
                    })
                })
                .collect();
            json!({
                "type": "object",
                "required": [key],
                "properties": { key: named },
                "allOf": choices,
            })
        }
    }
}

fn or_variable(schema: Value) -> Value {
    json!({ "anyOf": [schema, variable()] })
}

fn variable() -> Value {
    json!({ "type": "string", "pattern": VARIABLE_PATTERN })
}

fn default(preset: Preset, kind: &Kind) -> Value {
    match preset {
        Preset::Text(text) if matches!(kind, Kind::List { .. }) => json!([text]),
        Preset::Text(text) => json!(text),
        Preset::Bool(value) => json!(value),
        Preset::Duration(value) => json!(units::write_duration(value)),
        Preset::Size(value) => json!(units::write_size(value)),
        Preset::Nothing => json!([]),
    }
}

fn insert(schema: &mut Value, name: &str, value: Value) {
    if let Some(members) = schema.as_object_mut() {
        members.insert(name.to_owned(), value);
    }
}
