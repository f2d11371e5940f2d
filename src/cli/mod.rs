//! The command line: what a person types, and the exit codes that scripts rely on.

mod check;
mod demo;
mod explain;
mod healthcheck;
mod online;
mod output;
mod run;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::error::ErrorKind;
use clap::{Args, Parser, Subcommand};

use output::{complain, print};

/// Done: ready, allowed, valid, drained.
const SUCCESS: u8 = 0;
/// Not: refused, not ready, could not start.
const FAILURE: u8 = 1;
/// Wrong usage, or no command (`EX_USAGE` of sysexits.h).
const USAGE: u8 = 64;
/// Bad or missing configuration (`EX_CONFIG` of sysexits.h).
const BAD_CONFIG: u8 = 78;

/// The file that is read when neither `--config` nor [`CONFIG_VARIABLE`] names one.
const DEFAULT_CONFIG: &str = "claimgate.yaml";
const CONFIG_VARIABLE: &str = "CLAIMGATE_CONFIG";

/// Does what the arguments say (the first is the program's name). The exit code of the process.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> u8 {
    match CommandLine::try_parse_from(arguments) {
        Ok(line) => match line.command {
            Command::Run(arguments) => run::run(&arguments),
            Command::Check(arguments) => check::check(&arguments),
            Command::Explain(arguments) => explain::explain(&arguments),
            Command::Schema => {
                print(&format!("{:#}\n", crate::config::schema()));
                SUCCESS
            }
            Command::Healthcheck(arguments) => healthcheck::healthcheck(&arguments),
            Command::Demo(arguments) => demo::demo(&arguments),
        },
        Err(error) => match error.kind() {
            ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
                print(&error.to_string());
                SUCCESS
            }
            _ => {
                complain(&error.to_string());
                USAGE
            }
        },
    }
}

/// A gate in front of one application: forwards a request only with verified OpenID Connect claims, refuses everything else.
#[derive(Debug, Parser)]
#[command(name = "claimgate", version, disable_help_subcommand = true)]
#[command(
    after_help = "Exit codes: 0 done, 1 refused or failed, 64 wrong usage, 78 bad or missing configuration."
)]
struct CommandLine {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start the gate
    Run(run::Arguments),
    /// Report every problem of the configuration file
    Check(check::Arguments),
    /// Judge one token as the gate would, step by step, and show the headers that the application would get
    Explain(explain::Arguments),
    /// Print the JSON Schema of the configuration file
    Schema,
    /// Ask a running gate whether it is ready
    Healthcheck(healthcheck::Arguments),
    /// Show the whole job on this machine: a throw-away issuer, an application, and the gate between them
    Demo(demo::Arguments),
}

/// `--config`, which most commands have.
#[derive(Debug, Args)]
struct ConfigFile {
    /// The configuration file [default: $CLAIMGATE_CONFIG, or claimgate.yaml]
    #[arg(short, long, value_name = "FILE")]
    config: Option<PathBuf>,
}

impl ConfigFile {
    fn path(&self) -> PathBuf {
        self.config
            .clone()
            .or_else(|| {
                std::env::var_os(CONFIG_VARIABLE)
                    .filter(|name| !name.is_empty())
                    .map(PathBuf::from)
            })
            .unwrap_or_else(|| PathBuf::from(DEFAULT_CONFIG))
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn exit(arguments: &[&str]) -> u8 {
        main(
            std::iter::once("claimgate")
                .chain(arguments.iter().copied())
                .map(OsString::from),
        )
    }

    #[test]
    fn the_command_line_is_consistent() {
        CommandLine::command().debug_assert();
    }

    #[test]
    fn help_and_version_succeed() {
        for arguments in [&["--help"][..], &["--version"], &["explain", "--help"]] {
            assert_eq!(exit(arguments), SUCCESS, "{arguments:?}");
        }
    }

    #[test]
    fn no_command_and_wrong_usage_are_64() {
        for arguments in [
            &[][..],
            &["walk"],
            &["run", "--fast"],
            &["check", "--config"],
            &["explain", "--at", "tomorrow", "t"],
            &["explain", "--method", "G T", "t"],
            &["explain", "--header", "no colon", "t"],
            &["healthcheck", "--admin", "here"],
        ] {
            assert_eq!(exit(arguments), USAGE, "{arguments:?}");
        }
    }
}
