//! claimgate: a gate in front of one application.

pub mod admin;
pub mod app;
pub mod cli;
pub mod clock;
pub mod config;
pub mod identity;
pub mod jose;
pub mod keys;
pub mod policy;
pub mod provider;
pub mod proxy;
pub mod telemetry;
pub mod verify;
