//! One request through the gate's own rooms, in the gate's order, with every step told.

use std::sync::Arc;

use http::{HeaderMap, Method};

use super::steps::{ACCESS, IDENTITY, REQUEST, ROUTE, Step, Steps, TOKEN};
use crate::clock::Moment;
use crate::identity::HeaderLines;
use crate::keys::{KeyLookup, SourceId};
use crate::policy::{Access, Route};
use crate::proxy::{Gate, TokenSettings, TokenSource, bound, cross_site, preflight, source};
use crate::verify::{Decision, Outcome, Presented, Reason, Rejection, VerifiedToken};

/// What is asked.
pub(super) struct Question {
    pub method: Method,
    /// Path and query; none: no route is judged.
    pub target: Option<String>,
    pub headers: HeaderMap,
    /// Given by itself, besides the headers.
    pub token: Option<String>,
    pub now: Moment,
}

/// What the gate would do.
pub(super) struct Judgement {
    pub decision: Decision,
    pub status: u16,
    pub reason: Option<Reason>,
    /// What is wrong and what to do; none when nothing is.
    pub detail: Option<String>,
    pub issuer: Option<Arc<str>>,
    pub route: Option<Arc<str>>,
    pub steps: Vec<Step>,
    /// The key that the token names is not held: its source, and its kid.
    pub wants: Option<(SourceId, Box<str>)>,
    /// As spelt on the wire.
    pub headers: Vec<(String, String)>,
}

pub(super) fn judge(gate: &Gate, question: &Question, keys: &dyn KeyLookup) -> Judgement {
    let mut walk = Walk {
        gate,
        question,
        keys,
        steps: Steps::new(),
        route: None,
        issuer: None,
        wants: None,
    };
    let passed = walk.walk();
    let mut judgement = Judgement {
        decision: Decision::Public,
        status: 200,
        reason: None,
        detail: None,
        issuer: walk.issuer,
        route: walk.route,
        steps: walk.steps.list().to_vec(),
        wants: walk.wants,
        headers: Vec::new(),
    };
    match passed {
        Ok(None) => {}
        Ok(Some(lines)) => {
            judgement.decision = Decision::Allow;
            judgement.headers = spelt(&lines, &gate.mapping.names());
        }
        Err(rejection) => {
            judgement.decision = rejection.decision();
            judgement.status = rejection.status();
            judgement.reason = Some(rejection.reason());
            judgement.detail = Some(rejection.operator_detail());
        }
    }
    judgement
}

struct Walk<'w> {
    gate: &'w Gate,
    question: &'w Question,
    keys: &'w dyn KeyLookup,
    steps: Steps,
    route: Option<Arc<str>>,
    issuer: Option<Arc<str>>,
    wants: Option<(SourceId, Box<str>)>,
}

impl<'w> Walk<'w> {
    /// The lines of a verified identity; none when the request goes through without one.
    fn walk(&mut self) -> Result<Option<HeaderLines>, Rejection> {
        if let Some(route) = self.find_preflight() {
            return self.let_preflight_through(route).map(|()| None);
        }
        let route = self.find_route()?;
        self.clean_headers()?;
        let public = matches!(route.map(Route::access), Some(Access::Public { .. }));
        let token = if public {
            self.steps.skip(TOKEN, "the route is public");
            None
        } else {
            self.find_token()?
        };
        let verified = match token {
            Some(token) => Some(self.verify(&token)?),
            None => {
                self.steps.skip_token_checks(if public {
                    "the route is public"
                } else {
                    "there is no token"
                });
                None
            }
        };
        self.admit(route, verified.as_deref())?;
        match verified {
            Some(token) => self.identify(&token).map(Some),
            None => {
                self.steps.skip(IDENTITY, "no identity is known");
                Ok(None)
            }
        }
    }

    /// As the gate finds it, without knowing whether there is a body.
    fn find_preflight(&self) -> Option<&'w Route> {
        let Question {
            method,
            headers,
            target,
            token,
            ..
        } = self.question;
        let path = target.as_deref()?;
        let path = path.split_once('?').map_or(path, |(path, _)| path);
        let wanted = preflight::method_asked_for(method, headers, false)?;
        let route = self.gate.routes.find_preflight(path, &wanted)?;
        let found = source::find(&self.gate.token, headers, self.query());
        (token.is_none() && found == Ok(None)).then_some(route)
    }

    fn let_preflight_through(&mut self, route: &Route) -> Result<(), Rejection> {
        let name = route.name();
        self.route = Some(Arc::clone(name));
        let why = "a CORS preflight carries none";
        self.steps
            .pass(ROUTE, format!("`{name}` lets CORS preflights through"));
        self.clean_headers()?;
        self.steps.skip(TOKEN, why);
        self.steps.skip_token_checks(why);
        match route.admit_preflight() {
            Ok(_) => self
                .steps
                .pass(ACCESS, format!("route `{name}` lets it through")),
            Err(rejection) => return Err(self.refuse(ACCESS, rejection)),
        }
        self.steps.skip(IDENTITY, "no identity is known");
        Ok(())
    }

    fn find_route(&mut self) -> Result<Option<&'w Route>, Rejection> {
        let Some(target) = self.question.target.as_deref() else {
            self.steps.skip(ROUTE, "no `--path` was given");
            return Ok(None);
        };
        let path = target.split_once('?').map_or(target, |(path, _)| path);
        match self.gate.routes.find(&self.question.method, path) {
            Ok(route) => {
                self.steps
                    .pass(ROUTE, format!("`{}` ({})", route.name(), access(route)));
                self.route = Some(Arc::clone(route.name()));
                Ok(Some(route))
            }
            Err(rejection) => Err(self.refuse(ROUTE, rejection)),
        }
    }

    fn find_token(&mut self) -> Result<Option<String>, Rejection> {
        let settings = &self.gate.token;
        let found = source::find(settings, &self.question.headers, self.query())
            .map_err(|rejection| self.refuse(TOKEN, rejection))?;
        match (self.question.token.clone(), found) {
            (Some(_), Some(_)) => {
                let twice = Rejection::AmbiguousToken {
                    what: "a token as argument and one in the request".to_owned(),
                };
                Err(self.refuse(TOKEN, twice))
            }
            (Some(token), None) => {
                self.steps.pass(TOKEN, "given as argument");
                Ok(Some(token))
            }
            (None, Some(found)) => {
                let Question {
                    method, headers, ..
                } = self.question;
                cross_site::check(settings, &found, method, headers)
                    .map_err(|rejection| self.refuse(TOKEN, rejection))?;
                let number = found.source + 1;
                self.steps
                    .pass(TOKEN, format!("found in entry {number} of `token.sources`"));
                Ok(Some(found.token.as_str().to_owned()))
            }
            (None, None) => {
                self.steps
                    .skip(TOKEN, without_token(settings, &self.question.headers));
                Ok(None)
            }
        }
    }

    fn query(&self) -> Option<&'w str> {
        let (_, query) = self.question.target.as_deref()?.split_once('?')?;
        Some(query)
    }

    fn clean_headers(&mut self) -> Result<(), Rejection> {
        let mut headers = self.question.headers.clone();
        match self.gate.managed.clean(&mut headers) {
            Ok(0) => self.steps.pass(REQUEST, "no header is removed"),
            Ok(1) => self.steps.pass(REQUEST, "1 header line is removed"),
            Ok(lines) => self
                .steps
                .pass(REQUEST, format!("{lines} header lines are removed")),
            Err(rejection) => return Err(self.refuse(REQUEST, rejection)),
        }
        Ok(())
    }

    fn verify(&mut self, token: &str) -> Result<Arc<VerifiedToken>, Rejection> {
        let verifier = &self.gate.verifier;
        let request = bound::collect(verifier.places(), &self.question.headers, self.query());
        let presented = Presented {
            token: token.as_bytes(),
            request: &request,
        };
        let outcome = verifier.verify(presented, self.question.now, self.keys, &mut self.steps);
        // Key documents were fetched a moment ago: only a key with an address of its own is still to be asked for.
        if let Outcome::NeedsKeys { source, seen, .. } = &outcome {
            self.wants = seen.kid.clone().map(|kid| (*source, kid));
        }
        let (judged, seen) = outcome.settled(|source| self.gate.keys.retry_after(source));
        match &judged {
            Ok(verified) => self.issuer = Some(Arc::clone(verified.issuer())),
            Err(rejection) => {
                self.issuer = seen.issuer;
                self.steps
                    .fail_next_token_check(rejection.operator_detail());
            }
        }
        judged
    }

    fn admit(
        &mut self,
        route: Option<&Route>,
        token: Option<&VerifiedToken>,
    ) -> Result<(), Rejection> {
        let Some(route) = route else {
            self.steps.skip(ACCESS, "no `--path` was given");
            // Without a route a token is what is judged.
            return match token {
                Some(_) => Ok(()),
                None => Err(self.refuse(TOKEN, Rejection::MissingToken)),
            };
        };
        match route.admit(token) {
            Ok(_) => {
                self.steps
                    .pass(ACCESS, format!("route `{}` lets it through", route.name()));
                Ok(())
            }
            Err(rejection) => Err(self.refuse(ACCESS, rejection)),
        }
    }

    fn identify(&mut self, token: &VerifiedToken) -> Result<HeaderLines, Rejection> {
        match self.gate.mapping.lines(token) {
            Ok(lines) => {
                let number = lines.iter().count();
                self.steps
                    .pass(IDENTITY, format!("{number} headers for the application"));
                Ok(lines.into_owned())
            }
            Err(rejection) => Err(self.refuse(IDENTITY, rejection)),
        }
    }

    fn refuse(&mut self, step: &str, rejection: Rejection) -> Rejection {
        self.steps.fail(step, rejection.operator_detail());
        rejection
    }
}

fn access(route: &Route) -> &'static str {
    match route.access() {
        Access::Public { .. } => "public",
        Access::Optional => "a token may be missing",
        Access::Required => "needs a token",
    }
}

/// Names as the configuration spells them; bytes that are not UTF-8 are shown as such.
fn spelt(lines: &HeaderLines, spellings: &[String]) -> Vec<(String, String)> {
    lines
        .iter()
        .map(|(name, value)| {
            let spelling = spellings
                .iter()
                .find(|spelling| spelling.eq_ignore_ascii_case(name.as_str()));
            let name = spelling.map_or(name.as_str(), String::as_str);
            let value = String::from_utf8_lossy(value.as_bytes());
            (name.to_owned(), value.into_owned())
        })
        .collect()
}

/// A token among the subprotocols of something else than a handshake is easily taken for one that counts.
fn without_token(settings: &TokenSettings, headers: &HeaderMap) -> &'static str {
    let in_subprotocols = settings
        .sources
        .iter()
        .any(|source| matches!(source, TokenSource::Subprotocol { .. }))
        && headers.contains_key(http::header::SEC_WEBSOCKET_PROTOCOL);
    match in_subprotocols {
        true => {
            "the request carries none; `subprotocol` counts on a WebSocket handshake only (`Connection: Upgrade`, `Upgrade: websocket`)"
        }
        false => "the request carries none",
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::steps::StepOutcome;
    use super::*;
    use crate::app::assemble;
    use crate::clock::{SystemClock, UnixTime};
    use crate::config::{self, LoadOptions};
    use crate::jose::algorithm::Algorithm;
    use crate::keys::{DecryptionId, DecryptionKeySet, KeySet, SourceId};
    use crate::verify::testing::{NOW, Signer, claims, claims_without, es256, mint};

    const ROUTES: &str = r"
routes:
  - {name: health, path: /healthz, access: public}
  - {name: assets, path: /assets/*, access: optional}
  - {name: admin, path: /admin/*, require: [{claim: roles, any_of: [admin]}]}
  - {name: all, path: /*}
";

    fn gate(more: &str) -> Gate {
        let key = es256().jwk("\"kid\":\"k1\"");
        let text = format!(
            "upstream: http://127.0.0.1:3000\nissuers:\n  - {{name: staff, provider: oidc, issuer: 'https://id.example', audiences: [api], keys: {{jwks: '{{\"keys\":[{key}]}}'}}}}\n{more}"
        );
        let options = LoadOptions {
            read_files: false,
            ..LoadOptions::default()
        };
        let config = config::parse(&text, "test", &options)
            .unwrap_or_else(|problems| panic!("{problems:?}"));
        assemble(config, Arc::new(SystemClock), None).unwrap()
    }

    fn question(token: Option<String>, target: Option<&str>) -> Question {
        Question {
            method: Method::GET,
            target: target.map(str::to_owned),
            headers: HeaderMap::new(),
            token,
            now: Moment {
                wall: UnixTime(NOW),
                monotonic: Duration::ZERO,
            },
        }
    }

    fn judged(gate: &Gate, question: &Question) -> Judgement {
        judge(gate, question, &*gate.keys)
    }

    fn token(signer: &Signer, claims: &str) -> Option<String> {
        Some(mint(
            signer,
            Algorithm::Es256,
            r#"{"alg":"ES256","kid":"k1"}"#,
            claims,
        ))
    }

    fn good() -> Option<String> {
        token(es256(), &claims(r#""roles":["admin","a\u00e9"]"#))
    }

    fn failed(judgement: &Judgement) -> Vec<&'static str> {
        let failed = judgement
            .steps
            .iter()
            .filter(|step| step.outcome == StepOutcome::Fail);
        failed.map(|step| step.check).collect()
    }

    #[test]
    fn a_good_token_is_allowed_and_its_headers_are_spelt_as_on_the_wire() {
        let judgement = judged(&gate(""), &question(good(), None));
        assert_eq!(
            judgement.decision,
            Decision::Allow,
            "{:?}",
            judgement.detail
        );
        assert_eq!(judgement.status, 200);
        assert_eq!(judgement.issuer.as_deref(), Some("staff"));
        assert_eq!(judgement.route, None);
        let names: Vec<&str> = judgement
            .headers
            .iter()
            .map(|(name, _)| name.as_str())
            .collect();
        assert!(names.contains(&"X-Auth-Subject"), "{names:?}");
        assert!(
            judgement
                .headers
                .contains(&("X-Auth-Issuer".to_owned(), "staff".to_owned()))
        );
        assert!(failed(&judgement).is_empty());
    }

    #[test]
    fn the_step_that_refuses_is_the_one_that_fails() {
        let gate = gate(ROUTES);
        let signed = good().unwrap();
        let (unsigned, _) = signed.rsplit_once('.').unwrap();
        let other = token(es256(), &claims("").replace("\"api\"", "\"other\""));
        for (token, target, step, reason) in [
            (
                Some("x".to_owned()),
                "/a",
                "structure",
                Reason::MalformedToken,
            ),
            (
                Some(format!("{unsigned}.AAAA")),
                "/a",
                "signature",
                Reason::BadSignature,
            ),
            (other, "/a", "audience", Reason::AudienceMismatch),
            (
                token(es256(), &claims_without("exp")),
                "/a",
                "lifetime",
                Reason::ClaimMissing,
            ),
            (
                token(es256(), &claims("")),
                "/admin/x",
                "access",
                Reason::RuleNotMet,
            ),
            (None, "/a", "access", Reason::MissingToken),
            (good(), "/a/../b", "route", Reason::BadRequest),
        ] {
            let judgement = judged(&gate, &question(token, Some(target)));
            assert_eq!(judgement.reason, Some(reason), "{:?}", judgement.detail);
            assert_eq!(failed(&judgement), [step], "{reason:?}");
            assert!(judgement.detail.is_some());
            assert!(judgement.headers.is_empty());
        }
    }

    #[test]
    fn a_public_route_judges_no_token() {
        let gate = gate(ROUTES);
        for (token, target) in [
            (Some("rubbish".to_owned()), "/healthz"),
            (None, "/assets/a"),
        ] {
            let judgement = judged(&gate, &question(token, Some(target)));
            assert_eq!(judgement.decision, Decision::Public);
            assert!(judgement.headers.is_empty());
        }
        let bad = judged(&gate, &question(Some("x".to_owned()), Some("/assets/a")));
        assert_eq!(bad.decision, Decision::Deny);
    }

    #[test]
    fn the_token_is_found_where_the_gate_looks() {
        let gate =
            gate("token: {sources: [{header: Authorization, scheme: Bearer}, {query: t}]}\n");
        let signed = good().unwrap();
        let mut question = question(None, None);
        let bearer = format!("Bearer {signed}");
        question
            .headers
            .insert("authorization", bearer.parse().unwrap());
        assert_eq!(judged(&gate, &question).decision, Decision::Allow);
        question.target = Some(format!("/a?t={signed}"));
        assert_eq!(
            judged(&gate, &question).reason,
            Some(Reason::AmbiguousToken)
        );
        question.headers.clear();
        assert_eq!(judged(&gate, &question).decision, Decision::Allow);
        question
            .headers
            .insert("connection", "x-auth-subject".parse().unwrap());
        let refused = judged(&gate, &question);
        assert_eq!(refused.reason, Some(Reason::BadRequest));
        assert_eq!(failed(&refused), ["request"]);
    }

    #[test]
    fn p07_a_preflight_is_let_through_where_the_gate_lets_it() {
        let gate = gate("routes:\n  - {path: /api/*, cors_preflight: pass}\n  - {path: /*}\n");
        let mut preflight = question(None, Some("/api/x"));
        preflight.method = Method::OPTIONS;
        assert_eq!(judged(&gate, &preflight).reason, Some(Reason::MissingToken));
        let wanted = "DELETE".parse().unwrap();
        preflight
            .headers
            .insert("origin", "https://page.example".parse().unwrap());
        preflight
            .headers
            .insert("access-control-request-method", wanted);
        let judgement = judged(&gate, &preflight);
        assert_eq!(judgement.decision, Decision::Public);
        assert_eq!(judgement.route.as_deref(), Some("/api/*"));
        assert!(failed(&judgement).is_empty());
        preflight.target = Some("/other".to_owned());
        assert_eq!(judged(&gate, &preflight).reason, Some(Reason::MissingToken));
        preflight.target = Some("/api/x".to_owned());
        preflight.token = Some("x".to_owned());
        assert_eq!(
            judged(&gate, &preflight).reason,
            Some(Reason::MalformedToken)
        );
    }

    #[test]
    fn a_token_among_the_subprotocols_is_found_on_a_handshake() {
        let gate = gate("token: {sources: [{subprotocol: bearer}]}\n");
        let token = crate::jose::base64url::encode(good().unwrap().as_bytes());
        let mut question = question(None, Some("/"));
        let offered = format!("chat, bearer.{token}").parse().unwrap();
        question.headers.insert("sec-websocket-protocol", offered);
        assert_eq!(judged(&gate, &question).reason, Some(Reason::MissingToken));
        question
            .headers
            .insert("upgrade", "websocket".parse().unwrap());
        question
            .headers
            .insert("connection", "Upgrade".parse().unwrap());
        assert_eq!(judged(&gate, &question).decision, Decision::Allow);
    }

    #[test]
    fn another_time_gives_another_decision() {
        let gate = gate("");
        let mut question = question(good(), None);
        question.now.wall = UnixTime(NOW + 10_000_000);
        let judgement = judged(&gate, &question);
        assert_eq!(judgement.reason, Some(Reason::TokenExpired));
        assert_eq!(failed(&judgement), ["lifetime"]);
    }

    /// No key was ever had.
    struct Nothing;

    impl KeyLookup for Nothing {
        fn key_set(&self, _: SourceId, _: Duration) -> Option<Arc<KeySet>> {
            None
        }

        fn decryption_keys(&self, _: DecryptionId) -> Option<Arc<DecryptionKeySet>> {
            None
        }
    }

    #[test]
    fn a_key_that_is_out_of_reach_is_unavailable() {
        let gate = gate("");
        let judgement = judge(&gate, &question(good(), None), &Nothing);
        assert_eq!(judgement.decision, Decision::Unavailable);
        assert_eq!(judgement.status, 503);
        assert_eq!(failed(&judgement), ["key"]);
    }

    #[test]
    fn neither_the_signature_nor_the_token_is_told() {
        let gate = gate("");
        let signed = good().unwrap();
        let signature = signed.rsplit('.').next().unwrap();
        let judgement = judged(&gate, &question(Some(signed.clone()), None));
        for text in [
            super::super::report::text(&judgement),
            super::super::report::json(&judgement),
        ] {
            assert!(!text.contains(signature));
            assert!(!text.contains(&signed));
        }
    }
}
