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
                let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
                faults.join("\n")
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
                "the files of `listen.tls` cannot be used: the certificate in use stays\n{why}"
            ),
        }
    }

    fn end(&self) -> Option<String> {
        config::end_is_near(self.not_after, self.clock.now().wall)
    }
}
