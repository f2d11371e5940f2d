//! Hostile requests that others have collected, sent to the gate as a process, between a client that writes bytes as they stand and two applications
//! that record what comes: a strict one, and a lenient one that accepts every quirk, so that an ambiguity that the gate passed on shows as a second
//! request. The corpora stay outside the tree: `CLAIMGATE_VECTORS` names their folder. A line for each is printed
//! (`cargo test --test corpora -- --nocapture`).
//!
//! Each payload is sent eight times: to either application, as it is through a public route or with a valid token and forged identity headers in its
//! head, whole or in small slices. Every exchange comes from an address of loopback of its own, which the gate tells the application: a request there
//! that tells no address, or a forged one, was not written by the gate.
//!
//! Pipelined payloads count as many requests as [`reading`] finds in them, which reads as docs/http.md says and knows nothing of the gate's parser.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test says what must be"
)]

mod differences;
mod expectation;
mod guardian;
#[expect(
    dead_code,
    unused_imports,
    reason = "the peers of another test binary: not all are needed here"
)]
#[path = "../it/harness/mod.rs"]
mod harness;
mod lenient;
mod page;
mod payloads;
#[path = "../public_vectors.rs"]
mod public_vectors;
mod reading;
mod recorder;
mod run;
mod scene;
mod strict;
mod variant;
mod wire;

use payloads::Corpus;

/// The figures go past the test runner's capture: a run that hides them says less than it could.
fn holds(corpus: Corpus) {
    let Some(folder) = public_vectors::folder() else {
        return;
    };
    run::run(corpus, &folder.join("http"));
}

#[test]
fn s01_s02_s03_s05_s06_s07_s08_s09_s10_s15_http11probe() {
    holds(Corpus::Http11Probe);
}

#[test]
fn s03_s06_s07_s08_s15_llhttp() {
    holds(Corpus::Llhttp);
}

#[test]
fn s01_s02_s03_s04_s06_http_desync_guardian() {
    holds(Corpus::Guardian);
}

#[test]
fn s01_s02_mutations_of_transfer_encoding() {
    holds(Corpus::TransferEncoding);
}
