//! Where the token of a request is: none, one, or too many. Pure; also used by `explain`. And how it is taken out before forwarding:
//! a token that was not verified never reaches the application.

use http::header::{AUTHORIZATION, COOKIE};
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue};

use super::{TokenSettings, TokenSource};
use crate::verify::Rejection;

/// A token's bytes and which configured source they came from.
#[derive(Clone, PartialEq, Eq)]
pub struct FoundToken {
    pub token: String,
    pub source: usize,
}

impl std::fmt::Debug for FoundToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FoundToken")
            .field("token", &format_args!("{} bytes", self.token.len()))
            .field("source", &self.source)
            .finish()
    }
}

/// Finds the one token. Two Authorization lines, or tokens in two sources: `AmbiguousToken`.
pub fn find(
    settings: &TokenSettings,
    headers: &HeaderMap,
    query: Option<&str>,
) -> Result<Option<FoundToken>, Rejection> {
    let mut found: Option<FoundToken> = None;
    for (index, source) in settings.sources.iter().enumerate() {
        let token = match source {
            TokenSource::Header { name, scheme } => in_header(headers, name, scheme.as_deref())?,
            TokenSource::Cookie { name, .. } => in_cookies(headers, name)?,
            TokenSource::Query { name } => in_query(query, name)?,
        };
        let Some(token) = token else { continue };
        if found.is_some() {
            return Err(ambiguous("tokens in more than one place"));
        }
        found = Some(FoundToken {
            token: token.to_owned(),
            source: index,
        });
    }
    Ok(found)
}

/// Takes every credential out: Bearer lines of Authorization, and what every configured source names. `keep`, the verified token when it is to be
/// forwarded, stays where it was.
pub(super) fn strip(
    settings: &TokenSettings,
    headers: &mut HeaderMap,
    path_and_query: &mut PathAndQuery,
    keep: Option<&FoundToken>,
) {
    strip_lines(headers, &AUTHORIZATION, |line| bears(line, "bearer"));
    for (index, source) in settings.sources.iter().enumerate() {
        let kept = keep.filter(|found| found.source == index);
        match source {
            TokenSource::Header { name, scheme } => {
                strip_lines(headers, name, |line| {
                    scheme.as_deref().is_none_or(|s| bears(line, s))
                });
                if let Some(found) = kept {
                    put_line(headers, name, scheme.as_deref(), &found.token);
                }
            }
            TokenSource::Cookie { name, .. } if kept.is_none() => strip_cookie(headers, name),
            TokenSource::Query { name } if kept.is_none() => strip_parameter(path_and_query, name),
            TokenSource::Cookie { .. } | TokenSource::Query { .. } => {}
        }
    }
}

fn ambiguous(what: impl Into<String>) -> Rejection {
    Rejection::AmbiguousToken { what: what.into() }
}

fn malformed(what: impl Into<String>) -> Rejection {
    Rejection::MalformedToken { what: what.into() }
}

fn in_header<'h>(
    headers: &'h HeaderMap,
    name: &HeaderName,
    scheme: Option<&str>,
) -> Result<Option<&'h str>, Rejection> {
    let mut lines = headers.get_all(name).iter();
    let line = match (lines.next(), lines.next()) {
        (None, _) => return Ok(None),
        (Some(line), None) => line,
        (Some(_), Some(_)) => return Err(ambiguous(format!("more than one `{name}` header"))),
    };
    let Some(scheme) = scheme else {
        let text = line
            .to_str()
            .map_err(|_| malformed(format!("the header `{name}` is not ASCII")))?;
        return Ok(Some(text).filter(|t| !t.is_empty()));
    };
    if !bears(line, scheme) {
        // Another scheme is data for the application.
        return Ok(None);
    }
    let text = line
        .to_str()
        .map_err(|_| malformed(format!("the header `{name}` is not ASCII")))?;
    if text
        .split(',')
        .skip(1)
        .any(|part| has_scheme(part.trim().as_bytes(), scheme))
    {
        return Err(ambiguous(format!("more than one token in `{name}`")));
    }
    text.get(scheme.len()..)
        .and_then(|rest| rest.strip_prefix(' '))
        .filter(|token| is_token68(token))
        .map(Some)
        .ok_or_else(|| malformed(format!("`{name}` is not `{scheme}`, one space and a token")))
}

/// RFC 9110 §11.2: `1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"="`.
fn is_token68(text: &str) -> bool {
    let body = text.trim_end_matches('=');
    !body.is_empty()
        && body.bytes().all(|b| {
            b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~' | b'+' | b'/')
        })
}

/// Whether any comma-separated part of the line is of this scheme (RFC 9110 §11.1: case does not matter), however badly the rest is written.
fn bears(line: &HeaderValue, scheme: &str) -> bool {
    line.as_bytes()
        .split(|b| *b == b',')
        .any(|part| has_scheme(part.trim_ascii(), scheme))
}

fn has_scheme(part: &[u8], scheme: &str) -> bool {
    part.split_at_checked(scheme.len())
        .is_some_and(|(start, rest)| {
            start.eq_ignore_ascii_case(scheme.as_bytes())
                && rest.first().is_none_or(|b| !is_token_character(*b))
        })
}

/// RFC 9110 §5.6.2, `tchar`.
fn is_token_character(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

fn strip_lines(headers: &mut HeaderMap, name: &HeaderName, drop: impl Fn(&HeaderValue) -> bool) {
    if !headers.get_all(name).iter().any(&drop) {
        return;
    }
    let kept: Vec<HeaderValue> = headers
        .get_all(name)
        .iter()
        .filter(|l| !drop(l))
        .cloned()
        .collect();
    headers.remove(name);
    for line in kept {
        headers.append(name.clone(), line);
    }
}

fn put_line(headers: &mut HeaderMap, name: &HeaderName, scheme: Option<&str>, token: &str) {
    let text = match scheme {
        Some(scheme) => format!("{scheme} {token}"),
        None => token.to_owned(),
    };
    // A verified token is base64url and dots, and the scheme was checked with the configuration.
    if let Ok(mut value) = HeaderValue::try_from(text) {
        value.set_sensitive(true);
        headers.insert(name.clone(), value);
    }
}

fn in_cookies<'h>(headers: &'h HeaderMap, name: &str) -> Result<Option<&'h str>, Rejection> {
    let mut found = None;
    for line in headers.get_all(COOKIE) {
        for pair in line.as_bytes().split(|b| *b == b';') {
            let (found_name, value) = split_pair(pair.trim_ascii());
            if !same_name(found_name, name) {
                continue;
            }
            if found.is_some() {
                return Err(ambiguous(format!("more than one cookie `{name}`")));
            }
            let text = std::str::from_utf8(value)
                .map_err(|_| malformed(format!("the cookie `{name}` is not ASCII")))?;
            found = Some(text);
        }
    }
    Ok(found.filter(|t| !t.is_empty()))
}

fn strip_cookie(headers: &mut HeaderMap, name: &str) {
    let named = |pair: &[u8]| same_name(split_pair(pair.trim_ascii()).0, name);
    let holds = |line: &HeaderValue| line.as_bytes().split(|b| *b == b';').any(named);
    if !headers.get_all(COOKIE).iter().any(holds) {
        return;
    }
    let lines: Vec<HeaderValue> = headers.get_all(COOKIE).iter().cloned().collect();
    headers.remove(COOKIE);
    for line in lines {
        if !holds(&line) {
            headers.append(COOKIE, line);
            continue;
        }
        let kept: Vec<&[u8]> = line
            .as_bytes()
            .split(|b| *b == b';')
            .filter(|p| !named(p))
            .collect();
        let joined = kept.join(&b';');
        // The first pair may have lost what stood before its space; the line may have become empty.
        if let Ok(value) = HeaderValue::from_bytes(joined.trim_ascii())
            && !value.is_empty()
        {
            headers.append(COOKIE, value);
        }
    }
}

fn in_query<'q>(query: Option<&'q str>, name: &str) -> Result<Option<&'q str>, Rejection> {
    let mut found = None;
    // `;` separates too: old form parsers read it so.
    for pair in query.unwrap_or_default().split(['&', ';']) {
        let (found_name, value) = pair.split_once('=').unwrap_or((pair, ""));
        if !same_name(found_name.as_bytes(), name) {
            continue;
        }
        if found.is_some() {
            return Err(ambiguous(format!("more than one parameter `{name}`")));
        }
        found = Some(value);
    }
    Ok(found.filter(|t| !t.is_empty()))
}

fn strip_parameter(target: &mut PathAndQuery, name: &str) {
    let Some(query) = target.query() else { return };
    let named = |pair: &str| {
        let found = pair.split_once('=').map_or(pair, |(n, _)| n);
        same_name(found.as_bytes(), name)
    };
    if !query.split(['&', ';']).any(named) {
        return;
    }
    let mut kept = String::with_capacity(query.len());
    let mut first = true;
    let mut at = 0_usize;
    for pair in query.split(['&', ';']) {
        // What stays keeps the sign before it.
        let separator = at.checked_sub(1).and_then(|before| query.get(before..at));
        at += pair.len() + 1;
        if named(pair) {
            continue;
        }
        if !first {
            kept.push_str(separator.unwrap_or("&"));
        }
        kept.push_str(pair);
        first = false;
    }
    let path = target.path();
    let rest = if kept.is_empty() {
        path.to_owned()
    } else {
        format!("{path}?{kept}")
    };
    // Parts of a valid target make a valid target.
    if let Ok(stripped) = PathAndQuery::try_from(rest) {
        *target = stripped;
    }
}

fn split_pair(pair: &[u8]) -> (&[u8], &[u8]) {
    match pair.iter().position(|b| *b == b'=') {
        Some(at) => (
            pair.get(..at).unwrap_or_default().trim_ascii(),
            pair.get(at + 1..).unwrap_or_default().trim_ascii(),
        ),
        None => (pair, b""),
    }
}

/// Applications decode names (`access%5Ftoken`, PHP's cookies too), so a name is compared as they read it.
fn same_name(found: &[u8], name: &str) -> bool {
    if !found.iter().any(|b| matches!(b, b'%' | b'+')) {
        return found == name.as_bytes();
    }
    let mut decoded = Vec::with_capacity(found.len());
    let mut rest = found;
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        decoded.push(match (first, after) {
            (b'+', _) => b' ',
            (b'%', [high, low, tail @ ..]) => match (hex(*high), hex(*low)) {
                (Some(h), Some(l)) => {
                    rest = tail;
                    h << 4 | l
                }
                _ => b'%',
            },
            (other, _) => *other,
        });
    }
    decoded == name.as_bytes() || found == name.as_bytes()
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit)
        .to_digit(16)
        .and_then(|d| u8::try_from(d).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(sources: Vec<TokenSource>) -> TokenSettings {
        TokenSettings {
            sources,
            forward: false,
            max_bytes: TokenSettings::DEFAULT_MAX_BYTES,
        }
    }

    fn bearer() -> TokenSource {
        TokenSource::Header {
            name: AUTHORIZATION,
            scheme: Some("Bearer".to_owned()),
        }
    }

    fn cookie() -> TokenSource {
        TokenSource::Cookie {
            name: "id_token".to_owned(),
            allow_cross_site: false,
        }
    }

    fn query() -> TokenSource {
        TokenSource::Query {
            name: "access_token".to_owned(),
        }
    }

    fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in lines {
            map.append(*name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        map
    }

    fn outcome(
        sources: Vec<TokenSource>,
        lines: &[(&'static str, &str)],
        query: Option<&str>,
    ) -> String {
        match find(&settings(sources), &headers(lines), query) {
            Ok(None) => "none".to_owned(),
            Ok(Some(found)) => format!("{}@{}", found.token, found.source),
            Err(Rejection::AmbiguousToken { .. }) => "ambiguous".to_owned(),
            Err(Rejection::MalformedToken { .. }) => "malformed".to_owned(),
            Err(other) => panic!("{other:?}"),
        }
    }

    #[test]
    fn j23_authorization_is_one_line_with_one_space_and_a_token68() {
        let of = |line: &str| outcome(vec![bearer()], &[("authorization", line)], None);
        assert_eq!(of("Bearer a.b.c"), "a.b.c@0");
        assert_eq!(of("bearer a.b.c"), "a.b.c@0");
        assert_eq!(of("BEARER a=="), "a==@0");
        for bad in [
            "Bearer",
            "Bearer  T",
            "Bearer\tT",
            "Bearer T x",
            "Bearer T,",
            "Bearer =",
            "Bearer a=b",
            "Bearer \"T\"",
            "Bearer t\u{e9}",
        ] {
            assert_eq!(of(bad), "malformed", "{bad}");
        }
        assert_eq!(of("Bearer T, Bearer T2"), "ambiguous");
        assert_eq!(of("Bearer T,bearer T2"), "ambiguous");
        for data in ["Basic eDp5", "Bearerx T", "Digest username=\"x\"", ""] {
            assert_eq!(of(data), "none", "{data}");
        }
    }

    #[test]
    fn j23_b03_two_lines_or_two_sources_are_ambiguous() {
        let two = [("authorization", "Bearer a"), ("authorization", "Basic b")];
        assert_eq!(outcome(vec![bearer()], &two, None), "ambiguous");
        let both = [("authorization", "Bearer a"), ("cookie", "id_token=b")];
        assert_eq!(outcome(vec![bearer(), cookie()], &both, None), "ambiguous");
        assert_eq!(
            outcome(vec![bearer()], &both, Some("access_token=c")),
            "a@0"
        );
        assert_eq!(
            outcome(vec![bearer(), query()], &both, Some("access_token=c")),
            "ambiguous"
        );
        assert_eq!(
            outcome(
                vec![query()],
                &[],
                Some("access_token=c&x=1&access%5Ftoken=d")
            ),
            "ambiguous"
        );
        assert_eq!(
            outcome(
                vec![cookie()],
                &[("cookie", "id_token=a; b=1"), ("cookie", "id_token=c")],
                None
            ),
            "ambiguous"
        );
    }

    #[test]
    fn a_cookie_a_parameter_and_a_bare_header_are_found() {
        let jar = [("cookie", "a=1; id_token=x.y.z;b=2")];
        assert_eq!(outcome(vec![cookie()], &jar, None), "x.y.z@0");
        assert_eq!(
            outcome(
                vec![cookie()],
                &[("cookie", "id_token=; xid_token=1")],
                None
            ),
            "none"
        );
        assert_eq!(
            outcome(vec![query()], &[], Some("a=1&access_token=x.y.z")),
            "x.y.z@0"
        );
        assert_eq!(outcome(vec![query()], &[], Some("access_token")), "none");
        let bare = TokenSource::Header {
            name: HeaderName::from_static("x-amzn-oidc-data"),
            scheme: None,
        };
        assert_eq!(
            outcome(
                vec![bearer(), bare],
                &[("x-amzn-oidc-data", "x.y.z=")],
                None
            ),
            "x.y.z=@1"
        );
    }

    fn stripped(
        sources: Vec<TokenSource>,
        lines: &[(&'static str, &str)],
        target: &str,
        keep: Option<usize>,
    ) -> (Vec<String>, String) {
        let settings = settings(sources);
        let mut map = headers(lines);
        let mut target = PathAndQuery::try_from(target).unwrap();
        let keep = keep.map(|source| FoundToken {
            token: "x.y.z".to_owned(),
            source,
        });
        strip(&settings, &mut map, &mut target, keep.as_ref());
        let lines = map
            .iter()
            .map(|(n, v)| format!("{n}: {}", String::from_utf8_lossy(v.as_bytes())))
            .collect();
        (lines, target.as_str().to_owned())
    }

    #[test]
    fn every_bearer_line_goes_and_other_schemes_stay() {
        let (lines, _) = stripped(
            vec![cookie()],
            &[
                ("authorization", "bearer  x"),
                ("authorization", "Basic a"),
                ("authorization", "Basic q, Bearer x"),
                ("authorization", "Bearer"),
                ("authorization", "Bearerish b"),
            ],
            "/",
            None,
        );
        assert_eq!(
            lines,
            ["authorization: Basic a", "authorization: Bearerish b"]
        );
    }

    #[test]
    fn the_rest_of_cookies_and_query_stays_byte_for_byte() {
        let cookies = |line: &str| stripped(vec![cookie()], &[("cookie", line)], "/", None).0;
        assert_eq!(cookies("id_token=T"), Vec::<String>::new());
        assert_eq!(
            cookies("a=1;  b=\"x y\"; id_token=T; c"),
            ["cookie: a=1;  b=\"x y\"; c"]
        );
        assert_eq!(cookies("id_token=T; a=1"), ["cookie: a=1"]);
        assert_eq!(cookies("a=1; id%5Ftoken=T"), ["cookie: a=1"]);
        assert_eq!(
            cookies("a=1; ; xid_token=2"),
            ["cookie: a=1; ; xid_token=2"]
        );

        let query = |target: &str| stripped(vec![query()], &[], target, None).1;
        assert_eq!(query("/p?access_token=T"), "/p");
        assert_eq!(query("/p?access_token"), "/p");
        assert_eq!(query("/p?a=%20+&access_token=T&b=2&"), "/p?a=%20+&b=2&");
        assert_eq!(query("/p?access_token=T&a=1"), "/p?a=1");
        assert_eq!(query("/p?a=1&access_token=T"), "/p?a=1");
        assert_eq!(query("/p?a=1;access_token=T"), "/p?a=1");
        assert_eq!(query("/p?a=1&access%5ftoken=T&access_token=U"), "/p?a=1");
        assert_eq!(query("/p?"), "/p?");
        assert_eq!(query("/p?xaccess_token=1&&b"), "/p?xaccess_token=1&&b");
    }

    #[test]
    fn a_verified_token_stays_where_it_was() {
        let all = || vec![bearer(), cookie(), query()];
        let lines = [
            ("authorization", "bearer x.y.z"),
            ("cookie", "id_token=; a=1"),
        ];
        let (kept, target) = stripped(all(), &lines, "/?access_token=", Some(0));
        assert_eq!(kept, ["authorization: Bearer x.y.z", "cookie: a=1"]);
        assert_eq!(target, "/");
        let (kept, target) = stripped(
            all(),
            &[
                ("cookie", "a=1; id_token=x.y.z; b=2"),
                ("authorization", "Bearer"),
            ],
            "/",
            Some(1),
        );
        assert_eq!(kept, ["cookie: a=1; id_token=x.y.z; b=2"]);
        assert_eq!(target, "/");
        let (_, target) = stripped(all(), &[], "/?a=1&access_token=x.y.z&b", Some(2));
        assert_eq!(target, "/?a=1&access_token=x.y.z&b");
        let bare = TokenSource::Header {
            name: HeaderName::from_static("x-amzn-oidc-data"),
            scheme: None,
        };
        let (kept, _) = stripped(vec![bare], &[], "/", Some(0));
        assert_eq!(
            kept,
            ["x-amzn-oidc-data: x.y.z"],
            "hygiene had removed it; verified, it comes back"
        );
    }

    proptest::proptest! {
        #[test]
        fn what_is_stripped_is_found_no_more(query_text in "([a-c]=[0-9]?|access_token=[a-z]?|access%5[Ff]token=x|[&;]){0,8}", line in "([a-c]=[0-9]?|id_token=[a-z]?|[; ]){0,8}") {
            let settings = settings(vec![bearer(), cookie(), query()]);
            let mut map = headers(&[("cookie", &line)]);
            let mut target = PathAndQuery::try_from(format!("/?{query_text}")).unwrap();
            strip(&settings, &mut map, &mut target, None);
            proptest::prop_assert_eq!(find(&settings, &map, target.query()).unwrap(), None);
            let again = target.clone();
            strip(&settings, &mut map, &mut target, None);
            proptest::prop_assert_eq!(again, target);
        }
    }
}
