//! Claim rules of a route: `{claim: roles, any_of: [admin]}`.

use crate::jose::json::{Json, Object};

#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// One name is one top-level claim, literally; several are a path.
    pub claim: Vec<String>,
    pub condition: Condition,
}

/// JSON values are compared as such; arrays by element; only `scope` and `scp` strings are split on spaces.
#[derive(Clone, Debug, PartialEq)]
pub enum Condition {
    AnyOf(Vec<Json>),
    AllOf(Vec<Json>),
    Equals(Json),
}

impl Rule {
    pub fn holds(&self, _claims: &Object) -> bool {
        todo!()
    }
    /// For the log and `explain`: `claim `roles` any of `admin``; no value of the token.
    pub fn describe(&self) -> String {
        todo!()
    }
}
