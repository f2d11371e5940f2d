//! As much DER (X.690) as it takes to find a key in an SPKI, a certificate, a PKCS#1, PKCS#8 or SEC 1 key, to see when a certificate ends, and to
//! write a PKCS#8 key.

pub const SEQUENCE: u8 = 0x30;
pub const INTEGER: u8 = 0x02;
pub const BIT_STRING: u8 = 0x03;
pub const OCTET_STRING: u8 = 0x04;
pub const NULL: u8 = 0x05;
pub const OBJECT_IDENTIFIER: u8 = 0x06;
/// `[0]`, constructed: the version of a certificate, the curve of a SEC 1 key.
pub const CONTEXT_0: u8 = 0xa0;

/// Bytes that are not the DER that was looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotDer;

/// Reads one value after the other.
pub struct Reader<'d> {
    rest: &'d [u8],
}

impl<'d> Reader<'d> {
    pub fn new(der: &'d [u8]) -> Self {
        Self { rest: der }
    }

    pub fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }

    /// The contents of the next value, which must have this tag.
    pub fn expect(&mut self, tag: u8) -> Result<&'d [u8], NotDer> {
        match self.next_value()? {
            (found, contents) if found == tag => Ok(contents),
            _ => Err(NotDer),
        }
    }

    /// The tag and contents of the next value, which must have one of these tags.
    pub fn expect_one_of(&mut self, tags: &[u8]) -> Result<(u8, &'d [u8]), NotDer> {
        let (tag, contents) = self.next_value()?;
        if tags.contains(&tag) {
            Ok((tag, contents))
        } else {
            Err(NotDer)
        }
    }

    /// Steps over the next value if it has this tag.
    pub fn skip_optional(&mut self, tag: u8) -> Result<(), NotDer> {
        if self.rest.first() == Some(&tag) {
            self.next_value()?;
        }
        Ok(())
    }

    /// The next value whole, header included.
    pub fn expect_whole(&mut self, tag: u8) -> Result<&'d [u8], NotDer> {
        let before = self.rest;
        self.expect(tag)?;
        let length = before.len() - self.rest.len();
        before.get(..length).ok_or(NotDer)
    }

    /// Nothing may follow.
    pub fn end(&self) -> Result<(), NotDer> {
        if self.is_at_end() {
            Ok(())
        } else {
            Err(NotDer)
        }
    }

    fn next_value(&mut self) -> Result<(u8, &'d [u8]), NotDer> {
        let (tag, rest) = self.rest.split_first().ok_or(NotDer)?;
        let (first, rest) = rest.split_first().ok_or(NotDer)?;
        let (length, rest) = match first {
            0..=0x7f => (usize::from(*first), rest),
            // One to three length bytes: no key or certificate is longer.
            0x81..=0x83 => {
                let count = usize::from(first & 0x7f);
                let (bytes, rest) = rest.split_at_checked(count).ok_or(NotDer)?;
                let length = bytes
                    .iter()
                    .fold(0, |sum, byte| sum << 8 | usize::from(*byte));
                // The shortest form only (X.690 §10.1).
                let shorter_holds = length < 0x80 || bytes.first() == Some(&0);
                if shorter_holds {
                    return Err(NotDer);
                }
                (length, rest)
            }
            _ => return Err(NotDer),
        };
        let (contents, rest) = rest.split_at_checked(length).ok_or(NotDer)?;
        self.rest = rest;
        Ok((*tag, contents))
    }
}

/// The contents of a value that is all of `der`.
pub fn only(der: &[u8], tag: u8) -> Result<Reader<'_>, NotDer> {
    let mut reader = Reader::new(der);
    let contents = reader.expect(tag)?;
    reader.end()?;
    Ok(Reader::new(contents))
}

/// The magnitude of an INTEGER's contents; a negative one is an error.
pub fn unsigned(contents: &[u8]) -> Result<&[u8], NotDer> {
    match contents {
        [] => Err(NotDer),
        [first, ..] if first & 0x80 != 0 => Err(NotDer),
        [0, second, ..] if second & 0x80 == 0 => Err(NotDer),
        [0, rest @ ..] => Ok(rest),
        _ => Ok(contents),
    }
}

/// One value with its header.
pub fn value(tag: u8, contents: &[u8]) -> Vec<u8> {
    let length = contents.len();
    let mut der = vec![tag];
    match u8::try_from(length) {
        Ok(short @ 0..=0x7f) => der.push(short),
        _ => {
            let bytes = length.to_be_bytes();
            let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
            let bytes = bytes.get(zeros..).unwrap_or_default();
            // At most eight.
            der.push(0x80 | u8::try_from(bytes.len()).unwrap_or_default());
            der.extend(bytes);
        }
    }
    der.extend(contents);
    der
}

/// An INTEGER of a magnitude, which may have leading zeros.
pub fn integer(magnitude: &[u8]) -> Vec<u8> {
    let zeros = magnitude.iter().take_while(|byte| **byte == 0).count();
    let minimal = magnitude.get(zeros..).unwrap_or_default();
    let mut contents = Vec::with_capacity(minimal.len() + 1);
    if minimal.first().is_none_or(|first| first & 0x80 != 0) {
        contents.push(0);
    }
    contents.extend(minimal);
    value(INTEGER, &contents)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_in_their_shortest_form_only() {
        let mut reader = Reader::new(&[0x02, 1, 5, 0x05, 0]);
        assert_eq!(reader.expect(INTEGER), Ok(&[5][..]));
        assert_eq!(reader.expect(NULL), Ok(&[][..]));
        assert!(reader.is_at_end());
        for der in [
            &[0x02][..],
            &[0x02, 2, 1],
            &[0x02, 0x81, 1, 5],
            &[0x02, 0x80, 5, 0, 0],
            &[0x02, 0x84, 0, 0, 0, 1, 5],
            &[0x03, 1, 5],
            &[],
        ] {
            assert_eq!(Reader::new(der).expect(INTEGER), Err(NotDer), "{der:?}");
        }
    }

    #[test]
    fn what_is_written_is_read() {
        for length in [0, 1, 0x7f, 0x80, 0xff, 0x100, 0xffff, 0x1_0000] {
            let contents = vec![7; length];
            let der = value(OCTET_STRING, &contents);
            let mut reader = Reader::new(&der);
            assert_eq!(reader.expect(OCTET_STRING), Ok(&contents[..]));
            assert!(reader.is_at_end());
        }
        for (magnitude, contents) in [
            (&[][..], &[0][..]),
            (&[0, 0], &[0]),
            (&[0, 5], &[5]),
            (&[0x80], &[0, 0x80]),
        ] {
            assert_eq!(integer(magnitude), value(INTEGER, contents));
        }
    }

    #[test]
    fn integers_are_positive_and_minimal() {
        assert_eq!(unsigned(&[0, 0x80]), Ok(&[0x80][..]));
        assert_eq!(unsigned(&[5]), Ok(&[5][..]));
        for contents in [&[][..], &[0x80], &[0, 5]] {
            assert_eq!(unsigned(contents), Err(NotDer));
        }
    }
}
