//! C6: what entries cost.

use std::sync::Arc;

use proptest::prelude::*;

use crate::jose::json::{self, Json, Object};
use crate::provider::{ClaimNames, Findings};
use crate::verify::cache::{block, cost};
use crate::verify::testing::*;
use crate::verify::{Attachment, TokenCache, VerifiedToken};

/// The sizes that the two allocators document: `malloc_usable_size` + 8 of the GNU C library on 64 bits, jemalloc's classes.
#[test]
fn c06_a_block_counts_as_what_the_larger_allocator_takes() {
    for (bytes, taken) in [
        (0, 0),
        (1, 32),
        (24, 32),
        (25, 48),
        (40, 48),
        (41, 64),
        (128, 144),
        (129, 160),
        (160, 176),
        (161, 192),
        (256, 272),
        (257, 320),
        (320, 336),
        (513, 640),
        (640, 656),
        (1025, 1280),
        (4097, 5120),
        (5120, 5136),
        (96_024, 98_304),
    ] {
        assert_eq!(block(bytes), taken, "{bytes}");
    }
    for bytes in 1..20_000 {
        assert!(block(bytes) >= bytes + 8 && block(bytes) >= block(bytes - 1));
        assert!(block(bytes) <= bytes + 31.max(bytes / 4 + 1), "{bytes}");
    }
}

/// Claims of any shape, as JSON text.
fn value() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        any::<bool>().prop_map(|value| value.to_string()),
        "-?[1-9][0-9]{0,300}",
        "[a-z]{0,200}".prop_map(|text| format!("\"{text}\"")),
    ];
    leaf.prop_recursive(4, 200, 20, |inner| {
        let array = prop::collection::vec(inner.clone(), 0..20);
        let object = prop::collection::btree_map("[a-z]{1,20}", inner, 0..20);
        prop_oneof![
            array.prop_map(|values| format!("[{}]", values.join(","))),
            object.prop_map(|members| {
                let members: Vec<_> = members
                    .iter()
                    .map(|(name, value)| format!("\"{name}\":{value}"))
                    .collect();
                format!("{{{}}}", members.join(","))
            }),
        ]
    })
}

fn token(value: &str) -> VerifiedToken {
    let claims = json::parse_object(format!("{{\"x\":{value}}}").as_bytes()).unwrap();
    proven(claims, ClaimNames::default(), Findings::default())
}

/// Bytes that the values themselves have in memory, without what an allocator adds.
fn at_least(value: &Json) -> usize {
    match value {
        Json::Null | Json::Bool(_) => 0,
        Json::Number(number) => number.as_written().len(),
        Json::String(text) => text.len(),
        Json::Array(values) => {
            let elements: usize = values.iter().map(at_least).sum();
            size_of_val(&**values) + elements
        }
        Json::Object(object) => at_least_of(object),
    }
}

fn at_least_of(object: &Object) -> usize {
    let member = |(name, value): (&str, &Json)| Object::MEMBER + name.len() + at_least(value);
    object.iter().map(member).sum()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn c06_an_entry_costs_what_it_holds_in_memory_and_not_many_times_that(value in value()) {
        let token = token(&value);
        let held = size_of::<VerifiedToken>() + at_least_of(token.claims());
        let cost = cost(&token);
        prop_assert!(cost >= held, "{} of {}", cost, held);
        prop_assert!(cost <= 4 * held + 1024, "{} of {}", cost, held);
    }

    #[test]
    fn c06_the_bound_holds_for_tokens_of_any_sizes(
        values in prop::collection::vec((value(), 0..8_u8, prop::option::of(0..2048_usize)), 1..40),
        room in prop_oneof![0..4096_usize, 4096..65536_usize],
    ) {
        let verifier = verifier();
        let mut cache = TokenCache::new(room);
        for (value, name, attached) in values {
            let mut token = token(&value);
            attach(&mut token, |_| attached.map(|heap| Attachment::new(name, heap)));
            prop_assert!(cost(&token) >= at_least_of(token.claims()) + attached.unwrap_or(0));
            let token = Arc::new(token);
            let fits = cost(&token) <= cache.max_bytes();
            let key = cache.key_of(&[name]);
            cache.store(key, &verifier, Arc::clone(&token));
            prop_assert!(cache.bytes() <= room);
            prop_assert!(!fits || cache.bytes() >= cost(&token), "the newest is held");
            prop_assert_eq!(cache.entries() == 0, cache.bytes() == 0);
        }
    }
}
