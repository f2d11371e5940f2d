//! Incoming headers, cleaned (threats H1 to H6, H12, H13). Always, on every route, before anything else can fail.
//!
//! Applications read header names through foldings of their server: CGI and WSGI turn `-` into `_` and lower case into upper, others
//! fold dots, trim or merge separators. So names are compared folded, in the widest way that any of them folds.

use http::header::{CONNECTION, HeaderName, TE, TRAILER, UPGRADE};
use http::{HeaderMap, HeaderValue};

use crate::verify::Rejection;

use super::everyday::Everyday;
use super::fold::{self, Pattern};
use super::mapping::DEFAULT_NAMES;
use super::removal::remove_where;

/// What happens to names with `_` that are not look-alikes of managed ones (those are always dropped).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Underscores {
    #[default]
    Drop,
    Reject,
    Keep,
}

/// Every name that only the gate may set, folded.
#[derive(Clone, Debug)]
pub struct ManagedNames {
    /// By [`fold::bucket`] of the folded name.
    patterns: Vec<Vec<Pattern>>,
    /// What `patterns` say about the names of everyday requests.
    everyday: Everyday,
    underscores: Underscores,
}

/// Managed besides the default identity names, whatever the configuration says. `-*`: the name itself and everything below it; `*`: every
/// name that begins so.
const ALWAYS: [&str; 22] = [
    "Forwarded",
    "X-Forwarded-*",
    "X-Real-IP",
    "True-Client-IP",
    "X-Client-IP",
    "X-Original-URL",
    "X-Original-URI",
    "X-Rewrite-URL",
    "X-HTTP-Method",
    "X-HTTP-Method-Override",
    "X-Method-Override",
    "X-SSL-Client-*",
    "X-Amzn-Oidc-*",
    "Cf-Access-Jwt-Assertion",
    "Cf-Access-Authenticated-User-*",
    "X-Goog-Iap-Jwt-Assertion",
    "X-Goog-Authenticated-User-*",
    "X-MS-Client-Principal*",
    "Remote-User",
    "Proxy",
    "Proxy-Authorization",
    "Proxy-Connection",
];

/// Names that are the client's own, but whose look-alikes (`Content_Length`) an application that folds could take for them.
const LOOK_ALIKES_ONLY: [&str; 6] = [
    "host",
    "authorization",
    "cookie",
    "content-length",
    "content-type",
    "transfer-encoding",
];

/// What no `strip` may take away: without them the request is another one.
const PROTECTED: [&str; 3] = ["host", "content-length", "transfer-encoding"];

/// By definition (RFC 9110 §7.6.1 with RFC 7540 §3.2.1); `Proxy-Connection` is managed.
fn is_hop_by_hop(name: &HeaderName) -> bool {
    matches!(*name, CONNECTION | TE | TRAILER | UPGRADE)
        || *name == KEEP_ALIVE
        || *name == HTTP2_SETTINGS
}
static KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
static HTTP2_SETTINGS: HeaderName = HeaderName::from_static("http2-settings");

/// What `Connection` must not name, besides managed names: removing them would change who asks, or for what.
const NEVER_NOMINATED: [&str; 4] = [
    "host",
    "authorization",
    "content-length",
    "transfer-encoding",
];

impl ManagedNames {
    /// `mapped` (names of the mapping) and `strip` (of the configuration), besides what is always managed. A name of `strip` may end in
    /// `-*` or `*`, as in `ALWAYS`.
    pub fn new(mapped: &[String], strip: &[String], underscores: Underscores) -> Self {
        let mut managed = Self {
            patterns: vec![Vec::new(); fold::BUCKETS],
            // Until everything is known, below: closed.
            everyday: Everyday::judged_by(|_| true),
            underscores,
        };
        let fixed = DEFAULT_NAMES.iter().chain(&ALWAYS).copied();
        let configured = strip.iter().map(String::as_str);
        for text in fixed.chain(configured) {
            managed.add(&Pattern::parse(text));
        }
        for name in mapped {
            managed.add(&Pattern::Exact(fold::fold(name)));
        }
        managed.without_look_alikes(LOOK_ALIKES_ONLY)
    }

    /// `names` may be the client's own, but not what looks like them: a header that tokens come in is read under its one spelling, and
    /// an application that folds names would read another token from the other (`X.Access.Token`).
    pub fn without_look_alikes<'n>(mut self, names: impl IntoIterator<Item = &'n str>) -> Self {
        for name in names {
            self.add(&Pattern::LookAlike {
                fold: fold::fold(name),
                own: name.into(),
            });
        }
        self.everyday = Everyday::judged_by(|name| self.covers(name));
        self
    }

    /// Whether `name` is managed or looks like a managed one.
    pub fn covers(&self, name: &str) -> bool {
        if PROTECTED.iter().any(|own| name.eq_ignore_ascii_case(own)) {
            return false;
        }
        if self.none_begins_as(name) {
            return false;
        }
        let mut buffer = [0; fold::BUFFER];
        match fold::fold_into(name, &mut buffer) {
            Some(folded) => self.covers_folded(name, folded),
            None => self.covers_folded(name, &fold::fold(name)),
        }
    }

    /// Hop-by-hop headers first (a `Connection` header that names a managed name, Host, Authorization, Content-Length or Transfer-Encoding:
    /// 400), then managed names and look-alikes, then the underscore policy. Returns how many lines were removed as managed or for their `_`.
    /// `Upgrade` and `Connection` are gone after this: who forwards an upgrade writes them anew. Content-Length and Transfer-Encoding are
    /// not touched: framing is the proxy's.
    pub fn clean(&self, headers: &mut HeaderMap) -> Result<usize, Rejection> {
        self.remove_hop_by_hop(headers)?;
        let mut unwanted: Vec<HeaderName> = Vec::new();
        for name in headers.keys() {
            if self.is_unwanted(name)? {
                unwanted.push(name.clone());
            }
        }
        let before = headers.len();
        for name in unwanted {
            headers.remove(name);
        }
        Ok(before - headers.len())
    }

    fn remove_hop_by_hop(&self, headers: &mut HeaderMap) -> Result<(), Rejection> {
        if !headers.keys().any(is_hop_by_hop) {
            return Ok(());
        }
        for name in self.nominated(headers)? {
            headers.remove(name);
        }
        remove_where(headers, is_hop_by_hop);
        Ok(())
    }

    /// The header names in all `Connection` lines: a list of tokens (RFC 9110 §7.6.1), empty elements ignored.
    fn nominated(&self, headers: &HeaderMap) -> Result<Vec<HeaderName>, Rejection> {
        let mut nominated = Vec::new();
        for element in headers
            .get_all(CONNECTION)
            .iter()
            .map(HeaderValue::as_bytes)
            .flat_map(|line| line.split(|byte| *byte == b','))
            .map(<[u8]>::trim_ascii)
        {
            if element.is_empty() || is_connection_option(element) {
                continue;
            }
            let name = HeaderName::from_bytes(element)
                .map_err(|_| bad_request("the `Connection` header is no list of names".into()))?;
            if NEVER_NOMINATED.contains(&name.as_str()) || self.covers(name.as_str()) {
                return Err(bad_request(format!(
                    "the `Connection` header names `{name}`, which is not hop-by-hop"
                )));
            }
            nominated.push(name);
        }
        Ok(nominated)
    }

    /// Managed, or with a `_` that does not pass. No everyday name has one.
    fn is_unwanted(&self, name: &HeaderName) -> Result<bool, Rejection> {
        match self.everyday.verdict(name) {
            Some(is_managed) => Ok(is_managed),
            None => Ok(self.covers(name.as_str()) || self.has_unwanted_underscore(name)?),
        }
    }

    fn has_unwanted_underscore(&self, name: &HeaderName) -> Result<bool, Rejection> {
        if !name.as_str().contains('_') {
            return Ok(false);
        }
        match self.underscores {
            Underscores::Drop => Ok(true),
            Underscores::Keep => Ok(false),
            Underscores::Reject => Err(bad_request(
                "a header name has a `_`, which applications cannot tell from `-`".into(),
            )),
        }
    }

    /// Whether the first sign of the folded `name` alone says that it is not managed. Names with `h` may go on behind CGI's `HTTP_`, those with
    /// `x` are told apart by what comes behind it.
    fn none_begins_as(&self, name: &str) -> bool {
        let first = name.bytes().find(u8::is_ascii_alphanumeric);
        first.is_none_or(|first| match first.to_ascii_lowercase() {
            b'h' | b'x' => false,
            other => self.beside(&[other]).is_empty(),
        })
    }

    /// A second look without `http_`: the name under which CGI knows a header.
    fn covers_folded(&self, name: &str, folded: &[u8]) -> bool {
        self.has(name, folded)
            || folded
                .strip_prefix(b"http_")
                .is_some_and(|rest| self.has(name, rest))
    }

    fn has(&self, name: &str, folded: &[u8]) -> bool {
        let patterns = self.beside(folded);
        patterns.iter().any(|pattern| pattern.matches(name, folded))
    }

    /// The patterns of this folded name's bucket: no other can match it.
    fn beside(&self, folded: &[u8]) -> &[Pattern] {
        let patterns = self.patterns.get(fold::bucket(folded));
        patterns.map_or(&[], Vec::as_slice)
    }

    /// A pattern without a single letter or digit (`*`, `_`) names nothing. `x*` and `X-*` are the beginning of names in every bucket.
    fn add(&mut self, pattern: &Pattern) {
        let buckets = match pattern.folded() {
            b"" => 0..0,
            b"x" => 0..fold::BUCKETS,
            folded => fold::bucket(folded)..fold::bucket(folded) + 1,
        };
        for patterns in self.patterns.get_mut(buckets).into_iter().flatten() {
            if !patterns.contains(pattern) {
                patterns.push(pattern.clone());
            }
        }
    }
}

/// The everyday elements of `Connection`, which need no look at the list of managed names.
fn is_connection_option(element: &[u8]) -> bool {
    [&b"keep-alive"[..], b"close", b"upgrade", b"te"]
        .iter()
        .any(|option| element.eq_ignore_ascii_case(option))
}

fn bad_request(why: String) -> Rejection {
    Rejection::BadRequest { status: 400, why }
}

#[cfg(test)]
#[path = "hygiene_model_tests.rs"]
mod model;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn managed(underscores: Underscores) -> ManagedNames {
        ManagedNames::new(
            &["X-User".to_owned(), "X-User-Groups".to_owned()],
            &["X-Internal-*".to_owned(), "Session-Owner".to_owned()],
            underscores,
        )
    }
    fn headers(lines: &[(&str, &str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in lines {
            map.append(
                HeaderName::from_bytes(name.as_bytes()).unwrap(),
                HeaderValue::from_str(value).unwrap(),
            );
        }
        map
    }
    fn names(map: &HeaderMap) -> Vec<&str> {
        let mut names: Vec<_> = map.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        names
    }
    /// What is left of these lines, and the count.
    fn cleaned(lines: &[(&str, &str)], underscores: Underscores) -> (Vec<String>, usize) {
        let mut map = headers(lines);
        let count = managed(underscores).clean(&mut map).unwrap();
        (names(&map).into_iter().map(str::to_owned).collect(), count)
    }
    fn is_refused(lines: &[(&str, &str)]) -> bool {
        matches!(
            managed(Underscores::Keep).clean(&mut headers(lines)),
            Err(Rejection::BadRequest { status: 400, .. })
        )
    }

    #[test]
    fn h01_managed_names_are_removed_in_any_case() {
        let (left, count) = cleaned(
            &[
                ("Host", "a"),
                ("X-User", "admin"),
                ("x-uSER", "admin"),
                ("X-Auth-Subject", "admin"),
                ("x-auth-groups-overage", "true"),
                ("Session-Owner", "x"),
                ("Accept", "*/*"),
                ("X-Request-Id", "1"),
            ],
            Underscores::Drop,
        );
        assert_eq!(left, ["accept", "host", "x-request-id"]);
        assert_eq!(count, 5);
    }

    #[test]
    fn h02_look_alikes_are_removed_whatever_the_underscore_policy() {
        for name in [
            "X_User",
            "x-USER",
            "X.User",
            "X~User",
            "X-User_",
            "HTTP_X_USER",
            "_X-User",
            "X--User",
            "X-_User",
            "X|User",
            "x'user",
            "HTTP-X-User",
            "x_user_groups",
            "X_Auth_Subject",
            "X_Forwarded_For",
            "X.SSL.Client.Verify",
            "remote_user",
            "REMOTE_USER",
            "Content_Length",
            "content.type",
            "Transfer_Encoding",
            "HTTP_HOST",
            "authorization_",
            "-cookie",
            "X-User-",
            "HTTP_CONTENT_LENGTH",
        ] {
            for policy in [Underscores::Drop, Underscores::Reject, Underscores::Keep] {
                let (left, count) = cleaned(&[(name, "admin"), ("accept", "a")], policy);
                assert_eq!((left.len(), count), (1, 1), "{name} {policy:?}");
            }
        }
    }

    #[test]
    fn h02_look_alikes_of_a_header_that_tokens_come_in_are_removed() {
        let managed =
            ManagedNames::new(&[], &[], Underscores::Keep).without_look_alikes(["x-access-token"]);
        assert!(!managed.covers("x-access-token"));
        assert!(!managed.covers("X-Access-Token"));
        assert!(!managed.covers("x-access-tokens"));
        for name in [
            "x_access_token",
            "x.access.token",
            "x-access_token",
            "x--access-token",
            "http_x_access_token",
        ] {
            assert!(managed.covers(name), "{name}");
        }
    }

    #[test]
    fn h02_other_names_with_underscores_follow_the_policy() {
        let lines = [("my_header", "1"), ("accept", "a")];
        assert_eq!(
            cleaned(&lines, Underscores::Drop),
            (vec!["accept".to_owned()], 1)
        );
        assert_eq!(
            cleaned(&lines, Underscores::Keep),
            (vec!["accept".to_owned(), "my_header".to_owned()], 0)
        );
        assert!(matches!(
            managed(Underscores::Reject).clean(&mut headers(&lines)),
            Err(Rejection::BadRequest { status: 400, .. })
        ));
        let (left, _) = cleaned(&[("accept", "a")], Underscores::Reject);
        assert_eq!(left, ["accept"]);
    }

    #[test]
    fn h03_every_line_of_a_managed_name_goes() {
        let (left, count) = cleaned(
            &[
                ("X-User", "a"),
                ("X-User", "b"),
                ("X-User", "c, d"),
                ("Accept", "1"),
                ("Accept", "2"),
            ],
            Underscores::Drop,
        );
        assert_eq!((left, count), (vec!["accept".to_owned()], 3));
    }

    #[test]
    fn h05_hop_by_hop_headers_go_and_what_connection_names() {
        let (left, count) = cleaned(
            &[
                ("Connection", "keep-alive, X-Custom"),
                ("Connection", "TE, ,Upgrade"),
                ("Keep-Alive", "timeout=5"),
                ("TE", "trailers"),
                ("Trailer", "X-Foo"),
                ("Upgrade", "h2c"),
                ("HTTP2-Settings", "x"),
                ("X-Custom", "1"),
                ("x-custom", "2"),
                ("Content-Length", "5"),
                ("Host", "a"),
            ],
            Underscores::Drop,
        );
        assert_eq!(left, ["content-length", "host"]);
        assert_eq!(count, 0);
        let (left, count) = cleaned(
            &[
                ("Proxy-Connection", "keep-alive"),
                ("Transfer-Encoding", "chunked"),
            ],
            Underscores::Drop,
        );
        assert_eq!((left, count), (vec!["transfer-encoding".to_owned()], 1));
    }

    #[test]
    fn h05_connection_must_not_name_what_is_not_hop_by_hop() {
        for value in [
            "close, X-User",
            "x-user,authorization",
            "Authorization",
            "Host",
            "content-length",
            "Transfer-Encoding",
            "X_User",
            "x-forwarded-for",
            "keep-alive,X-Real-IP",
            "Forwarded",
            "X-Auth-Subject",
            "x-internal-a",
            "close x",
            "\"close\"",
            "a;b",
        ] {
            assert!(is_refused(&[("Connection", value)]), "{value}");
        }
        assert!(is_refused(&[
            ("Connection", "close"),
            ("Connection", "X-User")
        ]));
        for value in [
            "close",
            "Keep-Alive",
            "TE",
            "Upgrade, HTTP2-Settings",
            "",
            ",",
            "x-other",
        ] {
            assert!(!is_refused(&[("Connection", value)]), "{value}");
        }
    }

    #[test]
    fn h05_everyday_options_of_connection_name_no_header() {
        let strip = ["Close", "Keep-Alive", "Upgrade", "TE"].map(str::to_owned);
        let managed = ManagedNames::new(&[], &strip, Underscores::Drop);
        let mut everyday = headers(&[("Connection", "close, Keep-Alive, upgrade, TE")]);
        assert!(managed.clean(&mut everyday).is_ok());
        let (left, _) = cleaned(
            &[("Connection", "close"), ("Close", "1")],
            Underscores::Drop,
        );
        assert_eq!(left, ["close"]);
    }

    #[test]
    fn h05_bytes_that_are_no_text_are_refused() {
        let mut map = HeaderMap::new();
        map.insert(CONNECTION, HeaderValue::from_bytes(b"close, \xff").unwrap());
        assert!(managed(Underscores::Drop).clean(&mut map).is_err());
    }

    #[test]
    fn b01_forged_identity_beside_a_nomination_is_refused_and_without_it_removed() {
        let forged = [
            ("Host", "a"),
            ("Authorization", "Bearer T"),
            ("X-User", "admin"),
            ("x_user", "admin"),
            ("X.User", "admin"),
        ];
        let mut nominated = forged.to_vec();
        nominated.push(("Connection", "close, X-User"));
        assert!(is_refused(&nominated));
        let (left, count) = cleaned(&forged, Underscores::Keep);
        assert_eq!(left, ["authorization", "host"]);
        assert_eq!(count, 3);
    }

    #[test]
    fn cve_2024_45410_cve_2025_48865_cve_2022_31813_cve_2026_105299_connection_cannot_remove_identity()
     {
        for name in [
            "X-Forwarded-Host",
            "X-Real-Ip",
            "X-Auth-Groups",
            "X-User",
            "X_USER",
        ] {
            assert!(
                is_refused(&[("Connection", name), ("X-User", "admin")]),
                "{name}"
            );
        }
    }

    #[test]
    fn cve_2025_64484_underscore_look_alikes_do_not_reach_the_application() {
        let (left, _) = cleaned(
            &[("X_Forwarded_User", "admin"), ("x_auth_email", "a")],
            Underscores::Keep,
        );
        assert!(left.is_empty());
    }

    #[test]
    fn cve_2026_30851_the_clients_identity_header_is_removed_without_a_token_too() {
        let (left, count) = cleaned(&[("X-Auth-Subject", "admin")], Underscores::Keep);
        assert_eq!((left.len(), count), (0, 1));
    }

    #[test]
    fn cve_2019_19326_method_overrides_are_removed() {
        let (left, _) = cleaned(
            &[
                ("X-HTTP-Method-Override", "DELETE"),
                ("X-Original-URL", "/"),
            ],
            Underscores::Keep,
        );
        assert!(left.is_empty());
    }

    #[test]
    fn h06_trailer_announcements_go_and_trailer_names_can_be_judged() {
        let (left, _) = cleaned(&[("Trailer", "X-User")], Underscores::Drop);
        assert!(left.is_empty());
        assert!(managed(Underscores::Drop).covers("X-User"));
    }

    #[test]
    fn h12_forwarding_and_override_headers_are_managed() {
        let managed = managed(Underscores::Drop);
        for name in [
            "Forwarded",
            "X-Forwarded-For",
            "X-Forwarded-Proto",
            "X-Forwarded-Host",
            "X-Forwarded",
            "X-Forwarded-Anything-Else",
            "X-Real-IP",
            "True-Client-IP",
            "X-Client-IP",
            "X-Original-URL",
            "X-Original-URI",
            "X-Rewrite-URL",
            "X-HTTP-Method",
            "X-HTTP-Method-Override",
            "X-Method-Override",
            "X-SSL-Client-Cert",
            "X-Amzn-Oidc-Data",
            "Cf-Access-Jwt-Assertion",
            "Cf-Access-Authenticated-User-Email",
            "X-Goog-Iap-Jwt-Assertion",
            "X-Goog-Authenticated-User-Id",
            "X-MS-Client-Principal",
            "X-MS-Client-Principal-Name",
            "X-MS-Client-PrincipalX",
            "Remote-User",
            "Proxy-Authorization",
            "Proxy-Connection",
            "X-Internal-Role",
        ] {
            assert!(managed.covers(name), "{name}");
        }
        for name in [
            "Host",
            "Content-Length",
            "Transfer-Encoding",
            "Authorization",
            "Cookie",
            "Content-Type",
            "User-Agent",
            "X-ForwardedFor",
            "X-Request-Id",
            "X-Username",
            "X-User-Agent",
            "X-Us-er",
            "Proxies",
            "Accept",
            "traceparent",
            "X-Requested-With",
            "_",
            "-",
        ] {
            assert!(!managed.covers(name), "{name}");
        }
    }

    #[test]
    fn h13_cve_2016_5385_proxy_is_removed_always() {
        let (left, count) = cleaned(
            &[("Proxy", "http://evil:1"), ("Host", "a")],
            Underscores::Keep,
        );
        assert_eq!((left, count), (vec!["host".to_owned()], 1));
    }

    #[test]
    fn stripping_never_takes_away_framing_or_host() {
        let strip = [
            "Host",
            "Content-*",
            "Transfer-Encoding",
            "*",
            "Authorization",
        ]
        .map(str::to_owned);
        let managed = ManagedNames::new(&[], &strip, Underscores::Drop);
        for name in ["Host", "content-length", "Transfer-Encoding", "Accept"] {
            assert!(!managed.covers(name), "{name}");
        }
        assert!(managed.covers("content-type"));
        assert!(managed.covers("Authorization"));
    }

    #[test]
    fn long_names_are_folded_too() {
        let long = format!("X-{}", "a".repeat(100));
        let managed = ManagedNames::new(std::slice::from_ref(&long), &[], Underscores::Keep);
        assert!(managed.covers(&long.replace('-', "_")));
        let default = super::ManagedNames::new(&[], &[], Underscores::Keep);
        assert!(default.covers(&format!("X{}Real_IP", "-".repeat(200))));
        assert!(!managed.covers(&long[1..]));
    }

    /// The folding of the threat: lower case, every sign that is no letter or digit becomes `_`.
    fn plain_fold(name: &str) -> String {
        name.to_ascii_lowercase()
            .replace(|c: char| !c.is_ascii_alphanumeric(), "_")
    }

    proptest! {
        /// No name that an application could fold onto a managed one survives.
        #[test]
        fn h02_nothing_that_folds_to_a_managed_name_survives(
            name in "[xX][-_.~!#$%&'*+^`|][uU][sS][eE][rR]", policy in 0..3_usize,
        ) {
            let policy = [Underscores::Drop, Underscores::Reject, Underscores::Keep][policy];
            prop_assert_eq!(plain_fold(&name), "x_user");
            let (left, count) = cleaned(&[(&name, "admin")], policy);
            prop_assert!(left.is_empty() && count == 1);
        }
    }
}
