//! `provider: alb`.

use super::{Field, Kind, Provider, ProviderKind, TEXTS, Variant, text};
use crate::provider::alb;

const SOME_LOAD_BALANCER: &str =
    "arn:aws:elasticloadbalancing:us-east-1:000000000000:loadbalancer/app/stand-in/0";

pub(super) static PROVIDER: Provider = Provider {
    variant: Variant {
        name: ProviderKind::Alb.name(),
        title: "AWS Application Load Balancer",
        doc: "`x-amzn-oidc-data`: ES256 only, `signer` and `client` of the protected header must be the configured ones, an `exp` there counts too. Keys are fetched one by one, as tokens name them. Padded base64url is accepted from this provider alone.",
        groups: &[&[
            Field::required(
                "issuer",
                Kind::Text(&text::ANY),
                "The exact `iss`: the identity provider's, as the listener's rule has it.",
            ),
            Field::required(
                "signer",
                Kind::Either {
                    scalar: &Kind::Text(&text::ANY),
                    long: &TEXTS,
                },
                "ARN of the load balancer, or a list; all in one region.",
            ),
            Field::required(
                "client_ids",
                TEXTS,
                "Client ids of the listener's rules: `client` of the token's header.",
            ),
        ]],
    },
    issuer_keys: &["signer", "issuer"],
    profile: |settings| {
        alb::profile(alb::Settings {
            issuer: settings.text("issuer", "https://stand-in.invalid"),
            signers: settings.list("signer", SOME_LOAD_BALANCER),
            client_ids: settings.list("client_ids", "stand-in"),
        })
    },
};
