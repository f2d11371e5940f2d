//! Where the token of a request is: none, one, or too many. Pure; also used by `explain`.

use std::borrow::Cow;

use http::header::COOKIE;
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::proxy::head::{subprotocol, websocket};
use crate::proxy::{TokenSettings, TokenSource};
use crate::verify::Rejection;

/// A token's bytes and which configured source they came from.
#[derive(Clone, PartialEq, Eq)]
pub struct FoundToken {
    pub token: TokenText,
    pub source: usize,
}

/// A token as it came, not judged. Of a header line it is the rest of that line, shared with the request's head and not copied.
#[derive(Clone)]
pub struct TokenText(Text);

#[derive(Clone)]
enum Text {
    RestOfLine { line: HeaderValue, start: usize },
    Own(String),
}

impl TokenText {
    pub fn as_bytes(&self) -> &[u8] {
        match &self.0 {
            Text::RestOfLine { line, start } => line.as_bytes().get(*start..).unwrap_or_default(),
            Text::Own(text) => text.as_bytes(),
        }
    }

    /// [`find`] takes ASCII only.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(self.as_bytes()).unwrap_or_default()
    }

    fn rest_of(line: &HeaderValue, rest: &[u8]) -> Self {
        Self(Text::RestOfLine {
            line: line.clone(),
            start: line.len().saturating_sub(rest.len()),
        })
    }
}

impl From<&str> for TokenText {
    fn from(text: &str) -> Self {
        Self(Text::Own(text.to_owned()))
    }
}

impl PartialEq for TokenText {
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl Eq for TokenText {}

impl std::fmt::Debug for FoundToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FoundToken")
            .field(
                "token",
                &format_args!("{} bytes", self.token.as_bytes().len()),
            )
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
            TokenSource::Header { name, scheme } => line_with(headers, name, scheme.as_deref())?
                .map(|(line, token)| TokenText::rest_of(line, token)),
            TokenSource::Cookie { name, .. } => in_cookies(headers, name)?.map(TokenText::from),
            TokenSource::Query { name } => in_query(query, name)?.map(TokenText::from),
            TokenSource::Subprotocol { prefix } if websocket::names_it(headers) => {
                subprotocol::find(headers, prefix)?.map(|token| TokenText(Text::Own(token)))
            }
            TokenSource::Subprotocol { .. } => None,
        };
        let Some(token) = token else { continue };
        if found.is_some() {
            return Err(ambiguous("tokens in more than one place"));
        }
        found = Some(FoundToken {
            token,
            source: index,
        });
    }
    Ok(found)
}

fn ambiguous(what: impl Into<String>) -> Rejection {
    Rejection::AmbiguousToken { what: what.into() }
}

fn malformed(what: impl Into<String>) -> Rejection {
    Rejection::MalformedToken { what: what.into() }
}

/// What the one line of this name says behind its scheme; without a scheme all of it.
pub(in crate::proxy) fn in_header<'h>(
    headers: &'h HeaderMap,
    name: &HeaderName,
    scheme: Option<&str>,
) -> Result<Option<&'h [u8]>, Rejection> {
    Ok(line_with(headers, name, scheme)?.map(|(_, rest)| rest))
}

/// The line, and what [`in_header`] gives of it: its end.
fn line_with<'h>(
    headers: &'h HeaderMap,
    name: &HeaderName,
    scheme: Option<&str>,
) -> Result<Option<(&'h HeaderValue, &'h [u8])>, Rejection> {
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
        return Ok(Some((line, text.as_bytes())).filter(|(_, text)| !text.is_empty()));
    };
    // First what nearly every line is. It is a whole answer: a token68 has no comma, behind which another token could be.
    if let Some(token) = token_behind(line.as_bytes(), scheme) {
        return Ok(Some((line, token)));
    }
    if !bears(line, scheme) {
        // Another scheme is data for the application.
        return Ok(None);
    }
    if std::str::from_utf8(line.as_bytes()).is_err() {
        return Err(malformed(format!("the header `{name}` is not ASCII")));
    }
    if further_parts(line.as_bytes()).any(|part| has_scheme(part, scheme)) {
        return Err(ambiguous(format!("more than one token in `{name}`")));
    }
    Err(malformed(format!(
        "`{name}` is not `{scheme}`, one space and a token"
    )))
}

/// Behind the scheme in any case and one space: a token68 and nothing else.
fn token_behind<'l>(line: &'l [u8], scheme: &str) -> Option<&'l [u8]> {
    let (start, rest) = line.split_at_checked(scheme.len())?;
    let token = rest.strip_prefix(b" ")?;
    (start.eq_ignore_ascii_case(scheme.as_bytes()) && is_token68(token)).then_some(token)
}

/// RFC 9110 §11.2: `1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"="`.
fn is_token68(text: &[u8]) -> bool {
    let padding = text.iter().rev().take_while(|byte| **byte == b'=').count();
    let body = text.get(..text.len() - padding).unwrap_or_default();
    // All of it is looked at, without a way out in between: so the compiler takes many bytes at a time.
    !body.is_empty()
        && body
            .iter()
            .fold(true, |so_far, byte| so_far & is_token68_byte(*byte))
}

/// Two ranges (`-./` stand before the digits) and three signs: what a vector unit does in few steps.
fn is_token68_byte(byte: u8) -> bool {
    let letter = (byte | 0x20).wrapping_sub(b'a') < 26;
    let digit_or_before = byte.wrapping_sub(b'-') <= b'9' - b'-';
    letter | digit_or_before | (byte == b'+') | (byte == b'_') | (byte == b'~')
}

/// Whether any comma-separated part of the line is of this scheme (RFC 9110 §11.1: case does not matter), however badly the rest is written.
pub(in crate::proxy) fn bears(line: &HeaderValue, scheme: &str) -> bool {
    let text = line.as_bytes();
    has_scheme(text.trim_ascii_start(), scheme)
        || further_parts(text).any(|part| has_scheme(part, scheme))
}

/// What stands after the first comma. Nearly always nothing: to see that there is no comma is fast, a walk over the parts is not.
fn further_parts(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let parts = text
        .contains(&b',')
        .then(|| text.split(|byte| *byte == b','));
    parts.into_iter().flatten().skip(1).map(<[u8]>::trim_ascii)
}

fn has_scheme(part: &[u8], scheme: &str) -> bool {
    part.split_at_checked(scheme.len())
        .is_some_and(|(start, rest)| {
            start.eq_ignore_ascii_case(scheme.as_bytes())
                && rest.first().is_none_or(|b| !is_token_character(*b))
        })
}

/// RFC 9110 §5.6.2, `tchar`.
pub fn is_token_character(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

pub(in crate::proxy) fn in_cookies<'h>(
    headers: &'h HeaderMap,
    name: &str,
) -> Result<Option<&'h str>, Rejection> {
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

pub(in crate::proxy) fn in_query<'q>(
    query: Option<&'q str>,
    name: &str,
) -> Result<Option<&'q str>, Rejection> {
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

pub(in crate::proxy) fn split_pair(pair: &[u8]) -> (&[u8], &[u8]) {
    match pair.iter().position(|b| *b == b'=') {
        Some(at) => (
            pair.get(..at).unwrap_or_default().trim_ascii(),
            pair.get(at + 1..).unwrap_or_default().trim_ascii(),
        ),
        None => (pair, b""),
    }
}

/// Applications decode names (`access%5Ftoken`, PHP's cookies too), so a name is compared as they read it.
pub(in crate::proxy) fn same_name(found: &[u8], name: &str) -> bool {
    found == name.as_bytes() || decoded(found) == name.as_bytes()
}

/// As forms are decoded (`+` is a space), and as IIS decodes (`%u005f`).
pub(in crate::proxy) fn decoded(text: &[u8]) -> Cow<'_, [u8]> {
    if !text.iter().any(|b| matches!(b, b'%' | b'+')) {
        return Cow::Borrowed(text);
    }
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        let escaped = match (first, after) {
            (b'%', [b'u' | b'U', b'0', b'0', high, low, tail @ ..]) => pair(*high, *low, tail),
            (b'%', [high, low, tail @ ..]) => pair(*high, *low, tail),
            _ => None,
        };
        match (escaped, first) {
            (Some((value, tail)), _) => {
                decoded.push(value);
                rest = tail;
            }
            (None, b'+') => decoded.push(b' '),
            (None, other) => decoded.push(*other),
        }
    }
    Cow::Owned(decoded)
}

/// The byte of two hexadecimal digits, and what follows them.
fn pair(high: u8, low: u8, tail: &[u8]) -> Option<(u8, &[u8])> {
    Some((hex(high)? << 4 | hex(low)?, tail))
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit)
        .to_digit(16)
        .and_then(|d| u8::try_from(d).ok())
}

#[cfg(test)]
mod tests {
    use super::super::source_testing::*;
    use super::*;

    fn outcome(
        sources: Vec<TokenSource>,
        lines: &[(&'static str, &str)],
        query: Option<&str>,
    ) -> String {
        match find(&settings(sources), &headers(lines), query) {
            Ok(None) => "none".to_owned(),
            Ok(Some(found)) => format!("{}@{}", found.token.as_str(), found.source),
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
    fn j23_a_token68_is_what_the_grammar_says() {
        for byte in 0..=u8::MAX {
            let signs = b"-._~+/";
            let wanted = byte.is_ascii_alphanumeric() || signs.contains(&byte);
            assert_eq!(is_token68_byte(byte), wanted, "{byte:#x}");
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
}
