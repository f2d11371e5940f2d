//! What a token must match in the request that it came in (`bindings`): a token that was taken from one browser or log-in and put into
//! another request is refused. Asked of every request, remembered tokens too: a token is not bound to the request that it was first seen in.

use std::fmt;

use aws_lc_rs::{constant_time, digest};
use http::HeaderName;

use super::rejection::BindingProblem;
use super::{IssuerConfig, Rejection, VerifiedToken};
use crate::jose::algorithm::Algorithm;
use crate::jose::base64url;
use crate::jose::json::Json;

/// One entry of `bindings`: a claim of the token, and its counterpart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding {
    pub claim: BoundClaim,
    pub place: Place,
}

/// How a claim follows from its counterpart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BoundClaim {
    /// It is the same text (OpenID Connect Core §3.1.3.7, item 11).
    Nonce,
    /// It is the hash of a secret that only the browser has (§15.5.2), which names no encoding: base64url of SHA-256, as `at_hash` is written.
    HashedNonce,
    /// `at_hash` (§3.1.3.6).
    AccessTokenHash,
    /// `c_hash` (§3.3.2.11).
    CodeHash,
}

/// Where the counterpart is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// `scheme` none: the whole value counts.
    Header {
        name: HeaderName,
        scheme: Option<String>,
    },
    Cookie {
        name: String,
    },
    Query {
        name: String,
    },
}

/// A token, and what the request around it has at the places that bindings name.
#[derive(Clone, Copy)]
pub struct Presented<'r> {
    pub token: &'r [u8],
    pub request: &'r Counterparts<'r>,
}

/// A token by itself, without a request.
impl<'r, T: AsRef<[u8]> + ?Sized> From<&'r T> for Presented<'r> {
    fn from(token: &'r T) -> Self {
        static NOTHING: Counterparts<'static> = Counterparts(Vec::new());
        Self {
            token: token.as_ref(),
            request: &NOTHING,
        }
    }
}

/// What a request has at each place: one value, or why there is none. A place that is not listed is empty. Its Debug shows no value.
#[derive(Clone, Default)]
pub struct Counterparts<'p>(Vec<(&'p Place, Result<Vec<u8>, NoCounterpart>)>);

/// Why a place of the request has no value that a claim could be compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoCounterpart {
    /// Not there, or empty.
    Missing,
    /// More than one; also names that an application may take for it.
    Several,
    /// Not ASCII, not of the scheme, or escaped in another way than forms are.
    Unreadable,
}

impl<'p> FromIterator<(&'p Place, Result<Vec<u8>, NoCounterpart>)> for Counterparts<'p> {
    fn from_iter<I>(found: I) -> Self
    where
        I: IntoIterator<Item = (&'p Place, Result<Vec<u8>, NoCounterpart>)>,
    {
        Self(found.into_iter().collect())
    }
}

impl Counterparts<'_> {
    /// The value at `place`. An empty one proves nothing and is none.
    pub fn at(&self, place: &Place) -> Result<&[u8], NoCounterpart> {
        let found = self.0.iter().find(|(listed, _)| *listed == place);
        match found {
            Some((_, Ok(value))) if !value.is_empty() => Ok(value),
            Some((_, Err(why))) => Err(*why),
            Some((_, Ok(_))) | None => Err(NoCounterpart::Missing),
        }
    }
}

impl fmt::Debug for Counterparts<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = self.0.iter().map(|(place, found)| {
            let bytes = found.as_ref().map(|value| format!("{} bytes", value.len()));
            (place, bytes)
        });
        formatter.debug_map().entries(bytes).finish()
    }
}

/// Every place that a binding names to a claim which is `wanted`, each once.
pub(super) fn places(issuers: &[IssuerConfig], wanted: impl Fn(BoundClaim) -> bool) -> Vec<Place> {
    let mut places = Vec::new();
    for binding in issuers.iter().flat_map(|issuer| issuer.bindings.iter()) {
        if wanted(binding.claim) && !places.contains(&binding.place) {
            places.push(binding.place.clone());
        }
    }
    places
}

/// Whether `token` belongs to the request that has these counterparts.
pub(super) fn check(token: &VerifiedToken, request: &Counterparts<'_>) -> Result<(), Rejection> {
    for binding in token.parts().bindings.iter() {
        holds(binding, token, request).map_err(|why| Rejection::BindingMismatch {
            claim: binding.claim.name(),
            place: binding.place.clone(),
            why,
        })?;
    }
    Ok(())
}

/// What held, for the operator.
pub(super) fn said_of(token: &VerifiedToken) -> String {
    let bindings = token.parts().bindings.iter();
    let claims: Vec<_> = bindings
        .map(|binding| format!("`{}`", binding.claim.name()))
        .collect();
    match claims.as_slice() {
        [] => "none configured".to_owned(),
        claims => format!("{} as in the request", claims.join(", ")),
    }
}

fn holds(
    binding: &Binding,
    token: &VerifiedToken,
    request: &Counterparts<'_>,
) -> Result<(), BindingProblem> {
    let claimed = match token.claims().get(binding.claim.name()) {
        Some(Json::String(claimed)) => claimed,
        Some(_) => return Err(BindingProblem::ClaimNoText),
        None => return Err(BindingProblem::ClaimMissing),
    };
    let value = request
        .at(&binding.place)
        .map_err(BindingProblem::Request)?;
    let expected = binding.claim.expected(value, token.algorithm());
    // How long it takes must not tell how much of a guess was right.
    constant_time::verify_slices_are_equal(claimed.as_bytes(), &expected)
        .map_err(|_| BindingProblem::Differs)
}

impl BoundClaim {
    /// The member of the token.
    pub fn name(self) -> &'static str {
        match self {
            Self::Nonce | Self::HashedNonce => "nonce",
            Self::AccessTokenHash => "at_hash",
            Self::CodeHash => "c_hash",
        }
    }

    /// What the claim of a token that is signed with `algorithm` must be for this counterpart.
    fn expected(self, value: &[u8], algorithm: Algorithm) -> Vec<u8> {
        match self {
            Self::Nonce => value.to_vec(),
            Self::HashedNonce => {
                let hash = digest::digest(&digest::SHA256, value);
                base64url::encode(hash.as_ref()).into_bytes()
            }
            Self::AccessTokenHash | Self::CodeHash => {
                let hash = digest::digest(algorithm.hash(), value);
                let (left, _) = hash.as_ref().split_at(hash.as_ref().len() / 2);
                base64url::encode(left).into_bytes()
            }
        }
    }
}
