//! The catalogue of threats against tokens (J) and against remembered decisions (C), row by row; and what tokens are bound to.

mod algorithm;
mod binding;
mod cache;
mod cache_bounds;
mod cache_model;
mod claims;
mod cost;
mod decryption;
mod encoding;
mod issuer;
mod key;
mod load_balancer;
mod order;
mod trust_domain;
mod vectors;

use super::testing::{at, keys, refusal, verdict, verifier};
use super::{NoLog, Outcome, Rejection, Verifier};
use crate::keys::KeyLookup;

use super::testing::NOW;

/// The reason for refusing `token` at [`NOW`], or `ok`.
fn judged(verifier: &Verifier, keys: &dyn KeyLookup, token: impl AsRef<[u8]>) -> &'static str {
    verdict(&outcome(verifier, keys, token))
}

fn outcome(verifier: &Verifier, keys: &dyn KeyLookup, token: impl AsRef<[u8]>) -> Outcome {
    verifier.verify(token.as_ref(), at(NOW), keys, &mut NoLog)
}

/// As [`judged`], by the usual verifier with the usual key.
fn reason(token: impl AsRef<[u8]>) -> &'static str {
    judged(&verifier(), &keys(), token)
}

fn rejection(verifier: &Verifier, keys: &dyn KeyLookup, token: impl AsRef<[u8]>) -> Rejection {
    refusal(&outcome(verifier, keys, token))
        .expect("refused")
        .clone()
}

#[test]
fn a_good_token_is_verified() {
    let Outcome::Verified(token) = outcome(&verifier(), &keys(), super::testing::good("")) else {
        panic!("refused");
    };
    assert_eq!(&**token.issuer(), "main");
    assert_eq!(token.issuer_index(), 0);
    assert_eq!(token.kid(), Some("k1"));
    assert_eq!(token.algorithm().name(), "RS256");
    assert_eq!(token.claims().get("sub").unwrap().as_str(), Some("alice"));
    assert_eq!(token.parts().lifetime.expires.0, NOW + 600);
    assert!(!token.findings().email_verified);
}

#[test]
fn a_verified_token_does_not_print_its_claims() {
    let outcome = outcome(&verifier(), &keys(), super::testing::good(""));
    let shown = format!("{outcome:?}");
    assert!(
        !shown.contains("alice") && shown.contains("main"),
        "{shown}"
    );
}
