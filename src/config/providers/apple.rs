//! `provider: apple`.

use super::{AUDIENCES, Provider, ProviderKind, Variant};
use crate::provider::apple;

pub(super) static PROVIDER: Provider = Provider {
    variant: Variant {
        name: ProviderKind::Apple.name(),
        title: "Sign in with Apple",
        doc: "`email_verified` as a text or a boolean.",
        groups: &[AUDIENCES],
    },
    issuer_keys: &[],
    profile: |_| apple::profile(),
};
