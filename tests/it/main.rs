//! The gate as a process, over real sockets: what goes in, what comes out, and what the application saw.

mod harness;

mod commands;
mod examples;
mod headers;
mod issuers;
mod messages;
mod routes;
mod tokens;
