//! An encrypted token that was read, and what opens it.

use super::super::base64url;
use super::compact;
use super::content;
use super::header::{BadHeader, Header};
use super::key::DecryptionKey;
use super::pkcs8::MAX_RSA_BITS;
use super::unwrap;

/// The longest encrypted key is one under the longest RSA key; none longer is decoded.
const MAX_ENCRYPTED_KEY_BYTES: usize = MAX_RSA_BITS / 8;

/// The parts of an encrypted token with the lengths that its algorithms demand. Nothing in it is trusted.
pub struct Sealed<'t> {
    pub header: Header,
    /// The header as it was sent: the tag is over it too.
    associated_data: &'t [u8],
    encrypted_key: Vec<u8>,
    iv: Vec<u8>,
    ciphertext: &'t str,
    tag: Vec<u8>,
}

/// Why bytes are no encrypted token that could be opened. No key was touched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotSealed {
    /// Not five parts of strict base64url, or a part of an impossible length; the text says what.
    Malformed(&'static str),
    Header(BadHeader),
}

/// Why one key does not open a token. For the operator alone: whoever sent the token gets one answer for all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotOpened {
    /// The key is of another kind, size or curve, or not for this algorithm; nothing was computed.
    AnotherKey,
    /// The agreement failed: the sender's point is not on the curve, or gives no secret.
    Agreement,
    /// The encrypted key does not open with this key, or has the wrong length inside.
    KeyUnwrap,
    /// The tag is not of this content: it was changed, or encrypted to another key.
    Content,
}

impl<'t> Sealed<'t> {
    /// Reads a compact JWE. Every length that the algorithms fix is checked here, before any key is used.
    pub fn read(token: &'t [u8]) -> Result<Self, NotSealed> {
        let parts = compact::split(token).map_err(NotSealed::Malformed)?;
        let header = Header::read(parts.header).map_err(NotSealed::Header)?;
        if parts.encrypted_key.len() > MAX_ENCRYPTED_KEY_BYTES.div_ceil(3) * 4 {
            return Err(NotSealed::Malformed("the encrypted key is too long"));
        }
        let decode =
            |part: &str, what| base64url::decode(part).map_err(|_| NotSealed::Malformed(what));
        let encrypted_key = decode(
            parts.encrypted_key,
            "the encrypted key is not strict base64url",
        )?;
        let iv = decode(
            parts.iv,
            "the initialization vector is not strict base64url",
        )?;
        let tag = decode(parts.tag, "the tag is not strict base64url")?;
        if iv.len() != header.encryption.iv_bytes() {
            return Err(NotSealed::Malformed(
                "the initialization vector has not the length that `enc` demands",
            ));
        }
        if tag.len() != header.encryption.tag_bytes() {
            return Err(NotSealed::Malformed(
                "the tag has not the length that `enc` demands",
            ));
        }
        if parts.ciphertext.is_empty() {
            return Err(NotSealed::Malformed("there is no ciphertext"));
        }
        Ok(Self {
            header,
            associated_data: parts.header.as_bytes(),
            encrypted_key,
            iv,
            ciphertext: parts.ciphertext,
            tag,
        })
    }

    /// The plaintext, if it was encrypted to `key`; shorter than the token.
    ///
    /// A key that does not come out is replaced by a random one, and the content is tried all the same (RFC 7516 §11.5): how long
    /// the answer takes does not tell which of the two failed. What a random key would open is refused too.
    pub fn open(&self, key: &DecryptionKey) -> Result<Vec<u8>, NotOpened> {
        if !key.fits(self) {
            return Err(NotOpened::AnotherKey);
        }
        let ciphertext = base64url::decode(self.ciphertext).map_err(|_| NotOpened::Content)?;
        let (content_key, failed) =
            match unwrap::content_key(&self.header, &self.encrypted_key, key) {
                Ok(content_key) => (content_key, None),
                Err(why) => (random(self.header.encryption.key_bytes()), Some(why)),
            };
        let opened = content::open(
            self.header.encryption,
            &content_key,
            &self.iv,
            self.associated_data,
            ciphertext,
            &self.tag,
        );
        match failed {
            Some(why) => Err(why),
            None => opened.map_err(|_| NotOpened::Content),
        }
    }

    pub(super) fn encrypted_key_bytes(&self) -> usize {
        self.encrypted_key.len()
    }
}

/// Its Debug shows no part of the token.
impl std::fmt::Debug for Sealed<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Sealed")
            .field("header", &self.header)
            .finish_non_exhaustive()
    }
}

/// Without randomness the zeros do as well: what they open is refused.
fn random(bytes: usize) -> Vec<u8> {
    let mut key = vec![0; bytes];
    let _zeros_do = aws_lc_rs::rand::fill(&mut key);
    key
}
