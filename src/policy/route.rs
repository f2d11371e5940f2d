//! The table of routes: the first entry whose path matches decides; nothing matches, nothing passes.

use std::sync::Arc;

use http::Method;

use super::index::Index;
use super::path::{self, Target};
use super::pattern::Pattern;
use super::readings;
use super::{Rule, StrictPaths};
use crate::verify::{Rejection, VerifiedToken};

/// `access` of a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// No token is asked for; one that is there is not judged. `pass_credentials`: the application checks its own bearer tokens here.
    Public {
        pass_credentials: bool,
    },
    /// A token may be missing, a bad one is refused.
    Optional,
    Required,
}

/// One entry of `routes:`.
#[derive(Clone, Debug, PartialEq)]
pub struct RouteConfig {
    /// Default: the path.
    pub name: Option<String>,
    /// `/admin`, or `/admin/*`.
    pub path: String,
    /// Empty: every method.
    pub methods: Vec<String>,
    pub access: Access,
    pub require: Vec<Rule>,
    /// CORS preflights reach the application.
    pub cors_preflight: bool,
}

/// One entry of the table. Entries of one path are routes of their own: they may differ in name, access and rules.
#[derive(Clone, Debug)]
pub struct Route {
    name: Arc<str>,
    index: usize,
    /// Empty: every method.
    methods: Vec<String>,
    access: Access,
    require: Vec<Rule>,
    cors_preflight: bool,
}

/// Immutable. A path's entries stand together, where the first of them stood.
#[derive(Clone, Debug)]
pub struct RouteTable {
    routes: Vec<Route>,
    paths: Vec<PathEntries>,
    /// Positions of `paths`.
    index: Index,
    /// None: there is nothing to confuse, every target is on the one route.
    strict: Option<StrictPaths>,
}

#[derive(Clone, Debug)]
struct PathEntries {
    pattern: Pattern,
    /// Indices of routes.
    entries: Vec<usize>,
}

/// The proof that a route lets this request through. Only [`Route::admit`] and [`Route::admit_preflight`] make one.
pub struct Permit<'t> {
    token: Option<&'t VerifiedToken>,
}

impl<'t> Permit<'t> {
    /// The identity that may be written; none on a public route, or an optional one without a token.
    pub fn token(&self) -> Option<&'t VerifiedToken> {
        self.token
    }
}

impl Route {
    /// The name of [`RouteTable::everything_needs_a_token`]'s route.
    pub const DEFAULT_NAME: &'static str = "default";

    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// Position among the distinct routes, for metrics resolved once.
    pub fn index(&self) -> usize {
        self.index
    }

    pub fn access(&self) -> Access {
        self.access
    }

    /// Required without a token: `MissingToken`. A rule that does not hold: `RuleNotMet`. On a public route `token` is ignored.
    pub fn admit<'t>(&self, token: Option<&'t VerifiedToken>) -> Result<Permit<'t>, Rejection> {
        let token = match (self.access, token) {
            (Access::Public { .. }, _) | (Access::Optional, None) => {
                return Ok(Permit { token: None });
            }
            (Access::Required, None) => return Err(Rejection::MissingToken),
            (Access::Optional | Access::Required, Some(token)) => token,
        };
        match self.require.iter().find(|rule| !rule.holds(token.claims())) {
            Some(rule) => Err(Rejection::RuleNotMet {
                rule: rule.describe(),
            }),
            None => Ok(Permit { token: Some(token) }),
        }
    }

    pub fn passes_preflight(&self) -> bool {
        self.cors_preflight
    }

    /// For a CORS preflight, which nobody has a token for. Where the route does not let it through: `MissingToken`.
    pub fn admit_preflight(&self) -> Result<Permit<'static>, Rejection> {
        match self.cors_preflight {
            true => Ok(Permit { token: None }),
            false => Err(Rejection::MissingToken),
        }
    }

    /// GET covers HEAD (RFC 9110 §9.3.2: the same, without the content).
    fn covers(&self, method: &str) -> bool {
        self.methods.is_empty()
            || self
                .methods
                .iter()
                .any(|own| own == method || (own == "GET" && method == "HEAD"))
    }

    /// The only kind of route on which an allowed ambiguity cannot win anything: a token is needed and no claim decides.
    fn needs_a_token_and_nothing_else(&self) -> bool {
        self.access == Access::Required && self.require.is_empty() && !self.cors_preflight
    }
}

impl RouteTable {
    /// The default, `routes:` absent: one route named `default` that needs a token, any path (no strict paths).
    pub fn everything_needs_a_token() -> Self {
        Self {
            routes: vec![Route {
                name: Arc::from(Route::DEFAULT_NAME),
                index: 0,
                methods: Vec::new(),
                access: Access::Required,
                require: Vec::new(),
                cors_preflight: false,
            }],
            paths: Vec::new(),
            index: Index::default(),
            strict: None,
        }
    }

    /// All problems of all entries, each with the index of its entry.
    pub fn new(
        routes: Vec<RouteConfig>,
        strict: StrictPaths,
    ) -> Result<Self, Vec<(usize, String)>> {
        let mut table = Self {
            routes: Vec::with_capacity(routes.len()),
            paths: Vec::new(),
            index: Index::default(),
            strict: Some(strict),
        };
        let mut problems = Vec::new();
        for (index, config) in routes.into_iter().enumerate() {
            let pattern = Pattern::parse(&config.path);
            problems.extend(
                pattern
                    .as_ref()
                    .err()
                    .cloned()
                    .into_iter()
                    .chain(config.problems())
                    .map(|problem| (index, problem)),
            );
            if let Ok(pattern) = pattern {
                table.add(pattern, index, config);
            }
        }
        if problems.is_empty() {
            Ok(table)
        } else {
            Err(problems)
        }
    }

    /// Every distinct route, by `index`.
    pub fn routes(&self) -> &[Route] {
        &self.routes
    }

    /// Entries that can never match, with the index of the one that hides them: for `check`.
    pub fn unreachable(&self) -> Vec<(usize, usize)> {
        let mut hidden = Vec::new();
        for (position, path) in self.paths.iter().enumerate() {
            // The first matching path decides whatever its methods are, so an earlier wider one hides all of these.
            let wider = self
                .paths
                .iter()
                .take(position)
                .find(|earlier| earlier.pattern.includes(&path.pattern))
                .and_then(|earlier| earlier.entries.first());
            for (place, entry) in path.entries.iter().enumerate() {
                let earlier = path.entries.iter().take(place);
                if let Some(by) = wider.or_else(|| self.taken_by(*entry, earlier.copied())) {
                    hidden.push((*entry, *by));
                }
            }
        }
        hidden.sort_unstable();
        hidden
    }

    /// The route of a request. GET covers HEAD. Ambiguous target: 400; method in none of the entries of the path: `NoRoute` with the
    /// methods; no route: `NoRoute`. `*` (RFC 9112 §3.2.4) is no path, so it is on no configured route.
    pub fn find(&self, method: &Method, path: &str) -> Result<&Route, Rejection> {
        let Some(strict) = self.strict else {
            return self.routes.first().ok_or_else(no_route);
        };
        if path == "*" {
            return Err(no_route());
        }
        match path::judge(path, strict) {
            Ok(Target::Plain) => self.lookup(method, &readings::canonical(path)),
            Ok(Target::Allowed) => self.lookup_every_reading(method, path),
            Err(ambiguity) => Err(Rejection::BadRequest {
                status: 400,
                why: format!("ambiguous path: it has {}", ambiguity.describe()),
            }),
        }
    }

    fn lookup(&self, method: &Method, canonical: &[u8]) -> Result<&Route, Rejection> {
        let path = self
            .index
            .first(canonical)
            .and_then(|first| self.paths.get(first))
            .ok_or_else(no_route)?;
        self.entries(path)
            .find(|route| route.covers(method.as_str()))
            .ok_or_else(|| self.other_methods(path))
    }

    /// Nobody knows which reading the application picks: an allowed ambiguity passes only where each of them needs a token and nothing else.
    fn lookup_every_reading(&self, method: &Method, path: &str) -> Result<&Route, Rejection> {
        let mut literal = None;
        for reading in readings::readings(path) {
            match self.lookup(method, &reading) {
                Ok(route) if route.needs_a_token_and_nothing_else() => {
                    literal.get_or_insert(route);
                }
                Ok(_) | Err(_) => {
                    return Err(Rejection::BadRequest {
                        status: 400,
                        why: "ambiguous path: programs could read it as another one".to_owned(),
                    });
                }
            }
        }
        literal.ok_or_else(no_route)
    }

    fn other_methods(&self, path: &PathEntries) -> Rejection {
        let mut methods: Vec<String> = Vec::new();
        for method in self.entries(path).flat_map(|route| &route.methods) {
            if !methods.contains(method) {
                methods.push(method.clone());
            }
        }
        Rejection::NoRoute { methods }
    }

    fn entries<'r>(&'r self, path: &'r PathEntries) -> impl Iterator<Item = &'r Route> {
        path.entries
            .iter()
            .filter_map(|index| self.routes.get(*index))
    }

    fn add(&mut self, pattern: Pattern, index: usize, config: RouteConfig) {
        let name = config.name.unwrap_or(config.path);
        let entry = self.routes.len();
        self.routes.push(Route {
            name: Arc::from(name),
            index,
            methods: config.methods,
            access: config.access,
            require: config.require,
            cors_preflight: config.cors_preflight,
        });
        let position = self.index.position(&pattern, self.paths.len());
        match self.paths.get_mut(position) {
            Some(path) => path.entries.push(entry),
            None => self.paths.push(PathEntries {
                pattern,
                entries: vec![entry],
            }),
        }
    }

    /// The entry that completes what takes all methods of `entry` away from it.
    fn taken_by(
        &self,
        entry: usize,
        earlier: impl Iterator<Item = usize> + Clone,
    ) -> Option<&usize> {
        let methods = &self.routes.get(entry)?.methods;
        let takers = earlier.filter_map(|index| self.routes.get(index));
        if methods.is_empty() {
            return takers
                .clone()
                .find(|route| route.methods.is_empty())
                .map(|route| &route.index);
        }
        let mut last = None;
        for method in methods {
            let taker = takers.clone().find(|route| route.covers(method))?;
            last = last.max(Some(&taker.index));
        }
        last
    }
}

impl RouteConfig {
    fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if self.name.as_ref().is_some_and(String::is_empty) {
            problems.push("the name is empty".to_owned());
        }
        for method in &self.methods {
            if Method::from_bytes(method.as_bytes()).is_err() {
                problems.push(format!("`{method}` is not a method"));
            } else if method.bytes().any(|byte| byte.is_ascii_lowercase()) {
                problems.push(format!(
                    "methods are case-sensitive: `{method}` is not `{}`",
                    method.to_ascii_uppercase()
                ));
            }
        }
        if self.access != Access::Required && !self.require.is_empty() {
            problems.push(
                "`require` needs a token: it cannot stand with access `public` or `optional`"
                    .to_owned(),
            );
        }
        problems.extend(
            self.require
                .iter()
                .filter_map(Rule::problem)
                .map(str::to_owned),
        );
        problems
    }
}

fn no_route() -> Rejection {
    Rejection::NoRoute {
        methods: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Condition;
    use super::*;
    use crate::jose::json::Json;
    use crate::provider::{ClaimNames, Findings};
    use crate::verify::testing::proven;
    use proptest::prelude::*;

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
    fn guarded(path: &str, methods: &[&str]) -> RouteConfig {
        RouteConfig {
            require: vec![admin()],
            ..entry(path, methods, Access::Required)
        }
    }
    fn admin() -> Rule {
        Rule {
            claim: vec!["roles".to_owned()],
            condition: Condition::AnyOf(vec![Json::String("admin".into())]),
        }
    }
    fn table(routes: Vec<RouteConfig>) -> RouteTable {
        RouteTable::new(routes, StrictPaths::default()).unwrap()
    }
    fn index(table: &RouteTable, path: &str) -> Option<usize> {
        table.find(&Method::GET, path).ok().map(Route::index)
    }
    fn refused_as_ambiguous(table: &RouteTable, path: &str) -> bool {
        matches!(
            table.find(&Method::GET, path),
            Err(Rejection::BadRequest { status: 400, .. })
        )
    }
    fn public_and_admin() -> RouteTable {
        table(vec![
            entry("/public/*", &[], PUBLIC),
            guarded("/admin/*", &[]),
            entry("/*", &[], Access::Required),
        ])
    }

    #[test]
    fn the_first_entry_whose_path_matches_decides() {
        let table = public_and_admin();
        assert_eq!(index(&table, "/public"), Some(0));
        assert_eq!(index(&table, "/public/x/y"), Some(0));
        assert_eq!(index(&table, "/admin/"), Some(1));
        assert_eq!(index(&table, "/"), Some(2));
        assert_eq!(index(&table, "/x"), Some(2));
    }

    #[test]
    fn a_wildcard_covers_whole_segments() {
        let table = table(vec![entry("/admin/*", &[], Access::Required)]);
        for path in ["/admin", "/admin/", "/admin/x", "/admin/x/y"] {
            assert_eq!(index(&table, path), Some(0), "{path}");
        }
        for path in [
            "/administrator",
            "/admi",
            "/x/admin",
            "/",
            "/Admin",
            "/admin.",
        ] {
            assert_eq!(index(&table, path), None, "{path}");
        }
    }

    #[test]
    fn an_exact_path_is_exact() {
        let table = table(vec![entry("/healthz", &[], PUBLIC)]);
        assert_eq!(index(&table, "/healthz"), Some(0));
        for path in ["/healthz/", "/healthz/x", "/healthzx", "/healthz%20"] {
            assert_eq!(index(&table, path), None, "{path}");
        }
    }

    #[test]
    fn escapes_of_plain_letters_do_not_escape_a_rule() {
        let table = public_and_admin();
        assert_eq!(index(&table, "/%61dmin/x"), Some(1));
        assert_eq!(index(&table, "/admi%6E"), Some(1));
        let table = super::RouteTable::new(
            vec![entry("/caf%C3%A9", &[], PUBLIC)],
            StrictPaths::default(),
        )
        .unwrap();
        assert_eq!(index(&table, "/caf%c3%a9"), Some(0));
    }

    #[test]
    fn no_route_without_a_match() {
        let table = table(vec![entry("/a", &[], PUBLIC)]);
        assert_eq!(table.find(&Method::GET, "/b").unwrap_err(), no_route());
        assert_eq!(table.find(&Method::OPTIONS, "*").unwrap_err(), no_route());
        let none = RouteTable::new(Vec::new(), StrictPaths::default()).unwrap();
        assert_eq!(none.find(&Method::GET, "/").unwrap_err(), no_route());
    }

    #[test]
    fn p01_only_the_path_decides() {
        let table = public_and_admin();
        assert!(refused_as_ambiguous(&table, "/admin#/public/"));
        assert_eq!(index(&table, "/admin%23/public/"), Some(2));
    }

    #[test]
    fn p02_p03_p04_p05_confusing_targets_of_a_public_route_are_refused() {
        let table = public_and_admin();
        for path in [
            "/public/../admin",
            "/public/%2e%2e/admin",
            "/public/.%2e/admin",
            "/public/%2e%2e%2fadmin",
            "/public%2f..%2fadmin",
            "/public/..%5cadmin",
            "/public\\..\\admin",
            "/public/%252e%252e/admin",
            "//public/",
            "/public//../admin",
            "/public/..;/admin",
            "/public;x/admin",
            "/..;a=b/admin",
            "/public/%00",
            "/public/é",
            "/public/%c0%ae%c0%ae/admin",
        ] {
            assert!(refused_as_ambiguous(&table, path), "{path}");
        }
    }

    #[test]
    fn b04_no_cookbook_target_is_public() {
        let table = public_and_admin();
        for path in [
            "/public/..;/admin",
            "/public/%2e%2e/admin",
            "/admin?x=/public/",
            "/admin%23/public/",
        ] {
            let answer = table.find(&Method::GET, path);
            assert!(
                answer.is_err() || answer.unwrap().admit(None).is_err(),
                "{path}"
            );
        }
    }

    #[test]
    fn cve_2026_33494_dot_segments_do_not_leave_a_public_prefix() {
        assert!(refused_as_ambiguous(
            &public_and_admin(),
            "/public/../admin/x"
        ));
    }

    #[test]
    fn cve_2021_29492_cve_2021_31920_encoded_separators_do_not_hide_a_guarded_path() {
        for path in [
            "/%2fadmin",
            "/x%2f..%2fadmin",
            "/x%5c..%5cadmin",
            "/%2561dmin",
        ] {
            assert!(refused_as_ambiguous(&public_and_admin(), path), "{path}");
        }
    }

    #[test]
    fn cve_2025_71399_empty_segments_do_not_hide_a_guarded_path() {
        for path in ["//admin", "/admin//x", "///"] {
            assert!(refused_as_ambiguous(&public_and_admin(), path), "{path}");
        }
    }

    #[test]
    fn cve_2026_73511_cve_2026_73551_path_parameters_do_not_hide_a_guarded_path() {
        for path in ["/admin;x/y", "/;/admin", "/public;/../admin"] {
            assert!(refused_as_ambiguous(&public_and_admin(), path), "{path}");
        }
    }

    #[test]
    fn p04_near_misses_of_a_public_path_are_not_public() {
        let table = public_and_admin();
        for path in ["/PUBLIC/", "/publicX", "/public.", "/public%20"] {
            assert_eq!(index(&table, path), Some(2), "{path}");
        }
    }

    #[test]
    fn p06_absolute_form_is_no_path() {
        assert!(refused_as_ambiguous(
            &public_and_admin(),
            "http://x/public/../admin"
        ));
    }

    #[test]
    fn p07_methods_are_exact_and_no_method_is_free() {
        let table = table(vec![
            entry("/a", &["GET"], PUBLIC),
            guarded("/a", &["POST"]),
            entry("/*", &[], PUBLIC),
        ]);
        let find = |method: &str, path| {
            table
                .find(&Method::from_bytes(method.as_bytes()).unwrap(), path)
                .map(Route::index)
        };
        assert_eq!(find("GET", "/a"), Ok(0));
        assert_eq!(find("HEAD", "/a"), Ok(0));
        assert_eq!(find("POST", "/a"), Ok(1));
        for method in ["OPTIONS", "TRACE", "DELETE", "get", "Post", "PATCH"] {
            assert_eq!(
                find(method, "/a"),
                Err(Rejection::NoRoute {
                    methods: vec!["GET".to_owned(), "POST".to_owned()]
                }),
                "{method}"
            );
        }
        assert_eq!(find("PROPFIND", "/b"), Ok(2));
    }

    #[test]
    fn entries_of_one_path_stand_together_even_apart() {
        let table = table(vec![
            entry("/a/*", &["GET"], Access::Required),
            entry("/*", &[], PUBLIC),
            entry("/a/*", &["POST"], Access::Required),
        ]);
        assert_eq!(
            table.find(&Method::POST, "/a/x").map(Route::index),
            Ok(2),
            "the path `/a/*` decides, not `/*`"
        );
        assert!(table.unreachable().is_empty());
    }

    #[test]
    fn p08_a_permit_depends_on_access_and_rules_alone() {
        let table = table(vec![
            entry("/p", &[], PUBLIC),
            entry("/o", &[], Access::Optional),
            guarded("/a", &[]),
        ]);
        let [public, optional, required] = table.routes() else {
            panic!("three routes");
        };
        let (admin, user) = (token("admin"), token("user"));
        let may = |route: &Route, token| route.admit(token).map(|permit| permit.token().is_some());
        assert_eq!(may(public, None), Ok(false));
        assert_eq!(may(public, Some(&user)), Ok(false), "a token is ignored");
        assert_eq!(may(optional, None), Ok(false));
        assert_eq!(may(optional, Some(&user)), Ok(true));
        assert_eq!(may(required, None), Err(Rejection::MissingToken));
        assert_eq!(may(required, Some(&admin)), Ok(true));
        assert_eq!(
            may(required, Some(&user)),
            Err(Rejection::RuleNotMet {
                rule: "claim `roles` any of `admin`".to_owned()
            })
        );
    }

    fn token(role: &str) -> VerifiedToken {
        let roles = Json::Array(Box::new([Json::String(role.into())]));
        proven(
            [("roles".into(), roles)].into_iter().collect(),
            ClaimNames::default(),
            Findings::default(),
        )
    }

    #[test]
    fn allowed_ambiguity_passes_only_where_every_reading_needs_a_token_and_no_rule() {
        let strict = StrictPaths {
            semicolon: true,
            encoded_slash: true,
            double_slash: true,
        };
        let table = RouteTable::new(
            vec![
                entry("/public/*", &[], PUBLIC),
                entry("/maybe/*", &[], Access::Optional),
                guarded("/admin/*", &[]),
                entry("/*", &[], Access::Required),
            ],
            strict,
        )
        .unwrap();
        for path in [
            "/app;v=1/x",
            "/a%2fb",
            "/a//b",
            "/app;jsessionid=1",
            "/x//y;z%2F",
        ] {
            assert_eq!(index(&table, path), Some(3), "{path}");
        }
        for path in [
            "/public;x/admin",
            "/public/a;b",
            "/maybe;x",
            "/admin;x/y",
            "/admin;x",
            "/admin%3bx",
            "//admin",
            "//admin/x",
            "/admin%2fx",
            "/%61dmin;x",
            "/;x/admin",
            "/x;y/..;/admin",
            "/admin;/x%2fy",
            "/%2fadmin",
            "/public%2f..%2fadmin",
        ] {
            assert!(refused_as_ambiguous(&table, path), "{path}");
        }
    }

    #[test]
    fn without_routes_everything_needs_a_token() {
        let table = RouteTable::everything_needs_a_token();
        for path in ["/", "/a//b", "/a;b", "*", "/%2e%2e/x"] {
            let route = table.find(&Method::DELETE, path).unwrap();
            assert_eq!(&**route.name(), "default");
            assert_eq!(route.access(), Access::Required);
            assert!(route.admit(None).is_err());
        }
        assert_eq!(table.routes().len(), 1);
        assert!(table.unreachable().is_empty());
    }

    #[test]
    fn every_problem_of_every_entry_is_reported() {
        let mut rule_on_public = guarded("/x", &[]);
        rule_on_public.access = PUBLIC;
        let mut empty_rule = guarded("/y", &[]);
        empty_rule.require = vec![Rule {
            claim: vec!["a".to_owned()],
            condition: Condition::AllOf(Vec::new()),
        }];
        let problems = RouteTable::new(
            vec![
                entry("admin", &[], PUBLIC),
                entry("/a*", &["get"], PUBLIC),
                entry("/a/../b", &["G T"], PUBLIC),
                entry("/fine/*", &["GET"], PUBLIC),
                rule_on_public,
                empty_rule,
                entry("/a//*", &[], PUBLIC),
                entry("//*", &[], PUBLIC),
                entry("", &[], PUBLIC),
                entry("*", &[], PUBLIC),
                entry("/*/x", &[], PUBLIC),
                entry("/a;b", &[], PUBLIC),
                entry("/a%2fb", &[], PUBLIC),
                entry("/a?b", &[], PUBLIC),
            ],
            StrictPaths {
                semicolon: true,
                encoded_slash: true,
                double_slash: true,
            },
        )
        .unwrap_err();
        let indices: Vec<_> = problems.iter().map(|(index, _)| *index).collect();
        assert_eq!(indices, [0, 1, 1, 2, 2, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13]);
    }

    #[test]
    fn unreachable_entries_are_found_with_what_hides_them() {
        let table = table(vec![
            entry("/a/*", &["GET"], PUBLIC),
            entry("/a/b", &[], PUBLIC), // hidden by 0, whatever the method
            entry("/a/*", &["HEAD"], PUBLIC), // GET covers HEAD
            entry("/a/*", &["POST"], PUBLIC),
            entry("/a/*", &["GET", "POST"], PUBLIC), // hidden by 0 and 3
            entry("/ab", &[], PUBLIC),
            entry("/a/*", &[], PUBLIC),
            entry("/a/*", &["PUT"], PUBLIC), // hidden by 6
            entry("/*", &[], PUBLIC),
            entry("/z/*", &[], PUBLIC), // hidden by 8
        ]);
        assert_eq!(
            table.unreachable(),
            [(1, 0), (2, 0), (4, 3), (7, 6), (9, 8)]
        );
    }

    #[test]
    fn names_default_to_the_path() {
        let mut named = entry("/a", &[], PUBLIC);
        named.name = Some("first".to_owned());
        let table = table(vec![named, entry("/b/*", &[], PUBLIC)]);
        let names: Vec<_> = table.routes().iter().map(|r| &**r.name()).collect();
        assert_eq!(names, ["first", "/b/*"]);
    }

    fn segments() -> impl Strategy<Value = String> {
        prop::collection::vec("[ab]", 0..4).prop_map(|parts| format!("/{}", parts.join("/")))
    }
    fn entry_of_any_path() -> impl Strategy<Value = RouteConfig> {
        let methods = prop::collection::vec(prop_oneof!["GET", "HEAD", "POST"], 0..3);
        (segments(), any::<bool>(), methods).prop_map(|(path, below, methods)| {
            let path = match (below, path.as_str()) {
                (false, _) => path,
                (true, "/") => "/*".to_owned(),
                (true, prefix) => format!("{prefix}/*"),
            };
            let methods: Vec<&str> = methods.iter().map(String::as_str).collect();
            entry(&path, &methods, PUBLIC)
        })
    }
    /// A few most of the time, and sometimes very many.
    fn entries() -> impl Strategy<Value = Vec<RouteConfig>> {
        prop_oneof![
            3 => prop::collection::vec(entry_of_any_path(), 0..6),
            1 => prop::collection::vec(entry_of_any_path(), 0..200),
        ]
    }
    /// The contract's sentence, word for word.
    fn model(entries: &[RouteConfig], method: &str, path: &str) -> Option<usize> {
        let matches = |entry: &RouteConfig| match entry.path.strip_suffix("/*") {
            Some(prefix) => path == prefix || path.starts_with(&format!("{prefix}/")),
            None => path == entry.path,
        };
        let decisive = &entries.iter().find(|entry| matches(entry))?.path;
        entries.iter().position(|entry| {
            let methods = &entry.methods;
            entry.path == *decisive
                && (methods.is_empty()
                    || methods.iter().any(|own| own == method)
                    || (method == "HEAD" && methods.iter().any(|own| own == "GET")))
        })
    }

    proptest! {
        #[test]
        fn the_table_decides_as_the_contract_says(
            entries in entries(), path in segments(), method in prop_oneof!["GET", "HEAD", "POST", "PUT"],
        ) {
            let table = table(entries.clone());
            let found = table.find(&Method::from_bytes(method.as_bytes()).unwrap(), &path).ok();
            let found = found.map(Route::index);
            prop_assert_eq!(found, model(&entries, &method, &path));
            let hidden = table.unreachable();
            prop_assert!(hidden.iter().all(|(entry, by)| by != entry && Some(*entry) != found));
        }
    }
}
