//! GitLab CI: `id_tokens` of jobs.
//!
//! The issuer is the address of the instance, and every project on it has tokens of that issuer with an audience that its pipeline chooses
//! freely. So at least one condition on the claims is needed, as for GitHub. Flags are texts (`ref_protected: "true"`), and so are the
//! numbers of projects and namespaces (GitLab docs, "OpenID Connect (OIDC) Authentication Using ID Tokens").
//!
//! The same issuer signs users in (`provider: oidc` is for that); such a token names no project and meets no condition here. A job is no
//! person: `user_login` is who caused it, but what runs, and asks for the token, is what the project holds. Hence there is no username.

use std::sync::Arc;

use super::condition::{
    Condition, List, check_all, check_form, check_lists, check_numbers, is_true, of_lists,
};
use super::{
    BadSetting, ClaimNames, Facts, Findings, IssuerForm, Profile, ProviderKind, Refusal, Rules,
    address, top_level,
};

/// What an entry says. Of the lists at least one must not be empty; a token meets every one that is not.
pub struct Settings {
    /// Of the instance.
    pub url: String,
    /// `my-group/my-project`.
    pub projects: Vec<String>,
    pub project_ids: Vec<String>,
    /// The group or user right above the project: `my-group`, `my-group/subgroup`.
    pub namespaces: Vec<String>,
    pub namespace_ids: Vec<String>,
    /// Whole values of `sub`.
    pub subjects: Vec<String>,
    /// Only jobs of protected branches and tags.
    pub protected_refs_only: bool,
}

impl Settings {
    fn lists(&self) -> [List<'_>; 5] {
        [
            ("projects", "project_path", &self.projects),
            ("project_ids", "project_id", &self.project_ids),
            ("namespaces", "namespace_path", &self.namespaces),
            ("namespace_ids", "namespace_id", &self.namespace_ids),
            ("subjects", "sub", &self.subjects),
        ]
    }
}

#[derive(Debug)]
struct JobRules {
    conditions: Vec<Condition>,
    protected_refs_only: bool,
}

/// GitLab's own.
pub const DEFAULT_URL: &str = "https://gitlab.com";

/// Keys by discovery.
pub fn profile(settings: Settings) -> Result<Profile, Vec<BadSetting>> {
    let problems = problems(&settings);
    if !problems.is_empty() {
        return Err(problems);
    }
    let issuer = settings.url.trim_end_matches('/').to_owned();
    Ok(Profile {
        claims: claim_names(),
        rules: Arc::new(JobRules {
            conditions: of_lists(&settings.lists()),
            protected_refs_only: settings.protected_refs_only,
        }),
        ..Profile::standard(ProviderKind::GitlabCi, vec![IssuerForm::discovered(issuer)])
    })
}

fn problems(settings: &Settings) -> Vec<BadSetting> {
    let checked = address::after_scheme("url", &settings.url, DEFAULT_URL);
    let mut problems: Vec<_> = checked.err().into_iter().collect();
    let none_given = BadSetting::new(
        "projects",
        "without a condition every pipeline of the instance could come in, since it chooses its audience itself",
        "name `projects`, `namespaces`, `project_ids`, `namespace_ids` or `subjects`",
    );
    problems.extend(check_lists(&settings.lists(), none_given));
    let full_path = |path: &str| path.contains('/') && path.split('/').all(|part| !part.is_empty());
    problems.extend(check_form(
        "projects",
        &settings.projects,
        full_path,
        "the full path of a project",
        "write `group/project`; for every project of a group use `namespaces`",
    ));
    problems.extend(check_numbers("project_ids", &settings.project_ids));
    problems.extend(check_numbers("namespace_ids", &settings.namespace_ids));
    problems
}

/// The tenant is the namespace of the project. Nothing else of a job is what the headers mean.
fn claim_names() -> ClaimNames {
    ClaimNames {
        tenant: top_level(&["namespace_path"]),
        ..ClaimNames::default()
    }
}

impl Rules for JobRules {
    fn check_claims(&self, facts: Facts<'_>) -> Result<Findings, Refusal> {
        check_all(&self.conditions, facts.claims)?;
        if self.protected_refs_only && !is_true(facts.claims.get("ref_protected")) {
            return Err(Refusal::ClaimMismatch {
                claim: "ref_protected",
                expected: "true: a job of a protected branch or tag (`protected_refs_only`)"
                    .to_owned(),
            });
        }
        Ok(Findings::default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jose::json::Json;
    use crate::provider::testing::{claims, judge, recorded, with};
    use crate::provider::{IssuerPattern, first_claim};

    /// As documented: flags and most numbers are texts.
    const TOKEN: &str = r#"{"namespace_id":"72","namespace_path":"my-group","project_id":"20","project_path":"my-group/my-project",
        "user_id":"1","user_login":"sample-user","user_email":"sample-user@example.com","pipeline_id":"574","pipeline_source":"push",
        "job_id":"302","ref":"feature-branch-1","ref_type":"branch","ref_path":"refs/heads/feature-branch-1","ref_protected":"false",
        "groups_direct":["mygroup/mysubgroup"],"environment":"test-environment2","environment_protected":"false","deployment_tier":"testing",
        "runner_id":1,"runner_environment":"self-hosted","sha":"714a629c0b401fdce83e847fc9589983fc6f46bc","project_visibility":"public",
        "jti":"235b3a54-b797-45c7-ae9a-f72d7bc6ef5b","iat":1681395193,"nbf":1681395188,"exp":1681398793,"iss":"https://gitlab.com",
        "sub":"project_path:my-group/my-project:ref_type:branch:ref:feature-branch-1","aud":"https://vault.example.com"}"#;

    fn settings(projects: &[&str]) -> Settings {
        Settings {
            url: DEFAULT_URL.to_owned(),
            projects: list(projects),
            project_ids: vec![],
            namespaces: vec![],
            namespace_ids: vec![],
            subjects: vec![],
            protected_refs_only: false,
        }
    }

    fn list(values: &[&str]) -> Vec<String> {
        values.iter().map(|value| (*value).to_owned()).collect()
    }

    fn judged(settings: Settings, text: &str) -> Result<Findings, Refusal> {
        let profile = profile(settings).unwrap();
        judge(&profile, Some(&["https://vault.example.com"]), text).unwrap()
    }

    #[test]
    fn a_job_meets_every_condition_or_is_refused() {
        let good = || Settings {
            project_ids: list(&["20"]),
            namespaces: list(&["my-group"]),
            namespace_ids: list(&["72"]),
            subjects: list(&[
                "project_path:my-group/my-project:ref_type:branch:ref:feature-branch-1",
            ]),
            ..settings(&["my-group/my-project"])
        };
        assert!(judged(good(), TOKEN).is_ok());
        for (claim, value) in [
            ("project_path", r#""my-group/my-project/sub""#),
            ("project_id", "20"),
            ("namespace_path", r#""my-group/sub""#),
            ("namespace_id", r#""720""#),
            ("sub", r#""project_path:my-group/my-project""#),
        ] {
            let verdict = judged(good(), &with(TOKEN, claim, Some(value)));
            assert!(
                matches!(&verdict, Err(Refusal::ClaimMismatch { claim: found, .. }) if *found == claim),
                "{claim}: {verdict:?}"
            );
            assert_eq!(
                judged(good(), &with(TOKEN, claim, None)),
                Err(Refusal::ClaimMissing { claim })
            );
        }
    }

    #[test]
    fn a_user_who_signed_in_at_the_same_issuer_is_no_job() {
        let text = r#"{"iss":"https://gitlab.com","sub":"4711","aud":"https://vault.example.com","email":"ann@example.com",
            "email_verified":true,"preferred_username":"ann"}"#;
        assert_eq!(
            judged(settings(&["my-group/my-project"]), text),
            Err(Refusal::ClaimMissing {
                claim: "project_path"
            })
        );
    }

    #[test]
    fn a_flag_is_the_text_true_or_a_boolean() {
        let verdict = |shape| {
            let settings = Settings {
                protected_refs_only: true,
                ..settings(&["my-group/my-project"])
            };
            judged(settings, &with(TOKEN, "ref_protected", shape)).is_ok()
        };
        assert!(verdict(Some(r#""true""#)));
        assert!(verdict(Some("true")));
        for shape in [
            Some(r#""false""#),
            Some("false"),
            Some(r#""True""#),
            Some("1"),
            None,
        ] {
            assert!(!verdict(shape), "{shape:?}");
        }
    }

    #[test]
    fn an_instance_of_ones_own_may_be_below_a_path() {
        for (url, issuer) in [
            ("https://gitlab.example.com/", "https://gitlab.example.com"),
            ("https://example.com/gitlab", "https://example.com/gitlab"),
        ] {
            let profile = profile(Settings {
                url: url.to_owned(),
                ..settings(&["a/b"])
            });
            let pattern = profile.unwrap().forms.remove(0).pattern;
            assert_eq!(pattern, IssuerPattern::Exact(issuer.to_owned()));
        }
    }

    #[test]
    fn who_caused_a_job_is_no_username() {
        let (claims, names) = (claims(TOKEN), claim_names());
        assert_eq!(first_claim(&claims, &names.username), None);
        assert_eq!(first_claim(&claims, &names.email), None);
        let tenant = first_claim(&claims, &names.tenant).and_then(Json::as_str);
        assert_eq!(tenant, Some("my-group"));
    }

    #[test]
    fn settings_that_cannot_be_are_refused_with_a_hint() {
        let at = |url: &str| Settings {
            url: url.to_owned(),
            ..settings(&["a/b"])
        };
        for (settings, field, hint) in [
            (settings(&[]), "projects", "`namespaces`"),
            (settings(&["my-project"]), "projects", "`group/project`"),
            (settings(&["my-group/*"]), "projects", "no patterns"),
            (
                Settings {
                    project_ids: list(&["my-project"]),
                    ..settings(&[])
                },
                "project_ids",
                "digits",
            ),
            (
                Settings {
                    namespace_ids: list(&["-72"]),
                    ..settings(&[])
                },
                "namespace_ids",
                "digits",
            ),
            (at("gitlab.com"), "url", "https://gitlab.com"),
            (at("https://gitlab.com?x"), "url", "https://gitlab.com"),
        ] {
            let problems = profile(settings).unwrap_err();
            assert_eq!(problems.len(), 1, "{problems:?}");
            assert_eq!(problems[0].field, field);
            let found = problems[0].hint.as_deref().unwrap();
            assert!(found.contains(hint), "{found}");
        }
    }

    #[test]
    fn the_preset_is_what_the_recorded_document_says() {
        let profile = profile(settings(&["a/b"])).unwrap();
        recorded::is_what_the_document_says("gitlab", &profile);
    }
}
