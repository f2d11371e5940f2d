//! What the application is told: verified claims as header lines, and nothing that a client could have written in their place. Pure.
//!
//! * [`hygiene`] cleans incoming headers: hop-by-hop first, then managed names and their look-alikes (as `fold` sees them; those of `everyday`
//!   requests are judged once), `removal` is how lines are taken out,
//! * [`mapping`] says which header comes from which claim, [`mod@format`] and [`encoding`] how it is written, [`lines`] are the lines; `defaults`
//!   is the set without configuration, `target` what no claim is ever written to.

mod defaults;
pub mod encoding;
mod everyday;
mod fold;
pub mod format;
pub mod hygiene;
pub mod lines;
pub mod mapping;
mod removal;
mod target;

pub use fold::{fold, looks_like};
pub use hygiene::{ManagedNames, Underscores};
pub use lines::HeaderLines;
pub use mapping::{HeaderRule, Mapping};
pub use removal::remove_where;

use crate::verify::Rejection;

/// Why a claim cannot be carried: the rest of a sentence about it, never its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Unusable(&'static str);

impl Unusable {
    fn of_header(self, spelling: &str) -> Rejection {
        Rejection::ClaimsUnusable {
            header: spelling.to_owned(),
            why: self.0.to_owned(),
        }
    }
}
