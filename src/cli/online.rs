//! Fetching every issuer's keys once, for commands that end soon.

use crate::keys::Keys;

/// One result for each source, in the order of their numbers.
pub(super) fn fetch_once(keys: &Keys) -> std::io::Result<Vec<Result<(), String>>> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let results = runtime.block_on(keys.fetch_once());
    // A name look-up that hangs does not hold the command.
    runtime.shutdown_background();
    Ok(results)
}
