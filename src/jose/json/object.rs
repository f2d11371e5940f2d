//! The members of an object, in as little memory as they need: all names are one text, because a block for each would be larger than most names are.

use std::fmt;

use super::{Json, print};

/// Objects up to this size are searched pair by pair for duplicates: faster than sorting, and bounded.
const FEW_MEMBERS: usize = 16;

/// Members in the order in which they were written, which says nothing about equality.
#[derive(Clone, Default)]
pub struct Object(
    /// In a block of their own, so that objects do not make every other value as large as they are. None: there are none.
    Option<Box<Members>>,
);

#[derive(Clone)]
struct Members {
    /// One after the other.
    names: Box<str>,
    each: Box<[Member]>,
}

#[derive(Clone)]
struct Member {
    /// Where the name ends in `names`; it starts where the one before it ends.
    name_end: usize,
    value: Json,
}

impl Object {
    /// What each member has besides its name and the blocks of its value.
    #[cfg(test)]
    pub const MEMBER: usize = size_of::<Member>();

    pub fn get(&self, name: &str) -> Option<&Json> {
        self.iter().find(|(n, _)| *n == name).map(|(_, v)| v)
    }
    /// The value at the end of a path of member names; no name is split.
    pub fn at(&self, path: &[impl AsRef<str>]) -> Option<&Json> {
        let (first, inner) = path.split_first()?;
        inner
            .iter()
            .try_fold(self.get(first.as_ref())?, |value, name| {
                value.as_object()?.get(name.as_ref())
            })
    }
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Json)> {
        let mut start = 0;
        let (names, members) = self.parts();
        members.iter().map(move |member| {
            let name = names.get(start..member.name_end).unwrap_or("");
            start = member.name_end;
            (name, &member.value)
        })
    }
    pub fn len(&self) -> usize {
        self.parts().1.len()
    }
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }
    /// As [`Json::to_ascii`].
    pub fn to_ascii(&self) -> String {
        print::object(self)
    }
    /// The sizes in bytes of the blocks of memory that it has for itself: of all names, of all members, and of where those are. Those of its values are theirs.
    pub fn blocks(&self) -> [usize; 3] {
        let (names, members) = self.parts();
        let own = self.0.as_deref().map_or(0, size_of_val);
        [names.len(), size_of_val(members), own]
    }
    fn parts(&self) -> (&str, &[Member]) {
        self.0
            .as_deref()
            .map_or(("", &[]), |members| (&members.names, &members.each))
    }
    pub(super) fn has_duplicate(&self) -> bool {
        if self.len() <= FEW_MEMBERS {
            let mut names = [""; FEW_MEMBERS];
            for (to, (name, _)) in names.iter_mut().zip(self.iter()) {
                *to = name;
            }
            let mut rest = names.iter().take(self.len());
            while let Some(name) = rest.next() {
                if rest.clone().any(|other| other == name) {
                    return true;
                }
            }
            return false;
        }
        let mut names: Vec<&str> = self.iter().map(|(name, _)| name).collect();
        names.sort_unstable();
        names.iter().zip(names.iter().skip(1)).any(|(a, b)| a == b)
    }
}

impl PartialEq for Object {
    fn eq(&self, other: &Self) -> bool {
        // No name stands twice in either: equally many, each with its like in the other, are all of them. What is compared with a
        // token's claim is a value of the configuration, so this is as short as the operator's YAML.
        self.len() == other.len()
            && self
                .iter()
                .all(|(name, value)| other.get(name) == Some(value))
    }
}

impl fmt::Debug for Object {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_map().entries(self.iter()).finish()
    }
}

impl FromIterator<(Box<str>, Json)> for Object {
    fn from_iter<I: IntoIterator<Item = (Box<str>, Json)>>(members: I) -> Self {
        let mut writer = Writer::default();
        for (name, value) in members {
            writer.add(&name, value);
        }
        writer.finish()
    }
}

/// Collects members.
#[derive(Default)]
pub(super) struct Writer {
    names: String,
    members: Vec<Member>,
}

impl Writer {
    pub fn add(&mut self, name: &str, value: Json) {
        if self.members.is_empty() {
            self.names.reserve(USUAL_NAMES);
        }
        self.names.push_str(name);
        self.members.push(Member {
            name_end: self.names.len(),
            value,
        });
    }

    pub fn finish(self) -> Object {
        if self.members.is_empty() {
            return Object(None);
        }
        Object(Some(Box::new(Members {
            names: self.names.into_boxed_str(),
            each: self.members.into_boxed_slice(),
        })))
    }
}

/// As many bytes as the names of a usual token's claims have: the text then need not grow.
const USUAL_NAMES: usize = 128;
