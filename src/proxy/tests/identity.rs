//! Over real sockets: whose request it is, where its token comes from, and what the application is told.

use super::testing::*;
use crate::policy::{Access, Condition, Rule};
use crate::proxy::*;
use crate::verify::testing as tokens;

#[test]
fn a_good_token_gets_the_applications_answer_and_the_application_its_claims() {
    let app = App::plain();
    let gate = Running::before(&app);
    let answer = gate.send(get("/app?x=%20y", &bearer()));
    assert_eq!(
        (answer.status, answer.body.as_slice()),
        (200, &b"hello"[..])
    );
    let request = app.only();
    assert_eq!(request.line(), "GET /app?x=%20y HTTP/1.1");
    assert_eq!(request.one("x-auth-subject"), Some("alice"));
    assert_eq!(request.one("x-auth-issuer"), Some("main"));
    assert_eq!(request.one("host"), Some("a"));
    assert_eq!(
        request.one("authorization"),
        None,
        "the token is not forwarded"
    );
    assert_eq!(request.one("x-forwarded-for"), Some("127.0.0.1"));
    assert_eq!(request.one("x-forwarded-proto"), Some("http"));
    assert_eq!(request.one("x-forwarded-host"), Some("a"));
    assert!(
        request.head.contains("X-Auth-Subject: alice"),
        "as documented: {}",
        request.head
    );
    gate.wait_count(r#"claimgate_requests_total{decision="allow",issuer="main",reason="none",route="default"} 1"#);
    gate.wait_count(r#"claimgate_upstream_requests_total{outcome="answered"} 1"#);
    gate.wait_count("claimgate_requests_in_flight 0");
}

#[test]
fn refusals_are_problems_with_a_challenge_and_nothing_reaches_the_application() {
    let app = App::plain();
    let gate = Running::before(&app);
    let missing = gate.send(get("/", ""));
    missing.is(401, "missing_token");
    assert_eq!(
        missing.header("www-authenticate"),
        Some("Bearer realm=\"claimgate\"")
    );
    assert_eq!(missing.header("cache-control"), Some("no-store"));
    let expired = tokens::good(&format!("\"exp\":{}", tokens::NOW - 3600));
    let answer = gate.send(get("/", &format!("Authorization: Bearer {expired}\r\n")));
    answer.is(401, "token_expired");
    assert!(
        answer
            .header("www-authenticate")
            .unwrap()
            .contains("error=\"invalid_token\"")
    );
    gate.send(get("/", "Authorization: Bearer x\r\n"))
        .is(401, "malformed_token");
    let mut client = gate.connect();
    client.write("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n".to_owned() + &get("/", ""));
    let head = client.answer_to("HEAD");
    assert_eq!((head.status, head.body.len()), (401, 0));
    assert!(head.header("content-length").is_some_and(|l| l != "0"));
    client.answer().is(401, "missing_token");
    assert_eq!(app.connections(), 0);
    gate.wait_count(r#"claimgate_requests_total{decision="deny",issuer="none",reason="missing_token",route="default"} 3"#);
    gate.wait_count(r#"claimgate_requests_total{decision="deny",issuer="main",reason="token_expired",route="default"} 1"#);
}

#[test]
fn h01_h02_b01_identity_comes_from_the_token_alone() {
    let app = App::plain();
    let gate = Running::before(&app);
    let forged = "X-Auth-Subject: admin\r\nx_auth_subject: admin\r\nX.Auth.Subject: admin\r\nX-Auth-Groups: root\r\nX-User: admin\r\nx_user: admin\r\nX.User: admin\r\n";
    let nominated = gate.send(get(
        "/",
        &format!("{}{forged}Connection: close, X-User\r\n", bearer()),
    ));
    nominated.is(400, "bad_request");
    assert_eq!(nominated.header("connection"), Some("close"));
    assert_eq!(app.connections(), 0);

    assert_eq!(
        gate.send(get("/", &format!("{}{forged}", bearer()))).status,
        200
    );
    let request = app.only();
    assert_eq!(request.one("x-auth-subject"), Some("alice"));
    assert!(!request.head.contains("admin"), "{}", request.head);
    assert!(!request.head.contains("root"), "{}", request.head);
    gate.wait_count("claimgate_headers_stripped_total 7");
}

#[test]
fn h01_identity_is_stripped_on_public_and_optional_routes_too() {
    let app = App::plain();
    let gate = Running::start(gate(
        app.address,
        Some(vec![
            route("/open", PUBLIC),
            route("/maybe", Access::Optional),
        ]),
    ));
    for path in ["/open", "/maybe"] {
        assert_eq!(
            gate.send(get(
                path,
                "X-Auth-Subject: admin\r\nX_Auth_Roles: admin\r\n"
            ))
            .status,
            200
        );
    }
    for request in app.requests() {
        assert!(!request.head.contains("admin"), "{}", request.head);
    }
    let bad = gate.send(get("/maybe", "Authorization: Bearer x\r\n"));
    bad.is(401, "malformed_token");
    assert_eq!(gate.send(get("/maybe", &bearer())).status, 200);
    assert_eq!(app.requests()[2].one("x-auth-subject"), Some("alice"));
    gate.wait_count(r#"claimgate_requests_total{decision="public",issuer="none",reason="none",route="/open"} 1"#);
    gate.wait_count(r#"claimgate_requests_total{decision="public",issuer="none",reason="none",route="/maybe"} 1"#);
    gate.send(get("/other", &bearer())).is(403, "no_route");
}

#[test]
fn an_unverified_token_does_not_pass_a_public_route_unless_it_says_so() {
    let app = App::plain();
    let hooks = route(
        "/hooks",
        Access::Public {
            pass_credentials: true,
        },
    );
    let gate = Running::start(gate(app.address, Some(vec![route("/open", PUBLIC), hooks])));
    gate.send(get(
        "/open",
        "Authorization: bEARER x.y.z\r\nCookie: a=1\r\n",
    ));
    gate.send(get("/open", "Authorization: Basic eDp5\r\n"));
    gate.send(get("/hooks", "Authorization: Bearer x.y.z\r\n"));
    let requests = app.requests();
    assert_eq!(requests[0].one("authorization"), None);
    assert_eq!(requests[0].one("cookie"), Some("a=1"));
    assert_eq!(requests[1].one("authorization"), Some("Basic eDp5"));
    assert_eq!(requests[2].one("authorization"), Some("Bearer x.y.z"));
}

fn sources(gate: &mut Gate) {
    gate.token.sources.push(TokenSource::Cookie {
        name: "id_token".to_owned(),
        allow_cross_site: false,
    });
    gate.token.sources.push(TokenSource::Query {
        name: "access_token".to_owned(),
    });
    gate.token.sources.push(TokenSource::Header {
        name: http::HeaderName::from_static("x-amzn-oidc-data"),
        scheme: None,
    });
}

#[test]
fn tokens_come_from_every_source_and_are_taken_out() {
    let app = App::plain();
    let mut with_sources = gate(app.address, None);
    sources(&mut with_sources);
    let gate = Running::start(with_sources);
    let token = tokens::good("");
    assert_eq!(
        gate.send(get(
            "/",
            &format!("Cookie: a=1; id_token={token}; b=\"2\"\r\n")
        ))
        .status,
        200
    );
    assert_eq!(
        gate.send(get(&format!("/p?a=%20&access_token={token}&b"), ""))
            .status,
        200
    );
    assert_eq!(
        gate.send(get("/", &format!("X-Amzn-Oidc-Data: {token}\r\n")))
            .status,
        200
    );
    let both = get(&format!("/?access_token={token}"), &bearer());
    gate.send(both).is(400, "ambiguous_token");
    let requests = app.requests();
    assert_eq!(requests[0].one("cookie"), Some("a=1; b=\"2\""));
    assert_eq!(requests[1].line(), "GET /p?a=%20&b HTTP/1.1");
    assert_eq!(requests.len(), 3);
    for request in requests {
        assert!(!request.head.contains(&token), "{}", request.head);
        assert_eq!(request.one("x-auth-subject"), Some("alice"));
    }
}

#[test]
fn with_forward_only_the_verified_token_goes_on() {
    let app = App::plain();
    let mut forwarding = gate(app.address, None);
    sources(&mut forwarding);
    forwarding.token.forward = true;
    let gate = Running::start(forwarding);
    let token = tokens::good("");
    gate.send(get("/?access_token=", &bearer()));
    gate.send(get(
        "/",
        &format!("Cookie: a=1; id_token={token}\r\nAuthorization: Basic eDp5\r\n"),
    ));
    gate.send(get("/", &format!("X-Amzn-Oidc-Data: {token}\r\n")));
    let requests = app.requests();
    assert_eq!(requests[0].line(), "GET / HTTP/1.1");
    assert_eq!(
        requests[0].one("authorization"),
        Some(&*format!("Bearer {token}"))
    );
    assert_eq!(
        requests[1].one("cookie"),
        Some(&*format!("a=1; id_token={token}"))
    );
    assert_eq!(requests[1].one("authorization"), Some("Basic eDp5"));
    assert_eq!(requests[2].one("x-amzn-oidc-data"), Some(&*token));
}

#[test]
fn a_cookie_from_another_site_does_not_write() {
    let app = App::plain();
    let mut with_cookie = gate(app.address, None);
    sources(&mut with_cookie);
    let gate = Running::start(with_cookie);
    let cookie = format!("Cookie: id_token={}\r\n", tokens::good(""));
    let post = |lines: &str| {
        format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n{cookie}{lines}\r\n")
    };
    gate.send(post("Sec-Fetch-Site: cross-site\r\n"))
        .is(403, "cross_site");
    gate.send(post("Origin: https://evil.example\r\n"))
        .is(403, "cross_site");
    assert_eq!(
        gate.send(post("Sec-Fetch-Site: same-origin\r\nOrigin: https://a\r\n"))
            .status,
        200
    );
    let with_header = format!(
        "POST / HTTP/1.1\r\nHost: a\r\nSec-Fetch-Site: cross-site\r\n{}Content-Length: 0\r\n\r\n",
        bearer()
    );
    assert_eq!(
        gate.send(with_header).status,
        200,
        "a header is not sent by another site's page"
    );
    assert_eq!(app.requests().len(), 2);
}

#[test]
fn b12_h14_each_request_of_a_connection_is_judged_alone() {
    let app = App::plain();
    let gate = Running::before(&app);
    let mut client = gate.connect();
    client.write(get("/app", &bearer()));
    assert_eq!(client.answer().status, 200);
    client.write(get("/app", ""));
    client.answer().is(401, "missing_token");
    let other = tokens::good(r#""sub":"bob""#);
    client.write(get("/app", &format!("Authorization: Bearer {other}\r\n")));
    assert_eq!(client.answer().status, 200);
    client.write(get("/app", &bearer()) + &get("/app", ""));
    assert_eq!(client.answer().status, 200);
    client.answer().is(401, "missing_token");
    let subjects: Vec<_> = app
        .requests()
        .iter()
        .map(|r| r.one("x-auth-subject").unwrap().to_owned())
        .collect();
    assert_eq!(subjects, ["alice", "bob", "alice"]);
    assert_eq!(
        app.connections(),
        1,
        "the application's connection is kept too"
    );
    gate.wait_count("claimgate_token_cache_hits_total 1");
    gate.wait_count("claimgate_token_cache_entries 2");
}

#[test]
fn c03_rules_are_asked_for_cached_tokens_too() {
    let app = App::plain();
    let mut admin = route("/admin", Access::Required);
    let any_of = Condition::AnyOf(vec![crate::jose::json::parse(b"\"admin\"").unwrap()]);
    admin.require = vec![Rule {
        claim: vec!["roles".to_owned()],
        condition: any_of,
    }];
    let gate = Running::start(gate(
        app.address,
        Some(vec![admin, route("/*", Access::Required)]),
    ));
    assert_eq!(gate.send(get("/", &bearer())).status, 200);
    let answer = gate.send(get("/admin", &bearer()));
    answer.is(403, "rule_not_met");
    assert!(
        answer
            .header("www-authenticate")
            .unwrap()
            .contains("insufficient_scope")
    );
    assert_eq!(app.requests().len(), 1);
}

#[test]
fn h03_h05_repeated_and_hop_by_hop_headers() {
    let app = App::plain();
    let gate = Running::before(&app);
    let lines = format!(
        "{}X-Auth-Subject: a\r\nX-Auth-Subject: b\r\nConnection: X-Hop, keep-alive\r\nX-Hop: 1\r\nKeep-Alive: 5\r\nTE: trailers\r\nProxy-Connection: close\r\nX-Kept: 1\r\nX-Kept: 2\r\n",
        bearer()
    );
    assert_eq!(gate.send(get("/", &lines)).status, 200);
    let request = app.only();
    assert_eq!(request.one("x-auth-subject"), Some("alice"));
    for gone in [
        "x-hop",
        "keep-alive",
        "te",
        "proxy-connection",
        "connection",
    ] {
        assert_eq!(request.all(gone), Vec::<&str>::new(), "{gone}");
    }
    assert_eq!(request.all("x-kept"), ["1", "2"]);
    for nominated in [
        "authorization",
        "host",
        "content-length",
        "transfer-encoding",
        "x-auth-roles",
    ] {
        gate.send(get(
            "/",
            &format!("{}Connection: {nominated}\r\n", bearer()),
        ))
        .is(400, "bad_request");
    }
}

#[test]
fn h12_forwarded_headers_come_from_the_connection_or_a_trusted_proxy() {
    let app = App::plain();
    let sent = format!(
        "{}X-Forwarded-For: 1.2.3.4\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: evil\r\nForwarded: for=1.2.3.4\r\nX-Real-IP: 1.2.3.4\r\nX-SSL-Client-Verify: SUCCESS\r\n",
        bearer()
    );
    let strict = Running::before(&app);
    strict.send(get("/", &sent));
    let mut trusting = gate(app.address, None);
    trusting.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
    Running::start(trusting).send(get("/", &sent));
    let requests = app.requests();
    assert_eq!(requests[0].one("x-forwarded-for"), Some("127.0.0.1"));
    assert_eq!(requests[0].one("x-forwarded-proto"), Some("http"));
    assert_eq!(requests[0].one("x-forwarded-host"), Some("a"));
    assert_eq!(requests[0].one("forwarded"), None);
    assert_eq!(
        requests[1].one("x-forwarded-for"),
        Some("1.2.3.4, 127.0.0.1")
    );
    assert_eq!(requests[1].one("x-forwarded-proto"), Some("https"));
    assert_eq!(requests[1].one("x-forwarded-host"), Some("evil"));
    assert_eq!(
        requests[1].one("forwarded"),
        Some("for=1.2.3.4, for=127.0.0.1")
    );
    for request in requests {
        assert_eq!(request.one("x-real-ip"), None);
        assert_eq!(request.one("x-ssl-client-verify"), None);
    }
}

#[test]
fn the_host_is_kept_or_replaced_and_http_1_0_may_lack_it() {
    let app = App::plain();
    let mut replacing = gate(app.address, None);
    replacing.upstream.host = HostHeader::Upstream;
    let replaced = Running::start(replacing);
    replaced.send(get("/", &bearer()));
    let kept = Running::before(&app);
    let mut old = kept.connect();
    old.write(format!("GET / HTTP/1.0\r\n{}\r\n", bearer()));
    let answer = old.answer();
    assert_eq!(answer.status, 200);
    assert_eq!(old.rest(), b"");
    kept.send(format!(
        "GET http://A/x HTTP/1.1\r\nHost: a\r\n{}\r\n",
        bearer()
    ));
    let requests = app.requests();
    assert_eq!(requests[0].one("host"), Some(&*app.address.to_string()));
    assert_eq!(requests[0].one("x-forwarded-host"), Some("a"));
    assert_eq!(requests[1].one("host"), Some(&*app.address.to_string()));
    assert_eq!(requests[1].line(), "GET / HTTP/1.1");
    assert_eq!(requests[2].line(), "GET /x HTTP/1.1");
}

#[test]
fn the_target_is_forwarded_byte_for_byte() {
    let app = App::plain();
    let gate = Running::before(&app);
    let targets = [
        "/a/../b//c;x=%2F%2e%zz?q=a+b%20&&=c?d/../",
        "/?",
        "/%C3%A9/~!$&'()*,:@",
        "/a{b}\"?{x}|^`\\",
    ];
    for target in targets {
        assert_eq!(gate.send(get(target, &bearer())).status, 200, "{target}");
    }
    let lines: Vec<_> = app.requests().iter().map(|r| r.line().to_owned()).collect();
    let wanted = targets.map(|target| format!("GET {target} HTTP/1.1"));
    assert_eq!(lines, wanted);
}

#[test]
fn unusable_claims_refuse_each_request_that_would_tell_them_after_the_rules() {
    let app = App::plain();
    let mut admin = route("/admin", Access::Required);
    admin.require = vec![Rule {
        claim: vec!["roles".to_owned()],
        condition: Condition::AnyOf(vec![crate::jose::json::parse(b"\"admin\"").unwrap()]),
    }];
    let routes = vec![admin, route("/open", PUBLIC), route("/*", Access::Required)];
    let gate = Running::start(gate(app.address, Some(routes)));
    let token = tokens::good(r#""sub":"a\r\nX-Role: admin""#);
    let bearer = format!("Authorization: Bearer {token}\r\n");
    // Verified now, and then remembered.
    for _ in 0..2 {
        gate.send(get("/admin", &bearer)).is(403, "rule_not_met");
        gate.send(get("/", &bearer)).is(403, "claims_unusable");
    }
    assert_eq!(app.connections(), 0, "h07: nothing upstream");
    assert_eq!(gate.send(get("/open", &bearer)).status, 200);
    gate.wait_count("claimgate_token_cache_hits_total 3");
}

#[test]
fn a_remembered_token_tells_the_application_the_same_in_every_request() {
    let app = App::plain();
    let gate = Running::before(&app);
    let token = tokens::good(r#""name":"José","groups":["a,b","c"],"scope":"read write""#);
    let bearer = format!("Authorization: Bearer {token}\r\n");
    for _ in 0..3 {
        assert_eq!(gate.send(get("/", &bearer)).status, 200);
    }
    // Another one in between is another identity.
    let other = tokens::good(r#""sub":"bob""#);
    let other = format!("Authorization: Bearer {other}\r\n");
    assert_eq!(gate.send(get("/", &other)).status, 200);
    assert_eq!(gate.send(get("/", &bearer)).status, 200);
    gate.wait_count("claimgate_token_cache_hits_total 3");
    let requests = app.requests();
    let told = |number: usize| {
        let request: &Recorded = &requests[number];
        let names = ["subject", "issuer", "name", "groups", "scope"];
        names.map(|name| request.one(&format!("x-auth-{name}")))
    };
    let alice = ["alice", "main", "Jos%C3%A9", "a%2Cb,c", "read write"].map(Some);
    for number in [0, 1, 2, 4] {
        assert_eq!(told(number), alice, "request {number}");
    }
    assert_eq!(told(3), [Some("bob"), Some("main"), None, None, None]);
}
