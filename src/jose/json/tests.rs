use proptest::prelude::*;

use super::*;

fn refused(text: impl AsRef<[u8]>) -> JsonError {
    parse(text.as_ref()).expect_err(&String::from_utf8_lossy(text.as_ref()))
}

#[test]
fn values_of_every_type_are_read() {
    let value = parse(br#" {"a":[1,-2.50e+3,"x\u0041\n\ud83d\ude00",true,false,null,{}],"":{}} "#);
    let value = value.unwrap();
    let object = value.as_object().unwrap();
    let values = object.get("a").unwrap().as_array().unwrap();
    assert_eq!(values[1].as_number().unwrap().as_written(), "-2.50e+3");
    assert_eq!(values[2].as_str(), Some("xA\n\u{1f600}"));
    let types: Vec<_> = values.iter().map(Json::type_name).collect();
    assert_eq!(
        types,
        [
            "number", "number", "string", "boolean", "boolean", "null", "object"
        ]
    );
    assert!(object.get("").is_some());
    assert_eq!(object.len(), 2);
}

#[test]
fn j18_duplicates_are_refused_at_any_depth_and_however_they_are_written() {
    for text in [
        r#"{"a":1,"a":1}"#,
        r#"{"sub":"x","s\u0075b":"y"}"#,
        r#"{"x":[{"y":{"a":1,"b":2,"a":3}}]}"#,
        r#"{"":1,"":2}"#,
        r#"{"\ud83d\ude00":1,"😀":2}"#,
        r#"{"\/":1,"/":2}"#,
    ] {
        assert!(refused(text).problem.starts_with("duplicate"), "{text}");
    }
    // Equal to the eye or to a folding reader, and still two names.
    assert!(parse(r#"{"é":1,"e\u0301":2,"A":3,"a":4,"a\u0000":5}"#.as_bytes()).is_ok());
}

#[test]
fn j18_a_duplicate_in_a_wide_object_is_found() {
    for at in [0, 1, 15, 16, 17, 99] {
        let mut names: Vec<String> = (0..100).map(|i| format!("\"n{i}\":0")).collect();
        names.push(format!("\"n{at}\":1"));
        assert!(
            refused(format!("{{{}}}", names.join(",")))
                .problem
                .starts_with("duplicate")
        );
    }
}

#[test]
fn j20_only_utf8_without_a_byte_order_mark_is_read() {
    assert_eq!(refused(b"\xef\xbb\xbf{}").problem, "byte order mark");
    for text in [
        &b"\xff\xfe{\0}\0"[..],
        b"\0{\0}",
        b"{\0}\0",
        b"\"\xc0\x80\"",
        b"\"\xed\xa0\x80\"",
        b"\"\xe9\"",
        b"\"\xf8\x88\x80\x80\x80\"",
    ] {
        refused(text);
    }
}

#[test]
fn j20_lone_surrogates_and_raw_controls_are_refused() {
    for text in [
        r#""\ud800""#,
        r#""\udc00""#,
        r#""\ud800\ud800""#,
        r#""\ud800x""#,
        r#""\ud800\n""#,
        r#""\udc00\ud800""#,
        "\"\n\"",
        "\"\t\"",
        "\"\0\"",
        "\"\u{1f}\"",
        // Nor do they stand in for a backslash.
        "\"\u{1}n\"",
        "\"\n\"\"",
        "\"a\\n\t\\\"",
        r#""\u12""#,
        r#""\u+123""#,
        r#""\uD8G0""#,
        r#""\x41""#,
        r#""\'""#,
        r#""\"#,
        r#"""#,
    ] {
        refused(text);
    }
    assert_eq!(parse(br#""\u0000""#).unwrap().as_str(), Some("\0"));
    assert_eq!(
        parse("\"\u{7f}\"".as_bytes()).unwrap().as_str(),
        Some("\u{7f}")
    );
}

#[test]
fn j21_nesting_ends_at_the_limit_and_the_stack_does_not() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert!(parse(nested(MAX_DEPTH).as_bytes()).is_ok());
    assert_eq!(refused(nested(MAX_DEPTH + 1)).problem, "nested too deep");
    assert_eq!(refused("[".repeat(10_000)).problem, "nested too deep");
    assert_eq!(refused("{\"a\":".repeat(10_000)).problem, "nested too deep");
    assert_eq!(
        refused("[{\"a\":".repeat(10_000)).problem,
        "nested too deep"
    );
}

#[test]
fn j21_wide_objects_cost_no_square() {
    let members: Vec<String> = (0..200_000).map(|i| format!("\"m{i}\":0")).collect();
    let object = parse_object(format!("{{{}}}", members.join(",")).as_bytes()).unwrap();
    assert_eq!(object.len(), 200_000);
}

#[test]
fn j21_a_megabyte_of_digits_is_refused() {
    assert_eq!(
        refused("1".repeat(1_000_000)).problem,
        "a number beyond bounds ends"
    );
    assert_eq!(
        refused(format!("1e{}", "9".repeat(1_000_000))).problem,
        "an exponent beyond bounds ends"
    );
    assert!(parse("1".repeat(MAX_NUMBER_BYTES).as_bytes()).is_ok());
}

#[test]
fn the_grammar_of_numbers_is_exact() {
    for text in [
        "01",
        "-01",
        "00",
        "-",
        "+1",
        ".5",
        "1.",
        "1.e1",
        "1e",
        "1e+",
        "1e1.5",
        "0x10",
        "NaN",
        "Infinity",
        "-Infinity",
        "1_000",
        "1,5",
        "--1",
        "1e1e1",
        "٣",
    ] {
        refused(text);
    }
    for text in [
        "0",
        "-0",
        "0.0",
        "-0.0e-0",
        "1E5",
        "1e05",
        "1e400",
        "123456789012345678901234567890",
    ] {
        let value = parse(text.as_bytes()).unwrap();
        assert_eq!(value.as_number().unwrap().as_written(), text);
    }
    assert!(parse(b"1e999999999").is_ok());
    refused("1e1000000000");
    refused("0e-1000000000");
}

#[test]
fn everything_else_that_is_not_json_is_refused() {
    for text in [
        "",
        " ",
        "{",
        "}",
        "[",
        "]",
        "{]",
        "[}",
        "[1,]",
        "[,1]",
        "[1 2]",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{,}",
        "{a:1}",
        "{'a':1}",
        "{1:1}",
        "tru",
        "True",
        "nul",
        "truefalse",
        "{} {}",
        "[] x",
        "// x\n{}",
        "{}\0",
        "\u{b}{}",
        "\u{a0}{}",
        "\u{2028}[]",
        "undefined",
    ] {
        refused(text);
    }
}

#[test]
fn j19_only_an_object_is_an_object() {
    for text in ["[]", "\"x\"", "1", "null", "true", ""] {
        assert!(parse_object(text.as_bytes()).is_err(), "{text}");
    }
    assert!(parse_object(b" {} ").unwrap().is_empty());
}

#[test]
fn errors_show_a_position_and_never_the_text() {
    let error = refused(r#"{"secret":tru}"#);
    assert_eq!(error.offset, 10);
    assert!(!error.to_string().contains("secret"));
}

#[test]
fn printing_is_ascii_without_controls_and_keeps_numbers_and_order() {
    let text = r#"{ "b" : 1.50, "a" : ["\u0000\u001f\u007f\"\\/é😀", 1e400, -0] }"#;
    let value = parse(text.as_bytes()).unwrap();
    assert_eq!(
        value.to_ascii(),
        r#"{"b":1.50,"a":["\u0000\u001f\u007f\"\\/\u00e9\ud83d\ude00",1e400,-0]}"#
    );
    assert_eq!(value.as_object().unwrap().to_ascii(), value.to_ascii());
}

/// Values as another implementation would build and print them.
fn any_value() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<u64>().prop_map(Into::into),
        any::<f64>()
            .prop_filter("finite", |f| f.is_finite())
            .prop_map(Into::into),
        any::<String>().prop_map(Into::into),
    ];
    leaf.prop_recursive(6, 64, 8, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..8).prop_map(Into::into),
            proptest::collection::btree_map(any::<String>(), inner, 0..24)
                .prop_map(|members| members.into_iter().collect()),
        ]
    })
}

fn agrees(ours: &Json, theirs: &serde_json::Value) -> bool {
    use serde_json::Value;
    match (ours, theirs) {
        (Json::Null, Value::Null) => true,
        (Json::Bool(a), Value::Bool(b)) => a == b,
        (Json::String(a), Value::String(b)) => **a == *b.as_str(),
        (Json::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| agrees(a, b))
        }
        (Json::Object(a), Value::Object(b)) => {
            a.len() == b.len()
                && a.iter()
                    .all(|(name, value)| b.get(name).is_some_and(|v| agrees(value, v)))
        }
        (Json::Number(a), Value::Number(b)) => {
            let written: f64 = a.as_written().parse().unwrap();
            match b.as_i64() {
                Some(whole) => a.truncated() == Some(whole),
                // serde_json may be off by the last bit without its `float_roundtrip`.
                None => {
                    let theirs = b.as_f64().unwrap();
                    (written - theirs).abs() <= theirs.abs() * 1e-12
                }
            }
        }
        _ => false,
    }
}

proptest! {
    #[test]
    fn what_another_implementation_prints_is_read_the_same(value in any_value()) {
        let ours = parse(value.to_string().as_bytes()).unwrap();
        prop_assert!(agrees(&ours, &value));
        let pretty = serde_json::to_vec_pretty(&value).unwrap();
        prop_assert_eq!(&parse(&pretty).unwrap(), &ours);
    }

    #[test]
    fn printed_reads_back_as_the_same_value(value in any_value()) {
        let ours = parse(value.to_string().as_bytes()).unwrap();
        let printed = ours.to_ascii();
        prop_assert!(printed.bytes().all(|b| (0x20..0x7f).contains(&b)));
        prop_assert_eq!(&parse(printed.as_bytes()).unwrap(), &ours);
        prop_assert!(agrees(&ours, &serde_json::from_str(&printed).unwrap()));
    }

    #[test]
    fn what_we_accept_another_implementation_accepts_and_agrees(
        text in r#"([\[\]{},:" 0-9eE+.\-tfn\\u]|true|false|null|"a"|"b"|\\u00e9|\\ud83d\\ude00|é){0,24}"#
    ) {
        if let Ok(ours) = parse(text.as_bytes()) {
            match serde_json::from_str(&text) {
                Ok(theirs) => prop_assert!(agrees(&ours, &theirs), "{}", text),
                // The one thing that we read and it does not: a number beyond its floats.
                Err(error) => prop_assert!(error.to_string().starts_with("number out of range"), "{}: {}", text, error),
            }
        }
    }

    #[test]
    fn any_bytes_are_answered(text: Vec<u8>) {
        let _ = parse(&text);
    }
}

#[test]
fn objects_are_equal_whatever_the_order_of_their_members() {
    let parsed = |text: &str| parse(text.as_bytes()).unwrap();
    assert_eq!(
        parsed(r#"{"a":1,"b":{"c":[1,2],"d":null}}"#),
        parsed(r#"{"b":{"d":null,"c":[1,2]},"a":1.0}"#)
    );
    for other in [
        r#"{"a":1}"#,
        r#"{"a":1,"c":2}"#,
        r#"{"a":1,"b":3}"#,
        r#"{"a":1,"b":2,"c":3}"#,
    ] {
        assert_ne!(parsed(r#"{"a":1,"b":2}"#), parsed(other));
    }
    assert_ne!(parsed("[1,2]"), parsed("[2,1]"));
}

/// Remembered tokens are made of these: a larger one costs every one of them memory.
#[test]
fn c06_a_value_is_three_words_and_its_content_is_as_large_as_it_must_be() {
    let word = size_of::<usize>();
    assert_eq!((size_of::<Json>(), size_of::<Object>()), (3 * word, word));
    assert_eq!(Object::MEMBER, 4 * word);
    let text: String = (0..20).map(|n| format!(",\"n{n:02}\":0")).collect();
    let object = parse_object(format!("{{{}}}", &text[1..]).as_bytes()).unwrap();
    assert_eq!(object.blocks(), [20 * 3, 20 * 4 * word, 4 * word]);
    assert_eq!(Object::default().blocks(), [0; 3]);
    assert_eq!(parse_object(b"{}").unwrap().blocks(), [0; 3]);
}

proptest! {
    #[test]
    fn members_come_back_as_they_were_given(names in prop::collection::btree_set(".{0,3}", 0..40)) {
        let names: Vec<_> = names.into_iter().rev().collect();
        let members = names.iter().zip(0..).map(|(name, n): (_, u32)| {
            (name.as_str().into(), Json::String(n.to_string().into()))
        });
        let object: Object = members.collect();
        prop_assert_eq!((object.len(), object.is_empty()), (names.len(), names.is_empty()));
        prop_assert!(object.iter().map(|(name, _)| name).eq(names.iter().map(String::as_str)));
        for (n, name) in names.iter().enumerate() {
            prop_assert_eq!(object.get(name).and_then(Json::as_str), Some(&*n.to_string()));
        }
        prop_assert!(object.get("none of them").is_none());
        prop_assert_eq!(parse_object(object.to_ascii().as_bytes()).unwrap(), object);
    }
}
