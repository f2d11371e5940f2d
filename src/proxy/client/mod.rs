//! The client's side: [`listen`] is the workers and their socket, `connection` one client under limits, `timed_io` its timeouts.

pub(in crate::proxy) mod connection;
pub mod listen;
pub(in crate::proxy) mod timed_io;
