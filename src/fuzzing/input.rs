//! How an input says what is to be done with it: a line of control characters, then text. Readable, so that an input can be written by hand,
//! and of fixed places, so that a fuzzer that changes one byte changes one thing.

/// The control line. A missing character is 0.
#[derive(Clone, Copy)]
pub(super) struct Control<'i>(&'i [u8]);

impl<'i> Control<'i> {
    /// The control line of `input`, and what follows it.
    pub fn split(input: &'i [u8]) -> (Self, &'i [u8]) {
        let (line, rest) = cut(input);
        (Self(line), rest)
    }

    /// The character at `place` as a number: `0` to `9`, then `a` to `z` for 10 to 35, any other byte by its value.
    pub fn number(self, place: usize) -> usize {
        match self.0.get(place) {
            None => 0,
            Some(byte) => {
                let digit = char::from(*byte).to_digit(36);
                digit.map_or(usize::from(*byte), |digit| digit as usize)
            }
        }
    }

    /// One of `choices`.
    pub fn choose<T: Copy>(self, place: usize, choices: &[T]) -> T {
        choices[self.number(place) % choices.len()]
    }
}

/// The first line of `text` without its end, and the rest.
pub(super) fn cut(text: &[u8]) -> (&[u8], &[u8]) {
    match text.iter().position(|byte| *byte == b'\n') {
        Some(end) => (&text[..end], &text[end + 1..]),
        None => (text, b""),
    }
}
