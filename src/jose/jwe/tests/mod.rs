//! What is encrypted to a key comes out with it, and with nothing else.

mod keys;
mod opening;

use serde_json::{Value, json};

use super::minting::Recipient;
use super::{DecryptionKey, NotOpened, NotSealed, Sealed, jwk};

/// The key of `recipient` as it would be read from a file.
fn key(recipient: &Recipient) -> DecryptionKey {
    key_with(recipient, json!({}))
}

fn key_with(recipient: &Recipient, more: Value) -> DecryptionKey {
    let mut read = jwk::read(recipient.jwks(more).as_bytes()).unwrap();
    assert!(read.skipped.is_empty(), "{:?}", read.skipped);
    read.keys.pop().unwrap()
}

#[derive(Debug, PartialEq)]
enum Refused {
    Read(NotSealed),
    Open(NotOpened),
}

fn open(token: &str, key: &DecryptionKey) -> Result<Vec<u8>, Refused> {
    let sealed = Sealed::read(token.as_bytes()).map_err(Refused::Read)?;
    sealed.open(key).map_err(Refused::Open)
}
