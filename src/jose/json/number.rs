//! Numbers as they were written, with exact equality.

/// A number as written. Equality is numeric and exact: `1`, `1.0` and `10e-1` are equal.
#[derive(Clone, Debug)]
pub struct Number(Box<str>);

/// Largest exponent that is accepted as written, either way. Every number that a computer holds is far below; an
/// exponent without a bound would make equality depend on its own big numbers.
pub(super) const MAX_EXPONENT: i64 = 999_999_999;

impl Number {
    /// `written` follows RFC 8259 §6, with an exponent of at most [`MAX_EXPONENT`]: the parser has seen to it.
    pub(super) fn from_grammatical(written: &str) -> Self {
        Self(written.into())
    }

    /// As written in the token.
    pub fn as_written(&self) -> &str {
        &self.0
    }

    /// The whole part, fractions cut off (`1790170386.9` is 1790170386); none when it does not fit an `i64`.
    pub fn truncated(&self) -> Option<i64> {
        // What nearly every time stamp is.
        if let Ok(whole) = self.0.parse() {
            return Some(whole);
        }
        let decimal = self.decimal();
        let whole_digits = i64::try_from(decimal.digits.len())
            .ok()?
            .checked_add(decimal.exponent)?;
        if whole_digits <= 0 {
            return Some(0);
        }
        // Nineteen digits hold every i64; the digits never start with a zero.
        let whole_digits = usize::try_from(whole_digits).ok().filter(|d| *d <= 19)?;
        let padded = decimal
            .digits
            .bytes()
            .chain(std::iter::repeat(b'0'))
            .take(whole_digits);
        let magnitude = padded.fold(0i128, |sum, digit| sum * 10 + i128::from(digit - b'0'));
        i64::try_from(if decimal.negative {
            -magnitude
        } else {
            magnitude
        })
        .ok()
    }

    fn decimal(&self) -> Decimal {
        let (negative, unsigned) = match self.0.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, &*self.0),
        };
        let (mantissa, exponent) = unsigned.split_once(['e', 'E']).unwrap_or((unsigned, "0"));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let written = [whole, fraction].concat();
        let digits = written.trim_end_matches('0');
        let dropped_zeros = written.len() - digits.len();
        let digits = digits.trim_start_matches('0');
        if digits.is_empty() {
            return Decimal {
                negative: false,
                digits: String::new(),
                exponent: 0,
            };
        }
        Decimal {
            negative,
            digits: digits.to_owned(),
            // Both lengths are below `MAX_NUMBER_BYTES`, the exponent below `MAX_EXPONENT`: no overflow.
            exponent: exponent_value(exponent) - fraction.len() as i64 + dropped_zeros as i64,
        }
    }
}

/// `digits` × 10^`exponent`; no zero at either end of `digits`, none at all for zero. One form for one value.
#[derive(PartialEq, Eq)]
struct Decimal {
    negative: bool,
    digits: String,
    exponent: i64,
}

/// The value of the digits after `e`, with their sign; beyond [`MAX_EXPONENT`] it stops just outside.
pub(super) fn exponent_value(written: &str) -> i64 {
    let (negative, digits) = match written.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, written.strip_prefix('+').unwrap_or(written)),
    };
    let magnitude = digits.bytes().fold(0i64, |sum, digit| {
        (sum * 10 + i64::from(digit - b'0')).min(MAX_EXPONENT + 1)
    });
    if negative { -magnitude } else { magnitude }
}

impl PartialEq for Number {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0 || self.decimal() == other.decimal()
    }
}

impl Eq for Number {}

#[cfg(test)]
mod tests {
    use super::super::{Json, parse};
    use super::*;
    use proptest::prelude::*;

    fn number(text: &str) -> Number {
        match parse(text.as_bytes()) {
            Ok(Json::Number(number)) => number,
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn equality_is_exact_and_numeric() {
        for (a, b) in [
            ("1", "1.0"),
            ("1", "10e-1"),
            ("0", "-0"),
            ("0", "0e999999999"),
            ("100", "1E+2"),
            ("0.001", "1e-3"),
            ("1e400", "10e399"),
            ("-5.50", "-55e-1"),
            ("1e0000000000000000002", "100"),
        ] {
            assert_eq!(number(a), number(b));
        }
        for (a, b) in [
            ("9007199254740993", "9007199254740992"),
            ("0.1", "0.10000000000000000001"),
            ("1", "-1"),
            ("1e400", "1e401"),
            ("1e-999999999", "0"),
        ] {
            assert_ne!(number(a), number(b));
        }
    }

    #[test]
    fn j24_fractions_are_cut_off_and_what_does_not_fit_is_nothing() {
        for (text, whole) in [
            ("1790170386.9", Some(1_790_170_386)),
            ("1790170386.0001", Some(1_790_170_386)),
            ("17901703860000.0e-4", Some(1_790_170_386)),
            ("-1.9", Some(-1)),
            ("-0.5", Some(0)),
            ("0", Some(0)),
            ("1e-999999999", Some(0)),
            ("9223372036854775807", Some(i64::MAX)),
            ("9223372036854775807.99", Some(i64::MAX)),
            ("-9223372036854775808", Some(i64::MIN)),
            ("9223372036854775808", None),
            ("18446744073709551615", None),
            ("1e18", Some(1_000_000_000_000_000_000)),
            ("1e19", None),
            ("1e300", None),
            ("1e400", None),
            ("1e999999999", None),
            ("-1e400", None),
        ] {
            assert_eq!(number(text).truncated(), whole, "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_i64_is_its_own_whole_part(value: i64, zeros in 0usize..30) {
            let text = format!("{value}.{}9", "0".repeat(zeros));
            prop_assert_eq!(number(&value.to_string()).truncated(), Some(value));
            prop_assert_eq!(number(&text).truncated(), Some(value));
        }

        #[test]
        fn moving_the_point_keeps_the_value(digits in "[1-9][0-9]{0,30}", fraction in "[0-9]{0,20}", shift in 0i32..40) {
            let plain = number(&if fraction.is_empty() { digits.clone() } else { format!("{digits}.{fraction}") });
            let moved = number(&format!("{digits}{fraction}{}e-{}", "0".repeat(shift as usize), fraction.len() as i32 + shift));
            prop_assert_eq!(plain, moved);
        }
    }
}
