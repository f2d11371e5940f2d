//! The walk of one token through the checks. Cheap ones first: everything that needs no key comes before the signature, and can only refuse.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

pub use super::check::{Check, CheckLog, NoLog};
use super::issuers::{FoundIssuer, Issuers};
use super::rejection::{AlgorithmLimit, KeyProblem};
use super::text::quoted;
use super::token::Parts;
use super::{IssuerConfig, Rejection, Tolerance, VerifiedToken, claims, diagnosis};
use crate::clock::Moment;
use crate::jose::algorithm::Algorithm;
use crate::jose::compact::{self, CompactJws};
use crate::jose::header::{BadHeader, Header};
use crate::jose::json::Object;
use crate::jose::key::VerificationKey;
use crate::jose::{base64url, json};
use crate::keys::set::{Candidates, KeyHint, MAX_CANDIDATES};
use crate::keys::{KeyLookup, SourceId};
use crate::provider::{Facts, Refusal};

/// Judges tokens by one configuration. Immutable; a new configuration is a new verifier.
pub struct Verifier {
    issuers: Issuers,
    max_token_bytes: usize,
    generation: u64,
}

/// What is known of a token that was not verified: for the log line of the refusal. Bounded, from the token, not trusted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// The configured name of the issuer that the token says it is from.
    pub issuer: Option<Arc<str>>,
    /// Its index in [`Verifier::issuers`]: for metrics.
    pub issuer_index: Option<usize>,
    /// Where its keys are: whom to ask for the `retry_after` of `KeysUnavailable`.
    pub source: Option<SourceId>,
    pub kid: Option<Box<str>>,
    /// A registered name or `none`; never free text.
    pub alg: Option<&'static str>,
}

#[derive(Debug)]
pub enum Outcome {
    Verified(Arc<VerifiedToken>),
    Rejected {
        rejection: Rejection,
        seen: Seen,
    },
    /// The key is unknown, or no signature fits (the issuer may have put a new key under an old kid): after one refetch of `source`, ask again.
    /// `otherwise` stands if that changes nothing.
    NeedsKeys {
        source: SourceId,
        otherwise: Rejection,
        seen: Seen,
    },
}

impl Verifier {
    /// `max_token_bytes`: of the whole compact serialization.
    pub fn new(issuers: Vec<IssuerConfig>, max_token_bytes: usize) -> Self {
        static GENERATIONS: AtomicU64 = AtomicU64::new(1);
        Self {
            issuers: Issuers::new(issuers),
            max_token_bytes,
            generation: GENERATIONS.fetch_add(1, Ordering::Relaxed),
        }
    }

    /// In the order of the configuration.
    pub fn issuers(&self) -> &[IssuerConfig] {
        self.issuers.configs()
    }

    /// Judges `token` at `now`. `retry_after` of `KeysUnavailable` is filled by the caller (it asks [`crate::keys::Keys::retry_after`]).
    pub fn verify(
        &self,
        token: &[u8],
        now: Moment,
        keys: &dyn KeyLookup,
        log: &mut dyn CheckLog,
    ) -> Outcome {
        let mut seen = Seen::default();
        match self.walk(token, now, keys, log, &mut seen) {
            Ok(verified) => Outcome::Verified(Arc::new(verified)),
            Err(Stop::Rejected(rejection)) => Outcome::Rejected { rejection, seen },
            Err(Stop::NeedsKeys { source, otherwise }) => Outcome::NeedsKeys {
                source,
                otherwise,
                seen,
            },
        }
    }

    /// The checks that depend on time, alone: what a cached decision runs on every hit, by the leeway and maximal age of the
    /// configuration that the token was verified with.
    pub fn lifetime_holds(&self, token: &VerifiedToken, now: Moment) -> Result<(), Rejection> {
        let parts = token.parts();
        claims::check_lifetime(parts.lifetime, parts.tolerance, now.wall)
    }

    /// Different for every verifier that was ever made in this process, and greater for a later one.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// Bytes of the longest token that is looked at.
    pub fn max_token_bytes(&self) -> usize {
        self.max_token_bytes
    }

    fn walk(
        &self,
        token: &[u8],
        now: Moment,
        keys: &dyn KeyLookup,
        log: &mut dyn CheckLog,
        seen: &mut Seen,
    ) -> Result<VerifiedToken, Stop> {
        self.check_size(token)?;
        log.passed(Check::Size, &|| format!("{} bytes", token.len()));

        let jws = compact::split(token).map_err(|why| diagnosis::not_compact(token, why))?;
        let signature = decode(jws.signature, "signature")?;
        log.passed(Check::Structure, &|| "a compact signed JWT".to_owned());

        let header = read_header(jws.header, seen)?;
        log.passed(Check::Header, &|| said_by(&header));

        let claims = read_claims(jws.payload)?;
        claims::check_subject(&claims)?;
        log.passed(Check::Claims, &|| format!("{} claims", claims.len()));

        let iss = claims::issuer(&claims)?;
        let issuer = self.find_issuer(iss, seen)?;
        let config = issuer.config;
        log.passed(Check::Issuer, &|| {
            format!("{} is issuer {}", quoted(iss), quoted(&config.name))
        });

        let algorithm = check_algorithm(&header, config)?;
        log.passed(Check::Algorithm, &|| algorithm.name().to_owned());

        check_token_type(&header, config)?;
        log.passed(Check::TokenType, &|| {
            header
                .typ
                .as_deref()
                .map_or_else(|| "absent, counts as `JWT`".to_owned(), quoted)
        });

        let lifetime = claims::lifetime(&claims)?;
        let tolerance = Tolerance {
            leeway: config.leeway,
            max_age: config.max_age,
        };
        claims::check_lifetime(lifetime, tolerance, now.wall)?;
        log.passed(Check::Lifetime, &|| {
            let left = lifetime.expires.0.saturating_sub(now.wall.0);
            format!("expires in {}", super::text::span(left.max(0)))
        });

        let facts = Facts {
            header: &header,
            claims: &claims,
            iss,
        };
        config
            .profile
            .check_audience(facts, config.audiences.as_deref())
            .map_err(|refusal| refused(refusal, &claims))?;
        log.passed(Check::Audience, &|| match config.audiences {
            Some(_) => "one of `audiences`".to_owned(),
            None => "any (`any_audience: true`)".to_owned(),
        });

        claims::check_required(&claims, &config.required_claims)?;
        log.passed(Check::RequiredClaims, &|| {
            format!("{} required", config.required_claims.len())
        });

        let mut findings = config
            .profile
            .check_claims(facts)
            .map_err(|refusal| refused(refusal, &claims))?;
        findings.email_verified |= config.unverified_email;
        log.passed(Check::Provider, &|| {
            format!("the rules of `{}`", config.profile.kind.name())
        });

        let candidates = find_keys(issuer, algorithm, facts, now, keys)?;
        log.passed(Check::Key, &|| match candidates.keys.len() {
            1 => format!("key {}", named(&header)),
            count => format!("{count} keys fit {}", named(&header)),
        });

        let key =
            check_signature(&candidates.keys, algorithm, &jws, &signature).ok_or_else(|| {
                // Also without a kid: an issuer whose keys have none changes its key in no other way. A flood of bad
                // signatures costs the issuer nothing, since the floor between fetches holds for all questions together.
                Stop::NeedsKeys {
                    source: issuer.source,
                    otherwise: Rejection::BadSignature {
                        kid: key_name(&header).map(str::to_owned),
                    },
                }
            })?;
        log.passed(Check::Signature, &|| {
            format!("{}, key {}", algorithm.name(), named(&header))
        });

        Ok(VerifiedToken::prove(Parts {
            issuer: Arc::clone(&config.name),
            issuer_index: issuer.index,
            claim_names: Arc::clone(issuer.claim_names),
            findings,
            lifetime,
            tolerance,
            algorithm,
            source: issuer.source,
            key_set_generation: candidates.generation,
            key_fingerprint: key.fingerprint,
            kid: header.kid,
            claims,
        }))
    }

    fn check_size(&self, token: &[u8]) -> Result<(), Rejection> {
        if token.len() > self.max_token_bytes {
            return Err(Rejection::TokenTooLarge {
                bytes: token.len(),
                limit: self.max_token_bytes,
            });
        }
        Ok(())
    }

    fn find_issuer(&self, iss: &str, seen: &mut Seen) -> Result<FoundIssuer<'_>, Rejection> {
        let Some(issuer) = self.issuers.find(iss) else {
            return Err(Rejection::UnknownIssuer {
                iss: iss.to_owned(),
                similar: self.issuers.similar(iss).map(str::to_owned),
            });
        };
        seen.issuer = Some(Arc::clone(&issuer.config.name));
        seen.issuer_index = Some(issuer.index);
        seen.source = Some(issuer.source);
        Ok(issuer)
    }
}

/// Why the walk ended early.
enum Stop {
    Rejected(Rejection),
    NeedsKeys {
        source: SourceId,
        otherwise: Rejection,
    },
}

impl From<Rejection> for Stop {
    fn from(rejection: Rejection) -> Self {
        Self::Rejected(rejection)
    }
}

fn decode(segment: &str, name: &'static str) -> Result<Vec<u8>, Rejection> {
    base64url::decode(segment).map_err(|_| Rejection::MalformedToken {
        what: format!(
            "the {name} segment is not strict base64url: it was changed or cut off on its way"
        ),
    })
}

fn read_header(segment: &str, seen: &mut Seen) -> Result<Header, Rejection> {
    let header = Header::read(segment).map_err(|bad| match bad {
        BadHeader::Malformed(what) => Rejection::MalformedToken {
            what: what.into_string(),
        },
        BadHeader::Critical(member) => Rejection::UnsupportedCriticalHeader { member },
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

fn read_claims(segment: &str) -> Result<Object, Rejection> {
    let payload = decode(segment, "payload")?;
    json::parse_object(&payload).map_err(|error| Rejection::MalformedToken {
        what: format!(
            "the payload is not acceptable JSON: {} at byte {}",
            error.problem, error.offset
        ),
    })
}

fn check_algorithm(header: &Header, config: &IssuerConfig) -> Result<Algorithm, Rejection> {
    header
        .algorithm
        .filter(|algorithm| config.algorithms.contains(*algorithm))
        .ok_or_else(|| Rejection::AlgorithmNotAllowed {
            alg: header.alg.to_string(),
            limit: AlgorithmLimit::Issuer(config.algorithms),
        })
}

/// `typ` against the issuer's list (RFC 8725 §3.11): case does not matter, and `application/` may be left out (RFC 7515 §4.1.9).
fn check_token_type(header: &Header, config: &IssuerConfig) -> Result<(), Rejection> {
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

struct FoundKeys {
    keys: Vec<Arc<VerificationKey>>,
    generation: u64,
}

fn find_keys(
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
    let kid = || key_name(header).map(str::to_owned);
    let mut found = match set.candidates(hint, algorithm, now.monotonic) {
        Candidates::Keys(found) => found,
        Candidates::WrongAlgorithm => {
            return Err(Stop::Rejected(Rejection::AlgorithmNotAllowed {
                alg: header.alg.to_string(),
                limit: AlgorithmLimit::Key,
            }));
        }
        Candidates::Unknown => {
            return Err(Stop::NeedsKeys {
                source: issuer.source,
                otherwise: Rejection::UnknownKey {
                    kid: kid(),
                    why: KeyProblem::NotHeld,
                },
            });
        }
    };
    let profile = &issuer.config.profile;
    found.retain(|key| profile.accepts_key(key.issuer.as_deref(), facts));
    if found.is_empty() {
        // The key is known; fetching it again would not change whose it is.
        return Err(Stop::Rejected(Rejection::UnknownKey {
            kid: kid(),
            why: KeyProblem::ForAnotherIssuer,
        }));
    }
    Ok(FoundKeys {
        keys: found,
        generation: set.generation,
    })
}

/// The key that made the signature. At most [`MAX_CANDIDATES`] are tried, so that a bad token costs a bounded time (threats J16, D9).
fn check_signature<'k>(
    keys: &'k [Arc<VerificationKey>],
    algorithm: Algorithm,
    jws: &CompactJws<'_>,
    signature: &[u8],
) -> Option<&'k VerificationKey> {
    keys.iter()
        .take(MAX_CANDIDATES)
        .filter(|key| key.algorithms.contains(algorithm))
        .find(|key| key.verifies(algorithm, jws.signing_input.as_bytes(), signature))
        .map(|key| &**key)
}

fn refused(refusal: Refusal, claims: &Object) -> Rejection {
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
        Refusal::AudienceMismatch { expected } => Rejection::AudienceMismatch {
            found: claims::audience_as_found(claims),
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
fn key_name(header: &Header) -> Option<&str> {
    header
        .kid
        .as_deref()
        .or(header.x5t_s256.as_deref())
        .or(header.x5t.as_deref())
}

fn named(header: &Header) -> String {
    key_name(header).map_or_else(|| "without a name in the token".to_owned(), quoted)
}

fn said_by(header: &Header) -> String {
    format!("`alg` {}, key {}", quoted(&header.alg), named(header))
}
