//! What a text may be: addresses, names, closed sets of words. Each is checked where it stands in the file.

use std::net::SocketAddr;

use http::HeaderName;
use ipnet::IpNet;

use super::kind::TextKind;
use super::problem::{Mistake, shown};
use super::substitute::is_name;
use crate::provider::ProviderKind;
use crate::proxy::source::is_token_character;

/// Any text on one line.
pub(super) static ANY: TextKind = free("a text", one_line);
/// Any text, lines and all.
pub(super) static DOCUMENT: TextKind = free("a JSON text", anything);
/// Checked where it is known whether plain http is allowed.
pub(super) static KEY_URL: TextKind = free("an https URL", one_line);
/// Of a file that is read with the configuration: when it changes, so has the configuration ([`super::files_named_in`]).
pub(super) static PATH: TextKind = TextKind {
    read_with_file: true,
    ..free("the path of a file", one_line)
};
/// Of a file that whoever uses it reads again by itself.
pub(super) static LIVE_PATH: TextKind = free("the path of a file", one_line);
pub(super) static DIRECTORY: TextKind = free("the path of a directory", one_line);
pub(super) static UPSTREAM_URL: TextKind = free("a URL like `http://127.0.0.1:3000`", |text| {
    super::upstream_url::parse(text).map(drop)
});
pub(super) static UPSTREAM_HTTP: TextKind =
    words("`auto`, `http1` or `http2`", &["auto", "http1", "http2"]);
pub(super) static SERVER_NAME: TextKind = free("a host name or an IP address", |text| {
    super::upstream_url::server_name(text).map(drop)
});
pub(super) static PROXY_URL: TextKind = free("a URL like `http://egress:3128`", |text| {
    super::keys::proxy(text).map(drop)
});
pub(super) static ADDRESS: TextKind = free("an address like `0.0.0.0:8080`", address);
pub(super) static LISTEN_ADDRESS: TextKind = free(
    "an address like `0.0.0.0:8080` or `unix:/run/claimgate.sock`",
    |text| super::listener::address(text).map(drop),
);
pub(super) static PROXY_SENDER: TextKind = free(
    "a network like `10.0.0.0/8`, or `unix`",
    super::listener::proxy_sender,
);
pub(super) static CLIENT_CERTIFICATE: TextKind =
    words("`required` or `optional`", &["required", "optional"]);
pub(super) static NETWORK: TextKind = free("a network like `10.0.0.0/8`", |text| {
    network(text).map(drop)
});
pub(super) static LABEL: TextKind = TextKind {
    noun: "a name of letters, digits, `_`, `.`, `-`",
    choices: &[],
    pattern: Some("^[A-Za-z0-9_.-]{1,64}$"),
    check: label,
    read_with_file: false,
};
pub(super) static ROUTE_NAME: TextKind = free("a text", |text| {
    one_line(text).and_then(|()| not_none(text))
});
pub(super) static HEADER_NAME: TextKind = free("a header name", header_name);
pub(super) static COOKIE_NAME: TextKind =
    free("a cookie name", |text| token(text, "a cookie name"));
pub(super) static QUERY_NAME: TextKind = free("a query parameter name", query_name);
pub(super) static SCHEME: TextKind = free("an authorization scheme like `Bearer`", |text| {
    token(text, "an authorization scheme")
});
pub(super) static SUBPROTOCOL: TextKind = free(
    "a subprotocol like `base64url.bearer.authorization.k8s.io`",
    |text| token(text, "the beginning of a subprotocol"),
);
pub(super) static METHOD: TextKind = free("a method like `GET`", method);
pub(super) static ROUTE_PATH: TextKind = free("a path like `/admin/*`", one_line);
pub(super) static ENVIRONMENT_NAME: TextKind =
    free("the name of an environment variable", |text| {
        if is_name(text) {
            Ok(())
        } else {
            // Not repeated: it may be the secret itself.
            Err(
                Mistake::new("this is not the name of an environment variable").hint(
                    "letters, digits and `_`: the name only, without `$`; never the secret itself",
                ),
            )
        }
    });
/// RFC 7518 §3.1, RFC 8037 §3.1, RFC 9864; a test compares it with `jose::algorithm`.
pub(super) static ALGORITHM: TextKind = TextKind {
    noun: "a signature algorithm",
    choices: &[
        "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA",
        "Ed25519", "HS256", "HS384", "HS512",
    ],
    pattern: None,
    check: algorithm,
    read_with_file: false,
};
/// RFC 7518 §4.1; a test compares it with `jose::jwe`.
pub(super) static KEY_MANAGEMENT: TextKind = TextKind {
    noun: "an algorithm that encrypts keys",
    choices: &[
        "RSA-OAEP",
        "RSA-OAEP-256",
        "ECDH-ES",
        "ECDH-ES+A128KW",
        "ECDH-ES+A256KW",
        "A128KW",
        "A256KW",
        "A128GCMKW",
        "A256GCMKW",
        "dir",
    ],
    pattern: None,
    check: key_management,
    read_with_file: false,
};
/// RFC 7518 §5.1; a test compares it with `jose::jwe`.
pub(super) static ENCRYPTION: TextKind = words(
    "an encryption",
    &[
        "A128GCM",
        "A192GCM",
        "A256GCM",
        "A128CBC-HS256",
        "A192CBC-HS384",
        "A256CBC-HS512",
    ],
);
pub(super) static PROVIDER: TextKind = words("a provider", ProviderKind::NAMES);
pub(super) static HOST: TextKind = words("`preserve` or `upstream`", &["preserve", "upstream"]);
pub(super) static CHUNKED: TextKind = words("`forward` or `refuse`", &["forward", "refuse"]);
pub(super) static SECRET_ENCODING: TextKind = words("`raw` or `base64url`", &["raw", "base64url"]);
pub(super) static NONCE_HASH: TextKind = words("`none` or `sha256`", &["none", "sha256"]);
pub(super) static TOKEN_USE: TextKind = words("`id` or `access`", &["id", "access"]);
pub(super) static FIREBASE_CREDENTIAL: TextKind = words(
    "`id_token` or `session_cookie`",
    &["id_token", "session_cookie"],
);
pub(super) static VERSION: TextKind = words("`\"1.0\"` or `\"2.0\"`", &["1.0", "2.0"]);
pub(super) static CLOUD: TextKind = words(
    "`global`, `us_government` or `china`",
    &["global", "us_government", "china"],
);
pub(super) static ISSUER_STYLE: TextKind = words("`tenant` or `policy`", &["tenant", "policy"]);
pub(super) static GROUPS_OVERAGE: TextKind = words("`flag` or `deny`", &["flag", "deny"]);
pub(super) static CROSS_SITE: TextKind = words("`refuse` or `allow`", &["refuse", "allow"]);
pub(super) static ALL_CLAIMS: TextKind = words("`all`", &["all"]);
pub(super) static FORMAT: TextKind = words("a format", &["text", "csv", "json", "base64url"]);
pub(super) static ENCODING: TextKind = words(
    "an encoding",
    &["percent", "utf8", "latin1", "rfc8187", "base64url"],
);
pub(super) static MISSING: TextKind = words("`omit` or `reject`", &["omit", "reject"]);
pub(super) static UNDERSCORES: TextKind =
    words("`drop`, `reject` or `keep`", &["drop", "reject", "keep"]);
pub(super) static ACCESS: TextKind = words(
    "`required`, `optional` or `public`",
    &["required", "optional", "public"],
);
pub(super) static CREDENTIALS: TextKind = words("`strip` or `pass`", &["strip", "pass"]);
pub(super) static CORS_PREFLIGHT: TextKind = words("`judge` or `pass`", &["judge", "pass"]);
pub(super) static TOKEN_EXPIRY: TextKind = words("`close` or `keep`", &["close", "keep"]);
pub(super) static STRICT_PATH: TextKind = words(
    "an ambiguity",
    &["semicolon", "encoded_slash", "double_slash"],
);
pub(super) static LOG_LEVEL: TextKind =
    words("a level", &["error", "warn", "info", "debug", "trace"]);
pub(super) static LOG_FORMAT: TextKind =
    words("`auto`, `json` or `text`", &["auto", "json", "text"]);
pub(super) static LOG_ACCESS: TextKind =
    words("`all`, `denied` or `off`", &["all", "denied", "off"]);

const fn free(noun: &'static str, check: fn(&str) -> Result<(), Mistake>) -> TextKind {
    TextKind {
        noun,
        choices: &[],
        pattern: None,
        check,
        read_with_file: false,
    }
}

const fn words(noun: &'static str, choices: &'static [&'static str]) -> TextKind {
    TextKind {
        noun,
        choices,
        pattern: None,
        check: anything,
        read_with_file: false,
    }
}

fn anything(_text: &str) -> Result<(), Mistake> {
    Ok(())
}

fn one_line(text: &str) -> Result<(), Mistake> {
    if text.chars().any(char::is_control) {
        return Err(Mistake::new("a control character or line break in the value")
            .hint("a folded or literal block (`>`, `|`) ends with a line break; write the value on one line"));
    }
    if text.trim() != text {
        return Err(Mistake::new("white space at the edge of the value").hint("take it away"));
    }
    Ok(())
}

/// The metrics say `none` where there is no route or no issuer.
fn not_none(text: &str) -> Result<(), Mistake> {
    if text == "none" {
        return Err(Mistake::new("`none` cannot be a name")
            .hint("in metrics `none` stands for requests without one; choose another name"));
    }
    Ok(())
}

fn label(text: &str) -> Result<(), Mistake> {
    not_none(text)?;
    let good = (1..=64).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte));
    if good {
        Ok(())
    } else {
        Err(Mistake::new(format!("`{}` cannot be a name", shown(text)))
            .hint("1 to 64 letters, digits, `_`, `.`, `-`: it is a label in metrics and logs"))
    }
}

pub(super) fn address(text: &str) -> Result<(), Mistake> {
    if text.parse::<SocketAddr>().is_ok() {
        return Ok(());
    }
    let mistake = Mistake::new(format!("`{}` is not an address with a port", shown(text)));
    let port = text.rsplit(':').next().unwrap_or_default();
    let port_is_good = port.parse::<u16>().is_ok();
    let host = text.strip_suffix(port).unwrap_or_default();
    Err(match host {
        "" | ":" | "*:" if port_is_good => mistake.hint(format!("did you mean `0.0.0.0:{port}`?")),
        "localhost:" if port_is_good => mistake.hint(format!("did you mean `127.0.0.1:{port}`?")),
        _ if text.starts_with("https:") => mistake.hint(
            "only an IP address and a port; TLS is `listen: {address: 0.0.0.0:8443, tls: {certificate_file: ..., private_key_file: ...}}`",
        ),
        _ => mistake.hint("write an IP address and a port: `0.0.0.0:8080`, `[::]:8080`"),
    })
}

/// A CIDR block; a bare address is a block of one.
pub(super) fn network(text: &str) -> Result<IpNet, Mistake> {
    if let Ok(address) = text.parse::<std::net::IpAddr>() {
        return Ok(IpNet::from(address));
    }
    let network: IpNet = text.parse().map_err(|_| {
        Mistake::new(format!("`{}` is not a network", shown(text)))
            .hint("write CIDR: `10.0.0.0/8`, `fd00::/8`, or one address")
    })?;
    if network.trunc() != network {
        return Err(
            Mistake::new(format!("`{}` has bits beyond its prefix", shown(text)))
                .hint(format!("did you mean `{}`?", network.trunc())),
        );
    }
    Ok(network)
}

fn header_name(text: &str) -> Result<(), Mistake> {
    HeaderName::from_bytes(text.as_bytes())
        .map(drop)
        .map_err(|_| {
            Mistake::new(format!("`{}` is not a header name", shown(text)))
                .hint("letters, digits and `-` (RFC 9110 §5.1)")
        })
}

/// RFC 9110 §5.6.2.
fn token(text: &str, noun: &str) -> Result<(), Mistake> {
    if is_token(text) {
        Ok(())
    } else {
        Err(Mistake::new(format!("`{}` is not {noun}", shown(text)))
            .hint("letters, digits and ``!#$%&'*+-.^_`|~``, without spaces"))
    }
}

fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(is_token_character)
}

/// Compared with the raw query, so only what stands there unencoded.
fn query_name(text: &str) -> Result<(), Mistake> {
    let good = text
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte));
    if good {
        Ok(())
    } else {
        Err(
            Mistake::new(format!("`{}` is not a query parameter name", shown(text)))
                .hint("letters, digits and `-._~`"),
        )
    }
}

fn method(text: &str) -> Result<(), Mistake> {
    let mistake = Mistake::new(format!("`{}` is not a method", shown(text)));
    if !is_token(text) {
        return Err(mistake.hint("one word, as in `GET`"));
    }
    if text.bytes().any(|byte| byte.is_ascii_lowercase()) {
        return Err(mistake.hint(format!(
            "methods are case-sensitive: `{}`?",
            text.to_ascii_uppercase()
        )));
    }
    Ok(())
}

fn algorithm(text: &str) -> Result<(), Mistake> {
    if text.eq_ignore_ascii_case("none") {
        return Err(Mistake::new("`none` can never be allowed")
            .hint("an unsigned token proves nothing; take it out of the list"));
    }
    Ok(())
}

fn key_management(text: &str) -> Result<(), Mistake> {
    let why = match text {
        "RSA1_5" => {
            "its padding lets a patient sender read tokens of others; `RSA-OAEP-256` is what to have the issuer use"
        }
        _ if text.starts_with("PBES2-") => {
            "the token would say how long the gate computes; `A256KW` with a key of 32 bytes is what to have the issuer use"
        }
        _ => return Ok(()),
    };
    Err(Mistake::new(format!("`{}` can never be allowed", shown(text))).hint(why))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_have_an_ip_and_a_port() {
        for good in ["0.0.0.0:8080", "127.0.0.1:0", "[::]:8080", "[::1]:9464"] {
            assert!(address(good).is_ok(), "{good}");
        }
        for (bad, hint) in [
            ("8080", "did you mean `0.0.0.0:8080`?"),
            (":8080", "did you mean `0.0.0.0:8080`?"),
            ("localhost:8080", "did you mean `127.0.0.1:8080`?"),
            ("0.0.0.0", "write an IP"),
            ("0.0.0.0:99999", "write an IP"),
            ("http://0.0.0.0:80", "write an IP"),
        ] {
            let found = address(bad).unwrap_err().hint.unwrap();
            assert!(found.starts_with(hint), "{bad}: {found}");
        }
    }

    #[test]
    fn networks_are_exact() {
        assert_eq!(network("10.0.0.1").unwrap().to_string(), "10.0.0.1/32");
        assert_eq!(network("fd00::/8").unwrap().to_string(), "fd00::/8");
        assert_eq!(
            network("10.1.2.3/8").unwrap_err().hint.unwrap(),
            "did you mean `10.0.0.0/8`?"
        );
        for bad in ["10.0.0.0/33", "10.0.0/8", "example.com", "*"] {
            assert!(network(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn names_are_safe_labels() {
        assert!(label("partners-2.eu_west").is_ok());
        for bad in ["a b", "ä", "a\"b", "a/b"] {
            assert!(label(bad).is_err(), "{bad}");
        }
        assert!(label(&"x".repeat(65)).is_err());
    }

    #[test]
    fn methods_are_case_sensitive() {
        assert!(method("GET").is_ok());
        assert!(method("PROPFIND").is_ok());
        assert_eq!(
            method("get").unwrap_err().hint.unwrap(),
            "methods are case-sensitive: `GET`?"
        );
        assert!(method("GET POST").is_err());
    }
}
