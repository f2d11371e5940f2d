//! The page of threats: each row of [`rows::ROWS`] has tests that bear its id (`j02_...`, also in a row: `j27_k09_...`), and `docs/threats.md` says
//! which. `CLAIMGATE_BLESS=1 cargo test --test threats` writes the page anew.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test says what must be"
)]

mod faults;
mod found;
mod rows;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use found::Test;
use rows::{NOT_YET, ROWS, Row, SECTIONS};

#[test]
fn every_threat_has_a_test_and_every_id_a_threat() {
    let tests = found::all();
    let mut wrong = Vec::new();
    for row in ROWS {
        match (row.result.starts_with(NOT_YET), of(row, &tests).count()) {
            (false, 0) => wrong.push(format!("{}: no test bears this id", row.id)),
            (true, 1..) => wrong.push(format!("{}: is said to be {}", row.id, row.result)),
            _ => {}
        }
    }
    for test in &tests {
        for id in &test.ids {
            if !ROWS.iter().any(|row| row.id == id) {
                wrong.push(format!("{}: {} is no row", test.name, id));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn rows_are_in_order_and_in_a_section() {
    let ids: Vec<&str> = ROWS.iter().map(|row| row.id).collect();
    let mut sorted: Vec<(usize, usize)> = Vec::new();
    for id in ids {
        let (letter, number) = id.split_at(1);
        let section = SECTIONS.iter().position(|(letters, _)| *letters == letter);
        let section = section.unwrap_or_else(|| panic!("{id} is in no section"));
        sorted.push((section, number.parse().unwrap_or_default()));
    }
    assert!(sorted.is_sorted_by(|a, b| a < b), "{sorted:?}");
}

/// What a row promises is what one of its tests asks for: the reason stands in it, and its status is that of `docs/reasons.md`.
#[test]
fn results_name_reasons_that_exist_and_that_a_test_of_the_row_asks_for() {
    let statuses = statuses();
    let tests = found::all();
    let mut wrong = Vec::new();
    for row in ROWS {
        for (status, reason) in promised(row.result) {
            match statuses.get(reason) {
                None => wrong.push(format!("{}: `{reason}` is no reason", row.id)),
                Some(real) if !real.split(", ").any(|real| real == status) => {
                    wrong.push(format!("{}: `{reason}` is {real}", row.id));
                }
                Some(_) if !of(row, &tests).any(|test| test.asks_for(reason)) => {
                    wrong.push(format!("{}: no test asks for `{reason}`", row.id));
                }
                Some(_) => {}
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_page_of_threats_says_what_is_tested() {
    let page = page(&found::all());
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/threats.md");
    if std::env::var_os("CLAIMGATE_BLESS").is_some() {
        std::fs::write(&file, &page).unwrap();
    }
    let written = std::fs::read_to_string(&file).unwrap_or_default();
    let differs = |(number, (is, should)): (usize, (&str, &str))| {
        (is != should).then(|| format!("line {}: {is}\nshould be: {should}", number + 1))
    };
    // The whole page would bury what is wrong.
    let first = written
        .lines()
        .zip(page.lines())
        .enumerate()
        .find_map(differs);
    assert!(
        written == page,
        "docs/threats.md: CLAIMGATE_BLESS=1 cargo test --test threats\n{}",
        first.unwrap_or_default()
    );
}

fn of<'t>(row: &Row, tests: &'t [Test]) -> impl Iterator<Item = &'t Test> {
    tests
        .iter()
        .filter(|test| test.ids.iter().any(|id| id == row.id))
}

fn page(tests: &[Test]) -> String {
    let mut page = String::from(
        "# Threats\n\nWhat the gate withstands, row by row: the attack, the tests that make it, and what comes of it. Every row is a test that bears its \
         id; a test holds this page to the tests that there are. 401, 403 and 503 are answers of the gate with the reason in the body \
         ([reasons.md](reasons.md)); none of these requests reaches the application. Where no answer can be told, the bound that holds is.\n\n\
         Beyond these rows, [differential.md](differential.md) holds the gate's decisions against four other verifiers.\n",
    );
    for (letter, title) in SECTIONS {
        write!(
            page,
            "\n## {title}\n\n| id | attack | tests | result |\n| --- | --- | --- | --- |\n"
        )
        .unwrap();
        for row in ROWS.iter().filter(|row| row.id.starts_with(letter)) {
            let tests: Vec<String> = of(row, tests).map(link).collect();
            writeln!(
                page,
                "| {} | {} | {} | {} |",
                row.id,
                row.attack,
                tests.join("<br>"),
                row.result
            )
            .unwrap();
        }
    }
    page.push_str("\n## Advisories\n\nTests that are named after one.\n\n| advisory | tests |\n| --- | --- |\n");
    let mut advisories: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for test in tests {
        for advisory in &test.advisories {
            advisories.entry(advisory).or_default().push(link(test));
        }
    }
    for (advisory, tests) in advisories {
        writeln!(page, "| {advisory} | {} |", tests.join("<br>")).unwrap();
    }
    page
}

fn link(test: &Test) -> String {
    format!("[{}](../{})", test.name, test.file)
}

/// What a result says of answers: each "401 `some_reason`".
fn promised(result: &str) -> impl Iterator<Item = (&str, &str)> {
    let words: Vec<&str> = result.split(' ').collect();
    let pairs: Vec<(&str, &str)> = words
        .windows(2)
        .filter_map(|pair| {
            let status = pair[0].trim_start_matches('(');
            let is_status = status.len() == 3 && status.bytes().all(|b| b.is_ascii_digit());
            let reason = pair[1].strip_prefix('`')?.split('`').next()?;
            is_status.then_some((status, reason))
        })
        .collect();
    pairs.into_iter()
}

/// Status by reason, from the generated page of reasons.
fn statuses() -> BTreeMap<String, String> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/reasons.md");
    let text = std::fs::read_to_string(file).unwrap();
    text.lines()
        .filter_map(|line| {
            let mut cells = line.strip_prefix("| `")?.split(" | ");
            let reason = cells.next()?.strip_suffix('`')?;
            Some((reason.to_owned(), cells.next()?.to_owned()))
        })
        .collect()
}
