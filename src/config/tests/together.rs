//! Several mistakes in one entry: each is reported, and none of them causes another report.

use super::*;

/// A part of a file; for each error in order a piece of its path and of its message.
const TOGETHER: &[(&str, &[(&str, &str)])] = &[
    (
        "{provider: cognito, user_pool_id: nonsense, client_ids: []}",
        &[
            ("user_pool_id", "not a user pool id"),
            ("client_ids", "is empty"),
        ],
    ),
    (
        "{provider: cognito, user_pool_id: nonsense, region: us-east-1, client_ids: ['a b'], token_use: [ID], leeway: 10m}",
        &[
            ("user_pool_id", "not a user pool id"),
            ("client_ids", "white space"),
            ("token_use[0]", "found `ID`"),
            ("leeway", "out of bounds"),
        ],
    ),
    (
        "{provider: cognito, user_pool_id: [a], region: eu-west-1, client_id: [a]}",
        &[
            ("user_pool_id", "found a list"),
            ("client_id", "unknown key"),
        ],
    ),
    (
        "{provider: oidc, issuer: https://a, audience: [a], algorithms: [RS257], keys: {jwks_url: 'http://id.example.com/jwks'}}",
        &[
            ("audience", "unknown key"),
            ("algorithms[0]", "found `RS257`"),
            ("keys.jwks_url", "plain http"),
        ],
    ),
    (
        "{provider: oidc, audiences: [a], keys: {jwks_url: 'http://id.example.com/jwks', ca_file: /nonexistent, max_stale: 1m, refresh_interval: 2m}}",
        &[
            ("issuer", "`issuer` is missing"),
            ("jwks_url", "plain http"),
            ("ca_file", "/nonexistent"),
            ("max_stale", "shorter"),
        ],
    ),
    (
        "{provider: oidc, issuer: 'urn:x', audiences: [a], algorithms: [HS256], keys: {secret_fil: /run/secret}}",
        &[("secret_fil", "unknown key")],
    ),
    (
        "{provider: oidc, issuer: https://a, audiences: [a], algorithms: [RS257], keys: {pem_file: /nonexistent, refresh_interval: 1}}",
        &[
            ("algorithms[0]", "RS257"),
            ("pem_file", "/nonexistent"),
            ("refresh_interval", "not a duration"),
        ],
    ),
    (
        "{provider: entra, tenant: common, audiences: []}",
        &[
            ("tenant", "every tenant in the world"),
            ("audiences", "is empty"),
        ],
    ),
    (
        "{provider: entra, tenant: contoso.com, allowed_tenants: [fabrikam.com], audiences: [a]}",
        &[
            ("tenant", "`contoso.com`"),
            ("allowed_tenants", "`fabrikam.com`"),
        ],
    ),
    (
        "{provider: entra, tenants: common, audiences: [a], versions: ['3.0']}",
        &[("tenants", "unknown key"), ("versions[0]", "`3.0`")],
    ),
    (
        "{provider: entra, tenant: organizations, allowed_tenant: [a], audiences: [a], groups_overage: no}",
        &[
            ("allowed_tenant", "unknown key"),
            ("groups_overage", "`no`"),
        ],
    ),
    (
        "{provider: auth0, audiences: [a], organization: '', keys: {jwks_url: ftp://a}}",
        &[
            ("domain", "`domain` is missing"),
            ("organization", "is empty"),
            ("jwks_url", "ftp"),
        ],
    ),
    (
        "{provider: wso2, url: is.example.com, tenant: a/b, audiences: [a], max_age: 1500ms}",
        &[
            ("url", "not an https address"),
            ("tenant", "not a tenant"),
            ("max_age", "whole seconds"),
        ],
    ),
    (
        "{provider: acme, issuer: https://a, audiences: [], leeway: 10m, keys: {jwks_url: http://a.example}}",
        &[
            ("provider", "found `acme`"),
            ("audiences", "is empty"),
            ("leeway", "out of bounds"),
            ("jwks_url", "plain http"),
        ],
    ),
];

#[test]
fn every_mistake_of_an_issuer_is_reported_once() {
    for (issuer, expected) in TOGETHER {
        let text = format!("upstream: http://127.0.0.1:3000\nissuers:\n  - {issuer}\n");
        each_once(&text, expected);
    }
}

#[test]
fn every_mistake_of_a_route_is_reported_once() {
    let first = "{path: admin, acess: public, methods: [get], require: [{claim: a}]}";
    let part = format!(
        "routes:\n  - {first}\n  - {{access: public, credentials: maybe}}\n  - {{path: /a*b, access: open, credentials: pass}}\n"
    );
    each_once(
        &file(&part),
        &[
            ("routes[0].path", "does not start with `/`"),
            ("routes[0].acess", "unknown key"),
            ("routes[0].methods[0]", "`get` is not a method"),
            ("routes[0].require[0]", "one of `any_of`"),
            ("routes[1].path", "missing"),
            ("routes[1].credentials", "`maybe`"),
            ("routes[2].path", "`*`"),
            ("routes[2].access", "`open`"),
        ],
    );
}

#[test]
fn a_hidden_route_is_seen_beside_a_wrong_one() {
    let problems = refused(&file(
        "routes:\n  - {path: /*}\n  - {path: admin}\n  - {path: /hidden}\n",
    ));
    assert_eq!(problems.len(), 2, "{}", rendered(&problems));
    assert_eq!(problems[1].line, 9);
    assert!(problems[1].message.contains("no request can reach"));
}

#[test]
fn one_issuer_twice_is_seen_beside_other_mistakes() {
    each_once(
        "upstream: http://127.0.0.1:3000\nissuers:\n  - {provider: oidc, issuer: https://a, audiences: [a]}\n  - {name: b, provider: oidc, issuer: https://a, leeway: 10m}\n",
        &[
            ("issuers[1]", "two entries accept the issuer"),
            ("issuers[1].audiences", "missing"),
            ("issuers[1].leeway", "out of bounds"),
        ],
    );
}

#[test]
fn a_misspelt_token_source_is_one_mistake() {
    each_once(
        &file("token: {sources: [{headr: X-Token}]}\n"),
        &[("sources[0].headr", "unknown key `headr`")],
    );
    let problems = refused(&file("token: {sources: [{headr: X-Token}]}\n"));
    assert_eq!(problems[0].hint.as_deref(), Some("did you mean `header`?"));
}

#[test]
fn a_rule_whose_claim_is_missing_is_one_mistake() {
    each_once(
        &file("routes: [{path: /a, require: [{any_of: [1]}]}]\n"),
        &[("require[0].claim", "missing")],
    );
}

#[test]
fn nothing_is_named_none() {
    each_once(
        &file("routes: [{name: none, path: /a}]\n")
            .replace("provider: oidc", "name: none\n    provider: oidc"),
        &[("issuers[0].name", "`none`"), ("routes[0].name", "`none`")],
    );
}

fn each_once(text: &str, expected: &[(&str, &str)]) {
    let problems = refused(text);
    let errors = || {
        problems
            .iter()
            .filter(|problem| problem.severity == Severity::Error)
    };
    assert_eq!(errors().count(), expected.len(), "{}", rendered(&problems));
    for (path, message) in expected {
        let found = errors().filter(|p| p.path.ends_with(path) && p.message.contains(message));
        assert_eq!(
            found.count(),
            1,
            "{path}: {message}\n{}",
            rendered(&problems)
        );
    }
}
