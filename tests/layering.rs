//! The arrows of the house: `use crate::` only goes down the list, and the pure folders name neither the runtime nor the wire nor the clock.

#![expect(clippy::expect_used, reason = "a test says what must be")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The rooms from the roof down. A room sees itself and the levels below, never its own level's other rooms or one above.
const LEVELS: &[&[&str]] = &[
    // `fuzzing` is compiled for tests and fuzzers only.
    &["cli", "fuzzing"],
    &["app"],
    &["config"],
    &["admin", "proxy"],
    &["telemetry"],
    &["identity", "policy"],
    &["verify"],
    &["provider", "keys"],
    &["jose", "clock", "net"],
];

/// Rooms and files without I/O.
const PURE: &[&str] = &[
    "jose/",
    "provider/",
    "verify/",
    "policy/",
    "identity/",
    "keys/kid.rs",
    "keys/kid_budget",
    "keys/kid_shelf",
    "keys/merge",
    "keys/plan",
    "keys/set",
    "keys/snapshot/age",
    "keys/snapshot/identity",
    "keys/snapshot/ignored",
    "keys/snapshot/mod",
    "proxy/client/order",
    "proxy/client/proxy_header",
    "proxy/head/",
];

/// What a pure file must not name: time is an argument, and nobody waits.
const IMPURE_NAMES: &[&str] = &[
    "tokio",
    "hyper",
    "SystemTime",
    "Instant",
    "SystemClock",
    "std::fs",
    "std::net::Tcp",
    "std::env",
];

#[test]
fn arrows_only_go_down() {
    let mut wrong = Vec::new();
    for (file, text) in production_code() {
        let Some(level) = level_of(room_of(&file)) else {
            assert!(
                ["main.rs", "lib.rs"].contains(&file.as_str()),
                "{file} is in no room of the house"
            );
            continue;
        };
        for seen in rooms_named(&text) {
            if seen != room_of(&file) && level_of(&seen).is_some_and(|below| below <= level) {
                wrong.push(format!("{file} sees {seen}"));
            }
        }
        if climbs_out(&file, &text) {
            wrong.push(format!("{file} leaves its room by `super::`"));
        }
    }
    assert!(
        wrong.is_empty(),
        "arrows that go up or sideways:\n{}",
        wrong.join("\n")
    );
}

#[test]
fn pure_rooms_name_neither_runtime_nor_wire_nor_clock() {
    let mut wrong = Vec::new();
    for (file, text) in production_code() {
        if PURE.iter().any(|pure| file.starts_with(pure)) {
            wrong.extend(
                IMPURE_NAMES
                    .iter()
                    .filter(|name| code_of(&text).contains(**name))
                    .map(|name| format!("{file} names {name}")),
            );
        }
    }
    assert!(wrong.is_empty(), "not pure:\n{}", wrong.join("\n"));
}

#[test]
fn only_the_clock_reads_the_time_and_only_main_exits() {
    let mut wrong = Vec::new();
    for (file, text) in production_code() {
        let code = code_of(&text);
        if file != "clock.rs" && (code.contains("SystemTime::now") || imports_std_instant(&code)) {
            wrong.push(format!("{file} reads the time"));
        }
        if file != "main.rs" && code.contains("process::exit") {
            wrong.push(format!("{file} exits"));
        }
        if file != "verify/pipeline.rs"
            && file != "verify/token.rs"
            && code.contains("VerifiedToken::prove")
        {
            wrong.push(format!("{file} makes a VerifiedToken"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn files_are_one_idea_each() {
    let lengths: Vec<(usize, String)> = production_code()
        .into_iter()
        .map(|(file, text)| (text.lines().count(), file))
        .collect();
    let long: Vec<_> = lengths.iter().filter(|(lines, _)| *lines > 500).collect();
    assert!(
        long.is_empty(),
        "over 500 lines of production code: {long:?}"
    );
    let mut sorted: Vec<usize> = lengths.iter().map(|(lines, _)| *lines).collect();
    sorted.sort_unstable();
    let median = sorted.get(sorted.len() / 2).copied().unwrap_or_default();
    assert!(median <= 200, "the median file has {median} lines");
}

#[test]
fn the_guard_itself_sees_what_it_should() {
    let text = "use crate::{proxy, jose::json};\nfn f() { crate::config::load() }\n";
    assert_eq!(
        rooms_named(text),
        BTreeSet::from(["proxy".to_owned(), "jose".to_owned(), "config".to_owned()])
    );
    let nested =
        "use crate::{proxy::{a, b::{c}}, jose::json as json,\n    config};\nuse x::{admin};\n";
    assert_eq!(
        rooms_named(nested),
        BTreeSet::from(["proxy".to_owned(), "jose".to_owned(), "config".to_owned()])
    );
    assert!(climbs_out("proxy/listen.rs", "use super::super::config;"));
    assert!(climbs_out("proxy/mod.rs", "use super::config;"));
    assert!(!climbs_out("proxy/listen.rs", "use super::Gate;"));
    assert!(!climbs_out("cli/demo/tour.rs", "use super::super::output;"));
    assert_eq!(room_of("proxy/listen.rs"), "proxy");
    assert_eq!(room_of("app.rs"), "app");
    assert_eq!(
        code_of("// tokio\nlet a = 1; // hyper\n").trim(),
        "let a = 1;"
    );
}

/// Every file below `src`, by its path there, up to its inline tests. Files that are only compiled for tests are left out.
fn production_code() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    collect(&root, &mut files);
    assert!(files.len() > 20, "the house has rooms");
    files
        .into_iter()
        .filter(|file| {
            !file.to_string_lossy().ends_with("testing.rs")
                && !file.to_string_lossy().ends_with("tests.rs")
                && !file.components().any(|part| part.as_os_str() == "tests")
        })
        .map(|file| {
            let text = fs::read_to_string(&file).expect("a source file is readable");
            let production = text
                .split("#[cfg(test)]\nmod tests")
                .next()
                .unwrap_or_default()
                .to_owned();
            let name = file
                .strip_prefix(&root)
                .expect("below src")
                .to_string_lossy()
                .into_owned();
            (name, production)
        })
        .collect()
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("src is readable") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// From 0 at the roof.
fn level_of(room: &str) -> Option<usize> {
    LEVELS.iter().position(|rooms| rooms.contains(&room))
}

fn room_of(file: &str) -> &str {
    file.split('/')
        .next()
        .unwrap_or_default()
        .trim_end_matches(".rs")
}

/// The rooms after `crate::`, in a `use` with braces too; comments do not count.
fn rooms_named(text: &str) -> BTreeSet<String> {
    let code = code_of(text);
    code.split("crate::")
        .skip(1)
        .flat_map(|after| match after.strip_prefix('{') {
            Some(group) => members(group),
            None => vec![after],
        })
        .map(first_word)
        .filter(|room| level_of(room).is_some())
        .map(str::to_owned)
        .collect()
}

/// What stands between the commas of a group, up to its closing brace; groups inside it belong to their member.
fn members(group: &str) -> Vec<&str> {
    let mut members = Vec::new();
    let (mut depth, mut start) = (0_usize, 0);
    for (at, sign) in group.char_indices() {
        match sign {
            '{' => depth += 1,
            '}' if depth > 0 => depth -= 1,
            '}' | ',' if depth == 0 => {
                members.extend(group.get(start..at));
                start = at + 1;
                if sign == '}' {
                    break;
                }
            }
            _ => {}
        }
    }
    members
}

fn first_word(text: &str) -> &str {
    let text = text.trim_start();
    let end = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    text.get(..end.unwrap_or(text.len())).unwrap_or_default()
}

/// Whether as many `super::` as the file is deep stand in a row: they lead to the crate's root, round the table above. Modules inside a file
/// are only tests, which are left out.
fn climbs_out(file: &str, text: &str) -> bool {
    let folders = file.matches('/').count();
    let is_folder = file.ends_with("/mod.rs") || !file.contains('/');
    let depth = if is_folder { folders } else { folders + 1 }.max(1);
    code_of(text).contains(&"super::".repeat(depth))
}

/// Timers are tokio's, and run on its clock; nobody else has an `Instant`.
fn imports_std_instant(code: &str) -> bool {
    code.contains("std::time::Instant")
        || code.split("use std::time::{").skip(1).any(|names| {
            names
                .split('}')
                .next()
                .unwrap_or_default()
                .contains("Instant")
        })
}

/// Without comments.
fn code_of(text: &str) -> String {
    text.lines()
        .map(|line| line.split("//").next().unwrap_or_default().trim_end())
        .filter(|line| !line.is_empty())
        .collect::<Vec<_>>()
        .join("\n")
}
