//! From a configuration to a gate: sources are numbered, and every room gets its own part.

use std::fmt;
use std::sync::Arc;

use crate::clock::Clock;
use crate::config::{Config, IdentitySettings, IssuerSetup};
use crate::identity::{ManagedNames, Mapping};
use crate::keys::source::SourceConfig;
use crate::keys::{Keys, SourceId};
use crate::policy::RouteTable;
use crate::proxy::Gate;
use crate::telemetry::Metrics;
use crate::verify::{IssuerConfig, Verifier, cache};

/// A configuration that was read well and still cannot be put together: its reading should have refused it.
#[derive(Debug)]
pub struct CannotAssemble(String);

impl fmt::Display for CannotAssemble {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// Builds the gate of `config`. Nothing is fetched or opened, and there is no access log. With `previous`, its counts go on.
pub fn assemble(
    config: Config,
    clock: Arc<dyn Clock>,
    previous: Option<&Gate>,
) -> Result<Gate, CannotAssemble> {
    let routes = match config.routes {
        None => RouteTable::everything_needs_a_token(),
        Some(routes) => RouteTable::new(routes, config.strict_paths).map_err(bad_routes)?,
    };
    let (issuers, sources) = number_sources(config.issuers);
    let route_names: Vec<Arc<str>> = routes
        .routes()
        .iter()
        .map(|route| Arc::clone(route.name()))
        .collect();
    let issuer_names: Vec<Arc<str>> = issuers
        .iter()
        .map(|issuer| Arc::clone(&issuer.name))
        .collect();
    let metrics = match previous {
        None => Metrics::new(&route_names, &issuer_names),
        Some(gate) => gate.metrics.reindexed(&route_names, &issuer_names),
    };
    let (managed, mapping) = identity(config.identity);
    Ok(Gate {
        verifier: Verifier::new(issuers, config.token.max_bytes),
        keys: Arc::new(Keys::new(sources, Arc::clone(&clock), metrics.clone())),
        routes,
        managed,
        mapping,
        token: config.token,
        upstream: config.upstream,
        trusted_proxies: config.trusted_proxies,
        cache_max_bytes: cache::DEFAULT_MAX_BYTES,
        metrics,
        access_log: None,
        clock,
    })
}

/// Gives every source its number in [`Keys`]. An issuer has one source for each form of its profile, or a single one that serves all of them.
fn number_sources(setups: Vec<IssuerSetup>) -> (Vec<IssuerConfig>, Vec<SourceConfig>) {
    let mut issuers = Vec::with_capacity(setups.len());
    let mut sources = Vec::new();
    for setup in setups {
        let first = sources.len();
        let single = setup.sources.len() == 1;
        let ids = (0..setup.profile.forms.len())
            .map(|form| SourceId(if single { first } else { first + form }))
            .collect();
        sources.extend(setup.sources);
        issuers.push(IssuerConfig {
            name: setup.name,
            profile: setup.profile,
            sources: ids,
            algorithms: setup.algorithms,
            token_types: setup.token_types,
            audiences: setup.audiences,
            leeway: seconds(setup.leeway),
            max_age: setup.max_age.map(seconds),
            required_claims: setup.required_claims,
            unverified_email: setup.unverified_email,
        });
    }
    (issuers, sources)
}

fn identity(settings: IdentitySettings) -> (ManagedNames, Mapping) {
    let mapping = match settings.headers {
        None => Mapping::default_set(settings.max_bytes),
        Some(rules) => Mapping::of(rules, settings.max_bytes),
    };
    let managed = ManagedNames::new(&mapping.names(), &settings.strip, settings.underscores);
    (managed, mapping)
}

fn bad_routes(problems: Vec<(usize, String)>) -> CannotAssemble {
    let problems: Vec<String> = problems
        .into_iter()
        .map(|(index, problem)| format!("routes[{index}]: {problem}"))
        .collect();
    CannotAssemble(problems.join("; "))
}

fn seconds(duration: std::time::Duration) -> i64 {
    i64::try_from(duration.as_secs()).unwrap_or(i64::MAX)
}
