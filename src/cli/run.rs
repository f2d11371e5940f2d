//! `claimgate run`: the gate itself.

use std::path::PathBuf;

use super::output::{complain, complain_of};
use super::{BAD_CONFIG, ConfigFile, FAILURE, SUCCESS};
use crate::app;
use crate::config::{self, LoadOptions};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    file: ConfigFile,
}

pub(super) fn run(arguments: &Arguments) -> u8 {
    serve(arguments.file.path())
}

/// Runs the gate of this file until it is stopped. The exit code.
pub(super) fn serve(file: PathBuf) -> u8 {
    // Before it is read: what changes in between is noticed.
    let seen = app::look(&file);
    let config = match config::load(&file, &LoadOptions::default()) {
        Ok(config) => config,
        Err(problems) => {
            complain_of(&problems);
            return BAD_CONFIG;
        }
    };
    match app::run(config, file, seen) {
        Ok(()) => SUCCESS,
        Err(error) => {
            complain(&format!("claimgate: error: {error}\n"));
            FAILURE
        }
    }
}
