//! Request targets and routes. The law: what one lenient program or another makes of a target (decoded twice, backslashes for slashes,
//! parameters cut out, dots and runs of slashes collapsed) is on the route that the gate found. Where the operator allows an ambiguity, every
//! reading is on a route that needs a token and nothing else.

use http::Method;
use http::uri::PathAndQuery;

use super::Reached;
use super::input::Control;
use crate::jose::json::Json;
use crate::policy::{Access, Condition, Route, RouteConfig, RouteTable, Rule, StrictPaths};

/// A control line and a path. The places of the control line: 0 which routes, 1 what `strict_paths` allows, 2 the method.
pub fn path(input: &[u8]) -> Reached {
    let (control, target) = Control::split(input);
    let configured = control.choose(0, &TABLES)();
    let allow = control.number(1);
    let strict = StrictPaths {
        semicolon: allow & 1 == 1,
        encoded_slash: allow & 2 == 2,
        double_slash: allow & 4 == 4,
    };
    let method = control.choose(2, &["GET", "HEAD", "POST", "DELETE", "OPTIONS", "PURGE"]);
    let method = Method::from_bytes(method.as_bytes()).expect("a method");
    let table = RouteTable::new(configured.clone(), strict).expect("routes");
    let judge = Judge {
        configured: &configured,
        table: &table,
        strict,
        method: &method,
    };
    let mut reached = Reached::new();
    // As it comes out of a request, and text that no request can have.
    if let Ok(target) = PathAndQuery::try_from(target) {
        reached.push(judge.check(target.path()));
    }
    if let Ok(text) = std::str::from_utf8(target) {
        reached.push(judge.check(text));
    }
    reached
}

const TABLES: [fn() -> Vec<RouteConfig>; 4] = [
    || {
        vec![
            entry("/public/*", &[], PUBLIC),
            ruled("/admin/*", &[]),
            entry("/*", &[], Access::Required),
        ]
    },
    || {
        vec![
            entry("/healthz", &["GET"], PUBLIC),
            ruled("/api/v1/admin/*", &["POST", "DELETE"]),
            entry("/api/v1/admin/*", &["GET"], Access::Required),
            entry("/api/*", &[], Access::Required),
            entry("/", &[], Access::Optional),
        ]
    },
    || {
        vec![
            entry("/a/b", &[], Access::Required),
            entry("/a", &[], PUBLIC),
            ruled("/a/b/*", &[]),
            entry("/a%20b/*", &[], Access::Optional),
            entry("/*", &["GET", "OPTIONS"], PUBLIC),
        ]
    },
    || {
        vec![
            entry("/files/*", &[], Access::Required),
            entry("/*", &[], Access::Required),
        ]
    },
];

const PUBLIC: Access = Access::Public {
    pass_credentials: false,
};

fn entry(path: &str, methods: &[&str], access: Access) -> RouteConfig {
    RouteConfig {
        name: None,
        path: path.to_owned(),
        methods: methods.iter().map(|method| (*method).to_owned()).collect(),
        access,
        require: Vec::new(),
        cors_preflight: false,
    }
}

fn ruled(path: &str, methods: &[&str]) -> RouteConfig {
    let rule = Rule {
        claim: vec!["roles".to_owned()],
        condition: Condition::Equals(Json::String("admin".into())),
    };
    RouteConfig {
        require: vec![rule],
        ..entry(path, methods, Access::Required)
    }
}

struct Judge<'p> {
    configured: &'p [RouteConfig],
    table: &'p RouteTable,
    strict: StrictPaths,
    method: &'p Method,
}

impl Judge<'_> {
    fn check(&self, path: &str) -> &'static str {
        let route = match self.table.find(self.method, path) {
            Ok(route) => route,
            Err(rejection) => {
                assert!([400, 403].contains(&rejection.status()));
                assert!(!rejection.client_detail().is_empty());
                return rejection.reason().name();
            }
        };
        let mut label = "route";
        for reading in readings(path) {
            let other = self.naive_look_up(&reading);
            if other == Some(route.index()) {
                continue;
            }
            assert!(
                self.strict != StrictPaths::default(),
                "{path:?} is on {:?}, {reading:?} is not",
                route.name()
            );
            let safe = |index: usize| {
                let entry = &self.configured[index];
                entry.access == Access::Required && entry.require.is_empty()
            };
            assert!(
                safe(route.index()) && other.is_some_and(safe),
                "{path:?} is on {:?}, {reading:?} on {other:?}",
                route.name()
            );
            label = "another reading";
        }
        // The answer is the same however often it is asked, and permits come only with what the route wants.
        assert_eq!(
            self.table.find(self.method, path).map(Route::index).ok(),
            Some(route.index())
        );
        assert_eq!(
            route.admit(None).is_err(),
            route.access() == Access::Required
        );
        label
    }

    /// The first entry in the file whose path is this one decides, whatever its methods are; of the entries of that path, the first with the
    /// method.
    fn naive_look_up(&self, path: &[u8]) -> Option<usize> {
        let covers = |entry: &RouteConfig| match entry.path.strip_suffix("/*") {
            None => decoded(entry.path.as_bytes()) == path,
            Some(prefix) => {
                let prefix = decoded(prefix.as_bytes());
                let below = path.strip_prefix(&*prefix);
                below.is_some_and(|rest| rest.is_empty() || rest[0] == b'/')
            }
        };
        let takes = |entry: &RouteConfig| {
            let is = |own: &String| {
                own == self.method.as_str() || (own == "GET" && self.method == Method::HEAD)
            };
            entry.methods.is_empty() || entry.methods.iter().any(is)
        };
        let first = self.configured.iter().find(|entry| covers(entry))?;
        self.configured
            .iter()
            .position(|entry| entry.path == first.path && takes(entry))
    }
}

/// Every combination of what programs are known to do to a path, the modest reading (decoded once) first.
fn readings(path: &str) -> Vec<Vec<u8>> {
    let mut all: Vec<Vec<u8>> = Vec::new();
    for habits in 0_u8..64 {
        let has = |habit: u8| habits >> habit & 1 == 1;
        let mut text = path.as_bytes().to_vec();
        let rounds = if has(0) { 2 } else { 1 };
        for _ in 0..rounds {
            if has(5) {
                // Before decoding: only what stands there raw.
                text = without_dots(&text);
            }
            text = decoded(&text);
            if has(1) {
                text.iter_mut()
                    .filter(|b| **b == b'\\')
                    .for_each(|b| *b = b'/');
            }
            if has(2) {
                text = without_parameters(&text);
            }
            if has(3) {
                text.dedup_by(|next, previous| *next == b'/' && *previous == b'/');
            }
            if has(4) {
                text = without_dots(&text);
            }
        }
        if !all.contains(&text) {
            all.push(text);
        }
    }
    // A program in C sees the end of a text at a zero byte.
    let cut: Vec<Vec<u8>> = all
        .iter()
        .filter_map(|text| Some(text[..text.iter().position(|byte| *byte == 0)?].to_vec()))
        .collect();
    all.extend(cut);
    all
}

fn decoded(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut at = 0;
    while at < text.len() {
        let escape = text.get(at + 1..at + 3).filter(|_| text[at] == b'%');
        let digits = escape.filter(|digits| digits.iter().all(u8::is_ascii_hexdigit));
        match digits.and_then(|digits| std::str::from_utf8(digits).ok()) {
            Some(digits) => {
                out.push(u8::from_str_radix(digits, 16).expect("two digits"));
                at += 3;
            }
            None => {
                out.push(text[at]);
                at += 1;
            }
        }
    }
    out
}

fn without_parameters(text: &[u8]) -> Vec<u8> {
    let segments = text.split(|byte| *byte == b'/');
    let cut = segments.map(|segment| segment.split(|byte| *byte == b';').next().unwrap());
    cut.collect::<Vec<_>>().join(&b'/')
}

/// RFC 3986 §5.2.4, near enough.
fn without_dots(text: &[u8]) -> Vec<u8> {
    let mut kept: Vec<&[u8]> = Vec::new();
    let segments: Vec<&[u8]> = text.split(|byte| *byte == b'/').collect();
    for (position, segment) in segments.iter().enumerate() {
        let is_last = position + 1 == segments.len();
        match *segment {
            b"." | b".." => {
                if *segment == b".." && kept.len() > 1 {
                    kept.pop();
                }
                if is_last {
                    kept.push(b"");
                }
            }
            other => kept.push(other),
        }
    }
    kept.join(&b'/')
}
