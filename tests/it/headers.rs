//! What the application may believe: identity headers come from the token, or not at all (threats H1 to H13).

use serde_json::json;

use crate::harness::{Application, Gate, Issuer, configuration, request, send};

fn house(more: &str) -> (Issuer, Application, Gate) {
    let (issuer, application) = (Issuer::start(), Application::start());
    let gate = Gate::start(&configuration(&issuer, &application, more));
    (issuer, application, gate)
}

const FORGED: &str = "X-Auth-Subject: root\r\nx-auth-subject: root\r\nX_Auth_Subject: root\r\nX-Auth_Subject: root\r\nX.Auth.Subject: root\r\nX~Auth~Subject: root\r\nX-AUTH-ROLES: root\r\nRemote-User: root\r\nRemote_User: root\r\nX-Forwarded-User: root\r\nX-Original-URL: /root\r\nX-Rewrite-URL: /root\r\nX-HTTP-Method-Override: DELETE\r\nX-SSL-Client-CN: root\r\nX-Amzn-Oidc-Data: root\r\nCf-Access-Jwt-Assertion: root\r\nX-MS-Client-Principal-Name: root\r\nX-Goog-Authenticated-User-Email: root\r\nProxy: http://root\r\nTrue-Client-IP: 10.0.0.1\r\n";

#[test]
fn h01_h02_h03_forged_identity_is_removed_and_the_true_one_stands_once() {
    let (issuer, application, gate) = house("");
    assert_eq!(
        request(gate.port, "GET /", Some(&issuer.token(json!({}))), FORGED).status,
        200
    );
    let seen = application.only();
    assert_eq!(seen.folded("x-auth-subject"), ["alice"]);
    assert!(
        !seen.head.contains("root")
            && !seen.head.contains("DELETE")
            && !seen.head.contains("10.0.0.1"),
        "{}",
        seen.head
    );
    assert!(gate.metric("claimgate_headers_stripped_total", "") >= 18.0);
}

#[test]
fn h01_a_public_route_strips_just_the_same() {
    let (issuer, application, gate) = house("routes:\n  - {path: /open, access: public}\n");
    assert_eq!(
        request(
            gate.port,
            "GET /open",
            Some(&issuer.token(json!({}))),
            FORGED
        )
        .status,
        200
    );
    let seen = application.only();
    assert!(
        !seen.head.contains("root") && seen.folded("x-auth-subject").is_empty(),
        "{}",
        seen.head
    );
    assert!(
        seen.header("authorization").is_empty(),
        "a token that was not judged does not reach the application"
    );
}

#[test]
fn h02_other_names_with_underscores_are_dropped_rejected_or_kept_as_configured() {
    for (setting, status, arrives) in [("drop", 200, 0), ("reject", 400, 0), ("keep", 200, 1)] {
        let (issuer, application, gate) = house(&format!("identity: {{underscores: {setting}}}\n"));
        let answer = request(
            gate.port,
            "GET /",
            Some(&issuer.token(json!({}))),
            "my_own: 1\r\nX_Auth_Subject: root\r\n",
        );
        assert_eq!(answer.status, status, "{setting}");
        let seen = application.requests();
        assert_eq!(
            seen.iter()
                .map(|request| request.header("my_own").len())
                .sum::<usize>(),
            arrives,
            "{setting}"
        );
        assert!(!seen.iter().any(|request| request.head.contains("root")));
    }
}

#[test]
fn h05_connection_cannot_nominate_what_the_gate_sets() {
    let (issuer, application, gate) = house("");
    let token = issuer.token(json!({}));
    for nominated in [
        "close, X-Auth-Subject",
        "x_auth_subject",
        "Authorization",
        "host",
        "Content-Length",
        "transfer-encoding",
    ] {
        let answer = request(
            gate.port,
            "GET /",
            Some(&token),
            &format!("Connection: {nominated}\r\n"),
        );
        assert_eq!(
            (answer.status, answer.reason()),
            (400, "bad_request".to_owned()),
            "{nominated}"
        );
    }
    assert!(application.requests().is_empty());
    assert_eq!(
        request(
            gate.port,
            "GET /",
            Some(&token),
            "Connection: TE, X-Hop\r\nTE: trailers\r\nX-Hop: 1\r\nKeep-Alive: 5\r\n"
        )
        .status,
        200
    );
    let seen = application.only();
    for gone in ["te", "x-hop", "keep-alive", "connection"] {
        assert!(seen.header(gone).is_empty(), "{gone}: {}", seen.head);
    }
}

#[test]
fn h06_request_trailers_do_not_arrive() {
    let (issuer, application, gate) = house("");
    let request = format!(
        "POST /app HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {}\r\nTransfer-Encoding: chunked\r\nTrailer: X-Auth-Subject\r\n\r\n1\r\nZ\r\n0\r\nX-Auth-Subject: admin\r\nAuthorization: Basic eDp5\r\n\r\n",
        issuer.token(json!({}))
    );
    assert_eq!(send(gate.port, request.as_bytes(), 1)[0].status, 200);
    let seen = application.only();
    assert_eq!(
        (seen.body.as_slice(), seen.header("x-auth-subject")),
        (b"Z".as_slice(), vec!["alice"])
    );
    assert!(seen.header("trailer").is_empty());
}

#[test]
fn h07_h09_h10_h11_claims_that_cannot_be_carried_are_refused_and_never_cut() {
    let (issuer, application, gate) = house("");
    for more in [
        json!({"sub": "a\r\nX-Role: admin"}),
        json!({"sub": "a\u{0}"}),
        json!({"sub": "a\tb"}),
        json!({"groups": ["a", ""]}),
        json!({"groups": ["a", "b\n"]}),
        json!({"name": "n".repeat(9000)}),
    ] {
        let answer = request(gate.port, "GET /", Some(&issuer.token(more)), "");
        assert_eq!(
            (answer.status, answer.reason()),
            (403, "claims_unusable".to_owned())
        );
    }
    assert!(application.requests().is_empty());
    assert_eq!(
        request(
            gate.port,
            "GET /",
            Some(&issuer.token(json!({"groups": ["a,admin"], "name": " José %41 ", "email": ""}))),
            ""
        )
        .status,
        200
    );
    let seen = application.only();
    assert_eq!(seen.header("x-auth-groups"), ["a%2Cadmin"]);
    assert_eq!(seen.header("x-auth-name"), ["%20Jos%C3%A9 %2541%20"]);
    assert!(seen.header("x-auth-email").is_empty());
}

#[test]
fn h12_forwarded_headers_come_from_the_connection_unless_the_peer_is_trusted() {
    let spoofed = "X-Forwarded-For: 203.0.113.9\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: evil.test\r\nForwarded: for=203.0.113.9\r\nX-Real-IP: 203.0.113.9\r\n";
    let (issuer, application, gate) = house("");
    assert_eq!(
        request(gate.port, "GET /", Some(&issuer.token(json!({}))), spoofed).status,
        200
    );
    let seen = application.only();
    assert_eq!(seen.header("x-forwarded-for"), ["127.0.0.1"]);
    assert_eq!(seen.header("x-forwarded-proto"), ["http"]);
    assert_eq!(seen.header("x-forwarded-host"), ["gate.test"]);
    assert!(!seen.head.contains("203.0.113.9"), "{}", seen.head);
    let (issuer, application, gate) = house("trusted_proxies: [127.0.0.0/8]\n");
    assert_eq!(
        request(gate.port, "GET /", Some(&issuer.token(json!({}))), spoofed).status,
        200
    );
    let seen = application.only();
    assert_eq!(seen.header("x-forwarded-for"), ["203.0.113.9, 127.0.0.1"]);
    assert_eq!(seen.header("x-forwarded-proto"), ["https"]);
}

#[test]
fn a_mapping_of_ones_own_replaces_the_default_set_and_its_names_are_managed() {
    let mapping = "identity:\n  headers:\n    X-User: sub\n    X-Roles: {claim: [realm_access, roles], format: csv}\n    X-Team: {claim: 'https://example.com/team', missing: reject}\n    X-Claims: {claims: all, format: base64url}\n";
    let (issuer, application, gate) = house(mapping);
    let token = issuer
        .token(json!({"realm_access": {"roles": ["a", "b"]}, "https://example.com/team": "blue"}));
    assert_eq!(
        request(
            gate.port,
            "GET /",
            Some(&token),
            "x_user: root\r\nX-Auth-Subject: root\r\n"
        )
        .status,
        200
    );
    let seen = application.only();
    assert_eq!(
        (
            seen.folded("x-user"),
            seen.header("x-roles"),
            seen.header("x-team")
        ),
        (vec!["alice"], vec!["a,b"], vec!["blue"])
    );
    assert_eq!(seen.header("x-claims").len(), 1);
    assert!(
        seen.folded("x-auth-subject").is_empty(),
        "the default names are managed even when they are not set"
    );
    let answer = request(gate.port, "GET /", Some(&issuer.token(json!({}))), "");
    assert_eq!(
        (answer.status, answer.reason()),
        (403, "claims_unusable".to_owned())
    );
}

#[test]
fn a_token_that_was_not_verified_does_not_pass_and_a_verified_one_only_when_configured() {
    let sources = "token:\n  sources:\n    - {header: Authorization, scheme: Bearer}\n    - {cookie: id_token}\n    - {query: access_token}\n";
    let (issuer, application, gate) = house(&format!(
        "{sources}routes:\n  - {{path: /open, access: public}}\n  - {{path: /*}}\n"
    ));
    let token = issuer.token(json!({}));
    assert_eq!(
        request(
            gate.port,
            &format!("GET /open?a=1&access_token={token}&b=%20"),
            Some(&token),
            &format!("Cookie: a=1; id_token={token}; b=2\r\n")
        )
        .status,
        200
    );
    let seen = application.only();
    assert_eq!(seen.line(), "GET /open?a=1&b=%20 HTTP/1.1");
    assert_eq!(seen.header("cookie"), ["a=1; b=2"]);
    assert!(!seen.head.contains(&token));
    let answer = request(
        gate.port,
        "GET /x",
        Some(&token),
        &format!("Cookie: id_token={token}\r\n"),
    );
    assert_eq!(
        (answer.status, answer.reason()),
        (400, "ambiguous_token".to_owned())
    );
    assert_eq!(
        request(gate.port, &format!("GET /x?access_token={token}"), None, "").status,
        200
    );
    assert_eq!(application.requests()[1].line(), "GET /x HTTP/1.1");
    assert_eq!(
        request(
            gate.port,
            "GET /x",
            None,
            &format!("Cookie: id_token={token}\r\nAuthorization: Basic YTpi\r\n")
        )
        .status,
        200
    );
    assert_eq!(
        application.requests()[2].header("authorization"),
        ["Basic YTpi"],
        "another scheme is data"
    );
    let (issuer, application, gate) = house(&format!("{}  forward: true\n", sources));
    let token = issuer.token(json!({}));
    assert_eq!(request(gate.port, "GET /x", Some(&token), "").status, 200);
    assert_eq!(
        application.only().header("authorization"),
        [format!("Bearer {token}")]
    );
}

#[test]
fn a_cookie_token_does_not_serve_another_site() {
    let (issuer, application, gate) = house("token: {sources: [{cookie: id_token}]}\n");
    let cookie = format!("Cookie: id_token={}\r\n", issuer.token(json!({})));
    for (line, more, status) in [
        ("GET /", "Sec-Fetch-Site: cross-site\r\n", 200),
        (
            "POST /",
            "Sec-Fetch-Site: cross-site\r\nContent-Length: 0\r\n",
            403,
        ),
        (
            "POST /",
            "Origin: https://evil.test\r\nContent-Length: 0\r\n",
            403,
        ),
        ("POST /", "Origin: null\r\nContent-Length: 0\r\n", 403),
        (
            "POST /",
            "Sec-Fetch-Site: same-origin\r\nContent-Length: 0\r\n",
            200,
        ),
        (
            "POST /",
            "Origin: http://gate.test\r\nContent-Length: 0\r\n",
            200,
        ),
        (
            "GET /",
            "Sec-Fetch-Site: cross-site\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n",
            403,
        ),
    ] {
        let answer = request(gate.port, line, None, &format!("{cookie}{more}"));
        assert_eq!(answer.status, status, "{line} {more}: {}", answer.head);
    }
    assert_eq!(application.requests().len(), 3);
}
