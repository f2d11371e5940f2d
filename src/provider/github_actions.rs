//! GitHub Actions: tokens of workflow runs.
//!
//! On github.com every repository of the world has tokens of one issuer, with an audience that its workflow chooses freely. So an audience
//! proves nothing about who is asking, and GitHub demands at least one condition on the claims ("OpenID Connect reference": "you **must**
//! define at least one condition, so that untrusted repositories can't request access tokens"). So does this preset.
//!
//! A run is no person: `actor` is who caused it, but what runs, and asks for the token, is what the repository holds. Whoever may change that
//! could wait for an administrator to cause a run. Hence there is no username.

use std::sync::Arc;

use super::condition::{
    Condition, List, check_all, check_form, check_lists, check_numbers, of_lists,
};
use super::{
    BadSetting, ClaimNames, Facts, Findings, IssuerForm, Profile, ProviderKind, Refusal, Rules,
    address, top_level,
};

/// What an entry says. Of the lists at least one must not be empty; a token meets every one that is not.
pub struct Settings {
    /// `github.com`, the `{subdomain}.ghe.com` of an enterprise with data residency, or the host of an Enterprise Server.
    pub host: String,
    /// The slug in the issuer of an enterprise that has turned on `include_enterprise_slug`.
    pub enterprise: Option<String>,
    /// `octo-org`.
    pub owners: Vec<String>,
    /// Numbers; a name can be given up and be taken by somebody else, a number cannot.
    pub owner_ids: Vec<String>,
    /// `octo-org/octo-repo`.
    pub repositories: Vec<String>,
    pub repository_ids: Vec<String>,
    /// Whole values of `sub`.
    pub subjects: Vec<String>,
}

impl Settings {
    fn lists(&self) -> [List<'_>; 5] {
        [
            ("repositories", "repository", &self.repositories),
            ("repository_ids", "repository_id", &self.repository_ids),
            ("owners", "repository_owner", &self.owners),
            ("owner_ids", "repository_owner_id", &self.owner_ids),
            ("subjects", "sub", &self.subjects),
        ]
    }
}

#[derive(Debug)]
struct RunRules {
    conditions: Vec<Condition>,
}

/// GitHub's own.
pub const DEFAULT_HOST: &str = "github.com";

/// Keys by discovery.
pub fn profile(settings: Settings) -> Result<Profile, Vec<BadSetting>> {
    let problems = problems(&settings);
    if !problems.is_empty() {
        return Err(problems);
    }
    let mut issuer = issuer_of(&settings.host);
    if let Some(slug) = &settings.enterprise {
        issuer = format!("{issuer}/{slug}");
    }
    Ok(Profile {
        claims: claim_names(),
        rules: Arc::new(RunRules {
            conditions: of_lists(&settings.lists()),
        }),
        ..Profile::standard(
            ProviderKind::GithubActions,
            vec![IssuerForm::discovered(issuer)],
        )
    })
}

fn issuer_of(host: &str) -> String {
    match host {
        DEFAULT_HOST => "https://token.actions.githubusercontent.com".to_owned(),
        _ if is_data_residency(host) => format!("https://token.actions.{host}"),
        _ => format!("https://{host}/_services/token"),
    }
}

fn is_data_residency(host: &str) -> bool {
    host.strip_suffix(".ghe.com").is_some_and(address::is_label)
}

fn problems(settings: &Settings) -> Vec<BadSetting> {
    let mut problems = Vec::new();
    let host = &settings.host;
    if !address::is_host(host) {
        problems.push(address::bad_host("host", host, "github.example.com"));
    } else if host.starts_with("token.actions.") || host.ends_with("githubusercontent.com") {
        problems.push(BadSetting::new(
            "host",
            format!("`{host}` is where tokens come from, not where the repositories are"),
            "write `github.com` (the default), or `{subdomain}.ghe.com`",
        ));
    }
    match &settings.enterprise {
        Some(_) if host != DEFAULT_HOST && !is_data_residency(host) => {
            problems.push(BadSetting::new(
                "enterprise",
                "an Enterprise Server has one issuer, without a slug",
                "leave `enterprise` out",
            ))
        }
        Some(slug) if !address::is_segment(slug) => problems.push(BadSetting::new(
            "enterprise",
            format!("`{slug}` is not the slug of an enterprise"),
            "write what stands after `/enterprises/` in its address",
        )),
        _ => {}
    }
    let none_given = BadSetting::new(
        "repositories",
        "without a condition every workflow in the world could come in, since it chooses its audience itself",
        "name `repositories`, `owners`, `repository_ids`, `owner_ids` or `subjects`",
    );
    problems.extend(check_lists(&settings.lists(), none_given));
    let full_name = |name: &str| name.split('/').filter(|part| !part.is_empty()).count() == 2;
    problems.extend(check_form(
        "repositories",
        &settings.repositories,
        full_name,
        "the full name of a repository",
        "write `owner/name`; for every repository of an owner use `owners`",
    ));
    problems.extend(check_form(
        "owners",
        &settings.owners,
        |name| !name.contains('/'),
        "the name of an organization or user",
        "write what stands before the `/`; for one repository use `repositories`",
    ));
    problems.extend(check_numbers("repository_ids", &settings.repository_ids));
    problems.extend(check_numbers("owner_ids", &settings.owner_ids));
    problems
}

/// The tenant is the owner of the repository. Nothing else of a run is what the headers mean.
fn claim_names() -> ClaimNames {
    ClaimNames {
        tenant: top_level(&["repository_owner"]),
        ..ClaimNames::default()
    }
}

impl Rules for RunRules {
    fn check_claims(&self, facts: Facts<'_>) -> Result<Findings, Refusal> {
        check_all(&self.conditions, facts.claims)?;
        Ok(Findings::default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jose::json::Json;
    use crate::provider::testing::{claims, judge, with};
    use crate::provider::{IssuerPattern, first_claim};

    /// As documented; `nbf` is ten minutes before `iat`, and every number a text.
    const TOKEN: &str = r#"{"jti":"example-id","sub":"repo:octo-org/octo-repo:environment:prod","environment":"prod",
        "aud":"https://github.com/octo-org","ref":"refs/heads/main","sha":"example-sha","repository":"octo-org/octo-repo",
        "repository_owner":"octo-org","actor_id":"12","repository_visibility":"private","repository_id":"74","repository_owner_id":"65",
        "run_id":"example-run-id","run_number":"10","run_attempt":"2","runner_environment":"github-hosted","actor":"octocat",
        "workflow":"example-workflow","head_ref":"","base_ref":"","event_name":"workflow_dispatch","ref_type":"branch",
        "job_workflow_ref":"octo-org/octo-automation/.github/workflows/oidc.yml@refs/heads/main",
        "iss":"https://token.actions.githubusercontent.com","nbf":1632492967,"exp":1632493867,"iat":1632493567}"#;

    fn settings(host: &str, enterprise: Option<&str>) -> Settings {
        Settings {
            host: host.to_owned(),
            enterprise: enterprise.map(str::to_owned),
            owners: vec!["octo-org".to_owned()],
            owner_ids: vec![],
            repositories: vec![],
            repository_ids: vec![],
            subjects: vec![],
        }
    }

    fn none() -> Settings {
        Settings {
            owners: vec![],
            ..settings(DEFAULT_HOST, None)
        }
    }

    fn list(values: &[&str]) -> Vec<String> {
        values.iter().map(|value| (*value).to_owned()).collect()
    }

    fn judged(settings: Settings, text: &str) -> Result<Findings, Refusal> {
        let profile = profile(settings).unwrap();
        judge(&profile, Some(&["https://github.com/octo-org"]), text).unwrap()
    }

    #[test]
    fn each_kind_of_github_has_its_issuer() {
        for (host, enterprise, issuer) in [
            (
                "github.com",
                None,
                "https://token.actions.githubusercontent.com",
            ),
            (
                "github.com",
                Some("octocat-inc"),
                "https://token.actions.githubusercontent.com/octocat-inc",
            ),
            (
                "octocorp.ghe.com",
                None,
                "https://token.actions.octocorp.ghe.com",
            ),
            (
                "octocorp.ghe.com",
                Some("octocorp"),
                "https://token.actions.octocorp.ghe.com/octocorp",
            ),
            (
                "github.example.com",
                None,
                "https://github.example.com/_services/token",
            ),
        ] {
            let form = profile(settings(host, enterprise)).unwrap().forms.remove(0);
            assert_eq!(form.pattern, IssuerPattern::Exact(issuer.to_owned()));
        }
    }

    #[test]
    fn a_run_meets_every_condition_or_is_refused() {
        let good = || Settings {
            owners: list(&["octo-org"]),
            owner_ids: list(&["65"]),
            repositories: list(&["octo-org/other", "octo-org/octo-repo"]),
            repository_ids: list(&["74"]),
            subjects: list(&["repo:octo-org/octo-repo:environment:prod"]),
            ..none()
        };
        assert!(judged(good(), TOKEN).is_ok());
        for (claim, value) in [
            ("repository", r#""octo-org/octo-rep""#),
            ("repository", r#""OCTO-ORG/octo-repo""#),
            ("repository", r#"["octo-org/octo-repo"]"#),
            ("repository_owner", r#""attacker""#),
            ("repository_owner_id", "65"),
            ("repository_id", r#""740""#),
            ("sub", r#""repo:octo-org/octo-repo:pull_request""#),
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
    fn a_workflow_elsewhere_with_the_right_audience_is_refused() {
        let text = with(TOKEN, "repository_owner", Some(r#""attacker""#));
        assert!(judged(settings(DEFAULT_HOST, None), &text).is_err());
        assert!(judged(settings(DEFAULT_HOST, None), TOKEN).is_ok());
    }

    #[test]
    fn who_caused_a_run_is_no_username() {
        let (claims, names) = (claims(TOKEN), claim_names());
        assert_eq!(first_claim(&claims, &names.username), None);
        let tenant = first_claim(&claims, &names.tenant).and_then(Json::as_str);
        assert_eq!(tenant, Some("octo-org"));
    }

    #[test]
    fn settings_that_cannot_be_are_refused_with_a_hint() {
        let repositories = |names: &[&str]| Settings {
            repositories: list(names),
            ..none()
        };
        let subjects = |subjects: &[&str]| Settings {
            subjects: list(subjects),
            ..none()
        };
        for (settings, field, hint) in [
            (none(), "repositories", "`owners`"),
            (repositories(&["octo-repo"]), "repositories", "`owner/name`"),
            (repositories(&["octo-org/"]), "repositories", "`owners`"),
            (subjects(&["repo:octo-org/*"]), "subjects", "no patterns"),
            (
                Settings {
                    owners: list(&["octo-org/octo-repo"]),
                    ..none()
                },
                "owners",
                "`repositories`",
            ),
            (
                Settings {
                    repository_ids: list(&["74", "octo-repo"]),
                    ..none()
                },
                "repository_ids",
                "digits",
            ),
            (
                Settings {
                    owner_ids: list(&["octo-org"]),
                    ..none()
                },
                "owner_ids",
                "digits",
            ),
            (settings("https://github.com", None), "host", "`github.com`"),
            (
                settings("token.actions.githubusercontent.com", None),
                "host",
                "`github.com` (the default)",
            ),
            (
                settings("github.example.com", Some("x")),
                "enterprise",
                "leave",
            ),
            (
                settings("github.com", Some("a/b")),
                "enterprise",
                "/enterprises/",
            ),
        ] {
            let problems = profile(settings).unwrap_err();
            assert_eq!(problems.len(), 1, "{problems:?}");
            assert_eq!(problems[0].field, field);
            let found = problems[0].hint.as_deref().unwrap();
            assert!(found.contains(hint), "{found}");
        }
    }
}
