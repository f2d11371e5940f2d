//! The audience check (RFC 7519 §4.1.3): `aud` is a string or an array of strings, one of which must be ours.

use super::Refusal;
use crate::jose::json::{Json, Object};

/// What stands in `aud` of the token, and one configured audience: whether they are the same to this provider.
pub(super) type Comparison = fn(found: &str, wanted: &str) -> bool;

/// Byte for byte: never a substring, a prefix, or another case.
pub(super) fn is_exactly(found: &str, wanted: &str) -> bool {
    found == wanted
}

/// `audiences` none: any audience will do, and none at all, but what is there must still be an audience.
pub(super) fn check(
    claims: &Object,
    audiences: Option<&[String]>,
    same: Comparison,
) -> Result<(), Refusal> {
    let found = read(claims)?;
    let Some(audiences) = audiences else {
        return Ok(());
    };
    let ours = |found: &str| audiences.iter().any(|wanted| same(found, wanted));
    match found.is_some_and(|found| found.iter().any(ours)) {
        true => Ok(()),
        false => Err(Refusal::AudienceMismatch {
            found: None,
            expected: audiences.join(", "),
        }),
    }
}

/// The audiences of a token, of which every one is known to be a string.
#[derive(Clone, Copy)]
pub(super) enum Found<'c> {
    One(&'c str),
    Several(&'c [Json]),
}

impl<'c> Found<'c> {
    fn iter(self) -> impl Iterator<Item = &'c str> {
        let (one, several) = match self {
            Self::One(audience) => (Some(audience), [].as_slice()),
            Self::Several(audiences) => (None, audiences),
        };
        one.into_iter()
            .chain(several.iter().filter_map(Json::as_str))
    }
}

/// Absent is `None`. Anything but a string or an array of nothing but strings is malformed, also `null`: an element that is no string is
/// never skipped over to a good one beside it.
pub(super) fn read(claims: &Object) -> Result<Option<Found<'_>>, Refusal> {
    const WRONG_TYPE: Refusal = Refusal::Malformed("`aud` is not a string or an array of strings");
    match claims.get("aud") {
        None => Ok(None),
        Some(Json::String(audience)) => Ok(Some(Found::One(audience))),
        Some(Json::Array(audiences)) if audiences.iter().all(|a| a.as_str().is_some()) => {
            Ok(Some(Found::Several(audiences)))
        }
        Some(_) => Err(WRONG_TYPE),
    }
}
