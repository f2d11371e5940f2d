//! Getting every issuer's keys once, for commands that end soon.

use tokio::runtime::{Builder, Runtime};

use crate::keys::status::SnapshotNote;
use crate::keys::{Keys, SourceId};

/// One result for each source, in the order of their numbers.
pub(super) fn fetch_once(keys: &Keys) -> std::io::Result<Vec<Result<(), String>>> {
    run(|runtime| runtime.block_on(keys.fetch_once()))
}

/// The key that a token names, of a source that has an address for each. False: it has a document, which is fetched already.
pub(super) fn fetch_kid_once(
    keys: &Keys,
    source: SourceId,
    kid: &str,
) -> std::io::Result<Result<bool, String>> {
    run(|runtime| runtime.block_on(keys.fetch_kid_once(source, kid)))
}

/// What a gate would have that is started now, with its snapshots.
pub(super) struct Obtained {
    pub snapshots: Vec<SnapshotNote>,
    /// One for each source, in the order of their numbers.
    pub fetches: Vec<Result<(), String>>,
}

/// Snapshots first, as at the start of the gate, and then what can be fetched: `offline`, nothing over the network. Nothing is written.
pub(super) fn obtain(keys: &Keys, offline: bool) -> std::io::Result<Obtained> {
    run(|runtime| {
        runtime.block_on(async {
            Obtained {
                snapshots: keys.load_snapshots().await,
                fetches: match offline {
                    true => keys.read_files_once().await,
                    false => keys.fetch_once().await,
                },
            }
        })
    })
}

fn run<T>(work: impl FnOnce(&Runtime) -> T) -> std::io::Result<T> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let done = work(&runtime);
    // A name look-up or a volume that hangs does not hold the command.
    runtime.shutdown_background();
    Ok(done)
}
