//! Which route a request is on, and whether a verified token may use it. Pure.
//!
//! * [`path`] tells which targets are unambiguous (threats P1 to P6), `readings` what they say, [`route`] finds the first matching entry by `index`,
//! * [`rule`] compares claims; [`Permit`] is the proof that a route lets the request through.

mod index;
pub mod path;
mod pattern;
mod preflight;
mod readings;
pub mod route;
pub mod rule;

pub use path::StrictPaths;
pub use route::{Access, Permit, Route, RouteConfig, RouteTable};
pub use rule::{Condition, Rule};
