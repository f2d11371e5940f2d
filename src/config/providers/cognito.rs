//! `provider: cognito`.

use super::{
    BadSetting, Field, Kind, Preset, Profile, Provider, ProviderKind, Settings, TEXTS, Variant,
    text,
};
use crate::provider::cognito;

pub(super) static PROVIDER: Provider = Provider {
    variant: Variant {
        name: ProviderKind::Cognito.name(),
        title: "Amazon Cognito user pool",
        doc: "Both host forms of the pool's issuer; the wanted `token_use`; client ids in `aud` of ID tokens and in `client_id` of access tokens, which have no `aud`.",
        groups: &[&[
            Field::optional(
                "region",
                Kind::Text(&text::ANY),
                "from the pool's id",
                "AWS region of the user pool.",
            ),
            Field::required(
                "user_pool_id",
                Kind::Text(&text::ANY),
                "Id of the user pool, as in `us-east-1_example`.",
            ),
            Field::required(
                "client_ids",
                TEXTS,
                "App clients: `aud` of ID tokens, `client_id` of access tokens.",
            ),
            Field::with_default(
                "token_use",
                Kind::List {
                    of: &Kind::Text(&text::TOKEN_USE),
                    at_least_one: true,
                },
                Preset::Text("id"),
                "Which kinds of token are accepted: `id`, `access`.",
            ),
        ]],
    },
    issuer_keys: &["user_pool_id", "region"],
    profile,
};

fn profile(settings: &Settings<'_>) -> Result<Profile, Vec<BadSetting>> {
    let region = settings.optional("region");
    // Of the region that the entry names: which of the two would be wrong, nobody knows.
    let pool = format!("{}_StandIn", region.as_deref().unwrap_or("us-east-1"));
    cognito::profile(cognito::Settings {
        user_pool_id: settings.text("user_pool_id", &pool),
        region,
        client_ids: settings.list("client_ids", "stand-in"),
        token_use: settings
            .list("token_use", "id")
            .iter()
            .map(|name| match name.as_str() {
                "access" => cognito::TokenUse::Access,
                _ => cognito::TokenUse::Id,
            })
            .collect(),
    })
}
