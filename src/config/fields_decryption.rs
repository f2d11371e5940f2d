//! The keys of `issuers[].decryption`.

use super::kind::{Field, Kind, OneOf, Preset, Table};
use super::text;

pub(super) static DECRYPTION: Table = Table {
    groups: &[&[
        Field::optional(
            "keys_file",
            Kind::Text(&text::LIVE_PATH),
            "",
            "The gate's private keys: a JWK set or PEM (PKCS#8, PKCS#1, SEC 1), several for a rotation. Read again every 10s.",
        ),
        Field::optional(
            "keys_env",
            Kind::Text(&text::ENVIRONMENT_NAME),
            "",
            "The environment variable with the same.",
        ),
        Field::optional(
            "algorithms",
            Kind::List {
                of: &Kind::Text(&text::KEY_MANAGEMENT),
                at_least_one: true,
            },
            "`RSA-OAEP-256`, `RSA-OAEP`, `ECDH-ES`, `ECDH-ES+A128KW`, `ECDH-ES+A256KW`",
            "Accepted `alg` of an encrypted token. Those of shared secrets (`A*KW`, `A*GCMKW`, `dir`) only when they are listed.",
        ),
        Field::optional(
            "encryptions",
            Kind::List {
                of: &Kind::Text(&text::ENCRYPTION),
                at_least_one: true,
            },
            "all six",
            "Accepted `enc` of an encrypted token.",
        ),
        Field::with_default(
            "required",
            Kind::Bool,
            Preset::Bool(false),
            "Refuse this issuer's tokens that are signed and not encrypted.",
        ),
    ]],
    one_of: Some(OneOf {
        names: &["keys_file", "keys_env"],
        required: true,
    }),
};
