//! The keys of `upstream`.

use std::time::Duration;

use super::fields::{hours, minutes};
use super::kind::{Field, Kind, Preset, Table};
use super::text;
use crate::proxy::UpstreamSettings;

/// A connection that takes longer than this is not local.
const MAX_CONNECT_TIMEOUT: Duration = minutes(1);
/// Long polling ends well below.
const MAX_RESPONSE_TIMEOUT: Duration = hours(1);
/// Longer than any application keeps an idle connection.
const MAX_POOL_IDLE_TIMEOUT: Duration = hours(1);
const SHORTEST: Duration = Duration::from_millis(1);

pub(super) const UPSTREAM_KIND: Kind = Kind::Either {
    scalar: &Kind::Text(&text::UPSTREAM_URL),
    long: &Kind::Table(&UPSTREAM),
};

static UPSTREAM: Table = Table {
    groups: &[&[
        Field::required(
            "url",
            Kind::Text(&text::UPSTREAM_URL),
            "The application, without a path: `http://host:port`, `https://host:port`, `h2c://host:port` (HTTP/2 without TLS) or `unix:/run/app.sock`.",
        ),
        Field::with_default(
            "http",
            Kind::Text(&text::UPSTREAM_HTTP),
            Preset::Text("auto"),
            "Which HTTP it speaks. `auto`: what it chooses in the TLS handshake; without TLS, `http1`. Upgrades (WebSocket) are HTTP/1.1 always.",
        ),
        Field::optional(
            "tls",
            Kind::Table(&TLS),
            "the system's roots, no client certificate",
            "For `https`. The application's certificate is always verified.",
        ),
        Field::with_default(
            "host",
            Kind::Text(&text::HOST),
            Preset::Text("preserve"),
            "The application gets the client's `Host` (`preserve`), or its own (`upstream`; `localhost` for a socket).",
        ),
        Field::with_default(
            "chunked",
            Kind::Text(&text::CHUNKED),
            Preset::Text("forward"),
            "Request bodies without `Content-Length`: sent in chunks (`forward`), or answered 411 (`refuse`), for an application that cannot read them. uWSGI's `http11-socket` needs `refuse`: it takes such a body for further requests, which nobody has checked.",
        ),
        Field::with_default(
            "connect_timeout",
            Kind::Duration {
                min: SHORTEST,
                max: MAX_CONNECT_TIMEOUT,
            },
            Preset::Duration(UpstreamSettings::DEFAULT_CONNECT_TIMEOUT),
            "Bound of a connection attempt, TLS handshake included.",
        ),
        Field::with_default(
            "response_timeout",
            Kind::Duration {
                min: SHORTEST,
                max: MAX_RESPONSE_TIMEOUT,
            },
            Preset::Duration(UpstreamSettings::DEFAULT_RESPONSE_TIMEOUT),
            "From the end of the request body to the response head.",
        ),
        Field::with_default(
            "pool_idle_timeout",
            Kind::Duration {
                min: Duration::ZERO,
                max: MAX_POOL_IDLE_TIMEOUT,
            },
            Preset::Duration(UpstreamSettings::DEFAULT_POOL_IDLE_TIMEOUT),
            "How long an idle HTTP/1.1 connection is kept: less than the application keeps it. One of HTTP/2 is kept for 30s; `0s` keeps none of either.",
        ),
        Field::with_default(
            "forward_trailers",
            Kind::List {
                of: &Kind::Text(&text::HEADER_NAME),
                at_least_one: false,
            },
            Preset::Nothing,
            "Names of request trailers that reach the application; all others are dropped. No name that the gate sets, that frames the message or that carries credentials.",
        ),
    ]],
    one_of: None,
};

static TLS: Table = Table {
    groups: &[&[
        Field::optional(
            "ca_file",
            Kind::Text(&text::LIVE_PATH),
            "the system's roots",
            "PEM certificates of the authorities that are trusted instead of the system's.",
        ),
        Field::optional(
            "server_name",
            Kind::Text(&text::SERVER_NAME),
            "the host of `url`",
            "The name that the application's certificate must have; it is also sent (SNI).",
        ),
        Field::optional(
            "client_certificate_file",
            Kind::Text(&text::LIVE_PATH),
            "none",
            "PEM certificate of the gate, for an application that asks for one; then those that lead to its authority.",
        ),
        Field::optional(
            "client_private_key_file",
            Kind::Text(&text::LIVE_PATH),
            "none",
            "PEM private key of that certificate, not encrypted.",
        ),
    ]],
    one_of: None,
};
