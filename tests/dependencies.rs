//! What may be linked in: licences, banned crates, and the oldest versions that are free of known holes.

#![expect(clippy::expect_used, reason = "a test says what must be")]

use std::process::Command;

/// Licences that a binary under `Apache-2.0 OR MIT` may contain. One alternative of an `OR` is enough.
const LICENCES: &[&str] = &[
    "MIT",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "ISC",
    "Zlib",
    "Unicode-3.0",
    "CDLA-Permissive-2.0",
    "OpenSSL",
    "Unlicense",
    "BSL-1.0",
    "0BSD",
    "MIT-0",
    "CC0-1.0",
];

/// One cryptographic library, one TLS, one YAML; and what is unsound.
const BANNED: &[&str] = &[
    "ring",
    "openssl",
    "openssl-sys",
    "native-tls",
    "rsa",
    "p256",
    "ed25519-dalek",
    "serde_yml",
    "serde_yaml",
    "serde_yaml_ng",
    "libyml",
    "reqwest",
    "atty",
];

/// Fixed in: RUSTSEC-2026-0007 (bytes), RUSTSEC-2026-0104 (rustls-webpki), CVE-2026-25537 (jsonwebtoken), RUSTSEC-2026-0258 (h2).
const AT_LEAST: &[(&str, [u64; 3])] = &[
    ("bytes", [1, 11, 1]),
    ("rustls-webpki", [0, 103, 13]),
    ("jsonwebtoken", [10, 3, 0]),
    ("h2", [0, 4, 16]),
    ("rustls", [0, 23, 46]),
];

#[test]
fn every_dependency_has_an_acceptable_licence() {
    let wrong: Vec<String> = packages()
        .into_iter()
        .filter(|package| !acceptable(&package.licence))
        .map(|package| format!("{} {}", package.name, package.licence))
        .collect();
    assert!(wrong.is_empty(), "{wrong:?}");
}

#[test]
fn nothing_banned_is_linked() {
    let found: Vec<String> = packages()
        .into_iter()
        .map(|package| package.name)
        .filter(|name| BANNED.contains(&name.as_str()))
        .collect();
    assert!(found.is_empty(), "{found:?}");
}

#[test]
fn nothing_is_older_than_its_last_fixed_hole() {
    for package in packages() {
        if let Some((name, floor)) = AT_LEAST.iter().find(|(name, _)| *name == package.name) {
            let mut parts = package
                .version
                .split(['.', '-', '+'])
                .map(|part| part.parse::<u64>().unwrap_or(0));
            let version = [
                parts.next().unwrap_or(0),
                parts.next().unwrap_or(0),
                parts.next().unwrap_or(0),
            ];
            assert!(
                version >= *floor,
                "{name} {version:?} is older than {floor:?}"
            );
        }
    }
}

#[test]
fn the_licence_test_can_fail() {
    assert!(acceptable("MIT OR GPL-3.0"));
    assert!(acceptable("(MIT OR Apache-2.0) AND Unicode-3.0"));
    assert!(!acceptable("MIT AND GPL-3.0"));
    assert!(!acceptable(""));
}

/// An SPDX expression of `OR`, `AND`, `/` and one level of parentheses.
fn acceptable(expression: &str) -> bool {
    !expression.is_empty()
        && expression.split(" AND ").all(|all| {
            all.trim_matches(['(', ')', ' '])
                .split(" OR ")
                .flat_map(|any| any.split('/'))
                .any(|licence| LICENCES.contains(&licence.trim()))
        })
}

/// One crate of the tree that is shipped.
struct Package {
    name: String,
    version: String,
    licence: String,
}

/// What `cargo tree` says is linked on Linux: normal and build dependencies. (`cargo metadata` also names optional ones that no feature turns on.)
fn packages() -> Vec<Package> {
    let output = Command::new(env!("CARGO"))
        .args([
            "tree",
            "--locked",
            "--edges",
            "normal,build",
            "--prefix",
            "none",
            "--format",
            "{p}|{l}",
        ])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let packages: Vec<Package> = String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter_map(|line| {
            let (package, licence) = line.split_once('|')?;
            let (name, rest) = package.split_once(" v")?;
            let version = rest.split(' ').next()?;
            Some(Package {
                name: name.to_owned(),
                version: version.to_owned(),
                licence: licence.trim_end_matches(" (*)").to_owned(),
            })
        })
        .collect();
    assert!(packages.len() > 50, "the tree was read");
    packages
}
