//! Text from the wire in a log line (threat H15): one line stays one line, a terminal is not told to do anything, and nothing is long.

use std::fmt::Write as _;

/// What stands at the end of a text that was cut.
const CUT: char = '…';

/// Appends `text` as a JSON string of at most `max_bytes` of it. Pure ASCII apart from letters and signs that only show themselves.
pub(super) fn push_json(line: &mut String, text: &str, max_bytes: usize) {
    line.push('"');
    push_escaped(line, text, max_bytes);
    line.push('"');
}

/// Appends `text` as it is when it is one plain word, otherwise as [`push_json`] does: a value with spaces cannot pass for several members.
pub(super) fn push_text(line: &mut String, text: &str, max_bytes: usize) {
    let plain = !text.is_empty()
        && text.len() <= max_bytes
        && text
            .bytes()
            .all(|b| b.is_ascii_graphic() && !matches!(b, b'"' | b'\\' | b'='));
    if plain {
        line.push_str(text);
    } else {
        push_json(line, text, max_bytes);
    }
}

/// `text` for a person at a terminal: as it is, apart from what would act on the display.
pub fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        if acts_on_the_display(character) {
            shown.extend(character.escape_unicode());
        } else {
            shown.push(character);
        }
    }
    shown
}

/// Appends `text` without quotes, escaped as inside a JSON string.
pub(super) fn push_escaped(line: &mut String, text: &str, max_bytes: usize) {
    for (offset, character) in text.char_indices() {
        if offset + character.len_utf8() > max_bytes {
            line.push(CUT);
            return;
        }
        match character {
            '"' => line.push_str("\\\""),
            '\\' => line.push_str("\\\\"),
            '\n' => line.push_str("\\n"),
            '\r' => line.push_str("\\r"),
            '\t' => line.push_str("\\t"),
            c if acts_on_the_display(c) => {
                // All of them are in the first plane: four digits are enough. Writing to a String cannot fail.
                let _ = write!(line, "\\u{:04x}", u32::from(c));
            }
            c => line.push(c),
        }
    }
}

/// Controls (ESC begins a terminal's commands), line and paragraph separators, and what turns the direction of writing.
fn acts_on_the_display(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}'
        )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn json(text: &str, max_bytes: usize) -> String {
        let mut line = String::new();
        push_json(&mut line, text, max_bytes);
        line
    }

    #[test]
    fn h15_controls_are_escaped() {
        assert_eq!(
            json("a\r\nb\x1b[31mc\0\u{7f}\u{85}", 100),
            "\"a\\r\\nb\\u001b[31mc\\u0000\\u007f\\u0085\""
        );
        assert_eq!(json("\u{2028}\u{202e}", 100), "\"\\u2028\\u202e\"");
    }

    #[test]
    fn h15_a_terminal_is_not_steered() {
        assert_eq!(visible("a\x1b[2J\"é\n"), "a\\u{1b}[2J\"é\\u{a}");
    }

    #[test]
    fn a_long_text_is_cut_between_characters() {
        assert_eq!(json("ééé", 3), "\"é…\"");
        assert_eq!(json("abc", 3), "\"abc\"");
    }

    #[test]
    fn a_text_that_is_not_one_word_is_quoted() {
        for (text, expected) in [
            ("/a/b?", "/a/b?"),
            ("", "\"\""),
            ("a b", "\"a b\""),
            ("a=b", "\"a=b\""),
        ] {
            let mut line = String::new();
            push_text(&mut line, text, 100);
            assert_eq!(line, expected);
        }
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(text in any::<String>()) {
            let line = json(&text, usize::MAX);
            prop_assert!(!line.chars().any(char::is_control));
            prop_assert_eq!(serde_json::from_str::<String>(&line).unwrap(), text);
        }

        #[test]
        fn nothing_is_longer_than_its_bound(text in any::<String>(), max in 0_usize..40) {
            // At most six bytes for one, the mark of the cut, and two quotes.
            prop_assert!(json(&text, max).len() <= max * 6 + 3 + 2);
        }
    }
}
