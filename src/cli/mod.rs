//! The commands: run, check, explain, schema, healthcheck, demo.
