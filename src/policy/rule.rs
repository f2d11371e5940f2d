//! Claim rules of a route: `{claim: roles, any_of: [admin]}`.

use crate::jose::json::{Json, Object};

/// One entry of a route's `require`.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// One name is one top-level claim, literally; several are a path.
    pub claim: Vec<String>,
    pub condition: Condition,
}

/// JSON values are compared as such; arrays by element; only `scope` and `scp` strings are split on spaces.
#[derive(Clone, Debug, PartialEq)]
pub enum Condition {
    /// The claim, or an element of it when it is an array, is one of these.
    AnyOf(Vec<Json>),
    /// Each of these is the claim, or an element of it when it is an array.
    AllOf(Vec<Json>),
    /// The claim as a whole is this value: an array equals an array, and a scope string is not split.
    Equals(Json),
}

/// Top-level claims whose string is a list of scopes (RFC 6749 §3.3; `scp` is Entra's name).
const SCOPE_CLAIMS: [&str; 2] = ["scope", "scp"];

impl Rule {
    /// A missing claim fulfils nothing, and neither does an empty list of values.
    pub fn holds(&self, claims: &Object) -> bool {
        let Some(claim) = claims.at(&self.claim) else {
            return false;
        };
        match &self.condition {
            Condition::AnyOf(wanted) => wanted.iter().any(|value| self.contains(claim, value)),
            Condition::AllOf(wanted) => {
                !wanted.is_empty() && wanted.iter().all(|value| self.contains(claim, value))
            }
            Condition::Equals(wanted) => claim == wanted,
        }
    }

    /// For the log and `explain`: ``claim `roles` any of `admin` ``; no value of the token.
    pub fn describe(&self) -> String {
        let claim = list(self.claim.iter().map(|name| format!("`{name}`")));
        match &self.condition {
            Condition::AnyOf(wanted) => format!("claim {claim} any of {}", values(wanted)),
            Condition::AllOf(wanted) => format!("claim {claim} all of {}", values(wanted)),
            Condition::Equals(wanted) => format!("claim {claim} equals {}", value(wanted)),
        }
    }

    /// Why this rule could never hold, or would say nothing.
    pub(super) fn problem(&self) -> Option<&'static str> {
        if self.claim.is_empty() || self.claim.iter().any(String::is_empty) {
            return Some("a rule needs the name of a claim");
        }
        match &self.condition {
            Condition::AnyOf(wanted) | Condition::AllOf(wanted) if wanted.is_empty() => {
                Some("a rule needs at least one value")
            }
            _ => None,
        }
    }

    fn contains(&self, claim: &Json, wanted: &Json) -> bool {
        match claim {
            Json::Array(elements) => elements.contains(wanted),
            Json::String(text) if self.is_scope() => wanted
                .as_str()
                .is_some_and(|scope| !scope.is_empty() && text.split(' ').any(|s| s == scope)),
            other => other == wanted,
        }
    }

    fn is_scope(&self) -> bool {
        matches!(self.claim.as_slice(), [name] if SCOPE_CLAIMS.contains(&name.as_str()))
    }
}

fn values(wanted: &[Json]) -> String {
    list(wanted.iter().map(value))
}

fn value(wanted: &Json) -> String {
    match wanted.as_str() {
        Some(text) => format!("`{text}`"),
        None => format!("`{}`", wanted.to_ascii()),
    }
}

fn list(items: impl Iterator<Item = String>) -> String {
    items.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jose::json::parse;

    fn claims(text: &str) -> Object {
        crate::jose::json::parse_object(text.as_bytes()).unwrap()
    }
    fn json(text: &str) -> Json {
        parse(text.as_bytes()).unwrap()
    }
    fn list_of(text: &str) -> Vec<Json> {
        json(text).as_array().unwrap().to_vec()
    }
    fn rule(claim: &[&str], condition: Condition) -> Rule {
        Rule {
            claim: claim.iter().map(|name| (*name).to_owned()).collect(),
            condition,
        }
    }
    fn any(claim: &[&str], values: &str, token: &str) -> bool {
        rule(claim, Condition::AnyOf(list_of(values))).holds(&claims(token))
    }
    fn all(claim: &[&str], values: &str, token: &str) -> bool {
        rule(claim, Condition::AllOf(list_of(values))).holds(&claims(token))
    }
    fn equals(claim: &[&str], value: &str, token: &str) -> bool {
        rule(claim, Condition::Equals(json(value))).holds(&claims(token))
    }

    #[test]
    fn any_of_compares_arrays_by_element_and_strings_as_a_whole() {
        assert!(any(
            &["roles"],
            r#"["admin"]"#,
            r#"{"roles":["user","admin"]}"#
        ));
        assert!(any(&["roles"], r#"["a","b"]"#, r#"{"roles":"b"}"#));
        assert!(!any(
            &["roles"],
            r#"["admin"]"#,
            r#"{"roles":["administrator"]}"#
        ));
        assert!(!any(
            &["roles"],
            r#"["admin"]"#,
            r#"{"roles":"user admin"}"#
        ));
        assert!(!any(
            &["roles"],
            r#"["admin"]"#,
            r#"{"roles":"admin,user"}"#
        ));
        assert!(!any(&["roles"], r#"["admin"]"#, r#"{"roles":"Admin"}"#));
        assert!(!any(
            &["roles"],
            r#"["admin"]"#,
            r#"{"roles":{"admin":true}}"#
        ));
        assert!(!any(&["roles"], r#"["admin"]"#, r#"{"roles":[["admin"]]}"#));
    }

    #[test]
    fn all_of_needs_every_value() {
        assert!(all(&["g"], r#"["a","b"]"#, r#"{"g":["b","c","a"]}"#));
        assert!(!all(&["g"], r#"["a","b"]"#, r#"{"g":["a"]}"#));
        assert!(all(&["g"], r#"["a"]"#, r#"{"g":"a"}"#));
        assert!(!all(&["g"], r#"["a","b"]"#, r#"{"g":"a"}"#));
    }

    #[test]
    fn equals_compares_the_whole_value() {
        assert!(equals(&["tid"], r#""x""#, r#"{"tid":"x"}"#));
        assert!(!equals(&["tid"], r#""x""#, r#"{"tid":["x"]}"#));
        assert!(equals(&["tid"], r#"["x","y"]"#, r#"{"tid":["x","y"]}"#));
        assert!(!equals(
            &["scope"],
            r#""read""#,
            r#"{"scope":"read write"}"#
        ));
    }

    #[test]
    fn values_are_compared_as_json() {
        assert!(equals(&["mfa"], "true", r#"{"mfa":true}"#));
        assert!(!equals(&["mfa"], "true", r#"{"mfa":"true"}"#));
        assert!(!equals(&["mfa"], r#""true""#, r#"{"mfa":true}"#));
        assert!(equals(&["acr"], "1", r#"{"acr":1.0}"#));
        assert!(!any(&["acr"], "[1]", r#"{"acr":"1"}"#));
        assert!(any(&["acr"], "[1]", r#"{"acr":[2,1]}"#));
    }

    #[test]
    fn only_top_level_scope_strings_are_split() {
        assert!(any(&["scope"], r#"["write"]"#, r#"{"scope":"read write"}"#));
        assert!(all(
            &["scp"],
            r#"["read","write"]"#,
            r#"{"scp":"write  read"}"#
        ));
        assert!(!any(&["scope"], r#"["writ"]"#, r#"{"scope":"read write"}"#));
        assert!(!any(
            &["scope"],
            r#"["read write"]"#,
            r#"{"scope":"read write"}"#
        ));
        assert!(any(&["scp"], r#"["write"]"#, r#"{"scp":["read","write"]}"#));
        assert!(!any(&["scp"], r#"["write"]"#, r#"{"scp":["read write"]}"#));
        assert!(!any(&["scope"], r#"[""]"#, r#"{"scope":"a  b"}"#));
        assert!(!any(
            &["x", "scope"],
            r#"["a"]"#,
            r#"{"x":{"scope":"a b"}}"#
        ));
        assert!(!any(
            &["permissions"],
            r#"["a"]"#,
            r#"{"permissions":"a b"}"#
        ));
    }

    #[test]
    fn a_name_is_literal_and_a_list_is_a_path() {
        assert!(any(
            &["https://marketplace/roles"],
            r#"["a"]"#,
            r#"{"https://marketplace/roles":["a"]}"#
        ));
        assert!(any(&["a.b"], r#"["x"]"#, r#"{"a.b":"x"}"#));
        assert!(!any(&["a.b"], r#"["x"]"#, r#"{"a":{"b":"x"}}"#));
        assert!(any(
            &["realm_access", "roles"],
            r#"["admin"]"#,
            r#"{"realm_access":{"roles":["admin"]}}"#
        ));
        assert!(!any(&["a", "b"], r#"["x"]"#, r#"{"a":["b","x"]}"#));
    }

    #[test]
    fn a_missing_claim_or_an_empty_list_fulfils_nothing() {
        assert!(!any(&["groups"], r#"["a"]"#, r#"{"hasgroups":true}"#));
        assert!(!equals(&["groups"], "null", "{}"));
        assert!(!all(&["g"], "[]", r#"{"g":["a"]}"#));
        assert!(!any(&["g"], "[]", r#"{"g":["a"]}"#));
        assert!(rule(&["g"], Condition::AllOf(vec![])).problem().is_some());
        assert!(rule(&[], Condition::Equals(Json::Null)).problem().is_some());
    }

    #[test]
    fn the_description_names_the_rule() {
        let described = rule(&["roles"], Condition::AnyOf(list_of(r#"["admin",7]"#))).describe();
        assert_eq!(described, "claim `roles` any of `admin`, `7`");
    }
}
