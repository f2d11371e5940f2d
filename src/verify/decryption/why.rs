//! Why an encrypted token was not opened, for the operator: the client learns that it was not.

use std::sync::Arc;

use super::MAX_PRIVATE_KEY_OPERATIONS;
use crate::jose::jwe::{
    BadHeader, DecryptionKey, Encryption, Header, KeyManagement, NotOpened, NotSealed,
};
use crate::verify::text::quoted;

pub(super) fn not_sealed(why: NotSealed) -> String {
    let header = match why {
        NotSealed::Malformed(what) => return format!("the encrypted token is malformed: {what}"),
        NotSealed::Header(header) => header,
    };
    match header {
        BadHeader::Malformed(what) => format!("the encrypted token: {what}"),
        BadHeader::Critical => {
            "the header of the encrypted token has `crit`: it demands an extension that is not supported; the issuer must leave it out"
                .to_owned()
        }
        BadHeader::Compressed => {
            "the header of the encrypted token has `zip`: compressed tokens are never opened, because a short one can become an endless one; \
             the issuer must leave compression out"
                .to_owned()
        }
        BadHeader::NotAToken(content) => format!(
            "the header of the encrypted token has `cty` {}: what is inside is not a token; `JWT` or no `cty` is",
            quoted(&content)
        ),
        BadHeader::Algorithm(alg) => format!(
            "tokens with `alg` {} are never opened; have the issuer encrypt with one of {}",
            quoted(&alg),
            listed(KeyManagement::ALL.map(KeyManagement::name))
        ),
        BadHeader::Encryption(enc) => format!(
            "tokens with `enc` {} are never opened; have the issuer encrypt with one of {}",
            quoted(&enc),
            listed(Encryption::ALL.map(Encryption::name))
        ),
    }
}

pub(super) fn not_allowed(header: &Header) -> String {
    format!(
        "no issuer allows `alg` `{}` with `enc` `{}` and has a decryption key; \
         add them to `decryption.algorithms` and `decryption.encryptions` of the issuer if it may encrypt so",
        header.algorithm.name(),
        header.encryption.name()
    )
}

pub(super) fn no_key_fits(header: &Header) -> String {
    format!(
        "no decryption key fits {}; {}",
        wanted(header),
        "the token is encrypted to another key, or its key is not in the `decryption` of its issuer"
    )
}

pub(super) fn not_opened(
    header: &Header,
    why: NotOpened,
    candidates: &[Arc<DecryptionKey>],
) -> String {
    let tried = candidates.len().min(MAX_PRIVATE_KEY_OPERATIONS);
    let held = candidates
        .iter()
        .any(|key| key.kid.is_some() && key.kid == header.kid);
    let mut text = match (held, &header.kid) {
        (true, _) => format!("{} was tried", wanted(header)),
        (false, Some(kid)) => format!(
            "the token names key {}, which is not among the decryption keys; those that fit `{}` were tried ({tried})",
            quoted(kid),
            header.algorithm.name()
        ),
        (false, None) => format!(
            "the token names no key; those that fit `{}` were tried ({tried})",
            header.algorithm.name()
        ),
    };
    text.push_str(match why {
        NotOpened::AnotherKey => ": it is for another kind of key",
        NotOpened::Agreement => ": the sender's `epk` is not a point of the curve, or gives no secret",
        NotOpened::KeyUnwrap => ": the encrypted key does not open; the token is encrypted to another key, or was changed",
        NotOpened::Content => ": the tag does not fit the content; the token was changed, or is encrypted to another key",
    });
    if tried < candidates.len() {
        text.push_str(&format!(
            "; {} more keys were not tried: have the issuer put the `kid` of its key into the header",
            candidates.len() - tried
        ));
    }
    text
}

fn wanted(header: &Header) -> String {
    let name = header.algorithm.name();
    match &header.kid {
        Some(kid) => format!("`{name}` and key {}", quoted(kid)),
        None => format!("`{name}`"),
    }
}

fn listed<const COUNT: usize>(names: [&str; COUNT]) -> String {
    format!("`{}`", names.join("`, `"))
}
