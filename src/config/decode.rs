//! From the tree to decoded values, by the tables of fields. Collects every problem instead of stopping at the first.

use std::collections::HashMap;
use std::path::PathBuf;

use super::kind::{By, Field, Kind, OneOf, Presence, Preset, Table, TextKind, Variants};
use super::near::nearest;
use super::problem::{Mistake, Place, Problems, redact, shown};
use super::read_scalar::{expected, quoted, read_scalar, variant_names};
use super::record::{Data, Item, Record, Slot};
use super::scalar::{json, unique};
use super::tree::{Entry, Node, Scalar, Value};

/// Decodes `node` as `kind`. `None`: it is not one, and the reason is in `problems`.
pub(super) fn decode(
    node: &Node,
    kind: &Kind,
    place: Place,
    problems: &mut Problems,
) -> Option<Item> {
    decode_with_files(node, kind, place, problems, &mut Vec::new())
}

/// As [`decode`]; `files` gets the files that are read with the configuration, whatever is wrong elsewhere.
pub(super) fn decode_with_files(
    node: &Node,
    kind: &Kind,
    place: Place,
    problems: &mut Problems,
    files: &mut Vec<PathBuf>,
) -> Option<Item> {
    let mut decoder = Decoder { problems, files };
    decoder.item(node, kind, place)
}

struct Decoder<'p> {
    problems: &'p mut Problems,
    files: &'p mut Vec<PathBuf>,
}

impl Decoder<'_> {
    fn item(&mut self, node: &Node, kind: &Kind, place: Place) -> Option<Item> {
        if matches!(node.value, Value::Broken) {
            return None;
        }
        if node.is_null() && !matches!(kind, Kind::Json) {
            self.problems.error(
                &place,
                Mistake::new(format!("`{}` has no value", place.path))
                    .hint(format!("expected {}, or take the key away", expected(kind))),
            );
            return None;
        }
        let shown = match &node.value {
            Value::Scalar(scalar) => scalar.shown(),
            _ => String::new(),
        };
        let data = match kind {
            Kind::Either { scalar, long } => {
                let chosen = match &node.value {
                    Value::Scalar(_) => scalar,
                    _ => long,
                };
                return self.item(node, chosen, place);
            }
            Kind::Json => Data::Json(json(node, &place, self.problems)?),
            Kind::JsonObject => match &node.value {
                Value::Mapping(_) => Data::Json(json(node, &place, self.problems)?),
                _ => return self.mismatch(node, kind, &place),
            },
            Kind::List { of, at_least_one } => {
                Data::List(self.list(node, kind, of, *at_least_one, &place)?)
            }
            Kind::Map { names, of } => Data::Map(self.map(node, kind, names, of, &place)?),
            Kind::Table(table) => Data::Record(self.table(node, kind, table, &place)?),
            Kind::Variants(variants) => Data::Record(self.variants(node, kind, variants, &place)?),
            scalar_kind => match &node.value {
                Value::Scalar(scalar) => self.scalar(scalar, scalar_kind, &place)?,
                _ => return self.mismatch(node, kind, &place),
            },
        };
        Some(Item { place, data, shown })
    }

    fn mismatch<T>(&mut self, node: &Node, kind: &Kind, place: &Place) -> Option<T> {
        let found = match &node.value {
            Value::Scalar(scalar) => format!("`{}`", scalar.shown()),
            Value::Sequence(_) => "a list".to_owned(),
            Value::Mapping(_) => "a mapping".to_owned(),
            Value::Broken => return None,
        };
        let mut mistake = Mistake::new(format!("expected {}, found {found}", expected(kind)));
        mistake = match (&node.value, kind) {
            (Value::Scalar(scalar), Kind::List { of, .. }) => {
                mistake.hint(match read_scalar(scalar, of) {
                    Ok(_) => format!("write it as a list: `[{}]`", scalar.shown()),
                    Err(_) => format!("each element is {}", expected(of)),
                })
            }
            (_, Kind::Table(table)) => mistake.hint(format!(
                "its keys are {}",
                quoted(&table.fields().map(|f| f.name).collect::<Vec<_>>())
            )),
            (_, Kind::Variants(variants)) => mistake.hint(match variants.by {
                By::Value(key) => format!("it begins with `{key}`"),
                By::Presence => format!("its keys are {}", variant_names(variants)),
            }),
            (Value::Sequence(_), _) => mistake.hint("only one value is possible here"),
            _ => mistake.hint(format!("`{}` is {}", place.path, expected(kind))),
        };
        self.problems.error(place, mistake);
        None
    }

    fn scalar(&mut self, scalar: &Scalar, kind: &Kind, place: &Place) -> Option<Data> {
        match read_scalar(scalar, kind) {
            Ok(data) => {
                if let (Kind::Text(of), Data::Text(path)) = (kind, &data)
                    && of.read_with_file
                {
                    self.files.push(path.into());
                }
                Some(data)
            }
            Err(mistake) => {
                self.problems.error(
                    place,
                    redact(mistake, &scalar.text, scalar.written.as_deref()),
                );
                None
            }
        }
    }

    /// The elements that are right; a wrong one is reported and left out.
    fn list(
        &mut self,
        node: &Node,
        kind: &Kind,
        of: &Kind,
        at_least_one: bool,
        place: &Place,
    ) -> Option<Vec<Item>> {
        let Value::Sequence(nodes) = &node.value else {
            return self.mismatch(node, kind, place);
        };
        if nodes.is_empty() && at_least_one {
            self.problems.error(
                place,
                Mistake::new(format!("`{}` is empty", place.path))
                    .hint(format!("it needs at least one element: {}", expected(of))),
            );
            return None;
        }
        let mut items: Vec<Item> = Vec::new();
        let mut lines: HashMap<String, usize> = HashMap::new();
        for (index, node) in nodes.iter().enumerate() {
            let Some(item) = self.item(node, of, place.index(index, node.at)) else {
                continue;
            };
            let line = item.place.at.line;
            let first = item
                .text()
                .and_then(|text| lines.insert(text.to_owned(), line));
            match first {
                None => items.push(item),
                Some(first) => self.problems.error(
                    &item.place,
                    Mistake::new(format!("`{}` is in this list twice", item.shown))
                        .hint(format!("it is already on line {first}")),
                ),
            }
        }
        // Nothing but mistakes, all reported: not the same as a list that is empty.
        (nodes.is_empty() || !items.is_empty()).then_some(items)
    }

    fn map(
        &mut self,
        node: &Node,
        kind: &Kind,
        names: &'static TextKind,
        of: &Kind,
        place: &Place,
    ) -> Option<Vec<(Item, Item)>> {
        let Value::Mapping(entries) = &node.value else {
            return self.mismatch(node, kind, place);
        };
        let mut items = Vec::new();
        for entry in unique(entries, place, self.problems) {
            let name_place = place.key(&entry.name, entry.name_at);
            let scalar = Scalar {
                text: entry.name.clone(),
                plain: false,
                written: None,
            };
            let name = self.scalar(&scalar, &Kind::Text(names), &name_place);
            let value = self.item(&entry.value, of, value_place(place, entry));
            if let (Some(data), Some(value)) = (name, value) {
                let name = Item {
                    place: name_place,
                    data,
                    shown: shown(&entry.name),
                };
                items.push((name, value));
            }
        }
        Some(items)
    }

    fn table(
        &mut self,
        node: &Node,
        kind: &Kind,
        table: &'static Table,
        place: &Place,
    ) -> Option<Record> {
        let Value::Mapping(entries) = &node.value else {
            return self.mismatch(node, kind, place);
        };
        let fields: Vec<&'static Field> = table.fields().collect();
        let mut record = self.fields(entries, &fields, &fields, None, place);
        if let Some(one_of) = &table.one_of {
            self.only_one(one_of, &mut record);
        }
        Some(record)
    }

    fn only_one(&mut self, one_of: &OneOf, record: &mut Record) {
        let given: Vec<&str> = one_of
            .names
            .iter()
            .copied()
            .filter(|name| record.given(name))
            .collect();
        match given.as_slice() {
            [] if one_of.required => self.problems.error(
                &record.place,
                Mistake::new(format!("one of {} is needed here", quoted(one_of.names)))
                    .hint("add one of them"),
            ),
            [] | [_] => {}
            [first, others @ ..] => {
                for other in others {
                    self.problems.error(
                        &record.place(other),
                        Mistake::new(format!("`{other}` cannot stand beside `{first}`"))
                            .hint(format!("only one of {}", quoted(one_of.names))),
                    );
                }
            }
        }
    }

    fn variants(
        &mut self,
        node: &Node,
        kind: &Kind,
        variants: &'static Variants,
        place: &Place,
    ) -> Option<Record> {
        let Value::Mapping(entries) = &node.value else {
            return self.mismatch(node, kind, place);
        };
        let chosen = match variants.by {
            By::Presence => entries
                .iter()
                .find_map(|entry| variants.variant(&entry.name)),
            By::Value(key) => entries
                .iter()
                .find(|entry| entry.name == key)
                .and_then(|entry| match &entry.value.value {
                    Value::Scalar(scalar) => variants.variant(&scalar.text),
                    _ => None,
                }),
        };
        let common = variants.common.iter().copied().flatten();
        let mut record = match chosen {
            Some(variant) => {
                let fields: Vec<_> = common.chain(variant.fields()).collect();
                self.fields(
                    entries,
                    &fields,
                    &fields,
                    Some((variants, variant.name)),
                    place,
                )
            }
            // Without the variant nobody knows which keys are missing; those that are there are still checked.
            None => {
                let meant = |entry: &Entry| nearest(&entry.name, variants.names()).is_some();
                if variants.by == By::Presence && !entries.iter().any(meant) {
                    self.problems.error(
                        place,
                        Mistake::new(format!("one of {} is needed here", variant_names(variants)))
                            .hint("add one of them"),
                    );
                }
                let every = variants.list.iter().flat_map(|variant| variant.fields());
                let every: Vec<_> = every.collect();
                let known: Vec<_> = common.clone().chain(every.iter().copied()).collect();
                let present = every
                    .into_iter()
                    .filter(|field| entries.iter().any(|entry| entry.name == field.name));
                let fields: Vec<_> = common.chain(present).collect();
                self.fields(entries, &fields, &known, None, place)
            }
        };
        record.variant = chosen.map(|variant| variant.name);
        Some(record)
    }

    /// `known` is what a wrong name may have meant: all of `fields`, or more.
    fn fields(
        &mut self,
        entries: &[Entry],
        fields: &[&'static Field],
        known: &[&'static Field],
        variants: Option<(&'static Variants, &'static str)>,
        place: &Place,
    ) -> Record {
        let mut record = Record {
            place: place.clone(),
            variant: None,
            slots: Vec::new(),
        };
        let mut misspelt = Vec::new();
        for entry in unique(entries, place, self.problems) {
            let Some(field) = fields.iter().find(|field| field.name == entry.name) else {
                misspelt.extend(self.unknown_key(entry, known, variants, place));
                continue;
            };
            let place = value_place(place, entry);
            record.slots.push(Slot {
                name: field.name,
                item: self.item(&entry.value, &field.kind, place.clone()),
                place,
                given: true,
            });
        }
        for field in fields {
            if !record.given(field.name) {
                self.absent(field, misspelt.contains(&field.name), &mut record);
            }
        }
        record
    }

    fn absent(&mut self, field: &'static Field, misspelt: bool, record: &mut Record) {
        let place = record.place.key(field.name, record.place.at);
        let item = match field.presence {
            // One mistake, one problem: the unknown key was reported with this name as what was meant.
            _ if misspelt => None,
            Presence::Optional(_) => return,
            Presence::Required => {
                let doc = field.doc.trim_end_matches('.');
                let choices = match field.kind {
                    Kind::Text(text) if !text.choices.is_empty() => {
                        format!("; one of {}", quoted(text.choices))
                    }
                    _ => String::new(),
                };
                self.problems.error(
                    &place,
                    Mistake::new(format!("`{}` is missing", field.name))
                        .hint(format!("`{}`: {doc}{choices}", field.name)),
                );
                None
            }
            Presence::Default(preset) => Some(Item {
                place: place.clone(),
                data: preset_data(preset),
                shown: String::new(),
            }),
        };
        record.slots.push(Slot {
            name: field.name,
            place,
            given: false,
            item,
        });
    }

    /// Reports it, and says which key was probably meant.
    fn unknown_key(
        &mut self,
        entry: &Entry,
        fields: &[&'static Field],
        variants: Option<(&'static Variants, &'static str)>,
        place: &Place,
    ) -> Option<&'static str> {
        let known = || fields.iter().map(|field| field.name);
        let name = shown(&entry.name);
        let mut meant = None;
        let mut mistake = Mistake::new(format!("unknown key `{name}`"));
        let owners = variants.map_or(Vec::new(), |(variants, _)| variants.owners(&entry.name));
        mistake = if let (false, Some((variants, variant))) = (owners.is_empty(), variants) {
            let by = match variants.by {
                By::Value(key) => format!("{key} {}", quoted(&owners)),
                By::Presence => quoted(&owners),
            };
            match variants.by {
                // Both are there to choose by.
                By::Presence if owners.contains(&&*name) => {
                    mistake.message = format!("`{name}` cannot stand beside `{variant}`");
                    mistake.hint("leave one of them out")
                }
                _ => {
                    mistake.message = format!("`{name}` is not a key of `{variant}`");
                    mistake.hint(format!("it belongs to {by}"))
                }
            }
        } else if let Some(near) = nearest(&entry.name, known()) {
            meant = Some(near);
            mistake.hint(format!("did you mean `{near}`?"))
        } else {
            let known: Vec<_> = known().collect();
            mistake.hint(format!("known keys here: {}", quoted(&known)))
        };
        self.problems
            .error(&place.key(&entry.name, entry.name_at), mistake);
        meant
    }
}

fn preset_data(preset: Preset) -> Data {
    match preset {
        Preset::Text(text) => Data::Text(text.to_owned()),
        Preset::Bool(value) => Data::Bool(value),
        Preset::Duration(value) => Data::Duration(value),
        Preset::Size(value) => Data::Size(value),
        Preset::Nothing => Data::List(Vec::new()),
    }
}

/// A missing value is shown at its key: there is nothing else to point at.
fn value_place(place: &Place, entry: &Entry) -> Place {
    let at = if entry.value.is_null() {
        entry.name_at
    } else {
        entry.value.at
    };
    place.key(&entry.name, at)
}
