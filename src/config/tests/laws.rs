//! What holds for every text.

use proptest::prelude::*;

use super::*;
use crate::config::reference::reference;

/// Text that looks enough like a configuration to get far.
fn yaml_like() -> impl Strategy<Value = String> {
    let word = prop::sample::select(vec![
        "upstream",
        "issuers",
        "provider",
        "oidc",
        "entra",
        "cognito",
        "auth0",
        "wso2",
        "issuer",
        "audiences",
        "keys",
        "jwks",
        "jwks_url",
        "secret_env",
        "routes",
        "path",
        "require",
        "claim",
        "any_of",
        "equals",
        "identity",
        "headers",
        "X-A",
        "token",
        "sources",
        "header",
        "cookie",
        "log",
        "level",
        "http://a:1",
        "https://a",
        "30s",
        "16KiB",
        "true",
        "null",
        "~",
        "1.0",
        "-1",
        "${A}",
        "${B:-c}",
        "$${",
        "${",
        "[",
        "]",
        "{",
        "}",
        ",",
        ": ",
        ":\n",
        "\n",
        "\n  ",
        "\n    ",
        "- ",
        "'",
        "\"",
        "&a ",
        "*a",
        "!t ",
        "|",
        ">",
        "#",
        "---\n",
        "<<",
        "\t",
        "?",
        "\u{feff}",
        "\u{85}",
        "é",
    ]);
    prop::collection::vec(word, 0..60).prop_map(|words| words.concat())
}

/// Any tree of known and unknown names, as flow YAML.
fn any_tree() -> impl Strategy<Value = String> {
    let mut names: Vec<&str> = vec!["zzz", "<<", ""];
    let table = reference();
    let keys: Vec<String> = table
        .lines()
        .skip(2)
        .filter_map(|row| row.split('`').nth(1))
        .filter_map(|path| path.rsplit('.').next())
        .map(|name| name.trim_end_matches("[]").to_owned())
        .collect();
    names.extend(keys.iter().map(String::as_str));
    let names: Vec<String> = names.into_iter().map(str::to_owned).collect();
    let leaf = prop::sample::select(vec![
        "oidc",
        "entra",
        "cognito",
        "auth0",
        "wso2",
        "https://id.example.com",
        "http://127.0.0.1:3000",
        "api",
        "30s",
        "1KiB",
        "true",
        "12",
        "1.5",
        "",
        "null",
        "/a/*",
        "GET",
        "HS256",
        "RS256",
        "none",
        "all",
        "csv",
        "${A}",
        "public",
        "0.0.0.0:8080",
        "us-east-1_example",
        "9188040d-6c67-4c5b-b112-36a304b66dad",
        "common",
    ])
    .prop_map(|text| {
        if text.is_empty() {
            text.to_owned()
        } else {
            format!("\"{text}\"")
        }
    });
    leaf.prop_recursive(5, 60, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4)
                .prop_map(|items| format!("[{}]", items.join(", "))),
            prop::collection::vec((prop::sample::select(names.clone()), inner), 0..6).prop_map(
                |entries| {
                    let entries: Vec<String> = entries
                        .into_iter()
                        .map(|(name, value)| format!("\"{name}\": {value}"))
                        .collect();
                    format!("{{{}}}", entries.join(", "))
                }
            ),
        ]
    })
}

fn holds(text: &str) -> Result<(), TestCaseError> {
    let options = LoadOptions {
        read_files: false,
        try_snapshots: false,
        ..with_environment(&[("A", "value")])
    };
    match parse(text, "f", &options) {
        Ok(config) => {
            prop_assert!(
                config
                    .warnings
                    .iter()
                    .all(|p| p.severity == Severity::Warning)
            );
            prop_assert!(!config.issuers.is_empty());
            prop_assert!(
                config
                    .issuers
                    .iter()
                    .all(|issuer| !issuer.sources.is_empty())
            );
        }
        Err(problems) => {
            prop_assert!(problems.iter().any(|p| p.severity == Severity::Error));
            let lines = crate::config::problem::lines(text).count();
            for problem in &problems {
                prop_assert!(problem.line <= lines, "{}", render(problem));
                prop_assert!(!problem.message.is_empty());
                prop_assert!(problem.hint.is_some(), "{}", render(problem));
            }
        }
    }
    Ok(())
}

proptest! {
    #[test]
    fn no_text_panics_and_every_refusal_has_a_reason(text in "\\PC{0,200}") {
        holds(&text)?;
    }

    #[test]
    fn no_yaml_panics_and_every_refusal_has_a_reason(text in yaml_like()) {
        holds(&text)?;
    }

    #[test]
    fn no_tree_panics_and_every_refusal_has_a_reason(tree in any_tree()) {
        holds(&tree)?;
        holds(&format!("upstream: http://a:1\nissuers: [{tree}]\n"))?;
        holds(&file(&format!("routes: [{tree}]\nidentity: {tree}\n")))?;
    }

    /// A good file with one byte changed is never taken for another one by accident of the parser: it parses or is refused.
    #[test]
    fn one_changed_byte_never_panics(position in 0_usize..400, byte in 0x20_u8..0x7f) {
        let mut bytes = file("routes:\n  - {path: /a/*, require: [{claim: a, any_of: [b]}]}\nlog: {level: info}\n").into_bytes();
        let position = position % bytes.len();
        bytes[position] = byte;
        holds(&String::from_utf8(bytes).unwrap())?;
    }
}
