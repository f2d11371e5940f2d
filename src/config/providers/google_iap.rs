//! `provider: google_iap`.

use super::{Field, Provider, ProviderKind, TEXTS, Variant};
use crate::provider::google_iap;

pub(super) static PROVIDER: Provider = Provider {
    variant: Variant {
        name: ProviderKind::GoogleIap.name(),
        title: "Google Cloud Identity-Aware Proxy",
        doc: "ES256 only; audiences are paths below the project's number, without an opt-out: the issuer is that of every project in the world.",
        groups: &[&[
            Field::required(
                "audiences",
                TEXTS,
                "`/projects/{number}/apps/{project id}` or `/projects/{number}/global/backendServices/{service id}`. There is no opt-out.",
            ),
        ]],
    },
    issuer_keys: &[],
    profile: |settings| {
        google_iap::profile(google_iap::Settings {
            audiences: settings.list("audiences", "/projects/0/apps/stand-in"),
        })
    },
};
