//! Which remembered token a token is: a message authentication code over all of its bytes (threat C2), under a key that nobody knows.
//!
//! The code is GMAC (NIST SP 800-38D §3): for two different tokens of at most 64 KiB it is the same for one key in 2^115, whatever they are, since it
//! is a polynomial of their difference at a random point. Who does not know the key can only guess, and each guess costs a request: a digest
//! would promise no more here, and takes longer.
//!
//! A nonce must not be used twice with a key, because two codes tell something of it. Here it is always the same, and no code leaves the cache: nobody
//! is told one, neither in a header nor in a log, and all that a request shows of it is whether it was that of a token that is known. Who can read the
//! memory of the process could make a text with the code of a remembered token; tokens themselves are there to be read too.

use aws_lc_rs::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::rand;

/// Of one token, by one [`Fingerprints`].
pub(super) type Fingerprint = [u8; 16];

pub(super) struct Fingerprints {
    /// None: there was no randomness to make it of, and nothing is remembered.
    key: Option<LessSafeKey>,
}

impl Fingerprints {
    /// Under a key of its own.
    pub(super) fn new() -> Self {
        let mut key = [0; 16];
        match rand::fill(&mut key) {
            Ok(()) => Self::under(&key),
            Err(_) => Self { key: None },
        }
    }

    fn under(key: &[u8; 16]) -> Self {
        let key = UnboundKey::new(&AES_128_GCM, key).ok();
        Self {
            key: key.map(LessSafeKey::new),
        }
    }

    /// None: it cannot be remembered.
    pub(super) fn of(&self, token: &[u8]) -> Option<Fingerprint> {
        let nonce = Nonce::assume_unique_for_key([0; 12]);
        let key = self.key.as_ref()?;
        let code = key.seal_in_place_separate_tag(nonce, Aad::from(token), &mut []);
        Fingerprint::try_from(code.ok()?.as_ref()).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn c02_a_fingerprint_is_gmac() {
        // The Galois/Counter Mode of Operation (McGrew, Viega), appendix B, test case 1: no text, a key and a nonce of zeros.
        let code = Fingerprints::under(&[0; 16]).of(b"").unwrap();
        assert_eq!(hex(&code), "58e2fccefa7e3061367f1d57a4e7455a");
    }

    #[test]
    fn c02_nobody_knows_the_key() {
        let of_token = |fingerprints: &Fingerprints| fingerprints.of(b"a.b.c").unwrap();
        let (one, other) = (Fingerprints::new(), Fingerprints::new());
        assert_eq!(of_token(&one), of_token(&one));
        assert_ne!(of_token(&one), of_token(&other));
    }

    /// 1,000 random texts in the form of tokens, each with its 1,000 neighbours that differ from it in one byte, anywhere.
    #[test]
    fn c02_a_million_tokens_that_differ_in_one_byte_have_a_million_fingerprints() {
        const TOKENS: usize = 1_000;
        const LENGTH: usize = 500;
        let fingerprints = Fingerprints::new();
        let of = |token: &[u8]| fingerprints.of(token).unwrap();
        let mut random = fastrand::Rng::new();
        let mut found = Vec::with_capacity(TOKENS * (2 * LENGTH + 1));
        for _ in 0..TOKENS {
            let mut token: Vec<u8> = (0..LENGTH).map(|_| random.alphanumeric() as u8).collect();
            token[100] = b'.';
            token[400] = b'.';
            found.push(of(&token));
            for at in 0..LENGTH {
                for bit in [0x01, 0x20] {
                    token[at] ^= bit;
                    found.push(of(&token));
                    token[at] ^= bit;
                }
            }
        }
        let count = found.len();
        assert!(count > 1_000_000);
        found.sort_unstable();
        found.dedup();
        assert_eq!(found.len(), count, "two tokens have one fingerprint");
    }

    #[test]
    fn c02_one_byte_more_or_less_is_another_token() {
        let fingerprints = Fingerprints::new();
        let token = [b'a'; 100];
        let mut found: Vec<_> = (0..=100)
            .map(|length| fingerprints.of(&token[..length]).unwrap())
            .collect();
        found.extend((1..=100).map(|zeros| fingerprints.of(&[0; 100][..zeros]).unwrap()));
        found.sort_unstable();
        found.dedup();
        assert_eq!(found.len(), 201);
    }

    #[test]
    fn without_a_key_nothing_is_remembered() {
        assert_eq!(Fingerprints { key: None }.of(b"a.b.c"), None);
    }
}
