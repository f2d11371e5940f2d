//! The protected header of an encrypted token (RFC 7516 §4).

use super::super::base64url;
use super::super::header::MAX_KID_BYTES;
use super::super::json::{self, Json, Object};
use super::agreement::Ephemeral;
use super::algorithm::{Encryption, KeyManagement};

/// A parsed header. Embedded keys (`jwk jku x5u x5c`) are never read, and of the work factors of other algorithms (`p2c`) nothing is.
pub struct Header {
    pub algorithm: KeyManagement,
    pub encryption: Encryption,
    pub kid: Option<Box<str>>,
    pub(super) parameters: Parameters,
}

/// What the algorithm needs besides its name.
pub(super) enum Parameters {
    None,
    /// ECDH-ES and its wrapping kin (RFC 7518 §4.6.1).
    Agreement(Ephemeral),
    /// AES-GCM key wrapping (RFC 7518 §4.7.1).
    GcmWrap {
        iv: [u8; 12],
        tag: [u8; 16],
    },
}

/// Why a header is not read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BadHeader {
    /// Not base64url, not a JSON object, a member that is missing or of a wrong type; the text names it, never its value.
    Malformed(Box<str>),
    /// `crit` is there, whatever its value: no extension is known (RFC 7516 §4.1.13).
    Critical,
    /// `zip` is there: a short token could become an endless one (threat J11).
    Compressed,
    /// `cty` says that something else than a JWT is inside (RFC 7519 §5.2). As written.
    NotAToken(Box<str>),
    /// `alg` as written: not one that the gate opens.
    Algorithm(Box<str>),
    /// `enc` as written: not one that the gate opens.
    Encryption(Box<str>),
}

impl Header {
    /// Decodes and reads one header segment.
    pub fn read(segment: &str) -> Result<Self, BadHeader> {
        let text =
            base64url::decode(segment).map_err(|_| malformed("the header is not base64url"))?;
        let members = json::parse_object(&text)
            .map_err(|e| malformed(format!("the header is not an acceptable object: {e}")))?;
        if members.get("crit").is_some() {
            return Err(BadHeader::Critical);
        }
        if members.get("zip").is_some() {
            return Err(BadHeader::Compressed);
        }
        let alg = required(&members, "alg")?;
        let enc = required(&members, "enc")?;
        let algorithm =
            KeyManagement::from_name(alg).ok_or_else(|| BadHeader::Algorithm(alg.into()))?;
        let encryption =
            Encryption::from_name(enc).ok_or_else(|| BadHeader::Encryption(enc.into()))?;
        if let Some(content) = string(&members, "cty")?
            && !is_token(content)
        {
            return Err(BadHeader::NotAToken(content.into()));
        }
        let kid = string(&members, "kid")?;
        if kid.is_some_and(|kid| kid.len() > MAX_KID_BYTES) {
            return Err(malformed(format!(
                "`kid` is longer than {MAX_KID_BYTES} bytes"
            )));
        }
        Ok(Self {
            algorithm,
            encryption,
            kid: kid.map(Box::from),
            parameters: Parameters::read(algorithm, &members)?,
        })
    }
}

/// Its Debug shows names only.
impl std::fmt::Debug for Header {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Header")
            .field("algorithm", &self.algorithm)
            .field("encryption", &self.encryption)
            .field("kid", &self.kid)
            .finish_non_exhaustive()
    }
}

impl Parameters {
    fn read(algorithm: KeyManagement, members: &Object) -> Result<Self, BadHeader> {
        match algorithm {
            KeyManagement::EcdhEs | KeyManagement::EcdhEsA128Kw | KeyManagement::EcdhEsA256Kw => {
                Ephemeral::read(members).map(Self::Agreement)
            }
            KeyManagement::A128GcmKw | KeyManagement::A256GcmKw => Ok(Self::GcmWrap {
                iv: bytes(members, "iv")?,
                tag: bytes(members, "tag")?,
            }),
            KeyManagement::RsaOaep
            | KeyManagement::RsaOaep256
            | KeyManagement::A128Kw
            | KeyManagement::A256Kw
            | KeyManagement::Dir => Ok(Self::None),
        }
    }
}

/// `JWT`, in any case, `application/` may be left out (RFC 7515 §4.1.10).
fn is_token(content: &str) -> bool {
    let short = match content.split_at_checked("application/".len()) {
        Some((prefix, rest)) if prefix.eq_ignore_ascii_case("application/") => rest,
        _ => content,
    };
    short.eq_ignore_ascii_case("jwt")
}

/// A member of exactly this many bytes.
fn bytes<const LENGTH: usize>(members: &Object, name: &str) -> Result<[u8; LENGTH], BadHeader> {
    base64url::decode(required(members, name)?)
        .ok()
        .and_then(|bytes| bytes.try_into().ok())
        .ok_or_else(|| malformed(format!("`{name}` is not {LENGTH} bytes in base64url")))
}

pub(super) fn required<'o>(members: &'o Object, name: &str) -> Result<&'o str, BadHeader> {
    string(members, name)?.ok_or_else(|| malformed(format!("the header has no `{name}`")))
}

pub(super) fn string<'o>(members: &'o Object, name: &str) -> Result<Option<&'o str>, BadHeader> {
    match members.get(name) {
        None => Ok(None),
        Some(Json::String(text)) => Ok(Some(text)),
        Some(other) => Err(malformed(format!(
            "`{name}` is of type {}, not string",
            other.type_name()
        ))),
    }
}

pub(super) fn malformed(what: impl Into<Box<str>>) -> BadHeader {
    BadHeader::Malformed(what.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Header, BadHeader> {
        Header::read(&base64url::encode(text.as_bytes()))
    }

    fn with(more: &str) -> Result<Header, BadHeader> {
        read(&format!(r#"{{"alg":"dir","enc":"A256GCM"{more}}}"#))
    }

    #[test]
    fn the_members_are_read() {
        let header = with(r#","kid":"k1","typ":"JWE","cty":"JWT","iss":"https://a""#).unwrap();
        assert_eq!(header.algorithm, KeyManagement::Dir);
        assert_eq!(header.encryption, Encryption::A256Gcm);
        assert_eq!(header.kid.as_deref(), Some("k1"));
    }

    #[test]
    fn j13_the_content_is_a_token_or_not_said() {
        for good in ["JWT", "jwt", "application/jwt", "Application/JWT"] {
            assert!(with(&format!(r#","cty":"{good}""#)).is_ok(), "{good}");
        }
        for bad in [
            "",
            "json",
            "application/",
            "application/json",
            "at+jwt",
            "JWT ",
        ] {
            let found = with(&format!(r#","cty":"{bad}""#)).unwrap_err();
            assert_eq!(found, BadHeader::NotAToken(bad.into()));
        }
    }

    #[test]
    fn j11_compression_is_refused_whatever_its_value() {
        for value in [r#""DEF""#, "null", r#""""#, "1"] {
            let found = with(&format!(r#","zip":{value}"#)).unwrap_err();
            assert_eq!(found, BadHeader::Compressed);
        }
    }

    #[test]
    fn j08_critical_members_are_refused_whatever_they_are() {
        for value in [r#"["x"]"#, "[]", "null", r#"["exp"]"#] {
            let found = with(&format!(r#","crit":{value}"#)).unwrap_err();
            assert_eq!(found, BadHeader::Critical);
        }
    }

    #[test]
    fn j11_algorithms_that_are_not_opened_are_named() {
        for alg in ["RSA1_5", "PBES2-HS256+A128KW", "A192KW", "none", "RS256"] {
            let text = format!(r#"{{"alg":"{alg}","enc":"A256GCM","p2c":2000000000,"p2s":"AA"}}"#);
            assert_eq!(read(&text).unwrap_err(), BadHeader::Algorithm(alg.into()));
        }
        let found = read(r#"{"alg":"dir","enc":"A128CBC+HS256"}"#).unwrap_err();
        assert_eq!(found, BadHeader::Encryption("A128CBC+HS256".into()));
    }

    #[test]
    fn members_that_are_missing_double_or_of_another_type_are_malformed() {
        for text in [
            "[]",
            "{}",
            "",
            r#"{"alg":"dir"}"#,
            r#"{"enc":"A256GCM"}"#,
            r#"{"alg":1,"enc":"A256GCM"}"#,
            r#"{"alg":"dir","alg":"dir","enc":"A256GCM"}"#,
            r#"{"alg":"dir","enc":"A256GCM","kid":7}"#,
            r#"{"alg":"dir","enc":"A256GCM","cty":["JWT"]}"#,
            r#"{"alg":"A128GCMKW","enc":"A256GCM"}"#,
            r#"{"alg":"A128GCMKW","enc":"A256GCM","iv":"AAAA","tag":"AAAA"}"#,
            r#"{"alg":"ECDH-ES","enc":"A256GCM"}"#,
            r#"{"alg":"ECDH-ES","enc":"A256GCM","epk":"x"}"#,
        ] {
            let found = read(text).unwrap_err();
            assert!(
                matches!(found, BadHeader::Malformed(_)),
                "{text}: {found:?}"
            );
        }
        let long = "k".repeat(MAX_KID_BYTES + 1);
        assert!(with(&format!(r#","kid":"{long}""#)).is_err());
    }
}
