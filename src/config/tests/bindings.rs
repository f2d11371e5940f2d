//! `issuers[].bindings`.

use super::*;
use crate::verify::{BoundClaim, Place};

/// A file whose only issuer has these `bindings`, and more after it.
fn with(bindings: &str, more: &str) -> String {
    format!(
        "upstream: http://a:1\nissuers:\n  - {{provider: oidc, issuer: https://a, audiences: [a], bindings: {bindings}}}\n{more}"
    )
}

fn header(name: &'static str, scheme: Option<&str>) -> Place {
    Place::Header {
        name: http::HeaderName::from_static(name),
        scheme: scheme.map(str::to_owned),
    }
}

#[test]
fn a_binding_is_a_claim_and_its_place() {
    let read = |bindings: &str| {
        let config = accepted(&with(bindings, ""));
        let bindings = &config.issuers[0].bindings;
        bindings
            .iter()
            .map(|binding| (binding.claim, binding.place.clone()))
            .collect::<Vec<_>>()
    };
    let cookie = Place::Cookie {
        name: "oidc_nonce".to_owned(),
    };
    let query = Place::Query {
        name: "code".to_owned(),
    };
    assert_eq!(
        read(
            "{c_hash: {query: code}, nonce: {cookie: oidc_nonce}, at_hash: {header: X-Access-Token}}"
        ),
        [
            (BoundClaim::Nonce, cookie.clone()),
            (BoundClaim::AccessTokenHash, header("x-access-token", None)),
            (BoundClaim::CodeHash, query),
        ]
    );
    assert_eq!(
        read("{nonce: {cookie: oidc_nonce, hash: sha256}}"),
        [(BoundClaim::HashedNonce, cookie.clone())]
    );
    assert_eq!(
        read("{nonce: {cookie: oidc_nonce, hash: none}}"),
        [(BoundClaim::Nonce, cookie)]
    );
    assert_eq!(
        read("{at_hash: {header: X-Access-Token, scheme: Bearer}}"),
        [(
            BoundClaim::AccessTokenHash,
            header("x-access-token", Some("Bearer"))
        )]
    );
    let none = accepted(&file(""));
    assert!(none.issuers[0].bindings.is_empty());
}

#[test]
fn every_provider_can_have_bindings() {
    for issuer in [
        "provider: cognito, user_pool_id: us-east-1_example, client_ids: [a]",
        "provider: auth0, domain: example.eu.auth0.com, audiences: [a]",
        "provider: entra, tenant: 9122040d-6c67-4c5b-b112-36a304b66dad, audiences: [a]",
        "provider: wso2, url: 'https://is.example.com', audiences: [a]",
    ] {
        let config = accepted(&format!(
            "upstream: http://a:1\nissuers:\n  - {{{issuer}, bindings: {{nonce: {{cookie: n}}}}}}\n"
        ));
        assert_eq!(config.issuers[0].bindings.len(), 1, "{issuer}");
    }
}

#[test]
fn the_token_moves_when_the_access_token_is_in_authorization() {
    let place = "{at_hash: {header: Authorization, scheme: Bearer}}";
    accepted(&with(place, "token: {sources: [{cookie: id_token}]}\n"));
    let problems = refused(&with(place, ""));
    assert_eq!(problems.len(), 1, "{}", rendered(&problems));
    assert_eq!(problems[0].path, "issuers[0].bindings.at_hash");
    assert_eq!(problems[0].line, 3);
}

#[test]
fn every_mistake_is_reported_with_what_to_do() {
    let own = "token: {sources: [{header: X-Id-Token}, {cookie: id_token}, {query: t}]}\n";
    let mapped = "identity: {headers: {X-User: sub}}\n";
    for (bindings, more, message, hint) in [
        ("{}", "", "nothing is bound", "take `bindings` out"),
        ("[]", "", "expected", "nonce"),
        ("{nonce: oidc_nonce}", "", "expected", "header"),
        ("{nonce: {}}", "", "one of `header`", "add one"),
        (
            "{at_hush: {query: a}}",
            "",
            "unknown key `at_hush`",
            "did you mean `at_hash`?",
        ),
        (
            "{nonce: {cookie: a, body: b}}",
            "",
            "unknown key `body`",
            "known keys",
        ),
        ("{nonce: {cookie: a, query: b}}", "", "query", ""),
        ("{at_hash: {header: X-A, hash: sha256}}", "", "hash", ""),
        ("{nonce: {cookie: a, hash: md5}}", "", "md5", "sha256"),
        ("{nonce: {cookie: a, scheme: B}}", "", "scheme", ""),
        ("{nonce: {cookie: ''}}", "", "", ""),
        (
            "{nonce: {cookie: 'a b'}}",
            "",
            "is not a cookie name",
            "without spaces",
        ),
        (
            "{nonce: {header: 'X:'}}",
            "",
            "is not a header name",
            "letters",
        ),
        (
            "{nonce: {query: 'a&b'}}",
            "",
            "is not a query parameter name",
            "letters",
        ),
        (
            "{at_hash: {header: Authorization}}",
            own,
            "has a scheme",
            "add `scheme: Bearer`",
        ),
        (
            "{at_hash: {header: Cookie}}",
            "",
            "nothing can be compared with `Cookie`",
            "the client",
        ),
        (
            "{at_hash: {header: Content-Type}}",
            "",
            "nothing can be compared with",
            "the client",
        ),
        (
            "{at_hash: {header: Host}}",
            "",
            "nothing can be compared with",
            "the client",
        ),
        (
            "{at_hash: {header: X-A}, c_hash: {header: x_a}}",
            "",
            "two claims cannot have one counterpart",
            "one value",
        ),
        (
            "{at_hash: {cookie: a}, nonce: {cookie: a}}",
            "",
            "two claims cannot",
            "one value",
        ),
        (
            "{at_hash: {header: X-Id-Token}}",
            own,
            "the token itself",
            "another place",
        ),
        (
            "{at_hash: {header: X_ID_Token}}",
            own,
            "the token itself",
            "another place",
        ),
        (
            "{at_hash: {header: X-Id-Token, scheme: B}}",
            own,
            "the token itself",
            "another place",
        ),
        (
            "{nonce: {cookie: id_token}}",
            own,
            "the token itself",
            "another place",
        ),
        (
            "{nonce: {cookie: ID.token}}",
            own,
            "the token itself",
            "another place",
        ),
        (
            "{c_hash: {query: t}}",
            own,
            "the token itself",
            "another place",
        ),
        (
            "{at_hash: {header: X-User}}",
            mapped,
            "the gate sets this header",
            "the client sends",
        ),
        (
            "{at_hash: {header: x_user}}",
            mapped,
            "the gate sets this header",
            "the client sends",
        ),
        (
            "{at_hash: {header: X-Auth-Name}}",
            "",
            "the gate sets this header",
            "the client sends",
        ),
    ] {
        let problems = refused(&with(bindings, more));
        let said = rendered(&problems);
        assert_eq!(problems.len(), 1, "{bindings}: {said}");
        assert!(
            problems[0].path.starts_with("issuers[0].bindings"),
            "{said}"
        );
        assert!(problems[0].message.contains(message), "{bindings}: {said}");
        let found = problems[0].hint.as_deref().unwrap();
        assert!(found.contains(hint), "{bindings}: {said}");
    }
}

#[test]
fn mistakes_in_bindings_neither_hide_others_nor_are_hidden() {
    let problems = refused(
        "upstream: http://a:1\nissuers:\n  - {provider: oidc, issuer: https://a, leeway: 9h, bindings: {nonce: {cookie: 'a b'}, at_hash: {header: Host}, c_hash: {query: t}}}\ntoken: {sources: [{query: t}]}\n",
    );
    let paths: Vec<_> = problems
        .iter()
        .map(|problem| problem.path.as_str())
        .collect();
    for path in [
        "issuers[0].audiences",
        "issuers[0].leeway",
        "issuers[0].bindings.nonce.cookie",
        "issuers[0].bindings.at_hash",
        "issuers[0].bindings.c_hash",
    ] {
        assert!(paths.contains(&path), "{path}: {paths:?}");
    }
    assert_eq!(paths.len(), 5, "{paths:?}");
}
