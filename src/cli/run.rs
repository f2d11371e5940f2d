//! `claimgate run`: the gate itself.

use super::output::{complain, complain_of};
use super::{BAD_CONFIG, ConfigFile, FAILURE, SUCCESS};
use crate::config::{self, LoadOptions};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    file: ConfigFile,
}

pub(super) fn run(arguments: &Arguments) -> u8 {
    let options = LoadOptions {
        read_files: true,
        environment: None,
    };
    let file = arguments.file.path();
    let config = match config::load(&file, &options) {
        Ok(config) => config,
        Err(problems) => {
            complain_of(&problems);
            return BAD_CONFIG;
        }
    };
    match crate::app::run(config, file) {
        Ok(()) => SUCCESS,
        Err(error) => {
            complain(&format!("claimgate: error: {error}\n"));
            FAILURE
        }
    }
}
