//! What is wrong with a file, where, and what to do about it.

use super::tree::Position;

/// Most problems that one file reports: a person reads them.
const MAX_PROBLEMS: usize = 200;
/// Longest source line that a snippet shows, in characters.
const MAX_SNIPPET: usize = 200;

/// One mistake, with where it is and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    pub file: String,
    /// From 1; 0 when the file as a whole is meant.
    pub line: usize,
    pub column: usize,
    /// `issuers[0].keys.jwks_url`
    pub path: String,
    pub message: String,
    pub hint: Option<String>,
    pub severity: Severity,
    /// The source line, for the snippet. Lines that may hold a secret are not kept.
    pub snippet: Option<String>,
}

/// Whether a gate can run all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    Error,
    Warning,
}

impl Severity {
    pub fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

/// A problem as a compiler shows it: `file:line:column: error: message`, the line with a caret, `hint:` on its own line.
pub fn render(problem: &Problem) -> String {
    let mut text = problem.file.clone();
    if problem.line > 0 {
        text.push_str(&format!(":{}:{}", problem.line, problem.column));
    }
    text.push_str(&format!(
        ": {}: {}\n",
        problem.severity.name(),
        problem.message
    ));
    if let Some(snippet) = &problem.snippet {
        let number = problem.line.to_string();
        let margin = " ".repeat(number.len());
        let caret = " ".repeat(problem.column.saturating_sub(1));
        text.push_str(&format!(
            "{margin} |\n{number} | {snippet}\n{margin} | {caret}^\n"
        ));
    }
    if let Some(hint) = &problem.hint {
        text.push_str(&format!("hint: {hint}\n"));
    }
    text
}

/// `{"problems": [...]}`, as `check --json` prints it.
pub fn to_json(problems: &[Problem]) -> serde_json::Value {
    let list: Vec<_> = problems
        .iter()
        .map(|problem| {
            serde_json::json!({
                "file": problem.file,
                "line": problem.line,
                "column": problem.column,
                "path": problem.path,
                "message": problem.message,
                "hint": problem.hint,
                "severity": problem.severity.name(),
            })
        })
        .collect();
    serde_json::json!({ "problems": list })
}

/// Where something stands: in the text, and in the tree.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Place {
    pub at: Position,
    pub path: String,
}

impl Place {
    pub fn key(&self, name: &str, at: Position) -> Self {
        let path = if self.path.is_empty() {
            shown(name)
        } else {
            format!("{}.{}", self.path, shown(name))
        };
        Self { at, path }
    }

    pub fn index(&self, index: usize, at: Position) -> Self {
        let path = format!("{}[{index}]", self.path);
        Self { at, path }
    }
}

/// What is wrong, before it is known where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mistake {
    pub message: String,
    pub hint: Option<String>,
}

impl Mistake {
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            hint: None,
        }
    }

    /// Of a message from another folder, which may carry its hint on a line of its own.
    pub fn from_message(message: &str, otherwise: &str) -> Self {
        match message.split_once("\nhint: ") {
            Some((message, hint)) => Self::new(message).hint(hint),
            None => Self::new(message).hint(otherwise),
        }
    }

    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// All problems of one file.
pub(super) struct Problems {
    file: String,
    lines: Vec<String>,
    list: Vec<Problem>,
    dropped: usize,
}

impl Problems {
    pub fn new(file: &str, text: &str) -> Self {
        Self {
            file: file.to_owned(),
            lines: lines(text).map(str::to_owned).collect(),
            list: Vec::new(),
            dropped: 0,
        }
    }

    pub fn error(&mut self, place: &Place, mistake: Mistake) {
        self.add(place, mistake, Severity::Error);
    }

    pub fn warning(&mut self, place: &Place, mistake: Mistake) {
        self.add(place, mistake, Severity::Warning);
    }

    /// How many errors there are so far.
    pub fn errors(&self) -> usize {
        self.list
            .iter()
            .filter(|problem| problem.severity == Severity::Error)
            .count()
    }

    /// In the order of the file.
    pub fn into_sorted(mut self) -> Vec<Problem> {
        self.list
            .sort_by_key(|problem| (problem.line, problem.column));
        if self.dropped > 0
            && let Some(last) = self.list.last().cloned()
        {
            self.list.push(Problem {
                message: format!("{} more problems are not shown", self.dropped),
                hint: Some("put these right first".to_owned()),
                severity: Severity::Error,
                snippet: None,
                ..last
            });
        }
        self.list
    }

    fn add(&mut self, place: &Place, mistake: Mistake, severity: Severity) {
        // Once an error is kept, dropping further ones cannot turn a bad file into a good one.
        if self.list.len() >= MAX_PROBLEMS && self.errors() > 0 {
            self.dropped += 1;
            return;
        }
        self.list.push(Problem {
            file: self.file.clone(),
            line: place.at.line,
            column: place.at.column,
            path: place.path.clone(),
            // Other rooms write values into their messages as they are.
            message: one_line(&mistake.message),
            hint: mistake.hint.as_deref().map(one_line),
            severity,
            snippet: self.snippet(place.at),
        });
    }

    fn snippet(&self, at: Position) -> Option<String> {
        let line = self.lines.get(at.line.checked_sub(1)?)?;
        if at.column > MAX_SNIPPET || may_hold_secret(line) {
            return None;
        }
        Some(line.chars().take(MAX_SNIPPET).map(printable).collect())
    }
}

/// The lines of a file as YAML counts them (1.2.2 §5.4): a lone carriage return ends one too.
pub(super) fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.split('\n').flat_map(|line| {
        let line = line.strip_suffix('\r').unwrap_or(line);
        line.split('\r')
    })
}

/// Text from the file or the environment as a message may show it: one line, bounded, nothing that steers a terminal.
pub(super) fn shown(text: &str) -> String {
    const LONGEST: usize = 80;
    let mut shown: String = text.chars().take(LONGEST).map(printable).collect();
    if text.chars().nth(LONGEST).is_some() {
        shown.push_str("...");
    }
    shown
}

/// A message with nothing in it that ends its line or steers a terminal; far longer than any that is meant, it is cut.
fn one_line(message: &str) -> String {
    const LONGEST: usize = 1_000;
    message.chars().take(LONGEST).map(printable).collect()
}

/// A message about a value from the environment shows the variable (`written`) and not the value.
pub(super) fn redact(mut mistake: Mistake, value: &str, written: Option<&str>) -> Mistake {
    let Some(written) = written else {
        return mistake;
    };
    if value.is_empty() {
        return mistake;
    }
    // As it is, or as this room writes it.
    let spellings = [value.to_owned(), shown(value)];
    let repeats = |text: &String| spellings.iter().any(|value| text.contains(value));
    if repeats(&mistake.message) {
        mistake.message = format!("the value of `{}` cannot be used here", shown(written));
    }
    // A hint may say how a part of it should be written.
    let repeats_part = |hint: &String| {
        let mut quoted = hint.split('`').skip(1).step_by(2);
        quoted.any(|part| part.len() > 3 && spellings.iter().any(|value| value.contains(part)))
    };
    let hint = mistake.hint.as_ref();
    if hint.is_some_and(|hint| repeats(hint) || repeats_part(hint)) {
        mistake.hint = Some("look at what the environment sets".to_owned());
    }
    mistake
}

fn printable(character: char) -> char {
    match character {
        '\t' => ' ',
        c if c.is_control() => char::REPLACEMENT_CHARACTER,
        // Directional and other invisible signs can make a terminal show another line than the one that is there.
        '\u{200b}'..='\u{200f}'
        | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{feff}' => char::REPLACEMENT_CHARACTER,
        c => c,
    }
}

/// Secrets do not belong into the file, but a mistaken one must not be repeated into a log.
fn may_hold_secret(line: &str) -> bool {
    const SUSPECT: [&str; 5] = ["secret", "passw", "private", "begin ", "credential:"];
    let Some(line) = without_places(line) else {
        return true;
    };
    let line = line.to_ascii_lowercase().replace("secret_encoding", "");
    holds_private_member(&line)
        || holds_userinfo(&line)
        || SUSPECT.iter().any(|word| line.contains(word))
}

/// A user, and perhaps a password, in a URL (RFC 3986 §3.2.1).
fn holds_userinfo(line: &str) -> bool {
    line.split("//").skip(1).any(|rest| {
        let end = rest.find(['/', '?', '#', ' ']).unwrap_or(rest.len());
        rest.get(..end)
            .is_some_and(|authority| authority.contains('@'))
    })
}

/// Members of private and symmetric JSON Web Keys (RFC 7518 §6), quoted or not.
fn holds_private_member(line: &str) -> bool {
    line.match_indices(':').any(|(colon, _)| {
        let before = line.get(..colon).unwrap_or_default();
        let name = before
            .trim_end_matches([' ', '"', '\''])
            .rsplit(|c: char| !c.is_ascii_alphanumeric() && c != '_')
            .next()
            .unwrap_or_default();
        matches!(name, "d" | "k" | "p" | "q" | "dp" | "dq" | "qi")
    })
}

/// The line without the keys that say where a secret is, and their values; `None` when such a value may be the secret itself.
fn without_places(line: &str) -> Option<String> {
    let mut line = line.to_owned();
    for key in ["secret_file", "secret_env"] {
        while let Some((before, after)) = line.split_once(key) {
            let after = after.trim_start_matches([':', ' ', '"', '\'']);
            let end = after
                .find([' ', ',', '}', '"', '\''])
                .unwrap_or(after.len());
            let (value, rest) = after.split_at(end);
            if !names_a_place(value) {
                return None;
            }
            line = format!("{before}{rest}");
        }
    }
    Some(line)
}

/// A path, a variable, or a name as environment variables usually have it: may be shown, because it is no secret.
pub(super) fn names_a_place(value: &str) -> bool {
    let name = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
    value.starts_with(['/', '.'])
        || value.starts_with("${")
        || (value.len() <= 64 && value.bytes().all(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem_on(text: &str, line: usize, column: usize) -> Problem {
        let mut problems = Problems::new("claimgate.yaml", text);
        let place = Place {
            at: Position { line, column },
            path: "issuers[0].audience".to_owned(),
        };
        problems.error(
            &place,
            Mistake::new("unknown key `audience`").hint("did you mean `audiences`?"),
        );
        problems.into_sorted().remove(0)
    }

    #[test]
    fn a_problem_is_rendered_with_place_snippet_caret_and_hint() {
        let problem = problem_on("issuers:\n  - audience: [api]\n", 2, 5);
        assert_eq!(
            render(&problem),
            "claimgate.yaml:2:5: error: unknown key `audience`\n  |\n2 |   - audience: [api]\n  |     ^\nhint: did you mean `audiences`?\n"
        );
    }

    #[test]
    fn the_line_that_is_shown_is_the_one_that_yaml_counts() {
        for text in [
            "a\nissuers: x\nb",
            "a\r\nissuers: x\r\nb",
            "a\rissuers: x\rb",
            "\rissuers: x\n",
        ] {
            let shown = problem_on(text, 2, 1).snippet;
            assert_eq!(shown.as_deref(), Some("issuers: x"), "{text:?}");
        }
        assert_eq!(lines("a\r\r\n\nb").collect::<Vec<_>>(), ["a", "", "", "b"]);
    }

    #[test]
    fn json_has_the_members_of_the_contract() {
        let json = to_json(&[problem_on("x", 1, 1)]);
        let members: Vec<&str> = json["problems"][0]
            .as_object()
            .unwrap()
            .keys()
            .map(String::as_str)
            .collect();
        for member in [
            "file", "line", "column", "path", "message", "hint", "severity",
        ] {
            assert!(members.contains(&member), "{member}");
        }
        assert_eq!(members.len(), 7);
    }

    #[test]
    fn a_line_that_may_hold_a_secret_is_not_shown() {
        for line in [
            "client_secret: hunter2",
            "jwks: {keys: [{kty: oct, k: AAAA}]}",
            "{\"kty\":\"oct\",\"k\":\"AAAA\"}",
            "jwks: {keys: [{kty: oct,k : AAAA}]}",
            "k: AAAA",
            "password: x",
            "upstream: {url: 'https://user:hunter2@app:8443'}",
            "proxy: http://user:hunter2@egress:3128/",
            "secret_env: hunter2",
            "keys: {secret_file: aHVudGVyMg}",
        ] {
            assert_eq!(problem_on(line, 1, 1).snippet, None, "{line}");
        }
        for line in [
            "secret_file: /run/x",
            "{secret_env: JOBS_SECRET}",
            "secret_encoding: hex",
            "upstream: http://app:3000/@x",
        ] {
            assert!(problem_on(line, 1, 1).snippet.is_some(), "{line}");
        }
    }

    #[test]
    fn nothing_in_a_snippet_or_message_steers_a_terminal() {
        let problem = problem_on("a: \u{1b}[31mred\u{202e}", 1, 1);
        assert!(!problem.snippet.unwrap().contains('\u{1b}'));
        assert!(!shown("a\u{1b}[2J\u{202e}\n").contains(['\u{1b}', '\u{202e}', '\n']));
        assert!(shown(&"x".repeat(500)).len() < 100);
    }
}
