//! Why bytes are not a signed token, in words that lead to the cause: most of them are honest mistakes of a client's set-up.

use super::rejection::{AlgorithmLimit, Rejection};
use crate::jose::compact::NotCompactJws;
use crate::jose::header::Header;

const SEGMENTS: [&str; 3] = ["header", "payload", "signature"];

/// The refusal of a token that [`crate::jose::compact::split`] does not take.
pub(super) fn not_compact(token: &[u8], why: NotCompactJws) -> Rejection {
    match why {
        // Before any base64 or key is touched (threat J10): no issuer decrypts.
        NotCompactJws::Encrypted => Rejection::EncryptedToken,
        NotCompactJws::Unsigned => unsigned(token),
        NotCompactJws::Malformed(what) => Rejection::MalformedToken {
            what: malformed(token, what),
        },
    }
}

/// The refusal of `none`, in any letter case: no setting allows it, so it needs no issuer to be refused.
pub(super) fn is_none(alg: &str) -> bool {
    alg.eq_ignore_ascii_case("none")
}

pub(super) fn refuse_none(alg: &str) -> Rejection {
    Rejection::AlgorithmNotAllowed {
        alg: alg.to_owned(),
        limit: AlgorithmLimit::Unsigned,
    }
}

/// No signature: said to be so by the header (`none`), or cut off.
fn unsigned(token: &[u8]) -> Rejection {
    let header = token
        .split(|byte| *byte == b'.')
        .next()
        .and_then(|segment| std::str::from_utf8(segment).ok())
        .and_then(|segment| Header::read(segment).ok());
    match header {
        Some(header) if is_none(&header.alg) => refuse_none(&header.alg),
        Some(_) | None => Rejection::MalformedToken {
            what:
                "the token has no signature; it was cut off on its way, or the client took it apart"
                    .to_owned(),
        },
    }
}

/// The refusal of a token with padded segments whose issuer does not write them.
pub(super) fn padded(token: &[u8]) -> Rejection {
    Rejection::MalformedToken {
        what: malformed(token, "a byte outside base64url"),
    }
}

fn malformed(token: &[u8], what: &str) -> String {
    let segments = token.split(|byte| *byte == b'.').count();
    let mut named = token.split(|byte| *byte == b'.').zip(SEGMENTS);
    if segments == SEGMENTS.len()
        && let Some((_, name)) = named.find(|(segment, _)| segment.ends_with(b"="))
    {
        return format!(
            "the {name} segment is not strict base64url because of its `=` padding (RFC 7515 section 2); \
             it comes from an AWS load balancer (`X-Amzn-Oidc-Data`), whose tokens an entry with `provider: alb` takes, \
             or from an encoder that pads: whoever makes the token must leave the padding out, \
             taking it off afterwards breaks the signature"
        );
    }
    if segments == 1 {
        return format!(
            "this is not a JWT: {what}; an opaque token cannot be verified here: \
             have the client ask the issuer for a JWT access token (often by naming an audience), or send its ID token"
        );
    }
    format!("this is not a compact signed JWT: {what}")
}
