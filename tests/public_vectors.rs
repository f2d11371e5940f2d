//! Where the public test vectors are. They are not part of the project: tests that want them say loudly what they skip without them.

use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Once;

/// `CLAIMGATE_VECTORS`, or `../shared/vectors` beside the project. A folder that was named must be there.
pub fn folder() -> Option<PathBuf> {
    let named = std::env::var_os("CLAIMGATE_VECTORS").map(PathBuf::from);
    let folder = named
        .clone()
        .unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/vectors"));
    if folder.join("wycheproof").is_dir() {
        return Some(folder);
    }
    assert!(
        named.is_none(),
        "CLAIMGATE_VECTORS names {}, which holds no vectors",
        folder.display()
    );
    static SAID: Once = Once::new();
    SAID.call_once(|| {
        // Past the test runner's capture, which hides what a passing test prints.
        let _nobody_listens = writeln!(
            std::io::stderr(),
            "SKIPPED: every test with public vectors: there are none in {}; set CLAIMGATE_VECTORS",
            folder.display()
        );
    });
    None
}
