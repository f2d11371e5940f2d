//! Durations and sizes as people write them: `30s`, `16KiB`. One number, one unit; nothing is guessed.

use std::time::Duration;

use super::problem::{Mistake, shown};

/// What the JSON Schema says of them.
pub(super) const DURATION_PATTERN: &str = "^[0-9]{1,12}(ms|s|m|h)$";
pub(super) const SIZE_PATTERN: &str = "^[0-9]{1,12}(B|KiB|MiB)?$";

pub(super) fn duration(text: &str) -> Result<Duration, Mistake> {
    let wrong =
        |hint: String| Mistake::new(format!("`{}` is not a duration", shown(text))).hint(hint);
    let general = "write one number and one unit: `500ms`, `30s`, `5m`, `24h`";
    let (number, unit) = split(text);
    let Some(number) = number else {
        return Err(wrong(general.to_owned()));
    };
    match unit {
        "ms" => Ok(Duration::from_millis(number)),
        "s" => Ok(Duration::from_secs(number)),
        "m" => Ok(Duration::from_secs(number.saturating_mul(60))),
        "h" => Ok(Duration::from_secs(number.saturating_mul(3600))),
        "" => Err(wrong(format!("a duration needs a unit: `{number}s`?"))),
        "d" => Err(wrong(format!(
            "write days in hours: `{}h`",
            number.saturating_mul(24)
        ))),
        "sec" | "secs" | "second" | "seconds" => Err(wrong(format!("did you mean `{number}s`?"))),
        "min" | "mins" | "minute" | "minutes" => Err(wrong(format!("did you mean `{number}m`?"))),
        "hour" | "hours" => Err(wrong(format!("did you mean `{number}h`?"))),
        _ => Err(wrong(general.to_owned())),
    }
}

/// Bytes.
pub(super) fn size(text: &str) -> Result<usize, Mistake> {
    let wrong = |hint: String| Mistake::new(format!("`{}` is not a size", shown(text))).hint(hint);
    let general = "write bytes as a bare number, or `16KiB`, `1MiB`";
    let (number, unit) = split(text);
    let Some(number) = number else {
        return Err(wrong(general.to_owned()));
    };
    let factor = match unit {
        "" | "B" => 1,
        "KiB" => 1024,
        "MiB" => 1024 * 1024,
        "K" | "k" | "KB" | "kB" | "kb" | "kib" | "Ki" => {
            return Err(wrong(format!("did you mean `{number}KiB`?")));
        }
        "M" | "m" | "MB" | "mb" | "mib" | "Mi" => {
            return Err(wrong(format!("did you mean `{number}MiB`?")));
        }
        _ => return Err(wrong(general.to_owned())),
    };
    Ok(usize::try_from(number.saturating_mul(factor)).unwrap_or(usize::MAX))
}

/// The shortest way to write it that [`duration`] reads.
pub(super) fn write_duration(value: Duration) -> String {
    let milliseconds = value.as_millis();
    let (whole, unit) = if milliseconds == 0 {
        (0, "s")
    } else if milliseconds.is_multiple_of(3_600_000) {
        (milliseconds / 3_600_000, "h")
    } else if milliseconds.is_multiple_of(60_000) {
        (milliseconds / 60_000, "m")
    } else if milliseconds.is_multiple_of(1000) {
        (milliseconds / 1000, "s")
    } else {
        (milliseconds, "ms")
    };
    format!("{whole}{unit}")
}

/// The shortest way to write it that [`size`] reads.
pub(super) fn write_size(value: usize) -> String {
    if value > 0 && value.is_multiple_of(1024 * 1024) {
        format!("{}MiB", value / (1024 * 1024))
    } else if value > 0 && value.is_multiple_of(1024) {
        format!("{}KiB", value / 1024)
    } else {
        value.to_string()
    }
}

/// At most twelve digits, so that no unit overflows, and what follows them.
fn split(text: &str) -> (Option<u64>, &str) {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at(digits);
    if digits > 12 {
        return (None, unit);
    }
    (number.parse().ok(), unit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn durations_have_one_number_and_one_unit() {
        assert_eq!(duration("500ms").unwrap(), Duration::from_millis(500));
        assert_eq!(duration("30s").unwrap(), Duration::from_secs(30));
        assert_eq!(duration("5m").unwrap(), Duration::from_secs(300));
        assert_eq!(duration("24h").unwrap(), Duration::from_secs(86400));
        for bad in [
            "",
            "30",
            "s",
            "-1s",
            "1.5s",
            "30 s",
            "1h30m",
            "1d",
            "inf",
            "Infinity",
            "1e3s",
            "9999999999999s",
            "30S",
            "０s",
        ] {
            assert!(duration(bad).is_err(), "{bad}");
        }
        assert_eq!(
            duration("30").unwrap_err().hint.unwrap(),
            "a duration needs a unit: `30s`?"
        );
        assert_eq!(
            duration("7d").unwrap_err().hint.unwrap(),
            "write days in hours: `168h`"
        );
    }

    #[test]
    fn sizes_are_binary_and_a_bare_number_is_bytes() {
        assert_eq!(size("16KiB").unwrap(), 16384);
        assert_eq!(size("1MiB").unwrap(), 1024 * 1024);
        assert_eq!(size("100").unwrap(), 100);
        for bad in ["", "16K", "16KB", "1GiB", "-1", "1.5KiB", "KiB", "16 KiB"] {
            assert!(size(bad).is_err(), "{bad}");
        }
        assert_eq!(
            size("16KB").unwrap_err().hint.unwrap(),
            "did you mean `16KiB`?"
        );
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(milliseconds in 0_u64..10_000_000_000, bytes in 0_usize..10_000_000_000) {
            let value = Duration::from_millis(milliseconds);
            prop_assert_eq!(duration(&write_duration(value)).unwrap(), value);
            prop_assert_eq!(size(&write_size(bytes)).unwrap(), bytes);
        }

        #[test]
        fn no_text_panics(text in "\\PC*") {
            let _ = duration(&text);
            let _ = size(&text);
        }
    }
}
