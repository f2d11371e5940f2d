//! `provider: spiffe`.

use super::{Field, Kind, Provider, ProviderKind, TEXTS, Variant, text};
use crate::provider::spiffe;

pub(super) static PROVIDER: Provider = Provider {
    variant: Variant {
        name: ProviderKind::Spiffe.name(),
        title: "SPIFFE JWT-SVID",
        doc: "RS, ES and PS only, a header of nothing but `alg`, `kid` and `typ`, keys with `use: jwt-svid`. Tokens need no `iss`: the trust domain of `sub` finds the entry, unless `iss` is a configured issuer's.",
        groups: &[&[
            Field::required(
                "trust_domain",
                Kind::Text(&text::ANY),
                "Name of the trust domain, without `spiffe://`. A token whose `iss` is no configured issuer's is found by it.",
            ),
            Field::optional(
                "issuer",
                Kind::Text(&text::ANY),
                "tokens need none",
                "The exact `iss` that tokens must have. They are then found by it alone, and discovery is there.",
            ),
            Field::required(
                "audiences",
                TEXTS,
                "Accepted `aud`, any one of them.",
            ),
            Field::optional(
                "spiffe_ids",
                TEXTS,
                "the whole trust domain",
                "SPIFFE IDs that are accepted; `/*` at the end: everything below.",
            ),
        ]],
    },
    issuer_keys: &["issuer", "trust_domain"],
    profile: |settings| {
        let trust_domain = settings.text("trust_domain", "stand-in.invalid");
        spiffe::profile(spiffe::Settings {
            // Without the domain nobody knows which of them are right.
            spiffe_ids: match settings.is_wrong("trust_domain") {
                true => Vec::new(),
                false => settings.optional_list("spiffe_ids"),
            },
            trust_domain,
            issuer: settings.optional("issuer"),
            audiences: settings.list("audiences", "stand-in"),
        })
    },
};
