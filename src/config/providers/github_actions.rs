//! `provider: github_actions`.

use super::{AUDIENCES, Field, Kind, Preset, Provider, ProviderKind, TEXTS, Variant, text};
use crate::provider::github_actions;

pub(super) static PROVIDER: Provider = Provider {
    variant: Variant {
        name: ProviderKind::GithubActions.name(),
        title: "GitHub Actions",
        doc: "github.com, an enterprise's slug, data residency, Enterprise Server; at least one condition on the repository, since a workflow chooses its audience itself; a run has no username.",
        groups: &[
            &[
                Field::with_default(
                    "host",
                    Kind::Text(&text::ANY),
                    Preset::Text(github_actions::DEFAULT_HOST),
                    "`github.com`, `{subdomain}.ghe.com`, or the host of an Enterprise Server.",
                ),
                Field::optional(
                    "enterprise",
                    Kind::Text(&text::ANY),
                    "none",
                    "Slug in the issuer of an enterprise that has turned that on.",
                ),
                Field::optional(
                    "repositories",
                    TEXTS,
                    "",
                    "Full names of repositories, `owner/name`. At least one of these five lists; a token meets every one that is given.",
                ),
                Field::optional(
                    "repository_ids",
                    TEXTS,
                    "",
                    "Numbers of repositories: a name can be given up and taken by somebody else.",
                ),
                Field::optional(
                    "owners",
                    TEXTS,
                    "",
                    "Organizations or users that own the repository.",
                ),
                Field::optional(
                    "owner_ids",
                    TEXTS,
                    "",
                    "Numbers of owners.",
                ),
                Field::optional(
                    "subjects",
                    TEXTS,
                    "",
                    "Whole values of `sub`, as in `repo:octo-org/octo-repo:ref:refs/heads/main`.",
                ),
            ],
            AUDIENCES,
        ],
    },
    issuer_keys: &["host", "enterprise"],
    profile: |settings| {
        let list = |key| settings.list(key, "stand-in");
        github_actions::profile(github_actions::Settings {
            host: settings.text("host", github_actions::DEFAULT_HOST),
            enterprise: settings.optional("enterprise"),
            repositories: settings.list("repositories", "stand/in"),
            repository_ids: list("repository_ids"),
            owners: list("owners"),
            owner_ids: list("owner_ids"),
            subjects: list("subjects"),
        })
    },
};
