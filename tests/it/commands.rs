//! The commands and their exit codes.

use serde_json::{Value, json};

use crate::harness::{
    Application, Gate, Issuer, Key, claimgate, claims, configuration, eventually,
};

fn file_with(text: &str) -> String {
    let file = std::path::PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!(
        "command-{}-{:x}.yaml",
        std::process::id(),
        text.len() * 31 + text.bytes().map(usize::from).sum::<usize>()
    ));
    std::fs::write(&file, text).unwrap();
    file.to_str().unwrap().to_owned()
}

fn code(arguments: &[&str]) -> i32 {
    claimgate(arguments).status.code().unwrap()
}

#[test]
fn exit_codes_are_those_of_the_documentation() {
    assert_eq!(code(&[]), 64);
    assert_eq!(code(&["fly"]), 64);
    assert_eq!(code(&["check", "--no-such-flag"]), 64);
    assert_eq!(code(&["--version"]), 0);
    assert_eq!(code(&["--help"]), 0);
    assert_eq!(code(&["schema"]), 0);
    assert_eq!(
        code(&["check", "--config", "/nonexistent/claimgate.yaml"]),
        78
    );
    assert_eq!(
        code(&["run", "--config", "/nonexistent/claimgate.yaml"]),
        78
    );
    assert_eq!(
        code(&["explain", "--config", "/nonexistent/claimgate.yaml", "x"]),
        78
    );
    assert_eq!(code(&["healthcheck", "--admin", "127.0.0.1:1"]), 1);
}

#[test]
fn check_lists_every_problem_as_json() {
    let file = file_with(
        "upstrem: http://127.0.0.1:3000\nissuers:\n  - {provider: cognito, user_pool_id: nonsense, client_ids: []}\nlog: {level: loud}\n",
    );
    let output = claimgate(&["check", "--json", "--config", &file]);
    assert_eq!(output.status.code(), Some(78));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let problems = report["problems"].as_array().unwrap();
    assert!(problems.len() >= 4, "{report:#}");
    for problem in problems {
        for member in [
            "file", "line", "column", "path", "message", "hint", "severity",
        ] {
            assert!(problem.get(member).is_some(), "{member}: {problem}");
        }
    }
    assert!(
        problems.iter().any(|problem| problem["line"] == 1
            && problem["hint"]
                .as_str()
                .unwrap_or_default()
                .contains("upstream")),
        "{report:#}"
    );
}

#[test]
fn explain_judges_as_the_gate_would() {
    let (issuer, application) = (Issuer::start(), Application::start());
    let routes = "routes:\n  - {name: admin, path: /admin/*, require: [{claim: roles, any_of: [admin]}]}\n  - {path: /*}\n";
    let file = file_with(&configuration(&issuer, &application, routes));
    let explain = |arguments: &[&str]| -> (i32, Value) {
        let output = claimgate(&[&["explain", "--json", "--config", &file], arguments].concat());
        (
            output.status.code().unwrap(),
            serde_json::from_slice(&output.stdout)
                .unwrap_or_else(|error| panic!("{error}: {output:?}")),
        )
    };
    let good = issuer.token(json!({"roles": ["user"], "name": "Zoë"}));
    let (status, verdict) = explain(&[&good]);
    assert_eq!(status, 0);
    assert_eq!(
        (
            &verdict["decision"],
            &verdict["status"],
            &verdict["reason"],
            &verdict["issuer"]
        ),
        (&json!("allow"), &json!(200), &Value::Null, &json!("test"))
    );
    assert!(
        verdict["headers"]
            .as_array()
            .unwrap()
            .contains(&json!(["X-Auth-Name", "Zo%C3%AB"])),
        "{verdict:#}"
    );
    assert!(
        verdict["checks"]
            .as_array()
            .unwrap()
            .iter()
            .all(|check| check["outcome"] != "fail"),
        "{verdict:#}"
    );
    assert!(
        !verdict
            .to_string()
            .contains(good.rsplit('.').next().unwrap()),
        "no signature is printed"
    );

    let exp = claims("", json!({}))["exp"].as_i64().unwrap();
    let (status, verdict) = explain(&["--at", &(exp + 3600).to_string(), &good]);
    assert_eq!(
        (status, &verdict["reason"], &verdict["status"]),
        (1, &json!("token_expired"), &json!(401))
    );
    assert!(
        verdict["checks"]
            .as_array()
            .unwrap()
            .iter()
            .any(|check| check["outcome"] == "fail")
    );
    let (status, verdict) = explain(&["--path", "/admin/x", &good]);
    assert_eq!(
        (
            status,
            &verdict["decision"],
            &verdict["reason"],
            &verdict["route"]
        ),
        (1, &json!("forbid"), &json!("rule_not_met"), &json!("admin"))
    );
    let (status, verdict) = explain(&[
        "--path",
        "/x",
        "--method",
        "POST",
        "--header",
        &format!("Authorization: Bearer {good}"),
    ]);
    assert_eq!((status, &verdict["decision"]), (0, &json!("allow")));
    let (status, verdict) = explain(&["--offline", &good]);
    assert_eq!(
        (status, &verdict["decision"], &verdict["reason"]),
        (1, &json!("unavailable"), &json!("keys_unavailable"))
    );
    assert!(
        verdict["detail"].as_str().unwrap().contains("`--offline`"),
        "{verdict:#}"
    );
    let (status, verdict) = explain(&[&Key::new("other").token(&claims(&issuer.url, json!({})))]);
    assert_eq!((status, &verdict["reason"]), (1, &json!("unknown_key")));
}

#[test]
fn check_online_points_at_the_issuer_and_leaves_files_unread_when_asked() {
    let file = file_with(
        "upstream: http://127.0.0.1:3000\nissuers:\n  - {name: file, provider: oidc, issuer: a, audiences: [a], keys: {jwks_file: /nonexistent}}\n  - {name: gone, provider: oidc, issuer: 'http://127.0.0.1:1', audiences: [a]}\n",
    );
    let output = claimgate(&[
        "check",
        "--online",
        "--no-files",
        "--json",
        "--config",
        &file,
    ]);
    assert_eq!(output.status.code(), Some(78));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let problems = report["problems"].as_array().unwrap();
    assert_eq!(problems.len(), 1, "{report:#}");
    assert_eq!(
        (&problems[0]["line"], &problems[0]["path"]),
        (&json!(4), &json!("issuers[1].keys"))
    );
}

#[test]
fn healthcheck_asks_readyz() {
    let (issuer, application) = (Issuer::start(), Application::start());
    let gate = Gate::start(&configuration(&issuer, &application, ""));
    assert_eq!(
        code(&["healthcheck", "--config", gate.file.to_str().unwrap()]),
        0
    );
    assert_eq!(
        code(&[
            "healthcheck",
            "--admin",
            &format!("127.0.0.1:{}", gate.admin)
        ]),
        0
    );
}

#[test]
fn sigterm_ends_with_0_and_a_taken_port_with_1() {
    let (issuer, application) = (Issuer::start(), Application::start());
    let mut gate = Gate::start(&configuration(&issuer, &application, ""));
    assert_eq!(
        code(&["run", "--config", gate.file.to_str().unwrap()]),
        1,
        "the port is taken"
    );
    assert!(
        std::process::Command::new("kill")
            .args(["-TERM", &gate.pid().to_string()])
            .status()
            .unwrap()
            .success()
    );
    eventually("the end", || (!gate.is_alive()).then_some(()));
}

#[test]
fn metrics_are_there_from_the_start() {
    let (issuer, application) = (Issuer::start(), Application::start());
    let gate = Gate::start(&configuration(&issuer, &application, ""));
    let text = gate.admin("/metrics").1;
    for family in [
        "claimgate_requests_total",
        "claimgate_request_duration_seconds",
        "claimgate_verify_duration_seconds",
        "claimgate_upstream_requests_total",
        "claimgate_upstream_request_duration_seconds",
        "claimgate_requests_in_flight",
        "claimgate_connections",
        "claimgate_tunnels",
        "claimgate_headers_stripped_total",
        "claimgate_token_cache_hits_total",
        "claimgate_token_cache_misses_total",
        "claimgate_token_cache_evictions_total",
        "claimgate_token_cache_entries",
        "claimgate_key_fetches_total",
        "claimgate_keys",
        "claimgate_keys_last_success_timestamp_seconds",
        "claimgate_key_refreshes_suppressed_total",
        "claimgate_keys_max_stale_seconds",
        "claimgate_keys_from_snapshot",
        "claimgate_keys_snapshot_writes_total",
        "claimgate_config_last_reload_successful",
        "claimgate_config_last_reload_success_timestamp_seconds",
        "claimgate_build_info",
        "process_resident_memory_bytes",
    ] {
        assert!(text.contains(&format!("# TYPE {family} ")), "{family}");
    }
    for reason in [
        "missing_token",
        "token_expired",
        "bad_signature",
        "upstream_timeout",
    ] {
        for issuer in ["test", "none"] {
            assert!(
                text.lines()
                    .any(|line| line.starts_with("claimgate_requests_total{")
                        && line.contains(&format!("reason=\"{reason}\""))
                        && line.contains(&format!("issuer=\"{issuer}\""))
                        && line.ends_with(" 0")),
                "{reason} {issuer}"
            );
        }
    }
}
