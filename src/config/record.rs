//! Decoded values: of the right kind each, with their place, for the files that build settings from them.

use std::time::Duration;

use super::problem::{Mistake, Place, redact};
use crate::jose::json::Json;

/// A value that has the kind which its field asks for.
pub(super) struct Item {
    pub place: Place,
    pub data: Data,
    /// What a message may show of a scalar: never the value of an environment variable.
    pub shown: String,
}

pub(super) enum Data {
    Text(String),
    Bool(bool),
    Integer(u64),
    Duration(Duration),
    Size(usize),
    Json(Json),
    List(Vec<Item>),
    /// Name and value, in the order of the file.
    Map(Vec<(Item, Item)>),
    Record(Record),
}

/// A decoded mapping with known keys.
pub(super) struct Record {
    pub place: Place,
    /// Which variant of a table with variants.
    pub variant: Option<&'static str>,
    pub(super) slots: Vec<Slot>,
}

pub(super) struct Slot {
    pub name: &'static str,
    pub place: Place,
    /// In the file, and not a default.
    pub given: bool,
    /// None: wrong, misspelt, or required and missing; and reported.
    pub item: Option<Item>,
}

impl Record {
    pub fn item(&self, name: &str) -> Option<&Item> {
        self.slot(name)?.item.as_ref()
    }

    /// The key is in the file, right or wrong.
    pub fn given(&self, name: &str) -> bool {
        self.slot(name).is_some_and(|slot| slot.given)
    }

    /// A problem of this key is reported: what depends on it cannot be judged.
    pub fn broken(&self, name: &str) -> bool {
        self.slot(name).is_some_and(|slot| slot.item.is_none())
    }

    /// A problem of any key is reported.
    pub fn has_broken(&self) -> bool {
        self.slots.iter().any(|slot| slot.item.is_none())
    }

    /// Where the key's value is, or the mapping when it is not there.
    pub fn place(&self, name: &str) -> Place {
        match self.slot(name) {
            Some(slot) if slot.given => slot.place.clone(),
            _ => self.place.clone(),
        }
    }

    pub fn text(&self, name: &str) -> Option<&str> {
        self.item(name)?.text()
    }

    pub fn boolean(&self, name: &str) -> Option<bool> {
        match self.item(name)?.data {
            Data::Bool(value) => Some(value),
            _ => None,
        }
    }

    pub fn integer(&self, name: &str) -> Option<u64> {
        match self.item(name)?.data {
            Data::Integer(value) => Some(value),
            _ => None,
        }
    }

    pub fn duration(&self, name: &str) -> Option<Duration> {
        match self.item(name)?.data {
            Data::Duration(value) => Some(value),
            _ => None,
        }
    }

    pub fn size(&self, name: &str) -> Option<usize> {
        match self.item(name)?.data {
            Data::Size(value) => Some(value),
            _ => None,
        }
    }

    pub fn record(&self, name: &str) -> Option<&Record> {
        self.item(name)?.record()
    }

    /// The elements of a list, or the one scalar that stands for it. Empty when absent.
    pub fn items(&self, name: &str) -> &[Item] {
        self.item(name).map_or(&[], Item::items)
    }

    /// As [`Record::items`], for texts.
    pub fn texts(&self, name: &str) -> Vec<String> {
        self.items(name)
            .iter()
            .filter_map(|item| item.text().map(str::to_owned))
            .collect()
    }

    fn slot(&self, name: &str) -> Option<&Slot> {
        self.slots.iter().find(|slot| slot.name == name)
    }
}

impl Item {
    pub fn text(&self) -> Option<&str> {
        match &self.data {
            Data::Text(text) => Some(text),
            _ => None,
        }
    }

    /// `mistake` without what this value, or an element of it, has from the environment.
    pub fn redact(&self, mistake: Mistake) -> Mistake {
        match &self.data {
            Data::Text(text) if *text != self.shown => redact(mistake, text, Some(&self.shown)),
            Data::List(items) => items
                .iter()
                .fold(mistake, |mistake, item| item.redact(mistake)),
            _ => mistake,
        }
    }

    pub fn record(&self) -> Option<&Record> {
        match &self.data {
            Data::Record(record) => Some(record),
            _ => None,
        }
    }

    pub fn items(&self) -> &[Item] {
        match &self.data {
            Data::List(items) => items,
            Data::Text(_) => std::slice::from_ref(self),
            _ => &[],
        }
    }

    pub fn entries(&self) -> &[(Item, Item)] {
        match &self.data {
            Data::Map(entries) => entries,
            _ => &[],
        }
    }
}
