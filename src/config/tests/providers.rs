//! Each value of `provider:`, and what the documentation says of it.

use std::fs;
use std::path::PathBuf;

use super::*;
use crate::config::provider_page;
use crate::provider::{Profile, ProviderKind};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// What the provider's example file makes of its first entry of that provider.
fn example(name: &str) -> Profile {
    let file = root().join(format!("config/{name}.yaml"));
    let config = load(
        &file,
        &LoadOptions {
            read_files: false,
            try_snapshots: false,
            ..options()
        },
    );
    let config = config.unwrap_or_else(|problems| panic!("{name}: {}", rendered(&problems)));
    let mut profiles = config.issuers.into_iter().map(|issuer| issuer.profile);
    profiles
        .find(|profile| profile.kind.name() == name)
        .unwrap()
}

/// Compares the text between the two marks of a file, or writes it anew.
fn is_current(file: &str, generated: &str) {
    const BEGIN: &str = "<!-- providers: begin -->\n";
    const END: &str = "<!-- providers: end -->";
    let path = root().join(file);
    let page = fs::read_to_string(&path).unwrap();
    let (before, rest) = page.split_once(BEGIN).unwrap();
    let (held, after) = rest.split_once(END).unwrap();
    if std::env::var("CLAIMGATE_BLESS").is_ok_and(|value| value == "1") {
        let text = format!("{before}{BEGIN}\n{}\n\n{END}{after}", generated.trim());
        fs::write(&path, text).unwrap();
        return;
    }
    assert_eq!(
        held.trim(),
        generated.trim(),
        "{file} is old: run this test with CLAIMGATE_BLESS=1"
    );
}

#[test]
fn the_table_of_the_readme_is_current() {
    is_current("README.md", &provider_page::table(&example));
}

#[test]
fn the_page_of_providers_is_current() {
    is_current("docs/providers.md", &provider_page::page(&example));
}

#[test]
fn every_provider_has_an_example_of_its_own() {
    for name in ProviderKind::NAMES {
        assert_eq!(example(name).kind.name(), *name);
    }
}

fn one(issuer: &str) -> String {
    format!("upstream: http://127.0.0.1:3000\nissuers:\n  - {issuer}\n")
}

/// Entry, the key that is shown, a piece of the message.
const MISTAKES: &[(&str, &str, &str)] = &[
    (
        "{provider: okta, domain: example-admin.okta.com, audiences: [a]}",
        "issuers[0].domain",
        "admin console",
    ),
    (
        "{provider: okta, domain: example.okta.com, clients: [a], audiences: [a]}",
        "issuers[0].clients",
        "org authorization server",
    ),
    (
        "{provider: google, hosted_domains: ['@example.com'], audiences: [a]}",
        "issuers[0].hosted_domains",
        "not a domain",
    ),
    (
        "{provider: keycloak, url: 'https://a', realm: m}",
        "issuers[0].audiences",
        "`audiences` is missing",
    ),
    (
        "{provider: keycloak, url: 'https://a/realms/m', realm: m, clients: [a]}",
        "issuers[0].url",
        "names a realm",
    ),
    (
        "{provider: keycloak, url: 'https://a', realm: m, clients: ['*']}",
        "issuers[0].clients",
        "byte for byte",
    ),
    (
        "{provider: keycloak, url: 'http://sso.example.com', realm: m, clients: [a]}",
        "issuers[0].url",
        "plain http",
    ),
    (
        "{provider: entra, tenant: 9122040d-6c67-4c5b-b112-36a304b66dad, cloud: usgov, audiences: [a]}",
        "issuers[0].cloud",
        "usgov",
    ),
    (
        "{provider: entra_external_id, tenant: contoso, domain: contoso.ciamlogin.com, audiences: [a]}",
        "issuers[0].tenant",
        "not a tenant id",
    ),
    (
        "{provider: entra_b2c, domain: login.example.com, tenant: 9122040d-6c67-4c5b-b112-36a304b66dad, policies: [p], audiences: [a]}",
        "issuers[0].domain",
        "does not say the directory's name",
    ),
    (
        "{provider: cloudflare_access, team: example, audiences: [app]}",
        "issuers[0].audiences",
        "not an application audience tag",
    ),
    (
        "{provider: cloudflare_access, team: example, audiences: [32eafc7626e974616deaf0dc3ce63d7bcbed58a2731e84d06bc3cdf1b53c4228], any_audience: true}",
        "issuers[0].any_audience",
        "not a key of `cloudflare_access`",
    ),
    (
        "{provider: google_iap, audiences: [client.apps.googleusercontent.com]}",
        "issuers[0].audiences",
        "not an audience of Identity-Aware Proxy",
    ),
    (
        "{provider: github_actions, audiences: [a]}",
        "issuers[0]",
        "every workflow in the world",
    ),
    (
        "{provider: github_actions, host: github.example.com, audiences: [a]}",
        "issuers[0].host",
        "every workflow in the world",
    ),
    (
        "{provider: github_actions, owners: ['octo-*'], audiences: [a]}",
        "issuers[0].owners",
        "can be in no token",
    ),
    (
        "{provider: github_actions, owner: octo-org, audiences: [a]}",
        "issuers[0].owner",
        "did you mean `owners`",
    ),
    (
        "{provider: gitlab_ci, audiences: [a]}",
        "issuers[0]",
        "every pipeline of the instance",
    ),
    (
        "{provider: gitlab_ci, url: gitlab.com, projects: [a/b], audiences: [a]}",
        "issuers[0].url",
        "not an https address",
    ),
];

#[test]
fn a_mistake_in_a_providers_own_key_is_reported_once_at_the_key() {
    for (issuer, path, message) in MISTAKES {
        let problems = refused(&one(issuer));
        assert_eq!(problems.len(), 1, "{issuer}\n{}", rendered(&problems));
        let problem = &problems[0];
        assert!(problem.path.starts_with(path), "{issuer}: {}", problem.path);
        let said = format!(
            "{} {}",
            problem.message,
            problem.hint.as_deref().unwrap_or_default()
        );
        assert!(said.contains(message), "{issuer}\n{}", rendered(&problems));
        assert_eq!(problem.line, 3);
    }
}

#[test]
fn clients_of_keycloak_stand_for_audiences_and_nothing_else_does() {
    let of = |more: &str| {
        let text = one(&format!(
            "{{provider: keycloak, url: 'https://a', realm: m{more}}}"
        ));
        accepted(&text).issuers.remove(0)
    };
    assert_eq!(of(", clients: [web]").audiences, None);
    assert_eq!(
        of(", audiences: [api]").audiences,
        Some(vec!["api".to_owned()])
    );
    let both = of(", audiences: [api], clients: [web]");
    assert_eq!(both.audiences, Some(vec!["api".to_owned()]));
    assert_eq!(both.profile.bound_by, Some("clients"));
    let open = of(", any_audience: true");
    assert_eq!((open.audiences, open.profile.bound_by), (None, None));
}

#[test]
fn the_audiences_of_a_provider_without_an_opt_out_are_the_entrys() {
    let text = one("{provider: google_iap, audiences: [/projects/1/apps/a]}");
    let issuer = accepted(&text).issuers.remove(0);
    assert_eq!(
        issuer.audiences,
        Some(vec!["/projects/1/apps/a".to_owned()])
    );
    let text = one("{provider: cognito, user_pool_id: us-east-1_example, client_ids: [c]}");
    let issuer = accepted(&text).issuers.remove(0);
    assert_eq!(issuer.audiences, Some(vec!["c".to_owned()]));
}

#[test]
fn one_document_of_the_operators_choice_serves_both_spellings_of_google() {
    let text = one(
        "{provider: google, audiences: [a], keys: {discovery_url: 'https://mirror.example/google'}}",
    );
    let issuer = accepted(&text).issuers.remove(0);
    assert_eq!(issuer.sources.len(), 1);
    assert_eq!(issuer.profile.forms.len(), 2);
}
