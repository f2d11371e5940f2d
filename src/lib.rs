//! claimgate: a gate in front of one application. A request comes in with a token; the gate verifies the token against the issuers of its
//! configuration; the application gets the request with the verified claims as headers, or never gets it at all.
//!
//! # The walk of one request
//!
//! 1. [`proxy`] accepts the connection under a cap and parses the request under limits of size and time.
//! 2. [`policy`] finds the route. Ambiguous target: 400. No route: 403.
//! 3. [`identity`] cleans the headers, on every route, before anything else can fail: hop-by-hop first, then every name that only
//!    the gate may set, with its look-alikes ([`identity::hygiene`]).
//! 4. [`proxy::source`] finds the token: none, one, or too many.
//! 5. [`verify`] judges it: cache, decryption where it is configured, structure, issuer by exact `iss`, algorithm, type, lifetime,
//!    audience, the provider's own rules, key, signature, what it is bound to in its request ([`verify::pipeline`]). For an unknown key
//!    it asks for keys; the proxy waits once, bounded, for [`keys`] to fetch, and asks again.
//! 6. [`policy`] checks the route's claim rules and hands out a [`policy::Permit`].
//! 7. [`identity`] writes the header lines from the [`verify::VerifiedToken`].
//! 8. [`proxy`] streams both ways. Failures of the application are 502 and 504, counted apart from refusals.
//! 9. [`telemetry`] is told once, with the outcome.
//!
//! # Why a skipped check does not compile
//!
//! A [`verify::VerifiedToken`] has one constructor, inside `verify`, at the end of the pipeline. A [`policy::Permit`] comes only from
//! [`policy::Route::admit`], which takes the verified token (or none, where the route allows that). Forwarding takes the permit. Every refusal is a
//! [`verify::Rejection`], matched without a catch-all, so that a new one cannot be forgotten in a status, a reason, or a message.
//!
//! # The house
//!
//! Arrows (`use crate::`) only go down this list; `tests/layering.rs` holds it. *Pure* rooms have no I/O and no clock: time is an argument.
//!
//! | room | what |
//! | --- | --- |
//! | [`cli`] | the commands: run, check, explain, schema, healthcheck, demo |
//! | [`app`] | the composition root: configuration to running gate |
//! | [`config`] | YAML to typed values, every problem at once; only here is YAML known |
//! | [`admin`] | `/livez`, `/readyz`, `/metrics`, `/issuers` |
//! | [`proxy`] | HTTP on both sides |
//! | [`telemetry`] | metrics, access log, own messages |
//! | [`identity`], [`policy`] | *pure*: headers; routes and rules |
//! | [`verify`] | *pure*: the decision about a token |
//! | [`provider`] | *pure*: what is special about each OpenID provider |
//! | [`keys`] | where keys come from; what decides there is *pure* ([`keys::plan`], [`keys::set`] and others), what fetches is not |
//! | [`jose`] | *pure*: bytes, JSON, algorithms, keys, signatures, encryption |
//! | [`clock`] | the only place that reads the time |
//! | [`net`] | outgoing connections: the address that answers first, the authorities that are trusted; certificates with their keys |
//!
//! `fuzzing`, which tests and fuzzers alone are built with, is above them all: the laws that every input must keep.

// What only the binary uses is private, so that the compiler tells of what nobody uses. Tests outside see `jose` and `verify`.
mod admin;
mod app;
pub mod cli;
mod clock;
mod config;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
mod identity;
pub mod jose;
mod keys;
mod net;
mod policy;
mod provider;
mod proxy;
mod telemetry;
pub mod verify;

#[cfg(test)]
#[path = "../tests/public_vectors.rs"]
mod public_vectors;
