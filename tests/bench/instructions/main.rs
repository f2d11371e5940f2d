//! How many instructions a request costs, of every kind that is worth a bound: counted by valgrind, compared with `counts.txt`. `run` builds what is
//! counted and starts this. See the README beside it.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a benchmark says what must be"
)]
#![expect(clippy::print_stdout, reason = "the figures")]

#[expect(dead_code, unused_imports, reason = "shared with the other benchmarks")]
#[path = "../common/mod.rs"]
mod common;
#[expect(
    dead_code,
    unused_imports,
    reason = "of the black-box tests' peers, only what starts a process and makes claims"
)]
#[path = "../../it/harness/mod.rs"]
mod harness;
mod kept;
mod requests;
mod rows;
mod tokens;
mod valgrind;

use std::process::ExitCode;

use kept::Counts;
use rows::Counting;

fn main() -> ExitCode {
    // What cargo builds for a benchmark is not what is shipped: see `run`.
    let Some(binary) = std::env::var_os("CLAIMGATE_BIN") else {
        println!("which binary? tests/bench/instructions/run knows");
        return ExitCode::FAILURE;
    };
    let bless = std::env::var_os("CLAIMGATE_BLESS").is_some();
    if !bless && let Some(other) = Counts::kept().of_another_target() {
        println!("NOT COMPARED: the kept counts are of {other}, and say nothing of this target");
        return ExitCode::SUCCESS;
    }
    let mut counting = Counting::of(binary.as_ref());
    if bless {
        counting.again();
        Counts::of(counting.rows()).keep();
    }
    let mut comparison = Counts::kept().compared_with(Counts::of(counting.rows()));
    if !comparison.holds() {
        println!("{comparison}\n\nonce more, to be sure:");
        counting.again();
        comparison = Counts::kept().compared_with(Counts::of(counting.rows()));
    }
    println!("{comparison}");
    match comparison.holds() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}
