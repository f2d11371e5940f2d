//! The walk of one token through the checks. Cheap ones first: everything that needs no key comes before the signature, and can only refuse.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::binding::{self, Counterparts, Place, Presented};
use super::check::{Check, CheckLog};
use super::issuers::{FoundIssuer, Issuers};
use super::text::{quoted, span};
use super::token::Parts;
use super::{
    BoundClaim, IssuerConfig, Rejection, Tolerance, VerifiedToken, claims, decryption, diagnosis,
    steps,
};
use crate::clock::Moment;
use crate::jose::compact::{self, CompactJws};
use crate::jose::json::{Json, Object};
use crate::jose::padded::{self, Spelling};
use crate::keys::{KeyLookup, SourceId};
use crate::provider::Facts;

/// Judges tokens by one configuration. Immutable; a new configuration is a new verifier.
pub struct Verifier {
    issuers: Issuers,
    /// At least one issuer's tokens may be encrypted.
    decrypts: bool,
    max_token_bytes: usize,
    generation: u64,
    places: Vec<Place>,
    access_token_places: Vec<Place>,
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

impl Seen {
    /// Of a token that was verified and is refused all the same.
    pub(super) fn of(token: &VerifiedToken) -> Self {
        let parts = token.parts();
        Self {
            issuer: Some(Arc::clone(&parts.issuer)),
            issuer_index: Some(parts.issuer_index),
            source: Some(parts.source),
            kid: parts.kid.clone(),
            alg: Some(parts.algorithm.name()),
        }
    }
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
    /// The last check, for every request anew: a verified token belongs to this one.
    pub(super) fn bound(self, request: &Counterparts<'_>, log: &mut dyn CheckLog) -> Self {
        let Self::Verified(verified) = self else {
            return self;
        };
        if let Err(rejection) = binding::check(&verified, request) {
            let seen = Seen::of(&verified);
            return Self::Rejected { rejection, seen };
        }
        log.passed(Check::Binding, &|| binding::said_of(&verified));
        Self::Verified(verified)
    }

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
            decrypts: issuers.iter().any(|issuer| issuer.decryption.is_some()),
            places: binding::places(&issuers, |_| true),
            access_token_places: binding::places(&issuers, |claim| {
                claim == BoundClaim::AccessTokenHash
            }),
            issuers: Issuers::new(issuers),
            max_token_bytes,
            generation: GENERATIONS.fetch_add(1, Ordering::Relaxed),
        }
    }

    /// In the order of the configuration.
    pub fn issuers(&self) -> &[IssuerConfig] {
        self.issuers.configs()
    }

    /// Every place in a request that a binding of any issuer names, each once.
    pub fn places(&self) -> &[Place] {
        &self.places
    }

    /// Those of them that hold access tokens (`at_hash`).
    pub fn access_token_places(&self) -> &[Place] {
        &self.access_token_places
    }

    /// Judges a token at `now`: bytes alone are a token without a request, so that whatever it is bound to is missing.
    /// `retry_after` of `KeysUnavailable` is filled by [`Outcome::settled`].
    pub fn verify<'r>(
        &self,
        presented: impl Into<Presented<'r>>,
        now: Moment,
        keys: &dyn KeyLookup,
        log: &mut dyn CheckLog,
    ) -> Outcome {
        let Presented { token, request } = presented.into();
        self.verify_unbound(token, now, keys, log)
            .bound(request, log)
    }

    /// All checks but the last: what the cache may remember. Whoever calls this asks [`Outcome::bound`] too.
    pub(super) fn verify_unbound(
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

        // Without a key of anybody an encrypted token is refused by its dots alone (threat J10).
        let opened = match self.decrypts && compact::is_encrypted(token) {
            true => Some(decryption::open(self.issuers(), token, keys)?),
            false => None,
        };
        log.passed(Check::Decryption, &|| match &opened {
            Some(opened) => opened.said(),
            None if self.decrypts => "the token is not encrypted".to_owned(),
            None => "no issuer has `decryption`".to_owned(),
        });
        // From here on an encrypted token is what was in it.
        let token = opened.as_ref().map_or(token, |opened| &opened.plaintext);

        let (jws, spelling) = match &opened {
            // What is padded comes from a load balancer, which encrypts nothing.
            Some(_) => compact::split(token)
                .map(|jws| (jws, Spelling::Strict))
                .map_err(|_| decryption::not_nested())?,
            None => self.split(token)?,
        };
        let signature = steps::decode(jws.signature, "signature")?;
        log.passed(Check::Structure, &|| "a compact signed JWT".to_owned());

        let header = steps::read_header(jws.header, seen)?;
        log.passed(Check::Header, &|| steps::said_by(&header));

        let claims = steps::read_claims(jws.payload)?;
        claims::check_names(&claims)?;
        log.passed(Check::Claims, &|| format!("{} claims", claims.len()));

        let (iss, issuer) = self.find_issuer(&claims, seen)?;
        steps::check_spelling(spelling, token, issuer.config)?;
        let opened_by = decryption::check_issuer(opened.as_ref(), issuer)?;
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

        let rules = &config.profile.rules;
        let also = rules.header_expires().then_some(&header.members);
        let lifetime = claims::lifetime(&claims, also)?;
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
        rules
            .check_audience(facts, config.audiences.as_deref())
            .map_err(|refusal| steps::refused(refusal, &claims))?;
        log.passed(Check::Audience, &|| steps::said_of_audience(config));

        claims::check_required(&claims, &config.required_claims)?;
        log.passed(Check::RequiredClaims, &|| {
            format!("{} required", config.required_claims.len())
        });

        let mut findings = rules
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
            bindings: Arc::clone(&config.bindings),
            algorithm,
            source: issuer.source,
            key_set_generation: candidates.set.generation,
            key_fingerprint: key.fingerprint,
            key_good_until: candidates.good_until(key),
            opened_by,
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

    /// Padded segments are looked at only when there is an issuer that writes them; whether it is the token's is seen when that is known.
    fn split<'t>(&self, token: &'t [u8]) -> Result<(CompactJws<'t>, Spelling), Rejection> {
        if self.issuers.any_is_padded()
            && let Some(jws) = padded::split(token)
        {
            return Ok((jws, Spelling::Padded));
        }
        compact::split(token)
            .map(|jws| (jws, Spelling::Strict))
            .map_err(|why| diagnosis::not_compact(token, why))
    }

    /// With what the token says of its issuer.
    fn find_issuer<'t>(
        &self,
        claims: &'t Object,
        seen: &mut Seen,
    ) -> Result<(&'t str, FoundIssuer<'_>), Rejection> {
        let iss = claims::issuer(claims)?;
        let sub = claims.get("sub").and_then(Json::as_str);
        let Some((said, issuer)) = self.issuers.find(iss, sub) else {
            return Err(self.unknown_issuer(iss, claims));
        };
        seen.issuer = Some(Arc::clone(&issuer.config.name));
        seen.issuer_index = Some(issuer.index);
        seen.source = Some(issuer.source);
        Ok((said, issuer))
    }

    fn unknown_issuer(&self, iss: Option<&str>, claims: &Object) -> Rejection {
        let recognised = |config: &IssuerConfig| config.profile.rules.recognises(claims);
        if let Some(refusal) = self.issuers().iter().find_map(recognised) {
            return steps::refused(refusal, claims);
        }
        let sub = claims.get("sub").and_then(Json::as_str);
        match iss.or_else(|| self.issuers.foreign_trust_domain(sub)) {
            None => claims::missing("iss"),
            Some(iss) => Rejection::UnknownIssuer {
                iss: iss.to_owned(),
                similar: self.issuers.similar(iss).map(str::to_owned),
            },
        }
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
