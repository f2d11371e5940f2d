//! The compact serialization of a JWE (RFC 7516 §7.1), split on the raw bytes before anything is allocated.

use super::super::compact::{NotCompactJws, scan};

/// The five parts, still encoded. Nothing in it is trusted.
#[derive(Clone, Copy)]
pub struct CompactJwe<'t> {
    pub header: &'t str,
    pub encrypted_key: &'t str,
    pub iv: &'t str,
    pub ciphertext: &'t str,
    pub tag: &'t str,
}

/// Splits `token`: only `A-Z a-z 0-9 - _` in exactly five parts. Parts may be empty here: which of them may is a matter of the algorithms.
/// The error says what is wrong.
pub fn split(token: &[u8]) -> Result<CompactJwe<'_>, &'static str> {
    let (text, _) = scan(token).map_err(|why| match why {
        NotCompactJws::Malformed(what) => what,
        NotCompactJws::Encrypted | NotCompactJws::Unsigned => "not five parts",
    })?;
    let mut parts = text.split('.');
    let mut next = || parts.next().ok_or("not five parts");
    let jwe = CompactJwe {
        header: next()?,
        encrypted_key: next()?,
        iv: next()?,
        ciphertext: next()?,
        tag: next()?,
    };
    match next() {
        Ok(_) => Err("not five parts"),
        Err(_) => Ok(jwe),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_parts_are_split_and_some_may_be_empty() {
        let jwe = split(b"aGk..aXY.Y3Q.dGFn").unwrap();
        assert_eq!(
            (
                jwe.header,
                jwe.encrypted_key,
                jwe.iv,
                jwe.ciphertext,
                jwe.tag
            ),
            ("aGk", "", "aXY", "Y3Q", "dGFn")
        );
    }

    #[test]
    fn j12_everything_else_is_refused() {
        for token in [
            &b""[..],
            b"a",
            b"a.b.c",
            b"a.b.c.d",
            b"a.b.c.d.e.f",
            b"a.b.c.d.e=",
            b" a.b.c.d.e",
            b"a.b.c.d.e\n",
            br#"{"protected":"a"}"#,
            b"\xff.b.c.d.e",
        ] {
            assert!(split(token).is_err(), "{token:?}");
        }
    }

    #[test]
    fn j22_thousands_of_dots_are_refused_at_the_sixth_part() {
        assert_eq!(split(&[b'.'; 7 * 1024]).err(), Some("more than five parts"));
    }
}
