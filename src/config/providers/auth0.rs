//! `provider: auth0`.

use super::{AUDIENCES, Field, Kind, Provider, ProviderKind, TEXTS, Variant, text};
use crate::provider::auth0;

pub(super) static PROVIDER: Provider = Provider {
    variant: Variant {
        name: ProviderKind::Auth0.name(),
        title: "Auth0",
        doc: "The slash at the end of the issuer, custom domains, `org_id` or `org_name` when an organization is configured; never HS256 without a secret of yours.",
        groups: &[
            &[
                Field::required(
                    "domain",
                    Kind::Either {
                        scalar: &Kind::Text(&text::ANY),
                        long: &TEXTS,
                    },
                    "The tenant's domain, or a list with its custom domains; without `https://`.",
                ),
                Field::optional(
                    "organization",
                    Kind::Text(&text::ANY),
                    "any",
                    "`org_id` (or `org_name`) that tokens must carry.",
                ),
            ],
            AUDIENCES,
        ],
    },
    issuer_keys: &["domain"],
    profile: |settings| {
        auth0::profile(auth0::Settings {
            domains: settings.list("domain", "stand-in.invalid"),
            organization: settings.optional("organization"),
        })
    },
};
