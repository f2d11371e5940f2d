//! The certificates of `upstream.tls`: their files are looked at again while the gate runs, and the log says what came of it. Only changes.

use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::proxy::{Gate, REREAD_INTERVAL, Reread, Transport};

/// Looks at the files of the gate in use, again and again, until it is dropped.
pub(super) async fn watch(gate: Arc<ArcSwap<Gate>>) {
    loop {
        look(&gate.load_full()).await;
        tokio::time::sleep(REREAD_INTERVAL).await;
    }
}

async fn look(gate: &Gate) {
    let usable = match &gate.upstream.transport {
        Transport::Tls(tls) if tls.can_change() => {
            tell(tls.reread().await);
            Some(tls.is_current())
        }
        Transport::Tls(_) | Transport::Tcp | Transport::Unix(_) => None,
    };
    gate.metrics.upstream_tls_read(usable);
}

fn tell(reread: Reread) {
    match reread {
        Reread::Same => {}
        Reread::Changed => tracing::info!(
            "the files of `upstream.tls` have changed: new connections to the application use them"
        ),
        Reread::Failed(error) => tracing::error!(
            error,
            "the files of `upstream.tls` cannot be used: those before stay in use"
        ),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::app::assemble;
    use crate::clock::SystemClock;
    use crate::config::{self, LoadOptions};

    #[tokio::test]
    async fn files_that_cannot_be_used_show_in_the_metrics_until_they_can() {
        let file =
            std::env::temp_dir().join(format!("claimgate-{}-upstream-ca", std::process::id()));
        let made = || {
            let made = rcgen::generate_simple_self_signed(["app.example".to_owned()]).unwrap();
            made.cert.pem()
        };
        fs::write(&file, made()).unwrap();
        let text = format!(
            "upstream: {{url: 'https://127.0.0.1:1', tls: {{ca_file: {}}}}}\nissuers: [{{provider: auth0, domain: example.eu.auth0.com, audiences: [a]}}]\n",
            file.display()
        );
        let config = config::parse(&text, "test", &LoadOptions::default())
            .unwrap_or_else(|problems| panic!("{problems:?}"));
        let gate = assemble(config, Arc::new(SystemClock), None).unwrap();
        let shows = |usable: u8| {
            let line = format!("claimgate_upstream_tls_last_reload_successful {usable}");
            let text = String::from_utf8(gate.metrics.render()).unwrap();
            assert!(text.lines().any(|l| l == line), "no {line}");
        };
        look(&gate).await;
        shows(1);
        for broken in ["garbage", "more of it"] {
            fs::write(&file, broken).unwrap();
            look(&gate).await;
            shows(0);
        }
        fs::write(&file, made()).unwrap();
        look(&gate).await;
        shows(1);
        fs::remove_file(&file).unwrap();
        look(&gate).await;
        shows(0);
    }
}
