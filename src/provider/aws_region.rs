//! Names of AWS's regions, which become part of host names.

/// `us-east-1`, `us-gov-west-1`, `eusc-de-east-1`: the pattern of AWS's own `aws-jwt-verify` 5.2.
pub(super) fn is_region(text: &str) -> bool {
    let letters = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase());
    let area = |part: &str| part.len() == 2 && letters(part);
    let place = |parts: &[&str]| match parts {
        ["gov", name, number] | [name, number] => {
            letters(name) && number.len() == 1 && number.bytes().all(|b| b.is_ascii_digit())
        }
        _ => false,
    };
    match text.split('-').collect::<Vec<_>>().as_slice() {
        ["eusc", country, rest @ ..] => area(country) && place(rest),
        [first, rest @ ..] => area(first) && place(rest),
        [] => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_region_cannot_lead_to_another_host() {
        for region in [
            "us-east-1",
            "eu-central-2",
            "us-gov-west-1",
            "cn-north-1",
            "eusc-de-east-1",
        ] {
            assert!(is_region(region), "{region}");
        }
        for text in [
            "",
            "us-east",
            "us-east-",
            "us-east-12",
            "us-east-x",
            "US-EAST-1",
            "us-east-1.evil.example",
            "us-east-1/",
            "us-east-1#",
            "us_east_1",
            "-us-east-1",
            "us--1",
            "us-\u{e9}ast-1",
        ] {
            assert!(!is_region(text), "{text}");
        }
    }
}
