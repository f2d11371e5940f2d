//! `provider: oidc`.

use super::{AUDIENCES, Field, Kind, Provider, ProviderKind, Variant, text};
use crate::provider::oidc;

pub(super) static PROVIDER: Provider = Provider {
    variant: Variant {
        name: ProviderKind::Oidc.name(),
        title: "Any OpenID provider",
        doc: "Nothing beyond the registered claims.",
        groups: &[
            &[Field::required(
                "issuer",
                Kind::Text(&text::ANY),
                "The exact `iss`, byte for byte. Need not be a URL when the keys do not come from discovery.",
            )],
            AUDIENCES,
        ],
    },
    issuer_keys: &["issuer"],
    profile: |settings| {
        oidc::profile(oidc::Settings {
            issuer: settings.text("issuer", "https://stand-in.invalid"),
        })
    },
};
