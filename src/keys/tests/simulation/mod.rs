//! Thousands of lives of one source, without I/O and in virtual time: the plan, the reader and the merge against an issuer that rotates,
//! cuts, flaps, hangs, lies and goes away, while clients present tokens of live, future, removed and made-up keys. Every promise is checked
//! at every step by an oracle that knows the issuer's life and nothing of the code. Fewer lives go through all of [`super::super::Keys`],
//! with each fetch as bytes on a wire.
//!
//! A life comes from a seed. A failure names it, and `CLAIMGATE_SIMULATION_SEED` lives it again and prints what happens;
//! `CLAIMGATE_SIMULATION_LIVES` lives more of them.

mod broken;
mod documents;
mod gate;
mod life;
mod oracle;
mod shell;
mod world;

use std::fmt::Write as _;
use std::sync::Arc;

use broken::{Broken, Fault};
use gate::{Gate, Parts, Whole};
use life::Life;
use oracle::Breach;
use world::{Tally, World};

#[test]
fn k05_k06_k07_k08_k12_every_promise_holds_in_thousands_of_lives() {
    lives(2000, |seed, told| live(seed, told, whole));
}

#[test]
fn k02_k03_k04_k11_every_promise_holds_in_a_hundred_lives_of_the_whole_shell() {
    lives(200, shell::live);
}

/// Lives `number` lives, or what the environment says, on all cores; panics with the seeds of those in which a promise was broken.
fn lives(number: u64, live: impl Fn(u64, bool) -> Result<Tally, Breach> + Copy + Send + Sync) {
    if let Some(seed) = number_from("CLAIMGATE_SIMULATION_SEED") {
        eprintln!("seed {seed}: {:?}", Life::of(seed).timing);
        let lived = live(seed, true);
        eprintln!("seed {seed}: {lived:?}");
        lived.expect("no promise is broken");
        return;
    }
    let number = number_from("CLAIMGATE_SIMULATION_LIVES").unwrap_or(number);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let share = move |first: usize| {
        let (mut total, mut broken) = (Tally::default(), String::new());
        for seed in (first as u64..number).step_by(threads) {
            match live(seed, false) {
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
            .map(|first| scope.spawn(move || share(first)))
            .collect();
        let shares = shares.into_iter().map(|share| share.join().unwrap());
        let sum = |one: (Tally, String), two: (Tally, String)| (one.0 + two.0, one.1 + &two.1);
        shares.reduce(sum).unwrap_or_default()
    });
    println!("{number} lives: {total:?}");
    let test = std::thread::current();
    let test = test.name().unwrap_or_default();
    assert!(
        broken.is_empty(),
        "{broken}live it again: CLAIMGATE_SIMULATION_SEED=<seed> cargo test --lib {test} -- --nocapture"
    );
    // They did see what the promises are about.
    let least = usize::try_from(number).unwrap();
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
    let life = Arc::new(Life::of(seed));
    let gate = gate(&life);
    World::new(life, gate, seed, told).live()
}

fn whole(life: &Life) -> Whole {
    Whole(Parts::new(life.timing))
}

fn number_from(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().expect("a number"))
}
