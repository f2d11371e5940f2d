//! Random worlds and what happens in them: mostly good tokens under settings that take them, so that there is something to remember.

use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::ROOM;
use super::tokens::{Damage, KIDS, RECIPIENTS, SIGNERS, TokenSpec};
use super::world::{Change, Document, Edge, ISSUERS, PRIVATE, Setting};

/// Tokens, settings, room for the cache, and what happens between two looks, some times.
pub(super) fn life()
-> impl Strategy<Value = (Vec<TokenSpec>, Vec<Setting>, usize, Vec<Vec<Change>>)> {
    (
        prop::collection::vec(token(), 1..10),
        settings(),
        prop_oneof![1 => Just(0_usize), 2 => Just(4 * 1024), 4 => Just(ROOM)],
        prop::collection::vec(prop::collection::vec(change(), 0..4), 1..10),
    )
}

fn token() -> impl Strategy<Value = TokenSpec> {
    // Issuer, signer and kid: as the world begins, or any.
    let own = prop_oneof![
        3 => Just((0_usize, 0_usize, 1_usize)),
        2 => Just((0, 2, 2)),
        3 => Just((1, 1, 1)),
        2 => Just((1, 2, 0)),
        3 => Just((2, 3, 0)),
        2 => (0..ISSUERS, 0..SIGNERS, 0..KIDS.len()),
    ];
    let sealed = prop_oneof![
        2 => (0..4_usize, Just(0_usize)),
        2 => (0..RECIPIENTS, 0..KIDS.len()),
    ];
    (
        own,
        prop::bool::weighted(0.9),
        1..400_i64,
        prop::option::weighted(0.5, -100..20_i64),
        prop::option::weighted(0.9, -100..20_i64),
        prop::bool::weighted(0.7),
        prop::option::weighted(0.3, sealed),
        prop::option::weighted(0.3, damage()),
    )
        .prop_map(
            |(own, for_us, expires, not_before, issued, nonce, sealed, damage)| TokenSpec {
                issuer: own.0,
                signer: own.1,
                kid: own.2,
                for_us,
                expires,
                not_before,
                issued,
                nonce,
                sealed,
                damage,
            },
        )
}

fn damage() -> impl Strategy<Value = Damage> {
    prop_oneof![
        3 => (any::<Index>(), 0..7_u8).prop_map(|(at, bit)| Damage::Flip(at, bit)),
        1 => any::<Index>().prop_map(Damage::Cut),
        1 => select(vec!['=', 'A', '.', ' ', '\0']).prop_map(Damage::Add),
        2 => any::<Index>().prop_map(Damage::Signature),
        2 => any::<Index>().prop_map(Damage::Content),
    ]
}

fn settings() -> impl Strategy<Value = Vec<Setting>> {
    (0..ISSUERS).map(setting).collect::<Vec<_>>()
}

fn setting(number: usize) -> impl Strategy<Value = Setting> {
    (
        prop::bool::weighted(0.9),
        prop::bool::weighted(0.9),
        select(vec![0, 30, 300]),
        prop::option::weighted(0.5, select(vec![60, 200])),
        prop::option::weighted(0.1, 0..SIGNERS),
        prop::bool::weighted(0.3),
        prop_oneof![9 => Just(number), 1 => 0..ISSUERS],
        prop::option::weighted(0.6, 0..PRIVATE),
    )
        .prop_map(
            |(there, for_us, leeway, max_age, without, bound, source, private)| Setting {
                there,
                for_us,
                leeway,
                max_age,
                without,
                bound,
                source,
                private,
            },
        )
}

fn change() -> impl Strategy<Value = Change> {
    let edges = vec![Edge::Expires, Edge::NotBefore, Edge::Issued, Edge::TooOld];
    let edge = (any::<Index>(), select(edges), -1..=1_i64);
    let reload = (
        settings(),
        prop::option::of(prop::collection::vec(keys(SIGNERS), ISSUERS)),
    );
    prop_oneof![
        4 => (-60..120_i64).prop_map(Change::Wall),
        6 => edge.prop_map(|(token, edge, off)| Change::WallTo(token, edge, off)),
        1 => (0..200_u64).prop_map(Change::Pass),
        5 => (0..ISSUERS, -1..=1_i64).prop_map(|(source, off)| Change::PassToEnd(source, off)),
        5 => (0..ISSUERS, keys(SIGNERS)).prop_map(|(source, keys)| Change::Fetch(source, keys)),
        1 => (0..ISSUERS).prop_map(Change::Lose),
        2 => (0..PRIVATE, keys(RECIPIENTS)).prop_map(|(source, keys)| Change::Private(source, keys)),
        2 => reload.prop_map(|(settings, documents)| Change::Reload(settings, documents)),
    ]
}

fn keys(owners: usize) -> impl Strategy<Value = Document> {
    prop::collection::vec((0..KIDS.len(), 0..owners), 1..5)
}
