//! From a configuration to a gate: sources are numbered, and every room gets its own part.

use std::fmt;
use std::sync::Arc;

use http::header::SEC_WEBSOCKET_PROTOCOL;

use super::start::worker_count;
use crate::clock::Clock;
use crate::config::{Config, IdentitySettings, IssuerSetup};
use crate::identity::{ManagedNames, Mapping};
use crate::keys::decryption::DecryptionConfig;
use crate::keys::source::{Origin, SourceConfig};
use crate::keys::{DecryptionId, Keys, SourceId};
use crate::policy::RouteTable;
use crate::proxy::{Gate, TokenSettings, TokenSource};
use crate::telemetry::Metrics;
use crate::telemetry::metrics::Freshness;
use crate::verify::{Decryption, IssuerConfig, Place, Verifier, cache};

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
    let (issuers, mut sources, decryption) = number_sources(config.issuers);
    let snapshot_dir = config.keys_snapshot_dir.map(Into::into);
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
    for (index, source) in sources.iter_mut().enumerate() {
        source.snapshot_dir.clone_from(&snapshot_dir);
        // What never changes is always fresh, and so is what nobody has asked for yet.
        let held = match &source.origin {
            Origin::Fixed { keys, .. } => Some(keys.keys.len()),
            Origin::KeyPerKid { .. } => Some(0),
            _ => None,
        };
        if let Some(held) = held {
            metrics.keys_held(&source.issuer, SourceId(index), held, Freshness::Always);
        }
    }
    // A reload does not change how many workers there are.
    let cache_max_bytes = previous.map_or_else(
        || cache::room(worker_count(config.workers)),
        |gate| gate.cache_max_bytes,
    );
    let verifier = Verifier::new(issuers, config.token.max_bytes);
    let (managed, mapping) = identity(config.identity, &config.token, &verifier);
    let keys = Keys::new(sources, Arc::clone(&clock), metrics.clone()).with_decryption(decryption);
    Ok(Gate {
        verifier,
        keys: Arc::new(keys),
        routes,
        managed,
        mapping,
        token: config.token,
        upstream: config.upstream,
        tunnels: config.tunnels,
        trusted_proxies: config.trusted_proxies,
        cache_max_bytes,
        metrics,
        access_log: None,
        clock,
    })
}

/// Gives every source its number in [`Keys`], and every issuer's decryption keys theirs. An issuer has one source for each form of its profile, or a single one that serves all of them.
/// Forms with the same document share a source: it is fetched once, and unknown keys make it be fetched once per `refetch_interval`.
fn number_sources(
    setups: Vec<IssuerSetup>,
) -> (Vec<IssuerConfig>, Vec<SourceConfig>, Vec<DecryptionConfig>) {
    let mut issuers = Vec::with_capacity(setups.len());
    let mut sources = Vec::new();
    let mut private = Vec::new();
    for setup in setups {
        let first = sources.len();
        let mut own: Vec<SourceConfig> = Vec::with_capacity(setup.sources.len());
        let mut ids: Vec<SourceId> = Vec::with_capacity(setup.profile.forms.len());
        for source in setup.sources {
            let same = own.iter().position(|o| o.origin.reads_as(&source.origin));
            ids.push(SourceId(first + same.unwrap_or(own.len())));
            if same.is_none() {
                own.push(source);
            }
        }
        if let [only] = ids.as_slice() {
            ids = vec![*only; setup.profile.forms.len()];
        }
        sources.extend(own);
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
            decryption: setup.decryption.map(|setup| {
                private.push(setup.config);
                Decryption {
                    source: DecryptionId(private.len() - 1),
                    algorithms: setup.algorithms,
                    encryptions: setup.encryptions,
                    required: setup.required,
                }
            }),
            bindings: setup.bindings.into(),
        });
    }
    (issuers, sources, private)
}

fn identity(
    settings: IdentitySettings,
    token: &TokenSettings,
    verifier: &Verifier,
) -> (ManagedNames, Mapping) {
    let mapping = match settings.headers {
        None => Mapping::default_set(settings.max_bytes),
        Some(rules) => Mapping::of(rules, settings.max_bytes),
    };
    let sources = token.sources.iter().filter_map(|source| match source {
        TokenSource::Header { name, .. } => Some(name.as_str()),
        TokenSource::Subprotocol { .. } => Some(SEC_WEBSOCKET_PROTOCOL.as_str()),
        TokenSource::Cookie { .. } | TokenSource::Query { .. } => None,
    });
    let bound = verifier.access_token_places().iter();
    let bound = bound.filter_map(|place| match place {
        Place::Header { name, .. } => Some(name.as_str()),
        Place::Cookie { .. } | Place::Query { .. } => None,
    });
    let managed = ManagedNames::new(&mapping.names(), &settings.strip, settings.underscores)
        .without_look_alikes(sources.chain(bound));
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SystemClock;
    use crate::config::{self, LoadOptions};

    fn gate(text: &str) -> Gate {
        let options = LoadOptions {
            read_files: false,
            ..LoadOptions::default()
        };
        let config =
            config::parse(text, "test", &options).unwrap_or_else(|problems| panic!("{problems:?}"));
        assemble(config, Arc::new(SystemClock), None).unwrap()
    }

    #[test]
    fn every_form_of_an_issuer_has_the_source_of_its_keys() {
        let gate = gate(
            r#"
upstream: http://127.0.0.1:3000
issuers:
  - {name: pool, provider: cognito, region: us-east-1, user_pool_id: us-east-1_example, client_ids: [abc]}
  - {name: one, provider: cognito, region: us-east-1, user_pool_id: us-east-1_other, client_ids: [abc], keys: {jwks_url: "https://keys.example/"}}
  - {name: staff, provider: entra, tenant: 9122040d-6c67-4c5b-b112-36a304b66dad, audiences: [a]}
"#,
        );
        let status = gate.keys.status();
        let mut used = Vec::new();
        for issuer in gate.verifier.issuers() {
            assert_eq!(issuer.sources.len(), issuer.profile.forms.len());
            for source in &issuer.sources {
                assert_eq!(status[source.0].issuer, issuer.name);
                used.push(source.0);
            }
        }
        used.sort_unstable();
        used.dedup();
        assert_eq!(used, (0..status.len()).collect::<Vec<_>>());
        for (issuer, expected) in
            gate.verifier
                .issuers()
                .iter()
                .zip([&[0, 0][..], &[1, 1], &[2, 3]])
        {
            let found: Vec<_> = issuer.sources.iter().map(|source| source.0).collect();
            assert_eq!(found, expected, "{}", issuer.name);
        }
    }

    #[test]
    fn k05_forms_with_one_document_are_one_source() {
        let gate = gate(
            r#"
upstream: http://127.0.0.1:3000
issuers: [{provider: cognito, region: us-east-1, user_pool_id: us-east-1_example, client_ids: [abc]}]
"#,
        );
        assert_eq!(gate.verifier.issuers()[0].profile.forms.len(), 2);
        assert_eq!(gate.keys.status().len(), 1);
    }

    #[test]
    fn h02_headers_that_tokens_come_in_have_no_look_alikes() {
        let gate = gate(
            r#"
upstream: http://127.0.0.1:3000
issuers: [{provider: auth0, domain: example.eu.auth0.com, audiences: [a]}]
token: {sources: [{header: X-Access-Token}, {cookie: id_token}, {subprotocol: bearer}], forward: true}
identity: {underscores: keep}
"#,
        );
        assert!(!gate.managed.covers("X-Access-Token"));
        assert!(!gate.managed.covers("Sec-WebSocket-Protocol"));
        for name in [
            "X_Access_Token",
            "x.access.token",
            "HTTP_X_ACCESS_TOKEN",
            "Sec_WebSocket_Protocol",
        ] {
            assert!(gate.managed.covers(name), "{name}");
        }
    }

    #[test]
    fn mapped_names_are_managed() {
        let gate = gate(
            r#"
upstream: http://127.0.0.1:3000
issuers: [{provider: auth0, domain: example.eu.auth0.com, audiences: [a]}]
identity: {headers: {X-Employee: sub}, strip: [X-Other]}
"#,
        );
        for name in ["X-Employee", "x_employee", "X-Auth-Subject", "X-Other"] {
            assert!(gate.managed.covers(name), "{name}");
        }
        assert_eq!(gate.mapping.names(), ["X-Employee"]);
    }
}
