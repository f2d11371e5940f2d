//! `provider: wso2`.

use super::{AUDIENCES, Field, Kind, Provider, ProviderKind, Variant, text};
use crate::provider::wso2;

pub(super) static PROVIDER: Provider = Provider {
    variant: Variant {
        name: ProviderKind::Wso2.name(),
        title: "WSO2 Identity Server, Asgardeo",
        doc: "The issuer is the token endpoint; keys beside it; tenants; keys that every installation ships with are skipped.",
        groups: &[
            &[
                Field::required(
                    "url",
                    Kind::Text(&text::KEY_URL),
                    "Base URL of the server, as in `https://is.example.com:9443`.",
                ),
                Field::optional(
                    "tenant",
                    Kind::Text(&text::ANY),
                    "the super tenant",
                    "Tenant (`/t/{tenant}`) or Asgardeo organization.",
                ),
            ],
            AUDIENCES,
        ],
    },
    issuer_keys: &["url", "tenant"],
    profile: |settings| {
        wso2::profile(wso2::Settings {
            url: settings.text("url", "https://stand-in.invalid"),
            tenant: settings.optional("tenant"),
        })
    },
};
