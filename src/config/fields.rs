//! Every key of the file: its type, bounds, default and meaning. The decoder, `claimgate schema` and the reference page walk these.

use std::time::Duration;

use super::fields_identity::IDENTITY;
use super::fields_issuer::ISSUER;
use super::fields_listen::LISTEN_KIND;
use super::fields_upstream::UPSTREAM_KIND;
use super::kind::{By, Field, Kind, Preset, Table, Variant, Variants};
use super::text;
use crate::proxy::{TokenSettings, TunnelSettings};

pub(super) const DEFAULT_LISTEN: &str = "0.0.0.0:8080";
pub(super) const DEFAULT_ADMIN: &str = "0.0.0.0:9464";
/// More workers than any machine that runs a sidecar has CPUs.
pub(super) const MAX_WORKERS: u64 = 256;
/// Long enough for a cluster to forget an address.
pub(super) const MAX_SHUTDOWN_DELAY: Duration = minutes(10);
pub(super) const DEFAULT_DRAIN_TIMEOUT: Duration = Duration::from_secs(30);
pub(super) const MAX_DRAIN_TIMEOUT: Duration = hours(1);
/// A tunnel that is silent for longer is forgotten by everything on its way.
const MAX_TUNNEL_IDLE_TIMEOUT: Duration = hours(24);
const MIN_TUNNEL_IDLE_TIMEOUT: Duration = Duration::from_secs(1);
/// Below this not even a token without claims fits.
const MIN_TOKEN_BYTES: usize = 256;

pub(super) const fn minutes(count: u64) -> Duration {
    Duration::from_secs(count * 60)
}
pub(super) const fn hours(count: u64) -> Duration {
    Duration::from_secs(count * 3600)
}

pub(super) static ROOT: Table = Table {
    groups: &[&[
        Field::with_default(
            "listen",
            LISTEN_KIND,
            Preset::Text(DEFAULT_LISTEN),
            "Where requests come in: an address, or a mapping with `address`.",
        ),
        Field::with_default(
            "admin",
            Kind::Text(&text::ADDRESS),
            Preset::Text(DEFAULT_ADMIN),
            "Where `/livez`, `/readyz`, `/metrics` and `/issuers` are. Another port than `listen`.",
        ),
        Field::optional(
            "workers",
            Kind::Integer {
                min: 1,
                max: MAX_WORKERS,
            },
            "the CPU quota of the cgroup, without one the cores of the machine; at least 1",
            "Worker threads.",
        ),
        Field::required(
            "upstream",
            UPSTREAM_KIND,
            "The application: a URL, or a mapping with `url`.",
        ),
        Field::optional(
            "tunnels",
            Kind::Table(&TUNNELS),
            "",
            "WebSockets: how long they may be silent, and whether they end with their token. See docs/http.md.",
        ),
        Field::required(
            "issuers",
            Kind::List {
                of: &Kind::Variants(&ISSUER),
                at_least_one: true,
            },
            "Whose tokens are accepted.",
        ),
        Field::optional(
            "keys_snapshot_dir",
            Kind::Text(&text::DIRECTORY),
            "no snapshots",
            "Where the last good keys of each issuer are remembered, so that a gate that is started while an issuer is away has them, within `max_stale`. See docs/keys.md.",
        ),
        Field::optional(
            "token",
            Kind::Table(&TOKEN),
            "",
            "Where tokens are looked for, and what happens to them.",
        ),
        Field::optional(
            "identity",
            Kind::Table(&IDENTITY),
            "",
            "What the application is told.",
        ),
        Field::with_default(
            "trusted_proxies",
            Kind::List {
                of: &Kind::Text(&text::NETWORK),
                at_least_one: false,
            },
            Preset::Nothing,
            "Networks whose `X-Forwarded-*` and `Forwarded` pass and are extended.",
        ),
        Field::optional(
            "routes",
            Kind::List {
                of: &Kind::Table(&ROUTE),
                at_least_one: true,
            },
            "everything needs a token",
            "Which paths need what. The first entry whose path matches decides; no route, no answer but 403.",
        ),
        Field::optional(
            "strict_paths",
            Kind::Table(&STRICT_PATHS),
            "",
            "Which ambiguous targets pass, on routes that need a token and have no rule.",
        ),
        Field::optional(
            "log",
            Kind::Table(&LOG),
            "",
            "What the gate says on stdout.",
        ),
        Field::optional(
            "shutdown",
            Kind::Table(&SHUTDOWN),
            "",
            "How the gate stops.",
        ),
    ]],
    one_of: None,
};

static TUNNELS: Table = Table {
    groups: &[&[
        Field::with_default(
            "idle_timeout",
            Kind::Duration {
                min: MIN_TUNNEL_IDLE_TIMEOUT,
                max: MAX_TUNNEL_IDLE_TIMEOUT,
            },
            Preset::Duration(TunnelSettings::DEFAULT_IDLE_TIMEOUT),
            "A WebSocket without a byte in either direction for so long is closed; pings are bytes.",
        ),
        Field::with_default(
            "token_expiry",
            Kind::Text(&text::TOKEN_EXPIRY),
            Preset::Text("close"),
            "`close`: a WebSocket ends when a new request with its token would be refused as expired or too old. `keep`: the application minds it, or nobody.",
        ),
    ]],
    one_of: None,
};

static TOKEN: Table = Table {
    groups: &[&[
        Field::optional(
            "sources",
            Kind::List {
                of: &Kind::Variants(&TOKEN_SOURCE),
                at_least_one: true,
            },
            "`Authorization: Bearer`",
            "Where a token may be. Tokens in two of them are refused; all of them are removed from every request.",
        ),
        Field::with_default(
            "forward",
            Kind::Bool,
            Preset::Bool(false),
            "The verified token, and the access token that its `at_hash` binds it to, go on to the application, where they came from.",
        ),
        Field::with_default(
            "max_bytes",
            Kind::Size {
                min: MIN_TOKEN_BYTES,
                max: TokenSettings::MAX_MAX_BYTES,
            },
            Preset::Size(TokenSettings::DEFAULT_MAX_BYTES),
            "Longer tokens are refused unread.",
        ),
    ]],
    one_of: None,
};

static TOKEN_SOURCE: Variants = Variants {
    by: By::Presence,
    common: &[],
    list: &[
        &Variant {
            name: "header",
            title: "Header",
            doc: "A request header.",
            groups: &[&[
                Field::required(
                    "header",
                    Kind::Text(&text::HEADER_NAME),
                    "The header that holds the token.",
                ),
                Field::optional(
                    "scheme",
                    Kind::Text(&text::SCHEME),
                    "the whole value is the token",
                    "The word before the token, in any case.",
                ),
            ]],
        },
        &Variant {
            name: "cookie",
            title: "Cookie",
            doc: "A cookie: refused on cross-site requests that could change something.",
            groups: &[&[
                Field::required(
                    "cookie",
                    Kind::Text(&text::COOKIE_NAME),
                    "The cookie that holds the token.",
                ),
                Field::with_default(
                    "cross_site",
                    Kind::Text(&text::CROSS_SITE),
                    Preset::Text("refuse"),
                    "Whether another site may cause unsafe requests and upgrades with this cookie.",
                ),
            ]],
        },
        &Variant {
            name: "query",
            title: "Query parameter",
            doc: "A parameter of the query; addresses are logged and shared.",
            groups: &[&[Field::required(
                "query",
                Kind::Text(&text::QUERY_NAME),
                "The query parameter that holds the token.",
            )]],
        },
        &Variant {
            name: "subprotocol",
            title: "WebSocket subprotocol",
            doc: "An element of `Sec-WebSocket-Protocol`, the one header of a handshake that a page's script can fill; looked at on WebSocket handshakes only.",
            groups: &[&[Field::required(
                "subprotocol",
                Kind::Text(&text::SUBPROTOCOL),
                "What stands before the token: the element is this, a dot, and the token in base64url. Kubernetes' is `base64url.bearer.authorization.k8s.io`.",
            )]],
        },
    ],
};

static ROUTE: Table = Table {
    groups: &[&[
        Field::optional(
            "name",
            Kind::Text(&text::ROUTE_NAME),
            "the path",
            "Label in metrics and logs.",
        ),
        Field::required(
            "path",
            Kind::Text(&text::ROUTE_PATH),
            "Exact (`/admin`), or with everything below by whole segments (`/admin/*`).",
        ),
        Field::optional(
            "methods",
            Kind::List {
                of: &Kind::Text(&text::METHOD),
                at_least_one: true,
            },
            "every method",
            "GET covers HEAD.",
        ),
        Field::with_default(
            "access",
            Kind::Text(&text::ACCESS),
            Preset::Text("required"),
            "`required`: a good token. `optional`: it may be missing. `public`: none is asked for.",
        ),
        Field::with_default(
            "credentials",
            Kind::Text(&text::CREDENTIALS),
            Preset::Text("strip"),
            "`pass`, on a public route only: the application checks its own bearer tokens.",
        ),
        Field::with_default(
            "cors_preflight",
            Kind::Text(&text::CORS_PREFLIGHT),
            Preset::Text("judge"),
            "`pass`: a browser's CORS preflight (`OPTIONS` with `Origin` and `Access-Control-Request-Method`, no body, no token) reaches the application, without identity and credentials.",
        ),
        Field::optional(
            "require",
            Kind::List {
                of: &Kind::Table(&REQUIRE),
                at_least_one: true,
            },
            "none",
            "Rules on the token's claims; all must hold.",
        ),
    ]],
    one_of: None,
};

static REQUIRE: Table = Table {
    groups: &[&[
        Field::required(
            "claim",
            CLAIM_KIND,
            "A top-level claim, literally; a list is a path.",
        ),
        Field::optional(
            "any_of",
            Kind::List {
                of: &Kind::Json,
                at_least_one: true,
            },
            "",
            "The claim is, or has among its elements, one of these.",
        ),
        Field::optional(
            "all_of",
            Kind::List {
                of: &Kind::Json,
                at_least_one: true,
            },
            "",
            "The claim has each of these.",
        ),
        Field::optional("equals", Kind::Json, "", "The claim is exactly this."),
    ]],
    one_of: Some(super::kind::OneOf {
        names: &["any_of", "all_of", "equals"],
        required: true,
    }),
};

pub(super) const CLAIM_KIND: Kind = Kind::Either {
    scalar: &Kind::Text(&text::ANY),
    long: &Kind::List {
        of: &Kind::Text(&text::ANY),
        at_least_one: true,
    },
};

static STRICT_PATHS: Table = Table {
    groups: &[&[Field::with_default(
        "allow",
        Kind::List {
            of: &Kind::Text(&text::STRICT_PATH),
            at_least_one: false,
        },
        Preset::Nothing,
        "`semicolon`, `encoded_slash`, `double_slash`.",
    )]],
    one_of: None,
};

static LOG: Table = Table {
    groups: &[&[
        Field::with_default(
            "level",
            Kind::Text(&text::LOG_LEVEL),
            Preset::Text("info"),
            "`error`, `warn`, `info`, `debug`, `trace`.",
        ),
        Field::with_default(
            "format",
            Kind::Text(&text::LOG_FORMAT),
            Preset::Text("auto"),
            "`auto`: readable on a terminal, JSON elsewhere.",
        ),
        Field::with_default(
            "access",
            Kind::Text(&text::LOG_ACCESS),
            Preset::Text("all"),
            "Which requests get a line.",
        ),
    ]],
    one_of: None,
};

static SHUTDOWN: Table = Table {
    groups: &[&[
        Field::with_default(
            "delay",
            Kind::Duration {
                min: Duration::ZERO,
                max: MAX_SHUTDOWN_DELAY,
            },
            Preset::Duration(Duration::ZERO),
            "Between `/readyz` 503 and the end of accepting.",
        ),
        Field::with_default(
            "drain_timeout",
            Kind::Duration {
                min: Duration::ZERO,
                max: MAX_DRAIN_TIMEOUT,
            },
            Preset::Duration(DEFAULT_DRAIN_TIMEOUT),
            "How long requests in flight may take to finish.",
        ),
    ]],
    one_of: None,
};
