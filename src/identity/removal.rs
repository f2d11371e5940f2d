//! Taking lines out of a head by what their names are.

use http::{HeaderMap, HeaderName};

/// Takes out every line whose name `goes`. Each name that is there is looked at, instead of looking up each that could be: most heads have
/// none of them, and a look-up costs a hash. For short lists of names: there is one round more than names that go.
pub fn remove_where(headers: &mut HeaderMap, goes: impl Fn(&HeaderName) -> bool) {
    while let Some(name) = headers.keys().find(|name| goes(name)).cloned() {
        headers.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use http::header::{ACCEPT, HOST, TE, UPGRADE};

    use super::*;

    #[test]
    fn all_lines_of_the_names_that_go_are_gone_and_the_others_stay() {
        let mut headers = HeaderMap::new();
        for name in [TE, HOST, TE, ACCEPT, UPGRADE, ACCEPT, TE] {
            headers.append(name, HeaderValue::from_static("a"));
        }
        remove_where(&mut headers, |name| matches!(*name, TE | UPGRADE));
        assert_eq!(headers.len(), 3);
        assert_eq!(headers.get_all(ACCEPT).iter().count(), 2);
        remove_where(&mut headers, |_| true);
        assert!(headers.is_empty());
    }
}
