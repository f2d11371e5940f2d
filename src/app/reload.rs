//! SIGHUP, or changed files: another configuration takes the place of the one in use, as a whole or not at all.

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::sync::Notify;
use tokio::task::AbortHandle;

use super::start::view;
use super::{assemble, key_snapshots};
use crate::admin::Admin;
use crate::clock::UnixTime;
use crate::config::{self, Config, ListenSettings, LoadOptions, Problem, Shutdown};
use crate::keys::status::KeysFrom;
use crate::keys::{KeyObserver, Keys, SnapshotEvent, SourceId};
use crate::proxy::Gate;
use crate::proxy::listen::ListenAddress;
use crate::telemetry::LogSettings;
use crate::telemetry::metrics::Freshness;

/// One log line for a problem of the configuration; the macro's first argument is the level.
macro_rules! log_problem {
    ($level:ident, $problem:expr) => {
        tracing::$level!(
            file = $problem.file,
            line = $problem.line,
            column = $problem.column,
            path = $problem.path,
            hint = $problem.hint.as_deref().unwrap_or_default(),
            "{}",
            $problem.message
        )
    };
}
/// How long the keys of issuers that are new may take to arrive before the new configuration is refused: two tries under the limits of a fetch.
const KEYS_WITHIN: Duration = Duration::from_secs(12);
/// How long reading the files may take: a mount may hang, and a pipe waits for whoever writes into it. Local files take milliseconds.
const FILES_WITHIN: Duration = Duration::from_secs(10);
/// Between two looks whether they have.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// What a reload needs to know of the configuration in use.
pub(super) struct Reloader {
    file: PathBuf,
    keys_within: Duration,
    files_within: Duration,
    /// The reading that was begun last. It cannot be ended from outside.
    reading: Option<AbortHandle>,
    fixed: Fixed,
    shutdown: Shutdown,
    /// Notified to have the certificate's files read again.
    reread: Arc<Notify>,
}

/// What came of a reload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reloaded {
    InUse,
    /// The files are no configuration that can be used.
    Refused,
    /// They are one, and an issuer that is new in it has no keys yet.
    WithoutKeys,
}

/// What only a restart changes.
struct Fixed {
    listen: ListenSettings,
    admin: SocketAddr,
    workers: Option<NonZeroUsize>,
    log: LogSettings,
}

impl Fixed {
    fn of(config: &Config) -> Self {
        Self {
            listen: config.listen.settings.clone(),
            admin: config.admin,
            workers: config.workers,
            log: config.log,
        }
    }

    /// The keys of the configuration that are another in `new`.
    fn changed(&self, new: &Self) -> Vec<&'static str> {
        let keys = [
            ("listen", self.listen == new.listen),
            ("admin", self.admin == new.admin),
            ("workers", self.workers == new.workers),
            ("log", self.log == new.log),
        ];
        keys.into_iter()
            .filter_map(|(key, same)| (!same).then_some(key))
            .collect()
    }
}

impl Reloader {
    pub(super) fn new(file: PathBuf, config: &Config) -> Self {
        Self {
            file,
            keys_within: KEYS_WITHIN,
            files_within: FILES_WITHIN,
            reading: None,
            fixed: Fixed::of(config),
            shutdown: config.shutdown,
            reread: Arc::default(),
        }
    }

    /// Told at each reload.
    pub(super) fn reread(&self) -> Arc<Notify> {
        Arc::clone(&self.reread)
    }

    pub(super) fn listen(&self) -> &ListenAddress {
        &self.fixed.listen.address
    }

    pub(super) fn admin(&self) -> SocketAddr {
        self.fixed.admin
    }

    pub(super) fn shutdown(&self) -> Shutdown {
        self.shutdown
    }

    /// Reads the file again and puts its gate into use, once its issuers have keys. Anything wrong: the gate in use stays, and the log and
    /// the metrics say so.
    pub(super) async fn reload(&mut self, gate: &ArcSwap<Gate>, admin: &Admin) -> Reloaded {
        self.reread.notify_one();
        let old = gate.load_full();
        let loaded = self.replacement(&old).await;
        let at = old.clock.now().wall;
        match loaded {
            Ok((new, shutdown)) => {
                new.metrics.config_loaded(true, at);
                admin.show(view(&new));
                let metrics = Arc::clone(&new.metrics);
                gate.store(Arc::new(new));
                old.keys.stop();
                metrics.forget_issuers_of(&old.metrics);
                count_keys(&gate.load(), at);
                self.shutdown = shutdown;
                tracing::info!(file = %self.file.display(), "the configuration was reloaded");
                Reloaded::InUse
            }
            Err(why) => {
                old.metrics.config_loaded(false, at);
                tracing::error!(
                    file = %self.file.display(),
                    "the configuration was not reloaded: the one in use stays"
                );
                why
            }
        }
    }

    async fn became_ready(&self, keys: &Keys) -> bool {
        let ready = async {
            while !keys.ready() {
                tokio::time::sleep(LOOK_AGAIN).await;
            }
        };
        tokio::time::timeout(self.keys_within, ready).await.is_ok()
    }

    /// Reads the files, off this thread, which has keys to fetch and probes to answer.
    async fn load(&mut self) -> Result<Config, Reloaded> {
        if self
            .reading
            .as_ref()
            .is_some_and(|last| !last.is_finished())
        {
            tracing::error!("the files are still being read for the reload before");
            return Err(Reloaded::Refused);
        }
        let file = self.file.clone();
        let reading =
            tokio::task::spawn_blocking(move || config::load(&file, &LoadOptions::default()));
        self.reading = Some(reading.abort_handle());
        match tokio::time::timeout(self.files_within, reading).await {
            Ok(Ok(Ok(config))) => Ok(config),
            Ok(Ok(Err(problems))) => {
                for problem in &problems {
                    log_problem!(error, problem);
                }
                Err(Reloaded::Refused)
            }
            Ok(Err(_)) | Err(_) => {
                tracing::error!(
                    "the configuration file, or one that it names, was not read in time; hint: is one of them a pipe, or on a mount that hangs?"
                );
                Err(Reloaded::Refused)
            }
        }
    }

    async fn replacement(&mut self, old: &Gate) -> Result<(Gate, Shutdown), Reloaded> {
        let config = self.load().await?;
        warn_of(&config.warnings);
        let changed = self.fixed.changed(&Fixed::of(&config));
        if !changed.is_empty() {
            tracing::warn!(
                keys = changed.join(" "),
                "`listen`, `admin`, `workers` and `log` keep their values until the gate is started again"
            );
        }
        let shutdown = config.shutdown;
        let snapshots = config.keys_snapshot_dir.clone();
        let mut new = match assemble(config, Arc::clone(&old.clock), Some(old)) {
            Ok(new) => new,
            Err(error) => {
                tracing::error!(%error, "the configuration cannot be put together");
                return Err(Reloaded::Refused);
            }
        };
        new.access_log = old.access_log.clone();
        new.keys.inherit(&old.keys);
        let snapshots = snapshots.as_deref();
        key_snapshots::take_over(&new.keys, snapshots).await;
        new.keys.start();
        if self.became_ready(&new.keys).await || !old.keys.ready() {
            return Ok((new, shutdown));
        }
        for source in new.keys.status() {
            if source.required_for_ready && source.keys.is_empty() {
                tracing::error!(
                    issuer = %source.issuer,
                    origin = source.origin,
                    error = source.last_error.as_deref().unwrap_or("no answer yet"),
                    "no keys for an issuer of the new configuration"
                );
            }
        }
        new.keys.stop();
        old.metrics.forget_issuers_of(&new.metrics);
        Err(Reloaded::WithoutKeys)
    }
}

/// What sources hold that they did not fetch themselves, but took over from their predecessors or from a snapshot; and how long keys are trusted.
pub(super) fn count_keys(gate: &Gate, now: UnixTime) {
    for (index, source) in gate.keys.status().iter().enumerate() {
        let max_stale = source.max_stale.unwrap_or_default();
        gate.metrics.keys_trusted_for(&source.issuer, max_stale);
        if let Some(age) = source.age {
            let age = i64::try_from(age.as_secs()).unwrap_or(i64::MAX);
            let fetched = UnixTime(now.0.saturating_sub(age));
            let (id, keys) = (SourceId(index), source.keys.len());
            if source.keys_from == Some(KeysFrom::Snapshot) {
                let used = SnapshotEvent::Used { keys, fetched };
                gate.metrics.snapshot(&source.issuer, id, used);
            } else {
                let since = Freshness::Since(fetched);
                gate.metrics.keys_held(&source.issuer, id, keys, since);
            }
        }
    }
}

/// What the operator should know of a configuration that is good.
pub(super) fn warn_of(warnings: &[Problem]) {
    for warning in warnings {
        log_problem!(warn, warning);
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use http::Method;

    use super::*;
    use crate::clock::SystemClock;

    const ISSUERS: &str = "upstream: http://127.0.0.1:3000\nissuers:\n  - {name: staff, provider: oidc, issuer: 'https://id.example', audiences: [a], keys: {jwks: {keys: [{kty: OKP, crv: Ed25519, kid: a, x: 11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo}]}}}\n";

    struct Running {
        file: PathBuf,
        gate: ArcSwap<Gate>,
        admin: Admin,
        reloader: Reloader,
    }

    impl Running {
        fn start(name: &str) -> Self {
            let file =
                std::env::temp_dir().join(format!("claimgate-{}-{name}", std::process::id()));
            fs::write(&file, ISSUERS).unwrap();
            let config = config::load(&file, &LoadOptions::default())
                .unwrap_or_else(|problems| panic!("{problems:?}"));
            let mut reloader = Reloader::new(file.clone(), &config);
            reloader.keys_within = Duration::from_millis(200);
            let gate = assemble(config, Arc::new(SystemClock), None).unwrap();
            Self {
                file,
                admin: Admin::new(view(&gate)),
                gate: ArcSwap::from_pointee(gate),
                reloader,
            }
        }

        async fn reload(&mut self, more: &str) {
            fs::write(&self.file, format!("{ISSUERS}{more}")).unwrap();
            self.reloader.reload(&self.gate, &self.admin).await;
        }

        fn route_of(&self, path: &str) -> Option<String> {
            let gate = self.gate.load();
            let route = gate.routes.find(&Method::GET, path).ok()?;
            Some(route.name().to_string())
        }

        fn shows(&self, line: &str) -> bool {
            let text = self.gate.load().metrics.render();
            String::from_utf8(text).unwrap().lines().any(|l| l == line)
        }
    }

    impl Drop for Running {
        fn drop(&mut self) {
            let _ = fs::remove_file(&self.file);
        }
    }

    #[tokio::test]
    async fn a_good_file_takes_over_as_a_whole() {
        let mut running = Running::start("good");
        running
            .reload("routes: [{name: new, path: /new}]\nshutdown: {drain_timeout: 7s}\n")
            .await;
        assert_eq!(running.route_of("/new").as_deref(), Some("new"));
        assert_eq!(running.route_of("/old"), None);
        assert_eq!(
            running.reloader.shutdown().drain_timeout,
            Duration::from_secs(7)
        );
        assert!(running.shows("claimgate_config_last_reload_successful 1"));
        assert!(running.shows("claimgate_keys{issuer=\"staff\"} 1"));
    }

    #[tokio::test]
    async fn a_bad_file_changes_nothing() {
        let mut running = Running::start("bad");
        let before = running.gate.load_full();
        running.reload("routes: [{name: new, path: new}]\n").await;
        assert!(Arc::ptr_eq(&before, &running.gate.load_full()));
        assert!(running.shows("claimgate_config_last_reload_successful 0"));
        fs::remove_file(&running.file).unwrap();
        running.reloader.reload(&running.gate, &running.admin).await;
        assert!(Arc::ptr_eq(&before, &running.gate.load_full()));
    }

    #[tokio::test]
    async fn a_pipe_in_the_place_of_the_file_holds_up_nothing_else() {
        let mut running = Running::start("pipe");
        running.reloader.files_within = Duration::from_millis(200);
        let before = running.gate.load_full();
        fs::remove_file(&running.file).unwrap();
        let mut mkfifo = std::process::Command::new("mkfifo");
        assert!(mkfifo.arg(&running.file).status().unwrap().success());
        // The pipe is opened at last, so that a reading that waits for it ends.
        let file = running.file.clone();
        let rescue = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_secs(5));
            drop(fs::OpenOptions::new().read(true).write(true).open(file));
        });
        let start = std::time::Instant::now();
        for _ in 0..2 {
            let reloaded = running.reloader.reload(&running.gate, &running.admin).await;
            assert_eq!(reloaded, Reloaded::Refused);
        }
        assert!(start.elapsed() < Duration::from_secs(4), "it waited");
        assert!(Arc::ptr_eq(&before, &running.gate.load_full()));
        rescue.join().unwrap();
    }

    #[tokio::test]
    async fn a_file_whose_new_issuer_has_no_keys_changes_nothing() {
        let mut running = Running::start("keyless");
        let before = running.gate.load_full();
        let keyless = "  - {name: gone, provider: oidc, issuer: 'https://gone.example', audiences: [a], keys: {jwks_url: 'http://127.0.0.1:1/', allow_http: true}}\n";
        running.reload(keyless).await;
        assert!(Arc::ptr_eq(&before, &running.gate.load_full()));
        assert!(before.keys.ready());
        assert!(!running.shows("claimgate_keys{issuer=\"gone\"} 0"));
    }
}
