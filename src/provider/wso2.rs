//! WSO2 Identity Server and Asgardeo.
//!
//! The issuer is the address of the token endpoint: `{url}/oauth2/token`, for a tenant `{url}/t/{tenant}/oauth2/token` (WSO2 docs, "Discover
//! OpenID Connect endpoints"). A server whose "Identity Provider Entity Id" is set to something else is `provider: oidc` with that issuer and
//! `keys.jwks_url`.

use super::{
    BadSetting, ClaimNames, IssuerForm, IssuerPattern, KeyDocument, Profile, ProviderKind, address,
    claim_path, top_level,
};
use crate::jose::algorithm::{Algorithm, AlgorithmSet};

/// What an entry says.
pub struct Settings {
    /// `https://is.example.com:9443`, with or without a trailing slash; a path is kept.
    pub url: String,
    /// The tenant's domain or the Asgardeo organization. Absent: the super tenant.
    pub tenant: Option<String>,
}

/// RS256 unless told otherwise, PS256 for open banking (FAPI).
const ALGORITHMS: [Algorithm; 2] = [Algorithm::Rs256, Algorithm::Ps256];

/// Keys from the JWKS at `{url}/oauth2/jwks` (`/t/{tenant}/oauth2/jwks`), not by discovery: the path of the discovery document differs
/// between versions, and the one of a server behind another name tells the wrong host. `keys.discovery_url` asks for it.
pub fn profile(settings: Settings) -> Result<Profile, Vec<BadSetting>> {
    let problems: Vec<_> = [check_url(&settings.url), check_tenant(&settings)]
        .into_iter()
        .flatten()
        .collect();
    if !problems.is_empty() {
        return Err(problems);
    }
    let url = settings.url.trim_end_matches('/');
    let base = match &settings.tenant {
        Some(tenant) => format!("{url}/t/{tenant}/oauth2"),
        None => format!("{url}/oauth2"),
    };
    let form = IssuerForm {
        pattern: IssuerPattern::Exact(format!("{base}/token")),
        keys: KeyDocument::Jwks {
            url: format!("{base}/jwks"),
        },
    };
    Ok(Profile {
        algorithms: AlgorithmSet::of(&ALGORITHMS),
        claims: claim_names(),
        ..Profile::standard(ProviderKind::Wso2, vec![form])
    })
}

fn check_url(url: &str) -> Option<BadSetting> {
    let problem = |message: String, hint: &str| Some(BadSetting::new("url", message, hint));
    let rest = match address::after_scheme("url", url, "https://is.example.com:9443") {
        Ok(rest) => rest,
        Err(bad) => return Some(bad),
    };
    if let Some((base, _)) = rest.split_once("/oauth2") {
        let base = base.split_once("/t/").map_or(base, |(host, _)| host);
        return problem(
            format!("`{url}` is an endpoint, not the base address"),
            &format!("write what comes before it (`https://{base}`), and a tenant under `tenant`"),
        );
    }
    if rest.contains("/t/") {
        return problem(
            format!("`{url}` names a tenant"),
            "write the tenant under `tenant`",
        );
    }
    None
}

fn check_tenant(settings: &Settings) -> Option<BadSetting> {
    let tenant = settings.tenant.as_deref()?;
    (!address::is_segment(tenant)).then(|| {
        BadSetting::new(
            "tenant",
            format!("`{tenant}` is not a tenant"),
            "write the tenant's domain, such as `example.com`, or leave the key out for the super tenant",
        )
    })
}

/// * username: `username` only. `preferred_username` is commonly the display name (`http://wso2.org/claims/displayName`), which users
///   write themselves, and `sub` is in `X-Auth-Subject` already.
/// * roles: `roles`, then the older `http://wso2.org/claims/role`.
/// * tenant: the organization (`org_id`, version 7), then `realm.tenant` (version 5).
fn claim_names() -> ClaimNames {
    ClaimNames {
        username: top_level(&["username"]),
        roles: top_level(&["roles", "http://wso2.org/claims/role"]),
        tenant: vec![claim_path(&["org_id"]), claim_path(&["realm", "tenant"])],
        ..ClaimNames::standard()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jose::json::Json;
    use crate::provider::testing::{claims, judge};
    use crate::provider::{Refusal, first_claim};

    /// An ID token of version 5.8: `aud` a string, the tenant under `realm`, escaped slashes.
    const TOKEN: &str = r#"{"at_hash":"k0otYoE_8omVNwwdBBablw","aud":"5GxhmSL89OVpWef4wzioRs1aDYIa","sub":"admin","nbf":1554477413,
        "azp":"5GxhmSL89OVpWef4wzioRs1aDYIa","amr":["BasicAuthenticator"],"iss":"https:\/\/localhost:9443\/oauth2\/token",
        "realm":{"userstore":"PRIMARY","tenant":"carbon.super"},"exp":1554481013,"iat":1554477413,
        "username":"ann","preferred_username":"admin","http:\/\/wso2.org\/claims\/role":["Internal\/everyone"]}"#;

    fn of(url: &str, tenant: Option<&str>) -> Result<Profile, Vec<BadSetting>> {
        profile(Settings {
            url: url.to_owned(),
            tenant: tenant.map(str::to_owned),
        })
    }

    #[test]
    fn the_issuer_is_the_token_endpoint_and_the_keys_are_beside_it() {
        for (url, tenant, base) in [
            (
                "https://is.example.com:9443",
                None,
                "https://is.example.com:9443/oauth2",
            ),
            (
                "https://is.example.com:9443//",
                None,
                "https://is.example.com:9443/oauth2",
            ),
            (
                "https://example.com/sso/",
                None,
                "https://example.com/sso/oauth2",
            ),
            (
                "https://api.asgardeo.io",
                Some("acme"),
                "https://api.asgardeo.io/t/acme/oauth2",
            ),
            (
                "https://is.example.com",
                Some("example.com"),
                "https://is.example.com/t/example.com/oauth2",
            ),
        ] {
            let profile = of(url, tenant).unwrap();
            assert_eq!(profile.form(&format!("{base}/token")), Some(0));
            let url = format!("{base}/jwks");
            assert_eq!(profile.forms[0].keys, KeyDocument::Jwks { url });
        }
    }

    #[test]
    fn a_tenant_is_another_issuer() {
        let profile = of("https://is.example.com", Some("a.example")).unwrap();
        for iss in [
            "https://is.example.com/oauth2/token",
            "https://is.example.com/t/b.example/oauth2/token",
            "https://is.example.com/t/a.example/oauth2/oidcdiscovery",
        ] {
            assert_eq!(profile.form(iss), None);
        }
    }

    #[test]
    fn what_is_no_base_address_is_refused_with_a_hint_and_without_its_password() {
        for url in [
            "is.example.com",
            "https://",
            "https:///oauth2",
            "https://:9443",
            "ftp://is.example.com",
            "https://is.example.com?x",
            "https://is.example.com#x",
            "https://is.example.com /",
            "https://is.example.com:9443/oauth2/token",
            "https://api.asgardeo.io/t/acme",
            "",
        ] {
            let problems = of(url, None).unwrap_err();
            assert_eq!(problems.len(), 1, "{url}");
            assert_eq!(problems[0].field, "url");
            assert!(problems[0].hint.is_some());
        }
        let problem = of("https://admin:hunter2@is.example.com", None)
            .unwrap_err()
            .remove(0);
        assert!(!format!("{problem:?}").contains("hunter2"));
        let problem = of("https://h:9443/t/acme/oauth2/token", None)
            .unwrap_err()
            .remove(0);
        assert!(problem.hint.unwrap().contains("`https://h:9443`"));
    }

    #[test]
    fn a_tenant_with_a_path_in_it_is_refused() {
        for tenant in ["", "a/b", "../x", "a b", "a?b", "a%2fb", "é"] {
            let problems = of("https://is.example.com", Some(tenant)).unwrap_err();
            assert_eq!(problems[0].field, "tenant");
        }
    }

    #[test]
    fn a_token_of_the_server_is_accepted_and_its_names_found() {
        let profile = of("https://localhost:9443", None).unwrap();
        assert!(
            judge(&profile, Some(&["5GxhmSL89OVpWef4wzioRs1aDYIa"]), TOKEN)
                .unwrap()
                .is_ok()
        );
        let foreign = judge(&profile, Some(&["another"]), TOKEN).unwrap();
        assert!(matches!(foreign, Err(Refusal::AudienceMismatch { .. })));
        let claims = claims(TOKEN);
        let found = |names| first_claim(&claims, names);
        assert_eq!(
            found(&profile.claims.tenant).and_then(Json::as_str),
            Some("carbon.super")
        );
        assert_eq!(
            found(&profile.claims.username).and_then(Json::as_str),
            Some("ann")
        );
        assert!(found(&profile.claims.roles).is_some());
    }
}
