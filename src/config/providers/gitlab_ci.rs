//! `provider: gitlab_ci`.

use super::{AUDIENCES, Field, Kind, Preset, Provider, ProviderKind, TEXTS, Variant, text};
use crate::provider::gitlab_ci;

pub(super) static PROVIDER: Provider = Provider {
    variant: Variant {
        name: ProviderKind::GitlabCi.name(),
        title: "GitLab CI",
        doc: "The address of the instance; at least one condition on the project, since a pipeline chooses its audience itself; flags and numbers as texts; a job has no username.",
        groups: &[
            &[
                Field::with_default(
                    "url",
                    Kind::Text(&text::KEY_URL),
                    Preset::Text(gitlab_ci::DEFAULT_URL),
                    "Address of the instance.",
                ),
                Field::optional(
                    "projects",
                    TEXTS,
                    "",
                    "Full paths of projects, `group/project`. At least one of these five lists; a token meets every one that is given.",
                ),
                Field::optional(
                    "project_ids",
                    TEXTS,
                    "",
                    "Numbers of projects: a path can be given up and taken by somebody else.",
                ),
                Field::optional(
                    "namespaces",
                    TEXTS,
                    "",
                    "Groups or users right above the project, `group/subgroup`.",
                ),
                Field::optional(
                    "namespace_ids",
                    TEXTS,
                    "",
                    "Numbers of namespaces.",
                ),
                Field::optional(
                    "subjects",
                    TEXTS,
                    "",
                    "Whole values of `sub`, as in `project_path:my-group/my-project:ref_type:branch:ref:main`.",
                ),
                Field::with_default(
                    "protected_refs_only",
                    Kind::Bool,
                    Preset::Bool(false),
                    "Only jobs of protected branches and tags.",
                ),
            ],
            AUDIENCES,
        ],
    },
    issuer_keys: &["url"],
    profile: |settings| {
        let list = |key| settings.list(key, "stand-in");
        gitlab_ci::profile(gitlab_ci::Settings {
            url: settings.text("url", gitlab_ci::DEFAULT_URL),
            projects: settings.list("projects", "stand/in"),
            project_ids: list("project_ids"),
            namespaces: list("namespaces"),
            namespace_ids: list("namespace_ids"),
            subjects: list("subjects"),
            protected_refs_only: settings.flag("protected_refs_only"),
        })
    },
};
