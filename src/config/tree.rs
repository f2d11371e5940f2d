//! YAML as a tree that remembers where everything stands and how scalars were written.
//!
//! It is made from the parser's events, because deserializing loses what is needed here: `1.0` would be a number, quoted or not
//! would be the same, and anchors and tags would be resolved without a word. What makes one text mean two things to two readers
//! (anchors, aliases, merge keys, tags, several documents) is refused.

use serde_yaml::granit_parser::{Event, Parser, ScalarStyle, ScanError, Span, StrInput};

use super::problem::{Mistake, lines};

/// Deepest nesting of lists and mappings; the configuration itself has eight.
pub(super) const MAX_DEPTH: usize = 32;
/// Most values in a file: many times the largest sensible one.
pub(super) const MAX_NODES: usize = 100_000;

/// Line and column, both from 1, columns in characters. 0 is the file as a whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Position {
    pub line: usize,
    pub column: usize,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Node {
    pub at: Position,
    pub value: Value,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Scalar(Scalar),
    Sequence(Vec<Node>),
    /// In the order of the file, duplicates included: the decoder reports those.
    Mapping(Vec<Entry>),
    /// A problem of this value was reported already.
    Broken,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Scalar {
    pub text: String,
    /// Not quoted and no block: the core schema gives it a type where one is asked for.
    pub plain: bool,
    /// What the file says when `text` came from the environment. Messages show this and never the value.
    pub written: Option<String>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Entry {
    pub name: String,
    pub name_at: Position,
    pub value: Node,
}

/// A mistake in the YAML itself.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Fault {
    pub at: Position,
    pub mistake: Mistake,
}

impl Scalar {
    /// `~`, `null`, or nothing at all.
    pub fn is_null(&self) -> bool {
        self.plain
            && self.written.is_none()
            && matches!(self.text.as_str(), "" | "~" | "null" | "Null" | "NULL")
    }

    /// What a message may show of it.
    pub fn shown(&self) -> String {
        super::problem::shown(self.written.as_deref().unwrap_or(&self.text))
    }
}

impl Node {
    pub fn is_null(&self) -> bool {
        matches!(&self.value, Value::Scalar(scalar) if scalar.is_null())
    }
}

/// Reads one document. `None` is an empty file. Faults that leave a tree are reported beside it.
pub(super) fn read(text: &str) -> (Option<Node>, Vec<Fault>) {
    let mut options = serde_yaml::granit_parser::options! {
        disallow_directives: true,
        // An alias without an anchor is the same mistake as one with it.
        emit_unresolved_aliases: true,
        block_nesting_limit: MAX_DEPTH,
        flow_nesting_limit: MAX_DEPTH,
    };
    options.set_emit_comments(false);
    let mut reader = Reader {
        parser: Parser::new_from_str_with_options(text, options),
        faults: Vec::new(),
        nodes: 0,
    };
    match reader.document() {
        Ok(node) => (node, reader.faults),
        Err(mut fault) => {
            let line = lines(text).nth(fault.at.line.saturating_sub(1));
            if line.is_some_and(|line| line.contains("${")) {
                fault.mistake = fault
                    .mistake
                    .hint("inside `{...}` and `[...]` a variable must be quoted: `\"${NAME}\"`");
            }
            reader.faults.push(fault);
            (None, reader.faults)
        }
    }
}

struct Reader<'t> {
    parser: Parser<'t, StrInput<'t>>,
    faults: Vec<Fault>,
    nodes: usize,
}

impl<'t> Reader<'t> {
    fn document(&mut self) -> Result<Option<Node>, Fault> {
        let mut root = None;
        let mut documents = 0_usize;
        while let Some((event, span)) = self.next()? {
            match event {
                Event::StreamStart | Event::DocumentEnd => {}
                Event::StreamEnd => break,
                Event::DocumentStart(..) => {
                    documents += 1;
                    if documents > 1 {
                        return Err(Fault {
                            at: start(&span),
                            mistake: Mistake::new("a second YAML document begins here")
                                .hint("one file holds one configuration: take `---` away"),
                        });
                    }
                }
                event => root = Some(self.node(event, &span, 0)?),
            }
        }
        Ok(root)
    }

    fn next(&mut self) -> Result<Option<(Event<'t>, Span)>, Fault> {
        self.parser.next().transpose().map_err(syntax)
    }

    /// The event after which a collection goes on; the parser does not end inside one without an error.
    fn inside(&mut self) -> Result<(Event<'t>, Span), Fault> {
        self.next()?.ok_or_else(|| Fault {
            at: Position::default(),
            mistake: Mistake::new("not valid YAML: the file ends too early")
                .hint("close what is open"),
        })
    }

    fn node(&mut self, event: Event<'t>, span: &Span, depth: usize) -> Result<Node, Fault> {
        let at = start(span);
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            return Err(Fault {
                at,
                mistake: Mistake::new(format!("the file has more than {MAX_NODES} values"))
                    .hint("is this the right file?"),
            });
        }
        if depth > MAX_DEPTH {
            return Err(Fault {
                at,
                mistake: Mistake::new(format!(
                    "lists and mappings are nested deeper than {MAX_DEPTH} levels"
                ))
                .hint("is this the right file?"),
            });
        }
        let value = match event {
            Event::Scalar(text, style, anchor, tag) => {
                self.refuse_properties(at, anchor, tag.is_some());
                let nothing = span.start.index() == span.end.index();
                let plain = style == ScalarStyle::Plain;
                Value::Scalar(Scalar {
                    // The parser writes `~` where nothing is written.
                    text: if plain && nothing {
                        String::new()
                    } else {
                        text.into_owned()
                    },
                    plain,
                    written: None,
                })
            }
            Event::SequenceStart(_, anchor, tag) => {
                self.refuse_properties(at, anchor, tag.is_some());
                self.sequence(depth)?
            }
            Event::MappingStart(_, anchor, tag) => {
                self.refuse_properties(at, anchor, tag.is_some());
                self.mapping(depth)?
            }
            Event::Alias(_) | Event::UnresolvedAlias(_) => {
                self.fault(
                    at,
                    Mistake::new("YAML aliases (`*name`) are not supported")
                        .hint("write the value out, or quote a text that begins with `*`"),
                );
                Value::Broken
            }
            _ => Value::Broken,
        };
        Ok(Node { at, value })
    }

    fn sequence(&mut self, depth: usize) -> Result<Value, Fault> {
        let mut items = Vec::new();
        loop {
            let (event, span) = self.inside()?;
            if matches!(event, Event::SequenceEnd) {
                return Ok(Value::Sequence(items));
            }
            items.push(self.node(event, &span, depth + 1)?);
        }
    }

    fn mapping(&mut self, depth: usize) -> Result<Value, Fault> {
        let mut entries = Vec::new();
        loop {
            let (event, span) = self.inside()?;
            if matches!(event, Event::MappingEnd) {
                return Ok(Value::Mapping(entries));
            }
            let key = self.node(event, &span, depth + 1)?;
            let (event, span) = self.inside()?;
            let value = self.node(event, &span, depth + 1)?;
            match key.value {
                Value::Scalar(name) if name.plain && name.text == "<<" => self.fault(
                    key.at,
                    Mistake::new("YAML merge keys (`<<`) are not supported")
                        .hint("write the values out"),
                ),
                Value::Scalar(name) => entries.push(Entry {
                    name: name.text,
                    name_at: key.at,
                    value,
                }),
                Value::Broken => {}
                Value::Sequence(_) | Value::Mapping(_) => self.fault(
                    key.at,
                    Mistake::new("a key must be a name, not a list or a mapping")
                        .hint("quote a text that begins with `[` or `{`"),
                ),
            }
        }
    }

    fn refuse_properties(&mut self, at: Position, anchor: usize, tagged: bool) {
        if anchor != 0 {
            self.fault(
                at,
                Mistake::new("YAML anchors (`&name`) are not supported")
                    .hint("write the value out where it is used"),
            );
        }
        if tagged {
            self.fault(
                at,
                Mistake::new("YAML tags (`!name`) are not supported")
                    .hint("quote a text that begins with `!`"),
            );
        }
    }

    fn fault(&mut self, at: Position, mistake: Mistake) {
        self.faults.push(Fault { at, mistake });
    }
}

fn start(span: &Span) -> Position {
    Position {
        line: span.start.line(),
        column: span.start.col() + 1,
    }
}

fn syntax(error: ScanError) -> Fault {
    let info = error.info();
    let mut mistake = Mistake::new(format!("not valid YAML: {info}"));
    if info.contains("tab") {
        mistake = mistake.hint("indent with spaces");
    } else if info.contains("mapping values") || info.contains("':'") {
        mistake = mistake.hint("a value that holds `: ` must be quoted; check the indentation");
    } else {
        mistake =
            mistake.hint("look at the indentation, the brackets and the quotes before this place");
    }
    Fault {
        at: Position {
            line: error.marker().line(),
            column: error.marker().col() + 1,
        },
        mistake,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root(text: &str) -> Node {
        let (node, faults) = read(text);
        assert_eq!(faults, []);
        node.unwrap()
    }

    fn fault(text: &str) -> Fault {
        let (_, faults) = read(text);
        assert!(!faults.is_empty(), "{text}");
        faults.into_iter().next().unwrap()
    }

    fn entries(node: &Node) -> &[Entry] {
        match &node.value {
            Value::Mapping(entries) => entries,
            other => panic!("{other:?}"),
        }
    }

    fn scalar(node: &Node) -> &Scalar {
        match &node.value {
            Value::Scalar(scalar) => scalar,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn scalars_keep_their_text_style_and_place() {
        let node = root("a: 1.0\n\"b\": '1.0'\nc:\n  - 0x10\nd: |\n  two\n  lines\n");
        let entries = entries(&node);
        assert_eq!(scalar(&entries[0].value).text, "1.0");
        assert!(scalar(&entries[0].value).plain);
        assert_eq!(entries[0].value.at, Position { line: 1, column: 4 });
        assert_eq!(entries[1].name, "b");
        assert!(!scalar(&entries[1].value).plain);
        let Value::Sequence(items) = &entries[2].value.value else {
            panic!()
        };
        assert_eq!(items[0].at, Position { line: 4, column: 5 });
        assert_eq!(scalar(&items[0]).text, "0x10");
        assert_eq!(scalar(&entries[3].value).text, "two\nlines\n");
    }

    #[test]
    fn columns_count_characters() {
        let node = root("{\"ä\u{1f511}\": x, b: y}");
        assert_eq!(
            entries(&node)[1].name_at,
            Position {
                line: 1,
                column: 11
            }
        );
    }

    #[test]
    fn absent_values_are_null_and_quoted_ones_are_not() {
        let node = root("a:\nb: ~\nc: null\nd: ''\ne: 'null'\n");
        let nulls: Vec<bool> = entries(&node).iter().map(|e| e.value.is_null()).collect();
        assert_eq!(nulls, [true, true, true, false, false]);
    }

    #[test]
    fn what_has_two_meanings_is_refused_where_it_stands() {
        for (text, line, word) in [
            ("a: &x 1\nb: 2\n", 1, "anchors"),
            ("a: 1\nb: *x\n", 2, "aliases"),
            ("a: {b: 1}\n<<: {c: 1}\n", 2, "merge"),
            ("a: 1\nb: !!str 1\n", 2, "tags"),
            ("a: 1\n---\nb: 1\n", 2, "second YAML document"),
            ("? [a, b]\n: 1\n", 1, "a key must be a name"),
            ("%YAML 1.2\n---\na: 1\n", 1, "not valid YAML"),
        ] {
            let fault = fault(text);
            assert_eq!(fault.at.line, line, "{text}");
            assert!(fault.mistake.message.contains(word), "{fault:?}");
        }
    }

    #[test]
    fn broken_yaml_is_one_fault_with_its_line() {
        for (text, line) in [
            ("a: 1\nb: [1, 2\n", 2),
            ("a: 1\n  b: 2\n", 2),
            ("a: \"x\n", 2),
            ("a: b: c\n", 1),
        ] {
            let (node, faults) = read(text);
            assert!(node.is_none(), "{text}");
            assert_eq!(faults.len(), 1, "{text}");
            assert_eq!(faults[0].at.line, line, "{text}: {faults:?}");
        }
    }

    #[test]
    fn nothing_is_an_empty_file() {
        for text in ["", "\n\n", "# only a comment\n"] {
            assert_eq!(read(text), (None, vec![]), "{text:?}");
        }
        assert!(root("---\n").is_null());
    }

    #[test]
    fn depth_and_number_of_values_are_bounded() {
        let deep = format!("{}{}", "[".repeat(5000), "]".repeat(5000));
        assert!(read(&deep).0.is_none());
        let block: String = (0..200).map(|i| format!("{}a:\n", " ".repeat(i))).collect();
        assert!(read(&block).0.is_none());
        let wide = format!("[{}]", "a,".repeat(MAX_NODES + 1));
        assert!(fault(&wide).mistake.message.contains("more than"));
    }
}
