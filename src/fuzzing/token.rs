//! Tokens through the whole pipeline. The laws: only what was minted, byte for byte, by a key of the issuer that it names is ever verified, and
//! then a second reader agrees with every check; a cache changes no answer; every refusal says why, on one line, without the signature.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};

use serde_json::json;

use super::Reached;
use super::input::{Control, cut, spoil};
use super::jwe::pairs;
use super::second_reader;
use super::world::{TRUST, Trust, world};
use crate::clock::{Moment, UnixTime};
use crate::jose::algorithm::Algorithm;
use crate::jose::jwe::minting::{self, Recipient};
use crate::verify::testing::{self, NOW, Signer, hmac_of, verdict};
use crate::verify::{self, Check, CheckLog, NoLog, Outcome, Rejection, Seen, TokenCache};

/// A control line, a header line, and claims. The places of the control line:
///
/// 0. who signs, of [`SIGNERS`]; above them a secret that is a public key; then nobody: what follows the control line is the token itself,
/// 1. when the token comes, of [`MOMENTS`],
/// 2. to 5. how it is spoiled after it was signed, see [`spoil`],
/// 6. how its parts are encoded, see [`encode`],
/// 7. how much later it comes a second time, of [`PAUSES`],
/// 8. whether the cache has room,
/// 9. and 10. to whom it is encrypted after that, of [`pairs`] from 1 on, and 11. to 14. how it is spoiled then.
pub fn token(input: &[u8]) -> Reached {
    let (control, rest) = Control::split(input);
    let case = Case::of(control, rest);
    let now = moment(control.choose(1, &MOMENTS));
    let outcome = judged_alike(&case.token, now, control);
    check(&outcome, &case, now);
    match (&outcome, case.is_encrypted) {
        (Outcome::Verified(_), true) => vec!["ok, encrypted"],
        _ => vec![verdict(&outcome)],
    }
}

/// Made once, and always in the same place.
type Key = fn() -> &'static Signer;

const SIGNERS: [Key; 8] = [
    testing::rsa,
    testing::es256,
    testing::ed25519,
    testing::secret,
    testing::es384,
    testing::es512,
    testing::other_rsa,
    testing::other_es256,
];

/// Seconds since 1970: now, about the ends of a token of ten minutes, and where clocks end.
const MOMENTS: [i64; 12] = [
    NOW,
    NOW + 599,
    NOW + 600,
    NOW + 629,
    NOW + 630,
    NOW - 60,
    NOW - 90,
    NOW - 91,
    NOW + 3_600,
    0,
    i64::MAX,
    i64::MIN,
];

const PAUSES: [i64; 6] = [0, 1, 30, 600, 640, 100_000];

/// A token, and what is known about how it came to be.
struct Case {
    token: Vec<u8>,
    /// Nobody signed it, or it was changed after that.
    signer: Option<Key>,
    /// What is signed, of a token that was encrypted or not.
    inner: Vec<u8>,
    /// None: it was not encrypted, or was changed after that.
    recipient: Option<&'static Recipient>,
    is_encrypted: bool,
}

impl Case {
    fn of(control: Control<'_>, rest: &[u8]) -> Self {
        let (signer, signed) = sign(control, rest);
        let inner = spoil(control, 2, signed.clone());
        let signer = signer.filter(|_| inner == signed);
        let place = control.number(9) * 36 + control.number(10);
        let Some(place) = place.checked_sub(1) else {
            return Self {
                token: inner.clone(),
                signer,
                inner,
                recipient: None,
                is_encrypted: false,
            };
        };
        let (algorithm, encryption, recipient) = pairs()[place % pairs().len()];
        let kid = json!({"kid": "d1"});
        let sealed = minting::encrypt(recipient, algorithm, encryption, kid, &inner).into_bytes();
        let token = spoil(control, 11, sealed.clone());
        Self {
            recipient: Some(recipient).filter(|_| token == sealed),
            token,
            signer,
            inner,
            is_encrypted: true,
        }
    }
}

/// The token, and who signed it, if anybody did.
fn sign(control: Control<'_>, rest: &[u8]) -> (Option<Key>, Vec<u8>) {
    let (header, claims) = cut(rest);
    let input = [
        encode(control, header),
        b".".to_vec(),
        encode(control, claims),
    ]
    .concat();
    let who = control.number(0) % (SIGNERS.len() + CONFUSED.len() + 1);
    let signer = SIGNERS.get(who).copied();
    let confused = CONFUSED.get(who.wrapping_sub(SIGNERS.len()));
    let token = match (signer, confused) {
        (Some(signer), _) => {
            let signature = signer().sign(algorithm_of(signer(), header), &input);
            joined(&input, &signature)
        }
        (None, Some(secret)) => {
            let algorithm = named_in(header).unwrap_or(Algorithm::Hs256);
            joined(&input, &hmac_of(algorithm, &secret(), &input))
        }
        (None, None) => rest.to_vec(),
    };
    (signer, token)
}

/// Public keys as HMAC secrets (threat J2).
const CONFUSED: [fn() -> Vec<u8>; 3] = [
    || testing::pem("PUBLIC KEY", &testing::rsa().spki(), "\n").into_bytes(),
    || testing::rsa().raw_public(),
    || testing::es256().jwk("").into_bytes(),
];

fn joined(input: &[u8], signature: &[u8]) -> Vec<u8> {
    let signature = URL_SAFE_NO_PAD.encode(signature);
    [input, b".", signature.as_bytes()].concat()
}

/// What the header asks for if the key can do it, else something that the key can do.
fn algorithm_of(signer: &Signer, header: &[u8]) -> Algorithm {
    let wanted = named_in(header).unwrap_or(Algorithm::Rs256);
    match signer {
        Signer::Secret(_) if !wanted.is_symmetric() => Algorithm::Hs256,
        _ => wanted,
    }
}

fn named_in(header: &[u8]) -> Option<Algorithm> {
    Algorithm::ALL.into_iter().find(|algorithm| {
        let name = format!("\"{}\"", algorithm.name());
        header
            .windows(name.len())
            .any(|part| part == name.as_bytes())
    })
}

/// A segment: as it must be, padded, in the other alphabet, or with bits set that belong to no byte. Signed like that, too.
fn encode(control: Control<'_>, text: &[u8]) -> Vec<u8> {
    let mut encoded = match control.number(6) % 5 {
        0 | 4 => URL_SAFE_NO_PAD.encode(text),
        1 => URL_SAFE.encode(text),
        2 => STANDARD_NO_PAD.encode(text),
        _ => STANDARD.encode(text),
    }
    .into_bytes();
    if control.number(6) % 5 == 4
        && !text.len().is_multiple_of(3)
        && let Some(last) = encoded.last_mut()
    {
        // A, Q, g, w end whole bytes; what follows each of them in the alphabet has the same whole bytes.
        *last += 1;
    }
    encoded
}

fn moment(wall: i64) -> Moment {
    Moment {
        wall: UnixTime(wall),
        monotonic: Duration::from_secs(1_000),
    }
}

/// Judges a token with and without a cache, now and later, and panics unless the answers are the same.
fn judged_alike(token: &[u8], now: Moment, control: Control<'_>) -> Outcome {
    let verifier = &world().verifier;
    let keys = &*world().keys;
    let has_room = control.number(8).is_multiple_of(2);
    let mut cache = TokenCache::new(if has_room { 64 * 1024 } else { 0 });
    let outcome = verifier.verify(token, now, keys, &mut NoLog);
    let (first, cached) = verify::judge(verifier, &mut cache, token, now, keys);
    assert!(!cached, "an empty cache answered");
    same(&outcome, &first);
    let (again, cached) = verify::judge(verifier, &mut cache, token, now, keys);
    let is_verified = matches!(first, Outcome::Verified(_));
    // A token may be too large for the cache, never the other way round.
    assert!(is_verified || !cached, "a refused token was remembered");
    assert!(has_room || !cached, "a cache without room remembers");
    same(&outcome, &again);
    let later = moment(now.wall.0.saturating_add(control.choose(7, &PAUSES)));
    let (remembered, _) = verify::judge(verifier, &mut cache, token, later, keys);
    same(
        &verifier.verify(token, later, keys, &mut NoLog),
        &remembered,
    );
    let mut told = Told(Vec::new());
    same(&outcome, &verifier.verify(token, now, keys, &mut told));
    told.check(is_verified);
    outcome
}

fn same(one: &Outcome, two: &Outcome) {
    match (one, two) {
        (Outcome::Verified(one), Outcome::Verified(two)) => {
            assert_eq!(one.claims(), two.claims());
            assert_eq!(one.issuer(), two.issuer());
            assert_eq!(one.kid(), two.kid());
            assert_eq!(one.findings(), two.findings());
            assert_eq!(one.algorithm(), two.algorithm());
        }
        _ => assert_eq!(refused(one), refused(two)),
    }
}

fn refused(outcome: &Outcome) -> Option<(&Rejection, &Seen)> {
    match outcome {
        Outcome::Verified(_) => None,
        Outcome::Rejected { rejection, seen } => Some((rejection, seen)),
        Outcome::NeedsKeys {
            otherwise, seen, ..
        } => Some((otherwise, seen)),
    }
}

fn check(outcome: &Outcome, case: &Case, now: Moment) {
    let Some((rejection, seen)) = refused(outcome) else {
        return check_verified(outcome, case, now);
    };
    // What nobody signed may say the same thing twice.
    let signature = case.signer.and(signature_of(&case.inner));
    check_refusal(rejection, signature);
    assert!(seen.kid.as_ref().is_none_or(|kid| kid.len() <= 256));
    assert!(
        seen.issuer_index.is_none_or(|index| index < TRUST.len()),
        "an issuer of the configuration"
    );
}

fn check_verified(outcome: &Outcome, case: &Case, now: Moment) {
    let Outcome::Verified(verified) = outcome else {
        return;
    };
    let signer = case.signer.expect("nobody signed it, or it was spoilt");
    let trust = &TRUST[verified.issuer_index()];
    assert_eq!(trust.name, &**verified.issuer());
    let mut signers = trust.signers.iter();
    let trusted = signers.any(|own| std::ptr::eq(own(), signer()));
    assert!(trusted, "`{}` does not know the key", trust.name);
    check_recipient(case, trust);
    let token = std::str::from_utf8(&case.inner).expect("ASCII");
    let named = second_reader::agrees(token, trust, now.wall.0);
    assert_eq!(named, verified.algorithm());
    let shown = format!("{verified:?}");
    assert!(signature_of(&case.inner).is_none_or(|signature| !shown.contains(signature)));
}

fn check_recipient(case: &Case, trust: &Trust) {
    if !case.is_encrypted {
        assert!(
            !trust.must_be_encrypted,
            "`{}` is not encrypted",
            trust.name
        );
        return;
    }
    let recipient = case
        .recipient
        .expect("it was spoilt after it was encrypted");
    let own = trust.recipient.expect("an issuer that decrypts");
    assert!(std::ptr::eq(own(), recipient), "opened by another's key");
}

/// The last part of a token, where it is long enough not to stand in a sentence by chance.
fn signature_of(token: &[u8]) -> Option<&str> {
    let start = token.iter().rposition(|byte| *byte == b'.')? + 1;
    let signature = std::str::from_utf8(&token[start..]).ok()?;
    (signature.len() >= 20).then_some(signature)
}

/// Every refusal has an answer for the client, one for the operator and one for the log.
fn check_refusal(rejection: &Rejection, signature: Option<&str>) {
    assert!([400, 401, 403, 503].contains(&rejection.status()));
    assert!(!rejection.reason().name().is_empty());
    assert!(!rejection.reason().message().is_empty());
    let challenge = rejection.challenge().unwrap_or_else(|| "none".to_owned());
    for text in [
        challenge,
        rejection.client_detail(),
        rejection.operator_detail(),
        rejection.log_detail(),
    ] {
        check_sentence(&text, signature);
    }
}

fn check_sentence(text: &str, signature: Option<&str>) {
    assert!(!text.is_empty());
    assert!(text.len() < 4_000, "{} bytes", text.len());
    assert!(
        text.is_ascii() && !text.contains(|c: char| c.is_ascii_control()),
        "{text:?}"
    );
    assert!(signature.is_none_or(|signature| !text.contains(signature)));
}

/// What `explain` is told.
struct Told(Vec<(Check, String)>);

impl CheckLog for Told {
    fn passed(&mut self, check: Check, detail: &dyn Fn() -> String) {
        self.0.push((check, detail()));
    }
}

impl Told {
    /// The checks come in their order, all of them for a token that is let in, and say something.
    fn check(&self, is_verified: bool) {
        for ((check, text), place) in self.0.iter().zip(Check::ALL) {
            assert_eq!(*check, place);
            check_sentence(text, None);
        }
        assert_eq!(self.0.len() == Check::ALL.len(), is_verified);
    }
}
