//! What the client sent at the places that bindings name, before anything is taken out of the request. Pure; also used by `explain`.
//!
//! A value counts only if nobody could read another one under its name: two of them, or one under a name that some application takes for
//! the same (`X_Access_Token`, `oidc.nonce`, `code[]`), are as good as none.

use http::header::COOKIE;
use http::{HeaderMap, HeaderName};

use crate::identity;
use crate::proxy::head::credentials::{cookie_looks_like, looks_like, parameter_looks_like};
use crate::proxy::head::source::{decoded, in_cookies, in_header, in_query};
use crate::verify::{Counterparts, NoCounterpart, Place, Rejection};

/// The counterparts at `places`. Without any this costs nothing.
pub fn collect<'p>(
    places: &'p [Place],
    headers: &HeaderMap,
    query: Option<&str>,
) -> Counterparts<'p> {
    let found = |place| (place, find(place, headers, query));
    places.iter().map(found).collect()
}

/// Whether an application may take what is at one of the places for what is at the other. Two schemes of one header are one place: there is
/// one line of it.
pub fn overlap(left: &Place, right: &Place) -> bool {
    match (left, right) {
        (Place::Header { name, .. }, Place::Header { name: other, .. }) => {
            identity::looks_like(name, other) || identity::looks_like(other, name)
        }
        (Place::Cookie { name }, Place::Cookie { name: other })
        | (Place::Query { name }, Place::Query { name: other }) => {
            looks_like(name.as_bytes(), other) || looks_like(other.as_bytes(), name)
        }
        _ => false,
    }
}

fn find(place: &Place, headers: &HeaderMap, query: Option<&str>) -> Result<Vec<u8>, NoCounterpart> {
    if readings(place, headers, query) > 1 {
        return Err(NoCounterpart::Several);
    }
    // Headers and cookies as they are on the wire: neither has an encoding of its own, and a cookie's quotes belong to its value (RFC 6265 §5.2).
    let as_it_is = |found: Option<&[u8]>| found.map(<[u8]>::to_vec).ok_or(NoCounterpart::Missing);
    match place {
        Place::Header { name, scheme } => {
            as_it_is(in_header(headers, name, scheme.as_deref()).map_err(why)?)
        }
        Place::Cookie { name } => {
            as_it_is(in_cookies(headers, name).map_err(why)?.map(str::as_bytes))
        }
        Place::Query { name } => {
            let text = in_query(query, name).map_err(why)?;
            let text = text.ok_or(NoCounterpart::Missing)?;
            form_decoded(text).ok_or(NoCounterpart::Unreadable)
        }
    }
}

fn why(rejection: Rejection) -> NoCounterpart {
    match rejection {
        Rejection::AmbiguousToken { .. } => NoCounterpart::Several,
        _ => NoCounterpart::Unreadable,
    }
}

/// How many values an application may find under the name of `place`.
fn readings(place: &Place, headers: &HeaderMap, query: Option<&str>) -> usize {
    match place {
        Place::Header { name, .. } => {
            let alike = |line: &HeaderName| line == name || identity::looks_like(line, name);
            headers.iter().filter(|(line, _)| alike(line)).count()
        }
        Place::Cookie { name } => {
            let lines = headers.get_all(COOKIE).iter();
            lines
                .flat_map(|line| line.as_bytes().split(|byte| *byte == b';'))
                .filter(|pair| cookie_looks_like(pair, name))
                .count()
        }
        Place::Query { name } => query
            .unwrap_or_default()
            .split(['&', ';'])
            .filter(|pair| parameter_looks_like(pair, name))
            .count(),
    }
}

/// A parameter's value as forms are decoded (RFC 6749 appendix B). A `%` that begins no escape can be read in several ways, and is not read.
fn form_decoded(text: &str) -> Option<Vec<u8>> {
    let is_escape = |after: &str| {
        let digits = after.as_bytes().get(..2);
        digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    };
    let strict = text.split('%').skip(1).all(is_escape);
    strict.then(|| decoded(text.as_bytes()).into_owned())
}

#[cfg(test)]
mod tests {
    use http::HeaderName;

    use super::super::source_testing::headers;
    use super::*;

    fn at(place: &Place, lines: &[(&'static str, &str)], query: Option<&str>) -> String {
        let lines = headers(lines);
        let places = std::slice::from_ref(place);
        match collect(places, &lines, query).at(place) {
            Ok(value) => String::from_utf8_lossy(value).into_owned(),
            Err(why) => format!("{why:?}"),
        }
    }

    fn header(scheme: Option<&str>) -> Place {
        Place::Header {
            name: HeaderName::from_static("x-access-token"),
            scheme: scheme.map(str::to_owned),
        }
    }

    #[test]
    fn a_header_is_one_line_of_ascii() {
        let of = |lines: &[(&'static str, &str)]| at(&header(None), lines, None);
        assert_eq!(of(&[("x-access-token", "a.b c")]), "a.b c");
        assert_eq!(
            of(&[("x-access-token", "Bearer a")]),
            "Bearer a",
            "without `scheme` the whole value counts"
        );
        assert_eq!(of(&[("accept", "x")]), "Missing");
        assert_eq!(of(&[("x-access-token", "")]), "Missing");
        assert_eq!(of(&[("x-access-token", "t\u{e9}")]), "Unreadable");
        for twin in [
            "x-access-token",
            "x_access_token",
            "x.access.token",
            "x--access-token",
            "http_x_access_token",
        ] {
            let lines = [("x-access-token", "a"), (twin, "a")];
            assert_eq!(of(&lines), "Several", "{twin}");
            if twin != "x-access-token" {
                assert_eq!(of(&lines[1..]), "Missing", "{twin}");
            }
        }
    }

    #[test]
    fn a_scheme_is_one_word_and_one_value_after_it() {
        let of = |line: &str| at(&header(Some("Bearer")), &[("x-access-token", line)], None);
        assert_eq!(of("Bearer a.b"), "a.b");
        assert_eq!(of("bearer a.b"), "a.b");
        for missing in ["a.b", "Basic a", "Bearerx a", ""] {
            assert_eq!(of(missing), "Missing", "{missing}");
        }
        for bad in ["Bearer", "Bearer  a", "Bearer a b", "Bearer\ta"] {
            assert_eq!(of(bad), "Unreadable", "{bad}");
        }
        assert_eq!(of("Bearer a, Bearer b"), "Several");
        assert_eq!(of("Basic a, Bearer b"), "Several");
    }

    #[test]
    fn a_cookie_is_one_pair_as_it_is_on_the_wire() {
        let place = Place::Cookie {
            name: "oidc_nonce".to_owned(),
        };
        let of = |line: &str| at(&place, &[("cookie", line)], None);
        assert_eq!(of("a=1; oidc_nonce=n%2D1+; b=2"), "n%2D1+");
        assert_eq!(of("oidc_nonce=\"n\""), "\"n\"", "quotes are of the value");
        assert_eq!(of("oidc_nonce=a=b="), "a=b=");
        for missing in ["a=1", "oidc_nonce=", "oidc_nonce", "xoidc_nonce=n"] {
            assert_eq!(of(missing), "Missing", "{missing}");
        }
        for twin in [
            "oidc_nonce",
            "oidc.nonce",
            "oidc%5Fnonce",
            "OIDC_Nonce",
            "oidc_nonce[]",
            "oidc_nonce%00",
            "x=1,oidc_nonce",
            "x=1 oidc_nonce",
            "+oidc_nonce",
        ] {
            assert_eq!(of(&format!("oidc_nonce=n; {twin}=n")), "Several", "{twin}");
            assert_eq!(of(&format!("{twin}=n; oidc_nonce=n")), "Several", "{twin}");
        }
        let lines = [("cookie", "oidc_nonce=n"), ("cookie", "oidc_nonce=n")];
        assert_eq!(at(&place, &lines, None), "Several");
        let latin = headers(&[("cookie", "oidc_nonce=t\u{e9}")]);
        let utf8 = collect(std::slice::from_ref(&place), &latin, None);
        assert_eq!(utf8.at(&place), Ok("t\u{e9}".as_bytes()));
    }

    #[test]
    fn a_parameter_is_decoded_as_forms_are_and_strictly() {
        let place = Place::Query {
            name: "code".to_owned(),
        };
        let of = |query: &str| at(&place, &[], Some(query));
        assert_eq!(of("a=1&code=x.y-z_~&b"), "x.y-z_~");
        assert_eq!(of("code=a%2Bb%2fc%3D%26d+e"), "a+b/c=&d e");
        assert_eq!(of("code=a=b"), "a=b");
        assert_eq!(of("code=%2541"), "%41", "once");
        for missing in ["", "code", "code=", "a=code", "xcode=1", "code2=1"] {
            assert_eq!(of(missing), "Missing", "{missing}");
        }
        for bad in ["%", "%4", "%4g", "a%", "%u0041", "%%41", "%+1"] {
            assert_eq!(of(&format!("code={bad}")), "Unreadable", "{bad}");
        }
        for twin in ["code", "c%6Fde", "Code", "code[]", "+code", "code%00x"] {
            for separator in ['&', ';'] {
                let query = format!("code=x{separator}{twin}=x");
                assert_eq!(of(&query), "Several", "{query}");
            }
        }
        assert_eq!(at(&place, &[], None), "Missing");
    }

    #[test]
    fn places_overlap_when_an_application_may_take_one_for_the_other() {
        let cookie = |name: &str| Place::Cookie {
            name: name.to_owned(),
        };
        assert!(overlap(&cookie("id_token"), &cookie("ID.token")));
        assert!(overlap(&cookie("id.token"), &cookie("id_token")));
        assert!(!overlap(&cookie("id_token"), &cookie("id_token2")));
        assert!(overlap(&header(None), &header(Some("Bearer"))));
        let folded = Place::Header {
            name: HeaderName::from_static("x_access_token"),
            scheme: None,
        };
        assert!(overlap(&folded, &header(None)));
        let query = Place::Query {
            name: "id_token".to_owned(),
        };
        assert!(!overlap(&query, &cookie("id_token")));
    }

    proptest::proptest! {
        /// However a value is encoded, the one that counts is the one that was meant; and whatever is sent, nothing panics.
        #[test]
        fn any_encoding_of_a_code_is_the_code(code in "[ -~]{1,40}", how in proptest::collection::vec(0..3_u8, 40), noise in "[ -~]{0,40}") {
            let place = Place::Query { name: "code".to_owned() };
            let mut query = "code=".to_owned();
            for (byte, how) in code.bytes().zip(how) {
                match (byte, how) {
                    (b' ', 0) => query.push('+'),
                    (byte, 0) if byte.is_ascii_alphanumeric() => query.push(char::from(byte)),
                    (byte, 1) => query.push_str(&format!("%{byte:02x}")),
                    (byte, _) => query.push_str(&format!("%{byte:02X}")),
                }
            }
            proptest::prop_assert_eq!(at(&place, &[], Some(&query)), code);
            at(&place, &[("cookie", &noise)], Some(&noise));
            at(&header(Some("Bearer")), &[("x-access-token", &noise)], Some(&noise));
        }
    }
}
