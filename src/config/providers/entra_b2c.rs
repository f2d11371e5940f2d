//! `provider: entra_b2c`.

use super::{AUDIENCES, Field, Kind, Preset, Provider, ProviderKind, TEXTS, Variant, text};
use crate::provider::entra::b2c;

pub(super) static PROVIDER: Provider = Provider {
    variant: Variant {
        name: ProviderKind::EntraB2c.name(),
        title: "Azure AD B2C",
        doc: "The slash at the end of the default issuer, or an issuer for each policy; a discovery document for each policy; `tfp` or `acr` names a listed policy.",
        groups: &[
            &[
                Field::required(
                    "domain",
                    Kind::Text(&text::ANY),
                    "Domain of the issuer, as in `contoso.b2clogin.com`, or a custom domain.",
                ),
                Field::required(
                    "tenant",
                    Kind::Text(&text::ANY),
                    "GUID of the B2C tenant.",
                ),
                Field::optional(
                    "directory",
                    Kind::Text(&text::ANY),
                    "from a domain below `b2clogin.com`",
                    "Name of the directory, as in `contoso.onmicrosoft.com`: the discovery documents are below it.",
                ),
                Field::required(
                    "policies",
                    TEXTS,
                    "Policies (user flows) whose tokens are accepted, as `tfp` has them. The first one's document has the keys, unless each has its issuer.",
                ),
                Field::with_default(
                    "issuer_style",
                    Kind::Text(&text::ISSUER_STYLE),
                    Preset::Text("tenant"),
                    "What the tenant was set to write as `iss`: one for the `tenant` (Azure's default), or one for each `policy` (`tfp`).",
                ),
            ],
            AUDIENCES,
        ],
    },
    issuer_keys: &["domain", "tenant", "directory", "policies", "issuer_style"],
    profile: |settings| {
        b2c::profile(b2c::Settings {
            domain: settings.text("domain", "stand-in.b2clogin.com"),
            tenant: settings.text("tenant", "00000000-0000-0000-0000-000000000000"),
            directory: match settings.is_wrong("directory") {
                true => Some("stand-in.invalid".to_owned()),
                false => settings.optional("directory"),
            },
            policies: settings.list("policies", "stand-in"),
            issuer_style: match settings.optional("issuer_style").as_deref() {
                Some("policy") => b2c::IssuerStyle::Policy,
                _ => b2c::IssuerStyle::Tenant,
            },
        })
    },
};
