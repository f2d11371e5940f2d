//! Snapshots of keys at the start and after a reload: those that are used, those that are not, and a directory that will not do.

use std::path::{Path, PathBuf};

use crate::keys::Keys;
use crate::keys::snapshot::examine;
use crate::keys::status::{SnapshotNote, SnapshotOutcome};

/// Gives sources without keys those of their snapshots, and says so. Before the tasks of `keys` are started.
pub(super) async fn take_over(keys: &Keys, directory: Option<&Path>) {
    let Some(directory) = directory else { return };
    warn_of(directory.to_owned());
    for note in keys.load_snapshots().await {
        tell(&note);
    }
}

/// In the background: a disk that hangs must not hold the start, and without the directory the gate serves all the same.
fn warn_of(directory: PathBuf) {
    tokio::task::spawn_blocking(move || {
        if let Err(why) = examine(&directory) {
            let (error, hint) = split(&why);
            tracing::warn!(
                error,
                hint,
                "keys cannot be remembered for the next start (`keys_snapshot_dir`)"
            );
        }
    });
}

fn tell(note: &SnapshotNote) {
    let (issuer, file) = (&*note.issuer, &*note.file);
    match &note.outcome {
        SnapshotOutcome::Used { keys, age } => tracing::info!(
            issuer,
            file,
            keys,
            age_seconds = age.as_secs(),
            "keys of the last run are in use until they are fetched"
        ),
        SnapshotOutcome::Absent => {
            tracing::info!(issuer, file, "there are no keys of an earlier run");
        }
        SnapshotOutcome::Ignored(why) => {
            let (error, hint) = split(why);
            tracing::warn!(
                issuer,
                file,
                error,
                hint,
                "keys of the last run are not used"
            );
        }
    }
}

/// What is wrong, and what to do about it.
pub(super) fn split(text: &str) -> (&str, Option<&str>) {
    match text.split_once("\nhint: ") {
        Some((error, hint)) => (error, Some(hint)),
        None => (text, None),
    }
}
