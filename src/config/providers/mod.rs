//! Each provider's own keys in an `issuers:` entry, and how they become its settings: one file a provider, one line here.

use super::fields_issuer::{AUDIENCES, TEXTS};
use super::kind::{Field, Kind, Preset, Variant};
use super::profile::Settings;
use super::record::Record;
use super::text;
use crate::provider::{BadSetting, Profile, ProviderKind};

/// One value of `provider:`.
pub(super) struct Provider {
    pub variant: Variant,
    /// Keys that make the `iss`, the main one first: mistakes that no key has are shown there.
    pub issuer_keys: &'static [&'static str],
    pub profile: fn(&Settings<'_>) -> Result<Profile, Vec<BadSetting>>,
}

impl Provider {
    /// The first of the issuer's keys that is in the file.
    pub fn main_key(&self, record: &Record) -> &'static str {
        let mut keys = self.issuer_keys.iter();
        keys.find(|key| record.given(key))
            .copied()
            .unwrap_or_default()
    }
}

/// None: `provider` is missing or wrong, which the decoder reports.
pub(super) fn of(record: &Record) -> Option<&'static Provider> {
    let name = record.variant?;
    PROVIDERS
        .iter()
        .copied()
        .find(|provider| provider.variant.name == name)
}

macro_rules! providers {
    ($($file:ident,)+) => {
        $(mod $file;)+
        static PROVIDERS: &[&Provider] = &[$(&$file::PROVIDER,)+];
        pub(super) const VARIANTS: &[&Variant] = &[$(&$file::PROVIDER.variant,)+];
    };
}

// In the order of `ProviderKind`, which a test compares.
providers! {
    oidc,
    cognito,
    auth0,
    entra,
    wso2,
    okta,
    google,
    apple,
    keycloak,
    entra_external_id,
    entra_b2c,
    cloudflare_access,
    google_iap,
    github_actions,
    gitlab_ci,
    firebase,
    kubernetes,
    alb,
    spiffe,
}
