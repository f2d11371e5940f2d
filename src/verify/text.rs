//! Values from the wire in messages for the operator: escaped, bounded, on one line (threat H15). And times as people write them.

/// Longest rendering of one value, in characters. Long enough for any sane issuer or audience, short enough for a log line.
pub(super) const MAX_VALUE: usize = 200;
/// Longest rendering of a sentence that another room made.
const MAX_SENTENCE: usize = 600;

/// `value` between backticks: printable ASCII as it is, everything else as `\u{..}`, cut at [`MAX_VALUE`] with `...`.
pub(super) fn quoted(value: &str) -> String {
    let mut out = String::with_capacity(value.len().min(MAX_VALUE) + 5);
    out.push('`');
    push_escaped(&mut out, value, MAX_VALUE, |c| {
        (c.is_ascii_graphic() && c != '`' && c != '\\') || c == ' '
    });
    out.push('`');
    out
}

/// A sentence made elsewhere, without anything that could end the line or move a terminal's cursor. Its backticks stay.
pub(super) fn one_line(sentence: &str) -> String {
    let mut out = String::with_capacity(sentence.len().min(MAX_SENTENCE) + 3);
    push_escaped(&mut out, sentence, MAX_SENTENCE, |c| {
        c.is_ascii_graphic() || c == ' '
    });
    out
}

fn push_escaped(out: &mut String, value: &str, limit: usize, keep: impl Fn(char) -> bool) {
    let mut written = 0;
    for c in value.chars() {
        if written >= limit {
            out.push_str("...");
            return;
        }
        if keep(c) {
            out.push(c);
            written += 1;
        } else {
            let before = out.len();
            out.extend(c.escape_unicode());
            written += out.len() - before;
        }
    }
}

/// RFC 3339 in UTC, or the bare number of seconds where the calendar ends.
pub(super) fn timestamp(seconds: i64) -> String {
    jiff::Timestamp::from_second(seconds)
        .map_or_else(|_| format!("Unix second {seconds}"), |at| at.to_string())
}

/// A span of seconds in its two largest units: `3h 12m`, `2d`, `45s`.
pub(crate) fn span(seconds: i64) -> String {
    const UNITS: [(u64, &str); 4] = [(86_400, "d"), (3_600, "h"), (60, "m"), (1, "s")];
    let mut left = seconds.unsigned_abs();
    let mut parts: Vec<String> = Vec::with_capacity(2);
    for (size, unit) in UNITS {
        let count = left / size;
        left %= size;
        if count > 0 {
            parts.push(format!("{count}{unit}"));
        }
        // The unit after the largest one is said too; what is smaller than that is noise.
        if parts.len() == 2 || (parts.len() == 1 && count == 0) {
            break;
        }
    }
    if parts.is_empty() {
        return "0s".to_owned();
    }
    parts.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn h15_values_are_escaped_bounded_and_on_one_line() {
        assert_eq!(quoted("https://id.example/"), "`https://id.example/`");
        assert_eq!(quoted("a\r\nb"), r"`a\u{d}\u{a}b`");
        assert_eq!(quoted("\u{1b}[31m`x\\"), r"`\u{1b}[31m\u{60}x\u{5c}`");
        assert_eq!(quoted("José"), r"`Jos\u{e9}`");
        let long = quoted(&"\u{1f600}".repeat(10_000));
        assert!(
            long.len() < MAX_VALUE + 20 && long.ends_with("...`"),
            "{long}"
        );
        assert_eq!(quoted(&"a".repeat(MAX_VALUE)).len(), MAX_VALUE + 2);
        assert_eq!(one_line("see `x`\nnext"), r"see `x`\u{a}next");
    }

    #[test]
    fn spans_are_said_in_two_units() {
        for (seconds, said) in [
            (0, "0s"),
            (45, "45s"),
            (60, "1m"),
            (61, "1m 1s"),
            (3_600, "1h"),
            (3_601, "1h"),
            (11_520, "3h 12m"),
            (11_525, "3h 12m"),
            (172_800, "2d"),
            (-90, "1m 30s"),
            (i64::MIN, "106751991167300d 15h"),
        ] {
            assert_eq!(span(seconds), said, "{seconds}");
        }
    }

    #[test]
    fn times_are_rfc_3339_and_never_a_panic() {
        assert_eq!(timestamp(1_795_320_000), "2026-11-22T04:00:00Z");
        assert_eq!(timestamp(-1), "1969-12-31T23:59:59Z");
        assert_eq!(timestamp(i64::MAX), format!("Unix second {}", i64::MAX));
        assert_eq!(timestamp(i64::MIN), format!("Unix second {}", i64::MIN));
    }
}
