//! From a verified token to header lines.

use std::fmt;

use http::{HeaderName, HeaderValue};

pub use super::defaults::DEFAULT_NAMES;
use super::defaults::DefaultHeader;
use super::encoding::Encoding;
use super::format::Format;
use super::{Unusable, target};
use crate::jose::base64url;
use crate::jose::json::Object;
use crate::verify::{Rejection, VerifiedToken};

/// Default bound of all identity headers together, names and values: Tomcat's whole head is 8 KiB.
pub const DEFAULT_MAX_BYTES: usize = 8 * 1024;

/// One entry of `identity.headers`.
#[derive(Clone, Debug, PartialEq)]
pub struct HeaderRule {
    pub header: HeaderName,
    /// As the operator spelt it: what goes on the wire to HTTP/1 applications and into `explain`.
    pub spelling: String,
    pub source: ClaimSource,
    pub format: Format,
    pub encoding: Encoding,
    pub missing: Missing,
    pub max_bytes: Option<usize>,
}

/// `claim` or `claims` of an entry of `identity.headers`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClaimSource {
    /// One name is one top-level claim, literally; several are a path.
    Claim(Vec<String>),
    /// The whole claims set.
    AllClaims,
}

/// `missing` of an entry of `identity.headers`: no header, or a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Missing {
    #[default]
    Omit,
    Reject,
}

/// What an application gets of a token. Immutable; the same for all workers.
#[derive(Clone, Debug)]
pub struct Mapping {
    headers: Headers,
    max_bytes: usize,
}

#[derive(Clone, Debug)]
enum Headers {
    Default(Vec<DefaultHeader>),
    Configured(Vec<HeaderRule>),
}

/// Header lines of one token: at most one per name. Debug shows names only.
#[derive(Clone, PartialEq, Eq)]
pub struct HeaderLines(pub(super) Vec<(HeaderName, HeaderValue)>);

impl HeaderLines {
    pub fn iter(&self) -> impl Iterator<Item = (&HeaderName, &HeaderValue)> {
        self.0.iter().map(|(n, v)| (n, v))
    }
}

impl IntoIterator for HeaderLines {
    type Item = (HeaderName, HeaderValue);
    type IntoIter = std::vec::IntoIter<Self::Item>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl fmt::Debug for HeaderLines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set()
            .entries(self.0.iter().map(|(n, _)| n))
            .finish()
    }
}

impl Mapping {
    /// The default set of the contract, the same for every provider.
    pub fn default_set(max_bytes: usize) -> Self {
        Self {
            headers: Headers::Default(DefaultHeader::all().to_vec()),
            max_bytes,
        }
    }

    /// Exactly these headers, at most `max_bytes` of names and values together.
    pub fn of(rules: Vec<HeaderRule>, max_bytes: usize) -> Self {
        Self {
            headers: Headers::Configured(rules),
            max_bytes,
        }
    }

    /// The names that this mapping may set, as spelt.
    pub fn names(&self) -> Vec<String> {
        match &self.headers {
            Headers::Default(_) => DEFAULT_NAMES.map(str::to_owned).to_vec(),
            Headers::Configured(rules) => rules.iter().map(|rule| rule.spelling.clone()).collect(),
        }
    }

    /// Why a header must not be mapped onto (Host, Cookie, Authorization, Content-*, hop-by-hop ...): a start error.
    pub fn forbidden_target(name: &HeaderName) -> Option<&'static str> {
        target::forbidden(name)
    }

    /// The lines for the application. A control character, an empty csv element, anything over its budget: `ClaimsUnusable`.
    pub fn lines(&self, token: &VerifiedToken) -> Result<HeaderLines, Rejection> {
        let mut writer = Writer {
            lines: Vec::with_capacity(DEFAULT_NAMES.len()),
            left: self.max_bytes,
        };
        match &self.headers {
            Headers::Default(headers) => {
                for header in headers {
                    let value = header
                        .value(token)
                        .map_err(|why| unusable(header.spelling, why))?;
                    writer.add(&header.name, header.spelling, value, None)?;
                }
            }
            Headers::Configured(rules) => {
                for rule in rules {
                    let value = rule
                        .value(token.claims())
                        .map_err(|why| unusable(&rule.spelling, why))?;
                    writer.add(&rule.header, &rule.spelling, value, rule.max_bytes)?;
                }
            }
        }
        Ok(HeaderLines(writer.lines))
    }
}

impl HeaderRule {
    fn value(&self, claims: &Object) -> Result<Option<Vec<u8>>, Unusable> {
        let value = match &self.source {
            ClaimSource::AllClaims => self.all_claims(claims).map(Some)?,
            ClaimSource::Claim(path) => match claims.at(path) {
                Some(claim) => self.format.write(claim, self.encoding)?,
                None => None,
            },
        };
        match (&value, self.missing) {
            (None, Missing::Reject) => Err(Unusable("the claim is missing or empty")),
            (None, Missing::Omit) | (Some(_), _) => Ok(value),
        }
    }

    fn all_claims(&self, claims: &Object) -> Result<Vec<u8>, Unusable> {
        let json = claims.to_ascii();
        match self.format {
            Format::Json => Ok(json.into_bytes()),
            Format::Base64Url => Ok(base64url::encode(json.as_bytes()).into_bytes()),
            Format::Text | Format::Csv => Err(Unusable(
                "all claims can only be written as json or base64url",
            )),
        }
    }
}

fn unusable(header: &str, Unusable(why): Unusable) -> Rejection {
    Rejection::ClaimsUnusable {
        header: header.to_owned(),
        why: why.to_owned(),
    }
}

/// Collects lines within the budgets: nothing is cut, what does not fit refuses the request.
struct Writer {
    lines: Vec<(HeaderName, HeaderValue)>,
    /// Bytes of names and values that the total still allows.
    left: usize,
}

impl Writer {
    fn add(
        &mut self,
        name: &HeaderName,
        spelling: &str,
        value: Option<Vec<u8>>,
        max_bytes: Option<usize>,
    ) -> Result<(), Rejection> {
        let Some(value) = value else {
            return Ok(());
        };
        if max_bytes.is_some_and(|max| value.len() > max) {
            return Err(unusable(
                spelling,
                Unusable("the value is longer than its `max_bytes`"),
            ));
        }
        if self.lines.iter().any(|(set, _)| set == name) {
            return Err(unusable(spelling, Unusable("two entries set it")));
        }
        self.left = self
            .left
            .checked_sub(spelling.len() + value.len())
            .ok_or_else(|| {
                unusable(
                    spelling,
                    Unusable("with it the identity headers are longer than `identity.max_bytes`"),
                )
            })?;
        let mut value = HeaderValue::try_from(value)
            .map_err(|_| unusable(spelling, Unusable("the value cannot stand in a header")))?;
        // Keeps claim values out of every Debug of a header map.
        value.set_sensitive(true);
        self.lines.push((name.clone(), value));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jose::json::parse_object;
    use crate::provider::Findings;
    use crate::verify::testing::{claim_names, proven};

    fn claims(text: &str) -> Object {
        parse_object(text.as_bytes()).unwrap()
    }

    fn written(
        mapping: &Mapping,
        token: &str,
        findings: Findings,
    ) -> Result<Vec<(String, String)>, Rejection> {
        let lines = mapping.lines(&proven(claims(token), claim_names(), findings))?;
        Ok(lines
            .iter()
            .map(|(name, value)| {
                let value = String::from_utf8(value.as_bytes().to_vec()).unwrap();
                (name.as_str().to_owned(), value)
            })
            .collect())
    }
    fn default_set(token: &str, findings: Findings) -> Result<Vec<(String, String)>, Rejection> {
        written(&Mapping::default_set(DEFAULT_MAX_BYTES), token, findings)
    }
    fn rule(header: &str, claim: &[&str]) -> HeaderRule {
        HeaderRule {
            header: HeaderName::from_bytes(header.as_bytes()).unwrap(),
            spelling: header.to_owned(),
            source: ClaimSource::Claim(claim.iter().map(|name| (*name).to_owned()).collect()),
            format: Format::Text,
            encoding: Encoding::Percent,
            missing: Missing::Omit,
            max_bytes: None,
        }
    }
    fn custom(rules: Vec<HeaderRule>, token: &str) -> Result<Vec<(String, String)>, Rejection> {
        written(
            &Mapping::of(rules, DEFAULT_MAX_BYTES),
            token,
            Findings::default(),
        )
    }
    fn pairs(lines: &[(&str, &str)]) -> Vec<(String, String)> {
        lines
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    }
    fn is_unusable<T>(result: Result<T, Rejection>) -> bool {
        matches!(result, Err(Rejection::ClaimsUnusable { .. }))
    }

    #[test]
    fn the_default_set_has_all_that_the_token_says() {
        let findings = Findings {
            groups_overage: true,
            email_verified: true,
        };
        let lines = default_set(
            r#"{"sub":"248289761001","upn":"j@x","email":"jane@example.com","name":"José","groups":["a,b","c"],
                "roles":["admin"],"scp":"read write","tid":"t"}"#,
            findings,
        );
        assert_eq!(
            lines.unwrap(),
            pairs(&[
                ("x-auth-subject", "248289761001"),
                ("x-auth-issuer", "main"),
                ("x-auth-username", "j@x"),
                ("x-auth-email", "jane@example.com"),
                ("x-auth-name", "Jos%C3%A9"),
                ("x-auth-groups", "a%2Cb,c"),
                ("x-auth-roles", "admin"),
                ("x-auth-scope", "read write"),
                ("x-auth-tenant", "t"),
                ("x-auth-groups-overage", "true"),
            ])
        );
    }

    #[test]
    fn h11_what_the_token_does_not_say_is_no_header() {
        let lines = default_set(
            r#"{"sub":"x","email":"a@b","name":"","groups":[],"roles":null}"#,
            Findings::default(),
        );
        assert_eq!(
            lines.unwrap(),
            pairs(&[("x-auth-subject", "x"), ("x-auth-issuer", "main")])
        );
    }

    #[test]
    fn h11_a_missing_claim_can_be_a_refusal() {
        let mut needed = rule("X-Email", &["email"]);
        needed.missing = Missing::Reject;
        for token in ["{}", r#"{"email":""}"#, r#"{"email":null}"#] {
            assert!(is_unusable(custom(vec![needed.clone()], token)), "{token}");
        }
        assert_eq!(
            custom(vec![needed], r#"{"email":"a"}"#).unwrap(),
            pairs(&[("x-email", "a")])
        );
    }

    #[test]
    fn h07_cve_2019_9900_a_claim_with_a_control_character_refuses_the_request() {
        for token in [
            r#"{"sub":"a\r\nX-Role: admin"}"#,
            r#"{"sub":"\u0000"}"#,
            r#"{"sub":"a\tb"}"#,
            r#"{"sub":"x","groups":["a","b\n"]}"#,
            r#"{"sub":"x","scope":"a\u0085b"}"#,
            r#"{"sub":{"a":1}}"#,
        ] {
            assert!(
                is_unusable(default_set(token, Findings::default())),
                "{token}"
            );
        }
    }

    #[test]
    fn h09_groups_with_separators_stay_apart() {
        let groups = |token| {
            let lines = default_set(token, Findings::default()).unwrap();
            lines.last().unwrap().1.clone()
        };
        assert_ne!(
            groups(r#"{"groups":["a,admin"]}"#),
            groups(r#"{"groups":["a","admin"]}"#)
        );
    }

    #[test]
    fn h10_budgets_refuse_and_never_cut() {
        let token = format!(r#"{{"sub":"{}"}}"#, "a".repeat(100));
        // `X-Auth-Subject` + 100 + `X-Auth-Issuer` + `main`.
        let total = 14 + 100 + 13 + 4;
        let fits = |max| written(&Mapping::default_set(max), &token, Findings::default());
        assert!(fits(total).is_ok());
        assert!(fits(total + 1).is_ok());
        assert!(is_unusable(fits(total - 1)));
        assert!(is_unusable(fits(0)));

        let many: Vec<String> = (0..5_000).map(|n| format!("\"group-{n}\"")).collect();
        let many = format!(r#"{{"groups":[{}]}}"#, many.join(","));
        assert!(is_unusable(default_set(&many, Findings::default())));

        let mut bounded = rule("X-A", &["sub"]);
        for (max, fits) in [(99, false), (100, true), (101, true)] {
            bounded.max_bytes = Some(max);
            assert_eq!(custom(vec![bounded.clone()], &token).is_ok(), fits, "{max}");
        }
    }

    #[test]
    fn h03_a_name_is_set_at_most_once() {
        let twice = vec![rule("X-A", &["a"]), rule("x-a", &["b"])];
        assert!(is_unusable(custom(twice.clone(), r#"{"a":"1","b":"2"}"#)));
        assert_eq!(
            custom(twice, r#"{"b":"2"}"#).unwrap(),
            pairs(&[("x-a", "2")])
        );
    }

    #[test]
    fn custom_rules_set_exactly_what_they_say() {
        let mut roles = rule("X-Roles", &["realm_access", "roles"]);
        roles.format = Format::Csv;
        let mut everything = rule("X-Claims", &[]);
        everything.source = ClaimSource::AllClaims;
        everything.format = Format::Base64Url;
        let mapping = Mapping::of(
            vec![
                rule("X-Role", &["https://shop/role"]),
                roles,
                rule("X-Gone", &["a", "b"]),
                everything,
            ],
            DEFAULT_MAX_BYTES,
        );
        let lines = written(
            &mapping,
            r#"{"https://shop/role":"r","realm_access":{"roles":["a","b"]},"a":["b"]}"#,
            Findings::default(),
        )
        .unwrap();
        assert_eq!(lines[..2], pairs(&[("x-role", "r"), ("x-roles", "a,b")]));
        let json = crate::jose::base64url::decode(&lines[2].1).unwrap();
        assert!(
            parse_object(&json)
                .unwrap()
                .get("https://shop/role")
                .is_some()
        );
        assert_eq!(lines.len(), 3);
        assert_eq!(mapping.names(), ["X-Role", "X-Roles", "X-Gone", "X-Claims"]);
    }

    #[test]
    fn all_claims_are_json_only() {
        let mut everything = rule("X-Claims", &[]);
        everything.source = ClaimSource::AllClaims;
        assert!(is_unusable(custom(vec![everything.clone()], "{}")));
        everything.format = Format::Json;
        assert_eq!(
            custom(vec![everything], r#"{ "a" : "é" }"#).unwrap(),
            pairs(&[("x-claims", r#"{"a":"\u00e9"}"#)])
        );
    }

    #[test]
    fn lines_and_refusals_show_no_claim_value() {
        let lines = Mapping::default_set(DEFAULT_MAX_BYTES)
            .lines(&proven(
                claims(r#"{"sub":"s3cret"}"#),
                claim_names(),
                Findings::default(),
            ))
            .unwrap();
        assert!(!format!("{lines:?}").contains("s3cret"));
        let map: http::HeaderMap = lines.iter().map(|(n, v)| (n.clone(), v.clone())).collect();
        assert!(!format!("{map:?}").contains("s3cret"));
        let refusal = default_set(r#"{"sub":"s3cret\n"}"#, Findings::default()).unwrap_err();
        assert!(!format!("{refusal:?}").contains("s3cret"));
    }
}
