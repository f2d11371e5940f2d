//! The bytes that the issuer of the simulation serves.

use std::sync::LazyLock;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};

use super::life::Condition;
use crate::jose::algorithm::Algorithm;
use crate::jose::base64url;
use crate::jose::jwk::{KeyPolicy, read_set};
use crate::keys::set::MAX_CANDIDATES;
use crate::keys::testing::{document, jwk};

/// How many keys there are at all.
const MATERIALS: u8 = 40;
/// A key that is in no document.
pub const NEVER_PUBLISHED: u8 = MATERIALS;
/// Strangers in a crowded document that are keys; with them it has more than are taken from one.
const CROWD: usize = 120;

/// A key in a document: which one, under which name. Two numbers are enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Name {
    pub kid: u8,
    pub material: u8,
}

impl Name {
    pub const FIRST: Self = Self {
        kid: 0,
        material: 0,
    };

    pub fn kid(self) -> &'static str {
        &KIDS[usize::from(self.kid)]
    }
}

/// As they stand in documents and tokens.
static KIDS: LazyLock<Vec<String>> =
    LazyLock::new(|| (0..=u8::MAX).map(|kid| format!("k{kid}")).collect());

/// Hands out names that were never handed out before.
#[derive(Default)]
pub struct Names {
    /// How many keys each kid had.
    kids: Vec<usize>,
    materials: u8,
}

impl Names {
    pub fn fresh(&mut self) -> Name {
        self.materials += 1;
        self.renamed(Name {
            kid: 0,
            material: self.materials - 1,
        })
    }

    pub fn several(&mut self, number: usize) -> Vec<Name> {
        (0..number).map(|_| self.fresh()).collect()
    }

    /// Another key under this kid; under another one when this has had as many as are tried for one token.
    pub fn again(&mut self, kid: u8) -> Name {
        let had = &mut self.kids[usize::from(kid)];
        if *had == MAX_CANDIDATES {
            return self.fresh();
        }
        *had += 1;
        self.materials += 1;
        Name {
            kid,
            material: self.materials - 1,
        }
    }

    /// This key under another kid.
    pub fn renamed(&mut self, name: Name) -> Name {
        self.kids.push(1);
        Name {
            kid: u8::try_from(self.kids.len() - 1).unwrap(),
            ..name
        }
    }

    /// Nothing is left for another change.
    pub fn used_up(&self) -> bool {
        self.materials + 4 > MATERIALS
    }
}

/// Keys are dear: all lives share these.
struct Material {
    /// A JWK whose kid is `KID`.
    jwk: String,
    fingerprint: [u8; 32],
}

static POOL: LazyLock<Vec<Material>> = LazyLock::new(|| {
    let made = (0..=MATERIALS).map(|number| {
        let jwk = match algorithm(number) {
            Algorithm::Es256 => jwk("KID"),
            _ => ed25519_jwk("KID"),
        };
        let read = read_set(document(&[&jwk]).as_bytes(), &KeyPolicy::default()).unwrap();
        let fingerprint = read.keys[0].fingerprint;
        Material { jwk, fingerprint }
    });
    made.collect()
});

/// Keys, and then what is none.
static STRANGERS: LazyLock<String> = LazyLock::new(|| {
    let keys = (0..CROWD).map(|number| jwk(&format!("stranger-{number}")));
    let others = (CROWD..400).map(|number| format!(r#"{{"kid":"stranger-{number}"}}"#));
    keys.chain(others).collect::<Vec<_>>().join(",")
});

/// Keys of two types, by turns: another key under the same kid may be of the other type.
pub fn algorithm(material: u8) -> Algorithm {
    match material % 2 {
        0 => Algorithm::Es256,
        _ => Algorithm::EdDsa,
    }
}

fn ed25519_jwk(kid: &str) -> String {
    let pair = Ed25519KeyPair::generate().unwrap();
    let x = base64url::encode(pair.public_key().as_ref());
    format!(r#"{{"kty":"OKP","crv":"Ed25519","use":"sig","kid":"{kid}","x":"{x}"}}"#)
}

pub fn fingerprint(material: u8) -> [u8; 32] {
    POOL[usize::from(material)].fingerprint
}

fn entry(name: Name) -> String {
    let jwk = &POOL[usize::from(name.material)].jwk;
    jwk.replace("KID", name.kid())
}

/// The body of the answer; none where there is no body that is read.
pub fn body(condition: Condition, published: &[Name]) -> Option<Vec<u8>> {
    let keys: Vec<String> = published.iter().map(|name| entry(*name)).collect();
    let whole = || document(&keys.iter().map(String::as_str).collect::<Vec<_>>());
    let text = match condition {
        Condition::Fine | Condition::Slow => whole(),
        Condition::Odd => odd(&keys),
        Condition::Crowded => format!(r#"{{"keys":[{},{}]}}"#, keys.join(","), *STRANGERS),
        Condition::Html => "<!doctype html><title>Maintenance</title>".to_owned(),
        Condition::EmptySet => r#"{"keys":[]}"#.to_owned(),
        Condition::NoSet => r#"{"error":"temporarily_unavailable"}"#.to_owned(),
        Condition::OnlyUseless => format!(r#"{{"keys":[{}]}}"#, USELESS.join(",")),
        Condition::Truncated => {
            let whole = whole();
            whole[..whole.len() * 2 / 3].to_owned()
        }
        Condition::Giant => {
            let many = vec![keys[0].as_str(); 10_000];
            document(&many)
        }
        Condition::Hangs
        | Condition::Refuses
        | Condition::WrongTls
        | Condition::Status500
        | Condition::Redirects => return None,
    };
    Some(text.into_bytes())
}

const USELESS: [&str; 4] = [
    r#"{"kty":"oct","k":"c2VjcmV0","kid":"k0"}"#,
    r#"{"kty":"LAMP","kid":"k1"}"#,
    r#"{"kty":"RSA","n":"AQAB","e":"AQAB","kid":"k2"}"#,
    "7",
];

/// The same keys, as a document of another day has them.
fn odd(keys: &[String]) -> String {
    let mut entries: Vec<&str> = USELESS.to_vec();
    entries.extend(keys.iter().rev().map(String::as_str));
    entries.push(&keys[0]);
    format!(r#"{{"x":1,"keys":[{}]}}"#, entries.join(" ,"))
}
