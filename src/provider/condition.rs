//! "This claim must be one of these": the settings by which a provider's tokens are narrowed to those of one organization, project or
//! client.

use super::{BadSetting, Refusal};
use crate::jose::json::{Json, Object};

/// A claim and the texts of which it must be one, byte for byte.
#[derive(Debug)]
pub(super) struct Condition {
    claim: &'static str,
    values: Vec<String>,
}

impl Condition {
    /// None: the setting is absent, and nothing is asked.
    pub fn new(claim: &'static str, values: Vec<String>) -> Option<Self> {
        (!values.is_empty()).then_some(Self { claim, values })
    }

    /// Only a text can be one of the values: a list of them is a claim that says something else.
    pub fn check(&self, claims: &Object) -> Result<(), Refusal> {
        let claim = self.claim;
        let found = claims.get(claim).ok_or(Refusal::ClaimMissing { claim })?;
        match found.as_str().is_some_and(|found| self.has(found)) {
            true => Ok(()),
            false => Err(Refusal::ClaimMismatch {
                claim,
                expected: self.expected(),
            }),
        }
    }

    pub fn expected(&self) -> String {
        self.values
            .iter()
            .map(|value| format!("`{value}`"))
            .collect::<Vec<_>>()
            .join(" or ")
    }

    fn has(&self, found: &str) -> bool {
        self.values.iter().any(|value| value == found)
    }
}

/// All of them hold.
pub(super) fn check_all(conditions: &[Condition], claims: &Object) -> Result<(), Refusal> {
    conditions.iter().try_for_each(|one| one.check(claims))
}

/// A list of an entry: its key there, the claim that must be one of its values, and the values.
pub(super) type List<'s> = (&'static str, &'static str, &'s Vec<String>);

/// A condition for each list that is not empty.
pub(super) fn of_lists(lists: &[List<'_>]) -> Vec<Condition> {
    let condition = |&(_, claim, values): &List<'_>| Condition::new(claim, values.clone());
    lists.iter().filter_map(condition).collect()
}

/// What is wrong with the lists of a provider that needs at least one; `none_given` is said when there is none.
pub(super) fn check_lists(lists: &[List<'_>], none_given: BadSetting) -> Vec<BadSetting> {
    if lists.iter().all(|(_, _, values)| values.is_empty()) {
        return vec![none_given];
    }
    let unfit = |(field, _, values): &List<'_>| check_values(field, values);
    lists.iter().filter_map(unfit).collect()
}

/// A flag that the provider writes as a boolean or as its name (GitLab, Apple: "strings as booleans").
pub(super) fn is_true(value: Option<&Json>) -> bool {
    match value {
        Some(Json::Bool(flag)) => *flag,
        Some(Json::String(flag)) => &**flag == "true",
        _ => false,
    }
}

/// Values that no token can have.
pub(super) fn check_values(field: &'static str, values: &[String]) -> Option<BadSetting> {
    let unfit =
        |value: &&String| value.is_empty() || value.chars().any(|c| c.is_whitespace() || c == '*');
    values.iter().find(unfit).map(|value| {
        BadSetting::new(
            field,
            format!("`{value}` can be in no token: it is empty, or has white space or `*` in it"),
            "write the claim's value as it is, byte for byte; there are no patterns",
        )
    })
}

/// The first value that has not the form that the provider writes, and `hint` for it.
pub(super) fn check_form(
    field: &'static str,
    values: &[String],
    has_form: impl Fn(&str) -> bool,
    form: &str,
    hint: &str,
) -> Option<BadSetting> {
    let bad = values.iter().find(|value| !has_form(value))?;
    Some(BadSetting::new(
        field,
        format!("`{bad}` is not {form}"),
        hint,
    ))
}

/// Identifiers that the provider counts up, and writes as text.
pub(super) fn check_numbers(field: &'static str, values: &[String]) -> Option<BadSetting> {
    let is_number = |value: &str| value.bytes().all(|b| b.is_ascii_digit());
    check_form(
        field,
        values,
        is_number,
        "a number",
        "write the identifier in digits; names have a list of their own",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::testing::claims;

    #[test]
    fn only_a_text_that_is_listed_holds() {
        let condition = Condition::new("azp", vec!["web".to_owned(), "app".to_owned()]).unwrap();
        let verdict = |text: &str| condition.check(&claims(text));
        assert_eq!(verdict(r#"{"azp":"web"}"#), Ok(()));
        assert_eq!(verdict(r#"{"azp":"app"}"#), Ok(()));
        let mismatch = Refusal::ClaimMismatch {
            claim: "azp",
            expected: "`web` or `app`".to_owned(),
        };
        for shape in [r#""WEB""#, r#""we""#, r#""""#, "1", "null", r#"["web"]"#] {
            let text = format!("{{\"azp\":{shape}}}");
            assert_eq!(verdict(&text), Err(mismatch.clone()), "{shape}");
        }
        assert_eq!(
            verdict(r#"{"AZP":"web"}"#),
            Err(Refusal::ClaimMissing { claim: "azp" })
        );
        assert!(Condition::new("azp", Vec::new()).is_none());
    }

    #[test]
    fn a_value_with_a_pattern_in_it_is_refused() {
        let found = |value: &str| check_values("subjects", &[value.to_owned()]);
        assert_eq!(found("repo:octo-org/octo-repo:ref:refs/heads/main"), None);
        for value in ["", "repo:octo-org/*", "a b", "a\n"] {
            assert_eq!(found(value).unwrap().field, "subjects");
        }
    }
}
