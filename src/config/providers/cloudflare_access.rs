//! `provider: cloudflare_access`.

use super::{Field, Kind, Provider, ProviderKind, TEXTS, Variant, text};
use crate::provider::cloudflare_access;

pub(super) static PROVIDER: Provider = Provider {
    variant: Variant {
        name: ProviderKind::CloudflareAccess.name(),
        title: "Cloudflare Access",
        doc: "`type` must be `app`, a session of the team is refused; service tokens, which have no subject, only when they are listed; no opt-out of the audience.",
        groups: &[&[
            Field::required(
                "team",
                Kind::Text(&text::ANY),
                "Name of the team: `{team}.cloudflareaccess.com`.",
            ),
            Field::required(
                "audiences",
                TEXTS,
                "Application audience (AUD) tags, 64 hexadecimal digits each. There is no opt-out: every application of the team has the same issuer.",
            ),
            Field::optional(
                "service_tokens",
                TEXTS,
                "users only",
                "Client ids of service tokens that may come in.",
            ),
        ]],
    },
    issuer_keys: &["team"],
    profile: |settings| {
        cloudflare_access::profile(cloudflare_access::Settings {
            team: settings.text("team", "stand-in"),
            audiences: settings.list("audiences", STAND_IN_TAG),
            service_tokens: settings.optional_list("service_tokens"),
        })
    },
};

const STAND_IN_TAG: &str = "0000000000000000000000000000000000000000000000000000000000000000";
