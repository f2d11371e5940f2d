//! C1 to C6: a remembered decision is the decision that would be made now.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use crate::clock::Moment;
use crate::jose::algorithm::Algorithm;
use crate::jose::json::{Json, Object};
use crate::keys::KeyLookup;
use crate::verify::cache::{CacheCounts, block, cost, room};
use crate::verify::testing::*;
use crate::verify::{Attachment, NoLog, Outcome, TokenCache, VerifiedToken, Verifier, judge};

const ROOM: usize = 1024 * 1024;

/// The reason or `ok`, and whether it was remembered.
fn judged(
    verifier: &Verifier,
    cache: &mut TokenCache,
    token: &str,
    now: i64,
    keys: &dyn KeyLookup,
) -> (&'static str, bool) {
    let (outcome, from_cache) = judge(verifier, cache, token.as_bytes(), at(now), keys);
    (verdict(&outcome), from_cache)
}

#[test]
fn a_token_is_verified_once_and_remembered() {
    let (verifier, keys, mut cache) = (verifier(), keys(), TokenCache::new(ROOM));
    let token = good("");
    assert_eq!(
        judged(&verifier, &mut cache, &token, NOW, &keys),
        ("ok", false)
    );
    assert_eq!(
        judged(&verifier, &mut cache, &token, NOW, &keys),
        ("ok", true)
    );
    assert_eq!(
        judged(&verifier, &mut cache, &token, NOW + 1, &keys),
        ("ok", true)
    );
    assert_eq!(cache.entries(), 1);
    let counts = CacheCounts {
        hits: 2,
        misses: 1,
        evictions: 0,
    };
    assert_eq!(cache.take_counts(), counts);
    assert_eq!(cache.take_counts(), CacheCounts::default());
}

#[test]
fn what_is_attached_is_made_once_for_each_remembered_token() {
    let made = Rc::new(Cell::new(0));
    let count = Rc::clone(&made);
    let (verifier, keys) = (verifier(), keys());
    let mut cache = TokenCache::new(ROOM).attaching(move |token| {
        count.set(count.get() + 1);
        let said = token.claims().get("n").and_then(Json::as_str);
        said.map(|said| Attachment::new(said.to_owned(), 100))
    });
    let mut attached = |token: &str, now| {
        let (outcome, _) = judge(&verifier, &mut cache, token.as_bytes(), at(now), &keys);
        match outcome {
            Outcome::Verified(token) => {
                assert_eq!(token.attached::<u8>(), None, "another type");
                (token.attached::<String>().cloned(), made.get())
            }
            _ => (None, made.get()),
        }
    };
    let (one, two, nothing) = (good(r#""n":"1""#), good(r#""n":"2""#), good(""));
    let said = |text: &str| Some(text.to_owned());
    for (token, now, expected) in [
        (&one, NOW, (said("1"), 1)),
        (&one, NOW, (said("1"), 1)),
        (&two, NOW, (said("2"), 2)),
        (&one, NOW + 1, (said("1"), 2)),
        (&nothing, NOW, (None, 3)),
        (&nothing, NOW, (None, 3)),
        // What is refused is not remembered, so nothing is made of it.
        (&good(r#""aud":"x""#), NOW, (None, 3)),
        (&one, NOW + 5_000, (None, 3)),
    ] {
        assert_eq!(attached(token, now), expected);
    }
}

#[test]
fn c06_what_is_attached_counts() {
    let (verifier, keys) = (verifier(), keys());
    let token = good("");
    let bytes_with = |heap: Option<usize>| {
        let mut cache = TokenCache::new(ROOM)
            .attaching(move |_| heap.map(|heap| Attachment::new([0_u64; 5], heap)));
        judge(&verifier, &mut cache, token.as_bytes(), at(NOW), &keys);
        (cache.entries(), cache.bytes())
    };
    let (_, plain) = bytes_with(None);
    for heap in [0, 1, 10_000] {
        // The block of 40 bytes that it is in takes 48.
        assert_eq!(bytes_with(Some(heap)), (1, plain + 48 + heap));
    }
    assert_eq!(bytes_with(Some(ROOM)), (0, 0));
}

#[test]
fn c01_entry_dies_with_exp() {
    let (verifier, keys, mut cache) = (verifier(), keys(), TokenCache::new(ROOM));
    let token = good("");
    judged(&verifier, &mut cache, &token, NOW, &keys);
    assert_eq!(
        judged(&verifier, &mut cache, &token, NOW + 629, &keys),
        ("ok", true)
    );
    for now in [NOW + 630, NOW + 100_000, i64::MAX] {
        assert_eq!(
            judged(&verifier, &mut cache, &token, now, &keys),
            ("token_expired", true)
        );
    }
    // A clock that steps back: as if it had never been remembered.
    assert_eq!(
        judged(&verifier, &mut cache, &token, NOW - 91, &keys),
        ("issued_in_future", true)
    );
    assert_eq!(
        judged(&verifier, &mut cache, &token, NOW, &keys),
        ("ok", true)
    );
}

#[test]
fn c01_entry_dies_with_max_age() {
    let mut issuer = oidc_issuer();
    issuer.max_age = Some(120);
    let (verifier, keys, mut cache) = (verifier_of(vec![issuer]), keys(), TokenCache::new(ROOM));
    let token = good("");
    assert_eq!(
        judged(&verifier, &mut cache, &token, NOW, &keys),
        ("ok", false)
    );
    assert_eq!(
        judged(&verifier, &mut cache, &token, NOW + 90, &keys),
        ("ok", true)
    );
    assert_eq!(
        judged(&verifier, &mut cache, &token, NOW + 91, &keys),
        ("token_too_old", true)
    );
}

#[test]
fn c01_a_remembered_refusal_tells_as_much_as_a_fresh_one() {
    let (verifier, keys, mut cache) = (verifier(), keys(), TokenCache::new(ROOM));
    let token = good("");
    judged(&verifier, &mut cache, &token, NOW, &keys);
    let late = at(NOW + 5_000);
    let (remembered, true) = judge(&verifier, &mut cache, token.as_bytes(), late, &keys) else {
        panic!("forgotten");
    };
    let fresh = verifier.verify(token.as_bytes(), late, &keys, &mut NoLog);
    assert_eq!(told(&remembered), told(&fresh));
}

#[test]
fn c02_another_token_is_another_entry() {
    let (verifier, keys, mut cache) = (verifier(), keys(), TokenCache::new(ROOM));
    let token = good("").into_bytes();
    judge(&verifier, &mut cache, &token, at(NOW), &keys);
    for at_byte in 0..token.len() {
        let mut changed = token.clone();
        changed[at_byte] ^= 1;
        let (outcome, from_cache) = judge(&verifier, &mut cache, &changed, at(NOW), &keys);
        assert!(!from_cache && verdict(&outcome) != "ok", "byte {at_byte}");
        let (outcome, from_cache) = judge(&verifier, &mut cache, &token[..at_byte], at(NOW), &keys);
        assert!(!from_cache && verdict(&outcome) != "ok", "{at_byte} bytes");
    }
    for more in [&b"="[..], b"A", b".", b" ", b"\0"] {
        let (outcome, from_cache) = judge(
            &verifier,
            &mut cache,
            &[&token, more].concat(),
            at(NOW),
            &keys,
        );
        assert!(!from_cache && verdict(&outcome) != "ok");
    }
    assert_eq!(cache.entries(), 1);
}

#[test]
fn c03_what_is_remembered_is_the_whole_token_for_rules_to_judge_anew() {
    let (verifier, keys, mut cache) = (verifier(), keys(), TokenCache::new(ROOM));
    let token = good(r#""scope":"foo bar""#);
    for _ in 0..2 {
        let (Outcome::Verified(verified), _) =
            judge(&verifier, &mut cache, token.as_bytes(), at(NOW), &keys)
        else {
            panic!("refused");
        };
        assert_eq!(
            verified.claims().get("scope").unwrap().as_str(),
            Some("foo bar")
        );
    }
}

#[test]
fn c04_another_verifier_never_sees_what_was_remembered() {
    let (keys, mut cache) = (keys(), TokenCache::new(ROOM));
    let token = good("");
    let mut strict = oidc_issuer();
    strict.audiences = Some(vec!["other".to_owned()]);
    let (old, new) = (verifier(), verifier_of(vec![strict]));
    assert_ne!(old.generation(), new.generation());
    assert_eq!(judged(&old, &mut cache, &token, NOW, &keys), ("ok", false));
    assert_eq!(
        judged(&new, &mut cache, &token, NOW, &keys),
        ("audience_mismatch", false)
    );
    assert_eq!(cache.entries(), 0);
    // A request that began before the reload and is judged after it: right, and leaves nothing behind.
    assert_eq!(judged(&old, &mut cache, &token, NOW, &keys), ("ok", false));
    assert_eq!(cache.entries(), 0);
    assert_eq!(
        judged(&new, &mut cache, &token, NOW, &keys),
        ("audience_mismatch", false)
    );
    // Equal settings are no excuse.
    let same = verifier();
    assert_eq!(judged(&same, &mut cache, &token, NOW, &keys), ("ok", false));
    assert_eq!(judged(&same, &mut cache, &token, NOW, &keys), ("ok", true));
}

#[test]
fn c05_entry_dies_with_its_key() {
    let (verifier, mut keys, mut cache) = (verifier(), keys(), TokenCache::new(ROOM));
    let token = good("");
    judged(&verifier, &mut cache, &token, NOW, &keys);
    // Another key joins: checked once more, then remembered again.
    let both = [rsa().jwk(r#""kid":"k1""#), es256().jwk(r#""kid":"k2""#)];
    keys.set(0, &both);
    assert_eq!(
        judged(&verifier, &mut cache, &token, NOW, &keys),
        ("ok", false)
    );
    assert_eq!(
        judged(&verifier, &mut cache, &token, NOW, &keys),
        ("ok", true)
    );
    // Its key leaves.
    keys.set(0, &both[1..]);
    assert_eq!(
        judged(&verifier, &mut cache, &token, NOW, &keys),
        ("unknown_key", false)
    );
    assert_eq!(cache.entries(), 0);
    // Once for the set that changed, once for the key that left.
    assert_eq!(cache.take_counts().evictions, 2);
    keys.set(0, &both);
    assert_eq!(
        judged(&verifier, &mut cache, &token, NOW, &keys),
        ("ok", false)
    );
    // Another key takes its name.
    keys.set(0, &[other_rsa().jwk(r#""kid":"k1""#)]);
    assert_eq!(
        judged(&verifier, &mut cache, &token, NOW, &keys),
        ("bad_signature", false)
    );
    // The same key under another name.
    keys.set(0, &both);
    judged(&verifier, &mut cache, &token, NOW, &keys);
    keys.set(0, &[rsa().jwk(r#""kid":"k9""#)]);
    assert_eq!(
        judged(&verifier, &mut cache, &token, NOW, &keys),
        ("unknown_key", false)
    );
    // All keys too old to trust.
    keys.set(0, &both);
    judged(&verifier, &mut cache, &token, NOW, &keys);
    keys.lose(0);
    assert_eq!(
        judged(&verifier, &mut cache, &token, NOW, &keys),
        ("keys_unavailable", false)
    );
}

#[test]
fn c06_refusals_are_not_remembered() {
    let (verifier, keys, mut cache) = (verifier(), keys(), TokenCache::new(ROOM));
    for token in [
        good(r#""exp":1"#),
        good(r#""aud":"x""#),
        "a.b.c".to_owned(),
        "x".repeat(MAX_TOKEN_BYTES + 1),
        mint(
            other_rsa(),
            Algorithm::Rs256,
            r#"{"alg":"RS256","kid":"k1"}"#,
            &claims(""),
        ),
        mint(
            rsa(),
            Algorithm::Rs256,
            r#"{"alg":"RS256","kid":"k2"}"#,
            &claims(""),
        ),
    ] {
        for _ in 0..2 {
            let (reason, from_cache) = judged(&verifier, &mut cache, &token, NOW, &keys);
            assert!(reason != "ok" && !from_cache);
        }
    }
    assert_eq!(cache.entries(), 0);
    assert_eq!(cache.take_counts().hits, 0);
}

#[test]
fn c06_memory_is_bounded_whatever_the_tokens_hold() {
    let (verifier, keys) = (verifier(), keys());
    let verified = |more: &str| -> (String, Arc<VerifiedToken>) {
        let token = good(more);
        let outcome = verifier.verify(token.as_bytes(), at(NOW), &keys, &mut NoLog);
        let Outcome::Verified(verified) = outcome else {
            panic!("refused");
        };
        (token, verified)
    };
    // Small on the wire, large in memory: two bytes of text are one value.
    let (_, plain) = verified("");
    let (token, dense) = verified(&format!(r#""x":[{}0]"#, "0,".repeat(4_000)));
    let in_memory = 4_001 * size_of::<crate::jose::json::Json>();
    let fits = |verified: &Arc<VerifiedToken>, room: usize| {
        let mut cache = TokenCache::new(room);
        let key = cache.key_of(token.as_bytes());
        cache.store(key, &verifier, Arc::clone(verified));
        cache.entries() == 1
    };
    assert!(!fits(&dense, in_memory));
    assert!(fits(&dense, ROOM));
    assert!(fits(&plain, 16 * 1024));
    assert!(!fits(&plain, 500));
    assert!(!fits(&plain, 0));

    let mut cache = TokenCache::new(100 * 1024);
    let mut most = 0;
    for n in 0..20_000_u32 {
        let key = cache.key_of(&n.to_le_bytes());
        cache.store(key, &verifier, Arc::clone(&plain));
        most = most.max(cache.entries());
    }
    assert!((10..200).contains(&most), "{most}");
    assert_eq!(
        cache.take_counts().evictions,
        20_000 - cache.entries() as u64
    );
    // The newest are those that stay.
    let key = cache.key_of(&19_999_u32.to_le_bytes());
    assert!(cache.look_up(&key, &verifier, at(NOW), &keys).is_some());
    let key = cache.key_of(&0_u32.to_le_bytes());
    assert!(cache.look_up(&key, &verifier, at(NOW), &keys).is_none());
}

#[test]
fn c06_the_name_of_the_key_is_counted() {
    let verifier = verifier();
    let cost_of = |kid: &str| {
        let mut keys = TestKeys::default();
        keys.set(0, &[rsa().jwk(&format!(r#""kid":"{kid}""#))]);
        let header = format!(r#"{{"alg":"RS256","kid":"{kid}"}}"#);
        let token = mint(rsa(), Algorithm::Rs256, &header, &claims(""));
        match verifier.verify(token.as_bytes(), at(NOW), &keys, &mut NoLog) {
            Outcome::Verified(verified) => cost(&verified),
            outcome => panic!("{}", verdict(&outcome)),
        }
    };
    assert_eq!(
        cost_of(&"k".repeat(200)) - cost_of("k"),
        block(200) - block(1)
    );
}

/// At least what it takes, and not so much more that room is wasted.
#[test]
fn c06_what_a_token_costs_is_what_it_takes() {
    let (verifier, keys) = (verifier(), keys());
    let cost_with = |more: &str| {
        let token = good(more);
        let outcome = verifier.verify(token.as_bytes(), at(NOW), &keys, &mut NoLog);
        let Outcome::Verified(verified) = outcome else {
            panic!("refused");
        };
        cost(&verified)
    };
    let member = Object::MEMBER;
    let element = size_of::<Json>();
    let plain = cost_with("");
    let least = size_of::<VerifiedToken>() + 5 * member;
    assert!((least..least + 700).contains(&plain), "{plain} of {least}");
    for (more, takes, blocks) in [
        (format!(r#""x":"{}""#, "y".repeat(500)), member + 501, 2),
        (format!(r#""x":{}"#, "1".repeat(500)), member + 501, 2),
        (format!(r#""{}":null"#, "x".repeat(500)), member + 500, 1),
        (
            format!(r#""x":[{}0]"#, "0,".repeat(99)),
            member + 1 + 100 * (element + 1),
            102,
        ),
        (
            format!(r#""x":[{}null]"#, "true,".repeat(99)),
            member + 1 + 100 * element,
            2,
        ),
        (
            r#""x":{"yy":{"z":"abc"}}"#.to_owned(),
            3 * member + 2 * 32 + 1 + 2 + 1 + 3,
            8,
        ),
    ] {
        let found = cost_with(&more) - plain;
        // The members grow within a block that is counted already, in its steps; a block of one byte takes 32, a large one at most a quarter more.
        let most = takes + takes / 4 + 32 * blocks;
        assert!(
            (takes - 16..=most).contains(&found),
            "{more}: {found} of {takes}"
        );
    }
}

/// What an identity provider issues to a browser's session: 16 claims, 1 KB on the wire.
fn usual_token() -> String {
    let with = |session: &str| {
        good(&format!(
            r#""nbf":{},"jti":"0123456789abcdef","azp":"web","name":"Alice Example","given_name":"Alice","family_name":"Example","preferred_username":"alice","email":"alice@example.com","email_verified":true,"scope":"openid profile email","session":"{session}""#,
            NOW - 60
        ))
    };
    let (mut session, mut token) = (String::new(), with(""));
    while token.len() < 1024 {
        session.push('s');
        token = with(&session);
    }
    token
}

#[test]
fn the_default_room_is_for_ten_thousand_usual_tokens_by_turns() {
    const TOKENS: u32 = 10_000;
    let (verifier, keys) = (verifier(), keys());
    let token = usual_token();
    assert!((1024..1030).contains(&token.len()));
    let outcome = verifier.verify(token.as_bytes(), at(NOW), &keys, &mut NoLog);
    let Outcome::Verified(mut verified) = outcome else {
        panic!("refused");
    };
    assert_eq!(verified.claims().len(), 16);
    // With their header lines.
    let mapping = crate::identity::Mapping::default_set(1_000);
    let alone = Arc::get_mut(&mut verified).unwrap();
    attach(alone, |token| mapping.attachment(token));
    assert_eq!(mapping.lines(&verified).unwrap().iter().count(), 6);
    let mut cache = TokenCache::new(room(1));
    let keys_of_entries: Vec<_> = (0..TOKENS)
        .map(|n| cache.key_of(&n.to_le_bytes()))
        .collect();
    for key in keys_of_entries.iter().copied() {
        cache.store(key, &verifier, Arc::clone(&verified));
    }
    // By turns is the hardest for a cache that forgets what was used longest ago: one token too many, and it knows none.
    for key in &keys_of_entries {
        assert!(cache.look_up(key, &verifier, at(NOW), &keys).is_some());
    }
    assert_eq!(cache.take_counts().evictions, 0);
}

/// All that anyone can learn from an outcome.
pub(super) fn told(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Verified(token) => format!(
            "{token:?} {} {:?} {:?} {:?}",
            token.claims().to_ascii(),
            token.findings(),
            token.parts().lifetime,
            token.issuer_index()
        ),
        refused => format!("{refused:?}"),
    }
}

#[test]
fn c05_a_retained_key_dies_at_its_time_for_remembered_tokens_too() {
    let (verifier, mut cache) = (verifier(), TokenCache::new(ROOM));
    let token = good("");
    let before = key_set(&[rsa().jwk(r#""kid":"k1""#)]);
    let retention = Duration::from_secs(50);
    // It leaves under this name, and stays under another.
    let after = public_keys(&[rsa().jwk(r#""kid":"k2""#)]);
    let left = crate::keys::merge::merge(&before, after, at(NOW).monotonic, retention);
    let mut keys = TestKeys::default();
    keys.put(0, left.unwrap());
    let later = |seconds| Moment {
        monotonic: at(NOW).monotonic + Duration::from_secs(seconds),
        ..at(NOW)
    };
    for (seconds, expected) in [
        (0, "ok"),
        (49, "ok"),
        (50, "unknown_key"),
        (51, "unknown_key"),
    ] {
        let (outcome, from_cache) = judge(
            &verifier,
            &mut cache,
            token.as_bytes(),
            later(seconds),
            &keys,
        );
        assert_eq!(verdict(&outcome), expected, "{seconds}");
        assert_eq!(from_cache, seconds == 49);
    }
}

#[test]
fn c06_many_workers_share_what_two_have() {
    const MIB: usize = 1024 * 1024;
    for (workers, mebibytes) in [(0, 32), (1, 32), (2, 32), (4, 16), (8, 8), (64, 8)] {
        assert_eq!(room(workers), mebibytes * MIB, "{workers}");
    }
}
