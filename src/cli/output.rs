//! Printing that outlives its reader: `claimgate schema | head` is no error.

use std::io::Write;

use crate::config::{Problem, Severity, render};

/// To standard output.
pub(super) fn print(text: &str) {
    let mut out = std::io::stdout().lock();
    // Nobody is left to be told of a broken pipe.
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// To standard error.
pub(super) fn complain(text: &str) {
    let _ = std::io::stderr().lock().write_all(text.as_bytes());
}

/// Problems as a compiler shows them, to standard error, with their number at the end.
pub(super) fn complain_of(problems: &[Problem]) {
    let mut text: String = problems.iter().map(render).collect();
    let count = |severity| problems.iter().filter(|p| p.severity == severity).count();
    let counts = [
        (count(Severity::Error), "error"),
        (count(Severity::Warning), "warning"),
    ];
    let counts: Vec<String> = counts
        .iter()
        .filter(|(number, _)| *number > 0)
        .map(|(number, word)| format!("{number} {word}{}", if *number == 1 { "" } else { "s" }))
        .collect();
    text.push_str(&format!("{}\n", counts.join(", ")));
    complain(&text);
}

/// Columns of equal width, two spaces between them, each line after `indent`; nothing after a line's last cell.
pub(super) fn table(indent: &str, rows: &[Vec<String>]) -> String {
    let width = |column: usize| {
        rows.iter()
            .filter_map(|row| row.get(column))
            .map(|cell| cell.chars().count())
            .max()
            .unwrap_or(0)
    };
    let mut text = String::new();
    for row in rows {
        let mut line = indent.to_owned();
        for (column, cell) in row.iter().enumerate() {
            line.push_str(cell);
            let missing = width(column).saturating_sub(cell.chars().count());
            line.push_str(&" ".repeat(missing + 2));
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_has_straight_columns_and_no_trailing_spaces() {
        let rows = [
            vec!["a".to_owned(), "b".to_owned()],
            vec!["long".to_owned(), String::new()],
        ];
        assert_eq!(table("  ", &rows), "  a     b\n  long\n");
    }
}
