//! Checks of the registered claims (RFC 7519 §4.1) at a given time. A claim of a wrong type is never read as an absent one.

use super::{Lifetime, Rejection, Tolerance};
use crate::clock::UnixTime;
use crate::jose::json::{Json, Object};

/// Latest NumericDate that is read: 9999-12-31T23:59:59Z, the last that RFC 3339 can write.
const LATEST: i64 = 253_402_300_799;

/// The token's `iss`, which must be a string if it is there: a list of issuers would let one of them speak for another.
pub(super) fn issuer(claims: &Object) -> Result<Option<&str>, Rejection> {
    match claims.get("iss") {
        None => Ok(None),
        Some(value) => value
            .as_str()
            .map(Some)
            .ok_or_else(|| wrong_type("iss", value, "a string")),
    }
}

/// `sub` and `jti`, when present, must be strings (RFC 7519 §4.1.2, §4.1.7). An absent or empty `sub` is the mapping's business.
pub(super) fn check_names(claims: &Object) -> Result<(), Rejection> {
    for name in ["sub", "jti"] {
        match claims.get(name) {
            None | Some(Json::String(_)) => {}
            Some(value) => return Err(wrong_type(name, value, "a string")),
        }
    }
    Ok(())
}

/// Reads `exp` (required), `nbf` and `iat`. Fractions of a second are cut off (RFC 7519 §2 allows them). An `exp` in the header, where the
/// provider writes one, ends the token too.
pub(super) fn lifetime(claims: &Object, header: Option<&Object>) -> Result<Lifetime, Rejection> {
    let expires = numeric_date(claims, "exp")?.ok_or_else(|| missing("exp"))?;
    let also = header.map_or(Ok(None), |header| numeric_date(header, "exp"))?;
    Ok(Lifetime {
        expires: also.map_or(expires, |also| expires.min(also)),
        not_before: numeric_date(claims, "nbf")?,
        issued: numeric_date(claims, "iat")?,
    })
}

/// Whether a token of this lifetime is good at `now` (RFC 7519 §4.1.4 to §4.1.6). There is no rule between the three times: real issuers
/// put `nbf` before `iat` and after it.
pub(super) fn check_lifetime(
    lifetime: Lifetime,
    tolerance: Tolerance,
    now: UnixTime,
) -> Result<(), Rejection> {
    let UnixTime(now) = now;
    let leeway = tolerance.leeway;
    let UnixTime(expired) = lifetime.expires;
    // On or after `exp` the token is dead (§4.1.4), hence not `>`.
    if now >= expired.saturating_add(leeway) {
        return Err(Rejection::TokenExpired { expired, now });
    }
    if let Some(UnixTime(not_before)) = lifetime.not_before
        && now.saturating_add(leeway) < not_before
    {
        return Err(Rejection::TokenNotYetValid { not_before, now });
    }
    if let Some(UnixTime(issued)) = lifetime.issued
        && issued > now.saturating_add(leeway)
    {
        return Err(Rejection::IssuedInFuture { issued, now });
    }
    if let Some(max_age) = tolerance.max_age {
        let UnixTime(issued) = lifetime.issued.ok_or_else(|| missing("iat"))?;
        if now > issued.saturating_add(max_age).saturating_add(leeway) {
            return Err(Rejection::TokenTooOld {
                issued,
                max_age,
                now,
            });
        }
    }
    Ok(())
}

/// Each required claim must be there with one of its values, compared as JSON: `"1"` is not `1`, and a list is not its element.
pub(super) fn check_required(
    claims: &Object,
    required: &[(String, Vec<Json>)],
) -> Result<(), Rejection> {
    for (claim, values) in required {
        let Some(found) = claims.get(claim) else {
            return Err(missing(claim));
        };
        if !values.contains(found) {
            return Err(Rejection::ClaimMismatch {
                claim: claim.clone(),
                expected: one_of(values),
            });
        }
    }
    Ok(())
}

/// What the token says about its audience, for the log: `aud`, or the client that stands for it in providers' access tokens.
pub(super) fn audience_as_found(claims: &Object) -> String {
    ["aud", "client_id"]
        .into_iter()
        .find_map(|name| {
            claims
                .get(name)
                .map(|value| format!("`{name}` {}", value.to_ascii()))
        })
        .unwrap_or_else(|| "nobody (there is no `aud`)".to_owned())
}

fn numeric_date(claims: &Object, name: &'static str) -> Result<Option<UnixTime>, Rejection> {
    let Some(value) = claims.get(name) else {
        return Ok(None);
    };
    let Some(number) = value.as_number() else {
        return Err(wrong_type(name, value, "a number"));
    };
    number
        .truncated()
        // `-0.5` is cut to 0, and is still before 1970.
        .filter(|seconds| (0..=LATEST).contains(seconds) && !number.as_written().starts_with('-'))
        .map(|seconds| Some(UnixTime(seconds)))
        .ok_or_else(|| Rejection::MalformedToken {
            what: format!("the claim `{name}` is not a time between 1970 and 9999 in Unix seconds"),
        })
}

pub(super) fn missing(claim: &str) -> Rejection {
    Rejection::ClaimMissing {
        claim: claim.to_owned(),
    }
}

fn wrong_type(claim: &'static str, found: &Json, expected: &'static str) -> Rejection {
    Rejection::MalformedToken {
        what: format!(
            "the claim `{claim}` must be {expected}, it is of type {}; the issuer must correct that",
            found.type_name()
        ),
    }
}

fn one_of(values: &[Json]) -> String {
    let values: Vec<_> = values
        .iter()
        .map(|value| format!("`{}`", value.to_ascii()))
        .collect();
    values.join(" or ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_800_000_000;

    fn judge(
        exp: i64,
        nbf: Option<i64>,
        iat: Option<i64>,
        leeway: i64,
        max_age: Option<i64>,
        now: i64,
    ) -> Option<&'static str> {
        let lifetime = Lifetime {
            expires: UnixTime(exp),
            not_before: nbf.map(UnixTime),
            issued: iat.map(UnixTime),
        };
        check_lifetime(lifetime, Tolerance { leeway, max_age }, UnixTime(now))
            .err()
            .map(|rejection| rejection.reason().name())
    }

    #[test]
    fn a_token_is_dead_on_its_exp_and_not_a_second_before() {
        assert_eq!(judge(NOW + 1, None, None, 0, None, NOW), None);
        assert_eq!(judge(NOW, None, None, 0, None, NOW), Some("token_expired"));
        assert_eq!(judge(NOW - 29, None, None, 30, None, NOW), None);
        assert_eq!(
            judge(NOW - 30, None, None, 30, None, NOW),
            Some("token_expired")
        );
    }

    #[test]
    fn j25_nbf_and_iat_in_the_future_are_refused_beyond_the_leeway() {
        let far = NOW + 1_000_000;
        assert_eq!(judge(far, Some(NOW + 30), None, 30, None, NOW), None);
        assert_eq!(
            judge(far, Some(NOW + 31), None, 30, None, NOW),
            Some("token_not_yet_valid")
        );
        assert_eq!(judge(far, None, Some(NOW + 30), 30, None, NOW), None);
        assert_eq!(
            judge(far, None, Some(NOW + 31), 30, None, NOW),
            Some("issued_in_future")
        );
        // No order is demanded between the two.
        assert_eq!(judge(far, Some(NOW - 300), Some(NOW), 0, None, NOW), None);
    }

    #[test]
    fn max_age_counts_from_iat_which_it_makes_required() {
        let far = NOW + 1_000_000;
        assert_eq!(judge(far, None, Some(NOW - 90), 30, Some(60), NOW), None);
        assert_eq!(
            judge(far, None, Some(NOW - 91), 30, Some(60), NOW),
            Some("token_too_old")
        );
        assert_eq!(
            judge(far, None, None, 30, Some(60), NOW),
            Some("claim_missing")
        );
    }

    #[test]
    fn j29_a_clock_at_its_ends_is_no_panic_and_no_way_in() {
        for now in [i64::MIN, -1, 0, i64::MAX - 1, i64::MAX] {
            for leeway in [0, 30, i64::MAX] {
                for max_age in [None, Some(0), Some(i64::MAX)] {
                    let _ = judge(NOW, Some(NOW), Some(NOW), leeway, max_age, now);
                }
            }
        }
        assert_eq!(
            judge(NOW, None, None, 300, None, i64::MAX),
            Some("token_expired")
        );
        assert_eq!(
            judge(NOW, Some(NOW - 60), None, 300, None, i64::MIN),
            Some("token_not_yet_valid")
        );
        // Ten years back.
        assert_eq!(
            judge(NOW + 3600, None, Some(NOW), 30, None, NOW - 315_360_000),
            Some("issued_in_future")
        );
    }
}
