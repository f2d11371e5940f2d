//! CORS preflights, where a route lets them through (threat P7). A preflight asks on behalf of another method.

use http::Method;

use super::{Route, RouteTable};
use crate::verify::Rejection;

impl RouteTable {
    /// The route that lets a preflight for `wanted` through; none: the request is one like any other. An entry for `OPTIONS` decides about its
    /// own requests, whatever they are for; without one, the entry of `wanted` does.
    pub fn find_preflight(&self, path: &str, wanted: &Method) -> Option<&Route> {
        let route = match self.find(&Method::OPTIONS, path) {
            Ok(route) => route,
            Err(Rejection::NoRoute { .. }) => self.find(wanted, path).ok()?,
            Err(_) => return None,
        };
        Some(route).filter(|route| route.passes_preflight())
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Access, RouteConfig, StrictPaths};
    use super::*;

    fn table(entries: &[(&str, &[&str], bool)]) -> RouteTable {
        let config = |(path, methods, cors_preflight): &(&str, &[&str], bool)| RouteConfig {
            name: None,
            path: (*path).to_owned(),
            methods: methods.iter().map(|m| (*m).to_owned()).collect(),
            access: Access::Required,
            require: Vec::new(),
            cors_preflight: *cors_preflight,
        };
        let strict = StrictPaths {
            double_slash: true,
            ..StrictPaths::default()
        };
        RouteTable::new(entries.iter().map(config).collect(), strict).unwrap()
    }

    fn passes(table: &RouteTable, path: &str, wanted: &Method) -> Option<usize> {
        table.find_preflight(path, wanted).map(Route::index)
    }

    #[test]
    fn p07_only_the_route_of_the_preflight_lets_it_through() {
        let table = table(&[("/api/*", &[], true), ("/*", &[], false)]);
        assert_eq!(passes(&table, "/api/x", &Method::DELETE), Some(0));
        assert_eq!(passes(&table, "/other", &Method::DELETE), None);
        assert_eq!(passes(&table, "/api/../other", &Method::DELETE), None);
        assert_eq!(passes(&table, "*", &Method::GET), None);
        let closed = RouteTable::everything_needs_a_token();
        assert_eq!(passes(&closed, "/", &Method::GET), None);
    }

    #[test]
    fn p07_without_an_entry_for_options_the_method_that_is_asked_for_decides() {
        let table = table(&[
            ("/a", &["GET"], false),
            ("/a", &["POST"], true),
            ("/b", &["GET"], true),
            ("/b", &["OPTIONS"], false),
            ("/*", &[], true),
        ]);
        assert_eq!(passes(&table, "/a", &Method::POST), Some(1));
        assert_eq!(passes(&table, "/a", &Method::GET), None);
        assert_eq!(passes(&table, "/a", &Method::DELETE), None, "on no route");
        assert_eq!(
            passes(&table, "/b", &Method::GET),
            None,
            "`OPTIONS` has its own"
        );
        assert_eq!(passes(&table, "/c", &Method::GET), Some(4));
    }

    #[test]
    fn p04_an_ambiguous_path_is_not_for_preflights() {
        let open = table(&[("/api/*", &[], true)]);
        assert_eq!(passes(&open, "/api//x", &Method::GET), None);
        assert!(open.find(&Method::GET, "/api//x").is_err());
        let closed = table(&[("/api/*", &[], false)]);
        assert!(closed.find(&Method::GET, "/api//x").is_ok());
    }

    #[test]
    fn p07_the_permit_of_a_preflight_has_no_identity() {
        let table = table(&[("/a", &[], true), ("/b", &[], false)]);
        let [open, closed] = table.routes() else {
            panic!("two routes");
        };
        assert!(open.admit_preflight().unwrap().token().is_none());
        assert!(closed.admit_preflight().is_err());
        assert!(open.admit(None).is_err(), "everything else needs a token");
    }
}
