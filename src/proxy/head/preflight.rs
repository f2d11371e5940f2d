//! CORS preflights (Fetch Standard §3.3.2 "HTTP requests"): a browser's question whether a page may make a request. It carries no credentials, so
//! no gate can judge it. Pure.

use http::header::{ACCESS_CONTROL_REQUEST_METHOD, HeaderName, ORIGIN};
use http::{HeaderMap, HeaderValue, Method};

/// The method that the preflight is for; none: this is no preflight. Anybody can send one, so what passes for it must be no more than browsers
/// send: `OPTIONS` with one `Origin`, one `Access-Control-Request-Method` and no body (threat P7).
pub fn method_asked_for(method: &Method, headers: &HeaderMap, has_body: bool) -> Option<Method> {
    if *method != Method::OPTIONS || has_body {
        return None;
    }
    one(headers, &ORIGIN)?;
    let wanted = one(headers, &ACCESS_CONTROL_REQUEST_METHOD)?;
    Method::from_bytes(wanted.as_bytes()).ok()
}

fn one<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h HeaderValue> {
    let mut lines = headers.get_all(name).iter();
    match (lines.next(), lines.next()) {
        (Some(line), None) if !line.is_empty() => Some(line),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::source_testing::headers;
    use super::*;

    #[test]
    fn p07_a_preflight_is_what_browsers_send_and_nothing_else() {
        let good = [
            ("origin", "https://page.example"),
            ("access-control-request-method", "DELETE"),
        ];
        let asked = |method: &Method, lines: &[(&'static str, &str)], body| {
            method_asked_for(method, &headers(lines), body)
        };
        assert_eq!(asked(&Method::OPTIONS, &good, false), Some(Method::DELETE));
        assert_eq!(asked(&Method::OPTIONS, &good, true), None);
        for method in [Method::GET, Method::HEAD, Method::POST, Method::DELETE] {
            assert_eq!(asked(&method, &good, false), None, "{method}");
        }
        for at in 0..good.len() {
            let mut lines = good.to_vec();
            let (name, _) = lines.remove(at);
            assert_eq!(asked(&Method::OPTIONS, &lines, false), None, "no {name}");
            lines.push((name, ""));
            assert_eq!(asked(&Method::OPTIONS, &lines, false), None, "empty {name}");
            let twice = [good.as_slice(), &good[at..=at]].concat();
            assert_eq!(asked(&Method::OPTIONS, &twice, false), None, "two {name}");
        }
        let odd = [good[0], ("access-control-request-method", "G T")];
        assert_eq!(asked(&Method::OPTIONS, &odd, false), None);
    }
}
