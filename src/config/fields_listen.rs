//! The keys of `listen`.

use super::kind::{Field, Kind, Table};
use super::text;

/// More than any limit of open files that is in use allows.
const MAX_MAX_CONNECTIONS: u64 = 1_000_000;

pub(super) const LISTEN_KIND: Kind = Kind::Either {
    scalar: &Kind::Text(&text::LISTEN_ADDRESS),
    long: &Kind::Table(&LISTEN),
};

static LISTEN: Table = Table {
    groups: &[&[
        Field::required(
            "address",
            Kind::Text(&text::LISTEN_ADDRESS),
            "IP address and port, or `unix:` and the absolute path of a socket (mode 0660).",
        ),
        Field::optional(
            "tls",
            Kind::Table(&TLS),
            "plain HTTP",
            "The gate's own certificate. TLS 1.2 and 1.3; the files are read again every 10s. See docs/tls.md.",
        ),
        Field::optional(
            "proxy_protocol",
            Kind::List {
                of: &Kind::Text(&text::PROXY_SENDER),
                at_least_one: true,
            },
            "nobody",
            "Networks whose connections must begin with a PROXY header (version 1 or 2); `unix` for those of a Unix socket. From others it is not accepted.",
        ),
        Field::optional(
            "max_connections",
            Kind::Integer {
                min: 1,
                max: MAX_MAX_CONNECTIONS,
            },
            "10000, or half of the open files that the process may have, less 64",
            "Open client connections. At the cap the one that has been without a request longest is closed for a new one.",
        ),
    ]],
    one_of: None,
};

static TLS: Table = Table {
    groups: &[&[
        Field::required(
            "certificate_file",
            Kind::Text(&text::PATH),
            "PEM: the gate's certificate first, then those that lead to its root.",
        ),
        Field::required(
            "private_key_file",
            Kind::Text(&text::PATH),
            "PEM: the certificate's private key (PKCS#8, PKCS#1 or SEC 1), not encrypted.",
        ),
        Field::optional(
            "client_ca_file",
            Kind::Text(&text::PATH),
            "clients are not asked for certificates",
            "PEM: the roots that clients' certificates must lead to.",
        ),
        Field::optional(
            "client_certificate",
            Kind::Text(&text::CLIENT_CERTIFICATE),
            "`required`",
            "`optional`: clients without a certificate are served too. One that cannot be verified never passes.",
        ),
    ]],
    one_of: None,
};
