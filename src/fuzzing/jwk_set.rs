//! Documents of keys. The laws: bounds hold, what is skipped has a reason, a key that is read verifies nothing that it did not sign and is
//! found again by its name, and the same document written in another way holds the same keys.

use std::time::Duration;

use super::Reached;
use crate::jose::algorithm::{Algorithm, AlgorithmSet};
use crate::jose::header::MAX_KID_BYTES;
use crate::jose::json;
use crate::jose::jwk::{self, KeyPolicy, MAX_KEYS, ReadKeys};
use crate::jose::key::VerificationKey;
use crate::jose::pem;
use crate::keys::KeySet;
use crate::keys::merge::merge;
use crate::keys::set::{Candidates, KeyHint, MAX_CANDIDATES};

/// A JWK set or a PEM file, as it is; both readers get it.
pub fn jwk_set(input: &[u8]) -> Reached {
    let mut reached = Reached::new();
    for policy in policies() {
        match jwk::read_set(input, &policy) {
            Ok(read) => {
                assert!(read.keys.len() + read.skipped.len() > 0, "an empty set");
                check_rewritten(input, &policy, &read);
                reached.extend(check(read));
            }
            Err(error) => reached.push(check_refusal("not a key set", &error.0)),
        }
        match pem::read(input, &policy) {
            Ok(read) => {
                assert!(read.keys.iter().all(|key| key.kid.is_none()));
                reached.extend(check(read).into_iter().map(in_pem));
            }
            Err(error) => reached.push(check_refusal("not PEM", &error.0)),
        }
    }
    reached
}

/// The default, and the most lenient one.
fn policies() -> [KeyPolicy; 2] {
    let mut lenient = KeyPolicy::default();
    lenient.accepted_use.push("enc".to_owned());
    lenient.allow_public_default_key = true;
    [KeyPolicy::default(), lenient]
}

fn in_pem(label: &'static str) -> &'static str {
    if label == "key" { "key in PEM" } else { label }
}

fn check_refusal(label: &'static str, why: &str) -> &'static str {
    assert!(!why.is_empty() && why.len() < 1_000, "{why}");
    label
}

fn check(read: ReadKeys) -> Reached {
    assert!(read.keys.len() <= MAX_KEYS && read.skipped.len() <= 2 * MAX_KEYS);
    let mut reached: Reached = read.keys.iter().map(|_| "key").collect();
    for skipped in &read.skipped {
        assert!(
            skipped
                .kid
                .as_ref()
                .is_none_or(|k| k.len() <= MAX_KID_BYTES)
        );
        assert!(!skipped.reason.explanation().is_empty());
        reached.push(skipped.reason.name());
    }
    for key in &read.keys {
        check_key(key);
    }
    check_look_up(read.keys);
    reached
}

fn check_key(key: &VerificationKey) {
    assert!(key.kid.as_ref().is_none_or(|k| k.len() <= MAX_KID_BYTES));
    assert!(!key.algorithms.is_empty());
    let secrets = key.algorithms.intersection(AlgorithmSet::symmetric());
    assert!(secrets.is_empty(), "a public document made a secret");
    // The lengths that signatures have, one more, and none at all. Nobody signed this message with any key.
    for algorithm in Algorithm::ALL {
        for length in [0, 1, 64, 96, 132, 256, 257, 384, 512, 1024] {
            for fill in [0x00, 0x01, 0xff] {
                let signature = vec![fill; length];
                assert!(
                    !key.verifies(algorithm, b"nobody signed this", &signature),
                    "{algorithm:?} took {length} bytes of {fill}"
                );
            }
        }
    }
}

/// What a set does with the keys: each is found by its kid, at most so many are tried, and the same document again is no news.
fn check_look_up(keys: Vec<VerificationKey>) {
    let at = Duration::from_secs(1);
    let set = KeySet::fixed(keys, false);
    for held in set.keys() {
        let hint = KeyHint {
            kid: held.key.kid.as_deref(),
            ..KeyHint::default()
        };
        for algorithm in held.key.algorithms.iter() {
            let Candidates::Keys(found) = set.candidates(hint, algorithm, at) else {
                unfound(held.key.kid.as_deref());
            };
            assert!(found.len() <= MAX_CANDIDATES);
            assert!(found.iter().all(|key| key.algorithms.contains(algorithm)));
            let same_name = |key: &VerificationKey| hint.kid.is_none() || key.kid == held.key.kid;
            assert!(found.iter().all(|key| same_name(key)));
        }
        assert!(set.holds(&held.key.fingerprint, at));
    }
    let nothing = merge(&set, Vec::new(), at, Duration::ZERO);
    assert!(nothing.is_none_or(|emptied| emptied.keys().is_empty()));
}

#[expect(clippy::panic, reason = "code of tests")]
fn unfound(kid: Option<&str>) -> ! {
    panic!("no key under its own kid {kid:?}")
}

/// The document as our JSON writes it again says the same, and reading it twice too.
fn check_rewritten(input: &[u8], policy: &KeyPolicy, read: &ReadKeys) {
    let rewritten = json::parse_object(input).expect("it was read").to_ascii();
    let again = jwk::read_set(rewritten.as_bytes(), policy).expect("a key set");
    let prints = |read: &ReadKeys| -> Vec<_> {
        let keys = read.keys.iter();
        keys.map(|key| (key.kid.clone(), key.fingerprint, key.algorithms))
            .collect()
    };
    assert_eq!(prints(&again), prints(read));
    assert_eq!(again.skipped, read.skipped);
}
