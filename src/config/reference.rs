//! The reference table of every key, from the tables that the decoder walks: `docs/configuration.md` holds it, and a test compares.

use super::fields::ROOT;
use super::kind::{By, Field, Kind, Presence, Preset};
use super::units;

/// A Markdown table: key, type, default, meaning.
pub(super) fn reference() -> String {
    fields(ROOT.fields())
}

/// The same of some keys.
pub(super) fn fields(fields: impl Iterator<Item = &'static Field>) -> String {
    let mut rows = Rows(String::from(
        "| key | type | default | meaning |\n|---|---|---|---|\n",
    ));
    for field in fields {
        rows.field("", field, "");
    }
    rows.0
}

struct Rows(String);

impl Rows {
    fn field(&mut self, prefix: &str, field: &Field, note: &str) {
        let path = format!("{prefix}{}", field.name);
        let cell = |text: &str| text.replace('|', "\\|");
        self.0.push_str(&format!(
            "| `{path}` | {} | {} | {}{note} |\n",
            cell(&type_name(&field.kind)),
            cell(&default(field)),
            cell(field.doc),
        ));
        self.inside(&path, &field.kind);
    }

    fn inside(&mut self, path: &str, kind: &Kind) {
        match kind {
            Kind::Table(table) => {
                for field in table.fields() {
                    self.field(&format!("{path}."), field, "");
                }
            }
            Kind::List { of, .. } => self.inside(&format!("{path}[]"), of),
            Kind::Map { of, .. } => self.inside(&format!("{path}.*"), of),
            Kind::Either { long, .. } => self.inside(path, long),
            Kind::Variants(variants) => {
                let prefix = format!("{path}.");
                for field in variants.common.iter().copied().flatten() {
                    self.field(&prefix, field, "");
                }
                let mut seen: Vec<&str> = Vec::new();
                for field in variants.list.iter().flat_map(|variant| variant.fields()) {
                    // The same key may mean another thing for another provider.
                    if seen.contains(&field.doc) {
                        continue;
                    }
                    seen.push(field.doc);
                    let owners: Vec<&str> = variants
                        .list
                        .iter()
                        .filter(|variant| variant.fields().any(|other| other.doc == field.doc))
                        .map(|variant| variant.name)
                        .collect();
                    let note = match variants.by {
                        By::Value(_) => format!(" ({})", owners.join(", ")),
                        By::Presence => String::new(),
                    };
                    self.field(&prefix, field, &note);
                }
            }
            _ => {}
        }
    }
}

fn type_name(kind: &Kind) -> String {
    match kind {
        Kind::Text(text) if !text.choices.is_empty() => text
            .choices
            .iter()
            .map(|choice| format!("`{choice}`"))
            .collect::<Vec<_>>()
            .join(", "),
        Kind::Text(text) => text.noun.to_owned(),
        Kind::Bool => "`true`, `false`".to_owned(),
        Kind::Integer { min, max } => format!("number, {min} to {max}"),
        Kind::Duration { min, max } => format!(
            "duration, {} to {}",
            units::write_duration(*min),
            units::write_duration(*max)
        ),
        Kind::Size { min, max } => format!(
            "size, {} to {}",
            units::write_size(*min),
            units::write_size(*max)
        ),
        Kind::Json => "any value".to_owned(),
        Kind::JsonObject => "mapping".to_owned(),
        Kind::List { of, .. } => match of {
            Kind::Table(_) | Kind::Variants(_) => "list of mappings".to_owned(),
            of => format!("list of: {}", type_name(of)),
        },
        Kind::Map { of, .. } => format!("mapping of names to: {}", type_name(of)),
        Kind::Table(_) | Kind::Variants(_) => "mapping".to_owned(),
        Kind::Either { scalar, long } => format!("{}; or {}", type_name(scalar), type_name(long)),
    }
}

fn default(field: &Field) -> String {
    match field.presence {
        Presence::Required => "required".to_owned(),
        Presence::Optional(absent) => absent.to_owned(),
        Presence::Default(preset) => {
            let text = match preset {
                Preset::Text(text) => text.to_owned(),
                Preset::Bool(value) => value.to_string(),
                Preset::Duration(value) => units::write_duration(value),
                Preset::Size(value) => units::write_size(value),
                Preset::Nothing => "[]".to_owned(),
            };
            match field.kind {
                Kind::List { .. } if text != "[]" => format!("`[{text}]`"),
                _ => format!("`{text}`"),
            }
        }
    }
}
