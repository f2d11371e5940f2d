//! The keys below `bindings:` of an issuer.

use super::kind::{By, Field, Kind, Preset, Table, Variant, Variants};
use super::text;

pub(super) static BINDINGS: Table = Table {
    groups: &[&[
        Field::optional(
            "nonce",
            Kind::Variants(&NONCE),
            "",
            "The claim `nonce` is this value: the ID token is from the log-in of this browser.",
        ),
        Field::optional(
            "at_hash",
            Kind::Variants(&PLACE),
            "",
            "The claim `at_hash` is of this access token, which is removed from requests as tokens are.",
        ),
        Field::optional(
            "c_hash",
            Kind::Variants(&PLACE),
            "",
            "The claim `c_hash` is of this authorization code.",
        ),
    ]],
    one_of: None,
};

static PLACE: Variants = Variants {
    by: By::Presence,
    common: &[],
    list: PLACES,
};

static NONCE: Variants = Variants {
    by: By::Presence,
    common: &[&[Field::with_default(
        "hash",
        Kind::Text(&text::NONCE_HASH),
        Preset::Text("none"),
        "`sha256`: the claim is base64url of the SHA-256 of the value, so that who has the token does not know the value.",
    )]],
    list: PLACES,
};

const PLACES: &[&Variant] = &[
    &Variant {
        name: "header",
        title: "Header",
        doc: "The value of one header line.",
        groups: &[&[
            Field::required(
                "header",
                Kind::Text(&text::HEADER_NAME),
                "The header that holds the value.",
            ),
            Field::optional(
                "scheme",
                Kind::Text(&text::SCHEME),
                "the whole value counts",
                "The word before the value, in any case.",
            ),
        ]],
    },
    &Variant {
        name: "cookie",
        title: "Cookie",
        doc: "The value of one cookie.",
        groups: &[&[Field::required(
            "cookie",
            Kind::Text(&text::COOKIE_NAME),
            "The cookie that holds the value, as it is on the wire.",
        )]],
    },
    &Variant {
        name: "query",
        title: "Query parameter",
        doc: "The value of one query parameter.",
        groups: &[&[Field::required(
            "query",
            Kind::Text(&text::QUERY_NAME),
            "The query parameter that holds the value, decoded as forms are.",
        )]],
    },
];
