//! A token that was not verified never reaches the application: every credential is taken out before forwarding. Pure.

use http::header::{AUTHORIZATION, COOKIE};
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::proxy::head::source::{FoundToken, bears, decoded, same_name, split_pair};
use crate::proxy::head::subprotocol;
use crate::proxy::{TokenSettings, TokenSource};
use crate::verify::{Place, Rejection};

/// What was verified and goes on to the application.
#[derive(Clone, Copy, Default)]
pub(in crate::proxy) struct Kept<'r> {
    pub(in crate::proxy) token: Option<&'r FoundToken>,
    /// The one that the token vouches for (`at_hash`), and where it is.
    pub(in crate::proxy) access_token: Option<(&'r Place, &'r str)>,
}

/// Takes every credential out: Bearer lines of Authorization, what every configured source names, and the access tokens that tokens are
/// `bound` to, with what an application may take for them. What is `kept` stays where it was, alone.
///
/// # Errors
/// [`Rejection::BadRequest`] when the target cannot be written without the token.
pub(in crate::proxy) fn strip(
    settings: &TokenSettings,
    bound: &[Place],
    headers: &mut HeaderMap,
    path_and_query: &mut PathAndQuery,
    kept: Kept<'_>,
) -> Result<(), Rejection> {
    strip_lines(headers, &AUTHORIZATION, |line| may_bear(line, "bearer"));
    for (index, source) in settings.sources.iter().enumerate() {
        let token = kept.token.filter(|found| found.source == index);
        let token = token.map(|found| found.token.as_str());
        match source {
            TokenSource::Header { name, scheme } => {
                strip_header(headers, name, scheme.as_deref(), token);
            }
            TokenSource::Cookie { name, .. } => strip_cookie(headers, name, token.is_some()),
            TokenSource::Query { name } => strip_parameter(path_and_query, name, token.is_some())?,
            TokenSource::Subprotocol { prefix } => {
                subprotocol::strip(headers, prefix, token.is_some());
            }
        }
    }
    for place in bound {
        let token = kept.access_token.filter(|(kept, _)| *kept == place);
        let token = token.map(|(_, token)| token);
        match place {
            Place::Header { name, scheme } => {
                strip_header(headers, name, scheme.as_deref(), token);
            }
            Place::Cookie { name } => strip_cookie(headers, name, token.is_some()),
            Place::Query { name } => strip_parameter(path_and_query, name, token.is_some())?,
        }
    }
    Ok(())
}

fn strip_header(
    headers: &mut HeaderMap,
    name: &HeaderName,
    scheme: Option<&str>,
    kept: Option<&str>,
) {
    strip_lines(headers, name, |line| {
        scheme.is_none_or(|scheme| may_bear(line, scheme))
    });
    if let Some(token) = kept {
        put_line(headers, name, scheme, token);
    }
}

/// Also with the scheme in the middle of another one's data: `/Bearer\s(\S+)/` is how half of the world's applications look for a token.
fn may_bear(line: &HeaderValue, scheme: &str) -> bool {
    let scheme_and_space = |window: &[u8]| {
        window.split_last().is_some_and(|(last, start)| {
            matches!(last, b' ' | b'\t') && start.eq_ignore_ascii_case(scheme.as_bytes())
        })
    };
    bears(line, scheme)
        || line
            .as_bytes()
            .windows(scheme.len() + 1)
            .any(scheme_and_space)
}

/// Whether an application may read `found` under `name`. PHP turns `.`, space and `[` in the names of cookies and parameters into `_`, takes
/// leading spaces off and ends a name at NUL or at an array's `[`; ASP.NET does not see letter case; Python and JavaScript trim Unicode's
/// white space, so nothing at the edges but visible ASCII counts.
pub(in crate::proxy) fn looks_like(found: &[u8], name: &str) -> bool {
    let found = decoded(found);
    let found = found.split(|b| *b == 0).next().unwrap_or_default();
    let scalar = found.split(|b| *b == b'[').next().unwrap_or_default();
    [found, scalar].into_iter().any(|found| {
        let found = visible(found).map(folded);
        found.eq(name.bytes().map(folded))
    })
}

/// Without what is no visible ASCII at the edges.
fn visible(text: &[u8]) -> impl Iterator<Item = u8> {
    let start = text.iter().take_while(|b| !b.is_ascii_graphic()).count();
    let text = text.get(start..).unwrap_or_default();
    let end = text
        .iter()
        .rev()
        .take_while(|b| !b.is_ascii_graphic())
        .count();
    text.iter().take(text.len().saturating_sub(end)).copied()
}

fn folded(byte: u8) -> u8 {
    match byte {
        b'.' | b' ' | b'[' => b'_',
        other => other.to_ascii_lowercase(),
    }
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
    // A verified token is base64url and dots, what it vouches for came in a header, and the scheme was checked with the configuration.
    if let Ok(mut value) = HeaderValue::try_from(text) {
        value.set_sensitive(true);
        headers.insert(name.clone(), value);
    }
}

fn strip_cookie(headers: &mut HeaderMap, name: &str, keep: bool) {
    let named = |pair: &[u8]| {
        cookie_looks_like(pair, name) && !(keep && same_name(cookie_name(pair), name))
    };
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

/// Whether an application may find a cookie `name` in this piece between two `;`.
pub(in crate::proxy) fn cookie_looks_like(pair: &[u8], name: &str) -> bool {
    // Old Java servers separate cookies at commas too (RFC 2109 §4.2.2), Python's `SimpleCookie` at white space.
    let parts = pair.split(|b| *b == b',');
    let words = pair.split(|b| *b == b',' || b.is_ascii_whitespace());
    (parts.chain(words)).any(|part| looks_like(cookie_name(part), name))
}

fn cookie_name(pair: &[u8]) -> &[u8] {
    split_pair(pair.trim_ascii()).0
}

fn strip_parameter(target: &mut PathAndQuery, name: &str, keep: bool) -> Result<(), Rejection> {
    let Some(query) = target.query() else {
        return Ok(());
    };
    let named = |pair: &str| {
        parameter_looks_like(pair, name)
            && !(keep && same_name(parameter_name(pair).as_bytes(), name))
    };
    if !query.split(['&', ';']).any(named) {
        return Ok(());
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
    // Parts of a valid target make a valid target; if they ever did not, the token must not go on.
    *target = PathAndQuery::try_from(rest).map_err(|_| Rejection::BadRequest {
        status: 400,
        why: "the query cannot be written without its token".to_owned(),
    })?;
    Ok(())
}

/// Whether an application may find a parameter `name` in this piece between two separators.
pub(in crate::proxy) fn parameter_looks_like(pair: &str, name: &str) -> bool {
    looks_like(parameter_name(pair).as_bytes(), name)
}

fn parameter_name(pair: &str) -> &str {
    pair.split_once('=').map_or(pair, |(name, _)| name)
}

#[cfg(test)]
mod tests {
    use super::super::source::find;
    use super::super::source_testing::*;
    use super::*;

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
            token: "x.y.z".into(),
            source,
        });
        let kept = Kept {
            token: keep.as_ref(),
            access_token: None,
        };
        strip(&settings, &[], &mut map, &mut target, kept).unwrap();
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
    fn what_an_application_may_take_for_the_source_goes_with_it_and_beside_a_kept_token() {
        for name in [
            "id.token",
            "id%2Etoken",
            "id[token",
            "id+token",
            "id%20token",
            "ID_Token",
            "+id_token",
            "id_token[]",
            "id_token[x]",
            "id%5ftoken%5B0%5D",
            "id_token%00x",
            "id%u005ftoken",
            "\u{a0}id_token",
            "id_token\u{2003}",
            "%C2%A0id_token",
            "x=1,id_token",
            "x=1, id.token",
            "x=1 id_token",
            "x=1\tid_token ",
        ] {
            let line = format!("a=1; {name}=FORGED");
            let (lines, _) = stripped(vec![cookie()], &[("cookie", &line)], "/", None);
            assert_eq!(lines, ["cookie: a=1"], "{name}");
            if same_name(name.as_bytes(), "id_token") {
                continue; // Two of them are ambiguous, and refused.
            }
            let line = format!("{name}=FORGED; id_token=x.y.z");
            let (lines, _) = stripped(vec![cookie()], &[("cookie", &line)], "/", Some(0));
            assert_eq!(lines, ["cookie: id_token=x.y.z"], "{name}");
        }
        for name in [
            "access.token",
            "access%2etoken",
            "access%5Btoken",
            "access%20token",
            "access+token",
            "Access_Token",
            "access_token%5B%5D",
            "+access_token",
            "access_token%00x",
            "access%u005Ftoken",
        ] {
            let (_, target) = stripped(vec![query()], &[], &format!("/?a=1&{name}=FORGED"), None);
            assert_eq!(target, "/?a=1", "{name}");
            if same_name(name.as_bytes(), "access_token") {
                continue;
            }
            let target = format!("/?{name}=FORGED&access_token=x.y.z");
            let (_, target) = stripped(vec![query()], &[], &target, Some(0));
            assert_eq!(target, "/?access_token=x.y.z", "{name}");
        }
        let (_, target) = stripped(vec![query()], &[], "/?access-token=1&accesstoken=2", None);
        assert_eq!(target, "/?access-token=1&accesstoken=2");
    }

    #[test]
    fn a_bearer_token_inside_another_scheme_goes_too() {
        for line in [
            "Foo Bearer T",
            "Basic x bearer T",
            "xBearer\tT",
            "Foo,x Bearer T",
        ] {
            let (lines, _) = stripped(vec![cookie()], &[("authorization", line)], "/", None);
            assert!(lines.is_empty(), "{line}: {lines:?}");
        }
        let digest = "Digest username=\"bearer\", realm=\"bearers\"";
        let (lines, _) = stripped(vec![cookie()], &[("authorization", digest)], "/", None);
        assert_eq!(lines.len(), 1);
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
            strip(&settings, &[], &mut map, &mut target, Kept::default()).unwrap();
            proptest::prop_assert_eq!(find(&settings, &map, target.query()).unwrap(), None);
            let again = target.clone();
            strip(&settings, &[], &mut map, &mut target, Kept::default()).unwrap();
            proptest::prop_assert_eq!(again, target);
        }
    }
}
