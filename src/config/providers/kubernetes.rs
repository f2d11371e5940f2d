//! `provider: kubernetes`.

use super::{AUDIENCES, Field, Kind, Provider, ProviderKind, TEXTS, Variant, text};
use crate::provider::kubernetes;

pub(super) static PROVIDER: Provider = Provider {
    variant: Variant {
        name: ProviderKind::Kubernetes.name(),
        title: "Kubernetes service accounts",
        doc: "Projected tokens: `sub` is `system:serviceaccount:{namespace}:{name}`, and `kubernetes.io` tells of the same one. Tokens from secrets, which never expire, are refused. In the cluster: `keys` with `jwks_url`, `ca_file` and `token_file`.",
        groups: &[
            &[
                Field::required(
                    "issuer",
                    Kind::Text(&text::ANY),
                    "The exact `iss` of the cluster's tokens: the API server's `--service-account-issuer`.",
                ),
                Field::optional(
                    "namespaces",
                    TEXTS,
                    "any",
                    "Namespaces of which a service account must be one's.",
                ),
                Field::optional(
                    "service_accounts",
                    TEXTS,
                    "any",
                    "Service accounts that are accepted, as `namespace/name`.",
                ),
            ],
            AUDIENCES,
        ],
    },
    issuer_keys: &["issuer"],
    profile: |settings| {
        kubernetes::profile(kubernetes::Settings {
            issuer: settings.text("issuer", "https://stand-in.invalid"),
            namespaces: settings.optional_list("namespaces"),
            service_accounts: settings.optional_list("service_accounts"),
        })
    },
};
