//! One scalar as what its field asks for: a text, a number, a duration, a size.

use std::fmt::Display;

use super::kind::{Kind, TextKind, Variants};
use super::near::nearest;
use super::problem::Mistake;
use super::record::Data;
use super::scalar::boolean;
use super::tree::Scalar;
use super::units;

/// The value, or what is wrong with it.
pub(super) fn read_scalar(scalar: &Scalar, kind: &Kind) -> Result<Data, Mistake> {
    let text = scalar.text.as_str();
    if text.is_empty() {
        return Err(
            Mistake::new("the value is empty").hint(match scalar.written {
                Some(_) => "the environment variable, or its default here, is empty".to_owned(),
                None => format!("expected {}", expected(kind)),
            }),
        );
    }
    let bound = |ok: bool, min: &dyn Display, max: &dyn Display| {
        if ok {
            Ok(())
        } else {
            Err(
                Mistake::new(format!("`{}` is out of bounds", scalar.shown()))
                    .hint(format!("from {min} to {max}")),
            )
        }
    };
    match kind {
        Kind::Bool => boolean(text).map(Data::Bool).ok_or_else(|| {
            let mistake = Mistake::new(format!(
                "expected `true` or `false`, found `{}`",
                scalar.shown()
            ));
            match text.to_ascii_lowercase().as_str() {
                "yes" | "on" | "1" => mistake.hint("write `true`"),
                "no" | "off" | "0" => mistake.hint("write `false`"),
                _ => mistake.hint("write one of the two"),
            }
        }),
        Kind::Integer { min, max } => {
            let digits = text.bytes().all(|byte| byte.is_ascii_digit());
            let value: u64 = Some(text)
                .filter(|_| digits)
                .and_then(|text| text.parse().ok())
                .ok_or_else(|| {
                    Mistake::new(format!(
                        "expected a whole number, found `{}`",
                        scalar.shown()
                    ))
                    .hint(format!("from {min} to {max}"))
                })?;
            bound((*min..=*max).contains(&value), min, max)?;
            Ok(Data::Integer(value))
        }
        Kind::Duration { min, max } => {
            let value = units::duration(text)?;
            bound(
                (*min..=*max).contains(&value),
                &units::write_duration(*min),
                &units::write_duration(*max),
            )?;
            Ok(Data::Duration(value))
        }
        Kind::Size { min, max } => {
            let value = units::size(text)?;
            bound(
                (*min..=*max).contains(&value),
                &units::write_size(*min),
                &units::write_size(*max),
            )?;
            Ok(Data::Size(value))
        }
        Kind::Text(kind) => {
            check_text(text, &scalar.shown(), kind)?;
            Ok(Data::Text(text.to_owned()))
        }
        _ => Err(Mistake::new(format!(
            "expected {}, found `{}`",
            expected(kind),
            scalar.shown()
        ))
        .hint(format!("write {}", expected(kind)))),
    }
}

fn check_text(text: &str, written: &str, kind: &TextKind) -> Result<(), Mistake> {
    if !kind.choices.is_empty() && !kind.choices.contains(&text) {
        // A check that knows better (`none`) speaks first.
        (kind.check)(text)?;
        let mistake = Mistake::new(format!("expected {}, found `{written}`", kind.noun));
        return Err(match nearest(text, kind.choices.iter().copied()) {
            Some(near) => mistake.hint(format!("did you mean `{near}`?")),
            None => mistake.hint(format!("one of {}", quoted(kind.choices))),
        });
    }
    (kind.check)(text)
}

/// What a message calls a kind.
pub(super) fn expected(kind: &Kind) -> String {
    match kind {
        Kind::Text(kind) => kind.noun.to_owned(),
        Kind::Bool => "`true` or `false`".to_owned(),
        Kind::Integer { .. } => "a whole number".to_owned(),
        Kind::Duration { .. } => "a duration like `30s`".to_owned(),
        Kind::Size { .. } => "a size like `16KiB`".to_owned(),
        Kind::Json => "a value".to_owned(),
        Kind::List { .. } => "a list".to_owned(),
        Kind::JsonObject | Kind::Map { .. } | Kind::Table(_) | Kind::Variants(_) => {
            "a mapping".to_owned()
        }
        Kind::Either { scalar, long } => format!("{} or {}", expected(scalar), expected(long)),
    }
}

/// The names of all variants, for a message.
pub(super) fn variant_names(variants: &Variants) -> String {
    quoted(
        &variants
            .list
            .iter()
            .map(|variant| variant.name)
            .collect::<Vec<_>>(),
    )
}

/// Names as a message lists them.
pub(super) fn quoted<T: AsRef<str>>(names: &[T]) -> String {
    let quoted: Vec<String> = names
        .iter()
        .map(|name| format!("`{}`", name.as_ref()))
        .collect();
    quoted.join(", ")
}
