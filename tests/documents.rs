//! Tables of `docs/` that the code knows better: generated, and compared. `CLAIMGATE_BLESS=1 cargo test --test documents` writes them anew.

#![expect(clippy::panic, reason = "a test says what must be")]

use std::fmt::Write as _;
use std::path::Path;

use claimgate::jose::algorithm::AlgorithmSet;
use claimgate::verify::rejection::{AlgorithmLimit, BindingProblem, KeyProblem};
use claimgate::verify::{Place, Reason, Rejection};

#[test]
fn the_page_of_reasons_says_what_the_code_does() {
    let mut page = String::from(
        "# Reasons\n\nEvery refusal, and every failure of the application, has one of these reasons: in the answer (`reason`), in the access log (`auth.reason`), \
         and in `claimgate_requests_total{reason}`. The log's `detail` and `claimgate explain` say what was found; this page says where to look first.\n\n\
         | reason | status | decision | log message | look at |\n| --- | --- | --- | --- | --- |\n",
    );
    for reason in Reason::ALL {
        let (status, decision) = outcome(reason);
        writeln!(
            page,
            "| `{}` | {status} | {decision} | {} | {} |",
            reason.name(),
            reason.message(),
            advice(reason)
        )
        .unwrap();
    }
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/reasons.md");
    if std::env::var_os("CLAIMGATE_BLESS").is_some() {
        std::fs::write(&file, &page).unwrap();
    }
    assert_eq!(
        std::fs::read_to_string(&file).unwrap_or_default(),
        page,
        "CLAIMGATE_BLESS=1 cargo test --test documents"
    );
}

/// Status and decision, asked of a refusal with this reason.
fn outcome(reason: Reason) -> (String, &'static str) {
    match refusals().iter().find(|refusal| refusal.reason() == reason) {
        Some(refusal) if reason == Reason::BadRequest => (
            "400, 405, 408, 411, 414, 417, 431, 501".to_owned(),
            refusal.decision().name(),
        ),
        Some(refusal) => (refusal.status().to_string(), refusal.decision().name()),
        None => match reason {
            Reason::UpstreamUnreachable | Reason::UpstreamReset => ("502".to_owned(), "allow"),
            Reason::UpstreamTimeout => ("504".to_owned(), "allow"),
            other => panic!("no refusal has the reason {other:?}"),
        },
    }
}

fn refusals() -> Vec<Rejection> {
    let text = String::new;
    vec![
        Rejection::MissingToken,
        Rejection::AmbiguousToken { what: text() },
        Rejection::MalformedToken { what: text() },
        Rejection::TokenTooLarge { bytes: 2, limit: 1 },
        Rejection::EncryptedToken,
        Rejection::DecryptionFailed { why: text() },
        Rejection::UnknownIssuer {
            iss: text(),
            similar: None,
        },
        Rejection::AlgorithmNotAllowed {
            alg: text(),
            limit: AlgorithmLimit::Issuer(AlgorithmSet::default()),
        },
        Rejection::UnknownKey {
            kid: None,
            why: KeyProblem::NotHeld,
        },
        Rejection::BadSignature { kid: None },
        Rejection::TokenExpired { expired: 0, now: 1 },
        Rejection::TokenNotYetValid {
            not_before: 1,
            now: 0,
        },
        Rejection::IssuedInFuture { issued: 1, now: 0 },
        Rejection::TokenTooOld {
            issued: 0,
            max_age: 0,
            now: 1,
        },
        Rejection::AudienceMismatch {
            found: text(),
            expected: text(),
        },
        Rejection::TokenTypeNotAllowed {
            found: text(),
            expected: text(),
        },
        Rejection::UnsupportedCriticalHeader { member: "crit" },
        Rejection::ClaimMissing { claim: text() },
        Rejection::ClaimMismatch {
            claim: text(),
            expected: text(),
        },
        Rejection::TenantNotAllowed { tenant: text() },
        Rejection::BindingMismatch {
            claim: "",
            place: Place::Cookie { name: text() },
            why: BindingProblem::Differs,
        },
        Rejection::GroupsOverage,
        Rejection::KeysUnavailable { retry_after: 1 },
        Rejection::ClaimsUnusable {
            header: text(),
            why: text(),
        },
        Rejection::RuleNotMet { rule: text() },
        Rejection::NoRoute { methods: vec![] },
        Rejection::CrossSite { why: "" },
        Rejection::BadRequest {
            status: 400,
            why: text(),
        },
    ]
}

/// Where an operator looks first. Exhaustive: a new reason does not compile without advice.
fn advice(reason: Reason) -> &'static str {
    match reason {
        Reason::MissingToken => {
            "does the client send `Authorization: Bearer ...`, or is its token in a cookie or parameter that `token.sources` does not name? Should the path be `access: public`?"
        }
        Reason::AmbiguousToken => {
            "two `Authorization` lines, or a token in two sources; often a proxy in front adds its own"
        }
        Reason::MalformedToken => {
            "`claimgate explain TOKEN`: usually a token cut off by a copy, padded base64, or an opaque token that is no JWT (ask the provider for a JWT: an audience is often what is missing)"
        }
        Reason::TokenTooLarge => "`token.max_bytes`; many groups make Entra's tokens large",
        Reason::EncryptedToken => {
            "the provider encrypts its tokens (JWE), and no issuer has `decryption`: give the issuer the private key, or turn encryption off for this client"
        }
        Reason::DecryptionFailed => {
            "`claimgate explain` says what failed: an algorithm outside `decryption.algorithms`, a key that is not held, a changed token, or bare claims inside. The client is never told which"
        }
        Reason::UnknownIssuer => {
            "`claimgate explain` shows the token's `iss`; it is compared byte for byte, a slash at the end counts"
        }
        Reason::AlgorithmNotAllowed => {
            "`algorithms` of the issuer, and what the provider signs with; `none` is never allowed"
        }
        Reason::UnknownKey => {
            "`/issuers` lists the keys. A token of another environment, or a rotation that the issuer did not announce: the gate fetches once per `refetch_interval`"
        }
        Reason::BadSignature => {
            "a changed token, or keys of another environment (`keys:`). A flood of them is somebody trying"
        }
        Reason::TokenExpired => {
            "the client uses its token too long; if all clients fail, the clock of this machine"
        }
        Reason::TokenNotYetValid => "the clocks of this machine and of the issuer; `leeway`",
        Reason::IssuedInFuture => "the clocks of this machine and of the issuer; `leeway`",
        Reason::TokenTooOld => "`max_age` of the issuer",
        Reason::AudienceMismatch => {
            "`claimgate explain` shows whom the token is for; `audiences` of the issuer (Cognito: `client_ids`; Keycloak, where `aud` needs a mapper: `clients`)"
        }
        Reason::TokenTypeNotAllowed => {
            "an access token where an ID token is wanted, or the reverse: `token_use` (Cognito), `token_types`; or a token that the provider makes for itself (Keycloak's refresh tokens, access tokens of Okta's org server, Cloudflare's session)"
        }
        Reason::UnsupportedCriticalHeader => {
            "the token needs an extension (`crit`, `b64`) that the gate does not know; refused by RFC 7515 §4.1.11"
        }
        Reason::ClaimMissing => {
            "the log's `detail` names the claim: `required_claims`, or what the provider's preset needs"
        }
        Reason::ClaimMismatch => {
            "the log's `detail` names the claim: `required_claims`, a setting of the provider's own (`organization`, `hosted_domains`, `repositories`, ...), or its rule"
        }
        Reason::TenantNotAllowed => "`allowed_tenants`",
        Reason::BindingMismatch => {
            "the log's `detail` names the claim and its counterpart: does the client send the header, cookie or parameter of `bindings`, once, from the same log-in as the token?"
        }
        Reason::GroupsOverage => {
            "Entra left the groups out because there are too many: assign groups to the application, or use application roles"
        }
        Reason::KeysUnavailable => {
            "`/issuers`: the last error of the fetch. DNS, network policy, TLS roots (`ca_file`), proxy"
        }
        Reason::ClaimsUnusable => {
            "the log's `detail` names the header: a control character, an empty element, or more than `identity.max_bytes`"
        }
        Reason::RuleNotMet => {
            "`require` of the route, and the claim's name in the token: `claimgate explain --path PATH TOKEN`"
        }
        Reason::NoRoute => {
            "no entry of `routes` has this path and method; add one, `/*` at the end if the rest needs a token"
        }
        Reason::CrossSite => {
            "another site made a browser send the cookie: `cross_site: allow` on the source if that is wanted"
        }
        Reason::BadRequest => {
            "the log's `detail`; an ambiguous path (`strict_paths`), a bad `Host`, a `Connection` header that names an identity header, or a request over a limit"
        }
        Reason::UpstreamUnreachable => "the application does not listen on `upstream`",
        Reason::UpstreamReset => {
            "the application closed the connection before it answered; its own log"
        }
        Reason::UpstreamTimeout => "the application took longer than `upstream.response_timeout`",
    }
}
