//! What the log says of keys: when they come, when they cannot be had, which are skipped. Only changes, so that an issuer that is down
//! for a day is a few lines.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;

use super::decryption_watch::DecryptionWatch;
use crate::jose::jwk::SkippedKey;
use crate::keys::source::SourceStatus;
use crate::proxy::Gate;

/// Between two looks. Cheap, and what matters at once is in the metrics and in each request's line.
const LOOK_AGAIN: Duration = Duration::from_millis(500);
/// Skipped keys of one source that are named; the admin page shows all of them.
const MAX_SKIPPED: usize = 10;

/// Watches the keys of the gate in use until it is dropped.
pub(super) async fn watch(gate: Arc<ArcSwap<Gate>>) {
    let mut before: Vec<SourceStatus> = Vec::new();
    let mut private = DecryptionWatch::default();
    let mut was_ready = false;
    loop {
        let current = gate.load_full();
        private.look(current.keys.decryption_status());
        let now = current.keys.status();
        for source in &now {
            let known = before
                .iter()
                .find(|old| old.issuer == source.issuer && old.origin == source.origin);
            for change in changes(known, source) {
                tell(source, change);
            }
        }
        before = now;
        if current.keys.ready() && !was_ready {
            was_ready = true;
            tracing::info!("ready: every issuer that is required has keys");
        }
        drop(current);
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Change<'s> {
    /// Keys came, for the first time or after a failure, or their number changed.
    Keys,
    Failed(&'s str),
    Skipped(&'s SkippedKey),
}

fn changes<'s>(before: Option<&SourceStatus>, now: &'s SourceStatus) -> Vec<Change<'s>> {
    let mut changes = Vec::new();
    let error_before = before.and_then(|before| before.last_error.as_deref());
    match now.last_error.as_deref() {
        Some(error) if error_before != Some(error) => changes.push(Change::Failed(error)),
        Some(_) => {}
        None => {
            let held = before.map_or(0, |before| before.keys.len());
            if error_before.is_some() || held != now.keys.len() {
                changes.push(Change::Keys);
            }
        }
    }
    let known = before.map_or(&[][..], |before| &before.skipped);
    let new = now.skipped.iter().filter(|key| !known.contains(key));
    changes.extend(new.take(MAX_SKIPPED).map(Change::Skipped));
    changes
}

fn tell(source: &SourceStatus, change: Change<'_>) {
    let issuer = &*source.issuer;
    let origin = &*source.origin;
    let keys = source.keys.len();
    match change {
        Change::Keys => tracing::info!(issuer, origin, keys, "keys are here"),
        Change::Failed(error) => {
            let (error, hint) = match error.split_once("\nhint: ") {
                Some((error, hint)) => (error, Some(hint)),
                None => (error, None),
            };
            tracing::warn!(
                issuer,
                origin,
                keys,
                age_seconds = source.age.map(|age| age.as_secs()),
                error,
                hint,
                "{}",
                consequence(source)
            );
        }
        Change::Skipped(key) => tracing::warn!(
            issuer,
            origin,
            kid = key.kid.as_deref(),
            reason = key.reason.name(),
            explanation = key.reason.explanation(),
            "a key is skipped"
        ),
    }
}

/// What a failed fetch means for requests, which is what the reader of the line wants to know first.
fn consequence(source: &SourceStatus) -> &'static str {
    if source.keys.is_empty() {
        "keys cannot be fetched: tokens of this issuer are answered with 503 until they can"
    } else {
        "keys cannot be fetched: the last good ones stay in use, at most `max_stale` long"
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jose::jwk::SkipReason;
    use crate::keys::source::KeyStatus;

    fn status(keys: usize, error: Option<&str>) -> SourceStatus {
        SourceStatus {
            issuer: Arc::from("staff"),
            origin: "https://id.example/keys".to_owned(),
            required_for_ready: true,
            keys: vec![
                KeyStatus {
                    kid: None,
                    algorithms: vec!["RS256"],
                    retained: None
                };
                keys
            ],
            skipped: vec![],
            age: None,
            last_error: error.map(str::to_owned),
            next_refresh: None,
        }
    }

    #[test]
    fn only_changes_are_told() {
        for (before, now, expected) in [
            (None, status(0, None), vec![]),
            (None, status(2, None), vec![Change::Keys]),
            (Some(status(2, None)), status(2, None), vec![]),
            (Some(status(2, None)), status(3, None), vec![Change::Keys]),
            (
                None,
                status(0, Some("refused")),
                vec![Change::Failed("refused")],
            ),
            (
                Some(status(0, Some("refused"))),
                status(0, Some("refused")),
                vec![],
            ),
            (
                Some(status(0, Some("refused"))),
                status(0, Some("timeout")),
                vec![Change::Failed("timeout")],
            ),
            (
                Some(status(2, Some("refused"))),
                status(2, None),
                vec![Change::Keys],
            ),
        ] {
            assert_eq!(changes(before.as_ref(), &now), expected);
        }
    }

    #[test]
    fn a_skipped_key_is_told_once() {
        let key = SkippedKey {
            kid: Some("weak".into()),
            reason: SkipReason::WeakKey,
        };
        let mut now = status(1, None);
        now.skipped = vec![key.clone()];
        assert_eq!(
            changes(Some(&status(1, None)), &now),
            [Change::Skipped(&key)]
        );
        assert_eq!(changes(Some(&now.clone()), &now), []);
    }

    #[test]
    fn a_failure_says_what_it_means_for_requests() {
        assert!(consequence(&status(0, Some("refused"))).contains("503"));
        assert!(consequence(&status(2, Some("refused"))).contains("stay in use"));
    }
}
