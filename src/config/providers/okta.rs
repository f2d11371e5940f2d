//! `provider: okta`.

use super::{AUDIENCES, Field, Kind, Provider, ProviderKind, TEXTS, Variant, text};
use crate::provider::okta;

pub(super) static PROVIDER: Provider = Provider {
    variant: Variant {
        name: ProviderKind::Okta.name(),
        title: "Okta",
        doc: "The org, custom and `default` authorization servers, without a slash at the end; access tokens of the org server, which nobody but Okta can validate, are refused; `scp` as a list.",
        groups: &[
            &[
                Field::required(
                    "domain",
                    Kind::Text(&text::ANY),
                    "Domain of the org, or a custom domain; without `https://`.",
                ),
                Field::optional(
                    "authorization_server",
                    Kind::Text(&text::ANY),
                    "the org authorization server",
                    "`default`, or the id after `/oauth2/` in the issuer.",
                ),
                Field::optional(
                    "clients",
                    TEXTS,
                    "any",
                    "Client ids of which access tokens must name one in `cid`: the audience `api://default` is everybody's.",
                ),
            ],
            AUDIENCES,
        ],
    },
    issuer_keys: &["domain", "authorization_server"],
    profile: |settings| {
        okta::profile(okta::Settings {
            domain: settings.text("domain", "stand-in.invalid"),
            authorization_server: match settings.is_wrong("authorization_server") {
                true => Some("stand-in".to_owned()),
                false => settings.optional("authorization_server"),
            },
            clients: settings.optional_list("clients"),
        })
    },
};
