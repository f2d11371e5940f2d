//! What a refusal says: to the client in the challenge and the problem body, to the operator in the log and in `explain`.

use super::binding::{NoCounterpart, Place};
use super::rejection::{AlgorithmLimit, BindingProblem, KeyProblem, Rejection};
use super::text::{one_line, quoted, span, timestamp};
use crate::jose::algorithm::AlgorithmSet;

/// The protection space of every challenge: fixed, because anything else would tell of the configuration.
const REALM: &str = "claimgate";

/// Where the value is that a log line leaves out.
const SHOWN: &str = "`claimgate explain` shows what it says";

impl Rejection {
    /// The `WWW-Authenticate` value (RFC 6750 §3). A request without a token gets no error code (§3.1). 403 has one only where
    /// another token would help: a rule of the route. 503 and the other 4xx of a bad request have none.
    pub fn challenge(&self) -> Option<String> {
        let error = match self {
            Self::MissingToken => return Some(format!("Bearer realm=\"{REALM}\"")),
            Self::AmbiguousToken { .. } => "invalid_request",
            Self::BadRequest { status, .. } if *status == 400 => "invalid_request",
            Self::RuleNotMet { .. } => "insufficient_scope",
            Self::BadRequest { .. }
            | Self::GroupsOverage
            | Self::KeysUnavailable { .. }
            | Self::ClaimsUnusable { .. }
            | Self::NoRoute { .. }
            | Self::CrossSite { .. } => return None,
            Self::MalformedToken { .. }
            | Self::TokenTooLarge { .. }
            | Self::EncryptedToken
            | Self::DecryptionFailed { .. }
            | Self::UnknownIssuer { .. }
            | Self::AlgorithmNotAllowed { .. }
            | Self::UnknownKey { .. }
            | Self::BadSignature { .. }
            | Self::TokenExpired { .. }
            | Self::TokenNotYetValid { .. }
            | Self::IssuedInFuture { .. }
            | Self::TokenTooOld { .. }
            | Self::AudienceMismatch { .. }
            | Self::TokenTypeNotAllowed { .. }
            | Self::UnsupportedCriticalHeader { .. }
            | Self::ClaimMissing { .. }
            | Self::ClaimMismatch { .. }
            | Self::TenantNotAllowed { .. }
            | Self::BindingMismatch { .. } => "invalid_token",
        };
        let description = self.client_text();
        Some(format!(
            "Bearer realm=\"{REALM}\", error=\"{error}\", error_description=\"{description}\""
        ))
    }

    /// What the client may know: `detail` of the problem body (RFC 9457). Helps an honest client, tells an attacker nothing about the configuration.
    pub fn client_detail(&self) -> String {
        if let Self::BadRequest { why, .. } = self {
            return one_line(why);
        }
        self.client_text().to_owned()
    }

    /// One fixed text a reason, safe inside a quoted-string (RFC 9110 §5.6.4) and in `error_description` (RFC 6750 §3: no `"`, no `\`).
    fn client_text(&self) -> &'static str {
        match self {
            Self::MissingToken => "the request needs a bearer token",
            Self::AmbiguousToken { .. } => "the request must carry exactly one token",
            Self::MalformedToken { .. } => "the token is not a well-formed signed JWT",
            Self::TokenTooLarge { .. } => "the token is too large",
            Self::EncryptedToken => "encrypted tokens are not accepted",
            Self::DecryptionFailed { .. } => "the token cannot be decrypted",
            Self::UnknownIssuer { .. } => "the issuer of the token is not accepted",
            Self::AlgorithmNotAllowed { .. } => {
                "the signature algorithm of the token is not accepted"
            }
            Self::UnknownKey { .. } => "the token is signed with an unknown key",
            Self::BadSignature { .. } => "the signature of the token is not valid",
            Self::TokenExpired { .. } => "the token has expired",
            Self::TokenNotYetValid { .. } => "the token is not valid yet",
            Self::IssuedInFuture { .. } => "the token was issued in the future",
            Self::TokenTooOld { .. } => "the token was issued too long ago",
            Self::AudienceMismatch { .. } => "the token is for another audience",
            Self::TokenTypeNotAllowed { .. } => "tokens of this type are not accepted",
            Self::UnsupportedCriticalHeader { .. } => {
                "the token uses a header extension that is not supported"
            }
            Self::ClaimMissing { .. } => "the token lacks a required claim",
            Self::ClaimMismatch { .. } => "a claim of the token does not have the required value",
            Self::TenantNotAllowed { .. } => "the tenant of the token is not accepted",
            Self::BindingMismatch { .. } => "the token does not belong to this request",
            Self::GroupsOverage => "the token does not list the groups of its user",
            Self::KeysUnavailable { .. } => "tokens cannot be verified at the moment",
            Self::ClaimsUnusable { .. } => "a claim of the token cannot be passed on",
            Self::RuleNotMet { .. } => "the token does not give access to this resource",
            Self::NoRoute { .. } => "this method and path are not served",
            Self::CrossSite { .. } => {
                "a request from another site cannot use the session of this one"
            }
            Self::BadRequest { .. } => "the request is not acceptable",
        }
    }

    /// What `explain` says: what is wrong and what to do. One line; values from the token are escaped and bounded.
    pub fn operator_detail(&self) -> String {
        match self {
            Self::MissingToken => "no configured source (`token.sources`) holds a token; \
                 the client must send one, usually as `Authorization: Bearer <token>`"
                .to_owned(),
            Self::AmbiguousToken { what } => {
                format!("{}; the client must send exactly one token", one_line(what))
            }
            Self::MalformedToken { what } => one_line(what),
            Self::TokenTooLarge { bytes, limit } => format!(
                "the token has {bytes} bytes, `token.max_bytes` allows {limit}; \
                 raise it (at most 64KiB) if the issuer's tokens are that large"
            ),
            Self::EncryptedToken => "the token has five parts: it is encrypted (JWE), and no issuer has `decryption`; \
                 give the issuer the private key, or have it send tokens for this audience signed only"
                .to_owned(),
            Self::DecryptionFailed { why } => one_line(why),
            Self::UnknownIssuer { iss, similar } => unknown_issuer(iss, similar.as_deref()),
            Self::AlgorithmNotAllowed { alg, limit } => algorithm_not_allowed(alg, *limit),
            Self::UnknownKey { kid, why } => unknown_key(kid.as_deref(), *why),
            Self::BadSignature { kid } => bad_signature(kid.as_deref()),
            Self::TokenExpired { expired, now } => format!(
                "expired {} ago (`exp` {}); the client must get a new token; \
                 if this looks wrong, check the clock of this machine ({})",
                span(now.saturating_sub(*expired)),
                timestamp(*expired),
                timestamp(*now)
            ),
            Self::TokenNotYetValid { not_before, now } => format!(
                "not valid for another {} (`nbf` {}); check the clocks of the issuer and of this machine ({}), \
                 or raise the issuer's `leeway` (at most 300s)",
                span(not_before.saturating_sub(*now)),
                timestamp(*not_before),
                timestamp(*now)
            ),
            Self::IssuedInFuture { issued, now } => format!(
                "issued {} from now (`iat` {}); check the clocks of the issuer and of this machine ({}), \
                 or raise the issuer's `leeway` (at most 300s)",
                span(issued.saturating_sub(*now)),
                timestamp(*issued),
                timestamp(*now)
            ),
            Self::TokenTooOld {
                issued,
                max_age,
                now,
            } => format!(
                "issued {} ago (`iat` {}), the issuer's `max_age` is {}; the client must get a new token",
                span(now.saturating_sub(*issued)),
                timestamp(*issued),
                span(*max_age)
            ),
            Self::AudienceMismatch { found, expected } => format!(
                "the token is for {}, accepted: {}; it was issued for another application, \
                 or this one is missing in the issuer's entry (`audiences`, `client_ids`)",
                one_line(found),
                one_line(expected)
            ),
            Self::TokenTypeNotAllowed { found, expected } => format!(
                "found {}, accepted: {}; is the client sending the right one of its tokens (ID, access)?",
                one_line(found),
                one_line(expected)
            ),
            Self::UnsupportedCriticalHeader { member } => format!(
                "the header has `{member}`: the token demands an extension that is not supported, \
                 and such a token must be refused (RFC 7515 section 4.1.11); the issuer must leave it out"
            ),
            Self::ClaimMissing { claim } => format!(
                "the token has no claim {}, which is required; \
                 the issuer must put it into tokens for this client",
                quoted(claim)
            ),
            Self::ClaimMismatch { claim, expected } => format!(
                "the claim {} is not what is required: {}; \
                 the token is not for this application, or the issuer's entry must allow its value",
                quoted(claim),
                one_line(expected)
            ),
            Self::TenantNotAllowed { tenant } => format!(
                "tenant {} is not among the allowed ones; \
                 add it to the issuer's `allowed_tenants` if its users may come in",
                quoted(tenant)
            ),
            Self::BindingMismatch { claim, place, why } => binding_mismatch(claim, place, *why),
            Self::GroupsOverage => "the user is in more groups than fit the token, so the provider left them all out; \
                 have it send assigned groups or application roles only, or set `groups_overage: flag`"
                .to_owned(),
            Self::KeysUnavailable { retry_after } => format!(
                "there are no keys of the issuer to verify with: never fetched, or older than `max_stale`; \
                 `/issuers` of the admin listener has the last error; next try in {}",
                span(i64::try_from(*retry_after).unwrap_or(i64::MAX))
            ),
            Self::ClaimsUnusable { header, why } => {
                format!("header {} cannot be written: {}", quoted(header), one_line(why))
            }
            Self::RuleNotMet { rule } => {
                format!("the token does not meet the rule of the route: {}", one_line(rule))
            }
            Self::NoRoute { methods } if methods.is_empty() => {
                "no entry of `routes` has this path, and what has none is refused; add one if it should be served".to_owned()
            }
            Self::NoRoute { methods } => format!(
                "the route of this path allows {} only; add the method to it if it should be served",
                one_line(&methods.join(", "))
            ),
            Self::CrossSite { why } => format!(
                "{}; a token in a cookie counts only for requests of the same site; \
                 `cross_site: allow` at the cookie lifts that",
                one_line(why)
            ),
            Self::BadRequest { why, .. } => one_line(why),
        }
    }

    /// What the access log says: as [`Self::operator_detail`], without any claim's text. Logs are kept longer and read by more people than tokens.
    pub fn log_detail(&self) -> String {
        match self {
            Self::UnknownIssuer {
                similar: Some(configured),
                ..
            } => format!(
                "`iss` is almost the configured {}, but not byte for byte; {SHOWN}",
                quoted(configured)
            ),
            Self::UnknownIssuer { similar: None, .. } => {
                format!(
                    "no entry of `issuers` has the token's issuer (`iss`, or the trust domain in `sub`); {SHOWN}"
                )
            }
            Self::AudienceMismatch { expected, .. } => format!(
                "the token is for another audience than those accepted: {}; {SHOWN}",
                one_line(expected)
            ),
            Self::TokenTypeNotAllowed { expected, .. } => format!(
                "the token is of another type than those accepted: {}; {SHOWN}",
                one_line(expected)
            ),
            Self::TenantNotAllowed { .. } => {
                format!("the token's tenant is not among the allowed ones; {SHOWN}")
            }
            Self::MissingToken
            | Self::AmbiguousToken { .. }
            | Self::MalformedToken { .. }
            | Self::TokenTooLarge { .. }
            | Self::EncryptedToken
            | Self::DecryptionFailed { .. }
            | Self::AlgorithmNotAllowed { .. }
            | Self::UnknownKey { .. }
            | Self::BadSignature { .. }
            | Self::TokenExpired { .. }
            | Self::TokenNotYetValid { .. }
            | Self::IssuedInFuture { .. }
            | Self::TokenTooOld { .. }
            | Self::UnsupportedCriticalHeader { .. }
            | Self::ClaimMissing { .. }
            | Self::ClaimMismatch { .. }
            | Self::BindingMismatch { .. }
            | Self::GroupsOverage
            | Self::KeysUnavailable { .. }
            | Self::ClaimsUnusable { .. }
            | Self::RuleNotMet { .. }
            | Self::NoRoute { .. }
            | Self::CrossSite { .. }
            | Self::BadRequest { .. } => self.operator_detail(),
        }
    }
}

fn unknown_issuer(iss: &str, similar: Option<&str>) -> String {
    let iss = quoted(iss);
    match similar {
        Some(configured) => format!(
            "`iss` is {iss}, configured is {}: they must be equal byte for byte, \
             scheme, letter case and trailing slash included",
            quoted(configured)
        ),
        None => format!(
            "no entry of `issuers` has the issuer {iss}; \
             add one if its tokens should be accepted, or send the client to the right issuer"
        ),
    }
}

fn algorithm_not_allowed(alg: &str, limit: AlgorithmLimit) -> String {
    let alg = quoted(alg);
    match limit {
        AlgorithmLimit::Unsigned => {
            format!("`alg` is {alg}: the token is not signed, and no setting accepts that")
        }
        AlgorithmLimit::Issuer(allowed) => format!(
            "`alg` is {alg}, the issuer's `algorithms` are {}; \
             if it really signs with another one, change that list",
            names(allowed)
        ),
        AlgorithmLimit::Key => format!(
            "`alg` is {alg}, but the keys that the token can mean (by its `kid`, or all of the issuer's) are for other algorithms; \
             the token was tampered with, or the issuer's key set is wrong"
        ),
    }
}

fn names(algorithms: AlgorithmSet) -> String {
    let names: Vec<_> = algorithms
        .iter()
        .map(|algorithm| algorithm.name())
        .collect();
    names.join(", ")
}

fn unknown_key(kid: Option<&str>, why: KeyProblem) -> String {
    let key = key(kid);
    match why {
        KeyProblem::NotHeld => format!(
            "the issuer's key set does not hold {key}; either it is new and could not be fetched yet, \
             or the token is from another environment of the issuer or forged; \
             `/issuers` of the admin listener lists the keys"
        ),
        KeyProblem::ForAnotherIssuer => format!(
            "{key} made the signature, but signs for another issuer than the token's `iss` (its own `issuer` member says so); \
             the token is from another tenant or cloud of the provider, or forged"
        ),
    }
}

fn bad_signature(kid: Option<&str>) -> String {
    format!(
        "the signature does not verify under {}; the token was changed after it was signed, \
         or is from another environment of the issuer or forged",
        key(kid)
    )
}

fn key(kid: Option<&str>) -> String {
    kid.map_or_else(
        || "any key for this algorithm (the token names none)".to_owned(),
        |kid| format!("key {}", quoted(kid)),
    )
}

fn binding_mismatch(claim: &str, place: &Place, why: BindingProblem) -> String {
    let claim = quoted(claim);
    let place = match place {
        Place::Header { name, .. } => format!("header {}", quoted(name.as_str())),
        Place::Cookie { name } => format!("cookie {}", quoted(name)),
        Place::Query { name } => format!("query parameter {}", quoted(name)),
    };
    match why {
        BindingProblem::ClaimMissing => format!(
            "the token has no claim {claim}, which `bindings` compares with the {place}; \
             have the issuer put it into tokens for this client"
        ),
        BindingProblem::ClaimNoText => format!(
            "the claim {claim}, which `bindings` compares with the {place}, is not a text; the issuer must correct that"
        ),
        BindingProblem::Request(NoCounterpart::Missing) => format!(
            "the request has no {place}, which the claim {claim} must match; \
             the client must send it along with the token (`explain` takes it from `--header` and `--path`)"
        ),
        BindingProblem::Request(NoCounterpart::Several) => format!(
            "the request has more than one {place}, which the claim {claim} must match (other spellings of the name count); \
             the client must send exactly one"
        ),
        BindingProblem::Request(NoCounterpart::Unreadable) => format!(
            "the {place}, which the claim {claim} must match, cannot be read: it is not ASCII, \
             not the `scheme` and one value, or not percent-encoded as forms are"
        ),
        BindingProblem::Differs => format!(
            "the claim {claim} does not match the {place}; \
             the token was issued for another log-in than the one that this request belongs to, or it was stolen"
        ),
    }
}
