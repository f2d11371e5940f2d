//! Every default is the documented one.

use super::*;
use crate::identity::mapping::DEFAULT_MAX_BYTES;
use crate::keys::plan::Timing;
use crate::keys::source::Origin;
use crate::proxy::listen::{ListenAddress, ProxySenders};
use crate::proxy::{ChunkedBodies, HostHeader, TokenSource, TunnelSettings};
use crate::telemetry::{AccessMode, Level, LogFormat};
use crate::verify::IssuerConfig;

#[test]
fn the_smallest_file_has_the_documented_defaults() {
    let config = accepted(&file(""));
    assert_eq!(
        config.listen.settings,
        ListenSettings {
            address: ListenAddress::Tcp("0.0.0.0:8080".parse().unwrap()),
            tls: None,
            proxy_protocol: ProxySenders::default(),
            max_connections: None,
        }
    );
    assert_eq!(config.admin, "0.0.0.0:9464".parse().unwrap());
    assert_eq!(config.workers, None);
    assert_eq!(config.upstream.authority, "127.0.0.1:3000");
    assert_eq!(config.upstream.host, HostHeader::Preserve);
    assert_eq!(config.upstream.chunked, ChunkedBodies::Forward);
    assert_eq!(config.upstream.connect_timeout, Duration::from_secs(2));
    assert_eq!(config.upstream.response_timeout, Duration::from_secs(30));
    assert_eq!(
        config.upstream.pool_idle_timeout,
        Duration::from_millis(1500)
    );
    assert_eq!(
        config.token.sources,
        [TokenSource::Header {
            name: http::header::AUTHORIZATION,
            scheme: Some("Bearer".to_owned())
        }]
    );
    assert!(!config.token.forward);
    assert_eq!(config.token.max_bytes, 16 * 1024);
    assert_eq!(config.identity.headers, None);
    assert_eq!(config.identity.max_bytes, 8 * 1024);
    assert_eq!(config.identity.underscores, Underscores::Drop);
    assert!(config.identity.strip.is_empty());
    assert!(config.trusted_proxies.is_empty());
    assert_eq!(config.routes, None);
    assert_eq!(config.strict_paths, StrictPaths::default());
    assert_eq!(
        config.log,
        LogSettings {
            level: Level::Info,
            format: LogFormat::Auto,
            access: AccessMode::All
        }
    );
    assert_eq!(
        config.shutdown,
        Shutdown {
            delay: Duration::ZERO,
            drain_timeout: Duration::from_secs(30)
        }
    );
    let issuer = &config.issuers[0];
    assert_eq!(&*issuer.name, "oidc");
    assert_eq!(issuer.algorithms, AlgorithmSet::asymmetric());
    assert_eq!(issuer.token_types, ["jwt", "at+jwt"]);
    assert_eq!(issuer.audiences.as_deref(), Some(&["api".to_owned()][..]));
    assert_eq!(issuer.leeway, Duration::from_secs(30));
    assert_eq!(issuer.max_age, None);
    assert!(issuer.required_claims.is_empty());
    assert!(!issuer.unverified_email);
    let source = &issuer.sources[0];
    assert!(source.required_for_ready);
    assert_eq!(
        source.timing,
        Timing {
            refresh_interval: Duration::from_secs(300),
            refetch_interval: Duration::from_secs(30),
            max_stale: Duration::from_secs(86400),
            retention: Duration::ZERO
        }
    );
    assert_eq!(source.policy.accepted_use, ["sig"]);
    assert!(!source.policy.allow_public_default_key);
    let Origin::Discovery { url, issuer, fetch } = &source.origin else {
        panic!()
    };
    assert_eq!(
        url.uri(),
        "https://id.example.com/.well-known/openid-configuration"
    );
    assert_eq!(issuer, "https://id.example.com");
    assert!(!fetch.allow_http && !fetch.same_origin && fetch.proxy.is_none());
}

/// An empty mapping is the same as none: the two ways to a default cannot differ.
#[test]
fn an_empty_section_has_the_same_defaults() {
    let absent = accepted(&file(""));
    let empty = accepted(
        "upstream: {url: 'http://127.0.0.1:3000'}
issuers:
  - {provider: oidc, issuer: https://id.example.com, audiences: [api], keys: {}}
token: {}
tunnels: {}
identity: {}
strict_paths: {}
log: {}
shutdown: {}
",
    );
    assert_eq!(absent.upstream, empty.upstream);
    assert_eq!(absent.token, empty.token);
    assert_eq!(absent.tunnels, empty.tunnels);
    assert_eq!(absent.tunnels, TunnelSettings::default());
    assert!(!absent.tunnels.outlives_token);
    assert_eq!(absent.identity.max_bytes, empty.identity.max_bytes);
    assert_eq!(absent.identity.underscores, empty.identity.underscores);
    assert_eq!(empty.identity.headers, None);
    assert_eq!(absent.strict_paths, empty.strict_paths);
    assert_eq!(absent.log, empty.log);
    assert_eq!(absent.shutdown, empty.shutdown);
    assert_eq!(
        absent.issuers[0].sources[0].timing,
        empty.issuers[0].sources[0].timing
    );
}

#[test]
fn the_constants_of_the_other_folders_are_the_documented_ones() {
    assert_eq!(IssuerConfig::DEFAULT_LEEWAY, Duration::from_secs(30));
    assert_eq!(IssuerConfig::MAX_LEEWAY, Duration::from_secs(300));
    assert_eq!(TokenSettings::MAX_MAX_BYTES, 64 * 1024);
    assert_eq!(DEFAULT_MAX_BYTES, 8 * 1024);
}

#[test]
fn closed_sets_of_words_are_those_of_the_folders_that_use_them() {
    use crate::jose::algorithm::Algorithm;
    use crate::jose::jwe::{Encryption, KeyManagement};
    use crate::provider::ProviderKind;
    let algorithms: Vec<_> = Algorithm::ALL.into_iter().map(Algorithm::name).collect();
    assert_eq!(text::ALGORITHM.choices, algorithms);
    let algorithms = KeyManagement::ALL.map(KeyManagement::name);
    assert_eq!(text::KEY_MANAGEMENT.choices, algorithms);
    let encryptions = Encryption::ALL.map(Encryption::name);
    assert_eq!(text::ENCRYPTION.choices, encryptions);
    let variants: Vec<_> = fields_issuer::ISSUER.list.iter().map(|v| v.name).collect();
    assert_eq!(ProviderKind::NAMES, variants);
}
