//! The clouds of Entra ID and the versions of its tokens: together they make the issuer.

use crate::provider::{DISCOVERY_PATH, TENANT_PLACEHOLDER};

/// Where a tenant lives ("National clouds" of the Microsoft identity platform). Each is an issuer of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cloud {
    Global,
    UsGovernment,
    /// Operated by 21Vianet.
    China,
}

impl Cloud {
    pub const ALL: [Self; 3] = [Self::Global, Self::UsGovernment, Self::China];

    /// As the configuration has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Global => "global",
            Self::UsGovernment => "us_government",
            Self::China => "china",
        }
    }

    /// Where users sign in and documents are: the issuer of v2.0 tokens too.
    fn login(self) -> &'static str {
        match self {
            Self::Global => "https://login.microsoftonline.com",
            Self::UsGovernment => "https://login.microsoftonline.us",
            Self::China => "https://login.partner.microsoftonline.cn",
        }
    }

    /// The issuer of v1.0 tokens, which two clouds share. China's is that of the Azure China documentation.
    fn token_service(self) -> &'static str {
        match self {
            Self::Global | Self::UsGovernment => "https://sts.windows.net",
            Self::China => "https://sts.chinacloudapi.cn",
        }
    }
}

/// Of the token, not of the application's endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    V1,
    V2,
}

impl Version {
    pub const ALL: [Self; 2] = [Self::V1, Self::V2];

    /// As the claim `ver` and the configuration have it.
    pub fn name(self) -> &'static str {
        match self {
            Self::V1 => "1.0",
            Self::V2 => "2.0",
        }
    }

    /// `iss` of this version's tokens, with the placeholder for the tenant.
    pub(super) fn issuer_template(self, cloud: Cloud) -> String {
        match self {
            Self::V1 => format!("{}/{TENANT_PLACEHOLDER}/", cloud.token_service()),
            Self::V2 => format!("{}/{TENANT_PLACEHOLDER}/v2.0", cloud.login()),
        }
    }

    /// `tenant`: a GUID, or a name such as `common`.
    pub(super) fn discovery_url(self, cloud: Cloud, tenant: &str) -> String {
        let base = format!("{}/{tenant}", cloud.login());
        match self {
            Self::V1 => format!("{base}{DISCOVERY_PATH}"),
            Self::V2 => format!("{base}/v2.0{DISCOVERY_PATH}"),
        }
    }
}
