//! The table of providers. A new one is a file here with its settings, its profile and its rule; a file beside `config`'s `providers/mod.rs`
//! with the keys that become those settings; a line in both tables; and `config/{name}.yaml`, from which its documentation comes.

/// One line a provider: its variant and its name.
macro_rules! providers {
    ($($kind:ident = $name:literal,)+) => {
        /// The name under `provider:`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum ProviderKind {
            $($kind,)+
        }

        impl ProviderKind {
            /// Every name, in the order of the table.
            pub const NAMES: &[&str] = &[$($name,)+];

            /// As the configuration has it, and the default name of an issuer.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$kind => $name,)+
                }
            }
        }
    };
}

providers! {
    Oidc = "oidc",
    Cognito = "cognito",
    Auth0 = "auth0",
    Entra = "entra",
    Wso2 = "wso2",
    Okta = "okta",
    Google = "google",
    Apple = "apple",
    Keycloak = "keycloak",
    EntraExternalId = "entra_external_id",
    EntraB2c = "entra_b2c",
    CloudflareAccess = "cloudflare_access",
    GoogleIap = "google_iap",
    GithubActions = "github_actions",
    GitlabCi = "gitlab_ci",
    Firebase = "firebase",
    Kubernetes = "kubernetes",
    Alb = "alb",
    Spiffe = "spiffe",
}
