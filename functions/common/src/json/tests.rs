//! Against `serde_json`, and where it differs.

use proptest::prelude::*;
use serde_json::Value;

use super::Json;
use crate::Pointer;

fn pointer(text: &str) -> Pointer {
    Pointer::parse(text).unwrap()
}

fn raw<'a>(text: &'a str, at: &str) -> Option<&'a str> {
    Json::parse(text.as_bytes()).unwrap().get(&pointer(at)).map(|found| found.raw())
}

#[test]
fn pointers_find_what_is_there_as_it_is_written() {
    let text = r#" { "a" : {"b~/c": [1.50, {"x": null}, "s" ]}, "": 7, "é\"": {}, "n": -0.10e+05 } "#;
    for (at, found) in [
        ("/a/b~0~1c/0", Some("1.50")),
        ("/a/b~0~1c/1", Some(r#"{"x": null}"#)),
        ("/a/b~0~1c/1/x", Some("null")),
        ("/a/b~0~1c/2", Some("\"s\"")),
        ("/a/b~0~1c/3", None),
        ("/a/b~0~1c/-", None),
        ("/a/b~0~1c/01", None),
        ("/a/b~0~1c/x", None),
        ("/", Some("7")),
        ("/é\"", Some("{}")),
        ("/n", Some("-0.10e+05")),
        ("/n/0", None),
        ("/b", None),
        ("", Some(text.trim())),
    ] {
        assert_eq!(raw(text, at), found, "{at}");
    }
}

#[test]
fn of_members_with_the_same_name_the_last_counts() {
    assert_eq!(raw(r#"{"a": 1, "\u0061": 2, "b": 3}"#, "/a"), Some("2"));
    assert_eq!(raw(r#"{"a": {"x": 1}, "a": {}}"#, "/a/x"), None);
}

#[test]
fn what_is_no_json_is_refused_where_it_goes_wrong() {
    for (text, at) in [
        (&b""[..], 0),
        (b"{", 1),
        (b"[1,]", 3),
        (b"{\"a\":1,}", 7),
        (b"{a:1}", 1),
        (b"01", 0),
        (b"1.", 0),
        (b"-", 1),
        (b"1 2", 2),
        (b"nul", 0),
        (b"\"\x01\"", 1),
        (b"\"\\x\"", 2),
        (b"\"\\ud800\"", 2),
        (b"\"\\udc00\"", 2),
        (b"\"a", 2),
        (b"NaN", 0),
        (b"[1}", 2),
        (b"\xef\xbb\xbf1", 0),
    ] {
        let error = Json::parse(text).unwrap_err();
        assert!(error.ends_with(&format!("at byte {at}")), "{:?}: {error}", String::from_utf8_lossy(text));
    }
    assert!(Json::parse(b"\"\xff\"").unwrap_err().contains("not UTF-8"));
}

#[test]
fn depth_is_bounded_and_exhausts_no_stack() {
    let deep = |levels: usize| "[".repeat(levels) + &"]".repeat(levels);
    assert!(Json::parse(deep(128).as_bytes()).is_ok());
    assert!(Json::parse(deep(129).as_bytes()).unwrap_err().contains("deeper"));
    assert!(Json::parse("[".repeat(1 << 20).as_bytes()).is_err());
}

#[test]
fn escapes_are_resolved() {
    let text = r#""a\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00z""#;
    let found = Json::parse(text.as_bytes()).unwrap();
    assert_eq!(found.as_str().unwrap(), "a\"\\/\u{8}\u{c}\n\r\té😀z");
}

fn any_json() -> impl Strategy<Value = Value> {
    let scalar = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "[a-z~/\"\\\\é😀]{0,4}".prop_map(Value::from),
    ];
    scalar.prop_recursive(4, 40, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map("[a-c~/\"\\\\]{0,2}", inner, 0..5)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

fn same(ours: Json<'_>, theirs: &Value) {
    match theirs {
        Value::Object(members) => {
            assert!(ours.is_object());
            let found: Vec<_> = ours.members().map(|(name, _)| name.text().into_owned()).collect();
            assert_eq!(found.len(), members.len());
            for (name, value) in members {
                let at = format!("/{}", name.replace('~', "~0").replace('/', "~1"));
                same(ours.get(&pointer(&at)).unwrap(), value);
            }
        }
        Value::Array(elements) => {
            assert!(ours.is_array());
            assert_eq!(ours.elements().count(), elements.len());
            ours.elements().zip(elements).for_each(|(ours, theirs)| same(ours, theirs));
        }
        Value::String(text) => assert_eq!(ours.as_str().unwrap(), text.as_str()),
        Value::Number(number) => assert_eq!(ours.as_number().unwrap(), number.to_string()),
        Value::Bool(value) => assert_eq!(ours.as_bool(), Some(*value)),
        Value::Null => assert!(ours.is_null()),
    }
}

proptest! {
    #[test]
    fn reads_what_serde_json_writes(value in any_json(), pretty in any::<bool>()) {
        let text = if pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) }.unwrap();
        same(Json::parse(text.as_bytes()).unwrap(), &value);
    }

    #[test]
    fn takes_and_refuses_what_serde_json_does(text in r#"[\[\]{},:"0-9eE+.\\ua-f \-truelsn]{0,12}"#) {
        let theirs = serde_json::from_str::<Value>(&text);
        // A number too large for a double is one all the same.
        let theirs = theirs.map_or_else(|error| error.to_string().contains("number out of range"), |_| true);
        prop_assert_eq!(Json::parse(text.as_bytes()).is_ok(), theirs, "{}", text);
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        if let Ok(json) = Json::parse(&bytes) {
            let _ = json.get(&pointer("/a/0"));
        }
    }
}
