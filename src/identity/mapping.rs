//! From a verified token to header lines: which header comes from which claim.
//!
//! A token's lines are the same in every request, so they are attached to it when it is remembered ([`Mapping::attachment`]), with the number of
//! the mapping that wrote them: lines of another mapping are never used.

use std::borrow::Cow;
use std::sync::atomic::{AtomicU64, Ordering};

use http::HeaderName;

pub use super::defaults::DEFAULT_NAMES;
use super::defaults::DefaultHeader;
use super::encoding::Encoding;
use super::format::Format;
use super::lines::{HeaderLines, Writer};
use super::{Unusable, target};
use crate::jose::base64url;
use crate::jose::json::Object;
use crate::verify::{Attachment, Rejection, VerifiedToken};

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
    id: MappingId,
}

/// One for each mapping that was ever made; a clone writes the same lines, so it has the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct MappingId(u64);

impl MappingId {
    fn next() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

/// What is attached to a token.
struct Written {
    by: MappingId,
    lines: HeaderLines,
}

#[derive(Clone, Debug)]
enum Headers {
    Default(Vec<DefaultHeader>),
    Configured(Vec<HeaderRule>),
}

impl Mapping {
    /// The default set of the contract, the same for every provider.
    pub fn default_set(max_bytes: usize) -> Self {
        Self::with(Headers::Default(DefaultHeader::all().to_vec()), max_bytes)
    }

    /// Exactly these headers, at most `max_bytes` of names and values together.
    pub fn of(rules: Vec<HeaderRule>, max_bytes: usize) -> Self {
        Self::with(Headers::Configured(rules), max_bytes)
    }

    fn with(headers: Headers, max_bytes: usize) -> Self {
        Self {
            headers,
            max_bytes,
            id: MappingId::next(),
        }
    }

    /// The same mapping with names of its own. A name that is put into a head is counted there, and workers that counted one and the same would
    /// wait for each other's count.
    #[must_use]
    pub fn for_worker(&self) -> Self {
        let mut own = self.clone();
        if let Headers::Configured(rules) = &mut own.headers {
            for rule in rules {
                if let Ok(name) = HeaderName::from_bytes(rule.header.as_str().as_bytes()) {
                    rule.header = name;
                }
            }
        }
        own
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

    /// The lines for the application: those that this mapping attached to the token, or written now. A control character, an empty csv element,
    /// anything over its budget: `ClaimsUnusable`.
    pub fn lines<'t>(&self, token: &'t VerifiedToken) -> Result<Cow<'t, HeaderLines>, Rejection> {
        match token.attached::<Written>() {
            Some(written) if written.by == self.id => Ok(Cow::Borrowed(&written.lines)),
            Some(_) | None => self.write(token).map(Cow::Owned),
        }
    }

    /// The lines, for a token that is about to be remembered. None when they cannot be written: whether that refuses a request is found where
    /// they are asked for, each time.
    pub fn attachment(&self, token: &VerifiedToken) -> Option<Attachment> {
        let lines = self.write(token).ok()?.shared();
        let heap = lines.heap();
        let by = self.id;
        Some(Attachment::new(Written { by, lines }, heap))
    }

    fn write(&self, token: &VerifiedToken) -> Result<HeaderLines, Rejection> {
        let mut writer = Writer::new(self.max_bytes);
        match &self.headers {
            Headers::Default(headers) => {
                for header in headers {
                    let value = header
                        .value(token)
                        .map_err(|why| why.of_header(header.spelling))?;
                    writer.add(&header.name, header.spelling, value, None)?;
                }
            }
            Headers::Configured(rules) => {
                for rule in rules {
                    let value = rule
                        .value(token.claims())
                        .map_err(|why| why.of_header(&rule.spelling))?;
                    writer.add(&rule.header, &rule.spelling, value, rule.max_bytes)?;
                }
            }
        }
        Ok(writer.finish())
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

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;
    use crate::jose::json::parse_object;
    use crate::provider::Findings;
    use crate::verify::testing::{attach, claim_names, proven};

    fn claims(text: &str) -> Object {
        parse_object(text.as_bytes()).unwrap()
    }

    fn written(
        mapping: &Mapping,
        token: &str,
        findings: Findings,
    ) -> Result<Vec<(String, String)>, Rejection> {
        let token = proven(claims(token), claim_names(), findings);
        let lines = mapping.lines(&token)?;
        Ok(lines
            .iter()
            .map(|(name, value)| {
                let value = String::from_utf8(value.as_bytes().to_vec()).unwrap();
                (name.as_str().to_owned(), value)
            })
            .collect())
    }
    fn token(text: &str) -> VerifiedToken {
        proven(claims(text), claim_names(), Findings::default())
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
        let mapping = Mapping::default_set(DEFAULT_MAX_BYTES);
        let mut token = token(r#"{"sub":"s3cret"}"#);
        for attached in [false, true] {
            if attached {
                attach(&mut token, |token| mapping.attachment(token));
                assert!(!format!("{token:?}").contains("s3cret"));
            }
            let lines = mapping.lines(&token).unwrap();
            assert!(!format!("{lines:?}").contains("s3cret"));
            let mut map = http::HeaderMap::new();
            lines.insert_into(&mut map);
            assert_eq!(map["x-auth-subject"], "s3cret");
            assert!(!format!("{map:?}").contains("s3cret"));
        }
        let refusal = default_set(r#"{"sub":"s3cret\n"}"#, Findings::default()).unwrap_err();
        assert!(!format!("{refusal:?}").contains("s3cret"));
    }

    #[test]
    fn attached_lines_are_those_that_would_be_written() {
        let roles = HeaderRule {
            format: Format::Csv,
            ..rule("X-Roles", &["realm_access", "roles"])
        };
        for mapping in [
            Mapping::default_set(DEFAULT_MAX_BYTES),
            Mapping::of(vec![rule("X-A", &["sub"]), roles], DEFAULT_MAX_BYTES),
            Mapping::of(vec![rule("X-A", &["sub"])], DEFAULT_MAX_BYTES),
            Mapping::of(Vec::new(), DEFAULT_MAX_BYTES),
        ] {
            let text = r#"{"sub":"é","name":"n","realm_access":{"roles":["a,b","c"]}}"#;
            let mut token = token(text);
            let written = mapping.lines(&token).unwrap().into_owned();
            attach(&mut token, |token| mapping.for_worker().attachment(token));
            let found = mapping.lines(&token).unwrap();
            assert!(matches!(found, Cow::Borrowed(_)), "written once more");
            assert_eq!(*found, written);
        }
    }

    #[test]
    fn c04_lines_of_another_mapping_are_never_used() {
        let mapping = || Mapping::of(vec![rule("X-A", &["sub"])], DEFAULT_MAX_BYTES);
        let (old, same, other) = (
            mapping(),
            mapping(),
            Mapping::default_set(DEFAULT_MAX_BYTES),
        );
        let mut token = token(r#"{"sub":"x"}"#);
        attach(&mut token, |token| old.attachment(token));
        assert!(matches!(old.lines(&token), Ok(Cow::Borrowed(_))));
        // Equal settings are no excuse.
        assert!(matches!(same.lines(&token), Ok(Cow::Owned(_))));
        let lines = other.lines(&token).unwrap().into_owned();
        let names: Vec<_> = lines.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["x-auth-subject", "x-auth-issuer"]);
        // Neither what somebody else attached.
        attach(&mut token, |_| Some(Attachment::new(lines, 0)));
        assert!(matches!(old.lines(&token), Ok(Cow::Owned(_))));
    }

    #[test]
    fn claims_that_cannot_be_written_leave_nothing_and_refuse_each_time() {
        let mapping = Mapping::default_set(DEFAULT_MAX_BYTES);
        let mut token = token(r#"{"sub":"a\n"}"#);
        let fresh = mapping.lines(&token).unwrap_err();
        assert!(matches!(fresh, Rejection::ClaimsUnusable { .. }));
        let attachment = mapping.attachment(&token);
        assert!(attachment.is_none());
        attach(&mut token, |_| attachment);
        for _ in 0..2 {
            assert_eq!(mapping.lines(&token).unwrap_err(), fresh);
        }
    }

    #[test]
    fn c06_an_attachment_counts_all_that_it_holds() {
        for length in [0, 1, 100, 5_000] {
            let text = format!(
                r#"{{"sub":"{}","name":"{}"}}"#,
                "a".repeat(length),
                "b".repeat(length)
            );
            let mapping = Mapping::default_set(2 * DEFAULT_MAX_BYTES);
            let token = token(&text);
            let values: usize = mapping
                .lines(&token)
                .unwrap()
                .iter()
                .map(|(_, value)| value.len())
                .sum();
            assert!(values >= 2 * length);
            let count = mapping.lines(&token).unwrap().iter().count();
            let lines = count * size_of::<(HeaderName, HeaderValue)>();
            // The block of values, its count, the vector of lines, and what is attached itself.
            let held = values + 24 + lines + size_of::<Written>();
            let counted = mapping.attachment(&token).unwrap().bytes();
            // Four blocks.
            let most = held + values / 4 + 4 * 31;
            assert!((held..=most).contains(&counted), "{counted} of {held}");
        }
    }
}
