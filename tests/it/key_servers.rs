//! Providers whose keys are somewhere unusual, through the running gate: a load balancer's one by one, certificates by kid, an API server
//! that wants to know who asks, a SPIFFE bundle.

use serde_json::{Value, json};

use crate::harness::{
    Answer, Application, Gate, Key, KeyServer, claimgate, claims, request, scratch,
};

const KID: &str = "a0b1c2d3-0000-4def-8123-456789abcdef";
const ARN: &str =
    "arn:aws:elasticloadbalancing:eu-west-1:123456789012:loadbalancer/app/my-alb/50dc6c495c0c9188";
const USERS: &str = "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbCdEfGhI";

fn header(key: &Key) -> Value {
    json!({"typ": "JWT", "kid": key.kid, "alg": "ES256", "iss": USERS, "client": "1example", "signer": ARN})
}

/// What the load balancer says of a user.
fn data(key: &Key, more: Value) -> String {
    let mut more = more;
    more["aud"] = Value::Null;
    key.padded_token(&header(key), &claims(USERS, more))
}

fn behind_a_load_balancer(application: &Application, keys: &KeyServer) -> String {
    format!(
        "upstream: http://127.0.0.1:{}\nissuers:\n  - name: users\n    provider: alb\n    issuer: {USERS}\n    signer: {ARN}\n    client_ids: [1example]\n    keys: {{pem_url: '{}/{{kid}}'}}\ntoken: {{sources: [{{header: X-Amzn-Oidc-Data}}]}}\n",
        application.port, keys.url
    )
}

fn ask(gate: &Gate, data: &str) -> Answer {
    request(
        gate.port,
        "GET /",
        None,
        &format!("X-Amzn-Oidc-Data: {data}\r\n"),
    )
}

#[test]
fn a_load_balancers_users_come_in_and_their_key_is_fetched_when_it_is_named() {
    let (application, keys) = (Application::start(), KeyServer::start());
    let key = Key::new(KID);
    keys.put(&format!("/{KID}"), key.pem());
    let gate = Gate::start(&behind_a_load_balancer(&application, &keys));
    assert!(keys.heads().is_empty(), "ready before a token names a key");
    for subject in ["jane", "jules", "joe"] {
        let answer = ask(
            &gate,
            &data(
                &key,
                json!({"sub": subject, "email": "a@example.com", "email_verified": "true"}),
            ),
        );
        assert_eq!(
            answer.status,
            200,
            "{}",
            String::from_utf8_lossy(&answer.body)
        );
    }
    assert_eq!(keys.heads().len(), 1);
    let seen = application.requests();
    assert_eq!(seen[0].header("x-auth-subject"), ["jane"]);
    assert_eq!(seen[0].header("x-auth-issuer"), ["users"]);
    assert_eq!(seen[0].header("x-auth-email"), ["a@example.com"]);
    assert!(seen[0].header("x-amzn-oidc-data").is_empty());
    let shown: Value = serde_json::from_str(&gate.admin("/issuers").1).unwrap();
    let source = &shown["issuers"][0]["sources"][0];
    assert_eq!(source["kind"], "pem_url");
    assert_eq!(source["required_for_ready"], false);
    assert_eq!(shown["issuers"][0]["keys"][0]["kid"], KID);
}

#[test]
fn k05_made_up_kids_cost_a_load_balancers_key_host_four_fetches_and_the_held_key_nothing() {
    let (application, keys) = (Application::start(), KeyServer::start());
    let key = Key::new(KID);
    keys.put(&format!("/{KID}"), key.pem());
    let gate = Gate::start(&behind_a_load_balancer(&application, &keys));
    let good = data(&key, json!({}));
    assert_eq!(ask(&gate, &good).status, 200);
    for number in 0..100 {
        let stranger = Key::new(&format!("00000000-0000-4000-8000-{number:012x}"));
        let answer = ask(&gate, &data(&stranger, json!({})));
        assert_eq!(
            (answer.status, answer.reason().as_str()),
            (401, "unknown_key")
        );
    }
    assert!(keys.heads().len() <= 4, "{}", keys.heads().len());
    assert_eq!(ask(&gate, &good).status, 200);
    assert!(gate.metric("claimgate_key_fetches_total", "result=\"no_such_key\"") >= 1.0);
    assert!(gate.metric("claimgate_key_refreshes_suppressed_total", "users") >= 90.0);
    for kid in ["../../x", "A0B1C2D3-0000-4DEF-8123-456789ABCDEF", "k1"] {
        let stranger = Key::new(kid);
        assert_eq!(
            ask(&gate, &data(&stranger, json!({}))).reason(),
            "unknown_key"
        );
    }
    let asked = keys.heads();
    let path = |head: &String| head.split(' ').nth(1).unwrap().to_owned();
    assert!(
        asked.iter().map(path).all(|path| path.len() == 37),
        "{asked:?}"
    );
}

#[test]
fn k12_a_key_host_that_is_down_is_a_503_and_not_the_users_fault() {
    let (application, keys) = (Application::start(), KeyServer::start());
    let key = Key::new(KID);
    keys.fail(Some(500));
    let gate = Gate::start(&behind_a_load_balancer(&application, &keys));
    let answer = ask(&gate, &data(&key, json!({})));
    assert_eq!(
        (answer.status, answer.reason().as_str()),
        (503, "keys_unavailable")
    );
    let seconds: u64 = answer.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=8).contains(&seconds), "{seconds}");
    assert!(application.requests().is_empty());
}

#[test]
fn j17_padding_is_for_the_load_balancers_users_alone() {
    let (application, keys) = (Application::start(), KeyServer::start());
    let key = Key::new(KID);
    keys.put(&format!("/{KID}"), key.pem());
    keys.put("/jwks", json!({"keys": [key.jwk()]}).to_string());
    let configuration = behind_a_load_balancer(&application, &keys).replace(
        "token:",
        &format!("  - name: others\n    provider: oidc\n    issuer: https://others.example\n    audiences: [api]\n    keys: {{jwks_url: '{}/jwks'}}\ntoken:", keys.url),
    );
    let gate = Gate::start(&configuration);
    let others = claims("https://others.example", json!({}));
    let strict = key.token_with(&key.header(), &others);
    assert_eq!(ask(&gate, &strict).status, 200);
    let padded = key.padded_token(&key.header(), &others);
    assert!(padded.contains('='));
    assert_eq!(ask(&gate, &padded).reason(), "malformed_token");
    assert_eq!(ask(&gate, &data(&key, json!({}))).status, 200);
}

#[test]
fn explain_fetches_the_key_that_a_token_names() {
    let (application, keys) = (Application::start(), KeyServer::start());
    let key = Key::new(KID);
    keys.put(&format!("/{KID}"), key.pem());
    let file = scratch("yaml");
    std::fs::write(&file, behind_a_load_balancer(&application, &keys)).unwrap();
    let file = file.to_str().unwrap();
    let token = data(&key, json!({}));
    let explained = |more: &[&str]| {
        let output =
            claimgate(&[&["explain", "--json", "--config", file], more, &[&token]].concat());
        serde_json::from_slice::<Value>(&output.stdout).unwrap()
    };
    let allowed = explained(&[]);
    assert_eq!(allowed["decision"], "allow", "{allowed:#}");
    let offline = explained(&["--offline"]);
    assert_eq!(offline["reason"], "keys_unavailable", "{offline:#}");
    assert_eq!(keys.heads().len(), 1);
}

#[test]
fn an_api_server_that_wants_to_know_who_asks_is_shown_the_pods_token() {
    let (application, api_server) = (Application::start(), KeyServer::start());
    let key = Key::new("k1");
    let issuer = "https://kubernetes.default.svc.cluster.local";
    api_server.only_for("Bearer pod.token.one");
    api_server.put("/openid/v1/jwks", json!({"keys": [key.jwk()]}).to_string());
    let token_file = scratch("token");
    std::fs::write(&token_file, "pod.token.one").unwrap();
    let gate = Gate::start(&format!(
        "upstream: http://127.0.0.1:{}\nissuers:\n  - name: workloads\n    provider: kubernetes\n    issuer: {issuer}\n    audiences: [billing]\n    namespaces: [payments]\n    keys: {{jwks_url: '{}/openid/v1/jwks', token_file: '{}', refetch_interval: 1s}}\nidentity: {{headers: {{X-Namespace: {{claim: [kubernetes.io, namespace]}}, X-Pod: {{claim: [kubernetes.io, pod, name]}}}}}}\n",
        application.port,
        api_server.url,
        token_file.display(),
    ));
    let of = |namespace: &str| {
        let bound = json!({"namespace": namespace, "pod": {"name": "worker-0"}, "serviceaccount": {"name": "worker"}});
        key.token(&claims(issuer, json!({
            "aud": ["billing"], "sub": format!("system:serviceaccount:{namespace}:worker"), "kubernetes.io": bound,
        })))
    };
    let answer = request(gate.port, "GET /", Some(&of("payments")), "");
    assert_eq!(
        answer.status,
        200,
        "{}",
        String::from_utf8_lossy(&answer.body)
    );
    let seen = application.only();
    assert_eq!(seen.header("x-namespace"), ["payments"]);
    assert_eq!(seen.header("x-pod"), ["worker-0"]);
    let refused = request(gate.port, "GET /", Some(&of("other")), "");
    assert_eq!(refused.reason(), "claim_mismatch");
    let forever = claims(
        issuer,
        json!({"aud": ["billing"], "sub": "system:serviceaccount:payments:worker", "exp": null}),
    );
    let refused = request(gate.port, "GET /", Some(&key.token(&forever)), "");
    assert_eq!(refused.reason(), "claim_missing");
    // Rotated, as the kubelet does it: the next fetch shows the new one.
    let next = Key::new("k2");
    api_server.only_for("Bearer pod.token.two");
    api_server.put("/openid/v1/jwks", json!({"keys": [next.jwk()]}).to_string());
    std::fs::write(&token_file, "pod.token.two").unwrap();
    let token = next.token(&claims(
        issuer,
        json!({"aud": ["billing"], "sub": "system:serviceaccount:payments:worker"}),
    ));
    assert_eq!(request(gate.port, "GET /", Some(&token), "").status, 200);
    for text in [
        gate.log(),
        gate.admin("/issuers").1,
        gate.admin("/metrics").1,
    ] {
        assert!(!text.contains("pod.token"), "{text}");
    }
}

#[test]
fn a_bundles_workloads_come_in_without_an_issuer_in_their_tokens() {
    let (application, spire) = (Application::start(), KeyServer::start());
    let key = Key::new("k1");
    let mut member = key.jwk();
    member["use"] = json!("jwt-svid");
    let authority = json!({"kty": "EC", "crv": "P-256", "use": "x509-svid", "x5c": ["MIIB"], "x": member["x"], "y": member["y"]});
    spire.put(
        "/",
        json!({"spiffe_sequence": 1, "keys": [authority, member]}).to_string(),
    );
    let gate = Gate::start(&format!(
        "upstream: http://127.0.0.1:{}\nissuers:\n  - name: mesh\n    provider: spiffe\n    trust_domain: prod.example.com\n    audiences: [billing]\n    spiffe_ids: ['spiffe://prod.example.com/ns/payments/*']\n    keys: {{jwks_url: '{}'}}\n",
        application.port, spire.url
    ));
    let svid = |sub: &str| {
        key.token(&claims(
            "",
            json!({"iss": null, "iat": null, "aud": ["billing"], "sub": sub}),
        ))
    };
    let worker = "spiffe://prod.example.com/ns/payments/sa/worker";
    let answer = request(gate.port, "GET /", Some(&svid(worker)), "");
    assert_eq!(
        answer.status,
        200,
        "{}",
        String::from_utf8_lossy(&answer.body)
    );
    assert_eq!(application.only().header("x-auth-subject"), [worker]);
    for (sub, reason) in [
        (
            "spiffe://prod.example.com/ns/orders/sa/api",
            "claim_mismatch",
        ),
        (
            "spiffe://other.example.com/ns/payments/sa/worker",
            "unknown_issuer",
        ),
    ] {
        assert_eq!(
            request(gate.port, "GET /", Some(&svid(sub)), "").reason(),
            reason
        );
    }
    let shown: Value = serde_json::from_str(&gate.admin("/issuers").1).unwrap();
    assert_eq!(
        shown["issuers"][0]["skipped"][0]["reason"],
        "not_for_signatures"
    );
}

#[test]
fn certificates_by_kid_verify_tokens_and_rotate() {
    let (application, google) = (Application::start(), KeyServer::start());
    let (one, two) = (Key::new("key-one"), Key::new("key-two"));
    google.put("/certs", json!({"key-one": one.pem()}).to_string());
    let gate = Gate::start(&format!(
        "upstream: http://127.0.0.1:{}\nissuers:\n  - name: users\n    provider: firebase\n    project: my-app\n    algorithms: [ES256]\n    keys: {{certificates_url: '{}/certs', refetch_interval: 1s}}\n",
        application.port, google.url
    ));
    let token = |key: &Key, more: Value| {
        let mut all = json!({"aud": "my-app"});
        all.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        key.token(&claims("https://securetoken.google.com/my-app", all))
    };
    let status = |token: &str| request(gate.port, "GET /", Some(token), "").status;
    assert_eq!(status(&token(&one, json!({}))), 200);
    google.put("/certs", json!({"key-two": two.pem()}).to_string());
    assert_eq!(status(&token(&two, json!({}))), 200);
    assert_eq!(
        status(&token(&one, json!({}))),
        401,
        "its certificate left the document"
    );
    let custom = two.token(&claims(
        "firebase-adminsdk@my-app.iam.gserviceaccount.com",
        json!({"aud": "https://identitytoolkit.googleapis.com/google.identity.identitytoolkit.v1.IdentityToolkit"}),
    ));
    let refused = request(gate.port, "GET /", Some(&custom), "");
    assert_eq!(refused.reason(), "token_type_not_allowed");
}
