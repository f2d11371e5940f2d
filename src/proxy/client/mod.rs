//! The client's side, in the order of a connection:
//!
//! * [`listen`] is the workers, `listener` their socket (`unix_path` where it is a path, `socket` what it accepts), `open` what a drain waits for,
//! * `admission` lets connections in under the cap, with `order` for who gives way,
//! * `entry` is what comes before HTTP: the PROXY header (`proxy_header`) and the handshake (`tls`); `refused` counts who does not pass,
//! * `connection` is one client's HTTP under limits (`transport` says what carries it), `timed_io` its timeouts.

mod admission;
pub(in crate::proxy) mod connection;
mod entry;
pub mod listen;
mod listener;
mod open;
mod order;
pub mod proxy_header;
mod refused;
mod socket;
pub(in crate::proxy) mod timed_io;
pub mod tls;
pub(in crate::proxy) mod transport;
mod unix_path;
