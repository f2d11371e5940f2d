//! The keys of one entry of `issuers:`, and of its `keys:`.

use std::time::Duration;

use super::fields::{hours, minutes};
use super::fields_bindings::BINDINGS;
use super::fields_decryption::DECRYPTION;
use super::kind::{By, Field, Kind, OneOf, Preset, Table, Variants};
use super::{providers, text};
use crate::keys::plan::Timing;
use crate::verify::IssuerConfig;

/// Below this a refresh costs the issuer more than it tells; above a day a revoked key lives too long.
const REFRESH_INTERVAL: (Duration, Duration) = (Duration::from_secs(10), hours(24));
/// The floor is a defence against tokens that name keys nobody has: never off.
const REFETCH_INTERVAL: (Duration, Duration) = (Duration::from_secs(1), minutes(10));
/// A week without its issuer is the most that a gate trusts old keys.
const MAX_MAX_STALE: Duration = hours(168);
/// As long as keys may be stale.
const MAX_RETENTION: Duration = hours(168);
/// A year: a longer bound bounds nothing.
const MAX_MAX_AGE: Duration = hours(8760);
/// Every source of keys; an entry has at most one.
pub(super) const KEY_SOURCES: [&str; 9] = [
    "jwks_url",
    "discovery_url",
    "certificates_url",
    "pem_url",
    "jwks_file",
    "jwks",
    "pem_file",
    "secret_file",
    "secret_env",
];

pub(super) static ISSUER: Variants = Variants {
    by: By::Value("provider"),
    common: &[COMMON],
    list: providers::VARIANTS,
};

pub(super) const TEXTS: Kind = Kind::List {
    of: &Kind::Text(&text::ANY),
    at_least_one: true,
};

static COMMON: &[Field] = &[
    Field::optional(
        "name",
        Kind::Text(&text::LABEL),
        "the provider's name",
        "Label in metrics and logs, value of `X-Auth-Issuer`; unique.",
    ),
    Field::required(
        "provider",
        Kind::Text(&text::PROVIDER),
        "What the issuer is. Which further keys the entry has depends on it.",
    ),
    Field::optional(
        "algorithms",
        Kind::List {
            of: &Kind::Text(&text::ALGORITHM),
            at_least_one: true,
        },
        "what the provider signs with; `HS256` with a secret",
        "Accepted signature algorithms. `HS*` only with a secret, and only `HS*` with one.",
    ),
    Field::optional(
        "keys",
        Kind::Table(&KEYS),
        "discovery, or what the provider's preset knows",
        "Where the verification keys are.",
    ),
    Field::optional(
        "token_types",
        TEXTS,
        "the provider's; else `JWT`, `at+jwt`",
        "Accepted `typ` of the token's header; an absent one counts as `JWT`.",
    ),
    Field::with_default(
        "leeway",
        Kind::Duration {
            min: Duration::ZERO,
            max: IssuerConfig::MAX_LEEWAY,
        },
        Preset::Duration(IssuerConfig::DEFAULT_LEEWAY),
        "How far clocks may differ, for `exp`, `nbf` and `iat`.",
    ),
    Field::optional(
        "max_age",
        Kind::Duration {
            min: Duration::from_secs(1),
            max: MAX_MAX_AGE,
        },
        "unbounded",
        "Longest time since `iat`, which is then required.",
    ),
    Field::optional(
        "required_claims",
        Kind::Map {
            names: &text::ANY,
            of: &Kind::Json,
        },
        "",
        "Top-level claim to its exact value, or to a list of which it must be one.",
    ),
    Field::with_default(
        "required_for_ready",
        Kind::Bool,
        Preset::Bool(true),
        "Whether `/readyz` waits for this issuer's keys.",
    ),
    Field::optional(
        "decryption",
        Kind::Table(&DECRYPTION),
        "encrypted tokens are refused",
        "Keys for this issuer's encrypted tokens; what is inside must be a signed one.",
    ),
    Field::optional(
        "bindings",
        Kind::Table(&BINDINGS),
        "none",
        "What a token must match in the request that it comes in.",
    ),
];

pub(super) static AUDIENCES: &[Field] = &[
    Field::optional(
        "audiences",
        TEXTS,
        "",
        "Accepted `aud`, any one of them. Needed unless `any_audience`.",
    ),
    Field::with_default(
        "any_audience",
        Kind::Bool,
        Preset::Bool(false),
        "Accept tokens made for any other application of this issuer. The explicit opt-out.",
    ),
];

pub(super) static KEYS: Table = Table {
    groups: &[&[
        Field::optional("jwks_url", Kind::Text(&text::KEY_URL), "", "A JWK set."),
        Field::optional(
            "discovery_url",
            Kind::Text(&text::KEY_URL),
            "",
            "A discovery document; its `issuer` must be exactly this entry's.",
        ),
        Field::optional(
            "certificates_url",
            Kind::Text(&text::KEY_URL),
            "",
            "A JSON object of each `kid` to its certificate or public key in PEM. A certificate only holds the key: its dates are not looked at.",
        ),
        Field::optional(
            "pem_url",
            Kind::Text(&text::KEY_URL),
            "",
            "An address that ends in `/{kid}`, with one public key in PEM for each `kid`. It is fetched when a token names it; a `kid` must be a UUID in lower case.",
        ),
        Field::optional(
            "jwks_file",
            Kind::Text(&text::LIVE_PATH),
            "",
            "A JWK set in a file, read again every `refresh_interval`.",
        ),
        Field::optional(
            "jwks",
            Kind::Either {
                scalar: &Kind::Text(&text::DOCUMENT),
                long: &Kind::JsonObject,
            },
            "",
            "A JWK set in this file, as YAML or as JSON text.",
        ),
        Field::optional(
            "pem_file",
            Kind::Text(&text::LIVE_PATH),
            "",
            "Public keys or certificates in PEM, read again every `refresh_interval`; they fit any `kid`.",
        ),
        Field::optional(
            "secret_file",
            Kind::Text(&text::PATH),
            "",
            "The shared secret of `HS*`; one final newline is taken off.",
        ),
        Field::optional(
            "secret_env",
            Kind::Text(&text::ENVIRONMENT_NAME),
            "",
            "The environment variable with the shared secret of `HS*`.",
        ),
        Field::with_default(
            "secret_encoding",
            Kind::Text(&text::SECRET_ENCODING),
            Preset::Text("raw"),
            "How the secret is written: `raw` or `base64url`.",
        ),
        Field::with_default(
            "refresh_interval",
            Kind::Duration {
                min: REFRESH_INTERVAL.0,
                max: REFRESH_INTERVAL.1,
            },
            Preset::Duration(Timing::DEFAULT_REFRESH_INTERVAL),
            "Between two refreshes in the background.",
        ),
        Field::with_default(
            "refetch_interval",
            Kind::Duration {
                min: REFETCH_INTERVAL.0,
                max: REFETCH_INTERVAL.1,
            },
            Preset::Duration(Timing::DEFAULT_REFETCH_INTERVAL),
            "Floor between fetches that unknown keys cause; the fetch at start does not count. With `pem_url` at most four in it.",
        ),
        Field::with_default(
            "max_stale",
            Kind::Duration {
                min: REFRESH_INTERVAL.0,
                max: MAX_MAX_STALE,
            },
            Preset::Duration(Timing::DEFAULT_MAX_STALE),
            "How long the last good keys are trusted when the issuer cannot be reached. At least `refresh_interval`.",
        ),
        Field::optional(
            "retention",
            Kind::Duration {
                min: Duration::ZERO,
                max: MAX_RETENTION,
            },
            "0s; Entra 24h",
            "How long a key that left the document stays good.",
        ),
        Field::optional(
            "ca_file",
            Kind::Text(&text::PATH),
            "the system's roots",
            "Certificates in PEM that replace the system's roots for this issuer.",
        ),
        Field::optional(
            "token_file",
            Kind::Text(&text::LIVE_PATH),
            "none",
            "A bearer token that is sent with each fetch, read anew each time. It goes to the origin of the configured address only: not to another one that a discovery document names.",
        ),
        Field::optional(
            "token_origins",
            TEXTS,
            "none",
            "Other origins that may see the token of `token_file`, when the discovery document names one of them as `jwks_uri`.",
        ),
        Field::optional(
            "proxy",
            Kind::Text(&text::PROXY_URL),
            "none",
            "A forward proxy, `http://host:port`. `*_PROXY` variables are ignored.",
        ),
        Field::with_default(
            "allow_http",
            Kind::Bool,
            Preset::Bool(false),
            "Fetch over plain http from any host, not only from loopback.",
        ),
        Field::with_default(
            "same_origin",
            Kind::Bool,
            Preset::Bool(false),
            "The discovered `jwks_uri` must have the origin of the discovery document.",
        ),
        Field::with_default(
            "allow_public_default_key",
            Kind::Bool,
            Preset::Bool(false),
            "Use keys whose private half the world knows (WSO2's default). For tests only.",
        ),
    ]],
    one_of: Some(OneOf {
        names: &KEY_SOURCES,
        required: false,
    }),
};
