//! The certificate that clients are served with, while the gate runs: its files are read again and again, and a pair that fits takes the place of the
//! one in use. One that does not, half written for example, changes nothing and is told once.

use std::sync::Arc;
use std::time::Duration;

use crate::clock::{Clock, UnixTime};
use crate::config::{self, Listen};
use crate::proxy::listen::tls::{CurrentTls, ServerTls, TlsFiles, TlsSettings};
use crate::telemetry::ListenerMetrics;

/// Between two looks: Kubernetes itself takes a minute to bring a changed secret into a pod.
const REREAD_INTERVAL: Duration = Duration::from_secs(10);

/// The files of `listen.tls`.
pub(super) struct CertificateWatch {
    settings: TlsSettings,
    current: Arc<CurrentTls>,
    metrics: ListenerMetrics,
    clock: Arc<dyn Clock>,
    not_after: UnixTime,
    /// The end of the certificate was told.
    told_end: bool,
    /// What was read last, for better or worse: only another content is judged, and told.
    seen: Seen,
}

/// A fingerprint of the files, or why they could not be read.
#[derive(PartialEq, Eq)]
enum Seen {
    Content(Vec<u8>),
    Unreadable(String),
}

impl CertificateWatch {
    /// None without `listen.tls`.
    pub(super) fn new(
        listen: &Listen,
        metrics: ListenerMetrics,
        clock: Arc<dyn Clock>,
    ) -> Option<Self> {
        let settings = listen.settings.tls.clone()?;
        let tls = listen.tls.as_ref()?;
        metrics.certificate(tls.not_after);
        metrics.certificate_read(true);
        Some(Self {
            settings,
            current: Arc::new(CurrentTls::new(tls)),
            metrics,
            clock,
            not_after: tls.not_after,
            // The configuration's own warning says it at the start.
            told_end: false,
            seen: Seen::Content(tls.fingerprint.clone()),
        })
    }

    pub(super) fn current(&self) -> Arc<CurrentTls> {
        Arc::clone(&self.current)
    }

    /// Reads the files every ten seconds, and whenever `now` says so.
    pub(super) async fn watch(mut self, now: Arc<tokio::sync::Notify>) {
        self.told_end = self.end().is_some();
        loop {
            let _ = tokio::time::timeout(REREAD_INTERVAL, now.notified()).await;
            self.look().await;
        }
    }

    async fn look(&mut self) {
        let settings = self.settings.clone();
        let read = tokio::task::spawn_blocking(move || config::read_tls_files(&settings)).await;
        let Ok(read) = read else {
            return;
        };
        self.take(read);
        if !self.told_end
            && let Some(what) = self.end()
        {
            self.told_end = true;
            tracing::warn!(
                file = %self.settings.certificate_file.display(),
                "{what}; hint: renew it and put it into the same file"
            );
        }
    }

    fn take(&mut self, read: Result<TlsFiles, String>) {
        let seen = match &read {
            Ok(files) => Seen::Content(files.fingerprint()),
            Err(why) => Seen::Unreadable(why.clone()),
        };
        if self.seen == seen {
            return;
        }
        self.seen = seen;
        let made = read.and_then(|files| {
            ServerTls::new(&self.settings, &files).map_err(|faults| {
                let faults: Vec<String> = faults
                    .iter()
                    .map(|bad| self.settings.explain(bad))
                    .collect();
                faults.join("; ")
            })
        });
        self.metrics.certificate_read(made.is_ok());
        match made {
            Ok(tls) => {
                let renewed = tls.not_after != self.not_after;
                self.current.replace(&tls);
                self.metrics.certificate(tls.not_after);
                self.not_after = tls.not_after;
                self.told_end &= !renewed;
                let not_after = config::shown_time(tls.not_after);
                tracing::info!(
                    not_after,
                    "the files of `listen.tls` were read again: new connections are served with them"
                );
            }
            Err(why) => tracing::error!(
                error = why,
                "the files of `listen.tls` cannot be used: the certificate in use stays"
            ),
        }
    }

    fn end(&self) -> Option<String> {
        config::end_is_near(self.not_after, self.clock.now().wall)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::PathBuf;

    use super::*;
    use crate::clock::{Moment, SystemClock};
    use crate::config::LoadOptions;
    use crate::telemetry::Metrics;

    /// Two files, and the gate's eye on them.
    struct Bench {
        folder: PathBuf,
        metrics: Arc<Metrics>,
        watch: CertificateWatch,
    }

    fn pair(year: i32) -> [String; 2] {
        let mut params = rcgen::CertificateParams::new(vec!["gate.example".to_owned()]).unwrap();
        params.not_after = rcgen::date_time_ymd(year, 1, 1);
        let key = rcgen::KeyPair::generate().unwrap();
        [params.self_signed(&key).unwrap().pem(), key.serialize_pem()]
    }

    impl Bench {
        fn start(name: &str, clock: Arc<dyn Clock>) -> Self {
            let name = format!("claimgate-{}-{name}", std::process::id());
            let folder = std::env::temp_dir().join(name);
            fs::create_dir_all(&folder).unwrap();
            write(&folder, &pair(3000));
            let text = format!(
                "listen: {{address: 127.0.0.1:0, tls: {{certificate_file: {0}/tls.crt, private_key_file: {0}/tls.key}}}}\nupstream: http://127.0.0.1:1\nissuers: [{{provider: auth0, domain: example.eu.auth0.com, audiences: [a]}}]\n",
                folder.display()
            );
            let config = config::parse(&text, "test", &LoadOptions::default())
                .unwrap_or_else(|problems| panic!("{problems:?}"));
            let metrics = Metrics::new(&[], &[]);
            let listener = metrics.listener().clone();
            Self {
                watch: CertificateWatch::new(&config.listen, listener, clock).unwrap(),
                folder,
                metrics,
            }
        }

        fn shows(&self, end: i64, usable: u8) {
            let text = String::from_utf8(self.metrics.render()).unwrap();
            for line in [
                format!("claimgate_tls_certificate_expiry_timestamp_seconds {end}"),
                format!("claimgate_tls_last_reload_successful {usable}"),
            ] {
                assert!(text.lines().any(|l| l == line), "no {line}");
            }
        }
    }

    impl Drop for Bench {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.folder);
        }
    }

    fn write(folder: &std::path::Path, [certificate, key]: &[String; 2]) {
        fs::write(folder.join("tls.crt"), certificate).unwrap();
        fs::write(folder.join("tls.key"), key).unwrap();
    }

    const YEAR_3000: i64 = 32_503_680_000;
    const YEAR_3001: i64 = 32_535_216_000;

    #[tokio::test]
    async fn another_pair_takes_over_and_what_does_not_fit_changes_nothing() {
        let mut bench = Bench::start("certificate", Arc::new(SystemClock));
        bench.shows(YEAR_3000, 1);
        let [certificate, key] = pair(3001);
        let half = certificate[..certificate.len() / 2].to_owned();
        // As a secret is written file by file.
        for broken in [
            [half, key.clone()],
            [certificate.clone(), pair(3001)[1].clone()],
        ] {
            write(&bench.folder, &broken);
            bench.watch.look().await;
            bench.shows(YEAR_3000, 0);
        }
        fs::remove_file(bench.folder.join("tls.key")).unwrap();
        bench.watch.look().await;
        bench.shows(YEAR_3000, 0);
        write(&bench.folder, &[certificate, key]);
        bench.watch.look().await;
        bench.shows(YEAR_3001, 1);
    }

    #[tokio::test]
    async fn the_same_files_are_not_used_anew() {
        let mut bench = Bench::start("unchanged", Arc::new(SystemClock));
        let before = bench.watch.current.identity();
        bench.watch.look().await;
        assert_eq!(bench.watch.current.identity(), before, "tickets stay good");
        write(&bench.folder, &pair(3001));
        bench.watch.look().await;
        assert_ne!(bench.watch.current.identity(), before);
    }

    #[tokio::test]
    async fn the_coming_end_is_told_once_for_each_certificate() {
        struct Late;
        impl Clock for Late {
            fn now(&self) -> Moment {
                Moment {
                    wall: UnixTime(YEAR_3000 - 3600),
                    monotonic: Duration::ZERO,
                }
            }
        }
        let mut bench = Bench::start("late", Arc::new(Late));
        assert!(!bench.watch.told_end);
        bench.watch.look().await;
        assert!(bench.watch.told_end);
        write(&bench.folder, &pair(3001));
        bench.watch.look().await;
        assert!(!bench.watch.told_end);
    }
}
