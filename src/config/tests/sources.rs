//! Unusual sources of keys in the file: certificates by kid, one key at each address, a token for the fetch, presets that need `keys`.

use super::*;

const ALB: &str = "provider: alb, issuer: 'https://id.example.com', client_ids: [c], \
    signer: 'arn:aws:elasticloadbalancing:eu-west-1:123456789012:loadbalancer/app/a/1'";
const KUBERNETES: &str =
    "provider: kubernetes, issuer: 'https://kubernetes.default.svc', audiences: [a]";
const SPIFFE: &str = "provider: spiffe, trust_domain: prod.example.com, audiences: [a]";

fn entries(entries: &[&str]) -> String {
    let list: Vec<String> = entries
        .iter()
        .enumerate()
        .map(|(number, entry)| format!("  - {{name: n{number}, {entry}}}\n"))
        .collect();
    format!(
        "upstream: http://127.0.0.1:3000\nissuers:\n{}",
        list.concat()
    )
}

fn unread() -> LoadOptions {
    LoadOptions {
        read_files: false,
        ..options()
    }
}

fn loaded(text: &str) -> Config {
    parse(text, "claimgate.yaml", &unread())
        .unwrap_or_else(|problems| panic!("{}", rendered(&problems)))
}

fn oidc(keys: &str) -> String {
    entries(&[&format!(
        "provider: oidc, issuer: 'https://id.example.com', audiences: [a], keys: {{{keys}}}"
    )])
}

/// The only source of the only entry: its kind and its place.
fn source(text: &str) -> (&'static str, String) {
    let config = loaded(text);
    assert_eq!(config.warnings, [], "{text}");
    assert_eq!(config.issuers[0].sources.len(), 1, "{text}");
    let origin = &config.issuers[0].sources[0].origin;
    (origin.kind(), origin.place())
}

/// The only problem of a file: where, and all that is said.
fn problem(text: &str) -> (String, String) {
    let problems = refused_with(text, &unread());
    assert_eq!(problems.len(), 1, "{}", rendered(&problems));
    let problem = &problems[0];
    let hint = problem.hint.clone().unwrap_or_default();
    (problem.path.clone(), format!("{} {hint}", problem.message))
}

#[test]
fn each_source_is_what_it_is_called() {
    for (keys, kind, place) in [
        (
            "certificates_url: 'https://a/certs'",
            "certificates_url",
            "https://a/certs",
        ),
        (
            "pem_url: 'https://a/b/{kid}'",
            "pem_url",
            "https://a/b/{kid}",
        ),
        (
            "jwks_url: 'https://a/jwks', token_file: /t",
            "jwks_url",
            "https://a/jwks",
        ),
    ] {
        assert_eq!(source(&oidc(keys)), (kind, place.to_owned()));
    }
    let regional = "https://public-keys.auth.elb.eu-west-1.amazonaws.com/{kid}";
    assert_eq!(source(&entries(&[ALB])), ("pem_url", regional.to_owned()));
    let firebase = source(&entries(&["provider: firebase, project: my-app"]));
    assert_eq!(firebase.0, "certificates_url");
    let sessions = loaded(&entries(&[
        "provider: firebase, project: my-app, credentials: [session_cookie, id_token]",
    ]));
    assert_eq!(sessions.issuers[0].sources.len(), 2);
    let bundle = format!("{SPIFFE}, keys: {{jwks_url: 'https://spire.example.com'}}");
    assert_eq!(source(&entries(&[&bundle])).0, "jwks_url");
    let discovered = format!("{SPIFFE}, issuer: 'https://spire.example.com'");
    assert_eq!(
        source(&entries(&[&discovered])),
        (
            "discovery_url",
            "https://spire.example.com/.well-known/openid-configuration".to_owned()
        )
    );
}

#[test]
fn keys_for_tokens_of_a_trust_domain_have_their_own_use() {
    let config = loaded(&entries(&[&format!(
        "{SPIFFE}, keys: {{jwks_file: /bundle}}"
    )]));
    let policy = &config.issuers[0].sources[0].policy;
    assert_eq!(policy.accepted_use, ["jwt-svid", "sig"]);
    assert!(policy.kid_required && !policy.allow_public_default_key);
    let usual = loaded(&oidc("jwks_file: /jwks"));
    assert_eq!(usual.issuers[0].sources[0].policy, Default::default());
}

#[test]
fn k01_addresses_of_keys_are_checked() {
    for (keys, part) in [
        ("pem_url: 'https://a/b'", "`/{kid}`"),
        ("pem_url: 'https://a/{kid}/b'", "`/{kid}`"),
        ("pem_url: 'https://{kid}'", "`/{kid}`"),
        ("pem_url: 'http://a/{kid}'", "plain http"),
        ("pem_url: 'file:///etc/{kid}'", "`file:`"),
        ("certificates_url: 'http://a/certs'", "plain http"),
        ("certificates_url: certs", "absolute"),
        (
            "certificates_url: 'https://a', pem_url: 'https://a/{kid}'",
            "only one",
        ),
    ] {
        let (_, said) = problem(&oidc(keys));
        assert!(said.contains(part), "{keys}: {said}");
    }
}

#[test]
fn a_token_for_the_fetch_is_taken_with_the_origins_that_are_named() {
    let keys = "keys: {token_file: /var/run/token, token_origins: ['https://192.168.10.4', 'https://10.0.0.1:6443/']}";
    let config = loaded(&entries(&[&format!("{KUBERNETES}, {keys}")]));
    assert_eq!(config.warnings, []);
    let (_, fetch) = config.issuers[0].sources[0].origin.address().unwrap();
    let token = fetch.token_file.as_ref().unwrap();
    assert_eq!(token.path.to_str(), Some("/var/run/token"));
    assert_eq!(token.origins.len(), 2);
    let without = loaded(&entries(&[KUBERNETES]));
    let (_, fetch) = without.issuers[0].sources[0].origin.address().unwrap();
    assert!(fetch.token_file.is_none());
}

#[test]
fn a_token_file_that_is_not_there_is_told() {
    let problems = refused(&oidc(
        "jwks_url: 'https://a/jwks', token_file: /nonexistent/token",
    ));
    assert!(
        problems[0].message.contains("no such file"),
        "{}",
        rendered(&problems)
    );
    let file = Scratch::file("token", b"secret.token");
    accepted(&oidc(&format!(
        "jwks_url: 'https://a/jwks', token_file: '{}'",
        file.path().display()
    )));
}

#[test]
fn k01_a_token_is_sent_nowhere_in_the_clear() {
    for keys in [
        "jwks_url: 'http://a/jwks', allow_http: true, token_file: /t",
        "discovery_url: 'http://a/d', allow_http: true, token_file: /t",
        "pem_url: 'http://a/{kid}', allow_http: true, token_file: /t",
        "jwks_url: 'http://127.0.0.1/jwks', proxy: 'http://egress:3128', token_file: /t",
        "allow_http: true, token_file: /t, token_origins: ['http://a']",
    ] {
        let problems = refused_with(&oidc(keys), &unread());
        let errors: Vec<_> = problems
            .iter()
            .filter(|p| p.severity == Severity::Error)
            .collect();
        assert_eq!(errors.len(), 1, "{keys}: {}", rendered(&problems));
        assert!(
            errors[0].message.contains("in the clear"),
            "{}",
            errors[0].message
        );
        assert!(
            errors[0].path.ends_with("keys.token_file"),
            "{}",
            errors[0].path
        );
    }
    loaded(&oidc(
        "jwks_url: 'http://127.0.0.1:8001/openid/v1/jwks', token_file: /t",
    ));
    loaded(&oidc(
        "jwks_url: 'https://a/jwks', proxy: 'http://egress:3128', token_file: /t",
    ));
}

#[test]
fn an_origin_is_an_origin() {
    for (origin, part) in [
        ("https://a/b", "no path"),
        ("https://a/?b", "no path"),
        ("a", "absolute"),
        ("http://a", "plain http"),
        ("https://user@a", "user information"),
        ("https://*.example.com", "host"),
    ] {
        let (path, said) = problem(&oidc(&format!(
            "token_file: /t, token_origins: ['{origin}']"
        )));
        assert!(said.contains(part), "{origin}: {said}");
        assert!(path.contains("token_origins"), "{path}");
    }
}

#[test]
fn settings_without_effect_are_named() {
    for (keys, name) in [
        (
            "jwks_url: 'https://a/k', token_file: /t, token_origins: ['https://b']",
            "token_origins",
        ),
        ("token_origins: ['https://b']", "token_origins"),
        ("jwks_file: /j, token_file: /t", "token_file"),
        (
            "pem_url: 'https://a/{kid}', same_origin: true",
            "same_origin",
        ),
        (
            "certificates_url: 'https://a', same_origin: true",
            "same_origin",
        ),
    ] {
        let config = loaded(&oidc(keys));
        let warnings = rendered(&config.warnings);
        assert_eq!(config.warnings.len(), 1, "{keys}: {warnings}");
        assert!(
            warnings.contains(&format!("`{name}` has no effect")),
            "{warnings}"
        );
    }
    for keys in [
        "pem_url: 'https://a/{kid}', ca_file: /c, refresh_interval: 1m, refetch_interval: 10s, max_stale: 1h, retention: 1h",
        "certificates_url: 'https://a', ca_file: /c, refresh_interval: 1m, refetch_interval: 10s, max_stale: 1h, retention: 1h",
        "token_file: /t, token_origins: ['https://b']",
        "discovery_url: 'https://a/d', token_file: /t, token_origins: ['https://b']",
    ] {
        assert_eq!(loaded(&oidc(keys)).warnings, [], "{keys}");
    }
}

#[test]
fn a_preset_that_knows_no_keys_asks_for_them() {
    let china = ALB
        .replace("arn:aws:", "arn:aws-cn:")
        .replace("eu-west-1", "cn-north-1");
    let (path, said) = problem(&entries(&[&china]));
    assert!(
        path.ends_with("signer") && said.contains("pem_url"),
        "{path} {said}"
    );
    source(&entries(&[&format!(
        "{china}, keys: {{pem_url: 'https://keys.example/{{kid}}'}}"
    )]));
    let (path, said) = problem(&entries(&[SPIFFE]));
    assert!(
        path.ends_with("trust_domain") && said.contains("jwks_url"),
        "{path} {said}"
    );
    let discovery = format!("{SPIFFE}, keys: {{discovery_url: 'https://spire.example/d'}}");
    let (_, said) = problem(&entries(&[&discovery]));
    assert!(said.contains("`issuer`"), "{said}");
    source(&entries(&[&format!(
        "{SPIFFE}, issuer: 'https://spire.example', keys: {{discovery_url: 'https://other.example/d'}}"
    )]));
}

#[test]
fn j27_two_entries_never_take_the_same_token() {
    let bundle = format!("{SPIFFE}, keys: {{jwks_url: 'https://spire.example'}}");
    let (_, said) = problem(&entries(&[&bundle, &bundle]));
    assert!(said.contains("spiffe://prod.example.com"), "{said}");
    let twin = "provider: oidc, issuer: 'spiffe://prod.example.com', audiences: [a], keys: {jwks_url: 'https://b/k'}";
    let (_, said) = problem(&entries(&[&bundle, twin]));
    assert!(said.contains("two entries"), "{said}");
    // What the load balancer says of a pool's users has the pool's issuer: one of the two entries would never be asked.
    let users = "provider: oidc, issuer: 'https://id.example.com', audiences: [a]";
    let (_, said) = problem(&entries(&[ALB, users]));
    assert!(said.contains("two entries"), "{said}");
    let named = format!("{SPIFFE}, issuer: 'https://id.example.com'");
    let (_, said) = problem(&entries(&[&named, users]));
    assert!(said.contains("two entries"), "{said}");
    loaded(&entries(&[&bundle, users, KUBERNETES]));
}

#[test]
fn every_mistake_of_a_providers_own_keys_is_told_where_it_is() {
    for (entry, path, part) in [
        (
            "provider: firebase, project: My App",
            "project",
            "project id",
        ),
        (
            "provider: firebase, project: my-app, credentials: [custom]",
            "credentials[0]",
            "session_cookie",
        ),
        (
            "provider: firebase, project: my-app, audiences: [a]",
            "audiences",
            "not a key of `firebase`",
        ),
        (
            "provider: kubernetes, issuer: kubernetes/serviceaccount, audiences: [a], keys: {jwks_url: 'https://a'}",
            "issuer",
            "never expire",
        ),
        (
            "provider: kubernetes, issuer: 'https://k', audiences: [a], namespaces: ['pay*']",
            "namespaces",
            "pattern",
        ),
        (
            "provider: kubernetes, issuer: 'https://k', audiences: [a], service_accounts: [worker]",
            "service_accounts",
            "namespace/name",
        ),
        (
            "provider: kubernetes, issuer: 'https://k'",
            "audiences",
            "`audiences` is missing",
        ),
        (
            "provider: alb, issuer: 'https://i', client_ids: [c], signer: my-alb",
            "signer",
            "ARN",
        ),
        (
            "provider: alb, issuer: 'https://i', client_ids: ['a b'], signer: 'arn:aws:elasticloadbalancing:eu-west-1:123456789012:loadbalancer/app/a/1'",
            "client_ids",
            "client id",
        ),
        (
            "provider: spiffe, trust_domain: 'spiffe://prod.example.com', audiences: [a], keys: {jwks_url: 'https://a'}",
            "trust_domain",
            "without `spiffe://`",
        ),
        (
            "provider: spiffe, trust_domain: prod, audiences: [a], spiffe_ids: ['spiffe://other/x'], keys: {jwks_url: 'https://a'}",
            "spiffe_ids",
            "not a SPIFFE ID of",
        ),
        (
            "provider: spiffe, trust_domain: prod, audiences: [a], any_audience: true, keys: {jwks_url: 'https://a'}",
            "any_audience",
            "not a key of `spiffe`",
        ),
    ] {
        let (found, said) = problem(&entries(&[entry]));
        assert!(found.ends_with(path), "{entry}: {found}");
        assert!(said.contains(part), "{entry}: {said}");
    }
}
