//! Encrypted tokens: which keys may open one, and which issuers it can be from then. Decrypting proves nothing (anybody can encrypt to a
//! public key): what comes out is judged as any token is. [`why`] says what the operator reads of a failure.

mod why;

use std::sync::Arc;

use super::issuers::FoundIssuer;
use super::text::quoted;
use super::{IssuerConfig, Rejection};
use crate::jose::jwe::{DecryptionKey, Encryption, Header, KeyManagement, Sealed};
use crate::keys::{DecryptionId, DecryptionKeySet, KeyLookup};

/// Keys that are tried for one token, of all issuers together: anybody can send one that costs so many operations with a private key.
pub const MAX_PRIVATE_KEY_OPERATIONS: usize = 4;

/// `decryption:` of one issuer.
#[derive(Clone, Debug)]
pub struct Decryption {
    /// Where its keys are.
    pub source: DecryptionId,
    pub algorithms: Vec<KeyManagement>,
    pub encryptions: Vec<Encryption>,
    /// Its tokens must be encrypted; otherwise they may be.
    pub required: bool,
}

impl Decryption {
    /// What a public key opens: only the gate holds the other half. With a shared secret the issuer, and whoever else has it, could
    /// read the tokens too, so those algorithms are named or off. RSA-OAEP with SHA-1 is among them: the padding does not rest on
    /// collisions (RFC 8017 §7.1), and it is what WSO2 and many others do by default.
    pub const DEFAULT_ALGORITHMS: [KeyManagement; 5] = [
        KeyManagement::RsaOaep256,
        KeyManagement::RsaOaep,
        KeyManagement::EcdhEs,
        KeyManagement::EcdhEsA128Kw,
        KeyManagement::EcdhEsA256Kw,
    ];
    /// All of them authenticate what they encrypt, and none is weak; the default of OpenID Connect is A128CBC-HS256.
    pub const DEFAULT_ENCRYPTIONS: [Encryption; 6] = Encryption::ALL;

    fn allows(&self, header: &Header) -> bool {
        self.algorithms.contains(&header.algorithm) && self.encryptions.contains(&header.encryption)
    }
}

/// What a remembered token depends on besides its signature: for each issuer that has `decryption`, the generation of its keys. Of all of
/// them, because which keys are tried for a token, and which are not any more, depends on all that there are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct OpenedBy(Box<[Option<u64>]>);

impl OpenedBy {
    fn of(held: &[Option<Holder<'_>>]) -> Self {
        let generation = |holder: &Holder<'_>| holder.keys.generation;
        let all = held.iter().map(|holder| holder.as_ref().map(generation));
        Self(all.collect())
    }

    /// Whether `keys` still has for `issuers` what the token was opened with.
    pub fn holds(&self, issuers: &[IssuerConfig], keys: &dyn KeyLookup) -> bool {
        let now = issuers
            .iter()
            .filter_map(|issuer| issuer.decryption.as_ref())
            .map(|decryption| Some(keys.decryption_keys(decryption.source)?.generation));
        now.eq(self.0.iter().copied())
    }

    /// Bytes on the heap.
    pub fn bytes(&self) -> usize {
        size_of_val(&*self.0)
    }
}

/// The inside of an encrypted token: a credential, so it has no Debug.
pub(super) struct Opened {
    pub plaintext: Vec<u8>,
    algorithm: KeyManagement,
    encryption: Encryption,
    kid: Option<Box<str>>,
    /// The issuers that hold the key and allow the algorithms, by index.
    holders: Vec<usize>,
    by: OpenedBy,
}

impl Opened {
    /// For `explain`.
    pub fn said(&self) -> String {
        format!(
            "{} and {}, key {}",
            self.algorithm.name(),
            self.encryption.name(),
            self.kid
                .as_deref()
                .map_or_else(|| "without a name".to_owned(), quoted)
        )
    }

    /// What the decision depends on, if the token could have been opened with what this issuer is configured with: nobody
    /// smuggles a token of one issuer through the keys of another.
    fn by(&self, issuer: FoundIssuer<'_>) -> Option<OpenedBy> {
        self.holders
            .contains(&issuer.index)
            .then(|| self.by.clone())
    }
}

/// Opens a token of five parts with the keys of `issuers`. Every failure is [`Rejection::DecryptionFailed`], and says why to the operator alone.
pub(super) fn open(
    issuers: &[IssuerConfig],
    token: &[u8],
    keys: &dyn KeyLookup,
) -> Result<Opened, Rejection> {
    let sealed = Sealed::read(token).map_err(|bad| failed(why::not_sealed(bad)))?;
    let header = &sealed.header;
    let held: Vec<Option<Holder<'_>>> = issuers
        .iter()
        .enumerate()
        .filter_map(|(index, issuer)| Some((index, issuer.decryption.as_ref()?)))
        .map(|(index, decryption)| Holder::of(index, decryption, keys))
        .collect();
    let by = OpenedBy::of(&held);
    let allowing: Vec<Holder<'_>> = held
        .into_iter()
        .flatten()
        .filter(|holder| holder.decryption.allows(header))
        .collect();
    if allowing.is_empty() {
        return Err(failed(why::not_allowed(header)));
    }
    let candidates = candidates(&allowing, &sealed);
    let mut last = None;
    for key in candidates.iter().take(MAX_PRIVATE_KEY_OPERATIONS) {
        match sealed.open(key) {
            Ok(plaintext) => {
                return Ok(Opened {
                    plaintext,
                    algorithm: header.algorithm,
                    encryption: header.encryption,
                    kid: key.kid.clone(),
                    holders: allowing
                        .iter()
                        .filter(|holder| holder.could_open(key, &sealed))
                        .map(|holder| holder.index)
                        .collect(),
                    by,
                });
            }
            Err(why) => last = Some(why),
        }
    }
    Err(failed(match last {
        None => why::no_key_fits(header),
        Some(last) => why::not_opened(header, last, &candidates),
    }))
}

/// Whether the token of an issuer may have come as it did: `opened` is none for one that was not encrypted.
pub(super) fn check_issuer(
    opened: Option<&Opened>,
    issuer: FoundIssuer<'_>,
) -> Result<Option<OpenedBy>, Rejection> {
    match (opened, &issuer.config.decryption) {
        (None, Some(Decryption { required: true, .. })) => Err(Rejection::TokenTypeNotAllowed {
            found: "a token that is not encrypted".to_owned(),
            expected: "encrypted tokens (`decryption.required`)".to_owned(),
        }),
        (None, _) => Ok(None),
        (Some(opened), _) => match opened.by(issuer) {
            Some(by) => Ok(Some(by)),
            None => Err(failed(format!(
                "the token was opened ({}), but not by a key and algorithms of issuer {}, which it says it is from: \
                 add the key to that issuer's `decryption` if it may encrypt to it",
                opened.said(),
                quoted(&issuer.config.name)
            ))),
        },
    }
}

/// What is inside an encrypted token must be a signed one: not bare claims, not another encrypted token, not text.
pub(super) fn not_nested() -> Rejection {
    failed(
        "what is encrypted is not a signed token: bare claims prove nothing, since anybody can encrypt to a public key; \
         have the issuer sign the token and then encrypt it (RFC 7519 section 5.2, a nested JWT)"
            .to_owned(),
    )
}

/// An issuer that has `decryption`, with the keys that it holds now.
struct Holder<'i> {
    index: usize,
    decryption: &'i Decryption,
    keys: Arc<DecryptionKeySet>,
}

impl<'i> Holder<'i> {
    fn of(index: usize, decryption: &'i Decryption, keys: &dyn KeyLookup) -> Option<Self> {
        Some(Self {
            index,
            decryption,
            keys: keys.decryption_keys(decryption.source)?,
        })
    }

    /// The issuer's keys that fit the token: those of its kid and then those without one; when there is neither, all. How another issuer names
    /// its keys is nothing to this one.
    fn candidates(&self, token: &Sealed<'_>) -> Vec<Arc<DecryptionKey>> {
        let fitting = self.keys.keys.iter().filter(|key| key.fits(token)).cloned();
        let Some(kid) = token.header.kid.as_deref() else {
            return fitting.collect();
        };
        let (named, others): (Vec<_>, Vec<_>) =
            fitting.partition(|key| key.kid.as_deref() == Some(kid));
        let (nameless, others): (Vec<_>, Vec<_>) =
            others.into_iter().partition(|key| key.kid.is_none());
        let chosen: Vec<_> = named.into_iter().chain(nameless).collect();
        if chosen.is_empty() { others } else { chosen }
    }

    fn could_open(&self, key: &DecryptionKey, token: &Sealed<'_>) -> bool {
        self.keys
            .keys
            .iter()
            .any(|own| own.fingerprint == key.fingerprint && own.fits(token))
    }
}

/// The keys to try, each once: those that the token names first, then the issuers take turns. So many keys of one issuer do not use up the
/// tries of another one's tokens.
fn candidates(holders: &[Holder<'_>], token: &Sealed<'_>) -> Vec<Arc<DecryptionKey>> {
    let kid = token.header.kid.as_deref();
    let chosen = holders.iter().map(|holder| holder.candidates(token));
    let mut queues: Vec<_> = chosen.map(Vec::into_iter).collect();
    let mut in_turn: Vec<Arc<DecryptionKey>> = Vec::new();
    loop {
        let before = in_turn.len();
        in_turn.extend(queues.iter_mut().filter_map(Iterator::next));
        if in_turn.len() == before {
            break;
        }
    }
    // Stable: the turns stay.
    in_turn.sort_by_key(|key| kid.is_none() || key.kid.as_deref() != kid);
    once(in_turn)
}

/// The same key under two names is one operation.
fn once(keys: Vec<Arc<DecryptionKey>>) -> Vec<Arc<DecryptionKey>> {
    let mut kept: Vec<Arc<DecryptionKey>> = Vec::with_capacity(keys.len());
    for key in keys {
        if !kept
            .iter()
            .any(|other| other.fingerprint == key.fingerprint)
        {
            kept.push(key);
        }
    }
    kept
}

fn failed(why: String) -> Rejection {
    Rejection::DecryptionFailed { why }
}
