//! `counts.txt`: what was counted last, and where.

use std::fmt::{self, Display, Formatter};
use std::path::PathBuf;
use std::process::Command;

/// In percent of the kept count, in both directions: a gain that nobody keeps would hide the next loss.
const TOLERANCE: f64 = 5.0;

const HEAD: &str = "\
# Instructions of one request, by kind. Written by `CLAIMGATE_BLESS=1 tests/bench/instructions/run`; tests/bench/README.md says what is what.
";

/// What counts depend on besides the code.
pub struct Environment {
    compiler: String,
    target: String,
    libc: String,
}

pub struct Counts {
    pub environment: Environment,
    /// In the order of the file.
    pub rows: Vec<(String, i64)>,
}

/// The kept counts beside those of now.
pub struct Comparison {
    kept: Counts,
    now: Counts,
}

impl Environment {
    fn here() -> Self {
        let rustc = said_by("rustc", &["-vV"]);
        let field = |name: &str| {
            let line = rustc.lines().find_map(|line| line.strip_prefix(name));
            line.unwrap().to_owned()
        };
        Self {
            compiler: field("release: "),
            target: field("host: "),
            libc: said_by("getconf", &["GNU_LIBC_VERSION"]),
        }
    }

    fn facts(&self) -> [(&'static str, &str); 3] {
        [
            ("compiler", &self.compiler),
            ("target", &self.target),
            ("libc", &self.libc),
        ]
    }
}

impl Counts {
    /// Of here and now.
    pub fn of(rows: Vec<(String, i64)>) -> Self {
        Self {
            environment: Environment::here(),
            rows,
        }
    }

    pub fn kept() -> Self {
        let text = std::fs::read_to_string(file()).unwrap_or_default();
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        let mut members: Vec<(String, String)> = lines
            .filter_map(|line| line.split_once(" = "))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        let mut take = |wanted: &str| {
            let found = members.iter().position(|(name, _)| name == wanted);
            found.map_or_else(String::new, |found| members.remove(found).1)
        };
        let environment = Environment {
            compiler: take("compiler"),
            target: take("target"),
            libc: take("libc"),
        };
        let rows = members.into_iter();
        Self {
            environment,
            rows: rows
                .map(|(name, count)| (name, count.parse().unwrap()))
                .collect(),
        }
    }

    pub fn keep(&self) {
        let facts = self
            .environment
            .facts()
            .map(|(name, value)| format!("{name} = {value}\n"));
        let rows = self
            .rows
            .iter()
            .map(|(name, count)| format!("{name} = {count}\n"));
        let text = format!("{HEAD}{}\n{}", facts.concat(), rows.collect::<String>());
        std::fs::write(file(), text).unwrap();
    }

    /// The target that these are of, unless it is this one.
    pub fn of_another_target(self) -> Option<String> {
        let target = self.environment.target;
        (target != Environment::here().target).then_some(target)
    }

    pub fn compared_with(self, now: Self) -> Comparison {
        Comparison { kept: self, now }
    }

    fn row(&self, row: &str) -> Option<i64> {
        let found = self.rows.iter().find(|(name, _)| name == row);
        found.map(|(_, count)| *count)
    }
}

impl Comparison {
    /// Every row is kept, and near what was kept.
    pub fn holds(&self) -> bool {
        self.is_complete() && self.changes().all(|(_, change)| is_near(change))
    }

    fn is_complete(&self) -> bool {
        let names = |counts: &Counts| -> Vec<String> {
            counts.rows.iter().map(|(name, _)| name.clone()).collect()
        };
        names(&self.kept) == names(&self.now)
    }

    /// Rows that both have, with what became of them in percent.
    fn changes(&self) -> impl Iterator<Item = (&str, f64)> {
        self.now.rows.iter().filter_map(|(name, now)| {
            let kept = self.kept.row(name)?;
            Some((name.as_str(), (*now as f64 / kept as f64 - 1.0) * 100.0))
        })
    }
}

/// Not so of what is no number, which comes of a kept 0.
fn is_near(change: f64) -> bool {
    change.abs() <= TOLERANCE
}

impl Display for Comparison {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        writeln!(
            out,
            "{:<37} {:>9} {:>9}",
            "instructions of a request", "kept", "now"
        )?;
        for (name, now) in &self.now.rows {
            let kept = self.kept.row(name);
            let kept = kept.map_or_else(|| "none".to_owned(), |kept| kept.to_string());
            writeln!(out, "{name:<37} {kept:>9} {now:>9}")?;
        }
        let (kept, now) = (self.kept.environment.facts(), self.now.environment.facts());
        for ((name, kept), (_, now)) in kept.into_iter().zip(now).filter(|(kept, now)| kept != now)
        {
            writeln!(
                out,
                "the kept counts are of {name} `{kept}`, these of `{now}`: what differs may be its doing"
            )?;
        }
        for (name, change) in self.changes().filter(|(_, change)| !is_near(*change)) {
            let so = match change > 0.0 {
                true => "more: find out what costs it, and keep it only if it is worth that",
                false => "less: keep the gain",
            };
            writeln!(out, "{name}: {:.1} % {so}", change.abs())?;
        }
        match (self.holds(), self.is_complete()) {
            (true, _) => write!(out, "all within {TOLERANCE} % of what is kept"),
            (_, false) => write!(out, "counts.txt has other rows; to write it anew: {BLESS}"),
            _ => write!(out, "to keep the counts of now: {BLESS}"),
        }
    }
}

const BLESS: &str = "CLAIMGATE_BLESS=1 tests/bench/instructions/run";

fn file() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/bench/instructions/counts.txt")
}

/// What a command says, without the end of its line.
fn said_by(command: &str, arguments: &[&str]) -> String {
    let output = Command::new(command).args(arguments).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.trim_end().to_owned()
}
