//! Targets that two programs read differently do not slip past a rule (threats P1 to P8).

use serde_json::json;

use crate::harness::{Application, Gate, Issuer, configuration, request, send};

const ROUTES: &str = "routes:\n  - {name: open, path: /public/*, access: public}\n  - {path: /admin/*, require: [{claim: roles, any_of: [admin]}]}\n  - {path: /*}\n";

fn house(routes: &str) -> (Issuer, Application, Gate) {
    let (issuer, application) = (Issuer::start(), Application::start());
    let gate = Gate::start(&configuration(&issuer, &application, routes));
    (issuer, application, gate)
}

#[test]
fn p01_p02_p03_p04_p05_p06_nothing_reaches_a_guarded_path_through_a_public_one() {
    let (_issuer, application, gate) = house(ROUTES);
    for target in [
        "/admin?x=/public/",
        "/admin%23/public/",
        "/public/../admin",
        "/public/%2e%2e/admin",
        "/public/.%2e/admin",
        "/public/%2e%2e%2fadmin",
        "/public%2f..%2fadmin",
        "/public/..\\admin",
        "/public\\..\\admin",
        "/public/%5c..%5cadmin",
        "/public/%252e%252e/admin",
        "/public/%252f",
        "//public/",
        "/public//../admin",
        "/PUBLIC/",
        "/publicX",
        "/public.",
        "/public/..;/admin",
        "/public;x/admin",
        "/..;a=b/admin",
        "http://x/public/../admin",
        "/public/%00",
        "/public/%2",
        "/public/%zz",
        "/public/\u{e9}",
        "/./public/",
        "/public/./x",
    ] {
        let bytes = format!(
            "GET {target} HTTP/1.1\r\nHost: {}\r\n\r\n",
            if target.starts_with("http") { "x" } else { "a" }
        );
        let answer = &send(gate.port, bytes.as_bytes(), 1)[0];
        assert!(
            [400, 401].contains(&answer.status),
            "{target}: {}",
            answer.head
        );
    }
    assert!(
        application.requests().is_empty(),
        "{:?}",
        application.requests()
    );
    assert_eq!(
        request(gate.port, "GET /public/logo.png", None, "").status,
        200
    );
}

#[test]
fn p07_methods_and_overrides_are_what_they_say() {
    let (issuer, application, gate) = house("routes:\n  - {path: /read, methods: [GET]}\n");
    let token = issuer.token(json!({}));
    assert_eq!(
        request(gate.port, "HEAD /read", Some(&token), "").status,
        200
    );
    for line in ["POST /read", "OPTIONS /read", "DELETE /read", "get /read"] {
        let answer = request(gate.port, line, Some(&token), "Content-Length: 0\r\n");
        assert!(
            [400, 403].contains(&answer.status),
            "{line}: {}",
            answer.head
        );
    }
    assert_eq!(
        request(gate.port, "TRACE /read", Some(&token), "").status,
        405
    );
    let answer = request(
        gate.port,
        "OPTIONS /read",
        None,
        "Origin: https://a.test\r\nAccess-Control-Request-Method: GET\r\n",
    );
    assert_ne!(answer.status, 200, "preflights are not let through unasked");
    assert_eq!(
        request(
            gate.port,
            "GET /read",
            Some(&token),
            "X-HTTP-Method-Override: DELETE\r\n"
        )
        .status,
        200
    );
    assert!(
        application
            .requests()
            .iter()
            .all(|request| !request.head.contains("DELETE"))
    );
}

#[test]
fn p08_no_header_grants_a_way_past() {
    let (_issuer, application, gate) = house("");
    for header in [
        "User-Agent: GoogleHC/1.0\r\n",
        "User-Agent: kube-probe/1.30\r\n",
        "X-Forwarded-For: 127.0.0.1\r\n",
        "X-Original-URL: /healthz\r\n",
    ] {
        assert_eq!(
            request(gate.port, "GET /", None, header).reason(),
            "missing_token"
        );
    }
    assert_eq!(
        request(gate.port, "GET /metrics", None, "").status,
        401,
        "the admin pages are not on this port"
    );
    assert!(application.requests().is_empty());
}

#[test]
fn c03_rules_are_asked_again_for_every_route() {
    let (issuer, application, gate) = house(ROUTES);
    let (admin, user) = (
        issuer.token(json!({"roles": ["admin"]})),
        issuer.token(json!({"roles": ["user"]})),
    );
    for _ in 0..2 {
        assert_eq!(
            request(gate.port, "GET /admin/x", Some(&admin), "").status,
            200
        );
        assert_eq!(
            request(gate.port, "GET /elsewhere", Some(&user), "").status,
            200
        );
        let answer = request(gate.port, "GET /admin/x", Some(&user), "");
        assert_eq!(
            (answer.status, answer.reason()),
            (403, "rule_not_met".to_owned())
        );
        assert!(
            answer
                .header("www-authenticate")
                .unwrap()
                .contains("insufficient_scope")
        );
    }
    assert_eq!(application.requests().len(), 4);
}

#[test]
fn a_public_route_that_passes_credentials_leaves_them_alone() {
    let (_issuer, application, gate) =
        house("routes:\n  - {path: /hooks/*, access: public, credentials: pass}\n");
    assert_eq!(
        request(
            gate.port,
            "GET /hooks/x",
            Some("opaque"),
            "X-Auth-Subject: root\r\n"
        )
        .status,
        200
    );
    let seen = application.only();
    assert_eq!(seen.header("authorization"), ["Bearer opaque"]);
    assert!(seen.folded("x-auth-subject").is_empty());
}
