//! Thousands of lives of one source, without I/O and in virtual time: the plan, the reader and the merge against an issuer that rotates,
//! cuts, flaps, hangs, lies and goes away, while clients present tokens of live, future, removed and made-up keys. Every promise is checked
//! at every step by an oracle that knows the issuer's life and nothing of the code.
//!
//! A life comes from a seed. A failure names it, and `CLAIMGATE_SIMULATION_SEED` lives it again and prints what happens;
//! `CLAIMGATE_SIMULATION_LIVES` lives more of them.

mod broken;
mod documents;
mod gate;
mod life;
mod oracle;
mod world;

use std::fmt::Write as _;

use broken::{Broken, Fault};
use gate::{Gate, Parts, Whole};
use life::Life;
use oracle::Breach;
use world::{Tally, World};

/// Lives of an ordinary run.
const LIVES: u64 = 2000;

#[test]
fn k05_k06_k07_k08_k12_every_promise_holds_in_thousands_of_lives() {
    if let Some(seed) = number_from("CLAIMGATE_SIMULATION_SEED") {
        println!("seed {seed}: {:?}", Life::of(seed).timing);
        let lived = live(seed, true, whole);
        println!("seed {seed}: {lived:?}");
        lived.expect("no promise is broken");
        return;
    }
    let lives = number_from("CLAIMGATE_SIMULATION_LIVES").unwrap_or(LIVES);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let live_some = |first: usize| {
        let (mut total, mut broken) = (Tally::default(), String::new());
        for seed in (first as u64..lives).step_by(threads) {
            match live(seed, false, whole) {
                Ok(tally) => total = total + tally,
                Err(Breach { promise, what }) => {
                    writeln!(broken, "seed {seed}: {promise}: {what}").unwrap();
                }
            }
        }
        (total, broken)
    };
    let (total, broken) = std::thread::scope(|scope| {
        let shares: Vec<_> = (0..threads)
            .map(|first| scope.spawn(move || live_some(first)))
            .collect();
        let shares = shares.into_iter().map(|share| share.join().unwrap());
        shares
            .reduce(|one, two| (one.0 + two.0, one.1 + &two.1))
            .unwrap()
    });
    println!("{lives} lives: {total:?}");
    assert!(
        broken.is_empty(),
        "{broken}live it again: CLAIMGATE_SIMULATION_SEED=<seed> cargo test --lib every_promise_holds -- --nocapture"
    );
    // It did try all that the promises are about.
    let least = usize::try_from(lives).unwrap();
    assert!(total.failed > least && total.unavailable > least && total.suppressed > least);
}

#[test]
fn the_oracle_sees_through_every_broken_gate() {
    /// Seeds that each fault is looked for in.
    const ENOUGH: u64 = 200;
    let mut unseen = Vec::new();
    for fault in Fault::ALL {
        let broken = |life: &Life| Broken::new(fault, life);
        let seen = (0..ENOUGH)
            .find_map(|seed| live(seed, false, broken).err().map(|breach| (seed, breach)));
        match seen {
            Some((seed, breach)) => println!("{fault:?}: seed {seed}: {}", breach.promise),
            None => unseen.push(fault),
        }
    }
    assert!(unseen.is_empty(), "not seen in {ENOUGH} lives: {unseen:?}");
}

fn live<G: Gate>(seed: u64, told: bool, gate: impl Fn(&Life) -> G) -> Result<Tally, Breach> {
    let life = Life::of(seed);
    World::new(&life, gate(&life), seed, told).live()
}

fn whole(life: &Life) -> Whole {
    Whole(Parts::new(life.timing))
}

fn number_from(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().expect("a number"))
}
