//! A cookie goes along with requests that another site's page makes: those may not change anything (CONTRACT, `cross_site`). Pure.

use http::header::{HOST, ORIGIN, UPGRADE};
use http::{HeaderMap, HeaderName, Method};

use crate::proxy::head::source::FoundToken;
use crate::proxy::{TokenSettings, TokenSource};
use crate::verify::Rejection;

/// W3C Fetch Metadata Request Headers §2.3; a page cannot set or change it.
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Refuses an unsafe method or an upgrade whose token came in a cookie, when the browser says that another site made it. Requests that carry neither
/// Sec-Fetch-Site nor Origin come from programs, or from browsers too old to be told apart from them: they pass.
///
/// # Errors
/// [`Rejection::CrossSite`], unless the cookie's source allows it.
pub fn check(
    settings: &TokenSettings,
    found: &FoundToken,
    method: &Method,
    headers: &HeaderMap,
) -> Result<(), Rejection> {
    match settings.sources.get(found.source) {
        Some(TokenSource::Cookie {
            allow_cross_site: false,
            ..
        }) => check_site(method, headers),
        _ => Ok(()),
    }
}

fn check_site(method: &Method, headers: &HeaderMap) -> Result<(), Rejection> {
    let safe = matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS);
    if safe && !headers.contains_key(UPGRADE) {
        return Ok(());
    }
    let mut sites = headers.get_all(SEC_FETCH_SITE).iter().peekable();
    if sites.peek().is_some() {
        let same =
            sites.all(|site| matches!(site.as_bytes(), b"same-origin" | b"same-site" | b"none"));
        return if same {
            Ok(())
        } else {
            Err(Rejection::CrossSite {
                why: "`Sec-Fetch-Site` names another site",
            })
        };
    }
    if headers
        .get_all(ORIGIN)
        .iter()
        .all(|origin| origin.to_str().is_ok_and(|origin| is_own(origin, headers)))
    {
        Ok(())
    } else {
        Err(Rejection::CrossSite {
            why: "`Origin` is not this host",
        })
    }
}

/// Whether `scheme://host:port` is the host that was asked. The scheme is not compared: TLS may have ended before us.
fn is_own(origin: &str, headers: &HeaderMap) -> bool {
    let Some((scheme, authority)) = origin.split_once("://") else {
        return false;
    };
    let default_port = match scheme {
        "https" => ":443",
        "http" => ":80",
        _ => return false,
    };
    let bare = |text: &str| {
        text.strip_suffix(default_port)
            .unwrap_or(text)
            .to_ascii_lowercase()
    };
    headers
        .get(HOST)
        .and_then(|host| host.to_str().ok())
        .is_some_and(|host| bare(host) == bare(authority))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(method: &str, headers: &[(&str, &str)]) -> bool {
        let mut builder = http::Request::builder()
            .method(method)
            .uri("/")
            .header("host", "app.example.com");
        for (name, value) in headers {
            builder = builder.header(*name, *value);
        }
        let (head, ()) = builder.body(()).unwrap().into_parts();
        check_site(&head.method, &head.headers).is_ok()
    }

    #[test]
    fn only_a_cookie_that_does_not_allow_it_minds_the_site() {
        let cookie = |allow_cross_site| TokenSource::Cookie {
            name: "session".to_owned(),
            allow_cross_site,
        };
        let settings = TokenSettings {
            sources: vec![
                cookie(false),
                cookie(true),
                TokenSource::Query {
                    name: "token".to_owned(),
                },
            ],
            forward: false,
            max_bytes: TokenSettings::DEFAULT_MAX_BYTES,
        };
        let headers = HeaderMap::from_iter([(SEC_FETCH_SITE, "cross-site".parse().unwrap())]);
        for (source, passes) in [(0, false), (1, true), (2, true)] {
            let found = FoundToken {
                token: "a.b.c".into(),
                source,
            };
            let checked = check(&settings, &found, &Method::POST, &headers);
            assert_eq!(checked.is_ok(), passes, "source {source}");
        }
    }

    #[test]
    fn another_site_may_read_but_not_write() {
        for method in ["GET", "HEAD", "OPTIONS"] {
            assert!(allowed(
                method,
                &[
                    ("sec-fetch-site", "cross-site"),
                    ("origin", "https://evil.example")
                ]
            ));
        }
        for method in ["POST", "PUT", "PATCH", "DELETE", "MADEUP"] {
            assert!(
                !allowed(method, &[("sec-fetch-site", "cross-site")]),
                "{method}"
            );
            assert!(
                !allowed(method, &[("origin", "https://evil.example")]),
                "{method}"
            );
            assert!(allowed(method, &[]), "{method}");
        }
    }

    #[test]
    fn an_upgrade_is_like_a_write() {
        let upgrade = ("upgrade", "websocket");
        assert!(!allowed(
            "GET",
            &[upgrade, ("origin", "https://evil.example")]
        ));
        assert!(!allowed(
            "GET",
            &[upgrade, ("sec-fetch-site", "cross-site")]
        ));
        assert!(allowed(
            "GET",
            &[upgrade, ("origin", "https://app.example.com")]
        ));
    }

    #[test]
    fn what_the_browser_says_of_the_site_counts_before_the_origin() {
        for (site, expected) in [
            ("same-origin", true),
            ("same-site", true),
            ("none", true),
            ("cross-site", false),
            ("", false),
            ("Same-Origin", false),
            ("new-word", false),
        ] {
            assert_eq!(
                allowed(
                    "POST",
                    &[
                        ("sec-fetch-site", site),
                        ("origin", "https://app.example.com")
                    ]
                ),
                expected,
                "{site}"
            );
        }
        assert!(!allowed(
            "POST",
            &[("sec-fetch-site", "none"), ("sec-fetch-site", "cross-site")]
        ));
    }

    #[test]
    fn an_origin_is_compared_by_host_and_port() {
        for (origin, expected) in [
            ("https://app.example.com", true),
            ("https://APP.example.com:443", true),
            ("http://app.example.com:80", true),
            ("http://app.example.com:443", false),
            ("https://app.example.com:8443", false),
            ("https://app.example.com.evil.example", false),
            ("null", false),
            ("file://app.example.com", false),
        ] {
            assert_eq!(allowed("POST", &[("origin", origin)]), expected, "{origin}");
        }
    }
}
