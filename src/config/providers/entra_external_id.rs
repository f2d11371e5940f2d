//! `provider: entra_external_id`.

use super::{AUDIENCES, Field, Kind, Provider, ProviderKind, Variant, text};
use crate::provider::entra::external_id;

pub(super) static PROVIDER: Provider = Provider {
    variant: Variant {
        name: ProviderKind::EntraExternalId.name(),
        title: "Microsoft Entra External ID",
        doc: "The issuer has the tenant's GUID as host, the discovery document its name; `tid` and `ver` agree with `iss`.",
        groups: &[
            &[
                Field::required(
                    "tenant",
                    Kind::Text(&text::ANY),
                    "GUID of the external tenant.",
                ),
                Field::required(
                    "domain",
                    Kind::Text(&text::ANY),
                    "Host of the discovery document, as in `contoso.ciamlogin.com`.",
                ),
            ],
            AUDIENCES,
        ],
    },
    issuer_keys: &["tenant", "domain"],
    profile: |settings| {
        external_id::profile(external_id::Settings {
            tenant: settings.text("tenant", "00000000-0000-0000-0000-000000000000"),
            domain: settings.text("domain", "stand-in.invalid"),
        })
    },
};
