//! Every configuration that comes with the project loads.

use std::path::Path;

use crate::harness::claimgate;

#[test]
fn every_example_configuration_is_valid() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files: Vec<_> = std::fs::read_dir(root.join("config"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.push(root.join("deploy/compose/claimgate.yaml"));
    assert!(files.len() > 6, "{files:?}");
    for file in files {
        let output = claimgate(&["check", "--no-files", "--config", file.to_str().unwrap()]);
        assert_eq!(
            output.status.code(),
            Some(0),
            "{}: {}{}",
            file.display(),
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
    }
}
