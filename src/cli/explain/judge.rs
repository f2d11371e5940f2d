//! One request through the gate's own rooms, in the gate's order, with every step told.

use std::sync::Arc;

use http::{HeaderMap, Method};

use super::steps::{ACCESS, IDENTITY, REQUEST, ROUTE, Step, Steps, TOKEN};
use crate::clock::Moment;
use crate::identity::HeaderLines;
use crate::keys::KeyLookup;
use crate::policy::{Access, Route};
use crate::proxy::{Gate, source};
use crate::verify::pipeline::Seen;
use crate::verify::{Decision, Outcome, Reason, Rejection, VerifiedToken};

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
}

impl<'w> Walk<'w> {
    /// The lines of a verified identity; none when the request goes through without one.
    fn walk(&mut self) -> Result<Option<HeaderLines>, Rejection> {
        let route = self.find_route()?;
        let public = matches!(route.map(Route::access), Some(Access::Public { .. }));
        let token = if public {
            self.steps.skip(TOKEN, "the route is public");
            None
        } else {
            self.find_token()?
        };
        self.clean_headers()?;
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
        let query = self.question.target.as_deref();
        let query = query.and_then(|target| Some(target.split_once('?')?.1));
        let settings = &self.gate.token;
        let found = source::find(settings, &self.question.headers, query)
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
                let number = found.source + 1;
                self.steps
                    .pass(TOKEN, format!("found in entry {number} of `token.sources`"));
                Ok(Some(found.token))
            }
            (None, None) => {
                self.steps.skip(TOKEN, "the request carries none");
                Ok(None)
            }
        }
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
        let outcome = verifier.verify(
            token.as_bytes(),
            self.question.now,
            self.keys,
            &mut self.steps,
        );
        let (rejection, seen) = match outcome {
            Outcome::Verified(verified) => {
                self.issuer = Some(Arc::clone(verified.issuer()));
                return Ok(verified);
            }
            // The keys were fetched a moment ago: asking again would change nothing.
            Outcome::NeedsKeys {
                otherwise, seen, ..
            } => (otherwise, seen),
            Outcome::Rejected { rejection, seen } => (rejection, seen),
        };
        let rejection = self.with_retry_after(rejection, &seen);
        self.issuer = seen.issuer;
        self.steps
            .fail_next_token_check(rejection.operator_detail());
        Err(rejection)
    }

    fn with_retry_after(&self, rejection: Rejection, seen: &Seen) -> Rejection {
        match (rejection, seen.source) {
            (Rejection::KeysUnavailable { .. }, Some(source)) => Rejection::KeysUnavailable {
                retry_after: self.gate.keys.retry_after(source),
            },
            (rejection, _) => rejection,
        }
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
                Ok(lines)
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
