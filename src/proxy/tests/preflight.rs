//! Over real sockets: CORS preflights, on routes that let them through and on those that do not (threat P7).

use super::testing::*;
use crate::policy::{Access, RouteConfig};

const ORIGIN: &str = "Origin: https://page.example\r\n";
const WANTED: &str =
    "Access-Control-Request-Method: DELETE\r\nAccess-Control-Request-Headers: authorization\r\n";

fn options(path: &str, lines: &str) -> String {
    get(path, lines).replacen("GET", "OPTIONS", 1)
}

fn open_and_closed(app: &App) -> Running {
    let routes = vec![
        RouteConfig {
            cors_preflight: true,
            ..route("/api/*", Access::Required)
        },
        route("/*", Access::Required),
    ];
    Running::start(gate(app.address, Some(routes)))
}

#[test]
fn p07_a_preflight_reaches_the_application_without_identity_and_credentials() {
    let app = App::plain();
    let gate = open_and_closed(&app);
    let forged = "X-Auth-Subject: admin\r\nX-User: admin\r\nX-HTTP-Method-Override: DELETE\r\n";
    let answer = gate.send(options("/api/x", &format!("{ORIGIN}{WANTED}{forged}")));
    assert_eq!(answer.status, 200);
    let request = app.only();
    assert_eq!(request.line(), "OPTIONS /api/x HTTP/1.1");
    assert_eq!(request.one("access-control-request-method"), Some("DELETE"));
    for gone in ["x-auth-subject", "x-user", "x-http-method-override"] {
        assert_eq!(request.one(gone), None, "{}", request.head);
    }
    gate.wait_count("claimgate_requests_total{decision=\"public\",issuer=\"none\",reason=\"none\",route=\"/api/*\"} 1");
}

#[test]
fn p07_what_is_no_preflight_is_judged_as_before() {
    let app = App::plain();
    let gate = open_and_closed(&app);
    for request in [
        options("/api/x", ""),
        options("/api/x", ORIGIN),
        options("/api/x", WANTED),
        options("/api/x", &format!("{ORIGIN}{ORIGIN}{WANTED}")),
        options("/api/x", &format!("{ORIGIN}{WANTED}{WANTED}")),
        options("/api/x", &format!("{ORIGIN}{WANTED}Content-Length: 2\r\n")) + "hi",
        options(
            "/api/x",
            &format!("{ORIGIN}{WANTED}Transfer-Encoding: chunked\r\n"),
        ) + "0\r\n\r\n",
        options("/other", &format!("{ORIGIN}{WANTED}")),
        get("/api/x", &format!("{ORIGIN}{WANTED}")),
        get("/api/x", &format!("{ORIGIN}{WANTED}")).replacen("GET", "DELETE", 1),
        get(
            "/api/x",
            &format!("{ORIGIN}{WANTED}X-HTTP-Method-Override: OPTIONS\r\n"),
        ),
    ] {
        gate.send(&request).is(401, "missing_token");
    }
    let with = |token: &str| {
        options(
            "/api/x",
            &format!("{ORIGIN}{WANTED}Authorization: Bearer {token}\r\n"),
        )
    };
    gate.send(with("x")).is(401, "malformed_token");
    gate.send(options(
        "/api/x",
        &format!("{ORIGIN}{WANTED}{}{}", bearer(), bearer()),
    ))
    .is(400, "ambiguous_token");
    gate.send(options("/api/../x", &format!("{ORIGIN}{WANTED}")))
        .is(400, "bad_request");
    assert_eq!(app.connections(), 0);
    let judged = gate.send(options("/api/x", &format!("{ORIGIN}{WANTED}{}", bearer())));
    assert_eq!(judged.status, 200);
    assert_eq!(app.only().one("x-auth-subject"), Some("alice"));
}
