//! `provider: google`.

use super::{AUDIENCES, Field, Provider, ProviderKind, TEXTS, Variant};
use crate::provider::google;

pub(super) static PROVIDER: Provider = Provider {
    variant: Variant {
        name: ProviderKind::Google.name(),
        title: "Google accounts",
        doc: "Both spellings of the issuer; `hd` when Workspace domains are configured.",
        groups: &[
            &[
                Field::optional(
                    "hosted_domains",
                    TEXTS,
                    "any Google account",
                    "Workspace domains of which `hd` must name one. The domain of an address says nothing: anyone can open an account with it.",
                ),
            ],
            AUDIENCES,
        ],
    },
    issuer_keys: &[],
    profile: |settings| {
        google::profile(google::Settings {
            hosted_domains: settings.optional_list("hosted_domains"),
        })
    },
};
