//! The single checks of the walk, in its order.

use std::sync::Arc;
use std::time::Duration;

use super::issuers::FoundIssuer;
use super::pipeline::{Seen, Stop};
use super::rejection::{AlgorithmLimit, KeyProblem};
use super::text::quoted;
use super::{IssuerConfig, Rejection, claims, diagnosis};
use crate::clock::Moment;
use crate::jose::algorithm::Algorithm;
use crate::jose::compact::CompactJws;
use crate::jose::header::{BadHeader, Header};
use crate::jose::json::Object;
use crate::jose::key::VerificationKey;
use crate::jose::padded::Spelling;
use crate::jose::{base64url, json};
use crate::keys::set::{Candidates, KeyHint, MAX_CANDIDATES};
use crate::keys::{KeyLookup, KeySet};
use crate::provider::{Facts, Refusal};

pub(super) fn decode(segment: &str, name: &'static str) -> Result<Vec<u8>, Rejection> {
    base64url::decode(segment).map_err(|_| Rejection::MalformedToken {
        what: format!(
            "the {name} segment is not strict base64url: it was changed or cut off on its way"
        ),
    })
}

/// Padding is taken only from an issuer that writes it (threat J17): its tokens may have it, nobody else's.
pub(super) fn check_spelling(
    spelling: Spelling,
    token: &[u8],
    config: &IssuerConfig,
) -> Result<(), Rejection> {
    match (spelling, config.profile.spelling) {
        (Spelling::Strict, _) | (Spelling::Padded, Spelling::Padded) => Ok(()),
        (Spelling::Padded, Spelling::Strict) => Err(diagnosis::padded(token)),
    }
}

pub(super) fn read_header(segment: &str, seen: &mut Seen) -> Result<Header, Rejection> {
    let header = Header::read(segment).map_err(|bad| match bad {
        BadHeader::Malformed(what) => Rejection::MalformedToken {
            what: what.into_string(),
        },
        BadHeader::Critical {
            member,
            algorithm,
            kid,
        } => {
            seen.alg = algorithm.map(Algorithm::name);
            seen.kid = kid;
            Rejection::UnsupportedCriticalHeader { member }
        }
    })?;
    seen.kid.clone_from(&header.kid);
    seen.alg = header.algorithm.map(Algorithm::name);
    if diagnosis::is_none(&header.alg) {
        seen.alg = Some("none");
        return Err(diagnosis::refuse_none(&header.alg));
    }
    // What is signed here is claims; `cty` says that it is something else, usually another token (RFC 7519 §5.2).
    if header.members.get("cty").is_some() {
        return Err(Rejection::TokenTypeNotAllowed {
            found: "a `cty` in the header: not claims, but a token in a token".to_owned(),
            expected: "claims (no `cty`)".to_owned(),
        });
    }
    Ok(header)
}

pub(super) fn read_claims(segment: &str) -> Result<Object, Rejection> {
    let payload = decode(segment, "payload")?;
    json::parse_object(&payload).map_err(|error| Rejection::MalformedToken {
        what: format!("the payload is not acceptable JSON: {error}"),
    })
}

pub(super) fn check_algorithm(
    header: &Header,
    config: &IssuerConfig,
) -> Result<Algorithm, Rejection> {
    header
        .algorithm
        .filter(|algorithm| config.algorithms.contains(*algorithm))
        .ok_or_else(|| Rejection::AlgorithmNotAllowed {
            alg: header.alg.to_string(),
            limit: AlgorithmLimit::Issuer(config.algorithms),
        })
}

/// `typ` against the issuer's list (RFC 8725 §3.11): case does not matter, and `application/` may be left out (RFC 7515 §4.1.9).
pub(super) fn check_token_type(header: &Header, config: &IssuerConfig) -> Result<(), Rejection> {
    let typ = header.typ.as_deref().unwrap_or("jwt");
    let short = match typ.split_at_checked("application/".len()) {
        Some((prefix, rest)) if prefix.eq_ignore_ascii_case("application/") => rest,
        _ => typ,
    };
    if config
        .token_types
        .iter()
        .any(|accepted| accepted.eq_ignore_ascii_case(short))
    {
        return Ok(());
    }
    Err(Rejection::TokenTypeNotAllowed {
        found: format!("`typ` {}", quoted(typ)),
        expected: format!("`{}` (`token_types`)", config.token_types.join("`, `")),
    })
}

pub(super) struct FoundKeys {
    pub keys: Vec<Arc<VerificationKey>>,
    /// Where they are from.
    pub set: Arc<KeySet>,
}

impl FoundKeys {
    /// When `key`, one of these, stops being good because it has left the issuer's document.
    pub fn good_until(&self, key: &Arc<VerificationKey>) -> Option<Duration> {
        let mut held = self.set.keys().iter();
        held.find(|held| Arc::ptr_eq(&held.key, key))?.good_until
    }
}

pub(super) fn find_keys(
    issuer: FoundIssuer<'_>,
    algorithm: Algorithm,
    facts: Facts<'_>,
    now: Moment,
    keys: &dyn KeyLookup,
) -> Result<FoundKeys, Stop> {
    let header = facts.header;
    let set = keys
        .key_set(issuer.source, now.monotonic)
        // The floor of `Retry-After`; who holds the keys knows better.
        .ok_or(Rejection::KeysUnavailable { retry_after: 1 })?;
    let hint = KeyHint {
        kid: header.kid.as_deref(),
        x5t: header.x5t.as_deref(),
        x5t_s256: header.x5t_s256.as_deref(),
    };
    let found = match set.candidates(hint, algorithm, now.monotonic) {
        Candidates::Keys(found) => found,
        Candidates::WrongAlgorithm => {
            // The issuer may have put a key of another type under an old kid.
            return Err(Stop::NeedsKeys {
                source: issuer.source,
                otherwise: Rejection::AlgorithmNotAllowed {
                    alg: header.alg.to_string(),
                    limit: AlgorithmLimit::Key,
                },
            });
        }
        Candidates::Unknown => {
            return Err(Stop::NeedsKeys {
                source: issuer.source,
                otherwise: Rejection::UnknownKey {
                    kid: key_name(header).map(str::to_owned),
                    why: KeyProblem::NotHeld,
                },
            });
        }
    };
    Ok(FoundKeys { keys: found, set })
}

/// The key that made the signature, which must be allowed to sign for this issuer. At most [`MAX_CANDIDATES`] are tried, so that a bad
/// token costs a bounded time (threats J16, D9).
pub(super) fn check_signature<'k>(
    issuer: FoundIssuer<'_>,
    found: &'k FoundKeys,
    algorithm: Algorithm,
    facts: Facts<'_>,
    jws: &CompactJws<'_>,
    signature: &[u8],
) -> Result<&'k Arc<VerificationKey>, Stop> {
    let kid = || key_name(facts.header).map(str::to_owned);
    let mut for_another = false;
    for key in found.keys.iter().take(MAX_CANDIDATES) {
        if !key.algorithms.contains(algorithm)
            || !key.verifies(algorithm, jws.signing_input.as_bytes(), signature)
        {
            continue;
        }
        let rules = &issuer.config.profile.rules;
        if rules.accepts_key(key.issuer.as_deref(), facts) {
            return Ok(key);
        }
        for_another = true;
    }
    if for_another {
        // Fetching the key again would not change whose it is.
        return Err(Stop::Rejected(Rejection::UnknownKey {
            kid: kid(),
            why: KeyProblem::ForAnotherIssuer,
        }));
    }
    // Also without a kid: an issuer whose keys have none changes its key in no other way. A flood of bad signatures
    // costs the issuer nothing, since the floor between fetches holds for all questions together.
    Err(Stop::NeedsKeys {
        source: issuer.source,
        otherwise: Rejection::BadSignature { kid: kid() },
    })
}

pub(super) fn refused(refusal: Refusal, claims: &Object) -> Rejection {
    match refusal {
        Refusal::ClaimMissing { claim } => Rejection::ClaimMissing {
            claim: claim.to_owned(),
        },
        Refusal::ClaimMismatch { claim, expected } => Rejection::ClaimMismatch {
            claim: claim.to_owned(),
            expected,
        },
        Refusal::TokenTypeNotAllowed { found, expected } => {
            Rejection::TokenTypeNotAllowed { found, expected }
        }
        Refusal::AudienceMismatch { found, expected } => Rejection::AudienceMismatch {
            found: found.unwrap_or_else(|| claims::audience_as_found(claims)),
            expected,
        },
        Refusal::TenantNotAllowed { tenant } => Rejection::TenantNotAllowed { tenant },
        Refusal::GroupsOverage => Rejection::GroupsOverage,
        Refusal::Malformed(what) => Rejection::MalformedToken {
            what: what.to_owned(),
        },
    }
}

/// What the header calls its key: the kid, else a thumbprint.
pub(super) fn key_name(header: &Header) -> Option<&str> {
    header
        .kid
        .as_deref()
        .or(header.x5t_s256.as_deref())
        .or(header.x5t.as_deref())
}

pub(super) fn named(header: &Header) -> String {
    key_name(header).map_or_else(|| "without a name in the token".to_owned(), quoted)
}

/// Which settings the audience check went by.
pub(super) fn said_of_audience(config: &IssuerConfig) -> String {
    let profile = &config.profile;
    let listed = config.audiences.is_some();
    match profile.bound_by {
        Some(setting) if profile.audiences.is_some() || !listed => format!("one of `{setting}`"),
        Some(setting) => format!("one of `audiences`, one of `{setting}`"),
        None if listed => "one of `audiences`".to_owned(),
        None => "any (`any_audience: true`)".to_owned(),
    }
}

pub(super) fn said_by(header: &Header) -> String {
    format!("`alg` {}, key {}", quoted(&header.alg), named(header))
}
