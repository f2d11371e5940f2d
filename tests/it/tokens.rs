//! Hostile tokens through the whole gate: 401 with the right reason, and not a byte at the application (threats J1 to J29).

use serde_json::{Value, json};

use crate::harness::{
    Application, Gate, Issuer, Key, claims, configuration, encode, request, send,
};

struct House {
    issuer: Issuer,
    application: Application,
    gate: Gate,
}

fn house() -> House {
    let (issuer, application) = (Issuer::start(), Application::start());
    let gate = Gate::start(&configuration(&issuer, &application, ""));
    House {
        issuer,
        application,
        gate,
    }
}

impl House {
    fn reason_of(&self, token: &str) -> String {
        let answer = request(self.gate.port, "GET /", Some(token), "");
        assert_eq!(answer.status, 401, "{}", answer.head);
        assert!(
            answer
                .header("www-authenticate")
                .unwrap()
                .contains("error=\"invalid_token\""),
            "{}",
            answer.head
        );
        assert!(
            self.application.requests().is_empty(),
            "a refused request reached the application"
        );
        answer.reason()
    }

    /// A token that only differs from a good one by this header.
    fn with_header(&self, more: Value) -> String {
        let mut header = self.issuer.key.header();
        for (name, value) in more.as_object().unwrap() {
            header[name] = value.clone();
        }
        self.issuer
            .key
            .token_with(&header, &claims(&self.issuer.url, json!({})))
    }

    fn with_claims(&self, more: Value) -> String {
        self.issuer.token(more)
    }
}

#[test]
fn a_good_token_passes_and_its_identity_arrives() {
    let house = house();
    let answer = request(
        house.gate.port,
        "GET /a/b?c=d",
        Some(&house.issuer.token(json!({"groups": ["x", "y"]}))),
        "",
    );
    assert_eq!(
        (answer.status, answer.body.as_slice()),
        (200, b"ok\n".as_slice())
    );
    let seen = house.application.only();
    assert_eq!(seen.line(), "GET /a/b?c=d HTTP/1.1");
    assert_eq!(seen.header("x-auth-subject"), ["alice"]);
    assert_eq!(seen.header("x-auth-issuer"), ["test"]);
    assert_eq!(seen.header("x-auth-groups"), ["x,y"]);
    assert_eq!(seen.header("host"), ["gate.test"]);
    assert!(seen.header("authorization").is_empty());
}

#[test]
fn j01_none_in_every_spelling_is_refused() {
    let house = house();
    for name in ["none", "None", "NONE", "nOnE", "noNE"] {
        let input = format!(
            "{}.{}",
            encode(json!({"alg": name, "typ": "JWT"}).to_string().as_bytes()),
            encode(claims(&house.issuer.url, json!({})).to_string().as_bytes())
        );
        for signature in ["", "AAAA"] {
            let reason = house.reason_of(&format!("{input}.{signature}"));
            assert!(
                ["algorithm_not_allowed", "malformed_token"].contains(&reason.as_str()),
                "{name}: {reason}"
            );
        }
        house.reason_of(&input);
    }
}

#[test]
fn j02_the_public_key_is_no_hmac_secret() {
    let house = house();
    let jwk = house.issuer.key.jwk().to_string();
    for (algorithm, hash) in [
        ("HS256", aws_lc_rs::hmac::HMAC_SHA256),
        ("HS384", aws_lc_rs::hmac::HMAC_SHA384),
        ("HS512", aws_lc_rs::hmac::HMAC_SHA512),
    ] {
        let input = format!(
            "{}.{}",
            encode(
                json!({"alg": algorithm, "kid": "key-1"})
                    .to_string()
                    .as_bytes()
            ),
            encode(claims(&house.issuer.url, json!({})).to_string().as_bytes())
        );
        let key = aws_lc_rs::hmac::Key::new(hash, jwk.as_bytes());
        let tag = aws_lc_rs::hmac::sign(&key, input.as_bytes());
        assert_eq!(
            house.reason_of(&format!("{input}.{}", encode(tag.as_ref()))),
            "algorithm_not_allowed"
        );
    }
}

#[test]
fn j04_keys_from_the_token_are_never_used_nor_fetched() {
    let house = house();
    let own = Key::new("mine");
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    for more in [
        json!({"jwk": own.jwk()}),
        json!({"jku": url}),
        json!({"x5u": url}),
        json!({"x5c": ["AAAA"]}),
    ] {
        let mut header = own.header();
        header
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        assert_eq!(
            house.reason_of(&own.token_with(&header, &claims(&house.issuer.url, json!({})))),
            "unknown_key"
        );
    }
    assert!(
        listener.accept().is_err(),
        "somebody connected to the address in the token"
    );
}

#[test]
fn j05_j08_j09_j13_headers_that_are_refused_although_the_signature_holds() {
    let house = house();
    for (more, reason) in [
        (
            json!({"crit": ["x"], "x": 1}),
            "unsupported_critical_header",
        ),
        (json!({"crit": []}), "unsupported_critical_header"),
        (json!({"crit": null}), "unsupported_critical_header"),
        (json!({"b64": false}), "unsupported_critical_header"),
        (json!({"b64": true}), "unsupported_critical_header"),
        (json!({"kid": 7}), "malformed_token"),
        (json!({"kid": ["key-1"]}), "malformed_token"),
        (json!({"kid": "k".repeat(300)}), "malformed_token"),
        (json!({"kid": "../../../dev/null"}), "unknown_key"),
        (json!({"kid": "a\r\nb"}), "unknown_key"),
        (json!({"typ": "logout+jwt"}), "token_type_not_allowed"),
        (json!({"typ": "dpop+jwt"}), "token_type_not_allowed"),
        (json!({"alg": "ES384"}), "algorithm_not_allowed"),
        (json!({"alg": "RS256"}), "algorithm_not_allowed"),
    ] {
        assert_eq!(
            house.reason_of(&house.with_header(more.clone())),
            reason,
            "{more}"
        );
    }
    let answer = request(
        house.gate.port,
        "GET /",
        Some(&house.with_header(json!({"typ": "application/AT+jwt"}))),
        "",
    );
    assert_eq!(answer.status, 200);
}

#[test]
fn j07_every_flipped_byte_of_the_signature_is_noticed() {
    let house = house();
    let good = house.issuer.token(json!({}));
    let start = good.rfind('.').unwrap() + 1;
    for position in (start..good.len()).step_by(7) {
        let mut bytes = good.clone().into_bytes();
        bytes[position] = if bytes[position] == b'A' { b'B' } else { b'A' };
        let reason = house.reason_of(&String::from_utf8(bytes).unwrap());
        assert!(
            ["bad_signature", "malformed_token"].contains(&reason.as_str()),
            "{position}: {reason}"
        );
    }
}

#[test]
fn j10_five_parts_are_refused_before_anything_is_decoded() {
    assert_eq!(house().reason_of("a.b.c.d.e"), "encrypted_token");
}

#[test]
fn j17_j18_j19_j20_text_that_two_readers_read_differently_is_malformed() {
    let house = house();
    let good = house.issuer.token(json!({}));
    let parts: Vec<&str> = good.split('.').collect();
    let url = &house.issuer.url;
    let exp = claims(url, json!({}))["exp"].clone();
    let payload = |text: String| {
        house.issuer.key.sign(
            house.issuer.key.header().to_string().as_bytes(),
            text.as_bytes(),
        )
    };
    for token in [
        format!("{}=.{}.{}", parts[0], parts[1], parts[2]),
        format!("{}.{}=.{}", parts[0], parts[1], parts[2]),
        format!("{}.{}.{}=", parts[0], parts[1], parts[2]),
        payload(format!(
            r#"{{"iss":"{url}","aud":"api","exp":{exp},"role":"user","role":"admin"}}"#
        )),
        payload(format!(
            r#"{{"iss":"{url}","aud":"api","exp":{exp},"sub":"a","s\u0075b":"b"}}"#
        )),
        payload(format!(
            r#"{{"iss":"{url}","aud":"api","exp":{exp},"a":{{"b":1,"b":2}}}}"#
        )),
        payload(format!(r#"[{exp},0,"alice","{url}","api"]"#)),
        payload(format!(
            "\u{feff}{{\"iss\":\"{url}\",\"aud\":\"api\",\"exp\":{exp}}}"
        )),
        payload(format!(
            r#"{{"iss":"{url}","aud":"api","exp":{exp},"sub":"\ud800"}}"#
        )),
        payload(format!(
            r#"{{"iss":"{url}","aud":"api","exp":{exp},"a":{}}}"#,
            "[".repeat(4000)
        )),
        payload("null".to_owned()),
        payload(String::new()),
    ] {
        assert_eq!(house.reason_of(&token), "malformed_token");
    }
}

#[test]
fn j22_size_is_looked_at_first() {
    let house = house();
    assert_eq!(house.reason_of(&".".repeat(7 * 1024)), "malformed_token");
    assert_eq!(
        house.reason_of(&"a".repeat(16 * 1024 + 1)),
        "token_too_large"
    );
    let answer = request(house.gate.port, "GET /", Some(&"a".repeat(64 * 1024)), "");
    assert_eq!(answer.status, 431, "{}", answer.head);
}

#[test]
fn j23_authorization_is_read_to_the_letter() {
    let house = house();
    let good = house.issuer.token(json!({}));
    for (lines, status, reason) in [
        (format!("Authorization: bearer {good}\r\n"), 200, ""),
        (format!("authorization: BEARER {good}\r\n"), 200, ""),
        (
            format!("Authorization: Bearer  {good}\r\n"),
            401,
            "malformed_token",
        ),
        (
            format!("Authorization: Bearer\t{good}\r\n"),
            401,
            "malformed_token",
        ),
        (
            format!("Authorization: Bearer {good}, Bearer {good}\r\n"),
            400,
            "ambiguous_token",
        ),
        (
            format!("Authorization: Bearer {good} x\r\n"),
            401,
            "malformed_token",
        ),
        (
            "Authorization: Bearer\r\n".to_owned(),
            401,
            "malformed_token",
        ),
        (
            "Authorization: Basic YTpi\r\n".to_owned(),
            401,
            "missing_token",
        ),
        (
            format!("Authorization: Bearer {good}\r\nAuthorization: Bearer {good}\r\n"),
            400,
            "ambiguous_token",
        ),
        (
            format!("Authorization: Basic YTpi\r\nAuthorization: Bearer {good}\r\n"),
            400,
            "ambiguous_token",
        ),
    ] {
        let answer = request(house.gate.port, "GET /", None, &lines);
        let shown = lines.replace(&good, "TOKEN");
        assert_eq!(answer.status, status, "{} for {shown}", answer.head);
        if status != 200 {
            assert_eq!(answer.reason(), reason, "{shown}");
        }
    }
    let form = format!("access_token={good}");
    let cookie = format!("Cookie: id_token={good}; access_token={good}\r\n");
    let body = format!(
        "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{form}",
        form.len()
    );
    let target = format!("GET /?{form}");
    for (line, headers) in [
        (target.as_str(), ""),
        ("GET /", cookie.as_str()),
        ("POST /", body.as_str()),
    ] {
        let answer = request(house.gate.port, line, None, headers);
        assert_eq!(
            (answer.status, answer.reason().as_str()),
            (401, "missing_token")
        );
    }
}

#[test]
fn j24_j25_cve_2026_25537_times_of_every_wrong_kind() {
    let house = house();
    let now = claims("", json!({}))["iat"].as_i64().unwrap();
    for (more, reason) in [
        (json!({"exp": null}), "claim_missing"),
        (json!({"exp": "9999999999"}), "malformed_token"),
        (json!({"exp": true}), "malformed_token"),
        (json!({"exp": {}}), "malformed_token"),
        (json!({"exp": -1}), "malformed_token"),
        (json!({"exp": 1e300}), "malformed_token"),
        (
            json!({"exp": 18_446_744_073_709_551_615_u64}),
            "malformed_token",
        ),
        (json!({"exp": now - 31}), "token_expired"),
        (json!({"nbf": now + 3600}), "token_not_yet_valid"),
        (json!({"nbf": "soon"}), "malformed_token"),
        (json!({"iat": now + 3600}), "issued_in_future"),
        (json!({"iat": "now"}), "malformed_token"),
    ] {
        assert_eq!(
            house.reason_of(&house.with_claims(more.clone())),
            reason,
            "{more}"
        );
    }
}

#[test]
fn j27_two_issuers_with_one_kid_never_stand_in_for_each_other() {
    let (first, second, application) = (Issuer::start(), Issuer::start(), Application::start());
    let more = format!(
        "  - {{name: second, provider: oidc, issuer: '{}', audiences: [api]}}\n",
        second.url
    );
    let gate = Gate::start(&configuration(&first, &application, &more));
    for (key, iss, status) in [
        (&first, &first, 200),
        (&second, &second, 200),
        (&first, &second, 401),
        (&second, &first, 401),
    ] {
        for _ in 0..2 {
            let answer = request(
                gate.port,
                "GET /",
                Some(&key.key.token(&claims(&iss.url, json!({})))),
                "",
            );
            assert_eq!(answer.status, status);
        }
    }
    for (iss, reason) in [
        (json!([first.url]), "malformed_token"),
        (json!(format!("{}/", first.url)), "unknown_issuer"),
        (json!(first.url.to_uppercase()), "unknown_issuer"),
        (Value::Null, "claim_missing"),
    ] {
        assert_eq!(
            request(
                gate.port,
                "GET /",
                Some(&first.token(json!({"iss": iss}))),
                ""
            )
            .reason(),
            reason
        );
    }
}

#[test]
fn j28_audiences_of_every_wrong_shape() {
    let house = house();
    for (aud, reason) in [
        (Value::Null, "audience_mismatch"),
        (json!("other"), "audience_mismatch"),
        (json!("api,other"), "audience_mismatch"),
        (json!("API"), "audience_mismatch"),
        (json!([]), "audience_mismatch"),
        (json!(["x"]), "audience_mismatch"),
        (json!(["api", 1]), "malformed_token"),
        (json!([["api"]]), "malformed_token"),
        (json!({"x": "api"}), "malformed_token"),
        (json!(7), "malformed_token"),
    ] {
        assert_eq!(
            house.reason_of(&house.with_claims(json!({"aud": aud.clone()}))),
            reason,
            "{aud}"
        );
    }
    assert_eq!(
        request(
            house.gate.port,
            "GET /",
            Some(&house.issuer.token(json!({"aud": ["x", "api"]}))),
            ""
        )
        .status,
        200
    );
}

#[test]
fn h14_each_request_of_a_connection_is_judged_alone() {
    let house = house();
    let good = house.issuer.token(json!({}));
    let two = format!(
        "GET /one HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {good}\r\n\r\nGET /two HTTP/1.1\r\nHost: a\r\n\r\n"
    );
    let answers = send(house.gate.port, two.as_bytes(), 2);
    assert_eq!(
        answers
            .iter()
            .map(|answer| answer.status)
            .collect::<Vec<_>>(),
        [200, 401]
    );
    assert_eq!(house.application.only().line(), "GET /one HTTP/1.1");
}

#[test]
fn no_token_text_is_ever_written() {
    let house = house();
    let good = house.issuer.token(json!({"sub": "a-very-private-subject"}));
    request(house.gate.port, "GET /", Some(&good), "");
    request(house.gate.port, "GET /", Some(&format!("{good}x")), "");
    request(
        house.gate.port,
        &format!("GET /?access_token={good}"),
        None,
        "",
    );
    for more in [
        json!({"aud": "a-very-private-audience"}),
        json!({"iss": "https://a-very-private-issuer/"}),
        json!({"groups": ["a-very-private-group", ""]}),
    ] {
        request(
            house.gate.port,
            "GET /",
            Some(&house.issuer.token(more)),
            "",
        );
    }
    let written = crate::harness::eventually("six access lines", || {
        Some(house.gate.log()).filter(|log| log.matches("auth.decision").count() == 6)
    });
    let metrics = house.gate.admin("/metrics").1;
    for part in good.split('.') {
        assert!(!written.contains(part) && !metrics.contains(part));
    }
    assert!(!written.contains("a-very-private"));
}
