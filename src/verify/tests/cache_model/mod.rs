//! C1, C4, C5, C6: a world that changes at random (time, keys, configuration), and after each change every token is judged with the cache and
//! without: nothing that anybody can learn may differ, nor what the application is told.
//! `PROPTEST_CASES=20000` looks harder.

mod strategy;
mod tokens;
mod world;

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::test_runner::{TestCaseError, TestRunner};

use super::cache::told;
use crate::verify::testing::verdict;
use crate::verify::{Counterparts, NoLog, Outcome, Presented, judge};
use world::{Gate, World, place};

/// More than the tokens of a world need.
const ROOM: usize = 1024 * 1024;

#[test]
fn c01_c04_c05_c06_cached_equals_uncached_for_any_tokens_times_keys_and_verifiers() {
    let mut runner = TestRunner::new(ProptestConfig {
        source_file: Some(file!()),
        ..ProptestConfig::default()
    });
    let seen = RefCell::new(Seen::default());
    let result = runner.run(&strategy::life(), |(specs, settings, room, steps)| {
        let mut world = World::begin(&specs, settings, room);
        let mut seen = seen.borrow_mut();
        look(&mut world, &mut seen)?;
        for step in steps {
            for change in step {
                world.change(change);
            }
            look(&mut world, &mut seen)?;
        }
        Ok(())
    });
    if let Err(failure) = result {
        panic!("{failure}");
    }
    seen.into_inner().is_not_boring();
}

/// Every token, by the gate and by the one before it, in a request that it may be bound to and in another.
fn look(world: &mut World, seen: &mut Seen) -> Result<(), TestCaseError> {
    let place = place();
    let gates: [Option<&Gate>; 2] = [Some(&world.gate), world.old.as_ref()];
    for (age, gate) in gates.into_iter().flatten().enumerate() {
        for (number, token) in world.tokens.iter().enumerate() {
            for (time, nonce) in ["right", "wrong", "right"].into_iter().enumerate() {
                let found = [(&place, Ok(nonce.as_bytes().to_vec()))];
                let request: Counterparts<'_> = found.into_iter().collect();
                let presented = Presented {
                    token,
                    request: &request,
                };
                let (now, keys, cache) = (world.now, &gate.sources, &mut world.cache);
                let before = cache.entries();
                let (judged, hit) = judge(&gate.verifier, cache, presented, now, keys);
                let fresh = gate.verifier.verify(presented, now, keys, &mut NoLog);
                prop_assert_eq!(told(&judged), told(&fresh), "token {}", number);
                let reason = verdict(&fresh);
                let good = matches!(reason, "ok" | "binding_mismatch");
                prop_assert!(good || cache.entries() <= before, "{} is held", reason);
                prop_assert!(cache.bytes() <= cache.max_bytes());
                prop_assert!(age == 0 || !hit, "an older gate shares what is remembered");
                let room = cache.max_bytes() >= ROOM;
                let remembered = good && room && age == 0 && time > 0;
                prop_assert!(hit || !remembered, "forgotten");
                seen.count(reason, hit);
                if let (Outcome::Verified(judged), Outcome::Verified(fresh)) = (&judged, &fresh) {
                    let (lines, anew) = (gate.mapping.lines(judged), gate.mapping.lines(fresh));
                    prop_assert_eq!(&lines, &anew, "lines of token {}", number);
                    prop_assert!(!matches!(anew, Ok(Cow::Borrowed(_))));
                    let kind = match lines {
                        Ok(Cow::Borrowed(_)) => "lines that were attached",
                        Ok(Cow::Owned(_)) => "lines of another mapping",
                        Err(_) => "no lines",
                    };
                    seen.count(kind, hit);
                }
            }
        }
    }
    Ok(())
}

/// How often each verdict came, from the cache and not.
#[derive(Default)]
struct Seen(BTreeMap<(&'static str, bool), usize>);

impl Seen {
    fn count(&mut self, reason: &'static str, hit: bool) {
        *self.0.entry((reason, hit)).or_default() += 1;
    }

    /// Worlds in which nothing happens prove nothing.
    fn is_not_boring(&self) {
        let from_the_cache_too = [
            "ok",
            "binding_mismatch",
            "token_expired",
            "token_not_yet_valid",
            "issued_in_future",
            "token_too_old",
            "lines that were attached",
            "lines of another mapping",
            "no lines",
        ];
        let never_from_the_cache = [
            "unknown_key",
            "bad_signature",
            "keys_unavailable",
            "audience_mismatch",
            "unknown_issuer",
            "algorithm_not_allowed",
            "malformed_token",
            "encrypted_token",
            "decryption_failed",
        ];
        let remembered = from_the_cache_too.map(|reason| (reason, true));
        let all = from_the_cache_too.iter().chain(&never_from_the_cache);
        for kind in all.map(|reason| (*reason, false)).chain(remembered) {
            assert!(self.0.contains_key(&kind), "never {kind:?}: {:?}", self.0);
        }
        for reason in never_from_the_cache {
            assert!(
                !self.0.contains_key(&(reason, true)),
                "{reason} from the cache"
            );
        }
    }
}
