//! `provider: keycloak`.

use super::{AUDIENCES, Field, Kind, Provider, ProviderKind, TEXTS, Variant, text};
use crate::provider::keycloak;

pub(super) static PROVIDER: Provider = Provider {
    variant: Variant {
        name: ProviderKind::Keycloak.name(),
        title: "Keycloak",
        doc: "The realm below the URL; `azp` against `clients`, which may stand for `audiences`; refresh tokens and others that the claim `typ` tells are refused; encryption keys in the key set are skipped; roles of the realm or of one client.",
        groups: &[
            &[
                Field::required(
                    "url",
                    Kind::Text(&text::KEY_URL),
                    "Address of the server as clients see it, with the path before `/realms`, as in `https://sso.example.com`.",
                ),
                Field::required(
                    "realm",
                    Kind::Text(&text::ANY),
                    "Name of the realm.",
                ),
                Field::optional(
                    "clients",
                    TEXTS,
                    "any",
                    "Clients of which `azp` must name one. With them `audiences` may be left out.",
                ),
                Field::optional(
                    "role_client",
                    Kind::Text(&text::ANY),
                    "roles of the realm",
                    "The client whose `resource_access` roles are the roles.",
                ),
            ],
            AUDIENCES,
        ],
    },
    issuer_keys: &["url", "realm"],
    profile: |settings| {
        keycloak::profile(keycloak::Settings {
            url: settings.text("url", "https://stand-in.invalid"),
            realm: settings.text("realm", "stand-in"),
            clients: settings.list("clients", "stand-in"),
            role_client: settings.optional("role_client"),
        })
    },
};
