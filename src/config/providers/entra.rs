//! `provider: entra`.

use super::{
    AUDIENCES, BadSetting, Field, Kind, Preset, Profile, Provider, ProviderKind, Settings, Variant,
    text,
};
use crate::provider::entra;

pub(super) static PROVIDER: Provider = Provider {
    variant: Variant {
        name: ProviderKind::Entra.name(),
        title: "Microsoft Entra ID",
        doc: "v1.0 and v2.0 of a tenant, `common`, `organizations`, `consumers`, in three clouds; `tid` and `ver` agree with `iss`; the key's own issuer; `api://` and `spn:` audiences; groups that were left out; keys that vanish for hours and come back.",
        groups: &[
            &[
                Field::required(
                    "tenant",
                    Kind::Text(&text::ANY),
                    "The tenant's GUID; or `common`, `organizations`, `consumers`.",
                ),
                Field::with_default(
                    "cloud",
                    Kind::Text(&text::CLOUD),
                    Preset::Text("global"),
                    "Where the tenant lives: each cloud is an issuer of its own.",
                ),
                Field::with_default(
                    "allowed_tenants",
                    Kind::List {
                        of: &Kind::Text(&text::ANY),
                        at_least_one: false,
                    },
                    Preset::Nothing,
                    "GUIDs of accepted tenants, for `common` and `organizations`.",
                ),
                Field::with_default(
                    "any_tenant",
                    Kind::Bool,
                    Preset::Bool(false),
                    "Accept every Microsoft tenant: whoever can open one can sign in.",
                ),
                Field::optional(
                    "versions",
                    Kind::List {
                        of: &Kind::Text(&text::VERSION),
                        at_least_one: true,
                    },
                    "both",
                    "Token versions that are accepted: `\"1.0\"`, `\"2.0\"`.",
                ),
                Field::with_default(
                    "groups_overage",
                    Kind::Text(&text::GROUPS_OVERAGE),
                    Preset::Text("flag"),
                    "When the groups were left out of the token: `flag` it in `X-Auth-Groups-Overage`, or `deny`.",
                ),
            ],
            AUDIENCES,
        ],
    },
    issuer_keys: &["tenant", "versions", "cloud"],
    profile,
};

fn profile(settings: &Settings<'_>) -> Result<Profile, Vec<BadSetting>> {
    const SOME_TENANT: &str = "00000000-0000-0000-0000-000000000000";
    let any_tenant = settings.flag("any_tenant");
    let others = any_tenant || settings.given("allowed_tenants");
    let tenant = settings.text("tenant", if others { "common" } else { SOME_TENANT });
    let multi = matches!(tenant.as_str(), "common" | "organizations");
    let allowed_tenants = match multi && !any_tenant {
        true => settings.list("allowed_tenants", SOME_TENANT),
        false => settings.optional_list("allowed_tenants"),
    };
    let cloud = settings.optional("cloud");
    let named = |known: &entra::Cloud| cloud.as_deref() == Some(known.name());
    entra::profile(entra::Settings {
        cloud: entra::Cloud::ALL
            .into_iter()
            .find(named)
            .unwrap_or(entra::Cloud::Global),
        tenant,
        allowed_tenants,
        any_tenant,
        versions: settings
            .optional_list("versions")
            .iter()
            .map(|name| match name.as_str() {
                "1.0" => entra::Version::V1,
                _ => entra::Version::V2,
            })
            .collect(),
        groups_overage: match settings.optional("groups_overage").as_deref() {
            Some("flag") => entra::GroupsOverage::Flag,
            _ => entra::GroupsOverage::Deny,
        },
    })
}
