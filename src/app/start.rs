//! The order of starting: addresses first, so that a second gate on them fails before it does anything; then logs, keys, pages, workers.

use std::io::{self, IsTerminal, stdout};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::net::TcpListener;

use super::certificate_watch::CertificateWatch;
use super::drain::drain;
use super::reload::{Reloader, count_keys, warn_of};
use super::signals::{Asked, Signals};
use super::watch::{Seen, Watch};
use super::workers::Workers;
use super::{CannotRun, assemble, key_snapshots, key_watch, upstream_watch};
use crate::admin::{self, Admin};
use crate::clock::{Clock, SystemClock};
use crate::config::Config;
use crate::proxy::listen::{ConnectionLimit, Entry, ListenAddress};
use crate::proxy::{Gate, listen};
use crate::telemetry::{AccessLog, LineWriter, LogSettings, tracing_setup};

/// For the last log lines; a reader that is gone does not hold the process.
const FLUSH: Duration = Duration::from_secs(1);

/// Starts everything, serves until a signal says stop, and drains.
pub(super) async fn start_and_serve(
    mut config: Config,
    file: PathBuf,
    seen: Seen,
) -> Result<(), CannotRun> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let listen = config.listen.clone();
    let address = &listen.settings.address;
    let (listener, path) =
        listen::bind(address).map_err(|error| cannot_listen("listen", address, &error))?;
    let admin_listener = TcpListener::bind(config.admin)
        .await
        .map_err(|error| cannot_listen("admin", &ListenAddress::Tcp(config.admin), &error))?;
    let mut signals = Signals::new()
        .map_err(|error| CannotRun::new(format!("cannot listen for signals: {error}")))?;
    let number = worker_count(config.workers);
    let issuers: Vec<String> = config.issuers.iter().map(|i| i.name.to_string()).collect();
    let warnings = std::mem::take(&mut config.warnings);
    let log = config.log;
    let snapshots = config.keys_snapshot_dir.clone();
    let mut watch = Watch::new(file.clone(), seen);
    let mut reloader = Reloader::new(file, &config);

    let mut gate = assemble(config, Arc::clone(&clock), None)
        .map_err(|error| CannotRun::new(error.to_string()))?;
    let writer = start_logs(&mut gate, log)?;
    gate.metrics.config_loaded(true, clock.now().wall);
    let snapshots = snapshots.as_deref();
    key_snapshots::take_over(&gate.keys, snapshots).await;
    count_keys(&gate, clock.now().wall);
    gate.keys.start();
    let admin = Arc::new(Admin::new(view(&gate)));
    let gate = Arc::new(ArcSwap::from_pointee(gate));
    tokio::spawn(admin::serve(admin_listener, Arc::clone(&admin)));
    let certificate = CertificateWatch::new(&listen, gate.load().metrics.listener().clone(), clock);
    let entry = Entry {
        limit: ConnectionLimit::of_process(listen.settings.max_connections),
        proxy_protocol: listen.settings.proxy_protocol.clone(),
        tls: certificate.as_ref().map(CertificateWatch::current),
    };
    if listen.settings.tls.is_some() && entry.tls.is_none() {
        // Never plain HTTP where TLS was asked for.
        return Err(CannotRun::new("the files of `listen.tls` were not read"));
    }
    let workers = Workers::start(number, &listener, path, &entry, &gate)
        .map_err(|error| CannotRun::new(format!("cannot start the workers: {error}")))?;
    drop(listener);
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        listen = %reloader.listen(),
        admin = %reloader.admin(),
        workers = number,
        issuers = issuers.join(" "),
        "claimgate has started"
    );
    warn_of(&warnings);
    tokio::spawn(key_watch::watch(Arc::clone(&gate)));
    if let Some(certificate) = certificate {
        tokio::spawn(certificate.watch(reloader.reread()));
    }
    tokio::spawn(upstream_watch::watch(Arc::clone(&gate)));

    let ended = tokio::select! {
        () = serve(&mut reloader, &mut watch, &gate, &admin, &mut signals) => {
            drain(&admin, &workers, &gate, reloader.shutdown(), &mut signals).await
        }
        () = workers.one_ended() => {
            Err(CannotRun::new("a worker has ended by itself; the log says more"))
        }
    };
    gate.load().keys.stop();
    writer.flush(FLUSH);
    ended
}

/// Reloads when asked to or when the files have changed, until a signal says stop; that does not wait for a reload.
async fn serve(
    reloader: &mut Reloader,
    watch: &mut Watch,
    gate: &ArcSwap<Gate>,
    admin: &Admin,
    signals: &mut Signals,
) {
    loop {
        tokio::select! {
            asked = signals.next() => match asked {
                Asked::Stop => return,
                Asked::Reload => watch.take_note().await,
            },
            () = watch.changed() => {}
        }
        tokio::select! {
            reloaded = reloader.reload(gate, admin) => watch.learn(reloaded),
            () = signals.stop() => return,
        }
    }
}

pub(super) fn view(gate: &Gate) -> admin::View {
    admin::View {
        keys: Arc::clone(&gate.keys),
        metrics: Arc::clone(&gate.metrics),
    }
}

fn start_logs(gate: &mut Gate, log: LogSettings) -> Result<LineWriter, CannotRun> {
    let format = log.format.decide(stdout().is_terminal());
    let writer = LineWriter::start(stdout(), gate.metrics.log_lines_dropped())
        .map_err(|error| CannotRun::new(format!("cannot start the log: {error}")))?;
    tracing_setup::install(log.level, format, writer.clone());
    gate.access_log = AccessLog::new(writer.clone(), format, log.access).map(Arc::new);
    Ok(writer)
}

/// `workers`, or what the cgroup's CPU quota (version 1 or 2, rounded down) and the CPU affinity allow, at least 1: the standard library
/// reads both. Rounded down, because a worker beyond the quota only makes all of them be throttled.
pub(super) fn worker_count(workers: Option<NonZeroUsize>) -> usize {
    workers
        .or_else(|| available_parallelism().ok())
        .map_or(1, NonZeroUsize::get)
}

fn cannot_listen(key: &str, address: &ListenAddress, error: &io::Error) -> CannotRun {
    let cannot = CannotRun::new(format!("cannot listen on `{address}` (`{key}`): {error}"));
    let on_path = matches!(address, ListenAddress::Unix(_));
    match error.kind() {
        io::ErrorKind::AlreadyExists => {
            cannot.hint(format!("take that file away, or change `{key}`"))
        }
        io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied if on_path => {
            cannot.hint("the folder must exist, and the gate's user must be allowed to write to it")
        }
        io::ErrorKind::AddrInUse => cannot.hint(format!(
            "another process has this address, perhaps another gate; stop it, or change `{key}`"
        )),
        io::ErrorKind::PermissionDenied => {
            cannot.hint("ports below 1024 need a privilege; choose one above")
        }
        io::ErrorKind::AddrNotAvailable => cannot
            .hint("this machine does not have that address; `0.0.0.0` stands for all of its own"),
        _ => cannot,
    }
}
