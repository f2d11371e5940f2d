//! Token sources and headers for the tests of those who look for tokens and of those who take them out.

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue};

use crate::proxy::{TokenSettings, TokenSource};

pub(in crate::proxy) fn settings(sources: Vec<TokenSource>) -> TokenSettings {
    TokenSettings {
        sources,
        forward: false,
        max_bytes: TokenSettings::DEFAULT_MAX_BYTES,
    }
}

pub(in crate::proxy) fn bearer() -> TokenSource {
    TokenSource::Header {
        name: AUTHORIZATION,
        scheme: Some("Bearer".to_owned()),
    }
}

pub(in crate::proxy) fn cookie() -> TokenSource {
    TokenSource::Cookie {
        name: "id_token".to_owned(),
        allow_cross_site: false,
    }
}

pub(in crate::proxy) fn query() -> TokenSource {
    TokenSource::Query {
        name: "access_token".to_owned(),
    }
}

pub(in crate::proxy) fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in lines {
        map.append(*name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    map
}
