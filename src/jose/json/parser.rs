//! The grammar of RFC 8259, one pass over text that is known to be UTF-8.

use std::borrow::Cow;

use super::number::{MAX_EXPONENT, exponent_value};
use super::object::{Object, Writer};
use super::{Json, JsonError, MAX_DEPTH, MAX_NUMBER_BYTES, Number};

/// See [`super::parse`].
pub fn parse(text: &[u8]) -> Result<Json, JsonError> {
    if text.starts_with(b"\xef\xbb\xbf") {
        return Err(JsonError {
            offset: 0,
            problem: "byte order mark",
        });
    }
    let text = std::str::from_utf8(text).map_err(|e| JsonError {
        offset: e.valid_up_to(),
        problem: "not UTF-8",
    })?;
    let mut parser = Parser { text, position: 0 };
    parser.skip_white_space();
    let value = parser.value(0)?;
    parser.skip_white_space();
    match parser.peek() {
        None => Ok(value),
        Some(_) => Err(parser.error("text after the value")),
    }
}

struct Parser<'t> {
    text: &'t str,
    position: usize,
}

impl<'t> Parser<'t> {
    /// A value inside `depth` arrays and objects. Recursion ends at [`MAX_DEPTH`].
    fn value(&mut self, depth: usize) -> Result<Json, JsonError> {
        match self.peek() {
            Some(b'{') => self.object(depth + 1).map(Json::Object),
            Some(b'[') => self.array(depth + 1).map(Json::Array),
            Some(b'"') => self.string().map(|text| Json::String(text.into())),
            Some(b'-' | b'0'..=b'9') => self.number().map(Json::Number),
            Some(b't') => self.literal("true", Json::Bool(true)),
            Some(b'f') => self.literal("false", Json::Bool(false)),
            Some(b'n') => self.literal("null", Json::Null),
            Some(_) => Err(self.error("not the start of a value")),
            None => Err(self.error("the text ends where a value should be")),
        }
    }

    fn object(&mut self, depth: usize) -> Result<Object, JsonError> {
        self.enter(depth)?;
        let mut members = Writer::default();
        self.skip_white_space();
        if !self.take(b'}') {
            loop {
                if self.peek() != Some(b'"') {
                    return Err(self.error("not a member's name"));
                }
                let name = self.string()?;
                self.skip_white_space();
                if !self.take(b':') {
                    return Err(self.error("no colon after a member's name"));
                }
                self.skip_white_space();
                members.add(&name, self.value(depth)?);
                self.skip_white_space();
                if self.take(b'}') {
                    break;
                }
                if !self.take(b',') {
                    return Err(self.error("neither comma nor end of the object"));
                }
                self.skip_white_space();
            }
        }
        let object = members.finish();
        if object.has_duplicate() {
            return Err(self.error("duplicate member in the object that ends"));
        }
        Ok(object)
    }

    fn array(&mut self, depth: usize) -> Result<Box<[Json]>, JsonError> {
        self.enter(depth)?;
        let mut values = Vec::new();
        self.skip_white_space();
        if self.take(b']') {
            return Ok(values.into_boxed_slice());
        }
        loop {
            values.push(self.value(depth)?);
            self.skip_white_space();
            if self.take(b']') {
                return Ok(values.into_boxed_slice());
            }
            if !self.take(b',') {
                return Err(self.error("neither comma nor end of the array"));
            }
            self.skip_white_space();
        }
    }

    /// Steps over the opening bracket.
    fn enter(&mut self, depth: usize) -> Result<(), JsonError> {
        if depth > MAX_DEPTH {
            return Err(self.error("nested too deep"));
        }
        self.position += 1;
        Ok(())
    }

    fn literal(&mut self, word: &str, value: Json) -> Result<Json, JsonError> {
        if !self.rest().starts_with(word) {
            return Err(self.error("not the start of a value"));
        }
        self.position += word.len();
        Ok(value)
    }

    /// A string, from its opening quote on.
    fn string(&mut self) -> Result<Cow<'t, str>, JsonError> {
        self.position += 1;
        let plain = self.plain_run()?;
        if self.take(b'"') {
            return Ok(Cow::Borrowed(plain));
        }
        let mut value = plain.to_owned();
        loop {
            value.push_str(self.plain_run()?);
            if self.take(b'"') {
                return Ok(Cow::Owned(value));
            }
            // A plain run ends at a quote or at a backslash.
            self.position += 1;
            value.push(self.escape()?);
        }
    }

    /// Characters up to the next quote or backslash.
    fn plain_run(&mut self) -> Result<&'t str, JsonError> {
        let rest = self.text.get(self.position..).unwrap_or("");
        let Some(length) = special(rest.as_bytes()) else {
            self.position = self.text.len();
            return Err(self.error("the text ends inside a string"));
        };
        self.position += length;
        if !matches!(self.peek(), Some(b'"' | b'\\')) {
            return Err(self.error("control character in a string"));
        }
        Ok(rest.get(..length).unwrap_or(""))
    }

    /// What follows a backslash.
    fn escape(&mut self) -> Result<char, JsonError> {
        let letter = self.peek();
        self.position += 1;
        Ok(match letter {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.unicode_escape(),
            _ => return Err(self.error("unknown escape before")),
        })
    }

    /// Four hexadecimal digits, or two times four as a surrogate pair.
    fn unicode_escape(&mut self) -> Result<char, JsonError> {
        let first = self.hexadecimal_unit()?;
        let second = if (0xd800..0xdc00).contains(&first) {
            if !(self.take(b'\\') && self.take(b'u')) {
                return Err(self.error("lone surrogate before"));
            }
            Some(self.hexadecimal_unit()?)
        } else {
            None
        };
        match char::decode_utf16([first].into_iter().chain(second)).next() {
            Some(Ok(character)) => Ok(character),
            _ => Err(self.error("lone surrogate before")),
        }
    }

    fn hexadecimal_unit(&mut self) -> Result<u16, JsonError> {
        let mut unit = 0;
        for _ in 0..4 {
            let digit = self.peek().and_then(|b| char::from(b).to_digit(16));
            let Some(digit) = digit.and_then(|d| u16::try_from(d).ok()) else {
                return Err(self.error("not four hexadecimal digits after `\\u`"));
            };
            unit = unit << 4 | digit;
            self.position += 1;
        }
        Ok(unit)
    }

    fn number(&mut self) -> Result<Number, JsonError> {
        let start = self.position;
        self.take(b'-');
        if !self.take(b'0') {
            self.digits()?;
        }
        if self.take(b'.') {
            self.digits()?;
        }
        if self.take(b'e') || self.take(b'E') {
            let exponent_start = self.position;
            if !self.take(b'+') {
                self.take(b'-');
            }
            self.digits()?;
            let exponent = self.text.get(exponent_start..self.position).unwrap_or("");
            if exponent_value(exponent).abs() > MAX_EXPONENT {
                return Err(self.error("an exponent beyond bounds ends"));
            }
        }
        let written = self.text.get(start..self.position).unwrap_or("");
        if written.len() > MAX_NUMBER_BYTES {
            return Err(self.error("a number beyond bounds ends"));
        }
        // `01` would otherwise read as `0` and leave the caller to trip over the `1`.
        if matches!(self.peek(), Some(b'0'..=b'9')) {
            return Err(self.error("leading zero before"));
        }
        Ok(Number::from_grammatical(written))
    }

    /// One or more digits.
    fn digits(&mut self) -> Result<(), JsonError> {
        let count = self
            .rest()
            .bytes()
            .take_while(|b| b.is_ascii_digit())
            .count();
        if count == 0 {
            return Err(self.error("not a digit"));
        }
        self.position += count;
        Ok(())
    }

    fn skip_white_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.position += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.position).copied()
    }

    fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.position += usize::from(found);
        found
    }

    fn rest(&self) -> &str {
        self.text.get(self.position..).unwrap_or("")
    }

    fn error(&self, problem: &'static str) -> JsonError {
        JsonError {
            offset: self.position,
            problem,
        }
    }
}

/// Where the first byte stands that is no plain character of a string: a quote, a backslash or a control character. Eight bytes at a time, as numbers
/// whose lowest byte is the first.
fn special(text: &[u8]) -> Option<usize> {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGHS: u64 = 0x8080_8080_8080_8080;
    // In what is left of the subtraction the high bit of the first byte below `limit` is set, and of none before it.
    let below = |word: u64, limit: u8| word.wrapping_sub(ONES * u64::from(limit)) & !word & HIGHS;
    let is = |word: u64, byte: u8| below(word ^ (ONES * u64::from(byte)), 1);
    let (words, rest) = text.as_chunks::<8>();
    for (index, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        let found = below(word, 0x20) | is(word, b'"') | is(word, b'\\');
        if found != 0 {
            let byte = usize::try_from(found.trailing_zeros() / 8).unwrap_or(0);
            return Some(index * 8 + byte);
        }
    }
    let at = rest.iter().position(|byte| is_special(*byte))?;
    Some(words.len() * 8 + at)
}

fn is_special(byte: u8) -> bool {
    matches!(byte, b'"' | b'\\' | 0..=0x1f)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn eight_bytes_at_a_time_find_what_one_at_a_time_does(
            text in prop::collection::vec(prop_oneof![8 => any::<u8>(), 2 => Just(b'a'), 1 => 0_u8..0x24, 1 => Just(b'\\'), 1 => 0x7e_u8..0x82], 0..40),
            plain in 0_usize..24,
        ) {
            let mut text = text;
            text.splice(0..0, std::iter::repeat_n(b'~', plain));
            prop_assert_eq!(special(&text), text.iter().position(|byte| is_special(*byte)));
        }
    }
}
