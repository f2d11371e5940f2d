//! What every benchmark runs beside: the gate as a process, an application that costs next to nothing, and connections of clients.

mod application;
mod connection;
mod gate;

pub use application::application;
pub use connection::{Connection, request, sleep_until};
pub use gate::{Gate, Spent};

use std::time::Duration;

/// The argument `name=number` of the command line, or `default`. (`cargo bench` adds arguments of its own.)
pub fn argument(name: &str, default: u32) -> u32 {
    let given = std::env::args().find_map(|argument| {
        let (found, value) = argument.split_once('=')?;
        (found == name).then(|| value.parse().unwrap())
    });
    given.unwrap_or(default)
}

/// In microseconds, of sorted latencies; 0 of none.
pub fn percentile(latencies: &[Duration], of: f64) -> f64 {
    let Some(last) = latencies.len().checked_sub(1) else {
        return 0.0;
    };
    let position = (last as f64 * of).ceil() as usize;
    latencies[position].as_secs_f64() * 1e6
}
