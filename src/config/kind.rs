//! What a key of the file may hold. Tables of these drive the decoder, the JSON Schema and the reference page, so that they agree.

use std::time::Duration;

use super::problem::Mistake;

/// The shape of a value.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    /// A scalar, taken as written: `1.0` and `123` are texts here.
    Text(&'static TextKind),
    Bool,
    Integer {
        min: u64,
        max: u64,
    },
    Duration {
        min: Duration,
        max: Duration,
    },
    /// Bytes.
    Size {
        min: usize,
        max: usize,
    },
    /// Any value, typed as YAML's core schema does; quoted is text.
    Json,
    /// A mapping of any names to any values.
    JsonObject,
    List {
        of: &'static Kind,
        at_least_one: bool,
    },
    /// A mapping with free names.
    Map {
        names: &'static TextKind,
        of: &'static Kind,
    },
    Table(&'static Table),
    Variants(&'static Variants),
    /// A scalar, or the longer form.
    Either {
        scalar: &'static Kind,
        long: &'static Kind,
    },
}

/// What a text must be.
pub(super) struct TextKind {
    /// `a duration`, for messages.
    pub noun: &'static str,
    /// When not empty, exactly one of these.
    pub choices: &'static [&'static str],
    /// For the JSON Schema, in its (ECMA-262) notation.
    pub pattern: Option<&'static str>,
    pub check: fn(&str) -> Result<(), Mistake>,
    /// It is the path of a file that is read with the configuration, and by nobody again.
    pub read_with_file: bool,
}

/// A mapping with known keys.
pub(super) struct Table {
    pub groups: &'static [&'static [Field]],
    pub one_of: Option<OneOf>,
}

/// Keys of which a table may have only one.
pub(super) struct OneOf {
    pub names: &'static [&'static str],
    pub required: bool,
}

pub(super) struct Field {
    pub name: &'static str,
    pub kind: Kind,
    pub presence: Presence,
    /// One or two sentences for the operator.
    pub doc: &'static str,
}

#[derive(Clone, Copy)]
pub(super) enum Presence {
    Required,
    /// Absent means what the text says, if it says anything.
    Optional(
        #[cfg_attr(
            not(test),
            expect(dead_code, reason = "for the reference page, which a test writes")
        )]
        &'static str,
    ),
    Default(Preset),
}

/// A default, from the named constant of the folder that uses it.
#[derive(Clone, Copy)]
pub(super) enum Preset {
    Text(&'static str),
    Bool(bool),
    Duration(Duration),
    Size(usize),
    /// A list of nothing.
    Nothing,
}

/// A table of which a part depends on one of its keys.
pub(super) struct Variants {
    pub by: By,
    pub common: &'static [&'static [Field]],
    pub list: &'static [&'static Variant],
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    /// The value of this key, which is in `common`.
    Value(&'static str),
    /// The key that has the variant's name.
    Presence,
}

pub(super) struct Variant {
    pub name: &'static str,
    /// What a person calls it.
    pub title: &'static str,
    /// What is special about it, in a sentence or two for the operator.
    pub doc: &'static str,
    pub groups: &'static [&'static [Field]],
}

impl Table {
    pub fn fields(&self) -> impl Iterator<Item = &'static Field> + use<> {
        self.groups.iter().copied().flatten()
    }
}

impl Variants {
    pub fn variant(&self, name: &str) -> Option<&'static Variant> {
        self.list
            .iter()
            .copied()
            .find(|variant| variant.name == name)
    }

    pub fn names(&self) -> impl Iterator<Item = &'static str> + use<> {
        self.list.iter().map(|variant| variant.name)
    }

    /// The key `name` of a variant, and the names of the variants that have it.
    pub fn owners(&self, name: &str) -> Vec<&'static str> {
        self.list
            .iter()
            .filter(|variant| variant.fields().any(|field| field.name == name))
            .map(|variant| variant.name)
            .collect()
    }
}

impl Variant {
    pub fn fields(&self) -> impl Iterator<Item = &'static Field> + use<> {
        self.groups.iter().copied().flatten()
    }
}

impl Field {
    pub const fn required(name: &'static str, kind: Kind, doc: &'static str) -> Self {
        Self {
            name,
            kind,
            presence: Presence::Required,
            doc,
        }
    }

    pub const fn optional(
        name: &'static str,
        kind: Kind,
        absent: &'static str,
        doc: &'static str,
    ) -> Self {
        Self {
            name,
            kind,
            presence: Presence::Optional(absent),
            doc,
        }
    }

    pub const fn with_default(
        name: &'static str,
        kind: Kind,
        preset: Preset,
        doc: &'static str,
    ) -> Self {
        Self {
            name,
            kind,
            presence: Presence::Default(preset),
            doc,
        }
    }
}
