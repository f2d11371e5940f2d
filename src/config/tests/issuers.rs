//! `issuers:`.

use super::*;
use crate::jose::algorithm::Algorithm;
use crate::keys::source::Origin;

/// RFC 8037 Appendix A.2.
pub(super) const ED25519: &str =
    r#"{"kty":"OKP","crv":"Ed25519","kid":"a","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;

pub(super) fn oidc(rest: &str) -> String {
    format!(
        "upstream: http://127.0.0.1:3000\nissuers:\n  - provider: oidc\n    issuer: https://id.example.com\n    audiences: [api]\n{rest}"
    )
}

fn one(issuer: &str) -> String {
    format!("upstream: http://127.0.0.1:3000\nissuers:\n  - {issuer}\n")
}

/// Issuer on line 3, a piece of the message, a piece of the hint.
const MISTAKES: &[(&str, &str, &str)] = &[
    ("{issuer: a}", "`provider` is missing", "`oidc`"),
    (
        "{provider: acme, issuer: a}",
        "found `acme`",
        "one of `oidc`",
    ),
    (
        "{provider: oidcc, issuer: a, audiences: [a]}",
        "found `oidcc`",
        "did you mean `oidc`?",
    ),
    (
        "{provider: oidc, audiences: [a]}",
        "`issuer` is missing",
        "exact `iss`",
    ),
    (
        "{provider: oidc, issuer: https://a}",
        "`audiences` is missing",
        "another application",
    ),
    (
        "{provider: oidc, issuer: https://a, audiences: []}",
        "is empty",
        "at least one",
    ),
    (
        "{provider: oidc, issuer: https://a, audiences: api}",
        "expected a list, found `api`",
        "`[api]`",
    ),
    (
        "{provider: oidc, issuer: https://a, audiences: [a, a]}",
        "twice",
        "line 3",
    ),
    (
        "{provider: oidc, issuer: https://a, audiences: [a], any_audience: true}",
        "contradict",
        "keep one",
    ),
    (
        "{provider: oidc, issuer: https://a, audiences: [a], region: x}",
        "`region` is not a key of `oidc`",
        "provider `cognito`",
    ),
    (
        "{provider: cognito, user_pool_id: us-east-1_a, client_ids: [a], audiences: [a]}",
        "`audiences` is not a key of `cognito`",
        "`oidc`, `auth0`",
    ),
    (
        "{provider: cognito, user_pool_id: us-east-1_a, client_id: [a]}",
        "unknown key `client_id`",
        "did you mean `client_ids`?",
    ),
    (
        "{provider: oidc, issuer: https://a, audiences: [a], algorithms: [none]}",
        "`none` can never be allowed",
        "unsigned",
    ),
    (
        "{provider: oidc, issuer: https://a, audiences: [a], algorithms: [rs256]}",
        "found `rs256`",
        "did you mean `RS256`?",
    ),
    (
        "{provider: oidc, issuer: https://a, audiences: [a], algorithms: [HS256]}",
        "`HS256` needs a shared secret",
        "anyone sign",
    ),
    (
        "{provider: oidc, issuer: https://a, audiences: [a], leeway: 301s}",
        "out of bounds",
        "from 0s to 5m",
    ),
    (
        "{provider: oidc, issuer: https://a, audiences: [a], leeway: Infinity}",
        "not a duration",
        "unit",
    ),
    (
        "{provider: oidc, issuer: https://a, audiences: [a], max_age: 0s}",
        "out of bounds",
        "from 1s",
    ),
    (
        "{provider: oidc, issuer: https://a, audiences: [a], leeway: 500ms}",
        "whole seconds",
        "`1s`",
    ),
    (
        "{provider: oidc, issuer: https://a, audiences: [a], name: 'a b'}",
        "cannot be a name",
        "letters",
    ),
    (
        "{provider: oidc, issuer: https://a, audiences: [a], bindings: {}}",
        "nothing is bound",
        "name a claim and its counterpart",
    ),
    (
        "{provider: oidc, issuer: https://a, audiences: [a], required_claims: {a: []}}",
        "no token could pass",
        "must be one",
    ),
    (
        "{provider: oidc, issuer: partners, audiences: [a]}",
        "no keys can be discovered at `partners`",
        "jwks_url",
    ),
    (
        "{provider: oidc, issuer: http://id.example.com, audiences: [a]}",
        "plain http",
        "allow_http",
    ),
    (
        "{provider: oidc, issuer: https://a, audiences: [a], keys: {jwks_url: 'http://id.example.com/k'}}",
        "plain http",
        "https",
    ),
    (
        "{provider: oidc, issuer: https://a, audiences: [a], keys: {jwks_url: 'file:///etc/passwd'}}",
        "",
        "",
    ),
    (
        "{provider: oidc, issuer: https://a, audiences: [a], keys: {jwks_uri: 'https://a'}}",
        "unknown key `jwks_uri`",
        "did you mean `jwks_url`?",
    ),
    (
        "{provider: oidc, issuer: https://a, audiences: [a], keys: {jwks_url: 'https://a', pem_file: b}}",
        "`pem_file` cannot stand beside `jwks_url`",
        "only one of",
    ),
    (
        "{provider: oidc, issuer: https://a, audiences: [a], keys: {refetch_interval: 500ms}}",
        "out of bounds",
        "from 1s to 10m",
    ),
    (
        "{provider: oidc, issuer: https://a, audiences: [a], keys: {refresh_interval: 1s}}",
        "out of bounds",
        "from 10s to 24h",
    ),
    (
        "{provider: oidc, issuer: https://a, audiences: [a], keys: {max_stale: 1m}}",
        "`max_stale` is shorter",
        "too old",
    ),
    (
        "{provider: oidc, issuer: https://a, audiences: [a], keys: {retention: 999h}}",
        "out of bounds",
        "to 168h",
    ),
    (
        "{provider: oidc, issuer: https://a, audiences: [a], keys: {proxy: 'https://p:1'}}",
        "is not a proxy",
        "http://host:port",
    ),
    (
        "{provider: oidc, issuer: https://a, audiences: [a], keys: {proxy: 'http://u:p@p:1'}}",
        "user or password",
        "",
    ),
    (
        "{provider: oidc, issuer: https://a, audiences: [a], keys: {ca_file: /nonexistent}}",
        "no such file",
        "mount",
    ),
    (
        "{provider: oidc, issuer: https://a, audiences: [a], keys: {jwks_file: /nonexistent}}",
        "no such file",
        "mount",
    ),
    (
        "{provider: oidc, issuer: https://a, audiences: [a], keys: {secret_file: /nonexistent}}",
        "no such file",
        "mount",
    ),
    (
        "{provider: oidc, issuer: https://a, audiences: [a], keys: {secret_env: MISSING}}",
        "`MISSING` is not set",
        "",
    ),
    (
        "{provider: oidc, issuer: https://a, audiences: [a], keys: {jwks: {keys: []}}}",
        "",
        "",
    ),
    (
        "{provider: oidc, issuer: https://a, audiences: [a], keys: {jwks: '{'}}",
        "",
        "",
    ),
    (
        "{provider: entra, tenant: contoso, audiences: [a]}",
        "contoso",
        "",
    ),
    (
        "{provider: entra, tenant: common, audiences: [a]}",
        "every tenant",
        "allowed_tenants",
    ),
    (
        "{provider: entra, tenant: 9188040d-6c67-4c5b-b112-36a304b66dad, audiences: [a], versions: ['3.0']}",
        "found `3.0`",
        "one of `1.0`, `2.0`",
    ),
    (
        "{provider: cognito, user_pool_id: nonsense, client_ids: [a]}",
        "user pool id",
        "",
    ),
    (
        "{provider: cognito, user_pool_id: us-east-1_a, region: eu-west-1, client_ids: [a]}",
        "`us-east-1`",
        "",
    ),
    (
        "{provider: auth0, domain: https://a.auth0.com/, audiences: [a]}",
        "not a domain",
        "host name",
    ),
    (
        "{provider: auth0, domain: [a.auth0.com, b.auth0.com], audiences: [a], keys: {discovery_url: 'https://a/d'}}",
        "this entry has 2",
        "jwks_url",
    ),
    (
        "{provider: wso2, url: 'is.example.com', audiences: [a]}",
        "",
        "",
    ),
];

#[test]
fn each_mistake_of_an_issuer_has_its_line_and_its_hint() {
    for (issuer, message, hint) in MISTAKES {
        let problems = refused(&one(issuer));
        assert_eq!(problems.len(), 1, "{issuer}\n{}", rendered(&problems));
        let problem = &problems[0];
        assert_eq!(problem.line, 3, "{issuer}");
        assert!(
            problem.path.starts_with("issuers[0]"),
            "{issuer}: {}",
            problem.path
        );
        assert!(
            problem.message.contains(message),
            "{issuer}\n{}",
            rendered(&problems)
        );
        assert!(
            problem.hint.as_deref().unwrap_or_default().contains(hint),
            "{issuer}\n{}",
            rendered(&problems)
        );
    }
}

#[test]
fn no_issuer_is_no_gate() {
    for text in [
        "upstream: http://a:1\n",
        "upstream: http://a:1\nissuers: []\n",
        "upstream: http://a:1\nissuers:\n",
    ] {
        assert!(refused(text)[0].message.contains("`issuers`"));
    }
}

#[test]
fn two_entries_cannot_have_one_name_or_one_issuer() {
    let two = |first: &str, second: &str| {
        format!("upstream: http://a:1\nissuers:\n  - {first}\n  - {second}\n")
    };
    let problems = refused(&two(
        "{provider: oidc, issuer: https://a, audiences: [a]}",
        "{provider: oidc, issuer: https://b, audiences: [a]}",
    ));
    assert_eq!(problems.len(), 1, "{}", rendered(&problems));
    assert_eq!(problems[0].line, 4);
    assert!(problems[0].message.contains("two issuers are named `oidc`"));
    let problems = refused(&two(
        "{name: a, provider: oidc, issuer: https://a, audiences: [a]}",
        "{name: b, provider: oidc, issuer: https://a, audiences: [b]}",
    ));
    assert_eq!(problems.len(), 1, "{}", rendered(&problems));
    assert!(
        problems[0]
            .message
            .contains("two entries accept the issuer `https://a`")
    );
    assert!(problems[0].hint.as_ref().unwrap().contains("line 3"));
}

#[test]
fn j26_a_leeway_that_disables_checks_is_refused() {
    for leeway in [
        "301s",
        "1h",
        "Infinity",
        ".inf",
        "-1s",
        "1e9s",
        "999999999999999999999s",
        "''",
        "30",
    ] {
        let problems = refused(&oidc(&format!("    leeway: {leeway}\n")));
        assert_eq!(problems.len(), 1, "{leeway}");
        assert_eq!((problems[0].line, problems[0].column), (6, 13), "{leeway}");
    }
    for (unknown, column) in [
        ("leewayy: 10s", 5),
        ("clock_skew: 10s", 5),
        ("Leeway: 10s", 5),
    ] {
        let problems = refused(&oidc(&format!("    {unknown}\n")));
        assert_eq!((problems[0].line, problems[0].column), (6, column));
        assert!(problems[0].message.contains("unknown key"), "{unknown}");
    }
    let config = accepted(&oidc("    leeway: 300s\n"));
    assert_eq!(config.issuers[0].leeway, Duration::from_secs(300));
}

#[test]
fn j01_none_cannot_be_configured_in_any_case() {
    for name in ["none", "None", "NONE", "nOnE"] {
        let problems = refused(&oidc(&format!("    algorithms: [RS256, {name}]\n")));
        assert!(
            problems[0].message.contains("can never be allowed"),
            "{name}"
        );
    }
}

#[test]
fn j02_symmetric_and_asymmetric_algorithms_never_mix() {
    let secret = "0123456789abcdef0123456789abcdef";
    let with = |rest: &str| parse(&oidc(rest), "f", &with_environment(&[("SECRET", secret)]));
    let problems = with("    algorithms: [HS256, RS256]\n    keys: {secret_env: SECRET}\n")
        .err()
        .unwrap();
    assert_eq!(problems.len(), 1, "{}", rendered(&problems));
    assert!(problems[0].message.contains("`RS256` needs a public key"));
    let problems = with("    algorithms: [HS256, RS256]\n    keys: {jwks_url: 'https://a/k'}\n")
        .err()
        .unwrap();
    assert!(
        problems[0]
            .message
            .contains("`HS256` needs a shared secret")
    );
    let config = with("    keys: {secret_env: SECRET}\n").ok().unwrap();
    assert_eq!(
        config.issuers[0].algorithms,
        AlgorithmSet::of(&[Algorithm::Hs256])
    );
    let Origin::Fixed {
        keys,
        any_kid: true,
    } = &config.issuers[0].sources[0].origin
    else {
        panic!()
    };
    assert_eq!(keys.keys.len(), 1);
}

#[test]
fn j13_an_audience_is_mandatory_unless_said_otherwise() {
    let text = "upstream: http://a:1\nissuers: [{provider: oidc, issuer: https://a, any_audience: true}]\n";
    let config = accepted(text);
    assert_eq!(config.issuers[0].audiences, None);
    assert!(config.warnings[0].message.contains("any other application"));
    refused(&text.replace("true", "false"));
}

#[test]
fn settings_without_effect_are_named() {
    for (keys, name) in [
        ("jwks_url: 'https://a/k', same_origin: true", "same_origin"),
        (
            "jwks_url: 'https://a/k', secret_encoding: raw",
            "secret_encoding",
        ),
        ("secret_env: S, ca_file: /x", "ca_file"),
        ("secret_env: S, refresh_interval: 1m", "refresh_interval"),
    ] {
        let config = parse(
            &oidc(&format!("    keys: {{{keys}}}\n")),
            "f",
            &with_environment(&[("S", &"x".repeat(32))]),
        );
        let config = config.unwrap_or_else(|problems| panic!("{}", rendered(&problems)));
        assert_eq!(
            config.warnings.len(),
            1,
            "{keys}: {}",
            rendered(&config.warnings)
        );
        assert!(
            config.warnings[0]
                .message
                .contains(&format!("`{name}` has no effect"))
        );
    }
}

#[test]
fn each_form_of_a_preset_has_its_document_and_an_own_source_serves_all() {
    let text = |keys: &str| {
        one(&format!(
            "{{provider: auth0, domain: [a.auth0.com, b.example.com], audiences: [a]{keys}}}"
        ))
    };
    let config = accepted(&text(""));
    assert_eq!(
        config.issuers[0].sources.len(),
        config.issuers[0].profile.forms.len()
    );
    assert_eq!(config.issuers[0].sources.len(), 2);
    let config = accepted(&text(", keys: {jwks_url: 'https://a/k'}"));
    assert_eq!(config.issuers[0].sources.len(), 1);
}

#[test]
fn entra_keeps_keys_a_day_unless_said_otherwise() {
    let text = |keys: &str| {
        one(&format!(
            "{{provider: entra, tenant: 9122040d-6c67-4c5b-b112-36a304b66dad, audiences: [a]{keys}}}"
        ))
    };
    let config = accepted(&text(""));
    assert_eq!(
        config.issuers[0].sources[0].timing.retention,
        Duration::from_secs(86400)
    );
    let config = accepted(&text(", keys: {retention: 0s}"));
    assert_eq!(
        config.issuers[0].sources[0].timing.retention,
        Duration::ZERO
    );
}

#[test]
fn token_types_are_lower_case_without_application() {
    let config = accepted(&oidc("    token_types: [application/AT+JWT, JWT]\n"));
    assert_eq!(config.issuers[0].token_types, ["at+jwt", "jwt"]);
}

#[test]
fn required_claims_are_one_value_or_a_list() {
    let config = accepted(&oidc(
        "    required_claims: {azp: my-client, level: [2, '3'], ok: true}\n",
    ));
    let claims: Vec<(String, usize, &str)> = config.issuers[0]
        .required_claims
        .iter()
        .map(|(name, values)| (name.clone(), values.len(), values[0].type_name()))
        .collect();
    assert_eq!(
        claims,
        [
            ("azp".to_owned(), 1, "string"),
            ("level".to_owned(), 2, "number"),
            ("ok".to_owned(), 1, "boolean")
        ]
    );
}

#[test]
fn any_tenant_and_unverified_email_are_said_aloud() {
    let config = accepted(&format!(
        "{}identity: {{unverified_email: true}}\n",
        one("{provider: entra, tenant: common, any_tenant: true, audiences: [a]}")
    ));
    assert!(
        config
            .warnings
            .iter()
            .any(|w| w.message.contains("every Microsoft tenant"))
    );
    assert!(config.issuers[0].unverified_email);
}
