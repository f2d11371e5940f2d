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

/// Changes a token after it was made, as four places of the control line from `first` on say: how, where (two of them), and with which sign.
pub(super) fn spoil(control: Control<'_>, first: usize, mut token: Vec<u8>) -> Vec<u8> {
    const SIGNS: &[u8] = b"A-_.=+/ \n\0\xff{";
    let place = (control.number(first + 1) * 36 + control.number(first + 2)) % (token.len() + 1);
    let sign = control.choose(first + 3, SIGNS);
    match control.number(first) % 10 {
        1 => token.insert(place, sign),
        2 => token.truncate(place),
        3 => {
            if let Some(byte) = token.get_mut(place) {
                *byte = sign;
            }
        }
        4 => {
            if let Some(byte) = token.get_mut(place) {
                *byte ^= 1 << (control.number(first + 3) % 8);
            }
        }
        5 => token.push(sign),
        6 if place < token.len() => {
            token.remove(place);
        }
        7 => token.extend_from_slice(b".AAAA.AAAA"),
        8 => {
            // The signature is cut off, and its dot stays.
            while token.last().is_some_and(|byte| *byte != b'.') {
                token.pop();
            }
        }
        9 => token.rotate_left(place % 7),
        _ => {}
    }
    token
}
