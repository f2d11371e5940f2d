//! The gate as a process, over real sockets: what goes in, what comes out, and what the application saw.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test says what must be"
)]

mod harness;

mod bindings;
mod commands;
mod demo;
mod encrypted;
mod examples;
mod faults;
mod flood;
mod headers;
mod hostile;
mod issuers;
mod key_servers;
mod messages;
mod routes;
mod snapshots;
mod tokens;
