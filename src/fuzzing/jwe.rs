//! Encrypted tokens, and the documents that hold the keys for them. The laws: what comes out is what went in, only for the key that it was
//! encrypted to, only as it was sent; everything else is refused without a word of what is inside.

use std::sync::OnceLock;

use serde_json::{Value, json};

use super::Reached;
use super::input::{Control, cut, spoil};
use crate::jose::header::MAX_KID_BYTES;
use crate::jose::jwe::minting::{self, Recipient};
use crate::jose::jwe::{DecryptionKey, Encryption, KeyManagement, NotOpened, NotSealed, Sealed};
use crate::jose::jwe::{jwk, pem};

/// A control line, a line with further members of the header, and what is encrypted. The places of the control line: 0 what it is (a token
/// to be made, a token as it is, a document of keys), 1 and 2 the algorithm and encryption, of [`minting::matrix`], 3 to 6 how the token is
/// spoiled afterwards, see [`spoil`].
pub fn jwe(input: &[u8]) -> Reached {
    let (control, rest) = Control::split(input);
    match control.number(0) % 3 {
        1 => vec![check_token(rest, None)],
        2 => documents(rest),
        _ => {
            let (more, plaintext) = cut(rest);
            let made = Made::of(control, more, plaintext);
            let token = spoil(control, 3, made.token.clone().into_bytes());
            vec![check_token(&token, Some(&made))]
        }
    }
}

/// A token that was encrypted to somebody.
struct Made<'i> {
    recipient: &'static Recipient,
    token: String,
    plaintext: &'i [u8],
    /// Nothing was added to its header, and there is a content.
    must_open: bool,
}

impl<'i> Made<'i> {
    fn of(control: Control<'_>, more: &[u8], plaintext: &'i [u8]) -> Self {
        let (algorithm, encryption, recipient) = pairs()[pair(control)];
        let more = serde_json::from_slice(more).ok().filter(Value::is_object);
        let is_plain = more.is_none();
        let more = more.unwrap_or_else(|| json!({}));
        Self {
            recipient,
            token: minting::encrypt(recipient, algorithm, encryption, more, plaintext),
            plaintext,
            must_open: is_plain && !plaintext.is_empty(),
        }
    }
}

pub(super) type Pair = (KeyManagement, Encryption, &'static Recipient);

/// Every algorithm with every encryption and a recipient, always in the same order.
pub(super) fn pairs() -> &'static [Pair] {
    static PAIRS: OnceLock<Vec<Pair>> = OnceLock::new();
    PAIRS.get_or_init(minting::matrix)
}

fn pair(control: Control<'_>) -> usize {
    (control.number(1) * 36 + control.number(2)) % pairs().len()
}

/// One of each kind, each with its recipient.
fn keys() -> &'static [(&'static Recipient, DecryptionKey)] {
    static KEYS: OnceLock<Vec<(&'static Recipient, DecryptionKey)>> = OnceLock::new();
    KEYS.get_or_init(|| {
        let mut recipients: Vec<&'static Recipient> = vec![&minting::OTHER_RSA];
        for (_, _, recipient) in pairs() {
            if !recipients
                .iter()
                .any(|other| std::ptr::eq(*other, *recipient))
            {
                recipients.push(recipient);
            }
        }
        let key = |recipient: &'static Recipient| {
            let document = recipient.jwks(json!({"kid": "k"}));
            let read = jwk::read(document.as_bytes()).expect("a key set");
            (recipient, read.keys.into_iter().next().expect("a key"))
        };
        recipients.into_iter().map(key).collect()
    })
}

fn check_token(token: &[u8], made: Option<&Made<'_>>) -> &'static str {
    let as_sent = made.is_some_and(|made| made.token.as_bytes() == token);
    let must_open = made.is_some_and(|made| as_sent && made.must_open);
    let sealed = match Sealed::read(token) {
        Ok(sealed) => sealed,
        Err(why) => {
            assert!(!must_open, "{why:?}");
            return refused(&why);
        }
    };
    let kid = sealed.header.kid.as_ref();
    assert!(kid.is_none_or(|kid| kid.len() <= MAX_KID_BYTES));
    let mut label = "not opened";
    for (recipient, key) in keys() {
        let is_the_one = made.is_some_and(|made| std::ptr::eq(made.recipient, *recipient));
        match sealed.open(key) {
            Ok(plaintext) => {
                let made = made.expect("nobody encrypted it");
                assert!(is_the_one && as_sent, "opened by another key, or changed");
                assert_eq!(plaintext, made.plaintext);
                assert!(plaintext.len() < token.len());
                label = "opened";
            }
            Err(why) => {
                assert!(!(is_the_one && must_open), "{why:?}");
                assert!(key.fits(&sealed) != (why == NotOpened::AnotherKey));
            }
        }
    }
    label
}

fn refused(why: &NotSealed) -> &'static str {
    match why {
        NotSealed::Malformed(_) => "malformed",
        NotSealed::Header(_) => "bad header",
    }
}

/// A private JWK set or PEM file as it is; both readers get it.
fn documents(text: &[u8]) -> Reached {
    let mut reached = Reached::new();
    match jwk::read(text) {
        Ok(read) => reached.extend(check_keys(&read)),
        Err(error) => {
            assert!(!error.0.is_empty() && error.0.len() < 1_000);
            reached.push("not a key set");
        }
    }
    match pem::read(text) {
        Ok(read) => reached.extend(check_keys(&read)),
        Err(error) => {
            assert!(!error.0.is_empty() && error.0.len() < 1_000);
            reached.push("not PEM");
        }
    }
    reached
}

fn check_keys(read: &jwk::ReadDecryptionKeys) -> Reached {
    assert!(read.keys.len() <= jwk::MAX_KEYS);
    for key in &read.keys {
        assert!(
            key.kid
                .as_ref()
                .is_none_or(|kid| kid.len() <= MAX_KID_BYTES)
        );
        assert!(key.algorithms().next().is_some());
    }
    for skipped in &read.skipped {
        assert!(!skipped.reason.explanation().is_empty());
    }
    let keys = read.keys.iter().map(|_| "key");
    keys.chain(read.skipped.iter().map(|_| "skipped key"))
        .collect()
}
