//! Whether the comparison sees what it is there for.

use crate::corpus::{Action, parse};
use crate::report::{Difference, Report, print};
use crate::support::answer::{Answer, Column, Prepared, Refusal, Rows};
use crate::support::compare::{Rigour, Verdict, compare};
use crate::support::show::show;
use crate::support::types::Type;
use crate::support::values::{Cell, encode};

fn rows(values: &[i32]) -> Rows {
    Rows {
        columns: vec![Column { table: "$ks.t".to_owned(), name: "v".to_owned(), of: Type::Native("int") }],
        rows: values.iter().map(|value| vec![Some(value.to_be_bytes().to_vec())]).collect(),
        pages: vec![values.len()],
        warnings: Vec::new(),
    }
}

fn refusal(code: i32, message: &str) -> Answer {
    Answer::Error(Refusal { code, body: String::new(), message: message.to_owned() })
}

fn differs(other: Rows) -> Verdict {
    compare(&Answer::Rows(rows(&[1, 2, 3])), &Answer::Rows(other), Rigour::Exact)
}

#[test]
fn sees_every_difference_of_rows() {
    assert_eq!(differs(rows(&[1, 2, 3])), Verdict::Equal);
    assert_eq!(differs(rows(&[1, 2, 4])), Verdict::Differ("values"));
    assert_eq!(differs(rows(&[1, 3, 2])), Verdict::Differ("order of rows"));
    assert_eq!(differs(rows(&[1, 2])), Verdict::Differ("number of rows"));
    assert_eq!(differs(Rows { pages: vec![2, 1], ..rows(&[1, 2, 3]) }), Verdict::Differ("pages"));
    assert_eq!(differs(Rows { warnings: vec!["w".to_owned()], ..rows(&[1, 2, 3]) }), Verdict::Differ("warnings"));
    let mut typed = rows(&[1, 2, 3]);
    typed.columns[0].of = Type::Native("bigint");
    assert_eq!(differs(typed), Verdict::Differ("columns"));
    let mut named = rows(&[1, 2, 3]);
    named.columns[0].name = "w".to_owned();
    assert_eq!(differs(named), Verdict::Differ("columns"));
    let mut null = rows(&[1, 2, 3]);
    null.rows[0][0] = None;
    assert_eq!(differs(null.clone()), Verdict::Differ("values"));
    null.rows[0][0] = Some(Vec::new());
    assert_eq!(differs(null), Verdict::Differ("values"));
}

#[test]
fn near_and_shape_allow_no_more_than_they_say() {
    let real = Answer::Rows(rows(&[100, 200]));
    let near = |values: &[i32]| compare(&real, &Answer::Rows(rows(values)), Rigour::Near);
    assert_eq!(near(&[99, 203]), Verdict::Equal);
    assert_eq!(near(&[96, 200]), Verdict::Differ("values"));
    let shape = |values: &[i32]| compare(&real, &Answer::Rows(rows(values)), Rigour::Shape);
    assert_eq!(shape(&[5, 6]), Verdict::Equal);
    assert_eq!(shape(&[5]), Verdict::Differ("number of rows"));
}

#[test]
fn sees_every_difference_of_kind() {
    let (void, some) = (Answer::Done("void".to_owned()), Answer::Rows(rows(&[1])));
    let kind = |a: &Answer, b: &Answer| compare(a, b, Rigour::Exact);
    assert_eq!(kind(&void, &some), Verdict::Differ("kind of answer"));
    assert_eq!(kind(&void, &refusal(0x2200, "no")), Verdict::Differ("refused"));
    assert_eq!(kind(&refusal(0x2200, "no"), &some), Verdict::Differ("not refused"));
    assert_eq!(kind(&refusal(0x2200, "no"), &refusal(0x2000, "no")), Verdict::Differ("class of error"));
    assert_eq!(kind(&refusal(0x2200, "no"), &refusal(0x2200, "never")), Verdict::Words);
    let prepared = |key: u16| Answer::Prepared(Prepared { markers: Vec::new(), key: vec![key], columns: Vec::new() });
    assert_eq!(kind(&prepared(0), &prepared(1)), Verdict::Differ("metadata of the prepared statement"));
}

#[test]
fn counts_and_prints_what_differs() {
    let difference = Difference {
        line: 7,
        why: "values",
        text: "SELECT 1".to_owned(),
        real: refusal(1, "a"),
        embedded: refusal(1, "b"),
    };
    let report = Report { differences: vec![difference], statements: 1, ..Report::new("some") };
    assert_eq!(print(&[report]), 1);
    assert_eq!(print(&[Report::new("none")]), 0);
}

#[test]
fn reads_statements_and_directives() {
    let text = "-- Words.\n--@ page 2\n--@ bind 1 | 'a;b' | null\n--@ bind 2 | x | unset\nSELECT\n  a;\n! DROP x;\n--@ wait 5\n--@ batch logged\nINSERT 1;\n--@ apply!";
    let cases = parse("some", text);
    let sent = |at: usize| match &cases[at].action {
        Action::Send(request) => request,
        other => panic!("{other:?}"),
    };
    assert_eq!(cases.iter().map(|case| case.line).collect::<Vec<_>>(), [5, 5, 7, 8, 11]);
    assert_eq!((sent(0).statements[0].text.as_str(), sent(0).page), ("SELECT\na", Some(2)));
    assert_eq!(sent(0).statements[0].values.as_deref(), Some(&["1", "'a;b'", "null"].map(str::to_owned)[..]));
    assert_eq!(sent(1).page, Some(2));
    assert!(!cases[0].rules.refused && cases[2].rules.refused && cases[4].rules.refused);
    assert_eq!((sent(2).page, sent(2).statements[0].values.as_ref()), (None, None));
    assert!(sent(4).batch.is_some());
}

#[test]
fn writes_and_shows_values() {
    let pair = Type::Udt {
        keyspace: "k".to_owned(),
        name: "p".to_owned(),
        fields: vec![("a".to_owned(), Type::Native("int")), ("b".to_owned(), Type::Native("text"))],
    };
    for (of, literal, shown) in [
        (Type::Native("varint"), "-129", "-129"),
        (Type::Native("varint"), "128", "128"),
        (Type::Native("date"), "-1", "-1d"),
        (Type::List(Type::Native("text").into()), "['a', 'b,c']", r#"["a", "b,c"]"#),
        (Type::Map((Type::Native("int"), Type::Native("boolean")).into()), "{1: true}", "{1: true}"),
        (pair.clone(), "{b: 'x'}", r#"{a: null, b: "x"}"#),
        (pair, "(5)", "{a: 5, b: (missing)}"),
    ] {
        let Cell::Value(bytes) = encode(&of, literal) else { panic!("{literal} is a value") };
        assert_eq!(show(&of, Some(&bytes)), shown);
    }
    assert_eq!(encode(&Type::Native("varint"), "127"), Cell::Value(vec![127]));
    assert_eq!(encode(&Type::Native("int"), " unset"), Cell::Unset);
    assert_eq!(show(&Type::Native("int"), Some(&[1])), "0x01");
}
