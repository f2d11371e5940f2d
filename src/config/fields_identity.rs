//! The keys below `identity:`.

use super::fields::CLAIM_KIND;
use super::kind::{Field, Kind, OneOf, Preset, Table};
use super::text;
use crate::identity::mapping::DEFAULT_MAX_BYTES;

/// More than any server accepts as a request head.
const MAX_MAX_BYTES: usize = 64 * 1024;

pub(super) static IDENTITY: Table = Table {
    groups: &[&[
        Field::optional(
            "headers",
            Kind::Map {
                names: &text::HEADER_NAME,
                of: &Kind::Either {
                    scalar: &Kind::Text(&text::ANY),
                    long: &Kind::Table(&HEADER),
                },
            },
            "the default set",
            "Header to claim; exactly these are set. A text is one top-level claim, literally.",
        ),
        Field::with_default(
            "max_bytes",
            Kind::Size {
                min: 1,
                max: MAX_MAX_BYTES,
            },
            Preset::Size(DEFAULT_MAX_BYTES),
            "Bound of all identity headers together, names and values. More refuses the request.",
        ),
        Field::with_default(
            "underscores",
            Kind::Text(&text::UNDERSCORES),
            Preset::Text("drop"),
            "Header names with `_` that do not look like managed ones (those are always removed).",
        ),
        Field::with_default(
            "unverified_email",
            Kind::Bool,
            Preset::Bool(false),
            "Send `X-Auth-Email` even when the provider does not vouch for the address.",
        ),
        Field::with_default(
            "strip",
            Kind::List {
                of: &Kind::Text(&text::HEADER_NAME),
                at_least_one: false,
            },
            Preset::Nothing,
            "Further header names to remove from every request, with their look-alikes.",
        ),
    ]],
    one_of: None,
};

static HEADER: Table = Table {
    groups: &[&[
        Field::optional(
            "claim",
            CLAIM_KIND,
            "",
            "A top-level claim, literally; a list is a path.",
        ),
        Field::optional(
            "claims",
            Kind::Text(&text::ALL_CLAIMS),
            "",
            "`all`: the whole claims set, as `json` or `base64url`.",
        ),
        Field::with_default(
            "format",
            Kind::Text(&text::FORMAT),
            Preset::Text("text"),
            "`text`: a string, number or boolean as is. `csv`: a list. `json`: ASCII. `base64url`: of the JSON.",
        ),
        Field::with_default(
            "encoding",
            Kind::Text(&text::ENCODING),
            Preset::Text("percent"),
            "How `text` and `csv` write what is not ASCII: `percent`, `utf8`, `latin1`, `rfc8187`, `base64url`.",
        ),
        Field::with_default(
            "missing",
            Kind::Text(&text::MISSING),
            Preset::Text("omit"),
            "What a token without the claim means: no header, or 403.",
        ),
        Field::optional(
            "max_bytes",
            Kind::Size {
                min: 1,
                max: MAX_MAX_BYTES,
            },
            "`identity.max_bytes`",
            "Bound of this header's value. More refuses the request.",
        ),
    ]],
    one_of: Some(OneOf {
        names: &["claim", "claims"],
        required: true,
    }),
};
