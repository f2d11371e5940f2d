//! A bearer token in a file, for an issuer that shows its keys only to whom it knows (Kubernetes' API server).
//!
//! Whoever answers at the configured address may see it. A discovery document may name any other host for the key set, and whoever
//! writes the document would choose who gets the token: it goes there only when the operator names that origin too.

use std::path::PathBuf;

use http::HeaderValue;

use super::FetchResult;
use super::fetch::{FetchError, FetchLimits, FetchSettings};
use super::read::read_file;
use super::url::KeyUrl;

/// Longest token that is sent, in bytes: a Kubernetes token has about 1 KiB.
const MAX_TOKEN_BYTES: usize = 16 * 1024;

/// Where the token is, and who may see it besides the origin of the configured address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenFile {
    pub path: PathBuf,
    /// Of each, scheme, host and port count.
    pub origins: Vec<KeyUrl>,
}

impl FetchSettings {
    /// Whether the token of `token_file` goes to `url`, to which the `configured` address has led.
    pub(super) fn shows_token_to(&self, url: &KeyUrl, configured: &KeyUrl) -> bool {
        self.token_file.as_ref().is_some_and(|token| {
            self.keeps_secrets(url)
                && (url.same_origin(configured)
                    || token.origins.iter().any(|origin| url.same_origin(origin)))
        })
    }

    /// Nobody on the way to `url` can read along, not even a proxy.
    pub fn keeps_secrets(&self, url: &KeyUrl) -> bool {
        url.is_https() || (url.is_loopback() && self.proxy.is_none())
    }

    /// The `Authorization` of a request for `url`. The file is read for each, because its token is replaced before it expires.
    pub(super) async fn authorization(
        &self,
        url: &KeyUrl,
        configured: &KeyUrl,
        limits: FetchLimits,
    ) -> Result<Option<HeaderValue>, FetchError> {
        match &self.token_file {
            Some(token) if self.shows_token_to(url, configured) => {
                bearer(token.path.clone(), limits).await.map(Some)
            }
            _ => Ok(None),
        }
    }
}

/// `Bearer` and the token of the file (RFC 6750 §2.1), without the newline that ends the file.
async fn bearer(path: PathBuf, limits: FetchLimits) -> Result<HeaderValue, FetchError> {
    let place = path.display().to_string();
    let document = read_file(path, limits).await?;
    let unusable = || {
        let text = format!(
            "`{place}` does not hold a bearer token\nhint: `token_file` is one token and nothing else"
        );
        FetchError::new(FetchResult::Unreadable, text)
    };
    let token = token_in(&document).ok_or_else(unusable)?;
    let mut value =
        HeaderValue::from_bytes(&[b"Bearer ", token].concat()).map_err(|_| unusable())?;
    value.set_sensitive(true);
    Ok(value)
}

/// The one token that a file holds (RFC 6750 §2.1).
pub fn token_in(document: &[u8]) -> Option<&[u8]> {
    let token = document.trim_ascii_end();
    let is_token = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(byte);
    ((1..=MAX_TOKEN_BYTES).contains(&token.len()) && token.iter().all(is_token)).then_some(token)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::testing::{TestFile, settings};

    fn url(text: &str) -> KeyUrl {
        KeyUrl::parse(text, true).unwrap()
    }

    fn with_token(origins: &[&str]) -> FetchSettings {
        FetchSettings {
            token_file: Some(TokenFile {
                path: "/nowhere/token".into(),
                origins: origins.iter().map(|origin| url(origin)).collect(),
            }),
            ..settings()
        }
    }

    #[test]
    fn k01_a_token_goes_to_the_configured_origin_and_to_those_that_are_named() {
        let configured = url("https://kubernetes.default.svc/.well-known/openid-configuration");
        let alone = with_token(&[]);
        let named = with_token(&["https://192.168.10.4", "https://10.0.0.1:6443"]);
        for (to, without, with) in [
            ("https://kubernetes.default.svc/openid/v1/jwks", true, true),
            (
                "https://KUBERNETES.default.svc:443/openid/v1/jwks",
                true,
                true,
            ),
            ("https://192.168.10.4:443/openid/v1/jwks", false, true),
            ("https://10.0.0.1:6443/openid/v1/jwks", false, true),
            ("https://10.0.0.1/openid/v1/jwks", false, false),
            (
                "https://kubernetes.default.svc:8443/openid/v1/jwks",
                false,
                false,
            ),
            (
                "https://kubernetes.default.svc.evil.example/jwks",
                false,
                false,
            ),
            (
                "https://evil.example/jwks?https://kubernetes.default.svc",
                false,
                false,
            ),
            ("http://kubernetes.default.svc/openid/v1/jwks", false, false),
            ("http://192.168.10.4:443/openid/v1/jwks", false, false),
            ("http://127.0.0.1/openid/v1/jwks", false, false),
        ] {
            assert_eq!(alone.shows_token_to(&url(to), &configured), without, "{to}");
            assert_eq!(named.shows_token_to(&url(to), &configured), with, "{to}");
        }
        assert!(!settings().shows_token_to(&configured, &configured));
    }

    #[test]
    fn a_token_never_goes_where_others_can_read_it() {
        let loopback = url("http://127.0.0.1:8001/jwks");
        let plain = url("http://id.internal/jwks");
        let direct = with_token(&["http://id.internal"]);
        assert!(direct.shows_token_to(&loopback, &loopback));
        assert!(!direct.shows_token_to(&plain, &plain));
        let through_a_proxy = FetchSettings {
            proxy: Some("http://egress:3128".parse().unwrap()),
            ..with_token(&[])
        };
        assert!(!through_a_proxy.shows_token_to(&loopback, &loopback));
        let https = url("https://id.internal/jwks");
        assert!(through_a_proxy.shows_token_to(&https, &https));
    }

    #[tokio::test]
    async fn what_is_no_token_is_refused_without_showing_it() {
        let file = TestFile::new("no-token");
        let long = "s".repeat(MAX_TOKEN_BYTES + 1);
        for (content, good) in [
            ("eyJh.eyJi.c2Vj-cmV0_", true),
            ("eyJh.eyJi.c2VjcmV0\n", true),
            ("eyJh.eyJi.c2VjcmV0\r\n", true),
            ("", false),
            ("\n", false),
            ("secret secret", false),
            ("secret\nsecret", false),
            ("secret\r\nX-Other: secret", false),
            ("\u{fe0f}secret", false),
            (long.as_str(), false),
        ] {
            file.write(content);
            match bearer(file.0.clone(), FetchLimits::default()).await {
                Ok(value) => {
                    assert!(good, "{content:?}");
                    assert_eq!(
                        value.as_bytes(),
                        format!("Bearer {}", content.trim()).as_bytes()
                    );
                    assert!(!format!("{value:?}").contains("eyJ"));
                }
                Err(error) => {
                    assert!(!good, "{content:?}: {error}");
                    assert_eq!(error.result, FetchResult::Unreadable);
                    assert!(!error.text.contains("secret"), "{error}");
                    assert!(error.text.contains("token_file"), "{error}");
                }
            }
        }
    }
}
