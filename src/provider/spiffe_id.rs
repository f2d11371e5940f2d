//! SPIFFE IDs: `spiffe://{trust domain}/{path}` (SPIFFE-ID standard, §2).

/// What every SPIFFE ID begins with; lower case, as the standard's own validators want it.
pub const SCHEME: &str = "spiffe://";
/// Longest ID in bytes (§2.3).
const MAX_BYTES: usize = 2048;
/// Longest trust domain in bytes (§2.1).
const MAX_DOMAIN_BYTES: usize = 255;

/// A valid ID of a workload: one with a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpiffeId<'i> {
    pub trust_domain: &'i str,
    /// With its first `/`.
    pub path: &'i str,
}

impl<'i> SpiffeId<'i> {
    /// None for anything else: another scheme or letter case, user information, port, query, fragment, percent-encoding, empty or dot
    /// segments, a trailing slash, or no path (the ID of the trust domain itself, which no workload has).
    pub fn parse(text: &'i str) -> Option<Self> {
        let rest = text.strip_prefix(SCHEME)?;
        let (trust_domain, path) = rest.split_at_checked(rest.find('/')?)?;
        let mut segments = path.split('/');
        // What is before the first slash.
        segments.next();
        (text.len() <= MAX_BYTES && is_trust_domain(trust_domain) && segments.all(is_segment))
            .then_some(Self { trust_domain, path })
    }
}

/// §2.1: lower-case letters, digits, `.`, `-`, `_`.
pub fn is_trust_domain(text: &str) -> bool {
    let good = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || is_sign(byte);
    (1..=MAX_DOMAIN_BYTES).contains(&text.len()) && text.bytes().all(good)
}

/// §2.2: letters, digits, `.`, `-`, `_`; not empty, `.` or `..`.
fn is_segment(text: &str) -> bool {
    let good = |byte: u8| byte.is_ascii_alphanumeric() || is_sign(byte);
    !matches!(text, "" | "." | "..") && text.bytes().all(good)
}

fn is_sign(byte: u8) -> bool {
    matches!(byte, b'.' | b'-' | b'_')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_id_is_its_trust_domain_and_its_path() {
        let id = SpiffeId::parse("spiffe://prod.example.com/ns/payments/sa/Worker_1.v2").unwrap();
        assert_eq!(id.trust_domain, "prod.example.com");
        assert_eq!(id.path, "/ns/payments/sa/Worker_1.v2");
        let longest = format!("spiffe://a/{}", "x".repeat(MAX_BYTES - 11));
        assert!(SpiffeId::parse(&longest).is_some());
        assert!(SpiffeId::parse(&format!("{longest}x")).is_none());
        let domain = "a".repeat(MAX_DOMAIN_BYTES);
        assert!(SpiffeId::parse(&format!("spiffe://{domain}/x")).is_some());
        assert!(SpiffeId::parse(&format!("spiffe://{domain}a/x")).is_none());
    }

    #[test]
    fn what_only_looks_like_an_id_is_none() {
        for text in [
            "",
            "spiffe://",
            "spiffe:///x",
            "spiffe://example.com",
            "spiffe://example.com/",
            "spiffe://example.com/x/",
            "spiffe://example.com//x",
            "spiffe://example.com/./x",
            "spiffe://example.com/x/..",
            "spiffe://example.com/x?y",
            "spiffe://example.com/x#y",
            "spiffe://example.com/%78",
            "spiffe://example.com/x y",
            "spiffe://example.com/x\n",
            "spiffe://example.com/x\0",
            "spiffe://example.com/\u{e9}",
            "spiffe://example.com:443/x",
            "spiffe://user@example.com/x",
            "spiffe://EXAMPLE.com/x",
            "spiffe://ex%61mple.com/x",
            "spiffe://[::1]/x",
            "SPIFFE://example.com/x",
            "Spiffe://example.com/x",
            "spiffe:/example.com/x",
            "spiffe:example.com/x",
            " spiffe://example.com/x",
            "https://example.com/x",
        ] {
            assert_eq!(SpiffeId::parse(text), None, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_read_is_written_the_same(text in "(spiffe://)?[a-z.%/A-Z:@?]{0,30}") {
            if let Some(id) = SpiffeId::parse(&text) {
                prop_assert_eq!(format!("{SCHEME}{}{}", id.trust_domain, id.path), text);
            }
        }
    }
}
