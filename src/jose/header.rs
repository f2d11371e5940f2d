//! The JOSE header of a signed token (RFC 7515 §4).

use super::algorithm::Algorithm;
use super::base64url;
use super::json::{self, Json, Object};

/// Longest `kid` that is looked up, in bytes.
pub const MAX_KID_BYTES: usize = 256;

/// A parsed header. Embedded keys (`jwk jku x5u x5c`) are never read.
#[derive(Clone, Debug)]
pub struct Header {
    /// `alg` as written; `algorithm` when it is one that the gate verifies.
    pub alg: Box<str>,
    pub algorithm: Option<Algorithm>,
    pub kid: Option<Box<str>>,
    /// `x5t` as written, compared as a string with the key set's value.
    pub x5t: Option<Box<str>>,
    pub x5t_s256: Option<Box<str>>,
    pub typ: Option<Box<str>>,
    /// Every member, for providers' own rules.
    pub members: Object,
}

/// Why a header is not read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BadHeader {
    /// Not base64url, not a JSON object, a member of a wrong type; the text says what.
    Malformed(Box<str>),
    /// `crit` or `b64` is there, whatever its value (RFC 7515 §4.1.11, RFC 7797 §7). What else was legible, for the log.
    Critical {
        member: &'static str,
        algorithm: Option<Algorithm>,
        kid: Option<Box<str>>,
    },
}

impl Header {
    /// Decodes and reads one header segment. Wrong types, duplicate members, an over-long or non-string `kid`: an error.
    /// The error's text names the member, never its value.
    pub fn read(segment: &str) -> Result<Self, BadHeader> {
        let text = base64url::decode(segment)
            .map_err(|_| BadHeader::Malformed("the header is not base64url".into()))?;
        let members = json::parse_object(&text).map_err(|e| {
            BadHeader::Malformed(format!("the header is not an acceptable object: {e}").into())
        })?;
        for name in ["crit", "b64"] {
            if members.get(name).is_some() {
                return Err(critical(name, &members));
            }
        }
        let alg = string(&members, "alg")?
            .ok_or_else(|| BadHeader::Malformed("the header has no `alg`".into()))?;
        let kid = string(&members, "kid")?;
        if kid.as_ref().is_some_and(|k| k.len() > MAX_KID_BYTES) {
            return Err(BadHeader::Malformed(
                format!("`kid` is longer than {MAX_KID_BYTES} bytes").into(),
            ));
        }
        Ok(Self {
            algorithm: Algorithm::from_name(&alg),
            alg,
            kid,
            x5t: string(&members, "x5t")?,
            x5t_s256: string(&members, "x5t#S256")?,
            typ: string(&members, "typ")?,
            members,
        })
    }
}

fn critical(member: &'static str, members: &Object) -> BadHeader {
    let text = |name| members.get(name).and_then(Json::as_str);
    BadHeader::Critical {
        member,
        algorithm: text("alg").and_then(Algorithm::from_name),
        kid: text("kid")
            .filter(|kid| kid.len() <= MAX_KID_BYTES)
            .map(Box::from),
    }
}

fn string(members: &Object, name: &str) -> Result<Option<Box<str>>, BadHeader> {
    match members.get(name) {
        None => Ok(None),
        Some(Json::String(text)) => Ok(Some(text.clone())),
        Some(other) => Err(BadHeader::Malformed(
            format!("`{name}` is of type {}, not string", other.type_name()).into(),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Header, BadHeader> {
        Header::read(&base64url::encode(text.as_bytes()))
    }

    fn is_malformed(text: &str) -> bool {
        matches!(read(text), Err(BadHeader::Malformed(_)))
    }

    fn member(found: Result<Header, BadHeader>) -> &'static str {
        match found {
            Err(BadHeader::Critical { member, .. }) => member,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_critical_member_leaves_algorithm_and_kid_for_the_log() {
        let found = read(r#"{"alg":"ES256","kid":"k1","crit":["x"]}"#);
        let seen = BadHeader::Critical {
            member: "crit",
            algorithm: Some(Algorithm::Es256),
            kid: Some("k1".into()),
        };
        assert_eq!(found.unwrap_err(), seen);
    }

    #[test]
    fn the_members_are_read() {
        let header = read(
            r#"{"alg":"RS256","kid":"k1","typ":"at+jwt","x5t":"a","x5t#S256":"b","nonce":"n"}"#,
        )
        .unwrap();
        assert_eq!(header.algorithm, Some(Algorithm::Rs256));
        assert_eq!(header.kid.as_deref(), Some("k1"));
        assert_eq!(header.typ.as_deref(), Some("at+jwt"));
        assert_eq!(header.x5t.as_deref(), Some("a"));
        assert_eq!(header.x5t_s256.as_deref(), Some("b"));
        assert_eq!(header.members.get("nonce").unwrap().as_str(), Some("n"));
    }

    #[test]
    fn j01_none_is_read_but_is_no_algorithm() {
        let header = read(r#"{"alg":"none"}"#).unwrap();
        assert_eq!((&*header.alg, header.algorithm), ("none", None));
    }

    #[test]
    fn j05_a_kid_is_a_string_of_at_most_256_bytes() {
        for kid in ["1", "null", "[\"k\"]", "{}", "true"] {
            assert!(
                is_malformed(&format!(r#"{{"alg":"RS256","kid":{kid}}}"#)),
                "{kid}"
            );
        }
        let at_limit = "k".repeat(MAX_KID_BYTES);
        let header = read(&format!(r#"{{"alg":"RS256","kid":"{at_limit}"}}"#)).unwrap();
        assert_eq!(header.kid.as_deref(), Some(&*at_limit));
        assert!(is_malformed(&format!(
            r#"{{"alg":"RS256","kid":"{at_limit}k"}}"#
        )));
        assert!(is_malformed(&format!(
            r#"{{"alg":"RS256","kid":"{}"}}"#,
            "k".repeat(64 * 1024)
        )));
    }

    #[test]
    fn j05_odd_kids_are_opaque() {
        for (written, kid) in [
            ("../../../dev/null", "../../../dev/null"),
            ("' UNION SELECT '", "' UNION SELECT '"),
            (r"a\r\nb", "a\r\nb"),
            (r"\u0000", "\0"),
            ("__proto__", "__proto__"),
            ("", ""),
        ] {
            let header = read(&format!(r#"{{"alg":"RS256","kid":"{written}"}}"#)).unwrap();
            assert_eq!(header.kid.as_deref(), Some(kid));
        }
    }

    #[test]
    fn j08_crit_is_refused_whatever_its_value() {
        for value in [
            r#"["x"]"#,
            "[]",
            r#""b64""#,
            r#"["exp"]"#,
            "null",
            "{}",
            "0",
        ] {
            let found = read(&format!(r#"{{"alg":"RS256","crit":{value}}}"#));
            assert_eq!(member(found), "crit", "{value}");
        }
    }

    #[test]
    fn j09_the_b64_member_is_refused_with_and_without_crit() {
        for value in ["false", "true", "null", "\"false\""] {
            let found = read(&format!(r#"{{"alg":"RS256","b64":{value}}}"#));
            assert_eq!(member(found), "b64", "{value}");
        }
        let found = read(r#"{"alg":"RS256","b64":false,"crit":["b64"]}"#);
        assert_eq!(member(found), "crit");
    }

    #[test]
    fn j18_duplicate_members_are_refused() {
        assert!(is_malformed(r#"{"alg":"RS256","alg":"none"}"#));
        assert!(is_malformed(r#"{"alg":"RS256","\u0061lg":"RS256"}"#));
        assert!(is_malformed(
            r#"{"alg":"RS256","jwk":{"kty":"RSA","kty":"RSA"}}"#
        ));
    }

    #[test]
    fn j19_a_header_that_is_no_object_is_refused() {
        for text in ["", "null", "[]", "\"RS256\"", "1", r#"["RS256"]"#] {
            assert!(is_malformed(text), "{text}");
        }
    }

    #[test]
    fn members_of_a_wrong_type_are_named_and_their_value_is_not_shown() {
        for name in ["alg", "kid", "typ", "x5t", "x5t#S256"] {
            let found = read(&format!(r#"{{"alg":"RS256","{name}":314159}}"#).replacen(
                if name == "alg" {
                    r#""alg":"RS256","#
                } else {
                    "\0"
                },
                "",
                1,
            ));
            let Err(BadHeader::Malformed(text)) = found else {
                panic!("{name}: {found:?}");
            };
            assert!(text.contains(&format!("`{name}`")), "{text}");
            assert!(!text.contains("314159"), "{text}");
        }
        assert!(is_malformed(r#"{"kid":"k1"}"#));
    }

    #[test]
    fn j17_a_segment_that_is_not_canonical_is_refused() {
        let segment = base64url::encode(br#"{"alg":"RS256"}"#);
        for bad in [
            format!("{segment}="),
            format!(" {segment}"),
            format!("{segment}\n"),
        ] {
            assert!(matches!(Header::read(&bad), Err(BadHeader::Malformed(_))));
        }
    }

    proptest::proptest! {
        #[test]
        fn any_segment_is_answered(segment: String, text: String) {
            let _ = Header::read(&segment);
            let _ = read(&text);
        }
    }
}
