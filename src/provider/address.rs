//! Host names and base addresses in settings, as `iss` has them.

use super::BadSetting;

/// A host name in lower case, as `iss` has it, with an optional port.
pub(super) fn is_host(text: &str) -> bool {
    let (host, port) = match text.split_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (text, None),
    };
    host.split('.').all(is_label)
        && port.is_none_or(|port| port.parse::<u16>().is_ok_and(|p| p > 0))
}

/// One part of a host name, in lower case.
pub(super) fn is_label(text: &str) -> bool {
    let good = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    !text.is_empty() && text.bytes().all(good)
}

/// One segment of a path, without a sign that an address would have to encode.
pub(super) fn is_segment(text: &str) -> bool {
    let good = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    !text.is_empty() && text.bytes().all(good)
}

/// What is no host name, with the one that was probably meant.
pub(super) fn bad_host(field: &'static str, text: &str, example: &str) -> BadSetting {
    let host = text
        .split_once("://")
        .map_or(text, |(_, rest)| rest)
        .split(['/', '?', '#'])
        .next()
        .unwrap_or_default()
        .to_ascii_lowercase();
    let hint = match is_host(&host) {
        true => format!("write only the host name: `{host}`"),
        false => format!("write only the host name, such as `{example}`"),
    };
    BadSetting::new(field, format!("`{text}` is not a domain"), hint)
}

/// What stands after the scheme of a base address: an http or https URL with a host, without user information, query or fragment. Whether
/// plain http may be used is decided where the keys are fetched.
pub(super) fn after_scheme<'u>(
    field: &'static str,
    url: &'u str,
    example: &str,
) -> Result<&'u str, BadSetting> {
    let hint = format!("write the server's base address, such as `{example}`");
    let problem = |message: String| BadSetting::new(field, message, hint.clone());
    let rest = ["https://", "http://"]
        .into_iter()
        .find_map(|scheme| url.strip_prefix(scheme))
        .ok_or_else(|| problem(format!("`{url}` is not an https address")))?;
    if rest.contains('@') {
        // Not shown: what stands before `@` may be a password.
        return Err(problem("the address has user information in it".to_owned()));
    }
    let unfit = |c: char| matches!(c, '?' | '#' | '\\') || c.is_whitespace() || c.is_control();
    if rest.is_empty() || rest.starts_with(['/', ':']) || rest.contains(unfit) {
        return Err(problem(format!("`{url}` is not a base address")));
    }
    Ok(rest)
}
