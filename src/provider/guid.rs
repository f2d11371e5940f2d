//! GUIDs as Entra writes them: `9188040d-6c67-4c5b-b112-36a304b66dad`.

/// Exactly 36 characters, 8-4-4-4-12 hexadecimal digits of either case.
pub(super) fn is_guid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

/// A GUID without an upper-case digit: the one spelling that tokens have, so that one tenant has one name.
pub(super) fn is_lower_case(text: &str) -> bool {
    is_guid(text) && !text.bytes().any(|byte| byte.is_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_plain_form_is_a_guid() {
        assert!(is_guid("9188040d-6c67-4c5b-b112-36a304b66dad"));
        assert!(is_guid("9188040D-6C67-4C5B-B112-36A304B66DAD"));
        assert!(!is_lower_case("9188040D-6c67-4c5b-b112-36a304b66dad"));
        for text in [
            "",
            "9188040d6c674c5bb11236a304b66dad",
            "{9188040d-6c67-4c5b-b112-36a304b66dad}",
            "9188040d-6c67-4c5b-b112-36a304b66da",
            "9188040d-6c67-4c5b-b112-36a304b66dad/",
            "9188040d-6c67-4c5b-b112-36a304b66daé",
            "9188040g-6c67-4c5b-b112-36a304b66dad",
            "9188040d_6c67-4c5b-b112-36a304b66dad",
        ] {
            assert!(!is_guid(text), "{text}");
        }
    }
}
