//! Arguments in, exit code out. Everything else is the library's.

use std::process::ExitCode;

/// See Cargo.toml.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    ExitCode::from(claimgate::cli::main(std::env::args_os()))
}
