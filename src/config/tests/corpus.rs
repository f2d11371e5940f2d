//! Mistakes, each with the line and the hint that an operator gets.

use super::*;

/// Part of a file, the line of it (from 1), a piece of the message, a piece of the hint.
const MISTAKES: &[(&str, usize, &str, &str)] = &[
    // The form of the file.
    (
        "colour: red\n",
        1,
        "unknown key `colour`",
        "known keys here: `listen`",
    ),
    (
        "Routes: []\n",
        1,
        "unknown key `Routes`",
        "did you mean `routes`?",
    ),
    (
        "log: {level: info}\nlog: {level: warn}\n",
        2,
        "duplicate key `log`",
        "on line 6",
    ),
    (
        "log: {level: info, level: warn}\n",
        1,
        "duplicate key `level`",
        "on line 6",
    ),
    ("log: info\n", 1, "expected a mapping, found `info`", ""),
    ("log: [info]\n", 1, "expected a mapping, found a list", ""),
    ("log:\n", 1, "`log` has no value", "take the key away"),
    (
        "log: &a {level: info}\n",
        1,
        "anchors",
        "write the value out",
    ),
    (
        "log: {level: ${LEVEL:-info}}\n",
        1,
        "not valid YAML",
        "must be quoted",
    ),
    // Scalars.
    ("workers: 0\n", 1, "`0` is out of bounds", "from 1 to 256"),
    (
        "workers: 257\n",
        1,
        "`257` is out of bounds",
        "from 1 to 256",
    ),
    (
        "workers: two\n",
        1,
        "expected a whole number, found `two`",
        "from 1 to 256",
    ),
    ("workers: 1.5\n", 1, "expected a whole number", "from 1"),
    ("workers: -1\n", 1, "expected a whole number", "from 1"),
    (
        "token: {forward: yes}\n",
        1,
        "expected `true` or `false`, found `yes`",
        "write `true`",
    ),
    (
        "token: {max_bytes: 65KiB}\n",
        1,
        "`65KiB` is out of bounds",
        "to 64KiB",
    ),
    (
        "token: {max_bytes: 16KB}\n",
        1,
        "`16KB` is not a size",
        "did you mean `16KiB`?",
    ),
    (
        "shutdown: {delay: 5}\n",
        1,
        "`5` is not a duration",
        "`5s`?",
    ),
    (
        "shutdown: {drain_timeout: 2h}\n",
        1,
        "out of bounds",
        "from 0s to 1h",
    ),
    (
        "log: {level: warning}\n",
        1,
        "found `warning`",
        "one of `error`, `warn`",
    ),
    (
        "log: {format: jso}\n",
        1,
        "found `jso`",
        "did you mean `json`?",
    ),
    (
        "log: {level: ''}\n",
        1,
        "the value is empty",
        "expected a level",
    ),
    (
        "log: {level: [info]}\n",
        1,
        "found a list",
        "only one value",
    ),
    // Listeners.
    (
        "listen: 8080\n",
        1,
        "`8080` is not an address",
        "did you mean `0.0.0.0:8080`?",
    ),
    (
        "listen: 0.0.0.0:9464\n",
        1,
        "both on port 9464",
        "a port of its own",
    ),
    (
        "admin: 127.0.0.1:8080\n",
        1,
        "both on port 8080",
        "a port of its own",
    ),
    (
        "listen: {address: 0.0.0.0:8080, tls: {certificate_file: x}}\n",
        1,
        "`private_key_file` is missing",
        "PEM: the certificate's private key",
    ),
    (
        "listen:\n  address: 0.0.0.0:8080\n  tls:\n    certificate_file: a\n    private_key_file: b\n    client_certificate: optional\n",
        6,
        "`client_certificate` has no effect",
        "name the file with the roots",
    ),
    (
        "listen:\n  address: 0.0.0.0:8080\n  tls: {certificate_file: a, private_key_file: b, client_ca_file: c, client_certificate: maybe}\n",
        3,
        "maybe",
        "`required`",
    ),
    (
        "listen:\n  address: 0.0.0.0:8080\n  proxy_protocol: [unix]\n",
        3,
        "not a Unix socket",
        "networks of the load balancers",
    ),
    (
        "listen:\n  address: unix:/run/claimgate.sock\n  proxy_protocol: [10.0.0.0/8]\n",
        3,
        "`10.0.0.0/8` names nobody",
        "write `[unix]`",
    ),
    (
        "listen:\n  address: 0.0.0.0:8080\n  proxy_protocol: []\n",
        3,
        "`listen.proxy_protocol` is empty",
        "at least one",
    ),
    (
        "listen:\n  address: 0.0.0.0:8080\n  proxy_protocol: [10.0.0.1/8]\n",
        3,
        "bits beyond its prefix",
        "did you mean `10.0.0.0/8`?",
    ),
    (
        "listen:\n  address: 0.0.0.0:8080\n  max_connections: 0\n",
        3,
        "0",
        "1",
    ),
    (
        "listen: unix:run/claimgate.sock\n",
        1,
        "cannot be listened on",
        "absolute path",
    ),
    (
        "listen: unix:///run/claimgate.sock\n",
        1,
        "cannot be listened on",
        "absolute path",
    ),
    (
        "listen: {adress: 0.0.0.0:8080}\n",
        1,
        "unknown key `adress`",
        "did you mean `address`?",
    ),
    (
        "trusted_proxies: 10.0.0.0/8\n",
        1,
        "expected a list, found `10.0.0.0/8`",
        "`[10.0.0.0/8]`",
    ),
    (
        "trusted_proxies: [10.0.0.1/8]\n",
        1,
        "bits beyond its prefix",
        "`10.0.0.0/8`",
    ),
    (
        "trusted_proxies: [load-balancer]\n",
        1,
        "is not a network",
        "CIDR",
    ),
    // Token sources.
    (
        "token: {sources: []}\n",
        1,
        "`token.sources` is empty",
        "at least one",
    ),
    (
        "token: {sources: [{scheme: Bearer}]}\n",
        1,
        "one of `header`, `cookie`, `query`, `subprotocol` is needed",
        "",
    ),
    (
        "token: {sources: [{header: Authorization}]}\n",
        1,
        "has a scheme",
        "`scheme: Bearer`",
    ),
    (
        "token: {sources: [{cookie: a, header: A}]}\n",
        1,
        "`header` cannot stand beside `cookie`",
        "leave one of them out",
    ),
    (
        "token: {sources: [{cookie: a, scheme: Bearer}]}\n",
        1,
        "`scheme` is not a key of `cookie`",
        "belongs to `header`",
    ),
    (
        "token: {sources: [{cookie: a}, {cookie: a}]}\n",
        1,
        "listed twice",
        "keep one",
    ),
    (
        "token: {sources: [{header: Host}]}\n",
        1,
        "`Host` cannot hold a token",
        "",
    ),
    (
        "token: {sources: [{header: 'a b'}]}\n",
        1,
        "`a b` is not a header name",
        "",
    ),
    (
        "token: {sources: [{query: 'a&b'}]}\n",
        1,
        "not a query parameter name",
        "letters",
    ),
    // Identity.
    (
        "identity: {headers: {Host: sub}}\n",
        1,
        "cannot be written to `Host`",
        "a name of its own",
    ),
    (
        "identity: {headers: {Authorization: sub}}\n",
        1,
        "cannot be written to `Authorization`",
        "a name of its own",
    ),
    (
        "identity: {headers: {X-A: sub, x_a: name}}\n",
        1,
        "`x_a` and `X-A` are one header",
        "on line 6",
    ),
    (
        "identity:\n  headers:\n    X-A: sub\n    X-A: name\n",
        4,
        "duplicate key `X-A`",
        "on line 8",
    ),
    (
        "identity: {headers: {X-A: {claim: a, claims: all}}}\n",
        1,
        "`claims` cannot stand beside `claim`",
        "only one of",
    ),
    (
        "identity: {headers: {X-A: {format: csv}}}\n",
        1,
        "one of `claim`, `claims` is needed",
        "",
    ),
    (
        "identity: {headers: {X-A: {claims: all}}}\n",
        1,
        "all claims together",
        "format: base64url",
    ),
    (
        "identity: {headers: {X-A: {claim: a, format: json, encoding: utf8}}}\n",
        1,
        "`encoding` is for",
        "take it out",
    ),
    (
        "identity: {headers: {X-A: {claim: []}}}\n",
        1,
        "is empty",
        "at least one",
    ),
    (
        "identity: {strip: [Content-Length]}\n",
        1,
        "cannot be removed",
        "take it out",
    ),
    ("identity: {max_bytes: 0}\n", 1, "out of bounds", "from 1"),
    (
        "identity: {underscore: keep}\n",
        1,
        "unknown key `underscore`",
        "did you mean `underscores`?",
    ),
    (
        "token: {sources: [{header: X-Id}]}\nidentity: {headers: {X-Id: sub}}\n",
        2,
        "already a token source",
        "another name",
    ),
    // WebSockets.
    (
        "tunnels: {idle_timeout: 0s}\n",
        1,
        "out of bounds",
        "from 1s",
    ),
    (
        "tunnels: {token_expiry: ignore}\n",
        1,
        "expected `close` or `keep`, found `ignore`",
        "one of `close`",
    ),
    (
        "token: {sources: [{subprotocol: 'a b'}]}\n",
        1,
        "not the beginning of a subprotocol",
        "without spaces",
    ),
    (
        "token:\n  sources:\n    - {subprotocol: bearer}\n    - {subprotocol: x.Bearer}\n",
        4,
        "listed twice",
        "keep one",
    ),
    (
        "token: {sources: [{header: Sec-WebSocket-Protocol}]}\n",
        1,
        "cannot hold a token",
        "",
    ),
    // Routes.
    (
        "routes: [{path: /a, cors_preflight: allow}]\n",
        1,
        "expected `judge` or `pass`, found `allow`",
        "one of `judge`",
    ),
    ("routes: []\n", 1, "`routes` is empty", "at least one"),
    ("routes: [{name: a}]\n", 1, "`path` is missing", "`/admin`"),
    (
        "routes: [{path: admin}]\n",
        1,
        "does not start with `/`",
        "",
    ),
    ("routes: [{path: /a*}]\n", 1, "`*` in `/a*`", ""),
    ("routes: [{path: /a/../b}]\n", 1, "ambiguous", ""),
    (
        "routes: [{path: /a, methods: [get]}]\n",
        1,
        "`get` is not a method",
        "`GET`?",
    ),
    (
        "routes: [{path: /a, access: publik}]\n",
        1,
        "found `publik`",
        "did you mean `public`?",
    ),
    (
        "routes: [{path: /a, credentials: pass}]\n",
        1,
        "for public routes only",
        "access: public",
    ),
    (
        "routes: [{path: /a, access: public, require: [{claim: a, equals: 1}]}]\n",
        1,
        "`require` needs a token",
        "",
    ),
    (
        "routes: [{path: /a, require: [{claim: a}]}]\n",
        1,
        "one of `any_of`, `all_of`, `equals` is needed",
        "",
    ),
    (
        "routes: [{path: /a, require: [{claim: a, equals: 1, any_of: [2]}]}]\n",
        1,
        "cannot stand beside",
        "only one of",
    ),
    (
        "routes: [{path: /a, require: [{claim: a, equals: }]}]\n",
        1,
        "the value is empty",
        "null",
    ),
    (
        "routes: [{path: /a, require: [{claim: a, any_of: admin}]}]\n",
        1,
        "expected a list, found `admin`",
        "`[admin]`",
    ),
    (
        "strict_paths: {allow: [dot_segment]}\n",
        1,
        "found `dot_segment`",
        "one of `semicolon`",
    ),
];

#[test]
fn each_mistake_has_its_line_and_its_hint() {
    for (part, line, message, hint) in MISTAKES {
        let problems = refused(&file(part));
        let found = problems.iter().any(|problem| {
            problem.line == FIRST_LINE_OF_PART + line - 1
                && problem.column > 0
                && problem.message.contains(message)
                && problem.hint.as_deref().unwrap_or_default().contains(hint)
        });
        assert!(
            found,
            "{part}expected line {line}: {message}\n{}",
            rendered(&problems)
        );
    }
}

#[test]
fn one_mistake_is_one_problem() {
    for (part, ..) in MISTAKES {
        let problems = refused(&file(part));
        assert_eq!(problems.len(), 1, "{part}{}", rendered(&problems));
    }
}

#[test]
fn ten_mistakes_are_ten_problems_in_the_order_of_the_file() {
    let problems = refused(
        "listen: 8080
workers: many
upstream:
  url: http://127.0.0.1:3000/app
  conect_timeout: 2s
issuers:
  - provider: oidc
    issuer: https://id.example.com
    audience: [api]
    algorithms: [none]
    leeway: 10m
token:
  max_bytes: 1MiB
routes:
  - path: admin
shutdown: {delay: 10}
",
    );
    let lines: Vec<usize> = problems.iter().map(|problem| problem.line).collect();
    assert_eq!(
        lines,
        [1, 2, 4, 5, 9, 10, 11, 13, 15, 16],
        "{}",
        rendered(&problems)
    );
    for problem in &problems {
        assert!(problem.snippet.is_some());
        assert!(!problem.path.is_empty());
    }
    let hinted = problems.iter().filter(|problem| problem.hint.is_some());
    assert_eq!(hinted.count(), 10, "{}", rendered(&problems));
}

#[test]
fn broken_yaml_is_one_problem_with_its_line() {
    let problems = refused("upstream: http://a:1\nissuers: [\n");
    assert_eq!(problems.len(), 1, "{}", rendered(&problems));
    assert_eq!(problems[0].line, 2);
    assert!(problems[0].message.starts_with("not valid YAML"));
}

#[test]
fn an_empty_file_says_what_is_needed() {
    for text in ["", "# nothing\n", "---\n", "~\n"] {
        let problems = refused(text);
        assert_eq!(problems.len(), 1);
        assert_eq!(problems[0].message, "the file is empty");
    }
}

#[test]
fn a_file_that_is_no_mapping_is_refused() {
    assert_eq!(
        refused("[a]\n")[0].message,
        "expected a mapping, found a list"
    );
}

#[test]
fn files_are_bounded_and_utf8() {
    let big = Scratch::file("big", &vec![b'#'; 1024 * 1024 + 1]);
    let problems = load(big.path(), &options()).err().unwrap();
    assert!(problems[0].message.contains("larger than 1 MiB"));

    let latin1 = Scratch::file("latin1", b"upstream: http://a:1\nlog: \xe4\n");
    let problems = load(latin1.path(), &options()).err().unwrap();
    assert_eq!((problems[0].line, problems[0].column), (2, 6));
    assert_eq!(problems[0].message, "the file is not UTF-8");

    let problems = load(std::path::Path::new("/nonexistent.yaml"), &options())
        .err()
        .unwrap();
    assert_eq!(problems[0].message, "there is no such file");
    assert_eq!(problems[0].file, "/nonexistent.yaml");
}

#[test]
fn the_environment_fills_values_in() {
    let text = "upstream: http://${APP_HOST}:${APP_PORT:-3000}\nworkers: ${WORKERS:-3}\n"
        .to_owned()
        + ISSUERS;
    let config = parse(&text, "f", &with_environment(&[("APP_HOST", "app")]))
        .ok()
        .unwrap();
    assert_eq!(config.upstream.authority.as_str(), "app:3000");
    assert_eq!(config.workers.unwrap().get(), 3);
}

#[test]
fn an_unset_or_empty_variable_is_a_problem_where_it_stands() {
    let problems = refused(&format!("upstream: ${{APP}}\n{ISSUERS}"));
    assert_eq!((problems[0].line, problems[0].column), (1, 11));
    assert_eq!(
        problems[0].message,
        "the environment variable `APP` is not set"
    );
    assert_eq!(problems.len(), 1);

    let problems = refused_with(
        &format!("upstream: ${{APP}}\n{ISSUERS}"),
        &with_environment(&[("APP", "")]),
    );
    assert_eq!(problems[0].message, "the value is empty");
}

#[test]
fn a_variable_cannot_add_keys_and_its_value_is_never_shown() {
    let problems = refused_with(
        &file("log: {level: '${LEVEL}'}\nlisten: ${LEVEL}\nadmin: '${LEVEL}:1'\n"),
        &with_environment(&[("LEVEL", "hunter2, access: off")]),
    );
    assert_eq!(problems.len(), 3, "{}", rendered(&problems));
    assert!(
        !rendered(&problems).contains("hunter2"),
        "{}",
        rendered(&problems)
    );
    assert!(rendered(&problems).contains("${LEVEL}"));
}

#[test]
fn a_mistaken_secret_in_the_file_is_not_repeated() {
    let problems = refused(&file("client_secret: hunter2\npassword: hunter2\n"));
    assert_eq!(problems.len(), 2);
    assert!(!rendered(&problems).contains("hunter2"));
    assert!(!to_json(&problems).to_string().contains("hunter2"));
}

#[test]
fn warnings_do_not_refuse() {
    for (part, line, message) in [
        ("trusted_proxies: [0.0.0.0/0]\n", 6, "trusts every client"),
        (
            "routes:\n  - {path: /*}\n  - {path: /a}\n",
            8,
            "no request can reach",
        ),
        (
            "routes:\n  - {path: /*, access: public, cors_preflight: pass}\n",
            7,
            "changes nothing here",
        ),
        (
            "routes:\n  - {path: /*, access: optional, cors_preflight: pass}\n",
            7,
            "changes nothing here",
        ),
        (
            "routes:\n  - {path: /a/*, methods: [GET], cors_preflight: pass}\n  - {path: /a/*, methods: [OPTIONS]}\n",
            7,
            "no preflight passes by this entry",
        ),
    ] {
        let config = accepted(&file(part));
        assert_eq!(config.warnings.len(), 1, "{}", rendered(&config.warnings));
        assert_eq!(config.warnings[0].line, line);
        assert_eq!(config.warnings[0].severity, Severity::Warning);
        assert!(config.warnings[0].message.contains(message));
    }
    assert_eq!(accepted(&file("")).warnings, []);
}

#[test]
fn snapshots_without_anything_to_remember_are_told_of() {
    let with = |keys: &str| {
        accepted(&format!(
            "keys_snapshot_dir: /var/lib/claimgate\nupstream: http://127.0.0.1:3000\nissuers:\n  - {{provider: oidc, issuer: 'https://id.example', audiences: [a], {keys}}}\n"
        ))
        .warnings
    };
    assert_eq!(with(""), []);
    assert_eq!(with("keys: {jwks_url: 'https://id.example/jwks'}"), []);
    let warnings = with(
        "keys: {jwks: {keys: [{kty: OKP, crv: Ed25519, x: 11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo}]}}",
    );
    let useless: Vec<_> = warnings
        .iter()
        .filter(|warning| warning.path == "keys_snapshot_dir")
        .collect();
    assert_eq!(useless.len(), 1, "{}", rendered(&warnings));
    assert!(useless[0].message.contains("has no effect"));
    refused(&file("keys_snapshot_dir: ''\n"));
    refused(&file("keys_snapshot_dir: [a]\n"));
}

#[test]
fn a_snapshot_directory_that_cannot_be_used_is_told_of_beside_the_mistakes() {
    let text = "keys_snapshot_dir: /nowhere/to/be/found\nupstream: 127.0.0.1\nissuers: [{provider: google, audiences: [a]}]\n";
    let trying = LoadOptions {
        try_snapshots: true,
        ..options()
    };
    let problems = refused_with(text, &trying);
    let told = &problems[0];
    assert_eq!((told.line, told.severity), (1, Severity::Warning));
    assert!(told.message.contains("/nowhere/to/be/found"));
    assert!(told.hint.as_ref().unwrap().contains("mount a volume"));
    assert!(told.snippet.is_some());
    // `--no-files`, and the gate itself, whose log says it.
    assert_ne!(refused(text)[0].path, "keys_snapshot_dir");
}

#[test]
fn an_upstream_that_is_the_gate_itself_is_refused() {
    for upstream in [
        "http://127.0.0.1:8080",
        "http://localhost:9464",
        "http://[::1]:8080",
    ] {
        let problems = refused(&format!("upstream: {upstream}\n{ISSUERS}"));
        assert!(problems[0].message.contains("the gate's own"), "{upstream}");
    }
    assert_eq!(
        accepted(&format!("upstream: http://10.1.2.3:8080\n{ISSUERS}"))
            .upstream
            .authority,
        "10.1.2.3:8080"
    );
}

#[test]
fn what_is_written_is_what_is_taken() {
    let config = accepted(&file(
        "identity: {headers: {X-A: 1.0, X-B: 0123, X-C: true}}
routes:
  - {path: /1.0, name: 123, require: [{claim: 1.0, any_of: [1, '1', true, null, 1.50]}]}
",
    ));
    let rules = config.identity.headers.unwrap();
    let claims: Vec<_> = rules
        .iter()
        .map(|rule| match &rule.source {
            crate::identity::mapping::ClaimSource::Claim(path) => path[0].clone(),
            crate::identity::mapping::ClaimSource::AllClaims => panic!(),
        })
        .collect();
    assert_eq!(claims, ["1.0", "0123", "true"]);
    let routes = config.routes.unwrap();
    assert_eq!(routes[0].name.as_deref(), Some("123"));
    assert_eq!(routes[0].require[0].claim, ["1.0"]);
    let crate::policy::Condition::AnyOf(values) = &routes[0].require[0].condition else {
        panic!()
    };
    let kinds: Vec<_> = values.iter().map(Json::type_name).collect();
    assert_eq!(kinds, ["number", "string", "boolean", "null", "number"]);
}

/// Providers write what they do not like into their messages: in any place, at any length.
#[test]
fn a_value_of_the_environment_is_not_shown_by_a_provider_either() {
    let long = format!("hunter2-{}", "x".repeat(100));
    let odd = "hunter2\u{1b}[31m";
    for value in [&long, "hunter2", odd] {
        for entry in [
            "{provider: entra, tenant: '${V}', audiences: [a]}",
            "{provider: entra, tenant: common, allowed_tenants: ['${V}'], audiences: [a]}",
            "{provider: cognito, user_pool_id: '${V}', client_ids: [a]}",
            "{provider: auth0, domain: ['${V}/', a.example], audiences: [a]}",
            "{provider: wso2, url: '${V}', audiences: [a]}",
            "{provider: wso2, url: 'https://a', tenant: '${V}/', audiences: [a]}",
            "{provider: oidc, issuer: '${V}', audiences: [a]}",
            "{provider: oidc, issuer: a, audiences: [a], keys: {jwks_url: '${V}'}}",
        ] {
            let text = format!("upstream: http://a:1\nissuers:\n- {entry}\n");
            let shown = rendered(&refused_with(&text, &with_environment(&[("V", value)])));
            assert!(!shown.contains("hunter2"), "{shown}");
        }
    }
}

#[test]
fn no_message_steers_a_terminal() {
    let text = "upstream: http://a:1\nissuers:\n- {provider: entra, tenant: \"\\e[2Jx\\\n\", audiences: [a]}\n";
    for problem in refused(text) {
        assert!(!problem.message.contains(|c: char| c.is_control()));
        assert!(problem.message.len() < 4_000);
    }
}
