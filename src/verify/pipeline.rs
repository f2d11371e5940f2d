//! The walk of one token through the checks. Cheap ones first: everything that needs no key comes before the signature, and can only refuse.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::check::{Check, CheckLog};
use super::issuers::{FoundIssuer, Issuers};
use super::text::{quoted, span};
use super::token::Parts;
use super::{IssuerConfig, Rejection, Tolerance, VerifiedToken, claims, diagnosis, steps};
use crate::clock::Moment;
use crate::jose::compact;
use crate::keys::{KeyLookup, SourceId};
use crate::provider::Facts;

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

/// What one look at a token comes to.
#[derive(Debug)]
pub enum Outcome {
    Verified(Arc<VerifiedToken>),
    Rejected {
        rejection: Rejection,
        seen: Seen,
    },
    /// The key is unknown, or is for another algorithm, or no signature fits (the issuer may have put a new key under an old kid): after one
    /// refetch of `source`, ask again.
    /// `otherwise` stands if that changes nothing.
    NeedsKeys {
        source: SourceId,
        otherwise: Rejection,
        seen: Seen,
    },
}

impl Outcome {
    /// The end of the question, when no more keys will come: the token or its refusal, and what a refused token said of itself.
    /// `retry_after`, in seconds, is asked of whoever holds the keys.
    pub fn settled(
        self,
        retry_after: impl FnOnce(SourceId) -> u64,
    ) -> (Result<Arc<VerifiedToken>, Rejection>, Seen) {
        let (rejection, seen) = match self {
            Self::Verified(token) => return (Ok(token), Seen::default()),
            Self::Rejected { rejection, seen } => (rejection, seen),
            Self::NeedsKeys {
                otherwise, seen, ..
            } => (otherwise, seen),
        };
        let rejection = match (rejection, seen.source) {
            (Rejection::KeysUnavailable { .. }, Some(source)) => Rejection::KeysUnavailable {
                retry_after: retry_after(source),
            },
            (rejection, _) => rejection,
        };
        (Err(rejection), seen)
    }
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

    /// Judges `token` at `now`. `retry_after` of `KeysUnavailable` is filled by [`Outcome::settled`].
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
        let signature = steps::decode(jws.signature, "signature")?;
        log.passed(Check::Structure, &|| "a compact signed JWT".to_owned());

        let header = steps::read_header(jws.header, seen)?;
        log.passed(Check::Header, &|| steps::said_by(&header));

        let claims = steps::read_claims(jws.payload)?;
        claims::check_subject(&claims)?;
        log.passed(Check::Claims, &|| format!("{} claims", claims.len()));

        let iss = claims::issuer(&claims)?;
        let issuer = self.find_issuer(iss, seen)?;
        let config = issuer.config;
        log.passed(Check::Issuer, &|| {
            format!("{} is issuer {}", quoted(iss), quoted(&config.name))
        });

        let algorithm = steps::check_algorithm(&header, config)?;
        log.passed(Check::Algorithm, &|| algorithm.name().to_owned());

        steps::check_token_type(&header, config)?;
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
            format!("expires in {}", span(left.max(0)))
        });

        let facts = Facts {
            header: &header,
            claims: &claims,
            iss,
        };
        config
            .profile
            .check_audience(facts, config.audiences.as_deref())
            .map_err(|refusal| steps::refused(refusal, &claims))?;
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
            .map_err(|refusal| steps::refused(refusal, &claims))?;
        findings.email_verified |= config.unverified_email;
        log.passed(Check::Provider, &|| {
            format!("the rules of `{}`", config.profile.kind.name())
        });

        let candidates = steps::find_keys(issuer, algorithm, facts, now, keys)?;
        log.passed(Check::Key, &|| match candidates.keys.len() {
            1 => format!("key {}", steps::named(&header)),
            count => format!("{count} keys fit {}", steps::named(&header)),
        });

        let key = steps::check_signature(issuer, &candidates, algorithm, facts, &jws, &signature)?;
        log.passed(Check::Signature, &|| {
            format!("{}, key {}", algorithm.name(), steps::named(&header))
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
            key_set_generation: candidates.set.generation,
            key_fingerprint: key.fingerprint,
            key_good_until: candidates.good_until(key),
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
pub(super) enum Stop {
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
