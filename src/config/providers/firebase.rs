//! `provider: firebase`.

use super::{Field, Kind, Preset, Provider, ProviderKind, Variant, text};
use crate::provider::firebase::{self, Credential};

pub(super) static PROVIDER: Provider = Provider {
    variant: Variant {
        name: ProviderKind::Firebase.name(),
        title: "Firebase Authentication",
        doc: "RS256 only; `aud` is the project and nothing else, `sub` has 1 to 128 characters. Keys are certificates by `kid`. Session cookies where the entry asks for them; custom tokens and the emulator's unsigned ones never.",
        groups: &[&[
            Field::required(
                "project",
                Kind::Text(&text::ANY),
                "The project's id: `aud` of its tokens, and the end of their `iss`.",
            ),
            Field::with_default(
                "credentials",
                Kind::List {
                    of: &Kind::Text(&text::FIREBASE_CREDENTIAL),
                    at_least_one: true,
                },
                Preset::Text("id_token"),
                "What is accepted: `id_token`, `session_cookie`.",
            ),
        ]],
    },
    issuer_keys: &["project", "credentials"],
    profile: |settings| {
        firebase::profile(firebase::Settings {
            project: settings.text("project", "stand-in"),
            credentials: settings
                .optional_list("credentials")
                .iter()
                .map(|name| match name.as_str() {
                    "session_cookie" => Credential::SessionCookie,
                    _ => Credential::IdToken,
                })
                .collect(),
        })
    },
};
