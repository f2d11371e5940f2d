//! What the log says of keys: when they come, when they cannot be had, which are skipped. Only changes, so that an issuer that is down
//! for a day is a few lines.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;

use super::decryption_watch::DecryptionWatch;
use super::key_snapshots::split;
use crate::jose::jwk::SkippedKey;
use crate::keys::status::{KeysFrom, SourceStatus};
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
    /// Keys were fetched, for the first time or after a failure, or their number changed.
    Keys,
    /// Keys were fetched after there were none to trust.
    TrustedAgain,
    /// The last good keys are older than `max_stale`.
    TooOld,
    Failed(&'s str),
    Skipped(&'s SkippedKey),
    NotRemembered(&'s str),
    RememberedAgain,
}

fn changes<'s>(before: Option<&SourceStatus>, now: &'s SourceStatus) -> Vec<Change<'s>> {
    let mut changes = Vec::new();
    let error_before = before.and_then(|before| before.last_error.as_deref());
    let too_old = |status: &SourceStatus| status.trusted_for == Some(Duration::ZERO);
    let was_too_old = before.is_some_and(too_old);
    match now.last_error.as_deref() {
        Some(error) if error_before != Some(error) => changes.push(Change::Failed(error)),
        _ if was_too_old && !too_old(now) => changes.push(Change::TrustedAgain),
        Some(_) => {}
        // Said at the start already.
        None if now.keys_from == Some(KeysFrom::Snapshot) => {}
        None => {
            let known = before.map(|before| (before.keys.len(), before.keys_from));
            let (held, from) = known.unwrap_or_default();
            let replaced = from == Some(KeysFrom::Snapshot);
            if error_before.is_some() || held != now.keys.len() || replaced {
                changes.push(Change::Keys);
            }
        }
    }
    if too_old(now) && !was_too_old {
        changes.push(Change::TooOld);
    }
    let known = before.map_or(&[][..], |before| &before.skipped);
    let new = now.skipped.iter().filter(|key| !known.contains(key));
    changes.extend(new.take(MAX_SKIPPED).map(Change::Skipped));
    match (before.and_then(not_written), not_written(now)) {
        (before, Some(error)) if before != Some(error) => {
            changes.push(Change::NotRemembered(error));
        }
        (Some(_), None) => changes.push(Change::RememberedAgain),
        _ => {}
    }
    changes
}

fn not_written(status: &SourceStatus) -> Option<&str> {
    status.snapshot.as_ref()?.last_error.as_deref()
}

fn tell(source: &SourceStatus, change: Change<'_>) {
    let issuer = &*source.issuer;
    let origin = &*source.origin;
    let keys = source.keys.len();
    let age_seconds = source.age.map(|age| age.as_secs());
    match change {
        Change::Keys => tracing::info!(issuer, origin, keys, "keys are here"),
        Change::TrustedAgain => tracing::info!(
            issuer,
            origin,
            keys,
            "keys are here again: tokens of this issuer are no longer answered with 503"
        ),
        Change::TooOld => tracing::error!(
            issuer,
            origin,
            age_seconds,
            error = source.last_error.as_deref().map(|text| split(text).0),
            hint = "bring the issuer back; if its old keys are still better than none, raise `keys.max_stale` and reload (SIGHUP)",
            "the last good keys are older than `max_stale`: tokens of this issuer are answered with 503 from now on"
        ),
        Change::Failed(error) => {
            let (error, hint) = split(error);
            tracing::warn!(
                issuer,
                origin,
                keys,
                age_seconds,
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
        Change::NotRemembered(error) => {
            let (error, hint) = split(error);
            tracing::warn!(
                issuer,
                error,
                hint,
                "keys cannot be remembered for the next start: it would have those of the last snapshot, or none"
            );
        }
        Change::RememberedAgain => {
            tracing::info!(issuer, "keys are remembered for the next start again");
        }
    }
}

/// What a failed fetch means for requests, which is what the reader of the line wants to know first.
fn consequence(source: &SourceStatus) -> &'static str {
    match source.keys_from {
        None => {
            "keys cannot be fetched: tokens of this issuer are answered with 503 until they can"
        }
        Some(KeysFrom::Snapshot) => {
            "keys cannot be fetched: those of the last run stay in use, at most `max_stale` long"
        }
        Some(KeysFrom::Fetched | KeysFrom::Configuration) => {
            "keys cannot be fetched: the last good ones stay in use, at most `max_stale` long"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jose::jwk::SkipReason;
    use crate::keys::status::{KeyStatus, SnapshotStatus};

    fn status(keys: usize, error: Option<&str>) -> SourceStatus {
        SourceStatus {
            issuer: Arc::from("staff"),
            kind: "jwks_url",
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
            keys_from: (keys > 0).then_some(KeysFrom::Fetched),
            last_error: error.map(str::to_owned),
            ..SourceStatus::default()
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

    fn too_old(error: &str) -> SourceStatus {
        SourceStatus {
            trusted_for: Some(Duration::ZERO),
            ..status(0, Some(error))
        }
    }

    #[test]
    fn k06_the_moment_when_keys_become_too_old_is_told_once_and_so_is_their_return() {
        let trusted = |keys, error| SourceStatus {
            trusted_for: Some(Duration::from_secs(1)),
            ..status(keys, error)
        };
        let last = trusted(2, Some("refused"));
        let gone = too_old("refused");
        assert_eq!(changes(Some(&last), &gone), [Change::TooOld]);
        assert_eq!(changes(Some(&gone), &too_old("refused")), []);
        assert_eq!(
            changes(Some(&gone), &too_old("timeout")),
            [Change::Failed("timeout")]
        );
        let back = trusted(2, None);
        assert_eq!(changes(Some(&gone), &back), [Change::TrustedAgain]);
        assert_eq!(changes(Some(&back), &trusted(2, None)), []);
        // A longer `max_stale` after a reload: the keys are trusted, the issuer is still away.
        assert_eq!(changes(Some(&gone), &last), [Change::TrustedAgain]);
        // Keys that were never there are not too old.
        assert_eq!(changes(None, &status(0, None)), []);
    }

    #[test]
    fn keys_of_a_snapshot_are_told_when_a_fetch_replaces_them() {
        let snapshot = SourceStatus {
            keys_from: Some(KeysFrom::Snapshot),
            ..status(2, None)
        };
        assert_eq!(changes(None, &snapshot), []);
        assert_eq!(changes(Some(&snapshot), &status(2, None)), [Change::Keys]);
        let away = SourceStatus {
            last_error: Some("refused".to_owned()),
            ..snapshot.clone()
        };
        assert_eq!(changes(Some(&snapshot), &away), [Change::Failed("refused")]);
        assert!(consequence(&away).contains("those of the last run stay in use"));
    }

    #[test]
    fn a_disk_that_fails_is_told_once_and_so_is_its_return() {
        let with = |error: Option<&str>| SourceStatus {
            snapshot: Some(SnapshotStatus {
                file: "f".to_owned(),
                age: None,
                last_error: error.map(str::to_owned),
            }),
            ..status(2, None)
        };
        assert_eq!(
            changes(Some(&with(None)), &with(Some("full"))),
            [Change::NotRemembered("full")]
        );
        assert_eq!(changes(Some(&with(Some("full"))), &with(Some("full"))), []);
        assert_eq!(
            changes(Some(&with(Some("full"))), &with(None)),
            [Change::RememberedAgain]
        );
        assert_eq!(changes(Some(&with(None)), &with(None)), []);
    }

    #[test]
    fn a_failure_says_what_it_means_for_requests() {
        assert!(consequence(&status(0, Some("refused"))).contains("503"));
        assert!(consequence(&status(2, Some("refused"))).contains("stay in use"));
    }
}
