//! Strict JSON (RFC 8259 with RFC 7493's bans): UTF-8 without BOM, no duplicate members at any depth, no lone
//! surrogates, bounded depth, numbers kept as they were written so that nothing is rounded on the way.

mod number;
mod object;
mod parser;
mod print;

pub use number::Number;
pub use object::Object;

/// Deepest nesting of arrays and objects.
pub const MAX_DEPTH: usize = 32;
/// Longest number, in bytes as written: an RSA-8192 modulus in decimal fits, a token full of digits does not.
pub const MAX_NUMBER_BYTES: usize = 2500;

/// A JSON value. Strings, arrays and objects are exactly as large as what is in them: verified claims are kept in memory for as long as they are in use.
#[derive(Clone, Debug, PartialEq)]
pub enum Json {
    Null,
    Bool(bool),
    Number(Number),
    String(Box<str>),
    Array(Box<[Json]>),
    Object(Object),
}

/// Where and why text is not acceptable JSON. Shows a position, never the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JsonError {
    /// In bytes from the start.
    pub offset: usize,
    pub problem: &'static str,
}

/// Parses one value; nothing but white space may follow it.
pub fn parse(text: &[u8]) -> Result<Json, JsonError> {
    parser::parse(text)
}

/// Parses one value that must be an object.
pub fn parse_object(text: &[u8]) -> Result<Object, JsonError> {
    match parse(text)? {
        Json::Object(object) => Ok(object),
        _ => Err(JsonError {
            offset: 0,
            problem: "not an object",
        }),
    }
}

impl Json {
    pub fn as_str(&self) -> Option<&str> {
        if let Self::String(s) = self {
            Some(s)
        } else {
            None
        }
    }
    #[cfg(test)]
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
        match self {
            Self::Null => "null",
            Self::Bool(_) => "boolean",
            Self::Number(_) => "number",
            Self::String(_) => "string",
            Self::Array(_) => "array",
            Self::Object(_) => "object",
        }
    }
    /// Compact JSON in ASCII (`\u` escapes), members in their order, numbers as written.
    pub fn to_ascii(&self) -> String {
        print::value(self)
    }
}

impl std::fmt::Display for JsonError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{} at byte {}", self.problem, self.offset)
    }
}

impl std::error::Error for JsonError {}

#[cfg(test)]
mod tests;
