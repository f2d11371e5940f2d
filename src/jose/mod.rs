//! JOSE: what the RFCs say about a token's bytes, before anyone asks whether it is trusted. Pure.
//!
//! * [`compact`] splits a compact serialization (RFC 7515 §7.1) without allocating,
//! * [`padded`] splits the one that is not, for the one issuer that writes it,
//! * [`base64url`] decodes strictly (RFC 7515 §2, RFC 4648 §5: no padding, no trailing bits),
//! * [`json`] reads strict JSON: duplicates refused at any depth, numbers kept as written,
//! * [`header`] reads the JOSE header,
//! * [`algorithm`] names the signature algorithms, [`key`] verifies with one key,
//! * [`jwk`], [`pem`] and [`pem_map`] read keys; what cannot be used is skipped with a reason,
//! * [`public_jwk`] writes a key down again, its public half and nothing else,
//! * [`jwe`] opens encrypted tokens with private keys of its own,
//! * [`digest_map`] is a table by SHA-256, of tokens and of keys,
//! * `material` is what both make of a key, `weak` and `public_default` say which of it proves nothing,
//! * `spki` and `der` find it in certificates.

pub mod algorithm;
pub mod base64url;
pub mod compact;
mod der;
pub mod digest_map;
pub mod header;
pub mod json;
pub mod jwe;
pub mod jwk;
pub mod key;
mod material;
#[cfg(test)]
mod minting;
pub mod padded;
pub mod pem;
pub mod pem_map;
mod public_default;
pub mod public_jwk;
mod spki;
pub mod validity;
mod weak;
