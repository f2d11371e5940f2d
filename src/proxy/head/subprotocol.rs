//! A token among the subprotocols of a WebSocket: a page's script can set no other header of a handshake. The form is that of Kubernetes
//! (`base64url.bearer.authorization.k8s.io.` and the token in base64url, kubernetes/kubernetes#47740). Pure.
//!
//! A page of another site cannot do so unless it has the token, so this source needs no check of the site.

use http::header::SEC_WEBSOCKET_PROTOCOL;
use http::{HeaderMap, HeaderValue};

use crate::jose::base64url;
use crate::proxy::head::websocket::elements;
use crate::verify::Rejection;

/// The token of the one element that begins with `prefix` and a dot.
///
/// # Errors
/// [`Rejection::AmbiguousToken`]: several elements that some application may take for one with a token. [`Rejection::MalformedToken`]: one, and
/// it is not written as it must be, to the byte.
pub(in crate::proxy) fn find(
    headers: &HeaderMap,
    prefix: &str,
) -> Result<Option<String>, Rejection> {
    let mut alike =
        elements(headers, &SEC_WEBSOCKET_PROTOCOL).filter(|element| looks_like(element, prefix));
    match (alike.next(), alike.next()) {
        (None, _) => Ok(None),
        (Some(element), None) => match token_in(element, prefix) {
            Some(token) => Ok(Some(token)),
            None => Err(Rejection::MalformedToken {
                what: "the subprotocol with the token is not its prefix, a dot and base64url"
                    .to_owned(),
            }),
        },
        (Some(_), Some(_)) => Err(Rejection::AmbiguousToken {
            what: "more than one subprotocol with a token".to_owned(),
        }),
    }
}

fn token_in(element: &[u8], prefix: &str) -> Option<String> {
    let text = std::str::from_utf8(element).ok()?;
    let encoded = text.strip_prefix(prefix)?.strip_prefix('.')?;
    let token = String::from_utf8(base64url::decode(encoded).ok()?).ok()?;
    Some(token).filter(|token| !token.is_empty())
}

/// Whether an application may find the prefix and its dot in it: in any case, behind white space, quotes or whatever it splits at. base64url has
/// no dot, so that no token looks like a second one.
fn looks_like(element: &[u8], prefix: &str) -> bool {
    let prefix_and_dot = |window: &[u8]| {
        window.split_last().is_some_and(|(last, start)| {
            *last == b'.' && start.eq_ignore_ascii_case(prefix.as_bytes())
        })
    };
    element.windows(prefix.len() + 1).any(prefix_and_dot)
}

/// Takes every element out that an application may take for one with a token; the others stay byte for byte. With `keep` the one that [`find`]
/// reads stays too.
pub(in crate::proxy) fn strip(headers: &mut HeaderMap, prefix: &str, keep: bool) {
    let unwanted = |element: &[u8]| {
        let element = element.trim_ascii();
        looks_like(element, prefix) && !(keep && token_in(element, prefix).is_some())
    };
    let split = |line: &[u8]| line.split(|byte| *byte == b',').any(unwanted);
    let lines = headers.get_all(SEC_WEBSOCKET_PROTOCOL);
    if !lines.iter().any(|line| split(line.as_bytes())) {
        return;
    }
    let lines: Vec<HeaderValue> = lines.iter().cloned().collect();
    headers.remove(SEC_WEBSOCKET_PROTOCOL);
    for line in lines {
        let elements = line.as_bytes().split(|byte| *byte == b',');
        let kept: Vec<&[u8]> = elements.filter(|element| !unwanted(element)).collect();
        let joined = kept.join(&b',');
        if let Ok(value) = HeaderValue::from_bytes(joined.trim_ascii())
            && !value.is_empty()
        {
            headers.append(SEC_WEBSOCKET_PROTOCOL, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::source_testing::headers;
    use super::*;

    const PREFIX: &str = "base64url.bearer.authorization.k8s.io";

    fn element(token: &str) -> String {
        format!("{PREFIX}.{}", base64url::encode(token.as_bytes()))
    }

    fn map(lines: &[&str]) -> HeaderMap {
        let lines: Vec<_> = lines
            .iter()
            .map(|line| ("sec-websocket-protocol", *line))
            .collect();
        headers(&lines)
    }

    fn found(lines: &[&str]) -> String {
        match find(&map(lines), PREFIX) {
            Ok(None) => "none".to_owned(),
            Ok(Some(token)) => token,
            Err(rejection) => rejection.reason().name().to_owned(),
        }
    }

    fn left(lines: &[&str], keep: bool) -> Vec<String> {
        let mut map = map(lines);
        strip(&mut map, PREFIX, keep);
        let lines = map.get_all(SEC_WEBSOCKET_PROTOCOL).iter();
        lines
            .map(|line| String::from_utf8_lossy(line.as_bytes()).into_owned())
            .collect()
    }

    #[test]
    fn the_token_is_one_element_in_canonical_base64url() {
        let token = element("a.b.c");
        assert_eq!(found(&[&token]), "a.b.c");
        assert_eq!(found(&[&format!("chat,\t{token} , v2")]), "a.b.c");
        assert_eq!(found(&["chat", &token]), "a.b.c");
        assert_eq!(found(&["chat, v2"]), "none");
        assert_eq!(found(&[]), "none");
        for other in [PREFIX, "base64url.bearer.authorization.k8s", "bearer.x"] {
            assert_eq!(found(&[other]), "none");
            assert_eq!(left(&[other], false), [other]);
        }
        for bad in [
            format!("{PREFIX}."),
            format!("{token}="),
            format!("{PREFIX}.YS5iLmN"),
            format!("{PREFIX}.a.b.c"),
            format!("{PREFIX}._w"),
            token.to_ascii_uppercase(),
            format!("x{token}"),
            format!("x {token}"),
            format!("\"{token}\""),
        ] {
            assert_eq!(found(&[&bad]), "malformed_token", "{bad}");
            assert_eq!(found(&[&format!("{bad}, chat")]), "malformed_token");
        }
        for several in [
            &[&*token, &*token][..],
            &[&format!("{token},{token}")],
            &[&format!("{token}, {}", element("other"))],
            &[&format!("{token}, {}", token.to_ascii_uppercase())],
        ] {
            assert_eq!(found(several), "ambiguous_token", "{several:?}");
        }
    }

    #[test]
    fn every_look_alike_goes_and_the_rest_stays_byte_for_byte() {
        let token = element("a.b.c");
        assert_eq!(left(&[&token], false), Vec::<String>::new());
        assert_eq!(left(&["chat ,\tv2,", "v3"], false), ["chat ,\tv2,", "v3"]);
        assert_eq!(
            left(&[&format!("{token}, chat,  v2")], false),
            ["chat,  v2"]
        );
        assert_eq!(left(&[&format!("chat, {token},v2")], false), ["chat,v2"]);
        assert_eq!(left(&["chat", &token, "v2"], false), ["chat", "v2"]);
        for alike in [
            token.to_ascii_uppercase(),
            format!("x{token}"),
            format!("x {token}"),
            format!("\"{token}\""),
        ] {
            assert_eq!(left(&[&format!("chat,{alike}")], false), ["chat"]);
            assert_eq!(
                left(&[&alike, &token], true),
                std::slice::from_ref(&token),
                "{alike}"
            );
        }
    }

    proptest::proptest! {
        #[test]
        fn what_is_stripped_is_found_no_more(text in "(chat|[,; \t\"]|(?i:base64url\\.bearer\\.authorization\\.k8s\\.io)|\\.YS5iLmM|[.=a-zA-Z]){0,12}") {
            let mut map = map(&[&text]);
            strip(&mut map, PREFIX, false);
            proptest::prop_assert_eq!(find(&map, PREFIX), Ok(None));
        }

        #[test]
        fn any_token_is_found_as_it_was(token in "[!-~]{1,60}") {
            proptest::prop_assert_eq!(found(&[&format!("a, {}", element(&token))]), token);
        }
    }
}
