//! Strict JSON (RFC 8259 with RFC 7493's bans): UTF-8 without BOM, no duplicate members at any depth, no lone
//! surrogates, bounded depth, numbers kept as they were written so that nothing is rounded on the way.

/// Deepest nesting of arrays and objects.
pub const MAX_DEPTH: usize = 32;

#[derive(Clone, Debug, PartialEq)]
pub enum Json {
    Null,
    Bool(bool),
    Number(Number),
    String(Box<str>),
    Array(Vec<Json>),
    Object(Object),
}

/// A number as written. Equality is numeric and exact: `1`, `1.0` and `10e-1` are equal.
#[derive(Clone, Debug)]
pub struct Number(Box<str>);

/// Members in the order in which they were written.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Object(Vec<(Box<str>, Json)>);

/// Where and why text is not acceptable JSON. Shows a position, never the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JsonError {
    pub offset: usize,
    pub problem: &'static str,
}

/// Parses one value; nothing but white space may follow it.
pub fn parse(_text: &[u8]) -> Result<Json, JsonError> {
    todo!()
}
/// Parses one value that must be an object.
pub fn parse_object(_text: &[u8]) -> Result<Object, JsonError> {
    todo!()
}

impl Json {
    pub fn as_str(&self) -> Option<&str> {
        if let Self::String(s) = self {
            Some(s)
        } else {
            None
        }
    }
    pub fn as_bool(&self) -> Option<bool> {
        if let Self::Bool(b) = self {
            Some(*b)
        } else {
            None
        }
    }
    pub fn as_array(&self) -> Option<&[Json]> {
        if let Self::Array(a) = self {
            Some(a)
        } else {
            None
        }
    }
    pub fn as_object(&self) -> Option<&Object> {
        if let Self::Object(o) = self {
            Some(o)
        } else {
            None
        }
    }
    pub fn as_number(&self) -> Option<&Number> {
        if let Self::Number(n) = self {
            Some(n)
        } else {
            None
        }
    }
    /// `null`, `boolean`, `number`, `string`, `array`, `object`.
    pub fn type_name(&self) -> &'static str {
        todo!()
    }
    /// Compact JSON in ASCII (`\u` escapes), members in their order, numbers as written.
    pub fn to_ascii(&self) -> String {
        todo!()
    }
}

impl Number {
    /// As written in the token.
    pub fn as_written(&self) -> &str {
        &self.0
    }
    /// The whole part, fractions cut off (`1790170386.9` is 1790170386); none when it does not fit an `i64`.
    pub fn truncated(&self) -> Option<i64> {
        todo!()
    }
}

impl PartialEq for Number {
    fn eq(&self, _other: &Self) -> bool {
        todo!()
    }
}
impl Eq for Number {}

impl Object {
    pub fn get(&self, name: &str) -> Option<&Json> {
        self.0.iter().find(|(n, _)| &**n == name).map(|(_, v)| v)
    }
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Json)> {
        self.0.iter().map(|(n, v)| (&**n, v))
    }
    pub fn len(&self) -> usize {
        self.0.len()
    }
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
    /// As [`Json::to_ascii`].
    pub fn to_ascii(&self) -> String {
        todo!()
    }
}

impl FromIterator<(Box<str>, Json)> for Object {
    fn from_iter<I: IntoIterator<Item = (Box<str>, Json)>>(members: I) -> Self {
        Self(members.into_iter().collect())
    }
}
