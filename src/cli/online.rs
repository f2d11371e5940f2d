//! Fetching every issuer's keys once, for commands that end soon.

use crate::keys::{Keys, SourceId};

/// One result for each source, in the order of their numbers.
pub(super) fn fetch_once(keys: &Keys) -> std::io::Result<Vec<Result<(), String>>> {
    run(keys.fetch_once())
}

/// The key that a token names, of a source that has an address for each. False: it has a document, which is fetched already.
pub(super) fn fetch_kid_once(
    keys: &Keys,
    source: SourceId,
    kid: &str,
) -> std::io::Result<Result<bool, String>> {
    run(keys.fetch_kid_once(source, kid))
}

fn run<T>(fetch: impl Future<Output = T>) -> std::io::Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let fetched = runtime.block_on(fetch);
    // A name look-up that hangs does not hold the command.
    runtime.shutdown_background();
    Ok(fetched)
}
