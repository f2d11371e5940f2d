//! The tests that bear ids, found in the sources.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The letters of ids; a number of two digits follows.
const LETTERS: &str = "jkchspdb";

pub struct Test {
    pub name: String,
    /// From the project's root.
    pub file: String,
    /// As in the page: `J2`.
    pub ids: Vec<String>,
    /// As `CVE-2026-25537`.
    pub advisories: Vec<String>,
    body: String,
}

impl Test {
    /// Whether the reason stands in the test as it is spelt on the wire or as a variant.
    pub fn asks_for(&self, reason: &str) -> bool {
        let variant: String = reason
            .split('_')
            .map(|word| word[..1].to_uppercase() + &word[1..])
            .collect();
        self.body.contains(reason) || self.body.contains(&variant)
    }
}

/// Every test below `src` and `tests` whose name begins with an id or an advisory, in the order of files and names.
pub fn all() -> Vec<Test> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    for folder in ["src", "tests"] {
        collect(&root.join(folder), &mut files);
    }
    let mut tests = Vec::new();
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        let file = file.strip_prefix(root).unwrap().to_str().unwrap();
        tests.extend(tests_of(file, &text));
    }
    tests.sort_by(|a, b| (&a.file, &a.name).cmp(&(&b.file, &b.name)));
    tests
}

/// Every test by its name, whatever it bears, and the file that it is in.
pub fn names() -> BTreeMap<String, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    for folder in ["src", "tests"] {
        collect(&root.join(folder), &mut files);
    }
    let mut names = BTreeMap::new();
    for path in files {
        let text = std::fs::read_to_string(&path).unwrap();
        let file = path.strip_prefix(root).unwrap().to_str().unwrap();
        let mut marked = false;
        for line in text.lines().map(str::trim_start) {
            marked |= line.starts_with("#[test]") || line.starts_with("#[tokio::test");
            let declared = line.strip_prefix("async ").unwrap_or(line);
            let name = match declared.strip_prefix("fn ") {
                Some(name) if marked => name,
                // Those of Python keep the prefix by which they are found.
                _ => match line.strip_prefix("def ") {
                    Some(name) if name.starts_with("test_") => name,
                    _ => continue,
                },
            };
            marked = false;
            let name = name.split(['(', '<']).next().unwrap_or_default();
            names.insert(name.to_owned(), file.to_owned());
        }
    }
    names
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        // What tools and package managers put there is not ours.
        if path.is_dir() && !name.starts_with(['.', '_']) && name != "node_modules" {
            collect(&path, files);
        } else if name.ends_with(".rs") || (name.starts_with("test_") && name.ends_with(".py")) {
            files.push(path);
        }
    }
}

fn tests_of(file: &str, text: &str) -> Vec<Test> {
    let lines: Vec<&str> = text.lines().collect();
    let mut tests = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let trimmed = line.trim_start();
        let declared = trimmed.strip_prefix("async ").unwrap_or(trimmed);
        let Some(name) = declared
            .strip_prefix("fn ")
            .or_else(|| declared.strip_prefix("def test_"))
        else {
            continue;
        };
        let name = name.split(['(', '<']).next().unwrap_or_default();
        let (ids, rest) = ids_of(name);
        let advisories = advisories_of(rest);
        if ids.is_empty() && advisories.is_empty() {
            continue;
        }
        let is_test = file.ends_with(".py")
            || lines[..at]
                .iter()
                .rev()
                .take_while(|above| above.trim_start().starts_with('#'))
                .any(|above| above.contains("test]") || above.contains("test("));
        assert!(is_test, "{file}: {name} bears an id and is no test");
        let indent = &line[..line.len() - trimmed.len()];
        let body: Vec<&str> = lines[at..]
            .iter()
            .enumerate()
            .take_while(|(n, line)| {
                *n == 0
                    || !line
                        .strip_prefix(indent)
                        .is_some_and(|l| l.starts_with('}'))
            })
            .map(|(_, line)| *line)
            .collect();
        tests.push(Test {
            name: name.to_owned(),
            file: file.to_owned(),
            ids,
            advisories,
            body: body.join("\n"),
        });
    }
    tests
}

/// The ids that a name begins with, and what follows them.
fn ids_of(name: &str) -> (Vec<String>, &str) {
    let mut ids = Vec::new();
    let mut rest = name;
    while let Some((word, after)) = rest.split_once('_') {
        let mut letters = word.chars();
        let letter = letters.next().filter(|letter| LETTERS.contains(*letter));
        let digits = letters.as_str();
        match (letter, digits.parse::<u32>()) {
            (Some(letter), Ok(number)) if digits.len() == 2 => {
                ids.push(format!("{}{number}", letter.to_ascii_uppercase()));
                rest = after;
            }
            _ => break,
        }
    }
    (ids, rest)
}

/// Those that a name begins with, behind its ids.
fn advisories_of(name: &str) -> Vec<String> {
    let words: Vec<&str> = name.split('_').collect();
    words
        .chunks_exact(3)
        .map_while(|words| match words {
            [source @ ("cve" | "hsec"), year, number] => {
                Some(format!("{}-{year}-{number}", source.to_uppercase()))
            }
            _ => None,
        })
        .collect()
}

#[test]
fn names_are_read() {
    assert_eq!(
        ids_of("j27_k09_a_thousand"),
        (vec!["J27".to_owned(), "K9".to_owned()], "a_thousand")
    );
    assert_eq!(ids_of("j9_b64_x").0, Vec::<String>::new());
    assert_eq!(
        advisories_of("cve_2026_25537_hsec_2026_0010_string_exp"),
        ["CVE-2026-25537", "HSEC-2026-0010"]
    );
    assert!(advisories_of("cve_2026").is_empty());
}
