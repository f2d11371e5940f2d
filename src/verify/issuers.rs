//! Which configured issuer a token says it is from. Byte for byte: `https://a` and `https://a/` are two issuers (threat J27). By its `iss`, or,
//! where that names none, by the trust domain of its `sub`.

use std::collections::HashMap;
use std::sync::Arc;

use super::IssuerConfig;
use crate::jose::padded::Spelling;
use crate::keys::SourceId;
use crate::provider::spiffe_id::SpiffeId;
use crate::provider::{ClaimNames, IssuerPattern};

pub(super) struct Issuers {
    configs: Vec<IssuerConfig>,
    /// By issuer; shared with every token that is verified.
    claim_names: Vec<Arc<ClaimNames>>,
    exact: HashMap<Box<str>, Place>,
    /// Spellings with a tenant in them, in the order of the configuration.
    templates: Vec<(IssuerPattern, Place)>,
    /// Of entries that are found by a token's `sub`.
    trust_domains: HashMap<Box<str>, Place>,
}

#[derive(Clone, Copy)]
struct Place {
    issuer: usize,
    source: SourceId,
}

/// The issuer of a token, and where its keys are.
#[derive(Clone, Copy)]
pub(super) struct FoundIssuer<'v> {
    pub index: usize,
    pub config: &'v IssuerConfig,
    pub claim_names: &'v Arc<ClaimNames>,
    pub source: SourceId,
}

impl Issuers {
    /// A form without a source has no keys to verify with: its tokens are from an unknown issuer. Of two equal exact spellings the first
    /// counts (`config` refuses them).
    pub fn new(configs: Vec<IssuerConfig>) -> Self {
        let mut exact = HashMap::new();
        let mut templates = Vec::new();
        let mut trust_domains = HashMap::new();
        for (issuer, config) in configs.iter().enumerate() {
            for (form, source) in config.profile.forms.iter().zip(&config.sources) {
                let place = Place {
                    issuer,
                    source: *source,
                };
                match &form.pattern {
                    IssuerPattern::Exact(iss) => {
                        exact.entry(iss.as_str().into()).or_insert(place);
                    }
                    pattern @ IssuerPattern::Tenant(_) => templates.push((pattern.clone(), place)),
                    IssuerPattern::TrustDomain(domain) => {
                        trust_domains.entry(domain.as_str().into()).or_insert(place);
                    }
                }
            }
        }
        let claim_names = configs
            .iter()
            .map(|config| Arc::new(config.profile.claims.clone()))
            .collect();
        Self {
            configs,
            claim_names,
            exact,
            templates,
            trust_domains,
        }
    }

    /// Whether there is an issuer that pads its tokens' segments.
    pub fn any_is_padded(&self) -> bool {
        let padded = |config: &IssuerConfig| config.profile.spelling == Spelling::Padded;
        self.configs.iter().any(padded)
    }

    pub fn configs(&self) -> &[IssuerConfig] {
        &self.configs
    }

    /// The issuer of a token with these two claims, and the part of them that says so.
    ///
    /// An `iss` that is configured decides alone (threat J27): no `sub` can make the token another issuer's. Only without one does a
    /// SPIFFE ID in `sub` name a trust domain.
    pub fn find<'t>(
        &self,
        iss: Option<&'t str>,
        sub: Option<&'t str>,
    ) -> Option<(&'t str, FoundIssuer<'_>)> {
        let by_issuer = iss.and_then(|iss| Some((iss, self.by_issuer(iss)?)));
        by_issuer.or_else(|| sub.and_then(|sub| self.by_trust_domain(sub)))
    }

    /// Exact spellings of all issuers first, so that an entry for one tenant goes before one for many; then the first template that fits.
    fn by_issuer(&self, iss: &str) -> Option<FoundIssuer<'_>> {
        let place = self.exact.get(iss).or_else(|| {
            self.templates
                .iter()
                .find(|(pattern, _)| pattern.matches(iss))
                .map(|(_, place)| place)
        });
        self.at(*place?)
    }

    fn by_trust_domain<'t>(&self, sub: &'t str) -> Option<(&'t str, FoundIssuer<'_>)> {
        if self.trust_domains.is_empty() {
            return None;
        }
        let domain = SpiffeId::parse(sub)?.trust_domain;
        let place = self.trust_domains.get(domain)?;
        Some((domain, self.at(*place)?))
    }

    /// What stands for the issuer in a token without `iss` that is of no configured trust domain: that domain's SPIFFE ID. `None` where no trust domain is
    /// configured: there such a token lacks its `iss`.
    pub fn foreign_trust_domain<'t>(&self, sub: Option<&'t str>) -> Option<&'t str> {
        let sub = sub.filter(|_| !self.trust_domains.is_empty())?;
        sub.strip_suffix(SpiffeId::parse(sub)?.path)
    }

    fn at(&self, place: Place) -> Option<FoundIssuer<'_>> {
        Some(FoundIssuer {
            index: place.issuer,
            config: self.configs.get(place.issuer)?,
            claim_names: self.claim_names.get(place.issuer)?,
            source: place.source,
        })
    }

    /// A configured spelling that a person would take for `iss`: for the log, never for a decision.
    pub fn similar(&self, iss: &str) -> Option<&str> {
        let core = without_decoration(iss);
        self.exact
            .keys()
            .find(|configured| without_decoration(configured).eq_ignore_ascii_case(core))
            .map(|configured| &**configured)
    }
}

fn without_decoration(iss: &str) -> &str {
    let iss = iss
        .strip_prefix("https://")
        .or_else(|| iss.strip_prefix("http://"))
        .unwrap_or(iss);
    iss.trim_end_matches('/')
}
