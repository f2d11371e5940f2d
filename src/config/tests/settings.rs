//! What right files mean.

use super::*;
use crate::identity::encoding::Encoding;
use crate::identity::format::Format;
use crate::identity::mapping::{ClaimSource, Missing};
use crate::keys::source::Origin;
use crate::policy::{Access, Condition};
use crate::proxy::{ChunkedBodies, HostHeader, TokenSource};
use crate::telemetry::{AccessMode, Level, LogFormat};

fn claim(path: &[&str]) -> ClaimSource {
    ClaimSource::Claim(path.iter().map(|name| (*name).to_owned()).collect())
}

#[test]
fn every_part_reaches_its_own_setting() {
    let config = accepted(
        "listen: {address: '[::]:8081'}
admin: 127.0.0.1:9465
workers: 256
upstream:
  url: http://app:3000
  host: upstream
  chunked: refuse
  connect_timeout: 1ms
  response_timeout: 1h
  pool_idle_timeout: 0s
  forward_trailers: [X-Checksum]
tunnels: {idle_timeout: 24h, token_expiry: keep}
issuers:
  - name: a
    provider: oidc
    issuer: https://a.example.com
    audiences: [x, y]
    leeway: 0s
    max_age: 12h
    required_for_ready: false
    algorithms: [ES256]
    keys:
      discovery_url: https://other.example.com/d
      proxy: http://egress:3128
      same_origin: true
      retention: 1h
token:
  sources:
    - {header: authorization, scheme: DPoP}
    - {cookie: id_token, cross_site: allow}
    - {query: access_token}
    - {header: X-Amzn-Oidc-Data}
    - {subprotocol: bearer}
  forward: true
  max_bytes: 65536
identity:
  max_bytes: 1KiB
  underscores: reject
  strip: [X-Legacy]
trusted_proxies: [10.0.0.0/8, '::1']
keys_snapshot_dir: /var/lib/claimgate
routes: [{path: /*, cors_preflight: pass}]
strict_paths: {allow: [semicolon, double_slash]}
log: {level: debug, format: json, access: denied}
shutdown: {delay: 5s, drain_timeout: 0s}
",
    );
    assert_eq!(config.warnings, []);
    assert_eq!(config.listen.settings.address.to_string(), "[::]:8081");
    assert_eq!(config.admin.to_string(), "127.0.0.1:9465");
    assert_eq!(config.workers.unwrap().get(), 256);
    assert_eq!(config.upstream.authority, "app:3000");
    assert_eq!(config.upstream.host, HostHeader::Upstream);
    assert_eq!(config.upstream.chunked, ChunkedBodies::Refuse);
    assert_eq!(config.upstream.connect_timeout, Duration::from_millis(1));
    assert_eq!(config.upstream.response_timeout, Duration::from_secs(3600));
    assert_eq!(config.upstream.pool_idle_timeout, Duration::ZERO);
    assert_eq!(config.tunnels.idle_timeout, Duration::from_secs(86_400));
    assert!(config.tunnels.outlives_token);
    assert_eq!(&*config.upstream.forward_trailers, ["x-checksum"]);
    let snapshots = config.keys_snapshot_dir.as_ref().unwrap();
    assert_eq!(snapshots, Path::new("/var/lib/claimgate"));
    let issuer = &config.issuers[0];
    assert_eq!(&*issuer.name, "a");
    assert_eq!(issuer.leeway, Duration::ZERO);
    assert_eq!(issuer.max_age, Some(Duration::from_secs(43200)));
    let source = &issuer.sources[0];
    assert!(!source.required_for_ready);
    assert_eq!(source.timing.retention, Duration::from_secs(3600));
    let Origin::Discovery { url, issuer, fetch } = &source.origin else {
        panic!()
    };
    assert_eq!(url.uri(), "https://other.example.com/d");
    assert_eq!(issuer, "https://a.example.com");
    assert!(fetch.same_origin);
    assert_eq!(fetch.proxy.as_ref().unwrap(), "http://egress:3128");
    assert_eq!(
        config.token.sources,
        [
            TokenSource::Header {
                name: http::header::AUTHORIZATION,
                scheme: Some("DPoP".to_owned())
            },
            TokenSource::Cookie {
                name: "id_token".to_owned(),
                allow_cross_site: true
            },
            TokenSource::Query {
                name: "access_token".to_owned()
            },
            TokenSource::Header {
                name: http::HeaderName::from_static("x-amzn-oidc-data"),
                scheme: None
            },
            TokenSource::Subprotocol {
                prefix: "bearer".to_owned()
            },
        ]
    );
    assert!(config.token.forward);
    assert_eq!(config.token.max_bytes, 65536);
    assert_eq!(config.identity.max_bytes, 1024);
    assert_eq!(config.identity.underscores, Underscores::Reject);
    assert_eq!(config.identity.strip, ["X-Legacy"]);
    let networks: Vec<String> = config
        .trusted_proxies
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(networks, ["10.0.0.0/8", "::1/128"]);
    assert!(config.routes.as_ref().unwrap()[0].cors_preflight);
    assert!(config.strict_paths.semicolon && config.strict_paths.double_slash);
    assert!(!config.strict_paths.encoded_slash);
    assert_eq!(config.log.level, Level::Debug);
    assert_eq!(config.log.format, LogFormat::Json);
    assert_eq!(config.log.access, AccessMode::Denied);
    assert_eq!(config.shutdown.delay, Duration::from_secs(5));
    assert_eq!(config.shutdown.drain_timeout, Duration::ZERO);
}

#[test]
fn headers_are_mapped_as_written() {
    let config = accepted(&file(
        "identity:
  headers:
    X-Auth-Subject: sub
    X-Auth-Groups: cognito:groups
    X-Auth-Site: https://example.com/site.name
    X-Auth-Roles: {claim: [realm_access, roles], format: csv, encoding: utf8}
    X-Auth-Name: {claim: name, missing: reject, max_bytes: 1KiB}
    X-Auth-Claims: {claims: all, format: base64url}
",
    ));
    let rules = config.identity.headers.unwrap();
    assert_eq!(rules[0].spelling, "X-Auth-Subject");
    assert_eq!(rules[0].header, "x-auth-subject");
    let sources: Vec<&ClaimSource> = rules.iter().map(|rule| &rule.source).collect();
    assert_eq!(
        sources,
        [
            &claim(&["sub"]),
            &claim(&["cognito:groups"]),
            &claim(&["https://example.com/site.name"]),
            &claim(&["realm_access", "roles"]),
            &claim(&["name"]),
            &ClaimSource::AllClaims,
        ]
    );
    assert_eq!(
        (rules[3].format, rules[3].encoding),
        (Format::Csv, Encoding::Utf8)
    );
    assert_eq!(
        (rules[4].missing, rules[4].max_bytes),
        (Missing::Reject, Some(1024))
    );
    assert_eq!(rules[5].format, Format::Base64Url);
    // Present but empty: exactly none.
    assert_eq!(
        accepted(&file("identity: {headers: {}}\n"))
            .identity
            .headers,
        Some(vec![])
    );
}

#[test]
fn routes_keep_their_order_access_and_rules() {
    let config = accepted(&file(
        "routes:
  - {name: health, path: /healthz, access: public}
  - {path: /hooks/*, access: public, credentials: pass}
  - {path: /assets/*, access: optional}
  - {path: /admin/*, methods: [GET, POST], require: [{claim: roles, any_of: [admin]}, {claim: [a, b], equals: {c: [1]}}, {claim: scope, all_of: [x, y]}]}
  - {path: /*}
",
    ));
    assert_eq!(config.warnings, []);
    let routes = config.routes.unwrap();
    let access: Vec<Access> = routes.iter().map(|route| route.access).collect();
    assert_eq!(
        access,
        [
            Access::Public {
                pass_credentials: false
            },
            Access::Public {
                pass_credentials: true
            },
            Access::Optional,
            Access::Required,
            Access::Required,
        ]
    );
    assert_eq!(routes[0].name.as_deref(), Some("health"));
    assert_eq!(routes[4].name, None);
    assert_eq!(routes[3].methods, ["GET", "POST"]);
    assert!(routes[4].methods.is_empty());
    let rules = &routes[3].require;
    assert_eq!(
        rules[0].condition,
        Condition::AnyOf(vec![Json::String("admin".into())])
    );
    assert_eq!(rules[1].claim, ["a", "b"]);
    assert!(matches!(
        &rules[1].condition,
        Condition::Equals(Json::Object(_))
    ));
    assert!(matches!(&rules[2].condition, Condition::AllOf(values) if values.len() == 2));
}

#[test]
fn h02_two_names_that_fold_to_one_cannot_both_be_mapped() {
    for (one, other) in [
        ("X-Auth-Id", "X_Auth_Id"),
        ("X-Auth-Id", "X-Auth--Id"),
        ("X-Auth-Id", "x-auth-id"),
        ("X-Auth-Id", "X.Auth~Id"),
    ] {
        let problems = refused(&file(&format!(
            "identity: {{headers: {{{one}: sub, '{other}': name}}}}\n"
        )));
        assert_eq!(problems.len(), 1, "{}", rendered(&problems));
        assert!(problems[0].message.contains("one header"));
    }
}

#[test]
fn h12_no_proxy_is_trusted_by_default_and_trusting_all_is_said_aloud() {
    assert!(accepted(&file("")).trusted_proxies.is_empty());
    for network in ["0.0.0.0/0", "::/0"] {
        let config = accepted(&file(&format!("trusted_proxies: ['{network}']\n")));
        assert!(config.warnings[0].message.contains("trusts every client"));
    }
}

#[test]
fn options_do_not_print_the_environment() {
    let options = with_environment(&[("SECRET", "hunter2")]);
    assert!(!format!("{options:?}").contains("hunter2"));
}

#[test]
fn h06_no_trailer_can_say_who_asks_or_how_the_request_is_read() {
    let names = [
        "X-Auth-Subject",
        "x-auth.subject",
        "X-Mapped",
        "X-Legacy",
        "X-Forwarded-For",
        "Authorization",
        "Cookie",
        "Content-Length",
        "Transfer-Encoding",
        "Host",
        "Trailer",
        "X-Token",
        "x_sum",
    ];
    let text = format!(
        "upstream:\n  url: http://app:3000\n  forward_trailers:\n    - X-Checksum\n    - {}\n\
         issuers: [{{provider: oidc, issuer: 'https://a.example.com', audiences: [x]}}]\n\
         token: {{sources: [{{header: X-Token}}]}}\n\
         identity: {{headers: {{X-Mapped: sub}}, strip: [X-Legacy]}}\n",
        names.join("\n    - ")
    );
    let problems = refused(&text);
    let lines: Vec<usize> = problems.iter().map(|problem| problem.line).collect();
    let wanted: Vec<usize> = (0..names.len()).map(|place| place + 5).collect();
    assert_eq!(lines, wanted, "{}", rendered(&problems));
    assert!(
        problems
            .iter()
            .all(|p| p.message.contains("cannot be a trailer"))
    );
}
