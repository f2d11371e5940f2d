//! Arguments in, exit code out. Everything else is the library's.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(claimgate::cli::main(std::env::args_os()))
}
