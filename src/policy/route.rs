//! The table of routes: the first entry whose path matches decides; nothing matches, nothing passes.

use std::sync::Arc;

use super::{Rule, StrictPaths};
use crate::verify::{Rejection, VerifiedToken};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// No token is asked for; one that is there is not judged. `pass_credentials`: the application checks its own bearer tokens here.
    Public {
        pass_credentials: bool,
    },
    /// A token may be missing, a bad one is refused.
    Optional,
    Required,
}

/// One entry of `routes:`.
#[derive(Clone, Debug, PartialEq)]
pub struct RouteConfig {
    /// Default: the path.
    pub name: Option<String>,
    /// `/admin`, or `/admin/*`.
    pub path: String,
    /// Empty: every method.
    pub methods: Vec<String>,
    pub access: Access,
    pub require: Vec<Rule>,
}

pub struct Route {/* private */}
pub struct RouteTable {/* private */}

/// The proof that a route lets this request through. Only [`Route::admit`] makes one.
pub struct Permit<'t> {
    token: Option<&'t VerifiedToken>,
}

impl<'t> Permit<'t> {
    /// The identity that may be written; none on a public route, or an optional one without a token.
    pub fn token(&self) -> Option<&'t VerifiedToken> {
        self.token
    }
}

impl Route {
    pub fn name(&self) -> &Arc<str> {
        todo!()
    }
    /// Position among the distinct routes, for metrics resolved once.
    pub fn index(&self) -> usize {
        todo!()
    }
    pub fn access(&self) -> Access {
        todo!()
    }
    /// Required without a token: `MissingToken`. A rule that does not hold: `RuleNotMet`. On a public route `token` is ignored.
    pub fn admit<'t>(&self, _token: Option<&'t VerifiedToken>) -> Result<Permit<'t>, Rejection> {
        todo!()
    }
}

impl RouteTable {
    /// The default, `routes:` absent: one route named `default` that needs a token, any path (no strict paths).
    pub fn everything_needs_a_token() -> Self {
        todo!()
    }
    pub fn new(
        _routes: Vec<RouteConfig>,
        _strict: StrictPaths,
    ) -> Result<Self, Vec<(usize, String)>> {
        todo!()
    }
    /// Every distinct route, by `index`.
    pub fn routes(&self) -> &[Route] {
        todo!()
    }
    /// Entries that can never match, with the index of the one that hides them: for `check`.
    pub fn unreachable(&self) -> Vec<(usize, usize)> {
        todo!()
    }
    /// The route of a request. GET covers HEAD. Ambiguous target: 400; method in none of the entries of the path: `NoRoute` with the methods; no route: `NoRoute`.
    pub fn find(&self, _method: &http::Method, _path: &str) -> Result<&Route, Rejection> {
        todo!()
    }
}
