//! The client's side, in the order of a connection:
//!
//! * [`listen`] is the workers, `listener` their socket (`unix_path` where it is a path, `socket` what it accepts), `open` what a drain waits for,
//! * `admission` lets connections in under the cap, with `order` for who gives way,
//! * `entry` is what comes before HTTP: the PROXY header (`proxy_header`) and the handshake (`tls`); `refused` counts who does not pass,
//! * `connection` is one client under limits (`transport` says what carries it, `preface` tells which HTTP it speaks, `http1` and `http2` serve it,
//!   `parked` is one that waits for its next request),
//!   `timed_io` the socket's timeouts, `streams` and `frames` what HTTP/2 needs beside them, `link` what a request tells its connection.

mod admission;
pub(in crate::proxy) mod connection;
mod entry;
mod frames;
mod http1;
mod http2;
pub(in crate::proxy) mod link;
pub mod listen;
mod listener;
mod open;
mod order;
pub(in crate::proxy) mod parked;
mod preface;
pub mod proxy_header;
mod refused;
pub(in crate::proxy) mod socket;
pub(in crate::proxy) mod streams;
pub(in crate::proxy) mod timed_io;
pub mod tls;
pub(in crate::proxy) mod transport;
mod unix_path;
