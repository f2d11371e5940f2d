//! Tokens by what they say, and what is done to them after they were signed.

use std::sync::LazyLock;

use proptest::prelude::prop;
use serde_json::json;

use super::world::iss;
use crate::jose::algorithm::Algorithm;
use crate::jose::jwe::minting::{Recipient, encrypt};
use crate::jose::jwe::{Encryption, KeyManagement};
use crate::verify::testing::*;

/// One token. Times are seconds from [`NOW`].
#[derive(Clone, Debug)]
pub(super) struct TokenSpec {
    pub issuer: usize,
    pub signer: usize,
    pub kid: usize,
    pub for_us: bool,
    pub expires: i64,
    pub not_before: Option<i64>,
    pub issued: Option<i64>,
    pub nonce: bool,
    /// To whom it is encrypted, under which name.
    pub sealed: Option<(usize, usize)>,
    /// A second token, beside the good one.
    pub damage: Option<Damage>,
}

#[derive(Clone, Debug)]
pub(super) enum Damage {
    /// One bit of one byte.
    Flip(prop::sample::Index, u8),
    Cut(prop::sample::Index),
    Add(char),
    /// The signature of another token.
    Signature(prop::sample::Index),
    /// Everything else of another token.
    Content(prop::sample::Index),
}

/// Who signs: each with its algorithm. The last one has a shared secret.
pub(super) fn signer(number: usize) -> (&'static Signer, Algorithm) {
    match number {
        0 => (es256(), Algorithm::Es256),
        1 => (other_es256(), Algorithm::Es256),
        2 => (ed25519(), Algorithm::EdDsa),
        _ => (secret(), Algorithm::Hs256),
    }
}

pub(super) const SIGNERS: usize = 4;

/// More than are tried for one token.
pub(super) const RECIPIENTS: usize = 6;

pub(super) fn recipient(number: usize) -> &'static Recipient {
    static ALL: LazyLock<Vec<Recipient>> = LazyLock::new(|| {
        let secret = |number: u8| sha256(&[number]);
        let numbers = 0..u8::try_from(RECIPIENTS).unwrap();
        numbers.map(|n| Recipient::Shared(secret(n))).collect()
    });
    &ALL[number]
}

/// `kid` of a key and of a token, by number; 0: none.
pub(super) const KIDS: [&str; 3] = ["", "k1", "k2"];

pub(super) fn mint_all(specs: &[TokenSpec]) -> Vec<Vec<u8>> {
    let good: Vec<String> = specs.iter().map(minted).collect();
    let damaged = specs.iter().zip(&good).filter_map(|(spec, token)| {
        let damage = spec.damage.as_ref()?;
        Some(broken(token, damage, &good))
    });
    let damaged: Vec<_> = damaged.collect();
    good.into_iter()
        .map(String::into_bytes)
        .chain(damaged)
        .collect()
}

fn broken(token: &String, damage: &Damage, all: &[String]) -> Vec<u8> {
    let parts = |token: &String| {
        let (content, signature) = token.rsplit_once('.').unwrap();
        (content.to_owned(), signature.to_owned())
    };
    let (content, signature) = parts(token);
    let mut bytes = token.as_bytes().to_vec();
    match damage {
        Damage::Flip(at, bit) => {
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
        }
        Damage::Cut(at) => bytes.truncate(at.index(bytes.len())),
        Damage::Add(sign) => bytes.extend(sign.to_string().bytes()),
        Damage::Signature(of) => {
            bytes = format!("{content}.{}", parts(of.get(all)).1).into_bytes();
        }
        Damage::Content(of) => {
            bytes = format!("{}.{signature}", parts(of.get(all)).0).into_bytes();
        }
    }
    bytes
}

fn minted(spec: &TokenSpec) -> String {
    let (signer, algorithm) = signer(spec.signer);
    let mut header = json!({"alg": algorithm.name()});
    if spec.kid > 0 {
        header["kid"] = KIDS[spec.kid].into();
    }
    let audience = if spec.for_us { AUDIENCE } else { "nobody" };
    let mut claims = json!({"iss": iss(spec.issuer), "sub": "alice", "aud": audience, "exp": NOW + spec.expires});
    for (name, at) in [("nbf", spec.not_before), ("iat", spec.issued)] {
        if let Some(at) = at {
            claims[name] = (NOW + at).into();
        }
    }
    if spec.nonce {
        claims["nonce"] = "right".into();
    }
    let signed = mint(signer, algorithm, &header.to_string(), &claims.to_string());
    let Some((to, kid)) = spec.sealed else {
        return signed;
    };
    let more = match kid {
        0 => json!({}),
        kid => json!({"kid": KIDS[kid]}),
    };
    let (algorithm, encryption) = (KeyManagement::Dir, Encryption::A256Gcm);
    encrypt(
        recipient(to),
        algorithm,
        encryption,
        more,
        signed.as_bytes(),
    )
}
