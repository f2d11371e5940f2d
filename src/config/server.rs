//! `admin`, `workers`, `tunnels`, `trusted_proxies`, `keys_snapshot_dir`, `log`, `shutdown`: the gate itself.

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use http::uri::Authority;
use ipnet::IpNet;

use super::fields::DEFAULT_DRAIN_TIMEOUT;
use super::problem::{Mistake, Problems};
use super::record::{Data, Record};
use super::text;
use super::{IssuerSetup, LoadOptions, Shutdown};
use crate::keys::snapshot::examine;
use crate::proxy::TunnelSettings;
use crate::telemetry::{AccessMode, Level, LogFormat, LogSettings};

/// Of TCP only: a path collides with nothing.
pub(super) fn listen_address(root: &Record) -> Option<SocketAddr> {
    let item = root.item("listen")?;
    let address = match &item.data {
        Data::Record(record) => record.text("address")?,
        _ => item.text()?,
    };
    address.parse().ok()
}

pub(super) fn admin(root: &Record) -> Option<SocketAddr> {
    root.text("admin")?.parse().ok()
}

/// Two listeners cannot share a port, and an application that is the gate itself is a loop.
pub(super) fn check_addresses(
    root: &Record,
    listen: Option<SocketAddr>,
    admin: Option<SocketAddr>,
    upstream: Option<&Authority>,
    problems: &mut Problems,
) {
    if let (Some(listen), Some(admin)) = (listen, admin) {
        let same_host = listen.ip() == admin.ip()
            || listen.ip().is_unspecified()
            || admin.ip().is_unspecified();
        if listen.port() != 0 && listen.port() == admin.port() && same_host {
            let key = if root.given("admin") {
                "admin"
            } else {
                "listen"
            };
            problems.error(
                &root.place(key),
                Mistake::new(format!(
                    "`listen` and `admin` are both on port {}",
                    listen.port()
                ))
                .hint("give `admin` a port of its own, and keep it from clients"),
            );
        }
    }
    for (name, own) in [("listen", listen), ("admin", admin)] {
        let (Some(own), Some(upstream)) = (own, upstream) else {
            continue;
        };
        if own.port() != 0 && upstream.port_u16() == Some(own.port()) && is_here(upstream, own) {
            problems.error(
                &root.place("upstream"),
                Mistake::new(format!("the upstream is the gate's own `{name}` address"))
                    .hint("name the port that the application listens on"),
            );
        }
    }
}

/// Whether the host means this machine at `own`'s address; names other than `localhost` are not looked up.
fn is_here(upstream: &Authority, own: SocketAddr) -> bool {
    let host = upstream.host().trim_matches(['[', ']']);
    if host.eq_ignore_ascii_case("localhost") {
        return own.ip().is_loopback() || own.ip().is_unspecified();
    }
    host.parse::<std::net::IpAddr>().is_ok_and(|address| {
        address == own.ip()
            || address.is_unspecified()
            || (own.ip().is_unspecified() && address.is_loopback())
    })
}

pub(super) fn workers(root: &Record) -> Option<NonZeroUsize> {
    let count = usize::try_from(root.integer("workers")?).ok()?;
    NonZeroUsize::new(count)
}

pub(super) fn tunnels(root: &Record) -> Option<TunnelSettings> {
    if root.broken("tunnels") {
        return None;
    }
    let Some(record) = root.record("tunnels") else {
        return Some(TunnelSettings::default());
    };
    Some(TunnelSettings {
        idle_timeout: record.duration("idle_timeout")?,
        outlives_token: record.text("token_expiry")? == "keep",
    })
}

pub(super) fn trusted_proxies(root: &Record, problems: &mut Problems) -> Vec<IpNet> {
    let mut networks = Vec::new();
    for item in root.items("trusted_proxies") {
        let Some(network) = item.text().and_then(|text| text::network(text).ok()) else {
            continue;
        };
        if network.prefix_len() == 0 {
            problems.warning(
                &item.place,
                Mistake::new(format!(
                    "`{}` trusts every client to say where a request comes from",
                    item.shown
                ))
                .hint("list the networks of the load balancers only"),
            );
        }
        networks.push(network);
    }
    networks
}

pub(super) fn log(root: &Record) -> Option<LogSettings> {
    let Some(record) = root.record("log") else {
        return (!root.broken("log")).then_some(LogSettings {
            level: Level::default(),
            format: LogFormat::default(),
            access: AccessMode::default(),
        });
    };
    Some(LogSettings {
        level: match record.text("level")? {
            "error" => Level::Error,
            "warn" => Level::Warn,
            "debug" => Level::Debug,
            "trace" => Level::Trace,
            _ => Level::Info,
        },
        format: match record.text("format")? {
            "json" => LogFormat::Json,
            "text" => LogFormat::Text,
            _ => LogFormat::Auto,
        },
        access: match record.text("access")? {
            "denied" => AccessMode::Denied,
            "off" => AccessMode::Off,
            _ => AccessMode::All,
        },
    })
}

/// Only keys that are fetched over the network are remembered. A directory that cannot be used is a warning: a gate without its snapshots serves,
/// and starts without keys while an issuer is away.
pub(super) fn keys_snapshot_dir(
    root: &Record,
    issuers: &[IssuerSetup],
    options: &LoadOptions,
    problems: &mut Problems,
) -> Option<PathBuf> {
    let path = root.text("keys_snapshot_dir")?;
    let place = root.place("keys_snapshot_dir");
    let mut sources = issuers.iter().flat_map(|issuer| &issuer.sources);
    if !issuers.is_empty() && !sources.any(|source| source.origin.is_remote()) {
        problems.warning(
            &place,
            Mistake::new("`keys_snapshot_dir` has no effect: no issuer's keys are fetched")
                .hint("take it out"),
        );
    }
    if options.try_snapshots
        && let Err(why) = examine(Path::new(path))
    {
        let why = format!("keys cannot be remembered for the next start: {why}");
        problems.warning(
            &place,
            Mistake::from_message(&why, "look at the volume that is mounted there"),
        );
    }
    Some(path.into())
}

pub(super) fn shutdown(root: &Record) -> Option<Shutdown> {
    let Some(record) = root.record("shutdown") else {
        return (!root.broken("shutdown")).then_some(Shutdown {
            delay: std::time::Duration::ZERO,
            drain_timeout: DEFAULT_DRAIN_TIMEOUT,
        });
    };
    Some(Shutdown {
        delay: record.duration("delay")?,
        drain_timeout: record.duration("drain_timeout")?,
    })
}
